// A group of replicas on the device, and what is read from trained models: spectra, bounds, likelihoods, and what
// linear classifiers make of the posteriors.
#include <algorithm>
#include <cmath>

#include "host/evaluate/logistic_regression.h"
#include "host/experiments/geometry/geometry.h"
#include "host/log.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

constexpr int kLeastRows = 4;  // of a model that only lends its parameters

std::vector<double> alphas_of(const std::vector<GeometryReplica*>& replicas) {
    std::vector<double> alphas;
    for (const GeometryReplica* r : replicas) alphas.push_back(r->alpha);
    return alphas;
}

/// What a classifier reads: device [R, count, width].
struct Features {
    const float* data;
    int width;
};
/// Of kPosteriorFeatures.
std::array<Features, 3> features_of(const Posteriors& p) {
    return {{{p.means.data(), p.latents}, {p.moments.data(), 2 * p.latents}, {p.samples.data(), p.latents}}};
}

/// An estimation for hundreds of seconds: shown, and left at Ctrl-C.
std::vector<LikelihoodEstimate> shown_likelihood(const GeometryExperiment& experiment, RenyiVae<float>& vae,
                                                 const DeviceImages& test, const DeviceBuffer<std::uint64_t>& seeds,
                                                 const Matmul& matmul, const std::string& label) {
    const GeometryOptions& o = experiment.of_paper();
    const int draws = likelihood_draws_at_once(o.likelihood_samples);
    RenyiVae<float> model = resized(vae, draws, likelihood_decoder_rows(vae.replicas()) / draws, matmul);
    const std::size_t count = o.likelihood_images ? std::min(o.likelihood_images, test.count()) : test.count();
    Progress progress({.label = "log p(x), " + label,
                       .total = std::int64_t(count),
                       .unit = "images",
                       .quiet = experiment.options().quiet});
    LikelihoodOptions options;
    options.images = count;
    options.draws_at_once = draws;
    options.samples = (o.likelihood_samples + draws - 1) / draws * draws;  // whole passes: nothing is drawn for nothing
    return estimate_likelihood(model, test, options, seeds,
                               [&](std::size_t done) { progress.update(std::int64_t(done)); });
}

class GeometryEnsemble : public Ensemble {
  public:
    GeometryEnsemble(const GeometryExperiment& experiment, const std::vector<Replica*>& replicas)
        : Ensemble(replicas, experiment.options().math),
          experiment_(experiment),
          options_(experiment.of_paper()),
          replicas_(typed<GeometryReplica>(replicas)),
          grey_train_(shared(experiment.train_set().images, experiment.train_set().image_size())),
          train_(shared(experiment.seen_train_set().images, experiment.train_set().image_size())),
          test_(shared(experiment.test_set().images, experiment.test_set().image_size())),
          train_labels_(shared(experiment.train_set().labels, 1)),
          test_labels_(shared(experiment.test_set().labels, 1)),
          classes_(experiment.train_set().classes()),
          is_labelled_(experiment.data().labelled),
          vae_(experiment.config_of(*replicas_[0]), alphas_of(replicas_), experiment.options().batch, matmul) {}

