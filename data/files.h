// Reading and writing whole files. A file is written under another name first and renamed when it is complete, so
// nobody ever reads half of one, even if the writer is killed.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "data/error.h"

namespace warpvae {

/// All bytes of `path`. Throws Error naming the file.
std::string read_file(const std::filesystem::path& path);

/// Writes the file, and makes its folder if it is not there. On any failure (no permission, full disk) throws Error
/// naming the file, and leaves what `path` held before as it was. Devices and pipes (/dev/stdout) are written to
/// directly.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// The same piece by piece, for what does not fit into memory: the file is there once finish() was called, and nothing
/// is left of one that was not finished.
class FileWriter {
  public:
    explicit FileWriter(std::filesystem::path path);
    ~FileWriter();
    FileWriter(const FileWriter&) = delete;
    FileWriter& operator=(const FileWriter&) = delete;
    void append(std::string_view bytes);
    void finish();

  private:
    [[noreturn]] void give_up(int error);
    const std::filesystem::path path_;
    std::filesystem::path temporary_;  // the path itself for a device or a pipe
    int file_ = -1;
};

/// A folder of many files, which gets its name when all of them are there: it waits for the disk once, not once a file.
/// Nothing is left of one that was not finished.
class FolderWriter {
  public:
    /// `path` must not be there. Throws Error naming it.
    explicit FolderWriter(std::filesystem::path path);
    ~FolderWriter();
    FolderWriter(const FolderWriter&) = delete;
    FolderWriter& operator=(const FolderWriter&) = delete;
    /// The file `name` below the folder, a new one. Threads may write at once.
    void write(const std::filesystem::path& name, std::string_view bytes) const;
    void finish();

  private:
    const std::filesystem::path path_;
    std::filesystem::path temporary_;  // empty once it is finished
};

/// The folder for temporary files: $TMPDIR, or /tmp if that is not a folder.
std::filesystem::path scratch_folder();

/// Removes the temporary files that killed processes left below `folder`. No other process may be writing there.
void remove_leftovers(const std::filesystem::path& folder);

/// Appends `line` and a newline in a single write.
void append_line(const std::filesystem::path& path, std::string_view line);

}  // namespace warpvae
