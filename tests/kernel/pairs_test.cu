// Images paired with sets: rows side by side, the sums that are their gradient, and the means of sets, against plain
// loops over a list of pairs written out here.
#include <array>

#include "cuda/ops/pairs.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

constexpr PairRows kKinds[] = {PairRows::kPairs, PairRows::kImages, PairRows::kSets};
constexpr PairShape kShapes[] = {{0, 0, 0}, {0, 0, 5}, {0, 10, 3}, {1, 1, 0}, {3, 10, 0}, {2, 3, 4}, {5, 2, 1}};

std::string name_of(const PairShape& s) {
    return "U " + std::to_string(s.unlabelled) + " K " + std::to_string(s.classes) + " L " + std::to_string(s.labelled);
}

/// One pair's row in each kind of array, by PairRows.
using Pair = std::array<int, 3>;
std::vector<Pair> pairs_of(const PairShape& s) {
    std::vector<Pair> out;
    for (int u = 0; u < s.unlabelled; ++u)
        for (int k = 0; k < s.classes; ++k) out.push_back({int(out.size()), u, k});
    const int class_sets = s.unlabelled ? s.classes : 0;
    for (int l = 0; l < s.labelled; ++l) out.push_back({int(out.size()), s.unlabelled + l, class_sets + l});
    return out;
}
int count_of(PairRows kind, const PairShape& s) {
    return kind == PairRows::kPairs ? s.pairs() : kind == PairRows::kImages ? s.images() : s.sets();
}

TEST(PairShape, IsTheListOfPairs) {
    for (const PairShape& s : kShapes) {
        const std::vector<Pair> pairs = pairs_of(s);
        ASSERT_EQ(s.pairs(), int(pairs.size())) << name_of(s);
        for (const Pair& p : pairs) {
            EXPECT_EQ(s.image_of(p[0]), p[1]) << name_of(s) << ", pair " << p[0];
            EXPECT_EQ(s.set_of(p[0]), p[2]) << name_of(s) << ", pair " << p[0];
            EXPECT_LT(p[1], s.images());
            EXPECT_LT(p[2], s.sets());
        }
    }
}

// --- concatenate_pairs -----------------------------------------------------------------------------------------------

/// Two arrays side by side.
struct Sides {
    PairShape shape;
    PairRows a_rows, b_rows;
    int R, A, B;
    std::size_t a_size() const { return std::size_t(R) * count_of(a_rows, shape) * A; }
    std::size_t b_size() const { return std::size_t(R) * count_of(b_rows, shape) * B; }
    std::size_t size() const { return std::size_t(R) * shape.pairs() * (A + B); }
    std::string name() const {
        return name_of(shape) + ", rows " + std::to_string(int(a_rows)) + " " + std::to_string(int(b_rows)) + ", " +
               std::to_string(A) + " + " + std::to_string(B);
    }
    /// f(element of y, whether it is a's, element of a or b).
    template <class F>
    void for_each(F f) const {
        for (int r = 0; r < R; ++r)
            for (const Pair& pair : pairs_of(shape))
                for (int c = 0; c < A + B; ++c) {
                    const PairRows kind = c < A ? a_rows : b_rows;
                    const int row = pair[int(kind)], width = c < A ? A : B;
                    f((std::size_t(r) * shape.pairs() + pair[0]) * (A + B) + c, c < A,
                      (std::size_t(r) * count_of(kind, shape) + row) * width + (c < A ? c : c - A));
                }
    }
};

template <class T>
std::vector<T> forward(const Sides& s, const std::vector<T>& a, const std::vector<T>& b) {
    GuardedBuffer<T> X(a), Y(b), out(s.size());
    check(concatenate_pairs_forward<T>(out.data(), {X.data(), s.a_rows, s.A}, {Y.data(), s.b_rows, s.B}, s.shape, s.R,
                                       nullptr));
    return out.download();
}

/// da and db; a and b mask where they are given.
template <class T>
std::array<std::vector<T>, 2> backward(const Sides& s, const std::vector<T>& dy, const std::vector<T>* a = nullptr,
                                       const std::vector<T>* b = nullptr) {
    GuardedBuffer<T> DY(dy), da(s.a_size()), db(s.b_size()), X(a ? *a : std::vector<T>{}), Y(b ? *b : std::vector<T>{});
    check(concatenate_pairs_backward<T>({da.data(), a ? X.data() : nullptr, s.a_rows, s.A}, DY.data(), s.A + s.B,
                                        s.shape, s.R, nullptr));
    check(concatenate_pairs_backward<T>({db.data(), b ? Y.data() : nullptr, s.b_rows, s.B}, DY.data() + s.A, s.A + s.B,
                                        s.shape, s.R, nullptr));
    return {da.download(), db.download()};
}

