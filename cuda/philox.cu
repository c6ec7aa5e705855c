#include "cuda/philox.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status philox_normal(T* out, std::size_t n, std::uint64_t seed, Purpose purpose, std::uint64_t step, Stream stream) {
    return launch(philox_normal_kernel<T>, for_elements((n + 3) / 4), stream, out, n, seed, purpose, step);
}

template <class T>
Status philox_uniform(T* out, std::size_t n, T low, T high, std::uint64_t seed, Purpose purpose, std::uint64_t step,
                      Stream stream) {
    return launch(philox_uniform_kernel<T>, for_elements((n + 3) / 4), stream, out, n, low, high, seed, purpose, step);
}

template Status philox_normal(float*, std::size_t, std::uint64_t, Purpose, std::uint64_t, Stream);
template Status philox_normal(double*, std::size_t, std::uint64_t, Purpose, std::uint64_t, Stream);
template Status philox_uniform(float*, std::size_t, float, float, std::uint64_t, Purpose, std::uint64_t, Stream);
template Status philox_uniform(double*, std::size_t, double, double, std::uint64_t, Purpose, std::uint64_t, Stream);

}  // namespace warpvae
