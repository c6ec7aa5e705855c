// The program `invariance`, run as a user runs it: what it writes, how it stops and goes on, what it says to bad input.
#include <gtest/gtest.h>

#include "data/data_set.h"
#include "data/idx.h"
#include "data/sha256.h"
#include "host/core/checkpoint.h"
#include "host/files/json.h"
#include "host/files/safetensors.h"
#include "tests/support/gnuplot.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

using namespace test;
namespace fs = std::filesystem;

// A run of seconds: few glyphs, a narrow model, a tail in every epoch (300 = 9 * 32 + 12).
constexpr const char* kFew = " --dataset glyphs --train-images 300 --test-images 120 --hidden 24 --batch 32";
const std::string kSmall = std::string(kFew) + " --benchmark none";

struct Invariance : ProgramTest {
    Invariance() : ProgramTest("invariance") {}
};

TEST_F(Invariance, HelpTeaches) {
    const Result result = run("--help");
    EXPECT_EQ(result.status, 0);
    for (const char* word : {"table", "figures", "train", "sample", "likelihood", "reduced", "report", "--latents",
                             "--resume", "Examples"})
        EXPECT_NE(result.out.find(word), std::string::npos) << word;
}

TEST_F(Invariance, AReportHoldsEverything) {
    const Result result = run(std::string("report --latents 3,4 --epochs 2 --quiet --out ") + at("run") + kSmall);
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_EQ(result.error, test::plot_warning());
    for (const char* file : {"config.toml", "metrics.jsonl", "table.json", "table.md", "active_units.json",
                             "report.html", "figures/transformations.png", "figures/reconstructions-s-z3.png",
                             "figures/samples-rt-z4.png", "figures/walks-rt-z3.png", "s-z3-seed1/model.safetensors",
                             "rt-z4-seed1/checkpoint.safetensors", "rt-z4-seed1/result.json"})
        EXPECT_TRUE(fs::exists(folder / "run" / file)) << file;
    EXPECT_EQ(lines_of(read_file(at("run/metrics.jsonl"))), 2 * 4);

    const Json table = Json::parse(read_file(at("run/table.json")));
    EXPECT_EQ(table.at("paper"), "Mills (2024)");
    EXPECT_EQ(table.at("dataset"), "glyphs");
    ASSERT_EQ(table.at("rows").size(), 2u * 2 * 2);
    const Json& row = table.at("rows")[0];
    EXPECT_EQ(row.at("cells").size(), 4u);
    for (const Json& cell : row.at("cells")) {
        EXPECT_GT(cell.at("mean"), 0.0);
        EXPECT_LE(cell.at("mean"), 1.0);
        EXPECT_EQ(cell.at("n"), 1);
    }
    const std::string page = read_file(at("run/report.html"));
    EXPECT_NE(page.find("data:image/png;base64,"), std::string::npos);
    EXPECT_EQ(page.find("src=\"http"), std::string::npos) << "the page must open without a network";
    EXPECT_NE(result.out.find("C2"), std::string::npos) << result.out;

    const SafeTensors weights = read_safetensors(at("run/s-z3-seed1/model.safetensors"));
    EXPECT_EQ(weights.at("encoder.0.weight").shape, (std::vector<std::int64_t>{24, 784}));
    EXPECT_EQ(weights.at("heads.weight").shape, (std::vector<std::int64_t>{6, 24}));
    EXPECT_EQ(weights.at("decoder.2.bias").shape, (std::vector<std::int64_t>{784}));
}

TEST_F(Invariance, ConfigTomlRunsTheSameAgain) {
    ASSERT_EQ(run(std::string("train --latents 4 --train-set rt --seed 5 --epochs 1 --quiet --beta 2") + kSmall +
                  " --hidden 24,24 --out " + at("a"))
                  .status,
              0);
    const Result again = run("train --config " + at("a/config.toml") + " --quiet --out " + at("b"));
    ASSERT_EQ(again.status, 0) << again.error;
    EXPECT_EQ(digest("a/rt-z4-seed5/model.safetensors"), digest("b/rt-z4-seed5/model.safetensors"));
    EXPECT_EQ(read_file(at("a/config.toml")), read_file(at("b/config.toml")));
    EXPECT_EQ(read_safetensors(at("b/rt-z4-seed5/model.safetensors")).at("encoder.2.weight").shape,
              (std::vector<std::int64_t>{24, 24}))
        << "two layers as wide as each other are two";
}

