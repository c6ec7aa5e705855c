#include "host/experiments/geometry/geometry.h"

#include <algorithm>
#include <cmath>

#include "data/binarise.h"
#include "host/experiment/pixel_likelihood.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr int kEvaluationVersion = 4;
constexpr std::size_t kHeldOut = 10000;  // the last images of a known training set, as in mnist.pkl
constexpr std::uint64_t kBinariseSeed = 1706;

bool has_images_to_hold_out(const DataSet& data) { return data.train.count() > 5 * kHeldOut; }

const Choices<Values> kPresets = {
    {"paper", {}},
    {"argo", {{"activation", "elu"}, {"batch", "32"}, {"clip-norm", "100"}, {"clip-probability", "0.0001"}}}};
const Choices<GaussianCurve> kCurves = {
    {"fisher-rao", GaussianCurve::kFisherRao}, {"argo", GaussianCurve::kArgo}, {"straight", GaussianCurve::kStraight}};

/// An order of the bound: a number, or infinite.
Format<double> order() {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const Format<double> finite = number({-kInfinity, kInfinity});
    return {[finite](const std::string& text) -> std::optional<double> {
                if (text == "-inf") return -kInfinity;
                if (text == "inf" || text == "+inf") return kInfinity;
                const std::optional<double> value = finite.read(text);
                return value ? *value + 0. : value;  // -0 is 0
            },
            number_text, "ORDER", "a number, inf or -inf"};
}

void add_model_settings(Settings& s, GeometryOptions& o) {
    RenyiVaeConfig& m = o.model;
    s.group("Models");
    s.add("preset", o.preset, kNothing, one_of(kPresets),
          "paper (ReLU, batch 100) or argo (its authors' code: ELU, batch 32, clipped gradients and pixels)");
    s.add("alphas", o.alphas, kTraining, order(),
          "orders of the bound: 1 the ELBO, 0 importance-weighted, negative, -inf the largest weight");
    s.add("latents", o.latents, kTraining, whole(1, 128), "sizes k of the latent space");
    s.add("separability-latents", o.separability_latents, kNothing, whole(1, 100),
          "k of Figure 3, trained at alpha = 1");
    s.add("samples", m.samples, kTraining, whole(1, 1000), "K: draws of the bound in training");
    s.add_sequence("hidden", m.hidden, kTraining, whole(1, 8192),
                   "widths of the encoder's hidden layers; the decoder mirrors them");
    s.add("activation", m.activation, kTraining,
          one_of<Activation>({{"relu", Activation::kRelu},
                              {"elu", Activation::kElu},
                              {"tanh", Activation::kTanh},
                              {"softplus", Activation::kSoftplus}}),
          "of hidden layers");
    s.add("variance", m.variance, kTraining,
          one_of<VarianceHead>({{"softplus", VarianceHead::kSoftplus}, {"exp", VarianceHead::kExp}}),
          "what makes the posterior's variances of the encoder's output");
    add_pixel_likelihood(s, m.likelihood);
    s.add("start", m.initial, kTraining,
          one_of<InitialRule>({{"xavier", InitialRule::kXavier}, {"torch", InitialRule::kTorch}}),
          "initial values: xavier (biases 0.1) or torch (torch.nn.Linear's)");
    s.add("binarise", o.binarisation, kTraining | kEvaluation,
          one_of<Binarisation>(
              {{"dynamic", Binarisation::kDynamic}, {"static", Binarisation::kStatic}, {"grey", Binarisation::kGrey}}),
          "pixels: drawn anew each epoch, drawn once, or grey");
    s.add("kl", m.analytic_kl, kTraining, one_of<bool>({{"analytic", true}, {"mc", false}}),
          "alpha = 1: the divergence in closed form, or the mean log weight (mc)");
    s.add("clip-norm", o.clip_norm, kTraining, number(at_least(0)),
          "largest norm of a model's gradient; 0: not clipped");
    s.add("clip-probability", m.clipped_probability, kTraining, number({0, 0.49}),
          "p: Bernoulli probabilities are kept in [p, 1 - p]; 0: they are not");
}

void add_evaluation_settings(Settings& s, GeometryOptions& o) {
    s.group("Evaluation");
    s.add("bound-samples", o.bound_samples, kEvaluation, whole(1, 512), "draws of the bound on the test set");
    s.add("likelihood-samples", o.likelihood_samples, kEvaluation, whole(1, 1 << 24), "draws of each image's log p(x)");
    s.add("likelihood-images", o.likelihood_images, kEvaluation, whole<std::size_t>(0, 1 << 30),
          "test images of log p(x); 0: all");
    // Where a curve has its points changes no point: a run may be gone on with under another value.
    s.add("checkpoint-every", o.checkpoint_every, kNothing, whole(1, 100000),
          "epochs between the classifiers of Figure 3");
    s.add("regularisation", o.C, kEvaluation, number(positive()),
          "C of the logistic regression: the inverse of its regularisation");
    s.add("sgd-repeats", o.sgd_repeats, kEvaluation, whole(0, 100),
          "trainings of argo's classifier on each kind of feature; 0: none");
    s.add("sgd-steps", o.sgd_steps, kEvaluation, whole(1, 1 << 30), "of argo's classifier");
    // Transitions are made anew at each call, and no result keeps them.
    s.group("Transitions");
    s.add("curve", o.interpolation.curve, kNothing, one_of(kCurves), "of the last two rows of Figure 5");
    s.add("frames", o.interpolation.steps, kNothing, whole(3, 101), "images of a transition, both ends included")
        .of_statements({"N8"});
    s.add("pairs", o.pairs, kNothing, whole(0, 100000),
          "pairs of test images whose transitions are measured (N8); 0: none")
        .of_statements({"N8"});
}

}  // namespace

