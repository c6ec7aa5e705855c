// equivae: Feige (2019), "Invariant-Equivariant Representation Learning for Multi-Class Data", from data to report.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cuda/device/device.h"
#include "host/feige/feige_figures.h"
#include "host/feige/feige_report.h"
#include "host/log.h"
#include "host/options.h"

namespace {

using namespace warpvae;

constexpr const char* kExamples = R"(
Commands
  table      --which supervised: Table 1, error rates with all labels; --which semi: Table 2, with few; and the paper's
             claims. Trains the models, the classifiers that they are compared with, and evaluates
  figures    Figures 3 to 5; trains the models that they need and the run has not
  train      train the models of --which without evaluating them: weights, checkpoints, metrics
  classify   the classes of IMAGES (PNG or IDX), by the model that the run has trained
  generate   a sheet of digits, columns classes (--classes), rows styles drawn from the prior, or the styles of IMAGES
  report     both tables, the ablation, the figures and report.html, one page with everything

Examples
  equivae table --epochs 10 --seeds 1 --out runs/equivae              some ten minutes on two cores
  equivae table --which semi --labels 100,1000 --out runs/few         with 100 and 1,000 labels
  equivae table --resume runs/equivae                                 go on after Ctrl-C, a crash, a power cut
  equivae generate --resume runs/equivae --classes 4,7 --rows 5
  equivae generate --resume runs/equivae scan.png                     every digit in the style of scan.png
  equivae classify --resume runs/equivae scan.png
  equivae report --quick --dataset glyphs-colour --out runs/colour    a first look, in colour
)";

struct Options {
    CommonOptions common;
    FeigeOptions feige;
    std::vector<std::string> mixing = {"paired"}, images;
    std::vector<int> classes;
    int rows = 10;
    std::string command, which = "supervised", deviation = "unit", reduction = "umap";
};

void add_options(CLI::App& app, Options& o) {
    o.common.epochs = 0;
    o.common.batch = 32;
    o.common.seeds = 5;
    app.add_option("command", o.command, "what to do, see below")
        ->required()
        ->check(CLI::IsMember({"table", "figures", "train", "classify", "generate", "report"}));
    app.add_option("images", o.images, "for classify and generate: pictures of your own, PNG or IDX");
    add_common_options(app, o.common);
    app.get_option("--epochs")->description("passes over the training images; left out: the paper's for each model");
    app.get_option("--batch")->description("images per minibatch at the start; doubled in --phases equal phases");
    app.add_option("--which", o.which, "of the paper's two tables: supervised (Table 1) or semi (Table 2)")
        ->check(CLI::IsMember({"supervised", "semi"}))
        ->type_name("TABLE");
    app.add_option("--labels", o.feige.labels, "semi: numbers of labelled images, shared equally by the classes")
        ->delimiter(',')
        ->check(CLI::Range(1, 1 << 30))
        ->type_name("LIST");
    app.add_option("--mixing", o.mixing,
                   "semi: paired (labelled images beside each minibatch) or sum (each once an epoch)")
        ->delimiter(',')
        ->check(CLI::IsMember({"paired", "sum"}))
        ->type_name("LIST");
    app.add_option("--latents", o.feige.latents, "dimensions of r and of v; 0: the paper's")
        ->check(CLI::Range(0, 784))
        ->type_name("COUNT");
    app.add_option("--max-complement", o.feige.max_complement,
                   "images of a class that make r, at most; each step draws their number; 0: the paper's")
        ->check(CLI::Range(0, 1000))
        ->type_name("COUNT");
    app.add_option("--phases", o.feige.phases, "of equal length, each with minibatches twice as large; 0: the paper's")
        ->check(CLI::Range(0, 12))
        ->type_name("COUNT");
    app.add_option("--deviation", o.deviation, "of the pixels of colour images: unit, learned, or per-channel")
        ->check(CLI::IsMember({"unit", "learned", "per-channel"}))
        ->type_name("KIND");
    app.add_option("--learning-rate", o.feige.learning_rate, "Adam's step size")->check(CLI::PositiveNumber);
    app.add_option("--reduction", o.reduction, "how Figure 3 brings latents to two dimensions: umap or pca")
        ->check(CLI::IsMember({"umap", "pca"}))
        ->type_name("KIND");
    app.add_option("--classes", o.classes, "for generate: the columns; left out: all")
        ->delimiter(',')
        ->check(CLI::Range(0, 255))
        ->type_name("LIST");
    app.add_option("--rows", o.rows, "for generate: draws of the prior")->check(CLI::Range(1, 1000));
    app.add_option("--together", o.feige.together,
                   "models trained in the same launches; 0: all of one shape on a GPU, one on the CPU device")
        ->check(CLI::Range(0, 4096))
        ->type_name("COUNT");
    app.footer(kExamples);
}

