// The house numbers: files in the exact layout of the original ones become images with channels last and labels 0..9.
#include "data/svhn.h"

#include <gtest/gtest.h>

#include "data/data_set.h"
#include "data/matlab.h"
#include "tests/support/matlab_file.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using test::expect_message;
namespace fs = std::filesystem;

/// A value for each place that no other arrangement of the axes gives.
std::uint8_t value(std::size_t n, std::size_t row, std::size_t column, std::size_t channel) {
    return static_cast<std::uint8_t>(7 * n + 31 * row + 3 * column + 101 * channel + row * column);
}

/// N images that are `value`, labels 0..9 in turn.
ImageSet expected_set(std::size_t N) {
    ImageSet set{32, 32, {}, {}, 3};
    for (std::size_t n = 0; n < N; ++n) {
        for (std::size_t row = 0; row < 32; ++row)
            for (std::size_t column = 0; column < 32; ++column)
                for (std::size_t c = 0; c < 3; ++c) set.images.push_back(value(n, row, column, c));
        set.labels.push_back(static_cast<std::uint8_t>(n % 10));
    }
    return set;
}

#ifdef WARPVAE_HAVE_MATIO
using test::MatlabFile;

/// X as MATLAB has it: the row runs fastest, then column, channel, image.
std::vector<std::uint8_t> matlab_images(std::size_t N) {
    std::vector<std::uint8_t> X;
    for (std::size_t n = 0; n < N; ++n)
        for (std::size_t c = 0; c < 3; ++c)
            for (std::size_t column = 0; column < 32; ++column)
                for (std::size_t row = 0; row < 32; ++row) X.push_back(value(n, row, column, c));
    return X;
}
std::vector<double> matlab_labels(std::size_t N) {
    std::vector<double> y;
    for (std::size_t n = 0; n < N; ++n) y.push_back(n % 10 ? double(n % 10) : 10);
    return y;
}

struct Svhn : testing::Test {
    void SetUp() override {
        if (!can_read_matlab()) GTEST_SKIP() << "built without matio";
    }
    test::TemporaryFolder folder;
    const fs::path path = folder / "train_32x32.mat";
};

TEST_F(Svhn, ReadsTheOriginalLayout) {
    for (const std::size_t N : {std::size_t(1), std::size_t(23)}) {
        for (const bool bytes : {false, true}) {
            {
                MatlabFile file(path);
                file.bytes("X", {32, 32, 3, N}, matlab_images(N));
                const std::vector<double> y = matlab_labels(N);
                if (bytes)
                    file.bytes("y", {N, 1}, std::vector<std::uint8_t>(y.begin(), y.end()));
                else
                    file.doubles("y", {N, 1}, y);
            }
            const ImageSet set = read_svhn(path), expected = expected_set(N);
            EXPECT_EQ(set.height, 32);
            EXPECT_EQ(set.width, 32);
            EXPECT_EQ(set.channels, 3);
            EXPECT_EQ(set.labels, expected.labels) << "label 10 is the digit 0";
            EXPECT_EQ(set.images, expected.images);
        }
    }
}

TEST_F(Svhn, WrongVariablesAreOneLine) {
    const auto refuse = [&](auto write, const auto&... words) {
        {
            MatlabFile file(path);
            write(file);
        }
        expect_message([&] { read_svhn(path); }, path.string(), words...);
    };
    const auto images = [](MatlabFile& file, std::vector<std::size_t> shape) {
        std::size_t count = 1;
        for (const std::size_t extent : shape) count *= extent;
        file.bytes("X", shape, std::vector<std::uint8_t>(count, 7));
    };
    refuse([&](MatlabFile& f) { images(f, {32, 32, 3, 2}); }, "no variable y");
    refuse([&](MatlabFile& f) { f.doubles("y", {2, 1}, {1, 2}); }, "no variable X");
    const auto with_labels = [&](std::vector<std::size_t> shape, std::vector<std::size_t> y_shape,
                                 std::vector<double> y) {
        return [=, &images](MatlabFile& f) {
            images(f, shape);
            f.doubles("y", y_shape, y);
        };
    };
    refuse(with_labels({32, 32, 3, 3}, {2, 1}, {1, 2}), "2 labels", "3 images");
    refuse(with_labels({3, 32, 32, 2}, {2, 1}, {1, 2}), "X is 3x32x32x2", "32x32x3xN");
    refuse(with_labels({32, 32}, {2, 1}, {1, 2}), "X is 32x32");
    refuse(with_labels({32, 32, 3, 4}, {2, 2}, {1, 2, 3, 4}), "y is 2x2", "Nx1");
    refuse(with_labels({32, 32, 3, 2}, {2, 1}, {1, 0}), "label 0 at index 1", "1..10");
    refuse(with_labels({32, 32, 3, 2}, {2, 1}, {11, 1}), "label 11 at index 0", "1..10");
    refuse(with_labels({32, 32, 3, 2}, {2, 1}, {1.5, 1}), "y holds 1.5");
    refuse(
        [&](MatlabFile& f) {
            f.add<float>("X", {32, 32, 3, 1}, std::vector<float>(3072), MAT_C_SINGLE, MAT_T_SINGLE);
            f.doubles("y", {1, 1}, {1});
        },
        "X is no array of class uint8");
}

