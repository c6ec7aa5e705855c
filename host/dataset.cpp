// `dataset`: which data sets are there, getting, making and changing them, and looking at them.
#include <unistd.h>

#include <cstdio>
#include <optional>

#include "cuda/device/device.h"
#include "data/affine_change.h"
#include "data/data_set.h"
#include "data/error.h"
#include "data/fetch.h"
#include "data/matlab.h"
#include "data/picture_export.h"
#include "host/core/program_end.h"
#include "host/experiment/command_line.h"
#include "host/experiment/own_images.h"
#include "host/log.h"
#include "host/programs.h"
#include "host/show/image_grid.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(
Examples
  dataset list                                  which sets there are, which are here, and whether they are intact
  dataset fetch mnist                           download MNIST, verify it, keep it in the data folder
  dataset fetch svhn                            the house numbers in colour; converted to IDX
  dataset make glyphs --count 5000 --seed 7 --out digits
                                                draw 5,000 training digits whose poses are known
  dataset show glyphs --out glyphs.png          a contact sheet, one row for each digit
  dataset transform digits/train-images-idx3-ubyte.gz turned.gz --rotate 20 --scale 1.1
                                                every image turned 20 degrees counter-clockwise and enlarged
  dataset show turned.gz --out turned.png       the images of any IDX file
  dataset show photos/ --size 64 --fit crop     your own: a folder for each class, or any other form named below
  dataset import photos/ --name mine --size 64 --fit crop
                                                read them once, for --dataset mine
  dataset export glyphs --out pictures --count 600
                                                a set as folders of PNG: train/ and test/, a folder for each class

Your own images are a folder with a folder of PNG, JPEG, PGM or PPM files for each class; a flat folder, without labels
or with metadata.csv (file_name,label); train/ and test/ with any of these, or metadata.csv above them; IDX files;
images_train.npy, labels_train.npy, images_test.npy, labels_test.npy; .npy, .npz, .csv or .amat. Every program takes
them, grey or in colour: --dataset PATH.

The data folder is --data DIR, else $WARPVAE_DATA, else ~/.cache/warpvae; a set lives in DIR/<name>/.
mnist-rot is made from the data folder's mnist. glyphs and glyphs-colour write *-poses.npy too: float32 [count, 8],
rotation (radians, counter-clockwise), log scale x and y, shear, translation x and y (pixels), bend x and y.
)";

struct Options {
    std::string data, mirror, out, name;
    OwnImageOptions own_images;
    std::size_t count = 0, test_count = 0;
    std::uint64_t seed = 1;
    AffineChange change;
    std::vector<double> scale{1}, translate{0, 0};
    Interpolation interpolation = Interpolation::kBilinear;
    int columns = 20, pixel_scale = 2;
    bool test = false;
    // of this call, no settings
    bool quiet = false;
    std::vector<std::string> operands;

    fs::path folder() const { return data.empty() ? default_data_folder() : fs::path(data); }
};

