// Finding sets by name in a data folder: digests, what is made on the spot, and one clear line for all that can be
// wrong.
#include "data/data_set.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/gzip.h"
#include "data/sha256.h"
#include "data/transformed_sets.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using test::expect_message;
using test::TemporaryFolder;
namespace fs = std::filesystem;

struct DataSets : testing::Test {
    TemporaryFolder folder;
    /// A set of `count` blank digits under the names that MNIST uses.
    void write_blank(const std::string& name, std::size_t count) const {
        ImageSet set{28, 28, std::vector<std::uint8_t>(784 * count), std::vector<std::uint8_t>(count)};
        for (std::size_t i = 0; i < count; ++i) set.labels[i] = static_cast<std::uint8_t>(i % 10);
        write_image_set(folder / name, "train", set);
        write_image_set(folder / name, "t10k", set);
    }
};

TEST_F(DataSets, EveryRowIsComplete) {
    for (const KnownSet& set : known_sets()) {
        SCOPED_TRACE(set.name);
        EXPECT_FALSE(set.what.empty());
        EXPECT_FALSE(set.forms.empty());
        EXPECT_EQ(set.mirrors.empty(), !set.is_published());
        EXPECT_EQ(set.make == nullptr, set.is_published());
        EXPECT_EQ(set.how_made.empty(), set.is_published());
        for (const std::string& mirror : set.mirrors) EXPECT_TRUE(mirror.ends_with('/')) << mirror;
        for (const StoredForm& form : set.forms) {
            EXPECT_NE(form.read, nullptr);
            EXPECT_FALSE(form.how.empty());
            EXPECT_EQ(form.files_of(Part::kTrain).size(), form.files_of(Part::kTest).size());
        }
        for (const KnownFile& file : set.files) {
            EXPECT_TRUE(std::any_of(set.forms.begin(), set.forms.end(), [&](const StoredForm& form) {
                return std::count(form.files.begin(), form.files.end(), file.name) == 1;
            })) << file.name;
            if (!set.is_published()) continue;
            EXPECT_EQ(file.sha256.size(), 64u);
            EXPECT_EQ(file.sha256.find_first_not_of("0123456789abcdef"), std::string::npos);
            EXPECT_GT(file.bytes, 0u);
        }
    }
    EXPECT_EQ(known_set("mnist").files.size(), 4u);
    EXPECT_EQ(known_set("svhn").files.size(), 2u);
    EXPECT_EQ(known_set("svhn").shape.channels, 3);
    EXPECT_TRUE(known_set("glyphs").files.empty());
    try {
        known_set("minst");
        FAIL();
    } catch (const UsageError& error) {
        EXPECT_STREQ(error.what(),
                     "unknown data set \"minst\": choose mnist, fashion-mnist, svhn, mnist-rot, glyphs or "
                     "glyphs-colour");
    }
    EXPECT_EQ(alternatives({}), "");
    EXPECT_EQ(alternatives({"a"}), "a");
    EXPECT_EQ(alternatives({"a", "b"}), "a or b");
}

TEST_F(DataSets, TheDataFolderIsTheEnvironmentsElseTheCache) {
    ::setenv("WARPVAE_DATA", "/some/where", 1);
    EXPECT_EQ(default_data_folder(), "/some/where");
    ::unsetenv("WARPVAE_DATA");
    ::setenv("HOME", "/home/somebody", 1);
    EXPECT_EQ(default_data_folder(), "/home/somebody/.cache/warpvae");
}

TEST_F(DataSets, AMissingSetNamesTheCommand) {
    const std::string command = "`dataset fetch mnist --data " + folder.path().string() + "`";
    expect_message([&] { load_set("mnist", folder.path()); }, "mnist is not in", command);
    expect_message([&] { load_set("mnist-rot", folder.path()); }, "mnist is not in", command);
    expect_message([&] { load_set("mnist", folder / "not/there"); }, "not/there");
    ::setenv("WARPVAE_DATA", folder.path().c_str(), 1);
    expect_message([&] { load_set("mnist", folder.path()); }, "`dataset fetch mnist`");
    ::unsetenv("WARPVAE_DATA");
    EXPECT_EQ(inspect_set(known_set("mnist"), folder.path()).presence, Presence::kAbsent);
}

