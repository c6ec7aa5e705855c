// spatial: Vive, "Variational generation of images by deep spatial architectures", from data to report.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cuda/device/device.h"
#include "host/log.h"
#include "host/options.h"
#include "host/vive/vive_denoise.h"
#include "host/vive/vive_figures.h"
#include "host/vive/vive_likelihood.h"
#include "host/vive/vive_pose.h"
#include "host/vive/vive_report.h"

namespace {

using namespace warpvae;

constexpr const char* kExamples = R"(
Commands
  table       Table 1: a linear SVM on pixels, principal components and the latents of every model, beside the paper's
  figures     Figures 5 to 12; trains the models that they need and the run has not
  train       train the models of --rows without evaluating them: weights, checkpoints, metrics
  sample      a sheet of samples of each trained model of --rows
  likelihood  log p(x) by importance sampling and by sampling the prior, and how tight the bound is
  denoise     PSNR and ELBO under three kinds of noise; with IMAGES (PNG or IDX), clean them up
  pose        on --dataset glyphs, whose poses are known: pose recovery and equivariance
  report      all of these and report.html, one page with everything

Examples
  spatial table --rows raw,pca --semantics paper --out runs/pca      exact numbers, no training
  spatial table --latents 8 --seeds 3 --out runs/vive                trained rows too
  spatial table --resume runs/vive                                   go on after Ctrl-C, a crash, a power cut: the same bits
  spatial sample --resume runs/vive --rows affine-tvae --pose average
  spatial denoise --resume runs/vive --rows tps-tvae scan.png        writes runs/vive/denoised/
  spatial report --quick --dataset glyphs --out runs/poses           a first look, a few minutes on two cores
)";

struct Options {
    CommonOptions common;
    ViveOptions vive;
    LikelihoodOptions likelihood;
    int sheet = 10;
    std::vector<std::string> images;
    std::string command, sample_pose = "identity", prior = "none", second = "inverse", limit = "none",
                         semantics = "right", bound = "deviation";
};

void add_options(CLI::App& app, Options& o) {
    o.common.epochs = 50;
    o.common.batch = 100;
    o.vive.rows = {"raw", "pca", "vae", "affine-tvae", "tps-tvae", "affine-dtvae"};
    app.add_option("command", o.command, "what to do, see below")
        ->required()
        ->check(CLI::IsMember({"table", "figures", "train", "sample", "likelihood", "denoise", "pose", "report"}));
    app.add_option("images", o.images, "for denoise: pictures of your own, PNG or IDX");
    add_common_options(app, o.common);
    std::vector<std::string> rows = {"raw", "pca"};
    for (const ViveModel& model : vive_models()) rows.push_back(model.code);
    app.add_option("--rows", o.vive.rows, "rows of the table: raw, pca, and models")
        ->delimiter(',')
        ->check(CLI::IsMember(rows))
        ->type_name("LIST");
    app.add_option("--latents", o.vive.latents, "dimensions of z")
        ->delimiter(',')
        ->check(CLI::Range(1, 784))
        ->type_name("LIST");
    SpatialVaeConfig& c = o.vive.config;
    app.add_option("--prior", o.prior, "of the pose u: none (a function of x), fixed-mean, fitted, full")
        ->check(CLI::IsMember({"none", "fixed-mean", "fitted", "full"}))
        ->type_name("KIND");
    app.add_option("--rank", c.rank, "dimensions behind a full prior; 0: as many as u has numbers")
        ->check(CLI::Range(0, 128));
    app.add_option("--hidden", c.hidden, "hidden widths of the encoder; the decoder mirrors them")
        ->delimiter(',')
        ->check(CLI::Range(1, 65536))
        ->type_name("LIST");
    app.add_option("--localisation", c.localisation, "hidden units between image and pose in a DT-VAE")
        ->check(CLI::Range(1, 65536));
    app.add_option("--control-points", c.control_points, "G of a thin-plate spline on G x G points")
        ->check(CLI::Range(2, 8));
    app.add_flag("--separate-trunk", c.separate_trunk, "T-VAE: the pose has an encoder of its own");
    app.add_option("--second-transform", o.second, "of a DT-VAE: undoes the first, or has numbers of its own")
        ->check(CLI::IsMember({"inverse", "independent"}))
        ->type_name("KIND");
    app.add_option("--limit", o.limit, "keep u within a range of the identity")
        ->check(CLI::IsMember({"none", "tanh", "sigmoid"}))
        ->type_name("KIND");
    app.add_option("--limit-range", c.limit_range, "that range")->check(CLI::PositiveNumber);
    app.add_option("--samples", c.samples, "draws of (z, u) for each image and step: L of equation 8")
        ->check(CLI::Range(1, 1000));
    app.add_option("--deviation-bound", o.bound,
                   "what is kept above 1e-6: the deviation, or (the paper's letter) its logarithm")
        ->check(CLI::IsMember({"deviation", "logarithm"}))
        ->type_name("KIND");
    app.add_option("--loss-scale", c.loss_scale, "times the batch mean of -ELBO; Adadelta is not indifferent to it")
        ->check(CLI::PositiveNumber);
    app.add_option("--learning-rate", o.vive.learning_rate, "Adadelta's step size")->check(CLI::PositiveNumber);
    app.add_option("--restarts", o.vive.restarts, "trainings per seed; the one with the best training ELBO counts")
        ->check(CLI::Range(1, 100));
    app.add_option("--semantics", o.semantics,
                   "right: test images are centred with the training mean; paper: with their own (PCA rows)")
        ->check(CLI::IsMember({"right", "paper"}))
        ->type_name("KIND");
    app.add_option("--draws", o.likelihood.samples, "for likelihood: samples for each image and way of sampling")
        ->check(CLI::Range(1, 10000000));
    app.add_option("--likelihood-images", o.likelihood.images, "for likelihood: so many of the test set")
        ->check(CLI::Range(1, 1 << 30));
    app.add_option("--pose", o.sample_pose,
                   "for sample: the identity, the training set's average, or drawn from the prior")
        ->check(CLI::IsMember({"identity", "average", "prior"}))
        ->type_name("KIND");
    app.add_option("--sheet", o.sheet, "for sample: so many a side")->check(CLI::Range(1, 100));
    app.add_option("--together", o.vive.together,
                   "models trained in the same launches; 0: all of one shape on a GPU, one on the CPU device")
        ->check(CLI::Range(0, 4096))
        ->type_name("COUNT");
    app.footer(kExamples);
}

