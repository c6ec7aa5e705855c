#include "host/experiments/spatial/spatial.h"

#include <algorithm>

#include "host/experiment/likelihood_table.h"
#include "host/experiment/pixel_likelihood.h"
#include "host/log.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

constexpr int kEvaluationVersion = 4;
constexpr double kFolded = 0.05;  // of all pixels: from there on a warp counts as folded over

struct RowNames {
    SpatialRow row;
    const char *code, *title;
    SpatialKind kind = SpatialKind::kVae;
    PoseKind pose = PoseKind::kAffine;
};
using enum SpatialKind;
constexpr RowNames kRows[] = {
    {SpatialRow::kRaw, "raw", "Raw pixels"},
    {SpatialRow::kPca, "pca", "PCA"},
    {SpatialRow::kVae, "vae", "VAE"},
    {SpatialRow::kAffineT, "affine-tvae", "Affine-TVAE", kTransformer, PoseKind::kAffine},
    {SpatialRow::kPoseT, "pose-tvae", "Pose-TVAE", kTransformer, PoseKind::kPose5},
    {SpatialRow::kSplineT, "tps-tvae", "TPS-TVAE", kTransformer, PoseKind::kSpline},
    {SpatialRow::kAffineDt, "affine-dtvae", "Affine-DTVAE", kDoubleTransformer, PoseKind::kAffine},
    {SpatialRow::kPoseDt, "pose-dtvae", "Pose-DTVAE", kDoubleTransformer, PoseKind::kPose5},
    {SpatialRow::kSplineDt, "tps-dtvae", "TPS-DTVAE", kDoubleTransformer, PoseKind::kSpline}};
const RowNames& names_of(SpatialRow row) { return kRows[int(row)]; }
Choices<SpatialRow> row_choices() {
    Choices<SpatialRow> choices;
    for (const RowNames& names : kRows) choices.emplace_back(names.code, names.row);
    return choices;
}

const Choices<PosePrior> kPriors = {{"none", PosePrior::kNone},
                                    {"fixed-mean", PosePrior::kFixedMean},
                                    {"fitted", PosePrior::kFitted},
                                    {"full", PosePrior::kFull}};
const Choices<std::optional<DegradationKind>> kTrainNoises = {{"none", std::nullopt},
                                                              {"salt-pepper", DegradationKind::kSaltAndPepper},
                                                              {"gaussian", DegradationKind::kGaussian},
                                                              {"occlusion", DegradationKind::kOcclusion}};
const Choices<NoiseTarget> kNoiseTargets = {{"clean", NoiseTarget::kClean}, {"noisy", NoiseTarget::kNoisy}};
const Choices<SecondTransform> kSecondTransforms = {{"inverse", SecondTransform::kInverse},
                                                    {"independent", SecondTransform::kIndependent}};

}  // namespace

// --- settings and names ----------------------------------------------------------------------------------------------

