#include "host/experiments/equivae/splits.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <string>

#include "cuda/device/buffer.h"
#include "cuda/ops/random.h"
#include "data/error.h"

namespace warpvae {
namespace {

using Labels = std::span<const std::uint8_t>;

std::size_t validation_count(const ImageSet& set) { return set.count() == 73257 ? 3257 : set.count() / 12; }

std::string naming(int labels) { return "--labels " + std::to_string(labels) + ": "; }

void require_shares(Labels train, int classes, int labels) {
    if (labels % classes)
        throw UsageError(naming(labels) + "classes share them equally, so take a multiple of " +
                         std::to_string(classes));
    if (labels < 2 * classes)
        throw UsageError(naming(labels) + "every class needs two labelled images at least (" +
                         std::to_string(2 * classes) + "), for an image to be seen beside another of its class");
    for (int k = 0; k < classes; ++k)
        if (const auto n = std::count(train.begin(), train.end(), k); n < labels / classes)
            throw UsageError(naming(labels) + "class " + std::to_string(k) + " has only " + std::to_string(n) +
                             " images");
}

}  // namespace

EquivaeSplit equivae_split(const ImageSet& train) {
    const std::size_t held_out = validation_count(train);
    std::vector<std::size_t> order(train.count());
    std::iota(order.begin(), order.end(), 0);
    const auto others = order.begin() + std::ptrdiff_t(held_out);
    return {train.chosen({others, order.end()}), train.chosen({order.begin(), others}), train.classes()};
}

namespace {

void require_two_of_each(Labels part, int classes, const std::string& option, std::size_t count, const char* what) {
    for (int k = 0; k < classes; ++k)
        if (const auto n = std::count(part.begin(), part.end(), k); n < 2)
            throw UsageError(option + " " + std::to_string(count) + ": of class " + std::to_string(k) + " there " +
                             (n == 1 ? "is " : "are ") + std::to_string(n) + " among the " +
                             std::to_string(part.size()) + " " + what +
                             " images; two at least are needed, take more images, in a random order");
}

}  // namespace

void require_split(const ImageSet& set) {
    const Labels all(set.labels);
    const std::size_t held_out = validation_count(set);
    require_two_of_each(all.first(held_out), set.classes(), "--train-images", set.count(), "validation");
    require_two_of_each(all.subspan(held_out), set.classes(), "--train-images", set.count(), "training");
}

void require_evaluable(const DataSet& data) {
    const Labels train = Labels(data.train.labels).subspan(validation_count(data.train));
    require_two_of_each(train.first(std::min(train.size(), kProbeImages)), data.train.classes(), "--train-images",
                        data.train.count(), "first training");
    require_two_of_each(data.test.labels, data.train.classes(), "--test-images", data.test.count(), "test");
}

void require_labels(const ImageSet& set, int labels) {
    const Labels train = Labels(set.labels).subspan(validation_count(set));
    require_shares(train, set.classes(), labels);
    if (std::size_t(labels) >= train.size())
        throw UsageError(naming(labels) + "these are all training images, and some must be left without a label");
}

LabelledSplit labelled_split(const ImageSet& train, int classes, int labels, std::uint64_t seed) {
    require_shares(train.labels, classes, labels);
    std::vector<std::vector<std::size_t>> members(classes);
    for (std::size_t i = 0; i < train.count(); ++i) members[train.labels[i]].push_back(i);
    std::vector<bool> is_labelled(train.count());
    for (int k = 0; k < classes; ++k) {
        // The images of the class that draw the lowest numbers.
        DeviceBuffer<float> device(members[k].size(), "draws");
        check(philox_uniform<float>(device.data(), members[k].size(), 0.f, 1.f, seed, Purpose::kSplit, std::uint64_t(k),
                                    nullptr));
        const std::vector<float> draws = device.download();
        std::vector<std::size_t> order(members[k].size());
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return draws[a] < draws[b]; });
        for (int i = 0; i < labels / classes; ++i) is_labelled[members[k][order[i]]] = true;
    }
    std::vector<std::size_t> labelled, unlabelled;
    for (std::size_t i = 0; i < train.count(); ++i) (is_labelled[i] ? labelled : unlabelled).push_back(i);
    return {train.chosen(labelled), train.chosen(unlabelled)};
}

}  // namespace warpvae
