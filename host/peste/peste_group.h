// The replicas of one shape of the geometry experiment on the device: images, labels and model. For peste*.cpp alone.
#pragma once
#include "host/peste/peste.h"

namespace warpvae {

struct PesteExperiment::Group {
    Group(const PesteExperiment& experiment, const std::vector<PesteReplica*>& replicas);
    ~Group() { stream_destroy(stream); }
    /// Of one of the sets below; `set` is 0 for training images, 1 for test images.
    Posteriors posteriors(const DeviceImages& images, int set);
    Stream stream;
    Matmul matmul;
    DeviceImages grey_train, train, test;  ///< training images as they are, and as evaluation sees both sets
    DeviceImages train_labels, test_labels;
    RenyiVae<float> model;
    std::vector<std::uint64_t> seeds;
    DeviceBuffer<std::uint64_t> device_seeds;
};

}  // namespace warpvae
