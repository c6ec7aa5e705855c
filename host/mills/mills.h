// The experiment of Mills (2024), "Invariance in Variational Auto-Encoders": VAEs of several latent sizes trained on
// MNIST and on randomly turned and scaled MNIST, and how well a logistic regression on their latents reads four
// versions of the test set.
#pragma once
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/known_sets.h"
#include "data/mills_variants.h"
#include "host/evaluate/claims.h"
#include "host/evaluate/vae_evaluation.h"
#include "host/show/table.h"

namespace warpvae {

/// Classifiers that see the pixels and their labels, to hold the VAE's latents against.
enum class BenchmarkKind {
    kDense,         ///< 784-H-10, H the VAE's first hidden width
    kConvolutional  ///< the benchmark of Feige 2019: five convolutions and two dense layers with dropout
};
const char* benchmark_code(BenchmarkKind kind);  ///< "dense", "cnn"
const char* name_of(BenchmarkKind kind);         ///< "pixels (MLP)", "pixels (CNN)": its features in the table

struct MillsOptions {
    std::filesystem::path out;
    std::vector<int> latents = {10, 20, 50, 100};
    std::vector<Variant> train_sets = {Variant::kStandard, Variant::kRandom};
    int seeds = 10;
    std::uint64_t first_seed = 1;
    int epochs = 10, batch = 128;
    std::vector<int> hidden = {400};
    double learning_rate = 1e-3, beta = 1;
    bool binarise = false;
    VariantOptions variant;  ///< how the transformed sets are made
    double C = 1;            ///< inverse regularisation of the logistic regression
    std::vector<BenchmarkKind> benchmarks = {BenchmarkKind::kDense, BenchmarkKind::kConvolutional};
    Math math = Math::kFp32;
    int together = 0;  ///< replicas trained at once; 0: all of one size on a GPU, one on the CPU device
    bool graph = true, quiet = false, resume = false;
};

inline constexpr std::size_t kTestSets = 4;  // kVariants, in their order

/// One model of the table: what it was trained on and what was read from it.
struct MillsReplica {
    Variant train = Variant::kStandard;
    int latents = 0;
    std::uint64_t seed = 0;
    std::array<std::array<double, kTestSets>, 2> accuracy{};  ///< [feature kind, test set]
    std::array<double, 2> certificate{};                      ///< gradient norm of the regression, per feature kind
    std::array<int, 2> iterations{};
    ElboSummary test_elbo;           ///< on the test set of its own kind
    std::string name() const;        ///< "s-z20-seed1": its folder, its name in metrics.jsonl
    std::string train_name() const;  ///< "MNIST-s"
};

/// One benchmark, trained on the same images and their labels for as many epochs.
struct MillsBenchmark {
    BenchmarkKind kind = BenchmarkKind::kDense;
    Variant train = Variant::kStandard;
    std::uint64_t seed = 0;
    std::array<double, kTestSets> accuracy{};
    std::string name() const;  ///< "rt-cnn-seed1": its folder
};

/// The paper's Table 2: accuracy of (train set, N) on the test set; nothing for another N.
std::optional<double> mills_table2(Variant train, int latents, std::size_t test_set);

class MillsExperiment {
  public:
    MillsExperiment(const MillsOptions& options, const DataSet& data);

    /// Every (train set, N, seed) of the options, trained unless its result is on disk, evaluated. Throws Interrupted.
    std::vector<MillsReplica> train_and_evaluate();
    /// Trains without evaluating (the command `train`).
    void train();
    /// Every (kind, train set, seed) of the options, trained unless its result is on disk. Throws Interrupted.
    std::vector<MillsBenchmark> benchmark();

  private:
    struct Group;
    std::vector<std::vector<MillsReplica>> groups() const;
    void run_group(std::vector<MillsReplica>& replicas, bool evaluate);
    void evaluate_group(Group& group, std::vector<MillsReplica>& replicas);
    void run_benchmark(MillsBenchmark& benchmark);
    std::filesystem::path folder_of(const MillsReplica& replica) const;

    const MillsOptions options_;
    const DataSet& data_;
};

/// Table 2 beside the measured one: one row per feature kind, train set and N, then one per benchmark and train set.
Table mills_table(const std::vector<MillsReplica>& replicas, const std::vector<MillsBenchmark>& benchmarks,
                  const std::string& dataset);

/// Latents in use (ElboSummary::active_units) by training set and N: what the paper suspects behind its N = 10.
Table mills_active_units(const std::vector<MillsReplica>& replicas, const std::string& dataset);

std::vector<Claim> mills_claims(const std::vector<MillsReplica>& replicas, FeatureKind features);

}  // namespace warpvae