void add_settings(Settings& s, SpatialOptions& o) {
    SpatialVaeConfig& c = o.model;
    s.group("Models");
    s.add("rows", o.rows, kTraining, one_of(row_choices()), "rows of the table: raw, pca, and models");
    s.add("latents", o.latents, kTraining, whole(1, 784), "dimensions of z");
    s.add("totals", o.totals, kNothing, whole(3, 784), "sizes of Figure 5: dimensions of z and of u together")
        .only({"dimensions", "figures", "report"});
    s.add("prior", c.prior, kTraining, one_of(kPriors),
          "of the pose u: none (a function of x), fixed-mean, fitted, full");
    s.add("rank", c.rank, kTraining, whole(0, 128), "dimensions behind a full prior; 0: as many as u has numbers");
    s.add_sequence("hidden", c.hidden, kTraining, whole(1, 65536),
                   "hidden widths of the encoder; the decoder mirrors them");
    s.add("localisation", c.localisation, kTraining, whole(1, 65536),
          "hidden units between image and pose in a DT-VAE");
    s.add("control-points", c.control_points, kTraining, whole(2, 8), "G of a thin-plate spline on G x G points");
    s.flag("separate-trunk", c.separate_trunk, kTraining, "T-VAE: the pose has an encoder of its own");
    s.add("second-transform", c.second, kTraining, one_of(kSecondTransforms),
          "of a DT-VAE: undoes the first, or has numbers of its own");
    s.add("limit", c.limit, kTraining,
          one_of<RangeLimit>(
              {{"none", RangeLimit::kNone}, {"tanh", RangeLimit::kTanh}, {"sigmoid", RangeLimit::kSigmoid}}),
          "keep u within a range of the identity");
    s.add("limit-range", c.limit_range, kTraining, number(positive()), "how far from the identity --limit lets u go");
    s.add("samples", c.samples, kTraining, whole(1, 1000), "draws of (z, u) for each image and step: L of equation 8");
    s.add("deviation-bound", c.spread, kTraining,
          one_of<Spread>({{"deviation", Spread::kLogDeviation}, {"logarithm", Spread::kLogDeviationFromOne}}),
          "what is kept above 1e-6: the deviation, or (the paper's letter) its logarithm");
    add_pixel_likelihood(s, c.likelihood);
    s.add("loss-scale", c.loss_scale, kTraining, number(positive()),
          "times the batch mean of -ELBO; Adadelta is not indifferent to it");
    s.add("train-noise", o.train_noise, kTraining, one_of(kTrainNoises),
          "put on the images that models train on, anew each step")
        .came_as("none");
    s.add("train-noise-amount", o.train_noise_amount, kTraining, number({0, 1}),
          "deviation of the Gaussian, share of pixels, or side of the square; 0: as the command denoise has it")
        .came_as("0");
    s.add("train-noise-target", o.noise_targets, kTraining, one_of(kNoiseTargets),
          "what a model makes of a noisy image in training: the clean one, or the noisy one itself")
        .came_as("clean");
    s.add("restarts", o.restarts, kNothing, whole(1, 100),
          "trainings per seed; the one with the best training ELBO counts")
        .of_statements({"*"});
    s.group("Evaluation");
    s.add("semantics", o.centre, kEvaluation,
          one_of<PcaCentre>({{"right", PcaCentre::kFitted}, {"paper", PcaCentre::kOwn}}),
          "right: test images are centred with the training mean; paper: with their own (PCA rows)");
    add_likelihood_settings(s, o.likelihood, {"likelihood", "priors", "report"});
}

const char* code_of(SpatialRow row) { return names_of(row).code; }
const char* title_of(SpatialRow row) { return names_of(row).title; }
bool is_model(SpatialRow row) { return row != SpatialRow::kRaw && row != SpatialRow::kPca; }
const char* name_of(PosePrior prior) { return name_in(kPriors, prior); }
std::string name_of(const Degradation& noise) {
    const char* kinds[] = {"salt-and-pepper", "Gaussian", "occlusion"};
    return formatted("%s %g", kinds[int(noise.kind)], double(noise.amount));
}

// --- replicas --------------------------------------------------------------------------------------------------------

SpatialReplica::SpatialReplica(SpatialRow row, SpatialVaeConfig shared) : model(row), config(std::move(shared)) {
    config.kind = names_of(row).kind;
    config.pose = names_of(row).pose;
    if (!has_pose()) config.prior = PosePrior::kNone;
    if (config.prior != PosePrior::kFull) config.rank = 0;
    if (row == SpatialRow::kSplineDt) config.second = SecondTransform::kIndependent;
}

std::string SpatialReplica::group() const {
    std::string name = code_of(model) + ("-z" + std::to_string(config.latents));
    if (config.prior != PosePrior::kNone) name += std::string("-") + name_of(config.prior);
    if (config.rank) name += std::to_string(config.rank);
    if (has_noise())
        name += std::string("-") + name_in(kTrainNoises, std::optional(config.noise.kind)) + "-to-" +
                name_in(kNoiseTargets, config.noise_target);
    return name;
}
std::string SpatialReplica::name() const {
    return Replica::name() + (restart ? "-restart" + std::to_string(restart) : "");
}

