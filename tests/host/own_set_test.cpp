// A user's own images: what every form of them becomes, and one clear line for everything that is none.
#include "data/own_set.h"

#include <cmath>

#include "cuda/device/device.h"
#include "data/idx.h"
#include "data/npy.h"
#include "data/npz.h"
#include "data/png.h"
#include "data/split.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using namespace test;
namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

/// A grey picture of `height` x `width`, another for every `seed`.
std::string grey_png(int height, int width, int seed = 0) {
    Bytes pixels(std::size_t(height) * std::size_t(width));
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = std::uint8_t(37 * i + 11 * std::size_t(seed));
    pixels[0] = std::uint8_t(seed), pixels[1] = std::uint8_t(seed / 256);
    return encode_png(width, height, 1, pixels.data());
}
std::string colour_png(int height, int width, int channels = 3) {
    const Bytes pixels(std::size_t(height) * std::size_t(width) * std::size_t(channels), 100);
    return encode_png(width, height, channels, pixels.data());
}

/// Nothing drawn for testing.
OwnSetOptions whole_set() {
    OwnSetOptions options;
    options.test_share = 0;
    return options;
}

struct OwnSet : testing::Test {
    /// `count` pictures into folder/name/.
    void fill(const std::string& name, int count, int first = 0) const {
        for (int i = 0; i < count; ++i)
            folder.file(fs::path(name) / (std::to_string(1000 + i) + ".png"), grey_png(6, 5, first + i));
    }
    DataSet read(const std::string& name = "", const OwnSetOptions& options = {}) const {
        return read_own_set(name.empty() ? folder.path() : folder / name, options);
    }
    template <class... Words>
    void expect_refused(const std::string& name, const OwnSetOptions& options, Words... words) const {
        expect_message([&] { read(name, options); }, words...);
    }
    OwnSetOptions sized(int height, int width) const {
        OwnSetOptions options;
        options.preparation.height = height, options.preparation.width = width;
        return options;
    }
    TemporaryFolder folder;
};

bool has_note(const DataSet& set, const std::string& words) {
    for (const std::string& note : set.notes)
        if (note.find(words) != note.npos) return true;
    return false;
}

// --- folders of pictures ---------------------------------------------------------------------------------------------

TEST_F(OwnSet, SubFoldersAreClassesInByteOrderAndATenthIsForTesting) {
    fill("set/b", 20), fill("set/a/deep", 30, 100), fill("set/10", 10, 200);
    const DataSet set = read("set");
    EXPECT_EQ(set.name, "set");
    EXPECT_TRUE(set.is_own && set.labelled);
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"10", "a", "b"}));
    EXPECT_EQ(set.train.count(), 54u);
    EXPECT_EQ(set.test.count(), 6u);
    int of_class[3] = {};
    for (const std::uint8_t label : set.test.labels) ++of_class[label];
    EXPECT_EQ(of_class[0], 1);
    EXPECT_EQ(of_class[1], 3);
    EXPECT_EQ(of_class[2], 2);
    EXPECT_EQ(set.train.height, 6);
    EXPECT_EQ(set.train.width, 5);
    for (std::size_t i = 0; i < set.train.count(); ++i) {
        const std::string& name = set.train_names[i];
        EXPECT_EQ(name.substr(0, name.find('/')), set.class_names[set.train.labels[i]]) << name;
        const Picture picture = read_png(folder / "set" / name);
        EXPECT_TRUE(std::equal(picture.pixels.begin(), picture.pixels.end(), set.train.image(i).begin())) << name;
    }
    EXPECT_EQ(digest(read("set").train), digest(set.train)) << "the same split every time";
}

TEST_F(OwnSet, TheFirstFewHoldEveryClass) {
    fill("a", 40), fill("b", 20, 100), fill("c", 20, 200);
    OwnSetOptions few;
    few.limits = {8, 4};
    const DataSet set = read("", few);
    EXPECT_EQ(set.train.count(), 8u);
    EXPECT_EQ(set.test.count(), 4u);
    EXPECT_EQ(std::count(set.train.labels.begin(), set.train.labels.end(), 0), 4);
    EXPECT_EQ(std::count(set.train.labels.begin(), set.train.labels.end(), 1), 2);
}

