// The judge, and the shares of samples and swaps whose class is read as it was asked for.
#include <algorithm>

#include "host/core/checkpoint.h"
#include "host/experiments/equivae/benchmark.h"

namespace warpvae {
namespace {

constexpr int kJudgeSteps = 2600;  ///< for each channel, of kJudgeBatch: three epochs of MNIST
constexpr int kJudgeBatch = 64;

EquivaeConfig supervised_config(const EquivaeExperiment& experiment) {
    EquivaeConfig config = EquivaeConfig::for_latents(16);
    config.classes = experiment.split().classes;
    config.fit(experiment.split().train.height, experiment.split().train.width);
    return config;
}

}  // namespace

Judge::Judge(const EquivaeExperiment& experiment)
    : classifier_(experiment, supervised_config(experiment), {&experiment.split().train}, kJudgeBatch) {
    const ImageSet& train = experiment.split().train;
    const int chosen = experiment.of_paper().judge_steps, steps = chosen ? chosen : kJudgeSteps * train.channels;
    // No setting of the run's training matters to it.
    Values own = {{"kind", "judge"}, {"steps", std::to_string(steps)}};
    for (const auto& [name, value] : experiment.run().settings.that_decide(kTraining)) own.emplace_back(name, "");
    const Values origin = experiment.origin(own).training;

    auto& parameters = classifier_.parameters();
    const std::filesystem::path path = experiment.out() / "judge" / kWeights;
    if (std::filesystem::exists(path) && difference(origin, read_metadata(path)).empty()) {
        parameters.upload(0, load_weights(path, parameters.layout()));
        return;
    }
    const int epoch = int((train.count() + kJudgeBatch - 1) / kJudgeBatch);
    ClassifierTraining training;
    training.epochs = (steps + epoch - 1) / epoch;
    training.phases = {{0, kJudgeBatch}};
    training.seeds = {kComplementSeed};
    classifier_.train(training, "classifier to judge samples");
    save_weights(path, parameters.layout(), parameters.download(0), origin);
}

ClassShares read_shares(TrainedEquivae& model, Judge* judge, const ImageSet& images) {
    const auto read = most_probable(model.distance_probabilities(images.images), model.classes);
    std::size_t right = 0;
    for (std::size_t i = 0; i < read.size(); ++i) right += read[i].first == images.labels[i];
    ClassShares shares{double(right) / double(read.size()), {}};
    if (judge) shares.judge = judge->accuracy(images);
    return shares;
}

ClassShares sample_class_accuracy(TrainedEquivae& model, Judge* judge, int each) {
    std::vector<float> r;
    std::vector<std::uint8_t> labels;
    for (int k = 0; k < model.classes; ++k)
        for (int i = 0; i < each; ++i) add_row(r, model.r_y, k, model.Z), labels.push_back(std::uint8_t(k));
    return read_shares(model, judge, model.make(r, model.draw(labels.size(), 1), labels));
}

ClassShares swap_class_accuracy(TrainedEquivae& model, Judge* judge, int sets) {
    for (const auto& of_class : model.members) sets = std::min(sets, int(of_class.size()));
    std::vector<float> r, v;
    std::vector<std::uint8_t> labels;
    for (int s = 0; s < sets; ++s)
        for (int i = 0; i < model.classes; ++i)
            for (int j = 0; j < model.classes; ++j) {
                if (i == j) continue;
                add_row(r, model.validation.r, model.members[i][s], model.Z);
                add_row(v, model.validation.v, model.members[j][s], model.Z);
                labels.push_back(std::uint8_t(i));
            }
    return read_shares(model, judge, model.make(r, v, labels));
}

}  // namespace warpvae
