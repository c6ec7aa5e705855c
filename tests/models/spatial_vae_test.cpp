// The spatial VAEs: the written-out backward of every kind, pose, prior and option against finite differences in
// double; the identity leaves a VAE; ten images learnt by heart; replicas equal to models trained alone; resuming;
// goldens.
#include "models/spatial_vae.h"

#include <gtest/gtest.h>

#include "cuda/device/launch_options.h"
#include "tests/support/device_test.h"
#include "tests/support/model_test.h"

namespace warpvae {
namespace {

SpatialVaeConfig small_config(SpatialKind kind, PoseKind pose, PosePrior prior) {
    SpatialVaeConfig config;
    config.height = 4;
    config.width = 5;
    config.kind = kind;
    config.pose = pose;
    config.prior = prior;
    config.hidden = {5, 4};
    config.latents = 2;
    config.localisation = 4;
    return config;
}

std::string name_of(const SpatialVaeConfig& c) {
    const char* kinds[] = {"VAE", "T-VAE", "DT-VAE"};
    const char* poses[] = {"affine", "pose", "spline"};
    const char* limits[] = {"", ", tanh", ", sigmoid"};
    std::string name = std::string(kinds[int(c.kind)]) + " " + poses[int(c.pose)] + " P" + std::to_string(int(c.prior));
    return name + limits[int(c.limit)] + (c.separate_trunk ? ", own trunk" : "") +
           (c.second == SecondTransform::kIndependent ? ", two warps" : "") +
           (c.samples > 1 ? ", L = " + std::to_string(c.samples) : "") +
           (c.rank ? ", rank " + std::to_string(c.rank) : "") + (c.channels > 1 ? ", colour" : "");
}

/// Parameters moved off their starting point, where weights are 0 and coordinates whole pixels.
void perturb(SpatialVae<double>& model, double size) {
    test::Random random(21);
    for (int r = 0; r < model.replicas(); ++r) {
        std::vector<double> values = model.parameters().download(r);
        for (const ParameterInfo& tensor : model.parameters().layout().tensors())
            for (std::size_t i = tensor.offset; i < tensor.offset + tensor.count; ++i)
                values[i] += random.uniform(-size, size);
        model.parameters().upload(r, values);
    }
}

void check_gradients(const SpatialVaeConfig& config, int R = 1) {
    const int N = 3, D = config.height * config.width * config.channels;
    const Matmul matmul;
    SpatialVae<double> model(config, R, N, matmul);
    const std::vector<std::uint64_t> seeds = {11, 12};
    const DeviceBuffer<std::uint64_t> device_seeds(seeds);
    model.parameters().initialise(seeds, nullptr);
    perturb(model, 0.1);
    LatentNoise noise;
    noise.seeds = device_seeds.data();
    const std::vector<double> x = test::Random(5).uniforms<double>(std::size_t(R) * N * D, 0, 1);
    test::expect_model_gradient(model, x, N, noise, config.loss_scale, name_of(config));
}

TEST(SpatialVae, BackwardEqualsFiniteDifferencesForEveryKindPoseAndPrior) {
    check_gradients(small_config(SpatialKind::kVae, PoseKind::kAffine, PosePrior::kNone), 2);
    for (const SpatialKind kind : {SpatialKind::kTransformer, SpatialKind::kDoubleTransformer})
        for (const PoseKind pose : {PoseKind::kAffine, PoseKind::kPose5, PoseKind::kSpline})
            for (const PosePrior prior :
                 {PosePrior::kNone, PosePrior::kFixedMean, PosePrior::kFitted, PosePrior::kFull}) {
                SpatialVaeConfig config = small_config(kind, pose, prior);
                if (kind == SpatialKind::kDoubleTransformer && pose == PoseKind::kSpline)
                    config.second = SecondTransform::kIndependent;
                check_gradients(config);
            }
}

TEST(SpatialVae, BackwardEqualsFiniteDifferencesWithEveryOption) {
    for (const RangeLimit limit : {RangeLimit::kTanh, RangeLimit::kSigmoid})
        for (const PosePrior prior : {PosePrior::kNone, PosePrior::kFixedMean, PosePrior::kFull}) {
            SpatialVaeConfig config = small_config(SpatialKind::kTransformer, PoseKind::kAffine, prior);
            config.limit = limit;
            config.limit_range = 0.7;
            check_gradients(config);
        }
    SpatialVaeConfig config = small_config(SpatialKind::kTransformer, PoseKind::kAffine, PosePrior::kFitted);
    config.separate_trunk = true;
    check_gradients(config);
    config.samples = 3;
    config.loss_scale = 0.13;
    check_gradients(config, 2);
    config = small_config(SpatialKind::kDoubleTransformer, PoseKind::kAffine, PosePrior::kFull);
    config.second = SecondTransform::kIndependent;
    config.rank = 4;
    config.samples = 2;
    check_gradients(config);
    config = small_config(SpatialKind::kVae, PoseKind::kAffine, PosePrior::kNone);
    config.spread = Spread::kLogDeviationFromOne;
    check_gradients(config);
}

TEST(SpatialVae, BackwardEqualsFiniteDifferencesInColour) {
    const auto in_colour = [](SpatialKind kind, PoseKind pose, PosePrior prior) {
        SpatialVaeConfig config = small_config(kind, pose, prior);
        config.channels = 3;
        return config;
    };
    check_gradients(in_colour(SpatialKind::kVae, PoseKind::kAffine, PosePrior::kNone));
    for (const PoseKind pose : {PoseKind::kAffine, PoseKind::kPose5, PoseKind::kSpline})
        check_gradients(in_colour(SpatialKind::kTransformer, pose, PosePrior::kFitted), 2);
    check_gradients(in_colour(SpatialKind::kDoubleTransformer, PoseKind::kAffine, PosePrior::kNone));
    SpatialVaeConfig config = in_colour(SpatialKind::kDoubleTransformer, PoseKind::kPose5, PosePrior::kFull);
    config.likelihood = Likelihood::kLearnedGaussian;
    config.samples = 2;
    check_gradients(config, 2);
}

/// A model that trains on three images with noise on them, and what it is compared with.
struct NoiseCase {
    explicit NoiseCase(SpatialVaeConfig of) : config(std::move(of)), x(test::Random(5).uniforms<double>(kRows * 20)) {
        config.noise = {DegradationKind::kGaussian, 0.4f};
        DeviceBuffer<double> images(x), out(x.size());
        check(degrade_minibatch<double>(out.data(), images.data(), config.noise, seeds.data(), step.data(), 1, kRows,
                                        config.height, config.width, nullptr));
        noisy = out.download();
        noise.seeds = seeds.data(), noise.step = step.data();
    }
    static void start(SpatialVae<double>& model, const std::vector<double>& images) {
        model.parameters().initialise({11}, nullptr);
        perturb(model, 0.1);
        check(copy_to_device(model.minibatch(), images.data(), images.size() * sizeof(double)));
    }
    std::vector<double> gradients(NoiseTarget target) {
        config.noise_target = target;
        SpatialVae<double> model(config, 1, kRows, matmul);
        start(model, x);
        model.gradients(kRows, noise);
        return model.parameters().download_gradients(0);
    }
    /// The loss of a model without noise of its own that reads `noisy` and is to make x.
    double loss(SpatialVae<double>& model) {
        model.encode(kRows, noise);
        DeviceBuffer<double> nll(kRows);
        const DeviceBuffer<double> target(x);
        model.decode_likelihood(nll.data(), target.data(), kRows);
        double sum = 0;
        for (const double row : nll.download()) sum += row;
        for (const double* divergence : model.divergences()) {
            std::vector<double> rows(kRows);
            check(copy_to_host(rows.data(), divergence, rows.size() * sizeof(double)));
            for (const double row : rows) sum += row;
        }
        return sum / kRows;
    }

