// Equivariance scores: matrices against the device's warps, the order of composition against images, poses set by hand,
// and the whole path through a model.
#include "host/evaluate/equivariance.h"

#include <gtest/gtest.h>

#include <numbers>

#include "cuda/device/buffer.h"
#include "cuda/device/launch_options.h"
#include "data/error.h"
#include "data/glyphs.h"
#include "models/spatial_vae.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::Random;

constexpr int kHeight = 21, kWidth = 28;

std::vector<float> warped(const std::vector<float>& image, const std::vector<float>& u, WarpForm form, int H = kHeight,
                          int W = kWidth, Padding padding = Padding::kBorder) {
    const std::vector<double> basis = affine_basis(H, W);
    const DeviceBuffer<float> in(image), numbers(u), grid(std::vector<float>(basis.begin(), basis.end()));
    DeviceBuffer<float> out(image.size());
    SampleOptions options;
    options.padding = padding;
    check(warp_forward<float>(out.data(), in.data(), numbers.data(), {form, grid.data(), 3, int(u.size())}, 1,
                              {1, H, W, H, W}, options, nullptr));
    return out.download();
}
std::vector<float> as_floats(const GridMatrix& A) { return {A.begin(), A.end()}; }

/// A few soft spots, 0 at the border.
std::vector<float> spots(int H, int W) {
    std::vector<float> image(std::size_t(H) * W);
    const double places[3][3] = {{-0.3, -0.2, 1}, {0.25, 0.1, 0.8}, {-0.1, 0.35, 0.6}};
    for (int i = 0; i < H; ++i)
        for (int j = 0; j < W; ++j)
            for (const auto& [x, y, ink] : places) {
                const double dx = 2. * j / (W - 1) - 1 - x, dy = 2. * i / (H - 1) - 1 - y;
                image[i * W + j] += float(ink * std::exp(-(dx * dx + dy * dy) / 0.04));
            }
    for (float& value : image) value = std::min(value, 1.f);
    return image;
}

AffineChange example_change() {
    AffineChange change;
    change.scale_x = 1.1;
    change.scale_y = 0.9;
    change.shear = 0.15;
    change.rotation = 17;
    change.translate_x = 2;
    change.translate_y = -1;
    return change;
}

// --- matrices --------------------------------------------------------------------------------------------------------

TEST(Equivariance, MatricesAreThoseOfTheDevice) {
    const std::vector<float> image = spots(kHeight, kWidth);
    const std::vector<float> affine = {1.1f, 0.2f, -0.1f, -0.3f, 0.9f, 0.15f}, pose = {0.4f, 0.1f, -0.2f, 0.1f, -0.3f};
    for (const WarpForm form : {WarpForm::kAffine, WarpForm::kInverseAffine, WarpForm::kPose, WarpForm::kInversePose}) {
        const auto& u = warp_parameters(form, 3) == 5 ? pose : affine;
        // Coordinates differ by their roundings, some 1e-6 of a pixel; from pixel to pixel an image changes by 1 at
        // most.
        test::expect_close(warped(image, as_floats(grid_matrix(u.data(), form)), WarpForm::kAffine),
                           warped(image, u, form), test::Tolerance{2e-5, 0}, "form " + std::to_string(int(form)));
    }
    EXPECT_THROW(grid_matrix(affine.data(), WarpForm::kControlPoints), Error);
    // A singular u is kept away from a determinant of 0, as on the device.
    const std::vector<float> flat = {1, 2, 0, 0.5f, 1, 0};
    EXPECT_NEAR(grid_matrix(flat.data(), WarpForm::kInverseAffine)[0], 1e4, 1e-6);
}

TEST(Equivariance, AMapOfPixelsIsTheSameMapInGridCoordinates) {
    // Of an image that is not square: bytes warped by the pixels' map, floats by the matrix.
    const std::vector<float> image = spots(kHeight, kWidth);
    ImageSet set;
    set.height = kHeight;
    set.width = kWidth;
    set.labels = {0};
    std::vector<float> rounded;
    for (float value : image) {
        set.images.push_back(std::uint8_t(255 * value + 0.5f));
        rounded.push_back(set.images.back() / 255.f);
    }
    const AffineMap map = affine_map(example_change());
    const auto bytes = warp_images(set, {map}, Interpolation::kBilinear);
    const auto floats = warped(rounded, as_floats(grid_matrix(map, kHeight, kWidth)), WarpForm::kAffine, kHeight,
                               kWidth, Padding::kZeros);
    std::vector<float> expected;
    for (std::uint8_t byte : bytes) expected.push_back(byte / 255.f);
    test::expect_close(floats, expected, test::Tolerance{0.5 / 255 + 2e-5, 0}, "float image beside bytes");
}

