// --likelihood in the programs of grey images: it decides the training, is kept with the run, and every evaluation of a
// Gaussian works. EQUIVAE's is in its own test.
#include <gtest/gtest.h>

#include "host/files/safetensors.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

struct Case {
    const char *program, *options, *model;
};
const Case kCases[] = {
    {"invariance", "--latents 3 --hidden 16 --train-set s --benchmark none", "s-z3-seed1"},
    {"spatial", "--latents 3 --hidden 16 --rows affine-tvae", "affine-tvae-z3-seed1"},
    {"geometry", "--latents 3 --hidden 16 --alphas 0.5 --separability-latents 3 --samples 2", "k3-alpha0.5-seed1"},
};
constexpr const char* kSmall =
    " --dataset glyphs --train-images 100 --test-images 40 --epochs 1 --seeds 1 --batch 20 --quiet ";

class LikelihoodPrograms : public test::ProgramTest, public ::testing::WithParamInterface<Case> {
  protected:
    LikelihoodPrograms() : ProgramTest(GetParam().program) {}
    std::string train(const std::string& likelihood) const {
        return std::string("train ") + GetParam().options + kSmall + (likelihood.empty() ? "" : "--likelihood ") +
               likelihood + " --out ";
    }
    SafeTensors weights(const std::string& run_folder) const {
        return read_safetensors(at(run_folder + "/" + GetParam().model + "/model.safetensors"));
    }
};

TEST_P(LikelihoodPrograms, TheDefaultIsWhatItWas) {
    ASSERT_EQ(run(train("") + at("default")).status, 0);
    const auto found = weights("default");
    for (const auto& [name, value] : found.metadata)
        EXPECT_NE(name, "likelihood") << "in runs from before there was one";
    EXPECT_FALSE(found.contains("decoder.log_deviation"));
    expect_failure(1, "likelihood", "train --quiet --likelihood gaussian --resume " + at("default"));
}

TEST_P(LikelihoodPrograms, AGaussianIsTrainedKeptAndEvaluated) {
    for (const char* likelihood : {"gaussian", "gaussian-learned"}) {
        const std::string out = at(likelihood);
        const Result trained = run(train(likelihood) + out);
        ASSERT_EQ(trained.status, 0) << trained.error;
        EXPECT_EQ(weights(likelihood).contains("decoder.log_deviation"), likelihood == std::string("gaussian-learned"));
        const bool geometry = GetParam().program == std::string("geometry");
        const Result measured =
            run(std::string("likelihood --quiet ") +
                (geometry ? "--likelihood-samples 20 --likelihood-images 5" : "--draws 20 --likelihood-images 5") +
                " --resume " + out);
        EXPECT_EQ(measured.status, 0) << measured.error;
        EXPECT_EQ(measured.out.find("nan"), std::string::npos) << measured.out;
        EXPECT_EQ(run("sample --sheet 2 --quiet --resume " + out).status, 0);
        expect_failure(1, "likelihood", "train --quiet --likelihood bernoulli --resume " + out);
    }
}

TEST_P(LikelihoodPrograms, AnotherWordIsOneLine) {
    expect_failure(2, "--likelihood", train("poisson") + at("x"));
    EXPECT_FALSE(std::filesystem::exists(folder / "x"));
}

INSTANTIATE_TEST_SUITE_P(EachProgram, LikelihoodPrograms, ::testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.program); });

}  // namespace
}  // namespace warpvae
