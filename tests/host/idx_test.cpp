// Readers and writers of IDX, gzip, .npy and .amat: round trips, and one clear line for every kind of damage.
#include "data/idx.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <numeric>

#include "data/amat.h"
#include "data/gzip.h"
#include "data/npy.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using test::expect_message;
using test::TemporaryFolder;
using Bytes = std::vector<std::uint8_t>;
namespace fs = std::filesystem;

std::string number(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
            static_cast<char>(value)};
}
/// An IDX file by hand.
std::string idx(std::uint32_t magic, const std::vector<std::uint32_t>& shape, std::size_t values) {
    std::string bytes = number(magic);
    for (const std::uint32_t extent : shape) bytes += number(extent);
    for (std::size_t i = 0; i < values; ++i) bytes.push_back(static_cast<char>(i % 10));
    return bytes;
}
const std::string kImages = idx(0x803, {3, 2, 4}, 24), kLabels = idx(0x801, {3}, 3);

struct Files : testing::Test {
    TemporaryFolder folder;
};
using Idx = Files;
using Gzip = Files;
using Npy = Files;
using Amat = Files;

TEST_F(Idx, ReadsPlainAndGzippedWhateverTheName) {
    Bytes expected(24);
    for (std::size_t i = 0; i < 24; ++i) expected[i] = static_cast<std::uint8_t>(i % 10);
    for (const auto& path : {folder.file("plain", kImages), folder.file("packed.gz", gzip(kImages)),
                             folder.file("packed", gzip(kImages))}) {
        const IdxArray array = read_idx(path, kImageRank);
        EXPECT_EQ(array.shape, (std::vector<std::size_t>{3, 2, 4}));
        EXPECT_EQ(array.values, expected);
    }
}

TEST_F(Idx, WritesWhatItReads) {
    for (const std::size_t count : {std::size_t(0), std::size_t(1), std::size_t(7), std::size_t(5003)}) {
        Bytes values(count * 6);
        std::iota(values.begin(), values.end(), std::uint8_t(3));
        for (const char* name : {"a", "a.gz"}) {
            write_idx(folder / name, {count, 2, 3}, values);
            const IdxArray array = read_idx(folder / name, kImageRank);
            EXPECT_EQ(array.count(), count);
            EXPECT_EQ(array.values, values);
        }
    }
    EXPECT_TRUE(is_gzip(read_file(folder / "a.gz")));
    EXPECT_FALSE(is_gzip(read_file(folder / "a")));
}

TEST_F(Idx, TheSameValuesGiveTheSameFile) {
    write_idx(folder / "a.gz", {3}, {1, 2, 3});
    write_idx(folder / "b.gz", {3}, {1, 2, 3});
    const std::string bytes = read_file(folder / "a.gz");
    EXPECT_EQ(bytes, read_file(folder / "b.gz"));
    EXPECT_EQ(bytes.substr(4, 4), std::string(4, '\0')) << "gzip's time";
}

TEST_F(Idx, MissingFile) {
    expect_message([&] { read_idx(folder / "nothing", kImageRank); }, "nothing", "No such file");
    expect_message([&] { read_idx(folder.path(), kImageRank); }, "directory");
}

TEST_F(Idx, TruncatedAnywhere) {
    for (std::size_t length = 0; length < kImages.size(); ++length) {
        const auto plain = folder.file("short", kImages.substr(0, length));
        expect_message([&] { read_idx(plain, kImageRank); }, "short", "cut off");
        const auto packed = folder.file("short.gz", gzip(kImages.substr(0, length)));
        expect_message([&] { read_idx(packed, kImageRank); }, "short.gz", "cut off");
    }
}

TEST_F(Idx, TooLong) {
    expect_message([&] { read_idx(folder.file("long", kImages + "x"), kImageRank); }, "long", "too long", "3x2x4");
    expect_message([&] { read_idx(folder.file("long.gz", gzip(kImages + "x")), kImageRank); }, "long.gz", "too long");
}

