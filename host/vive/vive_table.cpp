#include "host/vive/vive_table.h"

#include <algorithm>
#include <cmath>

#include "cuda/device/device.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

// Verbatim, in percent.
struct PaperRow {
    const char* row;
    int latents;
    double cv_mean, cv_std, test;
};
constexpr PaperRow kTable1[] = {
    {"raw", 0, 91.19, 0.74, 91.80},           {"pca", 8, 75.09, 1.32, 75.51},
    {"vae", 8, 87.70, 0.93, 87.99},           {"affine-tvae", 8, 89.30, 0.68, 88.39},
    {"tps-tvae", 8, 88.42, 0.58, 88.65},      {"affine-dtvae", 8, 93.56, 0.64, 93.87},
    {"pca", 20, 85.62, 1.20, 86.52},          {"vae", 20, 85.77, 1.22, 86.45},
    {"affine-tvae", 20, 90.80, 0.66, 90.51},  {"tps-tvae", 20, 94.65, 0.46, 94.48},
    {"affine-dtvae", 20, 93.56, 0.61, 94.17},
};
// What a row without training may be off, and the least that a trained one may (the paper trained once).
constexpr double kExact = 0.0002, kRaw = 0.0015, kTrained = 0.02;

std::string title_of(const ViveReplica& r) {
    std::string title = vive_model(r.model).title;
    if (r.prior != PosePrior::kNone) title += std::string(", ") + name_of(r.prior) + " prior";
    if (r.rank) title += " of rank " + std::to_string(r.rank);
    return title;
}

std::vector<Cell> cells_of(const std::vector<double>& cv_mean, const std::vector<double>& cv_std,
                           const std::vector<double>& test, const std::optional<ViveRow>& paper,
                           std::optional<double> tolerance) {
    std::vector<Cell> cells = {measured_cell("cv_mean", cv_mean, paper ? std::optional(paper->cv_mean) : std::nullopt),
                               measured_cell("cv_std", cv_std, paper ? std::optional(paper->cv_std) : std::nullopt),
                               measured_cell("test", test, paper ? std::optional(paper->test) : std::nullopt)};
    for (Cell& cell : cells)
        if (paper && (tolerance || cell.test != "cv_std"))  // a deviation of folds is not claimed for trained rows
            cell.tolerance = tolerance ? *tolerance : std::max(kTrained, cell.n > 1 ? 3 * cell.std : 0.);
    return cells;
}

/// Members of each trained row, rows in the order in which they first occur.
std::vector<std::vector<const ViveReplica*>> rows_of(const std::vector<ViveReplica>& replicas) {
    std::vector<std::vector<const ViveReplica*>> rows;
    for (const ViveReplica& replica : replicas) {
        if (!replica.evaluated) continue;
        auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const auto& members) { return members[0]->group() == replica.group(); });
        if (row == rows.end()) row = rows.insert(rows.end(), std::vector<const ViveReplica*>());
        row->push_back(&replica);
    }
    return rows;
}

}  // namespace

std::optional<ViveRow> vive_table1(const std::string& row, int latents) {
    for (const PaperRow& p : kTable1)
        if (row == p.row && (row == "raw" || latents == p.latents))
            return ViveRow{p.cv_mean / 100, p.cv_std / 100, p.test / 100};
    return std::nullopt;
}

std::vector<ViveReplica> best_restarts(const std::vector<ViveReplica>& replicas) {
    std::vector<ViveReplica> best;
    for (const ViveReplica& replica : replicas) {
        const auto same = std::find_if(best.begin(), best.end(), [&](const ViveReplica& other) {
            return other.group() == replica.group() && other.seed == replica.seed;
        });
        if (same == best.end())
            best.push_back(replica);
        else if (replica.train_elbo.negative_elbo < same->train_elbo.negative_elbo)
            *same = replica;
    }
    return best;
}

