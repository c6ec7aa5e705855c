// The door to matio: what it reads, and one clear line for every kind of bad file, however large it says it is.
#include "data/matlab.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/support/matlab_file.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using test::expect_message;
namespace fs = std::filesystem;

#ifdef WARPVAE_HAVE_MATIO
using test::MatlabFile;

struct Matlab : testing::Test {
    void SetUp() override {
        if (!can_read_matlab()) GTEST_SKIP() << "built without matio";
    }
    /// 5,000 bytes that hardly compress in X, and three doubles in y.
    std::string good(matio_compression compression = MAT_COMPRESSION_ZLIB) const {
        {
            MatlabFile file(folder / "good.mat");
            file.bytes("X", {10, 500}, noise(), compression);
            file.doubles("y", {3, 1}, {1, 10, 255}, compression);
        }
        return read_file(folder / "good.mat");
    }
    static std::vector<std::uint8_t> noise() {
        std::vector<std::uint8_t> values(5000);
        std::uint32_t seed = 1;
        for (std::uint8_t& value : values)
            value = static_cast<std::uint8_t>((seed = seed * 1664525u + 1013904223u) >> 24);
        return values;
    }
    /// Without the fsync of TemporaryFolder::file: hundreds of files.
    fs::path put(const char* name, const std::string& bytes) const {
        std::ofstream(folder / name, std::ios::binary) << bytes;
        return folder / name;
    }
    test::TemporaryFolder folder;
};

TEST_F(Matlab, ReadsBytesAndDoublesCompressedOrNot) {
    for (const auto compression : {MAT_COMPRESSION_ZLIB, MAT_COMPRESSION_NONE}) {
        good(compression);
        const MatlabArray X = read_matlab_bytes(folder / "good.mat", "X"),
                          y = read_matlab_bytes(folder / "good.mat", "y");
        EXPECT_EQ(X.shape, (std::vector<std::size_t>{10, 500}));
        EXPECT_EQ(X.values, noise());
        EXPECT_EQ(y.shape, (std::vector<std::size_t>{3, 1}));
        EXPECT_EQ(y.values, (std::vector<std::uint8_t>{1, 10, 255}));
    }
}

TEST_F(Matlab, MissingAndForeignFiles) {
    const auto read = [&](const fs::path& path) { return [path] { read_matlab_bytes(path, "X"); }; };
    expect_message(read(folder / "nothing.mat"), "nothing.mat", "No such file");
    expect_message(read(folder.path()), "directory");
    for (const std::string bytes : {"", "MATLAB", "not a MATLAB file at all"})
        expect_message(read(folder.file("foreign.mat", bytes)), "foreign.mat", "not a MATLAB file");
    expect_message(read(folder.file("html.mat", "<html>" + std::string(1000, ' '))), "html.mat", "not a MATLAB file");
    expect_message(read(folder.file("v73.mat", "MATLAB 7.3 MAT-file" + std::string(1000, ' '))), "not a MATLAB file");
    expect_message(read(folder.file("odd.mat", "MATLAB 5.0 MAT-file" + std::string(1000, ' '))), "not a MATLAB file");
}

TEST_F(Matlab, CutOffAnywhere) {
    for (const auto compression : {MAT_COMPRESSION_ZLIB, MAT_COMPRESSION_NONE}) {
        const std::string bytes = good(compression);
        const std::string without_y = [&] {
            { MatlabFile(folder / "X.mat").bytes("X", {10, 500}, noise(), compression); }
            return read_file(folder / "X.mat");
        }();
        for (std::size_t length = 10; length < bytes.size(); length += length < 160 ? 3 : 61) {
            if (length == 128 || length == without_y.size()) continue;  // ends between two variables
            const fs::path path = put("short.mat", bytes.substr(0, length));
            for (const char* name : {"X", "y"})
                expect_message([&] { read_matlab_bytes(path, name); }, "short.mat", "cut off");
        }
        const fs::path path = folder.file("X.mat", without_y);
        expect_message([&] { read_matlab_bytes(path, "y"); }, "X.mat", "holds no variable y");
        expect_message([&] { read_matlab_bytes(folder.file("none.mat", bytes.substr(0, 128)), "X"); }, "no variable X");
    }
}

