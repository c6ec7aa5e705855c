// Images drawn once from grey levels: black and white alone, as often ink as the level says, the same at every call.
#include "data/binarise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace warpvae {
namespace {

TEST(Binarise, InkIsAsOftenAsTheGreyLevelSays) {
    constexpr std::size_t kPixels = 200000;
    for (const int level : {0, 1, 100, 254, 255}) {
        const std::vector<std::uint8_t> drawn =
            binarised(std::vector<std::uint8_t>(kPixels, std::uint8_t(level)), 3, 0);
        ASSERT_EQ(drawn.size(), kPixels);
        const auto ink = std::count(drawn.begin(), drawn.end(), 255), paper = std::count(drawn.begin(), drawn.end(), 0);
        EXPECT_EQ(std::size_t(ink + paper), kPixels);
        const double p = level / 255., error = std::sqrt(p * (1 - p) / kPixels);
        EXPECT_NEAR(double(ink) / kPixels, p, 5 * error) << "level " << level;
    }
}

TEST(Binarise, EachSeedAndSetDrawsItsOwnAlwaysTheSame) {
    const std::vector<std::uint8_t> grey(3000, 128);
    const auto first = binarised(grey, 1, 0);
    EXPECT_EQ(first, binarised(grey, 1, 0));
    EXPECT_NE(first, binarised(grey, 2, 0));
    EXPECT_NE(first, binarised(grey, 1, 1));
    EXPECT_TRUE(binarised({}, 1, 0).empty());
    // A pixel's draw does not depend on how many follow it.
    const auto part = binarised(std::vector<std::uint8_t>(700, 128), 1, 0);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), first.begin()));
}

}  // namespace
}  // namespace warpvae