Table vive_table(const std::vector<ViveReplica>& all, const FixedScores& fixed, const ViveOptions& options,
                 const std::string& dataset) {
    Table table;
    table.paper = "Vivé";
    table.table = "Table 1: accuracy of a linear SVM";
    table.dataset = dataset;
    table.device = device_name();
    table.percent = true;
    table.decimals = 2;
    const bool has_paper = dataset == "mnist";
    const auto paper_of = [&](const std::string& row, int latents) {
        return has_paper ? vive_table1(row, latents) : std::nullopt;
    };
    const auto add_fixed = [&](const std::string& row, int latents) {
        const auto found = fixed.find({row, latents});
        if (found == fixed.end()) return;
        const SvmScores& s = found->second;
        Row out;
        out.keys = {{"input", row == "raw" ? "Raw pixels" : "PCA"},
                    {"latents", row == "raw" ? 784 : latents},
                    {"features", row == "raw" ? "pixels" : "codes"}};
        // The paper's test projection is centred otherwise: only then is it to be met exactly.
        const bool exact = row == "raw" || options.paper_semantics;
        out.cells = cells_of({s.cv_mean}, {s.cv_std}, {s.test}, paper_of(row, latents),
                             row == "raw" ? kRaw
                             : exact      ? kExact
                                          : kTrained);
        table.rows.push_back(out);
    };
    add_fixed("raw", 0);
    const std::vector<ViveReplica> replicas = best_restarts(all);
    for (int latents : options.latents) {
        add_fixed("pca", latents);
        for (const auto& members : rows_of(replicas)) {
            if (members[0]->latents != latents) continue;
            for (std::size_t k = 0; k < kFeatureKinds.size(); ++k) {
                std::vector<double> mean, deviation, test;
                for (const ViveReplica* r : members) {
                    mean.push_back(r->svm[k].cv_mean);
                    deviation.push_back(r->svm[k].cv_std);
                    test.push_back(r->svm[k].test);
                }
                Row out;
                out.keys = {
                    {"input", title_of(*members[0])}, {"latents", latents}, {"features", name_of(kFeatureKinds[k])}};
                const bool is_row = members[0]->prior == PosePrior::kNone;
                out.cells = cells_of(mean, deviation, test,
                                     is_row ? paper_of(members[0]->model, latents) : std::nullopt, std::nullopt);
                table.rows.push_back(out);
            }
        }
    }
    return table;
}

Table vive_models_table(const std::vector<ViveReplica>& replicas, const std::string& dataset) {
    Table table;
    table.paper = "Vivé";
    table.table = "The trained models: nats per test image, and how many trainings ended in a bad local minimum";
    table.dataset = dataset;
    table.device = device_name();
    table.decimals = 2;
    for (const auto& members : rows_of(replicas)) {
        std::vector<double> elbo, reconstruction, kl, active, bad, correlation;
        for (const ViveReplica* r : members) {
            elbo.push_back(r->test_elbo.negative_elbo);
            reconstruction.push_back(r->test_elbo.reconstruction);
            kl.push_back(r->test_elbo.kl);
            active.push_back(r->test_elbo.active_units);
            bad.push_back(!bad_minimum(*r).empty());
            if (!r->pose.mean.empty()) correlation.push_back(r->pose.largest_correlation);
        }
        Row row;
        row.keys = {{"model", title_of(*members[0])}, {"latents", members[0]->latents}};
        row.cells = {measured_cell("-ELBO", elbo), measured_cell("reconstruction", reconstruction),
                     measured_cell("KL", kl), measured_cell("active units", active), measured_cell("bad minima", bad)};
        if (!correlation.empty()) row.cells.push_back(measured_cell("largest correlation in u", correlation));
        table.rows.push_back(row);
    }
    return table;
}

ViveFit vive_fit(const Table& table, FeatureKind kind) {
    ViveFit fit;
    for (const Row& row : table.rows)
        for (const Cell& cell : row.cells) {
            if (row.keys.at("features") != name_of(kind) || !cell.paper || !cell.tolerance) continue;
            const double distance = std::abs(cell.mean - *cell.paper);
            fit.mean_distance += distance;
            fit.largest_distance = std::max(fit.largest_distance, distance);
            fit.within_tolerance += cell.verdict().value_or(false);
            ++fit.cells;
        }
    if (fit.cells) fit.mean_distance /= fit.cells;
    return fit;
}

// --- claims ----------------------------------------------------------------------------------------------------------

namespace {

/// Cross-validated accuracy by (model, latents, seed), priors apart from P0 left out.
class Scores {
  public:
    Scores(const std::vector<ViveReplica>& replicas, FeatureKind features) {
        const std::size_t k = features == kFeatureKinds[0] ? 0 : 1;
        for (const ViveReplica& r : best_restarts(replicas)) {
            if (!r.evaluated || r.prior != PosePrior::kNone) continue;
            of_[{r.model, r.latents, r.seed}] = r.svm[k].cv_mean;
            if (std::find(seeds.begin(), seeds.end(), r.seed) == seeds.end()) seeds.push_back(r.seed);
        }
    }
    std::optional<double> at(const std::string& model, int latents, std::uint64_t seed) const {
        const auto found = of_.find({model, latents, seed});
        return found == of_.end() ? std::nullopt : std::optional(found->second);
    }
    std::vector<std::uint64_t> seeds;

