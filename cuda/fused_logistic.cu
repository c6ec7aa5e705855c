#include "cuda/fused_logistic.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {
namespace {

constexpr int kMostClasses = 16;
constexpr int kMostFeatures = 4 * LogisticTile::kRows - 1;  // a thread for each quad of columns
constexpr std::size_t kOwnShared = 1024;                    // the reduction's, and what the driver takes

/// Classes that a kernel is made for: the next multiple of 4.
constexpr int padded_classes(int K) { return (K + 3) / 4 * 4; }

}  // namespace

bool fused_logistic_fits(int K, int d) {
    return K >= 1 && K <= kMostClasses && d >= 0 && d <= kMostFeatures &&
           LogisticTile(d).shared_bytes(padded_classes(K)) + kOwnShared <= device_shared_bytes();
}

bool logistic_is_fused(int K, int d) {
    return (device_is_gpu() || launch_options().fused_dense) && fused_logistic_fits(K, d);
}

Status fused_logistic_sums(const LogisticSums& to, const double* theta, const LogisticRows& rows,
                           const unsigned* counts, const LbfgsControl* control, int Q, int K, Stream stream) {
    const std::size_t chunks = fused_logistic_chunks(rows.n);
    if (!fused_logistic_fits(K, rows.d) || std::size_t(to.chunks) != chunks) return {kInvalidValue};
    const int classes = padded_classes(K);
    const auto kernel = classes == 4    ? fused_logistic_kernel<4>
                        : classes == 8  ? fused_logistic_kernel<8>
                        : classes == 12 ? fused_logistic_kernel<12>
                                        : fused_logistic_kernel<16>;
    const LaunchConfig config =
        for_blocks(chunks, Q, Block::fixed(LogisticTile::kRows), LogisticTile(rows.d).shared_bytes(classes));
    return launch(kernel, config, stream, to, theta, rows, counts, control, K);
}

}  // namespace warpvae
