#include "host/experiments/spatial/results.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "data/png.h"
#include "data/user_images.h"
#include "host/evaluate/denoising.h"
#include "host/experiment/presentation.h"
#include "host/log.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kRows = 256;             // of a batch
constexpr std::size_t kPictures = 24;  // of a sheet
constexpr Degradation kNoises[] = {
    {DegradationKind::kSaltAndPepper, 0.2f}, {DegradationKind::kGaussian, 0.3f}, {DegradationKind::kOcclusion, 0.4f}};

/// "salt-and-pepper 0.2"
std::string name_of(const Degradation& noise) {
    const char* kinds[] = {"salt-and-pepper", "Gaussian", "occlusion"};
    return formatted("%s %g", kinds[int(noise.kind)], double(noise.amount));
}

void write_sheet(const fs::path& path, const std::vector<UserImage>& images, const DenoisingPictures& pictures,
                 const SpatialVae<float>& model, const std::string& title) {
    const SpatialVaeConfig& of = model.config();
    const bool has_pose = model.has_pose();
    const std::size_t count = std::min(images.size(), kPictures), D = std::size_t(model.image_size());
    const int as_wide_as_captions = std::max(1, 112 / of.width);
    ImageGrid sheet(int(count), has_pose ? 3 : 2, of.height, of.width,
                    {.channels = of.channels, .scale = as_wide_as_captions, .invert = true});
    for (std::size_t n = 0; n < count; ++n) {
        const auto picture = [&](const std::vector<float>& all) { return std::span(all).subspan(n * D, D); };
        sheet.set(int(n), 0, picture(pictures.clean));
        sheet.set(int(n), 1, picture(pictures.denoised));
        if (has_pose) sheet.set(int(n), 2, picture(pictures.reference));
        sheet.row_caption(int(n), images[n].name);
    }
    sheet.title(title);
    sheet.column_caption(0, "input");
    sheet.column_caption(1, "denoised");
    if (has_pose) sheet.column_caption(2, "reference");
    sheet.write(path);
}

}  // namespace

Table denoising_table(const SpatialExperiment& experiment, const std::vector<SpatialReplica>& replicas) {
    const ImageSet& test = experiment.data().test;
    const DeviceImages images({&test.images}, {0}, int(test.image_size()));
    Table table =
        empty_table("Vivé", "Denoising: PSNR in dB against the clean test image, and nats", experiment.data().name, 2);
    for (const auto& members : by_group(replicas)) {
        std::vector<std::vector<DenoisingSummary>> of_noise(std::size(kNoises));  // [noise, seed]
        for (const SpatialReplica* replica : members) {
            LoadedSpatial loaded(experiment, *replica, kRows);
            const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{replica->drawn_seed()});
            for (std::size_t k = 0; k < of_noise.size(); ++k)
                of_noise[k].push_back(evaluate_denoising(loaded.model, images, kNoises[k], seeds)[0]);
        }
        for (std::size_t k = 0; k < of_noise.size(); ++k)
            table.rows.push_back({{{"model", title_of(*members[0])},
                                   {"latents", members[0]->config.latents},
                                   {"noise", name_of(kNoises[k])}},
                                  {cell_over("noisy_psnr", of_noise[k], &DenoisingSummary::noisy_psnr),
                                   cell_over("psnr", of_noise[k], &DenoisingSummary::psnr),
                                   cell_over("negative_elbo", of_noise[k], &DenoisingSummary::negative_elbo)}});
    }
    return table;
}

void denoise_user_images(const SpatialExperiment& experiment, const SpatialReplica& replica,
                         const std::vector<fs::path>& paths, const fs::path& out_folder) {
    const int H = replica.config.height, W = replica.config.width, C = replica.config.channels;
    const std::size_t D = std::size_t(H) * W * C;
    const std::vector<UserImage> images = read_user_images(paths, experiment.data().preparation);
    const std::vector<std::uint8_t> bytes = bytes_of(images);
    for (const UserImage& image : images)
        if (!image.note.empty()) log_info(image.name + ": " + image.note);
    LoadedSpatial loaded(experiment, replica, kRows);
    const DenoisingPictures pictures =
        denoising_pictures(loaded.model, DeviceImages({&bytes}, {0}, int(D)), Degradation{}, images.size(), 0, {});

    std::vector<std::uint8_t> picture(D);
    for (std::size_t n = 0; n < images.size(); ++n) {
        for (std::size_t i = 0; i < D; ++i) {
            const long ink = std::lround(std::clamp(pictures.denoised[n * D + i], 0.f, 1.f) * 255);
            picture[i] = std::uint8_t(images[n].inverted ? 255 - ink : ink);
        }
        write_png(out_folder / (images[n].name + "-denoised.png"), W, H, C, picture.data());
    }
    const fs::path sheet = out_folder / "denoised.png";
    write_sheet(sheet, images, pictures, loaded.model,
                title_of(replica) + ", " + std::to_string(replica.config.latents) + " latents");
    log_info("wrote " + std::to_string(images.size()) + (images.size() == 1 ? " image" : " images") + " into " +
             out_folder.string() + " and side by side with the " + (images.size() == 1 ? "input" : "inputs") +
             " into " + sheet.string());
}

}  // namespace warpvae
