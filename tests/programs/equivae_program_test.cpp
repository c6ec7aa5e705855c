// The program `equivae`, run as a user runs it: what it writes, how it stops and goes on, what it says to bad input.
#include <gtest/gtest.h>

#include "data/idx.h"
#include "host/files/json.h"
#include "host/files/safetensors.h"
#include "tests/support/gnuplot.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

using namespace test;

// A run of seconds: 660 glyphs to train on, 60 to validate, a tail in every epoch.
constexpr const char* kSmall = " --dataset glyphs --train-images 720 --test-images 150 --quiet";

struct EquivaeProgram : ProgramTest {
    EquivaeProgram() : ProgramTest("equivae") {}
};

TEST_F(EquivaeProgram, HelpTeaches) {
    const Result result = run("--help");
    EXPECT_EQ(result.status, 0);
    for (const char* word : {"table", "figures", "classify", "generate", "report", "--which", "--labels", "--mixing",
                             "--max-complement", "--resume", "Examples"})
        EXPECT_NE(result.out.find(word), std::string::npos) << word;
}

TEST_F(EquivaeProgram, AReportHoldsEverything) {
    const Result result = run(std::string("report --quick --epochs 1 --out ") + at("run") + kSmall);
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_EQ(result.error, test::plot_warning());
    for (const char* file :
         {"config.toml", "metrics.jsonl", "table.json", "table.md", "table_semi.json", "latents.json", "report.html",
          "supervised-z16-seed1/model.safetensors", "supervised-z16-seed1/checkpoint.safetensors",
          "supervised-z16-seed1/result.json", "semi100-paired-z8-seed1/result.json",
          "unsupervised-z16-seed1/result.json", "supervised-z2-seed1/model.safetensors"})
        EXPECT_TRUE(fs::exists(folder / "run" / file)) << file;
    int figures = 0;
    for (const auto& entry : fs::directory_iterator(folder / "run" / "figures"))
        figures += entry.path().extension() == ".png";
    EXPECT_GE(figures, test::has_gnuplot() ? 6 : 3);
    const Json table = Json::parse(read_file(at("run/table.json")));
    EXPECT_EQ(table.at("paper"), "Feige (2019)");
    ASSERT_EQ(table.at("rows").size(), 9u);  // glyphs, and the paper's two sets without a measurement
    for (std::size_t i = 0; i < 3; ++i) {
        const Json& cell = table.at("rows")[i].at("cells")[0];
        EXPECT_GE(cell.at("mean"), 0.0);
        EXPECT_LE(cell.at("mean"), 1.0);
        EXPECT_EQ(table.at("rows")[i + 3].at("run"), "NOT RUN (data absent)");
    }
    const std::string page = read_file(at("run/report.html"));
    EXPECT_NE(page.find("data:image/png;base64,"), std::string::npos);
    EXPECT_EQ(page.find("src=\"http"), std::string::npos) << "the page must open without a network";
    const SafeTensors weights = read_safetensors(at("run/supervised-z16-seed1/model.safetensors"));
    EXPECT_EQ(weights.at("inv.conv.2.weight").shape, (std::vector<std::int64_t>{16, 8, 5, 5}));
    EXPECT_EQ(weights.at("decoder.conv.0.weight").shape, (std::vector<std::int64_t>{32, 64, 5, 5}));

    // What works on a run that is there.
    ImageSet set;
    set.height = 20, set.width = 31;
    set.labels = {0, 0};
    set.images.assign(2 * 20 * 31, 9);
    write_image_set(folder / "mine", "own", set);
    const std::string images = (folder / "mine" / "own-images-idx3-ubyte.gz").string();
    const Result classified = run("classify --quiet --resume " + at("run") + " " + images);
    ASSERT_EQ(classified.status, 0) << classified.error;
    EXPECT_TRUE(fs::exists(folder / "run" / "figures" / "classified.png")) << classified.out;
    const Result generated = run("generate --quiet --classes 4,7 --rows 3 --resume " + at("run"));
    ASSERT_EQ(generated.status, 0) << generated.error;
    EXPECT_TRUE(fs::exists(folder / "run" / "figures" / "generated.png")) << generated.out;
    EXPECT_EQ(run("generate --quiet --resume " + at("run") + " " + images).status, 0);
    EXPECT_TRUE(fs::exists(folder / "run" / "figures" / "restyled.png"));
    expect_failure(2, "class", "generate --quiet --classes 11 --resume " + at("run"));
    expect_failure(1, "no trained model", "generate --quiet --latents 5 --resume " + at("run"));
    expect_failure(1, at("missing.png"), "classify --quiet --resume " + at("run") + " " + at("missing.png"));
}

