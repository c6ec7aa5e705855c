// Contact sheets: every image pixel lands where the layout says, and captions are drawn beside them.
#include "host/show/image_grid.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

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

struct Picture {
    int width = 0, height = 0;
    std::vector<std::uint8_t> rgb;
    std::array<int, 3> at(int x, int y) const {
        const std::size_t i = (static_cast<std::size_t>(y) * width + x) * 3;
        return {rgb.at(i), rgb.at(i + 1), rgb.at(i + 2)};
    }
};

Picture decode(const std::string& png) {
    Picture out;
    int channels = 0;
    stbi_uc* pixels = stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(png.data()), static_cast<int>(png.size()),
                                            &out.width, &out.height, &channels, 3);
    if (!pixels) throw Error("not a PNG");
    out.rgb.assign(pixels, pixels + static_cast<std::size_t>(out.width) * out.height * 3);
    stbi_image_free(pixels);
    return out;
}

using Bytes = std::vector<std::uint8_t>;
constexpr std::array<int, 3> kWhite{255, 255, 255};

TEST(ImageGrid, PixelsLandWhereTheyShould) {
    ImageGridStyle style;
    style.scale = 3;
    style.gap = 2;
    style.margin = 5;
    ImageGrid grid(2, 3, 2, 2, style);
    grid.set(0, 0, Bytes{10, 20, 30, 40});
    grid.set(1, 2, Bytes{50, 60, 70, 80});
    const Picture p = decode(grid.png());
    EXPECT_EQ(p.width, 5 + 3 * 6 + 2 * 2 + 5);
    EXPECT_EQ(p.height, 5 + 2 * 6 + 2 + 5);
    const auto grey = [](int v) { return std::array<int, 3>{v, v, v}; };
    for (int y = 0; y < 6; y++) {
        for (int x = 0; x < 6; x++) {
            EXPECT_EQ(p.at(5 + x, 5 + y), grey(10 * (1 + x / 3 + 2 * (y / 3))));
            EXPECT_EQ(p.at(5 + 2 * 8 + x, 5 + 8 + y), grey(10 * (5 + x / 3 + 2 * (y / 3))));
            EXPECT_EQ(p.at(5 + 8 + x, 5 + y), kWhite);  // never set
        }
    }
    EXPECT_EQ(p.at(4, 5), kWhite);
    EXPECT_EQ(p.at(11, 5), kWhite);
}

TEST(ImageGrid, GroupsOfRowsStandApart) {
    ImageGridStyle style;
    style.scale = 1;
    style.gap = 2;
    style.margin = 0;
    style.rows_in_group = 2;
    ImageGrid grid(4, 1, 1, 1, style);
    for (int row = 0; row < 4; row++) grid.set(row, 0, Bytes{0});
    const Picture p = decode(grid.png());
    std::vector<int> rows;
    for (int y = 0; y < p.height; y++) {
        if (p.at(0, y) != kWhite) rows.push_back(y);
    }
    EXPECT_EQ(rows, (std::vector<int>{0, 3, 12, 15}));
    EXPECT_EQ(p.height, 16);
}

TEST(ImageGrid, FloatsAreClampedAndFillCountsCells) {
    ImageGridStyle style;
    style.scale = 1;
    style.gap = 0;
    style.margin = 0;
    ImageGrid grid(2, 3, 1, 1, style);
    const std::vector<float> values{0.0f, 0.5f, 1.0f, -3.0f, NAN};
    grid.fill(std::span<const float>(values));
    const Picture p = decode(grid.png());
    EXPECT_EQ(p.at(0, 0)[0], 0);
    EXPECT_EQ(p.at(1, 0)[0], 128);
    EXPECT_EQ(p.at(2, 0)[0], 255);
    EXPECT_EQ(p.at(0, 1)[0], 0);
    EXPECT_EQ(p.at(1, 1)[0], 128);
    EXPECT_EQ(p.at(2, 1), kWhite);
    EXPECT_THROW(grid.fill(std::span<const float>(values), 1), Error);  // more images than cells left
}

