#include "host/latents/latent_model.h"

#include <algorithm>

#include "host/evaluate/features.h"
#include "models/image_warp.h"

namespace warpvae {
namespace {

void append(std::vector<float>& to, const std::vector<float>& from) { to.insert(to.end(), from.begin(), from.end()); }

/// Rows first..first + n - 1 of [.., width] to the device.
void upload_rows(float* to, const std::vector<float>& from, std::size_t first, int n, std::size_t width,
                 Stream stream) {
    check(copy_to_device(to, from.data() + first * width, std::size_t(n) * width * sizeof(float), stream));
}

}  // namespace

void Codes::append(const Codes& more) {
    warpvae::append(z, more.z), warpvae::append(u, more.u), warpvae::append(r, more.r);
    poses.insert(poses.end(), more.poses.begin(), more.poses.end());
}

std::vector<float> LatentModel::take(const float* from, int n, std::size_t width) {
    std::vector<float> rows(std::size_t(n) * width);
    take_rows(rows.data(), from, 0, n, width, model().stream());
    return rows;
}

PoseReader LatentModel::pose_reader() {
    return PoseReader(model().pose(), model().input_shape().height, model().input_shape().width);
}

// --- images to codes -------------------------------------------------------------------------------------------------

EncodedImages LatentModel::encode(const DeviceImages& images, std::size_t first, int n) {
    put_images(model(), images, first, n);
    EncodedImages out;
    out.codes.r = read_given(n);
    model().encode(n, LatentNoise{});
    const std::size_t latents = std::size_t(Z());
    const std::vector<float> moments = take(model().moments(), n, 2 * latents);
    for (std::size_t row = 0; row < std::size_t(n); ++row) {
        const float* of = moments.data() + row * 2 * latents;
        out.codes.z.insert(out.codes.z.end(), of, of + latents);
        for (std::size_t j = latents; j < 2 * latents; ++j)
            out.deviations.push_back(deviation_of(model().spread(), of[j]));
    }
    if (model().has_pose()) out.codes.u = take(model().u(), n, std::size_t(S()));
    out.kl.assign(std::size_t(n), 0.f);
    for (const float* divergence : model().divergences()) {
        const std::vector<float> part = take(divergence, n, 1);
        std::transform(part.begin(), part.end(), out.kl.begin(), out.kl.begin(), std::plus<>());
    }
    return out;
}

EncodedImages LatentModel::encode(const std::vector<std::uint8_t>& images) {
    const DeviceImages on_device({&images}, {0}, int(D()));
    EncodedImages all;
    for_batches(on_device.count(), rows(), [&](std::size_t first, int n) {
        const EncodedImages part = encode(on_device, first, n);
        all.codes.append(part.codes);
        append(all.deviations, part.deviations), append(all.kl, part.kl);
    });
    return all;
}

std::vector<float> LatentModel::draw(const DeviceImages& images, std::size_t first, int n, int K, std::uint64_t seed) {
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{seed}, "seeds");
    const std::size_t at_once = std::size_t(std::min(K, rows())),  // draws of an image
        images_at_once = std::max<std::size_t>(1, std::size_t(rows()) / std::size_t(K));
    std::vector<float> all;
    for (std::size_t image = 0; image < std::size_t(n); image += images_at_once)
        for (std::size_t done = 0; done < std::size_t(K); done += at_once) {
            const int count = int(std::min(images_at_once, std::size_t(n) - image)),
                      draws = int(std::min(at_once, std::size_t(K) - done));
            // A step for each launch: noise is addressed by rows in fours, and K may be any number.
            const DeviceBuffer<std::uint64_t> step(std::vector<std::uint64_t>{(first + image) * std::size_t(K) + done});
            put_images(model(), images, first + image, count);
            read_given(count);
            model().encode_draws(
                count, draws,
                {.seeds = seeds.data(), .step = step.data(), .purpose = Purpose::kFeature, .first_row = 0});
            append(all, take(model().z(), count * draws, std::size_t(Z())));
        }
    return all;
}

Codes LatentModel::draw_prior(std::size_t n, std::uint64_t seed) {
    const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{seed}, "seeds");
    Codes all;
    for_batches(n, rows(), [&](std::size_t first, int count) {
        model().sample_prior(count,
                             {.seeds = seeds.data(), .step = nullptr, .purpose = Purpose::kPrior, .first_row = first});
        append(all.z, take(model().z(), count, std::size_t(Z())));
        if (has_pose_prior()) append(all.u, take(model().u(), count, std::size_t(S())));
    });
    return model().has_pose() && !has_pose_prior() ? without_pose(*this, std::move(all)) : all;
}

// --- codes to images -------------------------------------------------------------------------------------------------

