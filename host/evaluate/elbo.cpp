#include "host/evaluate/elbo.h"

#include <algorithm>
#include <functional>

namespace warpvae {
namespace {

constexpr double kActiveVariance = 0.01;

/// `means` of the terms.
ElboSummary summary_of(const std::vector<LossTerm<float>>& terms, const std::vector<double>& means) {
    ElboSummary out;
    for (std::size_t i = 0; i < terms.size(); ++i) {
        const std::string& name = terms[i].name;
        if (name == "reconstruction") out.reconstruction = means[i];
        if (name == "pose_kl") out.pose_kl = means[i];
        if (name.ends_with("kl")) out.kl += means[i];
        if (name == "negative_elbo") out.negative_elbo = means[i];
        out.negative_bound += terms[i].weight * means[i];
    }
    out.negative_elbo += out.reconstruction + out.kl;
    return out;
}

/// `sums` [2, Z] are those of the means and of their squares over n images.
int active_units(const double* sums, int Z, double n) {
    int active = 0;
    for (int j = 0; j < Z; ++j) {
        const double mean = sums[j] / n, square = sums[Z + j] / n;
        active += square - mean * mean > kActiveVariance;
    }
    return active;
}

}  // namespace

int active_units(const std::vector<float>& means, int Z) {
    std::vector<double> sums(2 * Z);
    for (std::size_t i = 0; i < means.size(); ++i) {
        sums[i % Z] += double(means[i]);
        sums[Z + i % Z] += double(means[i]) * double(means[i]);
    }
    return active_units(sums.data(), Z, double(means.size()) / Z);
}

int latents_above(const std::vector<double>& latent_kl, double nats) {
    return int(std::count_if(latent_kl.begin(), latent_kl.end(), [nats](double kl) { return kl > nats; }));
}

std::vector<double> latent_kl_of(const double* sums, int Z, double n) {
    std::vector<double> kl(sums, sums + Z);
    for (double& nats : kl) nats /= n;
    std::sort(kl.begin(), kl.end(), std::greater<>());
    return kl;
}

std::vector<ElboSummary> evaluate_elbo(Autoencoder<float>& model, const GivenImages& images,
                                       const DeviceBuffer<std::uint64_t>& seeds) {
    const Range range("evaluate");
    const int R = model.replicas(), Z = model.latents(), posteriors = model.posteriors_per_image();
    const Stream stream = model.stream();
    const auto terms = model.bound_terms();
    DeviceBuffer<double> sums(R * terms.size(), "evaluation's sums"), moments(std::size_t(R) * 2 * Z, "latent moments"),
        divergences(std::size_t(R) * Z, "latent divergences");
    sums.zero(stream);
    moments.zero(stream);
    divergences.zero(stream);
    for_batches(model, images, images.set.count(), model.max_rows(), [&](std::size_t first, int rows) {
        model.bound(rows, {.seeds = seeds.data(), .purpose = Purpose::kEvaluate, .first_row = first});
        for (std::size_t i = 0; i < terms.size(); ++i)
            check(accumulate_sum(sums.data() + i, terms.size(), terms[i].rows, R, rows, stream));
        check(accumulate_moments(moments.data(), model.moments(), R, rows * posteriors, Z, 2 * Z, stream));
        check(accumulate_divergences<float>(divergences.data(), model.moments(), {model.spread(), {}}, R,
                                            rows * posteriors, Z, stream));
    });
    const std::vector<double> totals = sums.download(stream), latent = moments.download(stream),
                              nats = divergences.download(stream);
    const double n = double(images.set.count());
    std::vector<ElboSummary> out;
    for (int r = 0; r < R; ++r) {
        std::vector<double> means;
        for (std::size_t i = 0; i < terms.size(); ++i) means.push_back(totals[r * terms.size() + i] / n);
        out.push_back(summary_of(terms, means));
        out.back().active_units = active_units(latent.data() + std::size_t(r) * 2 * Z, Z, n * posteriors);
        out.back().latent_kl = latent_kl_of(nats.data() + std::size_t(r) * Z, Z, n * posteriors);
    }
    return out;
}

}  // namespace warpvae
