// Animations are read back by giflib: pictures, their colours and times.
#include "host/show/animation.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "data/files.h"
#include "tests/support/temporary_folder.h"
#ifdef WARPVAE_HAVE_GIF
#include <gif_lib.h>

namespace warpvae {
namespace {

/// What a GIF shows.
struct ReadBack {
    explicit ReadBack(const std::filesystem::path& path) {
        int error = 0;
        GifFileType* gif = DGifOpenFileName(path.c_str(), &error);
        EXPECT_NE(gif, nullptr) << GifErrorString(error);
        if (!gif) return;
        EXPECT_EQ(DGifSlurp(gif), GIF_OK);
        for (int i = 0; i < gif->ImageCount; ++i) {
            RgbPicture& picture = pictures.emplace_back(RgbPicture{gif->SWidth, gif->SHeight, {}});
            for (int p = 0; p < gif->SWidth * gif->SHeight; ++p) {
                const GifColorType c = gif->SColorMap->Colors[gif->SavedImages[i].RasterBits[p]];
                picture.rgb.insert(picture.rgb.end(), {c.Red, c.Green, c.Blue});
            }
            GraphicsControlBlock timing;
            EXPECT_EQ(DGifSavedExtensionToGCB(gif, i, &timing), GIF_OK);
            delays.push_back(timing.DelayTime);
        }
        DGifCloseFile(gif, &error);
    }
    std::vector<RgbPicture> pictures;
    std::vector<int> delays;
};

RgbPicture picture_of(int seed, int colours) {
    RgbPicture picture{7, 5, {}};
    for (int i = 0; i < 35; ++i) {
        const int level = (i * 37 + seed * 11) % 251;
        const int other = colours == 1 ? level : (i * 91 + seed * 53) % 256,
                  third = colours == 1 ? level : seed * 7 % 256;
        for (const int value : {level, other, third}) picture.rgb.push_back(std::uint8_t(value));
    }
    return picture;
}

class Animation : public testing::Test {
  protected:
    test::TemporaryFolder folder;
};

TEST_F(Animation, GreyPicturesComeBackAsTheyWere) {
    const std::vector<RgbPicture> pictures = {picture_of(0, 1), picture_of(1, 1), picture_of(2, 1)};
    write_animation(folder / "x.gif", pictures, 12);
    const ReadBack read(folder / "x.gif");
    ASSERT_EQ(read.pictures.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(read.pictures[i].rgb, pictures[i].rgb) << i;
    EXPECT_EQ(read.delays, std::vector<int>(3, 8)) << "hundredths of a second";
    EXPECT_NE(read_file(folder / "x.gif").find("NETSCAPE2.0"), std::string::npos) << "it repeats";
}

TEST_F(Animation, ManyColoursComeBackNearly) {
    std::vector<RgbPicture> pictures;
    for (int i = 0; i < 30; ++i) pictures.push_back(picture_of(i, 3));
    write_animation(folder / "x.gif", pictures);
    const ReadBack read(folder / "x.gif");
    ASSERT_EQ(read.pictures.size(), pictures.size());
    double off = 0, count = 0;
    for (std::size_t i = 0; i < pictures.size(); ++i)
        for (std::size_t j = 0; j < pictures[i].rgb.size(); ++j, ++count)
            off += std::abs(int(read.pictures[i].rgb[j]) - int(pictures[i].rgb[j]));
    EXPECT_LT(off / count, 20) << "levels of 255, of a thousand colours by 256";
}

TEST_F(Animation, PicturesAreOfOneSize) {
    EXPECT_THROW(write_animation(folder / "x.gif", {picture_of(0, 1), RgbPicture{1, 1, {0, 0, 0}}}), Error);
    EXPECT_THROW(write_animation(folder / "x.gif", {}), Error);
    EXPECT_FALSE(std::filesystem::exists(folder / "x.gif"));
}

}  // namespace
}  // namespace warpvae
#endif
