// The program `geometry`, run as a user runs it: what it writes, how it stops and goes on, what it says to bad input.
#include <gtest/gtest.h>

#include "data/idx.h"
#include "host/files/json.h"
#include "host/files/safetensors.h"
#include "tests/support/gnuplot.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

using namespace test;

// A run of seconds: small nets, a tail in every epoch.
constexpr const char* kSmall =
    " --dataset glyphs --train-images 430 --test-images 90 --hidden 24,24 --likelihood-samples 20 --sgd-steps 50 "
    "--quiet";

struct GeometryProgram : ProgramTest {
    GeometryProgram() : ProgramTest("geometry") {}
};

TEST_F(GeometryProgram, HelpTeaches) {
    const Result result = run("--help");
    EXPECT_EQ(result.status, 0);
    for (const char* word : {"table", "figures", "train", "evaluate", "interpolate", "sample", "likelihood", "report",
                             "--grid", "--resume", "quick", "Examples"})
        EXPECT_NE(result.out.find(word), std::string::npos) << word;
    const Result of_table = run("table --help");
    EXPECT_EQ(of_table.status, 0);
    for (const char* word : {"--alphas", "--grid", "--preset", "--binarise", "--curve", "--resume", "Examples"})
        EXPECT_NE(of_table.out.find(word), std::string::npos) << word;
}

TEST_F(GeometryProgram, AReportHoldsEverything) {
    const Result result =
        run(std::string("report --quick --epochs 2 --checkpoint-every 1 --pairs 10 --out ") + at("run") + kSmall);
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_EQ(result.error, test::plot_warning());
    for (const char* file :
         {"config.toml", "metrics.jsonl", "table.json", "table.md", "separability.json", "report.html",
          "k30-alpha0-seed1/model.safetensors", "k30-alpha0.5-seed1/checkpoint.safetensors",
          "k30-alpha1-seed1/result.json", "k10-alpha1-seed1/result.json", "k50-alpha1-seed1/model.safetensors"})
        EXPECT_TRUE(fs::exists(folder / "run" / file)) << file;
    int figures = 0;
    for (const auto& entry : fs::directory_iterator(folder / "run" / "figures"))
        figures += entry.path().extension() == ".png";
    EXPECT_GE(figures, test::has_gnuplot() ? 9 : 5);
    const Json table = Json::parse(read_file(at("run/table.json")));
    ASSERT_EQ(table.at("rows").size(), 3u);
    const Json best = Json::parse(read_file(at("run/k30-alpha0-seed1/result.json")));
    const Json& read = best.at("result");
    EXPECT_EQ(read.at("eigenvalues").size(), 30u);
    EXPECT_GT(read.at("likelihood").at("log_likelihood").get<double>(), -read.at("negative_bound").get<double>() - 1)
        << "log p(x) of twice as many draws lies above the bound";
    const std::string page = read_file(at("run/report.html"));
    EXPECT_NE(page.find("data:image/png;base64,"), std::string::npos);
    EXPECT_EQ(page.find("src=\"http"), std::string::npos) << "the page must open without a network";
    for (const char* statement : {"N2", "N3", "N4", "N5", "N6", "N7", "N8"})
        EXPECT_NE(result.out.find(statement), std::string::npos) << statement;
    const SafeTensors weights = read_safetensors(at("run/k30-alpha0-seed1/model.safetensors"));
    EXPECT_EQ(weights.at("heads.weight").shape, (std::vector<std::int64_t>{60, 24}));

    // What works on a run that is there.
    const std::string resume = " --quiet --resume " + at("run");
    const Result between = run("interpolate 0 17" + resume);
    ASSERT_EQ(between.status, 0) << between.error;
    EXPECT_TRUE(fs::exists(folder / "run" / "latents" / "k30-alpha0-seed1" / "0-17" / "interpolation.png"))
        << between.out;
    ImageSet set;
    set.height = 20, set.width = 31;
    set.labels = {0};
    set.images.assign(20 * 31, 9);
    write_image_set(folder / "mine", "own", set);
    const std::string mine = (folder / "mine" / "own-images-idx3-ubyte.gz").string();
    const Result own = run("interpolate 3 " + mine + " --curve argo --frames 5" + resume);
    EXPECT_EQ(own.status, 0) << own.error;
    const Result sampled = run("sample --sheet 4" + resume);
    EXPECT_EQ(sampled.status, 0) << sampled.error;
    EXPECT_NE(sampled.out.find("samples.png"), std::string::npos) << sampled.out;
    const Result likelihood = run("likelihood --likelihood-samples 30 --likelihood-images 8" + resume);
    ASSERT_EQ(likelihood.status, 0) << likelihood.error;
    EXPECT_EQ(Json::parse(read_file(at("run/likelihood.json"))).at("rows")[0].at("images"), 8);
    const Result evaluated = run("evaluate" + resume);
    ASSERT_EQ(evaluated.status, 0) << evaluated.error;
    EXPECT_EQ(Json::parse(read_file(at("run/table.json"))), table);
    expect_failure(2, "90 test images", "interpolate 3 90" + resume);
    expect_failure(1, at("missing.png"), "interpolate 3 " + at("missing.png") + resume);
    expect_failure(1, "no trained model", "interpolate 1 2 --alphas 0.25" + resume);
    expect_failure(1, "no trained model", "evaluate --seed 9" + resume);
    // Weights are read only under the settings that made them.
    expect_failure(1, "hidden = 24,24", "interpolate 1 2 --hidden 20,24" + resume);
    expect_failure(1, "learning-rate", "likelihood --learning-rate 0.01" + resume);
    expect_failure(1, "training-images", "evaluate --train-images 400" + resume);
}

