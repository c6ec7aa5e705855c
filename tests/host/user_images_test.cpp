// A user's pictures: what a PNG or an IDX file holds comes out as grey images of the model's size, and every kind of
// damage is one clear line.
#include "data/user_images.h"

#include <cmath>
#include <random>

#include "data/gzip.h"
#include "data/idx.h"
#include "data/png.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using namespace test;
using Bytes = std::vector<std::uint8_t>;

Bytes noise(std::size_t n, int most = 255) {
    std::mt19937 random(7);
    Bytes out(n);
    for (auto& v : out) v = static_cast<std::uint8_t>(random() % static_cast<unsigned>(most + 1));
    return out;
}
std::string grey_png(int height, int width, const Bytes& pixels) { return encode_png(width, height, 1, pixels.data()); }
/// Of a picture as digits are prepared, but never inverted.
Bytes grey_pixels(const std::string& png) {
    ImagePreparation how = digit_preparation(0, 0);
    how.invert_light_border = false;
    return prepare(decode_png(png, "x"), how, "x").pixels;
}
/// A dark picture with a border of 0: nothing inverts it.
Bytes framed(int height, int width) {
    Bytes pixels = noise(std::size_t(height) * width);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x)
            if (y == 0 || x == 0 || y == height - 1 || x == width - 1) pixels[std::size_t(y) * width + x] = 0;
    return pixels;
}

// --- PNG -------------------------------------------------------------------------------------------------------------

TEST(ReadPng, GivesGreyPixelsBack) {
    for (const auto& [height, width] : {std::pair{1, 1}, {17, 1}, {1, 31}, {28, 28}, {33, 257}}) {
        const Bytes pixels = noise(std::size_t(height) * width);
        const Picture picture = decode_png(grey_png(height, width, pixels), "x");
        EXPECT_EQ(picture.height, height);
        EXPECT_EQ(picture.width, width);
        EXPECT_EQ(picture.pixels, pixels);
    }
}

TEST(ReadPng, ColourBecomesLuminanceAndTransparencyPaper) {
    const Bytes rgb = {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9};
    const Bytes expected = {77, 149, 29, 9};
    EXPECT_EQ(grey_pixels(encode_png(2, 2, 3, rgb.data())), expected);
    const Bytes grey_alpha = {0, 255, 0, 0, 200, 255, 100, 51};  // the last: a fifth of 100 and four fifths of 255
    EXPECT_EQ(grey_pixels(encode_png(2, 2, 2, grey_alpha.data())), (Bytes{0, 255, 200, 224}));
}

TEST(ReadPng, EveryTruncationAndEveryFlippedBitIsNoticed) {
    const std::string png = grey_png(6, 5, noise(30));
    for (std::size_t length = 0; length < png.size(); ++length)
        expect_message([&] { decode_png(std::string_view(png).substr(0, length), "cut.png"); }, "cut.png: ");
    for (std::size_t bit = 0; bit < 8 * png.size(); ++bit) {
        std::string damaged = png;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
        expect_message([&] { decode_png(damaged, "flipped.png"); }, "flipped.png: ");
    }
}

