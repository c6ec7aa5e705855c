// geometry: Peste, Malago and Sarbu (2017), "An Explanatory Analysis of the Geometry of Latent Variables Learned by
// Variational Auto-Encoders", from data to report.
#include <cstdio>

#include "data/user_images.h"
#include "host/experiment/presentation.h"
#include "host/experiment/statements.h"
#include "host/experiments/geometry/results.h"
#include "host/log.h"
#include "host/programs.h"

namespace warpvae {
namespace {

constexpr const char* kLesson = R"(
Grids (what --grid sets, unless you say otherwise)
  quick        k = 30, alpha 0, 0.5, 1, K = 5, 20 epochs, 1 seed: some ten minutes on two cores (also --quick)
  paper        all alphas and k, K = 10, 1000 epochs, 10 seeds: the defaults

Examples
  geometry report --quick --out runs/geometry
  geometry table --alphas -inf,0,0.5,1 --latents 30 --epochs 50 --seeds 1 --out runs/orders
  geometry table --resume runs/orders                          go on after Ctrl-C, a crash, a power cut: the same bits
  geometry interpolate 0 50 --resume runs/geometry             test images 0 and 50
  geometry interpolate 3 17 --curve argo --resume runs/geometry
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
        add_for_a_run(
            "interpolate",
            "from one image to another in five ways (Figure 5), by the first trained model of --alphas and --latents",
            [&] { interpolate_images(); },
            {"images", "two images: numbers of the test set, or PNG or IDX files", 2, 2});
        add_for_a_run("sample", "a sheet of samples of each trained model of --alphas and --latents", [&] {
            const auto trained = experiment_->trained(experiment_->table_replicas());
            print_figures(draw_samples(*experiment_, first_of_each(trained), paper_.sheet));
        });
        add_for_a_run("likelihood",
                      "log p(x) of the test set by importance sampling, effective sample sizes, by every trained model",
                      [&] { likelihood(); });
        add({"report", "table and figures on one page: report.html", [&] {
                 GeometryReport report = table(experiment_->replicas());
                 report.figures = draw_geometry_figures(*experiment_, report.replicas);
                 write_geometry_report(*experiment_, report);
             }});
        grids({{"alphas", "0,0.5,1"},
               {"latents", "30"},
               {"separability-latents", "10,30,50"},
               {"samples", "5"},
               {"epochs", "20"},
               {"seeds", "1"},
               {"checkpoint-every", "5"}},
              {{"epochs", "1000"}, {"seeds", "10"}});
        teach(kLesson);
    }

  protected:
    void resolve() override {
        preset(paper_.preset, "--preset");
        paper_.interpolation.seed = options.seed;
    }
    void check(const DataSet& data) const override {
        require_classes(data, 1);
        if (data.test.count() < 2)
            throw UsageError("--test-images " + std::to_string(data.test.count()) +
                             ": the covariance of posterior means needs two test images at least");
    }

  private:
    /// Trains and reads these replicas, prints and writes their tables and the statements.
    GeometryReport table(std::vector<GeometryReplica> replicas) {
        log_info(std::to_string(replicas.size()) + " models, " + std::to_string(options.epochs) + " epochs each");
        experiment_->train_and_evaluate(replicas);
        GeometryReport report;
        report.replicas = replicas;
        report.components = geometry_components_table(replicas, paper_, data().name);
        report.separability = geometry_separability_table(replicas, data().name);
        show_table(experiment_->out(), report.components);
        show_table(experiment_->out(), report.separability, "separability");
        std::optional<TransitionStatistics> transitions;
        if (paper_.pairs)
            transitions = measure_transitions(*experiment_, replicas.front(), paper_.pairs, paper_.interpolation);
        report.claims = geometry_claims(replicas, transitions);
        write_statements(experiment_->out(), report.components.paper, report.claims);
        print_claims("The paper's statements:", report.claims);
        return report;
    }

    /// "17": test image 17 as the models see it; else the picture in that file.
    std::vector<std::uint8_t> image_of(const std::string& text) const {
        const ImageSet& test = experiment_->test_set();
        if (const auto number = whole<std::size_t>(0, std::size_t(1) << 60).read(text)) {
            if (*number >= test.count())
                throw UsageError("\"" + text + "\": there are " + std::to_string(test.count()) +
                                 " test images, from 0");
            const auto image = test.image(*number);
            return {image.begin(), image.end()};
        }
        const std::vector<UserImage> images = read_user_images({text}, test.height, test.width);
        if (!images[0].note.empty()) log_info(images[0].name + ": " + images[0].note);
        return experiment_->as_seen(images[0].pixels);
    }
    void interpolate_images() {
        const GeometryReplica replica = experiment_->trained(experiment_->table_replicas()).front();
        const auto a = image_of(operands()[0]), b = image_of(operands()[1]);
        const auto loaded = experiment_->load(replica, 128);
        const TransitionFrames transition = interpolate(*loaded, a, b, paper_.interpolation);
        const auto plain = [&](int i) { return std::filesystem::path(operands()[i]).stem().string(); };
        const auto sheet = experiment_->figure("interpolation-" + plain(0) + "-" + plain(1));
        draw_interpolation(sheet, transition, data().test.height, data().test.width,
                           replica.name() + ", " + name_of(paper_.interpolation.curve));
        std::printf("model %s, Fisher-Rao distance %.2f\n", replica.name().c_str(), transition.distance);
        for (std::size_t row = 0; row < kTransitions.size(); ++row)
            std::printf("%-28s changes over at frame %d of %d\n", name_of(kTransitions[row]),
                        transition.change[row] + 1, transition.steps);
        std::printf("sheet: %s\n", sheet.c_str());
    }
    void likelihood() {
        std::vector<GeometryReplica> replicas = experiment_->trained(experiment_->table_replicas());
        experiment_->estimate_likelihoods(replicas);
        show_table(experiment_->out(), geometry_likelihood_table(replicas, data().name), "likelihood");
    }
};

}  // namespace

std::unique_ptr<Program> geometry_program() { return std::make_unique<GeometryProgram>(); }

}  // namespace warpvae