TEST_F(DataSets, WrongBytesFailTheDigest) {
    write_blank("mnist", 3);
    expect_message([&] { load_set("mnist", folder.path()); }, "train-images-idx3-ubyte.gz", "SHA-256", "ba891046e650");
    const SetStatus status = inspect_set(known_set("mnist"), folder.path());
    EXPECT_EQ(status.presence, Presence::kDamaged);
    EXPECT_NE(status.detail.find("SHA-256"), std::string::npos);
    fs::remove(folder / "mnist/t10k-labels-idx1-ubyte.gz");
    EXPECT_EQ(inspect_set(known_set("mnist"), folder.path()).presence, Presence::kIncomplete);
}

TEST_F(DataSets, ADamagedFileSaysHowBeforeItsDigest) {
    write_blank("mnist", 3);
    const fs::path images = folder / "mnist/train-images-idx3-ubyte.gz";
    const std::string packed = read_file(images);
    write_file(images, packed.substr(0, packed.size() / 2));
    expect_message([&] { load_set("mnist", folder.path()); }, images.string(), "cut off");
    write_file(images, gzip(gunzip(packed, "x", 1 << 20) + "x"));
    expect_message([&] { load_set("mnist", folder.path()); }, images.string(), "too long");
}

TEST_F(DataSets, RequireDigestTellsOneBit) {
    const KnownFile file{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3};
    EXPECT_NO_THROW(require_digest("abc", file, "here"));
    expect_message([&] { require_digest("abb", file, "here"); }, "here", "abc", "ba7816bf8f01");
}

TEST_F(DataSets, GlyphsAreDrawnWhereNoneAreKept) {
    const DataSet set = load_set("glyphs", folder.path(), {20, 10});
    EXPECT_EQ(set.train.count(), 20u);
    EXPECT_EQ(set.test.count(), 10u);
    EXPECT_NE(set.source.find("drawn here"), std::string::npos);
    EXPECT_NE(std::vector<std::uint8_t>(set.train.images.begin(), set.train.images.begin() + 784),
              std::vector<std::uint8_t>(set.test.images.begin(), set.test.images.begin() + 784));
    const DataSet more = load_set("glyphs", folder.path(), {30, 1});
    EXPECT_TRUE(std::equal(set.train.images.begin(), set.train.images.end(), more.train.images.begin()));
    write_blank("glyphs", 12);
    const DataSet kept = load_set("glyphs", folder.path(), {5, 0});
    EXPECT_EQ(kept.train.count(), 5u);
    EXPECT_EQ(kept.test.count(), 12u);
    EXPECT_NE(kept.source.find((folder / "glyphs").string()), std::string::npos);
}

TEST_F(DataSets, ColourGlyphsToo) {
    const DataSet set = load_set("glyphs-colour", folder.path(), {20, 10});
    EXPECT_EQ(set.train.channels, 3);
    EXPECT_EQ(set.train.images.size(), 20u * 32 * 32 * 3);
    EXPECT_EQ(set.test.count(), 10u);
    EXPECT_NE(set.source.find("drawn here"), std::string::npos);
    write_image_set(folder / "glyphs-colour", "train", set.train);
    write_image_set(folder / "glyphs-colour", "t10k", set.test);
    const DataSet kept = load_set("glyphs-colour", folder.path(), {7, 0});
    EXPECT_EQ(kept.train.images,
              std::vector<std::uint8_t>(set.train.images.begin(), set.train.images.begin() + 7 * 3072));
    EXPECT_EQ(kept.test.labels, set.test.labels);
    EXPECT_EQ(inspect_set(known_set("glyphs-colour"), folder.path()).presence, Presence::kPresent);
    write_idx(folder / "glyphs-colour/t10k-images-idx4-ubyte.gz", {10, 28, 28}, std::vector<std::uint8_t>(7840));
    expect_message([&] { load_set("glyphs-colour", folder.path()); }, "t10k-images", "0x00000803", "images in colour");
}