void resolve(Options& o) {
    FeigeOptions& f = o.feige;
    if (o.common.quick) {
        o.common.epochs = o.common.epochs ? std::min(o.common.epochs, 2) : 2;
        o.common.seeds = 1;
        f.labels = {100};
        if (o.common.train_images == 0) o.common.train_images = 6000;
        if (o.common.test_images == 0) o.common.test_images = 2000;
    }
    f.out = o.common.out;
    f.seeds = o.common.seeds;
    f.first_seed = o.common.seed;
    f.epochs = o.common.epochs;
    f.batch = o.common.batch;
    f.math = o.common.math_mode();
    f.graph = !o.common.no_graph;
    f.quiet = o.common.quiet;
    f.resume = !o.common.resume.empty();
    f.quick = o.common.quick;
    f.deviation = o.deviation == "unit"      ? DeviationKind::kUnit
                  : o.deviation == "learned" ? DeviationKind::kLearned
                                             : DeviationKind::kPerChannel;
    f.mixing.clear();
    for (const std::string& name : o.mixing)
        f.mixing.push_back(name == "paired" ? LabelledMixing::kPaired : LabelledMixing::kSum);
}

void print(const FeigeOptions& options, const Table& table, const char* file) {
    if (table.rows.empty()) return;
    write_table(options.out, table, file);
    std::cout << to_terminal(table, isatty(1)) << '\n' << std::flush;
}

void print_claims(const std::vector<Claim>& claims) {
    std::printf("The paper's claims:\n");
    for (const Claim& claim : claims)
        if (claim.tested)
            std::printf("  %s %-7s %s\n             %s\n", claim.name.c_str(),
                        claim.holds ? "holds:" : "fails:", claim.statement.c_str(), claim.evidence.c_str());
}

std::vector<FeigeReplica> replicas_of(const FeigeExperiment& experiment, const Options& o) {
    return o.which == "semi" ? experiment.semi_supervised_replicas() : experiment.supervised_replicas();
}

/// The first model of the command line that is trained; an error if none is.
FeigeReplica trained(const FeigeExperiment& experiment, const Options& o) {
    const std::vector<FeigeReplica> all = replicas_of(experiment, o);
    for (const FeigeReplica& replica : all)
        if (experiment.is_trained(replica)) return replica;
    throw Error("no trained model in this run (there is no " + experiment.folder_of(all.front()).string() +
                "/model.safetensors): train first, or choose --which, --labels, --latents and --seed that it has");
}

void table(FeigeExperiment& experiment, const Options& o) {
    std::vector<FeigeReplica> replicas = replicas_of(experiment, o);
    experiment.train_and_evaluate(replicas);
    const std::string& dataset = experiment.data().name;
    const bool semi = o.which == "semi";
    print(o.feige, semi ? feige_semi_table(replicas, dataset) : feige_supervised_table(replicas, dataset),
          semi ? "table_semi" : "table");
    print(o.feige, feige_latents_table(replicas, dataset), "latents");
    print_claims(feige_claims(replicas));
}

std::vector<FigureFile> draw_figures(FeigeExperiment& experiment, const Options& o) {
    std::vector<FeigeReplica> replicas = feige_figure_replicas(experiment);
    experiment.train_and_evaluate(replicas);
    const Reduction reduction = o.reduction == "umap" ? Reduction::kUmap : Reduction::kPca;
    FeigeJudge judge(experiment);
    std::vector<FigureFile> all;
    for (const FeigeReplica& replica : replicas) {
        for (const FigureFile& figure : draw_feige_figures(experiment, replica, reduction, &judge))
            all.push_back(figure);
        if (replica.latents != 2)
            for (const FigureFile& figure : draw_feige_learning_curves(experiment, replica)) all.push_back(figure);
    }
    return all;
}

