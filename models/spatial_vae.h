// The models of Vive, "Variational generation of images by deep spatial architectures": a VAE, and two whose second
// latent u is the pose of the image. A spatial transformer layer applies u to the decoded image. R replicas at once.
//
//   VAE      z ~ q(z|x)                             x' = dec(z)
//   T-VAE    z, u ~ q(z|x) q(u|x)                   x' = T_u(dec(z))       dec(z): the digit in reference pose
//   DT-VAE   u ~ q(u|x), y = T_u(x), z ~ q(z|y)     x' = T_u^-1(dec(z))    y: the input, pose undone
//
// The sigmoid comes before the warp, so x ~ Bernoulli(x') is read from probabilities, clipped to [1e-6, 1 - 1e-6]. A
// Gaussian's mean is the same x'. spatial_vae.cpp writes forward, loss and backward out, from top to bottom.
#pragma once
#include "models/autoencoder.h"
#include "models/dense_stack.h"
#include "models/divergence_weight.h"
#include "models/image_warp.h"
#include "models/likelihood.h"

namespace warpvae {

enum class SpatialKind { kVae, kTransformer, kDoubleTransformer };
enum class PoseKind {
    kAffine,  ///< a 2 x 3 matrix
    kPose5,   ///< psi, log Sx, log Sy, Tx, Ty
    kSpline,  ///< the offsets of a thin-plate spline's control points
};

/// What is known of u before the image (section V.iii); P0 is the paper's uniform prior with a delta posterior.
enum class PosePrior {
    kNone,       ///< P0: u a function of x, no divergence
    kFixedMean,  ///< P1: N(identity, diag tau^2), tau fitted
    kFitted,     ///< P2, P3, P4: N(nu, diag tau^2), both fitted
    kFull,       ///< P5: u = W v + b with v ~ N(0, I_k): N(b, W W^T), of rank k at most
};
/// A DT-VAE's second warp undoes the first, or has numbers of its own.
enum class SecondTransform { kInverse, kIndependent };
enum class RangeLimit { kNone, kTanh, kSigmoid };
/// What a model that is trained on spoilt images is to make of them: the images as they were, or as it was given them.
enum class NoiseTarget { kClean, kNoisy };

struct SpatialVaeConfig {
    int height = 28, width = 28, channels = 1;
    SpatialKind kind = SpatialKind::kVae;
    PoseKind pose = PoseKind::kAffine;
    int control_points = 3;  ///< g: the spline has g x g
    PosePrior prior = PosePrior::kNone;
    int rank = 0;  ///< k of kFull; 0: as many as u has numbers
    SecondTransform second = SecondTransform::kInverse;
    RangeLimit limit = RangeLimit::kNone;
    double limit_range = 1;                ///< the most that a number of u may differ from the identity's
    std::vector<int> hidden = {256, 256};  ///< of the encoder; the decoder mirrors them
    int latents = 8;
    int localisation = 128;                 ///< hidden units between x and u in a DT-VAE
    bool separate_trunk = false;            ///< T-VAE: u has an encoder of its own
    int samples = 1;                        ///< L: draws of (z, u) for each image (eq. 8)
    double loss_scale = 1;                  ///< factor of the loss; unlike Adam, Adadelta's steps depend on it
    Spread spread = Spread::kLogDeviation;  ///< of both posteriors; or kLogDeviationFromOne
    Likelihood likelihood = Likelihood::kBernoulli;
    /// Put on the images in training alone, anew in each step; amount 0: none.
    Degradation noise = {};
    NoiseTarget noise_target = NoiseTarget::kClean;

    WarpForm first_form() const;
    /// The warp that makes x'; in a T-VAE the only one.
    WarpForm last_form() const;
    int basis_size() const { return pose == PoseKind::kSpline ? control_points * control_points : 3; }
    int warp_numbers() const { return warp_parameters(first_form(), basis_size()); }
    /// S: all numbers of u.
    int pose_numbers() const;
    /// Dimensions of what is drawn: S, or the rank.
    int pose_latents() const { return prior == PosePrior::kFull && rank > 0 ? rank : pose_numbers(); }
    std::vector<double> identity() const;  ///< [S]
};

template <class T>
class SpatialVae : public Autoencoder<T> {
  public:
    /// Throws std::invalid_argument where the configuration has no meaning (a spline's closed inverse, 9 x 9 points).
    SpatialVae(const SpatialVaeConfig& config, int R, int max_rows, const Matmul& matmul);

