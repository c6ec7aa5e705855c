#include "data/picture.h"

#include <algorithm>
#include <cctype>

#include "data/error.h"
#include "data/jpeg.h"
#include "data/png.h"
#include "data/pnm.h"

namespace warpvae {
namespace {

/// The name's ending in lower case, without the dot.
std::string ending_of(const std::filesystem::path& path) {
    std::string ending = path.extension().string();
    if (!ending.empty()) ending.erase(0, 1);
    for (char& c : ending) c = char(std::tolower(static_cast<unsigned char>(c)));
    return ending;
}

template <std::size_t N>
bool is_one_of(const std::string& word, const char* const (&words)[N]) {
    return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

}  // namespace

Picture decode_picture(std::string_view bytes, const std::string& name) {
    if (bytes.empty()) throw Error(name + ": the file is empty");
    if (is_png(bytes)) return decode_png(bytes, name);
    if (is_jpeg(bytes)) return decode_jpeg(bytes, name);
    if (is_pnm(bytes)) return decode_pnm(bytes, name);
    throw Error(name + ": neither a PNG nor a JPEG, PGM or PPM: convert it to PNG");
}

bool has_picture_name(const std::filesystem::path& path) {
    return is_one_of(ending_of(path), {"png", "jpg", "jpeg", "pgm", "ppm", "pnm"});
}

bool has_other_picture_name(const std::filesystem::path& path) {
    return is_one_of(ending_of(path), {"gif", "bmp", "tif", "tiff", "webp", "pbm", "jp2", "heic", "avif", "apng"});
}

}  // namespace warpvae