TEST_F(OwnSet, TrainAndTestUnderTheirUsualNames) {
    for (const auto& [train, test] : {std::pair("train", "test"), {"Training", "VAL"}, {"train", "eval"}}) {
        const TemporaryFolder own;
        for (const char* name : {"cat", "dog"})
            for (int i = 0; i < 3; ++i) {
                own.file(fs::path(train) / name / (std::to_string(i) + ".png"), grey_png(4, 4, i));
                own.file(fs::path(test) / name / (std::to_string(i) + ".png"), grey_png(4, 4, i + (*name == 'c')));
            }
        const DataSet set = read_own_set(own.path(), {});
        EXPECT_EQ(set.train.count(), 6u);
        EXPECT_EQ(set.test.count(), 6u);
        EXPECT_TRUE(has_note(set, "5 test images are also among the training images"));
        own.file(fs::path(test) / "mouse" / "a.png", grey_png(4, 4));
        expect_message([&] { read_own_set(own.path(), {}); }, "class mouse", "not in the training part");
    }
}

TEST_F(OwnSet, AFolderBesideThePartsIsRefused) {
    for (const char* name : {"train/cat", "train/dog", "test/cat", "test/dog"}) fill(name, 2);
    EXPECT_EQ(read().class_names.size(), 2u);
    fill("extra/cat", 2);
    expect_refused("", {}, "extra", "no part");
}

TEST_F(OwnSet, AFolderCalledAsAKnownSetIsNotThatSet) {
    fill("mnist/a", 4), fill("mnist/b", 4, 100), fill("pets/a", 4), fill("pets/b", 4, 100);
    EXPECT_EQ(read("mnist").name, "own-mnist");
    EXPECT_EQ(read("pets").name, "pets");
}

TEST_F(OwnSet, AFlatFolderHasNoLabels) {
    fill("flat", 20);
    const DataSet set = read("flat");
    EXPECT_FALSE(set.labelled);
    EXPECT_TRUE(set.class_names.empty());
    EXPECT_EQ(set.train.count(), 18u);
    EXPECT_EQ(set.train.labels, Bytes(18));
}

TEST_F(OwnSet, MetadataGivesLabels) {
    fill("m", 4);
    const auto table = [&](const std::string& text) { folder.file("m/metadata.csv", text); };
    table("file_name,label,x\n1003.png,\"a, b\",1\r\n1002.png,c,1\n1001.png,c,2\n1000.png,c,3\n");
    OwnSetOptions all;
    all.test_share = 0;
    const DataSet set = read("m", all);
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"a, b", "c"}));
    EXPECT_TRUE(has_note(set, "1 column not used"));
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(set.train.labels[i], set.train_names[i] == "1003.png" ? 0 : 1);
    table("file_name,label\n1000.png,a\n");
    expect_refused("m", {}, "metadata.csv", "3 pictures", "1001.png");
    table("file_name,label\n1000.png,a\n1000.png,a\n");
    expect_refused("m", {}, "line 3", "1000.png", "named twice");
    table("file_name,label\nnone.png,a\n");
    expect_refused("m", {}, "line 2", "none.png");
    table("file_name,kind\n1000.png,a\n");
    expect_refused("m", {}, "--label-column");
    table("name,label\n1000.png,a\n");
    expect_refused("m", {}, "no column file_name");
    table("file_name,label\n1000.png,\"a\n");
    expect_refused("m", {}, "line 2", "quote");
    table("file_name,label\n1000.png\n");
    expect_refused("m", {}, "line 2", "1 cell");
}

TEST_F(OwnSet, SizesAndColoursThatDifferNameTwoFiles) {
    fill("a", 3);
    folder.file("a/2000.png", grey_png(7, 5));
    expect_refused("", whole_set(), "2000.png", "1000.png", "--size", "--fit");
    OwnSetOptions options = sized(8, 8);
    expect_refused("", options, "5 x 6", "--fit");
    for (const Fitting fit : {Fitting::kPad, Fitting::kCrop, Fitting::kStretch}) {
        options.preparation.fit = fit;
        EXPECT_EQ(read("", options).train.image_size(), 64u);
    }
    folder.file("a/2000.png", colour_png(6, 5));
    expect_refused("", whole_set(), "2000.png", "1000.png", "--channels grey");
    options = whole_set();
    options.preparation.channels = 1;
    EXPECT_EQ(read("", options).train.channels, 1);
    options.preparation.channels = 3;
    EXPECT_EQ(read("", options).train.channels, 3);
}

