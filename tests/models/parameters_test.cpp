// The arena's table: where tensors lie, in torch's order or with channels last, and what they hold before training.
#include "models/parameters.h"

#include <gtest/gtest.h>

#include <numeric>

#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr MemoryFormat kLast = MemoryFormat::kChannelsLast, kContiguous = MemoryFormat::kContiguous;

/// A convolution's weight between two tensors that have one format only.
ParameterLayout layout_with(std::vector<std::int64_t> shape, MemoryFormat format, const Initial& initial) {
    ParameterLayout layout;
    layout.add("before", {3}, Initial::constant({5}));
    layout.add("weight", std::move(shape), initial, format);
    layout.add("after", {4, 2}, Initial::torch(4));
    return layout;
}

TEST(Parameters, ChannelsLastIsTorchsOrderOfThatName) {
    for (const auto& shape : std::vector<std::vector<std::int64_t>>{
             {2, 3, 5, 5}, {1, 1, 1, 1}, {7, 1, 3, 3}, {1, 7, 3, 3}, {4, 6, 1, 1}, {5, 2, 3, 4}, {0, 2, 3, 3}}) {
        const ParameterLayout layout = layout_with(shape, kLast, Initial());
        const ParameterInfo& weight = layout.tensors()[1];
        std::vector<double> torch(weight.count), arena(layout.size(), -1.);
        std::iota(torch.begin(), torch.end(), 0.);
        weight.set(arena, torch);
        std::vector<double> expected(layout.size(), -1.);  // nothing else is written
        std::size_t at = weight.offset;
        for (int o = 0; o < shape[0]; ++o)
            for (int i = 0; i < shape[2]; ++i)
                for (int j = 0; j < shape[3]; ++j)
                    for (int c = 0; c < shape[1]; ++c)
                        expected[at++] = double(((o * shape[1] + c) * shape[2] + i) * shape[3] + j);
        expect_identical(arena, expected, "set");
        expect_identical(weight.get(arena), torch, "get");
        for (std::size_t i = 0; i < weight.count; ++i)
            EXPECT_EQ(layout.at(weight.position(i)).name, "weight") << "a report of element " << i;
    }
}

TEST(Parameters, ContiguousTensorsLieInTheirOrder) {
    const ParameterLayout layout = layout_with({2, 3, 5, 5}, kContiguous, Initial());
    const ParameterInfo& weight = layout.tensors()[1];
    for (std::size_t i = 0; i < weight.count; ++i) EXPECT_EQ(weight.position(i), weight.offset + i);
}

TEST(Parameters, OnlyFourAxesHaveChannelsToPutLast) {
    ParameterLayout layout;
    EXPECT_THROW(layout.add("linear.weight", {3, 4}, Initial(), kLast), std::invalid_argument);
    EXPECT_THROW(layout.add("bias", {3}, Initial(), kLast), std::invalid_argument);
    EXPECT_EQ(layout.size(), 0u);
}

// The format changes where a number lies, not which element of torch's tensor it is.
template <class T>
void expect_same_draws() {
    const std::vector<std::uint64_t> seeds = {3, 1, 4};
    for (const Initial& initial : {Initial::torch(75), Initial::glorot(75, 50), Initial{0.5, {1, 2, 3}}, Initial()}) {
        ParameterArena<T> plain(layout_with({2, 3, 5, 5}, kContiguous, initial), 3),
            last(layout_with({2, 3, 5, 5}, kLast, initial), 3);
        plain.initialise(seeds, nullptr);
        last.initialise(seeds, nullptr);
        for (int r = 0; r < 3; ++r) {
            const std::vector<T> a = plain.download(r), b = last.download(r);
            for (std::size_t t = 0; t < 3; ++t)
                expect_identical(last.layout().tensors()[t].get(b), plain.layout().tensors()[t].get(a), "tensor");
            const ParameterInfo& weight = last.layout().tensors()[1];
            std::vector<T> drawn(weight.count);
            if (initial.bound > 0) {
                GuardedBuffer<T> draws(weight.count);
                const T bound = T(initial.bound);
                check(philox_uniform(draws.data(), weight.count, -bound, bound, seeds[r], Purpose::kInitialise, 1,
                                     nullptr));
                drawn = draws.download();
            }
            for (std::size_t i = 0; i < drawn.size() && !initial.centre.empty(); ++i)
                drawn[i] += T(initial.centre[i % 3]);
            expect_identical(weight.get(b), drawn, "draws");
            EXPECT_EQ(weight.get(b) == slice(b, weight.offset, weight.count), initial.bound == 0)
                << "an order that cannot be told from torch's proves nothing";
        }
    }
}
TEST(Parameters, DrawsAreTorchsElementsInFloat) { expect_same_draws<float>(); }
TEST(Parameters, DrawsAreTorchsElementsInDouble) { expect_same_draws<double>(); }

}  // namespace
}  // namespace warpvae