TEST_F(Invariance, OneCoreTwoCoresAndTrainedTogetherGiveTheSameBits) {
    const std::string train = std::string("train --latents 4 --train-set rt --epochs 2 --quiet") + kSmall;
    ASSERT_EQ(run(train + " --seed 3 --seeds 1 --out " + at("one"), "WARPVAE_CORES=1").status, 0);
    ASSERT_EQ(run(train + " --seed 3 --seeds 1 --out " + at("two"), "WARPVAE_CORES=2").status, 0);
    ASSERT_EQ(run(train + " --seed 1 --seeds 4 --together 4 --out " + at("four")).status, 0);
    EXPECT_EQ(digest("one/rt-z4-seed3/model.safetensors"), digest("two/rt-z4-seed3/model.safetensors"));
    EXPECT_EQ(digest("one/rt-z4-seed3/model.safetensors"), digest("four/rt-z4-seed3/model.safetensors"));
}

TEST_F(Invariance, KilledAndResumedGivesTheSameBits) {
    const std::string train =
        std::string("train --latents 4 --train-set s --seeds 2 --together 2 --epochs 200 --quiet") + kSmall;
    ASSERT_EQ(run(train + " --out " + at("whole")).status, 0);
    const pid_t child = start(train + " --out " + at("killed"));
    ASSERT_TRUE(appears(folder / "killed" / "s-z4-seed2" / "checkpoint.previous.safetensors"));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it was done before it could be killed";
    const Result resumed = run("train --resume " + at("killed") + " --quiet");
    ASSERT_EQ(resumed.status, 0) << resumed.error;
    for (const char* file : {"s-z4-seed1/model.safetensors", "s-z4-seed2/model.safetensors"})
        EXPECT_EQ(digest(std::string("whole/") + file), digest(std::string("killed/") + file));
    EXPECT_EQ(lines_of(read_file(at("killed/metrics.jsonl"))), lines_of(read_file(at("whole/metrics.jsonl"))));
}

TEST_F(Invariance, MoreSeedsBesideTrainedOnesLeaveThoseAsTheyAre) {
    const std::string train = "train --latents 4 --train-set s --quiet" + kSmall;
    ASSERT_EQ(run(train + " --seeds 1 --epochs 3 --out " + at("run")).status, 0);
    ASSERT_EQ(run("train --quiet --seeds 3 --together 3 --resume " + at("run")).status, 0);
    EXPECT_EQ(lines_of(read_file(at("run/metrics.jsonl"))), 3 * 3) << "seed 1 was trained again";
    ASSERT_EQ(run(train + " --seeds 3 --together 3 --epochs 3 --out " + at("at-once")).status, 0);
    for (const char* model : {"/s-z4-seed1", "/s-z4-seed3"})
        EXPECT_EQ(read_file(at("run" + std::string(model) + "/model.safetensors")),
                  read_file(at("at-once" + std::string(model) + "/model.safetensors")));
}

TEST_F(Invariance, CtrlCLosesNothing) {
    const std::string train = std::string("train --latents 4 --train-set s --epochs 300 --quiet") + kSmall;
    ASSERT_EQ(run(train + " --out " + at("whole")).status, 0);
    const pid_t child = start(train + " --out " + at("stopped"));
    ASSERT_TRUE(appears(folder / "stopped" / "s-z4-seed1" / "checkpoint.safetensors"));
    ::kill(child, SIGINT);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 1);
    ASSERT_EQ(run("train --resume " + at("stopped") + " --quiet").status, 0);
    EXPECT_EQ(digest("whole/s-z4-seed1/model.safetensors"), digest("stopped/s-z4-seed1/model.safetensors"));
}

TEST_F(Invariance, WhatGoesOnHasTheSettingsOfTheCallThatWasLeft) {
    ASSERT_EQ(
        run(std::string("train --latents 4 --train-set s --epochs 1 --quiet") + kSmall + " --out " + at("run")).status,
        0);
    const pid_t child = start("train --resume " + at("run") + " --seeds 2 --epochs 20000 2>" + at("said"));
    ASSERT_TRUE(appears(folder / "run" / "s-z4-seed1" / "checkpoint.previous.safetensors"));
    ::kill(child, SIGINT);
    int status = 0;
    ::waitpid(child, &status, 0);
    const std::string said = read_file(at("said"));
    EXPECT_NE(said.find("train --resume " + at("run") + " --seeds 2 --epochs 20000\n"), std::string::npos) << said;
}