TEST_F(OwnSet, TransparencyNeedsABackground) {
    const Bytes half = {200, 0, 200, 255};
    for (const char* name : {"a/1.png", "a/2.png"}) folder.file(name, encode_png(2, 1, 2, half.data()));
    expect_refused("", whole_set(), "1.png", "--background");
    OwnSetOptions options = whole_set();
    options.preparation.background = std::uint8_t{255};
    EXPECT_EQ(read("", options).train.images, (Bytes{255, 200, 255, 200}));
    options.preparation.invert = true;
    EXPECT_EQ(read("", options).train.images, (Bytes{0, 55, 0, 55}));
}

TEST_F(OwnSet, NothingIsInvertedUnasked) {
    const Bytes light(16, 250);
    for (const char* name : {"a/1.png", "a/2.png"}) folder.file(name, encode_png(4, 4, 1, light.data()));
    const DataSet set = read();
    EXPECT_EQ(set.train.images, light);
    EXPECT_FALSE(set.preparation.invert_light_border);
    EXPECT_EQ(set.preparation.height, 4);
    EXPECT_EQ(set.preparation.channels, 1);
}

TEST_F(OwnSet, MetadataAboveThePartsGivesLabels) {
    for (int i = 0; i < 3; ++i) folder.file("m/train/" + std::to_string(i) + ".png", grey_png(4, 4, i));
    folder.file("m/test/deep/0.png", grey_png(4, 4, 9));
    folder.file("m/val/0.png", grey_png(4, 4, 7));
    const auto table = [&](const std::string& text) { folder.file("m/metadata.csv", "file_name,label,x\n" + text); };
    const std::string train = "train/2.png,a,1\ntrain/0.png,b,1\ntrain/1.png,a,1\n", test = "test/deep/0.png,b,1\n";
    table(train + test + "val/0.png,none,1\n");
    for (const char* path : {"m", "m/"}) {
        const DataSet set = read(path);
        EXPECT_EQ(set.class_names, (std::vector<std::string>{"a", "b"})) << "those of the training part";
        EXPECT_EQ(set.train.count(), 3u);
        for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(set.train.labels[i], set.train_names[i] == "0.png" ? 1 : 0);
        EXPECT_EQ(set.test.labels, Bytes{1});
        EXPECT_EQ(std::count(set.notes.begin(), set.notes.end(),
                             (folder / "m/metadata.csv").string() + ": 1 column not used"),
                  1);
    }
    OwnSetOptions none;
    none.label_column = "none";
    EXPECT_FALSE(read("m", none).labelled);
    table(train);
    expect_refused("m", {}, "metadata.csv", "1 picture", "test/deep/0.png");
    table(train + test + "train/9.png,a,1\n");
    expect_refused("m", {}, "line 6", "train/9.png");
    table(train + test + "elsewhere/0.png,a,1\n");
    expect_refused("m", {}, "line 6", "elsewhere/0.png");
    folder.file("m/train/metadata.csv", "file_name,label\n");
    expect_refused("m", {}, "m/metadata.csv", "m/train/metadata.csv", "keep one");
}

TEST_F(OwnSet, OneImageOfAClassIsForTraining) {
    fill("a", 10), fill("b", 1, 50);
    const DataSet set = read();
    EXPECT_EQ(std::count(set.train.labels.begin(), set.train.labels.end(), 1), 1);
    EXPECT_EQ(std::count(set.test.labels.begin(), set.test.labels.end(), 1), 0);
    EXPECT_TRUE(has_note(set, "1 class of a single image, which is for training: b"));
}

