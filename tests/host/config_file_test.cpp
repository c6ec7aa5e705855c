// config.toml: CLI11's --config reads the settings back that were written.
#include "host/files/config_file.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "data/files.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

class Config : public testing::Test {
  protected:
    void SetUp() override { folder_ = fs::path(testing::TempDir()) / ("config_test." + std::to_string(::getpid())); }
    void TearDown() override { fs::remove_all(folder_); }
    fs::path path() const { return folder_ / "config.toml"; }

    /// Parses `program --config config.toml` as a user would.
    void parse(CLI::App& app) {
        app.set_config("--config");
        app.allow_config_extras(true);
        app.parse("--config " + path().string());
    }

    fs::path folder_;
};

TEST_F(Config, Text) {
    ConfigFile file;
    file.comment("one\ntwo").set("epochs", 10).set("learning-rate", 1e-3).set("data", "/a b").set("quick", true);
    file.set("latents", std::vector<int>{10, 20}).set("names", std::vector<std::string>{"a", "b,c"});
    file.table("provenance").set("commit", std::string("abc")).set("epochs", 3u);
    EXPECT_EQ(file.text(),
              "# one\n# two\nepochs = 10\nlearning-rate = 0.001\ndata = \"/a b\"\nquick = true\nlatents = [10, 20]\n"
              "names = [\"a\", \"b,c\"]\n\n[provenance]\ncommit = \"abc\"\nepochs = 3\n");
}

TEST_F(Config, Values) {
    EXPECT_EQ(toml::value(1.0), "1.0");
    EXPECT_EQ(toml::value(1e300), "1e+300");
    EXPECT_EQ(toml::value(0.1), "0.1");
    EXPECT_EQ(toml::value(-INFINITY), "-inf");
    EXPECT_EQ(toml::value(NAN), "nan");
    EXPECT_EQ(toml::value(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
    EXPECT_EQ(toml::value(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(toml::value(false), "false");
    EXPECT_EQ(toml::value(""), "\"\"");
    EXPECT_EQ(toml::value("C:\\x \"y\""), "'C:\\x \"y\"'");
    EXPECT_EQ(toml::value("it's \"x\"\n#"), "\"it's \\\"x\\\"\\u000A\\u0023\"");
    EXPECT_EQ(toml::value(std::vector<int>{}), "[]");
}

TEST_F(Config, Refuses) {
    EXPECT_THROW(ConfigFile().set("--epochs", 1).set("a b", 1), Error);
    EXPECT_THROW(ConfigFile().set("", 1), Error);
    EXPECT_THROW(ConfigFile().set("a", 1).set("a", 2), Error);
    EXPECT_THROW(ConfigFile().table("t").table("t"), Error);
    EXPECT_THROW(ConfigFile().table("a.b]"), Error);
    EXPECT_THROW(ConfigFile().write("/dev/null/config.toml"), Error);
}

TEST_F(Config, Cli11ReadsItBack) {
    ConfigFile()
        .comment("everything = 3, or \"so\"")
        .set("dataset", "mnist-rot")
        .set("data", "/a folder/with 'quotes', commas")
        .set("seed", std::numeric_limits<std::uint64_t>::max())
        .set("learning-rate", 0.1 + 0.2)
        .set("quick", true)
        .set("graph", false)
        .set("latents", std::vector<int>{10, 20, 50})
        .set("hidden", std::vector<int>{400})
        .set("names", std::vector<std::string>{"a b", "c,d"})
        .set("joined", "1,2")
        .table("provenance")
        .comment("for people")
        .set("commit", "abc, def")
        .set("seed", 3)
        .write(path());

    std::string dataset, data;
    std::uint64_t seed = 0;
    double rate = 0;
    bool quick = false, graph = true;
    std::vector<int> latents, hidden, joined;
    std::vector<std::string> names;
    CLI::App app;
    app.add_option("--dataset", dataset);
    app.add_option("--data", data);
    app.add_option("--seed", seed);
    app.add_option("--learning-rate", rate);
    app.add_flag("--quick", quick);
    app.add_flag("--graph,!--no-graph", graph);
    app.add_option("--latents", latents)->delimiter(',');
    app.add_option("--hidden", hidden)->delimiter(',');
    app.add_option("--joined", joined)->delimiter(',');
    app.add_option("--names", names);
    parse(app);
    EXPECT_EQ(dataset, "mnist-rot");
    EXPECT_EQ(data, "/a folder/with 'quotes', commas");
    EXPECT_EQ(seed, std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(rate, 0.1 + 0.2);  // bit for bit
    EXPECT_TRUE(quick);
    EXPECT_FALSE(graph);
    EXPECT_EQ(latents, (std::vector<int>{10, 20, 50}));
    EXPECT_EQ(hidden, std::vector<int>{400});
    EXPECT_EQ(joined, (std::vector<int>{1, 2}));
    EXPECT_EQ(names, (std::vector<std::string>{"a b", "c,d"}));
}

TEST_F(Config, SubcommandTables) {
    ConfigFile().set("seed", 5).table("train").set("epochs", 7).write(path());
    CLI::App app;
    int seed = 0, epochs = 0;
    app.add_option("--seed", seed);
    CLI::App* train = app.add_subcommand("train");
    train->add_option("--epochs", epochs);
    parse(app);
    EXPECT_EQ(seed, 5);
    EXPECT_EQ(epochs, 7);
}

TEST_F(Config, RandomPathsAndNumbersComeBack) {
    std::mt19937_64 random(3);
    const std::string letters = "abcXYZ019 ,.;:=[]{}()/_-+~%$&!?*<>|^@\\\"";
    for (int repeat = 0; repeat < 200; repeat++) {
        std::string text = "/";
        for (std::size_t i = random() % 20; i > 0; i--) text += letters[random() % letters.size()];
        text += "x";
        double number = 0;
        do {
            const std::uint64_t bits = random();
            std::memcpy(&number, &bits, sizeof number);
        } while (!std::isfinite(number) || std::abs(number) < 1e-300);
        ConfigFile().set("text", text).set("number", number).write(path());
        std::string text_back;
        double number_back = 0;
        CLI::App app;
        app.add_option("--text", text_back);
        app.add_option("--number", number_back);
        ASSERT_NO_THROW(parse(app)) << text;
        EXPECT_EQ(text_back, text);
        EXPECT_EQ(number_back, number);
    }
}

}  // namespace
}  // namespace warpvae
