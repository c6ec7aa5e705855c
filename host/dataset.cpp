// `dataset`: which data sets are there, getting, making and changing them, and looking at them.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>

#include "cuda/device/device.h"
#include "data/affine_change.h"
#include "data/data_set.h"
#include "data/error.h"
#include "data/fetch.h"
#include "data/matlab.h"
#include "host/core/program_end.h"
#include "host/experiment/setting_format.h"
#include "host/log.h"
#include "host/programs.h"
#include "host/show/image_grid.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(Examples:
  dataset list                                  which sets there are, which are here, and whether they are intact
  dataset fetch mnist                           download MNIST, verify it, keep it in the data folder
  dataset fetch svhn                            the house numbers in colour; converted to IDX
  dataset make glyphs --count 5000 --seed 7 --out digits
                                                draw 5,000 training digits whose poses are known
  dataset show glyphs --out glyphs.png          a contact sheet, one row for each digit
  dataset transform digits/train-images-idx3-ubyte.gz turned.gz --rotate 20 --scale 1.1
                                                every image turned 20 degrees counter-clockwise and enlarged
  dataset show turned.gz --out turned.png       the images of any IDX file

The data folder is --data DIR, else $WARPVAE_DATA, else ~/.cache/warpvae; a set lives in DIR/<name>/.)";

struct Options {
    std::string data, name, out, mirror;
    std::size_t count = 0, test_count = 0;
    std::uint64_t seed = 1;
    bool quiet = false;
    fs::path folder() const { return data.empty() ? default_data_folder() : fs::path(data); }
};

struct TransformOptions {
    std::string in, out, interpolation = "bilinear", centre = "pixels";
    double rotate = 0, shear = 0;
    std::vector<double> scale{1}, translate{0, 0};
};

struct ShowOptions {
    std::string what, out = "sheet.png";
    std::size_t count = 0;
    int columns = 20, scale = 2;
    bool test = false;
};

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
}

// --- fetch -----------------------------------------------------------------------------------------------------------

