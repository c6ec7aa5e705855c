// spatial: Vivé, "Variational generation of images by deep spatial architectures", from data to report.
#include <algorithm>
#include <cstdio>

#include "host/experiment/findings.h"
#include "host/experiment/likelihood_table.h"
#include "host/experiment/presentation.h"
#include "host/experiment/statements.h"
#include "host/experiments/spatial/results.h"
#include "host/latents/commands.h"
#include "host/log.h"
#include "host/programs.h"

namespace warpvae {
namespace {

constexpr const char* kPaper = "Vivé";
const std::vector<std::string> kChoosing = {"rows", "latents"};
constexpr const char* kLesson = R"(
Examples
  spatial report --quick --out runs/quick                            a first look, a few minutes on two cores
  spatial table --rows raw,pca --semantics paper --out runs/pca      exact numbers, no training
  spatial table --latents 8 --seeds 3 --out runs/spatial             trained rows too
  spatial table --resume runs/spatial                                go on after Ctrl-C, a crash, a power cut: the same bits
  spatial sample --resume runs/spatial --rows affine-tvae --pose average
  spatial encode --resume runs/spatial --part train,test --draws 5   latents and poses of all images, for NumPy
  spatial decode runs/spatial/latents/affine-tvae-z8-seed1/test/means.npy --rows affine-tvae --resume runs/spatial
  spatial traverse 3 --resume runs/spatial --dims rotation,x,0,1     test image 3, turned, moved and changed
  spatial denoise --resume runs/spatial --rows tps-tvae scan.png     writes runs/spatial/denoised/
  spatial train --train-noise none,gaussian --train-noise-target clean,noisy --out runs/noise
  spatial denoise --resume runs/noise                                does a model restore more that was trained on noise?
  spatial dimensions --rows vae --seeds 5 --out runs/sizes           Figure 5, and whether 25 latents are best
  spatial priors --draws 1000 --out runs/priors                      correlations of u and log p(x) under P0 to P5
  spatial report --quick --dataset glyphs --out runs/poses           digits in known poses: what u tells of them
  spatial pose --resume runs/poses --rows tps-tvae
)";

class SpatialProgram : public PaperProgram<SpatialExperiment, SpatialOptions> {
  public:
    SpatialProgram()
        : PaperProgram(
              "spatial",
              "Spatial transformers in variational auto-encoders (Vivé): the pose of a digit as a latent of its "
              "own.",
              {.data = {}, .epochs = 50, .batch = 100, .learning_rate = 1}) {
        add({"table",
             "Table 1: a linear SVM on pixels, principal components and the latents of every model, beside the paper's",
             [&] { table(); }});
        add({"figures", "Figures 5 to 12; trains the models that they need and the run has not", [&] { figures(); }});
        add({"train", "train the models of --rows without evaluating them: weights, checkpoints, metrics",
             [&] { experiment_->train(experiment_->replicas()); }});
        add_for_a_run("evaluate", "the table of the models that a run has trained, without training more",
                      [&] { evaluate(); });
        add_latent_commands(*this, latents_, latent_supply());
        add({"dimensions", "Figure 5 for every seed: the models of --rows at each size of --totals, and which is best",
             [&] { dimensions(); }});
        add({"priors",
             "correlations of u and log p(x) under the priors P0 to P5, dim(z) = 14, trained where the run has not "
             "(a run of its own takes 3 seeds and 500 images unless you say otherwise)",
             [&] { priors(); }});
        add_for_a_run("likelihood",
                      "log p(x) by importance sampling and by sampling the prior, and how tight the bound is",
                      [&] { show_table(experiment_->out(), likelihoods(trained()), "likelihood"); });
        add_for_a_run("denoise", "PSNR and ELBO under three kinds of noise; with IMAGES, clean them up",
                      [&] { denoise(); }, {"IMAGES", "pictures of your own, PNG, JPEG or IDX", 0, 100000});
        add_for_a_run("pose", "on glyphs, grey or in colour, whose poses are known: pose recovery and equivariance",
                      [&] {
                          SpatialResults run;
                          recover_poses(trained(), run);
                          print_figures(run.figures);
                      });
        add({"report", "all of these and report.html, one page with everything", [&] { report(); }});
        grids({{"epochs", "2"},
               {"seeds", "2"},
               {"latents", "8"},
               {"rows", "pca,vae,affine-tvae,tps-tvae,affine-dtvae"},
               {"draws", "500"},
               {"likelihood-images", "20"}},
              {{"epochs", "50"},
               {"seeds", "10"},
               {"latents", "8,20"},
               {"train-noise", "none,gaussian"},
               {"train-noise-target", "clean,noisy"}});
        teach(kLesson);
    }

