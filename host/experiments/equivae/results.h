// What a run of `equivae` shows: Feige's two tables beside the measured error rates, what the latents carry, the
// paper's claims, Figures 3 to 5, what a user asks of a trained model, and the page of it all.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/user_images.h"
#include "host/evaluate/statement.h"
#include "host/experiment/findings.h"
#include "host/experiments/equivae/benchmark.h"
#include "host/latents/latent_model.h"
#include "host/show/figure_file.h"
#include "host/show/image_grid.h"
#include "host/show/table.h"

namespace warpvae {

// --- tables and claims: table.cpp ------------------------------------------------------------------------------------

/// Table 1, supervised: error rates of the benchmark, of a net on f_inv(x), and of the nearest r_y. Rows of SVHN are
/// there whatever `dataset` is; without a measurement they say NOT RUN. A cell's std is over trials; the paper's error
/// is std / sqrt(n - 1) with n = 5.
Table equivae_supervised_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset);
/// Table 2, semi-supervised: error rates of q(y|x) and of the benchmark, by number of labels and mixing.
Table equivae_semi_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset);
/// Beyond the paper: the validation bound, the class from the bound of log p(x, y), linear probes of the class.
Table equivae_latents_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset);
std::vector<Statement> equivae_claims(const std::vector<EquivaeReplica>& replicas);
/// The claims, then every cell of the paper's Tables 1 and 2.
std::vector<Statement> equivae_statements(const std::vector<EquivaeReplica>& replicas, const std::string& dataset);

// --- pictures: figures.cpp -------------------------------------------------------------------------------------------

/// Rows of x [n, Z] as points in the plane, and how far neighbours there are neighbours in x (trustworthiness).
struct PlanePoints {
    std::vector<float> x, y;
    double trustworthiness = 1;
};
PlanePoints reduce(const Matmul& matmul, const std::vector<float>& rows, int Z, Reduction reduction,
                   std::uint64_t seed);
/// `steps` rows v from row a to row b, both among them.
std::vector<float> interpolate(const std::vector<float>& a, const std::vector<float>& b, int steps);
/// side x side points of the plane, row by row from the top left: x from x0 to x1, y from y1 down to y0.
std::vector<float> even_grid(int side, float x0, float x1, float y0, float y1);

/// Figures 3 and 4 of one model, or Figure 5 in place of Figure 3 where it has two latents, written to figures/. Shares
/// of samples with the right class stand in the captions, those of a judge where there is one.
std::vector<FigureFile> draw_model(const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                                   Judge* judge = nullptr);
/// All of shown_replicas(), which must be trained.
std::vector<FigureFile> draw_equivae_figures(const EquivaeExperiment& experiment);

// --- what a user asks of a trained model: samples.cpp ----------------------------------------------------------------

/// A sheet's look for images like these: grey ones as ink on paper.
ImageGridStyle sheet_style(const ImageSet& like, int scale = 2, int gap = 2);
/// A sheet whose columns are classes and whose rows are styles v, the same along a row: `rows` draws of N(0, I), or if
/// there are `styles` (files of read_user_images), those of the images, which stand in front. Throws UsageError where a
/// class is none of the model's.
void draw_samples(const std::filesystem::path& path, const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                  const std::vector<int>& classes, int rows, const std::vector<std::filesystem::path>& styles = {});
struct ClassifiedImage {
    UserImage image;
    ReadClass distance;
    std::optional<ReadClass> classifier;  ///< q(y | x), semi-supervised models
};
/// Classes of a user's images (read_user_images), and a sheet of the images with their classes below them, q(y | x)'s
/// where there is one.
std::vector<ClassifiedImage> classify_user_images(const EquivaeExperiment& experiment, const EquivaeReplica& replica,
                                                  const std::vector<std::filesystem::path>& paths,
                                                  const std::filesystem::path& sheet);

/// What the commands on latents take of these trained replicas: latents.cpp.
std::vector<LatentSubject> equivae_latents_of(const EquivaeExperiment& experiment,
                                              const std::vector<EquivaeReplica>& replicas);

// --- the page: report.cpp --------------------------------------------------------------------------------------------

/// Everything that a run has; empty tables and lists are left out.
struct EquivaeReport {
    std::vector<EquivaeReplica> replicas;
    Table supervised, semi, latents;
    std::vector<Statement> findings;
    std::vector<FigureFile> figures;
};
/// What the paper could not say (findings.cpp). S6: what a benchmark's budget is worth. S7: what v carries. S8: what
/// the weight of a labelled image is worth.
std::vector<Finding> equivae_findings(const std::vector<EquivaeReplica>& replicas);
/// Writes report.html into the run's folder.
void write_equivae_report(const EquivaeExperiment& experiment, const EquivaeReport& run);

}  // namespace warpvae