TEST_F(OwnSet, FoldersThatAreWrongAreOneLine) {
    expect_refused("none", {}, "none: there is no such folder or file");
    fs::create_directories(folder / "empty");
    expect_refused("empty", {}, "holds no pictures");
    fill("x/a", 2);
    fs::create_directories(folder / "x" / "b");
    expect_refused("x", {}, "x/b", "class without pictures");
    fs::remove(folder / "x/b");
    folder.file("x/a/z.gif", "GIF89a");
    expect_refused("x", {}, "z.gif", "convert it to PNG");
    fs::remove(folder / "x/a/z.gif");
    folder.file("x/stray.png", grey_png(6, 5));
    expect_refused("x", {}, "stray.png", "no class");
    fs::remove(folder / "x/stray.png");
    folder.file("x/a/notes.txt", "hello");
    EXPECT_TRUE(has_note(read("x"), "1 file that is no picture: a/notes.txt"));
    folder.file("x/a/cut.png", grey_png(6, 5).substr(0, 60));
    expect_refused("x", {}, "cut.png", "cut off");
    folder.file("x/a/cut.png", "hello");
    expect_refused("x", {}, "cut.png", "neither a PNG");
    folder.file("x/a/cut.png", "");
    expect_refused("x", {}, "cut.png", "empty");
    fs::remove(folder / "x/a/cut.png");
    fs::create_symlink("nowhere.png", folder / "x/a/link.png");
    expect_refused("x", {}, "link.png");
    fs::remove(folder / "x/a/link.png");
    fs::create_directory_symlink("..", folder / "x/a/loop");
    expect_refused("x", {}, "loop", "leads back");
    fs::remove(folder / "x/a/loop");
    folder.file("x/a/\xff.png", grey_png(6, 5));
    expect_refused("x", {}, "\\xff.png", "not UTF-8");
    folder.file("file.txt", "hello");
    expect_refused("file.txt", {}, "file.txt", "no data set");
}

TEST_F(OwnSet, ThreeHundredClassesAreTooMany) {
    for (int k = 0; k < 300; ++k) folder.file(std::to_string(k) + "/a.png", grey_png(2, 2, k));
    expect_refused("", {}, "300 classes", "at most 256");
    OwnSetOptions none;
    none.label_column = "none";
    EXPECT_EQ(read("", none).train.count() + read("", none).test.count(), 300u);
}

// --- arrays ----------------------------------------------------------------------------------------------------------

/// An .npy of version `version`; `type` as NumPy writes it.
std::string npy(const std::string& type, const std::string& shape, const std::string& values, int version = 1,
                bool fortran = false) {
    const std::string text = "{'descr': '" + type + "', 'fortran_order': " + (fortran ? "True" : "False") +
                             ", 'shape': (" + shape + "), }\n";
    std::string bytes = std::string("\x93NUMPY") + char(version) + '\0';
    for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += char(text.size() >> 8 * i);
    return bytes + text + values;
}
template <class T>
std::string raw(const std::vector<T>& values, bool big_endian = false) {
    std::string bytes;
    for (const T& value : values) {
        std::string one(reinterpret_cast<const char*>(&value), sizeof(T));
        if (big_endian) std::reverse(one.begin(), one.end());
        bytes += one;
    }
    return bytes;
}

TEST_F(OwnSet, ArraysOfEveryType) {
    const auto pixels = [&](const std::string& bytes, OwnSetOptions options = whole_set()) {
        folder.file("a.npy", bytes);
        return read("a.npy", options).train.images;
    };
    OwnSetOptions to_255 = whole_set(), to_max = whole_set();
    to_255.range = {0, 255}, to_max.range = {0, 65535};
    const Bytes expected = {0, 51, 255, 102};
    const std::string shape = "1, 2, 2";
    for (const int version : {1, 2, 3}) EXPECT_EQ(pixels(npy("|u1", shape, raw(expected), version)), expected);
    EXPECT_EQ(pixels(npy("|b1", shape, raw(Bytes{0, 1, 1, 0}))), (Bytes{0, 255, 255, 0}));
    for (const bool big : {false, true}) {
        const std::string order = big ? ">" : "<";
        EXPECT_EQ(pixels(npy(order + "f4", shape, raw<float>({0, 0.2f, 1, 0.4f}, big))), expected);
        EXPECT_EQ(pixels(npy(order + "f8", shape, raw<double>({0, 0.2, 1, 0.4}, big))), expected);
        EXPECT_EQ(pixels(npy(order + "i4", shape, raw<std::int32_t>({0, 51, 255, 102}, big)), to_255), expected);
        EXPECT_EQ(pixels(npy(order + "i8", shape, raw<std::int64_t>({0, 51, 255, 102}, big)), to_255), expected);
        EXPECT_EQ(pixels(npy(order + "u2", shape, raw<std::uint16_t>({0, 13107, 65535, 26214}, big)), to_max),
                  expected);
    }
    EXPECT_EQ(pixels(npy("|u1", shape, raw(Bytes{0, 255, 51, 102}), 1, true)), expected) << "Fortran's order";
}

