// The launches of a dense VAE's training step (784-400-20, 128 rows), one by one: fused products, and the launch of all
// weights' gradients with Adam. Twenty calls are one graph, so that the host is no part of the time.
//
//   bench_dense [R] [CASE] [TILE]   one line a case and tile: "case tile R microseconds floor_microseconds"
//
// R: replicas (1). CASE, TILE: that case or tile alone, such as x-h1 and 3 (0 by size, 1 small, 2 medium, 3 large), for
// Nsight Compute, which then meets no other kernel.
// floor: the larger of its multiplications with addition at 25.5 T/s (an H100's FFMA rate) and its bytes at 3 TB/s.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/device/launch_options.h"
#include "cuda/ops.h"

namespace warpvae {
namespace {

constexpr int N = 128, D = 784, H = 400, Z = 20, kCalls = 20, kRounds = 7;
constexpr std::size_t W1 = 0, W2 = 313600, W3 = 329600, W4 = 337600, B1 = 651200, B2 = 651648, B3 = 651712, B4 = 652160,
                      P = 652992;

struct Step {
    explicit Step(int R_) : R(R_) {}
    DeviceBuffer<float> rows(int width) { return DeviceBuffer<float>(std::size_t(R) * N * width, "rows"); }
    int R;
    Stream stream = stream_create();
    DeviceBuffer<float> arena{R * P}, m{R * P}, v{R * P}, gradients{R * P};
    DeviceBuffer<float> x = rows(D), h1 = rows(H), moments = rows(2 * Z), z = rows(Z), kl = rows(1), h3 = rows(H),
                        logits = rows(D), nll = rows(1), dh3 = rows(H), d_moments = rows(2 * Z), dh1 = rows(H),
                        parts = rows(row_sum_parts(D));
    DeviceBuffer<unsigned int> arrived{std::size_t(R) * row_sum_tiles(N)}, ended{1};
    DeviceBuffer<std::uint64_t> seeds{std::size_t(R)}, step{1};
    DeviceBuffer<float> rates{std::size_t(R)};
    DeviceBuffer<NonFinite> non_finite{std::size_t(R)};
    DeviceBuffer<double> sums{std::size_t(R) * 2};
    static constexpr std::size_t kImages = 60000;
    MinibatchOrder order = MinibatchOrder::epochs(kImages, N);
    DeviceBuffer<std::uint8_t> set{kImages * D};
    DeviceBuffer<const std::uint8_t*> images{std::vector<const std::uint8_t*>(R, set.data()), "images"};
};

double microseconds(Stream stream, const std::function<void()>& call) {
    Graph graph(stream, [&] {
        for (int i = 0; i < kCalls; ++i) call();
    });
    graph.replay();
    std::vector<double> times;
    for (int i = 0; i < kRounds; ++i) {
        Event begin, end;
        begin.record(stream);
        graph.replay();
        end.record(stream);
        times.push_back(1000 * end.milliseconds_since(begin) / kCalls);
    }
    std::sort(times.begin(), times.end());
    return times[kRounds / 2];
}

/// only_case: empty for all of them; only_tile: -1 for all of them.
void measure(int R, const std::string& only_case, int only_tile) {
    Step s(R);
    for (DeviceBuffer<float>* d :
         {&s.arena, &s.x, &s.h1, &s.moments, &s.z, &s.h3, &s.logits, &s.dh3, &s.d_moments, &s.dh1})
        check(philox_uniform(d->data(), d->size(), -0.1f, 0.1f, 1, Purpose::kTest, 0, s.stream));
    for (DeviceBuffer<float>* d : {&s.m, &s.v, &s.rates, &s.gradients}) d->zero(s.stream);
    s.arrived.zero(s.stream), s.ended.zero(s.stream), s.set.zero(s.stream), s.seeds.zero(s.stream),
        s.step.zero(s.stream), s.sums.zero(s.stream);
    const float* const a = s.arena.data();
    const auto print = [&](const char* name, double macs, double floats, const std::function<void()>& call) {
        if (!only_case.empty() && only_case != name) return;
        const double floor = std::max(R * macs / 25.5e6, R * floats * 4 / 3e6);
        for (const DenseTileSize tile :
             {DenseTileSize::kBySize, DenseTileSize::kSmall, DenseTileSize::kMedium, DenseTileSize::kLarge}) {
            if (only_tile >= 0 && only_tile != int(tile)) continue;
            launch_options().dense_tile = tile;
            std::printf("%s %d %d %.2f %.2f\n", name, int(tile), R, microseconds(s.stream, call), floor);
        }
        std::fflush(stdout);
        launch_options().dense_tile = DenseTileSize::kBySize;
    };
    const LatentNoise noise{s.seeds.data(), s.step.data()};
    print("x-h1", double(N) * D * H, N * (D + H) + D * H, [&] {
        check(fused_dense_forward(s.h1.data(), s.x.data(), a + W1, a + B1, P, Activation::kRelu, R, N, D, H, s.stream));
    });
    const MinibatchRows<float> images{s.x.data(), s.images.data(), {s.seeds.data(), s.step.data(), s.order}};
    print("gather", 0, 1.25 * N * D,
          [&] { check(gather(s.x.data(), s.images.data(), images.minibatch, R, N, {}, s.stream)); });
    print("gather-x-h1", double(N) * D * H, N * (1.25 * D + H) + D * H, [&] {
        check(fused_dense_gather_forward(s.h1.data(), images, a + W1, a + B1, P, Activation::kRelu, R, N, D, H,
                                         s.stream));
    });
    print("h1-z", double(N) * H * 2 * Z, N * (H + 3 * Z) + 2 * H * Z, [&] {
        check(fused_gaussian_head(s.moments.data(), s.z.data(), s.kl.data(), s.h1.data(), a + W2, a + B2, P, {}, noise,
                                  R, N, H, Z, s.stream));
    });
    print("z-h3", double(N) * H * Z, N * (H + Z) + H * Z, [&] {
        check(fused_dense_forward(s.h3.data(), s.z.data(), a + W3, a + B3, P, Activation::kRelu, R, N, Z, H, s.stream));
    });
    print("h3-loss", double(N) * D * H, N * (2 * D + H) + D * H, [&] {
        check(fused_dense_bernoulli(s.nll.data(), s.logits.data(), s.h3.data(), a + W4, a + B4, P, {s.x.data(), 0.01f},
                                    {s.parts.data(), s.arrived.data()}, R, N, H, D, s.stream));
    });
    print("h3-parts", double(N) * D * H, N * (2 * D + H) + D * H, [&] {
        check(fused_dense_bernoulli(nullptr, s.logits.data(), s.h3.data(), a + W4, a + B4, P, {s.x.data(), 0.01f},
                                    {s.parts.data(), nullptr}, R, N, H, D, s.stream));
    });
    print("loss-dh3", double(N) * D * H, N * (D + 2 * H) + D * H, [&] {
        check(fused_dense_backward_input(s.dh3.data(), s.logits.data(), s.h3.data(), a + W4, P, Activation::kRelu, R, N,
                                         H, D, s.stream));
    });
    print("dh3-dmoments", double(N) * H * Z, N * (H + 5 * Z) + H * Z, [&] {
        check(fused_gaussian_head_backward(s.d_moments.data(), s.dh3.data(), a + W3, P, s.z.data(), s.moments.data(),
                                           {}, 0.01f, R, N, Z, H, s.stream));
    });
    print("dmoments-dh1", double(N) * H * 2 * Z, N * (2 * H + 2 * Z) + 2 * H * Z, [&] {
        check(fused_dense_backward_input(s.dh1.data(), s.d_moments.data(), s.h1.data(), a + W2, P, Activation::kRelu, R,
                                         N, H, 2 * Z, s.stream));
    });
    const WeightLayers<float> layers{{{W4, B4, s.logits.data(), s.h3.data(), N, H, D},
                                      {W3, B3, s.dh3.data(), s.z.data(), N, Z, H},
                                      {W2, B2, s.d_moments.data(), s.h1.data(), N, H, 2 * Z},
                                      {W1, B1, s.dh1.data(), s.x.data(), N, D, H}},
                                     {}};
    print("weights-adam", double(N) * (2 * D * H + 3 * H * Z), N * 2 * (D + 2 * H + 2 * Z) + 6.0 * P, [&] {
        check(weight_gradients_adam({s.arena.data(), s.m.data(), s.v.data(), s.non_finite.data()}, s.gradients.data(),
                                    layers, s.rates.data(), s.step.data(), {}, R, P, s.stream));
    });
    constexpr int kParts = N * row_sum_parts(D);  // what a decoder leaves of a step's losses
    const StepEnd end{
        s.sums.data(), s.step.data(), {{s.parts.data(), kParts, kParts}, {s.kl.data(), N, N}}, s.ended.data()};
    print("weights-adam-sums", double(N) * (2 * D * H + 3 * H * Z), N * 2 * (D + 2 * H + 2 * Z) + 6.0 * P, [&] {
        check(weight_gradients_adam({s.arena.data(), s.m.data(), s.v.data(), s.non_finite.data()}, s.gradients.data(),
                                    layers, s.rates.data(), s.step.data(), {}, R, P, s.stream, &end));
    });
    print("weights", double(N) * (2 * D * H + 3 * H * Z), N * 2 * (D + 2 * H + 2 * Z) + 1.0 * P,
          [&] { check(weight_gradients(s.gradients.data(), layers, R, P, s.stream)); });
    print("sums", 0, 2 * N, [&] {
        check(accumulate_sums<float>(s.sums.data(), s.step.data(), {{s.nll.data(), N, N}, {s.kl.data(), N, N}}, R,
                                     s.stream));
    });
    stream_destroy(s.stream);
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) {
    const int R = argc > 1 ? std::atoi(argv[1]) : 1, tile = argc > 3 ? std::atoi(argv[3]) : -1;
    if (argc > 4 || R < 1) return std::fprintf(stderr, "bench_dense [R] [CASE] [TILE]\n"), 2;
    try {
        warpvae::require_device();
        warpvae::launch_options().fused_dense = true;
        warpvae::measure(R, argc > 2 ? argv[2] : "", tile);
    } catch (const std::exception& error) {
        return std::fprintf(stderr, "%s\n", error.what()), 1;
    }
}
