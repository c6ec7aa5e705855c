// grid_sample and the fused warps: against plain loops in double, finite differences, PyTorch's numbers; and what makes
// the backward fit for training: the same bits in any order of threads and in any batch, NaN passed on, one-sided
// derivatives at the identity.
#include "cuda/grid_sample.cuh"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/warp_test.h"

namespace warpvae {
namespace {

using namespace test;

// --- the reference: as a textbook would write it ---------------------------------------------------------------------

struct Reference {
    Numbers out, dimages, dgrid;
};
/// dout may be empty: then only out is made.
Reference reference(const Numbers& images, const Numbers& grid, const Numbers& dout, std::size_t N,
                    const SampleShape& s, const SampleOptions& o) {
    Reference r;
    r.out.assign(out_size(N, s), 0.);
    r.dimages.assign(images.size(), 0.);
    r.dgrid.assign(grid.size(), 0.);
    const int pixels = s.out_H * s.out_W;
    for (std::size_t n = 0; n < N; ++n)
        for (int p = 0; p < pixels; ++p) {
            const double* at = grid.data() + 2 * (n * pixels + p);
            const double sx = (o.align_corners ? s.W - 1 : s.W) / 2., sy = (o.align_corners ? s.H - 1 : s.H) / 2.;
            const double x = at[0] * sx + (s.W - 1) / 2., y = at[1] * sy + (s.H - 1) / 2.;
            const double left = std::floor(x), top = std::floor(y);
            for (int c = 0; c < s.C; ++c) {
                const std::size_t channel = n * s.C + c;
                const double g = dout.empty() ? 0 : dout[channel * pixels + p];
                for (int j = 0; j < 4; ++j) {
                    double column = left + j % 2, row = top + j / 2;
                    const double wx = j % 2 ? x - left : 1 - (x - left), wy = j / 2 ? y - top : 1 - (y - top);
                    const bool inside = column >= 0 && column < s.W && row >= 0 && row < s.H;
                    if (!inside && o.padding == Padding::kZeros) continue;
                    column = std::min(std::max(column, 0.), s.W - 1.), row = std::min(std::max(row, 0.), s.H - 1.);
                    const std::size_t q = channel * s.H * s.W + std::size_t(row) * s.W + std::size_t(column);
                    r.out[channel * pixels + p] += wx * wy * images[q];
                    r.dimages[q] += wx * wy * g;
                    r.dgrid[2 * (n * pixels + p)] += g * sx * (j % 2 ? 1 : -1) * wy * images[q];
                    r.dgrid[2 * (n * pixels + p) + 1] += g * sy * (j / 2 ? 1 : -1) * wx * images[q];
                }
            }
        }
    return r;
}

// --- calls -----------------------------------------------------------------------------------------------------------

template <class T>
std::vector<T> sampled(const std::vector<T>& images, const std::vector<T>& grid, std::size_t N, const SampleShape& s,
                       const SampleOptions& o) {
    test::GuardedBuffer<T> in(images), at(grid), out(out_size(N, s));
    check(grid_sample_forward<T>(out.data(), in.data(), at.data(), N, s, o, nullptr));
    return out.download();
}
template <class T>
Gradients<T> sample_backward(const std::vector<T>& dout, const std::vector<T>& images, const std::vector<T>& grid,
                             std::size_t N, const SampleShape& s, const SampleOptions& o) {
    test::GuardedBuffer<T> g(dout), in(images), at(grid), dimages(images.size()), dgrid(grid.size());
    check(grid_sample_backward<T>(dimages.data(), dgrid.data(), g.data(), in.data(), at.data(), N, s, o, nullptr));
    return {dimages.download(), dgrid.download()};
}

// --- values ----------------------------------------------------------------------------------------------------------

TEST(GridSample, ForwardAndBackwardEqualThePlainLoop) {
    for (const SampleShape& s : kShapes)
        for (const SampleOptions& o : all_modes())
            for (const std::size_t N : {std::size_t(0), std::size_t(1), std::size_t(3)}) {
                Random random(7);
                const Numbers images = random.uniforms<double>(images_size(N, s), -1, 1),
                              grid = random.uniforms<double>(grid_size(N, s), -1.6, 1.6),
                              dout = random.uniforms<double>(out_size(N, s), -1, 1);
                const Reference r = reference(images, grid, dout, N, s, o);
                const std::string name = std::to_string(s.H) + "x" + std::to_string(s.W) + " " + mode_name(o);
                // A few roundings of numbers up to 2; a pixel of dimages sums at most all of dout.
                const double eps = 1.2e-16;
                test::expect_close(sampled(images, grid, N, s, o), r.out, test::Tolerance{32 * eps * s.W, 0},
                                   name + " out");
                const auto g = sample_backward(dout, images, grid, N, s, o);
                test::expect_close(g.dimages, r.dimages, test::Tolerance{64 * eps * s.W * s.out_H * s.out_W, 0},
                                   name + " dimages");
                test::expect_close(g.dparameters, r.dgrid, test::Tolerance{64 * eps * s.W * s.W * s.C, 0},
                                   name + " dgrid");
            }
}

TEST(GridSample, FloatsAtAllBlockSizes) {
    const SampleShape s{2, 28, 28, 28, 28};
    const std::size_t N = 2;
    Random random(8);
    // Multiples of 2^-12 well inside their cells: the same cell in float and in double.
    Numbers grid(grid_size(N, s));
    for (double& x : grid) x = (2 * ((random.integer(-3, 30) + random.uniform(0.1, 0.9)) / 27.)) - 1;
    for (double& x : grid) x = std::round(x * 4096) / 4096;
    const auto images = random.uniforms<float>(images_size(N, s), -1, 1),
               dout = random.uniforms<float>(out_size(N, s), -1, 1);
    for (const SampleOptions& o : all_modes()) {
        const Reference r =
            reference(Numbers(images.begin(), images.end()), grid, Numbers(dout.begin(), dout.end()), N, s, o);
        const double eps = 6e-8;
        std::vector<float> first_dimages;
        test::at_all_block_sizes([&] {
            test::expect_close(sampled(images, cast<float>(grid), N, s, o), r.out, test::Tolerance{4 * 28 * eps, 0},
                               "out");
            const auto g = sample_backward(dout, images, cast<float>(grid), N, s, o);
            test::expect_close(g.dimages, r.dimages, test::Tolerance{8 * 28 * eps * 4, 0}, "dimages");
            test::expect_close(g.dparameters, r.dgrid, test::Tolerance{8 * 28 * 28 * eps, 0}, "dgrid");
            if (first_dimages.empty()) first_dimages = g.dimages;
            test::expect_identical(g.dimages, first_dimages, "dimages, another block size");
        });
    }
}

/// Images in shared memory and out of it, in one group of channels and several, copied 16 bytes at a time and 4; sums
/// in limbs and in 64 bits.
TEST(GridSample, FloatsOfAllShapesAtAllBlockSizes) {
    std::vector<SampleShape> shapes = kShapes;
    shapes.insert(shapes.end(),
                  {{5, 12, 12, 9, 10}, {6, 3, 5, 8, 4}, {3, 64, 64, 9, 7}, {2, 70, 69, 5, 7}, {1, 8, 8, 91, 91}});
    for (const SampleShape& s : shapes)
        for (const SampleOptions& o : all_modes()) {
            const std::size_t N = 2;
            Random random(16);
            const auto images = random.uniforms<float>(images_size(N, s), -1, 1),
                       grid = random.uniforms<float>(grid_size(N, s), -1.4, 1.4),
                       dout = random.uniforms<float>(out_size(N, s), -1, 1);
            const Numbers in(images.begin(), images.end()), at(grid.begin(), grid.end());
            Numbers g(dout.begin(), dout.end());
            const Reference r = reference(in, at, g, N, s, o);
            for (double& x : g) x = std::abs(x);
            // A coordinate is wrong by some roundings of the image's size, and so is each weight that comes from it.
            const double wrong = 4 * 6e-8 * std::max(s.H, s.W);
            std::vector<double> allowed = reference(in, at, g, N, s, o).dimages;
            for (double& x : allowed) x = wrong * (1 + 8 * x);
            const std::string name = std::to_string(s.H) + "x" + std::to_string(s.W) + " " + mode_name(o);
            const auto out = sampled(images, grid, N, s, o);
            const auto back = sample_backward(dout, images, grid, N, s, o);
            test::expect_close(out, r.out, test::Tolerance{2 * wrong, 0}, name + " out");
            test::expect_close(back.dimages, r.dimages, allowed, name + " dimages");
            test::at_all_block_sizes([&] {
                test::expect_identical(sampled(images, grid, N, s, o), out, name + " out");
                const auto other = sample_backward(dout, images, grid, N, s, o);
                test::expect_identical(other.dimages, back.dimages, name + " dimages");
                test::expect_identical(other.dparameters, back.dparameters, name + " dgrid");
            });
        }
}

/// As of pixels that a likelihood takes for impossible: the gradient of one is a million times that of the others.
TEST(GridSample, OneHugeGradientLeavesTheOthersTheirBits) {
    const SampleShape s;
    Random random(17);
    const auto images = random.uniforms<float>(784);
    auto dout = random.uniforms<float>(784, -1, 1);
    std::vector<float> grid;
    for (int row = 0; row < 28; ++row)
        for (int column = 0; column < 28; ++column) {  // half a pixel to the right and down
            grid.push_back(float((2 * column + 1) / 27. - 1));
            grid.push_back(float((2 * row + 1) / 27. - 1));
        }
    dout[0] = 1e6f;
    const auto g = sample_backward(dout, images, grid, 1, s, {}).dimages;
    const Reference r = reference(Numbers(images.begin(), images.end()), Numbers(grid.begin(), grid.end()),
                                  Numbers(dout.begin(), dout.end()), 1, s, {});
    for (int row = 2; row < 28; ++row)
        for (int column = 2; column < 28; ++column)
            EXPECT_NEAR(g[row * 28 + column], r.dimages[row * 28 + column], 1e-5) << row << " " << column;
}

TEST(GridSample, ReadsAndScattersWholePixelsExactly) {
    const SampleShape s{1, 5, 9, 5, 9};  // 2 / (size - 1) is a power of two
    Random random(3);
    const auto images = random.integers<float>(45, -100, 100), dout = random.integers<float>(45, -100, 100);
    std::vector<float> grid;
    for (int row = 0; row < 5; ++row)
        for (int column = 0; column < 9; ++column) {  // the image turned by half a turn
            grid.push_back(1 - float(column) / 4);
            grid.push_back(1 - float(row) / 2);
        }
    const auto out = sampled(images, grid, 1, s, {});
    const auto g = sample_backward(dout, images, grid, 1, s, {});
    for (int i = 0; i < 45; ++i) {
        EXPECT_EQ(out[i], images[44 - i]);
        EXPECT_EQ(g.dimages[i], dout[44 - i]);
    }
}

TEST(GridSample, ThousandsOfGradientsOnOnePixelAddUpExactly) {
    const SampleShape s{1, 5, 5, 64, 64};
    Random random(4);
    const auto dout = random.integers<float>(4096, -1000, 1000);
    double sum = 0;
    for (float g : dout) sum += g;
    const auto g = sample_backward(dout, std::vector<float>(25, 1.f), std::vector<float>(8192, 0.f), 1, s, {});
    for (int i = 0; i < 25; ++i) EXPECT_EQ(g.dimages[i], i == 12 ? float(sum) : 0.f);
}

TEST(GridSample, GradientsOfAnySize) {
    const SampleShape s{1, 4, 4, 4, 4};
    Random random(5);
    const auto images = random.uniforms<float>(16), unit = random.uniforms<float>(16, -1, 1);
    const auto grid = random.uniforms<float>(32, -1.2, 1.2);
    const auto base = sample_backward(unit, images, grid, 1, s, {}).dimages;
    for (const int exponent : {-126, -60, 60, 120}) {
        std::vector<float> dout = unit;
        for (float& g : dout) g = std::ldexp(g, exponent);
        auto scaled = sample_backward(dout, images, grid, 1, s, {}).dimages;
        if (exponent > -100) {  // products of the smallest ones lose bits below the smallest normal number
            for (float& g : scaled) g = std::ldexp(g, -exponent);
            test::expect_identical(scaled, base, "2^" + std::to_string(exponent));
        }
    }
    const auto zero = sample_backward(std::vector<float>(16, 0.f), images, grid, 1, s, {}).dimages;
    EXPECT_EQ(zero, std::vector<float>(16, 0.f));
}

TEST(GridSample, NotANumberIsPassedOn) {
    const SampleShape s{2, 4, 4, 4, 4};
    Random random(6);
    const auto images = random.uniforms<float>(64);
    for (const float bad : {float(NAN), float(INFINITY)}) {
        auto grid = random.uniforms<float>(64, -0.9, 0.9);
        auto dout = random.uniforms<float>(64);
        dout[3] = bad;  // image 0, channel 0
        const auto g = sample_backward(dout, images, grid, 2, s, {});
        for (int i = 0; i < 64; ++i) EXPECT_EQ(std::isnan(g.dimages[i]), i < 16) << i;
        EXPECT_FALSE(std::isfinite(g.dparameters[6]));

        dout[3] = 1;
        grid[32 + 5] = bad;  // image 1
        const auto out = sampled(images, grid, 2, s, {});
        const auto h = sample_backward(dout, images, grid, 2, s, {});
        for (int i = 0; i < 64; ++i) {
            EXPECT_EQ(std::isnan(out[i]), i == 32 + 2 || i == 48 + 2) << i;
            EXPECT_EQ(std::isnan(h.dimages[i]), i >= 32) << i;
        }
    }
}

TEST(GridSample, ImagesLargerThanABandAreGatheredByOwners) {
    const SampleShape s{2, 101, 120, 40, 31};  // two bands, the second of 3,928 pixels
    const std::size_t N = 2;
    Random random(9);
    const Numbers images = random.uniforms<double>(images_size(N, s), -1, 1),
                  grid = random.uniforms<double>(grid_size(N, s), -1.1, 1.1),
                  dout = random.uniforms<double>(out_size(N, s), -1, 1);
    for (const SampleOptions& o : all_modes()) {
        const Reference r = reference(images, grid, dout, N, s, o);
        const auto g = sample_backward(dout, images, grid, N, s, o);
        test::expect_close(g.dimages, r.dimages, test::Tolerance{1e-12, 0}, "dimages " + mode_name(o));
        test::expect_close(g.dparameters, r.dgrid, test::Tolerance{1e-10, 0}, "dgrid " + mode_name(o));
    }
}

// --- derivatives -----------------------------------------------------------------------------------------------------

TEST(GridSample, BackwardEqualsFiniteDifferences) {
    const SampleShape s{2, 5, 4, 3, 6};
    const std::size_t N = 2;
    for (const SampleOptions& o : all_modes()) {
        Random random(10);
        const Numbers images = random.uniforms<double>(images_size(N, s), -1, 1),
                      grid = random.uniforms<double>(grid_size(N, s), -1.4, 1.4),
                      weights = random.uniforms<double>(out_size(N, s), -1, 1);
        const auto loss = [&](const Numbers& in, const Numbers& at) {
            const Numbers out = sampled(in, at, N, s, o);
            double sum = 0;
            for (std::size_t i = 0; i < out.size(); ++i) sum += weights[i] * out[i];
            return sum;
        };
        const auto g = sample_backward(weights, images, grid, N, s, o);
        test::expect_gradient([&](const Numbers& in) { return loss(in, grid); }, images, g.dimages,
                              "dimages " + mode_name(o));
        test::expect_gradient([&](const Numbers& at) { return loss(images, at); }, grid, g.dparameters,
                              "dgrid " + mode_name(o));
    }
}

TEST(Warp, BackwardEqualsFiniteDifferencesInEveryForm) {
    const SampleShape s{2, 6, 5, 4, 7};
    const std::size_t N = 2;
    for (const auto& [form, g] : kForms)
        for (const SampleOptions& o : all_modes()) {
            Random random(11);
            const WarpUnderTest<double> warp(form, g, s, o.align_corners);
            const Numbers images = random.uniforms<double>(images_size(N, s), -1, 1),
                          weights = random.uniforms<double>(out_size(N, s), -1, 1);
            Numbers u;
            for (std::size_t n = 0; n < N; ++n)
                for (double x : identity_of(form, g)) u.push_back(x + random.uniform(-0.2, 0.2));
            const auto loss = [&](const Numbers& in, const Numbers& numbers) {
                const Numbers out = warp.forward(in, numbers, N, s, o);
                double sum = 0;
                for (std::size_t i = 0; i < out.size(); ++i) sum += weights[i] * out[i];
                return sum;
            };
            const auto gradients = warp.backward(weights, images, u, N, s, o);
            const std::string name = "form " + std::to_string(int(form)) + ", g " + std::to_string(g) + ", ";
            test::expect_gradient([&](const Numbers& in) { return loss(in, u); }, images, gradients.dimages,
                                  name + "dimages " + mode_name(o));
            test::expect_gradient([&](const Numbers& numbers) { return loss(images, numbers); }, u,
                                  gradients.dparameters, name + "du " + mode_name(o));
        }
}

/// The grid that a warp means, in double, from the formulas alone.
Numbers grid_of(WarpForm form, int g, const Numbers& u, std::size_t N, const SampleShape& s, bool align_corners) {
    const int pixels = s.out_H * s.out_W;
    const Numbers basis = form == WarpForm::kControlPoints ? thin_plate_spline_basis(g, s.out_H, s.out_W, align_corners)
                                                           : affine_basis(s.out_H, s.out_W, align_corners);
    const int K = int(basis.size()) / pixels, count = warp_parameters(form, K);
    Numbers grid;
    for (std::size_t n = 0; n < N; ++n) {
        const double* v = u.data() + n * count;
        Numbers A(2 * K);
        if (form == WarpForm::kControlPoints) {
            for (int k = 0; k < K; ++k) {
                A[k] = -1 + 2. * (k % g) / (g - 1) + v[k];
                A[K + k] = -1 + 2. * (k / g) / (g - 1) + v[K + k];
            }
        } else {
            if (count == 5) {
                const double sx = std::exp(v[1]), sy = std::exp(v[2]), c = std::cos(v[0]), t = std::sin(v[0]);
                A = {sx * c, -sx * t, sx * v[3], sy * t, sy * c, sy * v[4]};
            } else {
                A.assign(v, v + 6);
            }
            if (form == WarpForm::kInverseAffine || form == WarpForm::kInversePose) {
                const double det = A[0] * A[4] - A[1] * A[3];
                const Numbers B = {A[4] / det, -A[1] / det, 0, -A[3] / det, A[0] / det, 0};
                A = {B[0], B[1], -(B[0] * A[2] + B[1] * A[5]), B[3], B[4], -(B[3] * A[2] + B[4] * A[5])};
            }
        }
        for (int p = 0; p < pixels; ++p)
            for (int axis = 0; axis < 2; ++axis) {
                double sum = 0;
                for (int k = 0; k < K; ++k) sum += A[axis * K + k] * basis[std::size_t(k) * pixels + p];
                grid.push_back(sum);
            }
    }
    return grid;
}

TEST(Warp, EveryFormEqualsItsGridSampled) {
    for (const SampleShape& s : {SampleShape{1, 28, 28, 28, 28}, SampleShape{3, 7, 5, 9, 6}})
        for (const auto& [form, g] : kForms)
            for (const SampleOptions& o : all_modes()) {
                const std::size_t N = 3;
                Random random(12);
                Numbers u;
                for (std::size_t n = 0; n < N; ++n)
                    for (double x : identity_of(form, g)) u.push_back(x + random.uniform(-0.3, 0.3));
                const Numbers images = random.uniforms<double>(images_size(N, s), -1, 1),
                              dout = random.uniforms<double>(out_size(N, s), -1, 1);
                const Numbers grid = grid_of(form, g, u, N, s, o.align_corners);
                const Reference r = reference(images, grid, dout, N, s, o);
                const WarpUnderTest<double> warp(form, g, s, o.align_corners);
                const std::string name = "form " + std::to_string(int(form)) + " g " + std::to_string(g);
                test::expect_close(warp.forward(images, u, N, s, o), r.out, test::Tolerance{1e-12, 0}, name + " out");
                test::expect_close(warp.backward(dout, images, u, N, s, o).dimages, r.dimages,
                                   test::Tolerance{1e-11, 0}, name + " dimages");
            }
}

TEST(Warp, FloatsAreCloseAndAnImageDoesNotDependOnItsBatch) {
    const SampleShape s;
    const std::size_t N = 4;
    for (const auto& [form, g] : kForms) {
        Random random(13);
        std::vector<float> u;
        for (std::size_t n = 0; n < N; ++n)
            for (double x : identity_of(form, g)) u.push_back(float(x + random.uniform(-0.2, 0.2)));
        const auto images = random.uniforms<float>(images_size(N, s)), dout = random.uniforms<float>(out_size(N, s));
        const WarpUnderTest<float> warp(form, g, s, true);
        const auto out = warp.forward(images, u, N, s, {});
        const auto all = warp.backward(dout, images, u, N, s, {});
        // The image's slope is at most 1 a pixel along each axis; a coordinate of 14 pixels carries some K roundings.
        const Reference r = reference(Numbers(images.begin(), images.end()),
                                      grid_of(form, g, Numbers(u.begin(), u.end()), N, s, true), {}, N, s, {});
        test::expect_close(out, r.out, test::Tolerance{2 * 28 * (8 + warp.warp.K) * 6e-8, 0},
                           "form " + std::to_string(int(form)));
        const std::size_t count = u.size() / N;
        for (std::size_t n = 0; n < N; ++n) {
            const auto one = warp.backward(test::slice(dout, n * 784, 784), test::slice(images, n * 784, 784),
                                           test::slice(u, n * count, count), 1, s, {});
            test::expect_identical(one.dimages, test::slice(all.dimages, n * 784, 784), "dimages alone");
            test::expect_identical(one.dparameters, test::slice(all.dparameters, n * count, count), "du alone");
        }
        test::at_all_block_sizes([&] {
            test::expect_identical(warp.backward(dout, images, u, N, s, {}).dimages, all.dimages, "dimages");
            test::expect_identical(warp.forward(images, u, N, s, {}), out, "out");
        });
    }
}

TEST(Warp, InverseUndoesTheWarp) {
    // A smooth image, warped and warped back, inside where nothing was lost.
    const SampleShape s{1, 64, 64, 64, 64};
    Numbers image(4096);
    for (int i = 0; i < 4096; ++i) image[i] = std::sin(i % 64 / 9.) * std::cos(i / 64 / 7.);
    for (const bool pose : {false, true}) {
        const Numbers u = pose ? Numbers{0.3, 0.1, -0.15, 0.1, 0.05} : Numbers{0.9, 0.2, 0.1, -0.15, 1.1, -0.05};
        const WarpUnderTest<double> there(pose ? WarpForm::kPose : WarpForm::kAffine, 0, s, true),
            back(pose ? WarpForm::kInversePose : WarpForm::kInverseAffine, 0, s, true);
        const Numbers out = back.forward(there.forward(image, u, 1, s, {}), u, 1, s, {});
        for (int row = 20; row < 44; ++row)
            for (int column = 20; column < 44; ++column)
                EXPECT_NEAR(out[row * 64 + column], image[row * 64 + column], 0.02);
    }
}

TEST(Warp, ANearlySingularMatrixHasABoundedInverse) {
    const SampleShape s{1, 4, 4, 4, 4};
    const WarpUnderTest<double> back(WarpForm::kInverseAffine, 0, s, true);
    const Numbers image = Random(1).uniforms<double>(16), dout = Random(2).uniforms<double>(16);
    for (const Numbers& u : {Numbers{0, 0, 0, 0, 0, 0}, Numbers{1e-3, 0, 0, 0, 1e-3, 0}, Numbers{1, 1, 0, 1, 1, 0}}) {
        for (double x : back.forward(image, u, 1, s, {})) EXPECT_TRUE(std::isfinite(x));
        for (double x : back.backward(dout, image, u, 1, s, {}).dparameters) EXPECT_TRUE(std::isfinite(x));
    }
}

TEST(Warp, GradientsAddUpWhereAsked) {
    const SampleShape s{1, 6, 6, 6, 6};
    for (const auto& [form, g] : kForms) {
        const WarpUnderTest<double> warp(form, g, s, true);
        const Numbers u = identity_of(form, g), image = Random(1).uniforms<double>(36),
                      dout = Random(2).uniforms<double>(36);
        const Numbers once = warp.backward(dout, image, u, 1, s, {}).dparameters;
        test::GuardedBuffer<double> d(dout), in(image), numbers(u), du(Numbers(u.size(), 5.));
        check(warp_backward<double>(nullptr, du.data(), true, d.data(), in.data(), numbers.data(), warp.warp, 1, s, {},
                                    nullptr));
        const Numbers added = du.download();
        for (std::size_t i = 0; i < u.size(); ++i) EXPECT_NEAR(added[i], once[i] + 5, 1e-12);
    }
}

// --- the identity ----------------------------------------------------------------------------------------------------

TEST(Warp, TheIdentityIsTheIdentity) {
    for (const auto& [form, g] : kForms) {
        const SampleShape s;
        const WarpUnderTest<float> warp(form, g, s, true);
        const auto images = Random(14).uniforms<float>(784);
        const auto out = warp.forward(images, cast<float>(identity_of(form, g)), 1, s, {});
        test::expect_close(out, images, test::Tolerance{28 * 1e-6, 0}, "identity, form " + std::to_string(int(form)));
        // In double the grid itself.
        const Numbers grid = grid_of(form, g, identity_of(form, g), 1, s, true);
        for (int i = 0; i < 784; ++i) {
            ASSERT_NEAR(grid[2 * i], i % 28 / 13.5 - 1, 1e-12);
            ASSERT_NEAR(grid[2 * i + 1], i / 28 / 13.5 - 1, 1e-12);
        }
    }
}

TEST(GridSample, AtTheFirstRowAndColumnTheDerivativeIsOneSidedOrZero) {
    const SampleShape s{1, 3, 5, 1, 4};
    // At (0, 0), at (2, 0), at (0, 1) and at the last pixel (4, 2), on an image of slope 1 across and 10 down.
    std::vector<double> image(15), grid = {-1, -1, 0, -1, -1, 0, 1, 1};
    for (int i = 0; i < 15; ++i) image[i] = i % 5 + 10 * (i / 5);
    const Numbers ones(4, 1.);
    const auto safe = sample_backward(ones, image, grid, 1, s, {Padding::kBorder, true, true}).dparameters;
    EXPECT_EQ(safe, (Numbers{2, 10, 2, 10, 2, 10, 0, 0}));  // (W - 1) / 2 = 2 pixels and (H - 1) / 2 = 1 pixel
    const auto torch = sample_backward(ones, image, grid, 1, s, {Padding::kBorder, true, false}).dparameters;
    EXPECT_EQ(torch, (Numbers{0, 0, 2, 0, 0, 10, 0, 0}));
}

// --- thin-plate spline -----------------------------------------------------------------------------------------------

TEST(ThinPlateSpline, GridsOfLasagne) {
    // offset_k = 0.1 sin(k + 1) on 3 x 3 control points; computed with Lasagne's formulas in double.
    const SampleShape s;
    Numbers u(18);
    for (int k = 0; k < 18; ++k) u[k] = 0.1 * std::sin(k + 1);
    const Numbers grid = grid_of(WarpForm::kControlPoints, 3, u, 1, s, true);
    const struct {
        int row, column;
        double x, y;
    } goldens[] = {{0, 0, -0.915853, -1.054402},  {0, 27, 1.014112, -1.053657}, {13, 13, -0.132924, 0.060125},
                   {14, 14, -0.056351, 0.135404}, {27, 0, -0.934301, 0.971210}, {27, 27, 1.041212, 0.924901}};
    // The kernel's own coordinates, seen through images that are linear in x and in y (inside the image).
    std::vector<float> ramps(2 * 784);
    for (int i = 0; i < 784; ++i) ramps[i] = float(i % 28 / 13.5 - 1), ramps[784 + i] = float(i / 28 / 13.5 - 1);
    const WarpUnderTest<float> warp(WarpForm::kControlPoints, 3, s, true);
    std::vector<float> twice = cast<float>(u);
    twice.insert(twice.end(), twice.begin(), twice.begin() + 18);
    const auto seen = warp.forward(ramps, twice, 2, s, {});
    for (const auto& golden : goldens) {
        const int p = golden.row * 28 + golden.column;
        EXPECT_NEAR(grid[2 * p], golden.x, 1e-6);
        EXPECT_NEAR(grid[2 * p + 1], golden.y, 1e-6);
        EXPECT_NEAR(seen[p], std::min(std::max(golden.x, -1.), 1.), 2e-6);
        EXPECT_NEAR(seen[784 + p], std::min(std::max(golden.y, -1.), 1.), 2e-6);
    }
}

// --- PyTorch ---------------------------------------------------------------------------------------------------------

std::map<std::string, Numbers> torch_goldens() {
    std::ifstream file(WARPVAE_GOLDENS "/grid_sample/torch.txt");
    std::map<std::string, Numbers> out;
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string name;
        std::size_t count = 0;
        words >> name >> count;
        Numbers& numbers = out[name];
        for (double x; words >> x;) numbers.push_back(x);
        EXPECT_EQ(numbers.size(), count) << name;
    }
    return out;
}

TEST(GridSample, EqualsPyTorchInAllModes) {
    const auto goldens = torch_goldens();
    ASSERT_EQ(goldens.size(), 28u);
    const SampleShape s{2, 5, 4, 3, 6};
    const Numbers &image = goldens.at("image"), &dout = goldens.at("dout");
    for (SampleOptions o : all_modes()) {
        o.identity_safe = false;
        const auto at = [&](const char* kind, const char* what) -> const Numbers& {
            return goldens.at(std::string(kind) + "." + mode_name(o) + "." + what);
        };
        const auto near = [&](const Numbers& ours, const Numbers& theirs, const std::string& what) {
            test::expect_close(ours, theirs, test::Tolerance{1e-12, 1e-12}, what + " " + mode_name(o));
        };
        const Numbers& grid = goldens.at("grid");
        near(sampled(image, grid, 2, s, o), at("grid", "out"), "grid_sample");
        const auto g = sample_backward(dout, image, grid, 2, s, o);
        near(g.dimages, at("grid", "dimage"), "dimage");
        near(g.dparameters, at("grid", "dgrid"), "dgrid");

        const WarpUnderTest<double> warp(WarpForm::kAffine, 0, s, o.align_corners);
        const Numbers& theta = goldens.at("theta");
        near(warp.forward(image, theta, 2, s, o), at("theta", "out"), "affine_grid + grid_sample");
        const auto w = warp.backward(dout, image, theta, 2, s, o);
        near(w.dimages, at("theta", "dimage"), "dimage");
        near(w.dparameters, at("theta", "dtheta"), "dtheta");
    }
}

TEST(GridSample, RefusesWhatNoKernelCanTake) {
    float* none = nullptr;
    EXPECT_FALSE(grid_sample_forward<float>(none, none, none, 1, {1, 0, 28, 28, 28}, {}, nullptr).ok());
    EXPECT_FALSE(grid_sample_forward<float>(none, none, none, 1, {1, 1 << 20, 1 << 20, 28, 28}, {}, nullptr).ok());
    EXPECT_FALSE(grid_sample_backward<float>(none, none, none, none, none, 1, {0, 28, 28, 28, 28}, {}, nullptr).ok());
    Warp<float> warp;
    warp.stride = 5;
    EXPECT_FALSE(warp_forward<float>(none, none, none, warp, 1, {}, {}, nullptr).ok());
    warp = {WarpForm::kControlPoints, nullptr, 10, 20};
    EXPECT_FALSE(warp_forward<float>(none, none, none, warp, 1, {}, {}, nullptr).ok());
    warp = {WarpForm::kAffine, nullptr, 9, 18};
    EXPECT_FALSE(warp_backward<float>(none, none, false, none, none, none, warp, 1, {}, {}, nullptr).ok());
}

}  // namespace
}  // namespace warpvae
