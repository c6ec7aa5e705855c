#include "models/renyi_vae.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "cuda/device/device.h"

namespace warpvae {

// x -> hidden... -> (mu, variance);   z -> ...hidden -> logits, or means.
template <class T>
ParameterLayout RenyiVae<T>::make_layout() {
    ParameterLayout layout;
    const std::vector<int>& hidden = config_.hidden;
    std::vector<int> widths = {this->image_size()};
    widths.insert(widths.end(), hidden.begin(), hidden.end());
    if (!hidden.empty())
        encoder_ =
            DenseStack<T>(layout, "encoder.", widths, config_.activation, config_.initial, {}, config_.activation);
    heads_ = DenseLayer(layout, "heads", widths.back(), 2 * config_.latents, config_.initial);
    widths = {config_.latents};
    widths.insert(widths.end(), hidden.rbegin(), hidden.rend());
    widths.push_back(this->image_size());
    decoder_ = DenseStack<T>(layout, "decoder.", widths, Activation::kNone, config_.initial, {}, config_.activation);
    likelihood_ = PixelLikelihood<T>(layout, config_.likelihood, this->image_size());
    return layout;
}

template <class T>
RenyiVae<T>::RenyiVae(const RenyiVaeConfig& config, const std::vector<double>& alphas, int max_rows,
                      const Matmul& matmul)
    : Autoencoder<T>(Model<T>::image_shape(config.height, config.width, config.channels), int(alphas.size()), max_rows,
                     matmul),
      config_(config),
      host_alphas_(alphas),
      alphas_(alphas, "alphas"),
      orders_{alphas_.data(), config.analytic_kl},
      divergence_(R_, config.latents) {
    parameters_ = ParameterArena<T>(make_layout(), R_);
    const std::size_t rows = std::size_t(R_) * max_rows, draws = rows * config.samples;
    encoder_.allocate(rows);
    decoder_.allocate(draws);
    input_ = DeviceBuffer<T>(rows * this->image_size(), "minibatch");
    moments_ = DeviceBuffer<T>(rows * heads_.out(), "moments");
    d_moments_ = DeviceBuffer<T>(rows * heads_.out(), "moment gradients");
    d_hidden_ = DeviceBuffer<T>(rows * heads_.in(), "hidden gradients");
    kl_ = DeviceBuffer<T>(rows, "divergence");
    loss_ = DeviceBuffer<T>(rows, "loss");
    negative_elbo_ = DeviceBuffer<T>(rows, "negative ELBO");
    z_ = DeviceBuffer<T>(draws * config.latents, "latents");
    if (config.hidden.empty()) weighted_z_ = DeviceBuffer<T>(draws * config.latents, "weighted latents");
    loss_parts_ = DeviceBuffer<float>(draws * row_sum_parts(this->image_size()), "parts of the likelihood");
    tiles_arrived_ = DeviceBuffer<unsigned int>(R_ * row_sum_tiles(max_rows * config.samples), "tiles arrived");
    tiles_arrived_.zero();
    for (DeviceBuffer<T>* buffer : {&ratio_, &nll_, &weights_}) *buffer = DeviceBuffer<T>(draws, "log weights");
}

template <class T>
std::vector<LossTerm<T>> RenyiVae<T>::loss_terms() const {
    return {{"negative_bound", loss_.data(), 1.0}, {"negative_elbo", negative_elbo_.data(), 0.0}};
}

template <class T>
void RenyiVae<T>::schedule_divergence(const KlSchedule& schedule) {
    const bool is_elbo = std::all_of(host_alphas_.begin(), host_alphas_.end(), [](double alpha) { return alpha == 1; });
    if (!schedule.counts_all() && !(is_elbo && config_.analytic_kl))
        throw std::invalid_argument("a bound without an analytic divergence has none to weigh");
    divergence_.follow(schedule);
}

/// q(z | x) = N(mu(x), diag variance(x)), and z_k = mu + sigma epsilon_k with log p(z_k) - log q(z_k | x).
template <class T>
void RenyiVae<T>::draw(const T* x, int N, int K, const LatentNoise& noise) {
    const Range range("encoder.forward");
    if (!config_.hidden.empty()) encoder_.forward(matmul_, parameters_, this->first_read(x), R_, N);
    check(dense_posterior<T>(matmul_, {moments_.data(), kl_.data(), z_.data(), ratio_.data()}, encoded(x),
                             heads_.weight(parameters_), heads_.bias(parameters_), parameters_.stride(),
                             config_.variance, noise, R_, N, K, heads_.in(), config_.latents));
}
template <class T>
void RenyiVae<T>::encode_rows(const T* x, int N, const LatentNoise& noise) {
    draw(x, N, 1, noise);
}
template <class T>
void RenyiVae<T>::encode_draws(int N, int K, const LatentNoise& noise) {
    draw(input_.data(), N, K, noise);
}
template <class T>
void RenyiVae<T>::add_log_ratio(T* ratio, int N) {
    check(add<T>(ratio, ratio_.data(), std::size_t(R_) * N, this->stream()));
}

template <class T>
void RenyiVae<T>::decode(int N) {
    const Range range("decoder.forward");
    decoder_.forward(matmul_, parameters_, z_.data(), R_, N);
}

template <class T>
T RenyiVae<T>::largest_logit() const {
    const double p = config_.clipped_probability;
    return p > 0 ? T(std::log((1 - p) / p)) : T(0);
}
template <class T>
void RenyiVae<T>::likelihood(const PixelLoss<T>& to, const T* target, int N, int K, const T* weights) {
    const Range range("loss");
    const LossRows<T> rows{weights, {N, K}};  // all draws of an image share it as their target
    check(likelihood_.losses(to, parameters_, output(), target, T(1) / T(N), rows, N * K, this->stream(),
                             largest_logit()));
}
template <class T>
void RenyiVae<T>::negative_log_likelihood(T* nll, const T* target, int N, int K) {
    likelihood({nll}, target, N, K);
}
template <class T>
void RenyiVae<T>::decode_likelihood(T* nll, const T* target, int N, int K) {
    if (!likelihood_.is_bernoulli()) return Autoencoder<T>::decode_likelihood(nll, target, N, K);
    const Range range("decoder.forward");
    decoder_.bernoulli_nll(matmul_, parameters_, z_.data(), nll, {target, T(1), {N, K}, largest_logit()},
                           {loss_parts_.data(), tiles_arrived_.data()}, R_, N * K);
}

template <class T>
void RenyiVae<T>::decode_to_loss(int N) {
    const int K = config_.samples;
    if (!likelihood_.is_bernoulli()) {
        decode(N * K);
        likelihood({nll_.data(), likelihood_.has_deviation() ? nullptr : output()}, input_.data(), N, K);
        return;
    }
    const Range range("decoder.forward");
    decoder_.forward_to_bernoulli(matmul_, parameters_, z_.data(), nll_.data(),
                                  {input_.data(), T(1) / T(N), {N, K}, largest_logit()},
                                  {loss_parts_.data(), tiles_arrived_.data()}, R_, N * K);
}

template <class T>
void RenyiVae<T>::draw_samples(int N, const LatentNoise& noise) {
    LatentNoise drawn = noise;
    drawn.first_row *= config_.samples;
    encode_draws(N, config_.samples, drawn);
}

template <class T>
void RenyiVae<T>::deviation_to_loss(int N) {
    likelihood({nullptr, nullptr, true}, input_.data(), N, config_.samples, weights_.data());
    likelihood({nullptr, output()}, input_.data(), N, config_.samples);
}

template <class T>
void RenyiVae<T>::bound_draws(int N) {
    const Range range("bound");
    check(renyi_bound<T>({loss_.data(), negative_elbo_.data(), weights_.data()}, nll_.data(), ratio_.data(), kl_.data(),
                         orders_, R_, N, config_.samples, this->stream()));
}

/// Minus the bound of order alpha from K draws (Li and Turner, eq. 12), a row at a time.
template <class T>
void RenyiVae<T>::evaluate(int N, const LatentNoise& noise) {
    draw_samples(N, noise);
    decode_likelihood(nll_.data(), input_.data(), N, config_.samples);
    bound_draws(N);
}

template <class T>
void RenyiVae<T>::gradients(int N, const LatentNoise& noise) {
    draw_samples(N, noise);
    decode_to_loss(N);
    bound_draws(N);
    if (likelihood_.has_deviation()) deviation_to_loss(N);
    const KlWeight<T> kl_weight =
        divergence_.at(T(1), noise.step, moments_.data(), {Spread::kVariance, {}}, N, this->stream());
    {
        // The weights of the draws need all of their likelihoods. They commute with the products, so the decoder's last
        // layer applies them on the way back.
        const Range range("decoder.backward");
        const PosteriorPath<T> path{z_.data(),        moments_.data(), weights_.data(),  orders_,
                                    config_.variance, T(1) / T(N),     kl_weight.factors};
        decoder_.backward_to_posterior(matmul_, parameters_, d_moments_.data(), output(), path, weighted_z_.data(), R_,
                                       N, config_.samples);
    }
    const Range range("encoder.backward");
    T* d_hidden = config_.hidden.empty() ? nullptr : d_hidden_.data();
    heads_.backward(matmul_, parameters_, d_hidden, static_cast<const T*>(d_moments_.data()), encoded(input_.data()),
                    config_.activation, N);
    if (d_hidden) encoder_.backward(matmul_, parameters_, d_hidden, input_.data(), Activation::kNone, false, R_, N);
}

template class RenyiVae<float>;
template class RenyiVae<double>;

RenyiVae<float> resized(RenyiVae<float>& vae, int samples, int rows, const Matmul& matmul) {
    RenyiVaeConfig config = vae.config();
    config.samples = samples;
    RenyiVae<float> out(config, vae.alphas(), std::max(rows, 4), matmul);
    check(stream_synchronize(matmul.stream()));
    for (int r = 0; r < vae.replicas(); ++r) out.parameters().upload(r, vae.parameters().download(r));
    return out;
}

}  // namespace warpvae
