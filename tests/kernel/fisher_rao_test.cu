// Gaussians under the Fisher-Rao metric: against the circles of the half plane in long double, against an integral of
// the metric, and by the properties that distances, geodesics, logarithms and means have.
#include <array>

#include "cuda/ops/fisher_rao.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;
using Real = long double;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// --- the operations on host vectors, n Gaussians of 2Z numbers -------------------------------------------------------

template <class T>
using Rows = std::vector<T>;

template <class T>
Rows<T> distance(const Rows<T>& a, const Rows<T>& b, int Z) {
    const int n = int(a.size()) / (2 * Z);
    const GuardedBuffer<T> A(a), B(b);
    GuardedBuffer<T> out(n);
    check(fisher_rao_distance(out.data(), A.data(), B.data(), n, Z, nullptr));
    return out.download();
}
template <class T>
Rows<T> curve(const Rows<T>& a, const Rows<T>& b, const Rows<T>& times, int Z,
              GaussianCurve kind = GaussianCurve::kFisherRao) {
    const int n = int(a.size()) / (2 * Z);
    const GuardedBuffer<T> A(a), B(b), t(times);
    GuardedBuffer<T> out(a.size() * times.size());
    check(gaussian_curve(out.data(), A.data(), B.data(), t.data(), kind, n, int(times.size()), Z, nullptr));
    return out.download();
}
template <class T>
Rows<T> exponential(const Rows<T>& base, const Rows<T>& tangent, int Z) {
    const GuardedBuffer<T> P(base), V(tangent);
    GuardedBuffer<T> out(base.size());
    check(fisher_rao_exp(out.data(), P.data(), V.data(), int(base.size()) / (2 * Z), Z, nullptr));
    return out.download();
}
template <class T>
Rows<T> logarithm(const Rows<T>& base, const Rows<T>& points, int Z) {
    const GuardedBuffer<T> P(base), Q(points);
    GuardedBuffer<T> out(base.size());
    check(fisher_rao_log(out.data(), P.data(), Q.data(), int(base.size()) / (2 * Z), Z, nullptr));
    return out.download();
}
template <class T>
struct Mean {
    Rows<T> mean, residual;
};
template <class T>
Mean<T> karcher(const Rows<T>& points, int Z, const KarcherOptions& options = {}) {
    const GuardedBuffer<T> P(points);
    GuardedBuffer<T> mean(2 * Z), residual(Z);
    check(karcher_mean(mean.data(), residual.data(), P.data(), options, int(points.size()) / (2 * Z), Z, nullptr));
    return {mean.download(), residual.download()};
}

/// Means of some size 3, deviations over `decades` decades up to 3.
template <class T>
Rows<T> gaussians(Random& random, int n, int Z, double decades = 2) {
    Rows<T> out;
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j < Z; ++j) out.push_back(T(3 * random.normal()));
        for (int j = 0; j < Z; ++j) out.push_back(T(3 * std::pow(10., -decades * random.uniform())));
    }
    return out;
}

/// Pairs that are hard: equal, nearly equal, with equal means or deviations, 10 apart with deviations of 1e-3, far up.
template <class T>
void add_hard_pairs(Rows<T>& a, Rows<T>& b) {
    const double pairs[][4] = {{1.5, .2, 1.5, .2},      {10, .5, 10.0001, .5}, {10, .5, 10, .50001}, {-3, .01, -3, 2},
                               {-1, .3, 4, .3},         {-5, 1e-3, 5, 1e-3},   {0, 1e-3, .1, 100},   {2, 100, 0, 1e-3},
                               {1, 1e-3, 1.0001, 5e-3}, {0, 1, .70710678, .5}};
    for (const auto& p : pairs) a.push_back(T(p[0])), a.push_back(T(p[1])), b.push_back(T(p[2])), b.push_back(T(p[3]));
}

// --- the reference: circles about the axis of the half plane ---------------------------------------------------------

const Real kRootTwoReal = std::sqrt(Real(2));

