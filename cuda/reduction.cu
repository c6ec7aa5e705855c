#include "cuda/reduction.cuh"

#include <algorithm>

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status accumulate_sum(double* totals, std::size_t stride, const T* values, int R, int N, Stream stream,
                      std::size_t value_stride, double scale) {
    const RowValues<T> of{values, N, value_stride ? value_stride : std::size_t(N), scale};
    return launch(accumulate_sum_kernel<T>, for_blocks(1, R), stream, totals, stride, of);
}
template <class T>
Status accumulate_sums(double* totals, std::uint64_t* step, const std::vector<RowValues<T>>& terms, int R,
                       Stream stream) {
    if (terms.size() > kMostSums) return {kInvalidValue};
    SumTerms<T> of{};
    std::copy(terms.begin(), terms.end(), of.of);
    return launch(accumulate_sums_kernel<T, std::uint64_t>, for_blocks(terms.size() + 1, R), stream, totals, step, of);
}
template <class T>
Status accumulate_moments(double* sums, const T* x, int R, int N, int D, int x_stride, Stream stream) {
    return launch(accumulate_moments_kernel<T>, for_elements(D, R, Block::any(64)), stream, sums, x, N, D, x_stride);
}
Status accumulate_correct(unsigned long long* correct, const std::uint8_t* predicted, const std::uint8_t* const* labels,
                          std::size_t first, int R, int N, Stream stream) {
    return launch(accumulate_correct_kernel<unsigned long long>, for_blocks(1, R), stream, correct, predicted, labels,
                  first, N);
}

template Status accumulate_sum(double*, std::size_t, const float*, int, int, Stream, std::size_t, double);
template Status accumulate_sum(double*, std::size_t, const double*, int, int, Stream, std::size_t, double);
template Status accumulate_sums(double*, std::uint64_t*, const std::vector<RowValues<float>>&, int, Stream);
template Status accumulate_sums(double*, std::uint64_t*, const std::vector<RowValues<double>>&, int, Stream);
template Status accumulate_moments(double*, const float*, int, int, int, int, Stream);
template Status accumulate_moments(double*, const double*, int, int, int, int, Stream);

}  // namespace warpvae
