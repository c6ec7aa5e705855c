// What is read from trained models: spectra, bounds, likelihoods, and what linear classifiers make of the posteriors.
#include <algorithm>
#include <cmath>

#include "host/evaluate/logistic_regression.h"
#include "host/log.h"
#include "host/peste/peste_group.h"
#include "host/show/progress.h"
#include "host/training_run.h"

namespace warpvae {
namespace {

std::vector<double> alphas_of(const std::vector<PesteReplica*>& replicas) {
    std::vector<double> alphas;
    for (const PesteReplica* r : replicas) alphas.push_back(r->alpha);
    return alphas;
}
int classes_of(const ImageSet& set) { return *std::max_element(set.labels.begin(), set.labels.end()) + 1; }

/// Draws decoded at a time: about 128, a few images of which fill a core's cache; whole chunks, so that nothing is
/// drawn for nothing.
int draws_of_chunk(int samples) {
    const int chunks = (samples + 127) / 128;
    return (samples + chunks - 1) / chunks;
}

/// What a classifier reads: device [R, count, width].
struct Features {
    const float* data;
    int width;
};
Features features_of(const Posteriors& posteriors, PosteriorFeature feature) {
    switch (feature) {
        case PosteriorFeature::kMeanVariance:
            return {posteriors.moments.data(), 2 * posteriors.latents};
        case PosteriorFeature::kSample:
            return {posteriors.samples.data(), posteriors.latents};
        default:
            return {posteriors.means.data(), posteriors.latents};
    }
}

/// argo's classifier, every replica `repeats` times; accuracies [R, repeats].
std::vector<std::vector<double>> sgd_accuracy(const Features& train, const DeviceImages& train_labels,
                                              const Features& test, const DeviceImages& test_labels, int R,
                                              const std::vector<std::uint64_t>& seeds, int repeats, int steps,
                                              int classes, const Matmul& matmul) {
    const Stream stream = matmul.stream();
    const int Q = R * repeats, d = train.width;
    const std::size_t n = train_labels.count(), m = test_labels.count();
    std::vector<const float*> fitted(Q), tried(Q);
    std::vector<std::uint64_t> own(Q);
    for (int q = 0; q < Q; ++q) {
        const std::size_t r = q / repeats;
        fitted[q] = train.data + r * n * d, tried[q] = test.data + r * m * d;
        own[q] = seeds[r] + 1000003ull * std::uint64_t(q % repeats + 1);
    }
    // The label tables hold a pointer for each replica; here each problem needs one.
    const auto repeated = [&](const DeviceImages& labels) {
        std::vector<const std::uint8_t*> one(R), all(Q);
        check(copy_to_host(one.data(), labels.table(), R * sizeof one[0], stream));
        for (int q = 0; q < Q; ++q) all[q] = one[q / repeats];
        return DeviceBuffer<const std::uint8_t*>(all, "labels");
    };
    const DeviceBuffer<const float*> train_table(fitted, "features"), test_table(tried, "features");
    const DeviceBuffer<std::uint64_t> device_seeds(own, "seeds");
    const auto fit_labels = repeated(train_labels), test_table_labels = repeated(test_labels);
    DeviceBuffer<float> weights(std::size_t(Q) * classes * (d + 1), "classifier");
    SoftmaxSgdOptions options;
    options.classes = classes, options.steps = steps;
    check(softmax_sgd<float>(weights.data(), train_table.data(), fit_labels.data(), device_seeds.data(), options, Q, n,
                             d, stream));
    DeviceBuffer<std::uint8_t> predicted(std::size_t(Q) * m, "predictions");
    check(softmax_predict<float>(predicted.data(), weights.data(), test_table.data(), classes, Q, m, d, stream));
    DeviceBuffer<unsigned long long> correct(Q, "correct");
    correct.zero(stream);
    check(accumulate_correct(correct.data(), predicted.data(), test_table_labels.data(), 0, Q, int(m), stream));
    const std::vector<unsigned long long> counts = correct.download(stream);
    std::vector<std::vector<double>> out(R);
    for (int q = 0; q < Q; ++q) out[q / repeats].push_back(double(counts[q]) / double(m));
    return out;
}

RenyiVae<float> likelihood_model(RenyiVae<float>& vae, int samples, const Matmul& matmul) {
    const int draws = draws_of_chunk(samples);
    return resized(vae, draws, evaluation_decoder_rows() / draws, matmul);
}

/// An estimation for hundreds of seconds: shown, and left at Ctrl-C.
std::vector<LikelihoodEstimate> shown_likelihood(RenyiVae<float>& vae, const DeviceImages& test,
                                                 const PesteOptions& options, const DeviceBuffer<std::uint64_t>& seeds,
                                                 const Matmul& matmul, const std::string& label) {
    const std::size_t count =
        options.likelihood_images ? std::min(options.likelihood_images, test.count()) : test.count();
    Progress progress(
        {.label = "log p(x), " + label, .total = std::int64_t(count), .unit = "images", .quiet = options.quiet});
    return estimate_likelihood(vae, test, count, options.likelihood_samples, seeds, matmul,
                               [&](std::size_t done) { progress.update(std::int64_t(done)); });
}

}  // namespace

PesteExperiment::Group::Group(const PesteExperiment& experiment, const std::vector<PesteReplica*>& replicas)
    : stream(stream_create()),
      matmul(stream, experiment.options_.math),
      grey_train({&experiment.train_.images}, std::vector<int>(replicas.size(), 0), int(experiment.train_.pixels())),
      train({&experiment.seen_train_.images}, std::vector<int>(replicas.size(), 0), int(experiment.train_.pixels())),
      test({&experiment.test_.images}, std::vector<int>(replicas.size(), 0), int(experiment.test_.pixels())),
      train_labels({&experiment.train_.labels}, std::vector<int>(replicas.size(), 0), 1),
      test_labels({&experiment.test_.labels}, std::vector<int>(replicas.size(), 0), 1),
      model(experiment.config_of(*replicas[0]), alphas_of(replicas), experiment.options_.batch, matmul) {
    for (const PesteReplica* r : replicas) seeds.push_back(r->seed);
    device_seeds = DeviceBuffer<std::uint64_t>(seeds, "seeds");
}

Posteriors PesteExperiment::Group::posteriors(const DeviceImages& images, int set) {
    RenyiVae<float> encoder = resized(model, 1, evaluation_decoder_rows(), matmul);
    return read_posteriors(encoder, images, device_seeds, set, matmul);
}

/// Figure 3: a logistic regression on each kind of feature, test accuracy by replica.
std::vector<std::array<double, 3>> PesteExperiment::separability(Group& group, const Posteriors& train,
                                                                 const Posteriors& test) const {
    const int R = group.model.replicas();
    const Matmul exact(group.stream);  // the regression is solved in fp32 whatever the model was trained in
    LogisticRegressionOptions regression;
    regression.C = options_.C;
    regression.classes = classes_of(train_);
    std::vector<std::array<double, 3>> accuracy(R);
    for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f) {
        const Features from = features_of(train, kPosteriorFeatures[f]), on = features_of(test, kPosteriorFeatures[f]);
        const LogisticRegressionFit fit = fit_logistic_regression(exact, from.data, group.train_labels.table(), R,
                                                                  group.train_labels.count(), from.width, regression);
        for (const LogisticRegressionCertificate& certificate : fit.certificates)
            if (!certificate.converged) log_warning("a logistic regression stopped short of its optimum");
        const auto right =
            logistic_regression_accuracy(exact, fit, on.data, group.test_labels.table(), group.test_labels.count());
        for (int r = 0; r < R; ++r) accuracy[r][f] = right[r];
    }
    return accuracy;
}