/// The geodesic through two points: x = c - r tanh w, y = r / cosh w at constant speed in w; upright if the means are
/// equal. Differences of means are taken before they are scaled.
struct Circle {
    Real mu1, D, y1, y2, r = 0, k = 0, w1 = 0, w2 = 0;  // D = x2 - x1, and the centre is at x1 + k
    Circle(Real mean1, Real s1, Real mean2, Real s2) : mu1(mean1), D((mean2 - mean1) / kRootTwoReal), y1(s1), y2(s2) {
        if (D == 0) return;
        k = (D * D + (y2 - y1) * (y2 + y1)) / (2 * D), r = std::hypot(k, y1);
        w1 = place(-k, y1), w2 = place(D - k, y2);
    }
    Real place(Real x, Real y) const { return x > 0 ? std::log(y / (r + x)) : std::log((r - x) / y); }
    Real distance() const {  // 2 log((near + far) / root), with far^2 = near^2 + root^2
        const Real near = std::hypot(D, y1 - y2), far = std::hypot(D, y1 + y2), root = 2 * std::sqrt(y1 * y2);
        return kRootTwoReal * 2 * std::log1p((near + near * near / (far + root)) / root);
    }
    std::array<Real, 2> at(Real t) const {
        if (D == 0) return {mu1, y1 * std::pow(y2 / y1, t)};
        const Real dw = t * (w2 - w1), y = r / std::cosh(w1 + dw);
        return {mu1 - kRootTwoReal * y1 * y * std::sinh(dw) / r, y};  // r (tanh w1 - tanh w)
    }
    std::array<Real, 2> velocity() const {  // at t = 0
        if (D == 0) return {0, y1 * std::log(y2 / y1)};
        return {-kRootTwoReal * (w2 - w1) * y1 * y1 / r, -(w2 - w1) * y1 * k / r};
    }
};

/// Element by element: what is expected, and the error allowed.
struct Expected {
    std::vector<double> value, allowed;
    void add(Real v, double error) { value.push_back(double(v)), allowed.push_back(error); }
};

template <class T>
void against_the_circles() {
    const double u = kRounding<T>;
    Random random(1);
    Rows<T> a = gaussians<T>(random, 31, 1), b = gaussians<T>(random, 31, 1);
    add_hard_pairs(a, b);
    const Rows<T> times{T(-1.5), T(-0.3), 0, T(0.01), T(0.25), T(0.5), T(0.9), 1, T(1.4)};
    Expected d, points, logs, round_trip;
    for (std::size_t i = 0; i < a.size(); i += 2) {
        const Circle circle(a[i], a[i + 1], b[i], b[i + 1]);
        const double h = double(circle.distance()) / std::sqrt(2.), far = std::abs(double(b[i]) - a[i]);
        // The chord, its divisor and asinh, whose condition is below 1: a dozen roundings.
        d.add(circle.distance(), 12 * u * h * std::sqrt(2.));
        for (const T t : times) {
            // A relative error of e in h is one of e h t in the exponentials; some 30 roundings beside these. A mean
            // is a mean of means, so its error is a share of the way made.
            const auto at = circle.at(t);
            const double relative = u * (30 + 16 * h * std::max(1., std::abs(double(t))));
            const double way = std::max(far, std::abs(double(at[0]) - a[i]));
            points.add(at[0], relative * way + 4 * u * std::max(std::abs(double(a[i])), std::abs(double(b[i]))));
            points.add(at[1], relative * double(at[1]));
        }
        const auto v = circle.velocity();
        const double size = h * a[i + 1];
        logs.add(v[0], 24 * u * size), logs.add(v[1], 24 * u * size);
        const double relative = u * (60 + 48 * h);  // both maps
        round_trip.add(b[i], relative * far + 4 * u * std::abs(double(b[i])));
        round_trip.add(b[i + 1], relative * b[i + 1]);
    }
    const std::string type = sizeof(T) == 4 ? ", float" : ", double";
    expect_close(distance(a, b, 1), d.value, d.allowed, "distance" + type);
    expect_identical(distance(b, a, 1), distance(a, b, 1), "symmetry");
    expect_close(curve(a, b, times, 1), points.value, points.allowed, "geodesic" + type);
    const Rows<T> v = logarithm(a, b, 1);
    expect_close(v, logs.value, logs.allowed, "log" + type);
    expect_close(exponential(a, v, 1), round_trip.value, round_trip.allowed, "exp of log" + type);
    Rows<T> length(d.value.size());
    for (std::size_t i = 0; i < length.size(); ++i)
        length[i] = std::hypot(v[2 * i], std::sqrt(T(2)) * v[2 * i + 1]) / a[2 * i + 1];
    for (double& allowed : d.allowed) allowed *= 3;
    expect_close(length, d.value, d.allowed, "the log's length" + type);
}
TEST(FisherRao, AgainstTheCirclesOfTheHalfPlane) {
    at_all_block_sizes([] {
        against_the_circles<float>();
        against_the_circles<double>();
    });
}

