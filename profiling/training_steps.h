// What the benchmarks of training steps share: a model with random images and its trainer, a step timed as training
// runs it (gather, forward, backward, optimiser, loss sums), and five steps written down for the peers to repeat.
#pragma once
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include "host/core/trainer.h"
#include "host/files/safetensors.h"
#include "profiling/profiled.h"
#include "profiling/stopwatch.h"

namespace warpvae {

constexpr int kPixels = 784, kExportedSteps = 5;

inline std::vector<std::uint8_t> random_images(std::size_t count, std::size_t pixels = kPixels) {
    std::mt19937 engine(1);
    std::vector<std::uint8_t> bytes(count * pixels);
    for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(engine() >> 24);
    return bytes;
}

inline int count_of(int replicas) { return replicas; }
template <class T>
int count_of(const std::vector<T>& replicas) {
    return int(replicas.size());
}

/// At least `count`: steps that are launched as one are taken whole. Returns how many.
inline int take_steps(Trainer& trainer, int count) {
    const std::uint64_t before = trainer.step();
    const auto taken = [&] { return int(trainer.step() - before); };
    while (taken() < count) trainer.finish_epoch([&](std::uint64_t) { return taken() < count; });
    return taken();
}

/// Replicas of seeds 1, 2, ... on `count` images; M takes their number, or what tells them apart (Renyi's alphas).
template <class M>
struct TrainingSteps {
    Stream stream = stream_create();  // a null stream could not be captured as a graph
    Matmul matmul{stream};
    std::vector<std::uint64_t> seeds;
    std::vector<std::uint8_t> bytes;
    DeviceImages images;
    M model;
    Trainer trainer;

