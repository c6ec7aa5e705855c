// A set as folders of PNG: read back as it was; and a folder that is whole or not there, whatever goes wrong.
#include "data/picture_export.h"

#include <gtest/gtest.h>

#include "data/files.h"
#include "data/glyphs.h"
#include "data/own_set.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

struct PictureExport : testing::Test {
    /// Glyphs whose first class has a name that no folder can have.
    static DataSet digits(bool colour) {
        const auto make = [&](std::size_t n, Part part) {
            return colour ? make_colour_glyphs(n, 1, part).set : make_glyphs(n, 1, part).set;
        };
        DataSet set{make(60, Part::kTrain), make(20, Part::kTest), "digits", ""};
        for (int k = 0; k < 10; ++k) set.class_names.push_back(std::to_string(k) + "/x");
        return set;
    }
    /// The entries of the temporary folder itself.
    std::size_t entries() const {
        return std::size_t(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()));
    }
    test::TemporaryFolder folder;
};

TEST_F(PictureExport, IsReadBack) {
    for (const bool colour : {false, true}) {
        const DataSet set = digits(colour);
        const fs::path out = folder / (colour ? "colour" : "grey");
        std::vector<std::string> parts;
        std::size_t told = 0;
        export_pictures(set, out, [&](const char* part, const ImageSet& images, const ExportPart& write) {
            parts.push_back(part + std::to_string(images.count()));
            write([&](std::size_t done, std::size_t) { told = done; });
        });
        EXPECT_EQ(parts, (std::vector<std::string>{"train60", "test20"}));
        EXPECT_GT(told, 0u);
        const DataSet read = read_own_set(out, {});
        EXPECT_EQ(read.class_names[3], "3-x");
        ASSERT_EQ(read.train.count(), 60u);
        for (std::size_t i = 0; i < 60; ++i) {
            const std::size_t number = std::stoul(fs::path(read.train_names[i]).stem());
            EXPECT_EQ(read.train.labels[i], set.train.labels[number]);
            EXPECT_TRUE(std::ranges::equal(read.train.image(i), set.train.image(number))) << number;
        }
        EXPECT_EQ(read.test.count(), 20u);
        EXPECT_EQ(entries(), colour ? 2u : 1u) << "nothing lies beside it";
    }
}

TEST_F(PictureExport, WithoutLabelsThereAreNoSubFolders) {
    DataSet set = digits(false);
    set.labelled = false;
    export_pictures(set.test, set, folder / "flat");
    EXPECT_TRUE(fs::exists(folder / "flat/00.png"));
    EXPECT_FALSE(read_own_set(folder / "flat", {}).labelled);
}

TEST_F(PictureExport, LeavesNothingOfAFolderThatCannotBeFinished) {
    DataSet set = digits(false);
    set.class_names.resize(9);  // the last class has no name
    EXPECT_THROW(export_pictures(set.train, set, folder / "out"), std::out_of_range);
    EXPECT_EQ(entries(), 0u);
    EXPECT_THROW(export_pictures(set.train, set, folder.file("a file", "") / "out"), Error);
}

TEST_F(PictureExport, LeavesNoPartOfASetWhoseOtherFails) {
    DataSet set = digits(false);
    set.test.labels[19] = 10;  // a class without a name
    const auto each = [](const char*, const ImageSet&, const ExportPart& write) { write({}); };
    EXPECT_THROW(export_pictures(set, folder / "out", each), std::out_of_range);
    EXPECT_FALSE(fs::exists(folder / "out/train"));
    EXPECT_FALSE(fs::exists(folder / "out/test"));
}

TEST_F(PictureExport, AFolderHasItsNameOnceItIsWhole) {
    {
        FolderWriter files(folder / "whole");
        files.write("a/b", "hello");
        EXPECT_FALSE(fs::exists(folder / "whole"));
        EXPECT_THROW(files.write("a/b", "again"), Error);
        files.finish();
    }
    EXPECT_EQ(read_file(folder / "whole/a/b"), "hello");
    FolderWriter again(folder / "whole");
    again.write("c", "");
    EXPECT_THROW(again.finish(), Error) << "there is one of that name";
    EXPECT_EQ(read_file(folder / "whole/a/b"), "hello");
    EXPECT_FALSE(fs::exists(folder / "whole/c"));
}

}  // namespace
}  // namespace warpvae