/// Every kind of rows beside every other, for small shapes; both types.
template <class Body>
void for_all_sides(Body body) {
    for (const PairShape& shape : kShapes)
        for (const PairRows a : kKinds)
            for (const PairRows b : kKinds) body(Sides{shape, a, b, 2, 3, 70});
    for (const auto& [A, B] : {std::array{1, 1}, std::array{64, 16}, std::array{131, 0}, std::array{0, 5}})
        body(Sides{{4, 10, 3}, PairRows::kImages, PairRows::kSets, 1, A, B});
}

template <class T>
void expect_forward(const Sides& s) {
    Random random(s.size() + s.A);
    const auto a = random.normals<T>(s.a_size()), b = random.normals<T>(s.b_size());
    std::vector<T> expected(s.size());
    s.for_each([&](std::size_t y, bool is_a, std::size_t x) { expected[y] = is_a ? a[x] : b[x]; });
    expect_identical(forward(s, a, b), expected, "forward, " + s.name());
}

TEST(ConcatenatePairs, ForwardCopiesEachPairsRows) {
    for_all_sides([](const Sides& s) { expect_forward<float>(s), expect_forward<double>(s); });
    at_all_block_sizes([] {
        for (const PairShape& shape : kShapes)
            expect_forward<float>({shape, PairRows::kImages, PairRows::kSets, 2, 33, 97});
    });
}

/// Integers sum without rounding, so the bits are known; a and b are outputs of a ReLU, with and without their masks.
template <class T>
void expect_backward(const Sides& s) {
    Random random(s.size() + s.B);
    const auto dy = random.integers<T>(s.size(), -9, 9);
    const auto a = random.integers<T>(s.a_size(), -1, 1), b = random.integers<T>(s.b_size(), -1, 1);
    std::vector<T> da(s.a_size()), db(s.b_size());
    s.for_each([&](std::size_t y, bool is_a, std::size_t x) { (is_a ? da : db)[x] += dy[y]; });
    const auto plain = backward(s, dy);
    expect_identical(plain[0], da, "da, " + s.name());
    expect_identical(plain[1], db, "db, " + s.name());
    for (std::size_t i = 0; i < da.size(); ++i) da[i] = a[i] > 0 ? da[i] : T(0);
    for (std::size_t i = 0; i < db.size(); ++i) db[i] = b[i] > 0 ? db[i] : T(0);
    const auto masked = backward(s, dy, &a, &b);
    expect_identical(masked[0], da, "da where a > 0, " + s.name());
    expect_identical(masked[1], db, "db where b > 0, " + s.name());
}

TEST(ConcatenatePairs, BackwardSumsEachRowsPairs) {
    for_all_sides([](const Sides& s) { expect_backward<float>(s), expect_backward<double>(s); });
    at_all_block_sizes([] {
        for (const PairShape& shape : kShapes)
            expect_backward<float>({shape, PairRows::kImages, PairRows::kSets, 2, 33, 197});
    });
}

TEST(ConcatenatePairs, BackwardAddsInThePairsOrder) {
    // One order of additions, whatever the block: the bits are those of the plain loop.
    const Sides s{{37, 10, 5}, PairRows::kImages, PairRows::kSets, 2, 65, 16};
    Random random(6);
    const auto dy = random.normals<float>(s.size());
    std::vector<float> da(s.a_size()), db(s.b_size());
    s.for_each([&](std::size_t y, bool is_a, std::size_t x) { (is_a ? da : db)[x] += dy[y]; });
    at_all_block_sizes([&] {
        const auto out = backward(s, dy);
        expect_identical(out[0], da, "da");
        expect_identical(out[1], db, "db");
    });
}

TEST(ConcatenatePairs, ByFiniteDifferences) {
    for (const PairRows a_rows : kKinds)
        for (const PairRows b_rows : kKinds) {
            const Sides s{{2, 3, 2}, a_rows, b_rows, 2, 3, 2};
            Random random(9);
            const auto c = random.normals<double>(s.size());
            auto x = random.normals<double>(s.a_size() + s.b_size());
            for (double& v : x) v += v < 0 ? -0.1 : 0.1;  // away from the ReLU's corner
            const auto relu = [](std::vector<double> v) {
                for (double& e : v) e = std::max(e, 0.0);
                return v;
            };
            const auto loss = [&](const std::vector<double>& v) {
                const std::vector<double> y =
                    forward(s, relu(slice(v, 0, s.a_size())), relu(slice(v, s.a_size(), s.b_size())));
                double sum = 0;
                for (std::size_t i = 0; i < y.size(); ++i) sum += c[i] * y[i];
                return sum;
            };
            const std::vector<double> a = relu(slice(x, 0, s.a_size())), b = relu(slice(x, s.a_size(), s.b_size()));
            auto gradient = backward(s, c, &a, &b);
            gradient[0].insert(gradient[0].end(), gradient[1].begin(), gradient[1].end());
            expect_gradient(loss, x, gradient[0], s.name());
        }
}

