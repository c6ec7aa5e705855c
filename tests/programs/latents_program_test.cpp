// encode, decode, reconstruct, sample, traverse and interpolate of all four programs, as a user runs them: which files
// of which shapes, that they agree with each other, and what bad input is told.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "data/npy.h"
#include "data/png.h"
#include "host/show/animation.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

using namespace test;
using Shape = std::vector<std::size_t>;

struct TrainedProgram {
    const char *name, *settings, *model;  ///< what is trained, and the folder of its first model
    std::size_t Z, S, G, side;
};
const TrainedProgram kPrograms[] = {
    {"invariance", "--hidden 24 --latents 3 --train-set s", "s-z3-seed1", 3, 0, 0, 28},
    {"spatial", "--hidden 24 --latents 3 --rows affine-tvae", "affine-tvae-z3-seed1", 3, 6, 0, 28},
    {"geometry", "--hidden 24 --latents 3 --alphas 1 --samples 2", "k3-alpha1-seed1", 3, 0, 0, 28},
    {"equivae", "--latents 3", "supervised-z3-seed1", 3, 0, 3, 28},
};

/// A .npy file of the same rows as NumPy writes float64 in Fortran's order.
std::string doubles_in_fortran_order(const NpyArray<float>& rows) {
    const std::size_t n = rows.shape[0], width = rows.shape[1];
    std::vector<double> columns;
    for (std::size_t j = 0; j < width; ++j)
        for (std::size_t i = 0; i < n; ++i) columns.push_back(rows.values[i * width + j]);
    const std::string text = "{'descr': '<f8', 'fortran_order': True, 'shape': (" + std::to_string(n) + ", " +
                             std::to_string(width) + "), }\n";
    std::string bytes = std::string("\x93NUMPY\x01\0", 8) + char(text.size()) + '\0' + text;
    return bytes.append(reinterpret_cast<const char*>(columns.data()), columns.size() * sizeof(double));
}

