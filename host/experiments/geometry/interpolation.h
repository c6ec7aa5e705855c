// Transitions from one image to another through the latents of a trained model (section 2.3, Figure 5), and what the
// geodesic changes (numbers over many pairs).
#pragma once
#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "host/experiments/geometry/geometry.h"

namespace warpvae {

/// Figure 5's rows, in its order.
enum class Transition {
    kPixels,           ///< the line between the images themselves
    kMeans,            ///< the line between the posterior means, decoded
    kSamples,          ///< the line between one draw of each posterior
    kGeodesicSamples,  ///< draws along the Fisher-Rao geodesic of the posteriors
    kGeodesicMeans     ///< the means along it
};
inline constexpr std::array<Transition, 5> kTransitions = {Transition::kPixels, Transition::kMeans,
                                                           Transition::kSamples, Transition::kGeodesicSamples,
                                                           Transition::kGeodesicMeans};
const char* name_of(Transition transition);

struct TransitionFrames {
    int steps = 0;
    std::array<std::vector<float>, 5> frames;  ///< of kTransitions: [steps, D], levels
    /// The first frame nearer to the last than to the first (squared distance): where the image changes over.
    std::array<int, 5> change{};
    double distance = 0;           ///< Fisher-Rao, of the two posteriors
    double largest_deviation = 0;  ///< along the geodesic: largest over it of the geometric mean of sigma_t over that
                                   ///< of the line of deviations at the same t
};
/// a, b: bytes [D], as the models see them. Throws UsageError unless there are two steps at least.
TransitionFrames interpolate(LoadedRenyi& loaded, std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                             const InterpolationOptions& options);

/// Of frames [steps, D]: the first that is nearer to the last than to the first one; the last where none is.
int change_over(std::span<const float> frames, int steps);
/// The largest step from a frame to the next over the mean step (L2); 1: even, or nothing moves.
double sharpness(std::span<const float> frames, int steps);

/// A sheet of the five rows, `steps` columns: the images themselves stand in place of each row's first and last frame;
/// the frames of change of kMeans and kGeodesicMeans have a red border. The images are as large as those of `like`.
void draw_interpolation(const std::filesystem::path& path, const TransitionFrames& interpolation, const ImageSet& like,
                        const std::string& title);

/// How transitions differ over random pairs of test images of different classes.
struct TransitionStatistics {
    int pairs = 0;
    double deviation_ratio = 0;  ///< mean over pairs: geometric mean of sigma halfway on the geodesic over the line's
    double sharpness_means = 0;  ///< mean over pairs: largest step between frames over the mean step (L2 of levels)
    double sharpness_geodesic = 0;  ///< the same on kGeodesicMeans
    int sharper = 0;                ///< pairs whose geodesic transition is the sharper
    /// Of each pair: length by the Fisher metric over the distance, at least 1, of argo's half circles and of the line.
    std::vector<double> length_of_circles, length_of_line;
};
TransitionStatistics measure_transitions(const GeometryExperiment& experiment, const GeometryReplica& replica,
                                         int pairs, const InterpolationOptions& options);

}  // namespace warpvae
