// The experiment of Vivé, "Variational generation of images by deep spatial architectures": a VAE, T-VAEs and DT-VAEs
// trained on MNIST, what their latents carry, and what they draw.
#pragma once
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/evaluate/elbo.h"
#include "host/evaluate/features.h"
#include "host/evaluate/foldover.h"
#include "host/evaluate/likelihood.h"
#include "host/evaluate/linear_svm.h"
#include "host/evaluate/pca.h"
#include "host/experiment/experiment.h"
#include "models/spatial_vae.h"

namespace warpvae {

/// What the linear SVM of a row of Table 1 reads: pixels, principal components, or the latents z of a model.
enum class SpatialRow { kRaw, kPca, kVae, kAffineT, kPoseT, kSplineT, kAffineDt, kPoseDt, kSplineDt };
const char* code_of(SpatialRow row);   ///< "affine-tvae": on the command line and in the names of files
const char* title_of(SpatialRow row);  ///< "Affine-TVAE", as the paper writes it
bool is_model(SpatialRow row);
const char* name_of(PosePrior prior);  ///< none, fixed-mean, fitted, full: P0, P1, P2 to P4, P5

/// The three kinds of noise and how much of each: of the table of denoising, and of training unless a user says more.
inline constexpr Degradation kNoises[] = {
    {DegradationKind::kSaltAndPepper, 0.2f}, {DegradationKind::kGaussian, 0.3f}, {DegradationKind::kOcclusion, 0.4f}};
std::string name_of(const Degradation& noise);  ///< "salt-and-pepper 0.2"

struct SpatialOptions {
    std::vector<SpatialRow> rows = {SpatialRow::kRaw,     SpatialRow::kPca,     SpatialRow::kVae,
                                    SpatialRow::kAffineT, SpatialRow::kSplineT, SpatialRow::kAffineDt};
    std::vector<int> latents = {8, 20};
    int restarts = 1;  ///< trainings per seed, of which the one with the best training ELBO counts
    std::vector<int> totals = {10, 15, 20, 25, 30, 35, 40, 45, 50};  ///< dim(z) + dim(u) of Figure 5
    SpatialVaeConfig model;  ///< what all models share: a replica has its own kind, pose, latents, prior and rank
    /// Put on the images that models train on; each list makes models of its own. Nothing: none.
    std::vector<std::optional<DegradationKind>> train_noise = {std::nullopt};
    double train_noise_amount = 0;  ///< 0: as in kNoises
    std::vector<NoiseTarget> noise_targets = {NoiseTarget::kClean};
    PcaCentre centre = PcaCentre::kFitted;  ///< of the test images' principal components
    LikelihoodOptions likelihood;
};
void add_settings(Settings& settings, SpatialOptions& options);

/// One trained model and what was read from it.
struct SpatialReplica : Replica {
    SpatialReplica() = default;
    /// `config` with what follows from the model: kind and pose, no prior for a VAE, no rank but of a full prior, and
    /// for a DT-VAE of splines, which have no closed inverse, an independent second transform.
    SpatialReplica(SpatialRow model, SpatialVaeConfig config);

    SpatialRow model = SpatialRow::kVae;
    SpatialVaeConfig config;
    int restart = 0;
    ElboSummary train_elbo, test_elbo;
    /// Of kFeatureKinds; NaN where the images have no labels.
    std::array<SvmScores, 2> svm{SvmScores{NAN, NAN, NAN}, SvmScores{NAN, NAN, NAN}};
    PoseSummary pose;   ///< of the test set; empty for a VAE
    Foldover foldover;  ///< of the same poses

    std::string group() const override;  ///< "affine-tvae-z8-fitted"
    std::string name() const override;
    Values own() const override;
    Values own_evaluation() const override { return {{"semantics", ""}}; }
    /// Restarts of one seed draw other numbers.
    std::uint64_t drawn_seed() const override { return seed + 1000003ull * std::uint64_t(restart); }
    void fields(Fields& f) override;

    bool has_pose() const { return config.kind != SpatialKind::kVae; }
    /// dim(u): the numbers of one warp.
    int pose_size() const { return has_pose() ? config.warp_numbers() : 0; }
    bool has_noise() const { return config.noise.amount != 0; }
    /// As the models of the paper's tables are: u a function of x, trained on the images as they are.
    bool is_of_tables() const { return config.prior == PosePrior::kNone && !has_noise(); }
};
/// "Affine-TVAE, full prior of rank 2, trained on Gaussian 0.3 towards clean images"
std::string title_of(const SpatialReplica& replica);
/// Why a training counts as caught in a bad local minimum (section VI.ii; and a warp that folds images over
/// themselves); empty if it does not.
std::string bad_minimum(const SpatialReplica& replica);
/// Of restarts of one seed, the one with the best training ELBO.
std::vector<SpatialReplica> best_restarts(const std::vector<SpatialReplica>& replicas);

/// Of a row without a model.
struct FixedScore : SvmScores {
    double test_other_centre = NAN;  ///< of principal components, their test images centred the other way
};
/// Raw pixels at the numbers of an image, principal components at each size.
using FixedScores = std::map<std::pair<SpatialRow, int>, FixedScore>;

class SpatialExperiment : public Experiment {
  public:
    SpatialExperiment(const Run& run, const SpatialOptions& options);

    /// The models among the rows, for each dim(z), seed and restart.
    std::vector<SpatialReplica> replicas() const;
    /// Any other, of the first seed.
    SpatialReplica replica(SpatialRow model, int latents, PosePrior prior = PosePrior::kNone, int rank = 0) const;
    /// The rows without a model, measured unless their results are on disk. Raw pixels that are more than a linear SVM
    /// reads are left out, and that is said.
    FixedScores fixed_scores() const;
    const SpatialOptions& of_paper() const { return options_; }

  protected:
    std::unique_ptr<Ensemble> ensemble(const std::vector<Replica*>& replicas) override;

  private:
    FixedScore measure_fixed(SpatialRow row, int components) const;
    const SpatialOptions& options_;
};

/// A trained replica's model with room for `rows` rows. Throws Error where it is not trained, or was trained otherwise.
struct LoadedSpatial : OnDevice<SpatialVae<float>> {
    LoadedSpatial(const SpatialExperiment& experiment, const SpatialReplica& replica, int rows);
};

}  // namespace warpvae
