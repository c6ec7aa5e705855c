#include "host/evaluate/likelihood.h"

#include <cmath>

namespace warpvae {
namespace {

enum class DrawnFrom { kPosterior, kPrior };

/// Importance weights of images, a batch at a time.
class Weigher {
  public:
    Weigher(Autoencoder<float>& model, const GivenImages& images, const LikelihoodOptions& options,
            const DeviceBuffer<std::uint64_t>& seeds)
        : model_(model), images_(images), samples_(options.samples), seeds_(seeds), stream_(model.stream()) {
        const int most = std::max(1, model.decoder_rows());
        draws_ = options.draws_at_once ? std::min(options.draws_at_once, most) : (most < 4 ? most : most / 4 * 4);
        images_at_once_ = std::max(1, most / draws_);
        const std::size_t R = std::size_t(model.replicas());
        ratio_ = DeviceBuffer<float>(R * images_at_once_ * draws_, "log weights");
        nll_ = DeviceBuffer<float>(R * images_at_once_ * draws_, "log likelihoods");
    }
    int images_at_once() const { return images_at_once_; }

    /// Adds the weights of all draws of N images to sums [R, N], on the device.
    void weigh(LogWeights* sums, std::size_t first, int N, DrawnFrom from) {
        for (int done = 0; done < samples_; done += draws_) {
            const int K = std::min(draws_, samples_ - done);
            // Drawing may overwrite what the model was given beside the images, so each pass puts it there anew.
            put_images(model_, images_, first, N);
            draw(first, N, done, K, from);
            model_.decode_likelihood(nll_.data(), model_.minibatch(), N, K);
            check(accumulate_log_weights(sums, from == DrawnFrom::kPrior ? nullptr : ratio_.data(), nll_.data(),
                                         model_.replicas() * N, K, stream_));
        }
    }

  private:
    void draw(std::size_t first, int N, int done, int K, DrawnFrom from) {
        const bool alone = images_at_once_ == 1;
        const std::uint64_t step = alone ? first : std::uint64_t(done / draws_);
        step_.upload(&step, 1, 0, stream_);
        const LatentNoise noise{.seeds = seeds_.data(),
                                .step = step_.data(),
                                .purpose = from == DrawnFrom::kPrior ? Purpose::kPrior : Purpose::kEvaluate,
                                .first_row = alone ? std::size_t(done) : first * draws_};
        if (from == DrawnFrom::kPosterior) {
            model_.encode_draws(N, K, noise);
            ratio_.zero(stream_);
            model_.add_log_ratio(ratio_.data(), N * K);
            return;
        }
        // A pose without a prior is no draw: it stays the encoder's u = f(x). So does what is given beside the images.
        if (model_.has_pose() || images_.give) model_.encode_draws(N, K, LatentNoise{});
        model_.sample_prior(N * K, noise);
    }

