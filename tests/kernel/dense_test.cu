// Matrix products and dense layers against plain double loops: exactly on small integers, within k roundings on reals.
#include <array>

#include "cuda/ops/dense.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

struct Shape {
    int R, m, n, k;
};

/// The element (i, j) of op(A), stored [rows, columns] or transposed [columns, rows].
template <class T>
double element(const T* A, Op op, int rows, int columns, int i, int j) {
    return op == Op::kTranspose ? A[std::size_t(j) * rows + i] : A[std::size_t(i) * columns + j];
}

/// op(A) op(B) [m, n] in double; with `magnitude`, the sums of |a b|.
template <class T>
std::vector<double> product(Op op_a, const T* A, Op op_b, const T* B, int m, int n, int k, bool magnitude = false) {
    std::vector<double> C(std::size_t(m) * n);
    for (int i = 0; i < m; ++i)
        for (int j = 0; j < n; ++j) {
            double sum = 0;
            for (int l = 0; l < k; ++l) {
                const double term = element(A, op_a, m, k, i, l) * element(B, op_b, k, n, l, j);
                sum += magnitude ? std::abs(term) : term;
            }
            C[std::size_t(i) * n + j] = sum;
        }
    return C;
}

constexpr Op kOps[] = {Op::kNone, Op::kTranspose};

template <class T>
void expect_exact_on_integers(const Shape& s) {
    Random random(s.m + 10 * s.n + 100 * s.k);
    const Matmul context;
    // The replicas lie apart by odd strides, and nothing may be written between them.
    const std::size_t size_a = std::size_t(s.m) * s.k, size_b = std::size_t(s.k) * s.n, size_c = std::size_t(s.m) * s.n;
    const std::size_t stride_a = size_a + 5, stride_b = size_b + 3, stride_c = size_c + 7;
    const auto A = random.integers<T>(stride_a * s.R, -4, 4), B = random.integers<T>(stride_b * s.R, -4, 4);
    GuardedBuffer<T> a(A), b(B);
    for (const Op op_a : kOps)
        for (const Op op_b : kOps) {
            GuardedBuffer<T> c(stride_c * s.R);
            check(matmul(context, c.data(), stride_c, op_a, a.data(), stride_a, op_b, b.data(), stride_b, s.R, s.m, s.n,
                         s.k));
            const std::vector<T> C = c.download();
            for (int r = 0; r < s.R; ++r) {
                const std::vector<double> expected =
                    product(op_a, A.data() + r * stride_a, op_b, B.data() + r * stride_b, s.m, s.n, s.k);
                const std::vector<T> got = slice(C, r * stride_c, size_c);
                EXPECT_EQ(as<double>(got), expected) << s.m << "x" << s.n << "x" << s.k << ", replica " << r;
                for (std::size_t i = size_c; i < stride_c; ++i)
                    EXPECT_TRUE(std::isnan(C[r * stride_c + i])) << "written between replicas";
            }
        }
}

TEST(Matmul, ExactOnIntegers) {
    for (const Shape& s : {Shape{1, 1, 1, 1}, Shape{2, 1, 7, 3}, Shape{3, 7, 1, 5}, Shape{2, 5, 11, 1},
                           Shape{3, 17, 13, 31}, Shape{2, 64, 33, 16}}) {
        expect_exact_on_integers<float>(s);
        expect_exact_on_integers<double>(s);
    }
}

TEST(Matmul, ExactOnIntegersWhereTheProductIsSplit) {
    expect_exact_on_integers<float>({2, 211, 300, 257});
    expect_exact_on_integers<float>({2, 300, 211, 257});
}

TEST(Matmul, NothingToDo) {
    const Matmul context;
    GuardedBuffer<float> a(4), c(4);
    for (const Shape& s : {Shape{0, 2, 2, 2}, Shape{1, 0, 2, 2}, Shape{1, 2, 0, 2}})
        check(matmul(context, c.data(), 4, Op::kNone, a.data(), 4, Op::kNone, a.data(), 4, s.R, s.m, s.n, s.k));
    for (const float x : c.download()) EXPECT_TRUE(std::isnan(x));
}

