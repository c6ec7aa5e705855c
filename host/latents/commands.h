// The commands on the latents of a trained run, which all programs have: encode, decode, reconstruct, sample, traverse,
// interpolate. What they write lies in RUN/latents/MODEL/SOURCE/, arrays as .npy, each with a row an image:
//
//   encode       means, deviations [n, Z]; samples [n, K, Z]; u [n, S]; pose [n, 6]; r [n, G]; labels [n]; index.csv
//   decode       images [n, H, W(, C)] in [0, 1]; a sheet
//   reconstruct  images; nll, kl [n]; a sheet
//   sample       codes [n, Z]; images; u or r where the model has them; a sheet
//   traverse     frames [dims, steps, H, W(, C)] and frames.csv, which names the dims; a sheet and an animation
//   interpolate  frames [rows, frames, H, W(, C)] and frames.csv; a sheet and an animation
#pragma once
#include "host/experiment/program.h"
#include "host/latents/latent_model.h"

namespace warpvae {

struct LatentOptions {
    std::vector<Part> parts = {Part::kTest};
    int draws = 0;  ///< K
    std::string pose = "identity";
    std::string u, r;               ///< files
    std::vector<std::string> dims;  ///< none: the pose, and the latents that vary most
    double span = 3;                ///< deviations of the prior to either side
    int steps = 9, frames = 12;
    int count = 0;   ///< 0: as many as the sheet holds
    int sheet = 10;  ///< a side
};

/// What a program supplies.
struct LatentSupply {
    /// Trained models that the options choose, in the order of a table.
    std::function<std::vector<LatentSubject>()> all;
    /// Of those, the first seed's of each kind.
    std::function<std::vector<LatentSubject>()> first_seeds;
    /// A part of the run's set as the models see it, and the same of a user's picture.
    std::function<const ImageSet&(Part)> images;
    std::function<std::vector<std::uint8_t>(std::vector<std::uint8_t>)> as_seen = [](auto bytes) { return bytes; };
    /// Classes that are asked for, of models that draw by class; null: they do not.
    std::function<std::vector<int>()> classes = {};
    bool has_pose = false;  ///< some of its models have
};

/// What encode writes last, beside the arrays: their rows' images.
inline constexpr const char* kIndex = "index.csv";

/// One call of one command.
struct LatentCall {
    const Program& program;
    const LatentOptions& options;
    const LatentSupply& supply;

    bool quiet() const { return program.run().options.quiet; }
    /// RUN/latents/MODEL/SOURCE
    std::filesystem::path folder(const LatentSubject& subject, const std::string& source) const {
        return program.run().folder.path() / "latents" / subject.name / source;
    }
};

/// Declares the commands and their settings, which `options` holds. `options` must outlive the program's settings.
void add_latent_commands(Program& program, LatentOptions& options, LatentSupply supply);

void encode_images(const LatentCall& call);
void decode_codes(const LatentCall& call);
void reconstruct_images(const LatentCall& call);
void sample_prior(const LatentCall& call);
void traverse_latents(const LatentCall& call);
void interpolate_images(const LatentCall& call);

}  // namespace warpvae
