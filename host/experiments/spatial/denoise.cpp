#include "host/experiments/spatial/results.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "data/png.h"
#include "data/user_images.h"
#include "host/experiment/presentation.h"
#include "host/log.h"
#include "host/mean.h"
#include "host/show/format.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr int kRows = 256;             // of a batch
constexpr double kVisible = 0.1;       // dB: a lead that somebody might see
constexpr std::size_t kPictures = 24;  // of a sheet
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

/// The title without what is said of noise in a column of its own.
std::string title_without_noise(SpatialReplica replica) {
    replica.config.noise = {};
    return title_of(replica);
}
std::string trained_on(const SpatialReplica& replica) {
    if (!replica.has_noise()) return "clean images";
    const bool is_clean = replica.config.noise_target == NoiseTarget::kClean;
    return name_of(replica.config.noise) + (is_clean ? ", towards clean" : ", towards noisy");
}
Json keys_of(const DenoisedGroup& group) {
    return {{"model", title_without_noise(group.replicas[0])},
            {"latents", group.replicas[0].config.latents},
            {"trained_on", trained_on(group.replicas[0])},
            {"noise", name_of(group.noise)}};
}

}  // namespace

// --- tables ----------------------------------------------------------------------------------------------------------

std::vector<DenoisedGroup> measure_denoising(const SpatialExperiment& experiment,
                                             const std::vector<SpatialReplica>& replicas) {
    const ImageSet& test = experiment.data().test;
    const DeviceImages images({&test.images}, {0}, int(test.image_size()));
    std::vector<DenoisedGroup> groups;
    for (const auto& members : by_group(replicas)) {
        const std::size_t first = groups.size();
        for (const Degradation& noise : kNoises) groups.push_back({{}, noise, {}});
        for (const SpatialReplica* replica : members) {
            LoadedSpatial loaded(experiment, *replica, kRows);
            const DeviceBuffer<std::uint64_t> seeds(std::vector<std::uint64_t>{replica->drawn_seed()});
            for (std::size_t k = first; k < groups.size(); ++k) {
                groups[k].replicas.push_back(*replica);
                groups[k].scores.push_back(evaluate_denoising(loaded.model, images, groups[k].noise, seeds)[0]);
            }
        }
    }
    return groups;
}

Table denoising_table(const std::vector<DenoisedGroup>& groups, const std::string& dataset) {
    using S = DenoisingSummary;
    Table table = empty_table("Vivé", "Denoising: PSNR in dB against the clean test image, and nats", dataset, 2);
    for (const DenoisedGroup& group : groups)
        table.rows.push_back(
            {keys_of(group),
             {cell_over("noisy_psnr", group.scores, &S::noisy_psnr), cell_over("psnr", group.scores, &S::psnr),
              cell_over("negative_elbo", group.scores, &S::negative_elbo),
              cell_over("median", group.scores, &S::median),
              cell_over("reconstruction", group.scores, &S::reconstruction), cell_over("KL", group.scores, &S::kl),
              cell_over(formatted("above %g nats, %%", kCostLimit), group.scores,
                        [](const S& s) { return 100 * s.share_above_limit; })}});
    return table;
}

Table denoising_worst_table(const std::vector<DenoisedGroup>& groups, const std::string& dataset) {
    Table table =
        empty_table("Vivé", "The test image that costs most under noise, nats and where they come from", dataset, 2);
    for (const DenoisedGroup& group : groups) {
        const auto worst = std::ranges::max_element(
            group.scores, {}, [](const DenoisingSummary& of_seed) { return of_seed.worst.negative_elbo(); });
        const SpatialReplica& replica = group.replicas[std::size_t(worst - group.scores.begin())];
        const ImageCost& cost = worst->worst;
        Row& row = table.rows.emplace_back(Row{keys_of(group), {}});
        row.keys["seed"] = replica.seed;
        row.keys["image"] = cost.image;
        const auto add = [&row](const char* name, double value) { row.cells.push_back(measured_cell(name, {value})); };
        add("negative_elbo", cost.negative_elbo());
        add("reconstruction", cost.reconstruction);
        add("KL of means", cost.kl_of_means);
        add("KL of deviations", cost.kl_of_spreads);
        add("largest deviation", cost.largest_deviation);
        add("wrong pixels", cost.wrong_pixels);
        if (!replica.has_pose()) continue;
        const SpatialVaeConfig& c = replica.config;
        const Pose pose = {c.pose_numbers(), c.last_form(), c.pose_numbers() - c.warp_numbers()};
        add("KL of u", cost.pose_kl);
        add("folded pixels, %", 100 * measure_foldover(cost.u, pose, c.control_points, c.height, c.width).pixels);
    }
    return table;
}

