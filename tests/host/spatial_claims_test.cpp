// The claims of Vivé that have commands of their own, on numbers that are made up: denoising (V7), the size of the code
// (V8), priors of the pose (V9, V10); and which models the settings of noise make.
#include <gtest/gtest.h>

#include "data/error.h"
#include "host/experiment/statements.h"
#include "host/experiments/spatial/results.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using enum SpatialRow;

SpatialReplica replica(SpatialRow model, int latents, std::uint64_t seed, PosePrior prior = PosePrior::kNone) {
    SpatialVaeConfig config;
    config.latents = latents, config.prior = prior;
    SpatialReplica r(model, config);
    r.seed = seed, r.epochs = 1;
    return r;
}
const Statement& claim_of(const std::vector<Statement>& claims, const std::string& id) {
    for (const Statement& claim : claims)
        if (claim.id == id) return claim;
    throw std::out_of_range(id);
}

// --- denoising -------------------------------------------------------------------------------------------------------

/// Two seeds of a model on its own kind of noise, or of one trained on clean images on occlusion.
DenoisedGroup group(SpatialRow model, std::optional<NoiseTarget> target, double gain) {
    DenoisedGroup out;
    out.noise = kNoises[target ? 1 : 2];
    for (const std::uint64_t seed : {1, 2}) {
        out.replicas.push_back(replica(model, 8, seed));
        if (target) out.replicas.back().config.noise = kNoises[1], out.replicas.back().config.noise_target = *target;
        DenoisingSummary& score = out.scores.emplace_back();
        score.noisy_psnr = 13, score.psnr = 13 + gain + 0.1 * double(seed);
        score.negative_elbo = 200, score.median = 150;
        score.worst.image = 40 + seed, score.worst.reconstruction = 300, score.worst.kl_of_spreads = 1e4 * double(seed);
        if (out.replicas[0].has_pose()) score.worst.u = {1, 0, 0, 0, 1, 0};
    }
    return out;
}
std::vector<DenoisedGroup> as_hoped() {
    std::vector<DenoisedGroup> groups;
    for (const std::optional<NoiseTarget> target :
         {std::optional<NoiseTarget>(), std::optional(NoiseTarget::kClean), std::optional(NoiseTarget::kNoisy)}) {
        groups.push_back(group(kVae, target, 1));
        groups.push_back(group(kAffineT, target, 2));
    }
    return groups;
}

TEST(SpatialDenoising, ClaimsFollowTheNumbers) {
    for (const Statement& claim : denoising_claims(as_hoped())) {
        EXPECT_TRUE(claim.tested && claim.holds) << claim.id << ": " << claim.reason;
        EXPECT_FALSE(claim.measured.values.empty()) << claim.id;
    }
    EXPECT_EQ(claim_of(denoising_claims(as_hoped()), "V7").measured.values.size(), 2u) << "each seed of the T-VAE";
    EXPECT_EQ(claim_of(denoising_claims(as_hoped()), "V7a").measured.values.size(), 4u);
    const auto fails = [](std::size_t which, double gain, const std::vector<std::string>& ids) {
        std::vector<DenoisedGroup> groups = as_hoped();
        for (DenoisingSummary& score : groups[which].scores) score.psnr = score.noisy_psnr + gain;
        for (const Statement& claim : denoising_claims(groups))
            EXPECT_EQ(claim.holds, std::ranges::find(ids, claim.id) == ids.end()) << claim.id << ": " << claim.reason;
    };
    fails(1, -1, {"V7", "V7c"});  // behind the VAE by more than the other two are ahead
    fails(2, -1, {"V7a"});
    fails(5, -1, {"V7b", "V7c"});
    for (const double vae_gains : {5., 0.95}) {  // the others are behind, or ahead by no more than anybody sees
        std::vector<DenoisedGroup> groups = as_hoped();
        for (const std::size_t which : {0, 2, 4})
            for (DenoisingSummary& score : groups[which].scores) score.psnr += vae_gains;
        EXPECT_FALSE(claim_of(denoising_claims(groups), "V7c").holds) << vae_gains;
    }
    for (const Statement& claim : denoising_claims({})) EXPECT_FALSE(claim.tested || claim.holds) << claim.id;
    EXPECT_FALSE(claim_of(denoising_claims({as_hoped()[1]}), "V7b").tested) << "no model was trained so";
}

