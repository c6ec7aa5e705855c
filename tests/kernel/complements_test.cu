// Complements and class sets: against the draw written out plainly (Philox, the Feistel network, the rank left out);
// distinct, of the right class, never the image itself; every member, and every pair of them, equally often.
#include <array>
#include <set>

#include "cuda/device/buffer.h"
#include "cuda/ops/minibatch.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;
using Bytes = std::vector<std::uint8_t>;
using Words = std::vector<std::uint32_t>;

// --- the draw, written out -------------------------------------------------------------------------------------------

/// Philox4x32-10 (Salmon et al. 2011), of block `block` of the stream (seed, purpose, step).
std::array<std::uint32_t, 4> plain_philox(std::uint64_t seed, Purpose purpose, std::uint64_t step,
                                          std::uint64_t block) {
    std::array<std::uint32_t, 4> c{std::uint32_t(block),
                                   std::uint32_t(purpose) << 16 | (std::uint32_t(block >> 32) & 0xffff),
                                   std::uint32_t(step), std::uint32_t(step >> 32)};
    std::uint32_t key[2] = {std::uint32_t(seed), std::uint32_t(seed >> 32)};
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t a = 0xD2511F53ull * c[0], b = 0xCD9E8D57ull * c[2];
        c = {std::uint32_t(b >> 32) ^ c[1] ^ key[0], std::uint32_t(b), std::uint32_t(a >> 32) ^ c[3] ^ key[1],
             std::uint32_t(a)};
        key[0] += 0x9E3779B9u, key[1] += 0xBB67AE85u;
    }
    return c;
}

/// Place `index` of the permutation of 0..count-1 under four keys.
std::uint32_t plain_order(const std::array<std::uint32_t, 4>& keys, std::uint32_t count, std::uint32_t index) {
    const auto mixed = [](std::uint32_t x) {
        x = (x ^ x >> 16) * 0x85ebca6bu;
        x = (x ^ x >> 13) * 0xc2b2ae35u;
        return x ^ x >> 16;
    };
    int bits = 2;
    while ((1ull << bits) < count) ++bits;
    const int low_bits = bits / 2, high_bits = bits - low_bits;
    do {
        std::uint32_t low = index % (1u << low_bits), high = index >> low_bits;
        for (const std::uint32_t key : keys) {
            high ^= mixed(low ^ key) % (1u << high_bits);
            low ^= mixed(high + key) % (1u << low_bits);
        }
        index = high << low_bits | low;
    } while (index >= count);
    return index;
}

// --- the data --------------------------------------------------------------------------------------------------------

/// Two or more replicas with labels of their own; pixel p of image i is byte (i + 7 p) mod 256.
struct Labelled {
    int R, classes, D;
    std::size_t count;
    std::vector<Bytes> labels;
    std::vector<std::uint64_t> seed_list;
    std::vector<DeviceBuffer<std::uint8_t>> images;
    DeviceBuffer<const std::uint8_t*> table;
    DeviceBuffer<std::uint64_t> seeds;
    DeviceBuffer<std::uint32_t> members, starts, ranks;

