// The dense layer that gathers its minibatch: the minibatch and the layer's output are, to the bit, those of gather and
// of the fused layer behind it.
#include <list>

#include "cuda/device/buffer.h"
#include "cuda/device/launch_options.h"
#include "cuda/ops.h"
#include "tests/support/dense_case.h"
#include "tests/support/tile_shapes.h"

namespace warpvae {
namespace {

using namespace test;

struct Sets {
    Sets(int R, std::size_t count, int D) : D_(D) {
        Random random(17 + D);
        std::vector<const std::uint8_t*> table;
        std::vector<std::uint64_t> numbers;
        for (int r = 0; r < R; ++r) {
            const auto values = random.integers<float>(count * D, 0, 255);
            bytes_.emplace_back(std::vector<std::uint8_t>(values.begin(), values.end()));
            table.push_back(bytes_.back().data());
            numbers.push_back(100 + r);
        }
        images = DeviceBuffer<const std::uint8_t*>(table, "images");
        seeds = DeviceBuffer<std::uint64_t>(numbers, "seeds");
    }
    GatherOptions options() const {
        GatherOptions row;
        row.height = 1, row.width = D_;
        return row;
    }
    DeviceBuffer<const std::uint8_t*> images;
    DeviceBuffer<std::uint64_t> seeds;

  private:
    int D_;
    std::list<GuardedBuffer<std::uint8_t>> bytes_;
};

/// The batch and the layer's output, in one launch or in two.
std::array<std::vector<float>, 2> forward(const Shape& s, const Sets& sets, const MinibatchOrder& order, bool together,
                                          MathStream stream) {
    const Layer l(s);
    GuardedBuffer<float> arena(l.arena), batch(std::size_t(s.R) * s.N * s.in), y(std::size_t(s.R) * s.N * s.out);
    const DeviceBuffer<std::uint64_t> step(std::vector<std::uint64_t>{5}, "step");
    const Minibatch minibatch{sets.seeds.data(), step.data(), order};
    const float *W = arena.data(), *b = W + l.bias();
    if (together) {
        check(fused_dense_gather_forward(y.data(), {batch.data(), sets.images.data(), minibatch}, W, b, l.P,
                                         Activation::kRelu, s.R, s.N, s.in, s.out, stream));
    } else {
        check(gather(batch.data(), sets.images.data(), minibatch, s.R, s.N, sets.options(), nullptr));
        check(fused_dense_forward(y.data(), batch.data(), W, b, l.P, Activation::kRelu, s.R, s.N, s.in, s.out, stream));
    }
    return {batch.download(), y.download()};
}

TEST(GatherDense, IsGatherAndTheLayerInEveryTile) {
    for (const Shape& s : kShapes) {
        const std::size_t count = 2 * s.N + 3;
        const Sets sets(s.R, count, s.in);
        MinibatchOrder spread = MinibatchOrder::epochs(count, 0);
        spread.kind = MinibatchOrder::kSpread, spread.steps = 2;
        for (const MinibatchOrder& order :
             {MinibatchOrder::epochs(count, s.N), MinibatchOrder::range(count, 2), spread}) {
            const auto parts = forward(s, sets, order, false, nullptr);
            with_all_tiles([&] {
                const auto together = forward(s, sets, order, true, nullptr);
                expect_identical(together[0], parts[0], "minibatch");
                expect_identical(together[1], parts[1], "output");
            });
        }
    }
}

TEST(GatherDense, TheSameInTf32) {
    const Shape s{2, 20, 137, 40};
    const Sets sets(s.R, 50, s.in);
    const MathStream stream(nullptr, Math::kTf32);
    const auto [batch, y] = forward(s, sets, MinibatchOrder::epochs(50, s.N), true, stream);
    const auto [pixels, output] = forward(s, sets, MinibatchOrder::epochs(50, s.N), false, stream);
    expect_identical(batch, pixels, "minibatch");
    expect_identical(y, output, "output");
}

TEST(GatherDense, AReplicaIsTheSameAlone) {
    const int N = 33, in = 100, out = 36;
    const Sets sets(5, 70, in);
    const Layer l({5, N, in, out});
    GuardedBuffer<float> arena(l.arena), batch(5 * N * in), y(5 * N * out);
    const MinibatchOrder order = MinibatchOrder::epochs(70, N);
    check(fused_dense_gather_forward(y.data(), {batch.data(), sets.images.data(), {sets.seeds.data(), nullptr, order}},
                                     arena.data(), arena.data() + l.bias(), l.P, Activation::kNone, 5, N, in, out,
                                     nullptr));
    for (int r = 0; r < 5; ++r) {
        GuardedBuffer<float> own(N * in), alone(N * out);
        const float* const W = arena.data() + r * l.P;
        check(fused_dense_gather_forward(alone.data(),
                                         {own.data(), sets.images.data() + r, {sets.seeds.data() + r, nullptr, order}},
                                         W, W + l.bias(), l.P, Activation::kNone, 1, N, in, out, nullptr));
        expect_identical(own.download(), slice(batch.download(), r * N * in, N * in), "minibatch");
        expect_identical(alone.download(), slice(y.download(), r * N * out, N * out), "output");
    }
}

/// Whatever the device, and for doubles: the same numbers as gather and dense_forward.
template <class T>
void expect_parts(bool fused) {
    const LaunchOptionsScope scope;
    launch_options().fused_dense = fused;
    const int R = 2, N = 9, in = 30, out = 7;
    const std::size_t P = in * out + out;
    const Sets sets(R, 20, in);
    const Matmul matmul(nullptr);
    Random random(3);
    GuardedBuffer<T> arena(random.normals<T>(R * P)), batch(R * N * in), y(R * N * out), pixels(R * N * in),
        output(R * N * out);
    const Minibatch minibatch{sets.seeds.data(), nullptr, MinibatchOrder::epochs(20, N)};
    const T *const W = arena.data(), *const b = W + in * out;
    check(dense_gather_forward<T>(matmul, y.data(), {batch.data(), sets.images.data(), minibatch}, W, b, P,
                                  Activation::kTanh, R, N, in, out));
    check(gather(pixels.data(), sets.images.data(), minibatch, R, N, sets.options(), nullptr));
    check(dense_forward<T>(matmul, output.data(), pixels.data(), W, b, P, Activation::kTanh, R, N, in, out));
    expect_identical(batch.download(), pixels.download(), "minibatch");
    expect_identical(y.download(), output.download(), "output");
}
TEST(GatherDense, AgreesWithItsPartsFusedAndNot) {
    for (const bool fused : {false, true}) {
        expect_parts<float>(fused);
        expect_parts<double>(fused);
    }
}

TEST(GatherDense, RefusesWhatGatherRefuses) {
    const MinibatchOrder order = MinibatchOrder::epochs(10, 4);
    const auto with = [&](int R, int N, int in, int out) {
        return fused_dense_gather_forward(nullptr, {nullptr, nullptr, {nullptr, nullptr, order}}, nullptr, nullptr, 0,
                                          Activation::kNone, R, N, in, out, nullptr);
    };
    EXPECT_FALSE(with(1, 5, 3, 3).ok()) << "more rows than a step has";
    EXPECT_FALSE(with(1, 4, 0, 3).ok());
    EXPECT_FALSE(with(-1, 4, 3, 3).ok());
    EXPECT_TRUE(with(0, 4, 3, 3).ok());
    EXPECT_TRUE(with(1, 0, 3, 3).ok());
}

}  // namespace
}  // namespace warpvae