TEST_F(GeometryProgram, AGapIsOfTheSameImages) {
    const std::string table = std::string(
                                  "table --alphas 1 --latents 7 --separability-latents 7 --samples 3 --seeds 1 "
                                  "--epochs 1 --pairs 0") +
                              kSmall;
    ASSERT_EQ(run(table + " --likelihood-images 20 --out " + at("first")).status, 0);
    ASSERT_EQ(run(table + " --test-images 20 --out " + at("all")).status, 0);
    const auto result = [&](const char* of) {
        return Json::parse(read_file(folder / of / "k7-alpha1-seed1" / "result.json")).at("result");
    };
    const Json first = result("first"), all = result("all");
    EXPECT_NE(first.at("negative_bound"), all.at("negative_bound"));
    EXPECT_EQ(first.at("negative_bound_there"), all.at("negative_bound"));
    EXPECT_EQ(all.at("negative_bound_there"), all.at("negative_bound"));
    EXPECT_EQ(first.at("likelihood"), all.at("likelihood"));
    EXPECT_NE(read_file(at("first/table.md")).find("gap, first 20"), std::string::npos);
    EXPECT_EQ(read_file(at("all/table.md")).find("gap, first"), std::string::npos);
}

TEST_F(GeometryProgram, TheSameBitsOnOneCoreTwoCoresTogetherAndAgain) {
    const std::string train = std::string("train --latents 7 --samples 3 --seeds 1 --epochs 2") + kSmall;
    const std::string orders = " --alphas -inf,-0.5,0,0.5,1";
    ASSERT_EQ(run(train + orders + " --out " + at("one"), "WARPVAE_CORES=1").status, 0);
    ASSERT_EQ(run(train + " --alphas 0.5 --out " + at("alone"), "WARPVAE_CORES=2").status, 0);
    ASSERT_EQ(run(train + orders + " --together 5 --out " + at("together")).status, 0);
    const Result again = run("train --config " + at("one/config.toml") + " --quiet --out " + at("again"));
    ASSERT_EQ(again.status, 0) << again.error;
    const std::string half = "/k7-alpha0.5-seed1/model.safetensors", lowest = "/k7-alpha-inf-seed1/model.safetensors";
    for (const char* other : {"alone", "together", "again"})
        EXPECT_EQ(digest("one" + half), digest(other + half)) << other;
    for (const char* other : {"together", "again"}) EXPECT_EQ(digest("one" + lowest), digest(other + lowest)) << other;
    EXPECT_NE(digest("one" + half), digest("one" + lowest));
}