    Labelled(std::vector<Bytes> labels_, int classes_, int D_, std::vector<std::uint64_t> seeds_ = {3, 1ull << 40, 9})
        : R(int(labels_.size())),
          classes(classes_),
          D(D_),
          count(labels_[0].size()),
          labels(std::move(labels_)),
          seed_list(seeds_.begin(), seeds_.begin() + R),
          seeds(seed_list) {
        Bytes bytes;
        for (std::size_t i = 0; i < count * D; ++i) bytes.push_back(pixel(std::uint32_t(i / D), int(i % D)));
        std::vector<const std::uint8_t*> pointers;
        Words all_members, all_starts, all_ranks(R * count);
        for (int r = 0; r < R; ++r) {
            images.emplace_back(bytes);
            pointers.push_back(images.back().data());
            std::uint32_t place = 0;
            for (int k = 0; k < classes; ++k) {
                all_starts.push_back(place);
                for (const std::uint32_t i : members_of(r, k)) {
                    all_members.push_back(i);
                    all_ranks[r * count + i] = place++;
                }
            }
            all_starts.push_back(place);
        }
        table = DeviceBuffer<const std::uint8_t*>(pointers);
        members = DeviceBuffer<std::uint32_t>(all_members);
        starts = DeviceBuffer<std::uint32_t>(all_starts);
        ranks = DeviceBuffer<std::uint32_t>(all_ranks);
    }
    static std::uint8_t pixel(std::uint32_t image, int p) { return std::uint8_t(image + 7 * p); }
    Words members_of(int r, int k) const {
        Words out;
        for (std::size_t i = 0; i < count; ++i)
            if (labels[r][i] == k) out.push_back(std::uint32_t(i));
        return out;
    }
    ClassIndex index() const { return {members.data(), starts.data(), ranks.data(), count, classes}; }
    GatherOptions options() const {
        GatherOptions o;
        o.height = 1, o.width = D;
        return o;
    }
};

/// Classes of unequal sizes, from `least` on, in no order.
Bytes some_labels(std::size_t count, int classes, int least, std::uint64_t seed) {
    Random random(seed);
    Bytes labels;
    for (int k = 0; k < classes; ++k) labels.insert(labels.end(), least, std::uint8_t(k));
    while (labels.size() < count) labels.push_back(std::uint8_t(random.integer(0, classes - 1)));
    for (std::size_t i = count - 1; i > 0; --i) std::swap(labels[i], labels[random.integer(0, int(i))]);
    return labels;
}

/// Images of one pixel, read back as numbers.
template <class T>
Words numbers(const std::vector<T>& pixels) {
    Words out;
    for (const T x : pixels) out.push_back(std::uint32_t(std::lround(double(x) * 255)));
    return out;
}

template <class T>
std::vector<T> complements(const Labelled& data, const MinibatchOrder& order, std::uint64_t step, int m, int N) {
    GuardedBuffer<T> sets(std::size_t(data.R) * N * m * data.D);
    DeviceBuffer<std::uint64_t> counter(std::vector<std::uint64_t>{step});
    check(gather_complements<T>({sets.data(), N, 0}, data.table.data(), data.index(),
                                {data.seeds.data(), counter.data(), order}, m, data.R, N, data.options(), nullptr));
    return sets.download();
}
/// What gather_labelled writes beside the first `before` rows of a batch; the rest of it is NaN.
template <class T>
struct Labels {
    std::vector<T> batch, sets;
    Bytes labels;
};
template <class T>
Labels<T> labelled(const Labelled& data, const MinibatchOrder& order, std::uint64_t step, int m, int N,
                   int before = 0) {
    std::vector<DeviceBuffer<std::uint8_t>> storage;
    std::vector<const std::uint8_t*> pointers;
    for (const Bytes& of : data.labels) {
        storage.emplace_back(of);
        pointers.push_back(storage.back().data());
    }
    DeviceBuffer<const std::uint8_t*> table(pointers);
    GuardedBuffer<T> batch(std::size_t(data.R) * (before + N) * data.D),
        sets(std::size_t(data.R) * (data.classes + N) * m * data.D);
    GuardedBuffer<std::uint8_t> labels(std::size_t(data.R) * N);
    DeviceBuffer<std::uint64_t> counter(std::vector<std::uint64_t>{step});
    GatherOptions options = data.options();
    options.batch_rows = before + N, options.first_row = before;
    check(gather_labelled<T>({batch.data(), labels.data(), sets.data()}, data.table.data(), table.data(), data.index(),
                             {data.seeds.data(), counter.data(), order}, m, data.R, N, options, nullptr));
    return {batch.download(), sets.download(), labels.download()};
}
template <class T>
std::vector<T> class_sets(const Labelled& data, std::uint64_t step, int m) {
    return labelled<T>(data, MinibatchOrder::epochs(data.count, 1), step, m, 0).sets;
}
/// The images of the minibatch itself, [R, N].
Words minibatch(const Labelled& data, const MinibatchOrder& order, std::uint64_t step, int N) {
    std::vector<Bytes> numbered(data.R, Bytes(data.count));
    std::vector<DeviceBuffer<std::uint8_t>> storage;
    std::vector<const std::uint8_t*> pointers;
    for (Bytes& of : numbered) {
        for (std::size_t i = 0; i < data.count; ++i) of[i] = std::uint8_t(i);
        storage.emplace_back(of);
        pointers.push_back(storage.back().data());
    }
    DeviceBuffer<const std::uint8_t*> table(pointers);
    GuardedBuffer<std::uint8_t> out(std::size_t(data.R) * N);
    DeviceBuffer<std::uint64_t> counter(std::vector<std::uint64_t>{step});
    check(gather_labels(out.data(), table.data(), {data.seeds.data(), counter.data(), order}, data.R, N, nullptr));
    return as<std::uint32_t>(out.download());
}