TEST(SpatialDenoising, TablesTellOfTheMedianAndOfTheWorstImage) {
    const Table table = denoising_table(as_hoped(), "mnist"), worst = denoising_worst_table(as_hoped(), "mnist");
    ASSERT_EQ(table.rows.size(), 6u);
    EXPECT_EQ(table.rows[0].keys.at("trained_on"), "clean images");
    EXPECT_EQ(table.rows[3].keys.at("trained_on"), "Gaussian 0.3, towards clean");
    EXPECT_EQ(table.rows[3].keys.at("model"), "Affine-TVAE");
    EXPECT_EQ(table.rows[3].keys.at("noise"), "Gaussian 0.3");
    for (const Cell& cell : table.rows[0].cells)
        if (cell.test == "median") {
            EXPECT_EQ(cell.mean, 150);
        }
    ASSERT_EQ(worst.rows.size(), 6u);
    EXPECT_EQ(worst.rows[0].keys.at("seed"), 2) << "whose worst image costs more";
    EXPECT_EQ(worst.rows[0].keys.at("image"), 42);
    EXPECT_EQ(worst.rows[0].cells[0].mean, 20300);
    EXPECT_EQ(worst.rows[0].cells.size() + 2, worst.rows[1].cells.size()) << "u and its warp";
}

TEST(SpatialDenoising, SettingsMakeModelsOfTheirOwn) {
    SpatialOptions options;
    Settings settings;
    add_settings(settings, options);
    const auto assign = [&](const char* name, const std::string& value) {
        settings.at(name).assign(value, Setting::Source::kCommandLine);
    };
    assign("train-noise", "none,gaussian,occlusion");
    assign("train-noise-target", "clean,noisy");
    EXPECT_EQ(settings.at("train-noise").text(), "none,gaussian,occlusion");
    EXPECT_EQ(options.train_noise.size(), 3u);
    EXPECT_THROW(assign("train-noise", "rain"), UsageError);
    EXPECT_THROW(assign("train-noise-amount", "1.5"), UsageError);
    SpatialReplica r = replica(kAffineT, 8, 1);
    const auto own = [&](const std::string& name) {
        for (const auto& [key, value] : r.own())
            if (key == name) return value;
        return std::string("the run's");
    };
    EXPECT_EQ(own("train-noise"), "") << "nothing depends on it";
    EXPECT_EQ(own("train-noise-amount"), "");
    EXPECT_TRUE(r.is_of_tables());
    r.config.noise = kNoises[1], r.config.noise_target = NoiseTarget::kNoisy;
    EXPECT_EQ(r.group(), "affine-tvae-z8-gaussian-to-noisy");
    EXPECT_EQ(title_of(r), "Affine-TVAE, trained on Gaussian 0.3 towards noisy images");
    EXPECT_EQ(own("train-noise"), "gaussian");
    EXPECT_EQ(own("train-noise-target"), "noisy");
    EXPECT_EQ(own("train-noise-amount"), "the run's");
    EXPECT_FALSE(r.is_of_tables());
}

// --- the size of the code --------------------------------------------------------------------------------------------

std::vector<SpatialReplica> sizes(int best, const std::vector<int>& of = {10, 20, 25, 30, 40}) {
    std::vector<SpatialReplica> all;
    for (const std::uint64_t seed : {1, 2, 3})
        for (const int size : of) {
            all.push_back(replica(kVae, size, seed));
            all.back().test_elbo.reconstruction = 90 + 0.1 * std::abs(size - best);
        }
    return all;
}

TEST(SpatialSizes, TheBestSizeIsTheLowestOfEachSeed) {
    const Statement claim = best_size(sizes(25));
    EXPECT_TRUE(claim.tested && claim.holds) << claim.reason;
    EXPECT_EQ(claim.measured.values, (std::vector<double>{25, 25, 25}));
    EXPECT_NE(claim.reason.find("1.50 nats below the smallest size"), std::string::npos) << claim.reason;
    EXPECT_TRUE(best_size(sizes(20)).holds);
    EXPECT_TRUE(best_size(sizes(40)).tested);
    EXPECT_FALSE(best_size(sizes(40)).holds);
    EXPECT_FALSE(best_size(sizes(10)).holds);
    EXPECT_FALSE(best_size(sizes(25, {20, 25, 30})).tested) << "nothing on both sides";
    EXPECT_FALSE(best_size(sizes(25, {10, 40})).tested) << "nothing near 25";
    EXPECT_FALSE(best_size({}).tested);
    std::vector<SpatialReplica> others = sizes(25);
    for (SpatialReplica& r : others) r.config.noise = kNoises[0];
    EXPECT_FALSE(best_size(others).tested) << "trained on noise";
    const Table table = dimensions_table(sizes(25), "mnist");
    ASSERT_EQ(table.rows.size(), 5u);
    EXPECT_EQ(table.rows[1].keys.at("total"), 20);
    EXPECT_EQ(table.rows[1].cells[0].n, 3);
}

