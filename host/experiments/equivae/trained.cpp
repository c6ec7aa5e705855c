#include "host/experiments/equivae/trained.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/standardise.h"

namespace warpvae {
namespace {

constexpr int kRows = 128;

/// Rows of scores as probabilities.
void softmax_rows(std::vector<float>& x, int classes) {
    for (auto row = x.begin(); row != x.end(); row += classes) {
        const float top = *std::max_element(row, row + classes);
        double sum = 0;
        for (auto i = row; i != row + classes; ++i) sum += double(*i = std::exp(*i - top));
        for (auto i = row; i != row + classes; ++i) *i = float(*i / sum);
    }
}

EquivaeConfig with_pixels(EquivaeConfig config, const PixelStatistics& pixels) {
    config.pixels = pixels.view();
    return config;
}

}  // namespace

PixelStatistics::PixelStatistics(const ImageSet& train) {
    if (train.channels == 1) return;
    Standardisation s = standardise(train);
    host_mean = std::move(s.mean), host_scale = std::move(s.scale);
    mean = DeviceBuffer<float>(host_mean, "pixel means");
    scale = DeviceBuffer<float>(host_scale, "pixel scales");
}

std::vector<float> PixelStatistics::levels(std::vector<float> pixels) const {
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        const std::size_t at = host_mean.empty() ? 0 : i % host_mean.size();
        const float level =
            host_mean.empty() ? 1 / (1 + std::exp(-pixels[i])) : pixels[i] / host_scale[at] + host_mean[at];
        pixels[i] = std::clamp(level, 0.f, 1.f);
    }
    return pixels;
}

TrainedEquivae::TrainedEquivae(const EquivaeExperiment& experiment, const EquivaeReplica& of)
    : replica(of),
      split(experiment.split()),
      classes(split.classes),
      Z(of.latents),
      pixels(split.train),
      model(with_pixels(of.config, pixels), 1, kRows, {}, device.matmul, device.convolver),
      members(classes),
      experiment_(experiment) {
    model.parameters().upload(0, experiment.weights(of, model.parameters().layout()));
    const ImageSet& set = split.validation;
    const DeviceImages images({&set.images}, {0}, int(set.image_size()));
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{kComplementSeed}, "seeds");
    validation =
        equivae_latents(model, images, ClassSets({&set.labels}, classes), kShownComplement, seeds, device.matmul)[0];
    r_y = class_means(validation.r, set.labels, classes);
    for (std::size_t i = 0; i < set.count(); ++i) members[set.labels[i]].push_back(int(i));
}

/// Calls body(first, rows) for images that lie in the model's minibatch then.
template <class Body>
void TrainedEquivae::for_minibatches(const std::vector<std::uint8_t>& bytes, Body body) {
    const DeviceImages images({&bytes}, {0}, int(model.image_size()));
    for (std::size_t first = 0; first < images.count(); first += kRows) {
        const int rows = int(std::min<std::size_t>(kRows, images.count() - first));
        check(gather_range(model.minibatch(), images.table(), first, 1, rows, int(model.image_size()), device.stream,
                           model.config().pixels));
        body(first, rows);
    }
}

void TrainedEquivae::append_from_device(std::vector<float>& to, const float* from, std::size_t n) const {
    to.resize(to.size() + n);
    check(copy_to_host(to.data() + to.size() - n, from, n * sizeof(float), device.stream));
}

const std::vector<float>& TrainedEquivae::labelled_means() {
    if (!labelled_means_.empty()) return labelled_means_;
    const ImageSet labelled = experiment_.labelled_images(replica);
    const DeviceImages images({&labelled.images}, {0}, int(labelled.image_size()));
    return labelled_means_ = class_means(embed_images(model, images, device.matmul)[0], labelled.labels, classes);
}

std::vector<float> TrainedEquivae::draw(std::size_t n, std::uint64_t which) const {
    DeviceBuffer<float> v(n * Z, "draws");
    check(philox_normal<float>(v.data(), n * Z, experiment_.options().seed, Purpose::kPrior, which, device.stream));
    return v.download(device.stream);
}

std::vector<float> TrainedEquivae::encode(const std::vector<std::uint8_t>& images, const std::vector<float>& r) {
    std::vector<float> v;
    for_minibatches(images, [&](std::size_t first, int rows) {
        check(copy_to_device(model.r(), r.data() + first * Z, std::size_t(rows) * Z * sizeof(float), device.stream));
        model.encode(rows, {});
        append_from_device(v, model.v(), std::size_t(rows) * Z);
    });
    return v;
}

std::vector<float> TrainedEquivae::distance_probabilities(const std::vector<std::uint8_t>& images) {
    std::vector<float> x, out;
    for_minibatches(images, [&](std::size_t, int rows) {
        model.embed(rows);
        append_from_device(x, model.embedding(), std::size_t(rows) * Z);
    });
    const std::vector<float>& means = labelled_means();
    for (std::size_t i = 0; i < x.size(); i += Z)
        for (int k = 0; k < classes; ++k) {
            float distance = 0;
            for (int j = 0; j < Z; ++j) distance += std::pow(x[i + j] - means[k * Z + j], 2.f);
            out.push_back(-distance);
        }
    softmax_rows(out, classes);
    return out;
}

std::vector<float> TrainedEquivae::classifier_probabilities(const std::vector<std::uint8_t>& images) {
    std::vector<float> out;
    for_minibatches(images, [&](std::size_t, int rows) {
        model.classify(rows);
        append_from_device(out, model.class_logits(), std::size_t(rows) * classes);
    });
    softmax_rows(out, classes);
    return out;
}

ImageSet TrainedEquivae::make(const std::vector<float>& r, const std::vector<float>& v,
                              std::vector<std::uint8_t> labels) {
    const std::size_t n = v.size() / Z, D = model.image_size();
    std::vector<float> decoded;
    for (std::size_t first = 0; first < n; first += kRows) {
        const std::size_t rows = std::min<std::size_t>(kRows, n - first);
        check(copy_to_device(model.r(), r.data() + first * Z, rows * Z * sizeof(float), device.stream));
        check(copy_to_device(model.v(), v.data() + first * Z, rows * Z * sizeof(float), device.stream));
        model.decode(int(rows));
        append_from_device(decoded, model.output(), rows * D);
    }
    ImageSet set{split.train.height, split.train.width, {}, std::move(labels), split.train.channels};
    for (const float level : pixels.levels(std::move(decoded)))
        set.images.push_back(std::uint8_t(std::lround(level * 255)));
    return set;
}

std::span<const std::uint8_t> TrainedEquivae::image(int i) const {
    const std::size_t size = split.validation.image_size();
    return std::span(split.validation.images).subspan(i * size, size);
}

void add_row(std::vector<float>& to, const std::vector<float>& from, std::size_t i, int Z) {
    const auto row = from.begin() + std::ptrdiff_t(i * Z);
    to.insert(to.end(), row, row + Z);
}

std::vector<ReadClass> most_probable(const std::vector<float>& probabilities, int classes) {
    std::vector<ReadClass> out(probabilities.size() / classes);
    std::vector<int> order(classes);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const float* p = &probabilities[i * classes];
        std::iota(order.begin(), order.end(), 0);
        const int shown = std::min(classes, 2);
        std::partial_sort(order.begin(), order.begin() + shown, order.end(),
                          [&](int a, int b) { return p[a] > p[b] || (p[a] == p[b] && a < b); });
        const int second = order[shown - 1];
        out[i] = {order[0], second, double(p[order[0]]), double(p[second])};
    }
    return out;
}

}  // namespace warpvae
