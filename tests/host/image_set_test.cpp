// The digest of an image set: a known answer, and every part of the set changes it. Some of its images; its classes.
#include "data/image_set.h"

#include <gtest/gtest.h>

#include "data/sha256.h"

namespace warpvae {
namespace {

const ImageSet kSet{2, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {0, 1}};

TEST(ImageSet, DigestIsThatOfShapeImagesAndLabels) {
    using namespace std::string_literals;
    const std::string bytes =
        "\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\1"s
        "\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\0\1"s;
    EXPECT_EQ(digest(kSet), sha256_hex(bytes));
    // printf of the same bytes | sha256sum
    EXPECT_EQ(digest(kSet), "85a1116910171000acafd8158cf07432dad3b78944e8a9e811007ba7d36cabf9");
}

TEST(ImageSet, EveryPartChangesTheDigest) {
    const auto changed = [](auto change) {
        ImageSet other = kSet;
        change(other);
        return digest(other) != digest(kSet);
    };
    EXPECT_FALSE(changed([](ImageSet&) {}));
    EXPECT_TRUE(changed([](ImageSet& set) { set.images.back() ^= 1; }));
    EXPECT_TRUE(changed([](ImageSet& set) { set.labels[0] ^= 1; }));
    EXPECT_TRUE(changed([](ImageSet& set) { std::swap(set.height, set.width); }));
    EXPECT_TRUE(changed([](ImageSet& set) { set.width = 1, set.channels = 3; }));
    EXPECT_TRUE(changed([](ImageSet& set) { set.truncate(1); }));
    EXPECT_NE(digest({28, 28, {}, {}}), digest({32, 32, {}, {}})) << "empty sets too";
}

TEST(ImageSet, ChosenImagesKeepTheirOrderAndLabels) {
    const ImageSet two = kSet.chosen({1, 0, 1});
    EXPECT_EQ(two.images, (std::vector<std::uint8_t>{7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
    EXPECT_EQ(two.labels, (std::vector<std::uint8_t>{1, 0, 1}));
    EXPECT_EQ(two.width, 3);
    EXPECT_EQ(kSet.classes(), 2);
    EXPECT_EQ(kSet.chosen({}).classes(), 0);
}

}  // namespace
}  // namespace warpvae