TEST_F(OwnSet, ArraysWhoseRangeIsNotKnownAreRefused) {
    const auto refused = [&](const std::string& bytes, auto... words) {
        folder.file("a.npy", bytes);
        expect_refused("a.npy", whole_set(), "a.npy", words...);
    };
    const std::string shape = "2, 1, 2";
    refused(npy("<u2", shape, raw<std::uint16_t>({0, 1, 2, 3})), "--range");
    refused(npy("|u1", shape, raw(Bytes{0, 1, 1, 0})), "--range");
    refused(npy("<f4", shape, raw<float>({0, 1, 1, 255})), "image 1", "255", "--range");
    refused(npy("<f4", shape, raw<float>({0, 1, NAN, 1})), "image 1", "NaN");
    refused(npy("<f4", shape, raw<float>({0, -0.1f, 1, 1})), "image 0", "-0.1");
    refused(npy("|O", shape, "\x80\x04.."), "pickled");
    refused(npy("<c8", shape, std::string(32, 'x')), "type <c8");
    refused(npy("<f4", shape, "abc"), "cut off");
    refused(npy("<f4", "99999999999, 99999999999, 99999", "abc"), "cut off");
    refused(npy("|u1", shape, "abcdef"), "holds 6 bytes");
    refused(npy("|u1", "4", "abcd"), "[n,H,W]");
    refused(npy("|u1", "2, 2", "abcd"), "--size");
    refused(npy("|u1", "1, 3, 1, 3", "abcdefghi"), "--layout");
    refused(npy("|u1", "0, 2, 2", ""), "no images");
    refused("hello", "not a .npy file");
    refused("", "not a .npy file");
    folder.file("a.npy", npy("|u1", "2, 1, 2", "abcd"));
    OwnSetOptions outside = whole_set();
    outside.range = {0, 90};
    expect_refused("a.npy", outside, "image 0", "97", "outside 0 to 90");
}

TEST_F(OwnSet, LayoutsAndRows) {
    const Bytes planar = {1, 2, 10, 20, 100, 200};
    folder.file("a.npy", npy("|u1", "1, 3, 1, 2", raw(planar)));
    EXPECT_EQ(read("a.npy", whole_set()).train.images, (Bytes{1, 10, 100, 2, 20, 200}));
    folder.file("a.npy", npy("|u1", "1, 6", raw(planar)));
    OwnSetOptions options = whole_set();
    options.preparation.height = 2, options.preparation.width = 3;
    EXPECT_EQ(read("a.npy", options).train.images, planar);
    options.preparation.height = 1, options.preparation.width = 2;
    expect_refused("a.npy", options, "--layout");
    options.layout = Layout::kChannelsFirst;
    EXPECT_EQ(read("a.npy", options).train.images, (Bytes{1, 10, 100, 2, 20, 200}));
    options.layout = Layout::kGrey;
    folder.file("a.npy", npy("|u1", "1, 1, 2, 3", raw(planar)));
    expect_refused("a.npy", options, "holds no images");
}

TEST_F(OwnSet, PartsByTheirUsualNames) {
    write_npy(folder / "images_train.npy", {3, 1, 2}, Bytes{1, 2, 3, 4, 5, 6});
    folder.file("labels_train.npy", npy("<i8", "3, 1", raw<std::int64_t>({7, -1, 7})));
    write_npy(folder / "images_test.npy", {1, 1, 2}, Bytes{9, 9});
    folder.file("labels_test.npy", npy("<i8", "1,", raw<std::int64_t>({-1})));
    folder.file("transforms_train.npy", npy("<f4", "3, 3", raw(std::vector<float>(9))));
    const DataSet set = read();
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"-1", "7"}));
    EXPECT_EQ(set.train.labels, (Bytes{1, 0, 1}));
    EXPECT_EQ(set.test.labels, Bytes{0});
    EXPECT_TRUE(has_note(set, "1 array not used: transforms_train"));
    folder.file("labels_test.npy", npy("<i8", "1,", raw<std::int64_t>({8})));
    expect_refused("", {}, "class 8", "not in the training part");
    folder.file("labels_test.npy", npy("<i8", "2,", raw<std::int64_t>({7, 7})));
    expect_refused("", {}, "labels_test.npy", "2 labels");
    folder.file("labels_test.npy", npy("<f4", "1,", raw<float>({0.5f})));
    expect_refused("", {}, "label 0 is 0.5");
    fs::remove(folder / "labels_test.npy");
    expect_refused("", {}, "no labels", "--label-column none");
    OwnSetOptions other;
    other.label_column = "labels_of_another_kind";
    expect_refused("", other, "--label-column", "labels_of_another_kind");
}

