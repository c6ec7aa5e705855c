// The variational auto-encoder of Kingma and Welling (2014) from dense layers, R replicas at once: the model of Mills
// (2024) with hidden = {400}. dense_vae.cpp writes forward, loss and backward out, from top to bottom.
#pragma once
#include "models/autoencoder.h"
#include "models/dense_stack.h"
#include "models/divergence_weight.h"
#include "models/likelihood.h"

namespace warpvae {

struct DenseVaeConfig {
    int height = 28, width = 28, channels = 1;
    std::vector<int> hidden = {
        400};  ///< encoder widths, at least one, from the image inwards; the decoder mirrors them
    int latents = 20;
    double beta = 1;  ///< weight of the divergence (beta-VAE, Higgins et al. 2017)
    Likelihood likelihood = Likelihood::kBernoulli;
};

template <class T>
class DenseVae : public Autoencoder<T> {
  public:
    /// Parameters are zero until `parameters().initialise(...)` or an upload.
    DenseVae(const DenseVaeConfig& config, int R, int max_rows, const Matmul& matmul);

    bool gathers_minibatch() const override { return true; }
    void gradients(int N, const LatentNoise& noise) override;
    void evaluate(int N, const LatentNoise& noise) override;
    std::vector<LossTerm<T>> loss_terms() const override;
    std::vector<LossTerm<T>> training_terms() const override;
    void schedule_divergence(const KlSchedule& schedule) override { divergence_.follow(schedule); }

    int latents() const override { return config_.latents; }
    void encode_draws(int N, int K, const LatentNoise& noise) override;
    T* z() override { return z_.data(); }
    const T* moments() const override { return moments_.data(); }
    Spread spread() const override { return Spread::kLogVariance; }
    std::vector<const T*> divergences() const override { return {kl_.data()}; }
    void decode(int N) override;
    T* output() override { return decoder_.output(); }
    bool decodes_to_logits() const override { return likelihood_.of_logits(); }
    void negative_log_likelihood(T* nll, const T* target, int N, int K = 1) override;
    void decode_likelihood(T* nll, const T* target, int N, int K = 1) override;
    const DenseVaeConfig& config() const { return config_; }

  private:
    void encode_rows(const T* x, int N, const LatentNoise& noise) override;
    using Model<T>::R_, Model<T>::matmul_, Model<T>::parameters_, Model<T>::input_;

    ParameterLayout make_layout();
    /// Whether `gradients` leaves the reconstruction's rows in parts.
    bool leaves_parts() const { return likelihood_.is_bernoulli() && dense_is_fused<T>(matmul_); }
    /// Row losses of what z() decodes to, and output() becomes the gradient of their mean.
    void decode_to_loss(int N);

    DenseVaeConfig config_;
    DenseStack<T> encoder_, decoder_;
    DenseLayer heads_;
    PixelLikelihood<T> likelihood_;
    DivergenceWeight<T> divergence_;
    DeviceBuffer<T> moments_, image_moments_, z_, reconstruction_, kl_;
    DeviceBuffer<float> loss_parts_;            // of dense_bernoulli and dense_bernoulli_nll
    DeviceBuffer<unsigned int> tiles_arrived_;  // of the same
    DeviceBuffer<T> d_moments_, d_hidden_;
};

}  // namespace warpvae