TEST(ImageGrid, ColoursAndInversion) {
    ImageGridStyle style;
    style.scale = 1;
    style.margin = 0;
    style.channels = 3;
    ImageGrid colour(1, 1, 1, 2, style);
    colour.set(0, 0, Bytes{1, 2, 3, 4, 5, 6});
    EXPECT_EQ(decode(colour.png()).at(0, 0), (std::array<int, 3>{1, 2, 3}));
    EXPECT_EQ(decode(colour.png()).at(1, 0), (std::array<int, 3>{4, 5, 6}));
    style.scale = 2;
    ImageGrid several(2, 2, 2, 2, style);
    std::vector<float> values(3 * 12);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 255;
    several.fill(std::span<const float>(values));
    const Picture p = decode(several.png());
    EXPECT_EQ(p.at(0, 0), (std::array<int, 3>{0, 1, 2}));
    EXPECT_EQ(p.at(3, 3), (std::array<int, 3>{9, 10, 11}));               // the first image's last pixel
    EXPECT_EQ(p.at(4 + style.gap, 0), (std::array<int, 3>{12, 13, 14}));  // the second's first
    EXPECT_EQ(p.at(3, 4 + style.gap), (std::array<int, 3>{27, 28, 29}));  // the third's, right above
    EXPECT_EQ(p.at(4 + style.gap, 4 + style.gap), kWhite);                // never set
    EXPECT_THROW(several.set(0, 0, Bytes(4)), Error);
    style.scale = 1;
    style.channels = 1;
    style.invert = true;
    ImageGrid inverted(1, 1, 1, 1, style);
    inverted.set(0, 0, Bytes{200});
    EXPECT_EQ(decode(inverted.png()).at(0, 0), (std::array<int, 3>{55, 55, 55}));
}

int inked(const Picture& p, int x0, int y0, int x1, int y1) {
    int n = 0;
    for (int y = y0; y < y1; y++) {
        for (int x = x0; x < x1; x++) n += p.at(x, y) != kWhite;
    }
    return n;
}

TEST(ImageGrid, CaptionsStandBesideTheImages) {
    ImageGrid plain(2, 2, 28, 28), captioned(2, 2, 28, 28);
    captioned.title("Figure 1");
    captioned.row_caption(1, "rotation +20°");
    captioned.column_caption(0, "s");
    const Picture a = decode(plain.png()), b = decode(captioned.png());
    const int left = b.width - a.width, top = b.height - a.height;
    EXPECT_GT(left, 60);
    EXPECT_GT(top, 20);
    EXPECT_GT(inked(b, 0, 0, 100, 33), 100);                          // the title
    EXPECT_GT(inked(b, 0, top + 16 + 60, left + 16, b.height), 200);  // the second row's caption
    EXPECT_EQ(inked(b, 0, top + 16, left + 16, top + 16 + 50), 0);    // the first row has none
    EXPECT_EQ(inked(b, left + 16, top + 16, b.width, b.height), 0);   // nothing over the images
    EXPECT_EQ(captioned.png(), captioned.png());
}

TEST(ImageGrid, WideColumnCaptionsAreTurned) {
    ImageGrid grid(1, 2, 28, 28);
    grid.column_caption(0, "a caption wider than its column");
    const Picture p = decode(grid.png());
    EXPECT_LT(p.width, 200);
    EXPECT_GT(p.height, 250);
}

TEST(ImageGrid, BreaksStandBetweenRowsAndColumns) {
    ImageGridStyle style;
    style.scale = 1, style.gap = 0, style.margin = 0;
    ImageGrid grid(3, 3, 2, 2, style);
    for (int i = 0; i < 9; ++i) grid.set(i / 3, i % 3, Bytes(4, 0));
    grid.break_after_row(0);
    grid.break_after_column(1);
    grid.break_after_column(2);  // nothing comes after it
    const Picture p = decode(grid.png());
    EXPECT_EQ(p.width, p.height);
    EXPECT_EQ(inked(p, 0, 0, p.width, p.height), 36);
    EXPECT_EQ(inked(p, 0, 2, p.width, p.height - 4), 0);
    EXPECT_EQ(inked(p, 4, 0, p.width - 2, p.height), 0);
    EXPECT_THROW(grid.break_after_row(3), Error);
}

