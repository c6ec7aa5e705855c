#include "host/evaluate/denoising.h"

#include <algorithm>
#include <stdexcept>

namespace warpvae {
namespace {

/// Batch by batch: the clean images into `clean`, the noisy ones into model.minibatch(), then body(first, rows).
template <class Body>
void degrade_all(Autoencoder<float>& model, const DeviceImages& images, std::size_t count, Degradation noise,
                 const DeviceBuffer<std::uint64_t>& seeds, float* clean, Body body) {
    const GatherOptions& shape = model.input_shape();
    const Stream stream = model.stream();
    if (model.max_rows() < 4) throw std::invalid_argument("denoising needs a model with room for four rows");
    for_batches(model, images, count, model.max_rows(), [&](std::size_t first, int rows) {
        const std::size_t bytes = sizeof(float) * model.replicas() * rows * model.image_size();
        check(copy_on_device(clean, model.minibatch(), bytes, stream));
        if (noise.amount != 0)
            check(degrade<float>(model.minibatch(), clean, noise, seeds.data(), first, model.replicas(), rows,
                                 shape.height, shape.width, stream, shape.channels));
        body(first, rows);
    });
}

/// The images decoded from the mean of q(z, u | x).
const float* decode_mean(Autoencoder<float>& model, int rows) {
    model.encode(rows, LatentNoise{});
    model.decode(rows);
    return model.decoded_images(rows);
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
    sums.zero(stream);
    degrade_all(model, images, images.count(), noise, seeds, clean.data(), [&](std::size_t first, int rows) {
        const auto add_up = [&](int at, const float* values, int N, double scale = 1) {
            check(accumulate_sum(sums.data() + at, kSums, values, R, N, stream, 0, scale));
        };
        check(psnr<float>(decibels.data(), model.minibatch(), clean.data(), R, rows, D, stream));
        add_up(kNoisyPsnr, decibels.data(), rows);

        model.encode_draws(rows, L, {.seeds = seeds.data(), .purpose = Purpose::kEvaluate, .first_row = first * L});
        model.decode_likelihood(nll.data(), clean.data(), rows, L);
        add_up(kNll, nll.data(), rows * L, 1. / L);
        for (const float* of_latent : model.divergences()) add_up(kKl, of_latent, rows * L, 1. / L);

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
