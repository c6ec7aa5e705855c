#include "models/dense_vae.h"

#include <algorithm>

#include "cuda/device/device.h"

namespace warpvae {

template <class T>
typename DenseVae<T>::Layer DenseVae<T>::add_layer(ParameterLayout& layout, const std::string& name, int in, int out) {
    Layer layer{0, 0, in, out};
    layer.weight = layout.add(name + ".weight", {out, in}, Initial::torch(in));
    layer.bias = layout.add(name + ".bias", {out}, Initial::torch(in));
    return layer;
}

// x -> hidden... -> (mu, log sigma^2);   z -> ...hidden -> logits. Names as a torch.nn.Sequential would number them,
// ReLUs counted: encoder.0, encoder.2, ..., heads, decoder.0, decoder.2, ...
template <class T>
ParameterLayout DenseVae<T>::make_layout() {
    ParameterLayout layout;
    const int depth = static_cast<int>(config_.hidden.size());
    int in = pixels_;
    for (int i = 0; i < depth; ++i) {
        encoder_.push_back(add_layer(layout, "encoder." + std::to_string(2 * i), in, config_.hidden[i]));
        in = config_.hidden[i];
    }
    heads_ = add_layer(layout, "heads", in, 2 * config_.latents);
    in = config_.latents;
    for (int i = 0; i <= depth; ++i) {
        const int out = i < depth ? config_.hidden[depth - 1 - i] : pixels_;
        decoder_.push_back(add_layer(layout, "decoder." + std::to_string(2 * i), in, out));
        in = out;
    }
    return layout;
}

template <class T>
DenseVae<T>::DenseVae(const DenseVaeConfig& config, int R, int max_rows, const Matmul& matmul)
    : config_(config),
      R_(R),
      max_rows_(max_rows),
      pixels_(config.height * config.width),
      matmul_(matmul),
      parameters_(make_layout(), R) {
    const std::size_t rows = std::size_t(R) * max_rows;
    activations_.emplace_back(rows * pixels_, "minibatch");
    for (const Layer& layer : encoder_) activations_.emplace_back(rows * layer.out, "encoder activations");
    for (std::size_t i = 0; i + 1 < decoder_.size(); ++i)
        decoder_activations_.emplace_back(rows * decoder_[i].out, "decoder activations");
    moments_ = DeviceBuffer<T>(rows * 2 * config.latents, "moments");
    d_moments_ = DeviceBuffer<T>(rows * 2 * config.latents, "moment gradients");
    z_ = DeviceBuffer<T>(rows * config.latents, "latents");
    logits_ = DeviceBuffer<T>(rows * pixels_, "logits");
    reconstruction_ = DeviceBuffer<T>(rows, "reconstruction");
    kl_ = DeviceBuffer<T>(rows, "divergence");
    int widest = config.latents;
    for (int width : config.hidden) widest = std::max(widest, width);
    for (DeviceBuffer<T>& buffer : d_hidden_) buffer = DeviceBuffer<T>(rows * widest, "hidden gradients");
}

template <class T>
GatherOptions DenseVae<T>::input_shape() const {
    GatherOptions options;
    options.height = config_.height;
    options.width = config_.width;
    return options;
}

template <class T>
std::vector<LossTerm<T>> DenseVae<T>::loss_terms() const {
    return {{"reconstruction", reconstruction_.data(), 1.0}, {"kl", kl_.data(), config_.beta}};
}

/// q(z | x) = N(mu(x), diag sigma^2(x)), and z = mu + sigma * epsilon (eq. 9 and 10).
template <class T>
void DenseVae<T>::encode(int N, const LatentNoise& noise) {
    const Range range("encoder.forward");
    const T* values = parameters_.values();
    const std::size_t P = parameters_.layout().size();
    for (std::size_t i = 0; i < encoder_.size(); ++i) {
        const Layer& layer = encoder_[i];
        check(dense_forward(matmul_, activations_[i + 1].data(), activations_[i].data(), values + layer.weight,
                            values + layer.bias, P, Activation::kRelu, R_, N, layer.in, layer.out));
    }
    check(gaussian_head_forward(moments_.data(), z_.data(), kl_.data(), activations_.back().data(),
                                values + heads_.weight, values + heads_.bias, P, noise, R_, N, heads_.in,
                                config_.latents, matmul_.stream()));
}

/// p(x | z) = Bernoulli(sigmoid(logits(z))) (appendix C.1).
template <class T>
void DenseVae<T>::decode(int N) {
    const Range range("decoder.forward");
    const T* values = parameters_.values();
    const T* in = z_.data();
    for (std::size_t i = 0; i < decoder_.size(); ++i) {
        const Layer& layer = decoder_[i];
        const bool last = i + 1 == decoder_.size();
        T* out = last ? logits_.data() : decoder_activations_[i].data();
        check(dense_forward(matmul_, out, in, values + layer.weight, values + layer.bias, parameters_.layout().size(),
                            last ? Activation::kNone : Activation::kRelu, R_, N, layer.in, layer.out));
        in = out;
    }
}

/// -ELBO = -log p(x | z) + KL(q(z | x) || p(z)), one sample of z (eq. 7), a row at a time.
template <class T>
void DenseVae<T>::evaluate(int N, const LatentNoise& noise) {
    encode(N, noise);
    decode(N);
    const Range range("loss");
    check(bernoulli_from_logits<T>(reconstruction_.data(), nullptr, logits_.data(), activations_[0].data(), T(1), R_, N,
                                   pixels_, matmul_.stream()));
}

template <class T>
void DenseVae<T>::gradients(int N, const LatentNoise& noise) {
    encode(N, noise);
    decode(N);
    const std::size_t P = parameters_.layout().size();
    const T* values = parameters_.values();
    T* d_values = parameters_.gradients();
    const Stream stream = matmul_.stream();
    {
        // The loss is the mean over the batch, so every gradient below carries 1 / N. d logits takes the logits' place.
        const Range range("loss");
        check(bernoulli_from_logits<T>(reconstruction_.data(), logits_.data(), logits_.data(), activations_[0].data(),
                                       T(1) / T(N), R_, N, pixels_, stream));
    }
    T* dy = logits_.data();
    int other = 0;
    {
        // Decoder: dW = dy^T a, db = sum dy, da = dy W * (a > 0), from the image back to z.
        const Range range("decoder.backward");
        for (std::size_t i = decoder_.size(); i-- > 0; other = 1 - other) {
            const Layer& layer = decoder_[i];
            const T* a = i ? decoder_activations_[i - 1].data() : z_.data();
            check(dense_backward(matmul_, d_hidden_[other].data(), d_values + layer.weight, d_values + layer.bias, dy,
                                 a, values + layer.weight, P, i ? Activation::kRelu : Activation::kNone, R_, N,
                                 layer.in, layer.out));
            dy = d_hidden_[other].data();
        }
    }
    const Range range("encoder.backward");
    // Through z = mu + sigma epsilon and the divergence to (mu, log sigma^2): now dy is dz.
    check(gaussian_head_backward(d_moments_.data(), dy, z_.data(), moments_.data(), T(config_.beta / N), R_, N,
                                 config_.latents, stream));
    dy = d_moments_.data();
    for (std::size_t i = encoder_.size() + 1; i-- > 0; other = 1 - other) {
        const Layer& layer = i == encoder_.size() ? heads_ : encoder_[i];
        check(dense_backward(matmul_, i ? d_hidden_[other].data() : nullptr, d_values + layer.weight,
                             d_values + layer.bias, dy, activations_[i].data(), values + layer.weight, P,
                             i ? Activation::kRelu : Activation::kNone, R_, N, layer.in, layer.out));
        dy = d_hidden_[other].data();
    }
}

template class DenseVae<float>;
template class DenseVae<double>;

}  // namespace warpvae
