#include "host/evaluate/equivariance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cuda/device/buffer.h"
#include "data/error.h"

namespace warpvae {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
constexpr double kSmallestDeterminant = 1e-4;  // as in affine_grid.cuh

GridMatrix difference(const GridMatrix& A, const GridMatrix& B) {
    GridMatrix out;
    for (std::size_t i = 0; i < A.size(); ++i) out[i] = A[i] - B[i];
    return out;
}
double inner(const GridMatrix& A, const GridMatrix& B) { return std::inner_product(A.begin(), A.end(), B.begin(), 0.); }
double norm(const GridMatrix& A) { return std::sqrt(inner(A, A)); }

/// The matrices of the warp that makes x' [n]; none for a model that has no affine one.
std::vector<GridMatrix> last_matrices(const Pose& pose, const std::vector<float>& u) {
    std::vector<GridMatrix> out;
    if (pose.form == WarpForm::kControlPoints) return out;
    for (std::size_t row = 0; row < u.size(); row += std::size_t(pose.numbers))
        out.push_back(grid_matrix(u.data() + row + pose.first, pose.form));
    return out;
}

/// Float images [n, D], of the shape of `like`, warped by one matrix, 0 outside as in affine_warp.
std::vector<float> warp_floats(const std::vector<float>& images, const GridMatrix& G, const ImageSet& like) {
    const int H = like.height, W = like.width, C = like.channels;
    const std::size_t n = images.size() / like.image_size();
    const std::vector<double> basis = affine_basis(H, W);
    const DeviceBuffer<float> in(images, "images to warp"), grid(std::vector<float>(basis.begin(), basis.end()));
    std::vector<float> same;
    for (std::size_t i = 0; i < n; ++i) same.insert(same.end(), G.begin(), G.end());
    const DeviceBuffer<float> u(same, "change");
    DeviceBuffer<float> out(images.size(), "warped images"), planes(images.size(), "images, channels first");
    SampleOptions options;
    options.padding = Padding::kZeros;
    check(channels_first<float>(planes.data(), in.data(), n, H * W, C, nullptr));
    check(warp_forward<float>(out.data(), planes.data(), u.data(), {WarpForm::kAffine, grid.data(), 3, 6}, n,
                              {C, H, W, H, W}, options, nullptr));
    check(channels_last<float>(planes.data(), out.data(), n, H * W, C, nullptr));
    return planes.download();
}

std::vector<float> as_floats(const std::vector<std::uint8_t>& bytes) {
    std::vector<float> out;
    for (std::uint8_t byte : bytes) out.push_back(float(byte) / 255.f);
    return out;
}

}  // namespace

GridMatrix inverse(const GridMatrix& A) {
    const double det = A[0] * A[4] - A[1] * A[3];
    const double d = 1 / std::copysign(std::max(std::abs(det), kSmallestDeterminant), det);
    const double a = A[4] * d, b = -A[1] * d, c = -A[3] * d, e = A[0] * d;
    return {a, b, -(a * A[2] + b * A[5]), c, e, -(c * A[2] + e * A[5])};
}

GridMatrix grid_matrix(const float* u, WarpForm form) {
    if (form == WarpForm::kControlPoints) throw Error("a spline has no matrix");
    GridMatrix A;
    if (form == WarpForm::kPose || form == WarpForm::kInversePose) {
        const double s = std::sin(double(u[0])), c = std::cos(double(u[0]));
        const double sx = std::exp(double(u[1])), sy = std::exp(double(u[2]));
        A = {sx * c, -sx * s, sx * u[3], sy * s, sy * c, sy * u[4]};
    } else {
        std::copy(u, u + 6, A.begin());
    }
    return form == WarpForm::kInverseAffine || form == WarpForm::kInversePose ? inverse(A) : A;
}