TEST(Equivariance, ComposesAsOneWarpAfterAnother) {
    const GridMatrix A = {1.2, 0.1, 0.3, -0.2, 0.8, -0.1}, B = {0.9, -0.4, 0.2, 0.5, 1.1, 0.7};
    const double x = 0.3, y = -0.6;
    const double bx = B[0] * x + B[1] * y + B[2], by = B[3] * x + B[4] * y + B[5];
    const GridMatrix AB = compose(A, B);
    EXPECT_NEAR(AB[0] * x + AB[1] * y + AB[2], A[0] * bx + A[1] * by + A[2], 1e-15);
    EXPECT_NEAR(AB[3] * x + AB[4] * y + AB[5], A[3] * bx + A[4] * by + A[5], 1e-15);
    const GridMatrix one = {1, 0, 0, 0, 1, 0};
    EXPECT_EQ(compose(A, one), A);
    EXPECT_EQ(compose(one, A), A);
}

// The header's claim, with images: x drawn from y' by A, then changed by g, is y' drawn by A G, and not by G A.
TEST(Equivariance, AChangedImageIsDrawnByAG) {
    const int H = 28, W = 28;
    const std::vector<float> reference = spots(H, W);
    const GridMatrix A = {1.3, 0.4, 0.2, -0.2, 0.9, -0.1};
    const std::vector<float> x = warped(reference, as_floats(A), WarpForm::kAffine, H, W);
    ImageSet set;
    set.height = H;
    set.width = W;
    set.labels = {0};
    for (float value : x) set.images.push_back(std::uint8_t(255 * value + 0.5f));
    const AffineMap map = affine_map(example_change());
    std::vector<float> changed;
    for (std::uint8_t byte : warp_images(set, {map}, Interpolation::kBilinear)) changed.push_back(byte / 255.f);
    const GridMatrix G = grid_matrix(map, H, W);
    const double right = psnr(changed, warped(reference, as_floats(compose(A, G)), WarpForm::kAffine, H, W));
    const double wrong = psnr(changed, warped(reference, as_floats(compose(G, A)), WarpForm::kAffine, H, W));
    std::printf("    drawn by A G: %.1f dB; by G A: %.1f dB\n", right, wrong);
    EXPECT_GT(right, 38);  // two bilinear passes instead of one, and bytes
    EXPECT_LT(wrong, right - 10);
}

// --- scores ----------------------------------------------------------------------------------------------------------

/// u of each form whose last warp has the matrix A.
std::vector<float> planted_u(const GridMatrix& A, WarpForm form) {
    const std::vector<float> plain = as_floats(A);
    return form == WarpForm::kAffine ? plain : as_floats(grid_matrix(plain.data(), WarpForm::kInverseAffine));
}

TEST(Equivariance, PosesSetByHand) {
    Random random(7);
    const GridMatrix G = grid_matrix(affine_map(example_change()), 28, 28);
    for (const WarpForm form : {WarpForm::kAffine, WarpForm::kInverseAffine}) {  // of a T-VAE and of a DT-VAE
        std::vector<GridMatrix> before, perfect, wrong_order, half;
        for (int i = 0; i < 50; ++i) {
            GridMatrix A = {1, 0, 0, 0, 1, 0};
            for (double& a : A) a += random.uniform(-0.3, 0.3);
            const auto matrix = [&](const GridMatrix& B) { return grid_matrix(planted_u(B, form).data(), form); };
            before.push_back(matrix(A));
            perfect.push_back(matrix(compose(A, G)));
            wrong_order.push_back(matrix(compose(G, A)));
            GridMatrix between = compose(A, G);
            for (std::size_t k = 0; k < 6; ++k) between[k] = (between[k] + A[k]) / 2;
            half.push_back(matrix(between));  // half the way
        }
        EXPECT_NEAR(pose_change(before, perfect, G).error, 0, 1e-6);
        EXPECT_NEAR(pose_change(before, perfect, G).gain, 1, 1e-6);
        EXPECT_NEAR(pose_change(before, before, G).error, 1, 1e-12);
        EXPECT_NEAR(pose_change(before, before, G).gain, 0, 1e-12);
        EXPECT_NEAR(pose_change(before, half, G).error, 0.5, 1e-5);
        EXPECT_NEAR(pose_change(before, half, G).gain, 0.5, 1e-5);
        EXPECT_GT(pose_change(before, wrong_order, G).error, 0.2);
        EXPECT_TRUE(std::isnan(pose_change(before, before, {1, 0, 0, 0, 1, 0}).error));
    }
}

TEST(Equivariance, ImageScoresOfKnownNumbers) {
    EXPECT_EQ(total_change({0, 1, 0.5f}, {0.5f, 1, 0}), 1);
    EXPECT_NEAR(psnr({0, 1, 0, 0}, {0.1f, 1, 0.1f, 0}), 10 * std::log10(1 / 0.005), 1e-6);
    EXPECT_EQ(psnr({0.5f}, {0.5f}), INFINITY);
    EXPECT_THROW(psnr({0}, {0, 1}), Error);
    EXPECT_THROW(total_change({0}, {0, 1}), Error);
    EXPECT_THROW(pose_change({GridMatrix{}}, {}, GridMatrix{}), Error);
}