/// Makes the settings of `command`; the same name may mean something else to another one.
void add_settings(Settings& s, Options& o, const std::string& command) {
    s.group("Settings");
    const Format<std::size_t> counts = whole<std::size_t>(0, 10000000);
    if (command == "fetch")
        s.add("mirror", o.mirror, kNothing, any_text("URL"), "fetch from here instead (else $WARPVAE_MIRROR)");
    if (command == "make") {
        s.add("count", o.count, kNothing, counts, "training images; 0: 60,000");
        s.add("test-count", o.test_count, kNothing, counts, "test images; 0: 10,000");
        s.add("seed", o.seed, kNothing, whole<std::uint64_t>(0, ~std::uint64_t(0), "S"), "another seed, another set");
        s.add("out", o.out, kNothing, any_text("DIR"), "folder to write to (else <data folder>/NAME)");
    }
    if (command == "transform") {
        const Format<double> any = number({-INFINITY, INFINITY});
        s.add("rotate", o.change.rotation, kNothing, any, "degrees, counter-clockwise as shown");
        s.add_sequence("scale", o.scale, kNothing, number(positive()),
                       "above 1 enlarges; one number, or one for each axis: 1.1,0.9");
        s.add("shear", o.change.shear, kNothing, any, "above 0 leans right");
        s.add_sequence("translate", o.translate, kNothing, any, "pixels, right and down: -1,2");
        s.add("interpolation", o.interpolation, kNothing,
              one_of<Interpolation>({{"bilinear", Interpolation::kBilinear}, {"nearest", Interpolation::kNearest}}),
              "between pixels");
        s.add("centre", o.change.centre, kNothing,
              one_of<Centre>({{"pixels", Centre::kPixels}, {"half-size", Centre::kHalfSize}}),
              "fixed point: pixels is (W-1)/2, half-size is W/2");
        return;
    }
    if (command == "import")
        s.add("name", o.name, kNothing, any_text("NAME"), "the set's name from now on: --dataset NAME");
    if (command == "export") {
        s.add("count", o.count, kNothing, counts, "training images; 0: all");
        s.add("test-count", o.test_count, kNothing, counts, "test images; 0: the same share of them");
        s.add("out", o.out, kNothing, any_text("DIR"), "folder to write to, empty or not there");
    }
    if (command == "show") {
        o.out = "sheet.png";
        s.add("count", o.count, kNothing, counts, "look at the first so many images only; 0: as many as fit");
        s.add("columns", o.columns, kNothing, whole(1, 1000), "images in a row");
        s.add("scale", o.pixel_scale, kNothing, whole(1, 32), "each pixel becomes so many");
        s.add("out", o.out, kNothing, any_text("FILE"), "where to write it");
        s.flag("test", o.test, kNothing, "a set's test images instead of its training images");
    }
    s.add("data", o.data, kNothing, any_text("DIR"), "the data folder (else $WARPVAE_DATA, else ~/.cache/warpvae)");
    if (command == "import" || command == "export" || command == "show") add_own_image_settings(s, o.own_images);
}

DataSet load_from_path(const Options& options, const SetLimits& limits = {}) {
    const std::string& what = options.operands[0];
    require_device();  // which draws the split
    OwnSetOptions own = options.own_images.resolved();
    own.limits = limits;
    return load_own_set(what, own, options.quiet);
}

/// A user's own set from its path, an imported or a known set by its name.
DataSet load_any(const Options& options, const SetLimits& limits = {}) {
    const std::string& what = options.operands[0];
    const std::vector<std::string> known = set_names();
    const bool is_known = std::find(known.begin(), known.end(), what) != known.end(),
               imported = !is_known && is_imported(what, options.folder());
    if (!is_known && !imported && is_path(what)) return load_from_path(options, limits);
    require_as_it_is(options.own_images, what);
    return imported ? load_imported_set(what, options.folder(), limits) : load_set(what, options.folder(), limits);
}

// --- list ------------------------------------------------------------------------------------------------------------

void list(const Options& options) {
    const fs::path folder = options.folder();
    std::printf("data folder: %s\n\n", folder.c_str());
    for (const KnownSet& set : known_sets()) {
        const SetStatus status = inspect_set(set, folder);
        const std::string state = status.presence == Presence::kPresent      ? "here, " + status.detail
                                  : status.presence == Presence::kIncomplete ? "incomplete: " + status.detail
                                  : status.presence == Presence::kDamaged    ? "unusable: " + status.detail
                                  : set.make
                                      ? "made when it is asked for; keep one with `dataset make " + set.name + "`"
                                      : "not here: `dataset fetch " + set.name + "`";
        std::printf("%-14s %s\n%-14s %s\n", set.name.c_str(), set.what.c_str(), "", state.c_str());
    }
    for (const std::string& name : imported_sets(folder)) {
        std::string what, state;
        try {
            const DataSet set = load_imported_set(name, folder, {});
            what = "your own: " + set_line(set);
            state = "here, " + set.source;
        } catch (const Error& error) {
            what = "your own", state = std::string("unusable: ") + error.what();
        }
        std::printf("%-14s %s\n%-14s %s\n", name.c_str(), what.c_str(), "", state.c_str());
    }
}

// --- fetch -----------------------------------------------------------------------------------------------------------

