#include "host/evaluate/denoising.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "host/evaluate/features.h"

namespace warpvae {
namespace {

constexpr double kWrong = 0.9;

/// Images first..first + rows - 1: the clean ones into `clean`, the noisy ones into model.minibatch().
void put_degraded(Autoencoder<float>& model, const DeviceImages& images, Degradation noise,
                  const DeviceBuffer<std::uint64_t>& seeds, float* clean, std::size_t first, int rows) {
    const GatherOptions& shape = model.input_shape();
    put_images(model, images, first, rows);
    const std::size_t bytes = sizeof(float) * model.replicas() * rows * model.image_size();
    check(copy_on_device(clean, model.minibatch(), bytes, model.stream()));
    if (noise.amount != 0)
        check(degrade<float>(model.minibatch(), clean, noise, seeds.data(), first, model.replicas(), rows, shape.height,
                             shape.width, model.stream(), shape.channels));
}

/// The same batch by batch, then body(first, rows).
template <class Body>
void degrade_all(Autoencoder<float>& model, const DeviceImages& images, std::size_t count, Degradation noise,
                 const DeviceBuffer<std::uint64_t>& seeds, float* clean, Body body) {
    if (model.max_rows() < 4) throw std::invalid_argument("denoising needs a model with room for four rows");
    for_batches(count, model.max_rows(), [&](std::size_t first, int rows) {
        put_degraded(model, images, noise, seeds, clean, first, rows);
        body(first, rows);
    });
}

/// The images decoded from the mean of q(z, u | x).
const float* decode_mean(Autoencoder<float>& model, int rows) {
    model.encode(rows, LatentNoise{});
    model.decode(rows);
    return model.decoded_images(rows);
}

/// A draw of q(z, u | noisy), for posteriors_per_image() rows of each image from `first` on.
void encode_noisy(Autoencoder<float>& model, const DeviceBuffer<std::uint64_t>& seeds, std::size_t first, int rows) {
    const int L = model.posteriors_per_image();
    model.encode_draws(rows, L, {.seeds = seeds.data(), .purpose = Purpose::kEvaluate, .first_row = first * L});
}

/// Negative ELBOs of a batch, as they come from the device, to a list for each replica.
class CostPerImage {
  public:
    CostPerImage(Autoencoder<float>& model, std::size_t count)
        : model_(model), costs_(model.replicas(), std::vector<double>(count)) {}
    /// nll and `divergences` [R, rows L].
    void add(const float* nll, std::size_t first, int rows) {
        std::vector<const float*> terms = model_.divergences();
        terms.push_back(nll);
        const int L = model_.posteriors_per_image();
        for (const float* term : terms)
            for (std::size_t r = 0; r < costs_.size(); ++r) {
                std::vector<float> of(std::size_t(rows) * L);
                take_rows(of.data(), term, int(r), rows * L, 1, model_.stream());
                for (std::size_t i = 0; i < of.size(); ++i) costs_[r][first + i / L] += double(of[i]) / L;
            }
    }
    std::size_t worst(std::size_t r) const {
        return std::size_t(std::max_element(costs_[r].begin(), costs_[r].end()) - costs_[r].begin());
    }
    void summarise(std::size_t r, DenoisingSummary& out) const {
        std::vector<double> sorted = costs_[r];
        std::sort(sorted.begin(), sorted.end());
        const std::size_t n = sorted.size();
        out.median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
        const auto above = sorted.end() - std::upper_bound(sorted.begin(), sorted.end(), kCostLimit);
        out.share_above_limit = double(above) / double(n);
    }

