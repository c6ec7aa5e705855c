#include "host/feige/feige_splits.h"

#include <algorithm>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"
#include "data/error.h"

namespace warpvae {
namespace {

ImageSet empty_like(const ImageSet& set) {
    ImageSet out;
    out.height = set.height, out.width = set.width, out.channels = set.channels;
    return out;
}
void add_image(ImageSet& to, const ImageSet& from, std::size_t i) {
    const auto first = from.images.begin() + std::ptrdiff_t(i * from.image_size());
    to.images.insert(to.images.end(), first, first + std::ptrdiff_t(from.image_size()));
    to.labels.push_back(from.labels[i]);
}

}  // namespace

FeigeSplit feige_split(const ImageSet& train, const std::string& dataset) {
    const std::size_t count = train.count();
    const std::size_t held_out = dataset == "svhn" && count == 73257 ? 3257 : count / 12;
    FeigeSplit split{empty_like(train), empty_like(train), 0};
    for (std::size_t i = 0; i < count; ++i) add_image(i < held_out ? split.validation : split.train, train, i);
    for (const std::uint8_t label : train.labels) split.classes = std::max(split.classes, label + 1);
    return split;
}

LabelledSplit labelled_split(const ImageSet& train, int classes, int labels, std::uint64_t seed) {
    if (labels % classes)
        throw UsageError("--labels " + std::to_string(labels) + ": classes share them equally, so take a multiple of " +
                         std::to_string(classes));
    const std::size_t each = std::size_t(labels) / classes;
    if (each < 2)
        throw UsageError("--labels " + std::to_string(labels) + ": every class needs two labelled images at least (" +
                         std::to_string(2 * classes) + "), for an image to be seen beside another of its class");
    std::vector<std::vector<std::size_t>> members(classes);
    for (std::size_t i = 0; i < train.count(); ++i) members[train.labels[i]].push_back(i);
    std::vector<bool> is_labelled(train.count());
    for (int k = 0; k < classes; ++k) {
        if (members[k].size() < each)
            throw UsageError("--labels " + std::to_string(labels) + ": class " + std::to_string(k) + " has only " +
                             std::to_string(members[k].size()) + " images");
        // The images of the class that draw the lowest numbers.
        DeviceBuffer<float> device(members[k].size(), "draws");
        check(philox_uniform<float>(device.data(), members[k].size(), 0.f, 1.f, seed, Purpose::kSplit, std::uint64_t(k),
                                    nullptr));
        const std::vector<float> draws = device.download();
        std::vector<std::size_t> order(members[k].size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return draws[a] < draws[b]; });
        for (std::size_t i = 0; i < each; ++i) is_labelled[members[k][order[i]]] = true;
    }
    LabelledSplit split{empty_like(train), empty_like(train)};
    for (std::size_t i = 0; i < train.count(); ++i)
        add_image(is_labelled[i] ? split.labelled : split.unlabelled, train, i);
    return split;
}

}  // namespace warpvae
