// One training step of Vive's models (784-256-256, batch 100, Adadelta, no prior on the pose), as the experiment runs
// it: gather, forward with the warps, backward, optimiser, loss sums.
//
//   bench_spatial_step --model vae|affine-tvae|tps-tvae|affine-dtvae [--latents 8] [--replicas R] [--steps N]
//                          prints the median microseconds of a step over chunks of N / 10 steps
//   bench_spatial_step --model MODEL --profile
//                          one step, launched kernel by kernel, for a profiler (nsys.sh, ncu.sh)
//   bench_spatial_step --model MODEL --export FILE
//                          five steps; writes weights, minibatches, noise, losses and gradients for the peer to repeat
//                          (peers/spatial_step_torch.py --model MODEL --check FILE)
//
// The exported steps start with a pose near the identity, not at it: there whole rows and columns lie on coordinates of
// exactly -1, where our derivative is the inner cell's (Lasagne's) and PyTorch's is 0.
#include "models/spatial_vae.h"
#include "profiling/training_steps.h"

namespace warpvae {
namespace {

constexpr int kBatch = 100;

SpatialVaeConfig config_of(const std::string& model, int latents) {
    SpatialVaeConfig config;
    config.latents = latents;
    if (model == "affine-tvae" || model == "tps-tvae")
        config.kind = SpatialKind::kTransformer;
    else if (model == "affine-dtvae")
        config.kind = SpatialKind::kDoubleTransformer;
    else if (model != "vae")
        throw DeviceError("--model is vae, affine-tvae, tps-tvae or affine-dtvae");
    if (model == "tps-tvae") config.pose = PoseKind::kSpline;
    return config;
}

/// Moves the bias of the pose by up to a tenth, and lets the weights give each image a pose of its own.
void leave_identity(ParameterArena<float>& parameters) {
    std::vector<float> values = parameters.download(0);
    std::mt19937 engine(2);
    std::uniform_real_distribution<float> step(-1.f, 1.f);
    for (const ParameterInfo& p : parameters.layout().tensors()) {
        const float range = p.name == "pose_heads.bias" ? 0.1f : p.name == "pose_heads.weight" ? 0.02f : 0.f;
        for (std::size_t i = 0; range != 0 && i < p.count; ++i) values[p.offset + i] += range * step(engine);
    }
    parameters.upload(0, values);
}

int run(int argc, char** argv) {
    const StepOptions options = parse_step_options(argc, argv, {"--model", "--latents"});
    const SpatialVaeConfig config = config_of(options.model, options.latents);
    require_device();
    TrainerOptions trainer;
    trainer.batch = kBatch;
    trainer.graph = !options.profile;
    const bool exports = !options.export_to.empty();
    trainer.learning_rates = {1.f};
    trainer.optimiser = Optimiser::kAdadelta;
    TrainingSteps<SpatialVae<float>> training(config, trainer, exports ? 1 : options.replicas,
                                              exports ? kExportedSteps * kBatch : 60000);
    if (!exports) {
        options.profile ? profile_step(training) : measure_steps(training, options.steps);
        return 0;
    }
    leave_identity(training.model.parameters());
    export_steps(training, kBatch, config.latents, options.export_to);
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try { return warpvae::run(argc, argv); } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_spatial_step: %s\n", error.what());
    return 1;
}
