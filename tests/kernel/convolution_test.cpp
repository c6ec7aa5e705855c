// Convolutions on either library against plain sums in double, against each other's adjoints, and exact on integers.
#include "cuda/ops/convolution.h"
#include "cuda/device/buffer.h"
#include "tests/support/convolution_case.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using namespace test;

/// x, y and W of all replicas, weights at a stride with room between.
template <class T>
struct Problem {
    Case c;
    std::size_t P;
    std::vector<T> x, y, W;
    Problem(const Case& c_, std::size_t gap) : c(c_), P(c.shape.weights() + gap) {
        x.resize(c.R * c.N * c.shape.x_size());
        y.resize(c.R * c.N * c.shape.y_size());
        W.resize(c.R * P);
    }
    /// The three sums that the passes compute, and the sums of the products' magnitudes.
    void sums(std::vector<double>& out, std::vector<double>& magnitudes, int pass) const {
        out.assign(pass == 0 ? y.size() : pass == 1 ? x.size() : W.size(), 0.0);
        magnitudes = out;
        for (int r = 0; r < c.R; ++r)
            for (int n = 0; n < c.N; ++n)
                for_products(c.shape, [&](std::size_t i, std::size_t o, std::size_t w) {
                    const std::size_t xi = (std::size_t(r) * c.N + n) * c.shape.x_size() + i,
                                      yi = (std::size_t(r) * c.N + n) * c.shape.y_size() + o, wi = r * P + w;
                    const std::size_t to = pass == 0 ? yi : pass == 1 ? xi : wi;
                    const double product = pass == 0   ? double(x[xi]) * double(W[wi])
                                           : pass == 1 ? double(y[yi]) * double(W[wi])
                                                       : double(x[xi]) * double(y[yi]);
                    out[to] += product;
                    magnitudes[to] += std::abs(product);
                });
    }
};

/// The library's answer for one pass.
template <class T>
std::vector<T> convolved(const Convolver& convolver, const Problem<T>& p, int pass) {
    const GuardedBuffer<T> x(p.x), y(p.y), W(p.W);
    GuardedBuffer<T> out(pass == 0 ? p.y.size() : pass == 1 ? p.x.size() : p.W.size());
    if (pass == 2) out.upload(std::vector<T>(p.W.size()));  // between the replicas' weights nothing is written
    const Status status =
        pass == 0 ? convolution_forward(convolver, out.data(), x.data(), W.data(), p.P, p.c.shape, p.c.R, p.c.N)
        : pass == 1
            ? convolution_backward_data(convolver, out.data(), y.data(), W.data(), p.P, p.c.shape, p.c.R, p.c.N)
            : convolution_backward_weights(convolver, out.data(), y.data(), x.data(), p.P, p.c.shape, p.c.R, p.c.N);
    check(status);
    return out.download();
}

const char* const kPasses[] = {"forward", "backward data", "backward weights"};

std::vector<Case> cases() {
    std::vector<Case> all;
    const auto add = [&](int xc, int h, int w, int yc, int kernel, int stride, int padding, int R, int N) {
        all.push_back({{xc, h, w, yc, kernel, stride, padding}, R, N});
    };
    add(1, 28, 28, 8, 5, 1, 2, 1, 3);  // the encoder's layers
    add(8, 28, 28, 16, 5, 2, 2, 1, 2);
    add(16, 14, 14, 32, 5, 2, 2, 2, 2);
    add(32, 7, 7, 64, 5, 2, 2, 1, 17);  // one past a tile of images
    add(64, 4, 4, 64, 5, 2, 2, 1, 5);
    add(64, 4, 4, 32, 5, 2, 2, 1, 3);  // the decoder's, from the wide side
    add(8, 32, 32, 16, 5, 2, 2, 1, 2);
    add(1, 28, 28, 8, 5, 1, 4, 1, 2);  // its last, 32 -> 28, is this one's adjoint
    add(8, 32, 32, 1, 5, 1, 0, 1, 2);
    add(3, 32, 32, 8, 5, 1, 2, 2, 1);  // colour
    add(8, 32, 32, 3, 5, 1, 2, 1, 2);
    add(2, 12, 8, 4, 5, 1, 2, 3, 17);  // blocks of pixels
    add(9, 8, 6, 3, 3, 1, 2, 2, 37);   // few channels from more, padded by more than half a window
    add(2, 5, 9, 3, 3, 1, 1, 3, 33);   // several tiles and a tail, not square
    add(1, 5, 5, 1, 5, 1, 0, 1, 1);    // one window
    add(7, 6, 6, 5, 1, 1, 0, 1, 1);    // no neighbours
    add(5, 7, 8, 11, 3, 3, 0, 1, 70);  // windows that leave pixels over
    return all;
}

