#include "models/renyi_vae.h"

#include <cmath>

#include "cuda/device/device.h"

namespace warpvae {

// x -> hidden... -> (mu, variance);   z -> ...hidden -> logits.
template <class T>
ParameterLayout RenyiVae<T>::make_layout() {
    ParameterLayout layout;
    const std::vector<int>& hidden = config_.hidden;
    std::vector<int> widths = {pixels_};
    widths.insert(widths.end(), hidden.begin(), hidden.end());
    if (!hidden.empty())
        encoder_ =
            DenseStack<T>(layout, "encoder.", widths, config_.activation, config_.initial, {}, config_.activation);
    heads_ = add_dense_layer(layout, "heads", widths.back(), 2 * config_.latents, config_.initial);
    widths = {config_.latents};
    widths.insert(widths.end(), hidden.rbegin(), hidden.rend());
    widths.push_back(pixels_);
    decoder_ = DenseStack<T>(layout, "decoder.", widths, Activation::kNone, config_.initial, {}, config_.activation);
    return layout;
}

template <class T>
RenyiVae<T>::RenyiVae(const RenyiVaeConfig& config, const std::vector<double>& alphas, int max_rows,
                      const Matmul& matmul)
    : config_(config),
      R_(int(alphas.size())),
      max_rows_(max_rows),
      pixels_(config.height * config.width),
      matmul_(matmul),
      parameters_(make_layout(), R_),
      host_alphas_(alphas),
      alphas_(alphas, "alphas"),
      orders_{alphas_.data(), config.analytic_kl} {
    const std::size_t rows = std::size_t(R_) * max_rows, draws = rows * config.samples;
    encoder_.allocate(rows);
    decoder_.allocate(draws);
    input_ = DeviceBuffer<T>(rows * pixels_, "minibatch");
    moments_ = DeviceBuffer<T>(rows * heads_.out, "moments");
    d_moments_ = DeviceBuffer<T>(rows * heads_.out, "moment gradients");
    d_hidden_ = DeviceBuffer<T>(rows * heads_.in, "hidden gradients");
    kl_ = DeviceBuffer<T>(rows, "divergence");
    loss_ = DeviceBuffer<T>(rows, "loss");
    negative_elbo_ = DeviceBuffer<T>(rows, "negative ELBO");
    z_ = DeviceBuffer<T>(draws * config.latents, "latents");
    for (DeviceBuffer<T>* buffer : {&ratio_, &nll_, &weights_}) *buffer = DeviceBuffer<T>(draws, "log weights");
}

template <class T>
GatherOptions RenyiVae<T>::input_shape() const {
    GatherOptions options;
    options.height = config_.height;
    options.width = config_.width;
    return options;
}

template <class T>
std::vector<LossTerm<T>> RenyiVae<T>::loss_terms() const {
    return {{"negative_bound", loss_.data(), 1.0}, {"negative_elbo", negative_elbo_.data(), 0.0}};
}

/// q(z | x) = N(mu(x), diag variance(x)).
template <class T>
void RenyiVae<T>::encode(int N) {
    const Range range("encoder.forward");
    const T* values = parameters_.values();
    if (!config_.hidden.empty()) encoder_.forward(matmul_, parameters_, input_.data(), R_, N);
    check(dense_forward(matmul_, moments_.data(), encoded(), values + heads_.weight, values + heads_.bias,
                        parameters_.layout().size(), Activation::kNone, R_, N, heads_.in, heads_.out));
    check(variance_head(moments_.data(), kl_.data(), config_.variance, R_, N, config_.latents, matmul_.stream()));
}

template <class T>
void RenyiVae<T>::sample(int N, const LatentNoise& noise) {
    check(posterior_samples(z_.data(), ratio_.data(), moments_.data(), noise, R_, N, config_.samples, config_.latents,
                            matmul_.stream()));
}

template <class T>
void RenyiVae<T>::decode(int rows) {
    const Range range("decoder.forward");
    decoder_.forward(matmul_, parameters_, z_.data(), R_, rows);
}

template <class T>
void RenyiVae<T>::likelihood_pass(int N, bool gradient) {
    const Range range("loss");
    // All draws of an image share it as their target; in the gradient each counts by its weight, over N images.
    const LossRows<T> rows{gradient ? weights_.data() : nullptr, {N, config_.samples}};
    const int draws = N * config_.samples;
    const T scale = T(1) / T(N);
    T *nll = gradient ? nullptr : nll_.data(), *d_logits = gradient ? logits() : nullptr;
    if (config_.likelihood == Likelihood::kGaussian) {
        check(gaussian_likelihood<T>({nll, d_logits, nullptr}, logits(), input_.data(), {}, scale, R_, draws, pixels_,
                                     1, matmul_.stream(), rows));
        return;
    }
    const double p = config_.clipped_probability;
    check(bernoulli_from_logits<T>(nll, d_logits, logits(), input_.data(), scale, R_, draws, pixels_, matmul_.stream(),
                                   rows, p > 0 ? T(std::log((1 - p) / p)) : T(0)));
}
template <class T>
void RenyiVae<T>::likelihood(int N) {
    likelihood_pass(N, false);
}

/// Minus the bound of order alpha from K draws (Li and Turner, eq. 12), a row at a time.
template <class T>
void RenyiVae<T>::evaluate(int N, const LatentNoise& noise) {
    encode(N);
    sample(N, noise);
    decode(N * config_.samples);
    likelihood(N);
    check(renyi_bound<T>({loss_.data(), negative_elbo_.data(), weights_.data()}, nll_.data(), ratio_.data(), kl_.data(),
                         orders_, R_, N, config_.samples, matmul_.stream()));
}

template <class T>
void RenyiVae<T>::gradients(int N, const LatentNoise& noise) {
    evaluate(N, noise);
    // The weights of the draws need all of their likelihoods, so the logits are read a second time for the gradient.
    likelihood_pass(N, true);
    const T* d_z = nullptr;
    {
        const Range range("decoder.backward");
        d_z = decoder_.backward(matmul_, parameters_, logits(), z_.data(), Activation::kNone, true, R_,
                                N * config_.samples);
    }
    const Range range("encoder.backward");
    check(posterior_backward(d_moments_.data(), d_z, z_.data(), moments_.data(), weights_.data(), orders_,
                             config_.variance, T(1) / T(N), R_, N, config_.samples, config_.latents, matmul_.stream()));
    T* d_hidden = config_.hidden.empty() ? nullptr : d_hidden_.data();
    check(dense_backward<T>(matmul_, d_hidden, parameters_.gradients() + heads_.weight,
                            parameters_.gradients() + heads_.bias, d_moments_.data(), encoded(),
                            parameters_.values() + heads_.weight, parameters_.layout().size(), config_.activation, R_,
                            N, heads_.in, heads_.out));
    if (d_hidden) encoder_.backward(matmul_, parameters_, d_hidden, input_.data(), Activation::kNone, false, R_, N);
}

template class RenyiVae<float>;
template class RenyiVae<double>;

}  // namespace warpvae