  private:
    std::map<std::tuple<std::string, int, std::uint64_t>, double> of_;
};

/// Over seeds: does each model beat the next by its score?
Claim ordered(const Scores& scores, const std::string& name, const std::string& statement,
              const std::vector<std::pair<std::string, int>>& order) {
    int good = 0, seen = 0;
    std::vector<double> gaps(order.size() - 1, 0.);
    for (std::uint64_t seed : scores.seeds) {
        std::vector<double> values;
        for (const auto& [model, latents] : order)
            if (const auto score = scores.at(model, latents, seed)) values.push_back(*score);
        if (values.size() != order.size()) continue;
        ++seen;
        good += std::is_sorted(values.rbegin(), values.rend());
        for (std::size_t i = 0; i + 1 < values.size(); ++i) gaps[i] += values[i] - values[i + 1];
    }
    std::string evidence;
    for (std::size_t i = 0; seen && i < gaps.size(); ++i)
        evidence += formatted("%s%s(%d) is %+.2f points from %s(%d)", i ? ", " : "On average ",
                              vive_model(order[i].first).title, order[i].second, 100 * gaps[i] / seen,
                              vive_model(order[i + 1].first).title, order[i + 1].second);
    return judged(name, statement, evidence.empty() ? "" : evidence + ".", good, seen);
}

Claim best_of_eight(const Scores& scores) {
    int good = 0, seen = 0;
    double margin = 0;
    for (std::uint64_t seed : scores.seeds) {
        const auto double_transformer = scores.at("affine-dtvae", 8, seed);
        double best = 0;
        for (const char* other : {"vae", "affine-tvae", "tps-tvae"})
            if (const auto score = scores.at(other, 8, seed)) best = std::max(best, *score);
        if (!double_transformer || best == 0) continue;
        ++seen, good += *double_transformer > best, margin += *double_transformer - best;
    }
    return judged(
        "V1", "at 8 dimensions the DT-VAE's code is the most linearly separable, significantly",
        seen ? formatted("It leads the best other model by %+.2f points on average.", 100 * margin / seen) : "", good,
        seen);
}

/// The second term of the bound at equal dim(z) + dim(u), from models of the run that have it.
Claim reconstructs_better(const std::vector<ViveReplica>& replicas) {
    const auto total = [](const ViveReplica& r) {
        const ViveModel& m = vive_model(r.model);
        SpatialVaeConfig c;
        c.kind = m.kind, c.pose = m.pose;
        return r.latents + (m.kind == SpatialKind::kVae ? 0 : c.warp_numbers());
    };
    std::map<int, std::vector<double>> vae;
    std::map<std::pair<std::string, int>, std::vector<double>> others;
    for (const ViveReplica& r : replicas) {
        if (!r.evaluated || r.prior != PosePrior::kNone) continue;
        if (r.model == "vae")
            vae[total(r)].push_back(r.test_elbo.reconstruction);
        else
            others[{r.model, total(r)}].push_back(r.test_elbo.reconstruction);
    }
    int good = 0, seen = 0;
    std::string evidence;
    for (const auto& [key, values] : others) {
        const auto same = vae.find(key.second);
        if (same == vae.end()) continue;
        const double gain = measured_cell("", same->second).mean - measured_cell("", values).mean;
        ++seen, good += gain > 0;
        evidence += formatted("%s%s %+.1f nats at %d", evidence.empty() ? "" : ", ", vive_model(key.first).title, -gain,
                              key.second);
    }
    Claim claim;
    claim.name = "V4";
    claim.statement = "transformer models reconstruct better than a VAE of the same dim(z) + dim(u) (Figure 5)";
    claim.tested = seen > 0;
    claim.holds = seen && good == seen;
    claim.evidence = seen ? "Reconstruction error against the VAE's: " + evidence +
                                formatted(". Lower in %d of %d pairs of equal size.", good, seen)
                          : "The run has no models of equal size (see the command figures).";
    return claim;
}

Claim vae_nears_pca(const Scores& scores, const FixedScores& fixed) {
    int seen = 0;
    double at8 = 0, at20 = 0;
    const auto p8 = fixed.find({"pca", 8}), p20 = fixed.find({"pca", 20});
    for (std::uint64_t seed : scores.seeds) {
        const auto v8 = scores.at("vae", 8, seed), v20 = scores.at("vae", 20, seed);
        if (!v8 || !v20 || p8 == fixed.end() || p20 == fixed.end()) continue;
        ++seen, at8 += *v8 - p8->second.cv_mean, at20 += *v20 - p20->second.cv_mean;
    }
    Claim claim;
    claim.name = "V5";
    claim.statement = "as the dimension grows, the VAE behaves more and more like PCA";
    claim.tested = seen > 0;
    claim.holds = seen && at20 < at8;
    claim.evidence = seen ? formatted("The VAE is ahead of PCA by %.2f points at 8 dimensions and %.2f at 20.",
                                      100 * at8 / seen, 100 * at20 / seen)
                          : "The run has not the models that this claim compares.";
    return claim;
}

}  // namespace

std::vector<Claim> vive_claims(const std::vector<ViveReplica>& replicas, const FixedScores& fixed,
                               FeatureKind features) {
    const Scores scores(replicas, features);
    return {best_of_eight(scores),
            ordered(scores, "V2", "at 20 dimensions TPS-TVAE beats Affine-TVAE, which beats the VAE",
                    {{"tps-tvae", 20}, {"affine-tvae", 20}, {"vae", 20}}),
            ordered(scores, "V3", "the TPS-TVAE greatly benefits from 20 dimensions instead of 8",
                    {{"tps-tvae", 20}, {"tps-tvae", 8}}),
            reconstructs_better(replicas), vae_nears_pca(scores, fixed)};
}

}  // namespace warpvae
