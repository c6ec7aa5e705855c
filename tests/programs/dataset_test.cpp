// The program `dataset`, run as a user runs it: exit status, one line on standard error, files written, nothing harmed.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <sstream>

#include "data/fetch.h"
#include "data/gzip.h"
#include "data/idx.h"
#include "data/matlab.h"
#include "data/npy.h"
#include "data/png.h"
#include "tests/support/local_server.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using namespace test;
namespace fs = std::filesystem;

struct Dataset : testing::Test {
    void SetUp() override { ::setenv("no_proxy", "127.0.0.1", 1); }

    struct Result {
        int status;
        std::string out, error;
    };
    /// Runs `dataset` with `arguments`, after `before` ("ulimit ...;") in the same shell.
    Result run(const std::string& arguments, const std::string& before = "") const {
        const std::string command =
            "env -u WARPVAE_DATA -u WARPVAE_MIRROR sh -c '" + before + " exec " WARPVAE_BIN "/dataset " + arguments +
            "' >" + (folder / "out.txt").string() + " 2>" + (folder / "error.txt").string() + " </dev/null";
        const int status = std::system(command.c_str());
        return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder / "out.txt"),
                read_file(folder / "error.txt")};
    }
    /// Expects exit status `status` and one line on standard error that contains `word`.
    void expect_failure(int status, const std::string& word, const std::string& arguments,
                        const std::string& before = "") const {
        const Result result = run(arguments, before);
        EXPECT_EQ(result.status, status) << arguments << "\n" << result.error;
        EXPECT_EQ(std::count(result.error.begin(), result.error.end(), '\n'), 1) << arguments << "\n" << result.error;
        EXPECT_NE(result.error.find(word), std::string::npos) << arguments << "\n" << result.error;
        EXPECT_EQ(result.error.rfind("dataset: ", 0), 0u) << result.error;
    }
    std::string at(const std::string& name) const { return (folder / name).string(); }

    TemporaryFolder folder;
};

TEST_F(Dataset, HelpTeaches) {
    for (const std::string command : {"", "list", "fetch", "make", "transform", "show"}) {
        const Result result = run(command + " --help");
        EXPECT_EQ(result.status, 0) << result.error;
        EXPECT_NE(result.out.find("Usage: dataset"), std::string::npos) << result.out;
    }
    EXPECT_NE(run("--help").out.find("dataset fetch mnist"), std::string::npos);
}

/// Every line of the help that shows a command does what it says, in the order of the help and in an empty folder. The
/// published sets are those of $WARPVAE_DATA; what is not there is asked of a server that has nothing.
TEST_F(Dataset, EveryExampleOfTheHelpRuns) {
    const char* const data = std::getenv("WARPVAE_DATA");
    fs::create_directories(folder / "data");
    std::error_code ignored;
    const bool has_mnist = data && fs::exists(fs::path(data) / "mnist/train-images-idx3-ubyte.gz", ignored);
    if (has_mnist) fs::create_directory_symlink(fs::path(data) / "mnist", folder / "data/mnist");
    LocalServer nothing([](const Request&) { return Reply{.status = 404}; });
    for (const char* photo : {"photos/cats/a.png", "photos/cats/b.png", "photos/dogs/c.png", "photos/dogs/d.png"}) {
        fs::create_directories((folder / photo).parent_path());
        write_png(folder / photo, 100, 80, 1, std::vector<std::uint8_t>(8000, std::uint8_t(photo[12])).data());
    }
    const std::string before =
        "cd " + folder.path().string() + "; export WARPVAE_DATA=data WARPVAE_MIRROR=" + nothing.url() + ";";
    std::istringstream help(run("--help").out);
    int examples = 0;
    for (std::string line; std::getline(help, line);) {
        if (line.rfind("  dataset ", 0) != 0) continue;
        ++examples;
        const std::string command = line.substr(10, line.find("   ", 10) - 10);
        const Result result = run(command, before);
        const bool served = command.rfind("fetch ", 0) != 0 || (has_mnist && command == "fetch mnist");
        EXPECT_EQ(result.status, served ? 0 : 1) << command << "\n" << result.error;
        if (!served && can_fetch() && can_read_matlab()) {
            EXPECT_NE(result.error.find("cannot fetch"), std::string::npos) << result.error;
        }
    }
    EXPECT_EQ(examples, 10);
    for (const char* name : {"glyphs.png", "turned.gz", "turned.png"}) EXPECT_TRUE(fs::exists(folder / name)) << name;
}