    static constexpr int kRows = 3;
    SpatialVaeConfig config;
    const std::vector<double> x;
    std::vector<double> noisy;
    const Matmul matmul;
    const DeviceBuffer<std::uint64_t> seeds{std::vector<std::uint64_t>{11}}, step{std::vector<std::uint64_t>{7}};
    LatentNoise noise;
};
const std::vector<SpatialVaeConfig> kThreeKinds = {
    small_config(SpatialKind::kVae, PoseKind::kAffine, PosePrior::kNone),
    small_config(SpatialKind::kTransformer, PoseKind::kSpline, PosePrior::kFitted),
    small_config(SpatialKind::kDoubleTransformer, PoseKind::kAffine, PosePrior::kNone)};

TEST(SpatialVae, TowardsNoisyImagesItTrainsAsIfTheyWereTheImages) {
    for (const SpatialVaeConfig& config : kThreeKinds) {
        NoiseCase noisy(config);
        SpatialVae<double> plain(config, 1, NoiseCase::kRows, noisy.matmul);
        NoiseCase::start(plain, noisy.noisy);
        plain.gradients(NoiseCase::kRows, noisy.noise);
        EXPECT_EQ(noisy.gradients(NoiseTarget::kNoisy), plain.parameters().download_gradients(0)) << name_of(config);
    }
}

TEST(SpatialVae, TowardsCleanImagesTheGradientIsThatOfTheirLikelihood) {
    for (const SpatialVaeConfig& config : kThreeKinds) {
        NoiseCase noisy(config);
        const std::vector<double> found = noisy.gradients(NoiseTarget::kClean);
        EXPECT_NE(found, noisy.gradients(NoiseTarget::kNoisy));
        SpatialVae<double> plain(config, 1, NoiseCase::kRows, noisy.matmul);
        NoiseCase::start(plain, noisy.noisy);
        std::vector<double> values = plain.parameters().download(0);
        for (const ParameterInfo& tensor : plain.parameters().layout().tensors())
            for (std::size_t i = 0; i < tensor.count; ++i) {
                const std::size_t at = tensor.position(i);
                const double kept = values[at], h = 1e-6;
                double side[2];
                for (int k = 0; k < 2; ++k) {
                    values[at] = kept + (k ? h : -h);
                    plain.parameters().upload(0, values);
                    side[k] = noisy.loss(plain);
                }
                values[at] = kept;
                ASSERT_NEAR(found[at], (side[1] - side[0]) / (2 * h), 1e-6) << name_of(config) << ", " << tensor.name;
            }
    }
}

TEST(SpatialVae, NoiseIsOfTrainingAloneAndOfEachDraw) {
    SpatialVaeConfig config = kThreeKinds[1];
    config.samples = 2;
    NoiseCase noisy(config);
    config.noise = noisy.config.noise;
    config.noise_target = NoiseTarget::kNoisy;
    const SpatialVaeConfig without = small_config(config.kind, config.pose, config.prior);
    SpatialVae<double> model(config, 1, NoiseCase::kRows, noisy.matmul),
        other(without, 1, 2 * NoiseCase::kRows, noisy.matmul);
    NoiseCase::start(model, noisy.x);
    model.gradients(NoiseCase::kRows, noisy.noise);
    // L draws are so many rows of the same image, each with noise of its own.
    std::vector<double> twice;
    for (int n = 0; n < NoiseCase::kRows; ++n)
        for (int draw = 0; draw < 2; ++draw)
            twice.insert(twice.end(), noisy.x.begin() + 20 * n, noisy.x.begin() + 20 * (n + 1));
    DeviceBuffer<double> images(twice), out(twice.size());
    check(degrade_minibatch<double>(out.data(), images.data(), config.noise, noisy.seeds.data(), noisy.step.data(), 1,
                                    2 * NoiseCase::kRows, config.height, config.width, nullptr));
    NoiseCase::start(other, out.download());
    other.gradients(2 * NoiseCase::kRows, noisy.noise);
    test::expect_close(model.parameters().download_gradients(0), other.parameters().download_gradients(0),
                       test::Tolerance{1e-12, 1e-10}, "two draws");
    // An evaluation reads the images as they are.
    config.samples = 1;
    SpatialVae<double> trained(config, 1, NoiseCase::kRows, noisy.matmul);
    NoiseCase::start(trained, noisy.x);
    NoiseCase::start(other, noisy.x);
    EXPECT_EQ(test::model_loss(trained, NoiseCase::kRows, noisy.noise, 1),
              test::model_loss(other, NoiseCase::kRows, noisy.noise, 1));
}

TEST(SpatialVae, StartsAtTheIdentity) {
    for (const SpatialKind kind : {SpatialKind::kTransformer, SpatialKind::kDoubleTransformer})
        for (const RangeLimit limit : {RangeLimit::kNone, RangeLimit::kTanh})
            for (const PosePrior prior : {PosePrior::kNone, PosePrior::kFitted, PosePrior::kFull}) {
                SpatialVaeConfig config = small_config(kind, PoseKind::kAffine, prior);
                config.limit = limit;
                const int N = 4, D = 20;
                const Matmul matmul;
                SpatialVae<float> model(config, 1, N, matmul);
                model.parameters().initialise({3}, nullptr);
                const std::vector<float> x = test::Random(4).uniforms<float>(N * D);
                check(copy_to_device(model.minibatch(), x.data(), x.size() * sizeof(float)));
                model.evaluate(N, LatentNoise{});  // without noise u is its mean
                std::vector<float> u(N * 6), reference(N * D), output(N * D);
                check(copy_to_host(u.data(), model.u(), u.size() * sizeof(float)));
                check(copy_to_host(reference.data(), model.reference(), reference.size() * sizeof(float)));
                check(copy_to_host(output.data(), model.output(), output.size() * sizeof(float)));
                const std::vector<double> identity = config.identity();
                for (int i = 0; i < N * 6; ++i) ASSERT_FLOAT_EQ(u[i], float(identity[i % 6])) << name_of(config);
                for (int i = 0; i < N * D; ++i) ASSERT_NEAR(output[i], reference[i], 1e-5);
            }
}

TEST(SpatialVae, HasThePaperSizes) {
    const Matmul matmul;
    const auto count = [&](SpatialKind kind, PoseKind pose, int latents) {
        SpatialVaeConfig config;
        config.kind = kind;
        config.pose = pose;
        config.latents = latents;
        return SpatialVae<float>(config, 1, 1, matmul).parameters().layout().count();
    };
    const auto dense = [](std::size_t in, std::size_t out) { return in * out + out; };
    const std::size_t vae8 = dense(784, 256) + 2 * dense(256, 256) + dense(256, 16) + dense(8, 256) + dense(256, 784);
    EXPECT_EQ(count(SpatialKind::kVae, PoseKind::kAffine, 8), vae8);
    EXPECT_EQ(count(SpatialKind::kTransformer, PoseKind::kAffine, 8), vae8 + dense(256, 6));
    EXPECT_EQ(count(SpatialKind::kTransformer, PoseKind::kPose5, 8), vae8 + dense(256, 5));
    EXPECT_EQ(count(SpatialKind::kTransformer, PoseKind::kSpline, 8), vae8 + dense(256, 18));
    EXPECT_EQ(count(SpatialKind::kDoubleTransformer, PoseKind::kAffine, 8), vae8 + dense(784, 128) + dense(128, 6));
}

TEST(SpatialVae, RefusesWhatHasNoMeaning) {
    const Matmul matmul;
    SpatialVaeConfig config = small_config(SpatialKind::kDoubleTransformer, PoseKind::kSpline, PosePrior::kNone);
    EXPECT_THROW(SpatialVae<float>(config, 1, 4, matmul), std::invalid_argument);
    config = small_config(SpatialKind::kTransformer, PoseKind::kSpline, PosePrior::kNone);
    config.control_points = 9;
    EXPECT_THROW(SpatialVae<float>(config, 1, 4, matmul), std::invalid_argument);
}

// --- training --------------------------------------------------------------------------------------------------------

struct Training {
    Training(SpatialVaeConfig c, const std::vector<std::uint64_t>& seeds, std::size_t count, int batch)
        : images(test::blocks(count, 8, 1)),
          device_images({&images}, std::vector<int>(seeds.size(), 0), 64),
          model(sized(c), int(seeds.size()), batch, matmul),
          trainer(model, device_images, seeds, matmul, options(int(seeds.size()), batch)) {
        model.parameters().initialise(seeds, nullptr);
    }
    static SpatialVaeConfig sized(SpatialVaeConfig c) {
        c.height = c.width = 8;
        c.hidden = {32};
        c.latents = 5;
        return c;
    }
    static TrainerOptions options(int R, int batch) {
        TrainerOptions o;
        o.batch = batch;
        o.optimiser = Optimiser::kAdadelta;
        o.learning_rates.assign(R, 1.f);
        return o;
    }
    std::vector<ReplicaLoss> epoch() { return test::finish_epoch(trainer); }
    std::vector<std::uint8_t> images;
    Matmul matmul;
    DeviceImages device_images;
    SpatialVae<float> model;
    Trainer trainer;
};

int epochs_for_checks(int epochs) {  // fibers are some 200 times slower
    return launch_options().cpu_blocks == CpuBlocks::kOneThread ? epochs : 2;
}

std::vector<SpatialVaeConfig> trained_kinds() {
    std::vector<SpatialVaeConfig> all = {small_config(SpatialKind::kVae, PoseKind::kAffine, PosePrior::kNone)};
    for (const PoseKind pose : {PoseKind::kAffine, PoseKind::kPose5, PoseKind::kSpline})
        all.push_back(small_config(SpatialKind::kTransformer, pose, PosePrior::kNone));
    all.push_back(small_config(SpatialKind::kTransformer, PoseKind::kAffine, PosePrior::kFitted));
    all.push_back(small_config(SpatialKind::kDoubleTransformer, PoseKind::kAffine, PosePrior::kNone));
    return all;
}

TEST(SpatialVae, LearnsTenImagesByHeart) {
    for (const SpatialVaeConfig& config : trained_kinds()) {
        Training training(config, {1}, 10, 10);
        const double before = training.epoch()[0].terms[0];
        double after = before;
        const int epochs = epochs_for_checks(1500);
        for (int e = 0; e < epochs; ++e) after = training.epoch()[0].terms[0];
        std::printf("    %-30s reconstruction %.2f -> %.2f nats\n", name_of(config).c_str(), before, after);
        EXPECT_LT(after, epochs == 1500 ? 0.2 * before : before) << name_of(config);
    }
}

TEST(SpatialVae, AReplicaEqualsTheSameModelTrainedAlone) {
    const std::vector<std::uint64_t> seeds = {7, 8, 9};
    for (const SpatialVaeConfig& config : trained_kinds()) {
        Training together(config, seeds, 21, 8);  // a tail of 5
        const int epochs = epochs_for_checks(4);
        for (int e = 0; e < epochs; ++e) together.epoch();
        for (std::size_t r = 0; r < seeds.size(); ++r) {
            Training alone(config, {seeds[r]}, 21, 8);
            for (int e = 0; e < epochs; ++e) alone.epoch();
            const std::vector<float> a = together.model.parameters().download(int(r)),
                                     b = alone.model.parameters().download(0);
            ASSERT_EQ(a, b) << name_of(config) << ", replica " << r;
        }
    }
}

TEST(SpatialVae, FusedLayersTrainAsALibrarysProductsDo) {
    for (const SpatialVaeConfig& config : trained_kinds()) {
        Training plain(config, {5, 6}, 10, 5);
        const test::FusedDense fused;
        Training ours(config, {5, 6}, 10, 5);
        for (int e = 0; e < 2; ++e) {
            const double expected = plain.epoch()[1].loss;
            EXPECT_NEAR(ours.epoch()[1].loss, expected, 1e-4 * expected) << name_of(config);
        }
    }
}

/// The gradients of the float model with the fused layers, and with a library's products, against the double model's.
void check_float_gradients(const SpatialVaeConfig& config) {
    const int R = 2, N = 3;
    const Matmul matmul;
    SpatialVae<double> exact(config, R, N, matmul);
    SpatialVae<float> model(config, R, N, matmul);
    const std::vector<std::uint64_t> seeds = {11, 12};
    const DeviceBuffer<std::uint64_t> device_seeds(seeds);
    model.parameters().initialise(seeds, nullptr);
    LatentNoise noise;
    noise.seeds = device_seeds.data();
    test::Random random(21);
    for (int r = 0; r < R; ++r) {
        std::vector<float> values = model.parameters().download(r);
        for (const ParameterInfo& tensor : model.parameters().layout().tensors())
            for (std::size_t i = tensor.offset; i < tensor.offset + tensor.count; ++i)
                values[i] += float(random.uniform(-0.1, 0.1));
        model.parameters().upload(r, values);
        exact.parameters().upload(r, test::as<double>(values));
    }
    const std::vector<float> x = test::Random(5).uniforms<float>(std::size_t(R) * N * config.height * config.width);
    const std::vector<double> exact_x = test::as<double>(x);
    check(copy_to_device(exact.minibatch(), exact_x.data(), exact_x.size() * sizeof(double)));
    exact.gradients(N, noise);
    const auto expect_exact = [&](const char* way) {
        check(copy_to_device(model.minibatch(), x.data(), x.size() * sizeof(float)));
        model.gradients(N, noise);
        for (int r = 0; r < R; ++r) {
            const std::vector<double> expected = exact.parameters().download_gradients(r);
            const std::vector<float> got = model.parameters().download_gradients(r);
            for (const ParameterInfo& tensor : model.parameters().layout().tensors()) {
                double largest = 0, error = 0;
                for (std::size_t i = tensor.offset; i < tensor.offset + tensor.count; ++i) {
                    largest = std::max(largest, std::abs(expected[i]));
                    error = std::max(error, std::abs(expected[i] - got[i]));
                }
                EXPECT_LE(error, 2e-5 * largest) << name_of(config) << way << tensor.name << " of replica " << r;
            }
        }
        for (std::size_t term = 0; term < model.loss_terms().size(); ++term) {
            const LossTerm<float> trained = model.training_terms()[term];
            std::vector<float> rows(R * N), numbers(rows.size() * trained.parts);
            std::vector<double> exact_rows(rows.size());
            check(copy_to_host(numbers.data(), trained.rows, numbers.size() * sizeof(float)));
            for (std::size_t i = 0; i < numbers.size(); ++i) rows[i / trained.parts] += numbers[i];
            check(copy_to_host(exact_rows.data(), exact.loss_terms()[term].rows, rows.size() * sizeof(double)));
            test::expect_close(rows, exact_rows, test::Tolerance{1e-6, 1e-5}, model.loss_terms()[term].name + way);
        }
    };
    expect_exact(", a library's products: ");
    const test::FusedDense fused;
    expect_exact(", fused: ");
}

TEST(SpatialVae, FloatGradientsAreThoseOfTheDoubleModel) {
    check_float_gradients(small_config(SpatialKind::kVae, PoseKind::kAffine, PosePrior::kNone));
    for (const PosePrior prior : {PosePrior::kNone, PosePrior::kFixedMean, PosePrior::kFitted, PosePrior::kFull}) {
        check_float_gradients(small_config(SpatialKind::kTransformer, PoseKind::kPose5, prior));
        check_float_gradients(small_config(SpatialKind::kDoubleTransformer, PoseKind::kAffine, prior));
        SpatialVaeConfig limited = small_config(SpatialKind::kTransformer, PoseKind::kSpline, prior);
        limited.limit = RangeLimit::kTanh;
        limited.separate_trunk = true;
        check_float_gradients(limited);
    }
    SpatialVaeConfig config = small_config(SpatialKind::kDoubleTransformer, PoseKind::kAffine, PosePrior::kFull);
    config.second = SecondTransform::kIndependent;
    config.rank = 4;
    config.samples = 2;
    config.loss_scale = 0.13;
    check_float_gradients(config);
    config = small_config(SpatialKind::kVae, PoseKind::kAffine, PosePrior::kNone);
    config.spread = Spread::kLogDeviationFromOne;
    config.samples = 2;
    check_float_gradients(config);
}

TEST(SpatialVae, ARestoredTrainerGoesOnBitForBit) {
    const SpatialVaeConfig config =
        small_config(SpatialKind::kDoubleTransformer, PoseKind::kAffine, PosePrior::kFitted);
    Training whole(config, {5, 6}, 21, 8), first(config, {5, 6}, 21, 8), resumed(config, {5, 6}, 21, 8);
    for (int e = 0; e < 3; ++e) whole.epoch();
    first.epoch();
    int calls = 0;  // how many steps are launched: on a GPU fewer may be done
    first.trainer.finish_epoch([&](std::uint64_t) { return ++calls < 2; });  // stopped in mid-epoch
    for (int r = 0; r < 2; ++r) resumed.trainer.restore(r, first.trainer.save(r));
    resumed.epoch();
    resumed.epoch();
    for (int r = 0; r < 2; ++r) EXPECT_EQ(resumed.model.parameters().download(r), whole.model.parameters().download(r));

    Trainer::State adam = first.trainer.save(0);
    adam.optimiser = Optimiser::kAdam;
    EXPECT_THROW(resumed.trainer.restore(0, adam), std::invalid_argument) << "another optimiser's state";
}

TEST(SpatialVae, DivergenceOfThePoseIsNoticed) {
    // A NaN in the pose alone: border padding must not turn it into an innocent image.
    Training training(trained_kinds()[1], {1}, 10, 10);
    std::vector<float> values = training.model.parameters().download(0);
    for (const ParameterInfo& tensor : training.model.parameters().layout().tensors())
        if (tensor.name == "pose_heads.bias") values[tensor.offset + 2] = NAN;
    training.model.parameters().upload(0, values);
    EXPECT_THROW(training.epoch(), DivergenceError);
}

TEST(SpatialVae, GoldenLosses) {
    // Made by this test on the CPU device, seed 42; another device or instruction set agrees to float rounding. At the
    // identity every coordinate is a whole pixel, where rounding decides which cell's derivative counts: start beside
    // it.
    const double expected[][2] = {{46.151693, 42.952204}, {44.520241, 41.219163}, {44.604620, 41.251090},
                                  {44.761170, 41.297175}, {47.940908, 44.126997}, {45.960309, 43.366725}};
    const auto kinds = trained_kinds();
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        Training training(kinds[i], {42}, 21, 8);
        std::vector<float> values = training.model.parameters().download(0);
        for (const ParameterInfo& tensor : training.model.parameters().layout().tensors())
            if (tensor.name == "pose_heads.bias")
                for (int k = 0; k < training.model.config().pose_numbers(); ++k)
                    values[tensor.offset + k] += 0.03f + 0.011f * float(k % 6);
        training.model.parameters().upload(0, values);
        for (double golden : expected[i]) {
            const double loss = training.epoch()[0].loss;
            std::printf("%.6f ", loss);
            EXPECT_NEAR(loss, golden, 2e-4 * golden) << name_of(kinds[i]);
        }
    }
    std::printf("\n");
}

}  // namespace
}  // namespace warpvae
