// The program `spatial`, run as a user runs it: what it writes, how it stops and goes on, what it says to bad input.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/idx.h"
#include "host/files/json.h"
#include "host/files/safetensors.h"
#include "tests/support/gnuplot.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

using namespace test;

// A run of seconds: few glyphs, narrow models, a tail in every epoch (300 = 9 * 32 + 12).
constexpr const char* kSmall =
    " --dataset glyphs --train-images 300 --test-images 120 --hidden 24,16 --localisation 12 "
    "--batch 32 --quiet";
constexpr const char* kRows = " --rows pca,vae,affine-tvae,tps-tvae,affine-dtvae";

struct Spatial : ProgramTest {
    Spatial() : ProgramTest("spatial") {}
};

TEST_F(Spatial, HelpTeaches) {
    const Result result = run("--help");
    EXPECT_EQ(result.status, 0);
    for (const char* word :
         {"table", "figures", "sample", "likelihood", "denoise", "pose", "evaluate", "report", "--resume", "Examples"})
        EXPECT_NE(result.out.find(word), std::string::npos) << word;
    const Result table = run("table --help");
    EXPECT_EQ(table.status, 0);
    for (const char* word : {"--prior", "--semantics", "--resume", "Examples"})
        EXPECT_NE(table.out.find(word), std::string::npos) << word;
}

TEST_F(Spatial, AReportHoldsEverything) {
    const Result result =
        run(std::string("report --quick --draws 40 --likelihood-images 3 --out ") + at("run") + kSmall + kRows);
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_EQ(result.error, test::plot_warning());
    for (const char* file : {"config.toml", "metrics.jsonl", "table.json", "table.md", "models.json", "likelihood.json",
                             "denoising.json", "pose_recovery.json", "equivariance.json", "report.html",
                             "figures/figure7-plane-affine-dtvae-z2.png", "figures/figure10-affine-tvae-z14-fitted.png",
                             "figures/figure12-minima.png", "vae-z8-seed1/model.safetensors",
                             "tps-tvae-z8-seed1/checkpoint.safetensors", "affine-dtvae-z8-seed1/result.json"})
        EXPECT_TRUE(fs::exists(folder / "run" / file)) << file;
    EXPECT_EQ(fs::exists(folder / "run" / "figures/figure8-vae-z2.png"), test::has_gnuplot());

    const Json table = Json::parse(read_file(at("run/table.json")));
    EXPECT_EQ(table.at("paper"), "Vivé");
    ASSERT_EQ(table.at("rows").size(), 1u + 4 * 2);  // PCA, and each model with samples and with means
    for (const Json& row : table.at("rows"))
        for (const Json& cell : row.at("cells")) {
            EXPECT_GE(cell.at("mean"), 0.0);
            EXPECT_LE(cell.at("mean"), 1.0);
        }
    const std::string page = read_file(at("run/report.html"));
    EXPECT_NE(page.find("data:image/png;base64,"), std::string::npos);
    EXPECT_EQ(page.find("src=\"http"), std::string::npos) << "the page must open without a network";

    const SafeTensors weights = read_safetensors(at("run/affine-dtvae-z8-seed1/model.safetensors"));
    EXPECT_EQ(weights.at("localisation.0.weight").shape, (std::vector<std::int64_t>{12, 784}));
    EXPECT_EQ(weights.at("pose_heads.bias").shape, (std::vector<std::int64_t>{6}));
    EXPECT_EQ(weights.at("heads.weight").shape, (std::vector<std::int64_t>{16, 16}));
    EXPECT_EQ(weights.at("decoder.4.bias").shape, (std::vector<std::int64_t>{784}));

    // What works on a run that is there.
    for (const char* pose : {"identity", "average"}) {
        const Result sample =
            run(std::string("sample --quiet --sheet 4 --rows affine-tvae --pose ") + pose + " --resume " + at("run"));
        ASSERT_EQ(sample.status, 0) << sample.error;
        EXPECT_TRUE(fs::exists(folder / "run/latents/affine-tvae-z8-seed1/prior/samples.png"));
    }
    expect_failure(2, "no prior on its pose", "sample --quiet --rows affine-tvae --pose prior --resume " + at("run"));
    expect_failure(1, "no trained model", "sample --quiet --rows pose-dtvae --resume " + at("run"));
    const Result likelihood =
        run("likelihood --quiet --draws 30 --likelihood-images 2 --rows vae --resume " + at("run"));
    EXPECT_EQ(likelihood.status, 0) << likelihood.error;
}