    template <class Config, class Replicas>
    TrainingSteps(const Config& config, TrainerOptions options, const Replicas& replicas, std::size_t count)
        : seeds(consecutive(count_of(replicas))),
          bytes(random_images(count)),
          images({&bytes}, std::vector<int>(seeds.size(), 0), kPixels),
          model(config, replicas, options.batch, matmul),
          trainer(model, images, seeds, matmul, with_rates(options, int(seeds.size()))) {
        model.parameters().initialise(seeds, stream);
    }
    static std::vector<std::uint64_t> consecutive(int R) {
        std::vector<std::uint64_t> seeds;
        for (int r = 0; r < R; ++r) seeds.push_back(1 + r);
        return seeds;
    }
    /// The one rate given, for every replica.
    static TrainerOptions with_rates(TrainerOptions options, int R) {
        options.learning_rates.resize(R, options.learning_rates.at(0));
        return options;
    }
    int steps(int count) { return take_steps(trainer, count); }
};

/// One step for a profiler to see (nsys.sh --step, ncu.sh), after two that load and warm what it runs. The trainer must
/// launch kernel by kernel (TrainerOptions::graph off).
template <class Training>
void profile_step(Training& training) {
    training.steps(2);
    check(stream_synchronize(training.stream));
    int taken = 0;
    {
        const Profiled profiled;
        taken = training.steps(1);
        check(stream_synchronize(training.stream));
    }
    std::printf("profiled step %d\n", 2 + taken);
}

/// The microseconds of a step over ten chunks of steps / 10.
template <class Training>
Timing time_steps(Training& training, int steps) {
    const int chunk = std::max(1, steps / 10);
    training.steps(2 * chunk);
    std::vector<double> samples;
    for (int i = 0; i < 10; ++i) {
        int taken = 0;
        const double time = microseconds(training.stream, [&] { taken = training.steps(chunk); });
        samples.push_back(time / taken);
    }
    return timing_of(samples);
}
/// Prints their median, lowest and highest.
template <class Training>
void measure_steps(Training& training, int steps) {
    const Timing t = time_steps(training, steps);
    std::printf("%.1f %.1f %.1f\n", t.median, t.lowest, t.highest);
}

/// Adds each tensor of an arena, PREFIX before its name.
inline void add_arena(SafeTensors& file, const ParameterLayout& layout, const std::string& prefix,
                      const std::vector<float>& arena) {
    for (const ParameterInfo& p : layout.tensors())
        file.tensors.push_back(Tensor::of<float>(prefix + p.name, p.shape, p.get(arena)));
}

/// Trains one epoch of kExportedSteps steps. Writes "batches", "noise" and "losses" of each step, "gradient.K.NAME" of
/// step K and "weights.K.NAME" before it, the weights at the end too. Each image has `draws` rows of noise.
template <class M>
void export_steps(TrainingSteps<M>& training, int batch, int latents, const std::string& path, int draws = 1,
                  const std::vector<std::pair<std::string, std::string>>& metadata = {}) {
    SafeTensors file;
    file.metadata = metadata;
    ParameterArena<float>& arena = training.model.parameters();
    add_arena(file, arena.layout(), "weights.0.", arena.download(0));

    std::vector<float> batches, noise;
    std::vector<double> losses;
    const DeviceBuffer<std::uint64_t> seeds(training.seeds);
    const int rows = batch * draws;
    const std::size_t drawn = std::size_t(rows) * latents;
    const DeviceBuffer<float> moments(std::vector<float>(2 * drawn, 0.f));  // mu = 0, log sigma = 0: z is the noise
    DeviceBuffer<float> z(drawn), kl(rows);
    double before = 0;
    training.trainer.finish_epoch([&](std::uint64_t done) {
        check(stream_synchronize(training.stream));
        add_arena(file, arena.layout(), "gradient." + std::to_string(done - 1) + ".", arena.download_gradients(0));
        add_arena(file, arena.layout(), "weights." + std::to_string(done) + ".", arena.download(0));
        const DeviceBuffer<std::uint64_t> step(std::vector<std::uint64_t>{done - 1});
        check(gaussian_sample_forward<float>(z.data(), kl.data(), moments.data(), {}, Spread::kLogDeviation,
                                             {seeds.data(), step.data()}, 1, rows, latents, nullptr));
        std::vector<float> x(std::size_t(batch) * kPixels), epsilon(drawn);
        check(copy_to_host(x.data(), training.model.minibatch(), x.size() * sizeof(float), training.stream));
        z.download(epsilon.data(), epsilon.size());
        batches.insert(batches.end(), x.begin(), x.end());
        noise.insert(noise.end(), epsilon.begin(), epsilon.end());
        const double sum = training.trainer.losses()[0].loss * static_cast<double>(done);
        losses.push_back(sum - before);
        before = sum;
        return true;
    });
    file.tensors.push_back(Tensor::of<float>("batches", {kExportedSteps, batch, kPixels}, batches));
    file.tensors.push_back(Tensor::of<float>("noise", {kExportedSteps, rows, latents}, noise));
    file.tensors.push_back(Tensor::of<double>("losses", {kExportedSteps}, losses));
    write_safetensors(path, file);
}

struct StepOptions {
    int replicas = 1, steps = 200, latents = 8, batch = 32, samples = 5;
    std::string model, export_to;
    bool profile = false;  ///< one step, kernel by kernel
    std::vector<double> alphas = {0};
};
/// Numbers between commas; inf is one.
inline std::vector<double> parse_numbers(const std::string& list) {
    std::vector<double> numbers;
    for (const char* at = list.c_str();; ++at) {
        char* end = nullptr;
        numbers.push_back(std::strtod(at, &end));
        if (end == at || (*end && *end != ',')) throw DeviceError("numbers between commas, not \"" + list + "\"");
        at = end;
        if (!*at) return numbers;
    }
}
/// `options` as the command line has them. Throws DeviceError for anything but --replicas, --steps, --export, --profile
/// and the benchmark's `own`: of --model, --latents, --batch, --samples, --alphas.
inline StepOptions parse_step_options(int argc, char** argv, const std::vector<std::string>& own = {},
                                      StepOptions options = {}) {
    const std::map<std::string, int*> counts = {{"--replicas", &options.replicas},
                                                {"--steps", &options.steps},
                                                {"--latents", &options.latents},
                                                {"--batch", &options.batch},
                                                {"--samples", &options.samples}};
    std::vector<std::string> known = {"--replicas", "--steps", "--export"};
    known.insert(known.end(), own.begin(), own.end());
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--profile") {
            options.profile = true;
            continue;
        }
        if (std::find(known.begin(), known.end(), name) == known.end()) throw DeviceError("unknown option " + name);
        if (i + 1 == argc) throw DeviceError(name + " needs a value");
        const std::string value = argv[++i];
        if (name == "--export")
            options.export_to = value;
        else if (name == "--model")
            options.model = value;
        else if (name == "--alphas")
            options.alphas = parse_numbers(value);
        else if ((*counts.at(name) = std::atoi(value.c_str())) < 1)
            throw DeviceError(name + " must be at least 1");
    }
    return options;
}

}  // namespace warpvae