template <class T>
void expect_close_on_reals(const Shape& s) {
    Random random(3);
    const Matmul context;
    const auto A = random.normals<T>(std::size_t(s.m) * s.k), B = random.normals<T>(std::size_t(s.k) * s.n);
    GuardedBuffer<T> a(A), b(B), c(std::size_t(s.m) * s.n);
    for (const Op op_a : kOps)
        for (const Op op_b : kOps) {
            check(matmul(context, c.data(), 0, op_a, a.data(), 0, op_b, b.data(), 0, 1, s.m, s.n, s.k));
            // A sum of k products in any order errs by at most k roundings of the sum of magnitudes.
            std::vector<double> allowed = product(op_a, A.data(), op_b, B.data(), s.m, s.n, s.k, true);
            for (double& x : allowed) x *= s.k * kRounding<T>;
            // The reference's own sum in double errs likewise.
            if (sizeof(T) == 8)
                for (double& x : allowed) x *= 2;
            expect_close(c.download(), product(op_a, A.data(), op_b, B.data(), s.m, s.n, s.k), allowed, "matmul");
        }
}

TEST(Matmul, CloseOnReals) {
    expect_close_on_reals<float>({1, 128, 40, 97});
    expect_close_on_reals<double>({1, 37, 20, 41});
}

TEST(Matmul, AReplicaIsTheSameAlone) {
    Random random(5);
    const Matmul context;
    for (const Shape& s : {Shape{3, 13, 29, 17}, Shape{2, 128, 400, 200}}) {
        const std::size_t size_a = std::size_t(s.m) * s.k, size_b = std::size_t(s.k) * s.n,
                          size_c = std::size_t(s.m) * s.n;
        const auto A = random.normals<float>(s.R * size_a), B = random.normals<float>(s.R * size_b);
        GuardedBuffer<float> a(A), b(B), together(s.R * size_c), alone(size_c);
        check(matmul(context, together.data(), size_c, Op::kNone, a.data(), size_a, Op::kNone, b.data(), size_b, s.R,
                     s.m, s.n, s.k));
        for (int r = 0; r < s.R; ++r) {
            check(matmul(context, alone.data(), size_c, Op::kNone, a.data() + r * size_a, size_a, Op::kNone,
                         b.data() + r * size_b, size_b, 1, s.m, s.n, s.k));
            const std::vector<float> expected = slice(together.download(), r * size_c, size_c);
            if (device_is_gpu())  // a library may choose another algorithm for a batch
                expect_close(alone.download(), expected, Tolerance{s.k * 1e-6, 1e-5}, "replica alone");
            else
                expect_identical(alone.download(), expected, "replica alone");
        }
    }
}

// --- dense layers ----------------------------------------------------------------------------------------------------

/// One layer's tensors: W [out, in] and b [out] side by side in an arena of stride P.
template <class T>
struct Layer {
    int R, N, in, out;
    std::size_t P;
    std::vector<T> x, arena, dy;

    Layer(int R_, int N_, int in_, int out_, bool whole_numbers)
        : R(R_), N(N_), in(in_), out(out_), P(std::size_t(out_) * in_ + out_ + 6) {
        Random random(N + 10 * in + 100 * out);
        const auto draw = [&](std::size_t n) {
            return whole_numbers ? random.integers<T>(n, -3, 3) : random.normals<T>(n);
        };
        x = draw(std::size_t(R) * N * in), arena = draw(R * P), dy = draw(std::size_t(R) * N * out);
    }
    const T* W(int r) const { return arena.data() + r * P; }
    const T* b(int r) const { return W(r) + std::size_t(out) * in; }
    std::size_t bias() const { return std::size_t(out) * in; }
};