TEST_F(Idx, WrongMagic) {
    expect_message([&] { read_idx(folder.file("png", "\x89PNG\r\n\x1a\n and more"), kImageRank); }, "png",
                   "not an IDX file", "0x89504e47");
    expect_message(
        [&] {
            read_idx(folder.file("floats", idx(0xD03, {1, 1, 1}, 4)), kImageRank);
        },
        "floats", "0x00000d03");
    expect_message([&] { read_idx(folder.file("labels", kLabels), kImageRank); }, "labels", "0x00000801", "0x00000803",
                   "images");
    expect_message([&] { read_idx(folder.file("images", kImages), kLabelRank); }, "images", "0x00000803", "0x00000801",
                   "labels");
}

TEST_F(Idx, ImagesInColour) {
    Bytes values(2 * 4 * 5 * 3);
    std::iota(values.begin(), values.end(), std::uint8_t(1));
    const ImageSet set{4, 5, values, {3, 1}, 3};
    EXPECT_EQ(set.pixels(), 20u);
    EXPECT_EQ(set.image_size(), 60u);
    for (const char* ending : {"", ".gz"}) {
        write_image_set(folder.path(), "some", set, ending);
        const fs::path images = folder / ("some-images-idx4-ubyte" + std::string(ending));
        const fs::path labels = folder / ("some-labels-idx1-ubyte" + std::string(ending));
        for (const int channels : {0, 3}) {
            ImageSet read = read_image_set(images, labels, {.channels = channels});
            EXPECT_EQ(read.images, values);
            EXPECT_EQ(read.channels, 3);
            read.truncate(1);
            EXPECT_EQ(read.images.size(), 60u);
        }
        expect_message([&] { read_image_set(images, labels); }, "0x00000804", "0x00000803");
    }
    EXPECT_EQ(read_idx(folder.file("grey", kImages), kAnyImageRank).shape.size(), 3u);
    expect_message([&] { read_idx(folder.file("labels", kLabels), kAnyImageRank); }, "labels", "0x00000801", "images");
    write_idx(folder / "two", {1, 2, 2, 2}, Bytes(8));
    const fs::path one = folder.file("one", idx(0x801, {1}, 1));
    expect_message([&] { read_image_set(folder / "two", one, {.channels = 0}); }, "two", "2x2x2");
}

TEST_F(Idx, AbsurdSizesAskForNoMemory) {
    const std::uint32_t huge = 0xffffffff;
    expect_message([&] { read_idx(folder.file("a", idx(0x803, {huge, huge, huge}, 8)), kImageRank); }, "absurd sizes");
    expect_message(
        [&] {
            read_idx(folder.file("b", idx(0x803, {huge, 28, 28}, 8)), kImageRank);
        },
        "cut off", "8 are there");
    expect_message(
        [&] {
            read_idx(folder.file("b.gz", gzip(idx(0x803, {huge, 28, 28}, 8))), kImageRank);
        },
        "cut off", "8 are there");
    expect_message(
        [&] {
            read_image_set(folder.file("c", idx(0x803, {0, 0, 28}, 0)), folder.file("d", idx(0x801, {0}, 0)));
        },
        "0x28 pixels");
}

TEST_F(Idx, SetsThatDoNotBelongTogether) {
    const auto images = folder.file("images", kImages), labels = folder.file("labels", kLabels);
    EXPECT_EQ(read_image_set(images, labels).count(), 3u);
    expect_message([&] { read_image_set(images, folder.file("few", idx(0x801, {2}, 2))); }, "few", "2 labels",
                   "3 images");
    expect_message([&] { read_image_set(images, labels, {28, 28, 10}); }, "images", "2x4", "expected 28x28");
    std::string wrong = kLabels;
    wrong.back() = 37;
    expect_message(
        [&] {
            read_image_set(images, folder.file("wrong", wrong), {0, 0, 10});
        },
        "wrong", "label 37 at index 2", "0..9");
}

