// invariance: Mills (2024), "Invariance in Variational Auto-Encoders", from data to report.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cuda/device/device.h"
#include "host/mills/mills_reduced.h"
#include "host/mills/mills_report.h"
#include "host/options.h"

namespace {

using namespace warpvae;

constexpr const char* kExamples = R"(
Commands
  table     train every model of Table 2, evaluate it, print the table beside the paper's
  figures   draw the pictures of a run (Figure 1, learning curves, reconstructions, samples, walks)
  train     train models without evaluating them: weights, checkpoints, metrics
  reduced   accuracy against the number of training images: the VAE of N = 20 and the benchmarks,
            trained equally long: --epochs is for the largest
  report    table and figures and report.html, one page with everything (with reduced, if the run has that)

Examples
  invariance report --quick --out runs/quick                      a first look, a few minutes on two cores
  invariance table --latents 10,20,50,100 --seeds 3 --out runs/mills
  invariance table --resume runs/mills                            go on after Ctrl-C, a crash, a power cut: the same bits
  invariance train --train-set rt --latents 20 --seed 7 --out runs/one
  invariance table --train-images 1000 --beta 4 --out runs/few    little data, a beta-VAE
  invariance reduced --resume runs/mills                          add to the run what fewer images do
)";

struct Options {
    CommonOptions common;
    MillsOptions mills;
    std::string command, interpolation = "bilinear", fixed_scale = "resize-crop", sense = "counter-clockwise",
                         centre = "pixels";
    std::vector<std::string> train_sets = {"s", "rt"}, benchmarks = {"dense", "cnn"};
    std::vector<std::size_t> reduced_to = {1000, 5000, 10000, 60000};
};

void add_options(CLI::App& app, Options& o) {
    app.add_option("command", o.command, "table, figures, train, reduced or report")
        ->required()
        ->check(CLI::IsMember({"table", "figures", "train", "reduced", "report"}));
    add_common_options(app, o.common);
    app.add_option("--train-set", o.train_sets, "what the VAEs are trained on: s, fr, fs, rt")
        ->delimiter(',')
        ->check(CLI::IsMember({"s", "fr", "fs", "rt"}))
        ->type_name("LIST");
    app.add_option("--latents", o.mills.latents, "latent sizes N")
        ->delimiter(',')
        ->check(CLI::Range(1, 4096))
        ->type_name("LIST");
    app.add_option("--hidden", o.mills.hidden,
                   "hidden widths of the encoder, from the image inwards; the decoder mirrors them")
        ->delimiter(',')
        ->check(CLI::Range(1, 65536))
        ->type_name("LIST");
    app.add_option("--learning-rate", o.mills.learning_rate, "Adam's step size")->check(CLI::PositiveNumber);
    app.add_option("--beta", o.mills.beta, "weight of the divergence in the loss (beta-VAE)")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--regularisation", o.mills.C, "C of the logistic regression: the inverse of its regularisation")
        ->check(CLI::PositiveNumber);
    app.add_flag("--binarise", o.mills.binarise, "draw black or white pixels anew at each step instead of grey ones");
    app.add_option("--interpolation", o.interpolation, "how the transformed sets are resampled")
        ->check(CLI::IsMember({"bilinear", "nearest"}))
        ->type_name("KIND");
    app.add_option("--rotation-sense", o.sense, "the sense of +20 degrees as the image is shown")
        ->check(CLI::IsMember({"counter-clockwise", "clockwise"}))
        ->type_name("SENSE");
    app.add_option("--centre", o.centre, "what stays in place: the middle of the pixels (13.5) or half the size (14)")
        ->check(CLI::IsMember({"pixels", "half-size"}))
        ->type_name("KIND");
    app.add_option(
           "--fixed-scale-by", o.fixed_scale,
           "how MNIST-fs is enlarged: resized to 31 and cropped to 28 (nearer to the paper), or about the centre")
        ->check(CLI::IsMember({"affine", "resize-crop"}))
        ->type_name("KIND");
    app.add_option("--fixed-scale", o.mills.variant.scale, "scale of MNIST-fs; above 1 enlarges")
        ->check(CLI::Range(0.1, 10.0));
    app.add_option("--together", o.mills.together,
                   "models trained in the same launches; 0: all on a GPU, one on the CPU device")
        ->check(CLI::Range(0, 4096))
        ->type_name("COUNT");
    app.add_option("--benchmark", o.benchmarks,
                   "classifiers on pixels to compare with: dense, cnn (Feige 2019's), or none")
        ->delimiter(',')
        ->check(CLI::IsMember({"dense", "cnn", "none"}))
        ->type_name("LIST");
    app.add_option("--reduced-to", o.reduced_to,
                   "for reduced: numbers of training images, the first of an order shuffled by the seed; at most all")
        ->delimiter(',')
        ->check(CLI::Range(2, 1 << 30))
        ->type_name("LIST");
    app.footer(kExamples);
}