/// Both halves of the backward; dW and db at stride P, db after dW; dx may be null.
template <class T>
Status dense_backward(const Matmul& context, T* dx, T* dW, T* db, const T* dy, const T* x, const T* W, std::size_t P,
                      Activation x_activation, int R, int N, int in, int out) {
    const Status status = dense_backward_weights<T>(context, dW, {0, std::size_t(db - dW), dy, x, N, in, out}, R, P);
    if (!status.ok() || !dx) return status;
    return dense_backward_input(context, dx, dy, x, W, P, x_activation, R, N, in, out);
}

template <class T>
void expect_layer_exact(const Layer<T>& l, Activation activation) {
    const Matmul context;
    GuardedBuffer<T> x(l.x), arena(l.arena), dy(l.dy), y(std::size_t(l.R) * l.N * l.out), dx(l.x.size()),
        grads(l.R * l.P);
    check(dense_forward(context, y.data(), x.data(), arena.data(), arena.data() + l.bias(), l.P, activation, l.R, l.N,
                        l.in, l.out));
    check(dense_backward(context, dx.data(), grads.data(), grads.data() + l.bias(), dy.data(), x.data(), arena.data(),
                         l.P, activation, l.R, l.N, l.in, l.out));
    const std::vector<T> Y = y.download(), DX = dx.download(), G = grads.download();
    const bool relu = activation == Activation::kRelu;
    for (int r = 0; r < l.R; ++r) {
        const T* X = l.x.data() + std::size_t(r) * l.N * l.in;
        const T* DY = l.dy.data() + std::size_t(r) * l.N * l.out;
        std::vector<double> expected = product(Op::kNone, X, Op::kTranspose, l.W(r), l.N, l.out, l.in);
        for (std::size_t i = 0; i < expected.size(); ++i) {
            expected[i] += l.b(r)[i % l.out];
            if (relu) expected[i] = std::max(0.0, expected[i]);
        }
        EXPECT_EQ(as<double>(slice(Y, r * expected.size(), expected.size())), expected) << "y, replica " << r;

        expected = product(Op::kNone, DY, Op::kNone, l.W(r), l.N, l.in, l.out);
        for (std::size_t i = 0; i < expected.size(); ++i)
            if (relu && !(X[i] > 0)) expected[i] = 0;
        EXPECT_EQ(as<double>(slice(DX, r * expected.size(), expected.size())), expected) << "dx, replica " << r;

        expected = product(Op::kTranspose, DY, Op::kNone, X, l.out, l.in, l.N);
        EXPECT_EQ(as<double>(slice(G, r * l.P, l.bias())), expected) << "dW, replica " << r;
        expected.assign(l.out, 0);
        for (int n = 0; n < l.N; ++n)
            for (int c = 0; c < l.out; ++c) expected[c] += DY[std::size_t(n) * l.out + c];
        EXPECT_EQ(as<double>(slice(G, r * l.P + l.bias(), l.out)), expected) << "db, replica " << r;
        for (std::size_t i = r * l.P + l.bias() + l.out; i < (r + 1) * l.P; ++i)
            EXPECT_TRUE(std::isnan(G[i])) << "the arena's padding was written";
    }
}

TEST(Dense, ExactOnIntegers) {
    for (const Activation activation : {Activation::kNone, Activation::kRelu}) {
        for (const auto& [R, N, in, out] : {std::array{1, 1, 1, 1}, std::array{2, 5, 7, 3}, std::array{3, 13, 11, 37},
                                            std::array{1, 128, 20, 65}, std::array{2, 3, 50, 33}}) {
            expect_layer_exact(Layer<float>(R, N, in, out, true), activation);
            expect_layer_exact(Layer<double>(R, N, in, out, true), activation);
        }
    }
}

TEST(Dense, ExactAtEveryBlockSize) {
    at_all_block_sizes([] { expect_layer_exact(Layer<float>(2, 5, 9, 35, true), Activation::kRelu); });
}

