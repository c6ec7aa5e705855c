#include "host/experiments/invariance/table.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <tuple>

#include "host/experiment/presentation.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

// Verbatim: rows are N = 10, 20, 50, 100; columns MNIST-s, MNIST-fr, MNIST-fs, MNIST-rt.
constexpr int kPaperLatents[4] = {10, 20, 50, 100};
constexpr double kTrainedOnS[4][kTestSets] = {{0.8799, 0.6846, 0.8228, 0.8067},
                                              {0.8564, 0.6721, 0.7624, 0.7713},
                                              {0.8547, 0.6739, 0.7737, 0.7837},
                                              {0.8550, 0.6826, 0.7778, 0.7742}};
constexpr double kTrainedOnRt[4][kTestSets] = {{0.8632, 0.7386, 0.8238, 0.8070},
                                               {0.8504, 0.7289, 0.7734, 0.7951},
                                               {0.8561, 0.7334, 0.7906, 0.8089},
                                               {0.8563, 0.7378, 0.7965, 0.7983}};
constexpr std::size_t kS = 0, kFr = 1;
// Two accuracies this close count as equal: what the paper's own flat region (N = 20 to 100 on MNIST-s, claim C3)
// varies by.
constexpr double kTie = 0.006;

double mean_of(const std::vector<double>& values) {
    double total = 0;
    for (double v : values) total += v;
    return values.empty() ? NAN : total / double(values.size());
}

/// accuracy by (train, N, seed) for one kind of feature.
class Accuracies {
  public:
    Accuracies(const std::vector<InvarianceReplica>& replicas, FeatureKind features) {
        const std::size_t kind = features == kFeatureKinds[0] ? 0 : 1;
        for (const InvarianceReplica& r : replicas) {
            of_[{r.train, r.latents, r.seed}] = r.accuracy[kind];
            if (std::find(seeds.begin(), seeds.end(), r.seed) == seeds.end()) seeds.push_back(r.seed);
            if (std::find(latents.begin(), latents.end(), r.latents) == latents.end()) latents.push_back(r.latents);
        }
        std::sort(latents.begin(), latents.end());
    }
    const TestAccuracies* at(Variant train, int n, std::uint64_t seed) const {
        const auto found = of_.find({train, n, seed});
        return found == of_.end() ? nullptr : &found->second;
    }
    std::vector<std::uint64_t> seeds;
    std::vector<int> latents;

  private:
    std::map<std::tuple<Variant, int, std::uint64_t>, TestAccuracies> of_;
};

/// Comparisons of cells, seed by seed: a seed is good where all of its cells are.
struct Tally {
    void add(const std::vector<bool>& of_seed) {
        const int wins = int(std::count(of_seed.begin(), of_seed.end(), true));
        seeds += !of_seed.empty(), seeds_good += !of_seed.empty() && wins == int(of_seed.size());
        cells += int(of_seed.size()), cells_good += wins;
    }
    int seeds = 0, seeds_good = 0, cells = 0, cells_good = 0;
};

Claim small_is_best(const Accuracies& a) {
    Tally tally;
    for (std::uint64_t seed : a.seeds) {
        std::vector<bool> wins;
        for (Variant train : {Variant::kStandard, Variant::kRandom})
            for (std::size_t t = 0; t < kTestSets; ++t) {
                const auto* ten = a.at(train, 10, seed);
                if (!ten || a.latents.size() < 2) continue;
                double best_other = 0;
                for (int n : a.latents)
                    if (const auto* other = n == 10 ? nullptr : a.at(train, n, seed))
                        best_other = std::max(best_other, (*other)[t]);
                wins.push_back((*ten)[t] >= best_other - kTie);
            }
        tally.add(wins);
    }
    return judged(
        "C1", "N = 10 is the best, or among the best, in every column",
        tally.cells
            ? formatted("N = 10 is within %.3f of the best other N in %d of %d (seed, training set, column) cells.",
                        kTie, tally.cells_good, tally.cells)
            : "",
        tally.seeds_good, tally.seeds);
}

Claim training_on_rt_helps(const Accuracies& a) {
    std::vector<double> gains, costs;
    int good = 0, seen = 0;
    for (std::uint64_t seed : a.seeds) {
        std::vector<double> gain, cost;
        for (int n : a.latents) {
            const auto *s = a.at(Variant::kStandard, n, seed), *rt = a.at(Variant::kRandom, n, seed);
            if (!s || !rt) continue;
            gain.push_back((*rt)[kFr] - (*s)[kFr]);
            cost.push_back((*s)[kS] - (*rt)[kS]);
        }
        if (gain.empty()) continue;
        ++seen;
        good += mean_of(gain) > 0;
        gains.push_back(mean_of(gain));
        costs.push_back(mean_of(cost));
    }
    return judged(
        "C2", "training on rt raises MNIST-fr accuracy by about 0.05, at a cost of about 0.01 to 0.02 on MNIST-s",
        seen ? formatted("On average over N and seeds the gain on MNIST-fr is %+.4f and the cost on MNIST-s %+.4f.",
                         mean_of(gains), mean_of(costs))
             : "",
        good, seen);
}

