// Each operation of a VAE's training step and of its evaluation: time for one model as a training step calls it (data
// in cache), and for many models at once (data in memory) against the floor that its bytes set.
//
//   floor = bytes that must move / rate of the better copy (copy_rate.cuh), timed in turns with the operation
//   share = floor / time: medians of 7 turns
#include <cstdio>
#include <functional>
#include <limits>
#include <string>

#include "cuda/device/buffer.h"
#include "cuda/device/launch.cuh"
#include "cuda/device/loops.cuh"
#include "cuda/ops.h"
#include "profiling/copy_rate.cuh"
#include "profiling/stopwatch.h"

namespace warpvae {
namespace {

constexpr int N = 128, D = 784, H = 400, Z = 20;
constexpr int kClasses = 10, kNeighbours = 20, kFeatures = 100, kReduced = 20;
constexpr std::size_t P = 653824;  // parameters of 784-400-20-400-784, padded as in the arena

/// Everything that the operations read and write, for R models.
struct Data {
    int R;
    DeviceBuffer<std::uint8_t> bytes;
    DeviceBuffer<const std::uint8_t*> images;
    DeviceBuffer<std::uint64_t> seeds, step;
    DeviceBuffer<float> x, y, h, dh, moments, dmoments, z, dz, rows, parameters, gradients, m, v, rates, partials, ones;
    DeviceBuffer<NonFinite> non_finite;
    DeviceBuffer<double> sums, alphas;
    DeviceBuffer<LogWeights> weights;
    DeviceBuffer<LbfgsSearch> searches;
    DeviceBuffer<LbfgsControl> controls;
    DeviceBuffer<LbfgsScalars> scalars;
    DeviceBuffer<unsigned> listed, counts, offsets;  // svm_active_rows' result, layout_half_epoch's graph
    DeviceBuffer<unsigned> all_rows, all_labels;     // lengths of svm_gather_rows' lists, rows of each class
    DeviceBuffer<int> neighbours;
    DeviceBuffer<float> scaled;
    DeviceBuffer<double> centred, losses;

