#include "host/latents/pose.h"

#include <algorithm>
#include <cmath>

namespace warpvae {

PoseReader::PoseReader(const Pose& pose, int height, int width)
    : pose_(pose), half_height_(std::max(1, height - 1) / 2.), half_width_(std::max(1, width - 1) / 2.) {
    if (!is_spline()) return;
    side_ = int(std::lround(std::sqrt((pose.numbers - pose.first) / 2.)));
    const std::vector<double> of_point = thin_plate_spline_basis(side_, height, width),
                              axes = affine_basis(height, width);
    const std::size_t points = std::size_t(side_) * side_, pixels = axes.size() / 3;
    // x, y and 1 are orthogonal over the pixels, so each coefficient of the fit is a projection of its own.
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const double* along = axes.data() + axis * pixels;
        double square = 0;
        for (std::size_t i = 0; i < pixels; ++i) square += along[i] * along[i];
        for (std::size_t k = 0; k < points; ++k) {
            double product = 0;
            for (std::size_t i = 0; i < pixels; ++i) product += along[i] * of_point[k * pixels + i];
            fit_.push_back(square > 0 ? product / square : 0);
        }
    }
}

GridMatrix PoseReader::affine_part(const float* u) const {
    if (!is_spline()) return grid_matrix(u + pose_.first, pose_.form);
    const int points = side_ * side_;
    GridMatrix A{};
    for (int k = 0; k < points; ++k) {
        const double x = 2. * (k % side_) / (side_ - 1) - 1 + u[pose_.first + k],
                     y = 2. * (k / side_) / (side_ - 1) - 1 + u[pose_.first + points + k];
        for (int axis = 0; axis < 3; ++axis) {
            A[axis] += fit_[std::size_t(axis) * points + k] * x;
            A[3 + axis] += fit_[std::size_t(axis) * points + k] * y;
        }
    }
    return A;
}

AffinePose PoseReader::read(const float* u) const {
    const GridMatrix shows = inverse(affine_part(u));  // from the canonical image to the shown one
    const double a = shows[0], b = shows[1] * half_width_ / half_height_, c = shows[3] * half_height_ / half_width_,
                 d = shows[4];
    const double scale_x = std::hypot(a, c), scale_y = (a * d - b * c) / scale_x;
    const double rotation = std::atan2(-c, a);  // y points down
    const double shear = (std::sin(rotation) * d - std::cos(rotation) * b) / scale_y;
    return {rotation, std::log(scale_x), std::log(scale_y), shear, half_width_ * shows[2], half_height_ * shows[5]};
}

GridMatrix PoseReader::matrix(const AffinePose& pose) const {
    const auto [rotation, log_x, log_y, shear, x, y] = pose;
    const double cosine = std::cos(rotation), sine = std::sin(rotation), scale_x = std::exp(log_x),
                 scale_y = std::exp(log_y);
    const double b = scale_y * (sine - shear * cosine), c = -scale_x * sine;
    return inverse({scale_x * cosine, b * half_height_ / half_width_, x / half_width_, c * half_width_ / half_height_,
                    scale_y * (cosine + shear * sine), y / half_height_});
}

std::vector<float> PoseReader::identity() const {
    const bool is_matrix = pose_.form == WarpForm::kAffine || pose_.form == WarpForm::kInverseAffine;
    std::vector<float> u(std::size_t(pose_.numbers), 0.f);
    if (is_matrix)
        for (std::size_t first = 0; first < u.size(); first += 6) u[first] = u[first + 4] = 1;
    return u;
}

/// What A does to each control point, added to the offsets `sign` times.
void PoseReader::add_at_control_points(float* u, const GridMatrix& A, double sign) const {
    const int points = side_ * side_;
    for (int k = 0; k < points; ++k) {
        const double x = 2. * (k % side_) / (side_ - 1) - 1, y = 2. * (k / side_) / (side_ - 1) - 1;
        u[pose_.first + k] += float(sign * (A[0] * x + A[1] * y + A[2]));
        u[pose_.first + points + k] += float(sign * (A[3] * x + A[4] * y + A[5]));
    }
}

void PoseReader::bend_to(float* u, const AffinePose& pose) const {
    // A spline follows an affine change of its control points exactly, and the fit is linear in them.
    add_at_control_points(u, affine_part(u), -1);
    add_at_control_points(u, matrix(pose), 1);
}

}  // namespace warpvae
