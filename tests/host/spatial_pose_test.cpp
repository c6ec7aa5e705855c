// Tables and pictures of pose recovery and equivariance over a run's models: which rows and cells there are, that
// untrained models are left out, and that the numbers are those of the scores they come from.
#include "host/experiments/spatial/results.h"

#include <gtest/gtest.h>

#include "cuda/device/launch_options.h"
#include "tests/support/gnuplot.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

/// Two seeds of each model, trained for one epoch on a few glyphs.
struct TinyRun {
    TinyRun()
        : data{make_glyphs(80, 1, Part::kTrain).set, pose_test_glyphs("glyphs", 20).set, "glyphs", ""},
          paper(few_models()),
          options(few_epochs()),
          run_folder(folder.path(), RunFolder::Entry::kNew),
          run(options, declared(), run_folder, data),
          experiment(run, paper),
          replicas(experiment.replicas()) {}
    static SpatialOptions few_models() {
        SpatialOptions o;
        o.rows = {SpatialRow::kRaw, SpatialRow::kVae, SpatialRow::kAffineT, SpatialRow::kSplineT};
        o.latents = {2};
        o.model.hidden = {8};
        o.model.prior = PosePrior::kFitted;
        return o;
    }
    static RunOptions few_epochs() {
        RunOptions o;
        o.seeds = 2, o.epochs = 1, o.batch = 20, o.learning_rate = 1, o.quiet = true;
        return o;
    }
    const Settings& declared() {
        add_run_settings(settings, options);
        add_settings(settings, paper);
        return settings;
    }
    test::TemporaryFolder folder;
    const DataSet data;
    SpatialOptions paper;
    RunOptions options;
    Settings settings;
    const RunFolder run_folder;
    const Run run;
    SpatialExperiment experiment;
    const std::vector<SpatialReplica> replicas;
};

class SpatialPose : public testing::Test {
  protected:
    void SetUp() override {  // fibers are some 200 times slower
        if (launch_options().cpu_blocks != CpuBlocks::kOneThread) GTEST_SKIP() << "no kernels of its own";
    }
};

TEST_F(SpatialPose, TablesHaveARowForEachTrainedModelAndSource) {
    TinyRun run;
    std::vector<SpatialReplica> most;  // the second seed of the last model stays untrained
    for (const SpatialReplica& replica : run.replicas)
        if (replica.model != SpatialRow::kSplineT || replica.seed == 1) most.push_back(replica);
    run.experiment.train(most);
    const GlyphSet glyphs = pose_test_glyphs("glyphs", 60);
    const std::vector<SpatialReplica> trained = run.experiment.trained(run.replicas);
    const Table recovery = pose_recovery_table(run.experiment, trained, glyphs);
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
    for (const SpatialReplica& replica : run.replicas) {
        if (replica.model != SpatialRow::kAffineT) continue;
        LoadedSpatial loaded(run.experiment, replica, 60);
        sum += measure_pose_recovery(loaded.model, glyphs, 0).from_u->r2[4];
    }
    EXPECT_NEAR(recovery.rows[1].cells[4].mean, sum / 2, device_is_gpu() ? 1e-4 : 1e-12);

    const Table equivariance = equivariance_table(run.experiment, trained, glyphs.set);
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

TEST_F(SpatialPose, FiguresOfTheFirstSeedOfEachModel) {
    TinyRun run;
    const GlyphSet glyphs = pose_test_glyphs("glyphs", 40);
    EXPECT_THROW(run.experiment.trained(run.replicas), Error);
    EXPECT_TRUE(draw_pose_figures(run.experiment, {}, glyphs).empty());
    EXPECT_TRUE(pose_recovery_table(run.experiment, {}, glyphs).rows.empty());
    run.experiment.train(std::vector{run.replicas[0], run.replicas[3]});  // vae of seed 1, affine-tvae of seed 2
    const std::vector<SpatialReplica> trained = run.experiment.trained(run.replicas);
    std::vector<std::string> names;
    for (const FigureFile& figure : draw_pose_figures(run.experiment, trained, glyphs)) {
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
