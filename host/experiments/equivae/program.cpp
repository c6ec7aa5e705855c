// equivae: Feige (2019), "Invariant-Equivariant Representation Learning for Multi-Class Data", from data to report.
#include <cstdio>

#include "host/experiment/findings.h"
#include "host/experiment/presentation.h"
#include "host/experiment/statements.h"
#include "host/experiments/equivae/results.h"
#include "host/latents/commands.h"
#include "host/programs.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPaper = "Feige (2019)";
const std::vector<std::string> kChoosing = {"labels", "mixing", "labelled-weight"};

constexpr const char* kLesson = R"(
Examples
  equivae table --epochs 10 --seeds 1 --out runs/equivae              some ten minutes on two cores
  equivae table --which semi --labels 100 --out runs/few              with 100 labels
  equivae table --resume runs/equivae                                 go on after Ctrl-C, a crash, a power cut
  equivae generate --classes 4,7 --rows 5 --resume runs/equivae
  equivae generate scan.png --resume runs/equivae                     every digit in the style of scan.png
  equivae encode --resume runs/equivae                                r and v of the test set, for NumPy and PyTorch
  equivae interpolate 3 18 --resume runs/equivae                      test image 3 becomes 18, in motion too
  equivae classify scan.png --resume runs/equivae
  equivae report --quick --dataset glyphs-colour --out runs/colour    a first look, in colour
)";

class EquivaeProgram : public PaperProgram<EquivaeExperiment, EquivaeOptions> {
  public:
    EquivaeProgram()
        : PaperProgram(
              "equivae",
              "Invariant and equivariant latents (Feige 2019): what a class's images share goes through r, all "
              "else through v.",
              {.data = {}, .seeds = 5, .epochs = 0, .batch = 32}) {
        add({"table",
             "--which supervised: Table 1, error rates with all labels; --which semi: Table 2, with few; and the "
             "paper's claims. Trains the models and the classifiers that they are compared with",
             [&] { show(experiment_->replicas(paper_.which)); }});
        add({"figures", "Figures 3 to 5; trains the models that they need and the run has not",
             [&] { print_figures(figures()); }});
        add({"train", "train the models of --which without evaluating them: weights, checkpoints, metrics",
             [&] { experiment_->train(experiment_->replicas(paper_.which)); }});
        add_for_a_run("evaluate", "the tables of the models that a run has trained, without training more of them",
                      [&] { show(experiment_->trained(all_replicas())); });
        add_for_a_run("classify", "the classes of pictures, by the first model of --which that the run has trained",
                      [&] { classify(); }, {"IMAGES", "pictures of your own, PNG, JPEG or IDX", 1, kMostImages});
        add_for_a_run(
            "generate",
            "what the paper generates: a sheet of digits, columns classes (--classes), rows styles drawn from "
            "the prior (--rows), or the styles of IMAGES",
            [&] { generate(); },
            {"IMAGES", "pictures of your own, PNG, JPEG or IDX; none: draws of the prior", 0, kMostImages});
        add_latent_commands(*this, latents_, latent_supply());
        add({"report", "both tables, the ablation and the figures on one page: report.html", [&] { report(); }});
        grids({{"epochs", "5"},  // in minibatches of 32 all along: few images need every step
               {"phases", "1"},
               {"seeds", "1"},
               {"labels", "100"},
               {"train-images", "12000"},
               {"test-images", "2000"},
               {"mixing", "paired,sum"},
               {"benchmark-steps", "500"},
               {"judge-steps", "130"}},
              {{"epochs", "0"}, {"seeds", "5"}, {"labels", "100,600,1000,3000"}, {"mixing", "paired,sum"}});
        teach(kLesson);
    }

  protected:
    void check(const DataSet& data) const override {
        require_labelled(data);
        require_size(data);
        require_classes(data, 1);
        require_split(data.train);
        for (const char* evaluates : {"table", "evaluate", "report"})
            if (command() == evaluates) require_evaluable(data);
        const bool of_table = command() == "table" || command() == "train";
        if (command() != "report" && !(of_table && paper_.which == EquivaeKind::kSemiSupervised)) return;
        for (const int labels : paper_.labels) require_labels(data.train, labels);
    }