    /// With config().noise, `noise` needs its seeds and step.
    bool gathers_minibatch() const override { return config_.samples == 1 && config_.noise.amount == 0; }
    void gradients(int N, const LatentNoise& noise) override;
    void evaluate(int N, const LatentNoise& noise) override;
    std::vector<LossTerm<T>> loss_terms() const override;
    std::vector<LossTerm<T>> training_terms() const override;
    /// The pose's divergence, where it has a prior, is warmed up too; none of its bits are free.
    void schedule_divergence(const KlSchedule& schedule) override;

    int latents() const override { return config_.latents; }
    Pose pose() const override;
    int decoder_rows() const override { return this->max_rows() * config_.samples; }
    void encode_draws(int N, int K, const LatentNoise& noise) override;
    /// u() is left as it is where it has no prior (P0).
    void sample_prior(int N, const LatentNoise& noise) override;
    T* z() override { return z_.data(); }
    const T* moments() const override { return moments_.data(); }
    Spread spread() const override { return config_.spread; }
    T* u() override { return u_.data(); }
    std::vector<const T*> divergences() const override;
    void add_log_ratio(T* ratio, int N) override;
    void decode(int N) override;
    T* output() override { return this->has_pose() ? warped_.data() : decoder_.output(); }
    T* reference() override { return decoder_.output(); }
    bool decodes_to_logits() const override { return false; }
    void negative_log_likelihood(T* nll, const T* target, int N, int K = 1) override;
    void decode_likelihood(T* nll, const T* target, int N, int K = 1) override;
    int posteriors_per_image() const override { return config_.samples; }

    /// The two halves of decode: reference() from z(), then output() from reference() and u().
    void decode_reference(int N);
    void transform(int N);
    const T* upright() const { return upright_.data(); }  ///< y [R, N, D] of a DT-VAE
    const SpatialVaeConfig& config() const { return config_; }

  private:
    using Model<T>::R_, Model<T>::matmul_, Model<T>::parameters_, Model<T>::input_;

    ParameterLayout make_layout();
    /// Whether `gradients` leaves the reconstruction's rows in parts.
    bool leaves_parts() const {
        return likelihood_.is_bernoulli() && !this->has_pose() && config_.samples == 1 && dense_is_fused<T>(matmul_);
    }
    void encode_rows(const T* x, int M, const LatentNoise& noise) override;
    void pose_forward(const T* features, int M, const LatentNoise& noise);
    void pose_from_drawn(int M);
    const T* corrupted(const T* x, int M, const LatentNoise& noise);
    void average_draws(int N);
    void decode_to_loss(const T* x, T weight, int M);
    const T* pose_backward(const T* features, KlWeight<T> kl_weight, int M, const T* more);
    GaussianLatent<T> z_latent() const { return {config_.spread, {}}; }
    GaussianLatent<T> pose_latent() const;
    T* unlimited();
    T* drawn();
    bool has_pose_prior() const { return this->has_pose() && config_.prior != PosePrior::kNone; }
    Warp<T> first_warp() const;
    Warp<T> last_warp() const;

    SpatialVaeConfig config_;
    int D_, S_, V_;
    DenseStack<T> trunk_, pose_trunk_, decoder_;
    DenseLayer heads_, pose_heads_, pose_map_;
    PixelLikelihood<T> likelihood_;
    DivergenceWeight<T> divergence_, pose_divergence_;
    std::size_t prior_mean_ = 0, prior_deviation_ = 0;
    ImageWarp<T> warp_;
    DeviceBuffer<T> basis_, identity_, range_;
    DeviceBuffer<T> corrupted_;                                     // images with noise on them
    DeviceBuffer<T> moments_, z_, upright_, warped_;                // y, x'
    DeviceBuffer<T> image_moments_, image_pose_moments_;            // of K draws, or the pose itself (P0)
    DeviceBuffer<T> pose_moments_, drawn_, free_, u_;               // v, what the range limit takes, the warp's numbers
    DeviceBuffer<T> reconstruction_, kl_, pose_kl_;                 // [R, N L]
    DeviceBuffer<float> loss_parts_;                                // of the layer that ends in a likelihood
    DeviceBuffer<unsigned int> tiles_arrived_;                      // of the same
    DeviceBuffer<T> mean_reconstruction_, mean_kl_, mean_pose_kl_;  // [R, N], for L > 1
    DeviceBuffer<T> d_pixels_, d_logits_, d_moments_, d_pose_moments_, d_u_, d_drawn_, d_hidden_, d_pose_hidden_;
};

}  // namespace warpvae