template <class T>
void expect_sums() {
    const Convolver convolver;
    for (const Case& c : cases()) {
        Problem<T> p(c, 5);
        Random random(c.N);
        p.x = random.normals<T>(p.x.size()), p.y = random.normals<T>(p.y.size()), p.W = random.normals<T>(p.W.size());
        for (int pass = 0; pass < 3; ++pass) {
            std::vector<double> expected, magnitudes;
            p.sums(expected, magnitudes, pass);
            // n products in any order: n roundings of partial sums no larger than the sum of magnitudes.
            const double n = pass == 2 ? double(c.N) * c.shape.y_height() * c.shape.y_width()
                                       : double(c.shape.kernel * c.shape.kernel) *
                                             (pass == 0 ? c.shape.x_channels : c.shape.y_channels);
            for (double& m : magnitudes) m = (n + 1) * kRounding<T> * m + 1e-300;
            expect_close(convolved(convolver, p, pass), expected, magnitudes, name_of(c) + " " + kPasses[pass]);
        }
    }
}
TEST(Convolution, EqualsItsSumsInFloat) { expect_sums<float>(); }
TEST(Convolution, EqualsItsSumsInDouble) { expect_sums<double>(); }

// Products and sums of small integers are exact in float: not one bit may differ, whatever algorithm computes them.
TEST(Convolution, IsExactOnIntegers) {
    const Convolver convolver;
    for (const Case& c : cases()) {
        Problem<float> p(c, 3);
        Random random(c.N + 7);
        p.x = random.integers<float>(p.x.size(), -3, 3), p.y = random.integers<float>(p.y.size(), -3, 3);
        p.W = random.integers<float>(p.W.size(), -3, 3);
        for (int pass = 0; pass < 3; ++pass) {
            std::vector<double> expected, magnitudes;
            p.sums(expected, magnitudes, pass);
            const std::vector<float> actual = convolved(convolver, p, pass);
            for (std::size_t i = 0; i < actual.size(); ++i)
                ASSERT_EQ(double(actual[i]), expected[i]) << name_of(c) << " " << kPasses[pass] << " element " << i;
        }
    }
}

// y . conv(x, W) is linear in each of the three: the passes are each other's derivatives if all give the same number.
TEST(Convolution, PassesAreDerivativesOfOneNumber) {
    const Convolver convolver;
    for (const Case& c : cases()) {
        Problem<double> p(c, 0);
        Random random(c.N + 1);
        p.x = random.normals<double>(p.x.size()), p.y = random.normals<double>(p.y.size());
        p.W = random.normals<double>(p.W.size());
        const std::vector<double>* partners[] = {&p.y, &p.x, &p.W};
        double numbers[3] = {}, size = 0;
        for (int pass = 0; pass < 3; ++pass) {
            const std::vector<double> sums = convolved(convolver, p, pass);
            for (std::size_t i = 0; i < sums.size(); ++i) {
                numbers[pass] += sums[i] * (*partners[pass])[i];
                size = std::max(size, std::abs(numbers[pass]));
            }
        }
        EXPECT_NEAR(numbers[1], numbers[0], 1e-10 * size) << name_of(c);
        EXPECT_NEAR(numbers[2], numbers[0], 1e-10 * size) << name_of(c);
    }
}