void resolve(Options& o) {
    ViveOptions& v = o.vive;
    if (o.common.quick) {
        o.common.epochs = std::min(o.common.epochs, 2);
        o.common.seeds = 1;
        v.latents.resize(1);
        v.rows.erase(std::remove(v.rows.begin(), v.rows.end(), "raw"), v.rows.end());
        v.quick = true;
        o.likelihood.samples = std::min(o.likelihood.samples, 500);
        o.likelihood.images = std::min<std::size_t>(o.likelihood.images, 20);
    }
    std::vector<std::string> once;  // a row named twice is one row
    for (const std::string& row : v.rows)
        if (std::find(once.begin(), once.end(), row) == once.end()) once.push_back(row);
    v.rows = once;
    // The paper's rot-MNIST has 1,500 training images.
    if (o.common.dataset == "mnist-rot" && o.common.train_images == 0) o.common.train_images = 1500;
    v.out = o.common.out;
    v.seeds = o.common.seeds;
    v.first_seed = o.common.seed;
    v.epochs = o.common.epochs;
    v.batch = o.common.batch;
    v.math = o.common.math_mode();
    v.graph = !o.common.no_graph;
    v.quiet = o.common.quiet;
    v.resume = !o.common.resume.empty();
    v.paper_semantics = o.semantics == "paper";
    v.config.prior = parse_pose_prior(o.prior);
    v.config.second = o.second == "inverse" ? SecondTransform::kInverse : SecondTransform::kIndependent;
    v.config.limit = o.limit == "tanh"      ? RangeLimit::kTanh
                     : o.limit == "sigmoid" ? RangeLimit::kSigmoid
                                            : RangeLimit::kNone;
    v.config.bound = o.bound == "deviation" ? DeviationBound::kDeviation : DeviationBound::kLogarithm;
}

void print(const ViveOptions& options, const Table& table, const char* file) {
    if (table.rows.empty()) return;
    write_table(options.out, table, file);
    std::cout << to_terminal(table, isatty(1)) << '\n' << std::flush;
}