TEST(FisherRao, ArgoAgainstItsCircle) {
    const double u = kRounding<float>;
    Random random(2);
    Rows<float> a = gaussians<float>(random, 31, 1), b = gaussians<float>(random, 31, 1);
    add_hard_pairs(a, b);
    const Rows<float> times{-0.2f, 0, 0.25f, 0.5f, 0.9f, 1, 1.1f};
    Expected circle, line;
    for (std::size_t i = 0; i < a.size(); i += 2) {
        const Real m1 = a[i], s1 = a[i + 1], m2 = b[i], s2 = b[i + 1], D = m2 - m1;
        const Real k = D == 0 ? 0 : (D + (s2 - s1) * (s2 + s1) / D) / 2, r = std::hypot(k, s1);
        const Real from = std::atan2(s1, -k), to = std::atan2(s2, D - k);
        for (const float t : times) {
            const Real angle = from + t * (to - from), straight = s1 + t * (s2 - s1);
            const double mu = std::max(std::abs(a[i]), std::abs(b[i])), s = std::max(a[i + 1], b[i + 1]);
            // The turned chord: a sine and a cosine of two units each, the ratio of two sines, a dozen roundings.
            const double error = 24 * u * (1 + std::abs(t)) * double(std::hypot(D, s2 - s1));
            circle.add(D == 0 ? m1 : m1 + k + r * std::cos(angle), error + 2 * u * mu);
            circle.add(D == 0 ? straight : r * std::sin(angle), error + 2 * u * s);
            line.add(m1 + t * D, 4 * u * 1.2 * 2 * mu), line.add(straight, 4 * u * 1.2 * 2 * s);
        }
    }
    at_all_block_sizes([&] {
        expect_close(curve(a, b, times, 1, GaussianCurve::kArgo), circle.value, circle.allowed, "argo's curve");
        expect_close(curve(a, b, times, 1, GaussianCurve::kStraight), line.value, line.allowed, "straight");
    });
}

TEST(FisherRao, Goldens) {
    const Rows<double> a{-1.5, .2, -1.5, .1, .3, .95}, b{1.5, .2, 1.5, .4, -.1, 1}, times{.25, .5};
    const Tolerance printed{1e-6, 0};
    expect_close(distance(a, b, 1), Rows<double>{6.704077, 6.731602, .415261}, printed, "distances");
    const Rows<double> p = curve(a, b, times, 1), q = curve(a, b, {.5}, 1, GaussianCurve::kArgo);
    const Tolerance five_digits{1e-5, 0};
    expect_close(slice(p, 0, 4), Rows<double>{-1.26551, .60353, 0, 1.07935}, five_digits, "first geodesic");
    expect_close(slice(p, 6, 2), Rows<double>{-.9, .87178}, five_digits, "second");
    expect_close(slice(p, 10, 2), Rows<double>{.10513, .98488}, five_digits, "third");
    expect_close(Rows<double>{q[1], q[3], q[5]}, Rows<double>{1.51327, 1.52069, .9953}, five_digits, "argo's");
}