// A replica's result is the same bits alone, among others, and for every run.
TEST(Convolution, ReplicasDoNotMatterToEachOther) {
    if (device_is_gpu()) GTEST_SKIP() << "bit for bit on the CPU device";
    const Convolver convolver;
    for (const int N : {5, 16, 40, 70}) {
        const ConvolutionShape shape{8, 14, 14, 16, 5, 2, 2};
        Problem<float> all({shape, 3, N}, 3);
        Random random(N);
        all.x = random.normals<float>(all.x.size()), all.y = random.normals<float>(all.y.size());
        all.W = random.normals<float>(all.W.size());
        Problem<float> one({shape, 1, N}, 3);
        one.x = slice(all.x, one.x.size(), one.x.size()), one.y = slice(all.y, one.y.size(), one.y.size());
        one.W = slice(all.W, all.P, all.P);
        for (int pass = 0; pass < 3; ++pass) {
            const std::vector<float> together = convolved(convolver, all, pass),
                                     alone = convolved(convolver, one, pass);
            expect_identical(slice(together, alone.size(), alone.size()), alone, kPasses[pass]);
            expect_identical(convolved(convolver, all, pass), together, "again");
        }
    }
}

TEST(Convolution, TransposedIsTheAdjoint) {
    const Convolver convolver;
    // torch.nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1) on [[1, 2], [3, 4]], weight 1..9.
    const ConvolutionShape shape{1, 4, 4, 1, 3, 2, 1};
    const GuardedBuffer<float> y(std::vector<float>{1, 2, 3, 4}), W(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9});
    GuardedBuffer<float> x(16);
    check(transposed_convolution_forward(convolver, x.data(), y.data(), W.data(), 9, shape, 1, 1));
    std::vector<float> expected(16);
    const float in[2][2] = {{1, 2}, {3, 4}};
    for (int a = 0; a < 2; ++a)
        for (int b = 0; b < 2; ++b)
            for (int i = 0; i < 3; ++i)
                for (int j = 0; j < 3; ++j) {
                    const int h = 2 * a + i - 1, w = 2 * b + j - 1;
                    if (h >= 0 && w >= 0 && h < 4 && w < 4) expected[4 * h + w] += in[a][b] * float(3 * i + j + 1);
                }
    expect_identical(x.download(), expected, "transposed");
}

TEST(Convolution, RefusesWhatItCannotDo) {
    const Convolver convolver;
    GuardedBuffer<float> x(100), y(100), W(std::vector<float>(25, 1.f));
    const auto status = [&](ConvolutionShape shape, int R, int N) {
        return convolution_forward(convolver, y.data(), x.data(), W.data(), 25, shape, R, N).code;
    };
    EXPECT_EQ(status({0, 5, 5, 1, 5, 1, 0}, 1, 1), kInvalidValue);
    EXPECT_EQ(status({1, 3, 5, 1, 5, 1, 0}, 1, 1), kInvalidValue);
    EXPECT_EQ(status({1, 5, 5, 1, 5, 0, 0}, 1, 1), kInvalidValue);
    EXPECT_EQ(status({1, 5, 5, 1, 5, 1, -1}, 1, 1), kInvalidValue);
    EXPECT_EQ(status({1, 5, 5, 1, 5, 1, 0}, 1, -1), kInvalidValue);
    EXPECT_EQ(status({1, 5, 5, 1, 5, 1, 0}, 0, 1), 0);
    EXPECT_EQ(status({1, 5, 5, 1, 5, 1, 0}, 1, 0), 0);
    // The gradient of no images is 0.
    check(convolution_backward_weights(convolver, W.data(), y.data(), x.data(), 25,
                                       ConvolutionShape{1, 5, 5, 1, 5, 1, 0}, 1, 0));
    expect_identical(W.download(), std::vector<float>(25), "no images");
}

TEST(Convolution, SaysWhatItRunsOn) {
    EXPECT_NE(convolution_library().find(device_is_gpu() ? "cuDNN 9" : "oneDNN "), std::string::npos)
        << convolution_library();
}

}  // namespace
}  // namespace warpvae