Claim flat_from_twenty(const Accuracies& a) {
    int good = 0, seen = 0;
    std::map<int, std::vector<double>> by_latents;
    for (std::uint64_t seed : a.seeds) {
        double low = 1, high = 0;
        int sizes = 0;
        for (int n : a.latents)
            if (const auto* s = n >= 20 ? a.at(Variant::kStandard, n, seed) : nullptr) {
                low = std::min(low, (*s)[kS]), high = std::max(high, (*s)[kS]), ++sizes;
                by_latents[n].push_back((*s)[kS]);
            }
        if (sizes < 2) continue;
        ++seen;
        good += high - low <= kTie;
    }
    double low = 1, high = 0;
    for (const auto& [n, values] : by_latents)
        low = std::min(low, mean_of(values)), high = std::max(high, mean_of(values));
    Claim claim = judged(
        "C3", "from N = 20 to 100 the accuracy on MNIST-s is flat (within 0.006)",
        seen ? formatted("Over these N the means over seeds span %.4f, which decides.", high - low) : "", good, seen);
    claim.holds =
        seen && high - low <= kTie;  // flatness is a statement about means: one seed varies by as much by itself
    return claim;
}

Claim rt_is_best_on_transformed(const Accuracies& a) {
    Tally tally;
    for (std::uint64_t seed : a.seeds) {
        std::vector<bool> wins;
        for (int n : a.latents)
            for (std::size_t t = kFr; t < kTestSets; ++t) {
                const auto *s = a.at(Variant::kStandard, n, seed), *rt = a.at(Variant::kRandom, n, seed);
                if (s && rt) wins.push_back((*rt)[t] > (*s)[t]);
            }
        tally.add(wins);
    }
    return judged(
        "C4", "the model trained on rt is the best on all three transformed test sets",
        tally.cells
            ? formatted(
                  "It is in %d of %d (seed, N, column) cells; in the paper's own table two of the twelve are ties.",
                  tally.cells_good, tally.cells)
            : "",
        tally.seeds_good, tally.seeds);
}

}  // namespace

std::optional<double> invariance_table2(Variant train, int latents, std::size_t test_set) {
    for (int i = 0; i < 4; ++i)
        if (kPaperLatents[i] == latents && test_set < kTestSets) {
            if (train == Variant::kStandard) return kTrainedOnS[i][test_set];
            if (train == Variant::kRandom) return kTrainedOnRt[i][test_set];
        }
    return std::nullopt;
}

namespace {

/// One cell for each test set, from accuracies [seed].
Row row_of(Json keys, const std::vector<const TestAccuracies*>& seeds,
           const std::function<std::optional<double>(std::size_t)>& paper) {
    Row row{std::move(keys), {}};
    for (std::size_t t = 0; t < kTestSets; ++t) {
        std::vector<double> values;
        for (const TestAccuracies* accuracy : seeds) values.push_back((*accuracy)[t]);
        Cell cell = measured_cell(set_name(kVariants[t]), values, paper(t));
        if (cell.paper) cell.tolerance = std::max(0.02, cell.n > 1 ? 3 * cell.std : 0.0);
        row.cells.push_back(cell);
    }
    return row;
}

}  // namespace

Table invariance_table(const std::vector<InvarianceReplica>& replicas,
                       const std::vector<InvarianceBenchmark>& benchmarks, const std::string& dataset) {
    Table table = empty_table("Mills 2024", "Table 2: test-set accuracy", dataset);
    std::map<std::tuple<std::size_t, Variant, int>, std::vector<const TestAccuracies*>> latents;
    for (const InvarianceReplica& r : replicas)
        for (std::size_t kind = 0; kind < kFeatureKinds.size(); ++kind)
            latents[{kind, r.train, r.latents}].push_back(&r.accuracy[kind]);
    for (const auto& [key, seeds] : latents) {
        const auto [kind, train, n] = key;
        const Json keys = {{"features", name_of(kFeatureKinds[kind])}, {"train", set_name(train)}, {"latents", n}};
        table.rows.push_back(row_of(keys, seeds, [&, &set = train, &size = n](std::size_t t) {
            return dataset == "mnist" ? invariance_table2(set, size, t) : std::nullopt;
        }));
    }
    std::map<std::pair<BenchmarkKind, Variant>, std::vector<const TestAccuracies*>> pixels;
    for (const InvarianceBenchmark& b : benchmarks) pixels[{b.kind, b.train}].push_back(&b.accuracy);
    for (const auto& [key, seeds] : pixels) {
        const Json keys = {{"features", name_of(key.first)}, {"train", set_name(key.second)}, {"latents", "-"}};
        table.rows.push_back(row_of(keys, seeds, [](std::size_t) { return std::nullopt; }));
    }
    return table;
}

Table active_units_table(const std::vector<InvarianceReplica>& replicas, const std::string& dataset) {
    Table table = empty_table(
        "Mills 2024", "Active units: latents whose mean varies over the test set (variance above 0.01)", dataset, 1);
    std::map<Variant, std::map<int, std::vector<double>>> by;
    for (const InvarianceReplica& r : replicas) by[r.train][r.latents].push_back(r.test_elbo.active_units);
    for (const auto& [train, sizes] : by) {
        Row row;
        row.keys = {{"train", set_name(train)}};
        for (const auto& [latents, values] : sizes)
            row.cells.push_back(measured_cell("N = " + std::to_string(latents), values));
        table.rows.push_back(row);
    }
    return table;
}

std::vector<Claim> invariance_claims(const std::vector<InvarianceReplica>& replicas, FeatureKind features) {
    const Accuracies accuracies(replicas, features);
    return {small_is_best(accuracies), training_on_rt_helps(accuracies), flat_from_twenty(accuracies),
            rt_is_best_on_transformed(accuracies)};
}

}  // namespace warpvae
