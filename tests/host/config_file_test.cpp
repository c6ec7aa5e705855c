// config.toml: what is written is read back, whatever characters it has; what is not TOML is refused by line.
#include "host/files/config_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "data/error.h"

namespace warpvae {
namespace {

TEST(Config, Text) {
    ConfigFile file;
    file.comment("one\ntwo").set("epochs", 10).set("learning-rate", 1e-3).set("data", "/a b").set("quick", true);
    file.set("latents", std::vector<int>{10, 20}).set("names", std::vector<std::string>{"a", "b,c"});
    file.table("provenance").set("commit", std::string("abc")).set("epochs", 3u);
    EXPECT_EQ(file.text(),
              "# one\n# two\nepochs = 10\nlearning-rate = 0.001\ndata = \"/a b\"\nquick = true\nlatents = [10, 20]\n"
              "names = [\"a\", \"b,c\"]\n\n[provenance]\ncommit = \"abc\"\nepochs = 3\n");
}

TEST(Config, Values) {
    EXPECT_EQ(toml::value(1.0), "1.0");
    EXPECT_EQ(toml::value(1e300), "1e+300");
    EXPECT_EQ(toml::value(0.1), "0.1");
    EXPECT_EQ(toml::value(-INFINITY), "-inf");
    EXPECT_EQ(toml::value(NAN), "nan");
    EXPECT_EQ(toml::value(std::numeric_limits<std::uint64_t>::max()), "\"18446744073709551615\"");
    EXPECT_EQ(toml::value(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(toml::value(false), "false");
    EXPECT_EQ(toml::value(""), "\"\"");
    EXPECT_EQ(toml::value("C:\\x \"y\""), "\"C:\\\\x \\\"y\\\"\"");
    EXPECT_EQ(toml::value("it's \"x\"\n#"), "\"it's \\\"x\\\"\\u000A#\"");
    EXPECT_THROW(toml::value("\xff"), Error);
    EXPECT_EQ(toml::value(std::vector<int>{}), "[]");
}

TEST(Config, Refuses) {
    EXPECT_THROW(ConfigFile().set("--epochs", 1).set("a b", 1), Error);
    EXPECT_THROW(ConfigFile().set("", 1), Error);
    EXPECT_THROW(ConfigFile().set("a", 1).set("a", 2), Error);
    EXPECT_THROW(ConfigFile().table("t").table("t"), Error);
    EXPECT_THROW(ConfigFile().table("a.b]"), Error);
    EXPECT_THROW(ConfigFile().write("/dev/null/config.toml"), Error);
}

/// "table.key=value|value", one for each entry.
std::vector<std::string> texts(const std::vector<ConfigEntry>& entries) {
    std::vector<std::string> out;
    for (const ConfigEntry& entry : entries) {
        std::string text;
        for (const std::string& table : entry.tables) text += table + ".";
        text += entry.key + "=";
        for (std::size_t i = 0; i < entry.values.size(); ++i) text += (i ? "|" : "") + entry.values[i];
        out.push_back(text);
    }
    return out;
}

TEST(Config, ReadsBackWhatIsWritten) {
    const std::string text = ConfigFile()
                                 .comment("everything = 3, or \"so\"")
                                 .set("dataset", "mnist-rot")
                                 .set("data", "/a folder/with 'quotes', \"quotes\", commas, #, \\, \t, \n and \xc3\xa9")
                                 .set("seed", std::numeric_limits<std::uint64_t>::max())
                                 .set("learning-rate", 0.1 + 0.2)
                                 .set("quick", true)
                                 .set("latents", std::vector<int>{10, 20, 50})
                                 .set("names", std::vector<std::string>{"a b", "c,d"})
                                 .table("provenance")
                                 .comment("for people")
                                 .set("commit", "abc, def")
                                 .set("seed", -3)
                                 .text();
    EXPECT_EQ(texts(read_config(text, "config.toml")),
              (std::vector<std::string>{
                  "dataset=mnist-rot",
                  "data=/a folder/with 'quotes', \"quotes\", commas, #, \\, \t, \n and \xc3\xa9",
                  "seed=18446744073709551615",
                  "learning-rate=0.30000000000000004",
                  "quick=true",
                  "latents=10|20|50",
                  "names=a b|c,d",
                  "provenance.commit=abc, def",
                  "provenance.seed=-3",
              }));
}

TEST(Config, AByteOrderMarkIsNoPartOfAKey) {
    EXPECT_EQ(texts(read_config("\xef\xbb\xbf"
                                "epochs = 3\r\n",
                                "c")),
              std::vector<std::string>{"epochs=3"});
}

TEST(Config, WhatIsNotTomlIsRefusedByNameAndLine) {
    const auto refused = [](const std::string& text, const std::string& line) {
        try {
            read_config(text, "c.toml");
            ADD_FAILURE() << text;
        } catch (const Error& e) {
            EXPECT_EQ(std::string(e.what()).rfind("c.toml, line " + line + ": ", 0), 0u) << e.what();
            EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
        }
    };
    refused("epochs = 3\nx", "2");
    refused("epochs = 3\nepochs = 4\n", "2");
    refused("\n\nname = \"\xff\xfe\"", "3");
    refused("a = 1\nday = 2026-11-26\n", "2");
    refused("[~x", "1");
    refused("a = tr\n\n", "1");
    refused("[[list]]\na = 1\n", "1");
    std::mt19937_64 random(5);
    for (int repeat = 0; repeat < 300; ++repeat) {
        std::string text;
        for (std::size_t i = random() % 40; i > 0; --i) text += char(random());
        try {
            read_config(text, "c.toml");
        } catch (const Error&) {
        }
    }
}

TEST(Config, RandomPathsAndNumbersComeBack) {
    std::mt19937_64 random(3);
    const std::string letters = "abcXYZ019 ,.;:=[]{}()/_-+~%$&!?*<>|^@\\\"'#\n\t\x7f";
    for (int repeat = 0; repeat < 200; repeat++) {
        std::string text;
        for (std::size_t i = random() % 20; i > 0; i--) text += letters[random() % letters.size()];
        double number = 0;
        do {
            const std::uint64_t bits = random();
            std::memcpy(&number, &bits, sizeof number);
        } while (!std::isfinite(number));
        const auto back = read_config(ConfigFile().set("text", text).set("number", number).text(), "c");
        EXPECT_EQ(back.at(0).values.at(0), text);
        EXPECT_EQ(std::stod(back.at(1).values.at(0)), number);
    }
}

}  // namespace
}  // namespace warpvae