TEST(Equivariance, ChangesAreOfFourKinds) {
    std::vector<std::string> kinds;
    for (const KnownChange& change : equivariance_changes())
        if (kinds.empty() || kinds.back() != change.kind) kinds.push_back(change.kind);
    EXPECT_EQ(kinds, (std::vector<std::string>{"rotation", "scale", "shear", "translation"}));
    EXPECT_EQ(equivariance_changes().size(), 12u);
}

// --- through a model -------------------------------------------------------------------------------------------------

SpatialVaeConfig small_config(SpatialKind kind, PoseKind pose) {
    SpatialVaeConfig config;
    config.kind = kind;
    config.pose = pose;
    config.hidden = {16};
    config.localisation = 8;
    config.latents = 3;
    return config;
}

TEST(Equivariance, APoseThatNeverMovesScoresOne) {
    const ImageSet images = make_glyphs(20, 1, Part::kTest).set;
    const Matmul matmul;
    for (const SpatialKind kind : {SpatialKind::kTransformer, SpatialKind::kDoubleTransformer}) {
        SpatialVae<float> model(small_config(kind, PoseKind::kAffine), 1, 16, matmul);
        model.parameters().initialise({1}, nullptr);  // u is the identity, whatever the image
        for (const EquivarianceScore& score : measure_equivariance(model, images, equivariance_changes(), 0)) {
            EXPECT_NEAR(score.pose_error, 1, 1e-12);
            EXPECT_NEAR(score.pose_gain, 0, 1e-12);
            EXPECT_GT(score.reference_change, 0);
        }
    }
}

TEST(Equivariance, AZThatCarriesNothingLeavesItsReference) {
    const ImageSet images = make_glyphs(20, 1, Part::kTest).set;
    const Matmul matmul;
    SpatialVae<float> model(small_config(SpatialKind::kVae, PoseKind::kAffine), 1, 16, matmul);
    model.parameters().initialise({1}, nullptr);
    std::vector<float> values = model.parameters().download(0);
    for (const ParameterInfo& tensor : model.parameters().layout().tensors())
        if (tensor.name.starts_with("heads"))
            std::fill_n(values.begin() + std::ptrdiff_t(tensor.offset), tensor.count, 0.f);
    model.parameters().upload(0, values);
    for (const EquivarianceScore& score : measure_equivariance(model, images, equivariance_changes(), 0)) {
        EXPECT_EQ(score.reference_change, 0);
        EXPECT_EQ(score.output_psnr, score.unmoved_psnr);  // it draws the same, moved or not
        EXPECT_TRUE(std::isnan(score.pose_error));
    }
}

TEST(Equivariance, OfAModelIsFiniteAndTheSameAloneAndAmongOthers) {
    const bool quick = launch_options().cpu_blocks != CpuBlocks::kOneThread;
    const ImageSet images = make_glyphs(quick ? 5 : 37, 1, Part::kTest).set;
    std::vector<KnownChange> changes = equivariance_changes();
    if (quick) changes.resize(1);
    const Matmul matmul;
    for (const auto& [kind, pose] :
         {std::pair{SpatialKind::kVae, PoseKind::kAffine}, std::pair{SpatialKind::kTransformer, PoseKind::kAffine},
          std::pair{SpatialKind::kTransformer, PoseKind::kSpline},
          std::pair{SpatialKind::kDoubleTransformer, PoseKind::kPose5}}) {
        // Clang before 16 captures no structured binding by [&].
        const auto scores = [&, kind = kind, pose = pose](const std::vector<std::uint64_t>& seeds, int r) {
            SpatialVae<float> model(small_config(kind, pose), int(seeds.size()), 16, matmul);
            model.parameters().initialise(seeds, nullptr);
            for (int i = 0; i < int(seeds.size()); ++i) {  // off the identity
                Random random(seeds[i]);
                std::vector<float> values = model.parameters().download(i);
                for (float& value : values) value += float(random.uniform(-0.03, 0.03));
                model.parameters().upload(i, values);
            }
            return measure_equivariance(model, images, changes, r);
        };
        const auto among = scores({4, 5, 6}, 2), alone = scores({6}, 0);
        ASSERT_EQ(among.size(), changes.size());
        for (std::size_t i = 0; i < among.size(); ++i) {
            EXPECT_TRUE(std::isfinite(among[i].reference_change));
            EXPECT_TRUE(std::isfinite(among[i].output_psnr));
            EXPECT_TRUE(std::isfinite(among[i].unmoved_psnr));
            const bool has_matrix = kind != SpatialKind::kVae && pose != PoseKind::kSpline;
            EXPECT_EQ(std::isfinite(among[i].pose_error), has_matrix);
            if (device_is_gpu()) continue;
            EXPECT_EQ(among[i].reference_change, alone[i].reference_change);
            EXPECT_EQ(among[i].output_psnr, alone[i].output_psnr);
            EXPECT_EQ(among[i].unmoved_psnr, alone[i].unmoved_psnr);
            if (has_matrix) {
                EXPECT_EQ(among[i].pose_error, alone[i].pose_error);
            }
        }
    }
}

}  // namespace
}  // namespace warpvae