void fetch(const Options& options) {
    const KnownSet& set = known_set(options.operands[0]);
    if (set.kind == SetKind::kPublishedMatlab && !can_read_matlab()) {
        throw Error("this build has no matio and could not read " + set.name +
                    ": build again with libmatio-dev installed");
    }
    FetchOptions fetch;
    if (!options.mirror.empty()) fetch.mirrors = {options.mirror};
    // A bar for each file, and a line about each mirror that failed. Only on a terminal: in a log, the one line at the
    // end says enough.
    std::optional<Progress> bar;
    std::string file;
    if (!options.quiet && isatty(STDERR_FILENO)) {
        fetch.notice = [&](const std::string& line) {
            bar.reset();
            file.clear();
            log_warning(line);
        };
        fetch.progress = [&](const FetchProgress& now) {
            const auto bytes = std::int64_t(now.bytes), total = std::int64_t(now.total);
            if (now.file != file)
                bar.emplace(Progress::Options{.label = now.file, .total = total, .start = bytes, .unit = "bytes"});
            file = now.file;
            bar->update(bytes);
        };
    }
    set_go_on_command("dataset fetch " + set.name +
                      (options.data.empty() ? "" : " --data " + shell_quoted(options.data)));
    const int fetched = fetch_set(set, options.folder(), fetch);
    bar.reset();
    load_set(set.name, options.folder());  // can it be used? and MATLAB files become IDX now
    if (options.quiet) return;
    std::printf(
        "%s: %s in %s, SHA-256 verified\n", set.name.c_str(),
        fetched ? (std::to_string(fetched) + (fetched == 1 ? " file" : " files") + " fetched;").c_str() : "already",
        (options.folder() / set.name).c_str());
}

// --- make ------------------------------------------------------------------------------------------------------------

std::vector<std::string> made_sets() {
    return set_names([](const KnownSet& set) { return set.make != nullptr; });
}

void make(const Options& options) {
    require_device();
    const KnownSet& set = known_set(options.operands[0]);
    if (!set.make) throw UsageError(set.name + " is not made: choose " + alternatives(made_sets()));
    const fs::path folder = options.out.empty() ? options.folder() / set.name : fs::path(options.out);
    const auto check_count = [&](const char* option, std::size_t count, std::size_t all) {
        if (set.kind != SetKind::kDerived || count <= all) return;
        throw UsageError(std::string(option) + " " + std::to_string(count) + ": there are " + std::to_string(all) +
                         " images to make them from");
    };
    check_count("--count", options.count, set.train_count);
    check_count("--test-count", options.test_count, set.test_count);
    const auto make_part = [&](Part part, std::size_t count) {
        return set.make({part, count, options.seed, options.folder(), folder}).count();
    };
    const std::size_t train = make_part(Part::kTrain, options.count ? options.count : set.train_count);
    const std::size_t test = make_part(Part::kTest, options.test_count ? options.test_count : set.test_count);
    if (!options.quiet) {
        std::printf("%s: %zu training and %zu test images in %s (seed %llu)\n", set.name.c_str(), train, test,
                    folder.c_str(), static_cast<unsigned long long>(options.seed));
    }
}

// --- import and export -----------------------------------------------------------------------------------------------

void import(const Options& options) {
    if (options.name.empty()) throw UsageError("import needs --name NAME: what the set is called from now on");
    require_name_for_import(options.name, options.folder());
    // A path first: an import by the same name is what is to be made anew.
    const DataSet set = is_path(options.operands[0]) ? load_from_path(options) : load_any(options);
    write_imported_set(set, options.name, options.folder());
    if (!options.quiet)
        std::printf("%s: %s in %s; use it with --dataset %s\n", options.name.c_str(), set_line(set).c_str(),
                    (options.folder() / options.name).c_str(), options.name.c_str());
}

void export_set(const Options& options) {
    if (options.out.empty()) throw UsageError("export needs --out DIR: the folder to write to");
    const fs::path out = options.out;
    std::error_code ignored;
    if (fs::exists(out, ignored) && !fs::is_empty(out, ignored))
        throw UsageError("--out " + options.out + ": there is something already: choose a folder that is empty");
    DataSet set = load_any(options);
    const std::size_t all = set.train.count();
    if (options.count) set.train.truncate(options.count);
    set.test.truncate(options.test_count ? options.test_count : set.test.count() * set.train.count() / all);
    export_pictures(set, out, [&](const char* part, const ImageSet& images, const ExportPart& write) {
        Progress bar({.label = part, .total = std::int64_t(images.count()), .unit = "images", .quiet = options.quiet});
        write([&](std::size_t done, std::size_t) { bar.update(std::int64_t(done)); });
    });
    if (!options.quiet) std::printf("%s: %s as PNG in %s\n", set.name.c_str(), set_line(set).c_str(), out.c_str());
}