TEST_F(Spatial, CleansUpImagesOfAUser) {
    ASSERT_EQ(run(std::string("train --epochs 1 --latents 3 --out ") + at("run") + kSmall + kRows).status, 0);
    ImageSet set;
    set.height = 20;
    set.width = 31;
    set.labels = {0, 0};
    set.images.assign(2 * 20 * 31, 9);
    write_image_set(folder / "mine", "own", set);
    const std::string images = (folder / "mine" / "own-images-idx3-ubyte.gz").string();
    const std::string denoise = "denoise --quiet --latents 3 --rows tps-tvae --resume " + at("run") + " ";
    const Result result = run(denoise + images);
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_TRUE(fs::exists(folder / "run" / "denoised" / "denoised.png")) << result.out;
    fs::copy_file(images, folder / "-dash.gz");
    EXPECT_EQ(run("denoise --quiet --resume " + at("run") + " --rows vae " + images).status, 0) << "after a list";
    EXPECT_EQ(run("denoise --quiet --resume " + at("run") + " -- " + images + " " + at("-dash.gz")).status, 0);
    expect_failure(1, at("missing.png"), denoise + at("missing.png"));
    write_file(at("text.png"), "not a picture");
    expect_failure(1, at("text.png"), denoise + at("text.png"));
    ASSERT_EQ(run(denoise).status, 0) << "without images: the table of noises";
    EXPECT_TRUE(fs::exists(folder / "run" / "denoising.json"));
}

TEST_F(Spatial, TheSameBitsOnOneCoreTwoCoresTogetherAndAgain) {
    const std::string train = std::string("train --latents 4 --epochs 2") + kSmall + kRows;
    ASSERT_EQ(run(train + " --seed 3 --out " + at("one"), "WARPVAE_CORES=1").status, 0);
    ASSERT_EQ(run(train + " --seed 3 --out " + at("two"), "WARPVAE_CORES=2").status, 0);
    ASSERT_EQ(run(train + " --seed 1 --seeds 3 --together 3 --out " + at("three")).status, 0);
    const Result again = run("train --config " + at("one/config.toml") + " --quiet --out " + at("again"));
    ASSERT_EQ(again.status, 0) << again.error;
    for (const char* model : {"vae", "affine-tvae", "tps-tvae", "affine-dtvae"}) {
        const std::string file = std::string("/") + model + "-z4-seed3/model.safetensors";
        for (const char* other : {"two", "three", "again"})
            EXPECT_EQ(digest("one" + file), digest(other + file)) << model << ", " << other;
    }
}

TEST_F(Spatial, ModelsTrainedOnNoiseAreOfTheirOwnAndKeepTheirBits) {
    const std::string train = std::string("train --latents 3 --epochs 3 --seeds 2") + kSmall +
                              " --rows vae,affine-tvae --train-noise none,gaussian --train-noise-target clean,noisy";
    ASSERT_EQ(run(train + " --together 2 --out " + at("run")).status, 0);
    const std::string model = "affine-tvae-z3-gaussian-to-clean-seed2/model.safetensors";
    std::set<std::string> digests;
    for (const char* name : {"affine-tvae-z3", "affine-tvae-z3-gaussian-to-clean", "affine-tvae-z3-gaussian-to-noisy"})
        digests.insert(digest(std::string("run/") + name + "-seed2/model.safetensors"));
    EXPECT_EQ(digests.size(), 3u);
    // Alone, and left after the first epoch: the noise of a step depends on neither.
    const std::string alone = std::string("train --latents 3 --seed 2 --rows affine-tvae --train-noise gaussian") +
                              kSmall + " --out " + at("alone");
    ASSERT_EQ(run(alone + " --epochs 1").status, 0);
    ASSERT_EQ(run("train --quiet --epochs 3 --resume " + at("alone")).status, 0);
    EXPECT_EQ(digest("alone/" + model), digest("run/" + model));
    expect_failure(1, "train-noise-amount",
                   "train --quiet --epochs 3 --train-noise-amount 0.1 --resume " + at("alone"));

    const Result denoised = run("denoise --quiet --resume " + at("run"));
    ASSERT_EQ(denoised.status, 0) << denoised.error;
    const Json table = Json::parse(read_file(at("run/denoising.json")));
    ASSERT_EQ(table.at("rows").size(), 2u * 3 * 3) << "models, trainings, kinds of noise";
    EXPECT_EQ(Json::parse(read_file(at("run/denoising_worst.json"))).at("rows").size(), 18u);
    std::set<std::string> tested;
    for (const Json& statement : Json::parse(read_file(at("run/statements.json"))))
        if (statement.at("verdict") != "NOT RUN") tested.insert(statement.at("id"));
    EXPECT_EQ(tested, (std::set<std::string>{"V7", "V7a", "V7b", "V7c"}));
    expect_failure(2, "--train-noise", "train --train-noise rain --out " + at("x"));
    expect_failure(2, "--train-noise-amount", "train --train-noise gaussian --train-noise-amount 2 --out " + at("x"));
}