    Model<float>& model() override { return vae_; }
    const DeviceImages& epoch_images() const override { return is_drawn_anew() ? grey_train_ : train_; }
    void choose(TrainerOptions& trainer) const override {
        trainer.binarise = is_drawn_anew();
        trainer.clip_norm = float(options_.clip_norm);
    }
    std::vector<Json> after_epoch(int epoch) override {
        std::vector<Json> lines;
        for (const ElboSummary& bound : evaluate_elbo(vae_, test_, device_seeds))
            lines.push_back({{"test_negative_bound", bound.negative_bound},
                             {"test_negative_elbo", bound.negative_elbo},
                             {"active_units", bound.active_units}});
        const bool of_figure_3 =
            std::any_of(replicas_.begin(), replicas_.end(), [](const auto* r) { return r->alpha == 1; });
        const bool now = epoch == 1 || epoch % options_.checkpoint_every == 0 || epoch == experiment_.options().epochs;
        if (!is_labelled_ || !of_figure_3 || !now) return lines;
        const auto accuracy = separability(posteriors(train_, 0), posteriors(test_, 1));
        for (std::size_t r = 0; r < lines.size(); ++r) {
            for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f)
                lines[r][std::string("accuracy_") + kPosteriorFeatures[f].code] = accuracy[r][f];
            lines[r]["accuracy_of"] = experiment_.separability_origin();
        }
        return lines;
    }
    void evaluate() override {
        const auto bounds = bounds_of(test_);
        for (int r = 0; r < size(); ++r) replicas_[r]->bound = bounds[r];
        const Posteriors test = posteriors(test_, 1);
        read_spectra(test);
        read_axes(test);
        if (is_labelled_) read_classes(posteriors(train_, 0), test);
        if (replicas_[0]->wants_likelihood) read_likelihoods();
    }

  private:
    bool is_drawn_anew() const { return options_.binarisation == Binarisation::kDynamic; }
    /// `set` is 0 for training images, 1 for test images.
    Posteriors posteriors(const DeviceImages& images, int set) {
        RenyiVae<float> encoder = resized(vae_, 1, evaluation_decoder_rows(), matmul);
        return read_posteriors(encoder, images, device_seeds, set);
    }
    std::vector<ElboSummary> bounds_of(const DeviceImages& images) {
        const int draws = options_.bound_samples;
        RenyiVae<float> model = resized(vae_, draws, evaluation_decoder_rows() / draws, matmul);
        return evaluate_elbo(model, images, device_seeds);
    }
    /// log p(x), and the bound on the same images: on others, their gap would be a difference of images.
    void read_likelihoods() {
        const auto estimates = shown_likelihood(experiment_, vae_, test_, device_seeds, matmul, replicas_[0]->name());
        const ImageSet& test = experiment_.test_set();
        const auto count = std::size_t(estimates[0].images);
        std::vector<std::uint8_t> first(test.images.begin(),
                                        test.images.begin() + std::ptrdiff_t(count * test.image_size()));
        const auto bounds =
            count < test.count() ? bounds_of(shared(first, test.image_size())) : std::vector<ElboSummary>();
        for (int r = 0; r < size(); ++r) {
            replicas_[r]->likelihood = estimates[r];
            replicas_[r]->negative_bound_there = (bounds.empty() ? replicas_[r]->bound : bounds[r]).negative_bound;
        }
    }
    void read_spectra(const Posteriors& test) {
        for (int r = 0; r < size(); ++r)
            replicas_[r]->spectrum = mean_spectrum(test.means.data() + r * test.count * test.latents, test.count,
                                                   test.latents, Matmul(stream));
    }
    void read_axes(const Posteriors& test) {
        const Matmul exact(stream);
        for (int r = 0; r < size(); ++r) {
            const AxesOptions options = {.seed = seeds[r]};
            const float* means = test.means.data() + std::size_t(r) * test.count * test.latents;
            const Pca pca = fit_pca(exact, means, test.count, test.latents, test.latents);
            std::vector<float> z(std::min(options.images, test.count) * test.latents);
            check(copy_to_host(z.data(), means, z.size() * sizeof(float), stream));
            replicas_[r]->axes = measure_axes(pca, decoder_grams(vae_, z, r), options);
        }
    }
    /// What both classifiers read.
    void read_classes(const Posteriors& train, const Posteriors& test) {
        const auto accuracy = separability(train, test);
        for (int r = 0; r < size(); ++r) replicas_[r]->accuracy = accuracy[r];
        if (!options_.sgd_repeats) return;
        for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f) {
            const auto right = sgd_accuracy(features_of(train)[f], features_of(test)[f]);
            for (int r = 0; r < size(); ++r) {
                double sum = 0, squares = 0;
                for (const double a : right[r]) sum += a, squares += a * a;
                const double n = options_.sgd_repeats, mean = sum / n;
                replicas_[r]->sgd_mean[f] = mean;
                replicas_[r]->sgd_std[f] = n > 1 ? std::sqrt(std::max(0., squares - n * mean * mean) / (n - 1)) : 0;
            }
        }
    }
    /// Figure 3: a logistic regression on each kind of feature, test accuracy by replica.
    std::vector<std::array<double, 3>> separability(const Posteriors& train, const Posteriors& test) const {
        const Matmul exact(stream);  // the regression is solved in fp32 whatever the model was trained in
        const LogisticRegressionOptions regression = {.C = options_.C, .classes = classes_};
        std::vector<std::array<double, 3>> accuracy(size());
        for (std::size_t f = 0; f < kPosteriorFeatures.size(); ++f) {
            const Features from = features_of(train)[f], on = features_of(test)[f];
            const LogisticRegressionFit fit = fit_logistic_regression(exact, from.data, train_labels_.table(), size(),
                                                                      train_labels_.count(), from.width, regression);
            for (const LbfgsCertificate& certificate : fit.certificates)
                if (!certificate.converged) log_warning("a logistic regression stopped short of its optimum");
            const auto right =
                logistic_regression_accuracy(exact, fit, on.data, test_labels_.table(), test_labels_.count());
            for (int r = 0; r < size(); ++r) accuracy[r][f] = right[r];
        }
        return accuracy;
    }
    std::vector<std::vector<double>> sgd_accuracy(const Features& train, const Features& test) const;

    const GeometryExperiment& experiment_;
    const GeometryOptions& options_;
    const std::vector<GeometryReplica*> replicas_;
    const DeviceImages grey_train_, train_, test_;  // training images as they are, and as evaluation sees both sets
    const DeviceImages train_labels_, test_labels_;
    const int classes_;
    const bool is_labelled_;
    RenyiVae<float> vae_;
};

