// Does a warp fold the image over itself? Where the determinant of its Jacobian is not positive, neighbouring pixels of
// the output trade places in the input: a spline that does so draws some parts twice and mirrored. An affine warp turns
// the whole image over, or no part of it.
#pragma once
#include <vector>

#include "models/autoencoder.h"

namespace warpvae {

/// The determinant of a warp's Jacobian at every pixel: areas of the input over areas of the output, negative where the
/// input is mirrored.
class WarpDeterminants {
  public:
    /// g: a spline's control points along a side, from 2 to 8; of no other form. Throws std::invalid_argument.
    WarpDeterminants(WarpForm form, int g, int height, int width);
    /// [H, W] of the warp of the numbers u; the next call overwrites it.
    const std::vector<double>& operator()(const float* u);

  private:
    const WarpForm form_;
    const int points_;
    std::vector<double> x_, y_, slopes_;  // control points; thin_plate_spline_slopes
    std::vector<double> determinants_;
};

struct Foldover {
    double pixels = 0;             ///< share of all images' pixels at which the determinant is not positive
    double images = 0;             ///< share of images that have such a pixel
    double least_determinant = 1;  ///< over pixels and images; the identity's is 1

    /// Its members by name, as result.json lists them.
    template <class Fields>
    void fields(Fields& f) {
        f("pixels", pixels);
        f("images", images);
        f("least_determinant", least_determinant);
    }
};
/// Of the warp that makes x' (Pose::first), for poses [n, pose.numbers].
Foldover measure_foldover(const std::vector<float>& poses, const Pose& pose, int control_points, int height, int width);

}  // namespace warpvae
