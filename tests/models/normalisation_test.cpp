// EQUIVAE with batch normalisation: every gradient through the batch's statistics by finite differences, and what
// evaluation makes of the running averages.
#include <gtest/gtest.h>

#include <set>

#include "tests/support/equivae_step.h"

namespace warpvae {
namespace {

using namespace test;

EquivaeConfig normalised_config(int channels = 1) {
    EquivaeConfig config = tiny_config(channels);
    config.normalisation = Normalisation::kBatch;
    return config;
}

TEST(Normalisation, BackwardEqualsFiniteDifferences) {
    expect_gradients(normalised_config(), "supervised, batch normalisation");
    EquivaeConfig config = normalised_config(2);
    config.likelihood = Likelihood::kLearnedGaussian;
    expect_gradients(config, "in colour, batch normalisation");
    config = normalised_config();
    config.self_complement = true;
    expect_gradients(config, "r from the image itself, batch normalisation");
}

TEST(Normalisation, BackwardEqualsFiniteDifferencesSemiSupervised) {
    EquivaeConfig config = normalised_config();
    config.semi_supervised = true;
    for (const LabelledMixing mixing : {LabelledMixing::kPaired, LabelledMixing::kSum}) {
        config.mixing = mixing;
        expect_gradients(config, "semi-supervised, batch normalisation");
    }
}

TEST(Normalisation, EvaluationOfAnImageDependsOnNoOther) {
    const int R = 2, N = 5;
    const EquivaeConfig config = normalised_config();
    const Data data(R, 12, config.classes, 16, 1);
    Step<double> step(R, 3);
    Equivae<double> model(config, R, N, data.view(), step.matmul, step.convolver);
    randomise(model.parameters(), 5);
    for (int r = 0; r < R; ++r) {  // variances are positive
        std::vector<double> values = model.parameters().download(r);
        for (const ParameterInfo& tensor : model.parameters().layout().tensors())
            if (tensor.name.ends_with("running_var")) tensor.set(values, std::vector<double>(tensor.count, 0.7));
        model.parameters().upload(r, values);
    }
    step.gather_into(model, data.images, N, N, 3);
    std::vector<double> images(std::size_t(R) * N * 16);
    check(copy_to_host(images.data(), model.minibatch(), images.size() * sizeof(double)));
    const auto embedded = [&](int rows) {
        model.embed(rows);
        std::vector<double> out(std::size_t(R) * rows * config.latents);
        check(copy_to_host(out.data(), model.embedding(), out.size() * sizeof(double)));
        return out;
    };
    const auto all = embedded(N);
    for (int n = 0; n < N; ++n) {
        std::vector<double> one;
        for (int r = 0; r < R; ++r) {
            const auto image = slice(images, (std::size_t(r) * N + n) * 16, 16);
            one.insert(one.end(), image.begin(), image.end());
        }
        check(copy_to_device(model.minibatch(), one.data(), one.size() * sizeof(double)));
        const auto alone = embedded(1);
        for (int r = 0; r < R; ++r)
            expect_close(slice(alone, r * config.latents, config.latents),
                         slice(all, (r * N + n) * config.latents, config.latents), Tolerance{1e-12, 1e-12}, "f_inv(x)");
    }
}

TEST(Normalisation, AStepMovesTheRunningAveragesOfEveryNet) {
    EquivaeConfig config = normalised_config();
    config.semi_supervised = true;
    const Data labelled(1, 6, config.classes, 16, 1), rest(1, 8, config.classes, 16, 2);
    Step<double> step(1, 1);
    Equivae<double> model(config, 1, 4, labelled.view(8), step.matmul, step.convolver);
    model.parameters().initialise({1}, nullptr);
    step.gather_into(model, rest.images, 4, 4, 1);
    const std::vector<double> before = model.parameters().download(0);
    model.evaluate(4, step.noise);
    EXPECT_EQ(model.parameters().download(0), before) << "evaluation moves nothing";
    model.gradients(4, step.noise);
    const std::vector<double> once = model.parameters().download(0);
    std::set<std::string> moved;
    for (const ParameterInfo& tensor : model.parameters().layout().tensors())
        if (tensor.get(once) != tensor.get(before)) moved.insert(tensor.name);
    EXPECT_EQ(moved, (std::set<std::string>{
                         "inv.conv.1.running_mean", "inv.conv.1.running_var", "inv.conv.4.running_mean",
                         "inv.conv.4.running_var", "cov.conv.1.running_mean", "cov.conv.1.running_var",
                         "cov.conv.4.running_mean", "cov.conv.4.running_var", "class.conv.1.running_mean",
                         "class.conv.1.running_var", "class.conv.4.running_mean", "class.conv.4.running_var",
                         "decoder.conv.1.running_mean", "decoder.conv.1.running_var"}));
    step.gather_into(model, rest.images, 4, 4, 1);
    model.gradients(4, step.noise);  // as a graph's recording computes a step once more
    EXPECT_EQ(model.parameters().download(0), once);
}

}  // namespace
}  // namespace warpvae
