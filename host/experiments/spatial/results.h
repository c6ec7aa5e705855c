// What a run of `spatial` shows: Table 1 of Vivé beside the measured one and the paper's claims, Figures 5 to 12, what
// the paper has no numbers for (spoilt images, known poses), and the page of it all.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/evaluate/pose_recovery.h"
#include "host/evaluate/statement.h"
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
/// V1 to V6; V4 and V6 are of no features.
std::vector<Statement> spatial_claims(const std::vector<SpatialReplica>& replicas, const FixedScores& fixed,
                                      FeatureKind features);
/// V7, of denoising_table().
Statement denoising_claim(const Table& denoising);

// --- pictures: figures.cpp -------------------------------------------------------------------------------------------

/// The models that the figures need besides those of the table, one seed each; with --quick fewer:
///   Figure 5       dim(z) + dim(u) = 10, 20, 30, 50 for VAE, Affine-TVAE, TPS-TVAE and Affine-DTVAE (6, 7, 9 use some)
///   Figures 7, 8   dim(z) = 2
///   Figure 10      P1 to P4 at dim(z) = 14;   Figure 11  full priors of full and of small rank
std::vector<SpatialReplica> figure_replicas(const SpatialExperiment& experiment);
/// All figures whose models are trained, written to figures/. Evaluated ones among `replicas` give Figure 5 its points
/// and Figure 12 its minima. Then the test negative ELBO by epoch, a picture for each of the table's dim(z).
std::vector<FigureFile> draw_spatial_figures(const SpatialExperiment& experiment,
                                             const std::vector<SpatialReplica>& replicas);

// --- spoilt images: denoise.cpp --------------------------------------------------------------------------------------

/// A row for each model, dim(z) and noise (salt and pepper 0.2, Gaussian 0.3, occlusion 0.4): PSNR in dB of the noisy
/// test images and of their reconstructions against the clean ones, and -log p(clean) bounded through q(z, u | noisy),
/// in nats; over the seeds of `replicas`, which are trained: of restarts pass the one that counts.
Table denoising_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas);
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
    Table table, models, likelihood, denoising, recovery, equivariance;
    std::vector<Statement> findings;
    std::vector<FigureFile> figures;
};
/// The claims on both kinds of feature, then every cell of the paper's Table 1.
std::vector<Statement> spatial_statements(const SpatialResults& run, const std::string& dataset);
/// What the paper could not say (findings.cpp). S3, of MNIST: with which centre a published row was made. S4: what the
/// gap of the bound is worth that is found by sampling the prior. S5: what "±" is of.
std::vector<Statement> spatial_findings(const SpatialResults& run, PcaCentre centre, const std::string& dataset);
/// Their pictures, written to figures/.
void draw_spatial_findings(const SpatialExperiment& experiment, const SpatialResults& run);
/// Writes report.html into the run's folder.
void write_spatial_report(const SpatialExperiment& experiment, const SpatialResults& run);

}  // namespace warpvae
