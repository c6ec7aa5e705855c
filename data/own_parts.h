// How the forms of a user's set are read, each into what data/own_set.cpp makes a data set of.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/own_set.h"

namespace warpvae {

/// Labels as the user wrote them: the classes' names, and of each image which of them.
struct NamedLabels {
    std::vector<std::string> names;    ///< ascending, as numbers where all of them are whole numbers
    std::vector<std::uint8_t> labels;  ///< [count]
};
/// Throws Error naming `where` if there are more than 256 classes.
NamedLabels name_labels(const std::vector<std::string>& texts, const std::string& where);
/// The same of a test part: a class that `names` has not is an error.
std::vector<std::uint8_t> labels_among(const std::vector<std::string>& texts, const std::vector<std::string>& names,
                                       const std::string& where);

/// Images that were read, with their labels' texts; no text: there are no labels.
struct ReadImages {
    ImageSet images;                  ///< with labels 0
    std::vector<std::string> labels;  ///< [count], or none
    std::string where;                ///< for messages
};
struct ReadParts {
    ReadImages train;
    std::optional<ReadImages> test;  ///< none: the user has not said which images are for testing
    std::vector<std::string> notes;
};

/// Whether `folder` holds .npy files by their usual names: images.npy or images_train.npy.
bool is_npy_folder(const std::filesystem::path& folder);
/// A folder of .npy files, an .npy or an .npz.
ReadParts read_arrays(const std::filesystem::path& path, const OwnSetOptions& options);
/// A .csv or .amat, a row an image.
ReadParts read_table(const std::filesystem::path& path, const OwnSetOptions& options);
/// Four IDX files, or two (labels are none, or the test part is).
bool is_idx_folder(const std::filesystem::path& folder);
ReadParts read_idx_folder(const std::filesystem::path& folder, const OwnSetOptions& options);

/// `pixels`, of `shape` as it was read, as images, prepared. `rows` of numbers need a size.
ImageSet images_of(std::vector<std::uint8_t> pixels, std::vector<std::size_t> shape, const OwnSetOptions& options,
                   const std::string& where);

/// Throws Error, before it is tried, where `count` images of `size` bytes do not fit into memory.
void require_memory(std::size_t count, std::size_t size, const std::string& where);

}  // namespace warpvae
