// The data sets that the programs know by name, and where they are: DIR/<name>/<file>[.gz], DIR given by --data, else
// $WARPVAE_DATA, else ~/.cache/warpvae.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "data/idx.h"

namespace warpvae {

struct KnownFile {
    std::string name;       ///< uncompressed; a mirror serves it as <name>.gz
    std::string sha256;     ///< of the uncompressed bytes
    std::size_t bytes;      ///< uncompressed
    bool as_it_is = false;  ///< a mirror serves it as <name>, and so it is kept
};
struct KnownSet {
    std::string name;
    std::string what;  ///< one line for a listing
    /// Training images and labels, test images and labels (svhn: training set, test set); empty if made, not fetched.
    std::vector<KnownFile> files;
    std::vector<std::string> mirrors;  ///< tried in turn, each with a slash at its end
    ImageSetShape shape{28, 28, 10};
};
const std::vector<KnownSet>& known_sets();
/// Throws UsageError that lists the names.
const KnownSet& known_set(const std::string& name);

std::filesystem::path default_data_folder();

struct DataSet {
    ImageSet train, test;
    std::string name;
    std::string source;  ///< one line: from which files, or how made
};
/// How many images are wanted; 0: all there are.
struct SetLimits {
    std::size_t train = 0, test = 0;
};
/// Loads a set by name. The published sets are checked against their digests. `glyphs`, `glyphs-colour` and `mnist-rot`
/// come from the folder if they are there, and are otherwise made on the spot (`source` says which). `svhn` is
/// converted from its MATLAB files once: the IDX files beside them are what is read from then on. Throws Error with one
/// line if something is missing (naming the command that gets it) or damaged.
DataSet load_set(const std::string& name, const std::filesystem::path& data_folder, const SetLimits& limits = {});

/// What a data folder has of a set.
enum class Presence { kAbsent, kIncomplete, kDamaged, kPresent };
struct SetStatus {
    Presence presence = Presence::kAbsent;
    std::string detail;  ///< one line: the file missing or damaged, or how it was checked
};
/// Reads every file of the set and checks the digests of the published ones.
SetStatus inspect_set(const KnownSet& set, const std::filesystem::path& data_folder);

/// The file in `folder`, plain or with .gz; empty if neither is there.
std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& name);
/// Throws Error if the uncompressed `bytes` of `path` are not those of `file`.
void require_digest(const std::string& bytes, const KnownFile& file, const std::filesystem::path& path);

}  // namespace warpvae
