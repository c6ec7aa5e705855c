// Feige's divisions of a data set: sizes, balance, trials that differ, and what is refused.
#include "host/experiments/equivae/splits.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

/// `count` images of one pixel pair that number them, labels in turn.
ImageSet numbered(std::size_t count, int classes) {
    ImageSet set;
    set.height = 1, set.width = 2;
    for (std::size_t i = 0; i < count; ++i) {
        set.images.push_back(std::uint8_t(i / 256));
        set.images.push_back(std::uint8_t(i % 256));
        set.labels.push_back(std::uint8_t(i % classes));
    }
    return set;
}
std::set<int> numbers_in(const ImageSet& set) {
    std::set<int> out;
    for (std::size_t i = 0; i < set.count(); ++i) out.insert(256 * set.images[2 * i] + set.images[2 * i + 1]);
    return out;
}

TEST(EquivaeSplits, ValidationIsTheFirstTwelfth) {
    const EquivaeSplit split = equivae_split(numbered(60000, 10));
    EXPECT_EQ(split.train.count(), 55000u);
    EXPECT_EQ(split.validation.count(), 5000u);
    EXPECT_EQ(split.classes, 10);
    EXPECT_EQ(*numbers_in(split.validation).rbegin(), 4999);
    EXPECT_EQ(equivae_split(numbered(73257, 10)).validation.count(), 3257u);
    EXPECT_EQ(equivae_split(numbered(73257, 10)).train.count(), 70000u);
}

TEST(EquivaeSplits, LabelledImagesAreBalancedAndDifferByTrial) {
    const ImageSet train = numbered(1000, 10);
    const LabelledSplit one = labelled_split(train, 10, 100, 1), again = labelled_split(train, 10, 100, 1),
                        other = labelled_split(train, 10, 100, 2);
    EXPECT_EQ(one.labelled.count(), 100u);
    EXPECT_EQ(one.unlabelled.count(), 900u);
    std::vector<int> counts(10);
    for (std::size_t i = 0; i < 100; ++i) {
        ++counts[one.labelled.labels[i]];
        const int number = 256 * one.labelled.images[2 * i] + one.labelled.images[2 * i + 1];
        EXPECT_EQ(number % 10, one.labelled.labels[i]) << "a label away from its image";
    }
    EXPECT_EQ(counts, std::vector<int>(10, 10));
    EXPECT_EQ(one.labelled.images, again.labelled.images);
    EXPECT_NE(one.labelled.images, other.labelled.images);
    std::set<int> all = numbers_in(one.labelled);
    for (const int number : numbers_in(one.unlabelled)) EXPECT_TRUE(all.insert(number).second) << number << " twice";
    EXPECT_EQ(all.size(), 1000u);
}

TEST(EquivaeSplits, RefusesWhatThePaperCannotTrainOn) {
    const ImageSet train = numbered(50, 10);
    const auto message = [&](int labels) -> std::string {
        try {
            labelled_split(train, 10, labels, 1);
        } catch (const UsageError& error) {
            return error.what();
        }
        return "nothing thrown";
    };
    EXPECT_NE(message(10).find("every class needs two labelled images at least (20)"), std::string::npos)
        << message(10);
    EXPECT_NE(message(25).find("take a multiple of 10"), std::string::npos) << message(25);
    EXPECT_NE(message(100).find("class 0 has only 5 images"), std::string::npos) << message(100);
    EXPECT_EQ(message(50), "nothing thrown");
}

TEST(EquivaeSplits, RefusesBeforeAnythingIsTrained) {
    const ImageSet tested = numbered(20, 10);
    const auto split = [](std::size_t count) { require_split(numbered(count, 10)); };
    const auto label = [](int labels) { require_labels(numbered(240, 10), labels); };
    split(240);
    test::expect_message([&] { split(239); }, "--train-images 239",
                         "of class 9 there is 1 among the 19 validation images");
    ImageSet sorted = numbered(240, 10);
    std::fill(sorted.labels.begin() + 20, sorted.labels.end(), std::uint8_t(1));
    test::expect_message([&] { require_split(sorted); }, "of class 0 there are 0 among the 220 training images");
    test::expect_message(
        [&] {
            require_evaluable({numbered(240, 10), numbered(19, 10), "set", ""});
        },
        "--test-images 19", "of class 9 there is 1 among the 19 test images");
    ImageSet late = numbered(24000, 10);  // a class whose training images all come after those of the probe
    for (std::size_t i = 2000; i < 14000; ++i) late.labels[i] = std::uint8_t(i % 9);
    test::expect_message(
        [&] {
            require_evaluable({late, tested, "set", ""});
        },
        "of class 9 there are 0 among the 10000 first");
    label(210);
    test::expect_message([&] { label(25); }, "--labels 25", "multiple of 10");
    test::expect_message([&] { label(230); }, "--labels 230", "class 0 has only 22 images");
    test::expect_message([&] { label(220); }, "--labels 220", "some must be left without a label");
}

}  // namespace
}  // namespace warpvae
