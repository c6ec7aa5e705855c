#include "host/experiments/equivae/equivae.h"

#include <algorithm>

#include "host/experiment/pixel_likelihood.h"

namespace warpvae {
namespace {

constexpr int kEvaluationVersion = 5;

const Choices<EquivaeKind> kTables = {{"supervised", EquivaeKind::kSupervised}, {"semi", EquivaeKind::kSemiSupervised}};
const Choices<EquivaeKind> kKinds = {{"supervised", EquivaeKind::kSupervised},
                                     {"semi-supervised", EquivaeKind::kSemiSupervised},
                                     {"unsupervised", EquivaeKind::kUnsupervised}};
const Choices<LabelledMixing> kMixings = {{"paired", LabelledMixing::kPaired}, {"sum", LabelledMixing::kSum}};
constexpr const char* kPapersLikelihood = "auto";
constexpr const char* kMixingsWeight = "auto";
constexpr const char* kChannelGaussian = "gaussian-per-channel";
/// What earlier versions knew: `deviation`, of colour images alone. Files of weights still have it, of these Gaussians.
const Choices<Likelihood> kDeviations = {{"unit", Likelihood::kGaussian},
                                         {"learned", Likelihood::kLearnedGaussian},
                                         {"per-channel", Likelihood::kChannelGaussian}};

const char* likelihood_name(Likelihood likelihood) {
    return likelihood == Likelihood::kChannelGaussian ? kChannelGaussian : name_in(kLikelihoods, likelihood);
}
Likelihood papers_likelihood(bool colour) { return colour ? Likelihood::kGaussian : Likelihood::kBernoulli; }

/// One of kLikelihoods, per channel, or none of them: the paper's.
Format<std::optional<Likelihood>> likelihood_format() {
    Choices<std::optional<Likelihood>> choices = {{kPapersLikelihood, std::nullopt}};
    choices.insert(choices.end(), kLikelihoods.begin(), kLikelihoods.end());
    choices.emplace_back(kChannelGaussian, Likelihood::kChannelGaussian);
    Format<std::optional<Likelihood>> format = one_of(choices);
    format.read = [read = format.read](const std::string& text) -> std::optional<std::optional<Likelihood>> {
        for (const auto& [name, kind] : kDeviations)
            if (text == name) return kind == Likelihood::kGaussian ? std::nullopt : std::optional(kind);
        return read(text);
    };
    return format;
}

std::string weight_text(const std::optional<double>& weight) { return weight ? number_text(*weight) : kMixingsWeight; }

/// A number above 0, or none: the mixing's own.
Format<std::optional<double>> weight_format() {
    const Format<double> finite = number(positive());
    return {[finite](const std::string& text) {
                std::optional<std::optional<double>> read;  // empty: neither
                if (text == kMixingsWeight) read.emplace();
                if (const std::optional<double> weight = finite.read(text)) read.emplace(weight);
                return read;
            },
            weight_text, "{auto} or NUMBER", "auto or " + finite.wanted};
}

}  // namespace

// --- settings and names ----------------------------------------------------------------------------------------------

void add_settings(Settings& s, EquivaeOptions& o) {
    s.at("batch").help = "images per minibatch at the start; doubled in --phases equal phases";
    s.group("Models");
    s.add("which", o.which, kNothing, one_of(kTables), "of the paper's tables: supervised (Table 1) or semi (Table 2)")
        .only({"table", "train", "classify", "generate", "encode", "decode", "reconstruct", "sample", "traverse",
               "interpolate"});
    s.add("labels", o.labels, kTraining, whole(1, 1 << 30),
          "semi: numbers of labelled images, shared equally by the classes");
    s.add("mixing", o.mixing, kTraining, one_of(kMixings),
          "semi: paired (labelled images beside each minibatch) or sum (each once an epoch)");
    s.add("labelled-weight", o.labelled_weight, kTraining, weight_format(),
          "semi: what a labelled image weighs in the loss, in multiples of an unlabelled one (eq. 7: 1); auto: 1 with "
          "sum, the number of unlabelled images over that of labelled ones with paired")
        .came_as(kMixingsWeight);
    s.add("latents", o.latents, kTraining, whole(0, 784), "dimensions of r and of v; 0: the paper's");
    s.add("max-complement", o.max_complement, kTraining, whole(0, 1000),
          "images of a class that make r, at most; each step draws their number; 0: the paper's");
    s.add("phases", o.phases, kTraining, whole(0, 12),
          "of equal length, each with minibatches twice as large; 0: the paper's");
    s.add("likelihood", o.pixels, kTraining, likelihood_format(),
          "of pixels: auto (the paper's: bernoulli, and gaussian in colour), gaussian (of deviation 1), "
          "gaussian-learned "
          "(one deviation, learned), gaussian-per-channel (several)")
        .renamed_from("deviation");
    s.add("initialisation", o.initial, kTraining,
          one_of<InitialRule>({{"glorot", InitialRule::kLasagne}, {"torch", InitialRule::kTorch}}),
          "initial values: glorot (biases 0) or torch (torch.nn.Linear's and Conv2d's)")
        .came_as("glorot");
    s.add("normalisation", o.normalisation, kTraining,
          one_of<Normalisation>({{"none", Normalisation::kNone}, {"batch", Normalisation::kBatch}}),
          "before the ReLUs of convolutions: none, or batch, by each minibatch in training and by running averages "
          "in evaluation")
        .came_as("none");
    s.group("Evaluation");
    s.add("benchmark-steps", o.benchmark_steps, kEvaluation, whole(0, 1000000),
          "semi: the benchmark is trained for so many steps at least, that it converges; 0: for --benchmark-passes "
          "alone")
        .only({"table", "evaluate", "report"});
    s.add("benchmark-passes", o.benchmark_passes, kEvaluation, whole(0, 100000),
          "over its images that the benchmark is trained for, unless --benchmark-steps are more; 0: as many as the "
          "model")
        .only({"table", "evaluate", "report"})
        .came_as("0");
    s.add("benchmark-dropout", o.benchmark_dropout, kEvaluation, number({0, 0.99}),
          "the share of units that the benchmark drops after each of its last two hidden layers in training")
        .only({"table", "evaluate", "report"})
        .came_as("0.5");
    s.add("judge-steps", o.judge_steps, kNothing, whole(0, 1000000),
          "of the classifier that judges samples; 0: 2600 for each channel")
        .only({"figures", "report"});
    s.add("reduction", o.reduction, kNothing, one_of<Reduction>({{"umap", Reduction::kUmap}, {"pca", Reduction::kPca}}),
          "how Figure 3 brings latents to two dimensions")
        .only({"figures", "report"});
    s.group("The sheet");
    s.add("classes", o.classes, kNothing, whole(0, 255), "the columns, or the classes that are drawn; left out: all")
        .only({"generate", "decode", "sample", "traverse"});
    s.add("rows", o.rows, kNothing, whole(1, 1000), "draws of the prior").only({"generate"});
}

void require_size(const DataSet& data) {
    const int height = data.train.height, width = data.train.width;
    const std::vector<int> sides = EquivaeConfig::sides();
    if (height == width && std::find(sides.begin(), sides.end(), height) != sides.end()) return;
    std::string all;
    for (const int side : sides)
        all += (all.empty() ? "" : side == sides.back() ? " or " : ", ") + std::to_string(side);
    const auto nearest = std::min_element(sides.begin(), sides.end(), [&](int a, int b) {
        return std::abs(a - std::max(height, width)) < std::abs(b - std::max(height, width));
    });
    throw UsageError(data.name + ": its images are " + std::to_string(height) + " x " + std::to_string(width) +
                     "; EQUIVAE makes squares of " + all + " pixels: choose --size " + std::to_string(*nearest) +
                     " --fit pad, crop or stretch");
}

const char* name_of(LabelledMixing mixing) { return name_in(kMixings, mixing); }

std::string text_of(const std::vector<BatchPhase>& phases) {
    std::string text;
    for (const BatchPhase& phase : phases)
        text += (text.empty() ? "" : ",") + std::to_string(phase.first_epoch) + ":" + std::to_string(phase.batch);
    return text;
}

std::string EquivaeReplica::group() const {
    const std::string name = kind == EquivaeKind::kSemiSupervised
                                 ? "semi" + std::to_string(labels) + "-" + name_of(mixing) +
                                       (labelled_weight ? "-w" + number_text(*labelled_weight) : "")
                                 : name_in(kKinds, kind);
    return name + "-z" + std::to_string(latents);
}

std::string EquivaeReplica::mixing_text() const {
    return name_of(mixing) + (labelled_weight ? ", weight " + number_text(*labelled_weight) : "");
}

Values EquivaeReplica::own() const {
    const bool semi = kind == EquivaeKind::kSemiSupervised, colour = config.channels > 1;
    const bool had_deviation = colour && config.likelihood != Likelihood::kBernoulli;
    const bool has_name = !had_deviation && config.likelihood != papers_likelihood(colour);
    return {{"kind", name_in(kKinds, kind)},
            {"labels", semi ? std::to_string(labels) : ""},
            {"mixing", semi ? name_of(mixing) : ""},
            {"labelled-weight", semi ? weight_text(labelled_weight) : ""},
            {"latents", std::to_string(latents)},
            {"max-complement", config.self_complement ? "" : std::to_string(config.max_complement)},
            {"likelihood", has_name ? likelihood_name(config.likelihood) : ""},
            {"deviation", had_deviation ? name_in(kDeviations, config.likelihood) : ""},
            {"batch", ""},
            {"phases", ""},
            {"batches", text_of(phases)}};
}

Values EquivaeReplica::own_evaluation() const {
    if (kind == EquivaeKind::kSemiSupervised) return {};
    return {{"benchmark-steps", ""}};
}

void EquivaeReplica::fields(Fields& f) {
    f("validation_nll", validation_nll);
    f("validation_kl", validation_kl);
    f("distance", distance);
    f("likelihood", likelihood);
    f("neural", neural);
    f("classifier", classifier);
    f("benchmark", benchmark);
    f("short_benchmark", short_benchmark);
    f("agreement", agreement);
    f("probe_r", probe_r);
    f("probe_v", probe_v);
    f("probe_v_sample", probe_v_sample);
    f("active_units", active_units);
    f("latent_kl", latent_kl);
}

// --- which models ----------------------------------------------------------------------------------------------------

EquivaeExperiment::EquivaeExperiment(const Run& run, const EquivaeOptions& options)
    : Experiment(run, kEvaluationVersion), options_(options), split_(equivae_split(run.data.train)) {}

std::vector<EquivaeReplica> EquivaeExperiment::replicas(EquivaeKind kind) const {
    std::vector<EquivaeReplica> all;
    if (kind != EquivaeKind::kSemiSupervised)
        for (int s = 0; s < options().seeds; ++s) all.push_back(replica(kind, s));
    else
        for (const LabelledMixing mixing : options_.mixing)
            for (const std::optional<double>& weight : options_.labelled_weight)
                for (const int labels : options_.labels)
                    for (int s = 0; s < options().seeds; ++s)
                        all.push_back(replica(kind, s, 0, labels, mixing, weight));
    return all;
}

std::vector<EquivaeReplica> EquivaeExperiment::shown_replicas() const {
    std::vector<EquivaeReplica> all = {replica(EquivaeKind::kSupervised, 0)};
    if (all[0].latents != 2) all.push_back(replica(EquivaeKind::kSupervised, 0, 2));
    return all;
}

/// The `seed`-th of the run, everything that the options leave to the paper resolved.
EquivaeReplica EquivaeExperiment::replica(EquivaeKind kind, int seed, int latents, int labels, LabelledMixing mixing,
                                          std::optional<double> labelled_weight) const {
    const bool semi = kind == EquivaeKind::kSemiSupervised, colour = split_.train.channels > 1;
    if (!latents) latents = options_.latents ? options_.latents : semi && !colour ? 8 : 16;
    EquivaeReplica r;
    r.seed = options().seed + seed;
    r.kind = kind, r.labels = labels, r.mixing = mixing, r.labelled_weight = labelled_weight, r.latents = latents;
    r.planned = options().epochs ? options().epochs : paper_epochs(r);
    r.phases = phases_of(r.planned);
    r.config = EquivaeConfig::for_latents(latents);
    r.config.fit(split_.train.height, split_.train.width);
    r.config.channels = split_.train.channels, r.config.classes = split_.classes;
    r.config.likelihood = options_.pixels.value_or(papers_likelihood(colour));
    r.config.max_complement = options_.max_complement ? options_.max_complement : colour ? 10 : semi ? 4 : 7;
    r.config.semi_supervised = semi;
    r.config.initial = options_.initial, r.config.normalisation = options_.normalisation;
    r.config.mixing = mixing, r.config.labelled_weight = labelled_weight;
    r.config.self_complement = kind == EquivaeKind::kUnsupervised;
    return r;
}

std::vector<BatchPhase> EquivaeExperiment::phases_of(int epochs) const {
    const int count = std::min(options_.phases ? options_.phases : is_svhn() ? 5 : 4, epochs);
    std::vector<BatchPhase> phases;
    for (int i = 0; i < count; ++i) phases.push_back({std::uint64_t(epochs) * i / count, options().batch << i});
    return phases;
}

/// 40 epochs supervised (SVHN 90), 20 to 35 by the number of labels (SVHN 20 and 30).
int EquivaeExperiment::paper_epochs(const EquivaeReplica& r) const {
    if (r.kind != EquivaeKind::kSemiSupervised) return is_svhn() ? 90 : 40;
    if (is_svhn()) return r.labels < 3000 ? 20 : 30;
    return r.labels < 600 ? 20 : r.labels < 1000 ? 25 : r.labels < 3000 ? 30 : 35;
}

ImageSet EquivaeExperiment::labelled_images(const EquivaeReplica& replica) const {
    if (replica.kind != EquivaeKind::kSemiSupervised) return split_.train;
    return labelled_split(split_.train, split_.classes, replica.labels, replica.seed).labelled;
}

}  // namespace warpvae
