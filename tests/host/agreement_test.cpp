// The rule by which a measured mean agrees with a paper's number: at its borders, and where it must not agree.
#include "host/show/agreement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace warpvae {
namespace {

TEST(Agreement, OneSeedIsHeldToTheStatedDifferenceAlone) {
    EXPECT_DOUBLE_EQ(allowed_difference({.paper = 0.88, .mean = 0.9, .std = 0.5, .n = 1, .absolute = 0.02}), 0.02);
    EXPECT_EQ(agreement({.paper = 0.88, .mean = 0.90, .n = 1, .absolute = 0.02}), Agreement::kAgrees) << "the border";
    EXPECT_EQ(agreement({.paper = 0.88, .mean = 0.86, .n = 1, .absolute = 0.02}), Agreement::kAgrees);
    EXPECT_EQ(agreement({.paper = 0.88, .mean = 0.900001, .n = 1, .absolute = 0.02}), Agreement::kDiffers);
    EXPECT_EQ(agreement({.paper = 0.88, .mean = 0.859999, .n = 1, .absolute = 0.02}), Agreement::kDiffers);
}

TEST(Agreement, TwoStandardErrorsOfTheDifference) {
    // 2 * 0.01 / sqrt(4) = 0.01, more than 0.002 and yet a spread of its own.
    Comparison c{.paper = 0.5, .mean = 0.51, .std = 0.01, .n = 4, .absolute = 0.002};
    EXPECT_DOUBLE_EQ(allowed_difference(c), 0.01);
    EXPECT_EQ(agreement(c), Agreement::kSpreads);
    // Both errors: sqrt(0.003^2 + 0.004^2) = 0.005.
    c = {.paper = 0.5, .paper_error = 0.003, .mean = 0.51, .std = 0.008, .n = 4, .absolute = 0.009};
    EXPECT_NEAR(allowed_difference(c), 0.01, 1e-15);
    EXPECT_EQ(agreement(c), Agreement::kAgrees);
    c.mean = 0.510001;
    EXPECT_EQ(agreement(c), Agreement::kDiffers);
}

TEST(Agreement, AWideSpreadIsNoAgreement) {
    // TPS-TVAE (8): 88.18 +- 2.33 over three seeds beside 88.42.
    const Comparison wide{.paper = 0.8842, .mean = 0.8818, .std = 0.0233, .n = 3, .absolute = 0.02};
    EXPECT_EQ(agreement(wide), Agreement::kSpreads);
    Comparison far = wide;
    far.mean = 0.93;  // within three of our deviations, which are no tolerance
    EXPECT_EQ(agreement(far), Agreement::kDiffers);
    Comparison narrow = wide;
    narrow.std = 0.02;
    EXPECT_EQ(agreement(narrow), Agreement::kAgrees) << "a deviation as large as the stated difference is the border";
}

TEST(Agreement, OurErrorNeverAllowsMoreThanARootOfTwoOfTheStatedDifference) {
    for (const int n : {2, 3, 10, 1000}) {
        const double most = std::sqrt(2) * 0.02;
        const Comparison c{.paper = 0, .mean = most * 1.0001, .std = 0.02, .n = n, .absolute = 0.02};
        EXPECT_EQ(agreement(c), Agreement::kDiffers) << n;
    }
}

TEST(Agreement, BetterThanThePaperIsNoAgreement) {
    // Error rates: a benchmark of 12.05 % beside the paper's 21.91 +- 0.66 %.
    const Comparison benchmark{.paper = 0.2191, .paper_error = 0.0066, .mean = 0.1205, .n = 1, .absolute = 0.0198};
    EXPECT_EQ(agreement(benchmark), Agreement::kDiffers);
}

TEST(Agreement, WhatIsNoNumberDiffers) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(agreement({.paper = 1, .mean = nan, .absolute = 10}), Agreement::kDiffers);
    EXPECT_EQ(agreement({.paper = 1, .mean = 1, .std = nan, .n = 3, .absolute = 10}), Agreement::kAgrees)
        << "the mean is a number, and the stated difference decides";
}

}  // namespace
}  // namespace warpvae
