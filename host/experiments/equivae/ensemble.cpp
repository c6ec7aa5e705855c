// Replicas of one shape on the device, and what is read from them once they are trained: error rates, linear probes,
// and the classifiers that the paper compares with.
#include <algorithm>
#include <cmath>

#include "host/evaluate/elbo.h"
#include "host/evaluate/logistic_regression.h"
#include "host/experiment/classifier_run.h"
#include "host/experiments/equivae/trained.h"
#include "host/mean.h"

namespace warpvae {
namespace {

constexpr int kNeuralEpochs = 10;  ///< of the dropout net on frozen features

using Bytes = std::vector<std::uint8_t>;

/// Accuracy on `test` of a logistic regression fitted to `train`, rows of d numbers with labels.
double probe(const Matmul& matmul, const std::vector<float>& train, const Bytes& train_labels,
             const std::vector<float>& test, const Bytes& test_labels, int classes) {
    const DeviceBuffer<float> fit_rows(train, "probe features"), test_rows(test, "probe features");
    const DeviceImages fit_labels({&train_labels}, {0}, 1), labels({&test_labels}, {0}, 1);
    LogisticRegressionOptions options;
    options.classes = classes;
    const int d = int(train.size() / train_labels.size());
    const auto fit =
        fit_logistic_regression(matmul, fit_rows.data(), fit_labels.table(), 1, train_labels.size(), d, options);
    return logistic_regression_accuracy(matmul, fit, test_rows.data(), labels.table(), test_labels.size())[0];
}

class EquivaeEnsemble : public Ensemble {
  public:
    EquivaeEnsemble(const EquivaeExperiment& experiment, const std::vector<Replica*>& replicas)
        : Ensemble(replicas, experiment.options().math),
          experiment_(experiment),
          replicas_(typed<EquivaeReplica>(replicas)),
          split_(experiment.split()),
          test_(experiment.data().test),
          convolver_(stream, experiment.options().math),
          pixels_(split_.train, replicas_[0]->config.likelihood),
          validation_(shared(split_.validation)),
          validation_classes_(class_sets(split_.validation.labels)),
          complement_seeds_(std::vector<std::uint64_t>(seeds.size(), kComplementSeed), "seeds") {
        const EquivaeReplica& first = *replicas_[0];
        std::vector<const Bytes*> labels(size(), &split_.train.labels);
        if (is_semi()) {
            for (const EquivaeReplica* r : replicas_)
                splits_.push_back(labelled_split(split_.train, split_.classes, r->labels, r->seed));
            for (int r = 0; r < size(); ++r) labels[r] = &splits_[r].labelled.labels;
            unlabelled_ = own_images(&LabelledSplit::unlabelled);
        }
        labelled_ = is_semi() ? own_images(&LabelledSplit::labelled) : shared(split_.train);
        labels_ = DeviceImages::of_replicas(labels, 1);
        classes_ = std::make_unique<ClassSets>(labels, split_.classes);
        EquivaeConfig config = first.config;
        config.pixels = pixels_.view();
        const EquivaeData data{&labelled_, &labels_, classes_.get(), unlabelled_.count()};
        model_ = std::make_unique<Equivae<float>>(config, size(), first.phases.back().batch, data, matmul, convolver_);
    }

    Model<float>& model() override { return *model_; }
    const DeviceImages& epoch_images() const override { return is_semi() ? unlabelled_ : labelled_; }
    void choose(TrainerOptions& trainer) const override { trainer.phases = replicas_[0]->phases; }
    std::vector<Json> after_epoch(int) override {
        std::vector<Json> lines(size());
        if (is_semi()) {
            const auto predicted = classify_images(*model_, validation_);
            for (int r = 0; r < size(); ++r)
                lines[r] = {{"validation_error", error_rate(predicted[r], split_.validation.labels)}};
        } else if (replicas_[0]->kind == EquivaeKind::kSupervised) {
            const auto latents = latents_of(validation_, validation_classes_);
            for (int r = 0; r < size(); ++r)
                lines[r] = {{"validation_reconstruction", mean_of(latents[r].nll)},
                            {"validation_kl", mean_of(latents[r].kl)}};
        }
        return lines;
    }
    void evaluate() override {
        read_bound();
        if (replicas_[0]->kind == EquivaeKind::kUnsupervised) return;
        const DeviceImages test = shared(test_);
        const auto embedded = embed_images(*model_, test);
        read_classes(test, embedded);
        probe_latents(test, embedded);
        if (!is_semi()) train_net(test);
        const auto benchmarks = experiment_.benchmarks(replicas_, true);
        for (int r = 0; r < size(); ++r) replicas_[r]->benchmark = benchmarks[r];
        if (!is_semi()) return;
        const auto short_benchmarks = experiment_.benchmarks(replicas_, false);
        for (int r = 0; r < size(); ++r) replicas_[r]->short_benchmark = short_benchmarks[r];
    }

  private:
    bool is_semi() const { return replicas_[0]->kind == EquivaeKind::kSemiSupervised; }
    DeviceImages shared(const ImageSet& set) const { return Ensemble::shared(set.images, set.image_size()); }
    ClassSets class_sets(const Bytes& labels) const {
        return ClassSets(std::vector<const Bytes*>(seeds.size(), &labels), split_.classes);
    }
    DeviceImages own_images(ImageSet LabelledSplit::*part) const {
        std::vector<const Bytes*> images;
        for (const LabelledSplit& split : splits_) images.push_back(&(split.*part).images);
        return DeviceImages::of_replicas(images, int(split_.train.image_size()));
    }
    /// r from others of the same images and classes.
    std::vector<EquivaeLatents> latents_of(const DeviceImages& images, const ClassSets& classes) {
        return equivae_latents(*model_, images, classes, kShownComplement, complement_seeds_);
    }

