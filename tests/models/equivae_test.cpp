// EQUIVAE: the paper's sizes, its backward against finite differences in double, ten images learnt by heart, the same
// bits for replicas together and alone, interrupted and resumed, and what each step is made of.
#include "models/equivae.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <optional>

#include "cuda/device/launch_count.h"
#include "cuda/device/launch_options.h"
#include "tests/support/equivae_step.h"

namespace warpvae {
namespace {

using namespace test;

bool is_fast() { return launch_options().cpu_blocks == CpuBlocks::kOneThread; }

constexpr Likelihood kLikelihoods[] = {Likelihood::kBernoulli, Likelihood::kGaussian, Likelihood::kLearnedGaussian,
                                       Likelihood::kChannelGaussian};

TEST(Equivae, HasThePapersNumberOfParameters) {
    const Matmul matmul;
    const Convolver convolver;
    const auto counts = [&](EquivaeConfig config) {
        config.semi_supervised = true;
        Equivae<float> model(config, 1, 1, {}, matmul, convolver);
        std::map<std::string, std::size_t> out;
        for (const ParameterInfo& tensor : model.parameters().layout().tensors())
            out[tensor.name.substr(0, tensor.name.find('.'))] += tensor.count;
        return out;
    };
    const auto mnist = counts(EquivaeConfig::for_latents(16));
    EXPECT_EQ(mnist.at("inv"), 212176u);
    EXPECT_EQ(mnist.at("cov"), 230752u);
    EXPECT_EQ(mnist.at("decoder"), 137409u);
    EXPECT_EQ(mnist.at("class"), 230346u);
    EquivaeConfig svhn = EquivaeConfig::for_latents(16);
    svhn.height = svhn.width = 32;
    svhn.channels = 3;
    std::size_t total = 0;
    for (const auto& [part, count] : counts(svhn)) total += count;
    EXPECT_EQ(total, 812285u);
}

TEST(Equivae, RefusesImagesThatItsDecoderCannotMake) {
    const Matmul matmul;
    const Convolver convolver;
    EquivaeConfig config;
    config.height = config.width = 27;
    try {
        Equivae<float> model(config, 1, 1, {}, matmul, convolver);
        FAIL();
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("28 or 32 pixels a side, not 27 x 27"), std::string::npos)
            << error.what();
    }
}

TEST(Equivae, HasFiltersForEachOfItsSizes) {
    const Matmul matmul;
    const Convolver convolver;
    for (const int side : EquivaeConfig::sides()) {
        EquivaeConfig config = EquivaeConfig::for_latents(16);
        config.fit(side, side);
        if (side > 64) continue;  // whose buffers are large
        EXPECT_NO_THROW(Equivae<float>(config, 1, 1, {}, matmul, convolver)) << side;
    }
    const EquivaeConfig paper;
    for (const int side : {28, 32}) {
        EquivaeConfig config;
        config.fit(side, side);
        EXPECT_EQ(config.filters, paper.filters);
        EXPECT_EQ(config.decoder_filters, paper.decoder_filters);
    }
    for (const int side : {60, 64}) {
        EquivaeConfig config;
        config.fit(side, side);
        EXPECT_EQ(config.filters, (std::vector<int>{8, 16, 32, 64, 64, 64}));
        EXPECT_EQ(config.decoder_filters, (std::vector<int>{64, 64, 32, 16, 8}));
    }
    EquivaeConfig config;
    EXPECT_THROW(config.fit(28, 32), std::invalid_argument);
    EXPECT_THROW(config.fit(20, 20), std::invalid_argument);
    EXPECT_THROW(config.fit(0, 0), std::invalid_argument);
}

TEST(Equivae, BackwardEqualsFiniteDifferencesSupervised) { expect_gradients(tiny_config(), "supervised"); }
TEST(Equivae, BackwardEqualsFiniteDifferencesInColour) {
    EquivaeConfig config = tiny_config(2);
    for (const Likelihood kind : kLikelihoods) {
        config.likelihood = kind;
        expect_gradients(config, "likelihood " + std::to_string(int(kind)));
    }
}
/// The depth of the nets at 60 and 64 pixels, with few filters.
EquivaeConfig large_config(int side, int channels) {
    EquivaeConfig config = tiny_config(channels);
    config.fit(side, side);
    config.filters = {1, 1, 2, 2, 2, 2};
    config.decoder_filters = {2, 2, 2, 1, 1};
    config.max_complement = 2;
    return config;
}

/// The slope of the loss along one random direction in each tensor: few losses of large images, in which all elements
/// count. Among so many pixels some lie beside the kink of a ReLU.
void expect_slopes(const EquivaeConfig& config, const std::string& name) {
    const int R = 2, N = 3, size = config.height * config.width * config.channels;
    const Data data(R, 12, config.classes, size, 1);
    Step<double> step(R, 3);
    Equivae<double> model(config, R, N, data.view(), step.matmul, step.convolver);
    randomise(model.parameters(), 5);
    step.gather_into(model, data.images, N, N, 3);
    model.gradients(N, step.noise);
    const std::vector<double> gradient = model.parameters().download_gradients(1),
                              kept = model.parameters().download(1);
    Random random(6);
    double worst = 0;
    for (const ParameterInfo& tensor : model.parameters().layout().tensors()) {
        const double h = 1e-6;
        double analytic = 0, norm = 0, side[2];
        std::vector<double> direction(tensor.count);
        for (std::size_t i = 0; i < tensor.count; ++i) {
            direction[i] = random.normal();
            analytic += direction[i] * gradient[tensor.position(i)];
            norm += std::pow(gradient[tensor.position(i)], 2);
        }
        for (int s = 0; s < 2; ++s) {
            std::vector<double> values = kept;
            for (std::size_t i = 0; i < tensor.count; ++i) values[tensor.position(i)] += (s ? h : -h) * direction[i];
            model.parameters().upload(1, values);
            side[s] = loss_of(model, N, step.noise)[1];
        }
        const double numeric = (side[1] - side[0]) / (2 * h);
        const double error = std::abs(numeric - analytic) / (1e-3 + std::sqrt(norm));
        worst = std::max(worst, error);
        EXPECT_LT(error, 1e-3) << name << ": " << tensor.name << ": " << analytic << ", finite difference " << numeric;
    }
    std::printf("    %-60s largest relative error %.2g of 1e-3 allowed\n", name.c_str(), worst);
}

TEST(Equivae, BackwardEqualsSlopesAtSixtyAndSixtyFourPixels) {
    if (!is_fast()) GTEST_SKIP() << "fibers are some 200 times slower; other sizes have the same kernels";
    for (const int side : {60, 64})
        for (const int channels : {1, 3}) {
            EquivaeConfig config = large_config(side, channels);
            config.likelihood = channels > 1 ? Likelihood::kLearnedGaussian : Likelihood::kBernoulli;
            expect_slopes(config, std::to_string(side) + " pixels, " + std::to_string(channels) + " channels");
        }
}
TEST(Equivae, BackwardEqualsFiniteDifferencesOfTheAblation) {
    EquivaeConfig config = tiny_config();
    config.self_complement = true;
    expect_gradients(config, "r from the image itself");
}

TEST(Equivae, BackwardEqualsFiniteDifferencesSemiSupervised) {
    EquivaeConfig config = tiny_config();
    config.semi_supervised = true;
    for (const LabelledMixing mixing : {LabelledMixing::kPaired, LabelledMixing::kSum}) {
        config.mixing = mixing;
        expect_gradients(config,
                         mixing == LabelledMixing::kPaired ? "semi-supervised, paired" : "semi-supervised, sum");
    }
}

/// What one step gives: each replica's gradients, then the rows of each loss term.
std::vector<std::vector<float>> step_of(const EquivaeConfig& config) {
    const bool semi = config.semi_supervised;
    const int R = 2, N = semi ? 4 : 19, size = config.height * config.width * config.channels;
    const Data labelled(R, 24, config.classes, size, 1), rest(R, 8, config.classes, size, 2);
    Step<float> step(R, 3);
    Equivae<float> model(config, R, N, labelled.view(8), step.matmul, step.convolver);
    randomise(model.parameters(), 5);
    step.gather_into(model, semi ? rest.images : labelled.images, N, N, 3);
    model.gradients(N, step.noise);
    std::vector<std::vector<float>> out;
    for (int r = 0; r < R; ++r) out.push_back(model.parameters().download_gradients(r));
    for (const LossTerm<float>& term : model.loss_terms()) {
        out.emplace_back(term.per_step ? term.count : R * N);
        check(copy_to_host(out.back().data(), term.rows, out.back().size() * sizeof(float)));
    }
    return out;
}

TEST(Equivae, FusedStepIsTheLibrarysStep) {
    if (device_is_gpu()) GTEST_SKIP() << "a GPU has the fused step alone";
    const auto compare = [](const EquivaeConfig& config, const std::string& name) {
        const auto plain = step_of(config);
        const test::FusedDense on;
        const auto fused = step_of(config);
        ASSERT_EQ(plain.size(), fused.size());
        for (std::size_t i = 0; i < plain.size(); ++i) {
            double largest = 0;
            for (const float value : plain[i]) largest = std::max(largest, std::abs(double(value)));
            EXPECT_GT(largest, 0) << name;
            // Some ten layers, each with a rounding error of 1e-7 of its largest number at most.
            test::expect_close(fused[i], test::as<double>(plain[i]), test::Tolerance{2e-6 * largest, 1e-6},
                               name + (i < 2 ? ", gradients" : ", loss"));
        }
    };
    EquivaeConfig config = tiny_config();
    compare(config, "supervised");
    config.self_complement = true;
    compare(config, "r from the image itself");
    config = tiny_config(2);
    config.likelihood = Likelihood::kChannelGaussian;
    compare(config, "Gaussian");
    config = tiny_config();
    config.semi_supervised = true;
    compare(config, "semi-supervised, paired");
    config.mixing = LabelledMixing::kSum;
    compare(config, "semi-supervised, sum");
    config.normalisation = Normalisation::kBatch;
    compare(config, "semi-supervised, batch normalisation");
}

/// Seeds, trainer and model of one run.
struct Training {
    Matmul matmul;
    Convolver convolver;
    std::unique_ptr<Equivae<float>> model;
    std::unique_ptr<Trainer> trainer;
    Training(const EquivaeConfig& config, const DeviceImages& images, const EquivaeData& data,
             const std::vector<std::uint64_t>& seeds, std::vector<BatchPhase> phases, float rate) {
        TrainerOptions options;
        options.phases = std::move(phases);
        options.learning_rates.assign(seeds.size(), rate);
        int rows = 0;
        for (const BatchPhase& phase : options.phases) rows = std::max(rows, phase.batch);
        model = std::make_unique<Equivae<float>>(config, int(seeds.size()), rows, data, matmul, convolver);
        model->parameters().initialise(seeds, nullptr);
        trainer = std::make_unique<Trainer>(*model, images, seeds, matmul, options);
    }
    std::vector<ReplicaLoss> epoch() {
        trainer->finish_epoch([](std::uint64_t) { return true; });
        const std::vector<ReplicaLoss> losses = trainer->losses();
        trainer->reset_losses();
        return losses;
    }
};

TEST(Equivae, LearnsTenImagesByHeart) {
    EquivaeConfig config = tiny_config();
    config.classes = 5;
    config.latents = 8;
    config.filters = {8, 16};
    config.decoder_filters = {16};
    config.trunk_hidden = config.hidden = 32;
    config.decoder_hidden = 16;
    Data data(1, 10, 5, 16, 3);
    for (std::uint8_t& pixel : data.pixels) pixel = pixel > 127 ? 255 : 0;
    data.images = DeviceImages({&data.pixels}, {0}, 16);
    Training training(config, data.images, data.view(), {1}, {{0, 5}}, 3e-3f);
    const double before = training.epoch()[0].terms[0];
    double after = 0;
    for (int e = 0; e < (is_fast() ? 1500 : 5); ++e) after = training.epoch()[0].terms[0];
    std::printf("reconstruction %.2f -> %.2f nats\n", before, after);
    if (is_fast()) {
        EXPECT_LT(after, 0.15 * before);
    }
    EXPECT_LT(after, before);
}

TEST(Equivae, LearnsTenImagesOfSixtyAndSixtyFourPixelsByHeart) {
    if (!is_fast()) GTEST_SKIP() << "fibers are some 200 times slower; other sizes have the same kernels";
    for (const auto& [side, channels] : {std::pair{60, 1}, {64, 3}})
        for (const Likelihood likelihood : {Likelihood::kBernoulli, Likelihood::kLearnedGaussian}) {
            EquivaeConfig config = large_config(side, channels);
            config.classes = 5;
            config.latents = 8;
            config.filters = {4, 4, 8, 8, 16, 16};
            config.decoder_filters = {16, 16, 8, 4, 4};
            config.trunk_hidden = config.hidden = 32;
            config.decoder_hidden = 64;
            config.max_complement = 1;
            config.likelihood = likelihood;
            const int size = side * side * channels;
            Data data(1, 10, 5, size, 3);
            // The bits of an image's number are black or white quarters.
            for (int n = 0; n < 10; ++n)
                for (int i = 0; i < size; ++i) {
                    const int pixel = i / channels, quarter = pixel / side * 2 / side * 2 + pixel % side * 2 / side;
                    data.pixels[std::size_t(n * size + i)] = n >> quarter & 1 ? 255 : 0;
                }
            data.images = DeviceImages({&data.pixels}, {0}, size);
            Training training(config, data.images, data.view(), {1}, {{0, 5}}, 3e-3f);
            const double before = training.epoch()[0].terms[0] / size;
            double after = 0;
            for (int e = 0; e < 150; ++e) after = training.epoch()[0].terms[0] / size;
            std::printf("%d pixels, %d channels: reconstruction %.3f -> %.3f nats a number\n", side, channels, before,
                        after);
            EXPECT_LT(after, likelihood == Likelihood::kBernoulli ? 0.55 * before : before - 0.9);
        }
}

TEST(Equivae, SemiSupervisedLearnsTenImagesByHeart) {
    EquivaeConfig config = tiny_config();
    config.classes = 2;
    config.latents = 8;
    config.filters = {8, 16};
    config.decoder_filters = {16};
    config.trunk_hidden = config.hidden = 32;
    config.decoder_hidden = 16;
    config.classifier_hidden = {32, 16};
    config.dropout = 0.2;
    config.semi_supervised = true;
    const Data labelled(1, 4, 2, 16, 4), rest(1, 6, 2, 16, 5);
    Training training(config, rest.images, labelled.view(6), {1}, {{0, 3}}, 3e-3f);
    const ReplicaLoss before = training.epoch()[0];
    ReplicaLoss after;
    for (int e = 0; e < (is_fast() ? 800 : 3); ++e) after = training.epoch()[0];
    std::printf("cross-entropy %.2f -> %.2f, loss %.2f -> %.2f nats\n", before.terms[5], after.terms[5], before.loss,
                after.loss);
    if (is_fast()) {
        EXPECT_LT(after.terms[5], 0.1 * before.terms[5]);
    }
    EXPECT_LT(after.loss, before.loss);
}

/// The paper's nets on a few images, in two minibatch sizes with tails.
std::vector<std::vector<float>> trained(const EquivaeConfig& config, const Data& images, const EquivaeData& data,
                                        const std::vector<std::uint64_t>& seeds, int epochs, bool interrupted = false) {
    const std::vector<BatchPhase> phases = {{0, 4}, {2, 8}};
    Training training(config, images.images, data, seeds, phases, 1e-3f);
    std::vector<std::vector<float>> out;
    for (int e = 0; e < epochs; ++e) {
        if (interrupted && e == 1) {  // stop within the epoch, and go on in another trainer
            int calls = 0;            // how many steps are launched: on a GPU fewer may be done
            training.trainer->finish_epoch([&](std::uint64_t) { return ++calls < 2; });
            Training next(config, images.images, data, seeds, phases, 1e-3f);
            for (std::size_t r = 0; r < seeds.size(); ++r)
                next.trainer->restore(int(r), training.trainer->save(int(r)));
            for (; e < epochs; ++e) next.epoch();
            for (std::size_t r = 0; r < seeds.size(); ++r) out.push_back(next.model->parameters().download(int(r)));
            return out;
        }
        training.epoch();
    }
    for (std::size_t r = 0; r < seeds.size(); ++r) out.push_back(training.model->parameters().download(int(r)));
    return out;
}

TEST(Equivae, SameBitsTogetherAloneAndResumed) {
    if (device_is_gpu()) GTEST_SKIP() << "bit for bit on the CPU device";
    constexpr Normalisation kNone = Normalisation::kNone, kBatch = Normalisation::kBatch;
    for (const auto& [semi, fused, normalisation] : {std::tuple{false, false, kNone},
                                                     {true, false, kNone},
                                                     {false, true, kNone},
                                                     {true, true, kNone},
                                                     {true, false, kBatch},
                                                     {false, true, kBatch}}) {
        std::optional<test::FusedDense> on;
        if (fused) on.emplace();
        EquivaeConfig config = is_fast() && !fused ? EquivaeConfig::for_latents(8) : tiny_config();
        config.classes = 3;
        config.semi_supervised = semi;
        config.normalisation = normalisation;
        const int size = config.height * config.width, epochs = is_fast() && !fused ? 3 : 2;
        const Data all(3, 14, 3, size, 6), one(1, 14, 3, size, 6);
        const Data rest(3, 10, 3, size, 7), rest_one(1, 10, 3, size, 7);
        const std::vector<std::uint64_t> seeds = {5, 6, 7};
        const auto together = trained(config, semi ? rest : all, all.view(10), seeds, epochs);
        for (std::size_t r = 0; r < seeds.size(); ++r)
            test::expect_identical(together[r],
                                   trained(config, semi ? rest_one : one, one.view(10), {seeds[r]}, epochs)[0],
                                   "replica " + std::to_string(r) + " alone");
        test::expect_identical(together[1], trained(config, semi ? rest : all, all.view(10), seeds, epochs, true)[1],
                               "interrupted");
        EXPECT_NE(together[0], together[1]);
    }
}

/// Kernels that a step of the paper's layers launches, without those of an epoch's end.
std::size_t launches_of_a_step(bool semi) {
    EquivaeConfig config;
    config.filters = {2, 2, 2, 2, 2}, config.decoder_filters = {2, 2, 2, 2};  // as many layers, less work
    config.classes = 3, config.min_complement = config.max_complement = 2;
    config.semi_supervised = semi;
    const Data all(1, 12, 3, 784, 6), rest(1, 12, 3, 784, 7), fewer(1, 10, 3, 784, 7), few(1, 10, 3, 784, 6);
    const auto launched = [&](const DeviceImages& images, const EquivaeData& labelled) {
        Training training(config, images, labelled, {1}, {{0, 2}}, 1e-3f);
        const std::size_t before = launch_count();
        training.epoch();
        return launch_count() - before;
    };
    // An epoch of six minibatches of two has a step more than one of five.
    return launched(semi ? rest.images : all.images, all.view(12)) -
           launched(semi ? fewer.images : few.images, semi ? all.view(10) : few.view(10));
}

TEST(Equivae, AStepIsFewLaunches) {
    if (device_is_gpu()) GTEST_SKIP() << "a GPU's launches are not counted";
#ifdef WARPVAE_SANITIZED
    GTEST_SKIP() << "it counts, and touches nothing that other tests do not";
#endif
    const test::FusedDense on;
    const std::size_t supervised = launches_of_a_step(false), semi = launches_of_a_step(true);
    std::printf("%zu launches a step with all labels, %zu with few\n", supervised, semi);
    EXPECT_LT(supervised, 31u);
    EXPECT_LT(semi, 40u);
}

// The losses of three epochs, so that a change of any operation or draw shows; a GPU's differ in the last digits.
TEST(Equivae, GoldenLosses) {
    EquivaeConfig config = tiny_config();
    config.latents = 4;
    config.filters = {4, 8};
    config.decoder_filters = {8};
    config.trunk_hidden = config.hidden = 16;
    config.decoder_hidden = 8;
    const Data all(1, 20, 3, 16, 10), rest(1, 14, 3, 16, 11);
    const auto losses = [&](bool semi) {
        config.semi_supervised = semi;
        Training training(config, semi ? rest.images : all.images, all.view(14), {1}, {{0, 4}, {1, 8}}, 1e-2f);
        std::vector<double> out;
        for (int e = 0; e < 3; ++e) out.push_back(training.epoch()[0].loss);
        return out;
    };
    const std::vector<double> supervised = {11.1058792, 11.0830939, 11.0586386},
                              semi = {23.3028608, 23.233161, 23.2389617};
    test::expect_close(losses(false), supervised, test::Tolerance{0, 1e-4}, "supervised");
    test::expect_close(losses(true), semi, test::Tolerance{0, 1e-4}, "semi-supervised");
    const test::FusedDense on;
    test::expect_close(losses(false), supervised, test::Tolerance{0, 1e-4}, "supervised, fused");
    test::expect_close(losses(true), semi, test::Tolerance{0, 1e-4}, "semi-supervised, fused");
}

TEST(Equivae, DrawsTheSizeOfTheSetForAllReplicasFromTheStep) {
    const Data data(1, 40, 3, 16, 8);
    Step<float> step(1, 0);
    EquivaeConfig config = tiny_config();
    config.max_complement = 7;
    Equivae<float> model(config, 1, 4, data.view(), step.matmul, step.convolver);
    std::vector<int> seen(8);
    const MinibatchOrder order = MinibatchOrder::epochs(40, 4);
    for (std::uint64_t s = 0; s < 7000; ++s) ++seen.at(model.begin_step(order, s) >> 32);
    EXPECT_EQ(seen[0], 0);
    for (int m = 1; m <= 7; ++m) EXPECT_NEAR(seen[m], 1000, 150) << m;  // five standard deviations
    // No class has more than 13 images; with sets of 20 asked for, 12 is the most beside an image.
    config.max_complement = 20;
    Equivae<float> capped(config, 1, 4, data.view(), step.matmul, step.convolver);
    std::uint64_t largest = 0;
    for (std::uint64_t s = 0; s < 1000; ++s) largest = std::max(largest, capped.begin_step(order, s) >> 32);
    EXPECT_EQ(largest, 12u);
    config.min_complement = config.max_complement = 4;
    Equivae<float> fixed(config, 1, 4, data.view(), step.matmul, step.convolver);
    for (std::uint64_t s = 0; s < 100; ++s) EXPECT_EQ(fixed.begin_step(order, s) >> 32, 4u);
}

TEST(Equivae, SumShowsEachLabelledImageOnceAnEpoch) {
    const Data labelled(1, 7, 2, 16, 9);
    Step<float> step(1, 0);
    EquivaeConfig config = tiny_config();
    config.classes = 2;
    config.semi_supervised = true;
    config.mixing = LabelledMixing::kSum;
    Equivae<float> model(config, 1, 4, labelled.view(21), step.matmul, step.convolver);
    const MinibatchOrder order = MinibatchOrder::epochs(21, 4);
    for (const std::uint64_t epoch : {0u, 1u, 5u}) {
        int shown = 0;
        for (std::uint64_t s = 0; s < 6; ++s) shown += int(model.begin_step(order, epoch * 6 + s) & 0xffffffffu);
        EXPECT_EQ(shown, 7);
    }
}

}  // namespace
}  // namespace warpvae
