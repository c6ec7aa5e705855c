#include "data/own_set.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "data/error.h"
#include "data/own_parts.h"
#include "data/picture_folder.h"
#include "data/set_text.h"
#include "data/split.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> texts_of(const std::vector<PictureFile>& files) {
    std::vector<std::string> texts;
    for (const PictureFile& file : files) texts.push_back(file.label);
    return texts;
}

template <class T>
std::vector<T> chosen(const std::vector<T>& all, const std::vector<std::size_t>& which) {
    std::vector<T> out;
    for (const std::size_t i : which) out.push_back(all[i]);
    return out;
}

/// Numbers of the images of each part.
std::pair<std::vector<std::size_t>, std::vector<std::size_t>> numbers_of(const std::vector<Part>& parts) {
    std::pair<std::vector<std::size_t>, std::vector<std::size_t>> numbers;
    for (std::size_t i = 0; i < parts.size(); ++i)
        (parts[i] == Part::kTrain ? numbers.first : numbers.second).push_back(i);
    return numbers;
}

void shorten(std::vector<std::size_t>& numbers, std::size_t at_most) {
    if (at_most && numbers.size() > at_most) numbers.resize(at_most);
}

std::string share_note(const OwnSetOptions& options, std::size_t count, std::size_t all) {
    return counted(count, "image") + " of " + std::to_string(all) +
           " drawn for testing, of every class the same share " + "(--test-share " + short_number(options.test_share) +
           ")";
}

/// Classes of which there is one image: none of them can be tested.
void note_single_images(const std::vector<std::uint8_t>& labels, DataSet& set) {
    if (!set.labelled) return;
    std::vector<std::size_t> counts(set.class_names.size());
    for (const std::uint8_t label : labels) ++counts[label];
    std::vector<std::string> single;
    for (std::size_t k = 0; k < counts.size(); ++k)
        if (counts[k] == 1) single.push_back(set.class_names[k]);
    if (!single.empty())
        set.notes.push_back(counted(single.size(), "class") +
                            " of a single image, which is for training: " + some_of(single));
}

// --- folders of pictures ---------------------------------------------------------------------------------------------

/// A part of a folder: its files, those of a list in the order in which the first so many hold all classes alike.
struct ListedPart {
    std::vector<PictureFile> files;
    std::vector<std::uint8_t> labels;

    ListedPart part_of(const std::vector<std::size_t>& which) const {
        return {chosen(files, which), chosen(labels, which)};
    }
    ListedPart first(std::size_t at_most) const {
        std::vector<std::size_t> order = interleaved(labels);
        shorten(order, at_most);
        return part_of(order);
    }
};

ImageSet read_listed(const ListedPart& part, const OwnSetOptions& options, std::vector<std::string>& names,
                     const ReadProgress& progress) {
    ImageSet images = read_pictures(part.files, options, progress);
    images.labels = part.labels;
    for (const PictureFile& file : part.files) names.push_back(file.name);
    return images;
}

void read_picture_folder(const fs::path& folder, const OwnSetOptions& options, const ReadProgress& progress,
                         DataSet& set) {
    const PartFolders parts = find_parts(folder);
    PictureFolder listed = list_pictures(parts.train, options.label_column, parts.table);
    set.notes = parts.notes;
    set.notes.insert(set.notes.end(), listed.notes.begin(), listed.notes.end());
    set.labelled = listed.labelled;
    const NamedLabels named = name_labels(texts_of(listed.files), parts.train.string());
    if (set.labelled) set.class_names = named.names;
    ListedPart train{std::move(listed.files), named.labels}, test;
    if (parts.test.empty()) {
        note_single_images(train.labels, set);
        const auto [for_training, for_testing] = numbers_of(stratified_split(train.labels, options.test_share));
        set.notes.push_back(share_note(options, for_testing.size(), train.files.size()));
        test = train.part_of(for_testing);
        train = train.part_of(for_training);
    } else {
        PictureFolder tested = list_pictures(parts.test, options.label_column, parts.table);
        if (tested.labelled != set.labelled)
            throw Error(parts.test.string() + " has " + (tested.labelled ? "classes" : "no classes") + ", " +
                        parts.train.string() + (tested.labelled ? " none" : " has") +
                        ": give both, or take none with --label-column none");
        for (const std::string& note : tested.notes)  // of a table above both it is the same
            if (std::find(set.notes.begin(), set.notes.end(), note) == set.notes.end()) set.notes.push_back(note);
        test.labels = labels_among(texts_of(tested.files), named.names, parts.test.string());
        test.files = std::move(tested.files);
    }
    train = train.first(options.limits.train), test = test.first(options.limits.test);
    const std::size_t all = train.files.size() + test.files.size();
    const auto progress_from = [&](std::size_t before) {
        return [&progress, before, all](std::size_t done, std::size_t) {
            if (progress) progress(before + done, all);
        };
    };
    set.train = read_listed(train, options, set.train_names, progress_from(0));
    set.test = read_listed(test, options, set.test_names, progress_from(train.files.size()));
    if (test.files.empty()) set.test.height = set.train.height, set.test.width = set.train.width;
    if (test.files.empty()) set.test.channels = set.train.channels;
}

// --- arrays ----------------------------------------------------------------------------------------------------------