void LatentModel::put(const Codes& codes, std::size_t first, int n) {
    upload_rows(model().z(), codes.z, first, n, std::size_t(Z()), model().stream());
    if (!codes.r.empty()) give(codes.r.data() + first * std::size_t(given()), n);
    if (!model().has_pose()) return;
    if (codes.poses.empty()) return upload_rows(model().u(), codes.u, first, n, std::size_t(S()), model().stream());
    const PoseReader reader = pose_reader();
    std::vector<float> u;
    for (std::size_t i = 0; i < std::size_t(n); ++i) {
        const std::size_t width = std::size_t(S());
        std::vector<float> row = reader.identity();  // of affine models what is read is reference(), which has no pose
        if (!codes.u.empty())
            row.assign(codes.u.data() + (first + i) * width, codes.u.data() + (first + i + 1) * width);
        if (reader.is_spline()) reader.bend_to(row.data(), codes.poses[first + i]);
        append(u, row);
    }
    upload_rows(model().u(), u, 0, n, std::size_t(S()), model().stream());
}

/// reference() in these poses: a pose may be one that the numbers of u have no way to say (a shear of
/// PoseKind::kPose5).
std::vector<float> LatentModel::placed(const std::vector<AffinePose>& poses, std::size_t first, int n) {
    const GatherOptions& shape = model().input_shape();
    const int height = shape.height, width = shape.width;
    const PoseReader reader = pose_reader();
    std::vector<float> matrices;
    for (std::size_t i = first; i < first + std::size_t(n); ++i)
        for (const double number : reader.matrix(poses[i])) matrices.push_back(float(number));
    const std::vector<double> axes = affine_basis(height, width);
    const DeviceBuffer<float> u(matrices, "poses"), basis(std::vector<float>(axes.begin(), axes.end()), "basis");
    DeviceBuffer<float> out(std::size_t(n) * D(), "placed images");
    ImageWarp<float> warp({shape.channels, height, width, height, width}, std::size_t(n));
    check(warp.forward(out.data(), model().reference(), u.data(), {WarpForm::kAffine, basis.data(), 3, 6},
                       std::size_t(n), model().stream()));
    return take(out.data(), n, D());
}

std::vector<float> LatentModel::decode(const Codes& codes) {
    std::vector<float> images;
    const bool places = !codes.poses.empty() && !pose_reader().is_spline();
    for_batches(codes.z.size() / std::size_t(Z()), rows(), [&](std::size_t first, int n) {
        put(codes, first, n);
        model().decode(n);
        append(images, places ? placed(codes.poses, first, n) : levels(take(model().decoded_images(n), n, D())));
    });
    return images;
}

std::vector<float> LatentModel::negative_log_likelihood(const DeviceImages& images, std::size_t first,
                                                        const Codes& codes) {
    const int n = int(codes.z.size() / std::size_t(Z()));
    put_images(model(), images, first, n);
    put(codes, 0, n);
    model().decode(n);
    DeviceBuffer<float> nll(std::size_t(n), "negative log likelihood");
    model().negative_log_likelihood(nll.data(), model().minibatch(), n);
    return take(nll.data(), n, 1);
}

Codes without_pose(LatentModel& model, Codes codes) {
    const std::vector<float> identity = model.pose_reader().identity();
    codes.u.clear(), codes.poses.clear();
    for (std::size_t i = 0; i < codes.z.size(); i += std::size_t(model.Z())) append(codes.u, identity);
    return codes;
}

Codes rows_of(LatentModel& model, const Codes& codes, std::size_t first, std::size_t n) {
    const auto part = [&](const auto& all, int width) {
        if (all.empty()) return all;
        const auto begin = all.begin() + std::ptrdiff_t(first * std::size_t(width));
        return std::decay_t<decltype(all)>(begin, begin + std::ptrdiff_t(n * std::size_t(width)));
    };
    return {part(codes.z, model.Z()), part(codes.u, model.S()), part(codes.poses, 1), part(codes.r, model.given())};
}

// --- between two images ----------------------------------------------------------------------------------------------

namespace {

/// `frames` rows from the first row of [2, width] to the second, both ends included.
std::vector<float> line(const std::vector<float>& ends, int frames) {
    const std::size_t width = ends.size() / 2;
    std::vector<float> rows;
    for (int i = 0; i < frames; ++i) {
        const float t = float(i) / float(frames - 1);
        for (std::size_t j = 0; j < width; ++j) rows.push_back((1 - t) * ends[j] + t * ends[width + j]);
    }
    return rows;
}

}  // namespace

std::vector<TransitionRow> LatentModel::transitions(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b,
                                                    int frames) {
    std::vector<std::uint8_t> both(a.begin(), a.end());
    both.insert(both.end(), b.begin(), b.end());
    std::vector<float> pixels;
    for (const std::uint8_t byte : both) pixels.push_back(float(byte) / 255);
    const Codes ends = encode(both).codes;
    const Codes between{line(ends.z, frames), line(ends.u, frames), {}, line(ends.r, frames)};
    std::vector<TransitionRow> rows = {{"pixels", line(pixels, frames)}, {"means", decode(between)}};
    if (model().has_pose()) rows.push_back({"means, pose off", decode(without_pose(*this, between))});
    return rows;
}

}  // namespace warpvae
