// geometry: Peste, Malago and Sarbu (2017), "An Explanatory Analysis of the Geometry of Latent Variables Learned by
// Variational Auto-Encoders", from data to report.
#include <cstdio>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiment/statements.h"
#include "host/experiments/geometry/results.h"
#include "host/latents/commands.h"
#include "host/log.h"
#include "host/programs.h"

namespace warpvae {
namespace {

const std::vector<std::string> kChoosing = {"alphas", "latents"};
constexpr const char* kLesson = R"(
Examples
  geometry report --quick --out runs/geometry
  geometry table --alphas -inf,0,0.5,1 --latents 30 --epochs 50 --seeds 1 --out runs/orders
  geometry table --resume runs/orders                          go on after Ctrl-C, a crash, a power cut: the same bits
  geometry interpolate 0 50 --resume runs/geometry             test images 0 and 50
  geometry interpolate 3 17 --curve argo --resume runs/geometry
  geometry encode --latents 30 --draws 5 --resume runs/geometry    latents of the test set, for NumPy and PyTorch
  geometry decode runs/geometry/latents/k30-alpha0-seed1/test/means.npy --alphas 0 --latents 30 --resume runs/geometry
  geometry traverse 3 --dims 0,1,2 --span 2 --resume runs/geometry
  geometry sample --latents 30 --sheet 12 --resume runs/geometry
  geometry likelihood --likelihood-samples 5000 --likelihood-images 1000 --resume runs/geometry
)";

class GeometryProgram : public PaperProgram<GeometryExperiment, GeometryOptions> {
  public:
    GeometryProgram()
        : PaperProgram(
              "geometry",
              "The geometry of a VAE's latents (Peste, Malago and Sarbu 2017): Renyi bounds of every order, what "
              "latents carry, and paths on the Fisher-Rao manifold.",
              {.data = {}, .seeds = 10, .epochs = 1000, .batch = 100}) {
        add({"table",
             "the paper's numbers: informative components, bounds and log p(x), linear separability, and its "
             "statements N2 to N8; trains every alpha, k and seed and the models of Figure 3, and evaluates them",
             [&] { table(experiment_->replicas()); }});
        add({"figures", "Figures 1 to 5; trains and evaluates what they need and the run has not", [&] {
                 std::vector<GeometryReplica> replicas = experiment_->replicas();
                 experiment_->train_and_evaluate(replicas);
                 print_figures(draw_geometry_figures(*experiment_, replicas));
             }});
        add({"train",
             "train the models of --alphas and --latents without evaluating them: weights, checkpoints, metrics",
             [&] { experiment_->train(experiment_->table_replicas()); }});
        add_for_a_run("evaluate", "the table of the models that a run has trained, without training more",
                      [&] { table(experiment_->trained(experiment_->replicas())); });
        add_latent_commands(*this, latents_, latent_supply());
        add_for_a_run("likelihood",
                      "log p(x) of the test set by importance sampling, effective sample sizes, by every trained model",
                      [&] { likelihood(); });
        add({"report", "table and figures on one page: report.html", [&] {
                 GeometryReport report = table(experiment_->replicas());
                 report.figures = draw_geometry_figures(*experiment_, report.replicas);
                 report.findings = show_findings(experiment_->out(), report.components.paper,
                                                 experiment_->statements_origin(kChoosing), geometry_findings(report));
                 write_geometry_report(*experiment_, report);
             }});
        grids({{"alphas", "0,0.5,1"},
               {"latents", "30"},
               {"separability-latents", "10,30,50"},
               {"samples", "5"},
               {"likelihood-images", "2000"},
               {"epochs", "20"},
               {"seeds", "1"},
               {"checkpoint-every", "5"}},
              {{"epochs", "1000"}, {"seeds", "10"}});
        teach(kLesson);
    }

  protected:
    void resolve() override {
        preset(paper_.preset, "--preset");
        // Densities are of grey levels.
        if (paper_.model.likelihood != Likelihood::kBernoulli)
            preset({{"binarise", "grey"}, {"clip-probability", "0"}}, "--likelihood");
        paper_.interpolation.seed = options.seed;
        require_divergence();
    }
    void check(const DataSet& data) const override {
        require_classes(data, 1);
        if (data.train.channels > 1 && paper_.binarisation != Binarisation::kGrey)
            log_info("of each colour every pixel is drawn black or white; --binarise grey keeps the levels");
        if (data.test.count() < 2)
            throw UsageError("--test-images " + std::to_string(data.test.count()) +
                             ": the covariance of posterior means needs two test images at least");
    }

  private:
    /// Only the ELBO with its divergence in closed form has one that a setting could weigh.
    void require_divergence() const {
        if (options.divergence.counts_all()) return;
        const std::string setting = options.divergence.warmup_epochs > 0 ? "--kl-warmup" : "--free-bits";
        for (const double alpha : paper_.alphas)
            if (alpha != 1)
                throw UsageError(setting + " weighs the divergence of the ELBO, and a bound of order " +
                                 number_text(alpha) + " has none of its own: choose --alphas 1");
        if (!paper_.model.analytic_kl)
            throw UsageError(setting + " weighs the divergence, which --kl mc has not: choose --kl analytic");
    }
    LatentSupply latent_supply() {
        LatentSupply supply;
        supply.all = [this] { return geometry_latents(*experiment_, trained()); };
        supply.first_seeds = [this] { return geometry_latents(*experiment_, first_of_each(trained())); };
        supply.images = [this](Part part) -> const ImageSet& {
            return part == Part::kTrain ? experiment_->seen_train_set() : experiment_->test_set();
        };
        supply.as_seen = [this](auto grey) { return experiment_->as_seen(std::move(grey)); };
        return supply;
    }

    /// Trains and reads these replicas, prints and writes their tables and the statements.
    GeometryReport table(std::vector<GeometryReplica> replicas) {
        log_info(std::to_string(replicas.size()) + " models, " + std::to_string(options.epochs) + " epochs each");
        experiment_->train_and_evaluate(replicas);
        GeometryReport report;
        report.replicas = replicas;
        report.components = geometry_components_table(replicas, paper_, data().name);
        report.axes = geometry_axes_table(replicas, data().name);
        report.separability = geometry_separability_table(replicas, data().name);
        show_table(experiment_->out(), report.components);
        show_table(experiment_->out(), report.axes, "axes");
        show_table(experiment_->out(), report.separability, "separability");
        if (paper_.pairs)
            report.transitions =
                measure_transitions(*experiment_, replicas.front(), paper_.pairs, paper_.interpolation);
        report.claims = geometry_claims(replicas, report.transitions);
        experiment_->publish(report.components.paper, report.claims, kChoosing);
        print_claims("The paper's statements:", report.claims);
        return report;
    }

    std::vector<GeometryReplica> trained() const { return experiment_->trained(experiment_->table_replicas()); }
    void likelihood() {
        std::vector<GeometryReplica> replicas = trained();
        experiment_->estimate_likelihoods(replicas);
        show_table(experiment_->out(), geometry_likelihood_table(replicas, data().name), "likelihood");
    }

    LatentOptions latents_;
};

}  // namespace

std::unique_ptr<Program> geometry_program() { return std::make_unique<GeometryProgram>(); }

}  // namespace warpvae