void resolve(Options& o) {
    MillsOptions& m = o.mills;
    if (o.common.quick) {
        o.common.epochs = std::min(o.common.epochs, 2);
        m.latents = {10, 20, 50};
        o.common.seeds = 1;
    }
    m.out = o.common.out;
    m.seeds = o.common.seeds;
    m.first_seed = o.common.seed;
    m.epochs = o.common.epochs;
    m.batch = o.common.batch;
    m.math = o.common.math_mode();
    m.graph = !o.common.no_graph;
    m.quiet = o.common.quiet;
    m.resume = !o.common.resume.empty();
    m.train_sets.clear();
    for (const std::string& code : o.train_sets) m.train_sets.push_back(parse_variant(code));
    m.benchmarks.clear();
    for (BenchmarkKind kind : {BenchmarkKind::kDense, BenchmarkKind::kConvolutional})
        if (std::find(o.benchmarks.begin(), o.benchmarks.end(), benchmark_code(kind)) != o.benchmarks.end())
            m.benchmarks.push_back(kind);
    m.variant.interpolation = o.interpolation == "nearest" ? Interpolation::kNearest : Interpolation::kBilinear;
    m.variant.fixed_scale = o.fixed_scale == "affine" ? FixedScale::kAffine : FixedScale::kResizeCrop;
    m.variant.clockwise = o.sense == "clockwise";
    m.variant.centre = o.centre == "pixels" ? Centre::kPixels : Centre::kHalfSize;
}

void print_claims(const std::vector<MillsReplica>& replicas) {
    for (FeatureKind kind : kFeatureKinds) {
        std::printf("\nThe paper's claims, on the posterior's %s:\n", name_of(kind));
        for (const Claim& claim : mills_claims(replicas, kind))
            std::printf("  %s %-9s %s\n               %s\n", claim.name.c_str(),
                        !claim.tested ? "untested:"
                        : claim.holds ? "holds:"
                                      : "fails:",
                        claim.statement.c_str(), claim.evidence.c_str());
    }
}

void print_fit(const Table& table) {
    for (FeatureKind kind : kFeatureKinds) {
        const PaperFit fit = paper_fit(table, kind);
        if (fit.cells)
            std::printf("%-6s features: %2d of %d cells agree with the paper, mean distance %.4f, largest %.4f\n",
                        name_of(kind), fit.within_tolerance, fit.cells, fit.mean_distance, fit.largest_distance);
    }
}

void run_reduced(const Options& o, const DataSet& data) {
    const Table table = mills_reduced_table(train_reduced(o.mills, data, o.reduced_to), data.name);
    write_table(o.mills.out, table, "reduced");
    std::cout << to_terminal(table, isatty(1)) << std::flush;
    std::printf("\ntable:  %s\n", (o.mills.out / "reduced.md").c_str());
    for (const FigureFile& figure : draw_reduced(o.mills, table)) std::printf("figure: %s\n", figure.path.c_str());
}

void run(int argc, char** argv) {
    CLI::App app{
        "Invariance in variational auto-encoders (Mills 2024): how well do a VAE's latents tell digits apart when the "
        "digits are turned and scaled?",
        "invariance"};
    Options o;
    add_options(app, o);
    parse_command_line(app, o.common, argc, argv);
    if (o.common.out.empty())
        throw UsageError("--out DIR is missing: the folder for everything the run writes (see --help)");
    resolve(o);
    require_device();
    const DataSet data = load_data(o.common);
    if (o.command == "figures") {
        if (std::filesystem::exists(o.mills.out)) enter_output(app, o.common);
        for (const FigureFile& figure : draw_mills_figures(o.mills, data, nullptr))
            std::printf("%s\n", figure.path.c_str());
        return;
    }
    prepare_output(app, o.common);
    if (!o.mills.resume) std::filesystem::remove(o.mills.out / "reduced.json");  // of the run that this overwrites
    if (o.command == "reduced") return run_reduced(o, data);
    MillsExperiment experiment(o.mills, data);
    if (o.command == "train") return experiment.train();
    const std::vector<MillsReplica> replicas = experiment.train_and_evaluate();
    const Table table = mills_table(replicas, experiment.benchmark(), data.name);
    const Table active_units = mills_active_units(replicas, data.name);
    write_table(o.mills.out, table);
    write_table(o.mills.out, active_units, "active_units");
    std::cout << to_terminal(table, isatty(1)) << '\n' << to_terminal(active_units, isatty(1)) << std::flush;
    print_fit(table);
    print_claims(replicas);
    std::printf("\ntable:  %s\n", (o.mills.out / "table.md").c_str());
    if (o.command != "report") return;
    const auto figures = draw_mills_figures(o.mills, data, &table);
    const auto page = write_mills_report(o.mills, data, replicas, table, figures, resolved_settings(app));
    std::printf("report: %s\n", page.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    return warpvae::run_program("invariance", [&] { run(argc, argv); });
}
