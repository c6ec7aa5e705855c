// Completion: what a shell is offered for each place of a command line.
#include "host/experiment/completion.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using Words = std::vector<std::string>;
enum class Curve { kStraight, kGeodesic };

struct Completion : testing::Test {
    Completion() {
        settings.add("curve", curve, kNothing, one_of<Curve>(kCurves), "which way");
        settings.add("curves", curves, kNothing, one_of<Curve>(kCurves), "which ways");
        settings.add("steps", steps, kNothing, whole(1, 9), "how many").only({"walk"});
        settings.flag("quick", quick, kNothing, "sooner");
    }
    Words offered(const Words& words) const { return completions(form, settings, words); }
    static bool has(const Words& words, const std::string& word) {
        return std::find(words.begin(), words.end(), word) != words.end();
    }
    static inline const Choices<Curve> kCurves{{"straight", Curve::kStraight}, {"geodesic", Curve::kGeodesic}};
    Curve curve = Curve::kStraight;
    std::vector<Curve> curves{Curve::kStraight};
    int steps = 1;
    bool quick = false;
    Settings settings;
    const CommandLine::Form form{"stroll", "", {{"walk", "", {}}, {"wait", "", {}}}, ""};
};

TEST_F(Completion, TheFirstWordIsACommand) {
    EXPECT_EQ(offered({"w"}), (Words{"walk", "wait"}));
    EXPECT_EQ(offered({"wal"}), (Words{"walk"}));
    EXPECT_TRUE(has(offered({""}), "--version"));
    EXPECT_EQ(offered({"--completion", "z"}), (Words{"zsh"}));
    EXPECT_EQ(offered({}), Words{});
}

TEST_F(Completion, OptionsAreThoseOfTheCommand) {
    EXPECT_EQ(offered({"walk", "--st"}), (Words{"--steps"}));
    EXPECT_EQ(offered({"wait", "--st"}), Words{}) << "it takes no --steps";
    EXPECT_EQ(offered({"walk", "--qui"}), (Words{"--quick", "--quiet"}));
    EXPECT_TRUE(has(offered({"walk", "--"}), "--resume"));
    EXPECT_EQ(offered({"walk", "--", "--st"}), Words{}) << "after -- there are no options";
    EXPECT_EQ(offered({"walk", ""}), Words{}) << "the shell offers files";
}

TEST_F(Completion, ValuesAreThoseOfTheOption) {
    EXPECT_EQ(offered({"walk", "--curve", ""}), (Words{"straight", "geodesic"}));
    EXPECT_EQ(offered({"walk", "--curve", "ge"}), (Words{"geodesic"}));
    EXPECT_EQ(offered({"walk", "--curves", "straight,ge"}), (Words{"straight,geodesic"}));
    EXPECT_EQ(offered({"walk", "--curve", "straight,ge"}), Words{}) << "it takes one";
    EXPECT_EQ(offered({"walk", "--curve", "=", "ge"}), (Words{"geodesic"})) << "as bash cuts --curve=ge";
    EXPECT_EQ(offered({"walk", "--curve", "="}), (Words{"straight", "geodesic"}));
    EXPECT_EQ(offered({"walk", "--steps", "1"}), Words{});
    EXPECT_EQ(offered({"walk", "--quick", "--curve", "s"}), (Words{"straight"}));
}

TEST_F(Completion, AnotherShellIsRefused) { EXPECT_THROW(completion_script("stroll", "csh"), UsageError); }

TEST_F(Completion, TheScriptMakesBashAskTheProgram) {
    const test::TemporaryFolder folder;
    const std::string script = (folder / "script").string(), got = (folder / "got").string();
    write_file(script, completion_script("stroll", "bash"));
    // A program of that name that prints what it is asked.
    const std::string line = "bash -c 'stroll() { printf \"%s\\n\" \"$@\"; }; . " + script +
                             "; COMP_WORDS=(stroll walk --cu \"\") COMP_CWORD=3; _stroll; "
                             "printf \"<%s>\" \"${COMPREPLY[@]}\"' >" +
                             got;
    ASSERT_EQ(std::system(line.c_str()), 0);
    EXPECT_EQ(read_file(got), "<--complete><walk><--cu><>");
}

}  // namespace
}  // namespace warpvae
