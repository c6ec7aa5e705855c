// The folder of a run: one process at a time, its settings in config.toml, nothing of an older run left in it.
#pragma once
#include <filesystem>

#include "host/core/run_lock.h"
#include "host/experiment/settings.h"

namespace warpvae {

class RunFolder {
  public:
    enum class Entry {
        kNew,        ///< refused if a run is there
        kOverwrite,  ///< what a run wrote there is removed first
        kResume,     ///< a run must be there
        kJoin        ///< of several processes that share a run: it may be there, with the same settings
    };
    RunFolder() = default;
    /// To read what a run has (--dry-run): takes nothing, writes nothing.
    static RunFolder looked_at(std::filesystem::path path, Entry entry);
    /// Takes the folder until this ends, alone or with others that share, and changes nothing in it. Throws
    /// UsageError, Error.
    RunFolder(std::filesystem::path path, Entry entry, bool shared = false);
    /// Once nothing is left to be refused: removes the run that is overwritten and writes config.toml. Does nothing
    /// when a run is resumed, or from the second call on. Throws UsageError where a run that is joined has other
    /// settings.
    void begin(const Settings& settings) const;

    const std::filesystem::path& path() const { return path_; }
    /// Whether config.toml is this run's: until then the folder is empty, or holds the run that is to be overwritten.
    bool has_begun() const { return begun_ || entry_ == Entry::kResume; }
    bool resumes() const { return entry_ == Entry::kResume || entry_ == Entry::kJoin; }
    /// Writes config.toml anew where a setting that may grow (epochs) has another value now.
    void keep_grown(const Settings& settings) const;

  private:
    void join(const Settings& settings) const;

    std::filesystem::path path_;
    Entry entry_ = Entry::kNew;
    mutable bool begun_ = false;
    RunLock lock_;
};

/// The settings in a TOML file, lists with commas between their values; what stands in tables ([provenance]) is left
/// out. Throws UsageError naming the file and what is wrong with it.
Values read_settings(const std::filesystem::path& file);

}  // namespace warpvae
