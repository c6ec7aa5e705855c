#include "host/evaluate/equivae_evaluation.h"

#include <algorithm>
#include <limits>

#include "host/evaluate/vae_evaluation.h"

namespace warpvae {
namespace {

/// Calls body(first, rows) for images 0..count-1, gathered into the model's minibatch.
template <class Body>
void for_batches(Equivae<float>& model, const DeviceImages& images, int most, const Matmul& matmul, Body body) {
    std::size_t step = std::min(most, model.evaluation_rows());
    if (step > 4) step = step / 4 * 4;  // noise is addressed by rows in fours
    for (std::size_t first = 0; first < images.count(); first += step) {
        const int rows = int(std::min(step, images.count() - first));
        check(gather_range(model.minibatch(), images.table(), first, model.replicas(), rows, int(model.image_size()),
                           matmul.stream(), model.config().pixels));
        body(first, rows);
    }
}

/// Rows of [R, rows, width] on the device, added to each replica's own.
void append(std::vector<std::vector<float>>& out, const float* device, int rows, int width, const Matmul& matmul) {
    const std::size_t count = std::size_t(rows) * width;
    std::vector<float> host(out.size() * count);
    check(copy_to_host(host.data(), device, host.size() * sizeof(float), matmul.stream()));
    for (std::size_t r = 0; r < out.size(); ++r)
        out[r].insert(out[r].end(), host.begin() + std::ptrdiff_t(r * count),
                      host.begin() + std::ptrdiff_t((r + 1) * count));
}

std::uint8_t largest(const float* x, int n) { return std::uint8_t(std::max_element(x, x + n) - x); }

}  // namespace

std::vector<EquivaeLatents> equivae_latents(Equivae<float>& model, const DeviceImages& images, const ClassSets& classes,
                                            int m, const DeviceBuffer<std::uint64_t>& seeds, const Matmul& matmul) {
    const Range range("latents");
    const int R = model.replicas(), Z = model.config().latents;
    const GatherOptions shape = model.input_shape();
    const bool alone = model.config().self_complement;
    m = alone ? 1 : std::min({m, model.config().max_complement, classes.smallest() - 1});
    std::vector<std::vector<float>> r(R), v(R), v_sample(R), nll(R), kl(R);
    LatentNoise noise;
    noise.seeds = seeds.data();
    noise.purpose = Purpose::kEvaluate;
    for_batches(model, images, model.set_rows(), matmul, [&](std::size_t first, int rows) {
        if (!alone)
            check(gather_complements<float>({model.sets(), rows, 0}, images.table(), classes.index(),
                                            {seeds.data(), nullptr, MinibatchOrder::range(images.count(), first)}, m, R,
                                            rows, shape, matmul.stream()));
        model.embed_sets(rows, m);
        model.encode(rows, {});
        model.decode(rows);
        model.negative_log_likelihood(rows);
        append(r, model.r(), rows, Z, matmul);
        append(v, model.v(), rows, Z, matmul);
        append(nll, model.nll(), rows, 1, matmul);
        append(kl, model.kl(), rows, 1, matmul);
        noise.first_row = first;
        check(reparameterise_forward(model.v(), model.moments(), noise, R, rows, Z, matmul.stream()));
        append(v_sample, model.v(), rows, Z, matmul);
    });
    std::vector<EquivaeLatents> out(R);
    for (int i = 0; i < R; ++i)
        out[i] = {std::move(r[i]), std::move(v[i]), std::move(v_sample[i]), std::move(nll[i]), std::move(kl[i])};
    return out;
}

std::vector<std::vector<float>> embed_images(Equivae<float>& model, const DeviceImages& images, const Matmul& matmul) {
    const Range range("embed images");
    std::vector<std::vector<float>> out(model.replicas());
    for_batches(model, images, model.evaluation_rows(), matmul, [&](std::size_t, int rows) {
        model.embed(rows);
        append(out, model.embedding(), rows, model.config().latents, matmul);
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
                                                           const std::vector<double>& log_prior, const Matmul& matmul) {
    const Range range("bounds by class");
    const int R = model.replicas(), K = int(log_prior.size());
    std::vector<float> r;
    for (const std::vector<float>& replica : means) r.insert(r.end(), replica.begin(), replica.end());
    check(copy_to_device(model.r(), r.data(), r.size() * sizeof(float), matmul.stream()));
    check(stream_synchronize(matmul.stream()));
    std::vector<std::vector<std::uint8_t>> out(R);
    for_batches(model, images, std::max(1, model.pair_rows() / K), matmul, [&](std::size_t, int rows) {
        model.bound_by_class(rows, {});
        std::vector<std::vector<float>> nll(R), kl(R);
        append(nll, model.nll(), rows, K, matmul);
        append(kl, model.kl(), rows, K, matmul);
        for (int i = 0; i < R; ++i)
            for (int n = 0; n < rows; ++n) {
                float bound[256];
                for (int k = 0; k < K; ++k) bound[k] = float(log_prior[k]) - nll[i][n * K + k] - kl[i][n * K + k];
                out[i].push_back(largest(bound, K));
            }
    });
    return out;
}

std::vector<std::vector<std::uint8_t>> classify_images(Equivae<float>& model, const DeviceImages& images,
                                                       const Matmul& matmul) {
    const Range range("classify");
    const int R = model.replicas(), K = model.config().classes;
    std::vector<std::vector<std::uint8_t>> out(R);
    for_batches(model, images, model.evaluation_rows(), matmul, [&](std::size_t, int rows) {
        model.classify(rows);
        std::vector<std::vector<float>> logits(R);
        append(logits, model.class_logits(), rows, K, matmul);
        for (int i = 0; i < R; ++i)
            for (int n = 0; n < rows; ++n) out[i].push_back(largest(&logits[i][std::size_t(n) * K], K));
    });
    return out;
}

int active_dimensions(const std::vector<float>& rows, int Z) {
    std::vector<double> sums(2 * Z);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        sums[i % Z] += double(rows[i]);
        sums[Z + i % Z] += double(rows[i]) * double(rows[i]);
    }
    return active_units(sums.data(), Z, double(rows.size()) / Z);
}

double error_rate(const std::vector<std::uint8_t>& predicted, const std::vector<std::uint8_t>& labels) {
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < labels.size(); ++i) wrong += predicted[i] != labels[i];
    return double(wrong) / double(labels.size());
}

}  // namespace warpvae