// --- settings and names ----------------------------------------------------------------------------------------------

void add_settings(Settings& settings, GeometryOptions& options) {
    add_model_settings(settings, options);
    add_evaluation_settings(settings, options);
}

const char* name_of(GaussianCurve curve) { return name_in(kCurves, curve); }

std::string GeometryReplica::group() const { return "k" + std::to_string(latents) + "-alpha" + formatted("%g", alpha); }
std::string GeometryReplica::shape() const {
    return "k" + std::to_string(latents) + (wants_likelihood ? "" : ", without log p(x)");
}

Values GeometryReplica::own() const {
    Values own = {{"alphas", number_text(alpha)}, {"latents", std::to_string(latents)}};
    if (alpha != 1) own.emplace_back("kl", "");
    if (trains_on_all) own.emplace_back("held-out", "0");
    return own;
}
Values GeometryReplica::own_evaluation() const {
    if (wants_likelihood) return {};
    return {{"likelihood-samples", ""}, {"likelihood-images", ""}};
}

void GeometryReplica::fields(Fields& f) {
    f("eigenvalues", spectrum.eigenvalues);
    f("informative", spectrum.informative);
    f("alignment", spectrum.alignment);
    f("axes", axes);
    f("negative_bound", bound.negative_bound);
    f("negative_elbo", bound.negative_elbo);
    f("active_units", bound.active_units);
    f("latent_kl", bound.latent_kl);
    f("accuracy", accuracy);
    f("sgd_mean", sgd_mean);
    f("sgd_std", sgd_std);
    if (!wants_likelihood) return;
    f("likelihood", likelihood);
    f("negative_bound_there", negative_bound_there);
}

GeometryRows evaluated_rows(const std::vector<GeometryReplica>& replicas) {
    GeometryRows rows;
    for (const GeometryReplica& r : replicas)
        if (r.epochs) rows[r.latents][r.alpha].push_back(&r);
    return rows;
}

// --- which models, which images --------------------------------------------------------------------------------------

GeometryExperiment::GeometryExperiment(const Run& run, const GeometryOptions& options)
    : Experiment(run, kEvaluationVersion), options_(options), train_(data().train), test_(data().test) {
    if (!data().is_own && has_images_to_hold_out(data())) train_.truncate(train_.count() - kHeldOut);
    seen_train_ = train_;
    if (options_.binarisation == Binarisation::kGrey) return;
    seen_train_.images = binarised(train_.images, kBinariseSeed, 0);
    test_.images = binarised(test_.images, kBinariseSeed, 1);
}

std::vector<std::uint8_t> GeometryExperiment::as_seen(std::vector<std::uint8_t> levels) const {
    return options_.binarisation == Binarisation::kGrey ? levels : binarised(levels, kBinariseSeed, 2);
}

std::vector<GeometryReplica> GeometryExperiment::every(const std::vector<int>& latents,
                                                       const std::vector<double>& alphas) const {
    std::vector<GeometryReplica> all;
    for (const int k : latents)
        for (int s = 0; s < options().seeds; ++s)
            for (const double alpha : alphas) {
                GeometryReplica& replica = all.emplace_back();
                replica.alpha = alpha, replica.latents = k, replica.seed = options().seed + s;
                replica.trains_on_all = data().is_own && has_images_to_hold_out(data());
            }
    return all;
}

std::vector<GeometryReplica> GeometryExperiment::replicas() const {
    const auto has = [](const auto& list, const auto& value) {
        return std::find(list.begin(), list.end(), value) != list.end();
    };
    std::vector<GeometryReplica> all = table_replicas();
    for (GeometryReplica replica : separability_replicas()) {
        if (has(options_.latents, replica.latents) && has(options_.alphas, replica.alpha)) continue;
        replica.wants_likelihood = false;
        all.push_back(replica);
    }
    return all;
}

RenyiVaeConfig GeometryExperiment::config_of(const GeometryReplica& replica) const {
    RenyiVaeConfig config = options_.model;
    config.height = train_.height, config.width = train_.width, config.channels = train_.channels;
    config.latents = replica.latents;
    return config;
}

std::string GeometryExperiment::separability_origin() const {
    std::string text;
    const Values unused = {{"bound-samples", ""},
                           {"likelihood-samples", ""},
                           {"likelihood-images", ""},
                           {"sgd-repeats", ""},
                           {"sgd-steps", ""}};
    for (const auto& [name, value] : origin({}, unused).evaluation)
        text += (text.empty() ? "" : ", ") + name + " " + value;
    return text;
}

}  // namespace warpvae