GridMatrix grid_matrix(const AffineMap& map, int height, int width) {
    const double per_x = 2. / (width - 1), per_y = 2. / (height - 1);  // coordinates per pixel
    return {map.a,
            map.b * per_x / per_y,
            map.tx * per_x,  //
            map.c * per_y / per_x,
            map.d,
            map.ty * per_y};
}

GridMatrix compose(const GridMatrix& A, const GridMatrix& B) {
    return {A[0] * B[0] + A[1] * B[3], A[0] * B[1] + A[1] * B[4], A[0] * B[2] + A[1] * B[5] + A[2],
            A[3] * B[0] + A[4] * B[3], A[3] * B[1] + A[4] * B[4], A[3] * B[2] + A[4] * B[5] + A[5]};
}

PoseChange pose_change(const std::vector<GridMatrix>& before, const std::vector<GridMatrix>& after,
                       const GridMatrix& G) {
    if (before.size() != after.size()) throw Error("pose change: poses before and after differ in number");
    double missed = 0, wanted = 0, along = 0, squares = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
        const GridMatrix right = compose(before[i], G), way = difference(right, before[i]);
        missed += norm(difference(after[i], right));
        wanted += norm(way);
        along += inner(difference(after[i], before[i]), way);
        squares += inner(way, way);
    }
    if (!(squares > 0)) return {kNotANumber, kNotANumber};
    return {missed / wanted, along / squares};
}

double total_change(const std::vector<float>& before, const std::vector<float>& after) {
    if (before.size() != after.size()) throw Error("images before and after differ in number");
    double sum = 0;
    for (std::size_t i = 0; i < before.size(); ++i) sum += std::abs(double(after[i]) - double(before[i]));
    return sum;
}

double psnr(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size()) throw Error("PSNR: images differ in number");
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    return 10 * std::log10(double(a.size()) / sum);
}

const std::vector<KnownChange>& equivariance_changes() {
    static const std::vector<KnownChange> changes = [] {
        std::vector<KnownChange> all;
        const auto add = [&](const char* kind, double AffineChange::*number, double value) {
            all.push_back({kind, {}});
            all.back().change.*number = value;
        };
        for (double degrees : {-20, -10, 10, 20}) add("rotation", &AffineChange::rotation, degrees);
        for (double scale : {0.9, 1.1}) {
            add("scale", &AffineChange::scale_x, scale);
            all.back().change.scale_y = scale;
        }
        for (double shear : {-0.2, 0.2}) add("shear", &AffineChange::shear, shear);
        for (double pixels : {-2, 2}) {
            add("translation", &AffineChange::translate_x, pixels);
            add("translation", &AffineChange::translate_y, pixels);
        }
        return all;
    }();
    return changes;
}

std::vector<EquivarianceScore> measure_equivariance(Autoencoder<float>& model, const ImageSet& images,
                                                    const std::vector<KnownChange>& changes, int r) {
    const Range range("equivariance");
    const ReplicaView before = view_replica(model, images.images, r);
    const std::vector<GridMatrix> poses = last_matrices(model.pose(), before.u);
    const std::vector<float> pixels = as_floats(images.images);
    std::vector<EquivarianceScore> scores;
    for (const KnownChange& change : changes) {
        const AffineMap map = affine_map(change.change);
        const GridMatrix G = grid_matrix(map, images.height, images.width);
        const std::vector<std::uint8_t> changed = warp_images(images, {map}, Interpolation::kBilinear);
        const ReplicaView after = view_replica(model, changed, r);
        const std::vector<float> moved_output = warp_floats(before.output, G, images);
        const PoseChange moved = pose_change(poses, last_matrices(model.pose(), after.u), G);
        scores.push_back({.reference_change = total_change(before.reference, after.reference) /
                                              total_change(pixels, as_floats(changed)),
                          .output_psnr = psnr(after.output, moved_output),
                          .unmoved_psnr = psnr(before.output, moved_output),
                          .pose_error = moved.error,
                          .pose_gain = moved.gain});
    }
    return scores;
}

}  // namespace warpvae
