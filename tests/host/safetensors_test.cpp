// The safetensors writer and reader: bit-exact, readable by the format's own library, and no file makes the reader do
// anything but throw Error.
#include "host/files/safetensors.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "data/files.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

fs::path scratch() { return fs::path(testing::TempDir()) / ("safetensors_test." + std::to_string(::getpid())); }

template <class T>
Tensor tensor(std::string name, std::vector<std::int64_t> shape, const std::vector<T>& values) {
    return Tensor::of<T>(std::move(name), std::move(shape), values);
}

/// The file that tests/goldens/check_safetensors.py knows.
SafeTensors sample() {
    std::vector<float> weight;
    for (int i = 0; i < 6; i++) weight.push_back(static_cast<float>(i) / 7.0f);
    std::vector<double> moments;
    for (int i = 0; i < 4; i++) moments.push_back(i / 3.0);
    SafeTensors file;
    file.metadata = {{"format", "pt"}, {"quote\"d", "line\nbreak, °"}};
    file.tensors = {tensor<std::uint8_t>("bytes", {5}, {0, 1, 2, 3, 4}),
                    tensor("encoder.0.weight", {2, 3}, weight),
                    tensor("moments", {4}, moments),
                    tensor<std::int64_t>("step", {}, {1234567890123}),
                    tensor<std::uint64_t>("seed", {1}, {~0ull}),
                    tensor<float>("none", {0, 3}, {})};
    return file;
}

void expect_equal(const SafeTensors& a, const SafeTensors& b) {
    EXPECT_EQ(a.metadata, b.metadata);
    ASSERT_EQ(a.tensors.size(), b.tensors.size());
    for (std::size_t i = 0; i < a.tensors.size(); i++) {
        EXPECT_EQ(a.tensors[i].name, b.tensors[i].name);
        EXPECT_EQ(a.tensors[i].dtype, b.tensors[i].dtype);
        EXPECT_EQ(a.tensors[i].shape, b.tensors[i].shape);
        EXPECT_EQ(a.tensors[i].bytes, b.tensors[i].bytes);
    }
}

std::string message(std::string_view bytes) {
    try {
        decode_safetensors(bytes, "weights.safetensors");
    } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        EXPECT_TRUE(std::string(error.what()).starts_with("weights.safetensors is not a valid safetensors file: "));
        return error.what();
    }
    return "";
}

std::string with_header(const std::string& header, std::size_t data_bytes) {
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_bytes, '\0');
}

TEST(SafeTensors, RoundTripIsBitExact) {
    SafeTensors file = sample();
    file.tensors.push_back(
        tensor<float>("odd floats", {5},
                      {-0.0f, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::denorm_min(),
                       std::bit_cast<float>(0x7fc12345u), std::bit_cast<float>(0xffc00001u)}));
    const std::string bytes = encode_safetensors(file);
    expect_equal(decode_safetensors(bytes, "memory"), file);
    EXPECT_EQ(encode_safetensors(decode_safetensors(bytes, "memory")), bytes);

    const fs::path path = scratch() / "deep" / "model.safetensors";
    write_safetensors(path, file);
    EXPECT_EQ(read_file(path), bytes);
    expect_equal(read_safetensors(path), file);
    fs::remove_all(scratch());
}

TEST(SafeTensors, KnownBytes) {
    SafeTensors file;
    file.metadata = {{"k", "v"}};
    file.tensors = {tensor<std::uint8_t>("b", {1}, {7}), tensor<float>("a", {1, 2}, {1.0f, -2.0f})};
    const std::string header = R"({"__metadata__":{"k":"v"},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]},)"
                               R"("a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";
    std::string padded = header;
    while (padded.size() % 8) padded += ' ';
    std::string expected(1, static_cast<char>(padded.size()));
    expected += std::string(7, '\0') + padded + std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0\x07", 9);
    EXPECT_EQ(encode_safetensors(file), expected);
}

TEST(SafeTensors, EmptyFile) {
    const SafeTensors file = decode_safetensors(encode_safetensors({}), "memory");
    EXPECT_TRUE(file.tensors.empty());
    EXPECT_TRUE(file.metadata.empty());
}

TEST(SafeTensors, EveryTensorIsAlignedToItsType) {
    const std::string bytes = encode_safetensors(sample());
    std::uint64_t header;
    std::memcpy(&header, bytes.data(), 8);
    EXPECT_EQ(header % 8, 0u);
    const std::string text = bytes.substr(8, header);
    EXPECT_NE(text.find(R"("bytes":{"dtype":"U8","shape":[5],"data_offsets":[72,77]})"), std::string::npos) << text;
}

TEST(SafeTensors, LookUp) {
    const SafeTensors file = sample();
    EXPECT_TRUE(file.contains("step"));
    EXPECT_FALSE(file.contains("stop"));
    EXPECT_EQ(file.at("seed").values<std::uint64_t>(), std::vector<std::uint64_t>{~0ull});
    EXPECT_EQ(file.metadata_at("format"), "pt");
    EXPECT_THROW(file.at("stop"), Error);
    EXPECT_THROW(file.metadata_at("stop"), Error);
    EXPECT_THROW(file.at("seed").values<float>(), Error);
}

