// The experiment of Feige (2019), "Invariant-Equivariant Representation Learning for Multi-Class Data": EQUIVAE with
// all labels and with few, the classifiers that it is compared with, and what its two latents carry.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/data_set.h"
#include "host/evaluate/equivae_evaluation.h"
#include "host/feige/feige_splits.h"
#include "host/files/checkpoint.h"

namespace warpvae {

inline constexpr int kShownComplement = 5;  ///< m of everything that is shown (section 3.1)

enum class FeigeKind {
    kSupervised,
    kSemiSupervised,
    kAblation,  ///< r from the image itself (section 3): no labels needed
};

/// One model: what it is trained on, and what was read from it. Error rates are of the test set.
struct FeigeReplica {
    FeigeKind kind = FeigeKind::kSupervised;
    int labels = 0;  ///< of kSemiSupervised
    LabelledMixing mixing = LabelledMixing::kPaired;
    int latents = 16;
    std::uint64_t seed = 1;

    int epochs = 0;                                ///< that it was trained for
    double seconds = 0;                            ///< of training, all sessions
    std::optional<double> distance;                ///< nearest r_y
    std::optional<double> likelihood;              ///< largest bound of log p(x, y)
    std::optional<double> neural;                  ///< a dropout net on frozen f_inv(x)
    std::optional<double> classifier;              ///< q(y | x)
    std::optional<double> benchmark;               ///< the paper's, trained on the same labels until it has converged
    std::optional<double> short_benchmark;         ///< few labels: the same for as many passes as the model
    std::optional<double> agreement;               ///< share of test images that nearest r_y and largest bound agree on
    std::optional<double> probe_r, probe_v;        ///< accuracy of a linear classifier on f_inv(x), on v
    std::optional<double> probe_v_sample;          ///< on draws of q(v | r, x)
    std::optional<double> active_units;            ///< of v: means that vary by more than 0.01 over validation images
    double validation_nll = 0, validation_kl = 0;  ///< means over the validation images, r from 5 others of the class

    std::string name() const;   ///< "semi100-paired-z8-seed1": its folder, its name in metrics.jsonl
    std::string group() const;  ///< the same without the seed
};

struct FeigeOptions {
    std::filesystem::path out;
    int seeds = 5;
    std::uint64_t first_seed = 1;
    int epochs = 0;          ///< 0: the paper's for each model
    int batch = 32;          ///< at the start; doubled in equal phases
    int phases = 0;          ///< 0: 4, on SVHN 5
    int latents = 0;         ///< 0: the paper's, 16, and 8 for MNIST semi-supervised
    int max_complement = 0;  ///< 0: the paper's
    std::vector<int> labels = {100, 600, 1000, 3000};
    std::vector<LabelledMixing> mixing = {LabelledMixing::kPaired};
    DeviationKind deviation = DeviationKind::kUnit;  ///< of colour images' likelihood
    double learning_rate = 1e-3;
    Math math = Math::kFp32;
    int together = 0;  ///< replicas trained at once; 0: all of one shape on a GPU, one on the CPU device
    bool graph = true, quiet = false, resume = false, quick = false;
};

const char* name_of(LabelledMixing mixing);
const char* name_of(DeviationKind kind);

class FeigeExperiment {
  public:
    FeigeExperiment(const FeigeOptions& options, const DataSet& data);
    ~FeigeExperiment();

    std::vector<FeigeReplica> supervised_replicas() const;
    std::vector<FeigeReplica> semi_supervised_replicas() const;
    /// A model of this kind with the options' first seed.
    FeigeReplica replica(FeigeKind kind, int latents) const;

    /// Trains what is not yet trained. Throws Interrupted, DivergenceError, Error.
    void train(const std::vector<FeigeReplica>& replicas);
    /// And evaluates, unless the result is on disk; classifiers that the paper compares with are trained too.
    void train_and_evaluate(std::vector<FeigeReplica>& replicas);

    /// A trained model for one replica, and what its pixels are.
    struct Loaded;
    std::unique_ptr<Loaded> load(const FeigeReplica& replica) const;
    bool is_trained(const FeigeReplica& replica) const;
    int epochs_of(const FeigeReplica& replica) const;
    EquivaeConfig config_of(const FeigeReplica& replica) const;
    std::filesystem::path folder_of(const FeigeReplica& replica) const { return options_.out / replica.name(); }

    const FeigeOptions& options() const { return options_; }
    const DataSet& data() const { return data_; }
    const FeigeSplit& split() const { return split_; }

  private:
    struct Group;
    void run_group(const std::vector<FeigeReplica*>& group, bool evaluate);
    void evaluate_group(Group& group, const std::vector<FeigeReplica*>& replicas);
    double benchmark(const FeigeReplica& replica, bool converged) const;
    std::vector<BatchPhase> phases_of(int epochs) const;
    Metadata settings_of(const FeigeReplica& replica) const;
    std::string evaluation_name() const;
    bool is_svhn() const { return data_.name == "svhn"; }

    const FeigeOptions options_;
    const DataSet& data_;
    const FeigeSplit split_;
};

/// PixelScale and its device memory: colour images are standardised by the training set's pixels (the paper's SVHN),
/// grey ones are bytes / 255.
struct PixelStatistics {
    explicit PixelStatistics(const ImageSet& train);
    DeviceBuffer<float> mean, scale;
    std::vector<float> host_mean, host_scale;
    PixelScale view() const { return {mean.data(), scale.data()}; }
    /// Pixels of a decoder as levels of [0, 1]: a Bernoulli's logits, or a Gaussian's standardised means.
    std::vector<float> levels(std::vector<float> pixels) const;
};

struct FeigeExperiment::Loaded {
    Loaded(const EquivaeConfig& config, const ImageSet& train, int rows);
    ~Loaded();
    Stream stream;
    Matmul matmul;
    Convolver convolver;
    PixelStatistics pixels;
    Equivae<float> model;
    DeviceBuffer<std::uint64_t> seeds;  ///< of complementary images in evaluation
    /// Levels [n, D] that the decoder makes of n rows of r and v, [n, Z] each.
    std::vector<float> decode(const std::vector<float>& r, const std::vector<float>& v);
    EquivaeLatents latents(const ImageSet& set, int classes, int m);
};

}  // namespace warpvae
