// PNG bytes decoded by another library's reader give the same pixels back.
#include "data/png.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <random>
#include <vector>

#include "data/files.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace warpvae {
namespace {

namespace fs = std::filesystem;

std::vector<std::uint8_t> noise(std::size_t n) {
    std::mt19937 random(7);
    std::vector<std::uint8_t> out(n);
    for (auto& v : out) v = static_cast<std::uint8_t>(random());
    return out;
}

TEST(Png, DecodesToTheSamePixels) {
    for (const int channels : {1, 2, 3, 4}) {
        for (const auto& [width, height] : {std::pair{1, 1}, {1, 17}, {31, 1}, {28, 28}, {257, 33}}) {
            const auto pixels = noise(static_cast<std::size_t>(width) * height * channels);
            const std::string png = encode_png(width, height, channels, pixels.data());
            int w, h, c;
            stbi_uc* decoded = stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(png.data()),
                                                     static_cast<int>(png.size()), &w, &h, &c, 0);
            ASSERT_TRUE(decoded) << width << " x " << height << " x " << channels;
            EXPECT_EQ(w, width);
            EXPECT_EQ(h, height);
            EXPECT_EQ(c, channels);
            EXPECT_TRUE(std::equal(pixels.begin(), pixels.end(), decoded));
            stbi_image_free(decoded);
        }
    }
}

/// CRC-32 as the PNG specification's annex computes it.
std::uint32_t crc(std::string_view bytes) {
    std::uint32_t c = ~0u;
    for (const char byte : bytes) {
        c ^= static_cast<unsigned char>(byte);
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

TEST(Png, ChunksHaveTheirChecksums) {
    const auto pixels = noise(28 * 28);
    const std::string png = encode_png(28, 28, 1, pixels.data());
    const auto word = [&](std::size_t at) {
        std::uint32_t v = 0;
        for (std::size_t i = at; i < at + 4; i++) v = v << 8 | static_cast<unsigned char>(png.at(i));
        return v;
    };
    ASSERT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
    std::string types;
    std::size_t at = 8;
    while (at < png.size()) {
        const std::uint32_t length = word(at);
        EXPECT_EQ(word(at + 8 + length), crc(std::string_view(png).substr(at + 4, 4 + length)));
        types += png.substr(at + 4, 4) + " ";
        at += 12 + length;
    }
    EXPECT_EQ(types, "IHDR IDAT IEND ");
}

TEST(Png, RefusesImpossiblePictures) {
    const std::uint8_t pixel[4] = {};
    EXPECT_THROW(encode_png(0, 1, 1, pixel), Error);
    EXPECT_THROW(encode_png(1, -1, 1, pixel), Error);
    EXPECT_THROW(encode_png(1, 1, 5, pixel), Error);
    EXPECT_THROW(encode_png(1, 1, 0, pixel), Error);
    EXPECT_THROW(encode_png(1, 1, 1, nullptr), Error);
    EXPECT_THROW(encode_png(100000, 100000, 4, pixel), Error);
}

TEST(Png, AFailedWriteLeavesTheOldFile) {
    const fs::path folder = fs::path(testing::TempDir()) / ("png_test." + std::to_string(::getpid()));
    const auto pixels = noise(64 * 64);
    write_png(folder / "a.png", 8, 8, 1, pixels.data());
    const std::string before = read_file(folder / "a.png");
    EXPECT_THROW(write_png(folder / "a.png" / "b.png", 8, 8, 1, pixels.data()), Error);  // a folder that is a file

    // A disk that takes no more than 100 bytes.
    rlimit old{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
    const rlimit small{100, old.rlim_max};
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    EXPECT_THROW(write_png(folder / "a.png", 64, 64, 1, pixels.data()), Error);
    setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, handler);
    EXPECT_EQ(read_file(folder / "a.png"), before);
    EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);  // nothing temporary left
    fs::remove_all(folder);
}

}  // namespace
}  // namespace warpvae