TEST(Dense, AddsWhatOtherReadersMakeOfTheInput) {
    const Layer<double> l(2, 5, 9, 35, true);
    const Matmul context;
    GuardedBuffer<double> x(l.x), arena(l.arena), dy(l.dy), dx(l.x.size()), sum(l.x.size());
    const std::vector<double> others = Random(4).integers<double>(l.x.size(), -9, 9);
    GuardedBuffer<double> more(others);
    const auto backward = [&](double* to, const double* plus) {
        check(dense_backward_input<double>(context, to, dy.data(), x.data(), arena.data(), l.P, Activation::kRelu, 2, 5,
                                           9, 35, plus));
    };
    backward(dx.data(), nullptr);
    backward(sum.data(), more.data());
    std::vector<double> expected = dx.download();
    for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += others[i];
    EXPECT_EQ(sum.download(), expected);
}

/// Rows of weight w: all gradients are those of w dy.
template <class T>
void expect_weighted_rows_exact(int R, int N, int in, int out) {
    const Layer<T> l(R, N, in, out, true);
    const Matmul context;
    const std::vector<T> w = Random(8).integers<T>(std::size_t(R) * N, 0, 3);
    std::vector<T> weighted_dy = l.dy, weighted_x = l.x;
    for (std::size_t i = 0; i < l.dy.size(); ++i) weighted_dy[i] *= w[i / out];
    for (std::size_t i = 0; i < l.x.size(); ++i) weighted_x[i] *= w[i / in];
    GuardedBuffer<T> x(l.x), arena(l.arena), dy(l.dy), plain_dy(weighted_dy), weights(w), dx(l.x.size()),
        dx_plain(l.x.size()), g(R * l.P), g_plain(R * l.P);
    check(dense_backward(context, dx_plain.data(), g_plain.data(), g_plain.data() + l.bias(), plain_dy.data(), x.data(),
                         arena.data(), l.P, Activation::kRelu, R, N, in, out));
    check(dense_backward_input<T>(context, dx.data(), dy.data(), x.data(), arena.data(), l.P, Activation::kRelu, R, N,
                                  in, out, nullptr, {weights.data(), x.data()}));
    check(dense_backward_weights<T>(context, g.data(), {0, l.bias(), dy.data(), x.data(), N, in, out, weights.data()},
                                    R, l.P));
    // Equal numbers: products with a weight of 0 may be -0.
    EXPECT_EQ(dx.download(), dx_plain.download()) << "dx";
    EXPECT_EQ(x.download(), weighted_x) << "weighted x";
    for (int r = 0; r < R; ++r) {
        const std::size_t used = l.bias() + out;
        EXPECT_EQ(slice(g.download(), r * l.P, used), slice(g_plain.download(), r * l.P, used)) << "dW and db";
        EXPECT_TRUE(std::isnan(g.download()[r * l.P + used])) << "the arena's padding was written";
    }
}

TEST(Dense, WeightedRowsExactOnIntegers) {
    for (const bool fused : {false, true}) {
        const LaunchOptionsScope scope;
        launch_options().fused_dense = fused;
        for (const auto& [R, N, in, out] :
             {std::array{1, 1, 1, 1}, std::array{2, 5, 7, 3}, std::array{3, 13, 11, 37}, std::array{1, 128, 20, 65}}) {
            expect_weighted_rows_exact<float>(R, N, in, out);
            expect_weighted_rows_exact<double>(R, N, in, out);
        }
    }
    at_all_block_sizes([] { expect_weighted_rows_exact<float>(2, 5, 9, 35); });
}

TEST(Dense, NoInputGradientWhereNoneIsAsked) {
    const Layer<float> l(1, 3, 4, 5, true);
    const Matmul context;
    GuardedBuffer<float> x(l.x), arena(l.arena), dy(l.dy), grads(l.P);
    check(dense_backward<float>(context, nullptr, grads.data(), grads.data() + l.bias(), dy.data(), x.data(),
                                arena.data(), l.P, Activation::kNone, 1, 3, 4, 5));
    EXPECT_FALSE(std::isnan(grads.download()[0]));
}