std::uint32_t crc(std::string_view bytes) {
    std::uint32_t c = ~0u;
    for (const char byte : bytes) {
        c ^= static_cast<unsigned char>(byte);
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}
std::string word(std::uint32_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
    return out;
}
std::string chunk(const std::string& type, const std::string& data) {
    return word(std::uint32_t(data.size())) + type + data + word(crc(type + data));
}
/// A PNG of one IDAT chunk; `layout` is depth, colour type and the three methods, `more` what stands before the data.
std::string png_of(std::uint32_t width, std::uint32_t height, const std::string& data,
                   const std::string& layout = std::string("\x08\0\0\0\0", 5), const std::string& more = "") {
    return "\x89PNG\r\n\x1a\n" + chunk("IHDR", word(width) + word(height) + layout) + more + chunk("IDAT", data) +
           chunk("IEND", "");
}
/// zlib data that holds fewer than 256 bytes as they are.
std::string stored(const std::string& bytes) {
    const char size = static_cast<char>(bytes.size()), not_size = static_cast<char>(~bytes.size());
    std::uint32_t a = 1, b = 0;  // Adler-32
    for (const char byte : bytes) a += static_cast<unsigned char>(byte), b += a;
    return std::string("\x78\x01\x01") + size + '\0' + not_size + '\xff' + bytes + word(b % 65521 << 16 | a % 65521);
}

TEST(ReadPng, OtherDepthsAndPalettesBecomeBytes) {
    const std::string methods(3, '\0');
    const auto pixels = grey_pixels;
    EXPECT_EQ(pixels(png_of(2, 1, stored(std::string("\0\x12\x34\xff\xff", 5)), std::string("\x10\0", 2) + methods)),
              (Bytes{0x12, 255}));
    EXPECT_EQ(pixels(png_of(8, 1, stored(std::string("\0\xa1", 2)), std::string("\x01\0", 2) + methods)),
              (Bytes{255, 0, 255, 0, 0, 0, 0, 255}));
    const std::string palette = chunk("PLTE", std::string("\x64\x64\x64\xff\0\0", 6));
    EXPECT_EQ(pixels(png_of(3, 1, stored(std::string("\0\1\0\1", 4)), "\x08\x03" + methods, palette)),
              (Bytes{77, 100, 77}));
    const std::string clear = palette + chunk("tRNS", std::string("\0", 1));
    EXPECT_EQ(pixels(png_of(3, 1, stored(std::string("\0\1\0\1", 4)), "\x08\x03" + methods, clear)),
              (Bytes{77, 255, 77}));
}

TEST(ReadPng, DamageUnderARightChecksumIsAnErrorOrAPicture) {
    const std::string png = grey_png(9, 11, noise(99, 30));
    const std::size_t data = png.find("IDAT") + 4, end = png.find("IEND") - 8;
    std::mt19937 random(3);
    int read = 0;
    for (int n = 0; n < 3000; ++n) {
        std::string bytes = png.substr(data, end - data);
        for (unsigned changes = 1 + random() % 4; changes > 0; --changes)
            bytes[random() % bytes.size()] = static_cast<char>(random());
        try {
            const Picture picture = decode_png(png_of(11, 9, bytes), "x");
            EXPECT_EQ(picture.pixels.size(), 99u);
            ++read;
        } catch (const Error&) {
        }
    }
    EXPECT_GT(read, 0);
    EXPECT_LT(read, 3000);
}

const std::string kGrey("\x08\0\0\0\0", 5);   // depth, kind and the three methods
const std::string kPalette("\x03\0\0\0", 4);  // what follows the depth
const std::string kTwoColours = chunk("PLTE",
                                      "red"
                                      "ink");

TEST(ReadPng, AColourThatThePaletteHasNotIsRefused) {
    const std::string clear = kTwoColours + chunk("tRNS", std::string(1, '\0'));
    for (const std::string& more : {kTwoColours, clear}) {
        const auto read = [&](char depth, const std::string& row) {
            decode_png(png_of(2, 1, stored('\0' + row), depth + kPalette, more), "a.png");
        };
        read('\1', "\x40");
        read('\2', "\x10");
        read('\4', "\x10");
        read('\x08', std::string("\1\0", 2));
        expect_message([&] { read('\2', "\x20"); }, "a.png", "colour 2 of a palette of 2");
        expect_message([&] { read('\4', "\x1f"); }, "a.png", "colour 15 of a palette of 2");
        expect_message([&] { read('\x08', "\1\2"); }, "a.png", "colour 2 of a palette of 2");
    }
}

TEST(ReadPng, WhatIsWellFramedButNonsenseIsRefused) {
    expect_message([] { decode_png(png_of(40000, 40000, ""), "a.png"); }, "a.png", "40000 x 40000", "64 megapixels");
    expect_message([] { decode_png(png_of(0xffffffff, 0xffffffff, ""), "a.png"); }, "a.png", "megapixels");
    expect_message([] { decode_png(png_of(0, 5, ""), "a.png"); }, "a.png", "no pixels");
    expect_message([] { decode_png(png_of(4, 4, "no zlib data"), "a.png"); }, "a.png", "cannot be read");
    expect_message([] { decode_png(png_of(4, 4, std::string(1 << 20, 'x')), "a.png"); }, "a.png", "more data");
    expect_message([] { decode_png("\x89PNG\r\n\x1a\n" + chunk("IDAT", "") + chunk("IEND", ""), "a.png"); }, "a.png",
                   "no header");
    expect_message([] { decode_png(png_of(8000, 8000, stored("x")), "a.png"); }, "a.png", "less data");
    expect_message([] { decode_png(png_of(1, 1, stored(std::string(2, '\0')), kGrey, chunk("A\nBC", "")), "a.png"); },
                   "a.png", "unknown kind at byte 33");
    for (const char depth : {'\0', '\3', '\x10', '\x9f'})
        expect_message([&] { decode_png(png_of(1, 1, stored("\1\1"), depth + kPalette, kTwoColours), "a.png"); },
                       "a.png", "cannot be read");
    expect_message([] { decode_png("", "a.png"); }, "a.png: the file is empty");
    expect_message([] { decode_png("GIF89a", "a.png"); }, "a.png: not a PNG");
}

// --- the images that come of it --------------------------------------------------------------------------------------

TEST(UserImages, OfTheRightSizeAreTakenAsTheyAre) {
    const TemporaryFolder folder;
    const Bytes a = framed(28, 28), three = [&] {
        Bytes all;
        for (int n = 0; n < 3; ++n) all.insert(all.end(), a.begin(), a.end()), all[std::size_t(n) * 784 + 300] = 7;
        return all;
    }();
    folder.file("seven.png", grey_png(28, 28, a));
    write_idx(folder / "set-idx3-ubyte", {3, 28, 28}, three);
    write_idx(folder / "set.idx.gz", {3, 28, 28}, three);
    const auto images =
        read_user_images({folder / "seven.png", folder / "set-idx3-ubyte", folder / "set.idx.gz", folder / "seven.png"},
                         digit_preparation(28, 28));
    ASSERT_EQ(images.size(), 8u);
    std::vector<std::string> names;
    for (const UserImage& image : images) {
        names.push_back(image.name);
        EXPECT_EQ(image.note, "");
        EXPECT_FALSE(image.inverted);
    }
    EXPECT_EQ(names, (std::vector<std::string>{"seven", "set-idx3-ubyte-0", "set-idx3-ubyte-1", "set-idx3-ubyte-2",
                                               "set-0", "set-1", "set-2", "seven-2"}));
    const Bytes colours = {1, 2, 3, 4, 5, 6, 9, 8, 7, 6, 5, 4};  // two images of 1 x 2
    write_idx(folder / "set-idx4-ubyte", {2, 1, 2, 3}, colours);
    const auto in_colour = read_user_images({folder / "set-idx4-ubyte"}, {1, 2, 3});
    ASSERT_EQ(in_colour.size(), 2u);
    EXPECT_EQ(bytes_of(in_colour), colours);
    EXPECT_EQ(images[0].pixels, a);
    for (int n = 0; n < 3; ++n) {
        EXPECT_EQ(images[1 + n].pixels, Bytes(three.begin() + n * 784, three.begin() + (n + 1) * 784));
        EXPECT_EQ(images[4 + n].pixels, images[1 + n].pixels);
    }
}

TEST(UserImages, LargerOnesAreAveragedDown) {
    const TemporaryFolder folder;
    const Bytes large = framed(56, 56);
    folder.file("a.png", grey_png(56, 56, large));
    const UserImage image = read_user_images({folder / "a.png"}, digit_preparation(28, 28))[0];
    EXPECT_NE(image.note.find("56 x 56"), std::string::npos) << image.note;
    for (int y = 0; y < 28; ++y)
        for (int x = 0; x < 28; ++x) {
            const int at = 112 * y + 2 * x, sum = large[at] + large[at + 1] + large[at + 56] + large[at + 57];
            EXPECT_NEAR(image.pixels[28 * y + x], sum / 4.0, 0.501);
        }
    // By a ratio that is not whole: the mean grey level stays.
    folder.file("b.png", grey_png(45, 45, framed(45, 45)));
    const Bytes before = framed(45, 45),
                after = read_user_images({folder / "b.png"}, digit_preparation(28, 28))[0].pixels;
    double mean_before = 0, mean_after = 0;
    for (const auto v : before) mean_before += v / double(before.size());
    for (const auto v : after) mean_after += v / double(after.size());
    EXPECT_NEAR(mean_after, mean_before, 0.1);
}

TEST(UserImages, SmallerOnesAreInterpolated) {
    const TemporaryFolder folder;
    folder.file("a.png", grey_png(2, 2, {0, 100, 0, 100}));
    const Bytes pixels = read_user_images({folder / "a.png"}, digit_preparation(4, 4))[0].pixels;
    for (int y = 0; y < 4; ++y)
        EXPECT_EQ(Bytes(pixels.begin() + 4 * y, pixels.begin() + 4 * y + 4), (Bytes{0, 25, 75, 100}));
}

TEST(UserImages, AnotherShapeIsKeptAndPaddedWithTheMedianOfTheBorder) {
    const TemporaryFolder folder;
    Bytes wide(14 * 28, 40);
    for (int i = 0; i < 28; ++i) wide[7 * 28 + i] = 200;  // a line, whose two ends are in the border
    folder.file("wide.png", grey_png(14, 28, wide));
    Bytes tall(56 * 7, 10);
    folder.file("tall.png", grey_png(56, 7, tall));
    const auto images = read_user_images({folder / "wide.png", folder / "tall.png"}, digit_preparation(28, 28));
    for (int y = 0; y < 28; ++y)
        for (int x = 0; x < 28; ++x) {
            EXPECT_EQ(images[0].pixels[28 * y + x], y == 14 ? 200 : 40);
            EXPECT_EQ(images[1].pixels[28 * y + x], 10);
        }
    EXPECT_NE(images[0].note.find("28 x 14"), std::string::npos) << images[0].note;
    EXPECT_NE(images[0].note.find("shape kept"), std::string::npos) << images[0].note;
    // A hair: its shorter side keeps one pixel.
    folder.file("hair.png", grey_png(1, 3000, Bytes(3000, 90)));
    EXPECT_EQ(read_user_images({folder / "hair.png"}, digit_preparation(28, 28))[0].pixels, Bytes(784, 90));
}

TEST(UserImages, DarkOnLightIsInvertedAndSaid) {
    const TemporaryFolder folder;
    const Bytes ink = framed(28, 28);
    Bytes paper = ink;
    for (auto& v : paper) v = static_cast<std::uint8_t>(255 - v);
    folder.file("a.png", grey_png(28, 28, paper));
    const UserImage image = read_user_images({folder / "a.png"}, digit_preparation(28, 28))[0];
    EXPECT_TRUE(image.inverted);
    EXPECT_NE(image.note.find("inverted"), std::string::npos) << image.note;
    EXPECT_EQ(image.pixels, ink);
    // Padding is inverted with it.
    folder.file("b.png", grey_png(14, 28, Bytes(14 * 28, 250)));
    EXPECT_EQ(read_user_images({folder / "b.png"}, digit_preparation(28, 28))[0].pixels, Bytes(784, 5));
}

TEST(UserImages, OnePixelIsAnImage) {
    const TemporaryFolder folder;
    folder.file("dark.png", grey_png(1, 1, {100}));
    folder.file("light.png", grey_png(1, 1, {200}));
    const auto images = read_user_images({folder / "dark.png", folder / "light.png"}, digit_preparation(28, 20));
    EXPECT_EQ(images[0].pixels, Bytes(560, 100));
    EXPECT_EQ(images[1].pixels, Bytes(560, 55));
    EXPECT_EQ(read_user_images({folder / "dark.png"}, digit_preparation(1, 1))[0].pixels, Bytes(1, 100));
}

TEST(UserImages, WhatCannotBeReadIsOneClearLine) {
    const TemporaryFolder folder;
    const auto read = [&](const std::filesystem::path& path) {
        return [path] { read_user_images({path}, digit_preparation(28, 28)); };
    };
    const std::string png = grey_png(28, 28, noise(784));
    expect_message(read(folder / "none.png"), "none.png", "No such file");
    expect_message(read(folder.path()), "directory");
    expect_message(read(folder.file("empty.png", "")), "empty.png: the file is empty");
    expect_message(read(folder.file("half.png", png.substr(0, png.size() / 2))), "half.png", "cut off");
    expect_message(read(folder.file("text.png", "hello, world, this is no picture")), "text.png", "neither a PNG");
    expect_message(read(folder.file("jpeg.png", "\xff\xd8\xff\xe0")), "jpeg.png", "JPEG");

    const std::string header = std::string("\0\0\x08\x03", 4);
    const std::string one = header + word(1) + word(2) + word(2);
    expect_message(read(folder.file("cut.idx", one + "abc")), "cut.idx", "cut off");
    expect_message(read(folder.file("long.idx", one + "abcde")), "long.idx", "too long");
    expect_message(read(folder.file("head.idx", one.substr(0, 9))), "head.idx", "cut off in its header");
    expect_message(read(folder.file("labels.idx", std::string("\0\0\x08\x01", 4) + word(2) + "ab")), "labels.idx",
                   "wrong magic 0x00000801");
    expect_message(read(folder.file("float.idx", std::string("\0\0\x0d\x03", 4) + one.substr(4) + "abcd")), "float.idx",
                   "magic 0x00000d03");
    expect_message(read(folder.file("no.idx", header + word(0) + word(28) + word(28))), "no.idx", "no images");
    expect_message(read(folder.file("huge.idx", header + word(0xffffffff) + word(0xffffffff) + word(0xffffffff))),
                   "huge.idx", "too many");
    const std::string colour = std::string("\0\0\x08\x04", 4) + word(1) + word(1) + word(2);
    expect_message(read(folder.file("four.idx", colour + word(4) + "abcdefgh")), "four.idx", "4 channels");
    expect_message(read(folder.file("bent.idx", colour + word(3) + "abcde")), "bent.idx", "cut off");
    expect_message(read(folder.file("wide.idx", colour + word(0xffffffff))), "wide.idx", "channels");
    // Of one pixel each, but not when they are made 28 x 28.
    const std::string tiny = header + word(100000) + word(1) + word(1) + std::string(100000, 'x');
    expect_message(read(folder.file("tiny.idx.gz", gzip(tiny))), "tiny.idx.gz", "100000 images", "too many");
    const std::string packed = gzip(header + word(2) + word(28) + word(28) + std::string(2 * 784, 'x'));
    expect_message(read(folder.file("cut.idx.gz", packed.substr(0, packed.size() - 9))), "cut.idx.gz");
    std::string flipped = packed;
    flipped[flipped.size() - 6] ^= 1;  // of the checksum
    expect_message(read(folder.file("flipped.idx.gz", flipped)), "flipped.idx.gz", "damaged");
    expect_message(read(folder.file("text.gz", gzip("hello"))), "text.gz", "neither a PNG");

    // A sparse file stands for one that fills a disk.
    folder.file("large.png", png);
    std::filesystem::resize_file(folder / "large.png", std::uintmax_t(3) << 30);
    expect_message(read(folder / "large.png"), "large.png", "3072 MiB is too large");
}

}  // namespace
}  // namespace warpvae
