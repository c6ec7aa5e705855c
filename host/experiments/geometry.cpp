// geometry: Peste, Malago and Sarbu (2017), "An Explanatory Analysis of the Geometry of Latent Variables Learned by
// Variational Auto-Encoders", from data to report.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <limits>

#include "cuda/device/device.h"
#include "host/log.h"
#include "host/options.h"
#include "host/peste/peste_figures.h"
#include "host/peste/peste_report.h"
#include "host/peste/peste_table.h"
#include "host/user_images.h"

namespace {

using namespace warpvae;

constexpr const char* kExamples = R"(
Commands
  table        the paper's numbers: informative components, bounds and log p(x), linear separability, and its statements
               N2 to N8. Trains every alpha, k and seed, and the models of Figure 3, and evaluates them
  figures      Figures 1 to 5; trains what they need and the run has not
  train        train the models of --alphas and --latents without evaluating them: weights, checkpoints, metrics
  interpolate  A B: from one image to another in five ways (Figure 5). Numbers of test images, or pictures of your own
  likelihood   log p(x) of the test set by importance sampling, effective sample sizes, by every trained model
  report       table, figures and report.html, one page with everything

Grids (what --grid sets, unless you say otherwise)
  quick        k = 30, alpha 0, 0.5, 1, K = 5, 20 epochs, 1 seed: some ten minutes on two cores (also --quick)
  medium       all alphas and k, K = 5, 100 epochs, 3 seeds
  full         the paper's: K = 10, 1000 epochs, 10 seeds

Examples
  geometry report --quick --out runs/geometry
  geometry table --alphas=-inf,0,0.5,1 --latents 30 --epochs 50 --seeds 1 --out runs/orders    (alphas below 0: with =)
  geometry table --resume runs/orders                          go on after Ctrl-C, a crash, a power cut: the same bits
  geometry interpolate 0 50 --resume runs/geometry             test images 0 and 50
  geometry interpolate mine.png yours.png --resume runs/geometry --curve argo
  geometry likelihood --resume runs/geometry --likelihood-samples 5000 --likelihood-images 1000
)";

struct Options {
    CommonOptions common;
    PesteOptions peste;
    InterpolationOptions interpolation;
    int pairs = 300;
    std::vector<std::string> alphas = {"0", "0.1", "0.3", "0.5", "0.7", "0.9", "1"}, images;
    std::string command, preset = "paper", grid = "full", activation = "relu", variance = "softplus", start = "xavier",
                         binarise = "dynamic", kl = "analytic", curve = "fisher-rao";
};

using Defaults = std::vector<std::pair<const char*, const char*>>;
/// What a preset or a grid sets, where the command line does not.
void set_defaults(CLI::App& app, const Defaults& defaults) {
    for (const auto& [name, value] : defaults) {
        CLI::Option* option = app.get_option(name);
        if (option->count() == 0) option->run_callback_for_default()->default_val(value);
    }
}
Defaults preset_defaults(const std::string& preset) {
    if (preset == "paper") return {};
    return {{"--activation", "elu"}, {"--batch", "32"}, {"--clip-norm", "100"}, {"--clip-probability", "0.0001"}};
}
Defaults grid_defaults(const std::string& grid) {
    if (grid == "quick")
        return {{"--alphas", "0,0.5,1"},    {"--latents", "30"}, {"--separability-latents", "10,30,50"},
                {"--samples", "5"},         {"--epochs", "20"},  {"--seeds", "1"},
                {"--checkpoint-every", "5"}};
    if (grid == "medium")
        return {{"--samples", "5"}, {"--epochs", "100"}, {"--seeds", "3"}, {"--checkpoint-every", "10"}};
    return {};
}

