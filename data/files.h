// Whole files in, whole files out: a reader never sees half of one, whatever happens to the writer.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "data/error.h"

namespace warpvae {

/// All bytes of `path`. Throws Error naming the file.
std::string read_file(const std::filesystem::path& path);

/// Writes under a temporary name in the same folder, fsyncs, renames. The folder is made if it is not there. On any
/// failure (no permission, full disk) throws Error naming the file; what `path` held before is untouched.
/// A device or a pipe is written to as it stands.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// Where scratch files go: what TMPDIR names, or /tmp if that is no folder.
std::filesystem::path scratch_folder();

/// Removes the temporary files that killed processes left below `folder`; for whoever has the folder to himself.
void remove_leftovers(const std::filesystem::path& folder);

/// Appends one line and its end of line in one write.
void append_line(const std::filesystem::path& path, std::string_view line);

}  // namespace warpvae