void report(FeigeExperiment& experiment, const Options& o, const CLI::App& app) {
    const std::string& dataset = experiment.data().name;
    FeigeReport run;
    run.replicas = experiment.supervised_replicas();
    for (const FeigeReplica& replica : experiment.semi_supervised_replicas()) run.replicas.push_back(replica);
    run.replicas.push_back(experiment.replica(FeigeKind::kAblation, run.replicas.front().latents));
    experiment.train_and_evaluate(run.replicas);
    run.supervised = feige_supervised_table(run.replicas, dataset);
    run.semi = feige_semi_table(run.replicas, dataset);
    run.latents = feige_latents_table(run.replicas, dataset);
    print(o.feige, run.supervised, "table");
    print(o.feige, run.semi, "table_semi");
    print(o.feige, run.latents, "latents");
    run.figures = draw_figures(experiment, o);
    run.settings = resolved_settings(app);
    std::printf("report: %s\n", write_feige_report(o.feige, experiment.data(), run).c_str());
}

void classify(const FeigeExperiment& experiment, const Options& o) {
    const FeigeReplica replica = trained(experiment, o);
    const auto sheet = o.feige.out / "figures" / "classified.png";
    for (const ClassifiedImage& image :
         classify_user_images(experiment, replica, {o.images.begin(), o.images.end()}, sheet)) {
        const auto read = [&](const char* how, const ReadClass& c) {
            std::printf("%-24s %-10s %d (%.3f), then %d (%.3f)\n", image.image.name.c_str(), how, c.first,
                        c.probability, c.second, c.second_probability);
        };
        read("distance", image.distance);
        if (image.classifier) read("q(y|x)", *image.classifier);
    }
    std::printf("sheet: %s\n", sheet.c_str());
}

void generate(const FeigeExperiment& experiment, const Options& o) {
    std::vector<int> classes = o.classes;
    for (int k = 0; classes.size() < std::size_t(experiment.split().classes) && o.classes.empty(); ++k)
        classes.push_back(k);
    const auto sheet = o.feige.out / "figures" / (o.images.empty() ? "generated.png" : "restyled.png");
    draw_generated(sheet, experiment, trained(experiment, o), classes, o.rows, {o.images.begin(), o.images.end()});
    std::printf("sheet: %s\n", sheet.c_str());
}

void run(int argc, char** argv) {
    CLI::App app{
        "Invariant and equivariant latents (Feige 2019): what a class's images share goes through r, all else through "
        "v.",
        "equivae"};
    Options o;
    add_options(app, o);
    parse_command_line(app, o.common, argc, argv);
    if (o.common.out.empty())
        throw UsageError("--out DIR is missing: the folder for everything the run writes (see --help)");
    const bool reads = o.command == "classify" || o.command == "generate";
    if (!o.images.empty() && !reads)
        throw UsageError("\"" + o.images[0] + "\": only classify and generate take images (see --help)");
    if (o.command == "classify" && o.images.empty())
        throw UsageError("classify: name the pictures, PNG or IDX (see --help)");
    resolve(o);
    require_device();
    if (reads && o.common.resume.empty())
        throw UsageError(o.command + " works on a run that is there: name it with --resume DIR (see --help)");
    const DataSet data = load_data(o.common, true);
    prepare_output(app, o.common);
    FeigeExperiment experiment(o.feige, data);
    if (o.command == "table") return table(experiment, o);
    if (o.command == "train") return experiment.train(replicas_of(experiment, o));
    if (o.command == "classify") return classify(experiment, o);
    if (o.command == "generate") return generate(experiment, o);
    if (o.command == "report") return report(experiment, o, app);
    for (const FigureFile& figure : draw_figures(experiment, o)) std::printf("%s\n", figure.path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    return warpvae::run_program("equivae", [&] { run(argc, argv); });
}