/// argo's classifier, every replica sgd_repeats times; accuracies [R, repeats].
std::vector<std::vector<double>> GeometryEnsemble::sgd_accuracy(const Features& train, const Features& test) const {
    const Range range("softmax_sgd");
    const int R = size(), repeats = options_.sgd_repeats, Q = R * repeats, d = train.width;
    const std::size_t n = train_labels_.count(), m = test_labels_.count();
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
    const DeviceBuffer<std::uint64_t> own_seeds(own, "seeds");
    const auto fit_labels = repeated(train_labels_), tried_labels = repeated(test_labels_);
    DeviceBuffer<float> weights(std::size_t(Q) * classes_ * (d + 1), "classifier");
    SoftmaxSgdOptions options;
    options.classes = classes_, options.steps = options_.sgd_steps;
    check(softmax_sgd<float>(weights.data(), train_table.data(), fit_labels.data(), own_seeds.data(), options, Q, n, d,
                             stream));
    DeviceBuffer<std::uint8_t> predicted(std::size_t(Q) * m, "predictions");
    check(softmax_predict<float>(predicted.data(), weights.data(), test_table.data(), classes_, Q, m, d, stream));
    DeviceBuffer<unsigned long long> correct(Q, "correct");
    correct.zero(stream);
    check(accumulate_correct(correct.data(), predicted.data(), tried_labels.data(), 0, Q, int(m), stream));
    const std::vector<unsigned long long> counts = correct.download(stream);
    std::vector<std::vector<double>> out(R);
    for (int q = 0; q < Q; ++q) out[q / repeats].push_back(double(counts[q]) / double(m));
    return out;
}

}  // namespace

std::unique_ptr<Ensemble> GeometryExperiment::ensemble(const std::vector<Replica*>& replicas) {
    return std::make_unique<GeometryEnsemble>(*this, replicas);
}

// --- trained models --------------------------------------------------------------------------------------------------

std::unique_ptr<LoadedRenyi> GeometryExperiment::load(const GeometryReplica& replica, int rows) const {
    RenyiVaeConfig config = config_of(replica);
    config.samples = 1;  // a matter of training
    auto loaded = std::make_unique<LoadedRenyi>(config, std::vector<double>{replica.alpha}, rows);
    auto& parameters = loaded->model.parameters();
    parameters.upload(0, weights(replica, parameters.layout()));
    return loaded;
}

void GeometryExperiment::estimate_likelihoods(std::vector<GeometryReplica>& replicas) const {
    const DeviceImages test({&test_.images}, {0}, int(test_.image_size()));
    for (GeometryReplica& replica : replicas) {
        const auto loaded = load(replica, kLeastRows);
        const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{replica.seed});
        replica.likelihood = shown_likelihood(*this, loaded->model, test, seeds, loaded->matmul, replica.name())[0];
    }
}

std::vector<float> posterior_moments(LoadedRenyi& loaded, const std::vector<std::uint8_t>& images) {
    const DeviceImages device({&images}, {0}, loaded.model.image_size());
    const DeviceBuffer<std::uint64_t> none(std::vector<std::uint64_t>{0});
    return read_posteriors(loaded.model, device, none, 0).moments.download(loaded.stream);
}

}  // namespace warpvae