/// The first so many of each part, in an order in which they hold all classes alike: arrays are often sorted by class.
void keep_first(DataSet& set, const SetLimits& limits) {
    for (const auto& [images, at_most] : {std::pair(&set.train, limits.train), std::pair(&set.test, limits.test)}) {
        if (!at_most || at_most >= images->count()) continue;
        std::vector<std::size_t> order = interleaved(images->labels);
        order.resize(at_most);
        *images = images->chosen(order);
    }
}

void take_parts(ReadParts parts, const OwnSetOptions& options, DataSet& set) {
    ReadImages& train = parts.train;
    set.notes = std::move(parts.notes);
    set.labelled = !train.labels.empty();
    if (set.labelled) {
        NamedLabels named = name_labels(train.labels, train.where);
        set.class_names = std::move(named.names);
        train.images.labels = std::move(named.labels);
    }
    if (!parts.test) {
        note_single_images(train.images.labels, set);
        auto [for_training, for_testing] = numbers_of(stratified_split(train.images.labels, options.test_share));
        set.notes.push_back(share_note(options, for_testing.size(), train.images.count()));
        set.test = train.images.chosen(for_testing);
        set.train = train.images.chosen(for_training);
        keep_first(set, options.limits);
        return;
    }
    if (parts.test->labels.empty() == set.labelled)
        throw Error(parts.test->where + " has " + (set.labelled ? "no labels, and " : "labels, and ") + train.where +
                    (set.labelled ? " has them" : " has none") + ": give both, or take none with --label-column none");
    set.train = std::move(train.images), set.test = std::move(parts.test->images);
    if (set.labelled) set.test.labels = labels_among(parts.test->labels, set.class_names, parts.test->where);
    keep_first(set, options.limits);
}

// --- what both have --------------------------------------------------------------------------------------------------

std::string kind_text(const ImageSet& images, const std::vector<std::string>& names) {
    return std::to_string(images.width) + " x " + std::to_string(images.height) + " pixels, " +
           (images.channels == 1 ? "grey" : "in colour") + (names.empty() ? "" : " (" + names[0] + ")");
}

void require_same_kind(const DataSet& set, const fs::path& path) {
    const ImageSet &a = set.train, &b = set.test;
    if (!b.count() || (a.height == b.height && a.width == b.width && a.channels == b.channels)) return;
    throw Error(path.string() + ": training images of " + kind_text(a, set.train_names) + ", test images of " +
                kind_text(b, set.test_names) +
                ": make them equal with --size HxW --fit pad, crop or stretch, and --channels grey or colour");
}

/// How many test images are equal to a training image.
std::size_t shared_images(const DataSet& set) {
    const auto bytes = [](const ImageSet& images, std::size_t i) {
        const auto image = images.image(i);
        return std::string_view(reinterpret_cast<const char*>(image.data()), image.size());
    };
    std::unordered_set<std::string_view> train;
    for (std::size_t i = 0; i < set.train.count(); ++i) train.insert(bytes(set.train, i));
    std::size_t shared = 0;
    for (std::size_t i = 0; i < set.test.count(); ++i) shared += train.contains(bytes(set.test, i));
    return shared;
}

std::string name_of(const fs::path& path) {
    const fs::path whole = fs::absolute(path).lexically_normal();
    const fs::path last = whole.has_filename() ? whole : whole.parent_path();
    return fs::is_directory(path) ? last.filename().string() : last.stem().string();
}

}  // namespace

bool is_path(const std::string& dataset) {
    std::error_code ignored;
    return dataset.find('/') != dataset.npos || fs::exists(dataset, ignored);
}

DataSet read_own_set(const fs::path& path, const OwnSetOptions& options, const ReadProgress& progress) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) throw Error(path.string() + ": there is no such folder or file");
    DataSet set;
    set.is_own = true;
    set.name = printable(name_of(path));
    const std::vector<std::string> known = set_names();  // a folder that is called mnist is not MNIST
    if (std::find(known.begin(), known.end(), set.name) != known.end()) set.name = "own-" + set.name;
    set.source = printable(path.string());
    const std::string ending = path.extension().string();
    const bool is_folder = fs::is_directory(path, ignored);
    if (is_folder && is_idx_folder(path))
        take_parts(read_idx_folder(path, options), options, set);
    else if (is_folder ? is_npy_folder(path) : ending == ".npy" || ending == ".npz")
        take_parts(read_arrays(path, options), options, set);
    else if (is_folder)
        read_picture_folder(path, options, progress, set);
    else if (ending == ".csv" || ending == ".amat")
        take_parts(read_table(path, options), options, set);
    else
        throw Error(path.string() + ": no data set: a folder, or a file .npy, .npz, .csv or .amat is read");
    if (!set.train.count()) throw Error(path.string() + ": no training images are left (--test-share)");
    require_same_kind(set, path);
    if (const std::size_t shared = shared_images(set))
        set.notes.push_back(counted(shared, "test image") + (shared == 1 ? " is" : " are") +
                            " also among the training images");
    set.preparation = options.preparation;
    set.preparation.height = set.train.height, set.preparation.width = set.train.width;
    set.preparation.channels = set.train.channels;
    return set;
}

}  // namespace warpvae