// --- complements -----------------------------------------------------------------------------------------------------

TEST(Complements, ExactlyTheDrawWrittenOut) {
    for (const int D : {1, 7, 257})
        for (const auto& [count, classes, m, N] : {std::array{4, 2, 1, 4}, std::array{31, 3, 4, 7},
                                                   std::array{211, 10, 11, 13}, std::array{100, 1, 99, 2}}) {
            const int least = classes == 1 ? 100 : m + 1;
            const Labelled data({some_labels(count, classes, least, 1), some_labels(count, classes, least, 2)}, classes,
                                D);
            const std::uint64_t step = (1ull << 32) + 5;
            const MinibatchOrder order = MinibatchOrder::epochs(count, N);
            const Words batch = minibatch(data, order, step, N);
            std::vector<float> expected;
            for (int r = 0; r < data.R; ++r)
                for (int n = 0; n < N; ++n) {
                    Words others = data.members_of(r, data.labels[r][batch[r * N + n]]);
                    others.erase(std::find(others.begin(), others.end(), batch[r * N + n]));
                    const auto keys = plain_philox(data.seed_list[r], Purpose::kComplement, step, n);
                    for (int j = 0; j < m; ++j) {
                        const std::uint32_t image = others[plain_order(keys, std::uint32_t(others.size()), j)];
                        for (int p = 0; p < D; ++p) expected.push_back(Labelled::pixel(image, p) / 255.f);
                    }
                }
            at_all_block_sizes([&, m = m, N = N] {
                expect_identical(complements<float>(data, order, step, m, N), expected, "complements");
                const auto twice = complements<double>(data, order, step, m, N);
                EXPECT_EQ(numbers(twice), numbers(expected));
            });
        }
}

TEST(Complements, DistinctOfTheClassAndNeverTheImageItself) {
    const int classes = 5, m = 6, N = 40;
    const Labelled data({some_labels(120, classes, m + 1, 5), some_labels(120, classes, m + 1, 6)}, classes, 1);
    for (const MinibatchOrder::Kind kind :
         {MinibatchOrder::kEpochs, MinibatchOrder::kCycle, MinibatchOrder::kSpread, MinibatchOrder::kRange}) {
        MinibatchOrder order = MinibatchOrder::epochs(data.count, N);
        order.kind = kind, order.steps = 3, order.first_step = 2, order.first_epoch = 7;
        for (std::uint64_t step = 2; step < 12; ++step) {
            const Words batch = minibatch(data, order, step, N),
                        sets = numbers(complements<float>(data, order, step, m, N));
            for (int r = 0; r < data.R; ++r)
                for (int n = 0; n < N; ++n) {
                    std::set<std::uint32_t> seen{batch[r * N + n]};
                    for (int j = 0; j < m; ++j) {
                        const std::uint32_t other = sets[(r * N + n) * m + j];
                        EXPECT_EQ(data.labels[r][other], data.labels[r][batch[r * N + n]]);
                        EXPECT_TRUE(seen.insert(other).second) << "image " << other << " twice";
                    }
                }
        }
    }
}

