#include "host/evaluate/batches.h"

namespace warpvae {

void put_images(Autoencoder<float>& model, const GivenImages& images, std::size_t first, int rows) {
    check(gather_range(model.minibatch(), images.set.table(), first, model.replicas(), rows, model.image_size(),
                       model.stream(), model.input_shape().pixels));
    if (images.give) images.give(first, rows);
}

int evaluation_decoder_rows() { return device_is_gpu() ? 8192 : 512; }

}  // namespace warpvae
