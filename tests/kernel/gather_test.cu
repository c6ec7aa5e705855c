// Minibatches: the order is a permutation, bytes become exactly b / 255, the tail, the replicas and the options.
#include <set>

#include "cuda/device/buffer.h"
#include "cuda/ops/minibatch.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;
using Bytes = std::vector<std::uint8_t>;

std::vector<std::uint32_t> order(std::size_t count, std::uint64_t seed, std::uint64_t epoch) {
    GuardedBuffer<std::uint32_t> out(count);
    check(minibatch_order(out.data(), count, seed, epoch, nullptr));
    return out.download();
}

/// R replicas, each with its own images and seed.
struct Data {
    std::vector<DeviceBuffer<std::uint8_t>> images;
    DeviceBuffer<const std::uint8_t*> pointers;
    DeviceBuffer<std::uint64_t> seeds;
    std::size_t count;

    Data(const std::vector<Bytes>& replicas, const std::vector<std::uint64_t>& seed_list, std::size_t count_)
        : seeds(seed_list), count(count_) {
        std::vector<const std::uint8_t*> table;
        for (const Bytes& bytes : replicas) {
            images.emplace_back(bytes);
            table.push_back(images.back().data());
        }
        pointers = DeviceBuffer<const std::uint8_t*>(table);
    }
    int R() const { return static_cast<int>(images.size()); }
};

template <class T>
std::vector<T> gathered(const Data& data, std::uint64_t step, const MinibatchOrder& minibatches, int N,
                        const GatherOptions& options) {
    GuardedBuffer<T> batch(std::size_t(data.R()) * N * options.height * options.width * options.channels);
    DeviceBuffer<std::uint64_t> counter(std::vector<std::uint64_t>{step});
    check(gather(batch.data(), data.pointers.data(), {data.seeds.data(), counter.data(), minibatches}, data.R(), N,
                 options, nullptr));
    return batch.download();
}
template <class T>
std::vector<T> gathered(const Data& data, std::uint64_t step, int full_batch, int N, const GatherOptions& options) {
    return gathered<T>(data, step, MinibatchOrder::epochs(data.count, full_batch), N, options);
}

GatherOptions shape(int height, int width) {
    GatherOptions options;
    options.height = height, options.width = width;
    return options;
}

TEST(MinibatchOrder, IsAPermutation) {
    for (const std::size_t count : {1, 2, 3, 7, 100, 127, 128, 129, 60000})
        for (const std::uint64_t epoch : {0, 1, 1000}) {
            std::vector<std::uint32_t> places = order(count, 5, epoch);
            std::sort(places.begin(), places.end());
            for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(places[i], i) << "of " << count;
        }
    EXPECT_TRUE(order(0, 5, 0).empty());
}

TEST(MinibatchOrder, SameAtEveryBlockSize) {
    const auto expected = order(1031, 3, 2);
    at_all_block_sizes([&] { expect_identical(order(1031, 3, 2), expected, "order"); });
}

TEST(MinibatchOrder, EpochsAndSeedsDiffer) {
    std::set<std::vector<std::uint32_t>> seen;
    for (std::uint64_t epoch = 0; epoch < 20; ++epoch)
        for (std::uint64_t seed = 0; seed < 10; ++seed) seen.insert(order(100, seed, epoch));
    EXPECT_EQ(seen.size(), 200u);
}

TEST(MinibatchOrder, LooksRandom) {
    // Where an image lands is uniform: over 4000 epochs of 20 places, chi-square has 19 degrees of freedom (deviation
    // 6.2). Neighbours move independently: how often i+1 directly follows i is a tenth of a Poisson count, as by
    // chance.
    const int epochs = 4000, count = 20;
    std::vector<std::vector<double>> landed(count, std::vector<double>(count));
    double following = 0;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        const auto places = order(count, 11, epoch);
        for (int i = 0; i < count; ++i) {
            ++landed[i][places[i]];
            if (i > 0) following += places[i] == places[i - 1] + 1;
        }
    }
    for (int i = 0; i < count; ++i) {
        double chi2 = 0;
        for (const double n : landed[i]) chi2 += (n - epochs / count) * (n - epochs / count) / (epochs / count);
        EXPECT_LT(chi2, 19 + 6 * 6.2) << "place " << i;
    }
    const double by_chance = epochs * 19.0 * (19.0 / 380.0);
    EXPECT_NEAR(following, by_chance, 6 * std::sqrt(by_chance));
}

