// docs/your-images.md: every command runs as it stands, one after the other in one folder, and so does its Python. The
// pictures are glyphs, which no download has to bring, and the models are small.
#include <gtest/gtest.h>

#include <sstream>

#include "host/files/json.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

/// The lines between ```LANGUAGE and ```, block by block.
std::vector<std::string> blocks_of(const std::string& text, const std::string& language) {
    std::vector<std::string> blocks;
    bool inside = false;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (line == "```" + language) {
            blocks.emplace_back();
            inside = true;
        } else if (line == "```") {
            inside = false;
        } else if (inside) {
            blocks.back() += line + "\n";
        }
    }
    return blocks;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

struct YourImages : test::ProgramTest {
    YourImages() : ProgramTest("dataset") {}
    int shell(const std::string& line) const {
        const std::string command = "cd \"" + folder.path().string() + "\" && " + line + " >" + at("out.txt") + " 2>" +
                                    at("error.txt") + " </dev/null";
        const int status = std::system(command.c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
};

TEST_F(YourImages, EveryCommandOfThePageRuns) {
    const std::string page = read_file(fs::path(WARPVAE_README).parent_path() / "docs" / "your-images.md");
    int commands = 0;
    for (const std::string& block : blocks_of(page, "sh")) {
        std::istringstream lines(block);
        for (std::string line; std::getline(lines, line); ++commands) {
            line = replaced(replaced(line, "fashion-mnist", "glyphs"), "--count 6000", "--count 600");
            if (line.find("--dataset") != std::string::npos) line += " --epochs 1 --hidden 16";
            EXPECT_EQ(shell(line + " --quiet"), 0) << line << "\n" << read_file(at("error.txt"));
        }
    }
    EXPECT_GE(commands, 11);
    for (const char* made : {"clothes/train", "clothes/test", "clothes.png", "runs/report/report.html",
                             "runs/clothes/latents/affine-tvae-z16-seed1/test/pose.npy",
                             "runs/clothes/latents/affine-tvae-z16-seed1/train/means.npy"})
        EXPECT_TRUE(fs::exists(at(made))) << made;

    const std::vector<std::string> python = blocks_of(page, "python");
    ASSERT_EQ(python.size(), 1u);
    write_file(at("latents.py"), python[0]);
    if (shell("python3 -c \"import numpy\"") != 0) GTEST_SKIP() << "no NumPy: the page's Python was not run";
    EXPECT_EQ(shell("python3 latents.py"), 0) << read_file(at("error.txt"));
    EXPECT_EQ(read_file(at("out.txt")).rfind("(100, 16) True ", 0), 0u) << read_file(at("out.txt"));
}

/// The same without classes: what needs labels is left out, the rest is there.
TEST_F(YourImages, PicturesWithoutLabelsTrainWhatNeedsNone) {
    ASSERT_EQ(shell("dataset export glyphs --count 300 --out named --quiet"), 0) << read_file(at("error.txt"));
    ASSERT_EQ(shell("sh -c 'mkdir plain && for d in named/train/*/; do for f in \"$d\"*; do "
                    "cp \"$f\" plain/$(basename \"$d\")-$(basename \"$f\"); done; done'"),
              0);
    const std::string few = " --dataset plain/ --epochs 1 --hidden 16 --quiet --out ";
    for (const auto& [name, options] :
         {std::pair<std::string, std::string>{"invariance", " --latents 4 --train-set s"},
          {"spatial", " --latents 4 --rows raw,pca,affine-tvae"},
          {"geometry",
           " --latents 4 --separability-latents 4 --alphas 0,1 --samples 2 --seeds 1 --likelihood-images 9"
           " --likelihood-samples 10 --pairs 3"}}) {
        const std::string out = "runs/" + name;
        ASSERT_EQ(shell(name + " table" + options + few + out), 0) << name << read_file(at("error.txt"));
        for (const Json& statement : Json::parse(read_file(at(out + "/statements.json"))))
            if (name == "invariance" && statement.at("id") != "C5") {
                EXPECT_EQ(statement.at("verdict"), "NOT RUN") << statement;
            }
        ASSERT_EQ(shell(name + " report --quiet --resume " + out), 0) << name << read_file(at("error.txt"));
        const std::string report = read_file(at(out + "/report.html"));
        EXPECT_EQ(report.find(">nan"), std::string::npos) << name;
        EXPECT_NE(report.find("plain"), std::string::npos) << name;
        ASSERT_EQ(shell(name + " encode --quiet --resume " + out), 0) << name << read_file(at("error.txt"));
    }
    EXPECT_EQ(shell("equivae table --out runs/equivae --dataset plain/"), 2);
    EXPECT_NE(read_file(at("error.txt")).find("no labels"), std::string::npos) << read_file(at("error.txt"));
    EXPECT_EQ(shell("invariance reduced --out runs/reduced --dataset plain/"), 2);
}

}  // namespace
}  // namespace warpvae
