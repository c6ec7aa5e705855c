// Arrays of NumPy: their names, and which of them are images and which labels.
#include <algorithm>
#include <functional>

#include "data/error.h"
#include "data/npz.h"
#include "data/own_parts.h"
#include "data/set_text.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

/// Arrays by their names: of an .npz, or .npy files in a folder.
struct ArrayStore {
    std::string where;
    std::vector<std::string> keys;
    std::function<std::unique_ptr<ByteStream>(const std::string& key)> open;

    bool has(const std::string& key) const { return std::find(keys.begin(), keys.end(), key) != keys.end(); }
    /// The first of `names` that is there; empty if none is.
    std::string first_of(const std::vector<std::string>& names) const {
        for (const std::string& name : names)
            if (has(name)) return name;
        return "";
    }
};

/// Usual names of both parts: images and labels for training, then for testing.
constexpr const char* kPartNames[][4] = {
    {"images_train", "labels_train", "images_test", "labels_test"},  // spatial-VAE, TARGET-VAE
    {"train_images", "train_labels", "test_images", "test_labels"},  // MedMNIST
    {"x_train", "y_train", "x_test", "y_test"},                      // Keras
    {"X_train", "y_train", "X_test", "y_test"},
};
const std::vector<std::string> kImageNames = {"images", "imgs", "x", "X", "data"};
const std::vector<std::string> kLabelNames = {"labels", "label", "y", "targets", "target"};

ArrayStore store_of(const fs::path& path) {
    if (path.extension() == ".npz") {
        const auto file = std::make_shared<NpzFile>(path);
        return {path.string(), file->keys(), [file](const std::string& key) { return file->open(key); }};
    }
    if (path.extension() == ".npy")
        return {path.string(), {"images"}, [path](const std::string&) { return open_stream(path); }};
    ArrayStore store{path.string(), {}, [path](const std::string& key) { return open_stream(path / (key + ".npy")); }};
    for (const fs::directory_entry& entry : fs::directory_iterator(path))
        if (entry.path().extension() == ".npy") store.keys.push_back(entry.path().stem().string());
    std::sort(store.keys.begin(), store.keys.end());
    return store;
}

/// dSprites names its factors so, and its bytes are 0 and 1 as it says itself.
bool is_dsprites(const ArrayStore& store) { return store.has("imgs") && store.has("latents_classes"); }

ReadImages read_part(const ArrayStore& store, const std::string& images_key, const std::string& labels_key,
                     const OwnSetOptions& options, ReadParts& parts) {
    const std::unique_ptr<ByteStream> stream = store.open(images_key);
    const NpyHeader header = read_npy_header(*stream);
    require_memory(header.count(), 1, stream->name);
    std::optional<ValueRange> range = options.range;
    if (!range && is_dsprites(store)) range = {0, 1};
    if (header.kind == 'f')
        parts.notes.push_back(stream->name + ": " + header.type() + " rounded to bytes, 256 levels");
    ReadImages read{
        images_of(read_npy_pixels(*stream, header, range), header.shape, options, stream->name), {}, stream->name};
    if (labels_key.empty() || options.label_column == "none") return read;
    const std::unique_ptr<ByteStream> label_stream = store.open(labels_key);
    const NpyHeader label_header = read_npy_header(*label_stream);
    for (const std::int64_t label : read_npy_labels(*label_stream, label_header))
        read.labels.push_back(std::to_string(label));
    if (read.labels.size() != read.images.count())
        throw Error(label_stream->name + ": " + counted(read.labels.size(), "label") + " for the " +
                    counted(read.images.count(), "image") + " of " + stream->name);
    return read;
}

}  // namespace

bool is_npy_folder(const fs::path& folder) {
    std::error_code ignored;
    return fs::exists(folder / "images.npy", ignored) || fs::exists(folder / "images_train.npy", ignored);
}

ReadParts read_arrays(const fs::path& path, const OwnSetOptions& options) {
    const ArrayStore store = store_of(path);
    ReadParts parts;
    std::vector<std::string> used;
    const auto read = [&](const std::string& images, std::string labels) {
        if (!store.has(labels)) labels.clear();
        used.insert(used.end(), {images, labels});
        return read_part(store, images, labels, options, parts);
    };
    const auto* const both = std::find_if(std::begin(kPartNames), std::end(kPartNames),
                                          [&](const auto& names) { return store.has(names[0]); });
    if (options.images_key.empty() && both != std::end(kPartNames)) {
        const auto& [images, labels, test_images, test_labels] = *both;
        if (!options.label_column.empty() && options.label_column != "none" && options.label_column != labels)
            throw Error(store.where + ": the labels of " + images + " are " + labels + ", not " + options.label_column +
                        " (--label-column); name the images too, with --images-key");
        parts.train = read(images, labels);
        if (store.has(test_images)) parts.test = read(test_images, test_labels);
    } else {
        std::string key = options.images_key.empty() ? store.first_of(kImageNames) : options.images_key;
        if (key.empty() && store.keys.size() == 1) key = store.keys[0];
        if (key.empty() || !store.has(key))
            throw Error(store.where + ": " + (key.empty() ? "no array has a usual name of images" : "no array " + key) +
                        " among " + some_of(store.keys, 8) + ": name it with --images-key");
        const bool named = !options.label_column.empty() && options.label_column != "none";
        if (named && !store.has(options.label_column))
            throw Error(store.where + ": no array " + options.label_column + " among " + some_of(store.keys, 8) +
                        " (--label-column)");
        parts.train = read(key, named ? options.label_column : store.first_of(kLabelNames));
    }
    std::vector<std::string> others;
    for (const std::string& key : store.keys)
        if (std::find(used.begin(), used.end(), key) == used.end()) others.push_back(key);
    if (!others.empty())
        parts.notes.push_back(store.where + ": " + counted(others.size(), "array") +
                              " not used: " + some_of(others, 8));
    return parts;
}

}  // namespace warpvae