TEST(Gather, BytesBecomeExactlyAFractionOf255) {
    Bytes every(256);
    for (int i = 0; i < 256; ++i) every[i] = static_cast<std::uint8_t>(i);
    const Data data({every}, {1}, 1);
    at_all_block_sizes([&] {
        const std::vector<float> x = gathered<float>(data, 0, 1, 1, shape(16, 16));
        for (int i = 0; i < 256; ++i) EXPECT_EQ(x[i], static_cast<float>(i) / 255.f) << i;
    });
}

TEST(Gather, EveryImageOnceAnEpochInTheOrderOfTheEpoch) {
    for (const std::size_t count : {1, 2, 7, 100, 128}) {
        Bytes images(count);
        for (std::size_t i = 0; i < count; ++i) images[i] = static_cast<std::uint8_t>(i);
        const Data data({images}, {9}, count);
        for (const int full : {1, 3, 32, 128}) {
            const std::size_t steps = (count + full - 1) / full;
            for (const std::uint64_t epoch : {0, 1, 5}) {
                std::vector<std::uint32_t> seen;
                for (std::size_t s = 0; s < steps; ++s) {
                    const int rows = static_cast<int>(std::min<std::size_t>(full, count - s * full));  // the tail
                    for (const double x : gathered<double>(data, epoch * steps + s, full, rows, shape(1, 1)))
                        seen.push_back(static_cast<std::uint32_t>(std::lround(x * 255)));
                }
                EXPECT_EQ(seen, order(count, 9, epoch)) << count << " images in batches of " << full;
            }
        }
    }
}

/// `count` images of one pixel, which is the image's number, under one seed.
struct Numbered {
    Data data;
    explicit Numbered(std::size_t count) : data({bytes(count)}, {9}, count) {}
    static Bytes bytes(std::size_t count) {
        Bytes out(count);
        for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(i);
        return out;
    }
    /// The images of a step, which gather and gather_labels must agree on.
    std::vector<std::uint32_t> images(const MinibatchOrder& minibatches, std::uint64_t step, int N) const {
        std::vector<std::uint32_t> seen;
        for (const float x : gathered<float>(data, step, minibatches, N, shape(1, 1)))
            seen.push_back(static_cast<std::uint32_t>(std::lround(x * 255)));
        GuardedBuffer<std::uint8_t> labels(N);
        DeviceBuffer<std::uint64_t> counter(std::vector<std::uint64_t>{step});
        check(gather_labels(labels.data(), data.pointers.data(), {data.seeds.data(), counter.data(), minibatches}, 1, N,
                            nullptr));
        EXPECT_EQ(as<std::uint32_t>(labels.download()), seen);
        return seen;
    }
};
/// The orders of epochs first, first + 1, ... one after the other: `total` images.
std::vector<std::uint32_t> orders(std::size_t count, std::uint64_t first, std::size_t total) {
    std::vector<std::uint32_t> all;
    for (; all.size() < total; ++first) {
        const auto one = order(count, 9, first);
        all.insert(all.end(), one.begin(), one.end());
    }
    all.resize(total);
    return all;
}
constexpr std::uint64_t kFirstSteps[] = {0, 7, 1ull << 33};

TEST(MinibatchKinds, EpochsBeginAtAnyStepAndEpoch) {
    for (const std::size_t count : {1, 10, 101})
        for (const std::uint64_t first_step : kFirstSteps) {
            const Numbered set(count);
            MinibatchOrder minibatches = MinibatchOrder::epochs(count, 4);
            minibatches.first_step = first_step, minibatches.first_epoch = 3;
            std::vector<std::uint32_t> seen;
            for (std::uint64_t s = 0; seen.size() < 3 * count; ++s) {
                const int rows = static_cast<int>(std::min<std::size_t>(4, count - seen.size() % count));
                for (const std::uint32_t i : set.images(minibatches, first_step + s, rows)) seen.push_back(i);
            }
            EXPECT_EQ(seen, orders(count, 3, 3 * count)) << count << " images from step " << first_step;
        }
}

