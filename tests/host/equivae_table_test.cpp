// Feige's tables and claims on replicas whose numbers are made up: the paper's values stand where they belong, absent
// data say so, claims follow the numbers.
#include "host/experiments/equivae/results.h"

#include <gtest/gtest.h>

#include <cmath>

namespace warpvae {
namespace {

EquivaeReplica supervised(std::uint64_t seed, double error) {
    EquivaeReplica r;
    r.seed = seed;
    r.epochs = 40;
    r.distance = error, r.neural = error + 0.0005, r.benchmark = error + 0.001, r.likelihood = error + 0.002;
    r.agreement = 0.99, r.probe_r = 0.99, r.probe_v = 0.15, r.probe_v_sample = 0.12;
    r.validation_nll = 70, r.validation_kl = 12;
    return r;
}
EquivaeReplica semi(std::uint64_t seed, int labels, double error, double benchmark) {
    EquivaeReplica r;
    r.kind = EquivaeKind::kSemiSupervised;
    r.labels = labels, r.latents = 8, r.seed = seed;
    r.classifier = error, r.benchmark = benchmark, r.short_benchmark = benchmark + 0.01;
    return r;
}

const Row& row_of(const Table& table, const char* data, const char* key, const Json& value) {
    for (const Row& row : table.rows)
        if (row.keys.at("data") == data && row.keys.at(key) == value) return row;
    throw std::out_of_range(data);
}

TEST(EquivaeTable, SupervisedRowsStandBesideThePaper) {
    const Table table = equivae_supervised_table({supervised(1, 0.0080), supervised(2, 0.0090)}, "mnist");
    ASSERT_EQ(table.rows.size(), 6u);
    const Cell& distance = row_of(table, "MNIST", "technique", "EQUIVAE, distance of f_inv(x)").cells[0];
    EXPECT_NEAR(distance.mean, 0.0085, 1e-12);
    EXPECT_EQ(distance.n, 2);
    EXPECT_NEAR(*distance.paper, 0.0082, 1e-12);
    EXPECT_EQ(distance.verdict(), Agreement::kAgrees);
    const Row& absent = row_of(table, "SVHN", "technique", "benchmark CNN");
    EXPECT_EQ(absent.keys.at("run"), "NOT RUN (data absent)");
    EXPECT_TRUE(std::isnan(absent.cells[0].mean));
    EXPECT_NEAR(*absent.cells[0].paper, 0.1004, 1e-12);
    EXPECT_FALSE(absent.cells[0].verdict());
    const Table worse = equivae_supervised_table({supervised(1, 0.02)}, "mnist");
    EXPECT_EQ(row_of(worse, "MNIST", "technique", "benchmark CNN").cells[0].verdict(), Agreement::kDiffers);
    // Another set has rows of its own and no number of the paper.
    const Table glyphs = equivae_supervised_table({supervised(1, 0.01)}, "glyphs");
    EXPECT_FALSE(row_of(glyphs, "glyphs", "technique", "benchmark CNN").cells[0].paper);
    EXPECT_EQ(row_of(glyphs, "MNIST", "technique", "benchmark CNN").keys.at("run"), "NOT RUN (data absent)");
}

TEST(EquivaeTable, SemiSupervisedRowsStandBesideThePaper) {
    const Table table =
        equivae_semi_table({semi(1, 100, 0.09, 0.22), semi(2, 100, 0.10, 0.21), semi(1, 50, 0.2, 0.3)}, "mnist");
    const Row& hundred = row_of(table, "MNIST", "labels", 100);
    EXPECT_NEAR(hundred.cells[0].mean, 0.095, 1e-12);
    EXPECT_NEAR(*hundred.cells[0].paper, 0.089, 1e-12);
    EXPECT_NEAR(*hundred.cells[1].paper, 0.2191, 1e-12);
    EXPECT_NEAR(hundred.cells[1].mean, 0.215, 1e-12);
    EXPECT_NEAR(hundred.cells[2].mean, 0.225, 1e-12);
    EXPECT_EQ(hundred.cells[0].verdict(), Agreement::kAgrees);
    // Ten points better than the paper's benchmark is no agreement with it.
    const Table better = equivae_semi_table({semi(1, 100, 0.09, 0.12), semi(2, 100, 0.09, 0.121)}, "mnist");
    EXPECT_EQ(row_of(better, "MNIST", "labels", 100).cells[1].verdict(), Agreement::kDiffers);
    // One benchmark beside models of two weights is one number.
    EquivaeReplica weighted = semi(1, 100, 0.09, 0.22);
    weighted.labelled_weight = 10;
    const Table two = equivae_semi_table({semi(1, 100, 0.09, 0.22), weighted}, "mnist");
    EXPECT_TRUE(two.rows.at(0).cells[1].verdict() && !two.rows.at(1).cells[1].verdict());
    EXPECT_TRUE(two.rows.at(1).cells[0].verdict());
    EXPECT_FALSE(row_of(table, "MNIST", "labels", 50).cells[0].paper);
    EXPECT_EQ(row_of(table, "SVHN", "labels", 1000).keys.at("run"), "NOT RUN (data absent)");
}

TEST(EquivaeTable, ClaimsFollowTheNumbers) {
    std::vector<EquivaeReplica> replicas = {supervised(1, 0.008), supervised(2, 0.009), semi(1, 100, 0.09, 0.22)};
    for (const Statement& claim : equivae_claims(replicas)) {
        EXPECT_EQ(claim.tested, claim.id != "F7") << claim.id;
        EXPECT_EQ(claim.holds, claim.id != "F7") << claim.id << ": " << claim.reason;
    }
    for (EquivaeReplica& r : replicas) r.benchmark = 0.05;
    EXPECT_FALSE(equivae_claims(replicas)[1].holds) << "a poor benchmark buys no agreement";
    for (EquivaeReplica& r : replicas) {
        r.distance = 0.05, r.neural = 0.01, r.benchmark = 0.01, r.likelihood = 0.2, r.probe_v = 0.52,
        r.probe_v_sample = 0.9, r.validation_kl = 0.1;
        r.classifier = 0.5;
    }
    for (const Statement& claim : equivae_claims(replicas))
        EXPECT_FALSE(claim.holds) << claim.id << ": " << claim.reason;
    for (const Statement& claim : equivae_claims({})) EXPECT_FALSE(claim.tested);
}

}  // namespace
}  // namespace warpvae
