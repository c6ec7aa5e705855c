// encode and reconstruct: images through a model, batch by batch, what comes out written as it comes.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "data/npy_writer.h"
#include "host/latents/commands.h"
#include "host/latents/image_source.h"
#include "host/latents/sheets.h"
#include "host/log.h"
#include "host/show/progress.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShown = 36;  // images on a sheet of reconstructions

/// The arrays that encode writes of one source; those that the model has nothing for are not there.
class EncodedFiles {
  public:
    EncodedFiles(const fs::path& folder, std::size_t n, LatentModel& model, int draws)
        : means_(folder / "means.npy", {n, std::size_t(model.Z())}),
          deviations_(folder / "deviations.npy", {n, std::size_t(model.Z())}) {
        if (draws) samples_.emplace(folder / "samples.npy", Shape{n, std::size_t(draws), std::size_t(model.Z())});
        if (model.given()) r_.emplace(folder / "r.npy", Shape{n, std::size_t(model.given())});
        if (!model.model().has_pose()) return;
        u_.emplace(folder / "u.npy", Shape{n, std::size_t(model.S())});
        pose_.emplace(folder / "pose.npy", Shape{n, std::size_t(kAffinePoseNumbers)});
        reader_.emplace(model.pose_reader());
    }
    void append(const EncodedImages& posterior, const std::vector<float>& draws) {
        means_.append(posterior.codes.z);
        deviations_.append(posterior.deviations);
        if (samples_) samples_->append(draws);
        if (r_) r_->append(posterior.codes.r);
        if (!u_) return;
        u_->append(posterior.codes.u);
        const std::size_t n = posterior.kl.size(), S = posterior.codes.u.size() / n;
        std::vector<float> poses;
        for (std::size_t i = 0; i < n; ++i) {
            const AffinePose pose = reader_->read(posterior.codes.u.data() + i * S);
            poses.insert(poses.end(), pose.begin(), pose.end());
            mirrored_ += std::isnan(pose[2]);
        }
        pose_->append(poses);
    }
    void finish() {
        means_.finish(), deviations_.finish();
        for (std::optional<NpyWriter<float>>* file : {&samples_, &r_, &u_, &pose_})
            if (*file) (*file)->finish();
    }
    /// Images whose pose mirrors the canonical image, which pose.npy cannot say.
    std::size_t mirrored() const { return mirrored_; }

  private:
    using Shape = std::vector<std::size_t>;
    NpyWriter<float> means_, deviations_;
    std::optional<NpyWriter<float>> samples_, r_, u_, pose_;
    std::optional<PoseReader> reader_;
    std::size_t mirrored_ = 0;
};

/// What an earlier call may have left: of another model of that name, or with draws.
void remove_encoded(const fs::path& folder) {
    for (const char* file :
         {kIndex, "labels.npy", "means.npy", "deviations.npy", "samples.npy", "r.npy", "u.npy", "pose.npy"})
        fs::remove(folder / file);
}

void encode_source(const LatentCall& call, const LatentSubject& subject, LatentModel& model,
                   const ImageSource& source) {
    const fs::path folder = call.folder(subject, source.name);
    const DeviceImages images({&source.bytes}, {0}, int(model.D()));
    const int K = call.options.draws;
    Progress progress({.label = "encode, " + subject.name,
                       .total = std::int64_t(source.count()),
                       .unit = "images",
                       .quiet = call.quiet()});
    remove_encoded(folder);
    EncodedFiles files(folder, source.count(), model, K);
    for_batches(source.count(), model.rows(), [&](std::size_t first, int n) {
        const EncodedImages posterior = model.encode(images, first, n);
        files.append(posterior, K ? model.draw(images, first, n, K, subject.seed) : std::vector<float>());
        progress.update(std::int64_t(first) + n);
    });
    files.finish();
    write_npy(folder / "labels.npy", {source.count()}, source.labels);
    write_index(folder / kIndex, source);  // last: where it is, all is of one call
    progress.finish();
    if (files.mirrored())
        log_info(std::to_string(files.mirrored()) + " poses of " + subject.name +
                 " mirror the image: their log_scale_y is NaN");
    std::printf("%zu images encoded: %s\n", source.count(), folder.c_str());
}

void reconstruct_source(const LatentCall& call, const LatentSubject& subject, LatentModel& model,
                        const ImageSource& source) {
    const fs::path folder = call.folder(subject, source.name);
    const DeviceImages images({&source.bytes}, {0}, int(model.D()));
    const ImageShape shape(model);
    Progress progress({.label = "reconstruct, " + subject.name,
                       .total = std::int64_t(source.count()),
                       .unit = "images",
                       .quiet = call.quiet()});
    NpyWriter<float> decoded(folder / "images.npy", shape.of({source.count()}));
    std::vector<float> nll, kl, shown, upright;
    for_batches(source.count(), model.rows(), [&](std::size_t first, int n) {
        const EncodedImages posterior = model.encode(images, first, n);
        const std::vector<float> likelihood = model.negative_log_likelihood(images, first, posterior.codes),
                                 made = model.decode(posterior.codes);
        decoded.append(made);
        nll.insert(nll.end(), likelihood.begin(), likelihood.end());
        kl.insert(kl.end(), posterior.kl.begin(), posterior.kl.end());
        if (first == 0) {
            shown.assign(made.begin(), made.begin() + std::ptrdiff_t(std::min<std::size_t>(n, kShown) * model.D()));
            if (model.model().has_pose()) upright = model.decode(without_pose(model, posterior.codes));
        }
        progress.update(std::int64_t(first) + n);
    });
    decoded.finish();
    write_npy(folder / "nll.npy", {nll.size()}, nll);
    write_npy(folder / "kl.npy", {kl.size()}, kl);
    progress.finish();
    const fs::path sheet = folder / "reconstructions.png";
    write_reconstructions(sheet, shape, source.bytes, shown, upright);
    std::printf("%zu images reconstructed: %s\n", source.count(), sheet.c_str());
}

template <class Body>
void for_sources(const LatentCall& call, const std::vector<LatentSubject>& subjects, Body body) {
    const std::vector<ImageSource> sources = image_sources(call);
    for (const LatentSubject& subject : subjects) {
        const auto model = subject.load(kLatentRows);
        for (const ImageSource& source : sources) body(call, subject, *model, source);
    }
}

}  // namespace

void encode_images(const LatentCall& call) { for_sources(call, call.supply.all(), encode_source); }
void reconstruct_images(const LatentCall& call) { for_sources(call, call.supply.first_seeds(), reconstruct_source); }

}  // namespace warpvae