// --- claims ----------------------------------------------------------------------------------------------------------

namespace {

double gain_of(const DenoisingSummary& score) { return score.psnr - score.noisy_psnr; }

/// A reconstruction is nearer to the clean image than its input: of groups that `are_meant`, of their mean over seeds.
template <class Meant>
Statement restores(const char* id, const char* text, const std::vector<DenoisedGroup>& groups, Meant are_meant) {
    std::vector<double> gains, means;
    for (const DenoisedGroup& group : groups) {
        if (!are_meant(group)) continue;
        const std::vector<double> of_seeds = values_over(group.scores, gain_of);
        gains.insert(gains.end(), of_seeds.begin(), of_seeds.end());
        means.push_back(mean_of(of_seeds));
    }
    const auto good = std::ranges::count_if(means, [](double gain) { return gain > 0; });
    Statement claim{.id = id, .text = text, .reason = "Measured by the commands denoise and report, of such models."};
    claim.rule = "for every model and kind of noise, means over seeds";
    if (means.empty()) return claim;
    claim.tested = true;
    claim.holds = std::size_t(good) == means.size();
    claim.reason = formatted("The gain is %+.1f dB on average (from %+.1f to %+.1f), and above 0 in %d of %zu rows.",
                             mean_of(gains), *std::ranges::min_element(means), *std::ranges::max_element(means),
                             int(good), means.size());
    claim.measured = {"gain in PSNR, of each model, noise and seed", gains};
    return claim;
}

bool is_trained_on_this(const DenoisedGroup& group, NoiseTarget target) {
    const SpatialVaeConfig& c = group.replicas[0].config;
    return group.replicas[0].has_noise() && c.noise.kind == group.noise.kind && c.noise_target == target;
}

/// PSNR of models with a pose over that of the VAE of the same dim(z), training, noise and seed; of each seed the mean
/// over models and kinds of noise.
Statement restores_better(const std::vector<DenoisedGroup>& groups) {
    std::map<std::uint64_t, std::vector<double>> leads;
    for (const DenoisedGroup& vae : groups)
        for (const DenoisedGroup& other : groups) {
            const SpatialReplica &a = vae.replicas[0], &b = other.replicas[0];
            if (a.has_pose() || !b.has_pose() || a.config.latents != b.config.latents ||
                trained_on(a) != trained_on(b) || vae.noise.kind != other.noise.kind)
                continue;
            for (std::size_t i = 0; i < vae.replicas.size(); ++i)
                for (std::size_t j = 0; j < other.replicas.size(); ++j)
                    if (vae.replicas[i].seed == other.replicas[j].seed)
                        leads[other.replicas[j].seed].push_back(other.scores[j].psnr - vae.scores[i].psnr);
        }
    std::vector<double> means;
    for (const auto& [seed, of_models] : leads) means.push_back(mean_of(of_models));
    const auto good = std::ranges::count_if(means, [](double lead) { return lead > kVisible; });
    Statement claim = judged("V7c", "models of spatial latents restore better than a VAE of the same dim(z)",
                             formatted("Their PSNR is %+.2f dB from the VAE's of the same training and seed on average "
                                       "over models and kinds of noise.",
                                       mean_of(means)),
                             int(good), int(means.size()),
                             {"PSNR over the VAE's, dB, of each seed: mean over models and kinds of noise", means});
    claim.rule = formatted("by more than %.1f dB in more than half of the seeds", kVisible);
    return claim;
}

}  // namespace

std::vector<Statement> denoising_claims(const std::vector<DenoisedGroup>& groups) {
    return {restores("V7", "models of spatial latents denoise: a reconstruction is nearer to the clean image", groups,
                     [](const DenoisedGroup& g) { return g.replicas[0].has_pose() && !g.replicas[0].has_noise(); }),
            restores("V7a", "trained on noisy images towards the clean ones, a model restores images of that noise",
                     groups, [](const DenoisedGroup& g) { return is_trained_on_this(g, NoiseTarget::kClean); }),
            restores("V7b", "a model restores images of a noise even when it has seen no other (section III)", groups,
                     [](const DenoisedGroup& g) { return is_trained_on_this(g, NoiseTarget::kNoisy); }),
            restores_better(groups)};
}

// --- a user's images -------------------------------------------------------------------------------------------------

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
