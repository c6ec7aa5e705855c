// A trained model whose latents are asked for: images to codes and codes to images, one implementation over all
// auto-encoders. A program supplies its model, and what goes with it besides latents and pose.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/evaluate/batches.h"
#include "host/latents/pose.h"

namespace warpvae {

/// What a model draws n images from, on the host.
struct Codes {
    std::vector<float> z;           ///< [n, Z]
    std::vector<float> u;           ///< [n, S]: the pose in the model's own numbers
    std::vector<AffinePose> poses;  ///< [n]: in place of u; empty: u
    std::vector<float> r;           ///< [n, G]: what the model is given besides (EQUIVAE's invariant latent)

    void append(const Codes& more);
};

/// Posteriors of n images.
struct EncodedImages {
    Codes codes;                    ///< their means
    std::vector<float> deviations;  ///< [n, Z]: sigma, however the model says it
    std::vector<float> kl;          ///< [n]: KL(q || prior) in nats, of z and of a pose that has a prior
};

/// A row of a transition from one image to another.
struct TransitionRow {
    std::string name;
    std::vector<float> frames;  ///< [frames, D] in [0, 1]
    int marked = -1;            ///< a frame to point at
};

class LatentModel {
  public:
    virtual ~LatentModel() = default;
    virtual Autoencoder<float>& model() = 0;

    // --- what a program's model may have besides ---

    /// G, and the number of classes whose r it knows; 0: it is given nothing.
    virtual int given() const { return 0; }
    virtual int classes() const { return 0; }
    /// r [G] of a class.
    virtual std::vector<float> class_given(int) const { return {}; }
    /// r [rows, G] of the images in minibatch(), which the model is given too.
    virtual std::vector<float> read_given(int) { return {}; }
    virtual void give(const float* r, int rows) { (void)r, (void)rows; }
    /// The means of p(x | z) as levels in [0, 1].
    virtual std::vector<float> levels(std::vector<float> means) const { return means; }
    /// From image a to image b, bytes [D] as the model sees them: the line between the images and the line between
    /// their codes.
    virtual std::vector<TransitionRow> transitions(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                                                   int frames);

    // --- for all ---

    int Z() { return model().latents(); }
    int S() { return model().pose().numbers; }
    std::size_t D() { return std::size_t(model().image_size()); }
    /// Rows that are encoded or decoded at once: whole fours.
    int rows() { return model().max_rows() / 4 * 4; }
    bool has_pose_prior() { return model().has_pose() && model().divergences().size() > 1; }
    PoseReader pose_reader();

    /// Images first..first + n - 1, n at most rows().
    EncodedImages encode(const DeviceImages& images, std::size_t first, int n);
    /// All of the bytes [n, D].
    EncodedImages encode(const std::vector<std::uint8_t>& images);
    /// K draws z [n, K, Z] of the posteriors of the same images. They depend on the seed and on the images' places.
    std::vector<float> draw(const DeviceImages& images, std::size_t first, int n, int K, std::uint64_t seed);
    /// n draws of the prior of z, and of u where that has one: else the identity.
    Codes draw_prior(std::size_t n, std::uint64_t seed);
    /// Images [n, D] in [0, 1].
    std::vector<float> decode(const Codes& codes);
    /// -log p(x | code) [n] in nats of images first..first + n - 1, n at most rows().
    std::vector<float> negative_log_likelihood(const DeviceImages& images, std::size_t first, const Codes& codes);

  private:
    std::vector<float> take(const float* from, int n, std::size_t width);
    void put(const Codes& codes, std::size_t first, int n);
    std::vector<float> placed(const std::vector<AffinePose>& poses, std::size_t first, int n);
};

/// The same codes with the pose that leaves the canonical image as it is.
Codes without_pose(LatentModel& model, Codes codes);

/// Rows first..first + n - 1.
Codes rows_of(LatentModel& model, const Codes& codes, std::size_t first, std::size_t n);

/// Images that the commands put through a model at once.
inline constexpr int kLatentRows = 512;

/// One of a run's trained models, loaded when it is its turn.
struct LatentSubject {
    std::string name;    ///< the replica's
    std::uint64_t seed;  ///< of what is drawn
    std::function<std::unique_ptr<LatentModel>(int rows)> load;
};

/// A model that is given nothing besides its latents. Loaded is an OnDevice.
template <class Loaded>
struct PlainLatentModel : LatentModel {
    explicit PlainLatentModel(std::unique_ptr<Loaded> of) : loaded(std::move(of)) {}
    Autoencoder<float>& model() override { return loaded->model; }
    const std::unique_ptr<Loaded> loaded;
};
/// Subjects that Loaded(experiment, replica, rows) loads.
template <class Loaded, class E, class R>
std::vector<LatentSubject> latent_subjects(const E& experiment, const std::vector<R>& replicas) {
    std::vector<LatentSubject> all;
    for (const R& replica : replicas)
        all.push_back({replica.name(), replica.drawn_seed(), [&experiment, replica](int rows) {
                           return std::make_unique<PlainLatentModel<Loaded>>(
                               std::make_unique<Loaded>(experiment, replica, rows));
                       }});
    return all;
}

}  // namespace warpvae
