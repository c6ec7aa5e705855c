#include <algorithm>
#include <cstdio>

#include "host/experiments/geometry/results.h"

namespace warpvae {
namespace {

/// Its transitions are the five of Figure 5.
struct GeometryLatents : PlainLatentModel<LoadedRenyi> {
    GeometryLatents(std::unique_ptr<LoadedRenyi> of, const InterpolationOptions& how)
        : PlainLatentModel(std::move(of)), options(how) {}

    std::vector<TransitionRow> transitions(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                                           int) override {
        const TransitionFrames found = interpolate(*loaded, a, b, options);
        std::printf("Fisher-Rao distance %.2f\n", found.distance);
        std::vector<TransitionRow> rows;
        for (std::size_t row = 0; row < kTransitions.size(); ++row) {
            const Transition kind = kTransitions[row];
            const bool marked = kind == Transition::kMeans || kind == Transition::kGeodesicMeans;
            rows.push_back({name_of(kind), found.frames[row], marked ? found.change[row] : -1});
            std::printf("%-28s changes over at frame %d of %d\n", name_of(kind), found.change[row] + 1, found.steps);
        }
        return rows;
    }

    const InterpolationOptions options;
};

}  // namespace

std::vector<LatentSubject> geometry_latents(const GeometryExperiment& experiment,
                                            const std::vector<GeometryReplica>& replicas) {
    std::vector<LatentSubject> all;
    for (const GeometryReplica& replica : replicas)
        all.push_back({replica.name(), replica.drawn_seed(), [&experiment, replica](int rows) {
                           return std::make_unique<GeometryLatents>(experiment.load(replica, rows),
                                                                    experiment.of_paper().interpolation);
                       }});
    return all;
}

}  // namespace warpvae
