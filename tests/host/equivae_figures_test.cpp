// What the pictures of EQUIVAE are computed from, on models trained for an epoch: r and v in the right rows, the same
// style along a row, classes as the model reads them; that every picture is written, grey and in colour; refusals.
#include "host/experiments/equivae/results.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cuda/device/launch_options.h"
#include "data/glyphs.h"
#include "data/png.h"
#include "host/evaluate/elbo.h"
#include "host/show/caption_font.h"
#include "tests/support/device_test.h"
#include "tests/support/gnuplot.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

TEST(EquivaeFigures, InterpolationsAndGrids) {
    EXPECT_EQ(interpolate({0, 4}, {1, 0}, 3), (std::vector<float>{0, 4, 0.5f, 2, 1, 0}));
    EXPECT_EQ(interpolate({3}, {5}, 1), (std::vector<float>{3}));
    EXPECT_EQ(even_grid(2, -1, 1, 5, 7), (std::vector<float>{-1, 7, 1, 7, -1, 5, 1, 5}));
}

TEST(EquivaeFigures, DimensionsInUse) {
    EXPECT_EQ(active_units({1, 5, 0.1f, -1, 5, -0.09f}, 3), 1);  // variances 1, 0, 0.009
    EXPECT_EQ(active_units({3, 4}, 2), 0);
}

TEST(EquivaeFigures, TheTwoMostProbableClasses) {
    const auto read = most_probable({0.1f, 0.7f, 0.2f, 0.4f, 0.2f, 0.4f}, 3);
    ASSERT_EQ(read.size(), 2u);
    EXPECT_EQ(read[0].first, 1);
    EXPECT_EQ(read[0].second, 2);
    EXPECT_FLOAT_EQ(float(read[0].probability), 0.7f);
    EXPECT_FLOAT_EQ(float(read[0].second_probability), 0.2f);
    EXPECT_EQ(read[1].first, 0);  // of two equal ones the first
    EXPECT_EQ(read[1].second, 2);
}

TEST(EquivaeFigures, PointsInThePlane) {
    const Matmul matmul;
    std::vector<float> flat, tilted;  // a spiral, and the same in three dimensions
    for (int i = 0; i < 60; ++i) {
        const float a = 0.2f * float(i), x = a * std::cos(a), y = 0.5f * a * std::sin(a);
        flat.insert(flat.end(), {x, y});
        tilted.insert(tilted.end(), {0.6f * x, 0.8f * x, y});
    }
    const PlanePoints same = reduce(matmul, flat, 2, Reduction::kUmap, 1);  // nothing to reduce
    ASSERT_EQ(same.x.size(), 60u);
    EXPECT_EQ(same.x[59], flat[118]);
    EXPECT_EQ(same.y[59], flat[119]);
    const PlanePoints pca = reduce(matmul, tilted, 3, Reduction::kPca, 1);
    EXPECT_NEAR(pca.trustworthiness, 1, 1e-6);  // a plane keeps all neighbours
    const PlanePoints umap = reduce(matmul, tilted, 3, Reduction::kUmap, 1);
    ASSERT_EQ(umap.y.size(), 60u);
    EXPECT_GT(umap.trustworthiness, 0.8);
}

/// Grey or colour glyphs, sixty for validation, and a model of one epoch.
struct TinyRun {
    explicit TinyRun(bool colour, int latents = 0) : data(few(colour)) {
        options.seeds = options.epochs = 1;
        options.batch = 32;
        options.quiet = true;
        paper.latents = latents;
        paper.labels = {20};
        paper.judge_steps = 130;
        paper.reduction = latents ? Reduction::kUmap : Reduction::kPca;
        add_run_settings(settings, options);
        add_settings(settings, paper);
        run.emplace(options, settings, runs, data);
        experiment.emplace(*run, paper);
        replica = experiment->replicas(EquivaeKind::kSupervised)[0];
        experiment->train(std::vector{replica});
    }
    static DataSet few(bool colour) {
        const auto make = [&](std::size_t n, Part part) {
            return colour ? make_colour_glyphs(n, 1, part).set : make_glyphs(n, 1, part).set;
        };
        return {make(720, Part::kTrain), make(20, Part::kTest), colour ? "colour-glyphs" : "glyphs", ""};
    }
    test::TemporaryFolder folder;
    const DataSet data;
    RunOptions options;
    EquivaeOptions paper;
    Settings settings;
    const RunFolder runs{folder.path(), RunFolder::Entry::kNew};
    std::optional<Run> run;
    std::optional<EquivaeExperiment> experiment;
    EquivaeReplica replica;
};

class EquivaeModels : public testing::Test {
  protected:
    void SetUp() override {  // fibers are some 200 times slower
        if (launch_options().cpu_blocks != CpuBlocks::kOneThread)
            GTEST_SKIP() << "trains models: with block loops only";
    }
    /// One grey run for all tests.
    static const TinyRun& grey() {
        if (!grey_) grey_ = std::make_unique<TinyRun>(false);
        return *grey_;
    }
    static void TearDownTestSuite() { grey_.reset(); }

