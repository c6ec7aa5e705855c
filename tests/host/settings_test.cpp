// The list of settings: what each decides, what its text may be, where a value comes from.
#include "host/experiment/settings.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "host/experiment/run_options.h"
#include "host/programs.h"
#include "tests/support/other_value.h"

namespace warpvae {
namespace {

using Source = Setting::Source;

TEST(Settings, ChangingAnyOfThemChangesWhatItDecides) {
    for (const auto& program : all_programs())
        for (Setting& setting : program->settings().all()) {
            const auto keys = [&] {
                return std::map<unsigned, Values>{
                    {kData, program->settings().that_decide(kData)},
                    {kTraining, program->settings().that_decide(kTraining)},
                    {kEvaluation, program->settings().that_decide(kEvaluation)},
                };
            };
            const auto before = keys();
            const std::string old = setting.text();
            ASSERT_TRUE(setting.try_assign(test::other_value(setting))) << program->name() << " --" << setting.name;
            EXPECT_NE(setting.text(), old) << program->name() << " --" << setting.name;
            const auto after = keys();
            for (const auto& [what, values] : before)
                EXPECT_EQ(values != after.at(what), bool(setting.decides & what))
                    << program->name() << " --" << setting.name;
            if (!old.empty()) {
                ASSERT_TRUE(setting.try_assign(old)) << program->name() << " --" << setting.name << " " << old;
                EXPECT_EQ(setting.text(), old) << "the text reads back the same";
            }
        }
}

TEST(Settings, NothingIsANumberThatIsNone) {
    for (const auto& program : all_programs())
        for (Setting& setting : program->settings().all()) {
            if (setting.wanted == "a text") continue;
            const std::string old = setting.text();
            for (const char* text : {"nan", "", " ", "1e999", "0x", "-", "1,,2", "yes"})
                EXPECT_FALSE(setting.try_assign(text)) << program->name() << " --" << setting.name << " " << text;
            EXPECT_EQ(setting.text(), old) << "what is refused changes nothing";
        }
}

TEST(Settings, NamesAreEachDeclaredOnceAndTaught) {
    for (const auto& program : all_programs()) {
        std::set<std::string> names;
        for (const Setting& setting : program->settings().all()) {
            EXPECT_TRUE(names.insert(setting.name).second) << program->name() << " --" << setting.name;
            EXPECT_GT(setting.help.size(), 10u) << program->name() << " --" << setting.name;
        }
    }
}

struct Few {
    Few() {
        settings.add("epochs", epochs, kTraining, whole(1, 100), "passes").may_grow();
        settings.add("sizes", sizes, kTraining, whole(1, 9), "a list");
        settings.add("C", C, kEvaluation, number(positive()), "of a regression");
        settings.flag("fast", fast, kNothing, "how it runs");
    }
    int epochs = 10;
    std::vector<int> sizes = {1, 2};
    double C = 1;
    bool fast = false;
    Settings settings;
};

TEST(Settings, ALaterSourceStands) {
    Few few;
    few.settings.apply({{"epochs", "20"}, {"C", "0.5"}}, Source::kConfig, "config.toml");
    few.settings.apply({{"epochs", "2"}, {"sizes", "3"}}, Source::kPreset, "--quick");
    EXPECT_EQ(few.epochs, 20) << "config.toml stands over a preset";
    EXPECT_EQ(few.sizes, std::vector<int>{3});
    few.settings.at("epochs").assign("7", Source::kCommandLine);
    EXPECT_EQ(few.epochs, 7);
}

TEST(Settings, TheSameValueTwiceIsOne) {
    Few few;
    few.settings.at("sizes").assign("5,5, 2,5", Source::kCommandLine);
    EXPECT_EQ(few.sizes, (std::vector<int>{5, 2}));
}

TEST(Settings, AReplicasOwnValuesTakeTheListsPlace) {
    Few few;
    EXPECT_EQ(few.settings.that_decide(kTraining, {{"sizes", "2"}}), (Values{{"epochs", "10"}, {"sizes", "2"}}));
    EXPECT_EQ(few.settings.that_decide(kTraining, {{"sizes", ""}}), (Values{{"epochs", "10"}}))
        << "an empty one does not matter";
    EXPECT_EQ(few.settings.that_decide(kTraining, {{"model", "vae"}}),
              (Values{{"epochs", "10"}, {"sizes", "1,2"}, {"model", "vae"}}));
    EXPECT_EQ(few.settings.that_decide(kEvaluation, {{"model", "vae"}}), (Values{{"C", "1"}}));
}

TEST(Settings, AnErrorNamesSettingValueAndRange) {
    Few few;
    const auto message = [&](const std::string& name, const std::string& value) {
        try {
            few.settings.apply({{name, value}}, Source::kConfig, "c.toml");
        } catch (const UsageError& e) {
            return std::string(e.what());
        }
        return std::string();
    };
    EXPECT_EQ(message("epochs", "0"), "c.toml: --epochs 0: it must be a whole number from 1 to 100 (see --help)");
    EXPECT_EQ(message("epohcs", "3"), "c.toml: there is no setting \"epohcs\", is epochs meant?");
    EXPECT_EQ(message("colour", "3"), "c.toml: there is no setting \"colour\"");
    EXPECT_NE(message("C", "nan"), "");
}

TEST(Settings, TheFirstDifferenceIsSaid) {
    const Values a = {{"epochs", "10"}, {"C", "1"}};
    EXPECT_EQ(difference(a, a), "");
    EXPECT_EQ(difference(a, {{"epochs", "10"}, {"C", "2"}}), "C = 2, not 1");
    EXPECT_EQ(difference(a, {{"epochs", "20"}, {"C", "1"}}, {"epochs"}), "");
    EXPECT_EQ(difference(a, {{"epochs", "10"}}), "no C, not 1");
    EXPECT_EQ(difference({}, {{"C", "2"}}), "C = 2, which this run has not");
}

TEST(Settings, NumbersReadBackTheSame) {
    for (const double x : {0.1, 0.1000001, 1e-300, 1. / 3, 5e20})
        EXPECT_EQ(*number(positive()).read(number_text(x)), x);
    EXPECT_EQ(number_text(0.001), "0.001");
    EXPECT_FALSE(whole<std::uint64_t>(0, ~0ull).read("18446744073709551616"));
    EXPECT_EQ(whole<std::uint64_t>(0, ~0ull).read("18446744073709551615"), ~0ull);
}

}  // namespace
}  // namespace warpvae