TEST_F(Idx, UnwritableOutputHarmsNothing) {
    folder.file("old", "what was there");
    // A file that may not grow past 100 bytes stands for a full disk.
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const auto old_action = signal(SIGXFSZ, SIG_IGN);
    const rlimit small{100, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string line = test::message_of([&] { write_idx(folder / "old", {1000}, Bytes(1000)); });
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, old_action);
    EXPECT_NE(line.find("cannot write"), std::string::npos) << line;
    EXPECT_NE(line.find("old"), std::string::npos) << line;
    EXPECT_EQ(read_file(folder / "old"), "what was there");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "a temporary file was left";
    expect_message([&] { write_idx("/dev/full", {1000}, Bytes(1000)); }, "/dev/full", "No space left");
    EXPECT_TRUE(std::filesystem::is_character_file("/dev/full")) << "a device was replaced by a file";
    expect_message([&] { write_idx(folder / "old" / "below", {1}, {1}); }, "old");
}

TEST_F(Idx, TruncateKeepsTheFirst) {
    ImageSet set{1, 2, {1, 2, 3, 4, 5, 6}, {7, 8, 9}};
    set.truncate(5);
    EXPECT_EQ(set.count(), 3u);
    set.truncate(2);
    EXPECT_EQ(set.images, (Bytes{1, 2, 3, 4}));
    EXPECT_EQ(set.labels, (Bytes{7, 8}));
}

// --- gzip ------------------------------------------------------------------------------------------------------------

TEST_F(Gzip, RoundTripsAndStopsWhereAsked) {
    std::string text;
    for (int i = 0; i < 200000; ++i) text.push_back(static_cast<char>((i * 7919) >> 3));
    for (const std::size_t size : {0u, 1u, 65535u, 65536u, 65537u, 200000u}) {
        const std::string piece = text.substr(0, size), packed = gzip(piece);
        EXPECT_EQ(gunzip(packed, "x", size + 1), piece);
        EXPECT_EQ(gunzip(packed, "x", size / 2), piece.substr(0, size / 2));
    }
    EXPECT_EQ(gunzip(gzip("one ") + gzip("two"), "x", 100), "one two");
}

TEST_F(Gzip, EveryFlippedBitIsNoticedOrHarmless) {
    const std::string text(300, 'w'), packed = gzip(text + "arp");
    int noticed = 0;
    for (std::size_t bit = 0; bit < 8 * packed.size(); ++bit) {
        std::string damaged = packed;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
        try {
            // Bits of the header that mean nothing here (time, system) may change; the content may not.
            EXPECT_EQ(gunzip(damaged, "x", 1000), text + "arp") << "bit " << bit;
        } catch (const Error&) {
            ++noticed;
        }
    }
    EXPECT_GT(noticed, 100);
}

TEST_F(Gzip, TruncatedOrFollowedByRubbish) {
    const std::string packed = gzip("some text");
    for (std::size_t length = 0; length < packed.size(); ++length) {
        expect_message([&] { gunzip(packed.substr(0, length), "name", 100); }, "name", "cut off");
    }
    expect_message([&] { gunzip(packed + "rubbish", "name", 100); }, "name", "bytes follow");
}

TEST_F(Gzip, ZerosThatPadTheEndAreIgnored) {
    const std::string zeros(512, '\0');
    EXPECT_EQ(gunzip(gzip("one ") + gzip("two") + zeros, "x", 100), "one two");
    EXPECT_EQ(read_idx(folder.file("padded.gz", gzip(kImages) + zeros), kImageRank).count(), 3u);
    expect_message([&] { gunzip(gzip("one") + zeros + "x", "name", 100); }, "name", "bytes follow");
    expect_message([&] { gunzip(gzip("one") + zeros + gzip("two"), "name", 100); }, "name", "bytes follow");
}

// --- .npy ------------------------------------------------------------------------------------------------------------

template <class T>
void round_trip(const TemporaryFolder& folder, const std::vector<std::size_t>& shape) {
    std::size_t count = 1;
    for (const std::size_t extent : shape) count *= extent;
    std::vector<T> values(count);
    std::iota(values.begin(), values.end(), T(3));
    write_npy(folder / "x.npy", shape, values);
    const NpyArray<T> array = read_npy<T>(folder / "x.npy");
    EXPECT_EQ(array.shape, shape);
    EXPECT_EQ(array.values, values);
    const std::string bytes = read_file(folder / "x.npy");
    EXPECT_EQ((bytes.size() - count * sizeof(T)) % 64, 0u) << "NumPy wants the values aligned";
}