void fetch(const Options& options) {
    const KnownSet& set = known_set(options.name);
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

void make(const Options& options) {
    require_device();
    const KnownSet& set = known_set(options.name);
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

// --- transform -------------------------------------------------------------------------------------------------------

void transform(const TransformOptions& options, bool quiet) {
    const AffineMap map = affine_map({.scale_x = options.scale.front(),
                                      .scale_y = options.scale.back(),
                                      .shear = options.shear,
                                      .rotation = options.rotate,
                                      .translate_x = options.translate[0],
                                      .translate_y = options.translate[1],
                                      .centre = options.centre == "pixels" ? Centre::kPixels : Centre::kHalfSize});
    require_device();
    IdxArray images = read_idx(options.in, kAnyImageRank);
    const std::vector<std::size_t> shape = images.shape;
    const ImageSet set = join_image_set(std::move(images), options.in,
                                        {{shape[0]}, std::vector<std::uint8_t>(shape[0])}, options.in, {.channels = 0});
    const auto interpolation = options.interpolation == "nearest" ? Interpolation::kNearest : Interpolation::kBilinear;
    write_idx(options.out, shape, warp_images(set, {map}, interpolation));
    if (!quiet) std::printf("%s: %zu images of %dx%d\n", options.out.c_str(), set.count(), set.height, set.width);
}

// --- show ------------------------------------------------------------------------------------------------------------

struct Shown {
    ImageSet set;
    bool has_labels = false;
    std::string title;
};

Shown part_of(const KnownSet& set, const Options& options, bool test) {
    const Part part = test ? Part::kTest : Part::kTrain;
    const std::size_t enough = test ? 1000 : 10000;  // of a set that would be made for this sheet alone
    return {load_part(set, options.folder(), part, set.make ? enough : 0), true,
            set.name + (test ? ", test images" : "")};
}

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

Shown find_images(const Options& options, const ShowOptions& show) {
    const bool is_path = fs::is_regular_file(show.what) || show.what.find('/') != std::string::npos;
    return is_path ? images_in(show.what) : part_of(known_set(show.what), options, show.test);
}

std::span<const std::uint8_t> image_of(const ImageSet& set, std::size_t i) {
    return std::span(set.images).subspan(i * set.image_size(), set.image_size());
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
        SheetRow row{{}, std::to_string(label)};
        for (std::size_t i = 0; i < shown.set.count() && row.images.size() < columns; ++i) {
            if (shown.set.labels[i] == label) row.images.push_back(i);
        }
        if (!row.images.empty()) rows.push_back(std::move(row));
    }
    return rows;
}

void show_images(const Options& options, const ShowOptions& show) {
    Shown shown = find_images(options, show);
    ImageSet& set = shown.set;
    if (show.count) set.truncate(show.count);
    if (!set.count()) throw Error(show.what + ": holds no images to show");
    const std::vector<SheetRow> rows = rows_of(shown, std::size_t(show.columns), show.count > 0);
    std::size_t widest = 0;
    for (const SheetRow& row : rows) widest = std::max(widest, row.images.size());
    ImageGrid grid(int(rows.size()), int(widest), set.height, set.width,
                   {.channels = set.channels, .scale = show.scale, .dark = true});
    grid.title(shown.title);
    for (int r = 0; r < int(rows.size()); ++r) {
        const SheetRow& row = rows[std::size_t(r)];
        if (shown.has_labels) grid.row_caption(r, row.caption);
        for (std::size_t c = 0; c < row.images.size(); ++c) grid.set(r, int(c), image_of(set, row.images[c]));
    }
    grid.write(show.out);
    if (!options.quiet) std::printf("%s\n", show.out.c_str());
}

// --- the command line ------------------------------------------------------------------------------------------------

void add_data_option(CLI::App& app, Options& options) {
    app.add_option("--data", options.data, "the data folder (else $WARPVAE_DATA, else ~/.cache/warpvae)")
        ->type_name("DIR");
}

void parse(CLI::App& app, int argc, char** argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& e) {
        throw ProgramEnd{app.exit(e)};
    } catch (const CLI::RequiredError& e) {
        if (app.get_subcommands().empty())
            throw UsageError("say what to do: list, fetch, make, transform or show (see --help)");
        for (const std::string& word : app.remaining(true)) {
            if (word.starts_with('-'))
                throw UsageError(word + " is no option: before a name that begins with a dash write -- (see --help)");
        }
        throw UsageError(std::string(e.what()) + " (see --help)");
    } catch (const CLI::ParseError& e) {
        std::string line = e.what();
        std::replace(line.begin(), line.end(), '\n', ' ');
        throw UsageError(line + " (see --help)");
    }
}

CLI::Range counts() { return {std::size_t(0), std::size_t(10000000)}; }

const CLI::App* add_list(CLI::App& app, Options& options) {
    CLI::App& command = *app.add_subcommand("list", "which sets there are, which are here, whether they are intact");
    add_data_option(command, options);
    return &command;
}

const CLI::App* add_fetch(CLI::App& app, Options& options) {
    CLI::App& command = *app.add_subcommand("fetch", "download a published set, verify it, keep it");
    const auto published = set_names([](const KnownSet& set) { return set.is_published(); });
    command.add_option("NAME", options.name, alternatives(published))->required();
    command.add_option("--mirror", options.mirror, "fetch from here instead (else $WARPVAE_MIRROR)")->type_name("URL");
    add_data_option(command, options);
    command.footer(
        "An interrupted download goes on where it stopped. Nothing gets its name before its SHA-256 is verified.");
    return &command;
}

const CLI::App* add_make(CLI::App& app, Options& options) {
    const auto made = set_names([](const KnownSet& set) { return set.make != nullptr; });
    CLI::App& command = *app.add_subcommand("make", "make a set and keep it: " + alternatives(made));
    command.add_option("NAME", options.name, "which")->required()->check(CLI::IsMember(made));
    command.add_option("--count", options.count, "training images; 0: 60,000")->check(counts());
    command.add_option("--test-count", options.test_count, "test images; 0: 10,000")->check(counts());
    const Format<std::uint64_t> seeds = whole<std::uint64_t>(0, ~std::uint64_t(0));  // CLI11's own end at the largest
    command.add_option("--seed", options.seed, "another seed, another set")->check([seeds](const std::string& text) {
        return seeds.read(text) ? "" : "it must be " + seeds.wanted;
    });
    command.add_option("--out", options.out, "folder to write to (else <data folder>/NAME)")->type_name("DIR");
    add_data_option(command, options);
    command.footer(
        "mnist-rot is made from the data folder's mnist. glyphs and glyphs-colour write *-poses.npy too: float32 "
        "[count, 8], rotation (radians, counter-clockwise), log scale x and y, shear, translation x and y (pixels), "
        "bend x and y.");
    return &command;
}

