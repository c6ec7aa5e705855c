// The replicas of one shape of Feige's experiment on the device: images, labels and model. For feige*.cpp alone.
#pragma once
#include "host/feige/feige.h"

namespace warpvae {

inline constexpr std::uint64_t kFeigeEvaluationSeed = 20190612;  ///< of complementary images in evaluation

double feige_mean(const std::vector<float>& x);

/// Replicas of one shape, trained and evaluated in the same launches.
struct FeigeExperiment::Group {
    Group(const FeigeExperiment& experiment, const std::vector<FeigeReplica*>& replicas);
    ~Group() {
        model.reset();
        stream_destroy(stream);
    }
    Stream stream;
    Matmul matmul;
    Convolver convolver;
    PixelStatistics pixels;
    std::vector<LabelledSplit> splits;  ///< semi-supervised
    DeviceImages labelled, labelled_labels, unlabelled;
    std::unique_ptr<ClassSets> classes;
    std::unique_ptr<Equivae<float>> model;
    std::vector<std::uint64_t> seeds;
    DeviceBuffer<std::uint64_t> device_seeds, evaluation_seeds;

    /// What an epoch passes over.
    const DeviceImages& epoch_images() const { return splits.empty() ? labelled : unlabelled; }
    /// A set of the experiment, the same for all replicas.
    DeviceImages shared(const std::vector<std::uint8_t>& bytes, std::size_t size) const {
        return DeviceImages({&bytes}, std::vector<int>(seeds.size(), 0), int(size));
    }
    ClassSets class_sets(const std::vector<std::uint8_t>& labels, int count) const {
        return ClassSets(std::vector<const std::vector<std::uint8_t>*>(seeds.size(), &labels), count);
    }
};

}  // namespace warpvae
