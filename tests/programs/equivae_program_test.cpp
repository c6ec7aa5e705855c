// The program `equivae`, run as a user runs it: what it writes, how it stops and goes on, what it says to bad input.
#include <gtest/gtest.h>

#include "data/idx.h"
#include "host/core/checkpoint.h"
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
    for (const char* word :
         {"table", "figures", "evaluate", "classify", "sample", "generate", "encode", "report", "--which", "Examples"})
        EXPECT_NE(result.out.find(word), std::string::npos) << word;
    const Result of_table = run("table --help");
    for (const char* word : {"--labels", "--mixing", "--max-complement", "--resume", "0: the paper", "Examples"})
        EXPECT_NE(of_table.out.find(word), std::string::npos) << word;
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
    EXPECT_EQ(lines_of(read_file(at("run/metrics.jsonl"))), 5) << "five models, each trained once";
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
    const Result classified = run("classify " + images + " " + images + " --quiet --resume " + at("run"));
    ASSERT_EQ(classified.status, 0) << classified.error;
    EXPECT_TRUE(fs::exists(folder / "run" / "figures" / "classified.png")) << classified.out;
    const Result sampled = run("generate --quiet --classes 4,7 --rows 3 --resume " + at("run"));
    ASSERT_EQ(sampled.status, 0) << sampled.error;
    EXPECT_TRUE(fs::exists(folder / "run" / "figures" / "generated.png")) << sampled.out;
    EXPECT_EQ(run("generate --quiet --resume " + at("run") + " " + images).status, 0);
    EXPECT_TRUE(fs::exists(folder / "run" / "figures" / "restyled.png"));
    expect_failure(2, "class", "generate --quiet --classes 11 --resume " + at("run"));
    expect_failure(1, "no trained model", "sample --quiet --latents 5 --resume " + at("run"));
    expect_failure(1, at("missing.png"), "classify --quiet --resume " + at("run") + " " + at("missing.png"));

    // What depends on how the run was trained is not read under other settings.
    const std::string resume = " --quiet --resume " + at("run");
    expect_failure(1, "learning-rate", "sample --learning-rate 0.01" + resume);
    expect_failure(1, "max-complement", "classify " + images + " --max-complement 3" + resume);
    expect_failure(1, "learning-rate", "report --learning-rate 0.01" + resume);
    expect_failure(1, "batches", "report --batch 16" + resume);
    expect_failure(1, "training-images", "evaluate --train-images 700" + resume);
    expect_failure(1, "was trained with", "evaluate --dataset glyphs-colour" + resume);

    // Results that are missing, or of other test images, are made anew without training more.
    const std::string latents = read_file(at("run/latents.json")),
                      weights_before = digest("run/supervised-z16-seed1/model.safetensors");
    fs::remove(folder / "run" / "supervised-z16-seed1" / "result.json");
    fs::remove(folder / "run" / "latents.json");
    ASSERT_EQ(run("evaluate" + resume).status, 0);
    EXPECT_EQ(read_file(at("run/latents.json")), latents);
    ASSERT_EQ(run("evaluate --test-images 100" + resume).status, 0);
    EXPECT_NE(read_file(at("run/latents.json")), latents);
    EXPECT_EQ(digest("run/supervised-z16-seed1/model.safetensors"), weights_before);
    EXPECT_EQ(lines_of(read_file(at("run/metrics.jsonl"))), 5);
}

