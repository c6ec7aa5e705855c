// Links the kernel library and calls two launchers from plain C++17.
#include <cmath>
#include <cstdio>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"

int main() try {
    warpvae::require_device();
    const int n = 1000;
    warpvae::DeviceBuffer<float> draws(n);
    warpvae::DeviceBuffer<double> total(1);
    total.zero();
    warpvae::check(warpvae::philox_normal(draws.data(), n, 1, warpvae::Purpose::kTest, 0, nullptr));
    warpvae::check(warpvae::accumulate_sum(total.data(), 1, draws.data(), 1, n, nullptr));
    // A product on the library's own terms: the draws' sum of squares.
    const warpvae::Matmul matmul;
    warpvae::DeviceBuffer<float> squares(1);
    warpvae::check(warpvae::matmul(matmul, squares.data(), 1, warpvae::Op::kNone, draws.data(), n, warpvae::Op::kNone,
                                   draws.data(), n, 1, 1, 1, n));
    const double mean = total.download()[0] / n, variance = squares.download()[0] / n - mean * mean;
    std::printf("%s: mean %.3f, variance %.3f\n", warpvae::device_name().c_str(), mean, variance);
    return std::abs(mean) < 0.16 && std::abs(variance - 1) < 0.23 ? 0 : 1;  // five deviations
} catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 2;
}