TEST_F(Invariance, AnInterruptedTableGoesOnWhereItWas) {
    const std::string table = std::string("table --latents 3,4 --epochs 1 --quiet") + kSmall;
    ASSERT_EQ(run(table + " --out " + at("run")).status, 0);
    const std::string before = read_file(at("run/table.json"));
    fs::remove_all(folder / "run" / "rt-z4-seed1");
    fs::remove(folder / "run" / "table.json");
    const auto untouched = fs::last_write_time(folder / "run" / "s-z3-seed1" / "model.safetensors");
    ASSERT_EQ(run("table --resume " + at("run") + " --quiet").status, 0);
    EXPECT_EQ(read_file(at("run/table.json")), before);
    EXPECT_EQ(fs::last_write_time(folder / "run" / "s-z3-seed1" / "model.safetensors"), untouched);
}

TEST_F(Invariance, BenchmarksStandInTheTableAndAreNotTrainedTwice) {
    const std::string table = std::string("table --latents 3 --epochs 1 --quiet") + kFew + " --out " + at("run");
    ASSERT_EQ(run(table).status, 0);
    const std::string before = read_file(at("run/table.json"));
    const Json rows = Json::parse(before).at("rows");
    ASSERT_EQ(rows.size(), 2u * 2 + 2 * 2);
    EXPECT_EQ(rows[4].at("features"), "pixels (MLP)");
    EXPECT_EQ(rows[7].at("features"), "pixels (CNN)");
    EXPECT_EQ(rows[7].at("train"), "glyphs-rt");
    fs::remove_all(folder / "run" / "rt-cnn-seed1");
    const auto untouched = fs::last_write_time(folder / "run" / "s-cnn-seed1" / "result.json");
    ASSERT_EQ(run("table --resume " + at("run") + " --quiet").status, 0);
    EXPECT_EQ(read_file(at("run/table.json")), before);
    EXPECT_EQ(fs::last_write_time(folder / "run" / "s-cnn-seed1" / "result.json"), untouched);
    EXPECT_EQ(Json::parse(read_file(at("run/rt-cnn-seed1/result.json"))).at("training").at("classifier"), "cnn");
    ASSERT_EQ(run("evaluate --resume " + at("run") + " --quiet").status, 0);
    EXPECT_EQ(read_file(at("run/table.json")), before) << "the table of all that the run has";
    const Result plan = run(std::string("table --latents 3 --epochs 1 --dry-run") + kFew);
    EXPECT_NE(plan.out.find("2 classifiers come first"), std::string::npos) << plan.out;
    EXPECT_NE(plan.out.find("in all"), std::string::npos) << plan.out;
    expect_failure(1, "training-images", "table --resume " + at("run") + " --train-images 200 --quiet");
}

TEST_F(Invariance, BenchmarksTrainedTogetherAreThoseTrainedAlone) {
    const std::string table = std::string("table --latents 3 --epochs 2 --seeds 2 --quiet") + kFew;
    ASSERT_EQ(run(table + " --out " + at("alone")).status, 0);
    ASSERT_EQ(run(table + " --together 3 --out " + at("together")).status, 0);  // s and rt in one group
    for (const char* kind : {"dense", "cnn"})
        for (const char* train : {"s-", "rt-"})
            for (const char* seed : {"-seed1", "-seed2"}) {
                const std::string result = std::string("/") + train + kind + seed + "/result.json";
                EXPECT_EQ(read_file(at("alone" + result)), read_file(at("together" + result))) << result;
            }
    fs::remove_all(folder / "together" / "s-cnn-seed2");
    fs::remove_all(folder / "together" / "rt-cnn-seed1");
    ASSERT_EQ(run("table --quiet --resume " + at("together")).status, 0);
    EXPECT_EQ(read_file(at("together/table.json")), read_file(at("alone/table.json"))) << "two of a group are missing";
}