TEST(MinibatchKinds, CycleGoesThroughTheEpochsWithoutABreak) {
    for (const std::size_t count : {1, 3, 10, 101})
        for (const int batch : {1, 4, 7, 32})  // more rows than images, too
            for (const std::uint64_t first_step : kFirstSteps) {
                const Numbered set(count);
                MinibatchOrder minibatches = MinibatchOrder::epochs(count, batch);
                minibatches.kind = MinibatchOrder::kCycle;
                minibatches.first_step = first_step, minibatches.first_epoch = 5;
                std::vector<std::uint32_t> seen;
                for (std::uint64_t s = 0; s < 9; ++s)
                    for (const std::uint32_t i : set.images(minibatches, first_step + s, batch)) seen.push_back(i);
                EXPECT_EQ(seen, orders(count, 5, seen.size())) << count << " images in batches of " << batch;
            }
}

TEST(MinibatchKinds, SpreadGoesThroughTheSetOnceInItsSteps) {
    for (const std::size_t count : {1, 3, 10, 101})
        for (const std::uint64_t steps : {1, 2, 3, 7, 13})  // more steps than images, too
            for (const std::uint64_t first_step : kFirstSteps) {
                const Numbered set(count);
                MinibatchOrder minibatches;
                minibatches.kind = MinibatchOrder::kSpread, minibatches.count = count, minibatches.steps = steps;
                minibatches.first_step = first_step, minibatches.first_epoch = 2;
                std::vector<std::uint32_t> seen;
                for (std::uint64_t s = 0; s < 2 * steps; ++s) {
                    const int rows = minibatches.spread_rows(first_step + s);
                    EXPECT_TRUE(rows == int(count / steps) || rows == int((count + steps - 1) / steps)) << rows;
                    for (const std::uint32_t i : set.images(minibatches, first_step + s, rows)) seen.push_back(i);
                }
                EXPECT_EQ(seen, orders(count, 2, 2 * count)) << count << " images in " << steps << " steps";
            }
}

TEST(MinibatchKinds, RangeIsTheSameAtEveryStep) {
    const Numbered set(10);
    const std::vector<std::uint32_t> expected{3, 4, 5, 6};
    for (const std::uint64_t step : {0, 1, 99}) EXPECT_EQ(set.images(MinibatchOrder::range(10, 3), step, 4), expected);
}

TEST(MinibatchKinds, NoStepIsStepZero) {
    const Numbered set(10);
    const MinibatchOrder minibatches = MinibatchOrder::epochs(10, 6);
    GuardedBuffer<float> batch(6);
    check(gather(batch.data(), set.data.pointers.data(), {set.data.seeds.data(), nullptr, minibatches}, 1, 6,
                 shape(1, 1), nullptr));
    expect_identical(batch.download(), gathered<float>(set.data, 0, minibatches, 6, shape(1, 1)), "step 0");
    GuardedBuffer<std::uint8_t> labels(6);
    check(gather_labels(labels.data(), set.data.pointers.data(), {set.data.seeds.data(), nullptr, minibatches}, 1, 6,
                        nullptr));
    EXPECT_EQ(as<std::uint32_t>(labels.download()), set.images(minibatches, 0, 6));
}

TEST(Gather, WritesItsOwnRowsOfALargerBatch) {
    Random random(14);
    const int D = 35, rows = 9;
    const Data some({random.integers<std::uint8_t>(6 * D, 0, 255), random.integers<std::uint8_t>(6 * D, 0, 255)},
                    {1, 2}, 6);
    GatherOptions options = shape(5, 7);
    const std::vector<float> three = gathered<float>(some, 0, 3, 3, options),
                             two = gathered<float>(some, 0, 2, 2, options);
    options.batch_rows = rows;
    at_all_block_sizes([&] {
        GuardedBuffer<float> batch(2 * rows * D);
        for (const int N : {3, 2}) {
            options.first_row = N == 3 ? 1 : 6;
            check(gather(batch.data(), some.pointers.data(), {some.seeds.data(), nullptr, MinibatchOrder::epochs(6, N)},
                         2, N, options, nullptr));
        }
        const std::vector<float> out = batch.download();
        for (int r = 0; r < 2; ++r) {
            expect_identical(slice(out, (r * rows + 1) * D, 3 * D), slice(three, r * 3 * D, 3 * D), "three rows");
            expect_identical(slice(out, (r * rows + 6) * D, 2 * D), slice(two, r * 2 * D, 2 * D), "two rows");
            for (const int n : {0, 4, 5, 8})
                for (const float x : slice(out, (r * rows + n) * D, D)) ASSERT_TRUE(std::isnan(x)) << "row " << n;
        }
    });
}

