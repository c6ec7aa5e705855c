// A run's folder: what --overwrite removes, and what it must leave alone.
#include "host/experiment/run_folder.h"

#include <gtest/gtest.h>

#include "cuda/device/device.h"
#include "data/error.h"
#include "data/files.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path) {
    fs::create_directories(path.parent_path());
    write_file(path, "{}");
}

TEST(RunFolder, OverwritingLeavesWhatNoProgramWrote) {
    const test::TemporaryFolder folder;
    const Settings settings;
    RunFolder(folder.path(), RunFolder::Entry::kNew).begin(settings);
    const std::vector<std::string> of_run = {"table.json",    "table.md",    "metrics.jsonl",        "statements.json",
                                             "findings.json", "report.html", "metrics-1-of-2.jsonl", "figures/a.png",
                                             "m/result.json", "latents/x/y", "m/model.safetensors"};
    const std::vector<std::string> of_user = {"README.md", "package.json", "log.jsonl", "notes/a.md", "index.html"};
    for (const auto* names : {&of_run, &of_user})
        for (const std::string& name : *names) write(folder / name);
    RunFolder(folder.path(), RunFolder::Entry::kOverwrite).begin(settings);
    for (const std::string& name : of_run) EXPECT_FALSE(fs::exists(folder / name)) << name;
    for (const std::string& name : of_user) EXPECT_TRUE(fs::exists(folder / name)) << name;
    EXPECT_TRUE(fs::exists(folder / "config.toml")) << "of the new run";
}

TEST(RunFolder, ARunThatOthersGoOnWithSaysWhoMadeIt) {
    const test::TemporaryFolder folder;
    int epochs = 2;
    Settings settings;
    settings.add("epochs", epochs, kTraining, whole(1, 10), "passes over the images").may_grow();
    RunFolder(folder.path(), RunFolder::Entry::kNew).begin(settings);
    const fs::path config = folder.path() / "config.toml";
    const auto grow = [&] {
        ++epochs;
        RunFolder(folder.path(), RunFolder::Entry::kResume).keep_grown(settings);
        return read_file(config);
    };
    const std::string own = "device = \"" + device_name() + "\"";
    EXPECT_NE(grow().find(own), std::string::npos) << "the same device is named once";
    std::string elsewhere = read_file(config);
    elsewhere.replace(elsewhere.find(own), own.size(), "device = \"Another\"");
    write_file(config, elsewhere);
    for (int time = 0; time < 2; ++time)
        EXPECT_NE(grow().find("device = \"Another; " + device_name() + "\""), std::string::npos) << read_file(config);
    EXPECT_NE(read_file(config).find("epochs = \"5\""), std::string::npos);
}

TEST(RunFolder, AFolderWithoutARunLosesNothingToOverwriting) {
    const test::TemporaryFolder folder;
    for (const char* name : {"table.json", "table.md", "figures/a.png", "m/model.safetensors"}) write(folder / name);
    RunFolder(folder.path(), RunFolder::Entry::kOverwrite).begin(Settings());
    for (const char* name : {"table.json", "table.md", "figures/a.png", "m/model.safetensors"})
        EXPECT_TRUE(fs::exists(folder / name)) << name;

    const test::TemporaryFolder site;  // other programs have a config.toml, too
    write_file(site / "config.toml", "title = \"my site\"\n");
    EXPECT_THROW(RunFolder(site.path(), RunFolder::Entry::kOverwrite), UsageError);
    EXPECT_EQ(read_file(site / "config.toml"), "title = \"my site\"\n");
}

}  // namespace
}  // namespace warpvae
