// Feige's two tables beside the measured error rates, what the latents carry, the paper's claims, and the page that
// shows them.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "host/evaluate/claims.h"
#include "host/experiments/equivae/equivae.h"
#include "host/show/figure_file.h"
#include "host/show/table.h"

namespace warpvae {

/// Table 1, supervised: error rates of the benchmark, of a net on f_inv(x), and of the nearest r_y. Rows of SVHN are
/// there whatever `dataset` is; without a measurement they say NOT RUN. A cell's std is over trials; the paper's error
/// is std / sqrt(n - 1) with n = 5.
Table equivae_supervised_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset);
/// Table 2, semi-supervised: error rates of q(y|x) and of the benchmark, by number of labels and mixing.
Table equivae_semi_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset);
/// Beyond the paper: the validation bound, the class from the bound of log p(x, y), linear probes of the class.
Table equivae_latents_table(const std::vector<EquivaeReplica>& replicas, const std::string& dataset);

std::vector<Claim> equivae_claims(const std::vector<EquivaeReplica>& replicas);

/// Everything that a run has; empty tables and lists are left out.
struct EquivaeReport {
    std::vector<EquivaeReplica> replicas;
    Table supervised, semi, latents;
    std::vector<FigureFile> figures;
};
/// Writes report.html into the run's folder and returns its path.
std::filesystem::path write_equivae_report(const EquivaeExperiment& experiment, const EquivaeReport& run);

}  // namespace warpvae
