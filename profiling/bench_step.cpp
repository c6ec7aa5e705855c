// One training step of the VAE 784-400-20-400-784 (batch 128, Adam, noise and minibatch drawn inside), as invariance
// runs it: gather, forward, backward, optimiser, loss sums.
//
//   bench_step [--replicas R] [--steps N]   prints the median microseconds of a step over chunks of N / 10 steps
//   bench_step --export FILE                five steps; writes start weights, minibatches, noise and losses, for the
//                                           peers to repeat (peers/*.py --check FILE)
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "host/core/trainer.h"
#include "host/files/safetensors.h"
#include "models/dense_vae.h"
#include "profiling/stopwatch.h"

namespace warpvae {
namespace {

constexpr int kBatch = 128, kPixels = 784, kLatents = 20;

std::vector<std::uint8_t> random_images(std::size_t count) {
    std::mt19937 engine(1);
    std::vector<std::uint8_t> bytes(count * kPixels);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(engine() >> 24);
    return bytes;
}

/// The model, its data and its trainer, for R replicas of seeds 1, 2, ...
struct Setup {
    Stream stream = stream_create();  // a null stream could not be captured as a graph
    Matmul matmul{stream};
    std::vector<std::uint64_t> seeds;
    std::vector<std::uint8_t> bytes;
    DeviceImages images;
    DenseVae<float> model;
    Trainer trainer;

    Setup(int R, std::size_t count)
        : seeds(consecutive(R)),
          bytes(random_images(count)),
          images({&bytes}, std::vector<int>(R, 0), kPixels),
          model(DenseVaeConfig{}, R, kBatch, matmul),
          trainer(model, images, seeds, matmul, options(R)) {
        model.parameters().initialise(seeds, matmul.stream());
    }
    static std::vector<std::uint64_t> consecutive(int R) {
        std::vector<std::uint64_t> seeds;
        for (int r = 0; r < R; ++r) seeds.push_back(1 + r);
        return seeds;
    }
    static TrainerOptions options(int R) {
        TrainerOptions o;
        o.batch = kBatch;
        o.learning_rates.assign(R, 1e-3f);
        return o;
    }
    void steps(int count) {
        while (count > 0) trainer.finish_epoch([&](std::uint64_t) { return --count > 0; });
    }
};

void measure(int R, int steps) {
    Setup setup(R, 60000);
    const int chunk = std::max(1, steps / 10);
    setup.steps(2 * chunk);
    std::vector<double> samples;
    for (int i = 0; i < 10; ++i)
        samples.push_back(microseconds(setup.matmul.stream(), [&] { setup.steps(chunk); }) / chunk);
    const Timing t = timing_of(samples);
    std::printf("%.1f %.1f %.1f\n", t.median, t.lowest, t.highest);
}

void export_steps(const std::string& path) {
    const int steps = 5;
    Setup setup(1, steps * kBatch);
    SafeTensors file;
    const std::vector<float> start = setup.model.parameters().download(0);
    for (const ParameterInfo& p : setup.model.parameters().layout().tensors())
        file.tensors.push_back(Tensor::of<float>(p.name, p.shape, std::span(start).subspan(p.offset, p.count)));

    std::vector<float> batches, noise;
    std::vector<double> losses;
    const DeviceBuffer<std::uint64_t> seeds(setup.seeds);
    const std::vector<float> standard(kBatch * 2 * kLatents, 0.f);  // mu = 0, log sigma^2 = 0: z is the noise
    const DeviceBuffer<float> moments(standard);
    double before = 0;
    setup.trainer.finish_epoch([&](std::uint64_t done) {
        check(stream_synchronize(setup.matmul.stream()));
        const std::size_t rows = std::size_t(kBatch) * kPixels;
        std::vector<float> batch(rows), epsilon(kBatch * kLatents);
        check(copy_to_host(batch.data(), setup.model.minibatch(), rows * sizeof(float), setup.matmul.stream()));
        DeviceBuffer<float> z(epsilon.size());
        const DeviceBuffer<std::uint64_t> step(std::vector<std::uint64_t>{done - 1});
        const LatentNoise drawn{seeds.data(), step.data(), Purpose::kLatent, 0};
        check(reparameterise_forward(z.data(), moments.data(), drawn, 1, kBatch, kLatents, nullptr));
        z.download(epsilon.data(), epsilon.size());
        batches.insert(batches.end(), batch.begin(), batch.end());
        noise.insert(noise.end(), epsilon.begin(), epsilon.end());
        const double sum = setup.trainer.losses()[0].loss * static_cast<double>(done);
        losses.push_back(sum - before);
        before = sum;
        return true;
    });
    file.tensors.push_back(Tensor::of<float>("batches", {steps, kBatch, kPixels}, batches));
    file.tensors.push_back(Tensor::of<float>("noise", {steps, kBatch, kLatents}, noise));
    file.tensors.push_back(Tensor::of<double>("losses", {steps}, losses));
    write_safetensors(path, file);
}

int run(int argc, char** argv) {
    int replicas = 1, steps = 200;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (i + 1 == argc) throw DeviceError(name + " needs a value");
        const std::string value = argv[++i];
        if (name == "--export") {
            require_device();
            export_steps(value);
            return 0;
        }
        if (name != "--replicas" && name != "--steps") throw DeviceError("unknown option " + name);
        (name == "--steps" ? steps : replicas) = std::atoi(value.c_str());
    }
    if (replicas < 1 || steps < 1) throw DeviceError("--replicas and --steps must be at least 1");
    require_device();
    measure(replicas, steps);
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try { return warpvae::run(argc, argv); } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_step: %s\n", error.what());
    return 1;
}
