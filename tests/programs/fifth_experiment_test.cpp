// A fifth experiment, written as docs/extending.md says, so that what it says stays true: beta-VAEs (Higgins et al.
// 2017) on glyphs, whose poses are known. Does a larger beta tell the numbers of the pose apart? The table has R^2 of
// each number read linearly from the mean of z, and how many latents are in use.
#include <gtest/gtest.h>

#include <optional>

#include "data/files.h"
#include "host/evaluate/elbo.h"
#include "host/evaluate/features.h"
#include "host/evaluate/pose_recovery.h"
#include "host/experiment/presentation.h"
#include "host/experiment/program.h"
#include "models/dense_vae.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

// --- settings --------------------------------------------------------------------------------------------------------

struct DisentangleOptions {
    std::vector<double> betas = {1, 4};
    int latents = 10;
    std::vector<int> hidden = {64};
};
void add_settings(Settings& s, DisentangleOptions& o) {
    s.group("Models");
    s.add("betas", o.betas, kTraining, number(at_least(0)), "weights of the divergence");
    s.add("latents", o.latents, kTraining, whole(1, 64), "dimensions of z");
    s.add_sequence("hidden", o.hidden, kTraining, whole(1, 4096), "hidden widths of the encoder");
}

// --- replicas and what is read from them -----------------------------------------------------------------------------

struct DisentangleReplica : Replica {
    double beta = 1;
    std::array<double, kPoseNumbers> r2{};
    int active_units = 0;

    std::string group() const override { return "beta" + number_text(beta); }
    Values own() const override { return {{"betas", number_text(beta)}}; }
    void fields(Fields& f) override {
        f("r2", r2);
        f("active_units", active_units);
    }
};

DenseVaeConfig config_of(const DisentangleOptions& o, double beta) {
    DenseVaeConfig config;
    config.hidden = o.hidden, config.latents = o.latents, config.beta = beta;
    return config;
}

class DisentangleEnsemble : public Ensemble {
  public:
    DisentangleEnsemble(const Experiment& experiment, const DisentangleOptions& o,
                        const std::vector<Replica*>& replicas)
        : Ensemble(replicas, experiment.options().math),
          replicas_(replicas),
          train_(shared(experiment.data().train.images, experiment.data().train.pixels())),
          glyphs_(make_glyphs(experiment.data().test.count(), 1, Part::kTest)),
          test_(shared(glyphs_.set.images, glyphs_.set.pixels())),
          vae_(config_of(o, of(0).beta), size(), experiment.options().batch, matmul) {}
    Model<float>& model() override { return vae_; }
    const DeviceImages& epoch_images() const override { return train_; }
    void evaluate() override {
        const auto elbo = evaluate_elbo(vae_, test_, device_seeds);
        const std::size_t Z = std::size_t(vae_.config().latents), n = glyphs_.poses.size();
        const std::vector<float> mu =
            extract_features(vae_, test_, FeatureKind::kMean, device_seeds, 0).download(stream);
        for (int r = 0; r < size(); ++r) {
            const auto first = mu.begin() + std::ptrdiff_t(std::size_t(r) * n * Z);
            of(r).r2 = recover_poses({first, first + std::ptrdiff_t(n * Z)}, int(Z), glyphs_.poses).r2;
            of(r).active_units = elbo[r].active_units;
        }
    }

  private:
    DisentangleReplica& of(int r) { return static_cast<DisentangleReplica&>(*replicas_[r]); }
    const std::vector<Replica*> replicas_;
    const DeviceImages train_;
    const GlyphSet glyphs_;
    const DeviceImages test_;
    DenseVae<float> vae_;
};

class DisentangleExperiment : public Experiment {
  public:
    DisentangleExperiment(const Run& run, const DisentangleOptions& paper) : Experiment(run, 1), paper_(paper) {}
    std::vector<DisentangleReplica> replicas() const {
        std::vector<DisentangleReplica> all;
        for (const double beta : paper_.betas)
            for (int s = 0; s < options().seeds; ++s) {
                DisentangleReplica& replica = all.emplace_back();
                replica.beta = beta, replica.seed = options().seed + s;
            }
        return all;
    }

