// The interface of all auto-encoders here. It encodes images into posteriors and draws, decodes draws into images, and
// gives the numbers of which bounds and importance weights are made. host/evaluate/ is written once over it.
//
//   x   an image, D numbers
//   z   its latents, Z numbers
//   u   its pose, S numbers, in models that have one
//   y'  what z decodes to
//   x'  the image that comes out: y' moved by u, or y' itself without a pose
//
// Each call works on N rows of each of R replicas. Training comes from Model.
#pragma once
#include "models/model.h"

namespace warpvae {

/// The numbers of u, and which of them are the warp that makes x' from y'.
struct Pose {
    int numbers = 0;  ///< S; 0: the model has no pose
    WarpForm form = WarpForm::kAffine;
    int first = 0;  ///< where that warp's numbers begin in a row of u
};

template <class T>
class Autoencoder : public Model<T> {
  public:
    /// Z.
    virtual int latents() const = 0;
    virtual Pose pose() const { return {}; }
    bool has_pose() const { return pose().numbers > 0; }
    /// The most rows that `decode` takes: max_rows(), or more in a model that takes several draws of an image.
    virtual int decoder_rows() const { return this->max_rows(); }

    // --- encoder ---

    /// Reads N images from minibatch(). Fills moments(), and z() and u() with one draw of the posterior, or its mean if
    /// the noise has no seeds.
    void encode(int N, const LatentNoise& noise) { encode_rows(this->minibatch(), N, noise); }
    /// The same with K draws of each image: z() and u() get N K rows, at most decoder_rows(). Row n K + k is draw k of
    /// image n and takes the noise of row noise.first_row + n K + k.
    virtual void encode_draws(int N, int K, const LatentNoise& noise);
    /// Fills z() with draws of the prior, and u() where that has a prior. The noise must have seeds.
    virtual void sample_prior(int N, const LatentNoise& noise);

    virtual T* z() = 0;                    ///< [R, N, Z]
    virtual const T* moments() const = 0;  ///< [R, N, 2Z]: the means, then the spreads
    virtual Spread spread() const = 0;     ///< how a spread says the deviation
    virtual T* u() { return nullptr; }     ///< [R, N, S], or null
    /// KL(q || prior) of the last `encode`, in nats: an array [R, N] for z, and one for u where that has a prior.
    virtual std::vector<const T*> divergences() const = 0;
    /// ratio [R, N] += log p(z, u) - log q(z, u | x), for the N rows that `encode` or `encode_draws` drew last.
    virtual void add_log_ratio(T* ratio, int N);

    // --- decoder ---

    /// Fills output() from N rows of z() and u().
    virtual void decode(int N) = 0;
    /// x' [R, N, D] as the parameter of p(x | z): logits, probabilities or means.
    virtual T* output() = 0;
    /// y' [R, N, D] before the pose; output() in a model without one.
    virtual T* reference() { return output(); }
    /// Whether output() is logits.
    virtual bool decodes_to_logits() const = 0;
    /// The mean of p(x | z) [R, N, D]: probabilities or means. It overwrites output().
    T* decoded_images(int N);
    /// nll [R, N K] = -log p(target | z) in nats, for what `decode` made last. target [R, N, D]: each is for K rows.
    virtual void negative_log_likelihood(T* nll, const T* target, int N, int K = 1) = 0;
    /// The same from z() and u(), where what `decode` makes of them is wanted for nothing else: output() and
    /// reference() may be left as they are.
    virtual void decode_likelihood(T* nll, const T* target, int N, int K = 1);

    // --- bound ---

    /// Minus the bound of log p(x) for the N images of minibatch(): fills the rows of bound_terms() [R, N], in nats.
    virtual void bound(int N, const LatentNoise& noise) { this->evaluate(N, noise); }
    virtual std::vector<LossTerm<T>> bound_terms() const { return this->loss_terms(); }
    /// How many rows of moments() `bound` makes of one image.
    virtual int posteriors_per_image() const { return 1; }

  protected:
    using Model<T>::Model;
    /// `encode` of the images x [R, N, D].
    virtual void encode_rows(const T* x, int N, const LatentNoise& noise) = 0;
    /// Each of the images x [R, N, D] K times: [R, N K, D]. The next call overwrites it.
    const T* repeated(const T* x, int N, int K);

    /// Allocates for `repeated` now instead of at its first call.
    void allocate_repeated();

  private:
    DeviceBuffer<T> repeated_;
};

}  // namespace warpvae
