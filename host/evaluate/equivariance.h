// Does u take the pose up, and is y' free of it? Images x are changed by a known g, and what the model makes of g x is
// compared with what it makes of x, both through the means of the posteriors.
//
// Images are functions of a place p; warps are maps from a place in the output to one in the input:
//
//   (g x)(p) = x(G p),    x'(p) = y'(A p)
//
// A is the matrix of the model's last warp (T_u of a T-VAE, T_u^-1 of a DT-VAE), in coordinates where the image spans
// -1..1. A model that moves its output with its input, x'(g x) = g x'(x), from a y' that stays, has
//
//   y'(A(g x) p) = y'(A(x) G p), so
//   A(g x) = A(x) G                           G is applied first to a place, so it stands on the right
//
// In a DT-VAE the first warp, y(p) = x(A^-1 p), says the same: (g x)(A(g x)^-1 p) = x(G A(g x)^-1 p) = x(A(x)^-1 p).
// A fixed matrix C between y' and what one would call upright, A -> C A, changes nothing: it stands on the left.
//
// Scores, sums running over images and pixels (values 0..1):
//
//   reference_change   sum |y'(g x) - y'(x)| / sum |g x - x|
//                      0: y' is invariant; 1: it changes as much as the input does. A z that carries nothing scores 0
//                      too: read it beside a reconstruction error
//   output_psnr        10 log10(1 / mean (x'(g x) - g x'(x))^2) dB
//                      beside it unmoved_psnr, with x'(x) for x'(g x): what a model scores that does not see g
//   pose_error         sum |A(g x) - A(x) G| / sum |A(x) G - A(x)|, Frobenius norms of [2, 3]
//                      0: u takes up all of g; 1: u did not move, or moves as much in other ways. Affine poses only
//   pose_gain          sum <A(g x) - A(x), A(x) G - A(x)> / sum |A(x) G - A(x)|^2
//                      how far u moves, on the whole, along the way it should: 1 all of it, 0 not at all. What it does
//                      besides, image by image, is pose_error's
#pragma once
#include <array>

#include "data/affine_change.h"
#include "host/evaluate/reconstruction.h"

namespace warpvae {

/// [a, b, tx; c, d, ty], as the numbers of WarpForm::kAffine.
using GridMatrix = std::array<double, 6>;

/// The matrix that u has in an affine form (any WarpForm but kControlPoints); affine_grid.cuh in double.
GridMatrix grid_matrix(const float* u, WarpForm form);
/// The matrix of a map between pixel offsets, in coordinates that run from -1 to 1 over pixel centres.
GridMatrix grid_matrix(const AffineMap& map, int height, int width);
/// |det| is kept at least 1e-4, as in affine_grid.cuh.
GridMatrix inverse(const GridMatrix& A);
/// A B: first B, then A.
GridMatrix compose(const GridMatrix& A, const GridMatrix& B);

struct PoseChange {
    double error = 0, gain = 0;
};
/// pose_error and pose_gain of `before` A(x) and `after` A(g x), one matrix an image; NaN where G is the identity.
PoseChange pose_change(const std::vector<GridMatrix>& before, const std::vector<GridMatrix>& after,
                       const GridMatrix& G);
/// sum |after - before|.
double total_change(const std::vector<float>& before, const std::vector<float>& after);
/// In dB, of values in 0..1; infinite where they are equal.
double psnr(const std::vector<float>& a, const std::vector<float>& b);

/// A change, and the row of a table that it counts for.
struct KnownChange {
    const char* kind;  ///< rotation, scale, shear, translation
    AffineChange change;
};
/// Turns of +-10 and +-20 degrees, scales of 0.9 and 1.1, shears of +-0.2, translations of +-2 pixels along either
/// axis.
const std::vector<KnownChange>& equivariance_changes();

struct EquivarianceScore {
    double reference_change = 0, output_psnr = 0, unmoved_psnr = 0;
    double pose_error = 0, pose_gain = 0;  ///< NaN without a pose and for splines
};
/// Of replica r, one for each change.
std::vector<EquivarianceScore> measure_equivariance(Autoencoder<float>& model, const ImageSet& images,
                                                    const std::vector<KnownChange>& changes, int r);

}  // namespace warpvae
