// Labelled images in memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace warpvae {

struct ImageSet {
    int height = 0, width = 0;
    std::vector<std::uint8_t> images;  ///< [count, height, width, channels]
    std::vector<std::uint8_t> labels;  ///< [count]
    int channels = 1;                  ///< 1 grey, 3 red, green and blue
    std::size_t count() const { return labels.size(); }
    std::size_t pixels() const { return std::size_t(height) * std::size_t(width); }
    /// Bytes of one image.
    std::size_t image_size() const { return pixels() * std::size_t(channels); }
    /// Labels are 0..classes() - 1; 0 without images.
    int classes() const;
    /// The bytes of image i.
    std::span<const std::uint8_t> image(std::size_t i) const {
        return std::span(images).subspan(i * image_size(), image_size());
    }
    /// These images, in this order.
    ImageSet chosen(const std::vector<std::size_t>& which) const;
    /// Keeps the first `n` images, if there are more.
    void truncate(std::size_t n);
};

/// The two parts of a data set. Where images are made from random numbers, each part has its own: image 0 of the test
/// set is not turned as image 0 of the training set is.
enum class Part { kTrain, kTest };

/// SHA-256 of the set's shape, images and labels: 64 hexadecimal digits. Equal sets have equal digests, whatever they
/// are called and wherever they came from. Takes 0.2 s for the 60,000 training images of MNIST, 0.8 s for the 73,257 of
/// SVHN.
std::string digest(const ImageSet& set);

}  // namespace warpvae
