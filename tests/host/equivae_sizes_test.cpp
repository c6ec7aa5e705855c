// Which sizes of images EQUIVAE's program takes, and the one line that refuses others before anything is trained.
#include <gtest/gtest.h>

#include "data/error.h"
#include "host/experiments/equivae/equivae.h"

namespace warpvae {
namespace {

DataSet blank(int height, int width, int channels) {
    DataSet data;
    data.name = "photographs";
    data.train = {height, width, std::vector<std::uint8_t>(std::size_t(height) * width * channels), {0}, channels};
    return data;
}

std::string refusal(int height, int width) {
    try {
        require_size(blank(height, width, 1));
    } catch (const UsageError& error) {
        return error.what();
    }
    return "";
}

TEST(EquivaeSizes, TakesSquaresThatTheDecoderMakesInGreyAndColour) {
    for (const int side : {4, 8, 12, 16, 28, 32, 60, 64, 124, 128, 252, 256})
        for (const int channels : {1, 3}) EXPECT_NO_THROW(require_size(blank(side, side, channels))) << side;
}

TEST(EquivaeSizes, RefusesOthersAndSaysWhatToDo) {
    EXPECT_EQ(refusal(20, 31),
              "photographs: its images are 20 x 31; EQUIVAE makes squares of 4, 8, 12, 16, 28, 32, 60, 64, 124, 128, "
              "252 or 256 pixels: choose --size 32 --fit pad, crop or stretch");
    EXPECT_NE(refusal(28, 32), "");
    EXPECT_NE(refusal(59, 59).find("--size 60 "), std::string::npos) << refusal(59, 59);
    EXPECT_NE(refusal(500, 375).find("--size 256 "), std::string::npos);
    EXPECT_EQ(refusal(1, 1).find('\n'), std::string::npos) << "one line";
}

}  // namespace
}  // namespace warpvae