TEST_F(Invariance, SaysWhereItsTimeWentUnlessQuiet) {
    const std::string train = "train --latents 3 --train-set s --seeds 2 --epochs 60" + kSmall + " --out ";
    const std::string said = run(train + at("told")).error;
    EXPECT_NE(said.find("time: "), std::string::npos) << said;
    EXPECT_NE(said.find("training "), std::string::npos) << said;
    EXPECT_EQ(said.find("figures "), std::string::npos) << said;
    EXPECT_EQ(run(train + at("quiet") + " --quiet").error, "");
}

TEST_F(Invariance, FewImagesCannotTakeMoreEpochsThanThereMayBe) {
    expect_failure(2, "--reduced-to 2: as long as --epochs 90000",
                   "reduced --reduced-to 2,300 --epochs 90000 --quiet" + std::string(kFew) + " --out " + at("run"));
    EXPECT_FALSE(fs::exists(folder / "run" / "reduced"));
}

TEST_F(Invariance, ReducedTrainingDataIsACurveOfTheReport) {
    const std::string options = std::string(" --latents 3 --epochs 1 --seeds 2 --train-set s --quiet") + kFew;
    const Result result = run("reduced --reduced-to 60,1000,120" + options + " --out " + at("run"));
    ASSERT_EQ(result.status, 0) << result.error;
    const std::string before = read_file(at("run/reduced.json"));
    const Json rows = Json::parse(before).at("rows");
    ASSERT_EQ(rows.size(), 4u * 3) << "two kinds of latents, two benchmarks";
    const int counts[3] = {60, 120, 300};
    for (int i = 0; i < 12; ++i) {
        EXPECT_EQ(rows[i].at("images"), counts[i % 3]) << "more than all are all";
        EXPECT_EQ(rows[i].at("cells")[0].at("n"), 2);
    }
    EXPECT_EQ(Json::parse(read_file(at("run/reduced/60/s-cnn-seed1/result.json"))).at("training").at("epochs"), "5")
        << "as long as one epoch of 300";
    fs::rename(folder / "run/reduced.json", folder / "reduced.json");  // as if it had been interrupted
    ASSERT_EQ(run("figures --resume " + at("run") + " --quiet").status, 0);
    EXPECT_FALSE(fs::exists(folder / "run" / "reduced.json"));
    fs::rename(folder / "reduced.json", folder / "run/reduced.json");
    fs::remove(folder / "run/reduced/120/s-z3-seed1/result.json");
    ASSERT_EQ(run("report --resume " + at("run") + " --quiet").status, 0);
    EXPECT_NE(read_file(at("run/report.html")).find("Reduced training data"), std::string::npos);
    ASSERT_EQ(run("reduced --resume " + at("run") + " --quiet").status, 0);
    EXPECT_EQ(read_file(at("run/reduced.json")), before);
    expect_failure(1, "training-images", "reduced --resume " + at("run") + " --train-images 200 --quiet");
    ASSERT_EQ(run("table --benchmark none --overwrite" + options + " --out " + at("run")).status, 0);
    EXPECT_FALSE(fs::exists(folder / "run" / "reduced.json"));
}

TEST_F(Invariance, SampleDrawsASheetOfEachTrainedModel) {
    ASSERT_EQ(
        run("train --latents 3,4 --train-set s --seeds 2 --epochs 1 --quiet" + kSmall + " --out " + at("run")).status,
        0);
    const std::string sample = "sample --sheet 4 --quiet --resume " + at("run");
    ASSERT_EQ(run(sample).status, 0);
    const std::string before = digest("run/latents/s-z3-seed1/prior/samples.png");
    EXPECT_TRUE(fs::exists(folder / "run/latents/s-z4-seed1/prior/samples.png"));
    ASSERT_EQ(run(sample).status, 0);
    EXPECT_EQ(digest("run/latents/s-z3-seed1/prior/samples.png"), before) << "the same draws each time";
    expect_failure(1, "no trained model", sample + " --latents 5");
    expect_failure(1, "beta", sample + " --beta 3");
    expect_failure(2, "--resume", "sample --out " + at("x"));
}