Values SpatialReplica::own() const {
    const bool is_double = config.kind == kDoubleTransformer;
    Values own = {{"rows", code_of(model)},
                  {"latents", std::to_string(config.latents)},
                  {"prior", has_pose() ? name_of(config.prior) : ""},
                  {"rank", config.prior == PosePrior::kFull ? std::to_string(config.pose_latents()) : ""},
                  {"second-transform", is_double ? name_in(kSecondTransforms, config.second) : ""},
                  {"train-noise", has_noise() ? name_in(kTrainNoises, std::optional(config.noise.kind)) : ""},
                  {"train-noise-target", has_noise() ? name_in(kNoiseTargets, config.noise_target) : ""}};
    if (!has_noise()) own.emplace_back("train-noise-amount", "");
    const std::pair<const char*, bool> matters[] = {{"localisation", is_double},
                                                    {"separate-trunk", config.kind == kTransformer},
                                                    {"control-points", has_pose() && config.pose == PoseKind::kSpline},
                                                    {"limit", has_pose()},
                                                    {"limit-range", has_pose() && config.limit != RangeLimit::kNone}};
    for (const auto& [setting, does] : matters)
        if (!does) own.emplace_back(setting, "");
    return own;
}

namespace {

void list(Fields& f, ElboSummary& e) {
    f("negative_elbo", e.negative_elbo);
    f("reconstruction", e.reconstruction);
    f("kl", e.kl);
    f("pose_kl", e.pose_kl);
    f("active_units", e.active_units);
    f("latent_kl", e.latent_kl);
}
void list(Fields& f, SvmScores& s) {
    f("cv_mean", s.cv_mean);
    f("cv_std", s.cv_std);
    f("test", s.test);
    f("gradient", s.gradient_norm);
    f("converged", s.converged);
}

}  // namespace

void SpatialReplica::fields(Fields& f) {
    f.group("train", [&](Fields& g) { list(g, train_elbo); });
    f.group("test", [&](Fields& g) { list(g, test_elbo); });
    for (std::size_t k = 0; k < kFeatureKinds.size(); ++k)
        f.group(name_of(kFeatureKinds[k]), [&](Fields& g) { list(g, svm[k]); });
    f.group("pose", [&](Fields& g) {
        g("mean", pose.mean);
        g("deviation", pose.deviation);
        g("largest_correlation", pose.largest_correlation);
        g("mean_correlation", pose.mean_correlation);
        g("mean_determinant", pose.mean_determinant);
    });
    f("foldover", foldover);
    std::string why = bad_minimum(*this);  // for people who read the file
    f("bad_minimum", why);
}

std::string title_of(const SpatialReplica& r) {
    std::string title = title_of(r.model);
    if (r.config.prior != PosePrior::kNone) title += std::string(", ") + name_of(r.config.prior) + " prior";
    if (r.config.rank) title += " of rank " + std::to_string(r.config.rank);
    if (r.has_noise())
        title += ", trained on " + name_of(r.config.noise) + " towards " +
                 name_in(kNoiseTargets, r.config.noise_target) + " images";
    return title;
}

std::string bad_minimum(const SpatialReplica& r) {
    if (r.test_elbo.active_units <= 1) return "one template: z carries nothing";
    if (r.pose.mean_determinant > 0 && r.pose.mean_determinant < 1)
        return "a down-sampled digit: the warp enlarges what z draws";
    if (r.foldover.pixels > kFolded)
        return formatted("a folded image: the warp mirrors %.0f %% of all pixels", 100 * r.foldover.pixels);
    return "";
}

std::vector<SpatialReplica> best_restarts(const std::vector<SpatialReplica>& replicas) {
    std::vector<SpatialReplica> best;
    for (const SpatialReplica& replica : replicas) {
        const auto same = std::find_if(best.begin(), best.end(), [&](const SpatialReplica& other) {
            return other.group() == replica.group() && other.seed == replica.seed;
        });
        if (same == best.end())
            best.push_back(replica);
        else if (replica.train_elbo.negative_elbo < same->train_elbo.negative_elbo)
            *same = replica;
    }
    return best;
}

// --- replicas on the device ------------------------------------------------------------------------------------------

namespace {

class SpatialEnsemble : public Ensemble {
  public:
    SpatialEnsemble(const SpatialExperiment& experiment, const std::vector<Replica*>& replicas)
        : Ensemble(replicas, experiment.options().math),
          data_(experiment.data()),
          replicas_(typed<SpatialReplica>(replicas)),
          train_images_(shared(data_.train.images, data_.train.image_size())),
          test_images_(shared(data_.test.images, data_.test.image_size())),
          vae_(replicas_[0]->config, size(), experiment.options().batch, matmul) {}

