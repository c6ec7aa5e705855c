#include "host/evaluate/foldover.h"

#include <algorithm>
#include <cmath>

#include "host/evaluate/equivariance.h"

namespace warpvae {

WarpDeterminants::WarpDeterminants(WarpForm form, int g, int height, int width)
    : form_(form), points_(form == WarpForm::kControlPoints ? g * g : 0) {
    determinants_.resize(std::size_t(height) * std::size_t(width));
    if (!points_) return;
    slopes_ = thin_plate_spline_slopes(g, height, width);
    for (int k = 0; k < points_; ++k) {
        x_.push_back(2. * (k % g) / (g - 1) - 1);
        y_.push_back(2. * (k / g) / (g - 1) - 1);
    }
}

const std::vector<double>& WarpDeterminants::operator()(const float* u) {
    if (!points_) {
        const GridMatrix A = grid_matrix(u, form_);
        std::fill(determinants_.begin(), determinants_.end(), A[0] * A[4] - A[1] * A[3]);
        return determinants_;
    }
    // The input's x and y along the output's x and y: sums over control points k that went from s_k to s_k + u_k.
    const std::size_t D = determinants_.size();
    const double *along_x = slopes_.data(), *along_y = along_x + std::size_t(points_) * D;
    for (std::size_t i = 0; i < D; ++i) {
        double xx = 0, xy = 0, yx = 0, yy = 0;
        for (int k = 0; k < points_; ++k) {
            const double to_x = x_[k] + double(u[k]), to_y = y_[k] + double(u[points_ + k]);
            xx += to_x * along_x[k * D + i], xy += to_x * along_y[k * D + i];
            yx += to_y * along_x[k * D + i], yy += to_y * along_y[k * D + i];
        }
        determinants_[i] = xx * yy - xy * yx;
    }
    return determinants_;
}

Foldover measure_foldover(const std::vector<float>& poses, const Pose& pose, int control_points, int height,
                          int width) {
    Foldover out;
    if (poses.empty()) return out;
    WarpDeterminants determinants_of(pose.form, control_points, height, width);
    const std::size_t S = std::size_t(pose.numbers), n = poses.size() / S;
    std::size_t pixels = 0, images = 0;
    out.least_determinant = INFINITY;
    for (std::size_t i = 0; i < n; ++i) {
        const std::vector<double>& of_image = determinants_of(poses.data() + i * S + std::size_t(pose.first));
        const auto folded = std::count_if(of_image.begin(), of_image.end(), [](double d) { return !(d > 0); });
        pixels += std::size_t(folded), images += folded > 0;
        out.least_determinant = std::min(out.least_determinant, *std::min_element(of_image.begin(), of_image.end()));
    }
    out.pixels = double(pixels) / (double(n) * height * width);
    out.images = double(images) / double(n);
    return out;
}

}  // namespace warpvae