TEST(FisherRao, ManyDimensionsAreAProduct) {
    for (const auto& [n, Z] : {std::array{0, 3}, std::array{1, 1}, std::array{7, 2}, std::array{3, 33},
                               std::array{2, 257}, std::array{41, 5}}) {
        Random random(n + Z);
        const auto a = gaussians<double>(random, n, Z), b = gaussians<double>(random, n, Z);
        const Rows<double> times{0.2, 0.7};
        Rows<double> a1, b1;  // each dimension a Gaussian of its own
        const auto split = [Z = Z](const Rows<double>& rows) {
            Rows<double> out;
            for (std::size_t i = 0; i < rows.size(); i += 2 * Z)
                for (int j = 0; j < Z; ++j) out.push_back(rows[i + j]), out.push_back(rows[i + Z + j]);
            return out;
        };
        const Rows<double> each = distance(split(a), split(b), 1);
        Rows<double> expected(n);
        for (int i = 0; i < n; ++i) {
            for (int j = 0; j < Z; ++j) expected[i] += each[i * Z + j] * each[i * Z + j];
            expected[i] = std::sqrt(expected[i]);
        }
        at_all_block_sizes([&, Z = Z] {
            expect_close(distance(a, b, Z), expected, Tolerance{0, (Z + 4) * 2 * kRounding<double>}, "root of squares");
            expect_identical(split(logarithm(a, b, Z)), logarithm(split(a), split(b), 1), "log");
            const auto v = logarithm(a, b, Z);
            expect_identical(split(exponential(a, v, Z)), exponential(split(a), split(v), 1), "exp");
            for (const double t : times)
                for (const auto kind : {GaussianCurve::kFisherRao, GaussianCurve::kArgo, GaussianCurve::kStraight})
                    expect_identical(split(curve(a, b, {t}, Z, kind)), curve(split(a), split(b), {t}, 1, kind),
                                     "curve");
            const Rows<double> both = curve(a, b, times, Z), second = curve(a, b, {times[1]}, Z);
            for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(both[i + (i / (2 * Z) + 1) * 2 * Z], second[i]);
        });
    }
}

TEST(FisherRao, IsAMetricThatKeepsItsLengthUnderShiftsAndScales) {
    const int n = 200, Z = 3;
    Random random(5);
    const auto a = gaussians<double>(random, n, Z), b = gaussians<double>(random, n, Z);
    const auto c = gaussians<double>(random, n, Z);
    const auto ab = distance(a, b, Z), bc = distance(b, c, Z), ac = distance(a, c, Z);
    for (int i = 0; i < n; ++i) EXPECT_LE(ac[i], (ab[i] + bc[i]) * (1 + 1e-14));
    const auto moved = [&](Rows<double> rows) {
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = 2.5 * rows[i] + (i / Z % 2 ? 0 : -1.3);
        return rows;
    };
    expect_close(distance(moved(a), moved(b), Z), ab, Tolerance{0, 1e-13}, "shifted and scaled");
    for (const double same : distance(a, a, Z)) EXPECT_EQ(same, 0);
}

/// The length by ds^2 = dmu^2 / sigma^2 + 2 dsigma^2 / sigma^2 of a curve given by many points [steps, 2].
double integral(const Rows<double>& p) {
    double length = 0;
    for (std::size_t i = 2; i < p.size(); i += 2) {
        const double dmu = p[i] - p[i - 2], ds = p[i + 1] - p[i - 1], s = (p[i + 1] + p[i - 1]) / 2;
        length += std::sqrt(dmu * dmu + 2 * ds * ds) / s;
    }
    return length;
}

