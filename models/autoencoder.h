// What every auto-encoder here can be asked, whatever its layers: posteriors of images, draws of them, what those
// decode to, and the numbers that bounds and importance weights are made of. Evaluation is written once over this
// (host/evaluate/).
//
//   x the image [D]   z its latents [Z]   u its pose [S], in models that have one   y' what z decodes to
//   x' the image that comes out: y' itself, or y' moved by u
//
// One call works on N rows of each of R replicas. Training and `evaluate` come from Model.
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
    /// Rows that `decode` takes at most: max_rows(), or more in a model that takes several draws of an image.
    virtual int decoder_rows() const { return this->max_rows(); }

    // --- encoder ---

    /// From minibatch(): moments(), and in z() and u() one draw of them, or without noise their means.
    void encode(int N, const LatentNoise& noise) { encode_rows(this->minibatch(), N, noise); }
    /// K draws of each of the N images of minibatch(): N K rows of z() and u(), an image's K together. Row n K + k
    /// takes the noise of row noise.first_row + n K + k. The rows are decoder_rows() at most.
    virtual void encode_draws(int N, int K, const LatentNoise& noise);
    /// z() (and u(), where it has a prior) drawn from the prior; noise.seeds must be there.
    virtual void sample_prior(int N, const LatentNoise& noise);

    virtual T* z() = 0;                    ///< [R, N, Z]
    virtual const T* moments() const = 0;  ///< [R, N, 2Z]: the means, then what spread() says
    virtual Spread spread() const = 0;     ///< what the second half of moments() is
    virtual T* u() { return nullptr; }     ///< [R, N, S], or null
    /// KL(q || prior) of the last `encode`, in nats: one array [R, N] for each latent of the model.
    virtual std::vector<const T*> divergences() const = 0;
    /// ratio [R, N] += log p(z, u) - log q(z, u | x), of the draws of the last `encode` or `encode_draws`.
    virtual void add_log_ratio(T* ratio, int N);

    // --- decoder ---

    /// output() from z() and u().
    virtual void decode(int N) = 0;
    /// x' [R, N, D] as the parameter of p(x | z): logits, probabilities or means.
    virtual T* output() = 0;
    /// y' [R, N, D] before the pose; output() in a model without one.
    virtual T* reference() { return output(); }
    /// Whether output() is logits.
    virtual bool decodes_to_logits() const = 0;
    /// The mean of p(x | z) [R, N, D], in the place of output().
    T* decoded_images(int N);
    /// nll [R, N K] = -log p(target | z), in nats, of the last `decode`; target [R, N, D], each for K rows.
    virtual void negative_log_likelihood(T* nll, const T* target, int N, int K = 1) = 0;

    // --- bound ---

    /// The training bound of the N images of minibatch(), a row at a time: fills the rows of bound_terms().
    virtual void bound(int N, const LatentNoise& noise) { this->evaluate(N, noise); }
    virtual std::vector<LossTerm<T>> bound_terms() const { return this->loss_terms(); }
    /// Rows of moments() that `bound` makes of one image.
    virtual int posteriors_per_image() const { return 1; }

  protected:
    using Model<T>::Model;
    /// `encode` of the images x [R, N, D].
    virtual void encode_rows(const T* x, int N, const LatentNoise& noise) = 0;
    /// x [R, N, D] with each image K times: [R, N K, D]. Valid until the next call.
    const T* repeated(const T* x, int N, int K);

    /// Makes room for `repeated` now, not at its first call.
    void allocate_repeated();

  private:
    DeviceBuffer<T> repeated_;
};

}  // namespace warpvae