// --- transform -------------------------------------------------------------------------------------------------------

void transform(const Options& options) {
    AffineChange change = options.change;
    if (options.scale.size() > 2) throw UsageError("--scale takes one number, or one for each axis");
    change.scale_x = options.scale.front(), change.scale_y = options.scale.back();
    if (options.translate.size() != 2) throw UsageError("--translate takes two numbers: pixels, right and down");
    change.translate_x = options.translate[0], change.translate_y = options.translate[1];
    const AffineMap map = affine_map(change);
    require_device();
    const std::string &in = options.operands[0], &out = options.operands[1];
    IdxArray images = read_idx(in, kAnyImageRank);
    const std::vector<std::size_t> shape = images.shape;
    const ImageSet set =
        join_image_set(std::move(images), in, {{shape[0]}, std::vector<std::uint8_t>(shape[0])}, in, {.channels = 0});
    write_idx(out, shape, warp_images(set, {map}, options.interpolation));
    if (!options.quiet) std::printf("%s: %zu images of %dx%d\n", out.c_str(), set.count(), set.height, set.width);
}

// --- show ------------------------------------------------------------------------------------------------------------

struct Shown {
    ImageSet set;
    bool has_labels = false;
    std::string title;
    std::vector<std::string> class_names = {};  ///< none: the labels' numbers
};

/// The labels are those of the file beside it, if its name says which that is.
Shown images_in(const fs::path& path) {
    IdxArray images = read_idx(path, kAnyImageRank);
    const std::string name = path.filename().string();
    const std::size_t at = name.find("-images-idx");
    fs::path labels;
    if (at != std::string::npos) labels = find_file(path.parent_path(), labels_file_name(name.substr(0, at)));
    IdxArray label_values = labels.empty() ? IdxArray{{images.count()}, std::vector<std::uint8_t>(images.count())}
                                           : read_idx(labels, kLabelRank);
    return {join_image_set(std::move(images), path.string(), std::move(label_values), labels.string(), {.channels = 0}),
            !labels.empty(), name};
}

bool is_idx_file(const fs::path& path) {
    std::error_code ignored;
    const std::string ending = path.extension().string();
    return fs::is_regular_file(path, ignored) && ending != ".npy" && ending != ".npz" && ending != ".csv" &&
           ending != ".amat";
}

Shown find_images(const Options& options) {
    const std::string& what = options.operands[0];
    const std::vector<std::string> known = set_names();
    if (std::find(known.begin(), known.end(), what) == known.end()) {
        if (is_idx_file(what)) return images_in(what);
        DataSet own = load_any(options);
        return {options.test ? std::move(own.test) : std::move(own.train), own.labelled,
                own.name + (options.test ? ", test images" : ""), own.class_names};
    }
    const KnownSet& set = known_set(what);
    const std::size_t enough = options.test ? 1000 : 10000;  // of a set that would be made for this sheet alone
    return {load_part(set, options.folder(), options.test ? Part::kTest : Part::kTrain, set.make ? enough : 0), true,
            set.name + (options.test ? ", test images" : "")};
}

/// Numbers of the images in each row of the sheet, and what is written before it.
struct SheetRow {
    std::vector<std::size_t> images;
    std::string caption;
};

/// With labels a row for each, without them the images in their order, ten rows at most unless more are asked for.
std::vector<SheetRow> rows_of(const Shown& shown, std::size_t columns, bool all) {
    std::vector<SheetRow> rows;
    if (!shown.has_labels) {
        const std::size_t count = all ? shown.set.count() : std::min(shown.set.count(), 10 * columns);
        for (std::size_t i = 0; i < count; ++i) {
            if (i % columns == 0) rows.emplace_back();
            rows.back().images.push_back(i);
        }
        return rows;
    }
    for (int label = 0; label < 256; ++label) {
        const bool named = std::size_t(label) < shown.class_names.size();
        SheetRow row{{}, named ? shown.class_names[std::size_t(label)] : std::to_string(label)};
        for (std::size_t i = 0; i < shown.set.count() && row.images.size() < columns; ++i) {
            if (shown.set.labels[i] == label) row.images.push_back(i);
        }
        if (!row.images.empty()) rows.push_back(std::move(row));
    }
    return rows;
}

