// Downloads against a server of our own that is slow, cut off, wrong, or not there. Every wait is bounded.
#include "data/fetch.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>

#include "data/gzip.h"
#include "data/sha256.h"
#include "tests/support/local_server.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using namespace test;
namespace fs = std::filesystem;

/// Bytes that gzip cannot make smaller, so that half the download is half the file.
std::string noise(std::size_t size, unsigned seed) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i)
        bytes.push_back(static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24));
    return bytes;
}

struct Fetch : testing::Test {
    void SetUp() override {
        if (!can_fetch()) GTEST_SKIP() << "built without libcurl";
        ::setenv("no_proxy", "127.0.0.1", 1);
        ::unsetenv("WARPVAE_MIRROR");
        options.slow_seconds = 1;
        options.notice = [this](const std::string& line) { notices.push_back(line); };
    }
    Reply good() const { return {.body = packed}; }
    /// A server's answers to its first, second, ... request; the last one repeats.
    static std::function<Reply(const Request&)> in_turn(std::vector<Reply> replies) {
        return [replies, next = std::size_t(0)](const Request&) mutable {
            return replies[std::min(next++, replies.size() - 1)];
        };
    }
    KnownSet set(const std::vector<std::string>& mirrors) const {
        return {
            .name = "noise", .what = "", .files = {{"file", sha256_hex(content), content.size()}}, .mirrors = mirrors};
    }
    void expect_file() const {
        EXPECT_EQ(read_file(final_path), packed);
        EXPECT_FALSE(fs::exists(part_path)) << "the .part file was left";
    }
    void expect_nothing_under_the_final_name() const { EXPECT_FALSE(fs::exists(final_path)); }

    TemporaryFolder folder;
    const std::string content = noise(300000, 1), packed = gzip(content);
    const fs::path final_path = folder / "noise/file.gz", part_path = folder / "noise/file.gz.part";
    FetchOptions options;
    std::vector<std::string> notices;
};

TEST_F(Fetch, BringsEveryFileOnceAndReportsProgress) {
    const std::string contents[4] = {noise(200000, 2), noise(10, 3), noise(70000, 4), ""};
    KnownSet known{"four", ""};
    for (int i = 0; i < 4; ++i)
        known.files.push_back({"file" + std::to_string(i), sha256_hex(contents[i]), contents[i].size()});
    LocalServer server([&](const Request& request) { return Reply{.body = gzip(contents[request.path[9] - '0'])}; });
    known.mirrors = {server.url("/set")};  // without its last slash
    std::vector<FetchProgress> seen;
    options.progress = [&](const FetchProgress& progress) { seen.push_back(progress); };
    // The paths are /set/file0.gz and so on.
    LocalServer* const running = &server;
    EXPECT_EQ(fetch_set(known, folder.path(), options), 4);
    EXPECT_EQ(running->requests().size(), 4u);
    EXPECT_EQ(running->requests()[2].path, "/set/file2.gz");
    for (int i = 0; i < 4; ++i) {
        const fs::path path = folder / "four" / ("file" + std::to_string(i) + ".gz");
        EXPECT_EQ(gunzip(read_file(path), "x", 1 << 20), contents[i]);
    }
    ASSERT_FALSE(seen.empty());
    const std::size_t whole = fs::file_size(folder / "four/file0.gz");
    bool finished = false;
    for (const FetchProgress& progress : seen) {
        EXPECT_LE(progress.bytes, progress.total);
        finished |= progress.file == "file0.gz" && progress.bytes == whole && progress.total == whole;
    }
    EXPECT_TRUE(finished);
    EXPECT_EQ(fetch_set(known, folder.path(), options), 0) << "all are there";
    EXPECT_EQ(running->requests().size(), 4u);
}

TEST_F(Fetch, KeepsAsItIsWhatIsServedSo) {
    LocalServer server(in_turn({{.body = content, .cut_after = 100000}, {.body = content}}));
    KnownSet known = set({server.url()});
    known.files[0].as_it_is = true;
    EXPECT_EQ(fetch_set(known, folder.path(), options), 1);
    EXPECT_EQ(read_file(folder / "noise/file"), content);
    EXPECT_EQ(server.requests()[0].path, "/file");
    EXPECT_EQ(server.requests().size(), 2u) << "resumed";
    EXPECT_EQ(fetch_set(known, folder.path(), options), 0) << "it is there";
    folder.file("noise/file", "damaged");
    EXPECT_EQ(fetch_set(known, folder.path(), options), 1) << "and is replaced";
    EXPECT_EQ(read_file(folder / "noise/file"), content);
    EXPECT_FALSE(fs::exists(folder / "noise/file.part"));
}

