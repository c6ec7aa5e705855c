// The experiment of Feige (2019), "Invariant-Equivariant Representation Learning for Multi-Class Data": EQUIVAE with
// all labels and with few, the classifiers that it is compared with, and what its two latents carry.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/experiment/experiment.h"
#include "host/experiments/equivae/splits.h"
#include "models/equivae.h"

namespace warpvae {

inline constexpr int kShownComplement = 5;                  ///< m of everything that is shown (section 3.1)
inline constexpr std::uint64_t kComplementSeed = 20190612;  ///< of complementary images in evaluation

enum class EquivaeKind {
    kSupervised,
    kSemiSupervised,
    kUnsupervised,  ///< the ablation of section 3: r from the image itself, so no labels are needed
};
/// How latents of more than two dimensions are brought to two.
enum class Reduction { kUmap, kPca };
const char* name_of(LabelledMixing mixing);
/// "0:32,10:64": from epoch 10 on 64 images.
std::string text_of(const std::vector<BatchPhase>& phases);

struct EquivaeOptions {
    EquivaeKind which = EquivaeKind::kSupervised;  ///< Table 1, or Table 2
    std::vector<int> labels = {100, 600, 1000, 3000};
    std::vector<LabelledMixing> mixing = {LabelledMixing::kPaired};
    std::vector<std::optional<double>> labelled_weight = {std::nullopt};  ///< none: as the mixing has it
    int latents = 0;  ///< 0: the paper's, 16, and 8 for grey images and few labels
    InitialRule initial = InitialRule::kLasagne;
    Normalisation normalisation = Normalisation::kNone;
    int max_complement = 0;            ///< 0: the paper's, 7, 4 with few labels, 10 in colour
    int phases = 0;                    ///< 0: the paper's, 4, on SVHN 5
    std::optional<Likelihood> pixels;  ///< none: the paper's, Bernoulli, and Gaussian in colour
    int benchmark_steps = 2000;
    int benchmark_passes = 0;  ///< 0: as many as the model
    double benchmark_dropout = 0.5;
    int judge_steps = 0;  ///< 0: kJudgeSteps for each channel
    Reduction reduction = Reduction::kUmap;
    std::vector<int> classes;  ///< the columns of a sheet of samples; none: all
    int rows = 10;             ///< its rows
};
void add_settings(Settings& settings, EquivaeOptions& options);
/// Throws UsageError where the images are of a size that the decoder cannot make.
void require_size(const DataSet& data);

/// One model: how it is trained, and what was read from it. Error rates are of the test set.
struct EquivaeReplica : Replica {
    EquivaeKind kind = EquivaeKind::kSupervised;
    int labels = 0;  ///< of kSemiSupervised
    LabelledMixing mixing = LabelledMixing::kPaired;
    std::optional<double> labelled_weight;  ///< none: as the mixing has it
    int latents = 16;
    int planned = 0;                 ///< epochs that it is to be trained for
    std::vector<BatchPhase> phases;  ///< its minibatches
    EquivaeConfig config;

    std::optional<double> distance;                ///< nearest r_y
    std::optional<double> likelihood;              ///< largest bound of log p(x, y)
    std::optional<double> neural;                  ///< a dropout net on frozen f_inv(x)
    std::optional<double> classifier;              ///< q(y | x)
    std::optional<double> benchmark;               ///< the paper's, trained on the same labels until it has converged
    std::optional<double> short_benchmark;         ///< few labels: the same for as many passes as the model
    std::optional<double> agreement;               ///< share of test images that nearest r_y and largest bound agree on
    std::optional<double> probe_r, probe_v;        ///< accuracy of a linear classifier on f_inv(x), on v
    std::optional<double> probe_v_sample;          ///< on draws of q(v | r, x)
    std::optional<double> active_units;            ///< of v: means that vary by more than 0.01 over validation images
    std::optional<std::vector<double>> latent_kl;  ///< nats of each latent of v, of the same images, largest first
    double validation_nll = 0, validation_kl = 0;  ///< means over the validation images, r from 5 others of the class

    std::string group() const override;  ///< "semi100-paired-z8", "semi100-paired-w10-z8"
    /// The mixing, and the weight of a labelled image where it is not the mixing's own: "paired, weight 10".
    std::string mixing_text() const;
    Values own() const override;
    Values own_evaluation() const override;
    void fields(Fields& f) override;
};

class EquivaeExperiment : public Experiment {
  public:
    EquivaeExperiment(const Run& run, const EquivaeOptions& options);

    /// Every (mixing, weight, labels, seed) of the options; one model of the ablation.
    std::vector<EquivaeReplica> replicas(EquivaeKind kind) const;
    /// What the figures show, one seed each: 16 latents (or the options') for Figures 3 and 4, 2 for Figure 5.
    std::vector<EquivaeReplica> shown_replicas() const;
    /// The images whose labels a replica may see.
    ImageSet labelled_images(const EquivaeReplica& replica) const;
    /// The error rates of the paper's benchmarks of replicas of one group, each trained on the same labels unless its
    /// result is on disk. For how long the paper does not say: until they have `converged`, as the options say, or for
    /// the models' own number of passes.
    std::vector<double> benchmarks(const std::vector<EquivaeReplica*>& replicas, bool converged) const;

    /// "32 at the beginning, which we double successively": equal phases of so many epochs.
    std::vector<BatchPhase> phases_of(int epochs) const;
    const EquivaeOptions& of_paper() const { return options_; }
    const EquivaeSplit& split() const { return split_; }

  protected:
    std::unique_ptr<Ensemble> ensemble(const std::vector<Replica*>& replicas) override;
    int epochs_of(const Replica& replica) const override { return static_cast<const EquivaeReplica&>(replica).planned; }

  private:
    EquivaeReplica replica(EquivaeKind kind, int seed, int latents = 0, int labels = 0,
                           LabelledMixing mixing = LabelledMixing::kPaired,
                           std::optional<double> labelled_weight = {}) const;
    int paper_epochs(const EquivaeReplica& replica) const;
    bool is_svhn() const { return data().name == "svhn"; }

    const EquivaeOptions& options_;
    const EquivaeSplit split_;
};

}  // namespace warpvae