struct LatentsOfProgram : ProgramTest, testing::WithParamInterface<TrainedProgram> {
    LatentsOfProgram() : ProgramTest(GetParam().name), of(GetParam()) {}
    void SetUp() override {
        const Result trained = run(std::string("train --dataset glyphs --train-images 600 --test-images 90 --seeds 1 "
                                               "--epochs 1 --quiet ") +
                                   of.settings + " --out " + at("run"));
        ASSERT_EQ(trained.status, 0) << trained.error;
    }
    fs::path in(const std::string& file) const { return folder / "run" / "latents" / of.model / file; }
    void works(const std::string& command) const {
        const Result result = run(command + resume());
        ASSERT_EQ(result.status, 0) << command << "\n" << result.error;
    }
    std::string resume() const { return " --quiet --resume " + at("run"); }
    NpyArray<float> array(const std::string& file, const Shape& shape) const {
        const NpyArray<float> read = read_npy<float>(in(file));
        EXPECT_EQ(read.shape, shape) << file;
        for (const float value : read.values) EXPECT_TRUE(std::isfinite(value)) << file;
        return read;
    }
    void expect_animation(const std::string& file) const {
        ASSERT_EQ(fs::exists(in(file)), can_animate()) << file;
        if (!can_animate()) return;
        EXPECT_EQ(read_file(in(file)).substr(0, 6), "GIF89a");
    }
    const TrainedProgram of;
};
INSTANTIATE_TEST_SUITE_P(Programs, LatentsOfProgram, testing::ValuesIn(kPrograms),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(LatentsOfProgram, CodesOfImagesAndImagesOfCodes) {
    const std::size_t n = 90, Z = of.Z, H = of.side;
    works("encode --draws 3 --part train,test");
    array("train/means.npy", {600, Z});
    const auto means = array("test/means.npy", {n, Z}), deviations = array("test/deviations.npy", {n, Z}),
               samples = array("test/samples.npy", {n, 3, Z});
    double off = 0, square = 0;  // draws are the means and deviations' own
    for (std::size_t i = 0; i < samples.values.size(); ++i) {
        const std::size_t j = i / (3 * Z) * Z + i % Z;
        EXPECT_GT(deviations.values[j], 0);
        const double standard = (samples.values[i] - means.values[j]) / deviations.values[j];
        off += standard, square += standard * standard;
    }
    const double count = double(samples.values.size());
    EXPECT_LT(std::abs(off) / std::sqrt(count), 4) << "the draws' mean, in standard errors";
    EXPECT_LT(std::abs(square / count - 1) * std::sqrt(count / 2), 4) << "their variance";

    const std::string labels = read_file(in("test/labels.npy"));
    EXPECT_NE(labels.find("'<i8'"), std::string::npos);
    std::int64_t first;
    std::memcpy(&first, labels.data() + labels.size() - n * sizeof first, sizeof first);
    const std::string index = read_file(in("test/index.csv"));
    const std::string label = std::to_string(first);
    EXPECT_EQ(index.substr(0, index.find('\n', 22)), "row,name,label,class\n0,test-0," + label + "," + label);
    EXPECT_EQ(lines_of(index), int(n) + 1);

    // What encode wrote decodes to what reconstruct writes.
    works("reconstruct");
    const auto images = array("test/images.npy", {n, H, H}), nll = array("test/nll.npy", {n}),
               kl = array("test/kl.npy", {n});
    for (const float level : images.values) EXPECT_TRUE(level >= 0 && level <= 1) << level;
    for (std::size_t i = 0; i < n; ++i) EXPECT_TRUE(nll.values[i] > 0 && kl.values[i] > 0) << i;
    EXPECT_TRUE(is_png(read_file(in("test/reconstructions.png"))));
    std::string with;
    if (of.S) with = " --u " + in("test/u.npy").string();
    if (of.G) with = " --r " + in("test/r.npy").string();
    works("decode " + in("test/means.npy").string() + with);
    const auto decoded = array("test-means/images.npy", {n, H, H});
    for (std::size_t i = 0; i < images.values.size(); ++i) EXPECT_NEAR(decoded.values[i], images.values[i], 1e-6);
    write_file(at("doubles.npy"), doubles_in_fortran_order(means));
    works("decode " + at("doubles.npy") + with);
    EXPECT_EQ(array("doubles/images.npy", {n, H, H}).values, decoded.values);
    if (of.S) {  // an affine u and its pose say the same
        array("test/u.npy", {n, of.S});
        array("test/pose.npy", {n, 6});
        works("decode " + in("test/means.npy").string() + " --pose " + in("test/pose.npy").string());
        const auto posed = array("test-means/images.npy", {n, H, H});
        for (std::size_t i = 0; i < images.values.size(); ++i) EXPECT_NEAR(posed.values[i], images.values[i], 1e-3);
    }
    works("encode");
    EXPECT_FALSE(fs::exists(in("test/samples.npy"))) << "draws of an earlier call";
}

struct LatentsOfInvariance : ProgramTest {
    LatentsOfInvariance() : ProgramTest("invariance") {}
};
TEST_F(LatentsOfInvariance, CodesAreDecodedByTheirOwnModel) {
    const auto call = [&](const std::string& arguments) { return run(arguments + " --quiet"); };
    ASSERT_EQ(call("train --dataset glyphs --train-images 300 --test-images 20 --seeds 2 --epochs 1 --hidden 24 "
                   "--latents 3 --train-set s,rt --out " +
                   at("run"))
                  .status,
              0);
    const std::string resume = " --resume " + at("run"), latents = at("run/latents/");
    ASSERT_EQ(call("encode" + resume).status, 0);
    fs::copy(latents + "s-z3-seed2/test/means.npy", folder / "mine.npy");
    ASSERT_EQ(call("decode " + latents + "s-z3-seed2/test/means.npy" + resume).status, 0);
    EXPECT_TRUE(fs::exists(latents + "s-z3-seed2/test-means/images.npy"));
    for (const char* other : {"s-z3-seed1", "rt-z3-seed1", "rt-z3-seed2"})
        EXPECT_FALSE(fs::exists(latents + other + "/test-means")) << other;
    ASSERT_EQ(call("decode " + at("mine.npy") + resume).status, 0);
    for (const char* first : {"s-z3-seed1", "rt-z3-seed1"})
        EXPECT_TRUE(fs::exists(latents + first + "/mine/images.npy")) << first;
}

TEST_P(LatentsOfProgram, SamplesAndWalks) {
    const std::size_t Z = of.Z, H = of.side;
    works("sample --count 7");
    array("prior/codes.npy", {7, Z});
    array("prior/images.npy", {7, H, H});
    EXPECT_TRUE(is_png(read_file(in("prior/samples.png"))));
    const std::string before = digest("run/latents/" + std::string(of.model) + "/prior/codes.npy");
    works("sample --count 7");
    EXPECT_EQ(digest("run/latents/" + std::string(of.model) + "/prior/codes.npy"), before)
        << "the same draws each time";

    works("traverse");
    EXPECT_EQ(read_npy<float>(in("prior/frames.npy")).shape[1], 9u);
    expect_animation("prior/traversal.gif");
    works("traverse 5 --dims 2,0 --steps 4 --span 1.5");
    array("5/frames.npy", {2, 4, H, H});
    EXPECT_EQ(read_file(in("5/frames.csv")), "row,name\n0,z2\n1,z0\n");
    EXPECT_TRUE(is_png(read_file(in("5/traversal.png"))));
    works("interpolate 0 5 --frames 6");
    EXPECT_EQ(read_npy<float>(in("0-5/frames.npy")).shape[1], 6u);
    EXPECT_TRUE(is_png(read_file(in("0-5/interpolation.png"))));
    expect_animation("0-5/interpolation.gif");
}

TEST_P(LatentsOfProgram, PicturesOfAUser) {
    std::vector<std::uint8_t> picture(28 * 28);
    for (int y = 6; y < 22; ++y)
        for (int x = 12; x < 16; ++x) picture[std::size_t(y * 28 + x)] = 255;
    write_png(folder / "a,b.png", 28, 28, 1, picture.data());
    const std::string mine = "\"" + at("a,b.png") + "\"";
    works("encode " + mine);
    array("a,b/means.npy", {1, of.Z});
    EXPECT_EQ(read_file(in("a,b/index.csv")), "row,name,label,class\n0,\"a,b\",,\n");
    works("interpolate 0 " + mine);
    EXPECT_TRUE(fs::exists(in("0-a,b/interpolation.png")));
}

TEST_P(LatentsOfProgram, BadInputIsToldInOneLine) {
    expect_failure(2, "90 test images", "traverse 90" + resume());
    expect_failure(1, at("missing.png"), "encode " + at("missing.png") + resume());
    expect_failure(2, "0 to 2", "traverse --dims 3" + resume());
    expect_failure(2, "number of a latent", "traverse --dims turn" + resume());
    expect_failure(1, at("none.npy"), "decode " + at("none.npy") + resume());
    write_npy(folder / "wide.npy", {2, 4}, std::vector<float>(8, 0));
    expect_failure(1, "[2, 4]", "decode " + at("wide.npy") + resume());
    write_npy(folder / "nan.npy", {2, 3}, std::vector<float>{0, 0, 0, 0, std::nanf(""), 0});
    expect_failure(1, "row 1, column 1", "decode " + at("nan.npy") + resume());
    expect_failure(2, "--resume", "encode --out " + at("x"));
    write_npy(folder / "one.npy", {1, 3}, std::vector<float>(3, 0));
    if (of.S) {
        expect_failure(2, "neither identity nor average", "decode " + at("one.npy") + " --pose nowhere" + resume());
        expect_failure(2, "choose one", "decode " + at("one.npy") + " --pose average --u x.npy" + resume());
        expect_failure(2, "no prior on its pose", "sample --pose prior" + resume());
        write_npy(folder / "poses.npy", {2, 6}, std::vector<float>(12, 0));
        expect_failure(1, "2 rows for 1 codes", "decode " + at("one.npy") + " --pose " + at("poses.npy") + resume());
    } else {
        expect_failure(2, "number of a latent", "traverse --dims rotation" + resume());
    }
    if (of.G) expect_failure(2, "--classes 12", "decode " + at("one.npy") + " --classes 12" + resume());
    EXPECT_FALSE(fs::exists(folder / "run" / "latents")) << "nothing was made";
}

}  // namespace
}  // namespace warpvae
