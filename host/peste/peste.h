// The experiment of Peste, Malago and Sarbu (2017), "An Explanatory Analysis of the Geometry of Latent Variables
// Learned by Variational Auto-Encoders": VAEs trained on Renyi bounds of several orders alpha and latent sizes k, and
// what their latents carry.
#pragma once
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/data_set.h"
#include "host/evaluate/renyi_evaluation.h"
#include "host/files/checkpoint.h"

namespace warpvae {

/// Pixels as the models see them.
enum class Binarisation {
    kDynamic,  ///< Bernoulli draws of the grey levels, anew each time; evaluation on kStatic's
    kStatic,   ///< one draw of each image, for good
    kGrey      ///< grey levels as they are
};
const char* name_of(Binarisation binarisation);

/// What a linear classifier reads of q(z|x) (Figure 3).
enum class PosteriorFeature { kMean, kMeanVariance, kSample };
inline constexpr std::array<PosteriorFeature, 3> kPosteriorFeatures = {
    PosteriorFeature::kMean, PosteriorFeature::kMeanVariance, PosteriorFeature::kSample};
const char* name_of(PosteriorFeature feature);  ///< "means", "means and variances", "samples"
const char* code_of(PosteriorFeature feature);  ///< "mean", "mean_variance", "sample": in files

struct PesteOptions {
    std::filesystem::path out;
    std::vector<double> alphas = {0, 0.1, 0.3, 0.5, 0.7, 0.9, 1};
    std::vector<int> latents = {30, 40, 50};
    std::vector<int> separability_latents = {10, 20, 30, 40, 50};  ///< k of Figure 3, at alpha = 1
    int seeds = 10;
    std::uint64_t first_seed = 1;
    int epochs = 1000, batch = 100;
    double learning_rate = 1e-3;
    RenyiVaeConfig model;  ///< what all models share; latents are each model's own
    Binarisation binarisation = Binarisation::kDynamic;
    double clip_norm = 0;    ///< of a replica's gradient; 0: not clipped
    int bound_samples = 10;  ///< K of the bound on the test set
    int likelihood_samples = 2000;
    std::size_t likelihood_images = 0;  ///< 0: all
    int checkpoint_every = 50;  ///< epochs between the classifiers of Figure 3; the first and the last are read too
    double C = 1;               ///< inverse regularisation of the logistic regression
    int sgd_repeats = 3, sgd_steps = 30000;  ///< of argo's classifier at the end; 0 repeats: none
    Math math = Math::kFp32;
    int together = 0;  ///< replicas trained at once; 0: all of one shape on a GPU, one on the CPU device
    bool graph = true, quiet = false, resume = false;
};

/// One model: what it is, and what was read from it on the test set.
struct PesteReplica {
    double alpha = 1;
    int latents = 30;
    std::uint64_t seed = 1;

    int epochs = 0;      ///< that it was trained for; 0: not evaluated
    double seconds = 0;  ///< of training, all sessions
    MeanSpectrum spectrum;
    BoundSummary bound;                           ///< of its own alpha, bound_samples draws
    LikelihoodEstimate likelihood;                ///< importance sampling; no images: not asked for
    std::array<double, 3> accuracy{};             ///< logistic regression on kPosteriorFeatures, test set
    std::array<double, 3> sgd_mean{}, sgd_std{};  ///< argo's classifier, over its repeats
    /// How far the bound lies below log p(x), nats.
    double gap() const { return bound.negative_bound + likelihood.log_likelihood; }
    std::string name() const;   ///< "k30-alpha0.5-seed1": its folder, its name in metrics.jsonl
    std::string group() const;  ///< "k30": models that train in the same launches
};

/// Test accuracies of a replica while it trained.
struct SeparabilityPoint {
    int epoch = 0;
    std::array<double, 3> accuracy{};  ///< of kPosteriorFeatures
};
/// All that metrics.jsonl holds, by the replica's name.
std::map<std::string, std::vector<SeparabilityPoint>> read_separability(const std::filesystem::path& metrics);

class PesteExperiment {
  public:
    /// Trains on all but the last 10,000 of more than 50,000 training images (the order of mnist.pkl), tests on the
    /// test set.
    PesteExperiment(const PesteOptions& options, const DataSet& data);
    ~PesteExperiment();

    std::vector<PesteReplica> table_replicas() const;         ///< every alpha, k and seed
    std::vector<PesteReplica> separability_replicas() const;  ///< alpha = 1, every k of Figure 3, every seed
    /// Trains what is not yet trained. Throws Interrupted, DivergenceError, Error.
    void train(const std::vector<PesteReplica>& replicas);
    /// And evaluates, unless the result is on disk; log p(x) of those that `wants_likelihood` says.
    void train_and_evaluate(std::vector<PesteReplica>& replicas, bool wants_likelihood = true);

    /// log p(x) of trained replicas, with the options' draws and images; nothing is written. Throws Interrupted, Error.
    void estimate_likelihoods(std::vector<PesteReplica>& replicas) const;

    /// A trained model for one replica, with room for `rows` images, and one draw of each.
    struct Loaded {
        Loaded(const RenyiVaeConfig& config, double alpha, int rows);
        ~Loaded();
        Stream stream;
        Matmul matmul;
        RenyiVae<float> model;
        /// Posteriors of byte images [n, D], host: moments [n, 2Z] of means and variances.
        std::vector<float> moments(const std::vector<std::uint8_t>& images);
        /// Probabilities [n, D] of z [n, Z].
        std::vector<float> decode(const std::vector<float>& z);
    };
    std::unique_ptr<Loaded> load(const PesteReplica& replica, int rows) const;
    bool is_trained(const PesteReplica& replica) const;
    std::filesystem::path folder_of(const PesteReplica& replica) const { return options_.out / replica.name(); }
    RenyiVaeConfig config_of(const PesteReplica& replica) const;

    const PesteOptions& options() const { return options_; }
    const DataSet& data() const { return data_; }
    const ImageSet& train_set() const { return train_; }  ///< grey
    const ImageSet& test_set() const { return test_; }    ///< as the models see it: binarised, unless kGrey
    /// Images of a user as the models see them.
    std::vector<std::uint8_t> as_seen(std::vector<std::uint8_t> grey) const;

  private:
    struct Group;
    void run_group(const std::vector<PesteReplica*>& replicas, bool evaluate, bool wants_likelihood);
    void evaluate_group(Group& group, const std::vector<PesteReplica*>& replicas, bool wants_likelihood);
    std::vector<std::array<double, 3>> separability(Group& group, const Posteriors& train,
                                                    const Posteriors& test) const;
    Metadata settings_of(const PesteReplica& replica) const;
    std::string evaluation_name() const;

    const PesteOptions options_;
    const DataSet& data_;
    ImageSet train_, seen_train_, test_;  ///< grey; as evaluation sees it; likewise
};

}  // namespace warpvae
