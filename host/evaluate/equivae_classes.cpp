#include "host/evaluate/equivae_classes.h"

#include <algorithm>
#include <limits>

#include "host/evaluate/elbo.h"

namespace warpvae {
namespace {

/// Rows of [R, rows, width] on the device, added to each replica's own.
void append(std::vector<std::vector<float>>& out, const float* device, int rows, int width, Stream stream) {
    for (std::size_t r = 0; r < out.size(); ++r) {
        const std::size_t before = out[r].size();
        out[r].resize(before + std::size_t(rows) * width);
        take_rows(out[r].data() + before, device, int(r), rows, width, stream);
    }
}

std::uint8_t largest(const float* x, int n) { return std::uint8_t(std::max_element(x, x + n) - x); }

}  // namespace

GivenImages complements_of(Equivae<float>& model, const DeviceImages& images, const ClassSets& classes, int m,
                           const DeviceBuffer<std::uint64_t>& seeds) {
    const bool alone = model.config().self_complement;
    m = alone ? 1 : std::min({m, model.config().max_complement, classes.smallest() - 1});
    return {
        images, [&model, &images, &classes, &seeds, alone, m](std::size_t first, int rows) {
            if (!alone)
                check(gather_complements<float>({model.sets(), rows, 0}, images.table(), classes.index(),
                                                {seeds.data(), nullptr, MinibatchOrder::range(images.count(), first)},
                                                m, model.replicas(), rows, model.input_shape(), model.stream()));
            model.embed_sets(rows, m);
        }};
}

std::vector<EquivaeLatents> equivae_latents(Equivae<float>& model, const DeviceImages& images, const ClassSets& classes,
                                            int m, const DeviceBuffer<std::uint64_t>& seeds) {
    const Range range("latents");
    const int R = model.replicas(), Z = model.latents();
    std::vector<std::vector<float>> r(R), v(R), v_sample(R), nll(R), kl(R);
    DeviceBuffer<double> divergences(std::size_t(R) * Z, "latent divergences");
    divergences.zero(model.stream());
    const GivenImages given = complements_of(model, images, classes, m, seeds);
    for_batches(model, given, images.count(), model.max_rows(), [&](std::size_t first, int rows) {
        model.encode(rows, {});
        append(v, model.v(), rows, Z, model.stream());
        model.bound(rows, {.seeds = seeds.data(), .purpose = Purpose::kEvaluate, .first_row = first});
        check(accumulate_divergences<float>(divergences.data(), model.moments(), {}, R, rows, Z, model.stream()));
        append(r, model.r(), rows, Z, model.stream());
        append(v_sample, model.v(), rows, Z, model.stream());
        append(nll, model.nll(), rows, 1, model.stream());
        append(kl, model.kl(), rows, 1, model.stream());
    });
    const std::vector<double> nats = divergences.download(model.stream());
    std::vector<EquivaeLatents> out(R);
    for (int i = 0; i < R; ++i)
        out[i] = {std::move(r[i]),   std::move(v[i]),  std::move(v_sample[i]),
                  std::move(nll[i]), std::move(kl[i]), latent_kl_of(nats.data() + i * Z, Z, double(images.count()))};
    return out;
}

std::vector<std::vector<float>> embed_images(Equivae<float>& model, const DeviceImages& images) {
    const Range range("embed images");
    std::vector<std::vector<float>> out(model.replicas());
    for_batches(model, images, images.count(), model.max_rows(), [&](std::size_t, int rows) {
        model.embed(rows);
        append(out, model.embedding(), rows, model.config().latents, model.stream());
    });
    return out;
}

std::vector<float> class_means(const std::vector<float>& x, const std::vector<std::uint8_t>& labels, int classes) {
    const std::size_t Z = x.size() / labels.size();
    std::vector<double> sums(classes * Z), counts(classes);
    for (std::size_t i = 0; i < labels.size(); ++i) {
        counts[labels[i]] += 1;
        for (std::size_t j = 0; j < Z; ++j) sums[labels[i] * Z + j] += double(x[i * Z + j]);
    }
    std::vector<float> means(classes * Z);
    for (std::size_t i = 0; i < means.size(); ++i) means[i] = float(sums[i] / counts[i / Z]);
    return means;
}

std::vector<std::uint8_t> nearest_classes(const std::vector<float>& x, const std::vector<float>& means, int classes) {
    const std::size_t Z = means.size() / classes;
    std::vector<std::uint8_t> out(x.size() / Z);
    for (std::size_t i = 0; i < out.size(); ++i) {
        float best = std::numeric_limits<float>::infinity();
        for (int k = 0; k < classes; ++k) {
            float distance = 0;
            for (std::size_t j = 0; j < Z; ++j) {
                const float d = x[i * Z + j] - means[k * Z + j];
                distance += d * d;
            }
            if (distance < best) best = distance, out[i] = std::uint8_t(k);
        }
    }
    return out;
}

std::vector<std::vector<std::uint8_t>> most_likely_classes(Equivae<float>& model, const DeviceImages& images,
                                                           const std::vector<std::vector<float>>& means,
                                                           const std::vector<double>& log_prior) {
    const Range range("bounds by class");
    const int R = model.replicas(), K = int(log_prior.size());
    std::vector<float> r;
    for (const std::vector<float>& replica : means) r.insert(r.end(), replica.begin(), replica.end());
    check(copy_to_device(model.r(), r.data(), r.size() * sizeof(float), model.stream()));
    check(stream_synchronize(model.stream()));
    std::vector<std::vector<std::uint8_t>> out(R);
    for_batches(model, images, images.count(), std::clamp(model.pair_rows() / K, 1, model.max_rows()),
                [&](std::size_t, int rows) {
                    model.bound_by_class(rows, {});
                    std::vector<std::vector<float>> nll(R), kl(R);
                    append(nll, model.nll(), rows, K, model.stream());
                    append(kl, model.kl(), rows, K, model.stream());
                    for (int i = 0; i < R; ++i)
                        for (int n = 0; n < rows; ++n) {
                            float bound[256];
                            for (int k = 0; k < K; ++k)
                                bound[k] = float(log_prior[k]) - nll[i][n * K + k] - kl[i][n * K + k];
                            out[i].push_back(largest(bound, K));
                        }
                });
    return out;
}

std::vector<std::vector<std::uint8_t>> classify_images(Equivae<float>& model, const DeviceImages& images) {
    const Range range("classify");
    const int R = model.replicas(), K = model.config().classes;
    std::vector<std::vector<std::uint8_t>> out(R);
    for_batches(model, images, images.count(), model.max_rows(), [&](std::size_t, int rows) {
        model.classify(rows);
        std::vector<std::vector<float>> logits(R);
        append(logits, model.class_logits(), rows, K, model.stream());
        for (int i = 0; i < R; ++i)
            for (int n = 0; n < rows; ++n) out[i].push_back(largest(&logits[i][std::size_t(n) * K], K));
    });
    return out;
}

double error_rate(const std::vector<std::uint8_t>& predicted, const std::vector<std::uint8_t>& labels) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) wrong += predicted[i] != labels[i];
    return double(wrong) / double(labels.size());
}

}  // namespace warpvae
