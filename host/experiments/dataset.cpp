// `dataset`: which data sets are there, getting, making and changing them, and looking at them.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>

#include "cuda/device/device.h"
#include "data/affine_change.h"
#include "data/error.h"
#include "data/fetch.h"
#include "data/glyphs.h"
#include "data/known_sets.h"
#include "data/matlab.h"
#include "data/transformed_sets.h"
#include "host/log.h"
#include "host/options.h"
#include "host/show/image_grid.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples = R"(Examples:
  dataset list                                  what is known, what is here, and whether it is intact
  dataset fetch mnist                           download MNIST, verify it, keep it in the data folder
  dataset fetch svhn                            the house numbers in colour, and make them IDX
  dataset make glyphs --count 5000 --seed 7     draw 5,000 training digits whose poses are known
  dataset show glyphs --out glyphs.png          a contact sheet, one row for each digit
  dataset transform train-images-idx3-ubyte.gz turned.gz --rotate 20 --scale 1.1
                                                every image turned 20 degrees counter-clockwise and enlarged

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
        std::string state;
        switch (status.presence) {
            case Presence::kPresent:
                state = "here, " + status.detail;
                break;
            case Presence::kIncomplete:
                state = "incomplete: " + status.detail;
                break;
            case Presence::kDamaged:
                state = "damaged: " + status.detail;
                break;
            case Presence::kAbsent:
                state = set.files.empty() ? "made when it is asked for; keep one with `dataset make " + set.name + "`"
                                          : "not here: `dataset fetch " + set.name + "`";
        }
        std::printf("%-14s %s\n%-14s %s\n", set.name.c_str(), set.what.c_str(), "", state.c_str());
    }
}

// --- fetch -----------------------------------------------------------------------------------------------------------

void fetch(const Options& options) {
    const KnownSet& set = known_set(options.name);
    if (set.name == "svhn" && !can_read_matlab())
        throw Error("this build has no matio and could not read svhn: build again with libmatio-dev installed");
    std::optional<Progress> bar;
    std::string file;
    FetchOptions fetch;
    if (!options.mirror.empty()) fetch.mirrors = {options.mirror};
    // What happens on the way is for a terminal; in a log one line at the end says enough.
    if (!options.quiet && isatty(STDERR_FILENO)) {
        fetch.notice = [&](const std::string& line) {
            bar.reset();
            file.clear();
            log_warning(line);
        };
        fetch.progress = [&](const FetchProgress& progress) {
            if (progress.file != file) {
                file = progress.file;
                Progress::Options style;
                style.label = file;
                style.total = static_cast<std::int64_t>(progress.total);
                style.start = static_cast<std::int64_t>(progress.bytes);
                style.unit = "bytes";
                bar.emplace(style);
            }
            bar->update(static_cast<std::int64_t>(progress.bytes));
        };
    }
    set_go_on_command("dataset fetch " + set.name +
                      (options.data.empty() ? "" : " --data " + shell_quoted(options.data)));
    const int fetched = fetch_set(set, options.folder(), fetch);
    bar.reset();
    if (set.name == "svhn") load_set(set.name, options.folder());  // makes them IDX
    if (options.quiet) return;
    std::printf(
        "%s: %s in %s, SHA-256 verified\n", set.name.c_str(),
        fetched ? (std::to_string(fetched) + (fetched == 1 ? " file" : " files") + " fetched;").c_str() : "already",
        (options.folder() / set.name).c_str());
}

// --- make ------------------------------------------------------------------------------------------------------------

void take(ImageSet& set, std::size_t count, const char* option) {
    if (count > set.count()) {
        throw UsageError(std::string(option) + " " + std::to_string(count) + ": there are " +
                         std::to_string(set.count()) + " images to make them from");
    }
    if (count) set.truncate(count);
}

void make(const Options& options) {
    require_device();
    const fs::path folder = options.out.empty() ? options.folder() / options.name : fs::path(options.out);
    std::size_t train = 0, test = 0;
    if (options.name != "mnist-rot") {
        const auto draw = [&](std::size_t count, Part part) {
            return options.name == "glyphs" ? make_glyphs(count, options.seed, part)
                                            : make_colour_glyphs(count, options.seed, part);
        };
        const GlyphSet first = draw(options.count ? options.count : 60000, Part::kTrain);
        const GlyphSet second = draw(options.test_count ? options.test_count : 10000, Part::kTest);
        write_glyphs(folder, "train", first);
        write_glyphs(folder, "t10k", second);
        train = first.set.count(), test = second.set.count();
    } else {
        DataSet mnist = load_set("mnist", options.folder());
        take(mnist.train, options.count, "--count");
        take(mnist.test, options.test_count, "--test-count");
        mnist.train.images = rotate_over_circle(mnist.train, options.seed, Part::kTrain);
        mnist.test.images = rotate_over_circle(mnist.test, options.seed, Part::kTest);
        write_image_set(folder, "train", mnist.train);
        write_image_set(folder, "t10k", mnist.test);
        train = mnist.train.count(), test = mnist.test.count();
    }
    if (!options.quiet) {
        std::printf("%s: %zu training and %zu test images in %s (seed %llu)\n", options.name.c_str(), train, test,
                    folder.c_str(), static_cast<unsigned long long>(options.seed));
    }
}

