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
        weights_ = DeviceBuffer<LogWeights>(R * images_at_once_, "log weights");
    }
    int images_at_once() const { return images_at_once_; }

    /// What K draws say of each image: [R, N].
    std::vector<LogMeanExp> weigh(std::size_t first, int N, DrawnFrom from) {
        weights_.zero(stream_);
        for (int done = 0; done < samples_; done += draws_) {
            const int K = std::min(draws_, samples_ - done);
            // Drawing may overwrite what the model was given beside the images, so each pass puts it there anew.
            put_images(model_, images_, first, N);
            draw(first, N, done, K, from);
            model_.decode(N * K);
            model_.negative_log_likelihood(nll_.data(), model_.minibatch(), N, K);
            check(accumulate_log_weights(weights_.data(), from == DrawnFrom::kPrior ? nullptr : ratio_.data(),
                                         nll_.data(), model_.replicas() * N, K, stream_));
        }
        std::vector<LogMeanExp> out;
        const std::vector<LogWeights> of_images = weights_.download(stream_);
        for (int i = 0; i < model_.replicas() * N; ++i) out.push_back(of_images[i].result());
        return out;
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
    DeviceBuffer<LogWeights> weights_;
};

/// Sums over images.
struct Sums {
    double count = 0, log_mean = 0, squares = 0, variance = 0, size = 0, mean_log = 0;
    void add(const LogMeanExp& x, int samples) {
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

std::vector<LikelihoodEstimate> estimate_likelihood(Autoencoder<float>& model, const GivenImages& images,
                                                    const LikelihoodOptions& options,
                                                    const DeviceBuffer<std::uint64_t>& seeds,
                                                    const std::function<void(std::size_t)>& progress) {
    const Range range("likelihood");
    const std::size_t R = std::size_t(model.replicas()), count = images_asked(options, images);
    Weigher weigher(model, images, options, seeds);
    std::vector<Sums> sums(R);
    for_batches(count, weigher.images_at_once(), [&](std::size_t first, int N) {
        if (progress) progress(first);
        const std::vector<LogMeanExp> weights = weigher.weigh(first, N, DrawnFrom::kPosterior);
        for (std::size_t i = 0; i < weights.size(); ++i) sums[i / N].add(weights[i], options.samples);
    });
    if (progress) progress(count);
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
    Sums importance, naive;
    double divergence = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (progress) progress(i);
        importance.add(weigher.weigh(i, 1, DrawnFrom::kPosterior)[0], options.samples);
        double of_image = 0;
        for (const float* of_latent : model.divergences()) {  // its first row: all are draws of this image
            float kl;
            check(copy_to_host(&kl, of_latent, sizeof kl, model.stream()));
            of_image += double(kl);
        }
        divergence += of_image;
        naive.add(weigher.weigh(i, 1, DrawnFrom::kPrior)[0], options.samples);
    }
    if (progress) progress(count);
    return {importance.estimate(options.samples), naive.estimate(options.samples), divergence / double(count)};
}

}  // namespace warpvae
