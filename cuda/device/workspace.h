// Scratch memory by bump allocation: one device allocation, handed out in 256-byte steps and given back in reverse.
#pragma once
#include "cuda/device/buffer.h"

namespace warpvae {

class Workspace {
  public:
    Workspace() = default;
    explicit Workspace(std::size_t bytes, const char* tag = "workspace") : memory_(bytes, tag) {}

    /// `count` elements of T, 256-byte aligned, uninitialised. Throws DeviceError naming `tag` when the arena is full.
    template <class T>
    T* take(std::size_t count, const char* tag) {
        const std::size_t bytes = padded(count * sizeof(T));
        if (used_ + bytes > memory_.size())
            throw DeviceError("workspace is full: " + std::string(tag) + " needs " + std::to_string(bytes) +
                              " bytes, " + std::to_string(memory_.size() - used_) + " of " +
                              std::to_string(memory_.size()) + " are left");
        T* out = reinterpret_cast<T*>(memory_.data() + used_);
        used_ += bytes;
        return out;
    }
    static std::size_t padded(std::size_t bytes) { return (bytes + 255) / 256 * 256; }
    std::size_t used() const { return used_; }

    /// Gives back, at the end of a scope, all that was taken within it.
    class Scope {
      public:
        explicit Scope(Workspace& workspace) : workspace_(workspace), mark_(workspace.used_) {}
        ~Scope() { workspace_.used_ = mark_; }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

      private:
        Workspace& workspace_;
        std::size_t mark_;
    };

  private:
    DeviceBuffer<unsigned char> memory_;
    std::size_t used_ = 0;
};

}  // namespace warpvae