void add_options(CLI::App& app, Options& o) {
    PesteOptions& p = o.peste;
    o.common.epochs = p.epochs;
    o.common.batch = p.batch;
    o.common.seeds = p.seeds;
    app.add_option("command", o.command, "what to do, see below")
        ->required()
        ->check(CLI::IsMember({"table", "figures", "train", "interpolate", "likelihood", "report"}));
    app.add_option("images", o.images, "for interpolate: two numbers of test images, or PNG or IDX files");
    add_common_options(app, o.common);
    app.get_option("--quick")->description("the same as --grid quick");
    app.add_option("--grid", o.grid, "how much is trained: quick, medium or full, see below")
        ->check(CLI::IsMember({"quick", "medium", "full"}))
        ->type_name("GRID");
    app.add_option("--preset", o.preset,
                   "paper (ReLU, batch 100) or argo (its authors' code: ELU, batch 32, clipped gradients and pixels)")
        ->check(CLI::IsMember({"paper", "argo"}))
        ->type_name("NAME");
    app.add_option("--alphas", o.alphas,
                   "orders of the bound: 1 the ELBO, 0 importance-weighted, negative, -inf the largest weight")
        ->delimiter(',')
        ->type_name("LIST");
    app.add_option("--latents", p.latents, "sizes k of the latent space")
        ->delimiter(',')
        ->check(CLI::Range(1, 128))
        ->type_name("LIST");
    app.add_option("--separability-latents", p.separability_latents, "k of Figure 3, trained at alpha = 1")
        ->delimiter(',')
        ->check(CLI::Range(1, 100))
        ->type_name("LIST");
    app.add_option("--samples", p.model.samples, "K: draws of the bound in training")
        ->check(CLI::Range(1, 1000))
        ->type_name("COUNT");
    app.add_option("--hidden", p.model.hidden, "widths of the encoder's hidden layers; the decoder mirrors them")
        ->delimiter(',')
        ->check(CLI::Range(1, 8192))
        ->type_name("LIST");
    app.add_option("--activation", o.activation, "of hidden layers")
        ->check(CLI::IsMember({"relu", "elu", "tanh", "softplus"}))
        ->type_name("NAME");
    app.add_option("--variance", o.variance, "what makes the posterior's variances of the encoder's output")
        ->check(CLI::IsMember({"softplus", "exp"}))
        ->type_name("NAME");
    app.add_option("--start", o.start, "initial values: xavier (biases 0.1) or torch (torch.nn.Linear's)")
        ->check(CLI::IsMember({"xavier", "torch"}))
        ->type_name("RULE");
    app.add_option("--binarise", o.binarise, "pixels: dynamic (drawn anew each epoch), static (drawn once) or grey")
        ->check(CLI::IsMember({"dynamic", "static", "grey"}))
        ->type_name("MODE");
    app.add_option("--kl", o.kl, "alpha = 1: the divergence in closed form, or the mean log weight (mc)")
        ->check(CLI::IsMember({"analytic", "mc"}))
        ->type_name("FORM");
    app.add_option("--clip-norm", p.clip_norm, "largest norm of a model's gradient; 0: not clipped")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--clip-probability", p.model.clipped_probability,
                   "p: Bernoulli probabilities are kept in [p, 1 - p]; 0: they are not")
        ->check(CLI::Range(0., 0.49));
    app.add_option("--learning-rate", p.learning_rate, "Adam's step size")->check(CLI::PositiveNumber);
    app.add_option("--bound-samples", p.bound_samples, "draws of the bound on the test set")
        ->check(CLI::Range(1, 512))
        ->type_name("COUNT");
    app.add_option("--likelihood-samples", p.likelihood_samples, "draws of each image's log p(x)")
        ->check(CLI::Range(1, 1 << 24))
        ->type_name("COUNT");
    app.add_option("--likelihood-images", p.likelihood_images, "test images of log p(x); 0: all")
        ->check(CLI::Range(0, 1 << 30))
        ->type_name("COUNT");
    app.add_option("--checkpoint-every", p.checkpoint_every, "epochs between the classifiers of Figure 3")
        ->check(CLI::Range(1, 100000))
        ->type_name("COUNT");
    app.add_option("--C", p.C, "inverse regularisation of the logistic regression")->check(CLI::PositiveNumber);
    app.add_option("--sgd-repeats", p.sgd_repeats, "trainings of argo's classifier on each kind of feature; 0: none")
        ->check(CLI::Range(0, 100))
        ->type_name("COUNT");
    app.add_option("--sgd-steps", p.sgd_steps, "of argo's classifier")
        ->check(CLI::Range(1, 1 << 30))
        ->type_name("COUNT");
    app.add_option("--curve", o.curve, "of the last two rows of Figure 5: fisher-rao, argo or straight")
        ->check(CLI::IsMember({"fisher-rao", "argo", "straight"}))
        ->type_name("NAME");
    app.add_option("--frames", o.interpolation.steps, "images of a transition, both ends included")
        ->check(CLI::Range(3, 101))
        ->type_name("COUNT");
    app.add_option("--pairs", o.pairs, "pairs of test images whose transitions are measured (N8); 0: none")
        ->check(CLI::Range(0, 100000))
        ->type_name("COUNT");
    app.add_option("--together", p.together,
                   "models trained in the same launches; 0: all of one k on a GPU, one on the CPU device")
        ->check(CLI::Range(0, 4096))
        ->type_name("COUNT");
    app.footer(kExamples);
}