TEST(SafeTensors, WriterRefuses) {
    SafeTensors twice = sample();
    twice.tensors.push_back(twice.tensors[0]);
    EXPECT_THROW(encode_safetensors(twice), Error);
    SafeTensors reserved;
    reserved.tensors = {tensor<float>("__metadata__", {1}, {1.0f})};
    EXPECT_THROW(encode_safetensors(reserved), Error);
    SafeTensors misfit;
    misfit.tensors = {tensor<float>("a", {3}, {1.0f})};
    EXPECT_THROW(encode_safetensors(misfit), Error);
    misfit.tensors = {tensor<float>("a", {-1}, {})};
    EXPECT_THROW(encode_safetensors(misfit), Error);
    SafeTensors broken;
    broken.metadata = {{"k", "\xff"}};
    EXPECT_THROW(encode_safetensors(broken), Error);

    const fs::path path = scratch() / "model.safetensors";
    write_safetensors(path, sample());
    const std::string before = read_file(path);
    EXPECT_THROW(write_safetensors(path, twice), Error);
    EXPECT_EQ(read_file(path), before);
    EXPECT_THROW(write_safetensors(path / "below.safetensors", sample()), Error);
    fs::remove_all(scratch());
}

TEST(SafeTensors, ReaderSaysWhatIsWrong) {
    const auto one = [](const std::string& entry, std::size_t data) {
        return message(with_header(R"({"w":)" + entry + "}", data));
    };
    const auto has = [](const std::string& text, const std::string& part) {
        EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks: " << part;
    };
    has(message(""), "not even a header length");
    has(message("1234567"), "not even a header length");
    has(message(std::string(8, '\xff')), "claims 18446744073709551615 bytes");
    has(message(with_header("{}", 0).substr(0, 9)), "truncated");
    has(message(with_header("{\"a\"", 0)), "not a JSON object");
    has(message(with_header("[1]", 0)), "not a JSON object");
    has(message(with_header("{}", 3)), "3 bytes follow");
    has(message(with_header(R"({"__metadata__":{"a":1}})", 0)), "is not a string");
    has(message(with_header(R"({"__metadata__":[]})", 0)), "metadata is not a JSON object");
    has(one("3", 0), "needs dtype");
    has(one(R"({"dtype":"BF16","shape":[1],"data_offsets":[0,2]})", 2), "dtype \"BF16\"");
    has(one(R"({"dtype":7,"shape":[1],"data_offsets":[0,2]})", 2), "dtype 7");
    const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');  // no stack has room for it
    has(one(R"({"dtype":)" + deep + R"(,"shape":[1],"data_offsets":[0,2]})", 2), "brackets too deep");
    has(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", 4), "not a size");
    has(one(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})", 4), "not a size");
    has(one(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})", 4), "not a list");
    has(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,0]})", 4), "[begin, end]");
    has(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})", 8), "[begin, end]");
    has(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4), "does not fit its 4 bytes");
    has(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 4), "truncated");
    has(one(R"({"dtype":"F64","shape":[4611686018427387904,4],"data_offsets":[0,0]})", 0), "does not fit");
    has(one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})", 8), "hole");
    has(message(with_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                            R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                            3)),
        "overlap");
    has(message(with_header(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                            R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
                            0)),
        "twice");
    EXPECT_THROW(read_safetensors(scratch() / "absent.safetensors"), Error);
}

TEST(SafeTensors, EveryTruncationIsAnError) {
    const std::string bytes = encode_safetensors(sample());
    for (std::size_t length = 0; length < bytes.size(); length++) {
        EXPECT_NE(message(std::string_view(bytes).substr(0, length)), "") << length;
    }
    EXPECT_NE(message(bytes + '\0'), "");
}

// Flipped bytes give either an Error or, where they only touch values and names, a file that is itself consistent.
TEST(SafeTensors, FlippedBytesNeverCrash) {
    const std::string bytes = encode_safetensors(sample());
    std::mt19937 random(1);
    int errors = 0;
    for (std::size_t i = 0; i < bytes.size(); i++) {
        for (int repeat = 0; repeat < 8; repeat++) {
            std::string damaged = bytes;
            damaged[i] = static_cast<char>(damaged[i] ^ (repeat < 7 ? 1 << repeat : random() % 255 + 1));
            try {
                const SafeTensors file = decode_safetensors(damaged, "memory");
                EXPECT_EQ(encode_safetensors(file).size() % 8, bytes.size() % 8);
            } catch (const Error&) {
                errors++;
            }
        }
    }
    EXPECT_GT(errors, 1000);
}

TEST(SafeTensors, TheFormatsOwnLibraryLoadsIt) {
    const fs::path path = scratch() / "model.safetensors";
    write_safetensors(path, sample());
    const char* chosen = std::getenv("WARPVAE_PYTHON");
    const std::string command = std::string(chosen ? chosen : "python3") + " " + WARPVAE_GOLDENS +
                                "/check_safetensors.py " + path.string() + " 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    ASSERT_TRUE(pipe);
    std::string output;
    for (int c; (c = std::fgetc(pipe)) != EOF;) output += static_cast<char>(c);
    const int status = pclose(pipe);
    fs::remove_all(scratch());
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 77 || code == 127) GTEST_SKIP() << "no python with safetensors and torch (WARPVAE_PYTHON): " << output;
    EXPECT_EQ(code, 0) << output;
}

}  // namespace
}  // namespace warpvae