TEST_F(Matlab, ADamagedFileNeverCrashes) {
    // Any byte changed: an error of one line, or values (a flipped bit in stored bytes is for a digest to find).
    const std::string bytes = good();
    const fs::path path = folder / "damaged.mat";
    int errors = 0;
    for (std::size_t at = 0; at < bytes.size(); at += at < 160 || at + 40 > bytes.size() ? 1 : 97) {
        for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
            std::string damaged = bytes;
            damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flip);
            put("damaged.mat", damaged);
            for (const char* name : {"X", "y"}) {
                try {
                    read_matlab_bytes(path, name);
                } catch (const Error& error) {
                    ++errors;
                    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
                    EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
                }
            }
        }
    }
    EXPECT_GT(errors, 100);
}

TEST_F(Matlab, OtherKindsOfVariables) {
    {
        MatlabFile file(folder / "kinds.mat");
        file.add<float>("single", {2, 2}, {1, 2, 3, 4}, MAT_C_SINGLE, MAT_T_SINGLE);
        file.add<std::uint8_t>("logical", {1, 2}, {0, 1}, MAT_C_UINT8, MAT_T_UINT8, MAT_COMPRESSION_ZLIB,
                               MAT_F_LOGICAL);
        file.add<char>("text", {1, 3}, {'a', 'b', 'c'}, MAT_C_CHAR, MAT_T_UINT8);
        file.doubles("half", {2, 1}, {1, 2.5});
        file.doubles("negative", {1, 1}, {-1});
        file.doubles("large", {1, 1}, {256});
        file.doubles("nan", {1, 1}, {NAN});
    }
    const auto read = [&](const char* name) { return [this, name] { read_matlab_bytes(folder / "kinds.mat", name); }; };
    for (const char* name : {"single", "logical", "text"})
        expect_message(read(name), "kinds.mat", name, "uint8 or double");
    expect_message(read("half"), "kinds.mat", "2.5", "index 1");
    for (const char* name : {"negative", "large", "nan"}) expect_message(read(name), "kinds.mat", name, "index 0");
}

TEST_F(Matlab, AbsurdSizesAskForNoMemory) {
    // The dimensions of an uncompressed variable, made huge by hand: header 128, tag 8, flags 16, dimensions' tag 8.
    std::string bytes = good(MAT_COMPRESSION_NONE);
    for (const std::size_t at : {std::size_t(160), std::size_t(164)}) {
        for (int i = 0; i < 4; ++i) bytes[at + std::size_t(i)] = i < 3 ? '\xff' : '\x7f';
        expect_message([&] { read_matlab_bytes(folder.file("absurd.mat", bytes), "X"); }, "absurd.mat", "absurd sizes");
    }
    // The tag of its name, so short that the name is in it, made one of a name of half a gigabyte.
    bytes = good(MAT_COMPRESSION_NONE);
    const std::string tag = {1, 0, 1, 0, 'X', 0, 0, 0}, huge = {1, 0, 0, 0, 1, 32, 32, 32};
    bytes.replace(bytes.find(tag), tag.size(), huge);
    expect_message([&] { read_matlab_bytes(folder.file("absurd.mat", bytes), "X"); }, "absurd.mat", "damaged");
}

TEST_F(Matlab, AnythingButArraysOfNumbersAndTextIsRefused) {
    {
        MatlabFile file(folder / "cell.mat");
        file.add<matvar_t*>("c", {1, 1}, {nullptr}, MAT_C_CELL, MAT_T_CELL, MAT_COMPRESSION_NONE);
    }
    expect_message([&] { read_matlab_bytes(folder / "cell.mat", "X"); }, "cell.mat", "something else than arrays");
}

#else

TEST(Matlab, AnUnreadableFileSaysWhatIsMissing) {
    EXPECT_FALSE(can_read_matlab());
    expect_message([] { read_matlab_bytes("some.mat", "X"); }, "matio", "some.mat");
}

#endif

}  // namespace
}  // namespace warpvae
