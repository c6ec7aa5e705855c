#include "data/svhn.h"

#include <algorithm>

#include "data/error.h"
#include "data/files.h"
#include "data/matlab.h"

namespace warpvae {

ImageSet read_svhn(const std::filesystem::path& path) {
    constexpr std::size_t kSide = 32, kChannels = 3;
    const auto fail = [&](const std::string& why) { return Error(path.string() + ": " + why); };
    const auto text = [](const std::vector<std::size_t>& shape) {
        std::string out;
        for (std::size_t d = 0; d < shape.size(); ++d) out += (d ? "x" : "") + std::to_string(shape[d]);
        return out;
    };
    MatlabArray y = read_matlab_bytes(path, "y");
    MatlabArray X = read_matlab_bytes(path, "X");
    // MATLAB leaves out a last extent of 1.
    if (X.shape.size() == 3) X.shape.push_back(1);
    if (X.shape.size() != 4 || X.shape[0] != kSide || X.shape[1] != kSide || X.shape[2] != kChannels)
        throw fail("X is " + text(X.shape) + ", expected 32x32x3xN");
    const std::size_t count = X.shape[3];
    if (y.shape.size() != 2 || std::min(y.shape[0], y.shape[1]) > 1)
        throw fail("y is " + text(y.shape) + ", expected Nx1");
    if (y.values.size() != count)
        throw fail(std::to_string(y.values.size()) + " labels in y for the " + std::to_string(count) + " images in X");

    ImageSet set{int(kSide), int(kSide), std::vector<std::uint8_t>(X.values.size()), std::move(y.values),
                 int(kChannels)};
    for (std::size_t n = 0; n < count; ++n) {
        if (set.labels[n] < 1 || set.labels[n] > 10)
            throw fail("label " + std::to_string(set.labels[n]) + " at index " + std::to_string(n) +
                       " is not in 1..10");
        set.labels[n] = static_cast<std::uint8_t>(set.labels[n] % 10);
        // The first index runs fastest: [n][c][x][y] becomes [n][y][x][c].
        const std::uint8_t* in = X.values.data() + n * set.image_size();
        std::uint8_t* out = set.images.data() + n * set.image_size();
        for (std::size_t c = 0; c < kChannels; ++c)
            for (std::size_t x = 0; x < kSide; ++x)
                for (std::size_t row = 0; row < kSide; ++row) out[(row * kSide + x) * kChannels + c] = *in++;
    }
    return set;
}

ImageSet read_svhn_part(const std::vector<FoundFile>& files, const ImageSetShape&, std::size_t) {
    const FoundFile& file = files.at(0);
    require_digest(read_file(file.path), *file.published, file.path);
    return read_svhn(file.path);
}

}  // namespace warpvae
