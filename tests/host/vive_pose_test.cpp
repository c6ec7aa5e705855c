// Tables and pictures of pose recovery and equivariance over a run's models: which rows and cells there are, that
// untrained models are left out, and that the numbers are those of the scores they come from.
#include "host/vive/vive_pose.h"

#include <gtest/gtest.h>

#include "cuda/device/launch_options.h"
#include "tests/support/gnuplot.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

/// Two seeds of each model, trained for one epoch on a few glyphs.
struct TinyRun {
    TinyRun() : data(few_glyphs()), experiment(options(folder.path()), data), replicas(experiment.table_replicas()) {}
    static DataSet few_glyphs() {
        return {make_glyphs(80, 1, Part::kTrain).set, pose_test_glyphs(20).set, "glyphs", ""};
    }
    static ViveOptions options(const std::filesystem::path& out) {
        ViveOptions o;
        o.out = out;
        o.rows = {"raw", "vae", "affine-tvae", "tps-tvae"};
        o.latents = {2};
        o.seeds = 2;
        o.epochs = 1;
        o.batch = 20;
        o.quiet = true;
        o.config.hidden = {8};
        o.config.prior = PosePrior::kFitted;
        return o;
    }
    test::TemporaryFolder folder;
    DataSet data;
    ViveExperiment experiment;
    std::vector<ViveReplica> replicas;
};

class VivePose : public testing::Test {
  protected:
    void SetUp() override {  // fibers are some 200 times slower
        if (launch_options().cpu_blocks != CpuBlocks::kOneThread) GTEST_SKIP() << "no kernels of its own";
    }
};

TEST_F(VivePose, TablesHaveARowForEachTrainedModelAndSource) {
    TinyRun run;
    std::vector<ViveReplica> most;  // the second seed of the last model stays untrained
    for (const ViveReplica& replica : run.replicas)
        if (replica.model != "tps-tvae" || replica.seed == 1) most.push_back(replica);
    run.experiment.train(most);
    const GlyphSet glyphs = pose_test_glyphs(60);
    const Table recovery = pose_recovery_table(run.experiment, run.replicas, glyphs);
    ASSERT_EQ(recovery.rows.size(), 5u);
    const char* expected[5][3] = {{"VAE", "-", "z"},
                                  {"Affine-TVAE", "fitted", "u"},
                                  {"Affine-TVAE", "fitted", "z"},
                                  {"TPS-TVAE", "fitted", "u"},
                                  {"TPS-TVAE", "fitted", "z"}};
    for (std::size_t i = 0; i < 5; ++i) {
        const Row& row = recovery.rows[i];
        EXPECT_EQ(row.keys.at("model"), expected[i][0]);
        EXPECT_EQ(row.keys.at("latents"), 2);
        EXPECT_EQ(row.keys.at("prior"), expected[i][1]);
        EXPECT_EQ(row.keys.at("from"), expected[i][2]);
        ASSERT_EQ(row.cells.size(), std::size_t(kPoseNumbers));
        for (std::size_t k = 0; k < row.cells.size(); ++k) {
            EXPECT_EQ(row.cells[k].test, kPoseNames[k]);
            EXPECT_EQ(row.cells[k].n, i < 3 ? 2 : 1);
            EXPECT_TRUE(std::isfinite(row.cells[k].mean));
            EXPECT_LE(row.cells[k].mean, 1);
            EXPECT_FALSE(row.cells[k].paper);
        }
    }
    // The mean over seeds of what each replica scores alone.
    double sum = 0;
    for (const ViveReplica& replica : run.replicas) {
        if (replica.model != "affine-tvae") continue;
        const auto loaded = run.experiment.load(replica, 60);
        sum += measure_pose_recovery(loaded->model, glyphs, 0, loaded->matmul).from_u->r2[4];
    }
    EXPECT_NEAR(recovery.rows[1].cells[4].mean, sum / 2, device_is_gpu() ? 1e-4 : 1e-12);

    const Table equivariance = equivariance_table(run.experiment, run.replicas, glyphs.set);
    ASSERT_EQ(equivariance.rows.size(), 15u);  // four kinds of change and all of them
    EXPECT_EQ(equivariance.rows[0].keys.at("change"), "rotation");
    EXPECT_EQ(equivariance.rows[4].keys.at("change"), "all");
    for (std::size_t i = 0; i < equivariance.rows.size(); ++i) {
        const Row& row = equivariance.rows[i];
        const bool affine = row.keys.at("model") == "Affine-TVAE";
        ASSERT_EQ(row.cells.size(), affine ? 5u : 3u);  // a VAE and a spline have no matrix
        EXPECT_EQ(row.cells[0].test, "reference_change");
        for (const Cell& cell : row.cells) EXPECT_TRUE(std::isfinite(cell.mean)) << cell.test;
    }
    EXPECT_EQ(equivariance.rows[0].cells[0].n, 2);
    EXPECT_EQ(equivariance.rows[10].cells[0].n, 1);
}

TEST_F(VivePose, FiguresOfTheFirstSeedOfEachModel) {
    TinyRun run;
    const GlyphSet glyphs = pose_test_glyphs(40);
    EXPECT_TRUE(draw_pose_figures(run.experiment, run.replicas, glyphs).empty());
    EXPECT_TRUE(pose_recovery_table(run.experiment, run.replicas, glyphs).rows.empty());
    run.experiment.train({run.replicas[0], run.replicas[3]});  // vae of seed 1, affine-tvae of seed 2
    std::vector<std::string> names;
    for (const FigureFile& figure : draw_pose_figures(run.experiment, run.replicas, glyphs)) {
        names.push_back(figure.path.filename());
        EXPECT_EQ(read_file(figure.path).substr(1, 3), "PNG");
        EXPECT_FALSE(figure.caption.empty());
    }
    std::vector<std::string> expected = {"pose-recovery-vae-z2.png", "equivariance-vae-z2.png",
                                         "pose-recovery-affine-tvae-z2-fitted.png",
                                         "equivariance-affine-tvae-z2-fitted.png"};
    if (!test::has_gnuplot()) std::erase_if(expected, [](const std::string& name) { return name.starts_with("pose"); });
    EXPECT_EQ(names, expected);
}

}  // namespace
}  // namespace warpvae
