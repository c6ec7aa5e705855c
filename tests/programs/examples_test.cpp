// Every example of every --help and of docs/running.md runs as it stands: one after the other in one folder, since
// later ones go on with runs that earlier ones made. Only the size is this test's: runs that begin get few images and
// narrow models.
#include <gtest/gtest.h>

#include <sstream>

#include "data/png.h"
#include "host/programs.h"
#include "tests/support/program_test.h"
#include "tests/support/short_runs.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

/// The examples of a text: of each line that begins with `program`, what stands before its explanation.
std::vector<std::string> examples_in(const std::string& text, const std::string& program) {
    std::vector<std::string> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const std::size_t begin = line.find_first_not_of(' ');
        if (begin == std::string::npos || line.compare(begin, program.size() + 1, program + " ") != 0) continue;
        const std::size_t end = std::min(line.find("   ", begin), line.find("  #", begin));
        found.push_back(line.substr(begin + program.size() + 1, end - begin - program.size() - 1));
    }
    return found;
}

struct Examples : test::ProgramTest, testing::WithParamInterface<std::string> {
    Examples() : ProgramTest(GetParam()) {
        std::vector<std::uint8_t> digit(28 * 28);
        for (int y = 6; y < 22; ++y)
            for (int x = 12; x < 16; ++x) digit[std::size_t(y * 28 + x)] = 255;
        for (const char* name : {"scan.png", "mine.png", "yours.png", "-x.png"})
            write_png(at(name), 28, 28, 1, digit.data());
    }
    void run_all(const std::vector<std::string>& examples) {
        for (const std::string& example : examples) {
            const bool begins = example.find(" --out ") != std::string::npos;
            std::string small = begins ? std::string(test::kShort) + test::kSmallModels.at(program) : "";
            if (begins && program == "spatial" && example.find("--rows") == std::string::npos)
                small +=
                    " --rows pca,vae,affine-tvae,tps-tvae";  // pixels take a support vector machine most of a minute
            const bool colour = example.find("glyphs-colour") != std::string::npos;
            const std::string line = "cd \"" + folder.path().string() + "\" && " + program + " " + example + small +
                                     (colour ? " --dataset glyphs-colour" : "") + " --quiet >" + at("out.txt") + " 2>" +
                                     at("error.txt") + " </dev/null";
            const int status = std::system(line.c_str());
            EXPECT_EQ(WEXITSTATUS(status), 0) << program << " " << example << "\n" << read_file(at("error.txt"));
        }
    }
};
std::vector<std::string> names() {
    std::vector<std::string> all;
    for (const auto& one : all_programs()) all.push_back(one->name());
    return all;
}
INSTANTIATE_TEST_SUITE_P(Programs, Examples, testing::ValuesIn(names()), [](const auto& one) { return one.param; });

TEST_P(Examples, OfHelp) {
    const std::vector<std::string> examples = examples_in(run("--help").out, program);
    EXPECT_GE(examples.size(), 4u);
    run_all(examples);
}

TEST_P(Examples, OfDocs) {
    const std::vector<std::string> examples = examples_in(
        read_file(fs::path(WARPVAE_README).parent_path() / "docs" / "running.md"), "build/cpu/bin/" + program);
    EXPECT_GE(examples.size(), 1u);
    run_all(examples);
}

}  // namespace
}  // namespace warpvae
