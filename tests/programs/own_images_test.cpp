// A user's own images through the programs: exported, shown, imported, listed; taken by a program that trains on them,
// and refused with one line where they are others than the run was made with.
#include "data/idx.h"
#include "data/png.h"
#include "tests/support/program_test.h"

namespace warpvae {
namespace {

using namespace test;
namespace fs = std::filesystem;

struct OwnImages : ProgramTest {
    explicit OwnImages(const char* name = "dataset") : ProgramTest(name) {}
    /// 40 pictures in two classes.
    void fill(const std::string& name) const {
        for (int i = 0; i < 40; ++i) {
            std::vector<std::uint8_t> pixels(28 * 28);
            for (std::size_t k = 0; k < pixels.size(); ++k) pixels[k] = std::uint8_t(i * 5 + int(k % 50));
            write_png(folder / name / (i % 2 ? "odd" : "even") / (std::to_string(i) + ".png"), 28, 28, 1,
                      pixels.data());
        }
    }
};

TEST_F(OwnImages, AreShownImportedListedAndExported) {
    fill("mine");
    const std::string data = " --data " + at("data");
    ASSERT_EQ(run("show " + at("mine") + " --out " + at("sheet.png")).status, 0) << read_file(at("error.txt"));
    EXPECT_GT(read_png(folder / "sheet.png").width, 28);
    ASSERT_EQ(run("import " + at("mine") + " --name mine" + data).status, 0) << read_file(at("error.txt"));
    const Result listed = run("list" + data);
    EXPECT_NE(listed.out.find("36 training and 4 test images of 28 x 28, grey, 2 classes"), std::string::npos)
        << listed.out;
    ASSERT_EQ(run("export mine --count 10 --out " + at("out") + data).status, 0) << read_file(at("error.txt"));
    std::size_t train = 0, test = 0;
    for (const auto& entry : fs::recursive_directory_iterator(folder / "out" / "train"))
        train += entry.is_regular_file();
    for (const auto& entry : fs::recursive_directory_iterator(folder / "out" / "test")) test += entry.is_regular_file();
    EXPECT_EQ(train, 10u);
    EXPECT_EQ(test, 1u);
    EXPECT_TRUE(fs::exists(folder / "out/train/even")) << "classes keep their names";

    // The same name again, in colour, from a folder of that name: it is the folder that is read, and nothing is left.
    fill("mine/more");
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    EXPECT_EQ(run("import mine --name mine --channels colour" + data).status, 0) << read_file(at("error.txt"));
    fs::current_path(before);
    const Result again = run("list" + data);
    EXPECT_NE(again.out.find("of 28 x 28, in colour, 3 classes"), std::string::npos) << again.out;
    fs::remove(folder / "data/mine/imported.toml");  // as an import that was killed leaves it
    EXPECT_EQ(run("import " + at("mine") + " --name mine" + data).status, 0) << read_file(at("error.txt"));
    expect_failure(2, "--size is of images of your own", "show mine --size 14" + data);

    expect_failure(2, "something already", "export mine --out " + at("out") + data);
    expect_failure(2, "--out", "export mine" + data);
    expect_failure(2, "--name", "import " + at("mine") + data);
    expect_failure(2, "known already", "import " + at("mine") + " --name mnist" + data);
    expect_failure(2, "choose a word", "import " + at("mine") + " --name a/b" + data);
    expect_failure(1, "no such folder", "import " + at("none") + " --name x" + data);
    expect_failure(2, "--size", "import " + at("mine") + " --name x --size 0" + data);
    write_file(folder / "data/mine/imported.toml", "not toml");
    EXPECT_NE(run("list" + data).out.find("unusable"), std::string::npos);
}

struct OwnTraining : OwnImages {
    OwnTraining() : OwnImages("spatial") {}
};

TEST_F(OwnTraining, OneClassIsAsGoodAsNone) {
    fill("mine");
    fs::remove_all(folder / "mine" / "odd");
    const Result result =
        run("table --latents 2 --rows vae --epochs 1 --dataset " + at("mine") + " --out " + at("run"));
    EXPECT_EQ(result.status, 0) << result.error;
    EXPECT_NE(result.error.find("one class only"), std::string::npos) << result.error;
    EXPECT_EQ(run("table --resume " + at("run")).status, 0) << read_file(at("error.txt"));
}

TEST_F(OwnTraining, IsHeldToItsImages) {
    fill("mine");
    const std::string train = "train --quick --epochs 1 --seeds 1 --quiet ", resume = train + "--resume " + at("run");
    ASSERT_EQ(run(train + "--dataset " + at("mine") + " --out " + at("run")).status, 0) << read_file(at("error.txt"));
    EXPECT_NE(read_file(at("run/config.toml")).find("class-names = \"even, odd\""), std::string::npos);
    ASSERT_EQ(run(resume).status, 0) << read_file(at("error.txt"));
    // As of the sets that are known: fewer test images are evaluated anew, fewer training images are another training.
    const std::string evaluate = "evaluate --quiet --resume " + at("run");
    ASSERT_EQ(run(evaluate).status, 0) << read_file(at("error.txt"));
    const std::string table = digest("run/models.json"), config = digest("run/config.toml");
    ASSERT_EQ(run(evaluate + " --test-images 2").status, 0) << read_file(at("error.txt"));
    EXPECT_NE(digest("run/models.json"), table);
    EXPECT_EQ(digest("run/config.toml"), config);
    ASSERT_EQ(run(evaluate).status, 0) << read_file(at("error.txt"));
    EXPECT_EQ(digest("run/models.json"), table);
    expect_failure(1, "was trained with training-images", evaluate + " --train-images 20");
    fs::remove(folder / "mine/even/0.png");
    expect_failure(1, "not this run", resume);
    expect_failure(2, "is no path", train + "--dataset glyphs --size 28 --out " + at("x"));
    expect_failure(2, "no such path", train + "--dataset glyhps --out " + at("x"));
}

}  // namespace
}  // namespace warpvae