TEST(Complements, OfAnImageAreTheSameInEveryBatchOfARange) {
    const Labelled data({some_labels(40, 4, 5, 3)}, 4, 3);
    const std::vector<float> all = complements<float>(data, MinibatchOrder::range(40, 0), 2, 4, 40);
    const std::vector<float> some = complements<float>(data, MinibatchOrder::range(40, 13), 2, 4, 9);
    expect_identical(some, slice(all, 13 * 4 * 3, some.size()), "images 13 to 21");
}

TEST(Complements, EveryMemberAndEveryPairEquallyOften) {
    // One class of `size`, the image 0 (kRange): each of the size - 1 others is drawn at each j with the same
    // probability, and each ordered pair at j = 0, 1. Chi-square with f degrees of freedom has deviation sqrt(2 f).
    const bool is_fast = launch_options().cpu_blocks == CpuBlocks::kOneThread;  // lanes: the smaller classes will do
    for (const int size : {3, 4, 6, 11, 17}) {
        if (size > 6 && !is_fast) break;
        const Labelled data({Bytes(size, 0)}, 1, 1);
        const MinibatchOrder order = MinibatchOrder::range(size, 0);
        const int others = size - 1, m = std::min(others, 4), steps = is_fast ? 6000 : 1500;
        std::vector<std::vector<double>> at(m, std::vector<double>(size));
        std::vector<double> pairs(size * size);
        for (int step = 0; step < steps; ++step) {
            const Words set = numbers(complements<float>(data, order, step, m, 1));
            for (int j = 0; j < m; ++j) ++at[j][set[j]];
            ++pairs[set[0] * size + set[1]];
        }
        const auto expect_uniform = [&](const std::vector<double>& counts, int kinds, const std::string& name) {
            double chi2 = 0, total = 0;
            for (const double n : counts) total += n > 0 ? 1 : 0, chi2 += n * n * kinds / steps;
            EXPECT_EQ(total, kinds) << name << ", class of " << size;
            EXPECT_LT(chi2 - steps, kinds - 1 + 6 * std::sqrt(2. * kinds)) << name << ", class of " << size;
        };
        for (int j = 0; j < m; ++j) expect_uniform(at[j], others, "member " + std::to_string(j));
        expect_uniform(pairs, others * (others - 1), "pairs");
    }
}

TEST(Complements, RowsStepsAndSeedsDrawForThemselves) {
    const Labelled data({Bytes(40, 0), Bytes(40, 0)}, 1, 1);
    std::set<Words> seen;
    for (std::uint64_t step = 0; step < 10; ++step) {
        const Words sets = numbers(complements<float>(data, MinibatchOrder::range(40, 3), step, 8, 5));
        for (std::size_t i = 0; i < sets.size(); i += 8) seen.insert(slice(sets, i, 8));
    }
    EXPECT_EQ(seen.size(), 10u * 2 * 5);
}

TEST(Complements, AReplicaIsTheSameAloneAndFewerImagesAreTheFirstOfMore) {
    const std::vector<Bytes> labels{some_labels(90, 4, 10, 1), some_labels(90, 4, 10, 2), some_labels(90, 4, 10, 3)};
    const Labelled together(labels, 4, 3);
    const MinibatchOrder order = MinibatchOrder::epochs(90, 11);
    const auto all = complements<float>(together, order, 4, 6, 11);
    const auto few = complements<float>(together, order, 4, 2, 11);
    for (int r = 0; r < 3; ++r) {
        const Labelled alone({labels[r]}, 4, 3, {together.seed_list[r]});
        expect_identical(complements<float>(alone, order, 4, 6, 11), slice(all, r * 11 * 18, 11 * 18), "alone");
        for (int n = 0; n < 11; ++n)
            expect_identical(slice(few, (r * 11 + n) * 6, 6), slice(all, (r * 11 + n) * 18, 6), "m 2 of 6");
    }
}

