// Sets made by turning and scaling: that a positive angle turns counter-clockwise, that 1.1 enlarges, that draws depend
// on (seed, part, index) only, and every pixel against a double-precision reference.
#include "data/transformed_sets.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/support/device_test.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using test::expect_message;
using test::Random;
using Bytes = std::vector<std::uint8_t>;

ImageSet random_set(std::size_t count, int height, int width, std::uint64_t seed) {
    Random random(seed);
    ImageSet set{height, width, {}, {}};
    set.images = random.integers<std::uint8_t>(count * set.pixels(), 0, 255);
    set.labels = random.integers<std::uint8_t>(count, 0, 9);
    return set;
}
ImageSet dot(int row, int column) {
    ImageSet set{28, 28, Bytes(784), {0}};
    set.images[std::size_t(row * 28 + column)] = 255;
    return set;
}
struct Mean {
    double x = 0, y = 0, mass = 0;
};
/// Of the ink, in pixels from the image's centre, y down.
Mean centre_of_mass(const Bytes& image) {
    Mean mean;
    for (int i = 0; i < 784; ++i) {
        const double ink = image[std::size_t(i)];
        mean.mass += ink, mean.x += ink * (i % 28 - 13.5), mean.y += ink * (i / 28 - 13.5);
    }
    mean.x /= mean.mass, mean.y /= mean.mass;
    return mean;
}

TEST(TransformedSets, CodesAreTheOnesOfTheTables) {
    for (const Variant variant : kVariants) EXPECT_EQ(parse_variant(variant_code(variant)), variant);
    EXPECT_STREQ(variant_code(Variant::kRandom), "rt");
    expect_message([] { parse_variant("frs"); }, "frs", "s, fr, fs or rt");
}

TEST(TransformedSets, TheStandardSetIsUntouched) {
    const ImageSet set = random_set(3, 28, 28, 1);
    EXPECT_EQ(make_variant(set, Variant::kStandard, {}, 1, Part::kTrain), set.images);
}

TEST(TransformedSets, APositiveAngleTurnsCounterClockwise) {
    const ImageSet right = dot(13, 22);  // 8.5 to the right of the centre, 0.5 above
    VariantOptions options;
    options.rotation = 90;
    EXPECT_EQ(make_variant(right, Variant::kFixedRotation, options, 1, Part::kTrain), dot(5, 13).images);
    options.clockwise = true;
    EXPECT_EQ(make_variant(right, Variant::kFixedRotation, options, 1, Part::kTrain), dot(22, 14).images);
    const double radius = std::hypot(8.5, 0.5), angle = std::atan2(0.5, 8.5) + 20 * M_PI / 180;
    const Mean mean = centre_of_mass(make_variant(right, Variant::kFixedRotation, {}, 1, Part::kTest));
    EXPECT_NEAR(mean.x, radius * std::cos(angle), 0.15);
    EXPECT_NEAR(mean.y, -radius * std::sin(angle), 0.15);
}

TEST(TransformedSets, AScaleOfOnePointOneEnlarges) {
    const ImageSet right = dot(13, 22);
    const Mean mean = centre_of_mass(make_variant(right, Variant::kFixedScale, {}, 1, Part::kTrain));
    EXPECT_NEAR(mean.x, 1.1 * 8.5, 0.15);
    EXPECT_NEAR(mean.y, 1.1 * -0.5, 0.15);
    // Mass grows with the area: a digit (not a dot) of ink 255 over 10 x 10 pixels covers 121.
    ImageSet square{28, 28, Bytes(784), {0}};
    for (int i = 9; i < 19; ++i)
        for (int j = 9; j < 19; ++j) square.images[std::size_t(28 * i + j)] = 255;
    EXPECT_NEAR(centre_of_mass(make_variant(square, Variant::kFixedScale, {}, 1, Part::kTrain)).mass, 121 * 255,
                255 * 3);
}

TEST(TransformedSets, TheOtherCentreIsHalfAPixelRightAndBelow) {
    VariantOptions options;
    options.centre = Centre::kHalfSize;
    options.rotation = 180;
    // About (14, 14) pixel (r, c) goes to (28 - r, 28 - c); about (13.5, 13.5) to (27 - r, 27 - c).
    EXPECT_EQ(make_variant(dot(10, 5), Variant::kFixedRotation, options, 1, Part::kTrain), dot(18, 23).images);
    options.centre = Centre::kPixels;
    EXPECT_EQ(make_variant(dot(10, 5), Variant::kFixedRotation, options, 1, Part::kTrain), dot(17, 22).images);
}

