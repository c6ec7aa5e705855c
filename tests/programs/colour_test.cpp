// Images in colour through all programs: trained, tabled, drawn and reported; their latents, walks and pictures; and
// what is made of a user's own pictures, in colour too.
#include <gtest/gtest.h>

#include <cmath>

#include "data/glyphs.h"
#include "data/npy.h"
#include "data/png.h"
#include "host/core/checkpoint.h"
#include "host/files/safetensors.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

using namespace test;

struct ColourProgram {
    const char *name, *settings;
    const char *model, *figure;  ///< folder of its first model; a figure in colour
};
const ColourProgram kPrograms[] = {
    {"invariance", "--latents 3 --train-set s,rt --hidden 16", "s-z3-seed1", "reconstructions-s-z3"},
    {"spatial", "--quick --latents 3 --rows raw,affine-tvae --hidden 16 --draws 10 --likelihood gaussian-learned",
     "affine-tvae-z3-seed1", "figure12-minima"},
    {"geometry",
     "--latents 3 --separability-latents 3 --alphas 1 --samples 2 --hidden 16 --sgd-repeats 0 --pairs 4 "
     "--likelihood-images 20 --likelihood-samples 20 --binarise grey",
     "k3-alpha1-seed1", "figure5-0-50"},
    {"equivae", "--quick --latents 3", "supervised-z3-seed1", "figure4-samples-supervised-z3"},
};

struct Colour : ProgramTest, testing::WithParamInterface<ColourProgram> {
    Colour() : ProgramTest(GetParam().name), of(GetParam()) {}
    void works(const std::string& command) const {
        const Result result = run(command + " --quiet --resume " + at("run"));
        ASSERT_EQ(result.status, 0) << command << "\n" << result.error;
    }
    std::string latents(const std::string& file) const {
        return at(std::string("run/latents/") + of.model + "/" + file);
    }
    const ColourProgram of;
};
INSTANTIATE_TEST_SUITE_P(Programs, Colour, testing::ValuesIn(kPrograms),
                         [](const auto& one) { return std::string(one.param.name); });

/// How far the channels of a picture are apart, on the mean over its pixels; 0: it is grey.
double chroma(const Picture& picture) {
    double sum = 0;
    for (std::size_t i = 0; picture.channels == 3 && i < picture.pixels.size(); i += 3) {
        const auto [low, high] = std::minmax({picture.pixels[i], picture.pixels[i + 1], picture.pixels[i + 2]});
        sum += high - low;
    }
    return sum / (double(picture.height) * picture.width);
}

TEST_P(Colour, GoesThroughAllThatAProgramDoes) {
    const Result report =
        run(std::string("report --dataset glyphs-colour --train-images 720 --test-images 60 --epochs 1 --seeds 1 "
                        "--quiet ") +
            of.settings + " --out " + at("run"));
    ASSERT_EQ(report.status, 0) << report.error;
    EXPECT_TRUE(fs::exists(at("run/report.html")));
    EXPECT_TRUE(fs::exists(at("run/table.json")));
    EXPECT_GT(chroma(read_png(at(std::string("run/figures/") + of.figure + ".png"))), 0);
    const SafeTensors weights = read_safetensors(at(std::string("run/") + of.model + "/" + kWeights));
    EXPECT_EQ(weights.metadata_at(kImageShape), "32,32,3");

    works("encode");
    works("reconstruct");
    works("traverse 3 --dims 0,1 --steps 3");
    works("interpolate 3 5 --frames 4");
    works("sample --sheet 3");
    using Shape = std::vector<std::size_t>;
    EXPECT_EQ(read_npy<float>(latents("test/means.npy")).shape, (Shape{60, 3}));
    EXPECT_EQ(read_npy<float>(latents("test/images.npy")).shape, (Shape{60, 32, 32, 3}));
    EXPECT_EQ(read_npy<float>(latents("3/frames.npy")).shape, (Shape{2, 3, 32, 32, 3}));
    for (const float nll : read_npy<float>(latents("test/nll.npy")).values) EXPECT_TRUE(std::isfinite(nll));
    for (const char* sheet : {"test/reconstructions.png", "3/traversal.png", "3-5/interpolation.png"})
        EXPECT_GT(chroma(read_png(latents(sheet))), 0) << sheet;

    // A picture of one's own, and one of another size and in grey.
    const GlyphSet glyphs = make_colour_glyphs(2, 3, Part::kTest);
    write_png(at("own.png"), 32, 32, 3, glyphs.set.image(0).data());
    write_png(at("grey.png"), 40, 28, 1, std::vector<std::uint8_t>(40 * 28, 90).data());
    const std::string own = " " + at("own.png") + " " + at("grey.png");
    works("reconstruct" + own);
    if (program == "spatial") {
        works("denoise --rows affine-tvae");
        works("denoise --rows affine-tvae" + own);
        EXPECT_EQ(read_png(at("run/denoised/own-denoised.png")).channels, 3);
        works("pose --rows affine-tvae");
    }
    if (program == "equivae") {
        works("classify" + own);
        works("generate" + own);
        EXPECT_GT(chroma(read_png(at("run/figures/restyled.png"))), 0);
        EXPECT_GT(chroma(read_png(at("run/figures/classified.png"))), 0);
    }
}

}  // namespace
}  // namespace warpvae