TEST(Gather, RowsOfALargerBatchAreBinarisedEachForItself) {
    const int D = 4096;
    const Data data({Bytes(D, 128)}, {2}, 1);
    GatherOptions options = shape(64, 64);
    options.binarise = true, options.batch_rows = 2;
    GuardedBuffer<float> batch(2 * D);
    for (options.first_row = 0; options.first_row < 2; ++options.first_row)
        check(gather(batch.data(), data.pointers.data(), {data.seeds.data(), nullptr, MinibatchOrder::range(1, 0)}, 1,
                     1, options, nullptr));
    const std::vector<float> x = batch.download();
    double equal = 0;
    for (int i = 0; i < D; ++i) equal += x[i] == x[D + i];
    EXPECT_NEAR(equal / D, 0.5, 5 * 0.5 / 64);
}

TEST(Gather, PixelsLessTheirMeanAndScaled) {
    Random random(15);
    const int D = 3 * 5 * 2;
    const Data data({random.integers<std::uint8_t>(4 * D, 0, 255)}, {1}, 4);
    const auto mean = random.uniforms<float>(D), scale = random.uniforms<float>(D, 0.5, 4);
    DeviceBuffer<float> Mean(mean), Scale(scale);
    GatherOptions plain = shape(3, 5);
    plain.channels = 2;
    GatherOptions scaled = plain;
    scaled.pixels = {Mean.data(), Scale.data()};
    for (const bool augment : {false, true}) {
        if (augment) plain.augmentation = scaled.augmentation = {30, 0.8f, 1.2f, 1};
        std::vector<float> expected = gathered<float>(data, 0, 4, 4, plain);
        for (int i = 0; i < 4 * D; ++i) expected[i] = (expected[i] - mean[i % D]) * scale[i % D];
        at_all_block_sizes(
            [&] { expect_identical(gathered<float>(data, 0, 4, 4, scaled), expected, "pixels less their mean"); });
    }
    GuardedBuffer<float> range(4 * D);
    check(gather_range(range.data(), data.pointers.data(), 0, 1, 4, D, nullptr, scaled.pixels));
    scaled.augmentation = {};
    expect_identical(range.download(), gathered<float>(data, 0, MinibatchOrder::range(4, 0), 4, scaled), "range");
}

TEST(Gather, ChannelsMoveTogether) {
    // An image of three channels is three images of one, under the same map.
    Random random(16);
    const int H = 9, W = 7, C = 3, count = 5;
    const Bytes colour = random.integers<std::uint8_t>(count * H * W * C, 0, 255);
    const Data together({colour}, {1}, count);
    GatherOptions options = shape(H, W);
    for (const bool augment : {false, true}) {
        if (augment) options.augmentation = {30, 0.8f, 1.2f, 2};
        std::vector<float> expected(colour.size());
        options.channels = 1;
        for (int c = 0; c < C; ++c) {
            Bytes one;
            for (std::size_t i = c; i < colour.size(); i += C) one.push_back(colour[i]);
            const std::vector<float> alone = gathered<float>(Data({one}, {1}, count), 0, count, count, options);
            for (std::size_t i = 0; i < alone.size(); ++i) expected[i * C + c] = alone[i];
        }
        options.channels = C;
        at_all_block_sizes(
            [&] { expect_identical(gathered<float>(together, 0, count, count, options), expected, "three channels"); });
    }
}

TEST(Gather, ChannelsAreBinarisedEachForItself) {
    const int side = 64, D = side * side * 2;
    const Data data({Bytes(D, 128)}, {2}, 1);
    GatherOptions options = shape(side, side);
    options.channels = 2, options.binarise = true;
    const std::vector<float> x = gathered<float>(data, 0, 1, 1, options);
    double equal = 0;
    for (int i = 0; i < D; i += 2) equal += x[i] == x[i + 1];
    EXPECT_NEAR(2 * equal / D, 0.5, 5 * 0.5 / side);
}