    Autoencoder<float>& model_;
    const GivenImages& images_;
    int samples_, draws_, images_at_once_;
    const DeviceBuffer<std::uint64_t>& seeds_;
    Stream stream_;
    DeviceBuffer<std::uint64_t> step_{1, "noise step"};
    DeviceBuffer<float> ratio_, nll_;
};

/// Of `count` images, none drawn yet.
DeviceBuffer<LogWeights> no_weights(std::size_t count, Stream stream) {
    DeviceBuffer<LogWeights> sums(count, "log weights");
    sums.zero(stream);
    return sums;
}

/// Sums over images.
struct Sums {
    double count = 0, log_mean = 0, squares = 0, variance = 0, size = 0, mean_log = 0;
    void add(const LogWeights& weights, int samples) {
        const LogMeanExp x = weights.result();
        count += 1;
        log_mean += x.log_mean, squares += x.log_mean * x.log_mean, mean_log += x.mean_log;
        size += x.effective_sample_size;
        variance += 1 / x.effective_sample_size - 1. / samples;
    }
    LikelihoodEstimate estimate(int samples) const {
        LikelihoodEstimate e;
        e.images = int(count), e.samples = samples;
        e.log_likelihood = log_mean / count;
        e.sampling_error = std::sqrt(std::max(0., variance)) / count;
        const double spread = std::max(0., squares / count - e.log_likelihood * e.log_likelihood);
        e.image_error = count > 1 ? std::sqrt(spread / (count - 1)) : 0;
        e.effective_sample_size = size / count;
        e.negative_elbo = -mean_log / count;
        return e;
    }
};

std::size_t images_asked(const LikelihoodOptions& options, const GivenImages& images) {
    return options.images ? std::min(options.images, images.set.count()) : images.set.count();
}

}  // namespace

int likelihood_draws_at_once(int samples) {
    const int most = evaluation_decoder_rows() / 4, chunks = (samples + most - 1) / most;
    return (samples + chunks - 1) / chunks;
}

std::vector<LikelihoodEstimate> estimate_likelihood(Autoencoder<float>& model, const GivenImages& images,
                                                    const LikelihoodOptions& options,
                                                    const DeviceBuffer<std::uint64_t>& seeds,
                                                    const std::function<void(std::size_t)>& progress) {
    const Range range("likelihood");
    const std::size_t R = std::size_t(model.replicas()), count = images_asked(options, images);
    Weigher weigher(model, images, options, seeds);
    // They come to the host once, so that no pass waits for it: those of a batch [R, N] behind those before it.
    DeviceBuffer<LogWeights> on_device = no_weights(R * count, model.stream());
    for_batches(count, weigher.images_at_once(), [&](std::size_t first, int N) {
        if (progress) progress(first);
        weigher.weigh(on_device.data() + R * first, first, N, DrawnFrom::kPosterior);
    });
    const std::vector<LogWeights> weights = on_device.download(model.stream());
    if (progress) progress(count);
    std::vector<Sums> sums(R);
    for_batches(count, weigher.images_at_once(), [&](std::size_t first, int N) {
        for (std::size_t i = 0; i < R * N; ++i) sums[i / N].add(weights[R * first + i], options.samples);
    });
    std::vector<LikelihoodEstimate> out;
    for (const Sums& of_replica : sums) out.push_back(of_replica.estimate(options.samples));
    return out;
}

LikelihoodSummary marginal_likelihood(Autoencoder<float>& model, const GivenImages& images,
                                      const LikelihoodOptions& options,
                                      const std::function<void(std::size_t)>& progress) {
    const Range range("likelihood");
    const std::size_t count = images_asked(options, images);
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{options.seed});
    LikelihoodOptions image_by_image = options;
    image_by_image.draws_at_once = 0;
    Weigher weigher(model, images, image_by_image, seeds);
    const Stream stream = model.stream();
    DeviceBuffer<LogWeights> of_posterior = no_weights(count, stream), of_prior = no_weights(count, stream);
    const std::size_t latents = model.divergences().size();
    DeviceBuffer<float> divergences(count * latents, "divergences");
    for (std::size_t i = 0; i < count; ++i) {
        if (progress) progress(i);
        weigher.weigh(of_posterior.data() + i, i, 1, DrawnFrom::kPosterior);
        for (std::size_t l = 0; l < latents; ++l)  // the first row's: all are draws of this image
            check(copy_on_device(divergences.data() + i * latents + l, model.divergences()[l], sizeof(float), stream));
        weigher.weigh(of_prior.data() + i, i, 1, DrawnFrom::kPrior);
    }
    Sums importance, naive;
    for (const LogWeights& weights : of_posterior.download(stream)) importance.add(weights, options.samples);
    for (const LogWeights& weights : of_prior.download(stream)) naive.add(weights, options.samples);
    double divergence = 0;
    for (const float kl : divergences.download(stream)) divergence += double(kl);
    if (progress) progress(count);
    return {importance.estimate(options.samples), naive.estimate(options.samples), divergence / double(count)};
}

}  // namespace warpvae
