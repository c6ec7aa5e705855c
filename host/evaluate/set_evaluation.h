// A model over a whole set of images, in batches: the means of its loss terms, and images decoded from many latents.
#pragma once
#include <algorithm>
#include <vector>

#include "models/device_images.h"
#include "models/model.h"

namespace warpvae {

/// Calls body(first, rows) over 0..count-1, at most `max_rows` at a time: whole fours, by which noise is addressed.
template <class Body>
void for_batches(std::size_t count, int max_rows, Body body) {
    const std::size_t step = std::max(4, max_rows / 4 * 4);
    for (std::size_t first = 0; first < count; first += step) body(first, int(std::min(step, count - first)));
}

/// Where a model keeps its posteriors, [R, rows per image * N, 2Z] with the means first, and how many rows of noise an
/// image takes.
struct PosteriorRows {
    const float* moments;
    int latents;
    int per_image = 1, noise_per_image = 1;
};
struct SetMeans {
    std::vector<std::vector<double>> terms;  ///< [R][loss terms]
    std::vector<int> active_units;           ///< [R]: latents whose mean varies over the set with variance above 0.01
};
/// Evaluates every image once. `seeds` [R]; the noise (kEvaluate) is the same at every call.
SetMeans evaluate_set(Model<float>& model, const PosteriorRows& posterior, const DeviceImages& images,
                      const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul);

/// Latents whose mean varies with variance above 0.01 (Burda et al. 2016), from sums over n rows: moments [2, Z], of mu
/// and of its square.
int active_units(const double* moments, int Z, double n);

/// Decodes z, host [n, Z], by replica r of a model with z(), decode(rows) and logits(): host [n, D], with `sigmoids`
/// probabilities.
template <class Vae>
std::vector<float> decode_rows(Vae& vae, int max_rows, bool sigmoids, const std::vector<float>& z, int r,
                               const Matmul& matmul) {
    const int R = vae.replicas(), Z = vae.config().latents, D = vae.config().height * vae.config().width;
    const std::size_t n = z.size() / Z;
    std::vector<float> images(n * D);
    for_batches(n, max_rows, [&](std::size_t first, int rows) {
        std::vector<float> all(std::size_t(R) * rows * Z, 0.f);
        std::copy_n(z.begin() + first * Z, std::size_t(rows) * Z, all.begin() + std::size_t(r) * rows * Z);
        check(copy_to_device(vae.z(), all.data(), all.size() * sizeof(float), matmul.stream()));
        vae.decode(rows);
        if (sigmoids) check(sigmoid<float>(vae.logits(), vae.logits(), std::size_t(R) * rows * D, matmul.stream()));
        check(copy_to_host(images.data() + first * D, vae.logits() + std::size_t(r) * rows * D,
                           sizeof(float) * rows * D, matmul.stream()));
    });
    return images;
}

}  // namespace warpvae
