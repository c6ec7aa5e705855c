// One convention for the poses of all models. The latent u of each says it in its own way: a matrix, angle and scales,
// the offsets of a spline's control points; of the map from the shown image to the canonical one, or of its inverse.
// Here a pose is GlyphPose's first six numbers of the map that *shows* the canonical image, its 2 x 2 part R K S:
//
//   rotation                  radians, counter-clockwise as shown
//   log_scale_x, log_scale_y  of the canonical image's own axes; above 0 it is shown larger
//   shear                     above 0 it leans right
//   translate_x, translate_y  pixels, right and down
//
// A spline's pose is that of the affine map nearest to it: least squares over the pixels.
#pragma once
#include <array>
#include <vector>

#include "host/evaluate/equivariance.h"

namespace warpvae {

inline constexpr int kAffinePoseNumbers = 6;
using AffinePose = std::array<double, kAffinePoseNumbers>;
/// As --dims calls them.
inline constexpr std::array<const char*, kAffinePoseNumbers> kPoseDims = {"rotation", "scale-x", "scale-y",
                                                                          "shear",    "x",       "y"};

/// Reads and makes the u of models of one kind of pose and one size of images.
class PoseReader {
  public:
    /// `pose` has numbers.
    PoseReader(const Pose& pose, int height, int width);

    /// Of one row u [S]. Where the map mirrors, log_scale_y is NaN.
    AffinePose read(const float* u) const;
    /// The matrix from places in the shown image to places in the canonical one.
    GridMatrix matrix(const AffinePose& pose) const;
    /// u [S] of the pose that leaves the canonical image as it is.
    std::vector<float> identity() const;
    bool is_spline() const { return pose_.form == WarpForm::kControlPoints; }
    /// Gives the spline u [S] another affine part; its bends stay.
    void bend_to(float* u, const AffinePose& pose) const;

  private:
    GridMatrix affine_part(const float* u) const;
    void add_at_control_points(float* u, const GridMatrix& A, double sign) const;

    const Pose pose_;
    const double half_height_, half_width_;  // pixels from the middle to the outermost pixels' centres
    int side_ = 0;                           // control points along one axis
    std::vector<double> fit_;                // [3, side^2]: from the control points' places to the nearest affine map
};

}  // namespace warpvae