TEST(AffineChange, EachPartDoesWhatItSays) {
    const auto moved = [](const AffineChange& change) {
        ImageSet set = dot(8, 20);  // (6.5, -5.5), made three pixels wide
        for (int i = 7; i < 10; ++i)
            for (int j = 19; j < 22; ++j) set.images[std::size_t(28 * i + j)] = 255;
        return centre_of_mass(warp_images(set, {affine_map(change)}, Interpolation::kBilinear));
    };
    AffineChange shift;
    shift.translate_x = 2, shift.translate_y = -3;
    EXPECT_NEAR(moved(shift).x, 8.5, 1e-6);
    EXPECT_NEAR(moved(shift).y, -8.5, 1e-6);
    AffineChange lean;
    lean.shear = 0.5;  // 5.5 above the centre: to the right by 2.75
    EXPECT_NEAR(moved(lean).x, 6.5 + 2.75, 0.1);
    EXPECT_NEAR(moved(lean).y, -5.5, 0.1);
    AffineChange stretch;
    stretch.scale_x = 0.5, stretch.scale_y = 1.5;
    EXPECT_NEAR(moved(stretch).x, 3.25, 0.3);
    EXPECT_NEAR(moved(stretch).y, -8.25, 0.3);
    // Scale, then shear, then rotation by 90 degrees (x, y) -> (y, -x), then translation.
    AffineChange all;
    all.scale_x = 0.5, all.shear = 0.5, all.rotation = 90, all.translate_x = 1;
    EXPECT_NEAR(moved(all).x, -5.5 + 1, 0.3);
    EXPECT_NEAR(moved(all).y, -(3.25 + 2.75), 0.3);
}

TEST(AffineChange, FullTurnsAreExactAndNonsenseIsRefused) {
    for (const double degrees : {0.0, 360.0, -720.0}) {
        AffineChange turn;
        turn.rotation = degrees;
        const AffineMap map = affine_map(turn);
        EXPECT_EQ(map.a, 1.f);
        EXPECT_EQ(map.b, 0.f);
        EXPECT_EQ(map.tx, 0.f);
    }
    for (const double degrees : {90.0, -270.0}) {
        AffineChange turn;
        turn.rotation = degrees;
        const AffineMap map = affine_map(turn);
        EXPECT_EQ(map.a, 0.f);
        EXPECT_EQ(map.b, -1.f);
        EXPECT_EQ(map.c, 1.f);
    }
    for (const double scale : {0.0, -1.0, std::nan("")}) {
        AffineChange change;
        change.scale_x = scale;
        expect_message([&] { affine_map(change); }, "scale");
    }
    const ImageSet set = random_set(3, 4, 4, 1);
    expect_message([&] { warp_images(set, std::vector<AffineMap>(2), Interpolation::kBilinear); }, "one map");
}

TEST(TransformedSets, MatchesADoublePrecisionReference) {
    const ImageSet set = random_set(5, 28, 28, 2);
    for (const bool nearest : {false, true}) {
        VariantOptions options;
        options.interpolation = nearest ? Interpolation::kNearest : Interpolation::kBilinear;
        const auto maps = variant_maps(Variant::kRandom, options, 3, Part::kTrain, set.count());
        const Bytes out = make_variant(set, Variant::kRandom, options, 3, Part::kTrain);
        int wrong = 0;
        for (std::size_t n = 0; n < set.count(); ++n) {
            for (int i = 0; i < 784; ++i) {
                const double x = i % 28 - 13.5, y = i / 28 - 13.5;
                const double u = double(maps[n].a) * x + double(maps[n].b) * y + 13.5;
                const double v = double(maps[n].c) * x + double(maps[n].d) * y + 13.5;
                double expected = 0, slack = 0.51;
                for (int row = 0; row < 28; ++row) {
                    for (int column = 0; column < 28; ++column) {
                        const double dx = std::abs(u - column), dy = std::abs(v - row);
                        const double weight =
                            nearest ? (dx < 0.5 && dy < 0.5) : std::max(0.0, 1 - dx) * std::max(0.0, 1 - dy);
                        expected += weight * set.images[n * 784 + std::size_t(28 * row + column)];
                        // Half-way between two pixels rounding decides which is nearest.
                        if (nearest && (std::abs(dx - 0.5) < 1e-4 || std::abs(dy - 0.5) < 1e-4)) slack = 255;
                    }
                }
                wrong += std::abs(expected - out[n * 784 + std::size_t(i)]) > slack;
            }
        }
        EXPECT_EQ(wrong, 0) << (nearest ? "nearest" : "bilinear");
    }
}

/// Angle in degrees and scale that a map makes.
struct Drawn {
    double rotation, scale;
};
Drawn read_back(const AffineMap& map) {
    return {std::atan2(double(map.c), double(map.d)) * 180 / M_PI, 1 / std::hypot(double(map.a), double(map.b))};
}

TEST(TransformedSets, RandomDrawsCoverTheirRangesEvenly) {
    const std::size_t count = 20000;
    const auto maps = variant_maps(Variant::kRandom, {}, 1, Part::kTrain, count);
    double low = 99, high = -99, rotation_sum = 0, scale_sum = 0, product = 0;
    for (const AffineMap& map : maps) {
        const Drawn drawn = read_back(map);
        low = std::min(low, drawn.rotation), high = std::max(high, drawn.rotation);
        ASSERT_GE(drawn.scale, 0.9 - 1e-6);
        ASSERT_LE(drawn.scale, 1.1 + 1e-6);
        rotation_sum += drawn.rotation, scale_sum += drawn.scale - 1, product += drawn.rotation * (drawn.scale - 1);
    }
    EXPECT_GE(low, -20.001);
    EXPECT_LT(low, -19.9);
    EXPECT_LE(high, 20.001);
    EXPECT_GT(high, 19.9);
    // Five standard deviations of the mean of uniform draws, and of the mean of their product.
    const double root = std::sqrt(double(count));
    EXPECT_NEAR(rotation_sum / double(count), 0, 5 * 20 / std::sqrt(3) / root);
    EXPECT_NEAR(scale_sum / double(count), 0, 5 * 0.1 / std::sqrt(3) / root);
    EXPECT_NEAR(product / double(count), 0, 5 * 20 * 0.1 / 3 / root);
}