// --- class sets ------------------------------------------------------------------------------------------------------

TEST(ClassSets, ExactlyTheDrawWrittenOut) {
    for (const int D : {1, 5, 97})
        for (const int m : {1, 4, 7}) {
            const int classes = 6;
            const Labelled data({some_labels(71, classes, 7, 1), some_labels(71, classes, 7, 2)}, classes, D);
            std::vector<float> expected;
            for (int r = 0; r < data.R; ++r)
                for (int k = 0; k < classes; ++k) {
                    const Words members = data.members_of(r, k);
                    const auto keys = plain_philox(data.seed_list[r], Purpose::kComplement, 17, (1ull << 32) + k);
                    for (int j = 0; j < m; ++j)
                        for (int p = 0; p < D; ++p)
                            expected.push_back(
                                Labelled::pixel(members[plain_order(keys, std::uint32_t(members.size()), j)], p) /
                                255.f);
                }
            at_all_block_sizes([&] { expect_identical(class_sets<float>(data, 17, m), expected, "class sets"); });
            EXPECT_EQ(numbers(class_sets<double>(data, 17, m)), numbers(expected));
        }
}

TEST(ClassSets, TheWholeOfTheSmallestClassIsAPermutationOfIt) {
    const Labelled data({Bytes{1, 0, 1, 0, 1, 0, 0, 1}}, 2, 1);
    std::set<Words> orders;
    for (std::uint64_t step = 0; step < 200; ++step) {
        const Words sets = numbers(class_sets<float>(data, step, 4));
        for (int k = 0; k < 2; ++k) {
            Words one = slice(sets, k * 4, 4);
            if (k == 0) orders.insert(one);
            std::sort(one.begin(), one.end());
            EXPECT_EQ(one, data.members_of(0, k));
        }
    }
    EXPECT_EQ(orders.size(), 24u);  // all of 4!
}

// --- a step's images in one launch -----------------------------------------------------------------------------------

TEST(LabelledSteps, AreTheMinibatchItsLabelsAndItsSets) {
    const int classes = 3, m = 2;
    for (const int D : {1, 6, 97})
        for (const int N : {0, 1, 5}) {
            const int before = 2, rows = before + N, sets = classes + N;
            const Labelled data({some_labels(20, classes, 3, 1), some_labels(20, classes, 3, 2)}, classes, D);
            const MinibatchOrder order = MinibatchOrder::epochs(20, 5);
            const Words batch = minibatch(data, order, 3, N);
            const std::vector<float> others = complements<float>(data, order, 3, m, N),
                                     of_classes = class_sets<float>(data, 3, m);
            at_all_block_sizes([&] {
                const Labels<float> out = labelled<float>(data, order, 3, m, N, before);
                for (int r = 0; r < data.R; ++r) {
                    for (int i = 0; i < rows * D; ++i) {
                        const float x = out.batch[r * rows * D + i];
                        if (i < before * D)
                            EXPECT_TRUE(std::isnan(x)) << "a row of somebody else";
                        else
                            EXPECT_EQ(x, Labelled::pixel(batch[r * N + i / D - before], i % D) / 255.f);
                    }
                    for (int n = 0; n < N; ++n) EXPECT_EQ(out.labels[r * N + n], data.labels[r][batch[r * N + n]]);
                    const std::size_t set = m * D;
                    expect_identical(slice(out.sets, r * sets * set, classes * set),
                                     slice(of_classes, r * classes * set, classes * set), "class sets");
                    expect_identical(slice(out.sets, (r * sets + classes) * set, N * set),
                                     slice(others, r * N * set, N * set), "complements");
                }
            });
        }
}