  private:
    static inline std::unique_ptr<TinyRun> grey_;
};

constexpr int kBreak = kCaptionHeight;  // of ImageGrid

/// Width and height of a PNG that is not blank.
std::pair<int, int> size_of(const fs::path& path) {
    const Picture picture = read_png(path);
    EXPECT_NE(*std::min_element(picture.pixels.begin(), picture.pixels.end()),
              *std::max_element(picture.pixels.begin(), picture.pixels.end()))
        << path;
    return {picture.width, picture.height};
}

/// Image (row, column) of a sheet_style with no captions but numbers, whose last images end at the margin.
std::vector<std::uint8_t> cell(const Picture& sheet, int rows, int columns, int row, int column,
                               bool before_break = false) {
    constexpr int kSide = 56, kGap = 2, kMargin = 16;
    const int x0 = sheet.width - kMargin - (columns - column) * (kSide + kGap) + kGap - before_break * kBreak,
              y0 = sheet.height - kMargin - (rows - row) * (kSide + kGap) + kGap;
    std::vector<std::uint8_t> out;
    for (int y = 0; y < kSide; ++y)
        for (int x = 0; x < kSide; ++x)
            out.push_back(sheet.pixels[(std::size_t(y0 + y) * sheet.width + x0 + x) * sheet.channels]);
    return out;
}

TEST_F(EquivaeModels, RowsOfImagesAndLatents) {
    const TinyRun& run = grey();
    TrainedEquivae model(*run.experiment, run.replica);
    const ImageSet& held_out = run.experiment->split().validation;
    EXPECT_EQ(model.r_y, class_means(model.validation.r, held_out.labels, 10));
    test::expect_close(model.encode(held_out.images, model.validation.r), model.validation.v,
                       test::Tolerance{1e-5, 1e-5}, "v");  // by batches of other sizes
    EXPECT_EQ(model.draw(3, 5), model.draw(3, 5));
    EXPECT_NE(model.draw(3, 5), model.draw(3, 6));

    const auto p = model.distance_probabilities(held_out.images);
    const auto read = most_probable(p, 10);
    std::size_t right = 0;
    for (std::size_t i = 0; i < read.size(); ++i) {
        double sum = 0;
        for (int k = 0; k < 10; ++k) sum += double(p[10 * i + k]);
        EXPECT_NEAR(sum, 1, 1e-5);
        right += read[i].first == held_out.labels[i];
    }
    Judge judge(*run.experiment);
    const ClassShares real = read_shares(model, &judge, held_out);
    EXPECT_DOUBLE_EQ(real.distance, double(right) / double(held_out.count()));
    EXPECT_GT(*real.judge, 0.5);
    Judge again(*run.experiment);  // read from its file
    EXPECT_EQ(*read_shares(model, &again, held_out).judge, *real.judge);
    EquivaeOptions hasty = run.paper;
    hasty.judge_steps = 1;
    const EquivaeExperiment other(*run.run, hasty);
    Judge one_epoch(other);  // not read: that file's judge was trained for longer
    EXPECT_NE(*read_shares(model, &one_epoch, held_out).judge, *real.judge);
    const ClassShares samples = sample_class_accuracy(model, &judge, 5), swaps = swap_class_accuracy(model, nullptr, 2);
    EXPECT_TRUE(samples.distance >= 0 && samples.distance <= 1 && *samples.judge <= 1);
    EXPECT_TRUE(swaps.distance >= 0 && swaps.distance <= 1 && !swaps.judge);
}

TEST_F(EquivaeModels, EveryFigureIsWritten) {
    const TinyRun& run = grey();
    const auto files = draw_model(*run.experiment, run.replica);
    EXPECT_TRUE(std::any_of(files.begin(), files.end(),
                            [](const FigureFile& file) { return file.caption.find("%") != std::string::npos; }));
    EXPECT_EQ(files.size(), test::has_gnuplot() ? 6u : 3u);
    for (const FigureFile& file : files) {
        EXPECT_GT(size_of(file.path).first, 400) << file.path;
        EXPECT_EQ(file.caption.find("Figure "), 0u) << file.caption;
    }

    TinyRun flat(false, 2);
    EXPECT_EQ(flat.experiment->shown_replicas().size(), 1u);
    const auto plane = draw_model(*flat.experiment, flat.replica);
    EXPECT_GE(plane.size(), test::has_gnuplot() ? 5u : 4u);
    EXPECT_EQ(size_of(flat.folder / "figures/figure5-r-grid-supervised-z2.png"),
              (std::pair{32 + 20 * 29 - 1, 32 + 20 * 29 - 1}));
    EXPECT_EQ(size_of(flat.folder / "figures/figure5-v-grids-supervised-z2.png").first, 32 + 36 * 29 - 1 + 3 * kBreak);
}