TEST_F(Spatial, SizesAndPriorsHaveCommandsOfTheirOwn) {
    const std::string out = " --epochs 1 --seeds 2" + std::string(kSmall) + " --out " + at("run");
    const Result sizes = run("dimensions --rows vae,affine-tvae --totals 4,10,25,40" + out);
    ASSERT_EQ(sizes.status, 0) << sizes.error;
    const Json table = Json::parse(read_file(at("run/dimensions.json")));
    ASSERT_EQ(table.at("rows").size(), 4u + 3) << "an affine pose alone has 6 numbers";
    for (const Json& row : table.at("rows"))
        for (const Json& cell : row.at("cells")) EXPECT_EQ(cell.at("n"), 2);
    EXPECT_EQ(fs::exists(folder / "run/figures/figure5-reconstruction.png"), test::has_gnuplot());
    const Result priors = run("priors --draws 20 --likelihood-images 3 --quiet --resume " + at("run"));
    ASSERT_EQ(priors.status, 0) << priors.error;
    const Json rows = Json::parse(read_file(at("run/priors.json"))).at("rows");
    ASSERT_EQ(rows.size(), 3u + 8);
    const auto has = [](const Json& row, const std::string& test) {
        return std::ranges::any_of(row.at("cells"), [&](const Json& cell) { return cell.at("test") == test; });
    };
    for (const Json& row : rows) {
        const bool is_given = row.at("prior") == "P0";
        EXPECT_EQ(has(row, "log p given u(x), q"), is_given) << row.dump();
        EXPECT_EQ(has(row, "log p, q"), !is_given) << row.dump();
        EXPECT_EQ(row.at("cells")[0].at("n"), 2);
    }
    std::map<std::string, std::string> verdicts;
    for (const Json& statement : Json::parse(read_file(at("run/statements.json"))))
        verdicts.emplace(statement.at("id"), statement.at("verdict"));
    for (const char* id : {"V4", "V8", "V9", "V10"}) EXPECT_NE(verdicts.at(id), "NOT RUN") << id;
    // Measured once.
    const auto written = fs::last_write_time(folder / "run/affine-tvae-z14-fitted-seed1/likelihood.json");
    ASSERT_EQ(run("priors --draws 20 --likelihood-images 3 --quiet --resume " + at("run")).status, 0);
    EXPECT_EQ(fs::last_write_time(folder / "run/affine-tvae-z14-fitted-seed1/likelihood.json"), written);
}

