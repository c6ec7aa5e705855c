#include "host/evaluate/denoising.h"

#include <algorithm>

namespace warpvae {
namespace {

/// Batch by batch: the clean images into `clean`, the noisy ones into model.minibatch(), then body(first, rows).
template <class Body>
void degrade_all(SpatialVae<float>& model, const DeviceImages& images, std::size_t count, Degradation noise,
                 const DeviceBuffer<std::uint64_t>& seeds, float* clean, Stream stream, Body body) {
    const int R = model.replicas(), H = model.config().height, W = model.config().width;
    if (model.max_rows() < 4) throw DeviceError("denoising needs a model with room for four rows");
    const std::size_t step = model.max_rows() / 4 * 4;  // latent noise is addressed by rows in fours
    for (std::size_t first = 0; first < count; first += step) {
        const int rows = int(std::min(step, count - first));
        check(gather_range(clean, images.table(), first, R, rows, H * W, stream));
        if (noise.amount == 0)
            check(copy_on_device(model.minibatch(), clean, sizeof(float) * R * rows * H * W, stream));
        else
            check(degrade<float>(model.minibatch(), clean, noise, seeds.data(), first, R, rows, H, W, stream));
        body(first, rows);
    }
}

/// x' and y' from the mean of q(z, u | x).
void reconstruct_mean(SpatialVae<float>& model, int rows) {
    model.encode(rows, LatentNoise{});
    model.decode(rows);
    model.transform(rows);
}

std::size_t pixels_of(const SpatialVae<float>& model) {
    return std::size_t(model.config().height) * model.config().width;
}

}  // namespace

std::vector<DenoisingSummary> evaluate_denoising(SpatialVae<float>& model, const DeviceImages& images,
                                                 Degradation noise, const DeviceBuffer<std::uint64_t>& seeds,
                                                 const Matmul& matmul) {
    const Range range("denoise");
    const Stream stream = matmul.stream();
    const int R = model.replicas(), L = model.config().samples, D = int(pixels_of(model));
    const std::size_t most = std::size_t(R) * model.max_rows();
    const auto terms = model.loss_terms();  // the first is against the noisy image: not wanted
    enum { kNoisyPsnr, kPsnr, kNll, kFirstKl };
    const std::size_t sums_of_one = kFirstKl + terms.size() - 1;
    DeviceBuffer<float> clean(most * D, "clean images"), repeated(L > 1 ? most * L * D : 0, "clean images repeated");
    DeviceBuffer<float> decibels(most, "PSNR"), nll(most * L, "reconstruction error");
    DeviceBuffer<double> sums(R * sums_of_one, "denoising sums");
    sums.zero(stream);
    degrade_all(model, images, images.count(), noise, seeds, clean.data(), stream, [&](std::size_t first, int rows) {
        const auto add_up = [&](std::size_t at, const float* values, int N) {
            check(accumulate_sum(sums.data() + at, sums_of_one, values, R, N, stream));
        };
        check(psnr<float>(decibels.data(), model.minibatch(), clean.data(), R, rows, D, stream));
        add_up(kNoisyPsnr, decibels.data(), rows);

        LatentNoise drawn;
        drawn.seeds = seeds.data();
        drawn.purpose = Purpose::kEvaluate;
        drawn.first_row = first;
        model.evaluate(rows, drawn);
        const float* target = clean.data();
        if (L > 1) {
            check(repeat_rows<float>(repeated.data(), target, L, std::size_t(R) * rows, D, stream));
            target = repeated.data();
        }
        model.negative_log_likelihood(nll.data(), target, rows * L);
        add_up(kNll, nll.data(), rows * L);
        for (std::size_t i = 1; i < terms.size(); ++i) add_up(kFirstKl + i - 1, terms[i].rows, rows);

        reconstruct_mean(model, rows);
        check(psnr<float>(decibels.data(), model.output(), clean.data(), R, rows, D, stream));
        add_up(kPsnr, decibels.data(), rows);
    });
    const std::vector<double> totals = sums.download(stream);
    const double n = double(images.count());
    std::vector<DenoisingSummary> out(R);
    for (int r = 0; r < R; ++r) {
        const double* of_r = totals.data() + r * sums_of_one;
        out[r].noisy_psnr = of_r[kNoisyPsnr] / n;
        out[r].psnr = of_r[kPsnr] / n;
        out[r].reconstruction = of_r[kNll] / (n * L);
        for (std::size_t i = kFirstKl; i < sums_of_one; ++i) out[r].kl += of_r[i] / n;
        out[r].negative_elbo = out[r].reconstruction + out[r].kl;
    }
    return out;
}

DenoisingPictures denoising_pictures(SpatialVae<float>& model, const DeviceImages& images, Degradation noise,
                                     std::size_t n, int r, const DeviceBuffer<std::uint64_t>& seeds,
                                     const Matmul& matmul) {
    const Stream stream = matmul.stream();
    const std::size_t D = pixels_of(model), count = std::min(n, images.count());
    DeviceBuffer<float> clean(std::size_t(model.replicas()) * model.max_rows() * D, "clean images");
    DenoisingPictures out;
    for (auto* pictures : {&out.clean, &out.noisy, &out.denoised, &out.reference}) pictures->resize(count * D);
    degrade_all(model, images, count, noise, seeds, clean.data(), stream, [&](std::size_t first, int rows) {
        const auto take = [&](std::vector<float>& pictures, const float* of_all) {
            check(copy_to_host(pictures.data() + first * D, of_all + std::size_t(r) * rows * D,
                               sizeof(float) * rows * D, stream));
        };
        take(out.clean, clean.data());
        take(out.noisy, model.minibatch());
        reconstruct_mean(model, rows);
        take(out.denoised, model.output());
        take(out.reference, model.reference());
    });
    return out;
}

}  // namespace warpvae