TEST_F(EquivaeModels, ForAUser) {
    const TinyRun& run = grey();
    const EquivaeReplica& replica = run.replica;
    // One style along a row: the same class twice makes the same image twice, another row another.
    draw_samples(run.folder / "sheet.png", *run.experiment, replica, {3, 3, 5}, 2);
    const Picture sheet = read_png(run.folder / "sheet.png");
    const std::vector<std::uint8_t> first = cell(sheet, 2, 3, 0, 0), second = cell(sheet, 2, 3, 0, 1);
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_NEAR(first[i], second[i], 1) << i;  // rows of one product
    EXPECT_NE(cell(sheet, 2, 3, 0, 0), cell(sheet, 2, 3, 1, 0));
    EXPECT_NE(cell(sheet, 2, 3, 0, 0), cell(sheet, 2, 3, 0, 2));

    // Images of its own set are read as the set's are, and their styles put on classes.
    const ImageSet& held_out = run.experiment->split().validation;
    std::vector<fs::path> paths;
    for (int i = 0; i < 12; ++i) {
        paths.push_back(run.folder / ("digit" + std::to_string(i) + ".png"));
        write_png(paths.back(), 28, 28, 1, held_out.images.data() + std::size_t(i) * 784);
    }
    const auto classified = classify_user_images(*run.experiment, replica, paths, run.folder / "classified.png");
    ASSERT_EQ(classified.size(), 12u);
    TrainedEquivae model(*run.experiment, replica);
    const auto expected = most_probable(model.distance_probabilities(held_out.images), 10);
    for (int i = 0; i < 12; ++i) {
        EXPECT_EQ(classified[i].image.name, "digit" + std::to_string(i));
        EXPECT_EQ(classified[i].distance.first, expected[i].first);
        EXPECT_NEAR(classified[i].distance.probability, expected[i].probability, 1e-5);
        EXPECT_FALSE(classified[i].classifier);
    }
    EXPECT_GT(size_of(run.folder / "classified.png").first, 10 * 56);
    draw_samples(run.folder / "styles.png", *run.experiment, replica, {0, 1}, 7, {paths[0], paths[1]});
    const Picture styles = read_png(run.folder / "styles.png");
    std::vector<std::uint8_t> ink;
    for (int y = 0; y < 56; ++y)
        for (int x = 0; x < 56; ++x) ink.push_back(std::uint8_t(255 - held_out.images[784 + y / 2 * 28 + x / 2]));
    EXPECT_EQ(cell(styles, 2, 3, 1, 0, true), ink);

    const fs::path none = run.folder / "none.png";
    EXPECT_THROW(draw_samples(none, *run.experiment, replica, {10}, 1), UsageError);
    EXPECT_THROW(draw_samples(none, *run.experiment, replica, {-1}, 1), UsageError);
    EXPECT_THROW(draw_samples(none, *run.experiment, replica, {}, 1), Error);
    EXPECT_THROW(draw_samples(none, *run.experiment, replica, {1}, 0), Error);
    EXPECT_FALSE(fs::exists(none));
}

TEST_F(EquivaeModels, SemiSupervisedModelsReadTheirOwnClass) {
    const TinyRun& run = grey();
    EquivaeExperiment semi(*run.run, run.paper);
    const EquivaeReplica replica = semi.replicas(EquivaeKind::kSemiSupervised)[0];
    semi.train(std::vector{replica});
    const fs::path path = run.folder / "digit.png";
    write_png(path, 28, 28, 1, semi.split().validation.images.data());
    const auto read = classify_user_images(semi, replica, {path}, run.folder / "classified.png");
    ASSERT_TRUE(read.at(0).classifier);
    TrainedEquivae model(semi, replica);
    const DeviceImages images({&semi.split().validation.images}, {0}, 784);
    EXPECT_EQ(read[0].classifier->first, classify_images(model.model, images)[0][0]);
}

TEST_F(EquivaeModels, InColour) {
    const TinyRun run(true);
    EXPECT_GE(draw_model(*run.experiment, run.replica).size(), 3u);
    draw_samples(run.folder / "sheet.png", *run.experiment, run.replica, {7, 1}, 3);
    EXPECT_EQ(size_of(run.folder / "sheet.png").first, 32 + 2 * 66 - 2);
    const fs::path png = run.folder / "digit.png";
    write_png(png, 32, 32, 3, run.data.test.images.data());
    const auto read = classify_user_images(*run.experiment, run.replica, {png}, run.folder / "classified.png");
    ASSERT_EQ(read.size(), 1u);
    TrainedEquivae model(*run.experiment, run.replica);
    const auto first = run.data.test.image(0);
    const auto expected = most_probable(model.distance_probabilities({first.begin(), first.end()}), 10);
    EXPECT_EQ(read[0].distance.first, expected[0].first);
    draw_samples(run.folder / "styles.png", *run.experiment, run.replica, {1}, 1, {png});
    EXPECT_TRUE(fs::exists(run.folder / "styles.png"));
}

}  // namespace
}  // namespace warpvae
