#include "host/evaluate/replica_view.h"

#include <algorithm>

#include "models/device_images.h"

namespace warpvae {

ReplicaView view_replica(SpatialVae<float>& model, const std::vector<std::uint8_t>& images, int r,
                         const Matmul& matmul) {
    const Range range("view");
    const SpatialVaeConfig& config = model.config();
    const int R = model.replicas(), D = config.height * config.width;
    const std::size_t Z = std::size_t(config.latents), S = model.has_pose() ? std::size_t(config.pose_numbers()) : 0;
    const DeviceImages on_device({&images}, std::vector<int>(std::size_t(R), 0), D);
    const std::size_t n = on_device.count(), step = std::size_t(model.max_rows());
    ReplicaView view{std::vector<float>(n * Z), std::vector<float>(n * S), std::vector<float>(n * D),
                     std::vector<float>(n * D)};
    for (std::size_t first = 0; first < n; first += step) {
        const std::size_t rows = std::min(step, n - first);
        check(gather_range(model.minibatch(), on_device.table(), first, R, int(rows), D, matmul.stream()));
        model.encode(int(rows), LatentNoise{});
        model.decode(int(rows));
        model.transform(int(rows));
        const auto take = [&](std::vector<float>& to, const float* all, std::size_t width) {
            check(copy_to_host(to.data() + first * width, all + std::size_t(r) * rows * width,
                               sizeof(float) * rows * width, matmul.stream()));
        };
        take(view.z, model.z(), Z);
        if (S) take(view.u, model.u(), S);
        take(view.reference, model.reference(), std::size_t(D));
        take(view.output, model.output(), std::size_t(D));
    }
    return view;
}

}  // namespace warpvae
