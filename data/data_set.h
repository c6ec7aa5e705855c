// Loading a data set by its name, the one way in: its row in the registry, its files in the data folder, its reader,
// its checks. The files are DIR/<name>/<file>[.gz]; DIR is given by --data, else $WARPVAE_DATA, else ~/.cache/warpvae.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>

#include "data/image_preparation.h"
#include "data/image_set.h"
#include "data/registry.h"

namespace warpvae {

std::filesystem::path default_data_folder();

struct DataSet {
    ImageSet train, test;
    std::string name;
    std::string source;                         ///< one line: from which files, or how made
    bool labelled = true;                       ///< false: the labels are all 0 and mean nothing
    std::vector<std::string> class_names = {};  ///< of the labels 0, 1, ..., as the set's author wrote them
    std::vector<std::string> train_names = {};  ///< of each image's file; empty where images have none
    std::vector<std::string> test_names = {};   ///< the same of the test images
    ImagePreparation preparation = {};          ///< what was done to the images, to be done to a user's pictures
    std::vector<std::string> notes = {};        ///< what a user should know of how it was read, a line each
    bool is_own = false;                        ///< a user's, no set that this project knows

    /// The class's name, or its number where it has none.
    std::string class_name(int label) const {
        return std::size_t(label) < class_names.size() ? class_names[std::size_t(label)] : std::to_string(label);
    }
};
/// How many images are wanted; 0: all there are.
struct SetLimits {
    std::size_t train = 0, test = 0;
};

/// Loads a set. Published files are checked against their digests. A set that this project can make is made on the spot
/// if the folder does not hold it (`source` says so). Throws UsageError if no set has this name, and Error with one
/// line if something is missing (naming the command that gets it) or damaged.
DataSet load_set(const std::string& name, const std::filesystem::path& data_folder, const SetLimits& limits = {});
/// One part of it, of `at_most` images (0: all).
ImageSet load_part(const KnownSet& set, const std::filesystem::path& data_folder, Part part, std::size_t at_most = 0);

/// What a data folder has of a set.
enum class Presence {
    kAbsent,
    kIncomplete,  ///< some of its files are there
    kDamaged,     ///< all are there, but load_set would fail
    kPresent
};
struct SetStatus {
    Presence presence = Presence::kAbsent;
    std::string detail;  ///< one line: the file missing or damaged, or what the files are
};
/// Reads every file of the set, as load_set does, and says how that went.
SetStatus inspect_set(const KnownSet& set, const std::filesystem::path& data_folder);

}  // namespace warpvae
