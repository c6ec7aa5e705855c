// The experiment of Mills (2024), "Invariance in Variational Auto-Encoders": VAEs of several latent sizes trained on
// MNIST and on randomly turned and scaled MNIST, and how well a logistic regression on their latents reads four
// versions of the test set.
#pragma once
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "data/transformed_sets.h"
#include "host/evaluate/elbo.h"
#include "host/evaluate/features.h"
#include "host/evaluate/likelihood.h"
#include "host/evaluate/reconstruction.h"
#include "host/experiment/experiment.h"
#include "models/dense_vae.h"

namespace warpvae {

/// Classifiers that see the pixels and their labels, to hold the VAE's latents against.
enum class BenchmarkKind {
    kDense,         ///< 784-H-10, H the VAE's first hidden width
    kConvolutional  ///< the benchmark of Feige 2019: five convolutions and two dense layers with dropout
};
const char* benchmark_code(BenchmarkKind kind);  ///< "dense", "cnn"
const char* name_of(BenchmarkKind kind);         ///< "pixels (MLP)", "pixels (CNN)": its features in the table

struct InvarianceOptions {
    std::vector<int> latents = {10, 20, 50, 100};
    std::vector<Variant> train_sets = {Variant::kStandard, Variant::kRandom};
    std::vector<int> hidden = {400};
    double beta = 1;
    Likelihood pixels = Likelihood::kBernoulli;
    bool binarise = false;
    /// How the transformed sets are made.
    VariantOptions variant = {.fixed_scale = FixedScale::kResizeCrop};
    double C = 1;  ///< inverse regularisation of the logistic regression
    std::vector<std::optional<BenchmarkKind>> benchmarks = {BenchmarkKind::kDense, BenchmarkKind::kConvolutional};
    std::vector<std::size_t> reduced_to = {1000, 5000, 10000, 60000};  ///< numbers of training images
    LikelihoodOptions likelihood;
};
void add_settings(Settings& settings, InvarianceOptions& options);

inline constexpr std::size_t kTestSets = 4;  // kVariants, in their order
using TestAccuracies = std::array<double, kTestSets>;

/// The options with the other reading of "1.1x".
VariantOptions with_other_scale(VariantOptions options);
/// "MNIST-rt", as the paper has it; of another data set its own name, "glyphs-rt".
std::string set_name(Variant variant, const std::string& dataset);

/// One model of the table: what it was trained on and what was read from it.
struct InvarianceReplica : Replica {
    Variant train = Variant::kStandard;
    int latents = 0;
    /// Of kFeatureKinds; NaN where the images have no labels, as the next.
    std::array<TestAccuracies, 2> accuracy{TestAccuracies{NAN, NAN, NAN, NAN}, TestAccuracies{NAN, NAN, NAN, NAN}};
    /// Of kFeatureKinds on MNIST-fs made the other way: what the paper's "1.1x" leaves open is worth so much.
    std::array<double, 2> accuracy_other_scale{NAN, NAN};
    std::array<double, 2> certificate{NAN, NAN};  ///< gradient norm of the regression, per feature kind
    std::array<int, 2> iterations{};
    ElboSummary test_elbo;  ///< on the test set of its own kind

    std::string group() const override;  ///< "s-z20"
    std::string shape() const override { return std::to_string(latents); }
    Values own() const override;
    void fields(Fields& f) override;
};

/// One benchmark, trained on the same images and their labels for as many epochs.
struct InvarianceBenchmark {
    BenchmarkKind kind = BenchmarkKind::kDense;
    Variant train = Variant::kStandard;
    std::uint64_t seed = 0;
    TestAccuracies accuracy{};
    std::string name() const;  ///< "rt-cnn-seed1": its folder
};

class InvarianceExperiment : public Experiment {
  public:
    /// `part`: of a part of the run, which has models of its own in this folder below the run's.
    InvarianceExperiment(const Run& run, const InvarianceOptions& options, const std::filesystem::path& part = {});

    /// Every (train set, N, seed) of the options.
    std::vector<InvarianceReplica> replicas() const;
    /// Every (kind, train set, seed) of the options, trained unless its result is on disk. Throws Interrupted.
    std::vector<InvarianceBenchmark> benchmarks();
    /// Those of them that the run has.
    std::vector<InvarianceBenchmark> trained_benchmarks() const;
    /// The test set of a replica's own kind, [n, D].
    std::vector<std::uint8_t> test_images(const InvarianceReplica& replica) const;
    DenseVaeConfig config_of(const InvarianceReplica& replica) const;
    const InvarianceOptions& of_paper() const { return options_; }

  protected:
    std::unique_ptr<Ensemble> ensemble(const std::vector<Replica*>& replicas) override;

  private:
    /// Those of the options that are of this kind, untrained.
    std::vector<InvarianceBenchmark> benchmarks_of(BenchmarkKind kind) const;
    OtherResult result_of(InvarianceBenchmark& benchmark) const;
    /// Of one kind, as replicas of one classifier.
    void train_benchmarks(const std::vector<InvarianceBenchmark*>& benchmarks) const;
    const InvarianceOptions& options_;
};

/// A trained replica's model with room for `rows` rows. Throws Error where it is not trained, or was trained otherwise.
struct LoadedVae : OnDevice<DenseVae<float>> {
    LoadedVae(const InvarianceExperiment& experiment, const InvarianceReplica& replica, int rows);
};

}  // namespace warpvae
