// A user's own images as a data set: `--dataset PATH`. What each path may be, and what is made of it, docs/own_data.md
// says; nothing is guessed that the files or an option do not say, and nothing is left out without a word.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "data/data_set.h"
#include "data/npy_stream.h"
#include "data/parallel.h"

namespace warpvae {

/// Which extents of an array of images are what.
enum class Layout {
    kAuto,           ///< as many extents say; where two readings fit, that is an error
    kGrey,           ///< [n, height, width]
    kChannelsLast,   ///< [n, height, width, channels]
    kChannelsFirst,  ///< [n, channels, height, width]
};

struct OwnSetOptions {
    ImagePreparation preparation = {};  ///< a size of 0: as the images are, which must then be equal
    std::string images_key = {};        ///< the array of an .npz that holds the images; empty: by its usual names
    Layout layout = Layout::kAuto;
    std::optional<ValueRange> range = {};  ///< what is black and what white in arrays and tables; none: by their type
    std::string label_column = {};         ///< name or number from 1, first, last or none; empty: by its usual names
    double test_share = 0.1;               ///< of images that are in no test part; 0 to 1
    SetLimits limits = {};
};

/// Whether `dataset` is a path and no name: it holds a slash, or there is such a file.
bool is_path(const std::string& dataset);

/// Reads the folder or file. Its name is the path's last part; equal images in both parts are counted in its notes.
/// Needs a device, for the split. Throws Error with one line that names the file, or the image, at fault and the option
/// that helps.
DataSet read_own_set(const std::filesystem::path& path, const OwnSetOptions& options,
                     const ReadProgress& progress = {});

}  // namespace warpvae