TEST(Gather, AnImageIsAugmentedByItsEpochWhateverTheOrder) {
    Random random(17);
    const int count = 5, D = 35, batch = 4;
    const Data data({random.integers<std::uint8_t>(count * D, 0, 255)}, {9}, count);
    GatherOptions options = shape(5, 7);
    options.augmentation = {30, 0.8f, 1.2f, 1};
    std::vector<float> expected;  // epochs 3 and 4, whole
    for (const std::uint64_t epoch : {3, 4})
        for (const float x : gathered<float>(data, epoch, count, count, options)) expected.push_back(x);
    MinibatchOrder cycle = MinibatchOrder::epochs(count, batch);
    cycle.kind = MinibatchOrder::kCycle, cycle.first_step = 11, cycle.first_epoch = 3;
    MinibatchOrder spread = cycle;
    spread.kind = MinibatchOrder::kSpread, spread.steps = 3;
    for (const MinibatchOrder& minibatches : {cycle, spread}) {
        std::vector<float> seen;
        for (std::uint64_t step = 11; seen.size() < expected.size(); ++step) {
            const int rows = minibatches.kind == MinibatchOrder::kSpread ? minibatches.spread_rows(step) : batch;
            for (const float x : gathered<float>(data, step, minibatches, rows, options)) seen.push_back(x);
        }
        seen.resize(expected.size());
        expect_identical(seen, expected, "two epochs");
    }
}

TEST(Gather, AReplicaIsTheSameAlone) {
    Random random(4);
    const std::size_t count = 11;
    std::vector<Bytes> images;
    for (int r = 0; r < 3; ++r) images.push_back(random.integers<std::uint8_t>(count * 35, 0, 255));
    const std::vector<std::uint64_t> seeds{5, 6, std::uint64_t{1} << 40};
    GatherOptions options = shape(5, 7);
    for (int variant = 0; variant < 3; ++variant) {
        if (variant == 1) options.binarise = true;
        if (variant == 2) options.augmentation = {30, 0.8f, 1.2f, 2};
        const Data together(images, seeds, count);
        const std::vector<float> expected = gathered<float>(together, 4, 4, 3, options);
        at_all_block_sizes(
            [&] { expect_identical(gathered<float>(together, 4, 4, 3, options), expected, "replicas"); });
        for (int r = 0; r < 3; ++r) {
            const Data alone({images[r]}, {seeds[r]}, count);
            expect_identical(gathered<float>(alone, 4, 4, 3, options), slice(expected, r * 105, 105), "replica alone");
        }
    }
}

TEST(Gather, BinariseDrawsEachPixelWithItsOwnProbability) {
    const std::size_t count = 6, side = 64;
    const std::uint8_t levels[count] = {0, 1, 51, 127, 254, 255};
    Bytes images;
    for (const std::uint8_t level : levels) images.insert(images.end(), side * side, level);
    const Data data({images}, {2}, count);
    GatherOptions options = shape(side, side);
    options.binarise = true;
    const auto places = order(count, 2, 0);
    const std::vector<float> batch = gathered<float>(data, 0, count, count, options);
    for (std::size_t n = 0; n < count; ++n) {
        const double p = levels[places[n]] / 255.0, total = side * side;
        double ones = 0;
        for (std::size_t i = 0; i < side * side; ++i) {
            const float x = batch[n * side * side + i];
            ASSERT_TRUE(x == 0 || x == 1) << x;
            ones += x;
        }
        EXPECT_NEAR(ones, p * total, 5 * std::sqrt(p * (1 - p) * total)) << "level " << +levels[places[n]];
    }
    // Each step draws anew, also for the same images; the same step draws the same.
    expect_identical(gathered<float>(data, 0, count, count, options), batch, "the same step again");
    const Data two({Bytes(side * side, 128)}, {2}, 1);
    const std::vector<float> first = gathered<float>(two, 0, 1, 1, options),
                             second = gathered<float>(two, 1, 1, 1, options);
    double equal = 0;
    for (std::size_t i = 0; i < first.size(); ++i) equal += first[i] == second[i];
    EXPECT_NEAR(equal / first.size(), 0.5, 5 * 0.5 / side);
    // And each row of a step for itself.
    const Data same({Bytes(2 * side * side, 128)}, {2}, 2);
    const std::vector<float> rows = gathered<float>(same, 0, 2, 2, options);
    equal = 0;
    for (std::size_t i = 0; i < side * side; ++i) equal += rows[i] == rows[side * side + i];
    EXPECT_NEAR(equal / (side * side), 0.5, 5 * 0.5 / side);
}

TEST(Gather, AnAugmentationThatChangesNothingIsNone) {
    Random random(8);
    const Data data({random.integers<std::uint8_t>(3 * 28 * 27, 0, 255)}, {3}, 3);
    GatherOptions options = shape(28, 27);
    const std::vector<float> plain = gathered<float>(data, 0, 3, 3, options);
    options.augmentation.max_rotation = 1e-30f;  // not zero, so the sampler runs, by an angle that rounds to none
    ASSERT_TRUE(options.augmentation.any());
    expect_identical(gathered<float>(data, 0, 3, 3, options), plain, "identity");
}

