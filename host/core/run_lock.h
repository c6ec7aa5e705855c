// One process at a time in a run's folder, or several that share its work.
#pragma once
#include <filesystem>

namespace warpvae {

class RunLock {
  public:
    RunLock() = default;
    /// Takes `folder`, which is made if it is not there, until this ends or the process dies, however it dies. Throws
    /// Error naming the folder and the process that has it, or why nothing can be written there.
    /// `shared`: other processes that share may take it too.
    explicit RunLock(const std::filesystem::path& folder, bool shared = false);
    ~RunLock();
    RunLock(RunLock&& other) noexcept;
    RunLock& operator=(RunLock&& other) noexcept;

  private:
    int file_ = -1;
};

}  // namespace warpvae
