// The glyphs kernel: strokes land where the pose says, block sizes agree, nothing outside the output is touched.
#include <gtest/gtest.h>

#include <cmath>

#include "cuda/device/buffer.h"
#include "cuda/glyphs.cuh"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::GuardedBuffer;
using Bytes = std::vector<std::uint8_t>;

/// Every digit one straight stroke from (x0, y0) to (x1, y1).
struct OneStroke {
    OneStroke(float x0, float y0, float x1, float y1)
        : vertices(std::vector<GlyphVertex>{{x0, y0}, {x1, y1}}),
          spans(std::vector<GlyphSpan>{{{0, 0, 1, 1}}}),
          styles(std::vector<GlyphStyle>(10, GlyphStyle{0, 2, 0, 1})),
          first_style(std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) {}
    DeviceBuffer<GlyphVertex> vertices;
    DeviceBuffer<GlyphSpan> spans;
    DeviceBuffer<GlyphStyle> styles;
    DeviceBuffer<int> first_style;
    GlyphSkeletons skeletons() const { return {vertices.data(), spans.data(), styles.data(), first_style.data()}; }
};

struct Drawn {
    Bytes images, labels;
    std::vector<GlyphPose> poses;
};
Drawn draw(const GlyphSkeletons& skeletons, const GlyphOptions& options, std::size_t first, std::size_t N, int H,
           int W) {
    GuardedBuffer<std::uint8_t> images(N * std::size_t(H) * std::size_t(W)), labels(N);
    GuardedBuffer<float> poses(8 * N);
    check(glyphs({images.data(), labels.data(), reinterpret_cast<GlyphPose*>(poses.data())}, skeletons, options,
                 {7, 3, first}, N, H, W, nullptr));
    Drawn drawn{images.download(), labels.download(), std::vector<GlyphPose>(N)};
    const std::vector<float> numbers = poses.download();
    if (N) std::memcpy(static_cast<void*>(drawn.poses.data()), numbers.data(), numbers.size() * sizeof(float));
    return drawn;
}

GlyphOptions still() {
    GlyphOptions options;
    options.max_rotation = options.max_log_scale = options.max_shear = options.max_translation = options.max_bend = 0;
    options.jitter = 0;
    options.min_thickness = options.max_thickness = 2;
    return options;
}

