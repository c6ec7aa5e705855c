// What a run of `spatial` shows: Table 1 of Vivé beside the measured one and the paper's claims, Figures 5 to 12, what
// the paper has no numbers for (spoilt images, known poses), and the page of it all.
#pragma once
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "host/evaluate/denoising.h"
#include "host/evaluate/pose_recovery.h"
#include "host/evaluate/statement.h"
#include "host/experiment/findings.h"
#include "host/experiments/spatial/spatial.h"
#include "host/show/figure_file.h"
#include "host/show/image_grid.h"
#include "host/show/table.h"

namespace warpvae {

// --- tables and claims: table.cpp ------------------------------------------------------------------------------------

/// A row of the paper's table, as fractions. Nothing where the paper has no such row; of raw pixels at any `latents`.
std::optional<SvmScores> spatial_table1(SpatialRow row, int latents);
/// Columns cv_mean, cv_std, test; trained rows once for each kind of feature, over seeds.
Table spatial_table(const std::vector<SpatialReplica>& replicas, const FixedScores& fixed,
                    const SpatialOptions& options, const std::string& dataset);
/// ELBO, reconstruction, active units and bad minima of each trained row, over seeds and restarts.
Table spatial_models_table(const std::vector<SpatialReplica>& replicas, const std::string& dataset);
/// The second term of the bound by model and dim(z) + dim(u), of those whose u is a function of x (P0).
std::map<SpatialRow, std::map<int, std::vector<double>>> reconstruction_by_size(
    const std::vector<SpatialReplica>& replicas);
inline constexpr double kLargestCorrelation = 0.3;  ///< of two components of u: "up to 30 %"
inline bool is_correlated_as_said(double largest) { return std::abs(largest - kLargestCorrelation) <= 0.1; }
inline constexpr const char* kCorrelatedAsSaid = "the largest from 0.2 to 0.4";  ///< for more, and less, would differ
/// V1 to V6; V4 and V6 are of no features.
std::vector<Statement> spatial_claims(const std::vector<SpatialReplica>& replicas, const FixedScores& fixed,
                                      FeatureKind features);

// --- pictures: figures.cpp -------------------------------------------------------------------------------------------

/// The models that the figures need besides those of the table, one seed each; with --quick fewer:
///   Figure 5       dim(z) + dim(u) as --totals says for VAE, Affine-TVAE, TPS-TVAE and Affine-DTVAE (6, 7, 9 use some)
///   Figures 7, 8   dim(z) = 2
///   Figure 10      P1 to P4 at dim(z) = 14;   Figure 11  full priors of full and of small rank
std::vector<SpatialReplica> figure_replicas(const SpatialExperiment& experiment);
/// All figures whose models are trained, written to figures/. Evaluated ones among `replicas` give Figure 5 its points
/// and Figure 12 its minima. Then the test negative ELBO by epoch, a picture for each of the table's dim(z).
std::vector<FigureFile> draw_spatial_figures(const SpatialExperiment& experiment,
                                             const std::vector<SpatialReplica>& replicas);
/// Figure 5 alone.
std::vector<FigureFile> draw_reconstruction_by_dimension(const SpatialExperiment& experiment,
                                                         const std::vector<SpatialReplica>& replicas);

// --- sizes of the code: dimensions.cpp -------------------------------------------------------------------------------

inline constexpr SpatialRow kFigure5Models[] = {SpatialRow::kVae, SpatialRow::kAffineT, SpatialRow::kSplineT,
                                                SpatialRow::kAffineDt};
/// Figure 5: VAE, Affine-TVAE, TPS-TVAE and Affine-DTVAE, as far as they are among the options' rows, at each total of
/// the options, for every seed.
std::vector<SpatialReplica> dimension_replicas(const SpatialExperiment& experiment);
/// Reconstruction error, -ELBO and active units of each model and dim(z) + dim(u), over seeds.
Table dimensions_table(const std::vector<SpatialReplica>& replicas, const std::string& dataset);
/// V8: where the VAE's reconstruction error on the test set is lowest, seed by seed.
Statement best_size(const std::vector<SpatialReplica>& replicas);

// --- priors of the pose: priors.cpp ----------------------------------------------------------------------------------

/// Figures 10 and 11: model, prior, rank, and what the paper calls it.
struct PriorCase {
    const char* figure;
    SpatialRow model;
    PosePrior prior;
    int rank;
    const char* what;
};
std::span<const PriorCase> prior_cases();
inline constexpr int kPriorLatents = 14;  ///< dim(z) of Figures 10 and 11

/// The models without a prior (P0) and the cases of Figures 10 and 11 (P1 to P5), for every seed.
std::vector<SpatialReplica> prior_replicas(const SpatialExperiment& experiment);
/// One replica and its log p(x), both ways.
struct PriorScore {
    SpatialReplica replica;
    LikelihoodSummary likelihood;
};
/// Of trained replicas; read from where it was measured before with as many draws and images.
std::vector<PriorScore> measure_priors(const SpatialExperiment& experiment,
                                       const std::vector<SpatialReplica>& replicas);
/// A row for each model and prior, over seeds: how the numbers of u are correlated over the test images, then the
/// likelihood table's columns. Without a prior u is a function of x: those rows have log p(x given u(x)).
Table priors_table(const std::vector<PriorScore>& scores, const SpatialExperiment& experiment);
/// The likelihood table's names of log p(x) in the rows of such models; `replicas` as the rows' groups.
void name_given_pose(Table& likelihoods, const std::vector<SpatialReplica>& replicas);
/// V9: correlations of an affine u with the priors P1 and P2; V10: log p(x) - ELBO beside KL(q || prior).
std::vector<Statement> prior_claims(const std::vector<SpatialReplica>& replicas, const std::vector<PriorScore>& scores);

// --- spoilt images: denoise.cpp --------------------------------------------------------------------------------------

/// What the replicas of one group, which differ in their seeds, make of one kind of noise.
struct DenoisedGroup {
    std::vector<SpatialReplica> replicas;
    Degradation noise;
    std::vector<DenoisingSummary> scores;  ///< of each replica
};
/// Every group of `replicas`, which are trained, on each of kNoises: of restarts pass the one that counts.
std::vector<DenoisedGroup> measure_denoising(const SpatialExperiment& experiment,
                                             const std::vector<SpatialReplica>& replicas);
/// A row for each group and noise, over seeds: PSNR in dB of the noisy test images and of their reconstructions against
/// the clean ones; -log p(clean) bounded through q(z, u | noisy), in nats: mean, median, its two parts, and the share
/// of images that cost more than kCostLimit.
Table denoising_table(const std::vector<DenoisedGroup>& groups, const std::string& dataset);
/// The image that costs most, of all seeds of a group, and where its nats come from: the divergence of z by its means
/// and by its deviations, pixels that are wrong, the share of its pixels that u folds over. A mean over images that is
/// far from the median is explained here.
Table denoising_worst_table(const std::vector<DenoisedGroup>& groups, const std::string& dataset);
/// V7: models of spatial latents restore; V7a, V7b: when trained on noise, towards clean and towards noisy images; V7c:
/// better than a VAE that was trained alike.
std::vector<Statement> denoising_claims(const std::vector<DenoisedGroup>& groups);
/// Puts the images of PNG and IDX files through a trained model: NAME-denoised.png for each, dark on light where the
/// input was, and a sheet denoised.png of the first of them (input, reconstruction, reference pose) in `out_folder`;
/// says what it did. Throws Error if a file is not what it should be.
void denoise_user_images(const SpatialExperiment& experiment, const SpatialReplica& replica,
                         const std::vector<std::filesystem::path>& paths, const std::filesystem::path& out_folder);

// --- known poses: pose.cpp -------------------------------------------------------------------------------------------

/// Of `glyphs` and `glyphs-colour` the poses are known.
bool has_known_poses(const std::string& set);
/// Glyphs that no model of a run on such a set was trained on: where it is made on the spot, its test images.
GlyphSet pose_test_glyphs(const std::string& set, std::size_t count = 10000);
/// One row per model, dim(z), prior and source of the pose, "u" or "z": R^2 of each number of the pose, over trained
/// replicas. Restarts count as seeds do: choose before.
Table pose_recovery_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas,
                          const GlyphSet& glyphs);
