// One training step of the VAE of Peste et al. (784-200-200-30, batch 100, Adam, dynamic binarisation) on Renyi's
// bound of K draws, as geometry runs it: gather, forward, backward, optimiser, loss sums.
//
//   bench_renyi_step [--samples 5] [--latents 30] [--alphas 0] [--replicas R] [--steps N]
//       prints the median, lowest and highest microseconds of a step over chunks of N / 10 steps, those of the floor,
//       and the median's share for each model; all alphas train in one step, R models of each
//   bench_renyi_step [--samples 5] [--latents 30] [--alphas 0] [--replicas R] --profile
//       one step, launched kernel by kernel, for a profiler (nsys.sh, ncu.sh)
//   bench_renyi_step [--samples 5] [--latents 30] [--alphas 0] --export FILE
//       five steps of one alpha; writes weights, minibatches, noise, losses and gradients for the peer to repeat
//       (peers/renyi_vae_torch.py --check FILE)
//
// Floor: the step's multiplications with addition, layer by layer, at the rate of our own matrix product.
#include "models/renyi_vae.h"
#include "profiling/macs.h"
#include "profiling/training_steps.h"

namespace warpvae {
namespace {

constexpr int kBatch = 100;

/// Of one replica's step: all layers forward and backward, but for the images' gradients.
double step_macs(RenyiVae<float>& model) {
    double macs = 0;
    for (const ParameterInfo& tensor : model.parameters().layout().tensors()) {
        if (tensor.shape.size() < 2) continue;  // biases
        const double rows = tensor.name.starts_with("decoder.") ? model.decoder_rows() : model.max_rows();
        macs += (tensor.name == "encoder.0.weight" ? 2 : 3) * rows * double(tensor.count);
    }
    return macs;
}

int run(int argc, char** argv) {
    StepOptions options;
    options.latents = 30;
    options = parse_step_options(argc, argv, {"--samples", "--latents", "--alphas"}, options);
    require_device();
    TrainerOptions trainer;
    trainer.batch = kBatch;
    trainer.graph = !options.profile;
    trainer.learning_rates = {1e-3f};
    trainer.binarise = true;
    RenyiVaeConfig config;
    config.latents = options.latents;
    config.samples = options.samples;
    const bool exports = !options.export_to.empty();
    std::vector<double> alphas;
    for (int i = 0; i < options.replicas; ++i)
        alphas.insert(alphas.end(), options.alphas.begin(), options.alphas.end());
    if (exports && alphas.size() != 1) throw DeviceError("--export is of one alpha");
    TrainingSteps<RenyiVae<float>> training(config, trainer, alphas, exports ? kExportedSteps * kBatch : 60000);
    if (exports) {
        export_steps(training, kBatch, config.latents, options.export_to, config.samples,
                     {{"alpha", std::to_string(alphas[0])},
                      {"latents", std::to_string(config.latents)},
                      {"samples", std::to_string(config.samples)}});
        return 0;
    }
    if (options.profile) {
        profile_step(training);
        return 0;
    }
    const Timing t = time_steps(training, options.steps);
    const double models = double(alphas.size());
    const double floor = models * step_macs(training.model) / product_rate(training.matmul);
    std::printf("%.1f %.1f %.1f %.1f %.1f\n", t.median, t.lowest, t.highest, floor, t.median / models);
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try { return warpvae::run(argc, argv); } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_renyi_step: %s\n", error.what());
    return 1;
}
