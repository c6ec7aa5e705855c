// Plots: a picture where there is gnuplot, `false` where there is none, an Error where it cannot be written.
#include "host/show/plot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "data/files.h"
#include "data/png.h"
#include "tests/support/gnuplot.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

class Plot : public testing::Test {
  protected:
    void SetUp() override {
        if (!test::has_gnuplot()) GTEST_SKIP() << "gnuplot is not installed";
    }

    /// The picture's size, and that something is drawn. (Its letters may be missing: not every machine has fonts.)
    void expect_picture(const fs::path& path, int width, int height) {
        const Picture picture = read_png(path);
        EXPECT_EQ(picture.width, width);
        EXPECT_EQ(picture.height, height);
        const auto [darkest, lightest] = std::minmax_element(picture.pixels.begin(), picture.pixels.end());
        EXPECT_LT(*darkest, *lightest) << path;
    }

    test::TemporaryFolder folder_;
};

Axes small(std::string title) {
    Axes axes;
    axes.title = std::move(title);
    axes.x = "epoch";
    axes.y = "nats";
    axes.width = 600;
    axes.height = 400;
    return axes;
}

TEST_F(Plot, Lines) {
    Series a{"it's N = 10 \\ \"σ\" `id` {x_1^2}", {1, 2, 3}, {3, 2, 1.5}, {0.1, 0.2, NAN}};
    Series b{"gaps", {1, 2, 3}, {NAN, 2.5, INFINITY}, {}};
    Axes axes = small("a title with 'quotes', $dollars, a\nline and 100%");
    axes.integer_x = true;
    EXPECT_TRUE(line_plot(folder_ / "sub" / "a.png", axes, {a, b}));
    expect_picture(folder_ / "sub" / "a.png", 600, 400);
    axes.log_x = axes.log_y = true;
    EXPECT_TRUE(line_plot(folder_ / "b.png", axes, {Series{"n", {0, 1, 10}, {1, 0.1, -1}, {1, 1, 1}}}));
    expect_picture(folder_ / "b.png", 600, 400);
}

TEST_F(Plot, LinesOfOneColour) {
    Series a{"training", {1, 2, 3}, {3, 2, 1.5}, {}, 2}, b{"validation", {1, 2, 3}, {3.2, 2.5, 2}, {}, 2};
    EXPECT_TRUE(line_plot(folder_ / "a.png", small("both whole"), {a, b}));
    b.dashed = true;
    EXPECT_TRUE(line_plot(folder_ / "b.png", small("both whole"), {a, b}));
    expect_picture(folder_ / "b.png", 600, 400);
    EXPECT_NE(read_file(folder_ / "a.png"), read_file(folder_ / "b.png"));
}

TEST_F(Plot, NothingToDraw) {
    EXPECT_TRUE(line_plot(folder_ / "a.png", small("empty"), {}));
    EXPECT_TRUE(line_plot(folder_ / "b.png", small("NaN"), {Series{"n", {1}, {NAN}, {}}}));
    EXPECT_TRUE(line_plot(folder_ / "c.png", small("one point"), {Series{"n", {1}, {2}, {0}}}));
    EXPECT_TRUE(scatter_plot(folder_ / "d.png", small("no points"), {}, {}, {}));
    EXPECT_TRUE(comparison_plot(folder_ / "e.png", small("no series"), {}));
    for (const char* name : {"a.png", "b.png", "c.png", "d.png", "e.png"}) expect_picture(folder_ / name, 600, 400);
}

TEST_F(Plot, Scatter) {
    const std::vector<float> x{0, 1, 2, NAN, 3}, y{1, 1, 2, 3, 3};
    const std::vector<std::uint8_t> classes{0, 9, 3, 3, 0};
    EXPECT_TRUE(scatter_plot(folder_ / "a.png", small("latents"), x, y, classes));
    expect_picture(folder_ / "a.png", 600, 400);
    const std::vector<std::uint8_t> many{0, 10, 255, 3, 0}, few{0};
    EXPECT_TRUE(scatter_plot(folder_ / "many.png", small("more classes than colours"), x, y, many));
    expect_picture(folder_ / "many.png", 600, 400);
    EXPECT_THROW(scatter_plot(folder_ / "b.png", small(""), x, y, few), Error);
    EXPECT_FALSE(fs::exists(folder_ / "b.png"));
}

TEST_F(Plot, Panels) {
    const Panel points{"it's R² = 0.9", "true", "predicted", {0, 1, 2, NAN}, {0.1, 0.8, 2.5, 1}, true};
    const Panel empty{"no points", "x", "y", {}, {}, true}, same{"one place", "x", "y", {3, 3}, {4, 4}};
    EXPECT_TRUE(scatter_panels(folder_ / "a.png", small("three 'panels'"), {points, empty, same}, 2));
    expect_picture(folder_ / "a.png", 600, 400);
    EXPECT_TRUE(scatter_panels(folder_ / "b.png", small("none"), {}, 2));
    expect_picture(folder_ / "b.png", 600, 400);
    EXPECT_THROW(scatter_panels(folder_ / "c.png", small(""), {Panel{"", "", "", {1}, {}, false}}, 1), Error);
    EXPECT_FALSE(fs::exists(folder_ / "c.png"));
}

TEST_F(Plot, Comparison) {
    const ComparisonSeries s{"MNIST-s", {{"s, 10", 0.87, 0.01, 0.88}, {"a much longer label than that", 0.86, 0, {}}}};
    const ComparisonSeries fr{"MNIST-fr", {{"s, 10", 0.70, 0.02, 0.68}, {"x", NAN, 0, 0.5}}};
    EXPECT_TRUE(comparison_plot(folder_ / "a.png", small("Table 2"), {s, fr}));
    expect_picture(folder_ / "a.png", 600, 400);
}

TEST_F(Plot, ErrorsNameTheFile) {
    EXPECT_THROW(line_plot(folder_ / "a.png", small(""), {Series{"n", {1, 2}, {1}, {}}}), Error);
    write_file(folder_ / "file", "");
    EXPECT_THROW(line_plot(folder_ / "file" / "a.png", small(""), {Series{"n", {1}, {1}, {}}}), Error);
    Axes absurd = small("");
    absurd.width = -5;
    try {
        line_plot(folder_ / "c.png", absurd, {Series{"n", {1, 2}, {1, 2}, {}}});
        ADD_FAILURE();
    } catch (const Error& error) {
        const std::string what = error.what();
        EXPECT_NE(what.find("c.png"), std::string::npos) << what;
        EXPECT_NE(what.find("gnuplot"), std::string::npos) << what;
        EXPECT_EQ(what.find('\n'), std::string::npos) << what;
    }
    EXPECT_FALSE(fs::exists(folder_ / "c.png"));
}

TEST(WithoutGnuplot, NothingIsDrawnAndThatIsSaidOnce) {
    const test::TemporaryFolder folder;
    const std::string path = std::getenv("PATH");
    setenv("PATH", folder.path().c_str(), 1);
    testing::internal::CaptureStderr();
    for (int i = 0; i < 2; i++) EXPECT_FALSE(line_plot(folder / "a.png", small(""), {Series{"n", {1, 2}, {1, 2}, {}}}));
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "warning: no gnuplot in PATH, so no plots\n");
    setenv("PATH", path.c_str(), 1);
    EXPECT_FALSE(fs::exists(folder / "a.png"));
}

}  // namespace
}  // namespace warpvae