TEST_F(EquivaeProgram, BenchmarksAreOfTheirOwnRun) {
    const std::string table = std::string(
                                  "table --which semi --labels 20 --mixing paired,sum --seeds 1 --epochs 1"
                                  " --benchmark-steps 0 --out ") +
                              at("run") + kSmall;
    ASSERT_EQ(run(table).status, 0);
    const std::string before = read_file(at("run/table_semi.json")),
                      name = "run/benchmark-labels20-z8-1epochs-seed1/result.json";
    const Json benchmark = Json::parse(read_file(at(name)));
    EXPECT_EQ(benchmark.at("training").at("batches"), "0:20");
    EXPECT_FALSE(benchmark.at("training").contains("mixing")) << "both models stand beside it";
    const auto untouched = fs::last_write_time(at(name));
    ASSERT_EQ(run("table --quiet --resume " + at("run")).status, 0);
    EXPECT_EQ(fs::last_write_time(at(name)), untouched);
    EXPECT_EQ(read_file(at("run/table_semi.json")), before);
    // The benchmark trained for longer is another one; the models stay.
    ASSERT_EQ(run("table --benchmark-steps 30 --quiet --resume " + at("run")).status, 0);
    EXPECT_TRUE(fs::exists(at("run/benchmark-labels20-z8-30epochs-seed1/result.json")));
    EXPECT_EQ(lines_of(read_file(at("run/metrics.jsonl"))), 2);
    // Another learning rate: nothing of the old run is left.
    ASSERT_EQ(run(table + " --learning-rate 0.01 --overwrite").status, 0);
    EXPECT_FALSE(fs::exists(at("run/benchmark-labels20-z8-30epochs-seed1/result.json")));
    EXPECT_EQ(Json::parse(read_file(at(name))).at("training").at("learning-rate"), "0.01");
}

TEST_F(EquivaeProgram, EachWeightOfLabelledImagesIsAModel) {
    const std::string table =
        "table --which semi --labels 20 --labelled-weight auto,2.5 --mixing paired --seeds 1 --epochs 1"
        " --benchmark-steps 0 --out " +
        at("run") + kSmall;
    ASSERT_EQ(run(table).status, 0);
    EXPECT_NE(digest("run/semi20-paired-z8-seed1/model.safetensors"),
              digest("run/semi20-paired-w2.5-z8-seed1/model.safetensors"));
    const Json rows = Json::parse(read_file(at("run/table_semi.json"))).at("rows");
    EXPECT_EQ(rows[0].at("mixing"), "paired");
    EXPECT_EQ(rows[1].at("mixing"), "paired, weight 2.5");
    for (const auto& [name, value] : read_metadata(folder / "run/semi20-paired-z8-seed1/model.safetensors"))
        EXPECT_NE(name, "labelled-weight") << "runs of earlier versions go on";
    const std::string out = kSmall + std::string(" --out ") + at("x");
    expect_failure(2, "auto or a number", "train --which semi --labelled-weight 0" + out);
}

TEST_F(EquivaeProgram, ANormalisedModelGoesOnWithTheSameBits) {
    const std::string train = std::string("train --seeds 1 --phases 1 --normalisation batch --initialisation torch") +
                              kSmall,
                      weights = "supervised-z16-seed1/model.safetensors";
    ASSERT_EQ(run(train + " --epochs 2 --out " + at("whole")).status, 0);
    ASSERT_EQ(run(train + " --epochs 1 --out " + at("parts")).status, 0);
    const std::string after_one = digest("parts/" + weights);
    ASSERT_EQ(run("train --epochs 2 --quiet --resume " + at("parts")).status, 0);
    EXPECT_NE(digest("parts/" + weights), after_one);
    EXPECT_EQ(digest("parts/" + weights), digest("whole/" + weights));
    const SafeTensors tensors = read_safetensors(folder / "whole" / weights);
    EXPECT_EQ(tensors.at("inv.conv.3.weight").shape, (std::vector<std::int64_t>{16, 8, 5, 5}));
    EXPECT_EQ(tensors.at("inv.conv.1.running_mean").shape, (std::vector<std::int64_t>{8}));
    EXPECT_EQ(tensors.at("decoder.conv.10.running_var").shape, (std::vector<std::int64_t>{8}));
    expect_failure(1, "normalisation", "train --quiet --normalisation none --resume " + at("whole"));
    expect_failure(1, "initialisation", "train --quiet --initialisation glorot --resume " + at("whole"));
}

