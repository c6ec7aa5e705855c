// The figures, transition statistics and report of a run of two small models on glyphs, trained for two epochs: what
// can be shown is written, and what cannot is left out.
#include "host/peste/peste_figures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <set>

#include "data/glyphs.h"
#include "host/peste/peste_report.h"
#include "host/peste/peste_table.h"
#include "host/show/png.h"
#include "tests/support/gnuplot.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

struct TinyRun {
    TinyRun() : data{make_glyphs(300, 1, Part::kTrain).set, make_glyphs(60, 1, Part::kTest).set, "glyphs", "drawn"} {
        options.out = folder.path();
        options.alphas = {1, -INFINITY, 0.5};
        options.latents = {3};
        options.separability_latents = {2, 3};
        options.seeds = 2;
        options.epochs = 2;
        options.batch = 50;
        options.model.hidden = {16};
        options.model.samples = 2;
        options.likelihood_samples = 125;
        options.likelihood_images = 8;
        options.checkpoint_every = 1;
        options.sgd_repeats = 0;
        options.quiet = true;
    }
    test::TemporaryFolder folder;
    DataSet data;
    PesteOptions options;
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

TEST(PesteFigures, OfATinyRun) {
    TinyRun run;
    PesteExperiment experiment(run.options, run.data);
    InterpolationOptions options;
    options.steps = 5;
    if (test::has_gnuplot()) {  // of nothing trained, what needs no model
        EXPECT_EQ(names_of(draw_peste_figures(experiment, {}, options)), (std::set<std::string>{"figure4-geodesics"}));
    }

    PesteReport report;
    report.replicas = experiment.table_replicas();
    experiment.train_and_evaluate(report.replicas);
    std::vector<PesteReplica> more = experiment.separability_replicas();
    experiment.train_and_evaluate(more, false);
    report.replicas.insert(report.replicas.end(), more.begin(), more.end());

    report.figures = draw_peste_figures(experiment, report.replicas, options);
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
    options.curve = GaussianCurve::kStraight;
    const TransitionStatistics straight = measure_transitions(experiment, report.replicas[0], 40, options);
    EXPECT_DOUBLE_EQ(straight.deviation_ratio, 1);
    EXPECT_NEAR(straight.sharpness_geodesic, straight.sharpness_means, 1e-3);  // other rows of the same products
    EXPECT_EQ(straight.sharpness_means, statistics.sharpness_means);
    EXPECT_EQ(measure_transitions(experiment, report.replicas[0], 0, options).pairs, 0);

    report.components = peste_components_table(report.replicas, run.options, "glyphs");
    report.claims = peste_claims(report.replicas, statistics);
    const std::string page = read_file(write_peste_report(run.options, run.data, report));
    EXPECT_NE(page.find("informative components, alpha = 0.5, k = 3"), std::string::npos);
    EXPECT_NE(page.find("N8"), std::string::npos);
    EXPECT_NE(page.find("Between two images"), std::string::npos);
}

TEST(PesteFigures, ImagesOfOneClassMakeNoPair) {
    TinyRun run;
    for (std::uint8_t& label : run.data.test.labels) label = 4;
    run.options.alphas = {1};
    run.options.seeds = run.options.epochs = 1;
    PesteExperiment experiment(run.options, run.data);
    experiment.train(experiment.table_replicas());
    EXPECT_EQ(measure_transitions(experiment, experiment.table_replicas()[0], 10, {}).pairs, 0);
}

}  // namespace
}  // namespace warpvae