TEST_F(Invariance, LikelihoodIsMeasuredOnTheTestSetOfTheModelsOwnKind) {
    ASSERT_EQ(run("train --latents 3 --seeds 2 --epochs 2 --quiet" + kSmall + " --out " + at("run")).status, 0);
    const std::string likelihood = "likelihood --draws 64 --likelihood-images 5 --quiet --resume " + at("run");
    ASSERT_EQ(run(likelihood).status, 0);
    const std::string before = read_file(at("run/likelihood.json"));
    const Json rows = Json::parse(before).at("rows");
    ASSERT_EQ(rows.size(), 2u);
    EXPECT_EQ(rows[0].at("train"), "glyphs-s");
    EXPECT_EQ(rows[1].at("train"), "glyphs-rt");
    for (const Json& row : rows) {
        EXPECT_EQ(row.at("images"), 5);
        EXPECT_EQ(row.at("samples"), 64);
        const Json &elbo = row.at("cells")[0], &with_q = row.at("cells")[1];
        EXPECT_EQ(elbo.at("n"), 2);
        EXPECT_GT(with_q.at("mean"), elbo.at("mean")) << "the bound lies below log p(x)";
    }
    EXPECT_NE(rows[0].at("cells")[0].at("mean"), rows[1].at("cells")[0].at("mean"));
    ASSERT_EQ(run(likelihood).status, 0);
    EXPECT_EQ(read_file(at("run/likelihood.json")), before) << "the same draws each time";
    expect_failure(1, "training-images", likelihood + " --train-images 200");
}

TEST_F(Invariance, WrongUsageIsStatus2) {
    const std::string out = " --out " + at("x");
    expect_failure(2, "command", "");
    expect_failure(2, "tabel", "tabel" + out);
    expect_failure(2, "--out", "table");
    expect_failure(2, "--learning-rate", "table --learning-rate nan" + out);
    expect_failure(2, "--seed", "table --seed 18446744073709551616" + out);
    expect_failure(2, "comes first", "--quiet table" + out);
    expect_failure(2, "--colour", "table --colour" + out);
    expect_failure(2, "cifar", "table --dataset cifar" + out);
    expect_failure(2, "--latents", "table --latents 0" + out);
    expect_failure(2, "--latents", "table --latents -3" + out);
    expect_failure(2, "--latents", "table --latents 99999999" + out);
    expect_failure(2, "--latents", "table --latents ten" + out);
    expect_failure(2, "--seeds", "table --seeds 0" + out);
    expect_failure(2, "--epochs", "table --epochs -1" + out);
    expect_failure(2, "--batch", "table --batch 0" + out);
    expect_failure(2, "--hidden", "table --hidden 0" + out);
    expect_failure(2, "--learning-rate", "table --learning-rate -1" + out);
    expect_failure(2, "--train-images", "table --train-images -5" + out);
    expect_failure(2, "--kl-warmup", "table --kl-warmup -1" + out);
    expect_failure(2, "--free-bits", "table --free-bits many" + out);
    expect_failure(2, "train-set", "table --train-set zz" + out);
    expect_failure(2, "--benchmark", "table --benchmark forest" + out);
    expect_failure(2, "--reduced-to", "reduced --reduced-to 1000,0" + out);
    expect_failure(2, "config.toml", "table --resume " + at("nothing"));
    expect_failure(2, "nothing.toml", "table --config " + at("nothing.toml") + out);
    EXPECT_FALSE(fs::exists(folder / "x")) << "a wrong usage writes nothing";
}

TEST_F(Invariance, AFolderThatHoldsARunIsNotOverwritten) {
    const std::string train =
        std::string("train --latents 3 --train-set s --epochs 1 --quiet") + kSmall + " --out " + at("run");
    ASSERT_EQ(run(train).status, 0);
    const std::string before = digest("run/s-z3-seed1/model.safetensors");
    expect_failure(2, "--resume", train + " --seed 9");
    EXPECT_EQ(digest("run/s-z3-seed1/model.safetensors"), before);
    EXPECT_EQ(run(train + " --overwrite").status, 0);
}