TEST_F(EquivaeProgram, TheBenchmarkIsTrainedAsItsSettingsSay) {
    const std::string table =
        "table --which semi --labels 20 --seeds 1 --epochs 1 --benchmark-steps 0 --out " + at("run") + kSmall;
    ASSERT_EQ(run(table + " --benchmark-passes 3").status, 0);
    const std::string name = "run/benchmark-labels20-z8-3epochs-seed1/result.json",
                      of_model = "run/benchmark-labels20-z8-1epochs-seed1/result.json";
    EXPECT_TRUE(fs::exists(at(name)));
    EXPECT_TRUE(fs::exists(at(of_model))) << "for as many passes as the model";
    const std::string before = read_file(at(name)), resume = " --quiet --resume " + at("run");
    ASSERT_EQ(run("table --benchmark-steps 5" + resume).status, 0);  // one step a pass: the larger of both
    EXPECT_TRUE(fs::exists(at("run/benchmark-labels20-z8-5epochs-seed1/result.json")));
    ASSERT_EQ(run("table --benchmark-steps 0 --benchmark-dropout 0" + resume).status, 0);
    EXPECT_NE(read_file(at(name)), before);
    EXPECT_EQ(Json::parse(read_file(at(name))).at("evaluation").at("benchmark-dropout"), "0");
    EXPECT_EQ(lines_of(read_file(at("run/metrics.jsonl"))), 1) << "the model is trained once";
    const std::string out = kSmall + std::string(" --out ") + at("x");
    expect_failure(2, "--benchmark-dropout", "table --benchmark-dropout 1" + out);
    expect_failure(2, "--benchmark-passes", "table --benchmark-passes -1" + out);
}

TEST_F(EquivaeProgram, BenchmarksTrainedTogetherAreThoseTrainedAlone) {
    const std::string table =
        std::string("table --which semi --labels 20 --seeds 3 --epochs 1 --benchmark-steps 20") + kSmall;
    ASSERT_EQ(run(table + " --out " + at("alone")).status, 0);
    ASSERT_EQ(run(table + " --together 3 --out " + at("together")).status, 0);
    for (const char* epochs : {"1", "20"})
        for (const char* seed : {"1", "2", "3"}) {
            const std::string result =
                std::string("/benchmark-labels20-z8-") + epochs + "epochs-seed" + seed + "/result.json";
            EXPECT_EQ(read_file(at("alone" + result)), read_file(at("together" + result))) << result;
        }
}

TEST_F(EquivaeProgram, ZeroMeansThePapers) {
    const std::string train =
        "train --seeds 1 --epochs 1 --quiet --dataset glyphs --train-images 720 --out " + at("run");
    ASSERT_EQ(run(train).status, 0);
    const Metadata trained = read_metadata(folder / "run/supervised-z16-seed1/model.safetensors");
    const auto value = [&](const std::string& name) {
        for (const auto& [key, text] : trained)
            if (key == name) return text;
        return std::string("none");
    };
    EXPECT_EQ(value("latents"), "16");
    EXPECT_EQ(value("max-complement"), "7");
    EXPECT_EQ(value("batches"), "0:32");
    EXPECT_EQ(value("labels"), "none");
    EXPECT_EQ(value("deviation"), "none");
    EXPECT_EQ(run("train --latents 16 --max-complement 7 --quiet --resume " + at("run")).status, 0) << "the same";
    expect_failure(1, "batches = 0:32, not 0:32,10:64,20:128,30:256", "train --epochs 0 --quiet --resume " + at("run"));
}

TEST_F(EquivaeProgram, ColourTrainsEndToEnd) {
    const std::string train =
        "train --dataset glyphs-colour --train-images 720 --test-images 60 --epochs 1 --seeds 1 --quiet";
    for (const char* likelihood : {"auto", "bernoulli", "gaussian-learned", "gaussian-per-channel"}) {
        const std::string out = at(likelihood);
        const Result result = run(train + " --likelihood " + likelihood + " --out " + out);
        ASSERT_EQ(result.status, 0) << result.error;
        const SafeTensors weights = read_safetensors(out + "/supervised-z16-seed1/model.safetensors");
        EXPECT_EQ(weights.at("inv.conv.0.weight").shape, (std::vector<std::int64_t>{8, 3, 5, 5}));
        EXPECT_EQ(weights.contains("decoder.log_deviation"), std::string(likelihood).starts_with("gaussian-"));
    }
    EXPECT_EQ(run(train + " --likelihood gaussian --out " + at("same")).status, 0);
    EXPECT_EQ(digest("same/supervised-z16-seed1/model.safetensors"),
              digest("auto/supervised-z16-seed1/model.safetensors"));
}

