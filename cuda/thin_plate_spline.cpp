// Bases of warps, computed once on the host in double. The thin-plate spline (Bookstein 1989) through n = g * g control
// points s_k moved to d_k, in the form of Lasagne's TPSTransformerLayer:
//
//   L = [0 0 1; 0 0 s; 1^T s^T U] with U_ij = r^2 log r^2, r = |s_i - s_j|;   coefficients = d L^-1[:, 3:]^T
//   grid(p) = coefficients (1, p, U(|p - s_k|)),   so grid = d M with M = L^-1[:, 3:]^T right_mat [n, H * W]
//
// M does not depend on the image, so the device has only to multiply it with n numbers for each axis.
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "cuda/ops/warp.h"

namespace warpvae {
namespace {

/// -1 .. 1 in `size` steps: centres of the outermost pixels, or of pixels whose outer edges are -1 and 1. One pixel
/// alone is in the middle, as in torch.nn.functional.affine_grid.
std::vector<double> axis(int size, bool align_corners) {
    std::vector<double> at(static_cast<std::size_t>(size));
    for (int i = 0; i < size; ++i) {
        if (align_corners)
            at[i] = size > 1 ? 2. * i / (size - 1) - 1 : 0;
        else
            at[i] = (2. * i + 1) / size - 1;
    }
    return at;
}

double radial(double dx, double dy) {
    const double r2 = dx * dx + dy * dy;
    return r2 > 0 ? r2 * std::log(r2) : 0;
}

/// dU / d dx.
double radial_slope(double dx, double dy) {
    const double r2 = dx * dx + dy * dy;
    return r2 > 0 ? 2 * dx * (std::log(r2) + 1) : 0;
}

/// The inverse of a [n, n], by Gauss-Jordan with the largest pivot of each column.
std::vector<double> inverse(std::vector<double> a, int n) {
    std::vector<double> b(a.size(), 0.);
    for (int i = 0; i < n; ++i) b[i * n + i] = 1;
    for (int column = 0; column < n; ++column) {
        int pivot = column;
        for (int row = column + 1; row < n; ++row)
            if (std::abs(a[row * n + column]) > std::abs(a[pivot * n + column])) pivot = row;
        for (int k = 0; k < n; ++k) {
            std::swap(a[column * n + k], a[pivot * n + k]);
            std::swap(b[column * n + k], b[pivot * n + k]);
        }
        const double d = 1 / a[column * n + column];
        for (int k = 0; k < n; ++k) a[column * n + k] *= d, b[column * n + k] *= d;
        for (int row = 0; row < n; ++row) {
            if (row == column) continue;
            const double f = a[row * n + column];
            for (int k = 0; k < n; ++k)
                a[row * n + k] -= f * a[column * n + k], b[row * n + k] -= f * b[column * n + k];
        }
    }
    return b;
}

/// What is the same for all pixels: where the control points stand, and L^-1.
struct Spline {
    explicit Spline(int g) : n(g * g) {
        if (g < 2 || g > 8)
            throw std::invalid_argument("thin-plate spline: " + std::to_string(g) + " x " + std::to_string(g) +
                                        " control points; there may be 2 x 2 to 8 x 8");
        const int side = n + 3;
        std::vector<double> L(std::size_t(side) * side, 0.);
        for (int k = 0; k < n; ++k) x.push_back(2. * (k % g) / (g - 1) - 1), y.push_back(2. * (k / g) / (g - 1) - 1);
        for (int k = 0; k < n; ++k) {
            L[3 + k] = L[(3 + k) * side] = 1;
            L[side + 3 + k] = L[(3 + k) * side + 1] = x[k];
            L[2 * side + 3 + k] = L[(3 + k) * side + 2] = y[k];
            for (int j = 0; j < n; ++j) L[(3 + k) * side + 3 + j] = radial(x[k] - x[j], y[k] - y[j]);
        }
        L_inverse = inverse(L, side);
    }
    /// Column `at` of a matrix [n, pixels]: what each control point adds at a pixel of this column of the right matrix.
    void put(std::vector<double>& matrix, std::size_t pixels, std::size_t at, const std::vector<double>& right) const {
        const int side = n + 3;
        for (int k = 0; k < n; ++k) {
            double sum = 0;
            for (int m = 0; m < side; ++m) sum += L_inverse[m * side + 3 + k] * right[m];
            matrix[k * pixels + at] = sum;
        }
    }
    int n;
    std::vector<double> x, y, L_inverse;
};

}  // namespace

std::vector<double> affine_basis(int H, int W, bool align_corners) {
    const std::vector<double> x = axis(W, align_corners), y = axis(H, align_corners);
    const std::size_t pixels = std::size_t(H) * W;
    std::vector<double> basis(3 * pixels, 1.);
    for (int row = 0; row < H; ++row)
        for (int column = 0; column < W; ++column) {
            basis[std::size_t(row) * W + column] = x[column];
            basis[pixels + std::size_t(row) * W + column] = y[row];
        }
    return basis;
}

std::vector<double> thin_plate_spline_basis(int g, int H, int W, bool align_corners) {
    const Spline spline(g);
    const int n = g * g;
    const std::vector<double> x = axis(W, align_corners), y = axis(H, align_corners);
    const std::size_t pixels = std::size_t(H) * W;
    std::vector<double> basis(n * pixels), right(n + 3);
    for (int row = 0; row < H; ++row)
        for (int column = 0; column < W; ++column) {
            right[0] = 1, right[1] = x[column], right[2] = y[row];
            for (int k = 0; k < n; ++k) right[3 + k] = radial(x[column] - spline.x[k], y[row] - spline.y[k]);
            spline.put(basis, pixels, std::size_t(row) * W + column, right);
        }
    return basis;
}

std::vector<double> thin_plate_spline_slopes(int g, int H, int W, bool align_corners) {
    const Spline spline(g);
    const int n = g * g;
    const std::vector<double> x = axis(W, align_corners), y = axis(H, align_corners);
    const std::size_t pixels = std::size_t(H) * W;
    std::vector<double> slopes(2 * n * pixels), right(n + 3);
    for (int along_y = 0; along_y < 2; ++along_y)
        for (int row = 0; row < H; ++row)
            for (int column = 0; column < W; ++column) {
                right[0] = 0, right[1] = !along_y, right[2] = along_y;
                for (int k = 0; k < n; ++k) {
                    const double dx = x[column] - spline.x[k], dy = y[row] - spline.y[k];
                    right[3 + k] = along_y ? radial_slope(dy, dx) : radial_slope(dx, dy);
                }
                spline.put(slopes, pixels, along_y * n * pixels + std::size_t(row) * W + column, right);
            }
    return slopes;
}

}  // namespace warpvae
