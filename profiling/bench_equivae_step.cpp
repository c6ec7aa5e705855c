// One training step of EQUIVAE, as the experiment runs it: minibatch and complementary images gathered (m = 4),
// forward, backward, Adam, loss sums.
//
//   bench_equivae_step --model supervised|gaussian|semi [--batch 32] [--replicas R] [--steps N]
//       prints the median, lowest and highest microseconds of a step over chunks of N / 10 steps, and those of the
//       floor
//   bench_equivae_step --model MODEL [--batch 32] [--replicas R] --profile
//       one step, launched kernel by kernel, for a profiler (nsys.sh, ncu.sh)
//   bench_equivae_step --model MODEL [--batch 32] --export FILE
//       five steps, m drawn; writes weights, images, complementary images, labels, noise, losses and gradients for the
//       peer to repeat (peers/equivae_agreement.py --model MODEL FILE)
//
// supervised: 28 x 28 x 1, Bernoulli, 16 latents; gaussian: 32 x 32 x 3, a learned deviation for each channel, 16
// latents; semi: as many labelled images as unlabelled ones beside the minibatch, 8 latents. Floor: the step's
// multiplications with addition, layer by layer, at the rate of our own matrix product.
#include <map>

#include "models/equivae.h"
#include "profiling/macs.h"
#include "profiling/training_steps.h"

namespace warpvae {
namespace {

constexpr int kClasses = 10, kComplement = 4;

EquivaeConfig config_of(const StepOptions& options) {
    const bool semi = options.model == "semi", exports = !options.export_to.empty();
    EquivaeConfig config = EquivaeConfig::for_latents(semi ? 8 : 16);
    if (options.model == "gaussian") {
        config.height = config.width = 32;
        config.channels = 3;
        config.likelihood = Likelihood::kChannelGaussian;
    } else if (!semi && options.model != "supervised") {
        throw DeviceError("--model is supervised, gaussian or semi");
    }
    config.semi_supervised = semi;
    if (exports)
        config.dropout = 0;  // our masks are not PyTorch's
    else
        config.min_complement = config.max_complement = kComplement;
    return config;
}

std::vector<std::uint8_t> labels_in_turn(std::size_t count) {
    std::vector<std::uint8_t> labels(count);
    for (std::size_t i = 0; i < count; ++i) labels[i] = std::uint8_t(i % kClasses);
    return labels;
}

/// R replicas of seeds 1, 2, ... on `count` images, all labelled.
struct EquivaeSteps {
    Stream stream = stream_create();  // a null stream could not be captured as a graph
    Matmul matmul{stream};
    Convolver convolver{stream};
    std::vector<std::uint64_t> seeds;
    std::vector<std::uint8_t> bytes, label_bytes;
    DeviceImages images, labels;
    ClassSets classes;
    Equivae<float> model;
    Trainer trainer;