    explicit Data(int R_)
        : R(R_),
          bytes(std::size_t(60000) * D),
          images(std::vector<const std::uint8_t*>(R_, bytes.data())),
          seeds(std::vector<std::uint64_t>(R_, 1)),
          step(std::vector<std::uint64_t>{0}),
          x(rows_of(D)),
          y(rows_of(D)),
          h(rows_of(H)),
          dh(rows_of(H)),
          moments(rows_of(2 * Z)),
          dmoments(rows_of(2 * Z)),
          z(rows_of(Z)),
          dz(rows_of(Z)),
          rows(rows_of(1)),
          parameters(R_ * P),
          gradients(R_ * P),
          m(R_ * P),
          v(R_ * P),
          rates(std::vector<float>(R_, 1e-3f)),
          partials(R_ * channel_bias_partials(N * D / 8, 8)),
          ones(std::vector<float>(rows_of(kNeighbours), 1.f)),
          non_finite(R_),
          sums(std::size_t(R_) * 2 * D),
          alphas(std::vector<double>(R_, 0.5)),
          weights(rows_of(1)),
          searches(std::vector<LbfgsSearch>(R_ * kClasses, endless())),
          controls(std::vector<LbfgsControl>(R_ * kClasses, LbfgsControl{1, 0, 1, 0, 0, 1.})),
          scalars(std::vector<LbfgsScalars>(R_ * kClasses, LbfgsScalars{-1, 1, 1, 0, 0, 1})),
          listed(std::vector<unsigned>(rows_of(kClasses), 0)),
          counts(std::size_t(R_) * kClasses),
          offsets(multiples(rows_of(1) + 1)),
          all_rows(std::vector<unsigned>(std::size_t(R_) * kClasses, N)),
          all_labels(std::vector<unsigned>(std::size_t(R_) * 256, 1)),
          neighbours(neighbours_of(int(rows_of(1)))),
          scaled(rows_of(kClasses * (kFeatures + 1))),
          centred(rows_of(D)),
          losses(2 * std::size_t(R_)) {
        bytes.zero(), m.zero(), v.zero(), sums.zero(), weights.zero();
        for (DeviceBuffer<float>* b : {&x, &y, &h, &dh, &moments, &dmoments, &z, &dz, &rows, &parameters, &gradients})
            check(philox_uniform(b->data(), b->size(), 0.f, 0.1f, 1, Purpose::kTest, 0, nullptr));
    }
    std::size_t rows_of(std::size_t columns) const { return std::size_t(R) * N * columns; }
    /// A problem that accepts every step and goes on.
    static LbfgsSearch endless() {
        LbfgsSearch search{};
        search.max_iterations = std::numeric_limits<int>::max();
        return search;
    }
    static std::vector<unsigned> multiples(std::size_t count) {
        std::vector<unsigned> out;
        for (std::size_t i = 0; i < count; ++i) out.push_back(unsigned(i * kNeighbours));
        return out;
    }
    static std::vector<int> neighbours_of(int vertices) {
        std::vector<int> out;
        for (int i = 0; i < vertices; ++i)
            for (int k = 1; k <= kNeighbours; ++k) out.push_back(int((i + 7919LL * k) % vertices));
        return out;
    }
};

struct Operation {
    std::string name;
    double bytes, flops;  // of one model
    std::function<Status(Data&)> call;
};

/// What a GPU alone has a kernel for: the CPU device takes a library's products.
std::vector<Operation> fused_operations() {
    constexpr int kRows = 1000;
    return {{"fused_logistic_sums (1,000 rows of 100 features, 10 classes)", kRows * (4.0 * kFeatures + 1),
             4.0 * kRows * kClasses * (kFeatures + 1), [](Data& d) {
                 const LogisticSums sums{d.h.data(), d.rows.data(), d.losses.data(), int(fused_logistic_chunks(kRows))};
                 return fused_logistic_sums(sums, d.sums.data(), {d.x.data(), d.images.data(), kRows, kFeatures},
                                            d.all_labels.data(), d.controls.data(), d.R, kClasses, nullptr);
             }}};
}

std::vector<Operation> operations(const Matmul& matmul) {
    const double pixels = double(N) * D, hidden = double(N) * H, latents = double(N) * Z, product = 2.0 * N * D * H;
    return {
        {"gather", 5 * pixels, 0,
         [](Data& d) {
             GatherOptions options;
             return gather(d.x.data(), d.images.data(),
                           {d.seeds.data(), d.step.data(), MinibatchOrder::epochs(60000, N)}, d.R, N, options, nullptr);
         }},
        {"dense: x W^T (784 to 400)", 4 * (pixels + hidden + double(D) * H), product,
         [&matmul](Data& d) {
             return warpvae::matmul(matmul, d.h.data(), std::size_t(N) * H, Op::kNone, d.x.data(), std::size_t(N) * D,
                                    Op::kTranspose, d.parameters.data(), P, d.R, N, H, D);
         }},
        {"dense: dW = dy^T x", 4 * (pixels + hidden + double(D) * H), product,
         [&matmul](Data& d) {
             return warpvae::matmul(matmul, d.gradients.data(), P, Op::kTranspose, d.h.data(), std::size_t(N) * H,
                                    Op::kNone, d.x.data(), std::size_t(N) * D, d.R, H, D, N);
         }},
        {"dense: dx = dy W (784 to 400)", 4 * (pixels + hidden + double(D) * H), product,
         [&matmul](Data& d) {
             return warpvae::matmul(matmul, d.dh.data(), std::size_t(N) * H, Op::kNone, d.y.data(), std::size_t(N) * D,
                                    Op::kNone, d.parameters.data(), P, d.R, N, H, D);
         }},
        {"bias_activation (relu, 784)", 8 * pixels, 0,
         [](Data& d) {
             return bias_activation(d.y.data(), d.parameters.data(), P, Activation::kRelu, d.R, N, D, nullptr);
         }},
        {"activation_backward (relu, 400)", 12 * hidden, 0,
         [](Data& d) { return activation_backward(d.dh.data(), d.h.data(), Activation::kRelu, d.dh.size(), nullptr); }},
        {"column_sum (784)", 4 * pixels, 0,
         [](Data& d) { return column_sum(d.gradients.data(), d.y.data(), P, d.R, N, D, nullptr); }},
        {"gaussian_head_forward", 4 * (hidden + 2.0 * Z * H + 3 * latents), 4.0 * N * H * Z,
         [](Data& d) {
             const LatentNoise noise{d.seeds.data(), d.step.data(), Purpose::kLatent, 0};
             return gaussian_head_forward(d.moments.data(), d.z.data(), d.rows.data(), d.h.data(), d.parameters.data(),
                                          d.parameters.data() + 2 * Z * H, P, noise, d.R, N, H, Z, nullptr);
         }},
        {"bernoulli_from_logits + gradient", 12 * pixels, 0,
         [](Data& d) {
             return bernoulli_from_logits(d.rows.data(), d.y.data(), d.y.data(), d.x.data(), 1.f / N, d.R, N, D,
                                          nullptr);
         }},
        {"adam (whole arena)", 28.0 * P, 0,
         [](Data& d) {
             return adam<float>({d.parameters.data(), d.m.data(), d.v.data(), d.non_finite.data()}, d.gradients.data(),
                                d.rates.data(), d.step.data(), {}, d.R, P, nullptr);
         }},
        {"gaussian_sample_forward", 4 * 3 * latents, 0,
         [](Data& d) {
             return gaussian_sample_forward<float>(d.z.data(), d.rows.data(), d.moments.data(), {},
                                                   Spread::kLogDeviation, {d.seeds.data(), d.step.data()}, d.R, N, Z,
                                                   nullptr);
         }},
        {"gaussian_sample_backward", 4 * 6 * latents, 0,
         [](Data& d) {
             return gaussian_sample_backward<float>(d.dmoments.data(), d.dz.data(), d.z.data(), d.moments.data(), {},
                                                    Spread::kLogDeviation, 1.f / N, d.R, N, Z, nullptr);
         }},
        {"sigmoid_backward (784)", 12 * pixels, 0,
         [](Data& d) { return sigmoid_backward<float>(d.y.data(), d.y.data(), d.x.data(), d.y.size(), nullptr); }},
        {"adadelta (whole arena)", 28.0 * P, 0,
         [](Data& d) {
             return adadelta<float>({d.parameters.data(), d.m.data(), d.v.data(), d.non_finite.data()},
                                    d.gradients.data(), d.rates.data(), d.step.data(), {}, d.R, P, nullptr);
         }},
        {"posterior_samples (25 draws)", 4 * (25 * (latents + N) + 2 * latents), 0,
         [](Data& d) {
             return posterior_samples(d.y.data(), d.h.data(), d.moments.data(), {d.seeds.data(), d.step.data()}, d.R, N,
                                      25, Z, nullptr);
         }},
        {"accumulate_log_weights (400 draws)", 8 * hidden + 2.0 * N * sizeof(LogWeights), 0,
         [](Data& d) {
             return accumulate_log_weights(d.weights.data(), d.dh.data(), d.h.data(), d.R * N, H, nullptr);
         }},
        {"dropout (400)", 8 * hidden, 0,
         [](Data& d) {
             return dropout<float>(d.dh.data(), d.h.data(), {0.5, d.seeds.data(), d.step.data(), 0}, d.R, N, H,
                                   nullptr);
         }},
        {"repeat_rows (40, 15 times)", 4 * 16 * 2 * latents, 0,
         [](Data& d) {
             return repeat_rows<float>(d.y.data(), d.moments.data(), 15, std::size_t(d.R) * N, 2 * Z, nullptr);
         }},
        {"mean_rows (of 400)", 4 * (hidden + N), 0,
         [](Data& d) { return mean_rows<float>(d.rows.data(), d.h.data(), H, std::size_t(d.R) * N, nullptr); }},
        {"channel_bias_forward (8 channels, relu)", 8 * pixels, 0,
         [](Data& d) {
             return channel_bias_forward<float>(d.y.data(), d.parameters.data(), P, Activation::kRelu, d.R, N * D / 8,
                                                8, nullptr);
         }},
        {"channel_bias_backward (8 channels, relu)", 12 * pixels, 0,
         [](Data& d) {
             return channel_bias_backward<float>(d.y.data(), d.gradients.data(), d.partials.data(), d.x.data(), P, d.R,
                                                 N * D / 8, 8, nullptr);
         }},
        {"gaussian_likelihood + gradient", 12 * pixels, 0,
         [](Data& d) {
             return gaussian_likelihood<float>({d.rows.data(), d.y.data(), nullptr}, d.y.data(), d.x.data(), {},
                                               1.f / N, d.R, N, D, 1, nullptr);
         }},
        {"softmax_cross_entropy + gradient (10 classes)", 8.0 * N * 10, 0,
         [](Data& d) {
             return softmax_cross_entropy<float>({d.rows.data(), d.z.data(), nullptr}, d.z.data(), nullptr, 0,
                                                 {d.images.data()}, 1.f / N, ClassAxis::kLast, d.R, N, 10, nullptr);
         }},
        {"softmax_cross_entropy + gradient (10 classes, classes first)", 8.0 * N * kClasses, 0,
         [](Data& d) {
             return softmax_cross_entropy<float>({d.rows.data(), d.z.data(), nullptr}, d.z.data(), nullptr, 0,
                                                 {d.images.data()}, 1.f / N, ClassAxis::kFirst, d.R, N, kClasses,
                                                 nullptr);
         }},
        {"lbfgs_decide (10 problems)",
         2.0 * kClasses * (sizeof(LbfgsSearch) + sizeof(LbfgsControl)) + kClasses * sizeof(LbfgsScalars), 0,
         [](Data& d) {
             return lbfgs_decide(d.searches.data(), d.controls.data(), d.scalars.data(), d.R * kClasses, nullptr);
         }},
        {"squared_hinge (10 classes)", 8.0 * N * kClasses + 16 * kClasses, 0,
         [](Data& d) {
             return squared_hinge(d.sums.data(), d.sums.data() + d.sums.size() / 2, d.dh.data(), d.h.data(),
                                  {d.bytes.data(), d.bytes.data(), 1, N}, {0, 1, 1}, d.R * kClasses, nullptr);
         }},
        {"svm_active_rows (10 classes)", 8.0 * N * kClasses, 0,
         [](Data& d) {
             return svm_active_rows(d.listed.data(), d.counts.data(), d.x.data(), d.h.data(), d.bytes.data(),
                                    d.R * kClasses, N, N, nullptr);
         }},
        {"svm_gather_rows (20 features, 10 classes)", 2 * 4.0 * N * kClasses * kReduced, 0,
         [](Data& d) {
             return svm_gather_rows(d.y.data(), d.x.data(), {d.listed.data(), d.all_rows.data()},
                                    {0, d.R * kClasses, N}, N, kClasses, kReduced, nullptr);
         }},
        {"sample_rows (100 features)", 2 * 4.0 * N * kFeatures, 0,
         [](Data& d) { return sample_rows(d.y.data(), d.x.data(), 0, N, N, kFeatures, N, d.R, nullptr); }},
        {"logistic_curvature (100 features, 10 classes)", 4.0 * N * (kFeatures + kClasses + kClasses * (kFeatures + 1)),
         0,
         [](Data& d) {
             return logistic_curvature(d.scaled.data(), d.h.data(), d.parameters.data(), d.x.data(),
                                       d.all_labels.data(), d.R, N, kClasses, kFeatures, nullptr);
         }},
        {"centre_rows (784, to double)", 12 * pixels, 0,
         [](Data& d) { return centre_rows<double>(d.centred.data(), d.x.data(), nullptr, d.R, N * D, nullptr); }},
        {"squared_norms (784)", 4 * pixels, 0,
         [](Data& d) { return squared_norms(d.rows.data(), d.x.data(), d.rows_of(1), D, nullptr); }},
        {"fuzzy_membership (20 neighbours)", 8.0 * N * (kNeighbours + 1), 0,
         [](Data& d) {
             return fuzzy_membership(d.h.data(), d.rows.data(), d.dh.data(), d.x.data(), 0.05, d.rows_of(1),
                                     kNeighbours, nullptr);
         }},
        {"layout_half_epoch (20 neighbours, all due)", N * (16.0 + kNeighbours * 8), 0,
         [](Data& d) {
             const LayoutGraph graph{d.offsets.data(), d.neighbours.data(), d.ones.data(), int(d.rows_of(1))};
             return layout_half_epoch<float>(d.dz.data(), d.z.data(), graph, {1.577f, 0.895f, 1.f, 1.f, 5, 1, 1, 0}, 2,
                                             nullptr);
         }},
        {"renyi_bound (25 draws)", 4.0 * N * (3 * 25 + 1), 0,
         [](Data& d) {
             return renyi_bound<float>({d.rows.data(), nullptr, d.dh.data()}, d.h.data(), d.y.data(), nullptr,
                                       {d.alphas.data(), false}, d.R, N, 25, nullptr);
         }},
        {"psnr (784)", 4 * (2 * pixels + N), 0,
         [](Data& d) { return psnr<float>(d.rows.data(), d.y.data(), d.x.data(), d.R, N, D, nullptr); }},
        {"degrade (Gaussian, 28 x 28)", 8 * pixels, 0,
         [](Data& d) {
             return degrade<float>(d.y.data(), d.x.data(), {DegradationKind::kGaussian, 0.1f}, d.seeds.data(), 0, d.R,
                                   N, 28, 28, nullptr);
         }},
        {"accumulate_moments (20 of 40 columns)", 4 * latents + 32.0 * Z, 0,
         [](Data& d) { return accumulate_moments<float>(d.sums.data(), d.moments.data(), d.R, N, Z, 2 * Z, nullptr); }},
        {"philox_normal (784)", 4 * pixels, 0,
         [](Data& d) { return philox_normal(d.y.data(), d.y.size(), 1, Purpose::kTest, 0, nullptr); }},
    };
}

int run() {
    require_device();
    const int many = device_is_gpu() ? 512 : 128;
    const Matmul matmul;
    const CopyRate copy(std::size_t(many) * N * D);
    std::printf("%s; the better of our copy kernel and the device's own moves %.1f GB/s (read + written)\n\n",
                device_name().c_str(), copy.sustained() / 1e3);
    std::printf("| operation, 128 rows | bytes | 1 model, us | %d models, us | floor, us | share | GFLOP/s |\n", many);
    std::printf("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    Data one(1), all(many);
    std::vector<Operation> measured = operations(matmul);
    if (device_is_gpu())
        for (const Operation& operation : fused_operations()) measured.push_back(operation);
    for (const Operation& operation : measured) {
        const Timing alone = time_call(nullptr, [&] { check(operation.call(one)); });
        std::vector<double> operation_times, copy_rates;
        check(operation.call(all));
        for (int turn = 0; turn < 7; ++turn) {
            copy_rates.push_back(copy.bytes_per_microsecond());
            operation_times.push_back(microseconds(nullptr, [&] { check(operation.call(all)); }));
        }
        const double together = timing_of(operation_times).median;
        const double floor = many * operation.bytes / timing_of(copy_rates).median;
        std::printf("| %s | %.0f | %.1f | %.0f | %.0f | %.0f %% | ", operation.name.c_str(), operation.bytes,
                    alone.median, together, floor, 100 * floor / together);
        if (operation.flops > 0)
            std::printf("%.0f |\n", many * operation.flops / together / 1e3);
        else
            std::printf(" |\n");
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace
}  // namespace warpvae

int main() try { return warpvae::run(); } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_kernels: %s\n", error.what());
    return 1;
}