/// Mass, centre and second moments of an image [H, W], x right and y down from the centre.
struct Moments {
    double mass = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
};
Moments moments_of(const float* image, int H, int W) {
    Moments m;
    for (int i = 0; i < H * W; ++i) {
        const double v = image[i], x = i % W - (W - 1) / 2.0, y = i / W - (H - 1) / 2.0;
        m.mass += v, m.x += v * x, m.y += v * y, m.xx += v * x * x, m.yy += v * y * y, m.xy += v * x * y;
    }
    m.x /= m.mass, m.y /= m.mass, m.xx /= m.mass, m.yy /= m.mass, m.xy /= m.mass;
    return m;
}

/// 64 copies of a smooth ellipse, long along x, in the middle of 49 x 49 black pixels.
struct Blobs {
    static constexpr int side = 49, count = 64;
    Data data;
    Blobs() : data({image()}, {12}, count) {}
    static Bytes image() {
        Bytes one;
        for (int i = 0; i < side * side; ++i) {
            const double x = (i % side - 24) / 5.0, y = (i / side - 24) / 3.0;
            one.push_back(static_cast<std::uint8_t>(std::lround(255 * std::exp(-(x * x + y * y) / 2))));
        }
        Bytes all;
        for (int n = 0; n < count; ++n) all.insert(all.end(), one.begin(), one.end());
        return all;
    }
    std::vector<Moments> after(const Augmentation& augmentation, std::uint64_t step = 0) const {
        GatherOptions options = shape(side, side);
        options.augmentation = augmentation;
        const std::vector<float> batch = gathered<float>(data, step, count, count, options);
        std::vector<Moments> out;
        for (int n = 0; n < count; ++n)
            out.push_back(moments_of(batch.data() + std::size_t(n) * side * side, side, side));
        return out;
    }
};

TEST(Gather, TranslationMovesTheCentreWithinItsRange) {
    const Blobs blobs;
    Augmentation augmentation;
    augmentation.max_translation = 2;
    const double mass = blobs.after({})[0].mass;
    double lowest_x = 0, highest_x = 0, lowest_y = 0, highest_y = 0;
    for (const Moments& m : blobs.after(augmentation)) {
        lowest_x = std::min(lowest_x, m.x), highest_x = std::max(highest_x, m.x);
        lowest_y = std::min(lowest_y, m.y), highest_y = std::max(highest_y, m.y);
        EXPECT_NEAR(m.mass, mass, 1e-3 * mass);  // the bilinear weights of a pixel sum to 1, and the margin is black
    }
    for (const double x : {lowest_x, lowest_y}) EXPECT_TRUE(x > -2.02 && x < -1.5) << x;
    for (const double x : {highest_x, highest_y}) EXPECT_TRUE(x < 2.02 && x > 1.5) << x;
}

TEST(Gather, ScaleMagnifiesWithinItsRange) {
    const Blobs blobs;
    const Moments plain = blobs.after({})[0];
    const double width = std::sqrt(plain.yy), ratio = std::sqrt(plain.xx / plain.yy);
    Augmentation augmentation;
    augmentation.min_scale = 0.8f, augmentation.max_scale = 1.2f;
    double lowest = 9, highest = 0;  // of the width, which bilinear reading broadens by up to a hundredth
    for (const Moments& m : blobs.after(augmentation)) {
        lowest = std::min(lowest, std::sqrt(m.yy) / width), highest = std::max(highest, std::sqrt(m.yy) / width);
        EXPECT_NEAR(m.x, 0, 0.02);
        EXPECT_NEAR(m.y, 0, 0.02);
        EXPECT_NEAR(std::sqrt(m.xx / m.yy), ratio, 0.02 * ratio);  // the same along both axes
    }
    EXPECT_TRUE(lowest > 0.79 && lowest < 0.85) << lowest;
    EXPECT_TRUE(highest < 1.22 && highest > 1.15) << highest;
}