constexpr Activation kActivations[] = {Activation::kNone, Activation::kRelu, Activation::kSigmoid,
                                       Activation::kElu,  Activation::kTanh, Activation::kSoftplus};
const char* const kNames[] = {"none", "relu", "sigmoid", "elu", "tanh", "softplus"};
std::string name_of(Activation activation) { return kNames[int(activation)]; }

TEST(Dense, TwoLayersByFiniteDifferences) {
    // L = sum c * (f(x W1^T + b1) W2^T + b2), with respect to both layers' parameters, in one arena.
    const int N = 5, in = 4, hidden = 6, out = 3;
    const std::size_t b1 = in * hidden, W2 = b1 + hidden, b2 = W2 + hidden * out, P = b2 + out;
    Random random(21);
    const auto x = random.normals<double>(N * in), c = random.normals<double>(N * out), p = random.normals<double>(P);
    const Matmul context;
    GuardedBuffer<double> X(x), C(c), arena(p), h(N * hidden), y(N * out), dh(N * hidden), grads(P);
    double* a = arena.data();
    double* g = grads.data();
    for (const Activation f : kActivations) {
        const auto forward = [&](const std::vector<double>& parameters) {
            arena.upload(parameters);
            check(dense_forward(context, h.data(), X.data(), a, a + b1, P, f, 1, N, in, hidden));
            check(dense_forward(context, y.data(), h.data(), a + W2, a + b2, P, Activation::kNone, 1, N, hidden, out));
            const std::vector<double> Y = y.download();
            double loss = 0;
            for (std::size_t i = 0; i < Y.size(); ++i) loss += c[i] * Y[i];
            return loss;
        };
        forward(p);
        check(dense_backward(context, dh.data(), g + W2, g + b2, C.data(), h.data(), a + W2, P, f, 1, N, hidden, out));
        check(dense_backward<double>(context, nullptr, g, g + b1, dh.data(), X.data(), a, P, Activation::kNone, 1, N,
                                     in, hidden));
        expect_gradient(forward, p, grads.download(), "two dense layers, " + name_of(f));
    }
}

TEST(Dense, ASigmoidLayerByFiniteDifferences) {
    // L = sum c * sigmoid(x W^T + b): the backward starts where sigmoid_backward ends.
    const int N = 5, in = 4, out = 3;
    const std::size_t b = in * out, P = b + out;
    Random random(22);
    const auto x = random.normals<double>(N * in), c = random.normals<double>(N * out), p = random.normals<double>(P);
    const Matmul context;
    GuardedBuffer<double> X(x), C(c), arena(p), y(N * out), dy(N * out), dx(N * in), grads(P);
    const auto loss = [&] {
        check(dense_forward(context, y.data(), X.data(), arena.data(), arena.data() + b, P, Activation::kSigmoid, 1, N,
                            in, out));
        const std::vector<double> Y = y.download();
        double sum = 0;
        for (std::size_t i = 0; i < Y.size(); ++i) sum += c[i] * Y[i];
        return sum;
    };
    const auto by_parameters = [&](const std::vector<double>& parameters) {
        arena.upload(parameters);
        return loss();
    };
    const auto by_input = [&](const std::vector<double>& input) {
        X.upload(input);
        return loss();
    };
    loss();
    check(sigmoid_backward(dy.data(), C.data(), y.data(), N * out, nullptr));
    check(dense_backward(context, dx.data(), grads.data(), grads.data() + b, dy.data(), X.data(), arena.data(), P,
                         Activation::kNone, 1, N, in, out));
    expect_gradient(by_input, x, dx.download(), "a sigmoid layer, dx");
    X.upload(x);
    expect_gradient(by_parameters, p, grads.download(), "a sigmoid layer, dW and db");
}

// --- the three kernels -----------------------------------------------------------------------------------------------