const CLI::App* add_transform(CLI::App& app, TransformOptions& change) {
    const CLI::Validator above_0(
        [](const std::string& text) {
            double value = 0;
            return CLI::detail::lexical_cast(text, value) && value > 0 ? "" : "must be above 0, is " + text;
        },
        "", "above 0");
    CLI::App& command = *app.add_subcommand("transform", "change every image of an IDX file");
    command.add_option("IN", change.in, "IDX file of images, plain or gzipped")->required();
    command.add_option("OUT", change.out, "IDX file to write, gzipped if it ends in .gz")->required();
    command.add_option("--rotate", change.rotate, "degrees, counter-clockwise as shown")->type_name("DEG");
    command.add_option("--scale", change.scale, "above 1 enlarges; one number, or one for each axis: 1.1,0.9")
        ->delimiter(',')
        ->expected(1, 2)
        ->check(above_0)
        ->type_name("S");
    command.add_option("--shear", change.shear, "above 0 leans right")->type_name("K");
    command.add_option("--translate", change.translate, "pixels, right and down")
        ->delimiter(',')
        ->expected(2)
        ->type_name("X,Y");
    command.add_option("--interpolation", change.interpolation, "between pixels")
        ->check(CLI::IsMember({"bilinear", "nearest"}));
    command.add_option("--centre", change.centre, "fixed point: pixels is (W-1)/2, half-size is W/2")
        ->check(CLI::IsMember({"pixels", "half-size"}));
    command.footer("Scale, shear, rotation and translation are done in this order, in one resampling; outside is 0.");
    return &command;
}

const CLI::App* add_show(CLI::App& app, Options& options, ShowOptions& show) {
    CLI::App& command = *app.add_subcommand("show", "a PNG contact sheet of a set or an IDX file");
    command.add_option("WHAT", show.what, "a data set's name or an IDX file of images")->required();
    command.add_option("--count", show.count, "look at the first so many images only; 0: as many as fit")
        ->check(counts());
    command.add_option("--columns", show.columns, "images in a row")->check(CLI::Range(1, 1000));
    command.add_option("--scale", show.scale, "each pixel becomes so many")->check(CLI::Range(1, 32));
    command.add_option("--out", show.out, "where to write it")->type_name("FILE");
    command.add_flag("--test", show.test, "a set's test images instead of its training images");
    add_data_option(command, options);
    command.footer("Where labels are at hand, each row shows one of them.");
    return &command;
}

void run(int argc, char** argv) {
    CLI::App app{"Data sets: list them, fetch and verify them, make them, change them, look at them.", "dataset"};
    app.footer(kExamples);
    app.require_subcommand(1);
    app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    Options options;
    TransformOptions change;
    ShowOptions show;
    app.add_flag("--quiet", options.quiet, "say nothing but what is wrong");
    app.fallthrough();
    const CLI::App* const list_command = add_list(app, options);
    const CLI::App* const fetch_command = add_fetch(app, options);
    const CLI::App* const make_command = add_make(app, options);
    const CLI::App* const transform_command = add_transform(app, change);
    const CLI::App* const show_command = add_show(app, options, show);
    parse(app, argc, argv);
    set_quiet(options.quiet);
    if (list_command->parsed()) list(options);
    if (fetch_command->parsed()) fetch(options);
    if (make_command->parsed()) make(options);
    if (transform_command->parsed()) transform(change, options.quiet);
    if (show_command->parsed()) show_images(options, show);
}

}  // namespace

int DatasetProgram::main(int argc, char** argv) {
    return run_program("dataset", [&] { run(argc, argv); });
}

std::unique_ptr<DatasetProgram> dataset_program() { return std::make_unique<DatasetProgram>(); }

}  // namespace warpvae