    void read_bound() {
        const auto latents = latents_of(validation_, validation_classes_);
        for (int r = 0; r < size(); ++r) {
            replicas_[r]->validation_nll = mean_of(latents[r].nll);
            replicas_[r]->validation_kl = mean_of(latents[r].kl);
            replicas_[r]->latent_kl = latents[r].latent_kl;
            replicas_[r]->active_units = active_units(latents[r].v, replicas_[r]->latents);
        }
    }

    /// The class from f_inv(x) and the class means r_y of the labelled images, in two ways, and from q(y | x).
    void read_classes(const DeviceImages& test, const std::vector<std::vector<float>>& embedded) {
        const int K = split_.classes;
        const auto labelled = embed_images(*model_, labelled_);
        std::vector<std::vector<float>> means(size());
        std::vector<double> log_prior(K);
        for (int r = 0; r < size(); ++r) {
            const Bytes& labels = is_semi() ? splits_[r].labelled.labels : split_.train.labels;
            means[r] = class_means(labelled[r], labels, K);
            for (int k = 0; k < K; ++k)
                log_prior[k] = std::log(double(std::count(labels.begin(), labels.end(), k)) / double(labels.size()));
        }
        const auto likely = most_likely_classes(*model_, test, means, log_prior);
        for (int r = 0; r < size(); ++r) {
            const auto nearest = nearest_classes(embedded[r], means[r], K);
            replicas_[r]->distance = error_rate(nearest, test_.labels);
            replicas_[r]->likelihood = error_rate(likely[r], test_.labels);
            replicas_[r]->agreement = 1 - error_rate(nearest, likely[r]);
        }
        if (!is_semi()) return;
        const auto predicted = classify_images(*model_, test);
        for (int r = 0; r < size(); ++r) replicas_[r]->classifier = error_rate(predicted[r], test_.labels);
    }

    /// What a linear classifier reads from each latent.
    void probe_latents(const DeviceImages& test, const std::vector<std::vector<float>>& embedded) {
        const int K = split_.classes;
        const Matmul exact(stream);
        ImageSet some = split_.train;
        some.truncate(kProbeImages);
        const DeviceImages some_images = shared(some);
        const auto fit = latents_of(some_images, class_sets(some.labels));
        const auto fit_r = embed_images(*model_, some_images);
        const auto tried = latents_of(test, class_sets(test_.labels));
        for (int r = 0; r < size(); ++r) {
            const auto accuracy = [&](const std::vector<float>& train, const std::vector<float>& rows) {
                return probe(exact, train, some.labels, rows, test_.labels, K);
            };
            replicas_[r]->probe_r = accuracy(fit_r[r], embedded[r]);
            replicas_[r]->probe_v = accuracy(fit[r].v, tried[r].v);
            replicas_[r]->probe_v_sample = accuracy(fit[r].v_sample, tried[r].v_sample);
        }
    }

    /// A dropout net on frozen f_inv(x) (section 3.1).
    void train_net(const DeviceImages& test) {
        ImageClassifierConfig config;
        config.height = split_.train.height, config.width = split_.train.width;
        config.channels = split_.train.channels;
        config.pixels = pixels_.view();
        config.hidden = {128, 64};
        config.dropout = 0.5;
        config.classes = split_.classes;
        config.rule = InitialRule::kLasagne;
        FrozenFeatures<float> frozen;
        frozen.size = replicas_[0]->latents;
        frozen.minibatch = model_->minibatch();
        frozen.features = [&](int N) {
            model_->embed(N);
            return model_->embedding();
        };
        ClassifierTraining training;
        training.epochs = std::min(kNeuralEpochs, replicas_[0]->planned);
        training.phases = experiment_.phases_of(training.epochs);
        training.learning_rate = experiment_.options().learning_rate;
        training.seeds = seeds;
        training.graph = !experiment_.options().no_graph;
        ImageClassifier<float> classifier(config, size(), training.phases.back().batch, labels_, matmul, convolver_,
                                          frozen);
        train_with_progress(classifier, labelled_, matmul, training, "classifier on f_inv(x)",
                            experiment_.options().quiet);
        const auto accuracy = classifier_accuracy(classifier, test, Ensemble::shared(test_.labels, 1), matmul);
        for (int r = 0; r < size(); ++r) replicas_[r]->neural = 1 - accuracy[r];
    }

    const EquivaeExperiment& experiment_;
    const std::vector<EquivaeReplica*> replicas_;
    const EquivaeSplit& split_;
    const ImageSet& test_;
    std::vector<LabelledSplit> splits_;  // [R], semi-supervised
    const Convolver convolver_;
    const PixelStatistics pixels_;
    DeviceImages labelled_, labels_, unlabelled_;
    std::unique_ptr<ClassSets> classes_;
    const DeviceImages validation_;
    const ClassSets validation_classes_;
    const DeviceBuffer<std::uint64_t> complement_seeds_;
    std::unique_ptr<Equivae<float>> model_;
};

}  // namespace

std::unique_ptr<Ensemble> EquivaeExperiment::ensemble(const std::vector<Replica*>& replicas) {
    return std::make_unique<EquivaeEnsemble>(*this, replicas);
}

}  // namespace warpvae