TEST(LabelledSteps, RefuseWhatTheyCannotTake) {
    const Labelled data({Bytes{0, 1, 0, 1}}, 2, 1);
    GuardedBuffer<float> batch(8), sets(16);
    GuardedBuffer<std::uint8_t> labels(4);
    const auto status = [&](int rows, int first_row, std::size_t count, int m, int N) {
        GatherOptions options = data.options();
        options.batch_rows = rows, options.first_row = first_row;
        return gather_labelled<float>({batch.data(), labels.data(), sets.data()}, data.table.data(), data.table.data(),
                                      data.index(), {data.seeds.data(), nullptr, MinibatchOrder::epochs(count, 4)}, m,
                                      1, N, options, nullptr);
    };
    EXPECT_TRUE(status(0, 0, 4, 1, 4).ok());
    EXPECT_TRUE(status(8, 4, 4, 1, 4).ok());
    EXPECT_TRUE(status(0, 0, 4, 0, 4).ok());
    EXPECT_FALSE(status(4, 1, 4, 1, 4).ok());  // past the batch's last row
    EXPECT_FALSE(status(8, -1, 4, 1, 4).ok());
    EXPECT_FALSE(status(0, 0, 3, 1, 4).ok());  // an order of another set
    EXPECT_FALSE(status(0, 0, 4, 5, 4).ok());
    EXPECT_FALSE(status(0, 0, 4, 1, 5).ok());  // more rows than the order's
}

// --- complements in a larger array -----------------------------------------------------------------------------------

TEST(SetRows, WriteTheirOwnPlacesAndScaleTheirPixels) {
    const int classes = 3, m = 2, D = 6, N = 4, all = 1 + N + 2;
    const Labelled data({some_labels(20, classes, 3, 1), some_labels(20, classes, 3, 2)}, classes, D);
    const MinibatchOrder order = MinibatchOrder::epochs(20, N);
    Random random(2);
    const auto mean = random.uniforms<float>(D), scale = random.uniforms<float>(D, 1, 5);
    DeviceBuffer<float> Mean(mean), Scale(scale);
    GatherOptions options = data.options();
    options.width = 1, options.height = 2, options.channels = 3;
    options.pixels = {Mean.data(), Scale.data()};
    GuardedBuffer<float> sets(std::size_t(data.R) * all * m * D);
    check(gather_complements<float>({sets.data(), all, 1}, data.table.data(), data.index(),
                                    {data.seeds.data(), nullptr, order}, m, data.R, N, options, nullptr));
    const auto out = sets.download(), plain = complements<float>(data, order, 0, m, N);
    for (int r = 0; r < data.R; ++r)
        for (int i = 0; i < all * m * D; ++i) {
            const int s = i / (m * D), p = i % D;
            const float x = out[r * all * m * D + i];
            if (s == 0 || s > N)
                EXPECT_TRUE(std::isnan(x)) << "set " << s << " is somebody else's";
            else
                EXPECT_EQ(x, (plain[(r * N + s - 1) * m * D + i % (m * D)] - mean[p]) * scale[p]);
        }
}

TEST(SetRows, RefuseWhatTheyCannotTake) {
    const Labelled data({Bytes{0, 1, 0, 1}}, 2, 1);
    GuardedBuffer<float> sets(8);
    const auto status = [&](int per_replica, int first, std::size_t count, int m, int N) {
        return gather_complements<float>({sets.data(), per_replica, first}, data.table.data(), data.index(),
                                         {data.seeds.data(), nullptr, MinibatchOrder::epochs(count, 4)}, m, 1, N,
                                         data.options(), nullptr);
    };
    EXPECT_TRUE(status(4, 0, 4, 1, 4).ok());
    EXPECT_TRUE(status(4, 0, 4, 0, 4).ok());
    EXPECT_TRUE(status(4, 0, 4, 1, 0).ok());
    EXPECT_FALSE(status(4, 1, 4, 1, 4).ok());  // past the replica's last set
    EXPECT_FALSE(status(4, -1, 4, 1, 4).ok());
    EXPECT_FALSE(status(4, 0, 3, 1, 4).ok());  // an order of another set
    EXPECT_FALSE(status(4, 0, 4, 5, 4).ok());
    EXPECT_FALSE(status(5, 0, 4, 1, 5).ok());  // more rows than the order's
}

}  // namespace
}  // namespace warpvae
