// The variational auto-encoder of Peste, Malago and Sarbu (2017), trained on Renyi's bound of K draws (Li and Turner
// 2016), R replicas at once and each with an order alpha of its own: one ensemble trains all alphas. alpha = 1 is the
// ELBO, alpha = 0 the importance-weighted auto-encoder (Burda et al. 2016).
#pragma once
#include "models/dense_stack.h"
#include "models/likelihood.h"
#include "models/model.h"

namespace warpvae {

struct RenyiVaeConfig {
    int height = 28, width = 28;
    /// Encoder widths from the image inwards; the decoder mirrors them. None: both are linear.
    std::vector<int> hidden = {200, 200};
    int latents = 30;
    int samples = 10;  ///< K
    Activation activation = Activation::kRelu;
    VarianceHead variance = VarianceHead::kSoftplus;
    InitialRule initial = InitialRule::kXavier;
    Likelihood likelihood = Likelihood::kBernoulli;  ///< or Gaussian of unit deviation
    bool analytic_kl = true;                         ///< alpha = 1: the KL in closed form
    double clipped_probability = 0;  ///< p: Bernoulli probabilities are kept in [p, 1 - p]; 0: they are not
};

template <class T>
class RenyiVae : public Model<T> {
  public:
    /// alphas [R]: each replica's order. Parameters are zero until `parameters().initialise(...)` or an upload.
    RenyiVae(const RenyiVaeConfig& config, const std::vector<double>& alphas, int max_rows, const Matmul& matmul);

    void gradients(int N, const LatentNoise& noise) override;
    void evaluate(int N, const LatentNoise& noise) override;
    /// Minus the bound, which is the loss; minus the mean log weight of the same draws, of no weight.
    std::vector<LossTerm<T>> loss_terms() const override;

    /// The parts, from minibatch(): posteriors; K draws of each; their likelihoods.
    void encode(int N);
    void sample(int N, const LatentNoise& noise);
    void decode(int rows);                                ///< logits() or means from z(), `rows` of each replica
    void likelihood(int N);                               ///< nll() of the decoded draws
    const T* moments() const { return moments_.data(); }  ///< [R, N, 2Z]: mu, then the variances
    T* z() { return z_.data(); }                          ///< [R, N K, Z]
    T* logits() { return decoder_.output(); }             ///< [R, N K, D]
    const T* ratio() const { return ratio_.data(); }      ///< [R, N K]: log p(z) - log q(z|x)
    const T* nll() const { return nll_.data(); }          ///< [R, N K]
    int decoder_rows() const { return this->max_rows() * config_.samples; }
    const RenyiVaeConfig& config() const { return config_; }
    const std::vector<double>& alphas() const { return host_alphas_; }

  private:
    using Model<T>::R_, Model<T>::matmul_, Model<T>::parameters_, Model<T>::input_, Model<T>::stream;

    ParameterLayout make_layout();
    /// What the heads read: the encoder's last hidden layer, or the image.
    const T* encoded() { return config_.hidden.empty() ? input_.data() : encoder_.output(); }
    /// Row losses, or with `gradient` the logits' gradient in their place.
    void likelihood_pass(int N, bool gradient);

    RenyiVaeConfig config_;
    DenseStack<T> encoder_, decoder_;
    DenseLayer heads_;
    std::vector<double> host_alphas_;
    DeviceBuffer<double> alphas_;
    RenyiOrders orders_;
    DeviceBuffer<T> moments_, kl_, z_, ratio_, nll_, weights_, loss_, negative_elbo_;
    DeviceBuffer<T> d_moments_, d_hidden_;
};

}  // namespace warpvae