TEST_F(Invariance, WarmUpAndFreeBitsAreOfTheWeights) {
    const std::string train = std::string("train --latents 3 --train-set s --epochs 1 --quiet") + kSmall + " --out ";
    ASSERT_EQ(run(train + at("plain")).status, 0);
    ASSERT_EQ(run(train + at("warm") + " --kl-warmup 1.5 --free-bits 0.1").status, 0);
    const fs::path weights = "s-z3-seed1/model.safetensors";
    const auto has = [](const Metadata& values, const std::pair<std::string, std::string>& value) {
        return std::find(values.begin(), values.end(), value) != values.end();
    };
    const Metadata warm = read_metadata(folder / "warm" / weights);
    EXPECT_TRUE(has(warm, {"kl-warmup", "1.5"}) && has(warm, {"free-bits", "0.1"}));
    for (const auto& [name, value] : read_metadata(folder / "plain" / weights))
        EXPECT_TRUE(name != "kl-warmup" && name != "free-bits") << "runs of earlier versions go on";
    EXPECT_NE(digest("warm/s-z3-seed1/model.safetensors"), digest("plain/s-z3-seed1/model.safetensors"));
    expect_failure(1, "kl-warmup", "train --quiet --kl-warmup 2 --resume " + at("warm"));
    expect_failure(1, "free-bits", "train --quiet --free-bits 2 --resume " + at("plain"));
}

TEST_F(Invariance, BadDataIsOneLine) {
    const std::string with = " --quiet --dataset mnist --out " + at("x") + " --data ";
    expect_failure(1, "dataset fetch mnist", "table" + with + at("nowhere"));
    const fs::path mnist = folder / "data" / "mnist";
    const std::string path = (folder / "data").string();
    for (const KnownFile& file : known_set("mnist").files) write_file(mnist / file.name, "nonsense");
    expect_failure(1, "train-images-idx3-ubyte", "table" + with + path);
    // The right shape, other digits: the digest tells.
    ImageSet set;
    set.height = set.width = 28;
    set.images.assign(784 * 3, 7);
    set.labels = {1, 2, 3};
    fs::remove_all(mnist);
    write_image_set(mnist, "train", set);
    write_image_set(mnist, "t10k", set);
    expect_failure(1, "SHA-256", "table" + with + path);
}

TEST_F(Invariance, AnUnwritableOrFullFolderIsOneLine) {
    write_file(at("file"), "in the way");
    expect_failure(1, at("file"), std::string("train --latents 3 --quiet --out ") + at("file/run") + kSmall);
    EXPECT_EQ(read_file(at("file")), "in the way");
    // A file-size limit stands in for a full disk: SIGXFSZ ignored, the write fails half-way.
    const std::string train = std::string("train --latents 3 --train-set s --epochs 1 --quiet") + kSmall + " --out ";
    const std::string limited = "sh -c 'trap \"\" XFSZ; ulimit -f 40; exec invariance " + train + at("full") +
                                "' >/dev/null 2>" + at("error.txt");
    const int status = std::system(limited.c_str());
    EXPECT_EQ(WEXITSTATUS(status), 1);
    const std::string error = read_file(at("error.txt"));
    EXPECT_NE(error.find("checkpoint.safetensors"), std::string::npos) << error;
    EXPECT_EQ(lines_of(error), 1) << error;
    EXPECT_FALSE(fs::exists(folder / "full" / "s-z3-seed1" / "checkpoint.safetensors")) << "nothing half-written";
}

TEST_F(Invariance, OutOfDeviceMemoryIsOneLine) {
    expect_failure(1, "out of device memory", std::string("train --latents 3 --quiet --out ") + at("x") + kSmall,
                   "WARPVAE_MEMORY_LIMIT=400000");
}

TEST_F(Invariance, DivergenceNamesStepAndTensor) {
    expect_failure(1, "is not finite at step",
                   std::string("train --latents 3 --train-set s --epochs 3 --quiet --learning-rate 1e30 --out ") +
                       at("x") + kSmall);
}

TEST_F(Invariance, ADamagedCheckpointIsOneLine) {
    const std::string train =
        std::string("train --latents 3 --train-set s --epochs 2 --quiet") + kSmall + " --out " + at("run");
    ASSERT_EQ(run(train).status, 0);
    const fs::path checkpoint = folder / "run" / "s-z3-seed1" / "checkpoint.safetensors";
    const std::string bytes = read_file(checkpoint);
    write_file(checkpoint, bytes.substr(0, bytes.size() / 2));
    expect_failure(1, "checkpoint.safetensors", "train --resume " + at("run") + " --quiet");
    write_file(checkpoint, bytes);
    EXPECT_EQ(run("train --resume " + at("run") + " --quiet").status, 0);
    expect_failure(1, "beta", "train --resume " + at("run") + " --beta 3 --quiet");
}

}  // namespace
}  // namespace warpvae
