// One training step of the VAE 784-400-20-400-784 (batch 128, Adam, noise and minibatch drawn inside), as invariance
// runs it: gather, forward, backward, optimiser, loss sums.
//
//   bench_step [--replicas R] [--steps N]   prints the median microseconds of a step over chunks of N / 10 steps
//   bench_step [--replicas R] --profile     one step, launched kernel by kernel, for a profiler (nsys.sh, ncu.sh)
//   bench_step --export FILE                five steps; writes weights, minibatches, noise, losses and gradients, for
//                                           the peer to repeat (peers/vae_step_torch.py --check FILE)
#include "models/dense_vae.h"
#include "profiling/training_steps.h"

namespace warpvae {
namespace {

constexpr int kBatch = 128;

int run(int argc, char** argv) {
    const StepOptions options = parse_step_options(argc, argv);
    require_device();
    TrainerOptions trainer;
    trainer.batch = kBatch;
    trainer.graph = !options.profile;
    trainer.learning_rates = {1e-3f};
    const DenseVaeConfig config;
    const bool exports = !options.export_to.empty();
    TrainingSteps<DenseVae<float>> training(config, trainer, exports ? 1 : options.replicas,
                                            exports ? kExportedSteps * kBatch : 60000);
    if (exports)
        export_steps(training, kBatch, config.latents, options.export_to);
    else if (options.profile)
        profile_step(training);
    else
        measure_steps(training, options.steps);
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try { return warpvae::run(argc, argv); } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_step: %s\n", error.what());
    return 1;
}