TEST_F(Dataset, NamesMayBeginWithADash) {
    write_idx(folder / "-images", {2, 3, 3}, std::vector<std::uint8_t>(18, 9));
    const std::string before = "cd " + folder.path().string() + ";";
    EXPECT_EQ(run("transform --rotate 180 -- -images -turned", before).status, 0);
    EXPECT_EQ(read_idx(folder / "-turned", kImageRank).values, std::vector<std::uint8_t>(18, 9));
    EXPECT_EQ(run("show --out=-sheet.png -- -images", before).status, 0);
    EXPECT_TRUE(fs::exists(folder / "-sheet.png"));
    expect_failure(2, "-images", "show -images", before);
}

TEST_F(Dataset, WrongUsageIsStatus2) {
    expect_failure(2, "list, fetch, make, transform, show", "");
    expect_failure(2, "list, fetch, make, transform, show", "lst");
    expect_failure(2, "takes at least 1 NAME", "make");
    expect_failure(2, "takes at most 1", "show a b");
    expect_failure(2, "--colour", "list --colour");
    expect_failure(2, "choose mnist", "fetch minst --data " + at("d"));
    expect_failure(2, "dataset make glyphs", "fetch glyphs --data " + at("d"));
    expect_failure(2, "glyphs", "make mnist");
    expect_failure(2, "--count", "make glyphs --count -4");
    expect_failure(2, "--count", "make glyphs --count 99999999999");
    for (const char* seed : {"18446744073709551616", "-1", "nan", "1.5"})
        expect_failure(2, "whole number", std::string("make glyphs --seed ") + seed);
    expect_failure(2, "above 0", "transform a b --scale 0");
    expect_failure(2, "--rotate", "transform a b --rotate left");
    expect_failure(2, "--rotate", "transform a b --rotate nan");
    expect_failure(2, "two numbers", "transform a b --translate 1");
    expect_failure(2, "each axis", "transform a b --scale 1,1,1");
    expect_failure(2, "--interpolation", "transform a b --interpolation cubic");
    expect_failure(2, "--columns", "show glyphs --columns 0");
    expect_failure(2, "choose mnist", "show nothing");
}

