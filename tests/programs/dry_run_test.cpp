// What a program says of itself and of a run to come, without making one: --version, --dry-run.
#include <gtest/gtest.h>

#include "tests/support/program_test.h"
#include "tests/support/short_runs.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;
using test::kShort;
using test::kShortRuns;

struct DryRun : test::ProgramTest, testing::WithParamInterface<std::pair<const std::string, std::string>> {
    DryRun() : ProgramTest(GetParam().first) {}
    std::string train() const { return "train" + std::string(kShort) + GetParam().second; }
};
INSTANTIATE_TEST_SUITE_P(Programs, DryRun, testing::ValuesIn(kShortRuns.begin(), kShortRuns.end()),
                         [](const auto& one) { return one.param.first; });

TEST_P(DryRun, VersionNeedsNoCommand) {
    const Result said = run("--version");
    EXPECT_EQ(said.status, 0);
    EXPECT_EQ(said.out.rfind("warpvae ", 0), 0u) << said.out;
    EXPECT_EQ(lines_of(said.out), 1);
}

TEST_P(DryRun, SaysWhatWouldBeTrainedAndWritesNothing) {
    const Result said = run(train() + " --dry-run --out " + at("run"));
    ASSERT_EQ(said.status, 0) << said.error;
    for (const char* word : {"glyphs: ", "28 x 28, grey", "seed1", "parameters", "in all", "Nothing was written"})
        EXPECT_NE(said.out.find(word), std::string::npos) << word << "\n" << said.out;
    EXPECT_FALSE(fs::exists(at("run")));
    EXPECT_EQ(run(train() + " --dry-run").status, 0) << "no folder is needed";
}

TEST_P(DryRun, OfARunSaysWhatIsLeft) {
    ASSERT_EQ(run(train() + " --out " + at("run")).status, 0);
    const std::string config = digest("run/config.toml");
    const Result said = run("table --dry-run --resume " + at("run"));
    ASSERT_EQ(said.status, 0) << said.error;
    EXPECT_NE(said.out.find("in all"), std::string::npos) << "it is not evaluated yet\n" << said.out;
    ASSERT_EQ(run("table --quiet --resume " + at("run")).status, 0);
    const std::string table = digest("run/table.json");
    EXPECT_NE(run("table --dry-run --resume " + at("run")).out.find("nothing is left to train"), std::string::npos);
    EXPECT_EQ(digest("run/config.toml"), config);
    EXPECT_EQ(digest("run/table.json"), table);
}

TEST_P(DryRun, TooLittleMemoryIsSaidBeforeAnythingBegins) {
    expect_failure(1, "memory", train() + " --dry-run", "WARPVAE_MEMORY_LIMIT=1000000");
    expect_failure(1, "memory", train() + " --out " + at("run"), "WARPVAE_MEMORY_LIMIT=1000000");
}

TEST_P(DryRun, IsForCommandsThatTrain) {
    ASSERT_EQ(run(train() + " --out " + at("run")).status, 0);
    expect_failure(2, "--dry-run is for commands that train", "evaluate --dry-run --resume " + at("run"));
}

}  // namespace
}  // namespace warpvae
