#include "data/split.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "cuda/device/buffer.h"
#include "cuda/ops/random.h"

namespace warpvae {
namespace {

/// Numbers of the images of each class, ascending.
std::array<std::vector<std::size_t>, 256> members_of(const std::vector<std::uint8_t>& labels) {
    std::array<std::vector<std::size_t>, 256> members;
    for (std::size_t i = 0; i < labels.size(); ++i) members[labels[i]].push_back(i);
    return members;
}

}  // namespace

std::vector<Part> stratified_split(const std::vector<std::uint8_t>& labels, double test_share) {
    std::vector<Part> parts(labels.size(), Part::kTrain);
    if (labels.empty() || test_share <= 0) return parts;
    constexpr std::uint64_t kSeed = 1, kStep = 256;  // the steps below are which images of a class are labelled
    DeviceBuffer<double> device(labels.size(), "draws of a split");
    check(philox_uniform(device.data(), labels.size(), 0.0, 1.0, kSeed, Purpose::kSplit, kStep, nullptr));
    const std::vector<double> draws = device.download();
    for (std::vector<std::size_t>& members : members_of(labels)) {
        if (members.size() < 2) continue;
        std::sort(members.begin(), members.end(),
                  [&](std::size_t a, std::size_t b) { return std::pair(draws[a], a) < std::pair(draws[b], b); });
        const std::size_t wanted = std::size_t(std::lround(test_share * double(members.size())));
        const std::size_t count = std::clamp<std::size_t>(wanted, 1, members.size() - 1);
        for (std::size_t k = 0; k < count; ++k) parts[members[k]] = Part::kTest;
    }
    return parts;
}

std::vector<std::size_t> interleaved(const std::vector<std::uint8_t>& labels) {
    std::vector<double> place(labels.size());  // in the class, from 0 to 1
    for (const std::vector<std::size_t>& members : members_of(labels))
        for (std::size_t k = 0; k < members.size(); ++k) place[members[k]] = (double(k) + 0.5) / double(members.size());
    std::vector<std::size_t> order(labels.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return place[a] < place[b]; });
    return order;
}

}  // namespace warpvae
