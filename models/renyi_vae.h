// The variational auto-encoder of Peste, Malago and Sarbu (2017). It trains on Renyi's bound of K draws (Li and Turner
// 2016). Each of its R replicas has an order alpha of its own, so one ensemble trains all alphas. alpha = 1 is the
// ELBO; alpha = 0 is the importance-weighted auto-encoder (Burda et al. 2016).
#pragma once
#include "models/autoencoder.h"
#include "models/dense_stack.h"
#include "models/divergence_weight.h"
#include "models/likelihood.h"

namespace warpvae {

struct RenyiVaeConfig {
    int height = 28, width = 28, channels = 1;
    /// Encoder widths from the image inwards; the decoder mirrors them. None: both are linear.
    std::vector<int> hidden = {200, 200};
    int latents = 30;
    int samples = 10;  ///< K
    Activation activation = Activation::kRelu;
    VarianceHead variance = VarianceHead::kSoftplus;
    InitialRule initial = InitialRule::kXavier;
    Likelihood likelihood = Likelihood::kBernoulli;
    bool analytic_kl = true;         ///< alpha = 1: the KL in closed form
    double clipped_probability = 0;  ///< p: Bernoulli probabilities are kept in [p, 1 - p]; 0: no bound
};

template <class T>
class RenyiVae : public Autoencoder<T> {
  public:
    /// alphas [R]: each replica's order. Parameters are zero until `parameters().initialise(...)` or an upload.
    RenyiVae(const RenyiVaeConfig& config, const std::vector<double>& alphas, int max_rows, const Matmul& matmul);

    bool gathers_minibatch() const override { return !config_.hidden.empty(); }
    void gradients(int N, const LatentNoise& noise) override;
    void evaluate(int N, const LatentNoise& noise) override;
    /// Minus the bound, which is the loss, and minus the mean log weight of the same draws, which is only reported.
    std::vector<LossTerm<T>> loss_terms() const override;
    /// Only the ELBO with its divergence in closed form has one to weigh: alpha = 1 and analytic_kl, in every replica.
    void schedule_divergence(const KlSchedule& schedule) override;

    int latents() const override { return config_.latents; }
    /// config().samples of each of max_rows() images.
    int decoder_rows() const override { return this->max_rows() * config_.samples; }
    void encode_draws(int N, int K, const LatentNoise& noise) override;
    T* z() override { return z_.data(); }
    const T* moments() const override { return moments_.data(); }
    Spread spread() const override { return Spread::kVariance; }
    std::vector<const T*> divergences() const override { return {kl_.data()}; }
    void add_log_ratio(T* ratio, int N) override;
    void decode(int N) override;
    T* output() override { return decoder_.output(); }
    bool decodes_to_logits() const override { return likelihood_.of_logits(); }
    void negative_log_likelihood(T* nll, const T* target, int N, int K = 1) override;
    void decode_likelihood(T* nll, const T* target, int N, int K = 1) override;
    const RenyiVaeConfig& config() const { return config_; }
    const std::vector<double>& alphas() const { return host_alphas_; }

  private:
    using Model<T>::R_, Model<T>::matmul_, Model<T>::parameters_, Model<T>::input_;

    ParameterLayout make_layout();
    /// What the heads read: the encoder's last hidden layer, or the image x.
    const T* encoded(const T* x) { return config_.hidden.empty() ? x : encoder_.output(); }
    void encode_rows(const T* x, int N, const LatentNoise& noise) override;
    /// q(z | x) of N images and K draws of each.
    void draw(const T* x, int N, int K, const LatentNoise& noise);
    /// q(z | x) of N images and all draws, at the noise of a step.
    void draw_samples(int N, const LatentNoise& noise);
    /// Row losses of N images with K draws each, and the gradient of their weighted sum / N.
    void likelihood(const PixelLoss<T>& to, const T* target, int N, int K, const T* weights = nullptr);
    /// Decodes all draws, then `likelihood` with output() as the gradient. A Bernoulli's is the decoder's last layer. A
    /// deviation's gradient needs the draws' weights: output() is left as it is for deviation_to_loss.
    void decode_to_loss(int N);
    void deviation_to_loss(int N);
    /// The bound, and each draw's weight in its gradient.
    void bound_draws(int N);
    /// Where clipped_probability bounds the logits; 0: nowhere.
    T largest_logit() const;

    RenyiVaeConfig config_;
    DenseStack<T> encoder_, decoder_;
    DenseLayer heads_;
    PixelLikelihood<T> likelihood_;
    std::vector<double> host_alphas_;
    DeviceBuffer<double> alphas_;
    RenyiOrders orders_;
    DivergenceWeight<T> divergence_;
    DeviceBuffer<T> moments_, kl_, z_, ratio_, nll_, weights_, loss_, negative_elbo_;
    DeviceBuffer<float> loss_parts_;            // of dense_bernoulli and dense_bernoulli_nll
    DeviceBuffer<unsigned int> tiles_arrived_;  // of the same
    DeviceBuffer<T> weighted_z_;                // of a decoder of one layer
    DeviceBuffer<T> d_moments_, d_hidden_;
};

/// A model of the same parameters for other sizes: K = `samples` draws of up to `rows` images at a time, four at least.
RenyiVae<float> resized(RenyiVae<float>& vae, int samples, int rows, const Matmul& matmul);

}  // namespace warpvae