TEST_F(Spatial, KilledAndResumedGivesTheSameBits) {
    const std::string train = std::string("train --latents 4 --prior fitted --seeds 2 --together 2 --epochs 120") +
                              kSmall + " --rows affine-tvae";
    ASSERT_EQ(run(train + " --out " + at("whole")).status, 0);
    const pid_t child = start(train + " --out " + at("killed"));
    ASSERT_TRUE(appears(folder / "killed" / "affine-tvae-z4-fitted-seed2" / "checkpoint.previous.safetensors"));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "it was done before it could be killed";
    const Result resumed = run("train --resume " + at("killed") + " --quiet");
    ASSERT_EQ(resumed.status, 0) << resumed.error;
    for (const char* file :
         {"affine-tvae-z4-fitted-seed1/model.safetensors", "affine-tvae-z4-fitted-seed2/model.safetensors"})
        EXPECT_EQ(digest(std::string("whole/") + file), digest(std::string("killed/") + file));
    EXPECT_EQ(read_file(at("killed/metrics.jsonl")).size() > 0, true);
    EXPECT_EQ(lines_of(read_file(at("killed/metrics.jsonl"))), lines_of(read_file(at("whole/metrics.jsonl"))));
}

TEST_F(Spatial, RestartsKeepTheBestAndReportTheRest) {
    const Result result = run(std::string("table --latents 3 --epochs 1 --restarts 2 --out ") + at("run") + kSmall +
                              " --rows affine-tvae");
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_TRUE(fs::exists(folder / "run" / "affine-tvae-z3-seed1-restart1" / "result.json"));
    const Json table = Json::parse(read_file(at("run/table.json"))),
               models = Json::parse(read_file(at("run/models.json")));
    for (const Json& cell : table.at("rows")[0].at("cells")) EXPECT_EQ(cell.at("n"), 1) << "one of two restarts counts";
    for (const Json& cell : models.at("rows")[0].at("cells")) EXPECT_EQ(cell.at("n"), 2) << "all are reported";
    // Both have other seeds: other weights.
    EXPECT_NE(digest("run/affine-tvae-z3-seed1/model.safetensors"),
              digest("run/affine-tvae-z3-seed1-restart1/model.safetensors"));
}

TEST_F(Spatial, ALaterCommandKeepsTheStatementsOfAnEarlierOne) {
    ASSERT_EQ(run(std::string("table --latents 3 --epochs 1 --rows affine-tvae --out ") + at("run") + kSmall).status,
              0);
    const auto verdict = [&] {
        for (const Json& statement : Json::parse(read_file(at("run/statements.json"))))
            if (statement.at("id") == "V6") return statement.at("verdict").get<std::string>();
        return std::string("missing");
    };
    const std::string before = verdict();
    EXPECT_NE(before, "NOT RUN");
    ASSERT_EQ(run("evaluate --rows pca --quiet --resume " + at("run")).status, 0);
    EXPECT_EQ(verdict(), before);
}

TEST_F(Spatial, RowsWithoutAModelAreMeasuredOnce) {
    const std::string table = std::string("table --latents 3 --rows raw,pca --out ") + at("run") + kSmall;
    ASSERT_EQ(run(table).status, 0);
    const std::string before = read_file(at("run/table.json"));
    const auto raw = fs::last_write_time(folder / "run/raw/result.json");
    const auto pca = fs::last_write_time(folder / "run/pca-z3/result.json");
    ASSERT_EQ(run("table --quiet --epochs 3 --hidden 9 --resume " + at("run")).status, 0);
    EXPECT_EQ(read_file(at("run/table.json")), before) << "no setting of a model matters to them";
    EXPECT_EQ(fs::last_write_time(folder / "run/pca-z3/result.json"), pca);
    ASSERT_EQ(run("table --quiet --semantics paper --resume " + at("run")).status, 0);
    EXPECT_EQ(fs::last_write_time(folder / "run/raw/result.json"), raw);
    EXPECT_NE(fs::last_write_time(folder / "run/pca-z3/result.json"), pca) << "centred otherwise";
    expect_failure(1, "training-images", "table --quiet --train-images 200 --resume " + at("run"));
}

TEST_F(Spatial, OverwritingWithTheSameSettingsKeepsWhatIsNew) {
    const std::string table = std::string("table --rows pca --latents 2") + kSmall + " --out " + at("run");
    ASSERT_EQ(run(table).status, 0);
    const std::string before = read_file(at("run/table.json"));
    ASSERT_EQ(run(table + " --overwrite").status, 0);
    EXPECT_EQ(read_file(at("run/table.json")), before);
    EXPECT_TRUE(fs::exists(folder / "run" / "pca-z2" / "result.json")) << "measured for the new run";
}