TEST_F(GeometryProgram, KilledAndResumedGivesTheSameBits) {
    const std::string train =
        std::string("train --preset argo --latents 5 --alphas 0,1 --together 2 --samples 2 --seeds 1 --epochs 90") +
        kSmall;
    ASSERT_EQ(run(train + " --out " + at("whole")).status, 0);
    const pid_t child = start(train + " --out " + at("killed"));
    ASSERT_TRUE(appears(folder / "killed" / "k5-alpha1-seed1" / "checkpoint.previous.safetensors"));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it was done before it could be killed";
    const Result resumed = run("train --resume " + at("killed") + " --quiet");
    ASSERT_EQ(resumed.status, 0) << resumed.error;
    EXPECT_EQ(digest("whole/k5-alpha1-seed1/model.safetensors"), digest("killed/k5-alpha1-seed1/model.safetensors"));
    EXPECT_EQ(lines_of(read_file(at("killed/metrics.jsonl"))), lines_of(read_file(at("whole/metrics.jsonl"))));
    const std::string config = read_file(at("killed/config.toml"));
    for (const char* line : {"batch = \"32\"", "activation = \"elu\"", "clip-norm = \"100\""})
        EXPECT_NE(config.find(line), std::string::npos) << line << " of the preset\n" << config;
}

// A run of one model and Figure 3's, seconds long.
const std::string kOne =
    std::string("--latents 5 --separability-latents 5,6 --alphas 1 --seeds 1 --epochs 1 --pairs 0") + kSmall;

TEST_F(GeometryProgram, AResultIsShownOnlyForTheSettingsThatMadeIt) {
    const auto table = [&](const std::string& run) { return read_file(at(run + "/table.json")); };
    ASSERT_EQ(run("table " + kOne + " --out " + at("run")).status, 0);
    const std::string of_first = table("run");
    ASSERT_EQ(run("train " + kOne + " --learning-rate 0.01 --overwrite --out " + at("run")).status, 0);
    EXPECT_FALSE(fs::exists(folder / "run" / "table.json"));
    EXPECT_FALSE(fs::exists(folder / "run" / "k6-alpha1-seed1"));
    ASSERT_EQ(run("table --quiet --resume " + at("run")).status, 0);
    ASSERT_EQ(run("table " + kOne + " --learning-rate 0.01 --out " + at("new")).status, 0);
    EXPECT_EQ(table("run"), table("new"));
    EXPECT_NE(table("run"), of_first);

    // Another evaluation is made anew from the same weights; other weights are refused.
    const std::string weights = digest("run/k5-alpha1-seed1/model.safetensors");
    for (const char* change : {" --test-images 70", " --regularisation 0.1", " --bound-samples 3"}) {
        ASSERT_EQ(run("table --quiet --resume " + at("run") + change).status, 0);
        ASSERT_EQ(run("table " + kOne + " --learning-rate 0.01 --overwrite --out " + at("new") + change).status, 0);
        EXPECT_EQ(table("run"), table("new")) << change;
        EXPECT_EQ(read_file(at("run/separability.json")), read_file(at("new/separability.json"))) << change;
    }
    EXPECT_EQ(digest("run/k5-alpha1-seed1/model.safetensors"), weights);
    const std::string shown = table("run");
    for (const char* change : {"learning-rate 0.02", "binarise grey", "kl mc", "samples 4", "hidden 20,24"}) {
        const std::string name = std::string(change).substr(0, std::string(change).find(' '));
        expect_failure(1, "trained with " + name, std::string("table --quiet --") + change + " --resume " + at("run"));
    }
    EXPECT_EQ(table("run"), shown);
}

TEST_F(GeometryProgram, AModelOfFigure3HasItsLikelihoodWhereTheTableWantsIt) {
    ASSERT_EQ(run("table " + kOne + " --out " + at("run")).status, 0);
    const auto result = [&] { return Json::parse(read_file(at("run/k6-alpha1-seed1/result.json"))); };
    EXPECT_FALSE(result().at("result").contains("likelihood"));
    EXPECT_FALSE(result().at("evaluation").contains("likelihood-samples"));
    EXPECT_EQ(Json::parse(read_file(at("run/table.json"))).at("rows").size(), 1u);
    const std::string weights = digest("run/k6-alpha1-seed1/model.safetensors");
    const auto finished = fs::last_write_time(folder / "run/k5-alpha1-seed1/result.json");
    ASSERT_EQ(run("table --latents 5,6 --quiet --resume " + at("run")).status, 0);
    EXPECT_EQ(result().at("result").at("likelihood").at("samples"), 20);
    EXPECT_EQ(Json::parse(read_file(at("run/table.json"))).at("rows").size(), 2u);
    EXPECT_EQ(fs::last_write_time(folder / "run/k5-alpha1-seed1/result.json"), finished);
    EXPECT_EQ(digest("run/k6-alpha1-seed1/model.safetensors"), weights);
}