    Model<float>& model() override { return vae_; }
    const DeviceImages& epoch_images() const override { return train_images_; }
    void choose(TrainerOptions& trainer) const override { trainer.optimiser = Optimiser::kAdadelta; }
    std::vector<Json> after_epoch(int) override {
        return test_metrics(evaluate_elbo(vae_, test_images_, device_seeds));
    }
    void evaluate() override {
        const auto train_elbo = evaluate_elbo(vae_, train_images_, device_seeds);
        const auto test_elbo = evaluate_elbo(vae_, test_images_, device_seeds);
        for (std::size_t kind = 0; data_.labelled && kind < kFeatureKinds.size(); ++kind) read_classes(kind);
        for (int r = 0; r < size(); ++r) {
            replicas_[r]->train_elbo = train_elbo[r];
            replicas_[r]->test_elbo = test_elbo[r];
            if (vae_.has_pose()) read_poses(r);
        }
    }

  private:
    void read_poses(int r) {
        const SpatialVaeConfig& c = vae_.config();
        const std::vector<float> poses = extract_poses(vae_, test_images_, r);
        replicas_[r]->pose = summarise_poses(poses, vae_.pose());
        replicas_[r]->foldover = measure_foldover(poses, vae_.pose(), c.control_points, c.height, c.width);
    }
    void read_classes(std::size_t kind) {
        const auto train = extract_features(vae_, train_images_, kFeatureKinds[kind], device_seeds, 0);
        const auto test = extract_features(vae_, test_images_, kFeatureKinds[kind], device_seeds, 1);
        const Matmul exact(stream);  // the machines are trained in fp32 whatever the model was trained in
        const auto scores =
            cross_validate_linear_svm(exact, train.data(), data_.train.labels, test.data(), data_.test.labels, size(),
                                      vae_.config().latents, {.classes = data_.train.classes()});
        for (int r = 0; r < size(); ++r) replicas_[r]->svm[kind] = scores[r];
    }

    const DataSet& data_;
    const std::vector<SpatialReplica*> replicas_;
    const DeviceImages train_images_, test_images_;
    SpatialVae<float> vae_;
};

SpatialVaeConfig to_load(SpatialVaeConfig config) {
    config.samples = 1, config.noise.amount = 0;  // matters of training
    return config;
}

}  // namespace

LoadedSpatial::LoadedSpatial(const SpatialExperiment& experiment, const SpatialReplica& replica, int rows)
    : OnDevice(to_load(replica.config), 1, rows) {
    model.parameters().upload(0, experiment.weights(replica, model.parameters().layout()));
}

// --- the experiment --------------------------------------------------------------------------------------------------

SpatialExperiment::SpatialExperiment(const Run& run, const SpatialOptions& options)
    : Experiment(run, kEvaluationVersion), options_(options) {}

namespace {

/// Every kind of noise and target of the options; without noise there is no target to choose.
std::vector<std::pair<Degradation, NoiseTarget>> training_noises(const SpatialOptions& options) {
    std::vector<std::pair<Degradation, NoiseTarget>> all;
    for (const std::optional<DegradationKind>& kind : options.train_noise) {
        if (!kind) all.push_back({});
        if (!kind) continue;
        Degradation noise = kNoises[int(*kind)];
        if (options.train_noise_amount > 0) noise.amount = float(options.train_noise_amount);
        for (const NoiseTarget target : options.noise_targets) all.push_back({noise, target});
    }
    return all;
}

}  // namespace

std::unique_ptr<Ensemble> SpatialExperiment::ensemble(const std::vector<Replica*>& replicas) {
    return std::make_unique<SpatialEnsemble>(*this, replicas);
}

SpatialReplica SpatialExperiment::replica(SpatialRow model, int latents, PosePrior prior, int rank) const {
    SpatialVaeConfig config = options_.model;
    config.height = data().train.height, config.width = data().train.width, config.channels = data().train.channels;
    config.latents = latents, config.prior = prior, config.rank = rank;
    SpatialReplica replica(model, config);
    replica.seed = options().seed;
    return replica;
}