TEST_F(Svhn, FilesThatAreNotThePublishedOnesAreNotConverted) {
    const fs::path svhn = folder / "svhn";
    fs::create_directories(svhn);
    for (const char* name : {"train_32x32.mat", "test_32x32.mat"}) {
        MatlabFile file(svhn / name);
        file.bytes("X", {32, 32, 3, 2}, matlab_images(2));
        file.doubles("y", {2, 1}, matlab_labels(2));
    }
    expect_message([&] { load_set("svhn", folder.path()); }, "train_32x32.mat", "SHA-256", "435e94d69a87");
    EXPECT_EQ(inspect_set(known_set("svhn"), folder.path()).presence, Presence::kDamaged);
    fs::remove(svhn / "test_32x32.mat");
    EXPECT_EQ(inspect_set(known_set("svhn"), folder.path()).presence, Presence::kIncomplete);
}

TEST_F(Svhn, ConversionToIdxAndBack) {
    {
        MatlabFile file(path);
        file.bytes("X", {32, 32, 3, 23}, matlab_images(23));
        file.doubles("y", {23, 1}, matlab_labels(23));
    }
    const ImageSet set = read_svhn(path);
    write_image_set(folder / "svhn", "train", set, "");
    write_image_set(folder / "svhn", "t10k", set);  // gzipped or not
    EXPECT_EQ(read_idx(folder / "svhn/train-images-idx4-ubyte", kColourRank).shape,
              (std::vector<std::size_t>{23, 32, 32, 3}));
    const DataSet loaded = load_set("svhn", folder.path(), {0, 5});
    EXPECT_EQ(loaded.train.images, expected_set(23).images);
    EXPECT_EQ(loaded.train.channels, 3);
    EXPECT_EQ(loaded.test.labels, expected_set(5).labels);
    EXPECT_EQ(loaded.test.images, expected_set(5).images);
    EXPECT_NE(loaded.source.find("converted"), std::string::npos) << loaded.source;
    EXPECT_EQ(inspect_set(known_set("svhn"), folder.path()).presence, Presence::kPresent);
}

#endif

TEST(SvhnSet, AMissingSetNamesTheCommand) {
    const test::TemporaryFolder folder;
    expect_message([&] { load_set("svhn", folder.path()); }, "svhn is not in", "train_32x32.mat",
                   "`dataset fetch svhn --data " + folder.path().string() + "`");
    EXPECT_EQ(inspect_set(known_set("svhn"), folder.path()).presence, Presence::kAbsent);
}

TEST(SvhnSet, ConvertedFilesNeedNoMatio) {
    const test::TemporaryFolder folder;
    write_image_set(folder / "svhn", "train", expected_set(12), "");
    write_image_set(folder / "svhn", "t10k", expected_set(11), "");
    EXPECT_EQ(load_set("svhn", folder.path()).train.images, expected_set(12).images);
    write_idx(folder / "svhn/train-images-idx4-ubyte", {12, 32, 32, 1}, std::vector<std::uint8_t>(12 * 1024));
    expect_message([&] { load_set("svhn", folder.path()); }, "train-images-idx4", "32x32x1", "expected 32x32x3");
}

}  // namespace
}  // namespace warpvae
