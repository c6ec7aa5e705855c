// Labelled images by class: members, starts and ranks that agree, and what is refused, in one clear line.
#include "models/class_sets.h"

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;
using Labels = std::vector<std::uint8_t>;

std::vector<std::uint32_t> downloaded(const std::uint32_t* from, std::size_t count) {
    std::vector<std::uint32_t> host(count);
    check(copy_to_host(host.data(), from, count * sizeof(std::uint32_t)));
    return host;
}

std::string refusal(const std::vector<Labels>& labels, int classes) {
    std::vector<const Labels*> table;
    for (const Labels& of : labels) table.push_back(&of);
    try {
        ClassSets sets(table, classes);
    } catch (const std::invalid_argument& error) {
        return error.what();
    }
    return "";
}

TEST(ClassSets, WrittenOutForTwoReplicas) {
    const Labels a{2, 0, 1, 0, 2, 1, 0}, b{0, 0, 1, 1, 2, 2, 2};
    const ClassSets sets({&a, &b}, 3);
    const ClassIndex index = sets.index();
    EXPECT_EQ(index.count, 7u);
    EXPECT_EQ(index.classes, 3);
    EXPECT_EQ(sets.smallest(), 2);
    using Numbers = std::vector<std::uint32_t>;
    EXPECT_EQ(downloaded(index.members, 14), (Numbers{1, 3, 6, 2, 5, 0, 4, 0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(downloaded(index.starts, 8), (Numbers{0, 3, 5, 7, 0, 2, 4, 7}));
    EXPECT_EQ(downloaded(index.ranks, 14), (Numbers{5, 0, 3, 1, 6, 4, 2, 0, 1, 2, 3, 4, 5, 6}));
}

TEST(ClassSets, EveryImageStandsOnceInItsClass) {
    const std::size_t count = 1009;
    const int classes = 10;
    Random random(3);
    std::vector<Labels> labels;
    std::vector<const Labels*> table;
    for (int r = 0; r < 3; ++r) labels.push_back(random.integers<std::uint8_t>(count, 0, classes - 1));
    for (const Labels& of : labels) table.push_back(&of);
    table.push_back(&labels[0]);  // replicas may share a set
    const ClassSets sets(table, classes);
    const ClassIndex index = sets.index();
    const auto members = downloaded(index.members, 4 * count), ranks = downloaded(index.ranks, 4 * count),
               starts = downloaded(index.starts, 4 * (classes + 1));
    std::size_t smallest = count;
    for (int r = 0; r < 4; ++r) {
        const std::uint32_t* start = starts.data() + r * (classes + 1);
        EXPECT_EQ(start[0], 0u);
        EXPECT_EQ(start[classes], count);
        for (std::size_t i = 0; i < count; ++i) {
            const std::uint32_t rank = ranks[r * count + i];
            ASSERT_LT(rank, count);
            EXPECT_EQ(members[r * count + rank], i);
            const int k = (*table[r])[i];
            EXPECT_TRUE(start[k] <= rank && rank < start[k + 1]) << "image " << i << " of class " << k;
        }
        for (int k = 0; k < classes; ++k)
            smallest = std::min<std::size_t>(
                smallest, std::count(table[r]->begin(), table[r]->end(), static_cast<std::uint8_t>(k)));
    }
    EXPECT_EQ(std::size_t(sets.smallest()), smallest);
}

TEST(ClassSets, RefusesWhatGivesNoComplement) {
    EXPECT_EQ(refusal({{0, 0, 1, 1}, {0, 1, 1, 0}}, 2), "");
    EXPECT_EQ(refusal({{0, 0, 1, 2, 2, 3, 1}}, 4),
              "class 3 of replica 0 has 1 labelled image; two at least are needed (Feige, appendix A)");
    EXPECT_EQ(refusal({{0, 0, 1, 1}, {1, 1, 1, 1}}, 2),
              "class 0 of replica 1 has 0 labelled images; two at least are needed (Feige, appendix A)");
    EXPECT_EQ(refusal({{0, 0, 1, 1, 12}}, 2), "image 4 of replica 0 has label 12; labels are 0 to 1");
    EXPECT_EQ(refusal({{0, 0, 1, 1}, {0, 0, 1, 1, 1}}, 2), "replicas need equally many labelled images");
    EXPECT_EQ(refusal({{}}, 2),
              "class 0 of replica 0 has 0 labelled images; two at least are needed (Feige, appendix A)");
}

}  // namespace
}  // namespace warpvae