TEST_F(EquivaeProgram, GoesOnWithRunsFromBeforeThereWasALikelihood) {
    // config.toml had a deviation, of colour images alone; files of weights still have it.
    const auto rewrite_as_before = [&](const std::string& run_folder, const std::string& deviation) {
        std::string text = read_file(at(run_folder + "/config.toml"));
        const std::size_t from = text.find("likelihood = "), to = text.find('\n', from);
        ASSERT_NE(from, std::string::npos);
        write_file(at(run_folder + "/config.toml"), text.replace(from, to - from, "deviation = \"" + deviation + "\""));
    };
    const std::string train = "train --train-images 720 --test-images 60 --epochs 1 --seeds 1 --quiet";
    const std::pair<const char*, const char*> runs[] = {
        {"glyphs", "unit"}, {"glyphs-colour --likelihood gaussian-per-channel", "per-channel"}};
    for (const auto& [options, deviation] : runs) {
        ASSERT_EQ(run(train + " --dataset " + options + " --out " + at(deviation)).status, 0);
        rewrite_as_before(deviation, deviation);
        const Result again = run(std::string("train --quiet --resume ") + at(deviation));
        EXPECT_EQ(again.status, 0) << again.error;
    }
    expect_failure(1, "no likelihood, not bernoulli",
                   "train --quiet --likelihood bernoulli --resume " + at("per-channel"));
}

TEST_F(EquivaeProgram, GreyLevelsMayBeGaussianAndAreShownAsTheyAre) {
    const std::string out = at("grey");
    const Result result =
        run("train --dataset glyphs --likelihood gaussian-learned --train-images 720 --test-images 60 "
            "--epochs 1 --seeds 1 --quiet --out " +
            out);
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_TRUE(read_safetensors(out + "/supervised-z16-seed1/model.safetensors").contains("decoder.log_deviation"));
    EXPECT_EQ(run("generate --rows 2 --quiet --resume " + out).status, 0);
    expect_failure(1, "likelihood = gaussian-learned", "train --quiet --likelihood auto --resume " + out);
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
    expect_failure(2, "--likelihood", "table --likelihood wide" + out);
    expect_failure(2, "--resume", "sample" + out);
    expect_failure(2, "--epochs", "table --epochs -1" + out);
    expect_failure(2, "generate", "generate" + out);
    expect_failure(2, "picture.png", "table picture.png" + out);
    expect_failure(2, "IMAGES", "classify --resume " + at("x"));
    EXPECT_FALSE(fs::exists(folder / "x")) << "a wrong usage writes nothing";
}

TEST_F(EquivaeProgram, WhatHasNoMeaningOrNoRoomIsOneLine) {
    expect_failure(1, "dataset fetch svhn",
                   "table --quiet --dataset svhn --data " + at("nowhere") + " --out " + at("x"));
    expect_failure(2, "two labelled images at least",
                   std::string("train --which semi --labels 10 --seeds 1 --out ") + at("a") + kSmall);
    expect_failure(2, "multiple of 10",
                   std::string("train --which semi --labels 45 --seeds 1 --out ") + at("b") + kSmall);
    expect_failure(2, "--labels 45", std::string("report --labels 40,45 --seeds 1 --out ") + at("b") + kSmall);
    expect_failure(2, "validation", "train --dataset glyphs --train-images 60 --seeds 1 --quiet --out " + at("c"));
    for (const char* name : {"a", "b", "c"}) EXPECT_FALSE(fs::exists(folder / name)) << "refused before it began";
    expect_failure(1, "out of device memory", std::string("train --seeds 1 --out ") + at("d") + kSmall,
                   "WARPVAE_MEMORY_LIMIT=4000000");
    expect_failure(1, "is not finite at step",
                   std::string("train --seeds 1 --epochs 3 --learning-rate 1e30 --out ") + at("e") + kSmall);
}

}  // namespace
}  // namespace warpvae