/// One row per model, dim(z), prior and kind of change, and one of all changes: reference_change,
/// output_psnr, unmoved_psnr (dB), pose_error, pose_gain. A thousand images are plenty.
Table equivariance_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas,
                         const ImageSet& images);
/// Of the first replica of every model, dim(z) and prior, written to figures/:
///   true against predicted rotation, scales, shear and translation, from u, or from z where there is no u
///   some images x with three known changes g: x, g x, y'(x), y'(g x), x'(g x)
std::vector<FigureFile> draw_pose_figures(const SpatialExperiment& experiment,
                                          const std::vector<SpatialReplica>& replicas, const GlyphSet& glyphs);

// --- the page: report.cpp --------------------------------------------------------------------------------------------

/// Everything that a run has; empty tables and lists are left out of the report.
struct SpatialResults {
    std::vector<SpatialReplica> replicas;
    FixedScores fixed;
    Table table, models, likelihood, recovery, equivariance;
    std::vector<DenoisedGroup> denoising;
    std::vector<PriorScore> priors;
    std::vector<Statement> findings;
    std::vector<FigureFile> figures;
};
/// The claims V1 to V10, those of features on both kinds, then every cell of the paper's Table 1.
std::vector<Statement> spatial_statements(const SpatialResults& run, const std::string& dataset);
/// What the paper could not say (findings.cpp). S3, of MNIST: with which centre a published row was made. S4: what a
/// gap of the bound is worth that is found by sampling the prior. S5: what "±" is of.
std::vector<Finding> spatial_findings(const SpatialResults& run, PcaCentre centre, const std::string& dataset);
/// Writes report.html into the run's folder.
void write_spatial_report(const SpatialExperiment& experiment, const SpatialResults& run);

}  // namespace warpvae
