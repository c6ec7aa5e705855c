// invariance: Mills (2024), "Invariance in Variational Auto-Encoders", from data to report.
#include <cstdio>

#include "host/core/shares.h"
#include "host/experiment/findings.h"
#include "host/experiment/likelihood_table.h"
#include "host/experiment/presentation.h"
#include "host/experiment/statements.h"
#include "host/experiments/invariance/results.h"
#include "host/latents/commands.h"
#include "host/programs.h"

namespace warpvae {
namespace {

const std::vector<std::string> kChoosing = {"train-set", "latents"};
constexpr const char* kLesson = R"(
Examples
  invariance report --quick --out runs/quick                      a first look, a few minutes on two cores
  invariance table --latents 10,20,50,100 --seeds 3 --out runs/invariance
  invariance table --resume runs/invariance                       go on after Ctrl-C, a crash, a power cut: the same bits
  invariance train --train-set rt --latents 20 --seed 7 --out runs/one
  invariance table --train-images 1000 --beta 4 --out runs/few    little data, a beta-VAE
  invariance encode --resume runs/invariance --latents 20         the test set's latents, for NumPy and PyTorch
  invariance decode runs/invariance/latents/s-z20-seed1/test/means.npy --train-set s --latents 20 --resume runs/invariance
  invariance traverse --resume runs/invariance --latents 20       walks along its latents, in motion too
  invariance sample --resume runs/invariance --latents 20         a sheet of samples for each training set
  invariance likelihood --resume runs/invariance --latents 20 --draws 500   log p(x), and how tight the bound is
  invariance reduced --resume runs/invariance                     add to the run what fewer images do
)";

class InvarianceProgram : public PaperProgram<InvarianceExperiment, InvarianceOptions> {
  public:
    InvarianceProgram()
        : PaperProgram(
              "invariance",
              "Invariance in variational auto-encoders (Mills 2024): how well do a VAE's latents tell digits apart "
              "when the digits are turned and scaled?",
              {}) {
        add({"table", "train every model of Table 2, evaluate it, print the table beside the paper's",
             [&] { table(); }});
        add({"figures", "train what is missing and draw: Figure 1, learning curves, reconstructions, samples, walks",
             [&] { figures(); }});
        add({"train", "train models without evaluating them: weights, checkpoints, metrics",
             [&] { experiment_->train(experiment_->replicas()); }});
        add_for_a_run("evaluate", "the table of the models that a run has trained, without training more",
                      [&] { evaluate(); });
        add_latent_commands(*this, latents_, latent_supply());
        add_for_a_run("likelihood",
                      "log p(x) by importance sampling and by sampling the prior, and how tight the bound is",
                      [&] { likelihood(); });
        add({"reduced",
             "accuracy against the number of training images: the VAE of N = 20 and the benchmarks, trained "
             "equally long: --epochs is for the largest",
             [&] { reduced(); }});
        add({"report", "table, figures (and reduced, if the run has it) on one page: report.html", [&] { report(); }});
        grids({{"epochs", "2"}, {"latents", "10,20,50"}, {"seeds", "1"}},
              {{"epochs", "10"}, {"latents", "10,20,50,100"}, {"seeds", "10"}});
        teach(kLesson);
    }

  protected:
    void check(const DataSet& data) const override {
        require_classes(data, 1);
        if (command() != "reduced") return;
        require_labelled(data);
        if (!share().is_alone())
            throw UsageError("reduced trains one set of images after the other and cannot be dealt out: run it alone");
    }

  private:
    LatentSupply latent_supply() {
        LatentSupply supply;
        supply.all = [this] { return latent_subjects<LoadedVae>(*experiment_, trained()); };
        supply.first_seeds = [this] { return latent_subjects<LoadedVae>(*experiment_, first_of_each(trained())); };
        supply.images = [this](Part part) -> const ImageSet& {
            return part == Part::kTrain ? data().train : data().test;
        };
        return supply;
    }

    std::vector<InvarianceReplica> trained() const { return experiment_->trained(experiment_->replicas()); }
    /// Prints and writes the tables of these replicas.
    Table show(const std::vector<InvarianceReplica>& replicas, const std::vector<InvarianceBenchmark>& benchmarks) {
        const Table table = invariance_table(replicas, benchmarks, data().name);
        show_table(experiment_->out(), table);
        show_table(experiment_->out(), active_units_table(replicas, data().name), "active_units");
        for (const FeatureKind kind : kFeatureKinds) print_fit(table, name_of(kind));
        for (const FeatureKind kind : kFeatureKinds)
            print_claims(std::string("\nThe paper's claims, on the posterior's ") + name_of(kind) + ":",
                         invariance_claims(replicas, kind));
        experiment_->publish(table.paper, invariance_statements(replicas, table), kChoosing);
        std::printf("\ntable:  %s\n", (experiment_->out() / "table.md").c_str());
        return table;
    }
    std::pair<std::vector<InvarianceReplica>, Table> table() {
        std::vector<InvarianceReplica> replicas = experiment_->replicas();
        const std::vector<InvarianceBenchmark> benchmarks = experiment_->benchmarks();  // first: dealt out like models
        experiment_->train_and_evaluate(replicas);
        const Table shown = show(replicas, benchmarks);
        return {replicas, shown};
    }
    void evaluate() {
        std::vector<InvarianceReplica> replicas = trained();
        experiment_->train_and_evaluate(replicas);
        show(replicas, experiment_->trained_benchmarks());
    }
    void figures() {
        experiment_->train(experiment_->replicas());
        print_figures(draw_invariance_figures(*experiment_, nullptr));
    }
    void likelihood() {
        const auto keys = [&](const InvarianceReplica& replica) -> Json {
            return {{"train", set_name(replica.train, data().name)}, {"latents", replica.latents}};
        };
        const auto images = [&](const InvarianceReplica& replica) { return experiment_->test_images(replica); };
        show_table(
            experiment_->out(),
            likelihood_table<LoadedVae>("Mills (2024)", *experiment_, trained(), paper_.likelihood, keys, images),
            "likelihood");
    }
    void reduced() {
        const Table table = reduced_table(train_reduced(*experiment_, paper_.reduced_to), data().name);
        show_table(experiment_->out(), table, "reduced");
        print_figures(draw_reduced(*experiment_, table));
    }
    void report() {
        const auto [replicas, shown] = table();
        const std::vector<Statement> findings =
            show_findings(experiment_->out(), shown.paper, experiment_->statements_origin(kChoosing),
                          invariance_findings(replicas, paper_, data().name));
        write_invariance_report(*experiment_, replicas, shown, findings, draw_invariance_figures(*experiment_, &shown));
    }

    LatentOptions latents_;
};

}  // namespace

std::unique_ptr<Program> invariance_program() { return std::make_unique<InvarianceProgram>(); }

}  // namespace warpvae
