// The progress bar against a clock and a stream of the test's own, and the signals that stop long work.
#include "host/show/progress.h"

#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "cuda/device/device.h"
#include "host/core/interrupt.h"
#include "host/log.h"

namespace warpvae {
namespace {

struct Bench {
    std::ostringstream out;
    double now = 100;
    int columns = 100;

    Progress::Options options(std::int64_t total, bool terminal) {
        Progress::Options o;
        o.label = "epoch 1 of 2";
        o.total = total;
        o.out = &out;
        o.terminal = terminal;
        o.seconds = [this] { return now; };
        o.columns = [this] { return columns; };
        return o;
    }
    std::string take() {
        std::string text = out.str();
        out.str("");
        return text;
    }
};

std::size_t width_of(const std::string& text) {
    std::size_t n = 0;
    for (const char c : text) n += (c & 0xc0) != 0x80;
    return n;
}

const std::string kClear = "\r\033[K";

TEST(Progress, DrawsBarRateTimeAndText) {
    Bench bench;
    Progress progress(bench.options(1000, true));
    progress.update(0);
    EXPECT_EQ(bench.take(), kClear + "epoch 1 of 2 ────────────────────────────   0%");
    bench.now += 2;
    progress.update(500, "loss 123.4");
    EXPECT_EQ(bench.take(),
              kClear + "epoch 1 of 2 ━━━━━━━━━━━━━━──────────────  50%  250 steps/s  0:02 left  loss 123.4");
    bench.now += 2;
    progress.update(2000);  // never past the end
    EXPECT_EQ(bench.take(), kClear + "epoch 1 of 2 ━━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100%  250 steps/s  0:00 left");
}

TEST(Progress, RedrawsTenTimesASecondAtMost) {
    Bench bench;
    Progress progress(bench.options(100000, true));
    int drawn = 0;
    for (int i = 0; i < 2000; i++) {  // one second
        progress.update(i);
        drawn += !bench.take().empty();
        bench.now += 0.0005;
    }
    EXPECT_GE(drawn, 9);
    EXPECT_LE(drawn, 11);
}

TEST(Progress, LeavesAnEmptyLine) {
    Bench bench;
    {
        Progress progress(bench.options(10, true));
        progress.update(1);
        bench.take();
        progress.finish();
        EXPECT_EQ(bench.take(), kClear);
        progress.finish();
        EXPECT_EQ(bench.take(), "");
        bench.now += 1;
        progress.update(2);
        bench.take();
    }
    EXPECT_EQ(bench.take(), kClear);
    { Progress unused(bench.options(10, true)); }
    EXPECT_EQ(bench.take(), "");
}

TEST(Progress, FitsTheTerminal) {
    Bench bench;
    Progress progress(bench.options(1000, true));
    for (int columns = 0; columns < 120; columns++) {
        bench.columns = columns;
        bench.now += 1;
        progress.update(333, "loss 123.4 ± σ");
        EXPECT_LE(width_of(bench.take().substr(kClear.size())), static_cast<std::size_t>(std::max(columns - 1, 1)));
    }
}

TEST(Progress, PlainLinesElsewhere) {
    Bench bench;
    Progress progress(bench.options(3600, false));
    for (int i = 0; i < 36; i++) {
        bench.now += 1;
        progress.update(10 * i, "loss 1");
    }
    progress.finish();
    const std::string text = bench.take();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
    EXPECT_EQ(text.find('\033'), std::string::npos);
    EXPECT_EQ(text.find('\r'), std::string::npos);
    EXPECT_TRUE(text.starts_with("epoch 1 of 2    2%  9.00 steps/s") ||
                text.starts_with("epoch 1 of 2    2%  9 steps/s"))
        << text;
}

TEST(Progress, QuietIsSilent) {
    Bench bench;
    for (const bool terminal : {true, false}) {
        Progress::Options options = bench.options(10, terminal);
        options.quiet = true;
        Progress progress(options);
        for (int i = 0; i < 10; i++) {
            bench.now += 100;
            progress.update(i);
        }
    }
    EXPECT_EQ(bench.take(), "");
}

TEST(Progress, ResumedWorkDoesNotCountAsSpeed) {
    Bench bench;
    Progress::Options options = bench.options(1000, true);
    options.start = 800;
    Progress progress(options);
    bench.now += 10;
    progress.update(900);
    EXPECT_NE(bench.take().find("90%  10 steps/s  0:10 left"), std::string::npos);
}

TEST(Progress, UnknownTotalAndBytes) {
    Bench bench;
    Progress::Options options = bench.options(0, true);
    options.unit = "bytes";
    options.label = "";
    Progress progress(options);
    bench.now += 2;
    progress.update(3'000'000);
    EXPECT_EQ(bench.take(), kClear + "3 MB  1.50 MB/s");
}

TEST(Progress, ClockTime) {
    EXPECT_EQ(clock_time(0), "0:00");
    EXPECT_EQ(clock_time(6.2), "0:07");
    EXPECT_EQ(clock_time(754), "12:34");
    EXPECT_EQ(clock_time(11100), "3:05:00");
    EXPECT_EQ(clock_time(-1), "0:00");
    EXPECT_FALSE(clock_time(1e300).empty());
}

TEST(Interrupt, FirstSignalSetsTheFlag) {
    for (const int signal : {SIGINT, SIGTERM}) {
        catch_interrupts();
        EXPECT_FALSE(interrupted());
        std::raise(signal);
        EXPECT_TRUE(interrupted());
    }
    EXPECT_EQ(std::signal(SIGTERM, SIG_DFL), SIG_DFL);  // the second ends the program
    catch_interrupts();                                 // and forgets the first
    set_interruption_hook(nullptr);
}

TEST(InterruptDeathTest, SecondSignalEndsTheProgram) {
    const auto twice = [] {
        catch_interrupts();
        std::raise(SIGINT);
        std::raise(SIGTERM);
    };
    EXPECT_EXIT(twice(), testing::KilledBySignal(SIGTERM), "");
}

TEST(Log, QuietDropsInformationOnly) {
    testing::internal::CaptureStderr();
    log_info("one {} %d");
    set_quiet(true);
    EXPECT_TRUE(quiet());
    log_info("two");
    log_warning("three");
    log_error("four");
    set_quiet(false);
    log_info("five");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(text.ends_with("five\n"));
    EXPECT_NE(text.find("one {} %d\n"), std::string::npos);
    EXPECT_NE(text.find("warning: three\n"), std::string::npos);
    EXPECT_NE(text.find("error: four\n"), std::string::npos);
    EXPECT_EQ(text.find("two"), std::string::npos);
}

}  // namespace
}  // namespace warpvae
