#include "host/experiments/equivae/trained.h"

#include <algorithm>
#include <cmath>
#include <numeric>

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

PixelStatistics::PixelStatistics(const ImageSet& train, Likelihood of_pixels)
    : likelihood(of_pixels),
      host(train.channels == 1 || of_pixels == Likelihood::kBernoulli ? Standardisation() : standardise(train)),
      mean(host.mean, "pixel means"),
      scale(host.scale, "pixel scales") {}

std::vector<float> PixelStatistics::levels(std::vector<float> pixels) const {
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        float level = pixels[i];
        if (likelihood == Likelihood::kBernoulli)
            level = 1 / (1 + std::exp(-level));
        else if (!host.mean.empty())
            level = level / host.scale[i % host.mean.size()] + host.mean[i % host.mean.size()];
        pixels[i] = std::clamp(level, 0.f, 1.f);
    }
    return pixels;
}

TrainedEquivae::TrainedEquivae(const EquivaeExperiment& experiment, const EquivaeReplica& of)
    : replica(of),
      split(experiment.split()),
      classes(split.classes),
      Z(of.latents),
      pixels(split.train, of.config.likelihood),
      model(with_pixels(of.config, pixels), 1, kRows, {}, device.matmul, device.convolver),
      members(classes),
      experiment_(experiment) {
    model.parameters().upload(0, experiment.weights(of, model.parameters().layout()));
    const ImageSet& set = split.validation;
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{kComplementSeed}, "seeds");
    validation =
        equivae_latents(model, alone(set.images), ClassSets({&set.labels}, classes), kShownComplement, seeds)[0];
    r_y = class_means(validation.r, set.labels, classes);
    for (std::size_t i = 0; i < set.count(); ++i) members[set.labels[i]].push_back(int(i));
}

void TrainedEquivae::append_from_device(std::vector<float>& to, const float* from, std::size_t n) const {
    to.resize(to.size() + n);
    check(copy_to_host(to.data() + to.size() - n, from, n * sizeof(float), device.stream));
}

const std::vector<float>& TrainedEquivae::labelled_means() {
    if (!labelled_means_.empty()) return labelled_means_;
    const ImageSet labelled = experiment_.labelled_images(replica);
    const std::vector<float> embedded = embed_images(model, alone(labelled.images))[0];
    return labelled_means_ = class_means(embedded, labelled.labels, classes);
}

std::vector<float> TrainedEquivae::draw(std::size_t n, std::uint64_t which) const {
    DeviceBuffer<float> v(n * Z, "draws");
    check(philox_normal<float>(v.data(), n * Z, experiment_.options().seed, Purpose::kPrior, which, device.stream));
    return v.download(device.stream);
}

std::vector<float> TrainedEquivae::encode(const std::vector<std::uint8_t>& images, const std::vector<float>& r) {
    std::vector<float> v;
    const DeviceImages on_device = alone(images);
    for_batches(model, on_device, on_device.count(), kRows, [&](std::size_t first, int rows) {
        check(copy_to_device(model.r(), r.data() + first * Z, std::size_t(rows) * Z * sizeof(float), device.stream));
        model.encode(rows, {});
        append_from_device(v, model.v(), std::size_t(rows) * Z);
    });
    return v;
}

std::vector<float> TrainedEquivae::distance_probabilities(const std::vector<std::uint8_t>& images) {
    const std::vector<float> x = embed_images(model, alone(images))[0];
    const std::vector<float>& means = labelled_means();
    std::vector<float> out;
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
    const DeviceImages on_device = alone(images);
    for_batches(model, on_device, on_device.count(), kRows, [&](std::size_t, int rows) {
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
    for_batches(n, kRows, [&](std::size_t first, int rows) {
        const std::size_t bytes = std::size_t(rows) * Z * sizeof(float);
        check(copy_to_device(model.r(), r.data() + first * Z, bytes, device.stream));
        check(copy_to_device(model.v(), v.data() + first * Z, bytes, device.stream));
        model.decode(rows);
        append_from_device(decoded, model.output(), rows * D);
    });
    ImageSet set{split.train.height, split.train.width, {}, std::move(labels), split.train.channels};
    for (const float level : pixels.levels(std::move(decoded)))
        set.images.push_back(std::uint8_t(std::lround(level * 255)));
    return set;
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