  protected:
    void resolve() override {
        require_known_poses(options.dataset);
        if (command() == "priors" && !options.quick) {
            preset({{"likelihood-images", "500"}}, "priors");
            if (options.grid != "paper") preset({{"seeds", "3"}}, "priors");
        }
        // The paper's rot-MNIST has 1,500 training images.
        if (options.dataset == "mnist-rot") preset({{"train-images", "1500"}}, "--dataset mnist-rot");
    }
    void check(const DataSet& data) const override {
        require_known_poses(data.name);
        for (const char* evaluates : {"table", "figures", "dimensions", "priors", "evaluate", "report"})
            if (command() == evaluates) require_classes(data, std::size_t(LinearSvmOptions().folds));
    }

  private:
    LatentSupply latent_supply() {
        LatentSupply supply;
        supply.all = [this] { return latent_subjects<LoadedSpatial>(*experiment_, trained()); };
        supply.first_seeds = [this] { return latent_subjects<LoadedSpatial>(*experiment_, first_of_each(trained())); };
        supply.images = [this](Part part) -> const ImageSet& {
            return part == Part::kTrain ? data().train : data().test;
        };
        supply.has_pose = true;
        return supply;
    }

    void require_known_poses(const std::string& set) const {
        if (command() == "pose" && !has_known_poses(set) && set != "auto")
            throw UsageError("pose needs images of known poses: a run with --dataset glyphs or glyphs-colour");
    }

    /// The models of the command line that are trained; of restarts the one that counts.
    std::vector<SpatialReplica> trained() {
        std::vector<SpatialReplica> found = experiment_->trained(experiment_->replicas());
        if (paper_.restarts == 1) return found;
        experiment_->train_and_evaluate(found);
        return best_restarts(found);
    }

    /// The rows without a model and these replicas, which are evaluated, as the table.
    SpatialResults measured(std::vector<SpatialReplica> replicas) {
        SpatialResults run;
        run.fixed = experiment_->fixed_scores();
        run.replicas = std::move(replicas);
        run.table = spatial_table(run.replicas, run.fixed, paper_, data().name);
        show_table(experiment_->out(), run.table);
        return run;
    }
    void show(const SpatialResults& run) {
        show_table(experiment_->out(), spatial_models_table(run.replicas, data().name), "models");
        for (const FeatureKind kind : kFeatureKinds) {
            print_fit(run.table, name_of(kind));
            if (!run.replicas.empty())
                print_claims(std::string("\nThe paper's claims, on the posterior's ") + name_of(kind) + ":",
                             spatial_claims(run.replicas, run.fixed, kind));
        }
        experiment_->publish(kPaper, spatial_statements(run, data().name), kChoosing);
        std::printf("\ntable:  %s\n", (experiment_->out() / "table.md").c_str());
    }
    void table() {
        std::vector<SpatialReplica> replicas = experiment_->replicas();
        experiment_->train_and_evaluate(replicas);
        show(measured(std::move(replicas)));
    }
    void evaluate() {
        std::vector<SpatialReplica> replicas = experiment_->replicas();
        if (!replicas.empty()) replicas = experiment_->trained(replicas);
        experiment_->train_and_evaluate(replicas);
        show(measured(std::move(replicas)));
    }

    /// `replicas`, and after them those of `more` that are not among them.
    static std::vector<SpatialReplica> with(std::vector<SpatialReplica> replicas, std::vector<SpatialReplica> more) {
        for (SpatialReplica& replica : more)
            if (std::ranges::find(replicas, replica.name(), &SpatialReplica::name) == replicas.end())
                replicas.push_back(std::move(replica));
        return replicas;
    }
    void figures() {
        std::vector<SpatialReplica> replicas = experiment_->replicas();
        std::erase_if(replicas, [&](const SpatialReplica& replica) { return !experiment_->is_trained(replica); });
        replicas = with(std::move(replicas), figure_replicas(*experiment_));
        experiment_->train_and_evaluate(replicas);
        print_figures(draw_spatial_figures(*experiment_, replicas));
    }

