#include "host/evaluate/batches.h"

namespace warpvae {

void put_images(Autoencoder<float>& model, const GivenImages& images, std::size_t first, int rows) {
    check(gather_range(model.minibatch(), images.set.table(), first, model.replicas(), rows, model.image_size(),
                       model.stream(), model.input_shape().pixels));
    if (images.give) images.give(first, rows);
}

void take_rows(float* to, const float* all, int r, int rows, std::size_t width, Stream stream) {
    check(copy_to_host(to, all + std::size_t(r) * rows * width, sizeof(float) * rows * width, stream));
}

int evaluation_decoder_rows() { return device_is_gpu() ? 8192 : 512; }
int likelihood_decoder_rows(int R) {
    return std::max(evaluation_decoder_rows(), device_is_gpu() ? 65536 / std::max(R, 1) : 0);
}

}  // namespace warpvae