/// The rows without a model, each measured once.
FixedScores fixed_scores(ViveExperiment& experiment) {
    FixedScores fixed;
    const ViveOptions& o = experiment.options();
    for (const std::string& row : o.rows) {
        if (row == "raw") {
            log_info("linear SVM on raw pixels");
            fixed[{"raw", 0}] = experiment.raw_pixels();
        }
        if (row == "pca")
            for (int latents : o.latents) fixed[{"pca", latents}] = experiment.principal_components(latents);
    }
    return fixed;
}

void print_claims(const std::vector<Claim>& claims) {
    for (const Claim& claim : claims)
        std::printf("  %s %-9s %s\n               %s\n", claim.name.c_str(),
                    !claim.tested ? "untested:"
                    : claim.holds ? "holds:"
                                  : "fails:",
                    claim.statement.c_str(), claim.evidence.c_str());
}

/// The replicas of the command line that are trained; an error if none is.
std::vector<ViveReplica> trained(const ViveExperiment& experiment) {
    std::vector<ViveReplica> out;
    std::string missing;
    for (const ViveReplica& replica : experiment.table_replicas()) {
        if (experiment.is_trained(replica))
            out.push_back(replica);
        else if (missing.empty())
            missing = experiment.folder_of(replica).string();
    }
    if (out.empty())
        throw Error("no trained model in this run (there is no " + missing +
                    "/model.safetensors): train first, or choose --rows, --latents, --prior and --seed that it has");
    return out;
}

/// One replica a row: the first seed's.
std::vector<ViveReplica> first_of_each(const std::vector<ViveReplica>& replicas) {
    std::vector<ViveReplica> out;
    for (const ViveReplica& replica : replicas)
        if (out.empty() || out.back().group() != replica.group()) out.push_back(replica);
    return out;
}

SamplePose sample_pose(const std::string& name) {
    return name == "average" ? SamplePose::kAverage : name == "prior" ? SamplePose::kPrior : SamplePose::kIdentity;
}

void sample(const ViveExperiment& experiment, const Options& o) {
    for (const ViveReplica& replica : first_of_each(trained(experiment))) {
        const auto path = o.vive.out / "figures" / ("samples-" + replica.group() + "-" + o.sample_pose + ".png");
        draw_samples(path, experiment, replica, sample_pose(o.sample_pose), o.sheet, o.sheet);
        std::printf("%s\n", path.c_str());
    }
}

void denoise(const ViveExperiment& experiment, const Options& o) {
    const std::vector<ViveReplica> replicas = trained(experiment);
    if (o.images.empty()) return print(o.vive, denoising_table(experiment, replicas), "denoising");
    if (first_of_each(replicas).size() > 1)
        log_info("several models are trained: " + replicas.front().name() +
                 " cleans up (choose with --rows, --latents)");
    denoise_user_images(experiment, replicas.front(), {o.images.begin(), o.images.end()}, o.vive.out / "denoised");
}

/// Pose recovery and equivariance, where the poses are known.
void pose_tables(const ViveExperiment& experiment, const std::vector<ViveReplica>& replicas, ViveReport& run) {
    const GlyphSet glyphs = pose_test_glyphs(experiment.options().quick ? 2000 : 10000);
    ImageSet few = glyphs.set;
    few.truncate(1000);
    run.recovery = pose_recovery_table(experiment, replicas, glyphs);
    run.equivariance = equivariance_table(experiment, replicas, few);
    for (const FigureFile& figure : draw_pose_figures(experiment, replicas, glyphs)) run.figures.push_back(figure);
    print(experiment.options(), run.recovery, "pose_recovery");
    print(experiment.options(), run.equivariance, "equivariance");
}