double parse_alpha(const std::string& text) {
    const double infinity = std::numeric_limits<double>::infinity();
    if (text == "-inf") return -infinity;
    if (text == "inf" || text == "+inf") return infinity;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
        throw UsageError("--alphas: \"" + text + "\" is no number, inf or -inf (see --help)");
    return value;
}

void resolve(CLI::App& app, Options& o) {
    if (o.common.quick) o.grid = "quick";
    set_defaults(app, preset_defaults(o.preset));
    set_defaults(app, grid_defaults(o.grid));
    PesteOptions& p = o.peste;
    p.alphas.clear();
    for (const std::string& text : o.alphas)
        if (const double alpha = parse_alpha(text);
            std::find(p.alphas.begin(), p.alphas.end(), alpha) == p.alphas.end())
            p.alphas.push_back(alpha);
    p.out = o.common.out;
    p.seeds = o.common.seeds;
    p.first_seed = o.common.seed;
    p.epochs = o.common.epochs;
    p.batch = o.common.batch;
    p.math = o.common.math_mode();
    p.graph = !o.common.no_graph;
    p.quiet = o.common.quiet;
    p.resume = !o.common.resume.empty();
    p.model.activation = o.activation == "elu"        ? Activation::kElu
                         : o.activation == "tanh"     ? Activation::kTanh
                         : o.activation == "softplus" ? Activation::kSoftplus
                                                      : Activation::kRelu;
    p.model.variance = o.variance == "exp" ? VarianceHead::kExp : VarianceHead::kSoftplus;
    p.model.initial = o.start == "torch" ? InitialRule::kTorch : InitialRule::kXavier;
    p.model.analytic_kl = o.kl == "analytic";
    p.binarisation = o.binarise == "dynamic"  ? Binarisation::kDynamic
                     : o.binarise == "static" ? Binarisation::kStatic
                                              : Binarisation::kGrey;
    o.interpolation.curve = o.curve == "argo"       ? GaussianCurve::kArgo
                            : o.curve == "straight" ? GaussianCurve::kStraight
                                                    : GaussianCurve::kFisherRao;
    o.interpolation.seed = o.common.seed;
}

void print(const PesteOptions& options, const Table& table, const char* file) {
    if (table.rows.empty()) return;
    write_table(options.out, table, file);
    std::cout << to_terminal(table, isatty(1)) << '\n' << std::flush;
}

void print_claims(const std::vector<Claim>& claims) {
    std::printf("The paper's statements:\n");
    for (const Claim& claim : claims)
        std::printf("  %s %-9s %s\n               %s\n", claim.name.c_str(),
                    !claim.tested ? "untested:"
                    : claim.holds ? "holds:"
                                  : "fails:",
                    claim.statement.c_str(), claim.evidence.c_str());
}

/// The first model of the command line that is trained; an error if none is.
PesteReplica trained(const PesteExperiment& experiment) {
    const std::vector<PesteReplica> all = experiment.table_replicas();
    for (const PesteReplica& replica : all)
        if (experiment.is_trained(replica)) return replica;
    throw Error("no trained model in this run (there is no " + experiment.folder_of(all.front()).string() +
                "/model.safetensors): train first, or choose --alphas, --latents and --seed that it has");
}

/// Trains and reads everything of the table, Figure 3's models too.
std::vector<PesteReplica> all_replicas(PesteExperiment& experiment) {
    std::vector<PesteReplica> replicas = experiment.table_replicas();
    log_info(std::to_string(replicas.size()) + " models of the table, " + std::to_string(experiment.options().epochs) +
             " epochs each; then those of Figure 3");
    experiment.train_and_evaluate(replicas);
    std::vector<PesteReplica> more;
    for (const PesteReplica& replica : experiment.separability_replicas())
        if (std::none_of(replicas.begin(), replicas.end(),
                         [&](const PesteReplica& r) { return r.name() == replica.name(); }))
            more.push_back(replica);
    experiment.train_and_evaluate(more, false);
    replicas.insert(replicas.end(), more.begin(), more.end());
    return replicas;
}

void table_and_report(PesteExperiment& experiment, const Options& o, const CLI::App& app) {
    const std::string& dataset = experiment.data().name;
    PesteReport run;
    run.replicas = all_replicas(experiment);
    run.components = peste_components_table(run.replicas, o.peste, dataset);
    run.separability = peste_separability_table(run.replicas, dataset);
    print(o.peste, run.components, "table");
    print(o.peste, run.separability, "separability");
    std::optional<TransitionStatistics> transitions;
    if (o.pairs) transitions = measure_transitions(experiment, trained(experiment), o.pairs, o.interpolation);
    run.claims = peste_claims(run.replicas, transitions);
    print_claims(run.claims);
    if (o.command == "table") return;
    run.figures = draw_peste_figures(experiment, run.replicas, o.interpolation);
    run.settings = resolved_settings(app);
    std::printf("report: %s\n", write_peste_report(o.peste, experiment.data(), run).c_str());
}

