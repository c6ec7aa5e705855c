#include "host/experiment/own_images.h"

#include <algorithm>
#include <charconv>

#include "data/files.h"
#include "data/idx.h"
#include "data/set_text.h"
#include "host/files/config_file.h"
#include "host/log.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kAuto = "auto";
constexpr const char* kImportedFile = "imported.toml";

// --- the settings' texts ---------------------------------------------------------------------------------------------

/// "auto", "28" or "32x24".
Format<ImageSize> size_format() {
    constexpr int kMost = 4096;
    return {[](const std::string& text) -> std::optional<ImageSize> {
                if (text == kAuto) return ImageSize{};
                const std::size_t cross = text.find('x');
                const auto side = whole(1, kMost).read(text.substr(0, cross));
                const auto other = cross == text.npos ? side : whole(1, kMost).read(text.substr(cross + 1));
                if (!side || !other) return {};
                return ImageSize{*side, *other};
            },
            [](const ImageSize& size) {
                if (!size.height) return std::string(kAuto);
                const std::string height = std::to_string(size.height);
                return size.height == size.width ? height : height + "x" + std::to_string(size.width);
            },
            "N or HxW", "auto, pixels as 28, or height x width as 32x24, of at most " + std::to_string(kMost)};
}

/// "auto" or "0,65535".
Format<std::optional<ValueRange>> range_format() {
    using Range = std::optional<ValueRange>;
    return {[](const std::string& text) -> std::optional<Range> {
                if (text == kAuto) return Range();
                const std::size_t comma = text.find(',');
                if (comma == text.npos) return {};
                const auto low = number({-INFINITY, INFINITY}).read(text.substr(0, comma));
                const auto high = number({-INFINITY, INFINITY}).read(text.substr(comma + 1));
                if (!low || !high || !(*low < *high) || !std::isfinite(*high - *low)) return {};
                return Range(ValueRange{*low, *high});
            },
            [](const Range& range) {
                return range ? number_text(range->low) + "," + number_text(range->high) : std::string(kAuto);
            },
            "LO,HI", "auto, or what is black and what white, as 0,65535"};
}

const Choices<std::optional<std::uint8_t>> kBackgrounds = {
    {"none", std::nullopt}, {"white", std::uint8_t{255}}, {"black", std::uint8_t{0}}};
const Choices<Fitting> kFittings = {
    {"exact", Fitting::kExact}, {"pad", Fitting::kPad}, {"crop", Fitting::kCrop}, {"stretch", Fitting::kStretch}};

// --- imported.toml ---------------------------------------------------------------------------------------------------

std::string toml_list(const std::vector<std::string>& texts) {
    std::string list;
    for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + toml_string(text);
    return "[" + list + "]";
}

std::string imported_text(const DataSet& set) {
    const ImagePreparation& how = set.preparation;
    return "# Written by `dataset import`: what the images are, and what was done to them.\n"
           "source = " +
           toml_string(set.source) + "\nlabelled = " + (set.labelled ? "true" : "false") +
           "\nclass-names = " + toml_list(set.class_names) + "\nfit = " + toml_string(name_in(kFittings, how.fit)) +
           "\nbackground = " + toml_string(name_in(kBackgrounds, how.background)) +
           "\ninvert = " + (how.invert ? "true" : "false") + "\n";
}

/// A name that can be a folder's and is typed without quotes.
bool is_plain_word(const std::string& name) {
    return !name.empty() && name[0] != '-' && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == '.';
    });
}

}  // namespace

OwnSetOptions OwnImageOptions::resolved() const {
    OwnSetOptions options = read;
    options.preparation.height = size.height, options.preparation.width = size.width;
    return options;
}

void add_own_image_settings(Settings& s, OwnImageOptions& o) {
    s.group("Your own images (--dataset PATH)");
    ImagePreparation& how = o.read.preparation;
    s.add("size", o.size, kData, size_format(),
          "make all images so large, as --fit says; of rows of numbers, the size that they have");
    s.add("fit", how.fit, kData, one_of<Fitting>(kFittings),
          "images of another size: exact refuses them; pad keeps their shape with black around it, crop cuts their "
          "sides off, stretch changes their shape");
    s.add("channels", how.channels, kData, one_of<int>({{"as-they-are", 0}, {"grey", 1}, {"colour", 3}}),
          "grey: brightness (BT.601) in place of colour; colour: grey images as three equal channels");
    s.add("background", how.background, kData, one_of<std::optional<std::uint8_t>>(kBackgrounds),
          "what is behind transparent pixels; none refuses them");
    s.flag("invert", how.invert, kData, "black and white change places: for dark drawings on light paper");
    s.add("range", o.read.range, kData, range_format(),
          "numbers of arrays and tables that are black and white; auto: bytes 0,255, fractions 0,1, others refused");
    s.add("layout", o.read.layout, kData,
          one_of<Layout>({{kAuto, Layout::kAuto},
                          {"nhw", Layout::kGrey},
                          {"nhwc", Layout::kChannelsLast},
                          {"nchw", Layout::kChannelsFirst}}),
          "extents of an array: images n, height h, width w, channels c");
    s.add("images-key", o.read.images_key, kData, any_text("NAME"),
          "the array of an .npz that holds the images, where its name is not a usual one");
    s.add("label-column", o.read.label_column, kData, any_text("NAME"),
          "of a table its column of labels: its name, number from 1, first or last; of an .npz the array; none: no "
          "labels");
    s.add("test-share", o.read.test_share, kData, number({0, 0.9}),
          "share of each class drawn for testing, where there is no test part");
}