TEST(Gather, RotationTurnsWithinItsRangeAndAnewEachEpoch) {
    const Blobs blobs;
    Augmentation augmentation;
    augmentation.max_rotation = 20;
    const auto angle = [](const Moments& m) { return 90 / 3.14159265358979 * std::atan2(2 * m.xy, m.xx - m.yy); };
    const std::vector<Moments> first = blobs.after(augmentation), again = blobs.after(augmentation),
                               next = blobs.after(augmentation, 1);
    double lowest = 0, highest = 0, mean = 0;
    int changed = 0;
    for (int n = 0; n < Blobs::count; ++n) {
        const double degrees = angle(first[n]);
        lowest = std::min(lowest, degrees), highest = std::max(highest, degrees), mean += degrees / Blobs::count;
        EXPECT_EQ(degrees, angle(again[n]));
        changed += std::abs(degrees - angle(next[n])) > 1e-3;
    }
    EXPECT_TRUE(lowest > -20.2 && lowest < -15) << lowest;
    EXPECT_TRUE(highest < 20.2 && highest > 15) << highest;
    EXPECT_NEAR(mean, 0, 5 * 20 / std::sqrt(3.0 * Blobs::count));
    EXPECT_GE(changed, Blobs::count - 1);
}

TEST(Gather, RangeKeepsTheOrder) {
    Random random(6);
    const Bytes a = random.integers<std::uint8_t>(9 * 31, 0, 255), b = random.integers<std::uint8_t>(9 * 31, 0, 255);
    const Data data({a, b}, {1, 2}, 9);
    at_all_block_sizes([&] {
        GuardedBuffer<float> batch(2 * 5 * 31);
        check(gather_range(batch.data(), data.pointers.data(), 4, 2, 5, 31, nullptr));
        const std::vector<float> x = batch.download();
        for (int i = 0; i < 5 * 31; ++i) {
            EXPECT_EQ(x[i], a[4 * 31 + i] / 255.f);
            EXPECT_EQ(x[5 * 31 + i], b[4 * 31 + i] / 255.f);
        }
    });
}

TEST(Gather, RefusesWhatItCannotTake) {
    const Data data({Bytes(16)}, {1}, 4);
    DeviceBuffer<float> out(16), pixels(4);
    GatherOptions options = shape(2, 2);
    const auto status = [&](const MinibatchOrder& minibatches, int N) {
        return gather(out.data(), data.pointers.data(), {data.seeds.data(), nullptr, minibatches}, 1, N, options,
                      nullptr);
    };
    const auto epochs = MinibatchOrder::epochs;
    const auto range = MinibatchOrder::range;
    MinibatchOrder spread;
    spread.kind = MinibatchOrder::kSpread, spread.count = 4;
    EXPECT_FALSE(status(epochs(0, 1), 1).ok());
    EXPECT_FALSE(status(epochs(1, 0), 0).ok());
    EXPECT_FALSE(status(epochs(1, 1), 2).ok());
    EXPECT_FALSE(status(epochs(1, 1), -1).ok());
    EXPECT_TRUE(status(epochs(1, 1), 0).ok());
    EXPECT_FALSE(status(range(4, 2), 3).ok());
    EXPECT_FALSE(status(range(4, 5), 0).ok());
    EXPECT_TRUE(status(range(4, 2), 2).ok());
    EXPECT_FALSE(status(spread, 0).ok());
    spread.steps = 3;
    EXPECT_TRUE(status(spread, 2).ok());
    EXPECT_FALSE(status(spread, 3).ok());
    for (const auto& [rows, first] : {std::pair{2, 1}, std::pair{1, 0}, std::pair{2, -1}}) {
        options.batch_rows = rows, options.first_row = first;
        EXPECT_FALSE(status(epochs(4, 2), 2).ok()) << rows << " rows from " << first;
    }
    options = shape(2, 2);
    options.pixels.mean = pixels.data();
    EXPECT_FALSE(status(epochs(4, 2), 2).ok());
    options.pixels.scale = pixels.data();
    EXPECT_TRUE(status(epochs(4, 2), 0).ok());
    options.binarise = true;
    EXPECT_FALSE(status(epochs(4, 2), 0).ok());
    options = shape(2, 2);
    options.channels = 0;
    EXPECT_FALSE(status(epochs(4, 2), 0).ok());
}

TEST(AdvanceStep, AddsOneAtEveryBlockSize) {
    at_all_block_sizes([] {
        GuardedBuffer<std::uint64_t> step(std::vector<std::uint64_t>{0xffffffffull});
        check(advance_step(step.data(), nullptr));
        EXPECT_EQ(step.download()[0], std::uint64_t{1} << 32);
    });
}

}  // namespace
}  // namespace warpvae
