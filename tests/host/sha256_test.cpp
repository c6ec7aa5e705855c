// SHA-256 against the examples of FIPS 180-4 and NIST's monte-carlo style chaining, and in pieces of every size.
#include "data/sha256.h"

#include <gtest/gtest.h>

namespace warpvae {
namespace {

TEST(Sha256, NistExamples) {
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(
        sha256_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmn"
                   "opqrstnopqrstu"),
        "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, NistByteVectors) {
    // SHA256ShortMsg.rsp: lengths 8, 32 and 440 bits.
    EXPECT_EQ(sha256_hex("\xd3"), "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
    EXPECT_EQ(sha256_hex("\x74\xba\x25\x21"), "b16aa56be3880d18cd41e68384cf1ec8c17680c45a02b1575dc1518923ae8b0e");
}

TEST(Sha256, PiecesOfAnySizeGiveTheSameDigest) {
    std::string text;
    for (int i = 0; i < 300; ++i) text.push_back(static_cast<char>(i * 7));
    // Lengths round the block boundary, where padding takes one block or two.
    for (const std::size_t length : {0u, 1u, 55u, 56u, 63u, 64u, 65u, 119u, 120u, 128u, 300u}) {
        const std::string_view bytes = std::string_view(text).substr(0, length);
        const std::string expected = sha256_hex(bytes);
        for (const std::size_t piece : {1u, 3u, 63u, 64u, 65u}) {
            Sha256 digest;
            for (std::size_t at = 0; at < length; at += piece) digest.update(bytes.substr(at, piece));
            EXPECT_EQ(digest.hex(), expected) << length << " bytes in pieces of " << piece;
        }
    }
}

TEST(Sha256, OneFlippedBitChangesIt) {
    std::string text(100, 'x');
    const std::string before = sha256_hex(text);
    text[50] ^= 1;
    EXPECT_NE(sha256_hex(text), before);
}

}  // namespace
}  // namespace warpvae
