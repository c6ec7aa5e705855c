// A part of a data set as a folder of PNG files, which list_pictures reads back.
#pragma once
#include <filesystem>

#include "data/data_set.h"
#include "data/parallel.h"

namespace warpvae {

/// Writes `images`, a part of `set`, as FOLDER/CLASS/NUMBER.png, without labels as FOLDER/NUMBER.png, in parallel. The
/// folder must not be there; it is whole or not there at all. Throws Error naming a file, Interrupted.
void export_pictures(const ImageSet& images, const DataSet& set, const std::filesystem::path& folder,
                     const ReadProgress& progress = {});

}  // namespace warpvae
