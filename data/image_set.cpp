#include "data/image_set.h"

#include <algorithm>

#include "data/sha256.h"

namespace warpvae {

int ImageSet::classes() const { return labels.empty() ? 0 : *std::max_element(labels.begin(), labels.end()) + 1; }

ImageSet ImageSet::chosen(const std::vector<std::size_t>& which) const {
    ImageSet few{height, width, {}, {}, channels};
    few.images.reserve(which.size() * image_size());
    for (const std::size_t i : which) {
        const auto bytes = image(i);
        few.images.insert(few.images.end(), bytes.begin(), bytes.end());
        few.labels.push_back(labels[i]);
    }
    return few;
}

void ImageSet::truncate(std::size_t n) {
    if (n >= count()) return;
    images.resize(n * image_size());
    labels.resize(n);
}

std::string digest(const ImageSet& set) {
    // Every extent in 8 bytes, so that where one part ends and the next begins is never in doubt.
    std::string shape;
    for (const std::size_t extent :
         {set.count(), std::size_t(set.height), std::size_t(set.width), std::size_t(set.channels)}) {
        for (int shift = 56; shift >= 0; shift -= 8) shape.push_back(static_cast<char>(extent >> shift));
    }
    Sha256 sha;
    sha.update(shape);
    for (const std::vector<std::uint8_t>* bytes : {&set.images, &set.labels})
        sha.update({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
    return sha.hex();
}

}  // namespace warpvae
