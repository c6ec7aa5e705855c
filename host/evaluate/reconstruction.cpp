#include "host/evaluate/reconstruction.h"

namespace warpvae {

std::vector<float> decode_latents(Autoencoder<float>& model, const std::vector<float>& z, int r) {
    const int R = model.replicas();
    const std::size_t Z = std::size_t(model.latents()), D = std::size_t(model.image_size()), n = z.size() / Z;
    std::vector<float> images(n * D);
    for_batches(n, model.decoder_rows(), [&](std::size_t first, int rows) {
        std::vector<float> all(std::size_t(R) * rows * Z, 0.f);
        std::copy_n(z.begin() + first * Z, rows * Z, all.begin() + std::size_t(r) * rows * Z);
        check(copy_to_device(model.z(), all.data(), all.size() * sizeof(float), model.stream()));
        model.decode(rows);
        take_rows(images.data() + first * D, model.decoded_images(rows), r, rows, D, model.stream());
    });
    return images;
}

ReplicaView view_replica(Autoencoder<float>& model, const std::vector<std::uint8_t>& images, int r) {
    const Range range("view");
    const std::size_t D = std::size_t(model.image_size()), Z = std::size_t(model.latents()),
                      S = std::size_t(model.pose().numbers);
    const DeviceImages on_device({&images}, std::vector<int>(std::size_t(model.replicas()), 0), int(D));
    const std::size_t n = on_device.count();
    ReplicaView view{std::vector<float>(n * Z), std::vector<float>(n * S), std::vector<float>(n * D),
                     std::vector<float>(n * D)};
    for_batches(model, on_device, n, model.max_rows(), [&](std::size_t first, int rows) {
        model.encode(rows, LatentNoise{});
        model.decode(rows);
        take_rows(view.output.data() + first * D, model.decoded_images(rows), r, rows, D, model.stream());
        take_rows(view.reference.data() + first * D, model.reference(), r, rows, D, model.stream());
        take_rows(view.z.data() + first * Z, model.z(), r, rows, Z, model.stream());
        if (S) take_rows(view.u.data() + first * S, model.u(), r, rows, S, model.stream());
    });
    return view;
}

}  // namespace warpvae
