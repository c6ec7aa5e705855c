// What the tests of EQUIVAE share: a model small enough for finite differences, its images, and one step of it as the
// trainer makes one.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/equivae.h"
#include "tests/support/device_test.h"
#include "tests/support/model_test.h"

namespace warpvae::test {

/// `count` random images of `classes` classes in turn, one set for all of R replicas.
struct Data {
    std::vector<std::uint8_t> pixels, bytes;
    DeviceImages images, labels;
    std::unique_ptr<ClassSets> classes;
    Data(int R, std::size_t count, int class_count, int size, std::uint64_t seed) {
        Random random(seed);
        pixels = random.integers<std::uint8_t>(count * size, 0, 255);
        for (std::size_t i = 0; i < count; ++i) bytes.push_back(std::uint8_t(i % class_count));
        images = DeviceImages({&pixels}, std::vector<int>(R), size);
        labels = DeviceImages({&bytes}, std::vector<int>(R), 1);
        if (count >= std::size_t(2 * class_count))
            classes =
                std::make_unique<ClassSets>(std::vector<const std::vector<std::uint8_t>*>(R, &bytes), class_count);
    }
    EquivaeData view(std::size_t unlabelled = 0) const { return {&images, &labels, classes.get(), unlabelled}; }
};

/// All parts of the model at a size that finite differences can afford.
inline EquivaeConfig tiny_config(int channels = 1) {
    EquivaeConfig config;
    config.height = config.width = 4;
    config.channels = channels;
    config.classes = 3;
    config.latents = 2;
    config.filters = {2, 3};
    config.decoder_filters = {2};
    config.trunk_hidden = 4;
    config.hidden = 3;
    config.decoder_hidden = 4;
    config.classifier_hidden = {4, 3};
    config.max_complement = 3;
    return config;
}

/// A step of the model as the trainer makes one: minibatch, shape, noise.
template <class T>
struct Step {
    Matmul matmul;
    Convolver convolver;
    DeviceBuffer<std::uint64_t> seeds, number;
    LatentNoise noise;
    int R;
    explicit Step(int R_, std::uint64_t step) : number(std::vector<std::uint64_t>{step}), R(R_) {
        std::vector<std::uint64_t> s;
        for (int r = 0; r < R; ++r) s.push_back(11 + r);
        seeds = DeviceBuffer<std::uint64_t>(s);
        noise.seeds = seeds.data(), noise.step = number.data();
    }
    void gather_into(Equivae<T>& model, const DeviceImages& images, int batch, int N, std::uint64_t step) {
        const MinibatchOrder order = MinibatchOrder::epochs(images.count(), batch);
        model.begin_step(order, step);
        GatherOptions options = model.input_shape();
        options.batch_rows = model.batch_rows(N);
        check(gather(model.minibatch(), images.table(), {seeds.data(), number.data(), order}, R, N, options, nullptr));
    }
};

/// Parameters away from the kinks of their ReLUs: biases 0 would put whole dead windows on them.
template <class T>
void randomise(ParameterArena<T>& parameters, std::uint64_t seed) {
    Random random(seed);
    for (int r = 0; r < parameters.replicas(); ++r) {
        std::vector<T> values = parameters.download(r);
        for (const ParameterInfo& tensor : parameters.layout().tensors())
            for (std::size_t i = 0; i < tensor.count; ++i) values[tensor.position(i)] = T(0.4 * random.normal());
        parameters.upload(r, values);
    }
}

/// The loss that gradients() is the gradient of, from the rows of evaluate().
inline std::vector<double> loss_of(Equivae<double>& model, int N, const LatentNoise& noise) {
    model.evaluate(N, noise);
    std::vector<double> out(model.replicas(), 0.0);
    for (const auto& term : model.loss_terms()) {
        const int count = term.per_step ? term.count : N;
        const std::size_t stride = term.row_stride ? term.row_stride : N;
        for (int r = 0; r < model.replicas(); ++r) {
            std::vector<double> rows(count);
            check(copy_to_host(rows.data(), term.rows + r * stride, rows.size() * sizeof(double)));
            double sum = 0;
            for (const double row : rows) sum += row;
            out[r] += term.weight * (term.per_step ? term.scale * sum : sum / N);
        }
    }
    return out;
}

/// f_inv(x) as q(y|x) reads it counts for nothing. The paper's stop_grad is no derivative of the loss; only where the
/// classifier does not read f_inv(x) is the whole a gradient.
inline void ignore_embedding(Equivae<double>& model) {
    for (const ParameterInfo& tensor : model.parameters().layout().tensors()) {
        if (tensor.name != "class.head.0.weight") continue;
        const int out = int(tensor.shape[0]), in = int(tensor.shape[1]);
        for (int r = 0; r < model.replicas(); ++r) {
            std::vector<double> values = model.parameters().download(r);
            for (int o = 0; o < out; ++o)
                for (int j = model.config().trunk_hidden; j < in; ++j) values[tensor.offset + o * in + j] = 0;
            model.parameters().upload(r, values);
        }
    }
}

/// Every parameter's gradient, or each kEveryParameter-th's, against differences of `loss`, at a step in which
/// everything has its part. The model is set up by `prepare` where it is given.
inline void expect_gradients(
    const EquivaeConfig& config, const std::string& name,
    const std::function<std::vector<double>(Equivae<double>&, int, const LatentNoise&)>& loss = loss_of,
    const std::function<void(Equivae<double>&, int, const LatentNoise&)>& prepare = {}) {
    const bool semi = config.semi_supervised;
    const int R = 2, N = semi ? 4 : 5, size = config.height * config.width * config.channels;
    const std::size_t unlabelled = 8;  // whole minibatches: a smaller last one weighs more in the literal sum
    const Data labelled(R, semi ? 6 : 12, config.classes, size, 1), rest(R, unlabelled, config.classes, size, 2);
    const std::uint64_t number = semi ? 1 : 3;
    Step<double> step(R, number);
    Equivae<double> model(config, R, N, labelled.view(unlabelled), step.matmul, step.convolver);
    randomise(model.parameters(), 5);
    ignore_embedding(model);
    step.gather_into(model, semi ? rest.images : labelled.images, N, N, number);
    if (prepare) prepare(model, N, step.noise);
    model.gradients(N, step.noise);
    double worst = 0;
    for (int r = 0; r < R; ++r) {
        const std::vector<double> analytic = model.parameters().download_gradients(r);
        std::vector<double> values = model.parameters().download(r);
        for (const ParameterInfo& tensor : model.parameters().layout().tensors())
            for (std::size_t i = 0; i < tensor.count; i += kEveryParameter) {
                const std::size_t at = tensor.position(i);
                const double kept = values[at], h = 4e-6;
                double side[2];
                for (int s = 0; s < 2; ++s) {
                    values[at] = kept + (s ? h : -h);
                    model.parameters().upload(r, values);
                    side[s] = loss(model, N, step.noise)[r];
                }
                values[at] = kept;
                const double numeric = (side[1] - side[0]) / (2 * h);
                const double error = std::abs(numeric - analytic[at]) / (1e-3 + std::abs(numeric));
                worst = std::max(worst, error);
                ASSERT_LT(error, 1e-5) << name << ": " << tensor.name << "[" << i << "] of replica " << r << ": "
                                       << analytic[at] << ", finite difference " << numeric;
            }
        model.parameters().upload(r, values);
    }
    std::printf("    %-60s largest relative error %.2g of 1e-5 allowed\n", name.c_str(), worst);
}

}  // namespace warpvae::test
