// The order of channels: every number against its place, both ways, and there and back.
#include "cuda/device/buffer.h"
#include "cuda/ops/warp.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

struct Case {
    std::size_t N;
    int P, C;
};
// No image, no pixel, one number, one channel, a pixel past a block, more channels than pixels.
const Case kCases[] = {{0, 9, 3}, {2, 0, 3}, {1, 1, 1}, {3, 20, 1}, {2, 257, 3}, {5, 31, 4}, {2, 3, 40}};

template <class T>
void expect_places() {
    for (const Case& c : kCases) {
        SCOPED_TRACE(std::to_string(c.P) + " pixels of " + std::to_string(c.C) + " channels");
        const std::size_t size = std::size_t(c.P) * c.C;
        const std::vector<T> last = Random(c.P).normals<T>(c.N * size);
        std::vector<T> first(last.size());
        for (std::size_t n = 0; n < c.N; ++n)
            for (int p = 0; p < c.P; ++p)
                for (int k = 0; k < c.C; ++k) first[n * size + k * c.P + p] = last[n * size + p * c.C + k];
        at_all_block_sizes([&] {
            const GuardedBuffer<T> in(last);
            GuardedBuffer<T> planes(last.size()), back(last.size());
            check(channels_first(planes.data(), in.data(), c.N, c.P, c.C, nullptr));
            expect_identical(planes.download(), first, "channels first");
            check(channels_last(back.data(), planes.data(), c.N, c.P, c.C, nullptr));
            expect_identical(back.download(), last, "and last again");
        });
    }
}

TEST(ChannelOrder, EveryNumberComesToItsPlace) {
    expect_places<float>();
    expect_places<double>();
}

TEST(ChannelOrder, RefusesWhatIsNoImage) {
    DeviceBuffer<float> x(4), y(4);
    EXPECT_FALSE(channels_first(y.data(), x.data(), 1, 4, 0, nullptr).ok());
    EXPECT_FALSE(channels_last(y.data(), x.data(), 1, -1, 1, nullptr).ok());
    EXPECT_FALSE(channels_last(y.data(), x.data(), 1, 1 << 29, 3, nullptr).ok());
}

}  // namespace
}  // namespace warpvae
