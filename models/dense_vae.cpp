#include "models/dense_vae.h"

#include <type_traits>

#include "cuda/device/device.h"

namespace warpvae {

// x -> hidden... -> (mu, log sigma^2);   z -> ...hidden -> logits, or means.
template <class T>
ParameterLayout DenseVae<T>::make_layout() {
    ParameterLayout layout;
    const std::vector<int>& hidden = config_.hidden;
    std::vector<int> widths = {this->image_size()};
    widths.insert(widths.end(), hidden.begin(), hidden.end());
    encoder_ = DenseStack<T>(layout, "encoder.", widths, Activation::kRelu, InitialRule::kTorch);
    const Initial start = Initial::torch(hidden.back());
    heads_ = DenseLayer(layout, "heads", hidden.back(), 2 * config_.latents, start, start);
    widths = {config_.latents};
    widths.insert(widths.end(), hidden.rbegin(), hidden.rend());
    widths.push_back(this->image_size());
    decoder_ = DenseStack<T>(layout, "decoder.", widths, Activation::kNone, InitialRule::kTorch);
    likelihood_ = PixelLikelihood<T>(layout, config_.likelihood, this->image_size());
    return layout;
}

template <class T>
DenseVae<T>::DenseVae(const DenseVaeConfig& config, int R, int max_rows, const Matmul& matmul)
    : Autoencoder<T>(Model<T>::image_shape(config.height, config.width, config.channels), R, max_rows, matmul),
      config_(config) {
    parameters_ = ParameterArena<T>(make_layout(), R);
    const std::size_t rows = std::size_t(R) * max_rows;
    encoder_.allocate(rows);
    decoder_.allocate(rows);
    input_ = DeviceBuffer<T>(rows * this->image_size(), "minibatch");
    moments_ = DeviceBuffer<T>(rows * heads_.out(), "moments");
    image_moments_ = DeviceBuffer<T>(rows * heads_.out(), "moments");
    d_moments_ = DeviceBuffer<T>(rows * heads_.out(), "moment gradients");
    z_ = DeviceBuffer<T>(rows * config.latents, "latents");
    reconstruction_ = DeviceBuffer<T>(rows, "reconstruction");
    kl_ = DeviceBuffer<T>(rows, "divergence");
    loss_parts_ = DeviceBuffer<float>(rows * row_sum_parts(this->image_size()), "parts of the reconstruction");
    tiles_arrived_ = DeviceBuffer<unsigned int>(R * row_sum_tiles(max_rows), "tiles arrived");
    tiles_arrived_.zero();
    d_hidden_ = DeviceBuffer<T>(rows * heads_.in(), "hidden gradients");
    divergence_ = DivergenceWeight<T>(R, config.latents);
}

template <class T>
std::vector<LossTerm<T>> DenseVae<T>::loss_terms() const {
    return {{"reconstruction", reconstruction_.data(), 1.0}, {"kl", kl_.data(), config_.beta}};
}

template <class T>
std::vector<LossTerm<T>> DenseVae<T>::training_terms() const {
    std::vector<LossTerm<T>> terms = loss_terms();
    if constexpr (std::is_same_v<T, float>)
        if (leaves_parts()) terms[0].rows = loss_parts_.data(), terms[0].parts = row_sum_parts(this->image_size());
    return terms;
}

/// q(z | x) = N(mu(x), diag sigma^2(x)), and z = mu + sigma * epsilon (eq. 9 and 10).
template <class T>
void DenseVae<T>::encode_rows(const T* x, int N, const LatentNoise& noise) {
    const Range range("encoder.forward");
    encoder_.forward(matmul_, parameters_, this->first_read(x), R_, N);
    heads_.forward_to_gaussian<T>(matmul_, parameters_, moments_.data(), z_.data(), kl_.data(), encoder_.output(), {},
                                  noise, N);
}

template <class T>
void DenseVae<T>::encode_draws(int N, int K, const LatentNoise& noise) {
    if (K == 1) return this->encode(N, noise);
    const Range range("encoder.forward");
    encoder_.forward(matmul_, parameters_, input_.data(), R_, N);
    heads_.forward_to_draws<T>(matmul_, parameters_, moments_.data(), z_.data(), kl_.data(), image_moments_.data(),
                               encoder_.output(), {}, noise, N, K);
}

/// The parameter of p(x | z): Bernoulli(sigmoid(logits(z))) (appendix C.1), or N(means(z), s^2) (appendix C.2).
template <class T>
void DenseVae<T>::decode(int N) {
    const Range range("decoder.forward");
    decoder_.forward(matmul_, parameters_, z_.data(), R_, N);
}

template <class T>
void DenseVae<T>::negative_log_likelihood(T* nll, const T* target, int N, int K) {
    const Range range("loss");
    check(likelihood_.losses({nll}, parameters_, output(), target, T(1), {nullptr, {N, K}}, N * K, this->stream()));
}
template <class T>
void DenseVae<T>::decode_likelihood(T* nll, const T* target, int N, int K) {
    if (!likelihood_.is_bernoulli()) return Autoencoder<T>::decode_likelihood(nll, target, N, K);
    const Range range("decoder.forward");
    decoder_.bernoulli_nll(matmul_, parameters_, z_.data(), nll, {target, T(1), {N, K}},
                           {loss_parts_.data(), tiles_arrived_.data()}, R_, N * K);
}

/// -ELBO = -log p(x | z) + KL(q(z | x) || p(z)), one sample of z (eq. 7), a row at a time.
template <class T>
void DenseVae<T>::evaluate(int N, const LatentNoise& noise) {
    this->encode(N, noise);
    decode_likelihood(reconstruction_.data(), input_.data(), N);
}

/// The loss is the mean over the batch, so its gradients carry 1 / N. A Bernoulli's is the decoder's last layer.
template <class T>
void DenseVae<T>::decode_to_loss(int N) {
    if (likelihood_.is_bernoulli()) {
        const Range range("decoder.forward");
        decoder_.forward_to_bernoulli(matmul_, parameters_, z_.data(),
                                      leaves_parts() ? nullptr : reconstruction_.data(), {input_.data(), T(1) / T(N)},
                                      {loss_parts_.data(), tiles_arrived_.data()}, R_, N);
        return;
    }
    decode(N);
    const Range range("loss");
    check(likelihood_.losses({reconstruction_.data(), output(), true}, parameters_, output(), input_.data(),
                             T(1) / T(N), {}, N, this->stream()));
}

template <class T>
void DenseVae<T>::gradients(int N, const LatentNoise& noise) {
    this->encode(N, noise);
    decode_to_loss(N);
    T* d_output = output();
    const KlWeight<T> kl_weight =
        divergence_.at(T(config_.beta / N), noise.step, moments_.data(), {}, N, this->stream());
    {
        // Each layer: dW = dy^T a, db = sum dy, da = dy W * (a > 0), from the image back to z, and through z = mu +
        // sigma epsilon and the divergence to (mu, log sigma^2).
        const Range range("decoder.backward");
        decoder_.backward_to_gaussian(matmul_, parameters_, d_moments_.data(), d_output, z_.data(), moments_.data(), {},
                                      kl_weight, N);
    }
    const Range range("encoder.backward");
    // Through the heads to the image.
    heads_.backward(matmul_, parameters_, d_hidden_.data(), static_cast<const T*>(d_moments_.data()),
                    static_cast<const T*>(encoder_.output()), Activation::kRelu, N);
    encoder_.backward(matmul_, parameters_, d_hidden_.data(), input_.data(), Activation::kNone, false, R_, N);
}

template class DenseVae<float>;
template class DenseVae<double>;

}  // namespace warpvae
