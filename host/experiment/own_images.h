// Images of a user's own: the settings that say what they are, and the sets that were imported under a name.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/own_set.h"
#include "host/experiment/settings.h"

namespace warpvae {

struct ImageSize {
    int height = 0, width = 0;  ///< 0: as the images are
    bool operator==(const ImageSize&) const = default;
};

struct OwnImageOptions {
    OwnSetOptions read;
    ImageSize size;  ///< in place of the one in `read`
    /// With the size in its place.
    OwnSetOptions resolved() const;
};
/// Declares them. The defaults are those that `options` has.
void add_own_image_settings(Settings& settings, OwnImageOptions& options);
/// Of a set that is taken by its name, as it is: throws UsageError where one of these settings has been given.
void require_as_it_is(const OwnImageOptions& options, const std::string& set);

/// read_own_set with a progress bar, unless `quiet`, and what there is to know of the set as lines of the log.
DataSet load_own_set(const std::filesystem::path& path, const OwnSetOptions& options, bool quiet);

/// "5400 training and 600 test images of 28 x 28, grey, 10 classes".
std::string set_line(const DataSet& set);

/// A set that `dataset import` wrote into a data folder: four IDX files, or two without labels' meaning, and
/// imported.toml with the classes' names and what was done to the images.
bool is_imported(const std::string& name, const std::filesystem::path& data_folder);
std::vector<std::string> imported_sets(const std::filesystem::path& data_folder);
/// Throws UsageError for a name that is no plain word, or is a known set's, or a folder of something else.
void require_name_for_import(const std::string& name, const std::filesystem::path& data_folder);
/// In place of an earlier one of that name.
void write_imported_set(const DataSet& set, const std::string& name, const std::filesystem::path& data_folder);
/// Throws Error with one line naming the file that is missing or damaged.
DataSet load_imported_set(const std::string& name, const std::filesystem::path& data_folder, const SetLimits& limits);

/// The names on one line, "\," a comma in one: as config.toml keeps them.
std::string joined_names(const std::vector<std::string>& names);

}  // namespace warpvae