  private:
    LatentSupply latent_supply() {
        LatentSupply supply;
        supply.all = [this] { return equivae_latents_of(*experiment_, trained()); };
        supply.first_seeds = [this] { return equivae_latents_of(*experiment_, first_of_each(trained())); };
        supply.images = [this](Part part) -> const ImageSet& {
            return part == Part::kTrain ? data().train : data().test;
        };
        supply.classes = [this] { return chosen_classes(); };
        return supply;
    }

    static constexpr int kMostImages = 100000;

    /// Trains and reads these replicas, prints and writes the tables that they have rows in.
    EquivaeReport show(std::vector<EquivaeReplica> replicas) {
        experiment_->train_and_evaluate(replicas);
        EquivaeReport run;
        run.replicas = replicas;
        const auto has = [&](EquivaeKind kind) {
            return std::any_of(replicas.begin(), replicas.end(), [&](const auto& r) { return r.kind == kind; });
        };
        if (has(EquivaeKind::kSupervised)) run.supervised = equivae_supervised_table(replicas, data().name);
        if (has(EquivaeKind::kSemiSupervised)) run.semi = equivae_semi_table(replicas, data().name);
        run.latents = equivae_latents_table(replicas, data().name);
        show_table(experiment_->out(), run.supervised);
        show_table(experiment_->out(), run.semi, "table_semi");
        show_table(experiment_->out(), run.latents, "latents");
        experiment_->publish(kPaper, equivae_statements(replicas, data().name), kChoosing);
        print_claims("The paper's claims:", equivae_claims(replicas));
        return run;
    }
    std::vector<EquivaeReplica> all_replicas() const {
        std::vector<EquivaeReplica> all;
        for (const EquivaeKind kind :
             {EquivaeKind::kSupervised, EquivaeKind::kSemiSupervised, EquivaeKind::kUnsupervised})
            for (const EquivaeReplica& replica : experiment_->replicas(kind)) all.push_back(replica);
        return all;
    }
    std::vector<FigureFile> figures() {
        experiment_->train(experiment_->shown_replicas());
        return draw_equivae_figures(*experiment_);
    }
    void report() {
        experiment_->train_beside_the_next(experiment_->shown_replicas());
        EquivaeReport run = show(all_replicas());
        run.figures = figures();
        run.findings = show_findings(experiment_->out(), kPaper, experiment_->statements_origin(kChoosing),
                                     equivae_findings(run.replicas));
        write_equivae_report(*experiment_, run);
    }
    std::vector<EquivaeReplica> trained() const { return experiment_->trained(experiment_->replicas(paper_.which)); }
    EquivaeReplica first_trained() const { return trained().front(); }
    std::vector<fs::path> pictures() const { return {operands().begin(), operands().end()}; }
    void classify() {
        const fs::path sheet = experiment_->figure("classified");
        for (const ClassifiedImage& image : classify_user_images(*experiment_, first_trained(), pictures(), sheet)) {
            const auto read = [&](const char* how, const ReadClass& c) {
                std::printf("%-24s %-10s %s (%.3f), then %s (%.3f)\n", image.image.name.c_str(), how,
                            data().class_name(c.first).c_str(), c.probability, data().class_name(c.second).c_str(),
                            c.second_probability);
            };
            read("distance", image.distance);
            if (image.classifier) read("q(y|x)", *image.classifier);
        }
        std::printf("sheet: %s\n", sheet.c_str());
    }
    std::vector<int> chosen_classes() const {
        std::vector<int> classes = paper_.classes;
        for (int k = 0; paper_.classes.empty() && k < experiment_->split().classes; ++k) classes.push_back(k);
        return classes;
    }
    void generate() {
        const fs::path sheet = experiment_->figure(operands().empty() ? "generated" : "restyled");
        draw_samples(sheet, *experiment_, first_trained(), chosen_classes(), paper_.rows, pictures());
        std::printf("sheet: %s\n", sheet.c_str());
    }

    LatentOptions latents_;
};

}  // namespace

std::unique_ptr<Program> equivae_program() { return std::make_unique<EquivaeProgram>(); }

}  // namespace warpvae
