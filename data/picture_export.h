// A data set as folders of PNG files, which list_pictures reads back.
#pragma once
#include <filesystem>
#include <functional>

#include "data/data_set.h"
#include "data/parallel.h"

namespace warpvae {

/// Writes `images`, a part of `set`, as FOLDER/CLASS/NUMBER.png, without labels as FOLDER/NUMBER.png, in parallel. The
/// folder must not be there; it is whole or not there at all. Throws Error naming a file, Interrupted.
void export_pictures(const ImageSet& images, const DataSet& set, const std::filesystem::path& folder,
                     const ReadProgress& progress = {});

/// Writes one part, and tells its progress.
using ExportPart = std::function<void(const ReadProgress&)>;
/// Writes the parts of `set` as FOLDER/train and, where there is one, FOLDER/test: `with(name, images, write)` is
/// called for each and calls `write`. Where a part fails, none is left: half a set would be read as a whole one.
void export_pictures(const DataSet& set, const std::filesystem::path& folder,
                     const std::function<void(const char*, const ImageSet&, const ExportPart&)>& with);

}  // namespace warpvae