/// Where ops.h says that the skeleton's (x, y) lands, in double.
struct Point {
    double x, y;
};
Point placed(const GlyphPose& p, double x, double y, int H, int W) {
    const double unit = 0.32 * std::min(H, W);
    const double u = (x + double(p.bend_x) * (y * y - 1 / 3.)) * std::exp(double(p.log_scale_x));
    const double v = (y + double(p.bend_y) * (x * x - 1 / 6.)) * std::exp(double(p.log_scale_y));
    const double leaning = u - double(p.shear) * v;
    const double sine = std::sin(double(p.rotation)), cosine = std::cos(double(p.rotation));
    return {unit * (cosine * leaning + sine * v) + double(p.translate_x) + (W - 1) / 2.0,
            unit * (-sine * leaning + cosine * v) + double(p.translate_y) + (H - 1) / 2.0};
}
double distance(Point a, Point b, double x, double y) {
    const double dx = b.x - a.x, dy = b.y - a.y;
    double t = ((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy + 1e-30);
    t = std::min(1.0, std::max(0.0, t));
    return std::hypot(x - a.x - t * dx, y - a.y - t * dy);
}

TEST(Glyphs, AStillStrokeIsInkedByItsDistance) {
    const OneStroke stroke(-0.5f, -0.75f, 0.25f, 0.5f);
    GlyphOptions options = still();
    for (const auto& [H, W] : {std::pair{28, 28}, {40, 28}, {1, 1}, {7, 61}, {50, 50}}) {
        const Drawn drawn = draw(stroke.skeletons(), options, 0, 3, H, W);
        const double scale = std::min(H, W) / 28.0;
        for (std::size_t n = 0; n < 3; ++n) {
            const GlyphPose& pose = drawn.poses[n];
            EXPECT_EQ(pose.rotation, 0.f);
            const Point a = placed(pose, -0.5, -0.75, H, W), b = placed(pose, 0.25, 0.5, H, W);
            int outside = 0;
            for (int i = 0; i < H * W; ++i) {
                // The pen's pressure varies by up to a quarter: bounds, not equality.
                const double d = distance(a, b, i % W, i / W);
                const auto ink = [&](double pressure) {
                    return 255 * std::min(1.0, std::max(0.0, scale + 0.5 - d / pressure));
                };
                const double value = drawn.images[n * std::size_t(H * W) + std::size_t(i)];
                outside += value < ink(0.75) - 1 || value > ink(1.25) + 1;
            }
            EXPECT_EQ(outside, 0) << H << "x" << W;
        }
    }
}

TEST(Glyphs, StrokesLandWhereThePoseSays) {
    // A dot far from the centre: its middle is where the pose puts it.
    const float x = 0.5f, y = -0.625f;
    const OneStroke dot(x, y, x + 0.001f, y);
    GlyphOptions options;
    options.jitter = 0;
    const std::size_t N = 60;
    const Drawn drawn = draw(dot.skeletons(), options, 0, N, 56, 56);
    double largest = 0;
    for (std::size_t n = 0; n < N; ++n) {
        double mass = 0, mean_x = 0, mean_y = 0;
        for (int i = 0; i < 56 * 56; ++i) {
            const double ink = drawn.images[n * 56 * 56 + std::size_t(i)];
            mass += ink, mean_x += ink * (i % 56), mean_y += ink * (i / 56);
        }
        const Point expected = placed(drawn.poses[n], double(x) + 0.0005, double(y), 56, 56);
        largest = std::max(largest, std::hypot(mean_x / mass - expected.x, mean_y / mass - expected.y));
    }
    EXPECT_LT(largest, 0.1) << "pixels";
    EXPECT_GT(std::abs(drawn.poses[0].rotation - drawn.poses[1].rotation), 0.f);
}

TEST(Glyphs, AnyBlockSizeDrawsTheSame) {
    const OneStroke stroke(-0.5f, -0.75f, 0.25f, 0.5f);
    const Drawn expected = draw(stroke.skeletons(), {}, 5, 3, 33, 35);  // 1155 pixels: more than one tile
    test::at_all_block_sizes([&] {
        const Drawn drawn = draw(stroke.skeletons(), {}, 5, 3, 33, 35);
        EXPECT_EQ(drawn.labels, expected.labels);
        for (std::size_t i = 0; i < expected.images.size(); ++i) {
            // Vector and scalar code may round a product and its sum once or twice: a byte apart at most.
            ASSERT_NEAR(int(drawn.images[i]), int(expected.images[i]), 1) << "byte " << i;
        }
    });
}

TEST(Glyphs, AGlyphIsTheSameInAnyBatch) {
    const OneStroke stroke(-0.5f, -0.75f, 0.25f, 0.5f);
    const Drawn all = draw(stroke.skeletons(), {}, 0, 9, 28, 28), later = draw(stroke.skeletons(), {}, 6, 3, 28, 28);
    EXPECT_EQ(test::slice(all.images, 6 * 784, 3 * 784), later.images);
    EXPECT_EQ(test::slice(all.labels, 6, 3), later.labels);
    EXPECT_TRUE(draw(stroke.skeletons(), {}, 0, 0, 28, 28).images.empty());
}

TEST(Glyphs, RefusesSizesThatNoKernelCanTake) {
    const OneStroke stroke(0, 0, 1, 1);
    EXPECT_FALSE(glyphs({}, stroke.skeletons(), {}, {1, 1, 0}, 1, 0, 28, nullptr).ok());
    EXPECT_FALSE(glyphs({}, stroke.skeletons(), {}, {1, 1, 0}, 1, 1 << 20, 1 << 20, nullptr).ok());
}

}  // namespace
}  // namespace warpvae
