// EQUIVAE (Feige 2019, "Invariant-Equivariant Representation Learning for Multi-Class Data"). The latent r carries the
// class: it is a function of *other* images of the class. The stochastic latent v carries the rest of the image. R
// replicas at once.
//
//   r_y = 1/m sum_j f_inv(x_j), x_j of class y, none of them x     (eq. 2; the mean is taken inside f_inv)
//   v ~ q(v | r_y, x) = N(mu, diag sigma^2)                        (eq. 3)
//   x ~ p(x | r_y, v)                                              Bernoulli, or Gaussian
//   q(y | x)                                                       where only some images are labelled (eq. 5)
//
// The supervised loss is -L_lab, averaged over the minibatch. The semi-supervised loss is -L_unlab, averaged over the
// unlabelled images with an exact sum over classes, plus -L_lab - log q(y|x) of labelled ones. equivae.cpp writes
// forward, loss and backward out, from top to bottom.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "models/autoencoder.h"
#include "models/class_sets.h"
#include "models/device_images.h"
#include "models/divergence_weight.h"
#include "models/image_trunk.h"
#include "models/likelihood.h"

namespace warpvae {

/// How many labelled images a semi-supervised step takes beside its unlabelled ones.
enum class LabelledMixing {
    kPaired,  ///< min(batch, labelled) of them, going round the labelled set; both losses are means
    kSum,     ///< every labelled image once an epoch, spread evenly over its steps: the sum of eq. 16
};

struct EquivaeConfig {
    int height = 28, width = 28, channels = 1;
    int classes = 10;
    int latents = 16;  ///< of r, and of v
    std::vector<int> filters = {8, 16, 32, 64, 64};
    std::vector<int> decoder_filters = {64, 32, 16, 8};
    int trunk_hidden = 128;   ///< after the convolutions: 64 with fewer than 16 latents
    int hidden = 64;          ///< of the dense layers of f_inv and q(v | r, x): 32 with fewer than 16 latents
    int decoder_hidden = 64;  ///< of the decoder's first dense layers; its second has twice as many units
    std::vector<int> classifier_hidden = {128, 64};  ///< of q(y | x)
    double dropout = 0.5;
    InitialRule initial = InitialRule::kLasagne;  ///< or kTorch
    Normalisation normalisation = Normalisation::kNone;
    Likelihood likelihood = Likelihood::kBernoulli;
    PixelScale pixels;                           ///< device memory; none: bytes / 255
    int min_complement = 1, max_complement = 7;  ///< m is uniform in these, one draw a step
    bool semi_supervised = false;
    LabelledMixing mixing = LabelledMixing::kPaired;
    /// What a labelled image weighs in the loss, in multiples of an unlabelled one: 1 in the paper's sum (eq. 7, 16).
    /// None: as the mixing has it, 1 with kSum, and unlabelled / labelled images with kPaired, whose losses are means.
    std::optional<double> labelled_weight;
    bool self_complement = false;  ///< the ablation of section 3: r = f_inv(x) of the image itself
    /// For images of this shape. The paper's filters are for 28 and 32 pixels a side: each of the decoder's doubles the
    /// side, from 2 on. Larger images have more layers of 64 filters, at the small end of both nets; smaller ones have
    /// fewer layers. Throws std::invalid_argument unless it is a square of sides().
    void fit(int height, int width);
    /// 2^(n+1) and 2^(n+1) - 4 for n up to 7, upwards.
    static std::vector<int> sides();
    /// The paper's widths for so many latents: below 16 trunk_hidden and hidden are halved.
    static EquivaeConfig for_latents(int latents);
};

/// What a training step reads besides its minibatch. All of it must outlive the model.
struct EquivaeData {
    const DeviceImages* images = nullptr;  ///< labelled images; supervised: the trainer's own
    const DeviceImages* labels = nullptr;  ///< one byte each
    const ClassSets* classes = nullptr;
    std::size_t unlabelled = 0;  ///< images of an epoch, semi-supervised
};

template <class T>
class Equivae : public Autoencoder<T> {
  public:
    /// `max_rows`: the most images of a minibatch; a semi-supervised step's labelled images come on top. Without `data`
    /// the model can be evaluated but not trained.
    Equivae(const EquivaeConfig& config, int R, int max_rows, const EquivaeData& data, const Matmul& matmul,
            const Convolver& convolver);

    int batch_rows(int N) const override { return N + (config_.semi_supervised ? labelled_ : 0); }
    std::uint64_t begin_step(const MinibatchOrder& order, std::uint64_t step) override;
    void gradients(int N, const LatentNoise& noise) override;
    void evaluate(int N, const LatentNoise& noise) override;
    std::vector<LossTerm<T>> loss_terms() const override;
    /// Of v; with few labels a latent's mean is over all pairs, by what each weighs in the loss.
    void schedule_divergence(const KlSchedule& schedule) override { divergence_.follow(schedule); }

