// What the tests of models share: the gradient of every parameter against finite differences, small images, and a model
// in training.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "cuda/device/launch_options.h"
#include "host/core/trainer.h"

namespace warpvae::test {

/// Trains to the end of the running epoch; each replica's means over it.
inline std::vector<ReplicaLoss> finish_epoch(Trainer& trainer) {
    trainer.finish_epoch([](std::uint64_t) { return true; });
    const auto losses = trainer.losses();
    trainer.reset_losses();
    return losses;
}

/// n numbers between low and high.
template <class T>
std::vector<T> uniform(std::size_t n, double low, double high, unsigned seed) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<double> draw(low, high);
    std::vector<T> out(n);
    for (T& x : out) x = T(draw(engine));
    return out;
}

/// `count` images of side x side, each with a bright block of its own, `margin` from the edge or more.
inline std::vector<std::uint8_t> blocks(std::size_t count, std::size_t side = 6, std::size_t margin = 0) {
    std::vector<std::uint8_t> images(count * side * side, 0);
    for (std::size_t n = 0; n < count; ++n)
        for (std::size_t y = 0; y < 3; ++y)
            for (std::size_t x = 0; x < 3; ++x)
                images[(n * side + n / 4 % 4 + y + margin) * side + n % 4 + x + margin] = std::uint8_t(255 - 5 * y);
    return images;
}

/// While one lives, dense layers run the GPU's fused kernels, on the CPU device too.
struct FusedDense {
    FusedDense() { launch_options().fused_dense = true; }
    ~FusedDense() { launch_options().fused_dense = before; }
    const bool before = launch_options().fused_dense;
};

/// The loss of each replica: mean over the rows of the weighted terms, times `scale`.
inline std::vector<double> model_loss(Model<double>& model, int N, const LatentNoise& noise, double scale) {
    model.evaluate(N, noise);
    std::vector<double> out(model.replicas(), 0.0);
    for (const auto& term : model.loss_terms()) {
        std::vector<double> rows(std::size_t(model.replicas()) * N);
        check(copy_to_host(rows.data(), term.rows, rows.size() * sizeof(double)));
        for (std::size_t i = 0; i < rows.size(); ++i) out[i / N] += scale * term.weight * rows[i] / N;
    }
    return out;
}

/// Of a tensor's parameters each one is tried, or under a sanitizer, which has seen all code after a few, some.
#ifdef WARPVAE_SANITIZED
inline constexpr std::size_t kEveryParameter = 17;
#else
inline constexpr std::size_t kEveryParameter = 1;
#endif
/// Every parameter of every replica, or each kEveryParameter-th; `x` [R, N, D] is put into the minibatch. `loss` is
/// what the gradient is of. Returns the largest relative error.
inline double expect_model_gradient(
    Model<double>& model, const std::vector<double>& x, int N, const LatentNoise& noise, double scale,
    const std::string& name,
    const std::function<std::vector<double>(Model<double>&, int, const LatentNoise&, double)>& loss = model_loss) {
    const auto fill = [&] { check(copy_to_device(model.minibatch(), x.data(), x.size() * sizeof(double))); };
    fill();
    model.gradients(N, noise);
    double worst = 0;
    for (int r = 0; r < model.replicas(); ++r) {
        const std::vector<double> analytic = model.parameters().download_gradients(r);
        std::vector<double> values = model.parameters().download(r);
        for (const ParameterInfo& tensor : model.parameters().layout().tensors())
            for (std::size_t i = 0; i < tensor.count; i += kEveryParameter) {
                const std::size_t at = tensor.position(i);
                const double kept = values[at], h = 1e-6;
                double side[2];
                for (int s = 0; s < 2; ++s) {
                    values[at] = kept + (s ? h : -h);
                    model.parameters().upload(r, values);
                    fill();
                    side[s] = loss(model, N, noise, scale)[r];
                }
                values[at] = kept;
                const double numeric = (side[1] - side[0]) / (2 * h);
                const double error = std::abs(numeric - analytic[at]) / (1e-3 + std::abs(numeric));
                worst = std::max(worst, error);
                if (!(error < 1e-5)) {
                    ADD_FAILURE() << name << ": " << tensor.name << "[" << i << "] of replica " << r << ": "
                                  << analytic[at] << ", finite difference " << numeric;
                    return error;
                }
            }
        model.parameters().upload(r, values);
    }
    std::printf("    %-60s largest relative error %.2g of 1e-5 allowed\n", name.c_str(), worst);
    return worst;
}

}  // namespace warpvae::test
