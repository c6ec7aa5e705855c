#include "data/user_images.h"

#include <algorithm>
#include <set>

#include "data/error.h"
#include "data/files.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/jpeg.h"
#include "data/png.h"
#include "data/pnm.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

// --- reading ---------------------------------------------------------------------------------------------------------

/// Of images in an IDX file: magic, count, height, width, and of those in colour the channels.
constexpr std::size_t kGreyHeader = 16, kColourHeader = 20;

/// All pictures together must not be too many, as they are and made `size` pixels each.
std::vector<Picture> parse_idx_images(const std::string& bytes, const std::string& name, std::size_t size) {
    const std::string head = is_gzip(bytes) ? gunzip(bytes, name, kColourHeader) : bytes.substr(0, kColourHeader);
    const auto byte = [&](std::size_t i) { return std::size_t(static_cast<unsigned char>(head[i])); };
    if (head.size() < 4 || byte(0) || byte(1))
        throw Error(name + ": neither a PNG, JPEG, PGM or PPM nor an IDX file of images");
    const bool in_colour = byte(3) == kColourRank;
    const std::size_t header = in_colour ? kColourHeader : kGreyHeader;
    std::size_t values = header;  // how much to unpack
    if (head.size() >= header) {
        const auto extent = [&](std::size_t i) {
            return byte(i) << 24 | byte(i + 1) << 16 | byte(i + 2) << 8 | byte(i + 3);
        };
        const std::size_t count = extent(4), height = extent(8), width = extent(12), most = kMostPicturePixels,
                          channels = in_colour ? extent(16) : 1;
        if (byte(2) == 8 && (in_colour || byte(3) == kImageRank)) {
            if (!count || !height || !width) throw Error(name + ": holds no images");
            if (channels != 1 && channels != 3)
                throw Error(name + ": its images have " + std::to_string(channels) + " channels: 1 or 3 are read");
            if (height > most / width || count > most / std::max(height * width * channels, size))
                throw Error(name + ": " + std::to_string(count) + " images of " + std::to_string(height) + " x " +
                            std::to_string(width) + " pixels are too many: at most " + std::to_string(most >> 20) +
                            " megapixels are read, or made of what is read");
            values += count * height * width * channels;
        }
    }
    const IdxArray array = parse_idx(is_gzip(bytes) ? gunzip(bytes, name, values + 1) : bytes, name, kAnyImageRank);
    std::vector<Picture> pictures(array.count());
    const std::size_t channels = in_colour ? array.shape[3] : 1, D = array.shape[1] * array.shape[2] * channels;
    for (std::size_t n = 0; n < pictures.size(); ++n) {
        const auto first = array.values.begin() + std::ptrdiff_t(n * D);
        pictures[n] = {int(array.shape[1]), int(array.shape[2]), int(channels), {first, first + std::ptrdiff_t(D)}};
    }
    return pictures;
}

std::vector<Picture> read_pictures(const fs::path& path, std::size_t idx_size) {
    std::error_code ignored;
    const std::uintmax_t size = fs::is_regular_file(path, ignored) ? fs::file_size(path, ignored) : 0;
    if (size != std::uintmax_t(-1) && size > std::uintmax_t(kMostPictureBytes))
        throw Error(path.string() + ": a file of " + std::to_string(size >> 20) + " MiB is too large for images");
    const std::string bytes = read_file(path);
    if (bytes.empty()) throw Error(path.string() + ": the file is empty");
    if (is_png(bytes) || is_jpeg(bytes) || is_pnm(bytes)) return {decode_picture(bytes, path.string())};
    return parse_idx_images(bytes, path.string(), idx_size);
}

/// Bytes of an image of what is prepared; 1 where the pictures say so themselves.
std::size_t image_size(const ImagePreparation& how) {
    return std::max(std::size_t(how.height) * std::size_t(how.width) * std::size_t(std::max(how.channels, 1)),
                    std::size_t(1));
}

/// "digits" of folder/digits.png, digits.idx.gz and digits.
std::string stem_of(const fs::path& path) {
    const fs::path name = path.extension() == ".gz" ? path.stem() : path.filename();
    return name.stem().empty() ? name.string() : name.stem().string();
}

}  // namespace

std::vector<UserImage> read_user_images(const std::vector<fs::path>& paths, const ImagePreparation& how) {
    std::vector<UserImage> images;
    std::set<std::string> taken;
    for (const fs::path& path : paths) {
        std::vector<Picture> pictures = read_pictures(path, image_size(how));
        for (std::size_t n = 0; n < pictures.size(); ++n) {
            const std::string number = pictures.size() > 1 ? std::to_string(n) : "";
            const std::string at = path.string() + (number.empty() ? "" : ", image " + number);
            PreparedImage prepared = prepare(std::move(pictures[n]), how, at);
            const std::string stem = stem_of(path) + (number.empty() ? "" : "-" + number);
            std::string name = stem;
            for (int again = 2; !taken.insert(name).second; ++again) name = stem + "-" + std::to_string(again);
            images.push_back(
                {std::move(name), std::move(prepared.note), prepared.inverted, std::move(prepared.pixels)});
        }
    }
    return images;
}

std::vector<std::uint8_t> bytes_of(const std::vector<UserImage>& images) {
    std::vector<std::uint8_t> bytes;
    for (const UserImage& image : images) bytes.insert(bytes.end(), image.pixels.begin(), image.pixels.end());
    return bytes;
}

}  // namespace warpvae