TEST_F(OwnSet, TheFirstFewOfSortedArraysHoldEveryClass) {
    Bytes images, labels;
    for (int i = 0; i < 60; ++i) images.push_back(std::uint8_t(i + 2)), labels.push_back(std::uint8_t(i / 20));
    for (const char* part : {"train", "test"}) {
        write_npy(folder / (std::string("images_") + part + ".npy"), {60, 1, 1}, images);
        write_npy(folder / (std::string("labels_") + part + ".npy"), {60}, labels);
    }
    OwnSetOptions few;
    few.limits = {9, 6};
    const DataSet set = read("", few);
    for (int k = 0; k < 3; ++k) {
        EXPECT_EQ(std::count(set.train.labels.begin(), set.train.labels.end(), k), 3);
        EXPECT_EQ(std::count(set.test.labels.begin(), set.test.labels.end(), k), 2);
    }
    for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ((set.train.images[i] - 2) / 20, set.train.labels[i]);
}

TEST_F(OwnSet, WhatNumPyPacked) {
    if (!can_read_npz()) GTEST_SKIP() << "built without libzip";
    const fs::path goldens = fs::path(WARPVAE_GOLDENS) / "own_images";
    for (const char* name : {"stored.npz", "packed.npz"}) {
        const DataSet set = read_own_set(goldens / name, {});
        EXPECT_EQ(set.train.count(), 3u) << name;
        EXPECT_EQ(set.train.images[5], 50) << name;
        EXPECT_EQ(set.class_names, (std::vector<std::string>{"3", "8"})) << name;
        EXPECT_EQ(set.test.labels, (Bytes{1})) << name;
    }
    expect_message([&] { read_own_set(goldens / "other.npz", {}); }, "--images-key", "mine");
    OwnSetOptions options;
    options.images_key = "mine";
    EXPECT_FALSE(read_own_set(goldens / "other.npz", options).labelled);
    options.images_key = "none";
    expect_message([&] { read_own_set(goldens / "other.npz", options); }, "no array none", "--images-key");
    expect_message([&] { read_own_set(goldens / "pickled.npz", {}); }, "pickled.npz, images", "pickled");
    expect_message([&] { read_own_set(goldens / "bomb.npz", {}); }, "bomb.npz", "damaged");
    const std::string packed = read_file(goldens / "packed.npz");
    folder.file("cut.npz", packed.substr(0, packed.size() / 2));
    expect_refused("cut.npz", {}, "cut.npz", "cannot be read");
    std::string changed = read_file(goldens / "stored.npz");
    changed[changed.find("NUMPY") + 130] ^= 1;  // one of the numbers, which are stored as they are
    folder.file("changed.npz", changed);
    expect_refused("changed.npz", {}, "changed.npz", "damaged");
    folder.file("text.npz", "hello");
    expect_refused("text.npz", {}, "text.npz", "cannot be read");
}

// --- tables ----------------------------------------------------------------------------------------------------------

