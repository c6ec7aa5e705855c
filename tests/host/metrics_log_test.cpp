// metrics.jsonl: appending, resuming, and what a process that died in the middle of a line leaves behind.
#include "host/files/metrics_log.h"

#include <gtest/gtest.h>

#include <cmath>

#include "data/files.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

class Metrics : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::path(testing::TempDir()) / ("metrics_test." + std::to_string(::getpid()));
        path_ = folder_ / "metrics.jsonl";
        fs::create_directories(folder_);
    }
    void TearDown() override { fs::remove_all(folder_); }

    fs::path folder_, path_;
};

TEST_F(Metrics, OneObjectALine) {
    MetricsLog log(path_);
    EXPECT_TRUE(log.read().empty());
    log.append({{"epoch", 1}, {"replica", 0}, {"loss", 0.1}});
    log.append({{"epoch", 1}, {"replica", 1}, {"loss", NAN}, {"note", "two\nlines"}});
    EXPECT_EQ(read_file(path_),
              "{\"epoch\":1,\"replica\":0,\"loss\":0.1}\n{\"epoch\":1,\"replica\":1,\"loss\":null,\"note\":"
              "\"two\\nlines\"}\n");
    const std::vector<Json> records = MetricsLog(path_).read();
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0]["loss"].get<double>(), 0.1);
}

TEST_F(Metrics, CutKeepsEarlierEpochsByteForByte) {
    MetricsLog log(path_);
    std::string early;
    for (int epoch = 1; epoch <= 4; epoch++) {
        for (int replica = 0; replica < 3; replica++) {
            log.append({{"epoch", epoch}, {"replica", replica}, {"loss", 1.0 / 3 * epoch}});
        }
        if (epoch == 2) early = read_file(path_);
    }
    const std::string all = read_file(path_);
    log.cut_to(4);
    EXPECT_EQ(read_file(path_), all);
    log.cut_to(2);
    EXPECT_EQ(read_file(path_), early);
    log.append({{"epoch", 3}});
    EXPECT_EQ(log.read().size(), 7u);
    log.cut_to(0);
    EXPECT_EQ(read_file(path_), "");
    MetricsLog(folder_ / "absent.jsonl").cut_to(3);
    EXPECT_FALSE(fs::exists(folder_ / "absent.jsonl"));
}

TEST_F(Metrics, CutOneReplica) {
    MetricsLog log(path_);
    for (const int epoch : {1, 2}) {
        for (const char* replica : {"a", "b"}) log.append({{"epoch", epoch}, {"replica", replica}});
    }
    log.append({{"epoch", 3}, {"replica", 7}});
    log.append({{"epoch", 4}});
    log.cut_to(1, "b");
    EXPECT_EQ(read_file(path_),
              "{\"epoch\":1,\"replica\":\"a\"}\n{\"epoch\":1,\"replica\":\"b\"}\n{\"epoch\":2,\"replica\":\"a\"}\n"
              "{\"epoch\":3,\"replica\":7}\n{\"epoch\":4}\n");
}

// A line torn at every possible byte is never a record, and neither resuming nor appending is harmed by it.
TEST_F(Metrics, TornLastLine) {
    const std::string whole = "{\"epoch\":1}\n", torn = "{\"epoch\":2,\"loss\":0.5}";
    for (std::size_t length = 0; length <= torn.size(); length++) {
        write_file(path_, whole + torn.substr(0, length));
        EXPECT_EQ(MetricsLog(path_).read().size(), 1u);
        MetricsLog cut(path_);
        cut.cut_to(5);
        EXPECT_EQ(read_file(path_), whole);

        write_file(path_, whole + torn.substr(0, length));
        MetricsLog(path_).append({{"epoch", 2}});
        EXPECT_EQ(read_file(path_), whole + "{\"epoch\":2}\n");
    }
}

TEST_F(Metrics, DamageNamesTheLine) {
    const std::string deep = std::string(1000000, '[') + std::string(1000000, ']');  // no stack has room for it
    for (const std::string& bad : {std::string("{\"epoch\":"), std::string("3"), std::string("[]"), std::string(),
                                   std::string("\xff"), "{\"a\":" + deep + ",\"epoch\":1}"}) {
        write_file(path_, "{\"epoch\":1}\n" + bad + "\n{\"epoch\":2}\n");
        for (const bool cut : {false, true}) {
            try {
                MetricsLog log(path_);
                cut ? log.cut_to(1) : static_cast<void>(log.read());
                ADD_FAILURE() << bad;
            } catch (const Error& error) {
                EXPECT_NE(std::string(error.what()).find(path_.string() + ", line 2"), std::string::npos)
                    << error.what();
            }
        }
    }
    write_file(path_, "{\"epoch\":1.5}\n");
    EXPECT_THROW(MetricsLog(path_).cut_to(1), Error);
}

TEST_F(Metrics, UnwritablePlaces) {
    write_file(folder_ / "file", "");
    EXPECT_THROW(MetricsLog(folder_ / "file" / "metrics.jsonl").append({{"epoch", 1}}), Error);
    EXPECT_THROW(MetricsLog("/dev/full").append({{"epoch", 1}}), Error);
}

}  // namespace
}  // namespace warpvae