    EquivaeSteps(const EquivaeConfig& config, int batch, int R, std::size_t count, bool graph)
        : seeds(TrainingSteps<Equivae<float>>::consecutive(R)),
          bytes(random_images(count, config.height * config.width * config.channels)),
          label_bytes(labels_in_turn(count)),
          images({&bytes}, std::vector<int>(R, 0), config.height * config.width * config.channels),
          labels({&label_bytes}, std::vector<int>(R, 0), 1),
          classes(std::vector<const std::vector<std::uint8_t>*>(R, &label_bytes), kClasses),
          model(config, R, batch, {&images, &labels, &classes, count}, matmul, convolver),
          trainer(model, images, seeds, matmul, options_of(batch, R, graph)) {
        model.parameters().initialise(seeds, stream);
    }
    static TrainerOptions options_of(int batch, int R, bool graph) {
        TrainerOptions options;
        options.graph = graph;
        options.batch = batch;
        options.learning_rates.assign(R, 1e-3f);
        return options;
    }
    int steps(int count) { return take_steps(trainer, count); }
};

/// Of one replica's step: all layers forward and backward, but for images' gradients, and f_inv of single images
/// forward alone.
double step_macs(Equivae<float>& model, int batch) {
    const EquivaeConfig& c = model.config();
    const bool semi = c.semi_supervised;
    const PairShape shape{semi ? batch : 0, semi ? kClasses : 0, batch};
    const double images = shape.images(), pairs = shape.pairs(), sets = shape.sets(), members = sets * kComplement;
    const std::map<std::string, double> rows_of = {
        {"inv.conv", members},  {"inv.dense", members},  {"inv.tail", sets},       {"cov.conv", images},
        {"cov.dense", images},  {"cov.r", sets},         {"cov.mu", pairs},        {"cov.logvar", pairs},
        {"decoder.r", sets},    {"decoder.v", pairs},    {"decoder.joint", pairs}, {"decoder.conv", pairs},
        {"class.conv", images}, {"class.dense", images}, {"class.head", images}};
    const auto encoder = encoder_convolutions(c.height, c.width, c.channels, c.filters);
    const auto decoder = decoder_convolutions(2 * c.decoder_hidden, c.height, c.width, c.channels, c.decoder_filters);
    double macs = 0;
    for (const ParameterInfo& tensor : model.parameters().layout().tensors()) {
        if (tensor.shape.size() < 2) continue;  // biases and deviations
        const std::size_t layer = tensor.name.rfind('.', tensor.name.rfind('.') - 1);
        const std::string part = tensor.name.substr(0, layer);
        const std::size_t number = std::stoul(tensor.name.substr(layer + 1)) / 2;
        const bool convolves = tensor.shape.size() == 4, decodes = part == "decoder.conv";
        const double row = convolves ? macs_of((decodes ? decoder : encoder).at(number).shape) : double(tensor.count);
        macs += (convolves && !decodes && number == 0 ? 2 : 3) * rows_of.at(part) * row;
        if (semi && part.starts_with("inv.")) macs += images * row;
    }
    return macs;
}

template <class T>
void add_from_device(SafeTensors& file, const std::string& name, const std::vector<std::int64_t>& shape,
                     const T* data) {
    std::size_t count = 1;
    for (const std::int64_t n : shape) count *= std::size_t(n);
    std::vector<T> values(count);
    check(copy_to_host(values.data(), data, count * sizeof(T)));
    file.tensors.push_back(Tensor::of<T>(name, shape, values));
}

/// Trains one epoch of kExportedSteps steps. Writes "images.K", "sets.K", "noise.K" and, semi-supervised, "labels.K" of
/// step K, "gradient.K.NAME", "weights.K.NAME" before it and at the end, and "losses".
void export_steps(EquivaeSteps& training, int batch, const std::string& path) {
    SafeTensors file;
    Equivae<float>& model = training.model;
    ParameterArena<float>& arena = model.parameters();
    const EquivaeConfig& c = model.config();
    const bool semi = c.semi_supervised;
    const PairShape shape{semi ? batch : 0, semi ? kClasses : 0, batch};
    const std::int64_t pairs = shape.pairs(), Z = c.latents;
    const DeviceBuffer<std::uint64_t> seeds(training.seeds);
    const DeviceBuffer<float> moments(std::vector<float>(2 * pairs * Z, 0.f));  // mu = 0, sigma = 1: v is the noise
    DeviceBuffer<float> noise(pairs * Z);
    DeviceBuffer<std::uint8_t> labels(batch);
    std::vector<double> losses;
    double before = 0;
    add_arena(file, arena.layout(), "weights.0.", arena.download(0));
    training.trainer.finish_epoch([&](std::uint64_t done) {
        check(stream_synchronize(training.stream));
        const std::string k = std::to_string(done - 1);
        const MinibatchOrder order = MinibatchOrder::epochs(training.images.count(), batch);
        const std::int64_t m = std::int64_t(model.begin_step(order, done - 1) >> 32);
        const DeviceBuffer<std::uint64_t> step(std::vector<std::uint64_t>{done - 1});
        check(gaussian_sample_forward<float>(noise.data(), nullptr, moments.data(), {}, Spread::kLogVariance,
                                             {seeds.data(), step.data()}, 1, int(pairs), int(Z), nullptr));
        check(gather_labels(labels.data(), training.labels.table(),
                            {seeds.data(), step.data(), {MinibatchOrder::kCycle, training.images.count(), batch}}, 1,
                            batch, nullptr));
        add_from_device<float>(file, "images." + k, {shape.images(), c.height, c.width, c.channels}, model.minibatch());
        add_from_device<float>(file, "sets." + k, {shape.sets(), m, c.height, c.width, c.channels}, model.sets());
        add_from_device<float>(file, "noise." + k, {pairs, Z}, noise.data());
        if (semi) add_from_device<std::uint8_t>(file, "labels." + k, {batch}, labels.data());
        add_arena(file, arena.layout(), "gradient." + k + ".", arena.download_gradients(0));
        add_arena(file, arena.layout(), "weights." + std::to_string(done) + ".", arena.download(0));
        const double sum = training.trainer.losses()[0].loss * static_cast<double>(done);
        losses.push_back(sum - before);
        before = sum;
        return true;
    });
    file.tensors.push_back(Tensor::of<double>("losses", {kExportedSteps}, losses));
    write_safetensors(path, file);
}

int run(int argc, char** argv) {
    const StepOptions options = parse_step_options(argc, argv, {"--model", "--batch"});
    const EquivaeConfig config = config_of(options);
    require_device();
    const bool exports = !options.export_to.empty();
    const int R = exports ? 1 : options.replicas;
    EquivaeSteps training(config, options.batch, R, exports ? std::size_t(kExportedSteps) * options.batch : 60000,
                          !options.profile);
    if (exports) {
        export_steps(training, options.batch, options.export_to);
        return 0;
    }
    if (options.profile) {
        profile_step(training);
        return 0;
    }
    const Timing t = time_steps(training, options.steps);
    const double floor = R * step_macs(training.model, options.batch) / product_rate(training.matmul);
    std::printf("%.1f %.1f %.1f %.1f\n", t.median, t.lowest, t.highest, floor);
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try { return warpvae::run(argc, argv); } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_equivae_step: %s\n", error.what());
    return 1;
}