TEST(FisherRao, TheGeodesicIsTheShortestCurveAndItsLengthTheDistance) {
    Random random(6);
    const int steps = 2001;
    Rows<double> times(steps);
    for (int i = 0; i < steps; ++i) times[i] = double(i) / (steps - 1);
    for (int pair = 0; pair < 8; ++pair) {
        const auto a = gaussians<double>(random, 1, 1, 1), b = gaussians<double>(random, 1, 1, 1);
        const double d = distance(a, b, 1)[0];
        const Rows<double> p = curve(a, b, times, 1);
        EXPECT_NEAR(integral(p), d, 1e-5 * d);  // the rule's error: some d (d / steps)^2
        EXPECT_GT(integral(curve(a, b, times, 1, GaussianCurve::kArgo)), d);
        EXPECT_GT(integral(curve(a, b, times, 1, GaussianCurve::kStraight)), d);
        for (const double bend : {0.1, -0.1, 0.02}) {
            Rows<double> bent = p;
            const double turn = random.uniform(0, 6), waves = random.integer(1, 3);
            for (int i = 0; i < steps; ++i) {
                const double s = p[2 * i + 1] * bend * std::sin(3.141592653589793 * waves * times[i]);
                bent[2 * i] += s * std::cos(turn), bent[2 * i + 1] += s * std::sin(turn);
            }
            EXPECT_GT(integral(bent), integral(p));
        }
        Rows<double> from, to;  // constant speed
        for (int i = 0; i + 100 < steps; i += 100)
            for (int k = 0; k < 2; ++k) from.push_back(p[2 * i + k]), to.push_back(p[2 * (i + 100) + k]);
        expect_close(distance(from, to, 1), Rows<double>(from.size() / 2, d / 20), Tolerance{1e-12 * d, 0}, "speed");
    }
}

TEST(FisherRao, TheLogIsTheGradientOfHalfTheSquaredDistance) {
    const int Z = 4;
    Random random(7);
    const auto a = gaussians<double>(random, 1, Z, 0.5), b = gaussians<double>(random, 1, Z, 0.5);
    const Rows<double> v = logarithm(a, b, Z);
    Rows<double> gradient(2 * Z);
    for (int j = 0; j < Z; ++j) {
        const double s2 = a[Z + j] * a[Z + j];
        gradient[j] = -v[j] / s2, gradient[Z + j] = -2 * v[Z + j] / s2;
    }
    const auto half_square = [&](const Rows<double>& at) {
        const double d = distance(at, b, Z)[0];
        return d * d / 2;
    };
    expect_gradient(half_square, a, gradient, "log");
}

// --- the mean --------------------------------------------------------------------------------------------------------

/// The length of the mean log map at `mean` in each dimension.
Rows<double> gradient_at(const Rows<double>& mean, const Rows<double>& points, int Z) {
    const std::size_t n = points.size() / (2 * Z);
    Rows<double> base;
    for (std::size_t i = 0; i < n; ++i) base.insert(base.end(), mean.begin(), mean.end());
    const Rows<double> v = logarithm(base, points, Z);
    Rows<double> sum(2 * Z), out(Z);
    for (std::size_t i = 0; i < v.size(); ++i) sum[i % (2 * Z)] += v[i] / double(n);
    for (int j = 0; j < Z; ++j) out[j] = std::hypot(sum[j], std::sqrt(2.) * sum[Z + j]) / mean[Z + j];
    return out;
}

TEST(KarcherMean, TheGradientVanishes) {
    for (const auto& [n, Z] :
         {std::array{1, 1}, std::array{2, 3}, std::array{31, 1}, std::array{257, 2}, std::array{20, 33}}) {
        Random random(n + Z);
        const auto points = gaussians<double>(random, n, Z);
        const Mean<double> whole = karcher(points, Z);
        at_all_block_sizes([&, Z = Z] {
            const Mean<double> m = karcher(points, Z);
            const Rows<double> left = gradient_at(m.mean, points, Z);
            for (int j = 0; j < Z; ++j) EXPECT_LE(m.residual[j], 1e-7);
            expect_close(left, m.residual, Tolerance{1e-13, 0}, "residual");
            expect_close(m.mean, whole.mean, Tolerance{1e-12, 1e-12}, "the same at every block size");
        });
        const Mean<float> rounded = karcher(as<float>(points), Z);
        expect_close(rounded.mean, whole.mean, Tolerance{3e-6, 1e-6}, "float");  // of inputs rounded: 3 sigma, 10 u
        for (const float r : rounded.residual) EXPECT_LE(r, 1e-7f);
    }
}

TEST(KarcherMean, OfTwoIsTheMidpointOfOneThatPoint) {
    const Rows<double> a{-1.5, .3, .1, .2, .95, 2}, b{1.5, -.1, .1, .4, 1, .02};
    Rows<double> points = a;
    points.insert(points.end(), b.begin(), b.end());
    const KarcherOptions exact{1000, 1e-13};
    expect_close(karcher(points, 3, exact).mean, curve(a, b, {0.5}, 3), Tolerance{1e-12, 1e-12}, "midpoint");
    for (const int n : {1, 5}) {
        points.clear();
        for (int i = 0; i < n; ++i) points.insert(points.end(), a.begin(), a.end());
        expect_close(karcher(points, 3, exact).mean, a, Tolerance{0, 1e-13}, "equal points");
    }
}