TEST(ImageGrid, CellCaptionsStandBelowTheirImages) {
    ImageGridStyle style;
    style.scale = 1, style.gap = 0, style.margin = 0;
    ImageGrid plain(2, 2, 10, 10, style), captioned(2, 2, 10, 10, style);
    for (ImageGrid* grid : {&plain, &captioned})
        for (int i = 0; i < 4; ++i) grid->set(i / 2, i % 2, Bytes(100, 0));
    captioned.cell_caption(0, 1, "7  98%");
    const Picture a = decode(plain.png()), b = decode(captioned.png());
    EXPECT_EQ(a.width, 20);
    const int room = b.width / 2, below = b.height / 2 - 10;
    EXPECT_GT(room, 40);  // columns are as wide as the widest caption, images in their middle
    EXPECT_GT(below, 12);
    EXPECT_EQ(inked(b, 0, 0, room, 10), 100);
    EXPECT_EQ(inked(b, (room - 10) / 2, 0, (room - 10) / 2 + 10, 10), 100);
    EXPECT_EQ(inked(b, 0, 10, room, 10 + below), 0);
    EXPECT_GT(inked(b, room, 10, 2 * room, 10 + below), 100);
    EXPECT_EQ(inked(b, 0, 10 + below, b.width, 20 + below), 200);
    EXPECT_THROW(captioned.cell_caption(2, 0, ""), Error);
}

TEST(ImageGrid, FramesLieInTheGap) {
    constexpr std::array<int, 3> kRed{214, 39, 40};
    ImageGridStyle style;
    style.scale = 1, style.gap = 4, style.margin = 1;
    ImageGrid plain(2, 2, 3, 5, style), framed(2, 2, 3, 5, style), redrawn(2, 2, 3, 5, style);
    for (ImageGrid* grid : {&plain, &framed, &redrawn})
        for (int i = 0; i < 4; ++i) grid->set(i / 2, i % 2, Bytes(15, std::uint8_t(10 * i)));
    framed.frame(1, 0);
    framed.frame(0, 1);
    EXPECT_EQ(plain.png(), redrawn.png());
    const Picture a = decode(plain.png()), b = decode(framed.png());
    ASSERT_EQ(a.width, b.width);
    ASSERT_EQ(a.height, b.height);
    // A cell's box with its border of two pixels: what the margin has no room for is left out.
    const auto around = [](int x, int y, int left, int top) {
        return x >= left - 2 && x < left + 7 && y >= top - 2 && y < top + 5 &&
               !(x >= left && x < left + 5 && y >= top && y < top + 3);
    };
    for (int y = 0; y < b.height; ++y)
        for (int x = 0; x < b.width; ++x)
            EXPECT_EQ(b.at(x, y), around(x, y, 1, 8) || around(x, y, 10, 1) ? kRed : a.at(x, y)) << x << " " << y;
    EXPECT_THROW(framed.frame(2, 0), Error);
}

TEST(ImageGrid, AnyBytesMakeACaption) {
    for (const std::string& text :
         {std::string("\xff\xfe\xc3"), std::string("\xf0\x9f"), std::string("漢字 – ok"), std::string(1, '\0')}) {
        ImageGrid grid(1, 1, 2, 2);
        grid.title(text);
        EXPECT_NO_THROW(decode(grid.png()));
    }
}

TEST(ImageGrid, DarkPaper) {
    ImageGridStyle style;
    style.dark = true;
    const Picture p = decode(ImageGrid(1, 1, 4, 4, style).png());
    EXPECT_LT(p.at(0, 0)[0], 40);
}

TEST(ImageGrid, RefusesBadSizes) {
    EXPECT_THROW(ImageGrid(0, 1, 28, 28), Error);
    EXPECT_THROW(ImageGrid(1, 1, 28, -1), Error);
    EXPECT_THROW(ImageGrid(100000, 100000, 28, 28), Error);
    ImageGridStyle style;
    style.channels = 2;
    EXPECT_THROW(ImageGrid(1, 1, 28, 28, style), Error);
    ImageGrid grid(2, 2, 2, 2);
    EXPECT_THROW(grid.set(2, 0, Bytes(4)), Error);
    EXPECT_THROW(grid.set(0, -1, Bytes(4)), Error);
    EXPECT_THROW(grid.set(0, 0, Bytes(5)), Error);
    EXPECT_THROW(grid.row_caption(2, "x"), Error);
    EXPECT_THROW(grid.column_caption(-1, "x"), Error);
    EXPECT_THROW(grid.write("/dev/null/x.png"), Error);
}

}  // namespace
}  // namespace warpvae