// --- transform -------------------------------------------------------------------------------------------------------

void transform(const TransformOptions& options, bool quiet) {
    AffineChange change;
    change.rotation = options.rotate;
    change.shear = options.shear;
    change.scale_x = options.scale.front();
    change.scale_y = options.scale.back();
    change.translate_x = options.translate[0];
    change.translate_y = options.translate[1];
    change.centre = options.centre == "pixels" ? Centre::kPixels : Centre::kHalfSize;
    const AffineMap map = affine_map(change);
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

/// An IDX file, with the labels beside it if its name says which they are; or one part of a known set.
Shown find_images(const Options& options, const ShowOptions& show) {
    if (!fs::is_regular_file(show.what) && show.what.find('/') == std::string::npos) {
        for (const KnownSet& known : known_sets()) {
            if (known.name != show.what) continue;
            SetLimits limits;
            if (known.files.empty()) limits = {10000, 1000};
            DataSet set = load_set(known.name, options.folder(), limits);
            return {show.test ? std::move(set.test) : std::move(set.train), true,
                    set.name + (show.test ? ", test images" : "")};
        }
        known_set(show.what);  // neither a file nor a set: says which sets there are
    }
    const fs::path path = show.what;
    IdxArray images = read_idx(path, kAnyImageRank);
    std::string name = path.filename().string();
    const std::size_t at = name.find("-images-idx");
    fs::path labels;
    if (at != std::string::npos) labels = find_file(path.parent_path(), labels_file_name(name.substr(0, at)));
    IdxArray label_values = labels.empty() ? IdxArray{{images.count()}, std::vector<std::uint8_t>(images.count())}
                                           : read_idx(labels, kLabelRank);
    return {join_image_set(std::move(images), path.string(), std::move(label_values), labels.string(), {.channels = 0}),
            !labels.empty(), name};
}

std::span<const std::uint8_t> image_of(const ImageSet& set, std::size_t i) {
    return std::span(set.images).subspan(i * set.image_size(), set.image_size());
}

void show_images(const Options& options, const ShowOptions& show) {
    Shown shown = find_images(options, show);
    ImageSet& set = shown.set;
    if (show.count) set.truncate(show.count);
    if (!set.count()) throw Error(show.what + ": holds no images to show");
    ImageGridStyle style;
    style.scale = show.scale;
    style.dark = true;
    style.channels = set.channels;

    // With labels, a row for each; without, the images in their order.
    std::vector<std::vector<std::size_t>> rows;
    std::vector<std::string> captions;
    const std::size_t columns = static_cast<std::size_t>(show.columns);
    if (shown.has_labels) {
        for (int label = 0; label < 256; ++label) {
            std::vector<std::size_t> row;
            for (std::size_t i = 0; i < set.count() && row.size() < columns; ++i) {
                if (set.labels[i] == label) row.push_back(i);
            }
            if (row.empty()) continue;
            rows.push_back(row);
            captions.push_back(std::to_string(label));
        }
    } else {
        const std::size_t count = std::min(set.count(), show.count ? show.count : 10 * columns);
        for (std::size_t i = 0; i < count; ++i) {
            if (i % columns == 0) rows.emplace_back();
            rows.back().push_back(i);
        }
    }
    std::size_t widest = 0;
    for (const auto& row : rows) widest = std::max(widest, row.size());
    ImageGrid grid(static_cast<int>(rows.size()), static_cast<int>(widest), set.height, set.width, style);
    grid.title(shown.title);
    for (std::size_t r = 0; r < rows.size(); ++r) {
        if (shown.has_labels) grid.row_caption(static_cast<int>(r), captions[r]);
        for (std::size_t c = 0; c < rows[r].size(); ++c)
            grid.set(static_cast<int>(r), static_cast<int>(c), image_of(set, rows[r][c]));
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
        throw UsageError(std::string(e.what()) + " (see --help)");
    } catch (const CLI::ParseError& e) {
        std::string line = e.what();
        std::replace(line.begin(), line.end(), '\n', ' ');
        throw UsageError(line + " (see --help)");
    }
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
    const auto counts = CLI::Range(std::size_t(0), std::size_t(10000000));
    const CLI::Validator above_0(
        [](const std::string& text) {
            double value = 0;
            return CLI::detail::lexical_cast(text, value) && value > 0 ? "" : "must be above 0, is " + text;
        },
        "", "above 0");

    CLI::App* const list_command = app.add_subcommand("list", "what is known, what is here, and whether it is intact");
    add_data_option(*list_command, options);

    CLI::App* const fetch_command = app.add_subcommand("fetch", "download a published set, verify it, keep it");
    fetch_command->add_option("NAME", options.name, "mnist, fashion-mnist or svhn")->required();
    fetch_command->add_option("--mirror", options.mirror, "fetch from here instead (else $WARPVAE_MIRROR)")
        ->type_name("URL");
    add_data_option(*fetch_command, options);
    fetch_command->footer(
        "An interrupted download goes on where it stopped. Nothing gets its name before its SHA-256 is verified.");

    CLI::App* const make_command =
        app.add_subcommand("make", "make a set: glyphs, glyphs-colour, or mnist-rot from mnist");
    make_command->add_option("NAME", options.name, "which")
        ->required()
        ->check(CLI::IsMember({"glyphs", "glyphs-colour", "mnist-rot"}));
    make_command->add_option("--count", options.count, "training images; 0: 60,000, or all there are")->check(counts);
    make_command->add_option("--test-count", options.test_count, "test images; 0: 10,000, or all there are")
        ->check(counts);
    make_command->add_option("--seed", options.seed, "another seed, another set");
    make_command->add_option("--out", options.out, "folder to write to (else <data folder>/NAME)")->type_name("DIR");
    add_data_option(*make_command, options);
    make_command->footer(
        "glyphs and glyphs-colour write *-poses.npy too: float32 [count, 8], rotation (radians, counter-clockwise), "
        "log scale x and y, "
        "shear, translation x and y (pixels), bend x and y.");

    CLI::App* const transform_command = app.add_subcommand("transform", "change every image of an IDX file");
    transform_command->add_option("IN", change.in, "IDX file of images, plain or gzipped")->required();
    transform_command->add_option("OUT", change.out, "IDX file to write, gzipped if it ends in .gz")->required();
    transform_command->add_option("--rotate", change.rotate, "degrees, counter-clockwise as shown")->type_name("DEG");
    transform_command
        ->add_option("--scale", change.scale, "above 1 enlarges; one number, or one for each axis: 1.1,0.9")
        ->delimiter(',')
        ->expected(1, 2)
        ->check(above_0)
        ->type_name("S");
    transform_command->add_option("--shear", change.shear, "above 0 leans right")->type_name("K");
    transform_command->add_option("--translate", change.translate, "pixels, right and down")
        ->delimiter(',')
        ->expected(2)
        ->type_name("X,Y");
    transform_command->add_option("--interpolation", change.interpolation, "between pixels")
        ->check(CLI::IsMember({"bilinear", "nearest"}));
    transform_command->add_option("--centre", change.centre, "fixed point: pixels is (W-1)/2, half-size is W/2")
        ->check(CLI::IsMember({"pixels", "half-size"}));
    transform_command->footer(
        "Scale, shear, rotation and translation are done in this order, in one resampling; outside is 0.");

    CLI::App* const show_command = app.add_subcommand("show", "a PNG contact sheet of a set or an IDX file");
    show_command->add_option("WHAT", show.what, "a data set's name or an IDX file of images")->required();
    show_command->add_option("--count", show.count, "look at the first so many images only; 0: as many as fit")
        ->check(counts);
    show_command->add_option("--columns", show.columns, "images in a row")->check(CLI::Range(1, 1000));
    show_command->add_option("--scale", show.scale, "each pixel becomes so many")->check(CLI::Range(1, 32));
    show_command->add_option("--out", show.out, "where to write it")->type_name("FILE");
    show_command->add_flag("--test", show.test, "a set's test images instead of its training images");
    add_data_option(*show_command, options);
    show_command->footer("Where labels are at hand, each row shows one of them.");

    parse(app, argc, argv);
    set_quiet(options.quiet);
    if (list_command->parsed()) list(options);
    if (fetch_command->parsed()) fetch(options);
    if (make_command->parsed()) make(options);
    if (transform_command->parsed()) transform(change, options.quiet);
    if (show_command->parsed()) show_images(options, show);
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) {
    return warpvae::run_program("dataset", [&] { warpvae::run(argc, argv); });
}