TEST(KarcherMean, NoPointHasSmallerSquaredDistances) {
    const int n = 23, Z = 2;
    Random random(9);
    const auto points = gaussians<double>(random, n, Z);
    const Rows<double> mean = karcher(points, Z).mean;
    const auto squares = [&](const Rows<double>& at) {
        Rows<double> base;
        for (int i = 0; i < n; ++i) base.insert(base.end(), at.begin(), at.end());
        double sum = 0;
        for (const double d : distance(base, points, Z)) sum += d * d;
        return sum;
    };
    for (int j = 0; j < 2 * Z; ++j)
        for (const double change : {-1e-3, 1e-3}) {
            Rows<double> other = mean;
            other[j] += change * mean[Z + j % Z];
            EXPECT_GT(squares(other), squares(mean));
        }
}

TEST(KarcherMean, FromFarStartsEveryIterationDescends) {
    const Rows<double> points{-5, 1e-3, 5, 1e-3, 4, 2e-3};
    double before = std::numeric_limits<double>::infinity();
    for (int iterations = 0; iterations < 40; ++iterations) {
        const Mean<double> m = karcher(points, 1, {iterations, 0});
        double squares = 0;
        for (const double d :
             distance(Rows<double>{m.mean[0], m.mean[1], m.mean[0], m.mean[1], m.mean[0], m.mean[1]}, points, 1))
            squares += d * d;
        EXPECT_LT(squares, before);
        before = squares;
    }
    EXPECT_LE(karcher(points, 1, {1000, 1e-7}).residual[0], 1e-7);
}

TEST(KarcherMean, StopsWhereToldAndSaysWhatIsLeft) {
    const Rows<double> points{-1, .5, 3, 2};
    const Mean<double> start = karcher(points, 1, {0, 1e-7});
    EXPECT_DOUBLE_EQ(start.mean[0], 1);
    EXPECT_DOUBLE_EQ(start.mean[1], 1);
    EXPECT_GT(start.residual[0], 1e-7);
    EXPECT_NEAR(start.residual[0], gradient_at(start.mean, points, 1)[0], 1e-13);
}

TEST(FisherRao, NaNAndDeviationsBelowZeroStayInTheirDimension) {
    for (const double bad : {kNaN, -1.}) {
        const Rows<double> a{0, 1, 1, 1}, b{1, 2, bad, 2}, points{0, 1, 1, 1, 1, 2, bad, 2};
        EXPECT_TRUE(std::isnan(distance(a, b, 2)[0]));
        const Rows<double> v = logarithm(a, b, 2);
        EXPECT_TRUE(std::isnan(v[0]) && std::isnan(v[2]) && !std::isnan(v[1]) && !std::isnan(v[3]));
        const Rows<double> p = curve(a, b, {0.5}, 2);
        EXPECT_TRUE(std::isnan(p[2]) && !std::isnan(p[3]));
        const Mean<double> m = karcher(points, 2);
        EXPECT_TRUE(std::isnan(m.residual[0]));
        EXPECT_LE(m.residual[1], 1e-7);
    }
}

TEST(FisherRao, BadSizesAreRefused) {
    GuardedBuffer<float> x(4);
    EXPECT_FALSE(fisher_rao_distance(x.data(), x.data(), x.data(), -1, 1, nullptr).ok());
    EXPECT_FALSE(karcher_mean(x.data(), x.data(), x.data(), {}, 0, 1, nullptr).ok()) << "the mean of nothing";
    EXPECT_TRUE(karcher_mean(x.data(), x.data(), x.data(), {}, 3, 0, nullptr).ok());
    for (const float v : x.download()) EXPECT_TRUE(std::isnan(v)) << "refused, yet written";
}

}  // namespace
}  // namespace warpvae
