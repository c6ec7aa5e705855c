#include "host/latents/commands.h"

#include <algorithm>

namespace warpvae {
namespace {

constexpr int kMostWords = 100000;

bool has_setting(const Settings& settings, const char* name) {
    return std::any_of(settings.all().begin(), settings.all().end(), [&](const Setting& s) { return s.name == name; });
}

/// The number of a latent, or where models have a pose one of its names.
Format<std::string> dim(bool has_pose) {
    std::string wanted = "the number of a latent, from 0";
    for (const char* name : kPoseDims)
        if (has_pose) wanted += std::string(", ") + name;
    return {[has_pose](const std::string& text) -> std::optional<std::string> {
                const bool named = has_pose && std::find(kPoseDims.begin(), kPoseDims.end(), text) != kPoseDims.end();
                if (named || whole<int>(0, 1 << 30).read(text)) return text;
                return {};
            },
            [](const std::string& value) { return value; }, "DIM", std::move(wanted)};
}

void add_settings(Settings& s, LatentOptions& o, const LatentSupply& supply) {
    s.group("Latents");
    s.add("part", o.parts, kNothing, one_of<Part>({{"train", Part::kTrain}, {"test", Part::kTest}}),
          "of the run's images, where no IMAGES are given")
        .only({"encode", "reconstruct"});
    s.add("encode-draws", o.draws, kNothing, whole(0, 100000), "K draws of each posterior too: samples.npy")
        .only({"encode"})
        .as("draws");
    if (supply.has_pose) {
        s.add("pose", o.pose, kNothing, any_text("POSE"),
              "identity, the training images' average, prior (sample: drawn from it), or (decode) a pose.npy")
            .only({"decode", "sample"});
        s.add("u", o.u, kNothing, any_text("FILE.npy"), "the pose in the model's own numbers, u.npy of encode")
            .only({"decode"});
    }
    if (supply.classes)
        s.add("r", o.r, kNothing, any_text("FILE.npy"), "r.npy of encode, in place of --classes").only({"decode"});
    s.add("count", o.count, kNothing, whole(0, 10000000), "draws of the prior; 0: as many as the sheet holds")
        .only({"sample"});
    s.add("sheet", o.sheet, kNothing, whole(1, 100), "images a side").only({"sample"});
    s.add("dims", o.dims, kNothing, dim(supply.has_pose),
          std::string("latents by number") + (supply.has_pose ? ", or rotation, scale-x, scale-y, shear, x, y" : "") +
              "; left out: those that vary most")
        .only({"traverse"});
    s.add("span", o.span, kNothing, number({0, 100, true}), "how far to either side, in deviations of the prior")
        .only({"traverse"});
    s.add("steps", o.steps, kNothing, whole(2, 1001), "images along each").only({"traverse"});
    if (!has_setting(s, "frames"))
        s.add("frames", o.frames, kNothing, whole(2, 1001), "images of a transition, both ends included")
            .only({"interpolate"});
}

}  // namespace

void add_latent_commands(Program& program, LatentOptions& options, LatentSupply supply) {
    add_settings(program.settings(), options, supply);
    const auto add = [&](const char* name, const char* help, void (*body)(const LatentCall&), Operands operands = {}) {
        program.add_for_a_run(
            name, help,
            [&program, &options, supply, body] {
                body({program, options, supply});
            },
            std::move(operands));
    };
    const Operands images{"IMAGES", "pictures of your own, PNG, JPEG or IDX; none: the run's test set", 0, kMostWords};
    add("encode", "posterior means, deviations, draws and poses of images, for NumPy and PyTorch", encode_images,
        images);
    add("decode", "what codes decode to", decode_codes,
        {"CODES", "a .npy file of float32, a code of the model a row", 1, 1});
    add("reconstruct", "images and what the means of their posteriors decode to, -log p(x | z) and KL",
        reconstruct_images, images);
    add("sample", "draws of the prior, and the images that they decode to", sample_prior);
    add("traverse", "a walk along each of --dims, the others as in IMAGE, as a sheet and in motion", traverse_latents,
        {"IMAGE", "a number of the test set or a picture; none: the middle of the prior", 0, 1});
    add("interpolate", "from one image to another, through pixels and through codes, as a sheet and in motion",
        interpolate_images, {"images", "two images: numbers of the test set, or PNG, JPEG or IDX files", 2, 2});
}

}  // namespace warpvae
