// The figures, transition statistics and report of a run of two small models on glyphs, trained for two epochs: what
// can be shown is written, and what cannot is left out.
#include "host/experiments/geometry/results.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "data/glyphs.h"
#include "data/png.h"
#include "tests/support/gnuplot.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

struct TinyRun {
    TinyRun() : data{make_glyphs(300, 1, Part::kTrain).set, make_glyphs(60, 1, Part::kTest).set, "glyphs", "drawn"} {
        add_run_settings(settings, options);
        add_settings(settings, paper);
        paper.alphas = {1, -INFINITY, 0.5};
        paper.latents = {3};
        paper.separability_latents = {2, 3};
        options.seeds = 2;
        options.epochs = 2;
        options.batch = 50;
        paper.model.hidden = {16};
        paper.model.samples = 2;
        paper.likelihood_samples = 125;
        paper.likelihood_images = 8;
        paper.checkpoint_every = 1;
        paper.sgd_repeats = 0;
        paper.interpolation.steps = 5;
        options.quiet = true;
    }
    GeometryExperiment experiment() const { return GeometryExperiment(Run(options, settings, run, data), paper); }

    test::TemporaryFolder folder;
    DataSet data;
    RunOptions options;
    GeometryOptions paper;
    Settings settings;
    RunFolder run{folder.path(), RunFolder::Entry::kNew};
};

std::set<std::string> names_of(const std::vector<FigureFile>& figures) {
    std::set<std::string> names;
    for (const FigureFile& figure : figures) {
        EXPECT_TRUE(fs::exists(figure.path)) << figure.path;
        EXPECT_FALSE(figure.caption.empty());
        names.insert(figure.path.stem().string());
    }
    return names;
}

TEST(GeometryFigures, OfATinyRun) {
    TinyRun run;
    GeometryExperiment experiment = run.experiment();
    InterpolationOptions options = run.paper.interpolation;
    if (test::has_gnuplot()) {  // of nothing trained, what needs no model
        EXPECT_EQ(names_of(draw_geometry_figures(experiment, {})), (std::set<std::string>{"figure4-geodesics"}));
    }

    GeometryReport report;
    report.replicas = experiment.replicas();
    ASSERT_EQ(report.replicas.size(), 3u * 2 + 2) << "Figure 3 alone has k = 2";
    experiment.train_and_evaluate(report.replicas);

    report.figures = draw_geometry_figures(experiment, report.replicas);
    const std::set<std::string> sheets = {"figure5-0-50", "figure5-100-230", "figure5-200-790", "figure5-300-600",
                                          "figure5-400-1000"};
    std::set<std::string> expected = sheets;
    if (test::has_gnuplot())
        expected.insert({"figure1-k3", "figure2-components", "figure2-likelihood", "figure3-mean",
                         "figure3-mean_variance", "figure3-sample", "figure4-geodesics"});
    EXPECT_EQ(names_of(report.figures), expected);
    for (const FigureFile& figure : report.figures)
        if (figure.path.stem() == "figure5-0-50") {
            EXPECT_NE(figure.caption.find("images 0 and 50"), std::string::npos);
            EXPECT_NE(figure.caption.find("alpha = 0.5, seed 1"), std::string::npos);
            EXPECT_GT(read_png(figure.path).width, 5 * 56);
        }

    const TransitionStatistics statistics = measure_transitions(experiment, report.replicas[0], 40, options),
                               again = measure_transitions(experiment, report.replicas[0], 40, options);
    EXPECT_EQ(statistics.pairs, 40);  // more than one batch
    EXPECT_GT(statistics.deviation_ratio, 1);
    EXPECT_GE(statistics.sharpness_means, 1);
    EXPECT_GE(statistics.sharpness_geodesic, 1);
    EXPECT_EQ(statistics.deviation_ratio, again.deviation_ratio);
    EXPECT_EQ(statistics.sharper, again.sharper);
    ASSERT_EQ(statistics.length_of_circles.size(), 40u);
    for (const std::vector<double>* ratios : {&statistics.length_of_circles, &statistics.length_of_line})
        for (const double ratio : *ratios) EXPECT_GE(ratio, 1 - 1e-4) << "nothing is shorter than the geodesic";
    options.curve = GaussianCurve::kStraight;
    const TransitionStatistics straight = measure_transitions(experiment, report.replicas[0], 40, options);
    EXPECT_EQ(straight.deviation_ratio, statistics.deviation_ratio)
        << "a statement about the geodesic is about no other";
    EXPECT_EQ(straight.sharpness_geodesic, statistics.sharpness_geodesic);
    EXPECT_EQ(measure_transitions(experiment, report.replicas[0], 0, options).pairs, 0);

    report.components = geometry_components_table(report.replicas, run.paper, "glyphs");
    report.claims = geometry_claims(report.replicas, statistics);
    report.transitions = statistics;
    report.findings = show_findings(experiment.out(), "the paper", "settings", geometry_findings(report));
    EXPECT_EQ(std::filesystem::exists(experiment.out() / "figures/finding-S9.png"), test::has_gnuplot());
    write_geometry_report(experiment, report);
    const std::string page = read_file(experiment.out() / "report.html");
    EXPECT_NE(page.find("informative components, alpha = 0.5, k = 3"), std::string::npos);
    EXPECT_NE(page.find("N8"), std::string::npos);
    EXPECT_NE(page.find("Between two images"), std::string::npos);
}

TEST(GeometryFigures, AccuraciesReadOtherwiseAreLeftOut) {
    TinyRun run;
    run.paper.alphas = {1};
    run.options.seeds = run.options.epochs = 1;
    GeometryExperiment experiment = run.experiment();
    experiment.train(experiment.replicas());
    const auto has_figure_3 = [&] { return names_of(draw_geometry_figures(experiment, {})).count("figure3-mean") > 0; };
    EXPECT_EQ(has_figure_3(), test::has_gnuplot());
    run.paper.checkpoint_every = 7;
    EXPECT_EQ(has_figure_3(), test::has_gnuplot()) << "where a curve has its points changes no point";
    run.paper.C = 0.5;
    EXPECT_FALSE(has_figure_3());
}

TEST(GeometryFigures, OfOneClassAnyTwoImagesMakeAPair) {
    TinyRun run;
    for (std::uint8_t& label : run.data.test.labels) label = 4;
    run.paper.alphas = {1};
    run.options.seeds = run.options.epochs = 1;
    GeometryExperiment experiment = run.experiment();
    experiment.train(experiment.table_replicas());
    EXPECT_EQ(measure_transitions(experiment, experiment.table_replicas()[0], 10, {}).pairs, 10);
}

}  // namespace
}  // namespace warpvae