TEST_F(DataSets, RotatedMnistPrefersTheOriginalFiles) {
    write_blank("mnist-rot", 4);
    DataSet set = load_set("mnist-rot", folder.path());
    EXPECT_EQ(set.train.count(), 4u);
    EXPECT_NE(set.source.find("made by this project"), std::string::npos);
    std::string line;
    for (int i = 0; i < 784; ++i) line += i == 27 ? "1 " : "0 ";
    folder.file("mnist-rot/mnist_all_rotation_normalized_float_train_valid.amat", line + "7\n" + line + "8\n");
    folder.file("mnist-rot/mnist_all_rotation_normalized_float_test.amat", line + "9\n");
    set = load_set("mnist-rot", folder.path());
    EXPECT_NE(set.source.find("original .amat"), std::string::npos);
    EXPECT_EQ(set.train.labels, (std::vector<std::uint8_t>{7, 8}));
    EXPECT_EQ(set.test.labels, (std::vector<std::uint8_t>{9}));
    EXPECT_EQ(set.test.images[27 * 28], 255) << "columns first: the 28th number is the last row of the first column";
    EXPECT_EQ(inspect_set(known_set("mnist-rot"), folder.path()).presence, Presence::kPresent);
}

/// A new row needs nothing else: here a published set whose files are slow to read.
TEST_F(DataSets, AFormThatIsSlowToReadBecomesIdx) {
    const auto write_part = [&](const std::string& prefix, std::uint8_t grey) {
        const ImageSet set{28, 28, std::vector<std::uint8_t>(2 * 784, grey), {3, 4}};
        write_idx(folder / "new" / (prefix + "-images"), {2, 28, 28}, set.images);
        write_idx(folder / "new" / (prefix + "-labels"), {2}, set.labels);
    };
    write_part("a", 1);
    write_part("b", 2);
    StoredForm slow{{"a-images", "a-labels", "b-images", "b-labels"}, read_idx_part, "as published", true};
    KnownSet row{.name = "new", .what = "a set", .forms = {known_set("mnist").forms[0], slow}};
    for (const std::string& name : slow.files) {
        const std::string bytes = read_file(folder / "new" / name);
        row.files.push_back({name, sha256_hex(bytes), bytes.size(), true});
    }
    const auto status = [&] { return inspect_set(row, folder.path()); };
    EXPECT_EQ(status().detail, "as published");
    EXPECT_FALSE(fs::exists(folder / "new/train-images-idx3-ubyte")) << "to inspect is not to load";
    const ImageSet train = load_part(row, folder.path(), Part::kTrain, 1);
    EXPECT_EQ(train.count(), 1u);
    EXPECT_EQ(read_idx(folder / "new/train-images-idx3-ubyte", kImageRank).count(), 2u) << "written whole";
    EXPECT_EQ(status().detail, "as published") << "one part is not a set";
    EXPECT_EQ(load_part(row, folder.path(), Part::kTest).images, std::vector<std::uint8_t>(2 * 784, 2));
    EXPECT_EQ(status().detail, known_set("mnist").forms[0].how);
    EXPECT_EQ(load_part(row, folder.path(), Part::kTest).images, std::vector<std::uint8_t>(2 * 784, 2));

    fs::remove(folder / "new/train-images-idx3-ubyte");
    write_part("b", 3);
    expect_message([&] { load_part(row, folder.path(), Part::kTest); }, "b-images", "SHA-256");
    EXPECT_EQ(status().presence, Presence::kDamaged);
    fs::remove(folder / "new/b-images");
    EXPECT_EQ(status().presence, Presence::kIncomplete);
}

TEST_F(DataSets, MadeSetsAreChecked) {
    write_blank("glyphs", 4);
    write_idx(folder / "glyphs/t10k-labels-idx1-ubyte.gz", {4}, {1, 2, 3, 10});
    expect_message([&] { load_set("glyphs", folder.path()); }, "t10k-labels", "label 10 at index 3", "0..9");
    write_idx(folder / "glyphs/t10k-images-idx3-ubyte.gz", {4, 32, 32}, std::vector<std::uint8_t>(4 * 1024));
    expect_message([&] { load_set("glyphs", folder.path()); }, "t10k-images", "32x32", "expected 28x28");
}

}  // namespace
}  // namespace warpvae