  protected:
    std::unique_ptr<Ensemble> ensemble(const std::vector<Replica*>& replicas) override {
        return std::make_unique<DisentangleEnsemble>(*this, paper_, replicas);
    }

  private:
    const DisentangleOptions& paper_;
};

// --- table and program -----------------------------------------------------------------------------------------------

Table disentangle_table(const std::vector<DisentangleReplica>& replicas) {
    Table table{"Higgins et al. 2017", "R^2 of the pose from z", "glyphs", device_name(), {}};
    std::map<double, std::vector<const DisentangleReplica*>> by_beta;
    for (const DisentangleReplica& replica : replicas) by_beta[replica.beta].push_back(&replica);
    for (const auto& [beta, seeds] : by_beta) {
        Row row{{{"beta", beta}}, {}};
        for (int k = 0; k < kPoseNumbers; ++k) {
            std::vector<double> values;
            for (const DisentangleReplica* replica : seeds) values.push_back(replica->r2[k]);
            row.cells.push_back(measured_cell(kPoseNames[k], values));
        }
        table.rows.push_back(row);
    }
    return table;
}

class DisentangleProgram : public PaperProgram<DisentangleExperiment, DisentangleOptions> {
  public:
    DisentangleProgram() : PaperProgram("disentangle", "What a beta-VAE's latents know of a pose", defaults()) {
        add({"table", "train, evaluate, print the table", [&] {
                 std::vector<DisentangleReplica> replicas = experiment_->replicas();
                 experiment_->train_and_evaluate(replicas);
                 show_table(experiment_->out(), disentangle_table(replicas));
             }});
        teach("\nExamples\n  disentangle table --betas 1,4 --out runs/disentangle\n");
    }

  protected:
    void check(const DataSet& data) const override {
        if (data.name != "glyphs") throw UsageError("--dataset " + data.name + ": poses are known of glyphs alone");
    }

  private:
    static RunOptions defaults() {
        RunOptions defaults;
        defaults.dataset = "glyphs";
        return defaults;
    }
};

// --- it does what every program does ---------------------------------------------------------------------------------

struct FifthExperiment : testing::Test {
    /// The table that a call leaves.
    std::string table(const std::string& words, const std::string& run) {
        std::vector<std::string> arguments;
        std::istringstream parts("table --quiet " + words);
        for (std::string part; parts >> part;) arguments.push_back(part);
        arguments.push_back((folder / run).string());
        DisentangleProgram().run(arguments);
        return read_file((folder / run / "table.json").string());
    }
    /// Of few images; what is said later stands.
    static std::string few(const std::string& more = "") {
        return "--train-images 400 --test-images 200 --epochs 2 --betas 0.5,4,4 " + more + " --out";
    }
    test::TemporaryFolder folder;
};

TEST_F(FifthExperiment, TrainsReadsRefusesAndGoesOn) {
    const std::string first = table(few(), "run");
    const Json rows = Json::parse(first).at("rows");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[1].at("cells")[0].at("n"), 1) << "the same beta twice is one";
    EXPECT_EQ(table("--resume", "run"), first) << "read from the results";
    EXPECT_EQ(table(few("--together 2"), "together"), first) << "a replica does not see who is beside it";
    EXPECT_THROW(table("--latents 5 --resume", "run"), Error) << "other weights";
    EXPECT_THROW(table(few("--betas nan"), "none"), UsageError);
    EXPECT_THROW(table(few("--dataset mnist-rot"), "none"), Error);
    EXPECT_NE(table("--betas 1 --resume", "run"), first) << "one more model in the same folder";
    EXPECT_EQ(table("--epochs 3 --resume", "run"), table(few("--epochs 3"), "longer")) << "gone on with";
}

}  // namespace
}  // namespace warpvae
