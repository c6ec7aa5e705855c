// Folders of pictures: a class for each sub-folder, or none, or as metadata.csv says.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/own_set.h"

namespace warpvae {

struct PictureFile {
    std::filesystem::path path;
    std::string name;   ///< below the folder that was asked for, with slashes
    std::string label;  ///< the class's name; empty where there are no classes
};
struct PictureFolder {
    std::vector<PictureFile> files;  ///< by class and name, in byte order
    bool labelled = false;
    std::vector<std::string> notes;
};

/// The parts of `folder` by the usual names of their folders (train, training; test, testing, val, valid, validation,
/// dev, eval, evaluation, in any case); where there is no training part, or none for testing, the first is `folder`
/// itself or the one that there is, and the second empty.
struct PartFolders {
    std::filesystem::path train, test;
    std::vector<std::string> notes = {};
    std::filesystem::path table = {};  ///< a metadata.csv above both; empty: there is none
};
PartFolders find_parts(const std::filesystem::path& folder);

/// What is in one part. `table_above`: a metadata.csv that names its files with their folder before them, train/7.png;
/// empty: none does. Throws Error with one line for a class without pictures, a loop of links, a picture of a kind that
/// is not read, a name that is not UTF-8, and what metadata.csv says wrongly.
PictureFolder list_pictures(const std::filesystem::path& folder, const std::string& label_column,
                            const std::filesystem::path& table_above = {});

/// The pictures of `files`, in their order, prepared, in parallel, with labels 0. Throws the Error of the first that
/// cannot be read, or is not of the same size and kind as the first.
ImageSet read_pictures(const std::vector<PictureFile>& files, const OwnSetOptions& options,
                       const ReadProgress& progress);

}  // namespace warpvae