TEST_F(Fetch, ResumesWhatWasCutOff) {
    LocalServer server(in_turn({{.body = packed, .cut_after = 100000}, {.body = packed, .cut_after = 100000}, good()}));
    EXPECT_EQ(fetch_set(set({server.url()}), folder.path(), options), 1);
    expect_file();
    const auto requests = server.requests();
    ASSERT_EQ(requests.size(), 3u);
    EXPECT_EQ(requests[0].range_start, -1);
    EXPECT_EQ(requests[1].range_start, 100000);
    EXPECT_EQ(requests[2].range_start, 200000);
}

TEST_F(Fetch, StartsAgainWhereTheServerKnowsNoRanges) {
    LocalServer server(in_turn({{.body = packed, .cut_after = 100000}, {.body = packed, .serves_ranges = false}}));
    EXPECT_EQ(fetch_set(set({server.url()}), folder.path(), options), 1);
    expect_file();
    EXPECT_EQ(server.requests().size(), 2u);
}

TEST_F(Fetch, GivesUpOnAServerThatAlwaysCutsOffAndKeepsThePart) {
    LocalServer server(in_turn({{.body = packed, .serves_ranges = false, .cut_after = 5000}}));
    expect_message([&] { fetch_set(set({server.url()}), folder.path(), options); }, "cannot fetch file.gz",
                   server.url());
    EXPECT_LE(server.requests().size(), 10u);
    expect_nothing_under_the_final_name();
    EXPECT_EQ(fs::file_size(part_path), 5000u) << "what came is kept for the next run";
}

TEST_F(Fetch, ResumesAnEarlierRun) {
    folder.file("noise/file.gz.part", packed.substr(0, 250000));
    LocalServer server(in_turn({good()}));
    EXPECT_EQ(fetch_set(set({server.url()}), folder.path(), options), 1);
    expect_file();
    ASSERT_EQ(server.requests().size(), 1u);
    EXPECT_EQ(server.requests()[0].range_start, 250000);
}

TEST_F(Fetch, FinishesAnEarlierRunThatHadAllBytes) {
    folder.file("noise/file.gz.part", packed);
    LocalServer server(in_turn({good()}));
    EXPECT_EQ(fetch_set(set({server.url()}), folder.path(), options), 1);
    expect_file();
}

TEST_F(Fetch, APartOfSomethingElseIsThrownAway) {
    folder.file("noise/file.gz.part", noise(5000, 99));
    LocalServer server(in_turn({good()}));
    EXPECT_EQ(fetch_set(set({server.url()}), folder.path(), options), 1);
    expect_file();
    ASSERT_EQ(server.requests().size(), 2u);
    EXPECT_EQ(server.requests()[1].range_start, -1);
}

TEST_F(Fetch, WrongBytesNeverGetTheName) {
    std::string flipped = content;
    flipped[1234] = static_cast<char>(flipped[1234] ^ 1);
    const std::string not_gzip = "<html>log in to continue</html>", too_long = packed + std::string(1 << 17, 'x');
    const std::string damaged = packed.substr(0, 1000) + noise(packed.size() - 1000, 7);
    const std::pair<std::string, std::string> cases[] = {{gzip(flipped), "SHA-256"},
                                                         {not_gzip, "not a gzip file"},
                                                         {too_long, "more bytes"},
                                                         {damaged, ""},
                                                         {"", "not a gzip file"}};
    for (const auto& [body, word] : cases) {
        LocalServer wrong(in_turn({{.body = body}}));
        expect_message(
            [&, &expected = word] {
                try {
                    fetch_set(set({wrong.url()}), folder.path(), options);
                } catch (const Error& error) {
                    EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
                    throw;
                }
            },
            "file.gz");
        expect_nothing_under_the_final_name();
        EXPECT_FALSE(fs::exists(part_path)) << "wrong bytes were kept";
    }
    LocalServer wrong(in_turn({{.body = gzip(flipped)}})), right(in_turn({good()}));
    EXPECT_EQ(fetch_set(set({wrong.url(), right.url()}), folder.path(), options), 1) << "the next mirror is tried";
    expect_file();
}

