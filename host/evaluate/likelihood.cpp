#include "host/evaluate/likelihood.h"

#include <algorithm>
#include <cmath>

namespace warpvae {
namespace {

/// Mean over images, and its standard error.
struct Mean {
    double sum = 0, squares = 0;
    std::size_t n = 0;
    void add(double x) { sum += x, squares += x * x, ++n; }
    double mean() const { return sum / double(n); }
    double error() const {
        if (n < 2) return 0;
        return std::sqrt(std::max(0., squares / double(n) - mean() * mean()) / double(n - 1));
    }
};

}  // namespace

LikelihoodSummary marginal_likelihood(SpatialVae<float>& model, const DeviceImages& images, const Matmul& matmul,
                                      const LikelihoodOptions& options,
                                      const std::function<void(std::size_t)>& progress) {
    const Range range("likelihood");
    const Stream stream = matmul.stream();
    const int K = options.samples, D = model.config().height * model.config().width;
    const int chunk = std::max(4, model.max_rows() / 4 * 4);  // noise is addressed by rows in fours
    const std::size_t count = std::min(options.images, images.count());
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{options.seed});
    DeviceBuffer<std::uint64_t> step(1, "image number");
    DeviceBuffer<float> image(D, "image"), ratio(K, "log weights"), nll(K, "log likelihoods");
    DeviceBuffer<LogMeanExp> result(1, "likelihood");
    DeviceBuffer<double> kl(model.loss_terms().size(), "divergence");

    Mean importance, naive, elbo, divergence, importance_size, naive_size;
    for (std::size_t i = 0; i < count; ++i) {
        if (progress) progress(i);
        const std::vector<std::uint64_t> number{i};
        step.upload(number, stream);
        check(gather_range(image.data(), images.table(), i, 1, 1, D, stream));
        LatentNoise noise;
        noise.seeds = seeds.data();
        noise.step = step.data();
        for (const bool from_prior : {false, true}) {
            noise.purpose = from_prior ? Purpose::kPrior : Purpose::kEvaluate;
            ratio.zero(stream);
            for (int first = 0; first < K; first += chunk) {
                const int rows = std::min(chunk, K - first);
                noise.first_row = std::size_t(first);
                check(repeat_rows<float>(model.minibatch(), image.data(), rows, 1, D, stream));
                if (from_prior) {
                    // A model without a prior on u keeps u = f(x): what it conditions on, not what it draws.
                    if (first == 0 || K - first < chunk) model.encode(rows, LatentNoise{});
                    model.sample_prior(rows, noise);
                } else {
                    model.encode(rows, noise);
                    model.add_log_ratio(ratio.data() + first, rows);
                }
                model.decode(rows);
                model.transform(rows);
                model.negative_log_likelihood(nll.data() + first, model.minibatch(), rows);
            }
            check(log_mean_exp<float>(result.data(), from_prior ? nullptr : ratio.data(), nll.data(), 1, K, stream));
            const LogMeanExp estimate = result.download(stream)[0];
            if (from_prior) {
                naive.add(estimate.log_mean), naive_size.add(estimate.effective_sample_size);
            } else {
                importance.add(estimate.log_mean), importance_size.add(estimate.effective_sample_size);
                elbo.add(estimate.mean_log);
                // KL(q || prior) of the image: the same in every row of the last chunk.
                kl.zero(stream);
                const auto terms = model.loss_terms();
                for (std::size_t t = 1; t < terms.size(); ++t)
                    check(accumulate_sum(kl.data() + t, 1, terms[t].rows, 1, 1, stream));
                double total = 0;
                for (double part : kl.download(stream)) total += part;
                divergence.add(total);
            }
        }
    }
    if (progress) progress(count);
    LikelihoodSummary out;
    out.images = int(count);
    out.samples = K;
    out.importance = importance.mean(), out.importance_error = importance.error();
    out.naive = naive.mean(), out.naive_error = naive.error();
    out.elbo = elbo.mean();
    out.kl_to_prior = divergence.mean();
    out.importance_size = importance_size.mean(), out.naive_size = naive_size.mean();
    return out;
}

}  // namespace warpvae