std::vector<SpatialReplica> SpatialExperiment::replicas() const {
    std::vector<SpatialReplica> all;
    for (const int latents : options_.latents)
        for (const SpatialRow row : options_.rows)
            for (const auto& [noise, target] : training_noises(options_))
                for (int s = 0; is_model(row) && s < options().seeds; ++s)
                    for (int restart = 0; restart < options_.restarts; ++restart) {
                        SpatialReplica& added =
                            all.emplace_back(replica(row, latents, options_.model.prior, options_.model.rank));
                        added.config.noise = noise, added.config.noise_target = target;
                        added.seed += s;
                        added.restart = restart;
                    }
    return all;
}

// --- rows without a model --------------------------------------------------------------------------------------------

namespace {

/// [count, D] on the device: pixels as the models see them.
DeviceBuffer<float> pixels_of(const ImageSet& set) {
    const std::size_t D = set.image_size();
    const DeviceImages images({&set.images}, {0}, int(D));
    DeviceBuffer<float> x(set.images.size(), "pixels");
    constexpr std::size_t kRowsAtOnce = 10000;
    for (std::size_t first = 0; first < set.count(); first += kRowsAtOnce)
        check(gather_range(x.data() + first * D, images.table(), first, 1,
                           int(std::min(kRowsAtOnce, set.count() - first)), int(D), nullptr));
    return x;
}

}  // namespace

FixedScore SpatialExperiment::measure_fixed(SpatialRow row, int components) const {
    const Matmul matmul;
    const ImageSet &train = data().train, &test = data().test;
    const DeviceBuffer<float> pixels = pixels_of(train), test_pixels = pixels_of(test);
    const auto scores_of = [&](const DeviceBuffer<float>& rows, const DeviceBuffer<float>& test_rows, int columns) {
        return cross_validate_linear_svm(matmul, rows.data(), train.labels, test_rows.data(), test.labels, 1, columns,
                                         {.classes = train.classes()})[0];
    };
    if (row != SpatialRow::kPca) return {scores_of(pixels, test_pixels, int(train.image_size()))};
    const Pca pca = fit_pca(matmul, pixels.data(), train.count(), int(train.image_size()), components);
    const DeviceBuffer<float> codes = project_pca(matmul, pca, pixels.data(), train.count());
    const auto centred = [&](PcaCentre centre) {
        return scores_of(codes, project_pca(matmul, pca, test_pixels.data(), test.count(), centre), components);
    };
    const PcaCentre other = options_.centre == PcaCentre::kOwn ? PcaCentre::kFitted : PcaCentre::kOwn;
    return {centred(options_.centre), centred(other).test};
}

FixedScores SpatialExperiment::fixed_scores() const {
    FixedScores all;
    for (const SpatialRow row : options_.rows) {
        if (is_model(row) || !data().labelled) continue;
        const bool is_raw = row == SpatialRow::kRaw;
        const int D = int(data().train.image_size());
        if (is_raw && D > kMostSvmFeatures) {
            log_info("raw pixels are left out: a linear SVM reads " + std::to_string(kMostSvmFeatures) +
                     " numbers of an image at most, and these have " + std::to_string(D));
            continue;
        }
        for (const int latents : is_raw ? std::vector<int>{D} : options_.latents) {
            const std::string size = is_raw ? "" : std::to_string(latents);
            Values own = {{"rows", code_of(row)}, {"latents", size}};
            for (const Setting& s : run().settings.all())  // no other setting of the training matters
                if (s.name != "rows" && s.name != "latents") own.emplace_back(s.name, "");
            FixedScore& score = all[{row, latents}];
            const std::string file = code_of(row) + (is_raw ? "" : "-z" + size) + "/result.json";
            const Origin origin_of_it = origin(own, is_raw ? Values{{"semantics", ""}} : Values());
            const auto fields = [&](Fields& f) {
                list(f, score);
                if (!is_raw) f("test_other_centre", score.test_other_centre);
            };
            read_or_make({{file, origin_of_it, fields}}, [&](const std::vector<std::size_t>&) {
                log_info(std::string("linear SVM on ") + title_of(row) + " " + size);
                score = measure_fixed(row, latents);
            });
        }
    }
    return all;
}

}  // namespace warpvae