// --- priors ----------------------------------------------------------------------------------------------------------

std::vector<PriorScore> scores(double correlation, double gap) {
    std::vector<PriorScore> all;
    for (const PosePrior prior : {PosePrior::kNone, PosePrior::kFixedMean, PosePrior::kFull})
        for (const std::uint64_t seed : {1, 2}) {
            PriorScore& score = all.emplace_back(PriorScore{replica(kAffineT, 14, seed, prior), {}});
            score.replica.pose.largest_correlation = correlation;
            score.likelihood.importance.negative_elbo = 100;
            score.likelihood.importance.log_likelihood = gap - 100;
            score.likelihood.kl_to_prior = 10;
        }
    return all;
}
std::vector<SpatialReplica> replicas_of(const std::vector<PriorScore>& scores) {
    std::vector<SpatialReplica> all;
    for (const PriorScore& score : scores) all.push_back(score.replica);
    return all;
}

TEST(SpatialPriors, ClaimsFollowTheNumbers) {
    const auto claims_of = [](double correlation, double gap) {
        const std::vector<PriorScore> all = scores(correlation, gap);
        return prior_claims(replicas_of(all), all);
    };
    for (const Statement& claim : claims_of(0.25, 9)) {
        EXPECT_TRUE(claim.tested && claim.holds) << claim.id << ": " << claim.reason;
        EXPECT_EQ(claim.measured.values.size(), claim.id == "V9" ? 2u : 4u) << "of P1, and of P1 and P5; two seeds";
    }
    EXPECT_FALSE(claim_of(claims_of(0.5, 9), "V9").holds);
    EXPECT_TRUE(claim_of(claims_of(0.5, 9), "V10").holds);
    EXPECT_FALSE(claim_of(claims_of(0.2, 5), "V10").holds);
    for (const Statement& claim : prior_claims({}, {})) EXPECT_FALSE(claim.tested) << claim.id;
}

TEST(SpatialPriors, CasesAreThoseOfThePaper) {
    EXPECT_EQ(prior_cases().size(), 8u);
    int full = 0;
    for (const PriorCase& c : prior_cases()) full += c.prior == PosePrior::kFull;
    EXPECT_EQ(full, 4);
}

// --- statements of several commands ----------------------------------------------------------------------------------

TEST(SpatialStatements, AnEarlierCommandsVerdictStays) {
    const test::TemporaryFolder folder;
    SpatialResults first, second;
    first.replicas = sizes(25);
    second.denoising = as_hoped();
    const Origin origin{{{"epochs", "50"}}, {{"test-images", "a digest"}}},
        other{{{"epochs", "60"}}, origin.evaluation};
    const auto of = [](const SpatialResults& run, const Origin& from, const std::string& settings = "draws = 500") {
        std::vector<Statement> statements = spatial_statements(run, "mnist");
        for (Statement& s : statements) s.origin = digest_of(from), s.settings = settings;
        return statements;
    };
    EXPECT_EQ(with_earlier(of(first, origin), folder.path()).size(), of(first, origin).size()) << "there is none";
    write_statements(folder.path(), "Vivé", with_earlier(of(first, origin), folder.path()));
    const std::vector<Statement> both = with_earlier(of(second, origin), folder.path());
    EXPECT_TRUE(claim_of(both, "V8").tested);
    EXPECT_EQ(claim_of(both, "V8").measured.values.size(), 3u);
    EXPECT_TRUE(claim_of(both, "V7").tested);
    EXPECT_FALSE(claim_of(both, "V10").tested);
    EXPECT_FALSE(claim_of(with_earlier(of(second, other), folder.path()), "V8").tested) << "it was trained otherwise";
    EXPECT_FALSE(claim_of(with_earlier(of(second, origin, "draws = 10"), folder.path()), "V8").tested)
        << "it was measured otherwise";
    std::vector<Statement> now = of(second, origin);
    for (Statement& s : now) s.rule += ", strictly";
    EXPECT_FALSE(claim_of(with_earlier(now, folder.path()), "V8").tested) << "it was judged otherwise";
}

}  // namespace
}  // namespace warpvae
