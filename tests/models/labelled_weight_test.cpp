// The weight of a labelled image in EQUIVAE's semi-supervised loss: the bias of q(y | x)'s logits, whose gradient is
// short enough to write by hand, the other parameters by finite differences, and the two mixings as cases of one
// number.
#include <gtest/gtest.h>

#include "tests/support/equivae_step.h"

namespace warpvae {
namespace {

using namespace test;

constexpr int kUnlabelled = 8, kLabelled = 6;

EquivaeConfig semi_config(LabelledMixing mixing, std::optional<double> weight) {
    EquivaeConfig config = tiny_config();
    config.semi_supervised = true;
    config.dropout = 0;
    config.mixing = mixing, config.labelled_weight = weight;
    return config;
}

/// A step that holds all images of an epoch: all gradients, that of the last bias of q(y | x), and the sum over the
/// labelled images of q(y | x), from the logits.
struct WholeStep {
    std::vector<double> gradients, bias, labelled_q;
    explicit WholeStep(const EquivaeConfig& config) : labelled_q(config.classes) {
        const Data labelled(1, kLabelled, config.classes, 16, 1), rest(1, kUnlabelled, config.classes, 16, 2);
        Step<double> step(1, 0);
        Equivae<double> model(config, 1, kUnlabelled, labelled.view(kUnlabelled), step.matmul, step.convolver);
        randomise(model.parameters(), 5);
        step.gather_into(model, rest.images, kUnlabelled, kUnlabelled, 0);
        model.evaluate(kUnlabelled, step.noise);
        const int K = config.classes;
        std::vector<double> logits(std::size_t(kUnlabelled + kLabelled) * K);
        check(copy_to_host(logits.data(), model.class_logits(), logits.size() * sizeof(double)));
        for (int l = kUnlabelled; l < kUnlabelled + kLabelled; ++l) {
            double total = 0;
            for (int k = 0; k < K; ++k) total += std::exp(logits[l * K + k]);
            for (int k = 0; k < K; ++k) labelled_q[k] += std::exp(logits[l * K + k]) / total;
        }
        model.gradients(kUnlabelled, step.noise);
        gradients = model.parameters().download_gradients(0);
        for (const ParameterInfo& tensor : model.parameters().layout().tensors())
            if (tensor.name == "class.head.4.bias") bias = tensor.get(gradients);
    }
};

TEST(LabelledWeight, IsInTheGradientAsWrittenByHand) {
    const std::vector<std::optional<double>> weights = {std::nullopt, 1, 2.5, 40};
    for (const LabelledMixing mixing : {LabelledMixing::kPaired, LabelledMixing::kSum}) {
        // All labelled images are in the step. In eq. 7's sum over images, divided by the unlabelled ones, each weighs
        // 1 / U; paired losses are means, so there it is 1 / L.
        const auto scale_of = [&](const std::optional<double>& weight) {
            if (weight) return *weight / kUnlabelled;
            return mixing == LabelledMixing::kPaired ? 1. / kLabelled : 1. / kUnlabelled;
        };
        const WholeStep first(semi_config(mixing, weights[0]));
        ASSERT_EQ(first.bias.size(), 3u);
        for (const auto& weight : weights) {
            const WholeStep step(semi_config(mixing, weight));
            std::vector<double> expected = first.bias;  // what the unlabelled images give is the same
            for (int k = 0; k < 3; ++k)                 // sum over l of q_lk - [k = y_l], and two images a class
                expected[k] += (scale_of(weight) - scale_of(weights[0])) * (first.labelled_q[k] - 2);
            expect_close(step.bias, expected, Tolerance{1e-12, 1e-12}, "bias of the logits");
        }
        EXPECT_NE(first.bias, WholeStep(semi_config(mixing, 2.5)).bias);
    }
}

TEST(LabelledWeight, ContainsBothMixings) {
    const double ratio = double(kUnlabelled) / kLabelled;
    const WholeStep paired(semi_config(LabelledMixing::kPaired, std::nullopt)),
        paired_as_weight(semi_config(LabelledMixing::kPaired, ratio)),
        sum(semi_config(LabelledMixing::kSum, std::nullopt)), sum_as_weight(semi_config(LabelledMixing::kSum, 1)),
        paired_as_sum(semi_config(LabelledMixing::kPaired, 1));
    expect_close(paired_as_weight.bias, paired.bias, Tolerance{0, 1e-12}, "paired, by its weight");
    expect_close(paired_as_weight.gradients, paired.gradients, Tolerance{1e-12, 1e-9}, "paired, all gradients");
    expect_identical(sum_as_weight.gradients, sum.gradients, "sum, by its weight");
    expect_close(paired_as_sum.bias, sum.bias, Tolerance{1e-12, 1e-9}, "a step of all images is one step of either");
}

TEST(LabelledWeight, IsInTheReportedLossToo) {
    for (const LabelledMixing mixing : {LabelledMixing::kPaired, LabelledMixing::kSum}) {
        EquivaeConfig config = semi_config(mixing, 3.7);
        config.dropout = 0.5;
        expect_gradients(config, mixing == LabelledMixing::kPaired ? "paired, weight 3.7" : "sum, weight 3.7");
    }
}

}  // namespace
}  // namespace warpvae