TEST(ConcatenatePairs, NaNReachesThePairsRowsOnly) {
    const Sides s{{3, 2, 2}, PairRows::kImages, PairRows::kSets, 1, 4, 4};
    at_all_block_sizes([&] {
        std::vector<float> dy(s.size(), 1.f);
        dy[3 * 8 + 2] = dy[3 * 8 + 4 + 2] = std::numeric_limits<float>::quiet_NaN();  // pair 3: image 1, class 1
        const auto out = backward(s, dy);
        for (std::size_t i = 0; i < out[0].size(); ++i) EXPECT_EQ(std::isnan(out[0][i]), i == 1 * 4 + 2) << i;
        for (std::size_t i = 0; i < out[1].size(); ++i) EXPECT_EQ(std::isnan(out[1][i]), i == 1 * 4 + 2) << i;
    });
}

TEST(ConcatenatePairs, AReplicaIsTheSameAlone) {
    const Sides all{{3, 4, 2}, PairRows::kImages, PairRows::kSets, 3, 5, 9};
    Sides one = all;
    one.R = 1;
    Random random(10);
    const auto dy = random.normals<float>(all.size());
    const auto together = backward(all, dy);
    for (int r = 0; r < all.R; ++r) {
        const auto alone = backward(one, slice(dy, r * one.size(), one.size()));
        expect_identical(alone[0], slice(together[0], r * one.a_size(), one.a_size()), "da");
        expect_identical(alone[1], slice(together[1], r * one.b_size(), one.b_size()), "db");
    }
}

// --- set_mean --------------------------------------------------------------------------------------------------------

template <class T>
std::vector<T> mean_forward(const std::vector<T>& x, int m, std::size_t sets, int D) {
    GuardedBuffer<T> X(x), y(sets * D);
    check(set_mean_forward(y.data(), X.data(), m, sets, D, nullptr));
    return y.download();
}
template <class T>
std::vector<T> mean_backward(const std::vector<T>& dy, const std::vector<T>* x, int m, std::size_t sets, int D) {
    GuardedBuffer<T> DY(dy), dx(sets * m * D), X(x ? *x : std::vector<T>{});
    check(set_mean_backward<T>(dx.data(), DY.data(), x ? X.data() : nullptr, m, sets, D, nullptr));
    return dx.download();
}

TEST(SetMean, IsThePlainSumOverM) {
    for (const auto& [sets, m, D] : {std::array{0, 3, 5}, std::array{1, 1, 1}, std::array{3, 2, 33},
                                     std::array{5, 7, 128}, std::array{2, 10, 257}}) {
        Random random(sets + m + D);
        const auto x = random.normals<float>(std::size_t(sets) * m * D);
        std::vector<float> mean(std::size_t(sets) * D), dx(x.size()), masked(x.size());
        const auto dy = random.normals<float>(mean.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
            const std::size_t at = i / (std::size_t(m) * D) * D + i % D;
            mean[at] += x[i];
            dx[i] = dy[at] / float(m);
            masked[i] = x[i] > 0 ? dx[i] : 0;
        }
        for (float& v : mean) v /= float(m);
        at_all_block_sizes([&, sets = sets, m = m, D = D] {
            const std::string name = "sets " + std::to_string(sets) + " m " + std::to_string(m);
            expect_identical(mean_forward(x, m, sets, D), mean, "mean, " + name);
            expect_identical(mean_backward<float>(dy, nullptr, m, sets, D), dx, "dx, " + name);
            expect_identical(mean_backward(dy, &x, m, sets, D), masked, "dx where x > 0, " + name);
        });
    }
}

TEST(SetMean, ByFiniteDifferences) {
    const int sets = 3, m = 4, D = 5;
    Random random(11);
    const auto c = random.normals<double>(sets * D);
    auto x = random.normals<double>(sets * m * D);
    for (double& v : x) v += v < 0 ? -0.1 : 0.1;
    const auto relu = [](std::vector<double> v) {
        for (double& e : v) e = std::max(e, 0.0);
        return v;
    };
    const auto loss = [&](const std::vector<double>& v) {
        const std::vector<double> y = mean_forward(relu(v), m, sets, D);
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i) sum += c[i] * y[i];
        return sum;
    };
    const std::vector<double> output = relu(x);
    expect_gradient(loss, x, mean_backward(c, &output, m, sets, D), "set_mean");
}

TEST(SetMean, RefusesWhatNoKernelCanTake) {
    GuardedBuffer<float> b(4);
    EXPECT_FALSE(set_mean_forward(b.data(), b.data(), 0, 1, 1, nullptr).ok());
    EXPECT_FALSE(set_mean_backward<float>(b.data(), b.data(), nullptr, 0, 1, 1, nullptr).ok());
    EXPECT_FALSE(set_mean_backward<float>(b.data(), b.data(), nullptr, 8, std::size_t(1) << 28, 1, nullptr).ok());
}

}  // namespace
}  // namespace warpvae
