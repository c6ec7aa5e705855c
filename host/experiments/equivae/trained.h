// A trained EQUIVAE alone on the device: the images that it makes, and the classes that it reads.
#pragma once
#include <vector>

#include "data/standardise.h"
#include "host/core/convolution_device.h"
#include "host/evaluate/equivae_classes.h"
#include "host/experiments/equivae/equivae.h"

namespace warpvae {

/// The pixels that a model takes: colour images are standardised by the training set's pixels (the paper's SVHN); grey
/// ones, and colours that are probabilities, are bytes / 255.
struct PixelStatistics {
    /// `likelihood` of the model's pixels; a classifier has none.
    explicit PixelStatistics(const ImageSet& train, Likelihood likelihood = Likelihood::kGaussian);
    const Likelihood likelihood;
    const Standardisation host;  ///< empty: none
    const DeviceBuffer<float> mean, scale;
    PixelScale view() const { return {mean.data(), scale.data()}; }
    /// Pixels of a decoder as levels of [0, 1]: a Bernoulli's logits, or a Gaussian's means.
    std::vector<float> levels(std::vector<float> pixels) const;
};

/// The model, and the r that stands for each class. Rows of r and v are [n, Z].
struct TrainedEquivae {
    TrainedEquivae(const EquivaeExperiment& experiment, const EquivaeReplica& replica);

    const EquivaeReplica replica;
    const EquivaeSplit& split;
    const int classes, Z;
    const ConvolutionDevice device;
    const PixelStatistics pixels;
    Equivae<float> model;
    EquivaeLatents validation;              ///< of the validation images, r from 5 others of the class
    std::vector<float> r_y;                 ///< [classes, Z]: the mean of validation.r over each class
    std::vector<std::vector<int>> members;  ///< of each class, among the validation images

    /// v ~ N(0, I), `which` tells sheets apart.
    std::vector<float> draw(std::size_t n, std::uint64_t which) const;
    /// The posterior's mean v of images (bytes), each given its row of r.
    std::vector<float> encode(const std::vector<std::uint8_t>& images, const std::vector<float>& r);
    /// Probabilities [n, classes]: proportional to exp(-|f_inv(x) - r_y|^2), and q(y | x) (semi-supervised only).
    std::vector<float> distance_probabilities(const std::vector<std::uint8_t>& images);
    std::vector<float> classifier_probabilities(const std::vector<std::uint8_t>& images);
    /// What rows of r and v decode to, as images of the split's shape with these classes.
    ImageSet make(const std::vector<float>& r, const std::vector<float>& v, std::vector<std::uint8_t> labels = {});

  private:
    DeviceImages alone(const std::vector<std::uint8_t>& images) const {
        return DeviceImages({&images}, {0}, int(split.train.image_size()));
    }
    void append_from_device(std::vector<float>& to, const float* from, std::size_t n) const;
    const std::vector<float>& labelled_means();

    const EquivaeExperiment& experiment_;
    std::vector<float> labelled_means_;  // [classes, Z]: f_inv's over labelled images, once needed
};

/// Row i of [n, Z] at the end of another.
void add_row(std::vector<float>& to, const std::vector<float>& from, std::size_t i, int Z);

/// The two most probable classes of an image.
struct ReadClass {
    int first = 0, second = 0;
    double probability = 0, second_probability = 0;
};
/// Of each row [classes].
std::vector<ReadClass> most_probable(const std::vector<float>& probabilities, int classes);

}  // namespace warpvae
