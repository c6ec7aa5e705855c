// config.toml: what is written is read back, whatever characters it has; what is not TOML is refused by line.
#include "host/files/config_file.h"

#include <gtest/gtest.h>

#include <random>

#include "data/error.h"

namespace warpvae {
namespace {

TEST(Config, Strings) {
    EXPECT_EQ(toml_string(""), "\"\"");
    EXPECT_EQ(toml_string("/a b"), "\"/a b\"");
    EXPECT_EQ(toml_string("C:\\x \"y\""), "\"C:\\\\x \\\"y\\\"\"");
    EXPECT_EQ(toml_string("it's \"x\"\n#"), "\"it's \\\"x\\\"\\n#\"");
    EXPECT_EQ(toml_string("\xc3\xa9\x7f"), "\"\xc3\xa9\\u007F\"");
    EXPECT_THROW(toml_string("\xff"), Error);
    EXPECT_THROW(toml_string("a\"\xc3"), Error);
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

TEST(Config, ReadsWhatAUserWrites) {
    const std::string text = R"(# everything = 3, or "so"
dataset = "mnist-rot"
seed = 9223372036854775807
learning-rate = 0.30000000000000004
alphas = [-inf, 0.5, 1.0]
quick = true
latents = [10, 20, 50]
names = ["a b", 'c,d']
empty = []

[provenance]  # for people
commit = "abc, def"
seed = -3
)";
    EXPECT_EQ(texts(read_config(text, "config.toml")), (std::vector<std::string>{
                                                           "dataset=mnist-rot",
                                                           "seed=9223372036854775807",
                                                           "learning-rate=0.30000000000000004",
                                                           "alphas=-inf|0.5|1",
                                                           "quick=true",
                                                           "latents=10|20|50",
                                                           "names=a b|c,d",
                                                           "empty=",
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

TEST(Config, RandomTextsComeBack) {
    std::mt19937_64 random(3);
    const std::string letters = "abcXYZ019 ,.;:=[]{}()/_-+~%$&!?*<>|^@\\\"'#\n\t\x7f";
    for (int repeat = 0; repeat < 200; repeat++) {
        std::string text;
        for (std::size_t i = random() % 20; i > 0; i--) text += letters[random() % letters.size()];
        EXPECT_EQ(read_config("text = " + toml_string(text), "c").at(0).values.at(0), text);
    }
}

}  // namespace
}  // namespace warpvae