TEST_F(Spatial, AResultIsShownOnlyForTheSettingsThatMadeIt) {
    const std::string few = std::string(" --latents 3 --epochs 1 --rows affine-tvae") + kSmall;
    ASSERT_EQ(run("table" + few + " --out " + at("run")).status, 0);
    const std::string before = read_file(at("run/table.json"));
    // A run that is made anew keeps nothing of the old one.
    ASSERT_EQ(run("train" + few + " --learning-rate 0.03 --overwrite --out " + at("run")).status, 0);
    EXPECT_FALSE(fs::exists(folder / "run/table.json"));
    ASSERT_EQ(run("table --quiet --resume " + at("run")).status, 0);
    ASSERT_EQ(run("table" + few + " --learning-rate 0.03 --out " + at("other")).status, 0);
    EXPECT_EQ(read_file(at("run/table.json")), read_file(at("other/table.json")));
    EXPECT_NE(read_file(at("run/table.json")), before);
    // A setting that matters to the model is refused; one of another model is not.
    const std::string resume = " --quiet --resume " + at("run");
    for (const char* command : {"table", "train", "evaluate", "sample", "denoise", "likelihood"}) {
        expect_failure(1, "learning-rate", command + (" --learning-rate 0.5" + resume));
        expect_failure(1, "training-images", command + (" --train-images 250" + resume));
    }
    expect_failure(1, "limit", "sample --limit tanh" + resume);
    EXPECT_EQ(run("sample --localisation 99 --control-points 5 --sheet 2" + resume).status, 0);
    // Other test images: the same weights, another table.
    const std::string weights = digest("run/affine-tvae-z3-seed1/model.safetensors");
    ASSERT_EQ(run("evaluate --test-images 100" + resume).status, 0);
    EXPECT_NE(read_file(at("run/table.json")), read_file(at("other/table.json")));
    EXPECT_EQ(digest("run/affine-tvae-z3-seed1/model.safetensors"), weights);
}

TEST_F(Spatial, WhatCannotBeEvaluatedIsNotTrained) {
    const std::string few = " --train-images 80 --epochs 300 --latents 2 --rows vae --out " + at("x");
    for (const char* command : {"table", "figures", "report"})
        expect_failure(2, "--train-images 80: of class", command + std::string(kSmall) + few);
    EXPECT_FALSE(fs::exists(folder / "x"));
}

TEST_F(Spatial, WrongUsageIsStatus2) {
    const std::string out = " --out " + at("x");
    expect_failure(2, "command", "");
    expect_failure(2, "tabel", "tabel" + out);
    expect_failure(2, "--out", "table");
    expect_failure(2, "--rows", "table --rows mlp" + out);
    expect_failure(2, "--prior", "table --prior flat" + out);
    expect_failure(2, "--control-points", "table --control-points 9" + out);
    expect_failure(2, "--latents", "table --latents 0" + out);
    expect_failure(2, "--samples", "table --samples 0" + out);
    expect_failure(2, "--loss-scale", "table --loss-scale 0" + out);
    expect_failure(2, "--limit-range", "table --limit-range -1" + out);
    expect_failure(2, "--resume", "sample" + out);
    expect_failure(2, "picture.png", "table picture.png" + out);
    expect_failure(2, "config.toml", "likelihood --resume " + at("nothing"));
    EXPECT_FALSE(fs::exists(folder / "x")) << "a wrong usage writes nothing";
}

TEST_F(Spatial, WhatHasNoMeaningOrNoRoomIsOneLine) {
    expect_failure(1, "dataset fetch mnist",
                   "table --quiet --dataset mnist --data " + at("nowhere") + " --out " + at("x"));
    expect_failure(1, "out of device memory", std::string("train --latents 3 --out ") + at("x") + kSmall,
                   "WARPVAE_MEMORY_LIMIT=400000");
    expect_failure(1, "is not finite at step",
                   std::string("train --latents 3 --epochs 3 --learning-rate 1e30 --out ") + at("y") + kSmall);
    ASSERT_EQ(run(std::string("train --latents 3 --epochs 1 --rows vae --out ") + at("z") + kSmall).status, 0);
    expect_failure(2, "known poses", "pose --quiet --dataset mnist --resume " + at("z"));
}

}  // namespace
}  // namespace warpvae
