// Copies from global into shared memory that a thread begins now and waits for later (cp.async): many loads are under
// way while the block multiplies what came before. On the CPU device a copy is made when it is waited for, so that a
// kernel which reads too early finds what stood there before; and what a GPU would refuse ends the program.
#pragma once
#include "cuda/device/loops.cuh"
#ifndef __CUDACC__
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>
#endif

namespace warpvae {

/// One thread's copies. What a thread copied is seen by its block after `wait` and a barrier.
class AsyncCopies {
  public:
    /// Begins a copy of `Bytes` (4 or 16) bytes, aligned to as many. Where not `inside`, zeros are written and `from`
    /// is not read: it may point anywhere.
    template <int Bytes>
    __device__ void begin(void* to, const void* from, bool inside) {
        copy<Bytes, Bytes == 4>(to, from, inside);
    }
    /// The same for what other threads of the block read too: it stays in the multiprocessor's cache.
    template <int Bytes>
    __device__ void begin_cached(void* to, const void* from, bool inside) {
        copy<Bytes, true>(to, from, inside);
    }
    /// Ends a group: the copies begun since the last one.
    __device__ void end_group() {
#ifdef __CUDACC__
        asm volatile("cp.async.commit_group;" ::: "memory");
#else
        groups_.push_back(std::move(open_));
        open_.clear();
#endif
    }
    /// Returns once all groups but the last `Pending` are copied.
    template <int Pending>
    __device__ void wait() {
#ifdef __CUDACC__
        asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
#else
        while (groups_.size() > std::size_t(Pending)) {
            for (const Copy& copy : groups_.front())
                if (copy.from)
                    std::memcpy(copy.to, copy.from, copy.bytes);
                else
                    std::memset(copy.to, 0, copy.bytes);
            groups_.erase(groups_.begin());
        }
#endif
    }

  private:
    template <int Bytes, bool cached>
    __device__ void copy(void* to, const void* from, bool inside) {
#ifdef __CUDACC__
        const unsigned shared = static_cast<unsigned>(__cvta_generic_to_shared(to));
        const int bytes = inside ? Bytes : 0;
        if constexpr (cached)
            asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared), "l"(from), "n"(Bytes),
                         "r"(bytes)
                         : "memory");
        else
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(from), "r"(bytes)
                         : "memory");
#else
        const auto is_aligned = [](const void* at) { return reinterpret_cast<std::uintptr_t>(at) % Bytes == 0; };
        if (!is_aligned(to) || (inside && !is_aligned(from))) {
            std::fprintf(stderr, "an asynchronous copy of %d bytes is not aligned to as many\n", Bytes);
            std::abort();
        }
        open_.push_back({to, inside ? from : nullptr, Bytes});
#endif
    }

#ifndef __CUDACC__
    struct Copy {
        void* to;
        const void* from;  // null: zeros
        std::size_t bytes;
    };
    std::vector<Copy> open_;
    std::vector<std::vector<Copy>> groups_;
#endif
};

}  // namespace warpvae
