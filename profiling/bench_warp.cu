// The fused warps, forward and backward (image and parameters), for the sizes of the papers and beyond:
//
//   bench_warp [LARGEST [more]]   one line per case of at most LARGEST images: "case microseconds floor_microseconds"
//
// more: also the decoder's likelihood with all its gradients (20 bytes a pixel), and what the library leaves aside for
// these sizes: forward with images read through the cache, backward with that and sums of 64 bits, and backward of all
// channels at once, where they leave no room for another block.
//
// floor = bytes that must move / rate of the better copy (copy_rate.cuh). Forward: read the image, write the output (8
// bytes a pixel); backward: read the gradient and the image, write the image's gradient (12). The grid is never stored.
// The peer is peers/warp_torch.py; run_benchmarks.sh runs both in turns and prints one table.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "cuda/device/buffer.h"
#include "cuda/device/dependent_launch.cuh"
#include "cuda/device/loops.cuh"
#include "cuda/grid_sample_backward.cuh"
#include "cuda/ops.h"
#include "profiling/copy_rate.cuh"
#include "profiling/stopwatch.h"

namespace warpvae {
namespace {

struct Case {
    const char* warp;
    int N, C, size;
};
constexpr Case kCases[] = {{"affine", 100, 1, 28},  {"affine", 1024, 1, 28}, {"affine", 16384, 1, 28},
                           {"affine", 4096, 3, 64}, {"tps", 100, 1, 28},     {"tps", 1024, 1, 28},
                           {"tps", 16384, 1, 28},   {"tps", 4096, 3, 64}};

template <class Grid>
void forward_through_cache(float* out, const float* images, const Grid& grid, int N, const SampleShape& shape) {
    check(launch_dependent(grid_sample_forward_kernel<float, Grid, Padding::kBorder, false>, for_blocks(N), nullptr,
                           out, images, grid, shape, SampleOptions{}));
}
template <bool staged, class Fixed, class Grid>
void backward_as_planned(float* dimages, float* du, const float* dout, const float* images, const Grid& grid, int N,
                         const SampleShape& shape, const BackwardPlan& plan, Block block) {
    check(launch_dependent(grid_sample_backward_kernel<float, Grid, Padding::kBorder, staged, Fixed>,
                           for_blocks(N, plan.bands, block, plan.bytes), nullptr,
                           SampleGradients<float>{dimages, du, false}, dout, images, grid, shape, SampleOptions{},
                           plan));
}

void measure(const Case& c, bool more) {
    SampleShape shape{c.C, c.size, c.size, c.size, c.size};
    const bool spline = std::strcmp(c.warp, "tps") == 0;
    const std::vector<double> basis_host =
        spline ? thin_plate_spline_basis(3, c.size, c.size) : affine_basis(c.size, c.size);
    const DeviceBuffer<float> basis(std::vector<float>(basis_host.begin(), basis_host.end()));
    Warp<float> warp{spline ? WarpForm::kControlPoints : WarpForm::kAffine, basis.data(), spline ? 9 : 3,
                     spline ? 18 : 6};
    const std::size_t n = std::size_t(c.N) * c.C * c.size * c.size;
    DeviceBuffer<float> images(n), out(n), dout(n), dimages(n), u(std::size_t(c.N) * warp.stride), du(u.size());
    check(philox_uniform(images.data(), n, 0.f, 1.f, 1, Purpose::kTest, 0, nullptr));
    check(philox_uniform(dout.data(), n, -1.f, 1.f, 1, Purpose::kTest, 1, nullptr));
    check(philox_uniform(u.data(), u.size(), -0.2f, 0.2f, 1, Purpose::kTest, 2, nullptr));
    if (!spline) {  // about the identity
        std::vector<float> host = u.download();
        for (std::size_t i = 0; i < host.size(); ++i) host[i] += i % 6 == 0 || i % 6 == 4 ? 1.f : 0.f;
        u.upload(host);
    }
    const double bandwidth = CopyRate(n).sustained();
    const auto print = [&](const char* what, double bytes, const Timing& t) {
        std::printf("%s-%dx%dx%d-N%d-%s %.1f %.1f\n", c.warp, c.size, c.size, c.C, c.N, what, t.median,
                    bytes * double(n) / bandwidth);
        std::fflush(stdout);
    };
    print("forward", 8, time_call(nullptr, [&] {
              check(warp_forward<float>(out.data(), images.data(), u.data(), warp, c.N, shape, {}, nullptr));
          }));
    print("backward", 12, time_call(nullptr, [&] {
              check(warp_backward<float>(dimages.data(), du.data(), false, dout.data(), images.data(), u.data(), warp,
                                         c.N, shape, {}, nullptr));
          }));
    if (!more) return;
    DeviceBuffer<float> nll(c.N), dlogits(n);
    print("likelihood", 20, time_call(nullptr, [&] {
              check(warp_sigmoid_bernoulli<float>({nll.data(), out.data(), dout.data(), dlogits.data(), du.data()},
                                                  images.data(), u.data(), warp, images.data(), 1.f, c.N, shape, {},
                                                  nullptr));
          }));
    const auto leave_aside = [&](const auto& grid) {
        print("forward-cached", 8,
              time_call(nullptr, [&] { forward_through_cache(out.data(), images.data(), grid, c.N, shape); }));
        print("backward-64bit", 12, time_call(nullptr, [&] {
                  backward_as_planned<false, FixedPoint>(dimages.data(), du.data(), dout.data(), images.data(), grid,
                                                         c.N, shape, backward_plan(shape, true, false, false, 4),
                                                         Block::any());
              }));
        if (c.C > 1)
            print("backward-at-once", 12, time_call(nullptr, [&] {
                      backward_as_planned<true, FixedLimbs>(
                          dimages.data(), du.data(), dout.data(), images.data(), grid, c.N, shape,
                          backward_plan(shape, true, true, false, 4, 200 * 1024), Block::any(512));
                  }));
    };
    if (spline)
        leave_aside(LinearGrid<float, 9>{warp, u.data()});
    else
        leave_aside(LinearGrid<float, 3>{warp, u.data()});
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try {
    warpvae::require_device();
    const int largest = argc > 1 ? std::atoi(argv[1]) : 1 << 30;
    const bool more = argc > 2 && std::strcmp(argv[2], "more") == 0;
    for (const auto& c : warpvae::kCases)
        if (c.N <= largest) warpvae::measure(c, more);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_warp: %s\n", error.what());
    return 1;
}