TEST_F(EquivaeProgram, ColourTrainsEndToEnd) {
    const std::string train =
        "train --dataset glyphs-colour --train-images 720 --test-images 60 --epochs 1 --seeds 1 --quiet";
    for (const char* deviation : {"unit", "per-channel"}) {
        const std::string out = at(deviation);
        const Result result = run(train + " --deviation " + deviation + " --out " + out);
        ASSERT_EQ(result.status, 0) << result.error;
        const SafeTensors weights = read_safetensors(out + "/supervised-z16-seed1/model.safetensors");
        EXPECT_EQ(weights.at("inv.conv.0.weight").shape, (std::vector<std::int64_t>{8, 3, 5, 5}));
        EXPECT_EQ(weights.contains("decoder.log_deviation"), std::string(deviation) != "unit");
    }
}

TEST_F(EquivaeProgram, TheSameBitsOnOneCoreTwoCoresTogetherAndAgain) {
    for (const char* which : {"supervised --epochs 2", "semi --labels 40 --epochs 1"}) {
        const std::string train = std::string("train --which ") + which + kSmall;
        const std::string tag = std::string(which).substr(0, 4);
        ASSERT_EQ(run(train + " --seed 3 --seeds 1 --out " + at(tag + "one"), "WARPVAE_CORES=1").status, 0);
        ASSERT_EQ(run(train + " --seed 3 --seeds 1 --out " + at(tag + "two"), "WARPVAE_CORES=2").status, 0);
        ASSERT_EQ(run(train + " --seed 2 --seeds 2 --together 2 --out " + at(tag + "both")).status, 0);
        const Result again =
            run("train --config " + at(tag + "one/config.toml") + " --quiet --out " + at(tag + "again"));
        ASSERT_EQ(again.status, 0) << again.error;
        const std::string file =
            tag == "supe" ? "/supervised-z16-seed3/model.safetensors" : "/semi40-paired-z8-seed3/model.safetensors";
        for (const char* other : {"two", "both", "again"})
            EXPECT_EQ(digest(tag + "one" + file), digest(tag + other + file)) << which << ", " << other;
    }
}

TEST_F(EquivaeProgram, KilledAndResumedGivesTheSameBits) {
    const std::string train = std::string("train --which semi --mixing sum --labels 40 --seeds 1 --epochs 4") + kSmall;
    ASSERT_EQ(run(train + " --out " + at("whole")).status, 0);
    const pid_t child = start(train + " --out " + at("killed"));
    ASSERT_TRUE(appears(folder / "killed" / "semi40-sum-z8-seed1" / "checkpoint.previous.safetensors"));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it was done before it could be killed";
    const Result resumed = run("train --resume " + at("killed") + " --quiet");
    ASSERT_EQ(resumed.status, 0) << resumed.error;
    EXPECT_EQ(digest("whole/semi40-sum-z8-seed1/model.safetensors"),
              digest("killed/semi40-sum-z8-seed1/model.safetensors"));
    EXPECT_EQ(lines_of(read_file(at("killed/metrics.jsonl"))), lines_of(read_file(at("whole/metrics.jsonl"))));
}

TEST_F(EquivaeProgram, WrongUsageIsStatus2) {
    const std::string out = " --out " + at("x");
    expect_failure(2, "command", "");
    expect_failure(2, "tabel", "tabel" + out);
    expect_failure(2, "--out", "table");
    expect_failure(2, "--which", "table --which all" + out);
    expect_failure(2, "--labels", "table --labels 0" + out);
    expect_failure(2, "--mixing", "table --mixing even" + out);
    expect_failure(2, "--latents", "table --latents -1" + out);
    expect_failure(2, "--deviation", "table --deviation wide" + out);
    expect_failure(2, "--resume", "generate" + out);
    expect_failure(2, "only classify and generate", "table picture.png" + out);
    expect_failure(2, "name the pictures", "classify" + out);
    EXPECT_FALSE(fs::exists(folder / "x")) << "a wrong usage writes nothing";
}

TEST_F(EquivaeProgram, WhatHasNoMeaningOrNoRoomIsOneLine) {
    expect_failure(1, "dataset fetch svhn",
                   "table --quiet --dataset svhn --data " + at("nowhere") + " --out " + at("x"));
    expect_failure(2, "two labelled images at least",
                   std::string("train --which semi --labels 10 --seeds 1 --out ") + at("a") + kSmall);
    expect_failure(2, "multiple of 10",
                   std::string("train --which semi --labels 45 --seeds 1 --out ") + at("b") + kSmall);
    expect_failure(2, "validation", "train --dataset glyphs --train-images 60 --seeds 1 --quiet --out " + at("c"));
    expect_failure(1, "out of device memory", std::string("train --seeds 1 --out ") + at("d") + kSmall,
                   "WARPVAE_MEMORY_LIMIT=4000000");
    expect_failure(1, "is not finite at step",
                   std::string("train --seeds 1 --epochs 3 --learning-rate 1e30 --out ") + at("e") + kSmall);
}

}  // namespace
}  // namespace warpvae