/// "17": test image 17 as the models see it; else the picture in that file.
std::vector<std::uint8_t> image_of(const PesteExperiment& experiment, const std::string& text) {
    const ImageSet& test = experiment.test_set();
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) {
        if (number >= test.count())
            throw UsageError("\"" + text + "\": there are " + std::to_string(test.count()) + " test images, from 0");
        const auto first = test.images.begin() + std::ptrdiff_t(number * test.pixels());
        return {first, first + std::ptrdiff_t(test.pixels())};
    }
    const std::vector<UserImage> images = read_user_images({text}, test.height, test.width);
    if (!images[0].note.empty()) log_info(images[0].name + ": " + images[0].note);
    return experiment.as_seen(images[0].pixels);
}

void interpolate_images(const PesteExperiment& experiment, const Options& o) {
    const PesteReplica replica = trained(experiment);
    const auto a = image_of(experiment, o.images[0]), b = image_of(experiment, o.images[1]);
    const auto loaded = experiment.load(replica, 128);
    const TransitionFrames transition = interpolate(*loaded, a, b, o.interpolation);
    const auto plain = [](const std::string& text) { return std::filesystem::path(text).stem().string(); };
    const auto sheet =
        o.peste.out / "figures" / ("interpolation-" + plain(o.images[0]) + "-" + plain(o.images[1]) + ".png");
    draw_interpolation(sheet, transition, experiment.test_set().height, experiment.test_set().width,
                       replica.name() + ", " + o.curve);
    std::printf("model %s, Fisher-Rao distance %.2f\n", replica.name().c_str(), transition.distance);
    for (std::size_t row = 0; row < kTransitions.size(); ++row)
        std::printf("%-28s changes over at frame %d of %d\n", name_of(kTransitions[row]), transition.change[row] + 1,
                    transition.steps);
    std::printf("sheet: %s\n", sheet.c_str());
}

void likelihood(PesteExperiment& experiment, const Options& o) {
    std::vector<PesteReplica> replicas;
    for (const PesteReplica& replica : experiment.table_replicas())
        if (experiment.is_trained(replica)) replicas.push_back(replica);
    if (replicas.empty()) trained(experiment);  // says what is missing
    experiment.estimate_likelihoods(replicas);
    print(o.peste, peste_likelihood_table(replicas, experiment.data().name), "likelihood");
}

void run(int argc, char** argv) {
    CLI::App app{
        "The geometry of a VAE's latents (Peste, Malago and Sarbu 2017): Renyi bounds of every order, what latents "
        "carry, and paths on the Fisher-Rao manifold.",
        "geometry"};
    Options o;
    add_options(app, o);
    parse_command_line(app, o.common, argc, argv);
    if (o.common.out.empty())
        throw UsageError("--out DIR is missing: the folder for everything the run writes (see --help)");
    const bool interpolates = o.command == "interpolate", reads = interpolates || o.command == "likelihood";
    if (!o.images.empty() && !interpolates)
        throw UsageError("\"" + o.images[0] + "\": only interpolate takes images (see --help)");
    if (interpolates && o.images.size() != 2)
        throw UsageError("interpolate: name two images, by their numbers in the test set or as files (see --help)");
    resolve(app, o);
    require_device();
    if (reads && o.common.resume.empty())
        throw UsageError(o.command + " works on a run that is there: name it with --resume DIR (see --help)");
    const DataSet data = load_data(o.common);
    prepare_output(app, o.common);
    PesteExperiment experiment(o.peste, data);
    if (o.command == "train") return experiment.train(experiment.table_replicas());
    if (interpolates) return interpolate_images(experiment, o);
    if (o.command == "likelihood") return likelihood(experiment, o);
    if (o.command == "figures") {
        const std::vector<PesteReplica> replicas = all_replicas(experiment);
        for (const FigureFile& figure : draw_peste_figures(experiment, replicas, o.interpolation))
            std::printf("%s\n", figure.path.c_str());
        return;
    }
    table_and_report(experiment, o, app);
}

}  // namespace

int main(int argc, char** argv) {
    return warpvae::run_program("geometry", [&] { run(argc, argv); });
}
