// Pictures as cameras and programs write them: what PIL wrote comes back, upright, and what is none is one clear line.
#include "data/picture.h"

#include <cstdlib>

#include "data/exif.h"
#include "data/jpeg.h"
#include "data/png.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using namespace test;
namespace fs = std::filesystem;

fs::path golden(const std::string& name) { return fs::path(WARPVAE_GOLDENS) / "own_images" / name; }
Picture read(const std::string& name) { return decode_picture(read_file(golden(name)), name); }

/// The corner pixels of the goldens, clockwise from the top left: grey 0, 85, 170, 255.
std::vector<int> corners(const Picture& p) {
    const auto at = [&](int y, int x) {
        return int(p.pixels[(std::size_t(y) * std::size_t(p.width) + std::size_t(x)) * std::size_t(p.channels)]);
    };
    std::vector<int> found{at(0, 0), at(0, p.width - 1), at(p.height - 1, p.width - 1), at(p.height - 1, 0)};
    for (int& value : found) value = (value + 42) / 85;  // what JPEG loses
    return found;
}
using Corners = std::vector<int>;

TEST(Picture, OfEveryKindThatIsRead) {
    for (const char* name : {"grey.png", "grey.jpg", "colour.jpg", "progressive.jpg", "colour.ppm", "grey.pgm",
                             "palette.png", "sixteen.png", "interlaced.png"}) {
        if (fs::path(name).extension() == ".jpg" && !can_read_jpeg()) continue;
        const Picture picture = read(name);
        EXPECT_EQ(picture.height, 16) << name;
        EXPECT_EQ(picture.width, 24) << name;
        EXPECT_EQ(picture.channels, std::string(name).starts_with("colour") ? 3 : 1) << name;
        EXPECT_EQ(corners(picture), (Corners{0, 1, 2, 3})) << name;
    }
}

TEST(Picture, EveryTurnOfACameraIsUndone) {
    if (!can_read_jpeg()) GTEST_SKIP() << "built without libjpeg";
    for (int orientation = 1; orientation <= 8; ++orientation) {
        const Picture picture = read("turned" + std::to_string(orientation) + ".jpg");
        EXPECT_EQ(picture.width, 24) << orientation;
        EXPECT_EQ(corners(picture), (Corners{0, 1, 2, 3})) << orientation;
    }
}

TEST(Picture, BrokenExifTurnsNothing) {
    const std::string good("MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0", 26);
    EXPECT_EQ(exif_orientation(good), 6);
    for (std::size_t length = 0; length < good.size() - 4; ++length)
        EXPECT_EQ(exif_orientation(good.substr(0, length)), 1) << length;
    for (const char wrong : {'\0', '\x09', '\xff'}) {
        std::string bad = good;
        bad[19] = wrong;
        EXPECT_EQ(exif_orientation(bad), 1);
    }
    std::string far = good;
    far[4] = '\xff';
    EXPECT_EQ(exif_orientation(far), 1);
    EXPECT_EQ(exif_orientation("no header at all"), 1);
}

TEST(Picture, WhatIsNoPictureIsOneClearLine) {
    const auto refused = [](const std::string& bytes, auto... words) {
        expect_message([&] { decode_picture(bytes, "x"); }, "x: ", words...);
    };
    refused("", "empty");
    refused("hello", "neither a PNG");
    refused("GIF89a", "convert it to PNG");
    refused(read_file(golden("animated.png")), "animated");
    refused("P5 2 2 255\nabc", "cut off");
    refused("P5 2 2 65535\nabcdefgh", "65535");
    refused("P6 99999999 99999999 255\nabc", "too many");
    refused("P5 0 2 255\n", "no pixels");
    refused("P5 2", "cut off");
    if (!can_read_jpeg()) return;
    refused(read_file(golden("cmyk.jpg")), "CMYK");
    const std::string jpeg = read_file(golden("grey.jpg"));
    for (std::size_t length = 3; length < jpeg.size() - 2; length += 7) refused(jpeg.substr(0, length), "JPEG");
    std::string huge = jpeg;  // its frame says 65500 x 65500
    const std::size_t frame = huge.find("\xff\xc0");
    ASSERT_NE(frame, huge.npos);
    for (std::size_t i = 5; i < 9; i += 2) huge.replace(frame + i, 2, "\xff\xdc");
    refused(huge, "64 megapixels");
    std::string nothing = jpeg;
    nothing.replace(frame + 5, 4, std::string(4, '\0'));
    refused(nothing, "JPEG");
}

}  // namespace
}  // namespace warpvae