void PesteExperiment::evaluate_group(Group& group, const std::vector<PesteReplica*>& replicas, bool wants_likelihood) {
    const int R = int(replicas.size()), rows = evaluation_decoder_rows();
    const Matmul& matmul = group.matmul;
    {
        RenyiVae<float> model = resized(group.model, options_.bound_samples, rows / options_.bound_samples, matmul);
        const auto bounds = evaluate_bound(model, group.test, group.device_seeds, matmul);
        for (int r = 0; r < R; ++r) replicas[r]->bound = bounds[r];
    }
    const Posteriors train = group.posteriors(group.train, 0), test = group.posteriors(group.test, 1);
    const auto accuracy = separability(group, train, test);
    for (int r = 0; r < R; ++r) {
        replicas[r]->accuracy = accuracy[r];
        replicas[r]->spectrum = mean_spectrum(test.means.data() + r * test.count * test.latents, test.count,
                                              test.latents, Matmul(group.stream));
    }
    if (options_.sgd_repeats)
        for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f) {
            const auto right = sgd_accuracy(features_of(train, kPosteriorFeatures[f]), group.train_labels,
                                            features_of(test, kPosteriorFeatures[f]), group.test_labels, R, group.seeds,
                                            options_.sgd_repeats, options_.sgd_steps, classes_of(train_), matmul);
            for (int r = 0; r < R; ++r) {
                double sum = 0, squares = 0;
                for (const double a : right[r]) sum += a, squares += a * a;
                const double n = options_.sgd_repeats, mean = sum / n;
                replicas[r]->sgd_mean[f] = mean;
                replicas[r]->sgd_std[f] = n > 1 ? std::sqrt(std::max(0., squares - n * mean * mean) / (n - 1)) : 0;
            }
        }
    if (!wants_likelihood) return;
    RenyiVae<float> model = likelihood_model(group.model, options_.likelihood_samples, matmul);
    const auto estimates =
        shown_likelihood(model, group.test, options_, group.device_seeds, matmul, replicas[0]->name());
    for (int r = 0; r < R; ++r) replicas[r]->likelihood = estimates[r];
}