TEST(BiasActivation, NaNSurvivesTheRelu) {
    at_all_block_sizes([] {
        const float nan = std::numeric_limits<float>::quiet_NaN();
        GuardedBuffer<float> y(std::vector<float>{nan, -1, 2, -0.5f}), b(std::vector<float>{1, 1});
        check(bias_activation(y.data(), b.data(), 2, Activation::kRelu, 1, 2, 2, nullptr));
        const std::vector<float> out = y.download();
        EXPECT_TRUE(std::isnan(out[0]));
        EXPECT_EQ(slice(out, 1, 3), (std::vector<float>{0, 3, 0.5f}));
    });
}

/// f(x), f'(x), and the bound that math.cuh states for f in ulps of f(x).
struct Plain {
    double value, slope, ulps;
};
Plain plain(Activation f, double x) {
    const double s = 1 / (1 + std::exp(-x));
    switch (f) {
        case Activation::kRelu:
            return {std::max(x, 0.0), double(x > 0), 0};
        case Activation::kSigmoid:
            return {s, s * (1 - s), 2.5};
        case Activation::kElu:
            return {x < 0 ? std::expm1(x) : x, x < 0 ? std::exp(x) : 1, 1.5};
        case Activation::kTanh:
            return {std::tanh(x), 1 - std::tanh(x) * std::tanh(x), 3};
        case Activation::kSoftplus:
            return {std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))), s, 4};
        default:
            return {x, 1, 0};
    }
}

template <class T>
void expect_activation(Activation f, int R, int N, int out) {
    Random random(N + 10 * out);
    const std::size_t P = out + 3;
    const auto y = random.normals<T>(std::size_t(R) * N * out, 3), b = random.normals<T>(R * P);
    std::vector<double> expected(y.size()), allowed(y.size());
    const double u = (sizeof(T) == 8 ? 2 : 1) * kRounding<T>;
    for (std::size_t i = 0; i < y.size(); ++i) {
        const double x = double(y[i]) + double(b[i / (std::size_t(N) * out) * P + i % out]);
        const Plain p = plain(f, x);
        expected[i] = p.value;
        allowed[i] = u * (std::abs(x) * p.slope + 2 * p.ulps * std::abs(p.value));  // the sum rounds by u |x|
    }
    GuardedBuffer<T> Y(y), B(b);
    check(bias_activation(Y.data(), B.data(), P, f, R, N, out, nullptr));
    expect_close(Y.download(), expected, allowed,
                 name_of(f) + ", " + std::to_string(R) + " x " + std::to_string(N) + " x " + std::to_string(out));
}

TEST(BiasActivation, AgainstThePlainFormula) {
    for (const Activation f : kActivations)
        at_all_block_sizes([f] {
            for (const auto& [R, N, out] : {std::array{1, 0, 3}, std::array{1, 1, 1}, std::array{2, 3, 31},
                                            std::array{3, 2, 97}, std::array{1, 2, 257}}) {
                expect_activation<float>(f, R, N, out);
                expect_activation<double>(f, R, N, out);
            }
        });
}

TEST(BiasActivation, EndsAndNaN) {
    at_all_block_sizes([] {
        const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
        const std::vector<float> expected[] = {{inf, -inf, 201, -199, 0}, {inf, 0, 201, 0, 0}, {1, 0, 1, 0, 0.5f},
                                               {inf, -1, 201, -1, 0},     {1, -1, 1, -1, 0},   {inf, 0, 201, 0}};
        for (const Activation f : kActivations) {
            GuardedBuffer<float> y(std::vector<float>{inf, -inf, 200, -200, -1, nan}), b(std::vector<float>{1});
            check(bias_activation(y.data(), b.data(), 1, f, 1, 6, 1, nullptr));
            const std::vector<float> out = y.download(), &e = expected[int(f)];
            EXPECT_EQ(slice(out, 0, e.size()), e) << name_of(f);
            EXPECT_TRUE(std::isnan(out[5])) << name_of(f);
        }
    });
}