TEST_F(Dataset, MakesListsAndShowsGlyphs) {
    const std::string data = " --data " + at("data");
    Result result = run("make glyphs --count 30 --test-count 10 --seed 5" + data);
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_NE(result.out.find("30 training and 10 test images"), std::string::npos) << result.out;
    const ImageSet set = read_image_set(folder / "data/glyphs/train-images-idx3-ubyte.gz",
                                        folder / "data/glyphs/train-labels-idx1-ubyte.gz", {28, 28, 10});
    EXPECT_EQ(set.count(), 30u);
    EXPECT_EQ(read_npy<float>(folder / "data/glyphs/t10k-poses.npy").shape, (std::vector<std::size_t>{10, 8}));
    result = run("list" + data);
    EXPECT_EQ(result.status, 0) << result.error;
    EXPECT_NE(result.out.find("made by this project"), std::string::npos) << result.out;
    EXPECT_NE(result.out.find("dataset fetch mnist"), std::string::npos) << result.out;
    for (const std::string& what : {std::string("glyphs"), at("data/glyphs/train-images-idx3-ubyte.gz")}) {
        result = run("show " + what + data + " --columns 4 --out " + at("sheet.png"));
        EXPECT_EQ(result.status, 0) << result.error;
        EXPECT_EQ(read_file(folder / "sheet.png").substr(0, 4), "\x89PNG");
        fs::remove(folder / "sheet.png");
    }
    // The same seed gives the same files.
    ASSERT_EQ(run("make glyphs --count 30 --test-count 10 --seed 5 --out " + at("again")).status, 0);
    for (const char* name : {"train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "train-poses.npy"})
        EXPECT_EQ(read_file(folder / "again" / name), read_file(folder / "data/glyphs" / name)) << name;
}

TEST_F(Dataset, MakesShowsAndTransformsColour) {
    const std::string data = " --data " + at("data");
    Result result = run("make glyphs-colour --count 30 --test-count 10 --seed 5" + data);
    ASSERT_EQ(result.status, 0) << result.error;
    EXPECT_NE(result.out.find("30 training and 10 test images"), std::string::npos) << result.out;
    const fs::path images = folder / "data/glyphs-colour/train-images-idx4-ubyte.gz";
    EXPECT_EQ(read_idx(images, kColourRank).shape, (std::vector<std::size_t>{30, 32, 32, 3}));
    EXPECT_EQ(read_npy<float>(folder / "data/glyphs-colour/t10k-poses.npy").shape, (std::vector<std::size_t>{10, 8}));
    result = run("list" + data);
    EXPECT_NE(result.out.find("made by this project"), std::string::npos) << result.out;
    for (const std::string& what : {std::string("glyphs-colour"), images.string()}) {
        result = run("show " + what + data + " --columns 4 --out " + at("sheet.png"));
        EXPECT_EQ(result.status, 0) << result.error;
        EXPECT_EQ(read_file(folder / "sheet.png").substr(0, 4), "\x89PNG");
        fs::remove(folder / "sheet.png");
    }
    result = run("transform " + images.string() + " " + at("turned") + " --rotate 180");
    ASSERT_EQ(result.status, 0) << result.error;
    const IdxArray before = read_idx(images, kColourRank), after = read_idx(folder / "turned", kColourRank);
    ASSERT_EQ(after.shape, before.shape);
    for (std::size_t i = 0; i < 1024; ++i)
        for (std::size_t c = 0; c < 3; ++c) ASSERT_EQ(after.values[3 * i + c], before.values[3 * (1023 - i) + c]);
}

TEST_F(Dataset, HouseNumbersAreFetchedVerifiedAndConverted) {
    const std::string data = " --data " + at("data");
    expect_failure(1, "dataset fetch svhn", "show svhn" + data);
    EXPECT_NE(run("list" + data).out.find("dataset fetch svhn"), std::string::npos);
    write_image_set(folder / "data/svhn", "train", {32, 32, std::vector<std::uint8_t>(2 * 3072), {1, 0}, 3}, "");
    write_image_set(folder / "data/svhn", "t10k", {32, 32, std::vector<std::uint8_t>(2 * 3072), {1, 0}, 3}, "");
    EXPECT_NE(run("list" + data).out.find("converted from the original"), std::string::npos);
    EXPECT_EQ(run("show svhn --out " + at("sheet.png") + data).status, 0);
    if (!can_fetch()) GTEST_SKIP() << "built without libcurl";
    if (!can_read_matlab()) {
        expect_failure(1, "matio", "fetch svhn" + data);
        return;
    }
    LocalServer wrong([](const Request&) { return Reply{.body = "not what was published"}; });
    expect_failure(1, "SHA-256", "fetch svhn --mirror " + wrong.url() + " --data " + at("new"));
    EXPECT_EQ(wrong.requests().at(0).path, "/train_32x32.mat");
    for (const auto& entry : fs::recursive_directory_iterator(folder / "new"))
        EXPECT_TRUE(entry.is_directory()) << entry.path();
}

TEST_F(Dataset, TransformsAFile) {
    std::vector<std::uint8_t> image(9);
    image[5] = 200;  // right of the middle
    write_idx(folder / "in", {1, 3, 3}, image);
    ASSERT_EQ(run("transform " + at("in") + " " + at("out.gz") + " --rotate 90").status, 0);
    EXPECT_TRUE(is_gzip(read_file(folder / "out.gz")));
    std::vector<std::uint8_t> turned(9);
    turned[1] = 200;  // counter-clockwise: above the middle
    EXPECT_EQ(read_idx(folder / "out.gz", kImageRank).values, turned);
    ASSERT_EQ(run("transform " + at("in") + " " + at("in") + " --translate=-1,1 --interpolation nearest").status, 0);
    std::vector<std::uint8_t> moved(9);
    moved[7] = 200;
    EXPECT_EQ(read_idx(folder / "in", kImageRank).values, moved) << "in place";
}

TEST_F(Dataset, BadFilesAreStatus1) {
    const auto in = [&](const std::string& name) { return "transform " + at(name) + " " + at("out"); };
    expect_failure(1, "No such file", in("nothing"));
    folder.file("text", "this is no IDX file");
    expect_failure(1, "not an IDX file", in("text"));
    write_idx(folder / "labels", {3}, {1, 2, 3});
    expect_failure(1, "wrong magic", in("labels"));
    write_idx(folder / "images", {2, 3, 3}, std::vector<std::uint8_t>(18));
    const std::string bytes = read_file(folder / "images");
    folder.file("short", bytes.substr(0, 20));
    expect_failure(1, "cut off", in("short"));
    folder.file("long", bytes + "x");
    expect_failure(1, "too long", "show " + at("long"));
    folder.file("damaged.gz", gzip(bytes).substr(0, 20));
    expect_failure(1, "cut off", in("damaged.gz"));
    EXPECT_FALSE(fs::exists(folder / "out"));
    expect_failure(1, "dataset fetch mnist", "make mnist-rot --data " + at("d"));
}

TEST_F(Dataset, AnUnwritableOrFullOutputHarmsNothing) {
    write_idx(folder / "images", {100, 28, 28}, std::vector<std::uint8_t>(78400));
    const std::string transform = "transform " + at("images") + " ";
    expect_failure(1, "No space left", transform + "/dev/full");
    expect_failure(1, "cannot", transform + at("images") + "/below");
    folder.file("old", "what was there");
    expect_failure(1, "cannot write", transform + at("old"), "trap \"\" XFSZ; ulimit -f 16;");
    EXPECT_EQ(read_file(folder / "old"), "what was there");
    expect_failure(1, "cannot write", "show " + at("images") + " --out " + at("old"), "trap \"\" XFSZ; ulimit -f 1;");
    EXPECT_EQ(read_file(folder / "old"), "what was there");
    expect_failure(1, "cannot make folder", "make glyphs --count 1 --test-count 1 --out " + at("old") + "/below");
}

TEST_F(Dataset, AFailedFetchLeavesNothing) {
    if (!can_fetch()) GTEST_SKIP() << "built without libcurl";
    LocalServer wrong([](const Request&) { return Reply{.body = gzip("not what was published")}; });
    LocalServer missing([](const Request&) { return Reply{.status = 404}; });
    const std::string data = " --data " + at("data");
    expect_failure(1, "SHA-256", "fetch mnist --mirror " + wrong.url() + data);
    EXPECT_EQ(wrong.requests().at(0).path, "/train-images-idx3-ubyte.gz");
    expect_failure(1, "404", "fetch fashion-mnist --mirror " + missing.url() + data);
    for (const auto& entry : fs::recursive_directory_iterator(folder / "data"))
        EXPECT_TRUE(entry.is_directory()) << entry.path();
}

}  // namespace
}  // namespace warpvae
