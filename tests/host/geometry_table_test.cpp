// The geometry experiment's tables and statements on replicas whose numbers are made up: statements follow the numbers.
#include "host/experiments/geometry/results.h"
#include "tests/support/other_value.h"

#include <gtest/gtest.h>

#include <cmath>

namespace warpvae {
namespace {

GeometryReplica replica(int latents, double alpha, std::uint64_t seed, int informative, double gap, double size) {
    GeometryReplica r;
    r.latents = latents, r.alpha = alpha, r.seed = seed, r.epochs = 20;
    r.spectrum.informative = informative, r.spectrum.alignment = 0.55;
    r.axes = {.active = 18,
              .loading = {0.59, 1, 0.51, 0.02, 0.005},
              .correlation = {0.04, 0, 0.2, 0.01, 0.005},
              .overlap = {0.99, 1, 0.6, 0.02, 0.005},
              .jacobian = {1.5, 0, 4.4, 0.1, 0.005}};
    r.likelihood.images = 100, r.likelihood.samples = 2000;
    r.likelihood.log_likelihood = -90, r.likelihood.effective_sample_size = size;
    r.bound.negative_bound = r.negative_bound_there = 90 + gap, r.bound.negative_elbo = 92 + gap;
    const double accuracy = 0.92 + 0.0003 * latents;
    r.accuracy = {accuracy, accuracy + 0.005, accuracy - 0.05};
    return r;
}

/// What the paper says, in numbers.
std::vector<GeometryReplica> as_in_the_paper() {
    std::vector<GeometryReplica> all;
    for (const int k : {30, 40, 50})
        for (const std::uint64_t seed : {1, 2})
            for (const double alpha : {0., 0.1, 0.5, 1.})
                all.push_back(
                    replica(k, alpha, seed, alpha < 0.5 ? 25 : 25 - int(8 * alpha), 0.5 + 4 * alpha, 30 + 40 * alpha));
    all.push_back(replica(30, -INFINITY, 1, 3, 9, 9));  // orders below 0 are no part of the statements
    return all;
}
const Statement& claim_of(const std::vector<Statement>& claims, const std::string& name) {
    for (const Statement& claim : claims)
        if (claim.id == name) return claim;
    throw std::out_of_range(name);
}
TransitionStatistics sharper() {
    TransitionStatistics t;
    t.pairs = 100, t.sharper = 80, t.deviation_ratio = 1.5, t.sharpness_geodesic = 2.2, t.sharpness_means = 2;
    return t;
}

TEST(GeometryTable, EveryStatementHoldsWhereTheNumbersSaySo) {
    for (const Statement& claim : geometry_claims(as_in_the_paper(), sharper())) {
        EXPECT_TRUE(claim.tested) << claim.id;
        EXPECT_TRUE(claim.holds) << claim.id << ": " << claim.reason;
        EXPECT_FALSE(claim.reason.empty());
    }
}

TEST(GeometryTable, EachStatementFailsWhereItsNumbersDo) {
    const auto fails = [](const char* name, auto change) {
        std::vector<GeometryReplica> replicas = as_in_the_paper();
        TransitionStatistics transitions = sharper();
        for (GeometryReplica& r : replicas) change(r, transitions);
        const std::vector<Statement> claims = geometry_claims(replicas, transitions);
        for (const Statement& claim : claims) EXPECT_EQ(claim.holds, claim.id != name) << claim.id << " of " << name;
    };
    using R = GeometryReplica;
    using T = TransitionStatistics;
    fails("N2", [](R& r, T&) { r.spectrum.informative += r.alpha == 0 ? 5 : 0; });
    fails("N2b", [](R& r, T&) { r.spectrum.informative += r.latents == 50 ? 5 : 0; });
    fails("N3", [](R& r, T&) { r.axes.jacobian.p = 0.3; });
    fails("N3", [](R& r, T&) { r.axes.correlation.p = 0.06; });
    fails("N3", [](R& r, T&) { r.axes.jacobian.value = 4; });  // surely not by chance, and far from the axes
    fails("N4", [](R& r, T&) { r.likelihood.effective_sample_size = 100 - r.likelihood.effective_sample_size; });
    fails("N5", [](R& r, T&) {
        for (double& a : r.accuracy) a += 0.03;
    });
    fails("N6", [](R& r, T&) {
        if (r.latents == 50)
            for (double& a : r.accuracy) a -= 0.008;
    });
    fails("N7", [](R& r, T&) { r.accuracy[1] = r.accuracy[0]; });
    fails("N8", [](R&, T& t) { t.deviation_ratio = 0.9; });
}

TEST(GeometryTable, WhatARunCannotSayIsUntested) {
    const std::vector<Statement> none = geometry_claims({}, {});
    ASSERT_EQ(none.size(), 8u);
    for (const Statement& claim : none) EXPECT_FALSE(claim.tested || claim.holds) << claim.id;
    const std::vector<Statement> one = geometry_claims({replica(30, 1, 1, 20, 4, 50)}, {});
    for (const char* name : {"N2", "N2b", "N4", "N6", "N7", "N8"}) EXPECT_FALSE(claim_of(one, name).tested) << name;
    for (const char* name : {"N3", "N5"}) EXPECT_TRUE(claim_of(one, name).tested) << name;
}

TEST(GeometryTable, AMeasureThatNoRotationChangesDoesNotCount) {
    std::vector<GeometryReplica> replicas = as_in_the_paper();
    for (GeometryReplica& r : replicas) r.axes.overlap = {1, 1, 1, 0, 1};  // all latents are active
    const Statement claim = claim_of(geometry_claims(replicas, sharper()), "N3");
    EXPECT_TRUE(claim.tested && claim.holds) << claim.reason;
    for (const double score : claim.measured.values) EXPECT_NEAR(score, (4.4 - 1.5) / 4.4, 1e-12);
    for (GeometryReplica& r : replicas) r.axes = {.active = 1};
    EXPECT_FALSE(claim_of(geometry_claims(replicas, sharper()), "N3").tested);
    const Table table = geometry_axes_table(as_in_the_paper(), "mnist");
    ASSERT_EQ(table.rows.size(), 13u);
    EXPECT_DOUBLE_EQ(table.rows[1].cells[1].mean, 0.59);
    EXPECT_DOUBLE_EQ(table.rows[1].cells[2].mean, 0.51);
}

TEST(GeometryTable, RowsAreMeansOverSeeds) {
    std::vector<GeometryReplica> replicas = as_in_the_paper();
    replicas[0].spectrum.informative = 29;
    GeometryReplica more = replica(10, 1, 1, 9, 4, 50);  // of Figure 3 alone: no log p(x)
    more.likelihood = {};
    replicas.push_back(more);
    const Table table = geometry_components_table(replicas, {}, "mnist");
    ASSERT_EQ(table.rows.size(), 13u);
    EXPECT_EQ(table.rows[0].keys.at("alpha"), "-inf");
    const Row& row = table.rows[1];
    EXPECT_EQ(row.keys.at("k"), 30);
    EXPECT_EQ(row.keys.at("alpha"), "0");
    EXPECT_DOUBLE_EQ(row.cells[0].mean, 27);
    EXPECT_EQ(row.cells[0].n, 2);
    EXPECT_DOUBLE_EQ(row.cells[6].mean, 0.5);  // the gap
    EXPECT_EQ(geometry_separability_table(replicas, "mnist").rows.size(), 14u);
    EXPECT_EQ(geometry_likelihood_table(replicas, "mnist").rows.size(), replicas.size());
}

TEST(GeometryReplica, Names) {
    GeometryReplica r;
    EXPECT_EQ(r.name(), "k30-alpha1-seed1");
    r.alpha = -INFINITY, r.latents = 7, r.seed = 3;
    EXPECT_EQ(r.name(), "k7-alpha-inf-seed3");
    EXPECT_EQ(r.group(), "k7-alpha-inf");
    EXPECT_EQ(r.shape(), "k7") << "all alphas of one k train in the same launches";
}

TEST(GeometryReplica, OwnValuesSayWhatMatters) {
    GeometryReplica r;
    r.alpha = 0.1000001;
    EXPECT_EQ(r.own(), (Values{{"alphas", "0.1000001"}, {"latents", "30"}, {"kl", ""}}));
    r.alpha = 1;
    EXPECT_EQ(r.own(), (Values{{"alphas", "1"}, {"latents", "30"}}))
        << "the ELBO alone has a divergence in closed form";
    EXPECT_EQ(r.own_evaluation(), Values{});
    const Values known = r.own();
    r.trains_on_all = true;
    EXPECT_NE(r.own(), known) << "the same images, but more of them are seen";
    r.wants_likelihood = false;
    EXPECT_EQ(r.own_evaluation(), (Values{{"likelihood-samples", ""}, {"likelihood-images", ""}}));
    EXPECT_NE(r.shape(), GeometryReplica().shape()) << "evaluated otherwise, so not together";
}

TEST(GeometryReplica, AResultReadsBackWhatItWrote) {
    GeometryReplica written = replica(3, 0.5, 1, 2, 0.5, 40), read;
    written.spectrum.eigenvalues = {2, 1, 0.001};
    Json json = Json::object();
    Fields writer = Fields::writer(json), reader = Fields::reader(json);
    written.fields(writer);
    read.fields(reader);
    EXPECT_EQ(read.spectrum.eigenvalues, written.spectrum.eigenvalues);
    EXPECT_EQ(read.accuracy, written.accuracy);
    EXPECT_EQ(read.likelihood.images, 100);
    EXPECT_EQ(read.gap(), written.gap());
    json = Json::object();
    written.wants_likelihood = false;
    written.fields(writer);
    EXPECT_FALSE(json.contains("likelihood"));
}

TEST(GeometrySettings, AnOrderIsANumberOrInfinite) {
    GeometryOptions options;
    Settings settings;
    add_settings(settings, options);
    Setting& alphas = settings.at("alphas");
    ASSERT_TRUE(alphas.try_assign("-inf,inf,+inf,0.1,0.1000001,-0,0"));
    EXPECT_EQ(alphas.text(), "-inf,inf,0.1,0.1000001,0");
    EXPECT_EQ(options.alphas.front(), -INFINITY);
    for (const char* none : {"nan", "-nan", "infinity", "1e999", "half", "1,,2", ""})
        EXPECT_FALSE(alphas.try_assign(none)) << none;
    for (const char* one : {"-inf", "inf", "0", "1"}) {
        ASSERT_TRUE(alphas.try_assign(one));
        const std::string other = test::other_value(alphas);
        EXPECT_NE(other, one);
        EXPECT_TRUE(alphas.try_assign(other)) << other;
    }
}

}  // namespace
}  // namespace warpvae