template <class T>
void expect_activation_backward(Activation f, std::size_t n) {
    Random random(n + 1);
    auto x = random.normals<T>(n, 3), g = random.normals<T>(n);
    if (n > 1) x[0] = T(0), x[1] = T(-1e-4);
    std::vector<double> expected(n), allowed(n);
    std::vector<T> output(n);
    for (std::size_t i = 0; i < n; ++i) {
        const Plain p = plain(f, x[i]);
        output[i] = T(p.value);
        expected[i] = p.slope * g[i];
        // y's own rounding moves f' by 2u at most, and three or four roundings of numbers up to 1 follow.
        allowed[i] = 6 * kRounding<T> * std::abs(double(g[i]));
        if (f == Activation::kRelu || f == Activation::kNone) allowed[i] = 0;
    }
    GuardedBuffer<T> dx(g), Y(output);
    check(activation_backward(dx.data(), Y.data(), f, n, nullptr));
    expect_close(dx.download(), expected, allowed, name_of(f) + " backward, n " + std::to_string(n));
}

TEST(ActivationBackward, AgainstThePlainFormula) {
    for (const Activation f : kActivations)
        for (const std::size_t n : {0, 1, 31, 257, 20011}) {
            const auto body = [&] {
                expect_activation_backward<float>(f, n), expect_activation_backward<double>(f, n);
            };
            n < 1000 ? at_all_block_sizes(body) : body();
        }
}

TEST(ActivationBackward, FarBelowZeroASoftplusKeepsItsSlope) {
    // y = e^-20 there, and 1 - e^-y read naively would be 0.
    GuardedBuffer<float> dx(std::vector<float>{1.f}), y(std::vector<float>{std::exp(-20.f)});
    check(activation_backward(dx.data(), y.data(), Activation::kSoftplus, 1, nullptr));
    EXPECT_NEAR(dx.download()[0], std::exp(-20.0), 1e-6 * std::exp(-20.0));
}

TEST(ActivationBackward, AReluPassesOnlyWhereTheOutputIsPositive) {
    for (const std::size_t n : {0, 1, 31, 257, 20011}) {
        Random random(n + 1);
        const auto x = random.integers<float>(n, -2, 2), g = random.normals<float>(n);
        std::vector<float> expected = g;
        for (std::size_t i = 0; i < n; ++i)
            if (x[i] <= 0) expected[i] = 0;
        const auto body = [&] {
            GuardedBuffer<float> dx(g), X(x);
            check(activation_backward(dx.data(), X.data(), Activation::kRelu, n, nullptr));
            expect_identical(dx.download(), expected, "relu backward");
        };
        n < 1000 ? at_all_block_sizes(body) : body();
    }
}

TEST(ColumnSum, ExactOnIntegersAtEveryBlockSize) {
    for (const auto& [R, N, columns] : {std::array{1, 1, 1}, std::array{2, 7, 15}, std::array{3, 5, 16},
                                        std::array{1, 33, 131}, std::array{2, 0, 3}}) {
        Random random(columns);
        const std::size_t P = columns + 3;
        const auto y = random.integers<double>(std::size_t(R) * N * columns, -9, 9);
        at_all_block_sizes([&, R = R, N = N, columns = columns] {
            GuardedBuffer<double> Y(y), sums(R * P);
            check(column_sum(sums.data(), Y.data(), P, R, N, columns, nullptr));
            const std::vector<double> out = sums.download();
            for (int r = 0; r < R; ++r)
                for (std::size_t c = 0; c < P; ++c) {
                    if (c >= std::size_t(columns)) {
                        EXPECT_TRUE(std::isnan(out[r * P + c]));
                        continue;
                    }
                    double sum = 0;
                    for (int n = 0; n < N; ++n) sum += y[(std::size_t(r) * N + n) * columns + c];
                    EXPECT_EQ(out[r * P + c], sum);
                }
        });
    }
}

}  // namespace
}  // namespace warpvae
