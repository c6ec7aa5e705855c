// The experiment of Peste, Malago and Sarbu (2017), "An Explanatory Analysis of the Geometry of Latent Variables
// Learned by Variational Auto-Encoders": VAEs trained on Renyi bounds of several orders alpha and latent sizes k, and
// what their latents carry.
#pragma once
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/evaluate/axes.h"
#include "host/evaluate/elbo.h"
#include "host/evaluate/features.h"
#include "host/evaluate/likelihood.h"
#include "host/evaluate/reconstruction.h"
#include "host/experiment/experiment.h"
#include "models/renyi_vae.h"

namespace warpvae {

/// Pixels as the models see them.
enum class Binarisation {
    kDynamic,  ///< Bernoulli draws of the grey levels, anew each time; evaluation reads kStatic's images
    kStatic,   ///< one draw of each image, for good
    kGrey      ///< grey levels as they are
};

/// What a linear classifier reads of q(z|x) (Figure 3), in words and in files.
struct PosteriorFeature {
    const char *name, *code;
};
inline constexpr std::array<PosteriorFeature, 3> kPosteriorFeatures = {
    {{"means", "mean"}, {"means and variances", "mean_variance"}, {"samples", "sample"}}};

const char* name_of(GaussianCurve curve);  ///< "fisher-rao"

/// How one image is turned into another (Figure 5).
struct InterpolationOptions {
    int steps = 17;                                   ///< frames, both ends included
    GaussianCurve curve = GaussianCurve::kFisherRao;  ///< of the geodesic rows
    std::uint64_t seed = 1;
};

struct GeometryOptions {
    Values preset;  ///< values of other settings
    std::vector<double> alphas = {0, 0.1, 0.3, 0.5, 0.7, 0.9, 1};
    std::vector<int> latents = {30, 40, 50};
    std::vector<int> separability_latents = {10, 20, 30, 40, 50};  ///< k of Figure 3, at alpha = 1
    RenyiVaeConfig model;  ///< what all models share; latents are each model's own
    Binarisation binarisation = Binarisation::kDynamic;
    double clip_norm = 0;    ///< of a replica's gradient; 0: not clipped
    int bound_samples = 10;  ///< K of the bound on the test set
    int likelihood_samples = 2000;
    std::size_t likelihood_images = 0;  ///< 0: all
    int checkpoint_every = 50;  ///< epochs between the classifiers of Figure 3; the first and the last are read too
    double C = 1;               ///< inverse regularisation of the logistic regression
    int sgd_repeats = 3, sgd_steps = 30000;  ///< of argo's classifier at the end; 0 repeats: none
    InterpolationOptions interpolation;
    int pairs = 300;  ///< of test images whose transitions are measured
};
void add_settings(Settings& settings, GeometryOptions& options);

/// One model: what it is, and what was read from it on the test set.
struct GeometryReplica : Replica {
    double alpha = 1;
    int latents = 30;
    bool trains_on_all = false;    ///< own images: none are held out where they are as many as MNIST's
    bool wants_likelihood = true;  ///< false: of Figure 3 alone, evaluated without log p(x)

    MeanSpectrum spectrum;
    AxisMeasures axes;                  ///< N3: whether the latents are the directions that the model uses
    ElboSummary bound;                  ///< of its own alpha, bound_samples draws
    LikelihoodEstimate likelihood;      ///< importance sampling; no images: not asked for
    double negative_bound_there = NAN;  ///< as bound.negative_bound, of the images of `likelihood` alone
    /// Logistic regression on kPosteriorFeatures, test set; NaN where the images have no labels.
    std::array<double, 3> accuracy{NAN, NAN, NAN};
    std::array<double, 3> sgd_mean{}, sgd_std{};  ///< argo's classifier, over its repeats
    /// How far the bound lies below log p(x), nats.
    double gap() const { return negative_bound_there + likelihood.log_likelihood; }

    std::string group() const override;  ///< "k30-alpha0.5"
    std::string shape() const override;  ///< "k30"
    Values own() const override;
    Values own_evaluation() const override;
    void fields(Fields& f) override;
};

/// Evaluated replicas by k and alpha.
using GeometryRows = std::map<int, std::map<double, std::vector<const GeometryReplica*>>>;
GeometryRows evaluated_rows(const std::vector<GeometryReplica>& replicas);

/// A trained model alone on the device.
using LoadedRenyi = OnDevice<RenyiVae<float>>;
/// Posteriors of byte images [n, D], host: moments [n, 2Z] of means and variances.
std::vector<float> posterior_moments(LoadedRenyi& loaded, const std::vector<std::uint8_t>& images);

class GeometryExperiment : public Experiment {
  public:
    /// Trains on all but the last 10,000 of more than 50,000 training images (the order of mnist.pkl), tests on the
    /// test set.
    GeometryExperiment(const Run& run, const GeometryOptions& options);

    /// Every alpha, k and seed.
    std::vector<GeometryReplica> table_replicas() const { return every(options_.latents, options_.alphas); }
    /// Every k of Figure 3 and every seed.
    std::vector<GeometryReplica> separability_replicas() const { return every(options_.separability_latents, {1}); }
    /// Those of the table, then those that Figure 3 alone has.
    std::vector<GeometryReplica> replicas() const;

    /// log p(x) of trained replicas, with the options' draws and images; nothing is written. Throws Interrupted, Error.
    void estimate_likelihoods(std::vector<GeometryReplica>& replicas) const;
    /// A trained model that takes `rows` images at once, and one draw of each.
    std::unique_ptr<LoadedRenyi> load(const GeometryReplica& replica, int rows) const;
    RenyiVaeConfig config_of(const GeometryReplica& replica) const;
    /// What the accuracies of Figure 3 in metrics.jsonl depend on besides the weights.
    std::string separability_origin() const;

    const GeometryOptions& of_paper() const { return options_; }
    const ImageSet& train_set() const { return train_; }            ///< as it is
    const ImageSet& seen_train_set() const { return seen_train_; }  ///< as evaluation sees it: binarised unless kGrey
    const ImageSet& test_set() const { return test_; }              ///< as the models see it: binarised unless kGrey
    /// A user's images as the models see them.
    std::vector<std::uint8_t> as_seen(std::vector<std::uint8_t> levels) const;

  protected:
    std::unique_ptr<Ensemble> ensemble(const std::vector<Replica*>& replicas) override;

  private:
    std::vector<GeometryReplica> every(const std::vector<int>& latents, const std::vector<double>& alphas) const;

    const GeometryOptions& options_;
    ImageSet train_, seen_train_, test_;
};

}  // namespace warpvae