TEST_F(GeometryProgram, PresetsAndGridsLeaveTheUsersOwnValues) {
    ASSERT_EQ(run(std::string("train --quick --preset argo --epochs 1 --batch 40 --alphas 0.5 --latents 3 --out ") +
                  at("run") + kSmall)
                  .status,
              0);
    const std::string config = read_file(at("run/config.toml"));
    for (const char* line : {"grid = \"quick\"", "preset = \"argo\"", "epochs = \"1\"", "batch = \"40\"",
                             "alphas = \"0.5\"", "samples = \"5\"", "seeds = \"1\"", "checkpoint-every = \"5\"",
                             "activation = \"elu\"", "clip-norm = \"100\""})
        EXPECT_NE(config.find(line), std::string::npos) << line << "\n" << config;
}

TEST_F(GeometryProgram, TwoOrdersOfOneNameAreRefusedBeforeTraining) {
    expect_failure(
        2, "alphas = 0.1, not 0.1000001",
        std::string("train --alphas 0.1,0.1000001 --latents 3 --seeds 1 --epochs 1 --out ") + at("x") + kSmall);
    EXPECT_FALSE(fs::exists(folder / "x" / "metrics.jsonl"));
}

TEST_F(GeometryProgram, WrongUsageIsStatus2) {
    const std::string out = " --out " + at("x");
    expect_failure(2, "command", "");
    expect_failure(2, "tabel", "tabel" + out);
    expect_failure(2, "--out", "table");
    expect_failure(2, "--alphas", "table --alphas 0,half" + out);
    expect_failure(2, "--alphas 1", "train --kl-warmup 2 --alphas 0,1" + out);
    expect_failure(2, "--kl analytic", "train --free-bits 0.1 --alphas 1 --kl mc" + out);
    expect_failure(2, "a number, inf or -inf", "table --alphas nan" + out);
    expect_failure(2, "--latents", "table --latents 0" + out);
    expect_failure(2, "--activation", "table --activation gelu" + out);
    expect_failure(2, "--clip-probability", "table --clip-probability 0.6" + out);
    expect_failure(2, "--grid", "table --grid huge" + out);
    expect_failure(2, "at least 2 images", "interpolate 1" + out);
    expect_failure(2, "takes at most 2", "interpolate a b c" + out);
    expect_failure(2, "picture.png", "table picture.png" + out);
    expect_failure(2, "--train-images", "table --dataset glyphs --train-images 3 --test-images 90" + out);
    expect_failure(2, "--test-images", "table --dataset glyphs --train-images 300 --test-images 1" + out);
    expect_failure(2, "--resume", "interpolate 1 2" + out);
    EXPECT_FALSE(fs::exists(folder / "x")) << "a wrong usage writes nothing";
}

TEST_F(GeometryProgram, WhatHasNoMeaningOrNoRoomIsOneLine) {
    const std::string train = std::string("train --latents 5 --alphas 0.5 --seeds 1 --epochs 3") + kSmall;
    expect_failure(1, "out of device memory", train + " --out " + at("a"), "WARPVAE_MEMORY_LIMIT=1000000");
    expect_failure(1, "is not finite at step", train + " --learning-rate 1e30 --out " + at("b"));
    const std::string damaged = at("c/k5-alpha0.5-seed1/result.json");
    const std::string table = std::string(
                                  "table --latents 5 --separability-latents 5 --alphas 0.5 --seeds 1 --epochs 1 "
                                  "--pairs 0 --out ") +
                              at("c") + kSmall;
    ASSERT_EQ(run(table).status, 0);
    write_file(damaged, "{\"evaluation\": ");
    expect_failure(1, "delete it", "table --quiet --resume " + at("c"));
}

}  // namespace
}  // namespace warpvae
