// A result is shown only for the settings that made it: a finished run is resumed under another value of every setting
// of every program, taken from the program's own list. What is printed then is what a new run with those settings
// prints, or the run is refused in one line.
#include <map>

#include "host/experiment/run_folder.h"
#include "host/files/json.h"
#include "host/programs.h"
#include "tests/support/other_value.h"
#include "tests/support/program_test.h"
#include "tests/support/short_runs.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

struct Resume : test::ProgramTest, testing::WithParamInterface<std::string> {
    Resume() : ProgramTest(GetParam()) {
        for (auto& one : all_programs())
            if (one->name() == program) form = std::move(one);
    }
    std::string short_run() const { return std::string(test::kShort) + test::kShortRuns.at(program); }
    /// The tables in a run's folder by file name.
    std::map<std::string, std::string> tables(const std::string& run) const {
        std::map<std::string, std::string> found;
        for (const fs::directory_entry& entry : fs::directory_iterator(at(run)))
            if (entry.path().extension() == ".json")
                found[entry.path().filename().string()] = read_file(entry.path().string());
        return found;
    }
    void copy_run(const std::string& from, const std::string& to) const {
        fs::remove_all(at(to));
        fs::copy(at(from), at(to), fs::copy_options::recursive);
    }
    std::unique_ptr<Program> form;
};

std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& one : all_programs()) all.push_back(one->name());
    return all;
}
INSTANTIATE_TEST_SUITE_P(Programs, Resume, testing::ValuesIn(names()), [](const auto& one) { return one.param; });

/// Whether the statements are a new run's, but for those that it has not run and an earlier command has.
bool with_earlier(const std::string& of_new, const std::string& resumed) {
    const Json expected = Json::parse(of_new), found = Json::parse(resumed);
    if (expected.size() != found.size()) return false;
    for (std::size_t i = 0; i < found.size(); ++i)
        if (found[i] != expected[i] && expected[i].at("verdict") != "NOT RUN") return false;
    return true;
}

TEST_P(Resume, EverySettingIsReusedRightlyOrRefused) {
    ASSERT_EQ(run("table" + short_run() + " --out " + at("first")).status, 0) << read_file(at("error.txt"));
    form->settings().apply(read_settings(at("first/config.toml")), Setting::Source::kConfig, "config.toml");
    int same = 0, refused = 0;
    for (Setting& setting : form->settings().all()) {
        if (!setting.is_of("table") || setting.name == "data") continue;
        const std::string change = " --" + setting.name + (setting.is_flag ? "=" : " ") + test::other_value(setting);
        copy_run("first", "resumed");
        const Result resumed = run("table --quiet --resume " + at("resumed") + change);
        const auto shown = tables("resumed");
        if (resumed.status != 0) {
            EXPECT_EQ(lines_of(resumed.error), 1) << change << "\n" << resumed.error;
            EXPECT_TRUE(shown == tables("first")) << change << ": what was refused changed nothing";
            ++refused;
            continue;
        }
        fs::remove_all(at("new"));
        const Result fresh = run("table --quiet --config " + at("first/config.toml") + " --out " + at("new") + change);
        ASSERT_EQ(fresh.status, 0) << change << "\n" << fresh.error;
        for (const auto& [name, text] : tables("new"))
            EXPECT_TRUE(shown.contains(name) &&
                        (name == "statements.json" ? with_earlier(text, shown.at(name)) : shown.at(name) == text))
                << "table --resume" << change << ": " << name << " is another than a new run's";
        ++same;
    }
    std::printf("%s: %d settings reused rightly, %d refused\n", program.c_str(), same, refused);
    EXPECT_GT(same, 10) << "to refuse everything is no way to be right";
}

TEST_P(Resume, OverwriteLeavesNothingOfTheOldRun) {
    ASSERT_EQ(run("report" + short_run() + " --out " + at("run")).status, 0) << read_file(at("error.txt"));
    write_file(at("run/my notes.txt"), "kept");
    ASSERT_EQ(run("train" + short_run() + " --seed 7 --overwrite --out " + at("run")).status, 0);
    for (const fs::directory_entry& entry : fs::directory_iterator(at("run"))) {
        const std::string name = entry.path().filename().string();
        const bool is_new = name == "config.toml" || name == "metrics.jsonl" || name == ".lock" ||
                            name.find("seed7") != std::string::npos;
        EXPECT_TRUE(is_new || name == "my notes.txt") << name;
    }
    EXPECT_EQ(read_file(at("run/my notes.txt")), "kept");
}

TEST_P(Resume, OtherImagesOfTheSameNumberAreRefused) {
    ASSERT_EQ(run("table" + short_run() + " --out " + at("run")).status, 0) << read_file(at("error.txt"));
    // The same set by name, other digits: what decides is the images, not the name.
    const std::string data = at("data");
    const std::string make = "dataset make glyphs --seed 5 --count 1200 --test-count 100 --data " + data;
    ASSERT_EQ(std::system((make + " >/dev/null 2>&1").c_str()), 0);
    expect_failure(1, "training-images", "table --quiet --resume " + at("run") + " --data " + data);
}

TEST_P(Resume, UnknownKeysOfAConfigurationAreRefused) {
    write_file(at("c.toml"), "epohcs = 3\n");
    expect_failure(2, "epochs", "table --quiet --config " + at("c.toml") + " --out " + at("run"));
    EXPECT_FALSE(fs::exists(at("run")));
}

}  // namespace
}  // namespace warpvae