TEST_F(Fetch, GoesOnToTheNextMirror) {
    std::string refused;
    {
        const LocalServer gone(in_turn({good()}));
        refused = gone.url();
    }
    LocalServer missing(in_turn({{.status = 404, .body = "no such page"}})), broken(in_turn({{.status = 500}})),
        right(in_turn({good()}));
    EXPECT_EQ(fetch_set(set({refused, missing.url(), broken.url(), right.url()}), folder.path(), options), 1);
    expect_file();
    ASSERT_EQ(notices.size(), 3u);
    EXPECT_NE(notices[1].find("404"), std::string::npos) << notices[1];
    EXPECT_NE(notices[2].find("500"), std::string::npos) << notices[2];
}

TEST_F(Fetch, NamesEveryMirrorThatFailed) {
    LocalServer missing(in_turn({{.status = 404}})), broken(in_turn({{.status = 503}}));
    expect_message(
        [&] {
            fetch_set(set({missing.url(), broken.url()}), folder.path(), options);
        },
        missing.url(), "404", broken.url(), "503");
    expect_nothing_under_the_final_name();
    EXPECT_FALSE(fs::exists(part_path));
}

TEST_F(Fetch, ASlowMirrorIsLeftAndItsBytesAreKept) {
    const auto began = std::chrono::steady_clock::now();
    LocalServer slow(
        [this](const Request&) { return Reply{.body = packed, .chunk = 10, .pause = std::chrono::milliseconds(50)}; });
    LocalServer right(in_turn({good()}));
    EXPECT_EQ(fetch_set(set({slow.url(), right.url()}), folder.path(), options), 1);
    expect_file();
    ASSERT_EQ(right.requests().size(), 1u);
    EXPECT_GT(right.requests()[0].range_start, 0) << "the next mirror went on where the slow one was left";
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(15));
}

TEST_F(Fetch, ASilentMirrorIsLeft) {
    LocalServer silent(in_turn({{.silent = true}})), right(in_turn({good()}));
    EXPECT_EQ(fetch_set(set({silent.url(), right.url()}), folder.path(), options), 1);
    expect_file();
}

TEST_F(Fetch, ADamagedFileIsReplacedOnlyOnceThereIsABetterOne) {
    folder.file("noise/file.gz", "damaged");
    LocalServer missing(in_turn({{.status = 404}}));
    expect_message([&] { fetch_set(set({missing.url()}), folder.path(), options); }, "404");
    EXPECT_EQ(read_file(final_path), "damaged");
    LocalServer right(in_turn({good()}));
    EXPECT_EQ(fetch_set(set({right.url()}), folder.path(), options), 1);
    expect_file();
}

TEST_F(Fetch, MirrorsCanBeOverridden) {
    LocalServer right(in_turn({good()})), unwanted(in_turn({{.status = 404}}));
    ::setenv("WARPVAE_MIRROR", right.url().c_str(), 1);
    EXPECT_EQ(fetch_set(set({unwanted.url()}), folder.path(), options), 1);
    fs::remove(final_path);
    ::setenv("WARPVAE_MIRROR", unwanted.url("/environment").c_str(), 1);
    options.mirrors = {right.url()};
    EXPECT_EQ(fetch_set(set({unwanted.url()}), folder.path(), options), 1);
    EXPECT_TRUE(unwanted.requests().empty());
    ::unsetenv("WARPVAE_MIRROR");
}

TEST_F(Fetch, AFullDiskIsNamedAndThePartStays) {
    LocalServer server(in_turn({good()}));
    rlimit before{};
    getrlimit(RLIMIT_FSIZE, &before);
    const auto old_action = signal(SIGXFSZ, SIG_IGN);
    const rlimit small{100000, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const std::string line = message_of([&] { fetch_set(set({server.url()}), folder.path(), options); });
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, old_action);
    EXPECT_NE(line.find("cannot write"), std::string::npos) << line;
    EXPECT_NE(line.find("file.gz"), std::string::npos) << line;
    expect_nothing_under_the_final_name();
    EXPECT_EQ(fetch_set(set({server.url()}), folder.path(), options), 1) << "with room again, it goes on";
    expect_file();
}

TEST_F(Fetch, RefusesWhatItCannotDo) {
    folder.file("blocked", "a file where the folder should be");
    expect_message([&] { fetch_set(set({"http://127.0.0.1:1/"}), folder / "blocked", options); }, "cannot make folder",
                   "blocked");
    expect_message([&] { fetch_set(known_set("glyphs"), folder.path(), options); }, "dataset make glyphs");
    expect_message([&] { fetch_set(set({"file:///etc/"}), folder.path(), options); }, "file:///etc/");
}

}  // namespace
}  // namespace warpvae
