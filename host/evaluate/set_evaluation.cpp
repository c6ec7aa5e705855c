#include "host/evaluate/set_evaluation.h"

namespace warpvae {

constexpr double kActiveVariance = 0.01;

int active_units(const double* moments, int Z, double n) {
    int active = 0;
    for (int j = 0; j < Z; ++j) {
        const double mean = moments[j] / n, square = moments[Z + j] / n;
        active += square - mean * mean > kActiveVariance;
    }
    return active;
}

SetMeans evaluate_set(Model<float>& model, const PosteriorRows& posterior, const DeviceImages& images,
                      const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul) {
    const Range range("evaluate");
    const GatherOptions shape = model.input_shape();
    const int R = model.replicas(), Z = posterior.latents, D = shape.height * shape.width;
    const Stream stream = matmul.stream();
    const auto terms = model.loss_terms();
    DeviceBuffer<double> sums(R * terms.size(), "evaluation's sums"), moments(std::size_t(R) * 2 * Z, "latent moments");
    sums.zero(stream);
    moments.zero(stream);
    for_batches(images.count(), model.max_rows(), [&](std::size_t first, int rows) {
        check(gather_range(model.minibatch(), images.table(), first, R, rows, D, stream));
        LatentNoise noise;
        noise.seeds = seeds.data();
        noise.purpose = Purpose::kEvaluate;
        noise.first_row = first * posterior.noise_per_image;
        model.evaluate(rows, noise);
        for (std::size_t i = 0; i < terms.size(); ++i)
            check(accumulate_sum(sums.data() + i, terms.size(), terms[i].rows, R, rows, stream));
        check(accumulate_moments(moments.data(), posterior.moments, R, rows * posterior.per_image, Z, 2 * Z, stream));
    });
    const std::vector<double> totals = sums.download(stream), latent = moments.download(stream);
    const double n = double(images.count());
    SetMeans out;
    for (int r = 0; r < R; ++r) {
        out.terms.emplace_back();
        for (std::size_t i = 0; i < terms.size(); ++i)
            out.terms.back().push_back(totals[std::size_t(r) * terms.size() + i] / n);
        out.active_units.push_back(active_units(latent.data() + std::size_t(r) * 2 * Z, Z, n * posterior.per_image));
    }
    return out;
}

}  // namespace warpvae