TEST(TransformedSets, AnImagesDrawDependsOnSeedPartAndIndexOnly) {
    const auto many = variant_maps(Variant::kRandom, {}, 5, Part::kTrain, 1001);
    const auto few = variant_maps(Variant::kRandom, {}, 5, Part::kTrain, 7);
    for (std::size_t i = 0; i < few.size(); ++i) {
        EXPECT_EQ(few[i].a, many[i].a);
        EXPECT_EQ(few[i].b, many[i].b);
    }
    EXPECT_NE(variant_maps(Variant::kRandom, {}, 6, Part::kTrain, 1)[0].b, few[0].b) << "another seed";
    EXPECT_NE(variant_maps(Variant::kRandom, {}, 5, Part::kTest, 1)[0].b, few[0].b) << "another part";
    std::set<float> different;
    for (const AffineMap& map : many) different.insert(map.b);
    EXPECT_GT(different.size(), 990u);
    const ImageSet set = random_set(9, 28, 28, 3);
    EXPECT_EQ(make_variant(set, Variant::kRandom, {}, 5, Part::kTrain),
              make_variant(set, Variant::kRandom, {}, 5, Part::kTrain));
}

TEST(TransformedSets, EmptySetsAndOddSizes) {
    for (const Variant variant : kVariants) {
        EXPECT_TRUE(make_variant({28, 28, {}, {}}, variant, {}, 1, Part::kTrain).empty());
        EXPECT_EQ(make_variant(random_set(2, 5, 31, 1), variant, {}, 1, Part::kTest).size(), 2u * 5 * 31);
    }
}

TEST(TransformedSets, RotationOverTheCircleIsUniform) {
    // A dot on the right lands in each quarter of the circle about as often.
    const std::size_t count = 2000;
    ImageSet set{28, 28, {}, Bytes(count)};
    for (std::size_t i = 0; i < count; ++i) {
        const ImageSet one = dot(13, 22);
        set.images.insert(set.images.end(), one.images.begin(), one.images.end());
    }
    const Bytes turned = rotate_over_circle(set, 1, Part::kTrain);
    int quarter[4] = {};
    for (std::size_t i = 0; i < count; ++i) {
        const auto first = turned.begin() + std::ptrdiff_t(784 * i);
        const Mean mean = centre_of_mass(Bytes(first, first + 784));
        ++quarter[(mean.x > 0) + 2 * (mean.y > 0)];
    }
    for (const int hits : quarter) EXPECT_NEAR(hits, 500, 5 * std::sqrt(2000 * 0.25 * 0.75));
    EXPECT_NE(rotate_over_circle(set, 1, Part::kTest), turned);
}

TEST(WarpImages, EachColourAsAGreyImage) {
    ImageSet set{5, 7, {}, Bytes(3), 3};
    Random random(6);
    set.images = random.integers<std::uint8_t>(3 * set.image_size(), 0, 255);
    std::vector<AffineMap> maps;
    for (const double angle : {10.0, 90.0, -33.0}) {
        AffineChange change;
        change.rotation = angle;
        maps.push_back(affine_map(change));
    }
    const Bytes warped = warp_images(set, maps, Interpolation::kBilinear);
    for (std::size_t c = 0; c < 3; ++c) {
        ImageSet grey{5, 7, Bytes(3 * 35), Bytes(3)};
        for (std::size_t i = 0; i < grey.images.size(); ++i) grey.images[i] = set.images[3 * i + c];
        const Bytes expected = warp_images(grey, maps, Interpolation::kBilinear);
        for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(warped[3 * i + c], expected[i]);
    }
}

TEST(TransformedSets, ResizedAndCroppedImagesNeedNotBeSquare) {
    ImageSet set{20, 31, {}, {0}}, turned{31, 20, std::vector<std::uint8_t>(20 * 31), {0}};
    for (int i = 0; i < 20 * 31; ++i) {
        set.images.push_back(std::uint8_t(i * i % 251));
        turned.images[std::size_t(i % 31 * 20 + i / 31)] = set.images.back();
    }
    const VariantOptions options = {.fixed_scale = FixedScale::kResizeCrop};
    const auto large = make_variant(set, Variant::kFixedScale, options, 1, Part::kTrain),
               large_turned = make_variant(turned, Variant::kFixedScale, options, 1, Part::kTrain);
    EXPECT_NE(large, set.images);
    for (int i = 0; i < 20 * 31; ++i) EXPECT_EQ(large_turned[std::size_t(i % 31 * 20 + i / 31)], large[std::size_t(i)]);
}

}  // namespace
}  // namespace warpvae