    Table likelihoods(const std::vector<SpatialReplica>& replicas) {
        const auto keys = [](const SpatialReplica& replica) -> Json {
            return {{"model", title_of(replica.model)},
                    {"latents", replica.config.latents},
                    {"prior", name_of(replica.config.prior)}};
        };
        Table table = likelihood_table<LoadedSpatial>(
            "Vivé", *experiment_, replicas, paper_.likelihood,
            keys, [&](const SpatialReplica&) -> auto& { return data().test.images; });
        name_given_pose(table, replicas);
        return table;
    }
    /// Writes the statements that this command measured beside those of earlier ones, and prints its own.
    void publish(const SpatialResults& run, const std::vector<std::string>& own) {
        std::vector<Statement> all = spatial_statements(run, data().name), printed;
        for (const Statement& statement : all)
            if (std::ranges::find(own, statement.id) != own.end()) printed.push_back(statement);
        experiment_->publish(kPaper, std::move(all), kChoosing);
        print_claims("\nThe paper's claims:", printed);
    }
    void dimensions() {
        SpatialResults run;
        run.replicas = dimension_replicas(*experiment_);
        experiment_->train_and_evaluate(run.replicas);
        show_table(experiment_->out(), dimensions_table(run.replicas, data().name), "dimensions");
        print_figures(draw_reconstruction_by_dimension(*experiment_, run.replicas));
        publish(run, {"V4", "V8"});
    }
    void priors() {
        SpatialResults run;
        run.replicas = prior_replicas(*experiment_);
        experiment_->train_and_evaluate(run.replicas);
        show_priors(run);
        publish(run, {"V6", "V9", "V10"});
    }
    /// log p(x) of those of the run's models, which are evaluated, that have the priors to be compared.
    void show_priors(SpatialResults& run) {
        std::vector<SpatialReplica> replicas = prior_replicas(*experiment_);
        for (SpatialReplica& replica : replicas)
            replica = *std::ranges::find(run.replicas, replica.name(), &SpatialReplica::name);
        run.priors = measure_priors(*experiment_, replicas);
        show_table(experiment_->out(), priors_table(run.priors, *experiment_), "priors");
    }
    std::vector<DenoisedGroup> show_denoising(const std::vector<SpatialReplica>& replicas) {
        std::vector<DenoisedGroup> groups = measure_denoising(*experiment_, replicas);
        show_table(experiment_->out(), denoising_table(groups, data().name), "denoising");
        show_table(experiment_->out(), denoising_worst_table(groups, data().name), "denoising_worst");
        return groups;
    }
    void denoise() {
        const std::vector<SpatialReplica> replicas = trained();
        if (operands().empty()) {
            SpatialResults run;
            run.denoising = show_denoising(replicas);
            return publish(run, {"V7", "V7a", "V7b", "V7c"});
        }
        if (first_of_each(replicas).size() > 1)
            log_info("several models are trained: " + replicas.front().name() +
                     " cleans up (choose with --rows, --latents)");
        denoise_user_images(*experiment_, replicas.front(), {operands().begin(), operands().end()},
                            experiment_->out() / "denoised");
    }
    /// Pose recovery and equivariance, where the poses are known.
    void recover_poses(const std::vector<SpatialReplica>& replicas, SpatialResults& run) {
        const GlyphSet glyphs = pose_test_glyphs(data().name, options.quick ? 2000 : 10000);
        ImageSet few = glyphs.set;
        few.truncate(1000);
        run.recovery = pose_recovery_table(*experiment_, replicas, glyphs);
        run.equivariance = equivariance_table(*experiment_, replicas, few);
        append(run.figures, draw_pose_figures(*experiment_, replicas, glyphs));
        show_table(experiment_->out(), run.recovery, "pose_recovery");
        show_table(experiment_->out(), run.equivariance, "equivariance");
    }

    void report() {
        const auto& out = experiment_->out();
        const std::size_t of_table = experiment_->replicas().size();
        std::vector<SpatialReplica> all =
            with(with(experiment_->replicas(), figure_replicas(*experiment_)), prior_replicas(*experiment_));
        experiment_->train_and_evaluate(all);  // at once: the processes of a shared run divide them
        const std::vector<SpatialReplica> own(all.begin(), all.begin() + std::ptrdiff_t(of_table));
        std::vector<SpatialReplica> on_clean = own;  // those trained on noise are for the section on denoising
        if (std::erase_if(on_clean, [](const SpatialReplica& r) { return r.has_noise(); }) == own.size())
            on_clean = own;
        SpatialResults run = measured(std::move(on_clean));
        const std::vector<SpatialReplica> all_seeds = best_restarts(own),
                                          ready = first_of_each(best_restarts(run.replicas));
        run.replicas = std::move(all);
        show_table(out, run.models = spatial_models_table(run.replicas, data().name), "models");
        run.figures = draw_spatial_figures(*experiment_, run.replicas);
        show_priors(run);
        show_table(out, run.likelihood = likelihoods(ready), "likelihood");
        run.denoising = show_denoising(all_seeds);
        if (has_known_poses(data().name)) recover_poses(ready, run);
        experiment_->publish(kPaper, spatial_statements(run, data().name), kChoosing);
        run.findings = show_findings(out, kPaper, experiment_->statements_origin(kChoosing),
                                     spatial_findings(run, paper_.centre, data().name));
        write_spatial_report(*experiment_, run);
    }

    LatentOptions latents_;
};

}  // namespace

std::unique_ptr<Program> spatial_program() { return std::make_unique<SpatialProgram>(); }

}  // namespace warpvae