    // As an auto-encoder it is a model of x given r. Fill r(), row n for image n, before `encode` or `decode`.
    int latents() const override { return config_.latents; }
    /// This repeats the N rows of r() too: fill r() anew before the next call.
    void encode_draws(int N, int K, const LatentNoise& noise) override;
    T* z() override { return v_.data(); }
    const T* moments() const override { return moments_.data(); }
    Spread spread() const override { return Spread::kLogVariance; }
    std::vector<const T*> divergences() const override { return {kl_.data()}; }
    void decode(int N) override;
    T* output() override { return decoder_.output(); }
    bool decodes_to_logits() const override { return likelihood_.of_logits(); }
    void negative_log_likelihood(T* nll, const T* target, int N, int K = 1) override;
    void bound(int N, const LatentNoise& noise) override;
    std::vector<LossTerm<T>> bound_terms() const override;

    /// embedding() [R, N, Z] = f_inv(x), m = 1, of minibatch().
    void embed(int N);
    /// r() [R, S, Z] of S sets of m images; fill sets() [R, S, m, D] before.
    void embed_sets(int S, int m);
    /// Fills nll() and kl() [R, N, classes] for each image of minibatch() with each class. r() holds a row a class.
    void bound_by_class(int N, const LatentNoise& noise);
    /// Fills class_logits() [R, N, classes] of q(y | x) from minibatch(), without dropout. Semi-supervised models only.
    void classify(int N);

    T* sets() { return sets_.data(); }
    const T* embedding() const { return embedding_.data(); }
    T* r() { return r_.data(); }  ///< [R, N, Z]
    T* v() { return v_.data(); }  ///< the paper's name for z()
    const T* kl() const { return kl_.data(); }
    const T* nll() const { return nll_.data(); }
    const T* class_logits() { return class_head_.output(); }
    const EquivaeConfig& config() const { return config_; }
    /// The most pairs of an image and a class in bound_by_class. Every other call takes max_rows() rows, and embed_sets
    /// max_rows() sets of config().max_complement images.
    int pair_rows() const { return max_pairs_; }

  private:
    using Model<T>::R_, Model<T>::max_rows_, Model<T>::matmul_, Model<T>::parameters_, Model<T>::input_;

    ParameterLayout make_layout();
    PairShape pairs_of(int N) const;
    /// What f_inv takes: the sets, or in the ablation the image itself.
    const T* sets_images() const { return config_.self_complement ? input_.data() : sets_.data(); }
    void gather_sets(const LatentNoise& noise);
    void invariant_latents(DenseChain<T>& chain, int sets, int m);
    void read_r(DenseStack<T>& layers);
    void equivariant_latents(DenseChain<T>& chain, const LatentNoise& noise);
    void decoder_features(DenseChain<T>& chain);
    void classify_features(const LatentNoise& drop);
    void likelihood(T* nll, T* d_pixels, const T* target, PairShape pairs, T scale, const T* weights);
    void forward(int N, const LatentNoise& noise);
    void update_running(const std::uint64_t* step);
    double labelled_share() const;
    T labelled_scale() const;
    ClassExpectation<T> class_rows();
    void class_loss(const ClassExpectation<T>& out, const T* kl);
    KlWeight<T> class_gradients(const LatentNoise& noise);
    T* pixels_backward(T* d_pixels);
    const T* decoder_backward(DenseChain<T>& chain, T* d_joint);
    void equivariant_backward(DenseChain<T>& chain, const T* d_v, KlWeight<T> kl_weight);
    void invariant_backward(DenseChain<T>& chain);
    T* classifier_backward(const LatentNoise& drop);
    void encode_pairs(const T* x, const LatentNoise& noise);
    void decode_pairs();
    void encode_rows(const T* x, int N, const LatentNoise& noise) override;

    EquivaeConfig config_;
    int max_labelled_ = 0, max_pairs_;
    std::size_t D_;
    EquivaeData data_;
    const Convolver& convolver_;

    ImageTrunk<T> inv_trunk_, cov_trunk_, class_trunk_;
    ImageTrunk<T> inv_image_trunk_;      // f_inv of single images, for q(y | x)
    DenseStack<T> inv_tail_;             // mean over the set -> r
    DenseStack<T> cov_r_, mu_, logvar_;  // r -> 64; (h, r) -> mu, log sigma^2
    DenseStack<T> decoder_r_, decoder_v_, decoder_joint_;
    ConvStack<T> decoder_;
    DenseStack<T> class_head_;
    PixelLikelihood<T> likelihood_;
    DivergenceWeight<T> divergence_;

    int m_ = 1, labelled_ = 0;  // of the running step
    MinibatchOrder order_, labelled_order_;
    PairShape pairs_;                                     // of the last forward
    T *d_decoder_in_ = nullptr, *d_cov_joint_ = nullptr;  // of the last backward
    DeviceBuffer<T> sets_, set_mean_;
    DeviceBuffer<T> embedding_, r_, r_before_, cov_joint_, moments_, v_, kl_, decoder_in_, nll_, class_in_;
    DeviceBuffer<std::uint8_t> labels_;  // [R, labelled]
    DeviceBuffer<T> log_prior_;          // [classes]
    DeviceBuffer<T> pair_weights_, counted_kl_, reconstruction_, expected_kl_, class_kl_, cross_entropy_;
    DeviceBuffer<T> d_inv_, d_cov_hidden_, d_cov_r_, d_moments_, d_mu_, d_logvar_, d_decoder_r_, d_decoder_v_,
        d_class_hidden_;
};

}  // namespace warpvae