// --- trained models --------------------------------------------------------------------------------------------------

PesteExperiment::Loaded::Loaded(const RenyiVaeConfig& config, double alpha, int rows)
    : stream(stream_create()), matmul(stream), model(config, {alpha}, std::max(rows, 4), matmul) {}
PesteExperiment::Loaded::~Loaded() { stream_destroy(stream); }

std::unique_ptr<PesteExperiment::Loaded> PesteExperiment::load(const PesteReplica& replica, int rows) const {
    RenyiVaeConfig config = config_of(replica);
    config.samples = 1;  // a matter of training
    auto loaded = std::make_unique<Loaded>(config, replica.alpha, rows);
    auto& parameters = loaded->model.parameters();
    parameters.upload(0, load_weights(folder_of(replica) / "model.safetensors", parameters.layout()));
    return loaded;
}

void PesteExperiment::estimate_likelihoods(std::vector<PesteReplica>& replicas) const {
    const DeviceImages test({&test_.images}, {0}, int(test_.pixels()));
    for (PesteReplica& replica : replicas) {
        const auto loaded = load(replica, 4);
        const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{replica.seed});
        RenyiVae<float> model = likelihood_model(loaded->model, options_.likelihood_samples, loaded->matmul);
        replica.likelihood = shown_likelihood(model, test, options_, seeds, loaded->matmul, replica.name())[0];
    }
}

std::vector<float> PesteExperiment::Loaded::moments(const std::vector<std::uint8_t>& images) {
    const int D = model.config().height * model.config().width;
    const DeviceImages device({&images}, {0}, D);
    const DeviceBuffer<std::uint64_t> none(std::vector<std::uint64_t>{0});
    return read_posteriors(model, device, none, 0, matmul).moments.download(stream);
}

std::vector<float> PesteExperiment::Loaded::decode(const std::vector<float>& z) {
    return decode_latents(model, z, 0, matmul);
}

}  // namespace warpvae