TEST_F(OwnSet, TablesARowAnImage) {
    const auto table = [&](const std::string& name, const std::string& text) { folder.file(name, text); };
    OwnSetOptions options = sized(1, 2);
    options.test_share = 0;
    table("a.csv", "label,pixel0,pixel1\ncat,0,255\ndog,7,8\n");
    DataSet set = read("a.csv", options);
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"cat", "dog"}));
    EXPECT_EQ(set.train.images, (Bytes{0, 255, 7, 8}));
    table("a.csv", "0,0.5\n1,1\n");
    EXPECT_EQ(read("a.csv", options).train.images, (Bytes{0, 128, 255, 255}));
    table("a.csv", "0,1\n1,200\n");
    EXPECT_EQ(read("a.csv", options).train.images, (Bytes{0, 1, 1, 200}));
    table("a.csv", "label,0,1,2,3,4,5,6,7,8\n7,9,9,9,9,9,9,9,9,9\n");
    options = sized(3, 3), options.test_share = 0;
    EXPECT_EQ(read("a.csv", options).train.count(), 1u) << "columns that are only counted have names";
    EXPECT_EQ(read("a.csv", options).class_names, std::vector<std::string>{"7"});
    options = sized(1, 2), options.test_share = 0;
    table("a.csv", "0,1\n1,200\n");
    expect_refused("a.csv", {}, "--size");
    table("a.csv", "0,1,5\n1,1,5\n");
    expect_refused("a.csv", options, "--label-column first or last");
    options.label_column = "last";
    expect_refused("a.csv", options, "--range 0,1");
    options.range = {0, 1};
    EXPECT_EQ(read("a.csv", options).train.images, (Bytes{0, 255, 255, 255}));
    EXPECT_EQ(read("a.csv", options).class_names, std::vector<std::string>{"5"});
    options.range.reset();
    for (const auto& [text, word] : {std::pair("0,1,5\n0.5,300,5\n", "line 2"),
                                     {"0,200,5\n0.5,1,5\n", "line 2"},
                                     {"0,x,5\n", "x is no number"},
                                     {"0,7,5\n1,1\n", "2 cells"},
                                     {"0,nan,5\n", "nan"},
                                     {"", "no images"},
                                     {"\"0,1,5\n", "quote"}}) {
        table("a.csv", text);
        expect_refused("a.csv", options, "a.csv", word);
    }
}

TEST_F(OwnSet, AmatIsReadColumnByColumnWithItsLabelLast) {
    folder.file("a.amat", "  0.0 0.2  0.4 1.0   3.0000e+00\n1 1 1 1 4\n");
    OwnSetOptions options = sized(2, 2);
    options.test_share = 0;
    const DataSet set = read("a.amat", options);
    EXPECT_EQ(set.train.images, (Bytes{0, 102, 51, 255, 255, 255, 255, 255}));
    EXPECT_EQ(set.class_names, (std::vector<std::string>{"3", "4"}));
}

TEST_F(OwnSet, IdxFilesAndTheirLabels) {
    ImageSet images{1, 2, {1, 2, 3, 4, 50, 60}, {5, 9, 5}};
    write_image_set(folder.path(), "train", images);
    const DataSet split = read("", whole_set());
    EXPECT_EQ(split.class_names, (std::vector<std::string>{"5", "9"}));
    EXPECT_EQ(split.train.labels, (Bytes{0, 1, 0}));
    write_image_set(folder.path(), "t10k", images);
    EXPECT_EQ(read().test.count(), 3u);
    for (const char* prefix : {"train", "t10k"}) fs::remove(folder / (labels_file_name(prefix) + ".gz"));
    EXPECT_FALSE(read().labelled);
}

TEST(Split, IsStratifiedAndTheSameForTheSameImages) {
    Bytes labels;
    for (int k = 0; k < 5; ++k) labels.insert(labels.end(), std::size_t(1 + 30 * k), std::uint8_t(k));
    const std::vector<Part> parts = stratified_split(labels, 0.2);
    int of_class[5] = {};
    for (std::size_t i = 0; i < labels.size(); ++i) of_class[labels[i]] += parts[i] == Part::kTest;
    EXPECT_EQ(of_class[0], 0) << "a single image is for training";
    for (int k = 1; k < 5; ++k) EXPECT_EQ(of_class[k], std::lround(0.2 * (1 + 30 * k)));
    EXPECT_EQ(stratified_split(labels, 0.2), parts);
    EXPECT_NE(stratified_split(labels, 0.2), stratified_split(labels, 0.3));
    EXPECT_EQ(stratified_split({0, 0}, 0.01)[0] == Part::kTest, stratified_split({0, 0}, 0.01)[1] == Part::kTrain);
}

}  // namespace
}  // namespace warpvae