void show(const Options& options) {
    Shown shown = find_images(options);
    ImageSet& set = shown.set;
    if (options.count) set.truncate(options.count);
    if (!set.count()) throw Error(options.operands[0] + ": holds no images to show");
    const std::vector<SheetRow> rows = rows_of(shown, std::size_t(options.columns), options.count > 0);
    std::size_t widest = 0;
    for (const SheetRow& row : rows) widest = std::max(widest, row.images.size());
    ImageGrid grid(int(rows.size()), int(widest), set.height, set.width,
                   {.channels = set.channels, .scale = options.pixel_scale, .dark = true});
    grid.title(shown.title);
    for (int r = 0; r < int(rows.size()); ++r) {
        const SheetRow& row = rows[std::size_t(r)];
        if (shown.has_labels) grid.row_caption(r, row.caption);
        for (std::size_t c = 0; c < row.images.size(); ++c) grid.set(r, int(c), set.image(row.images[c]));
    }
    grid.write(options.out);
    if (!options.quiet) std::printf("%s\n", options.out.c_str());
}

// --- the command line ------------------------------------------------------------------------------------------------

struct Command {
    CommandLine::Command form;
    void (*body)(const Options&);
};

std::vector<Command> commands() {
    const std::string published = alternatives(set_names([](const KnownSet& set) { return set.is_published(); }));
    return {
        {{"list", "which sets there are, which are here, whether they are intact", {}}, list},
        {{"fetch",
          "download a published set, verify it, keep it; an interrupted download goes on where it stopped, and "
          "nothing gets its name before its SHA-256 is verified",
          {"NAME", published, 1, 1}},
         fetch},
        {{"make", "make a set and keep it", {"NAME", alternatives(made_sets()), 1, 1}}, make},
        {{"transform",
          "change every image of an IDX file: scale, shear, rotation and translation in this order, in one "
          "resampling; outside is 0",
          {"FILES", "the IDX file of images, plain or gzipped, and the one to write, gzipped if it ends in .gz", 2, 2}},
         transform},
        {{"show",
          "a PNG contact sheet of a set or an IDX file; where labels are at hand, each row shows one of them",
          {"WHAT", "a data set's name, an IDX file of images, or the path of your own images", 1, 1}},
         show},
        {{"import",
          "read your own images once and keep them under a name, for --dataset NAME",
          {"PATH", "a folder or file of images", 1, 1}},
         import},
        {{"export",
          "write a set as folders of PNG, train and test, with a folder for each class",
          {"WHAT", "a data set's name, or the path of your own images", 1, 1}},
         export_set}};
}

void run(const std::vector<std::string>& arguments) {
    CommandLine::Form form{
        "dataset", "Data sets: list them, fetch and verify them, make them, change them, look at them.", {}, kExamples};
    form.makes_runs = false;
    for (const Command& command : commands()) form.commands.push_back(command.form);
    Options options;
    Settings settings;
    const std::size_t at = !arguments.empty() && arguments[0] == "--complete";  // a shell's question comes first
    add_settings(settings, options, arguments.size() > at ? arguments[at] : "");
    const CommandLine line = parse_command_line(form, settings, arguments);
    for (const auto& [name, value] : line.values) settings.at(name).assign(value, Setting::Source::kCommandLine);
    options.operands = line.operands;
    options.quiet = line.quiet;
    set_quiet(line.quiet);
    for (const Command& command : commands()) {
        if (command.form.name != line.command) continue;
        const Range range(line.command.c_str());
        command.body(options);
    }
}

}  // namespace

int DatasetProgram::main(int argc, char** argv) {
    return run_program("dataset", [&] { run({argv + 1, argv + argc}); });
}

std::unique_ptr<DatasetProgram> dataset_program() { return std::make_unique<DatasetProgram>(); }

}  // namespace warpvae