TEST_F(Npy, RoundTrips) {
    round_trip<float>(folder, {5});
    round_trip<float>(folder, {});
    round_trip<double>(folder, {2, 3});
    round_trip<std::uint8_t>(folder, {0, 28, 28});
    round_trip<float>(folder, {123456, 1, 2});
}

TEST_F(Npy, HeaderIsWhatNumPyWrites) {
    write_npy<float>(folder / "x.npy", {2, 3}, std::vector<float>(6));
    const std::string text = read_file(folder / "x.npy");
    EXPECT_EQ(text.substr(0, 10), std::string("\x93NUMPY\x01\x00\x76\x00", 10));
    EXPECT_EQ(text.substr(10, 58), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), ");
    write_npy<double>(folder / "y.npy", {7}, std::vector<double>(7));
    EXPECT_NE(read_file(folder / "y.npy").find("'shape': (7,), }"), std::string::npos);
}

TEST_F(Npy, BadInput) {
    write_npy<float>(folder / "x.npy", {2, 3}, std::vector<float>(6));
    const std::string good = read_file(folder / "x.npy");
    expect_message([&] { read_npy<double>(folder / "x.npy"); }, "x.npy", "<f8");
    expect_message([&] { read_npy<float>(folder.file("a.npy", good.substr(0, good.size() - 1))); }, "a.npy",
                   "23 bytes");
    expect_message([&] { read_npy<float>(folder.file("b.npy", good.substr(0, 40))); }, "b.npy", "cut off");
    expect_message([&] { read_npy<float>(folder.file("c.npy", "hello, this is text")); }, "c.npy", "not a .npy");
    std::string huge = good;
    huge.replace(huge.find("(2, 3), }   "), 12, "(99999999,)}");
    expect_message([&] { read_npy<float>(folder.file("d.npy", huge)); }, "d.npy", "more values");
    huge.replace(huge.find("(99999999,)}") - 9, 31, "'shape': (18446744073709551622,)}");  // 2^64 + 6
    expect_message([&] { read_npy<float>(folder.file("d.npy", huge)); }, "d.npy", "more values");
    expect_message([&] { write_npy<float>(folder / "e.npy", {4}, std::vector<float>(6)); }, "e.npy");
}

// --- .amat -----------------------------------------------------------------------------------------------------------

TEST_F(Amat, ReadsColumnsAndLabels) {
    const auto path = folder.file("x.amat", "0 0.5 1 0.25 0 0 7.0000\n\n1 1 1 1 1 1 0\n");
    const ImageSet set = read_amat(path, 2, 3);
    ASSERT_EQ(set.count(), 2u);
    EXPECT_EQ(set.labels, (Bytes{7, 0}));
    // Stored by columns (0, .5), (1, .25), (0, 0); kept by rows.
    EXPECT_EQ(Bytes(set.images.begin(), set.images.begin() + 6), (Bytes{0, 255, 0, 128, 64, 0}));
    EXPECT_EQ(read_amat(path, 2, 3, 1).count(), 1u);
}

TEST_F(Amat, BadInputNamesTheLine) {
    const std::string good = "0 0 0 0 1\n";
    expect_message([&] { read_amat(folder / "none.amat", 2, 2); }, "none.amat");
    expect_message([&] { read_amat(folder.file("a", ""), 2, 2); }, "no images");
    expect_message([&] { read_amat(folder.file("b", good + "0 0 0 1\n"), 2, 2); }, "b, line 2",
                   "4 numbers and a label");
    expect_message([&] { read_amat(folder.file("c", good + good + "0 0 0 0 1 1\n"), 2, 2); }, "c, line 3");
    expect_message([&] { read_amat(folder.file("d", "0 zero 0 0 1\n"), 2, 2); }, "d, line 1");
    expect_message([&] { read_amat(folder.file("e", "0 2 0 0 1\n"), 2, 2); }, "grey value");
    expect_message([&] { read_amat(folder.file("f", "0 0 0 0 11\n"), 2, 2); }, "label");
    expect_message([&] { read_amat(folder.file("g", "0 nan 0 0 1\n"), 2, 2); }, "grey value");
}

}  // namespace
}  // namespace warpvae
