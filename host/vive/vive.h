// The experiment of Vive, "Variational generation of images by deep spatial architectures": a VAE, T-VAEs and DT-VAEs
// trained on MNIST, what their latents carry, and what they draw.
#pragma once
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/data_set.h"
#include "host/evaluate/linear_svm.h"
#include "host/evaluate/spatial_evaluation.h"
#include "host/files/checkpoint.h"
#include "host/show/table.h"

namespace warpvae {

/// A model by the name it has on the command line and in file names.
struct ViveModel {
    const char* code;   ///< "affine-tvae"
    const char* title;  ///< "Affine-TVAE", as the paper writes it
    SpatialKind kind;
    PoseKind pose;
};
const std::vector<ViveModel>& vive_models();
/// Throws UsageError that lists the codes.
const ViveModel& vive_model(const std::string& code);

/// Priors of the pose by name: none, fixed-mean, fitted, full (P0, P1, P2 to P4, P5).
const char* name_of(PosePrior prior);
PosePrior parse_pose_prior(const std::string& name);

struct ViveOptions {
    std::filesystem::path out;
    std::vector<std::string> rows;  ///< of Table 1: raw, pca and codes of models
    std::vector<int> latents = {8, 20};
    int seeds = 10;
    std::uint64_t first_seed = 1;
    int epochs = 50, batch = 100;
    double learning_rate = 1;
    int restarts = 1;              ///< trainings per seed, of which the one with the best training ELBO counts
    bool paper_semantics = false;  ///< PCA's test projection is centred with the test set's own mean
    /// What all models share; kind, pose and latents are each model's own.
    SpatialVaeConfig config;
    Math math = Math::kFp32;
    int together = 0;  ///< replicas trained at once; 0: all of one shape on a GPU, one on the CPU device
    bool graph = true, quiet = false, resume = false;
    bool quick = false;  ///< fewer models for the figures
};

/// One trained model and what was read from it.
struct ViveReplica {
    std::string model;  ///< its code
    int latents = 0;    ///< dim(z)
    PosePrior prior = PosePrior::kNone;
    int rank = 0;  ///< of a full prior; 0: full rank
    std::uint64_t seed = 0;
    int restart = 0;

    ElboSummary train_elbo, test_elbo;
    std::array<SvmScores, 2> svm;  ///< of kFeatureKinds
    PoseSummary pose;              ///< of the test set
    int epochs = 0;                ///< that it was trained for
    bool evaluated = false;

    std::string name() const;   ///< "affine-tvae-z8-seed1": its folder, its name in metrics.jsonl
    std::string group() const;  ///< the same without seed and restart
    /// Seed of its initial values, minibatches and noise: restarts of one seed draw others.
    std::uint64_t drawn_seed() const { return seed + 1000003ull * std::uint64_t(restart); }
};

/// Why a run counts as caught in a bad local minimum (section VI.ii); empty if it is not.
std::string bad_minimum(const ViveReplica& replica);

class ViveExperiment {
  public:
    ViveExperiment(const ViveOptions& options, const DataSet& data);
    ~ViveExperiment();

    /// The models of options.rows, for each dim(z), seed and restart.
    std::vector<ViveReplica> table_replicas() const;
    /// Trains what is not yet trained. Throws Interrupted, DivergenceError, Error.
    void train(const std::vector<ViveReplica>& replicas);
    /// And evaluates, unless the result is on disk.
    void train_and_evaluate(std::vector<ViveReplica>& replicas);
    /// SVM on pixels, or on `components` principal components of them.
    SvmScores raw_pixels();
    SvmScores principal_components(int components);

    /// A trained replica's model, for one replica, with room for `rows` rows. Throws Error if it was not trained.
    struct Loaded {
        explicit Loaded(const SpatialVaeConfig& config, int rows);
        ~Loaded();
        Stream stream;
        Matmul matmul;
        SpatialVae<float> model;
    };
    std::unique_ptr<Loaded> load(const ViveReplica& replica, int rows) const;
    bool is_trained(const ViveReplica& replica) const;
    SpatialVaeConfig config_of(const ViveReplica& replica) const;
    std::filesystem::path folder_of(const ViveReplica& replica) const { return options_.out / replica.name(); }
    const ViveOptions& options() const { return options_; }
    const DataSet& data() const { return data_; }

  private:
    void run_group(const std::vector<ViveReplica*>& group, bool evaluate);
    Metadata settings_of(const ViveReplica& replica) const;
    std::string evaluation_name() const;

    const ViveOptions options_;
    const DataSet& data_;
};

}  // namespace warpvae