  private:
    Autoencoder<float>& model_;
    std::vector<std::vector<double>> costs_;  // [R][images]
};

/// Encodes one image again, with its own noise, and looks at all that it costs replica r.
ImageCost examine(Autoencoder<float>& model, const DeviceImages& images, Degradation noise,
                  const DeviceBuffer<std::uint64_t>& seeds, float* clean, std::size_t image, int r) {
    const int L = model.posteriors_per_image(), row = int(image % 4);
    const std::size_t first = image - row, D = std::size_t(model.image_size()), Z = std::size_t(model.latents()),
                      S = std::size_t(model.pose().numbers);
    const int rows = int(std::min<std::size_t>(4, images.count() - first));
    put_degraded(model, images, noise, seeds, clean, first, rows);
    encode_noisy(model, seeds, first, rows);
    model.decode(rows * L);
    DeviceBuffer<float> nll(std::size_t(model.replicas()) * rows * L, "reconstruction error");
    std::vector<float> target(rows * D);
    take_rows(target.data(), clean, r, rows, D, model.stream());
    model.negative_log_likelihood(nll.data(), clean, rows, L);
    // Rows row L .. row L + L - 1 are the image's.
    const auto of_image = [&](const float* all, std::size_t width) {
        std::vector<float> every(std::size_t(rows) * L * width);
        take_rows(every.data(), all, r, rows * L, width, model.stream());
        const auto begin = every.begin() + std::ptrdiff_t(row * L * width);
        return std::vector<float>(begin, begin + std::ptrdiff_t(L * width));
    };
    const auto mean = [&](const std::vector<float>& of) { return std::accumulate(of.begin(), of.end(), 0.) / L; };
    ImageCost out{.image = image, .reconstruction = mean(of_image(nll.data(), 1))};
    if (const auto parts = model.divergences(); parts.size() > 1) out.pose_kl = mean(of_image(parts[1], 1));
    const std::vector<float> moments = of_image(model.moments(), 2 * Z);
    for (std::size_t i = 0; i < moments.size(); ++i) {
        if (i % (2 * Z) < Z) {
            out.kl_of_means += double(moments[i]) * double(moments[i]) / 2 / L;
            continue;
        }
        const double sigma = double(deviation_of(model.spread(), moments[i]));
        out.kl_of_spreads += ((sigma * sigma - 1) / 2 - std::log(sigma)) / L;
        out.largest_deviation = std::max(out.largest_deviation, sigma);
    }
    if (S) out.u = of_image(model.u(), S), out.u.resize(S);
    const std::vector<float> decoded = of_image(model.decoded_images(rows * L), D);
    for (std::size_t i = 0; i < D; ++i) out.wrong_pixels += std::abs(decoded[i] - target[row * D + i]) >= kWrong;
    return out;
}

}  // namespace

std::vector<DenoisingSummary> evaluate_denoising(Autoencoder<float>& model, const DeviceImages& images,
                                                 Degradation noise, const DeviceBuffer<std::uint64_t>& seeds) {
    const Range range("denoise");
    const Stream stream = model.stream();
    const int R = model.replicas(), L = model.posteriors_per_image(), D = model.image_size();
    const std::size_t most = std::size_t(R) * model.max_rows();
    enum { kNoisyPsnr, kPsnr, kNll, kKl, kSums };
    DeviceBuffer<float> clean(most * D, "clean images"), decibels(most, "PSNR"), nll(most * L, "reconstruction error");
    DeviceBuffer<double> sums(std::size_t(R) * kSums, "denoising sums");
    CostPerImage costs(model, images.count());
    sums.zero(stream);
    degrade_all(model, images, images.count(), noise, seeds, clean.data(), [&](std::size_t first, int rows) {
        const auto add_up = [&](int at, const float* values, int N, double scale = 1) {
            check(accumulate_sum(sums.data() + at, kSums, values, R, N, stream, 0, scale));
        };
        check(psnr<float>(decibels.data(), model.minibatch(), clean.data(), R, rows, D, stream));
        add_up(kNoisyPsnr, decibels.data(), rows);

        encode_noisy(model, seeds, first, rows);
        model.decode_likelihood(nll.data(), clean.data(), rows, L);
        add_up(kNll, nll.data(), rows * L, 1. / L);
        for (const float* of_latent : model.divergences()) add_up(kKl, of_latent, rows * L, 1. / L);
        costs.add(nll.data(), first, rows);

        check(psnr<float>(decibels.data(), decode_mean(model, rows), clean.data(), R, rows, D, stream));
        add_up(kPsnr, decibels.data(), rows);
    });
    const std::vector<double> totals = sums.download(stream);
    const double n = double(images.count());
    std::vector<DenoisingSummary> out(R);
    for (int r = 0; r < R; ++r) {
        const double* of_r = totals.data() + r * kSums;
        out[r].noisy_psnr = of_r[kNoisyPsnr] / n;
        out[r].psnr = of_r[kPsnr] / n;
        out[r].reconstruction = of_r[kNll] / n;
        out[r].kl = of_r[kKl] / n;
        out[r].negative_elbo = out[r].reconstruction + out[r].kl;
        costs.summarise(r, out[r]);
        out[r].worst = examine(model, images, noise, seeds, clean.data(), costs.worst(r), r);
    }
    return out;
}

DenoisingPictures denoising_pictures(Autoencoder<float>& model, const DeviceImages& images, Degradation noise,
                                     std::size_t n, int r, const DeviceBuffer<std::uint64_t>& seeds) {
    const std::size_t D = std::size_t(model.image_size()), count = std::min(n, images.count());
    DeviceBuffer<float> clean(std::size_t(model.replicas()) * model.max_rows() * D, "clean images");
    DenoisingPictures out;
    for (auto* pictures : {&out.clean, &out.noisy, &out.denoised, &out.reference}) pictures->resize(count * D);
    degrade_all(model, images, count, noise, seeds, clean.data(), [&](std::size_t first, int rows) {
        const auto take = [&](std::vector<float>& pictures, const float* of_all) {
            take_rows(pictures.data() + first * D, of_all, r, rows, D, model.stream());
        };
        take(out.clean, clean.data());
        take(out.noisy, model.minibatch());
        take(out.denoised, decode_mean(model, rows));
        take(out.reference, model.reference());
    });
    return out;
}

}  // namespace warpvae
