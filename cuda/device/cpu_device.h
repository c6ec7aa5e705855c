// A device made of CPU threads: what the CUDA *language* needs so that a kernel compiles with g++ or clang++ as it
// stands. It imitates __global__, threadIdx, __shared__, barriers, warp operations and atomics; it does not imitate the
// runtime API (device.h wraps that for both devices).
//
// A block runs in one of two ways:
//   one-thread blocks   blockDim = 1 and a barrier is nothing; blocks are spread over the cores. For speed.
//   lanes               each thread of the block is a fiber, scheduled forward, reversed or shuffled. For truth: they
//                       show a missing barrier, a divergent one, and a warp operation that a lane never reaches
//                       (cpu_lanes.cpp).
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__SANITIZE_ADDRESS__)
#define WARPVAE_ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define WARPVAE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WARPVAE_ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define WARPVAE_THREAD_SANITIZER 1
#endif
#endif
#if defined(WARPVAE_ADDRESS_SANITIZER) || defined(WARPVAE_THREAD_SANITIZER)
#define WARPVAE_SANITIZED 1
#endif

#ifdef WARPVAE_ADDRESS_SANITIZER
// A compiler gives no red zones to data that the linker may merge, such as the static array of a kernel template. So in
// this build kernels are local to their file.
#define __global__ static __attribute__((unused))
#else
#define __global__
#endif
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __restrict__ __restrict
// Blocks of a launch run on several cores at once, each with its own shared memory. A sanitizer build runs them one
// after another instead, and keeps shared arrays plain static: only those have red zones and are watched for races.
#ifdef WARPVAE_SANITIZED
#define __shared__ static
#else
#define __shared__ static thread_local
#endif

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct uint3 {
    unsigned x, y, z;
};
struct float2 {
    float x, y;
};
// Aligned to 16 bytes as on a GPU only where a sanitizer looks for pointers that are not. Else GCC 12 merges a branch
// that reads a float4 with one that reads four floats from the same unaligned place, and keeps the aligned load.
#ifdef __SANITIZE_ADDRESS__
struct alignas(16) float4 {
#else
struct float4 {
#endif
    float x, y, z, w;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};

// __thread and no constructor: reading these must cost no initialisation check.
extern __thread uint3 threadIdx, blockIdx;
struct warpvae_extent {
    unsigned x, y, z;
};
extern __thread warpvae_extent blockDim, gridDim;
inline constexpr int warpSize = 32;

namespace warpvae::cpu {

/// Non-null while this OS thread runs a block as lanes.
extern __thread struct Lanes* lanes;

// Implemented in cpu_lanes.cpp; called only in lanes mode.
enum class WarpOp { kShuffle, kShuffleXor, kShuffleDown, kShuffleUp, kBallot, kSync };
void lanes_barrier(const char* file, int line);
int lanes_barrier_count(int predicate, const char* file, int line);  // __syncthreads_count
/// Meets the other lanes of `mask`; each lane gives 8 bytes and gets those of the lane that `op` and `argument` select
/// (kBallot: the mask of lanes whose value is not 0).
std::uint64_t lanes_warp(WarpOp op, unsigned mask, std::uint64_t value, int argument, int width, const char* file,
                         int line);

inline void barrier(const char* file, int line) {
    if (lanes) lanes_barrier(file, line);
}
inline int barrier_count(int predicate, const char* file, int line) {
    return lanes ? lanes_barrier_count(predicate, file, line) : predicate != 0;
}
// The names of the warp operations stand for objects of these types. Calling one passes on its file and line, and takes
// CUDA's optional last argument.
struct WarpBarrier {
    const char* file;
    int line;
    void operator()(unsigned mask = 0xffffffffu) const {
        if (lanes) lanes_warp(WarpOp::kSync, mask, 0, 0, 32, file, line);
    }
};
struct WarpBallot {
    const char* file;
    int line;
    unsigned operator()(unsigned mask, int predicate) const {
        if (!lanes) return predicate != 0;
        return static_cast<unsigned>(lanes_warp(WarpOp::kBallot, mask, predicate != 0, 0, 32, file, line));
    }
};
template <WarpOp op>
struct WarpShuffle {
    const char* file;
    int line;
    template <class T>
    T operator()(unsigned mask, T value, int argument, int width = 32) const {
        static_assert(sizeof(T) <= 8, "warp shuffles move at most 8 bytes");
        if (!lanes) return value;
        std::uint64_t bits = 0;
        std::memcpy(&bits, &value, sizeof(T));
        bits = lanes_warp(op, mask, bits, argument, width, file, line);
        std::memcpy(&value, &bits, sizeof(T));
        return value;
    }
};

/// In lanes mode, after an atomic that left memory as it was: a lane that does nothing else is waiting for another.
void lanes_idle_atomic(const char* file, int line);
inline void idle_atomic(const char* file, int line) {
    if (lanes) lanes_idle_atomic(file, line);
}

/// The bytes that the running launch asked for, fresh for each block.
void* dynamic_shared_bytes();

}  // namespace warpvae::cpu

#define __syncthreads() ::warpvae::cpu::barrier(__FILE__, __LINE__)
#define __syncthreads_count(predicate) ::warpvae::cpu::barrier_count(predicate, __FILE__, __LINE__)
#define __syncwarp (::warpvae::cpu::WarpBarrier{__FILE__, __LINE__})
#define __ballot_sync (::warpvae::cpu::WarpBallot{__FILE__, __LINE__})
#define __shfl_sync (::warpvae::cpu::WarpShuffle<::warpvae::cpu::WarpOp::kShuffle>{__FILE__, __LINE__})
#define __shfl_xor_sync (::warpvae::cpu::WarpShuffle<::warpvae::cpu::WarpOp::kShuffleXor>{__FILE__, __LINE__})
#define __shfl_down_sync (::warpvae::cpu::WarpShuffle<::warpvae::cpu::WarpOp::kShuffleDown>{__FILE__, __LINE__})
#define __shfl_up_sync (::warpvae::cpu::WarpShuffle<::warpvae::cpu::WarpOp::kShuffleUp>{__FILE__, __LINE__})

// Integer atomics only: no kernel of this project adds floats atomically.
template <class T>
inline T atomicAdd(T* address, T value, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    static_assert(std::is_integral<T>::value, "no float atomics: their result depends on the order");
    if (value == 0) warpvae::cpu::idle_atomic(file, line);
    return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
template <class T>
inline T atomicOr(T* address, T value, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (value == 0) warpvae::cpu::idle_atomic(file, line);
    return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}
template <class T>
inline T atomicExch(T* address, T value) {
    return __atomic_exchange_n(address, value, __ATOMIC_RELAXED);
}
template <class T>
inline T atomicMin(T* address, T value) {
    static_assert(std::is_integral<T>::value, "CUDA has no float atomicMin");
    T seen = __atomic_load_n(address, __ATOMIC_RELAXED);
    while (value < seen &&
           !__atomic_compare_exchange_n(address, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return seen;
}
template <class T>
inline T atomicMax(T* address, T value) {
    static_assert(std::is_integral<T>::value, "CUDA has no float atomicMax");
    T seen = __atomic_load_n(address, __ATOMIC_RELAXED);
    while (seen < value &&
           !__atomic_compare_exchange_n(address, &seen, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return seen;
}
template <class T>
inline T atomicCAS(T* address, T expected, T value, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (!__atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        warpvae::cpu::idle_atomic(file, line);
    return expected;
}
inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

inline float __uint_as_float(unsigned bits) {
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}
inline unsigned __float_as_uint(float value) {
    unsigned bits;
    std::memcpy(&bits, &value, 4);
    return bits;
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(unsigned x) { return __builtin_ffs(static_cast<int>(x)); }
template <class T>
inline T __ldg(const T* pointer) {
    return *pointer;
}