std::string set_line(const DataSet& set) {
    return std::to_string(set.train.count()) + " training and " + std::to_string(set.test.count()) +
           " test images of " + std::to_string(set.train.height) + " x " + std::to_string(set.train.width) +
           (set.train.channels == 1 ? ", grey, " : ", in colour, ") +
           (set.labelled ? counted(set.class_names.size(), "class") : std::string("no labels"));
}

DataSet load_own_set(const fs::path& path, const OwnSetOptions& options, bool quiet) {
    std::optional<Progress> bar;
    DataSet set = read_own_set(path, options, [&](std::size_t done, std::size_t total) {
        if (!bar)
            bar.emplace(
                Progress::Options{.label = "reading", .total = std::int64_t(total), .unit = "images", .quiet = quiet});
        bar->update(std::int64_t(done));
    });
    bar.reset();
    log_info(set.name + ": " + set_line(set));
    for (const std::string& note : set.notes) log_info(note);
    return set;
}

void require_as_it_is(const OwnImageOptions& options, const std::string& set) {
    Settings settings, defaults;
    OwnImageOptions given = options, none;
    add_own_image_settings(settings, given);
    add_own_image_settings(defaults, none);
    for (const Setting& s : settings.all())
        if (s.text() != defaults.at(s.name).text())
            throw UsageError("--" + s.name + " is of images of your own, and " + set + " is no path");
}

// --- imported sets ---------------------------------------------------------------------------------------------------

bool is_imported(const std::string& name, const fs::path& data_folder) {
    std::error_code ignored;
    return is_plain_word(name) && fs::exists(data_folder / name / kImportedFile, ignored);
}

std::vector<std::string> imported_sets(const fs::path& data_folder) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator i(data_folder, error), end; !error && i != end; i.increment(error))
        if (const std::string name = i->path().filename().string(); is_imported(name, data_folder))
            names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
}

namespace {

/// The images and labels that an import writes, in either of an IDX file's ranks.
std::vector<std::string> imported_names() {
    std::vector<std::string> names;
    for (const Part part : {Part::kTrain, Part::kTest})
        for (const std::string& name : {images_file_name(file_prefix(part)), images_file_name(file_prefix(part), 3),
                                        labels_file_name(file_prefix(part))})
            names.push_back(name);
    return names;
}

/// Whether all that is there is of an import, one that was left half-way perhaps.
bool is_left_import(const fs::path& folder) {
    const std::vector<std::string> names = imported_names();
    std::error_code error;
    for (fs::directory_iterator i(folder, error), end; !error && i != end; i.increment(error))
        if (std::ranges::find(names, i->path().filename().string()) == names.end()) return false;
    return !error;
}

}  // namespace

void require_name_for_import(const std::string& name, const fs::path& data_folder) {
    const std::vector<std::string> known = set_names();
    if (!is_plain_word(name) || name == kAuto)
        throw UsageError("--name " + printable(name) + ": choose a word of letters, digits, dots, - and _");
    if (std::find(known.begin(), known.end(), name) != known.end())
        throw UsageError("--name " + name + ": a set of that name is known already: choose another");
    std::error_code ignored;
    if (fs::exists(data_folder / name, ignored) && !is_imported(name, data_folder) &&
        !is_left_import(data_folder / name))
        throw UsageError("--name " + name + ": " + (data_folder / name).string() + " holds something else");
}

void write_imported_set(const DataSet& set, const std::string& name, const fs::path& data_folder) {
    const fs::path folder = data_folder / name;
    std::error_code ignored;
    fs::remove(folder / kImportedFile, ignored);  // first: a set that is half written is none
    for (const std::string& file : imported_names()) fs::remove(folder / file, ignored);  // grey or colour, as before
    write_image_set(folder, file_prefix(Part::kTrain), set.train, "");
    write_image_set(folder, file_prefix(Part::kTest), set.test, "");
    write_file(folder / kImportedFile, imported_text(set));
}

DataSet load_imported_set(const std::string& name, const fs::path& data_folder, const SetLimits& limits) {
    const fs::path folder = data_folder / name, file = folder / kImportedFile;
    DataSet set;
    set.name = name, set.is_own = true;
    for (const ConfigEntry& entry : read_config(read_file(file), file.string())) {
        const std::string value = entry.values.empty() ? "" : entry.values[0];
        if (entry.key == "source") set.source = folder.string() + ", imported from " + value;
        if (entry.key == "labelled") set.labelled = value == "true";
        if (entry.key == "class-names") set.class_names = entry.values;
        if (entry.key == "fit") set.preparation.fit = one_of<Fitting>(kFittings).read(value).value_or(Fitting::kExact);
        if (entry.key == "background")
            set.preparation.background =
                one_of<std::optional<std::uint8_t>>(kBackgrounds).read(value).value_or(std::nullopt);
        if (entry.key == "invert") set.preparation.invert = value == "true";
    }
    const auto read = [&](Part part, std::size_t at_most) {
        const std::string prefix = file_prefix(part);
        fs::path images = find_file(folder, images_file_name(prefix));
        if (images.empty()) images = folder / images_file_name(prefix, 3);
        const int classes = set.labelled ? std::max(int(set.class_names.size()), 1) : 1;
        ImageSet images_read =
            read_image_set(images, folder / labels_file_name(prefix), {.classes = classes, .channels = 0});
        if (at_most) images_read.truncate(at_most);
        return images_read;
    };
    set.train = read(Part::kTrain, limits.train), set.test = read(Part::kTest, limits.test);
    set.preparation.height = set.train.height, set.preparation.width = set.train.width;
    set.preparation.channels = set.train.channels;
    return set;
}

std::string joined_names(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        text += text.empty() ? "" : ", ";
        for (const char c : name) text += c == ',' ? "\\," : std::string(1, c);
    }
    return text;
}

}  // namespace warpvae
