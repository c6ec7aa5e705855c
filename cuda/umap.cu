#include "cuda/umap.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status layout_half_epoch(T* out, const T* in, const LayoutGraph& graph, const LayoutStep& step, int C, Stream stream) {
    if (graph.vertices < 0 || step.epoch < 1 || step.half > 1 || step.negative_samples < 0 || out == in)
        return {kInvalidValue};
    const LaunchConfig config = for_blocks(layout_blocks(graph.vertices), 1, Block::any(128));
    if (C == 2) return launch(layout_half_epoch_kernel<2, T>, config, stream, out, in, graph, step);
    if (C == 3) return launch(layout_half_epoch_kernel<3, T>, config, stream, out, in, graph, step);
    return {kInvalidValue};
}
template Status layout_half_epoch(float*, const float*, const LayoutGraph&, const LayoutStep&, int, Stream);
template Status layout_half_epoch(double*, const double*, const LayoutGraph&, const LayoutStep&, int, Stream);

}  // namespace warpvae