void table_and_report(ViveExperiment& experiment, const Options& o, const CLI::App& app) {
    const DataSet& data = experiment.data();
    ViveReport run;
    run.fixed = fixed_scores(experiment);
    run.replicas = experiment.table_replicas();
    experiment.train_and_evaluate(run.replicas);
    run.table = vive_table(run.replicas, run.fixed, o.vive, data.name);
    print(o.vive, run.table, "table");
    if (o.command == "table") {
        run.models = vive_models_table(run.replicas, data.name);
        print(o.vive, run.models, "models");
        for (FeatureKind kind : kFeatureKinds) {
            const ViveFit fit = vive_fit(run.table, kind);
            if (fit.cells)
                std::printf(
                    "%-6s features: %2d of %d trained cells agree with the paper, mean distance %.4f, largest %.4f\n",
                    name_of(kind), fit.within_tolerance, fit.cells, fit.mean_distance, fit.largest_distance);
            if (run.replicas.empty()) continue;
            std::printf("\nThe paper's claims, on the posterior's %s:\n", name_of(kind));
            print_claims(vive_claims(run.replicas, run.fixed, kind));
        }
        std::printf("\ntable:  %s\n", (o.vive.out / "table.md").c_str());
        return;
    }
    std::vector<ViveReplica> figures = figure_replicas(o.vive);
    experiment.train_and_evaluate(figures);
    for (const ViveReplica& replica : figures)
        if (std::none_of(run.replicas.begin(), run.replicas.end(),
                         [&](const ViveReplica& r) { return r.name() == replica.name(); }))
            run.replicas.push_back(replica);
    run.models = vive_models_table(run.replicas, data.name);
    print(o.vive, run.models, "models");
    run.figures = draw_vive_figures(experiment, run.replicas, figures);
    for (const FigureFile& curve : draw_vive_learning_curves(o.vive)) run.figures.push_back(curve);
    const std::vector<ViveReplica> ready = first_of_each(trained(experiment));
    run.likelihood = likelihood_table(measure_likelihoods(experiment, ready, o.likelihood), data.name);
    print(o.vive, run.likelihood, "likelihood");
    run.denoising = denoising_table(experiment, ready);
    print(o.vive, run.denoising, "denoising");
    if (data.name == "glyphs") pose_tables(experiment, ready, run);
    run.settings = resolved_settings(app);
    std::printf("report: %s\n", write_vive_report(o.vive, data, run).c_str());
}

void draw_figures(ViveExperiment& experiment) {
    std::vector<ViveReplica> figures = figure_replicas(experiment.options()), table;
    experiment.train_and_evaluate(figures);
    for (const ViveReplica& replica : experiment.table_replicas())
        if (experiment.is_trained(replica)) table.push_back(replica);
    experiment.train_and_evaluate(table);  // reads what is on disk
    for (const FigureFile& figure : draw_vive_figures(experiment, table, figures))
        std::printf("%s\n", figure.path.c_str());
    for (const FigureFile& figure : draw_vive_learning_curves(experiment.options()))
        std::printf("%s\n", figure.path.c_str());
}

void run(int argc, char** argv) {
    CLI::App app{
        "Spatial transformers in variational auto-encoders (Vivé): the pose of a digit as a latent of its own.",
        "spatial"};
    Options o;
    add_options(app, o);
    parse_command_line(app, o.common, argc, argv);
    if (o.common.out.empty())
        throw UsageError("--out DIR is missing: the folder for everything the run writes (see --help)");
    if (!o.images.empty() && o.command != "denoise")
        throw UsageError("\"" + o.images[0] + "\": only the command denoise takes images (see --help)");
    resolve(o);
    require_device();
    const bool reads =
        o.command == "sample" || o.command == "likelihood" || o.command == "denoise" || o.command == "pose";
    if (o.command == "pose" && o.common.dataset != "glyphs")
        throw UsageError("pose needs images of known poses: a run with --dataset glyphs");
    if (reads && o.common.resume.empty())
        throw UsageError(o.command + " works on a run that is there: name it with --resume DIR (see --help)");
    const DataSet data = load_data(o.common);
    prepare_output(app, o.common);
    ViveExperiment experiment(o.vive, data);
    if (o.command == "train") return experiment.train(experiment.table_replicas());
    if (o.command == "figures") return draw_figures(experiment);
    if (o.command == "sample") return sample(experiment, o);
    if (o.command == "denoise") return denoise(experiment, o);
    if (o.command == "pose") {
        ViveReport run;
        pose_tables(experiment, trained(experiment), run);
        for (const FigureFile& figure : run.figures) std::printf("%s\n", figure.path.c_str());
        return;
    }
    if (o.command == "likelihood")
        return print(o.vive,
                     likelihood_table(measure_likelihoods(experiment, trained(experiment), o.likelihood), data.name),
                     "likelihood");
    table_and_report(experiment, o, app);
}

}  // namespace

int main(int argc, char** argv) {
    return warpvae::run_program("spatial", [&] { run(argc, argv); });
}
