// What a user's machine may be like: more threads asked for than sense, fewer given, little memory, a reader that
// closes its pipe, a full disk behind standard output, two terminals on one run, Ctrl-C at any time, names that shells
// and TOML must quote. Every program answers with its result or with one line.
#include <sys/file.h>

#include "cuda/ops/dense.h"
#include "host/files/config_file.h"
#include "tests/support/program_test.h"
#include "tests/support/short_runs.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;
using test::kShort;
using test::kShortRuns;

struct Machine : test::ProgramTest, testing::WithParamInterface<std::pair<const std::string, std::string>> {
    Machine() : ProgramTest(GetParam().first) {}
    /// "COMMAND --out OUT" and few of everything.
    std::string command(const std::string& word, const std::string& out) const {
        return word + kShort + GetParam().second + " --out " + at(out);
    }
    /// A shell's own line, in which $0 is the program; its status.
    int shell(const std::string& line) const {
        const int status =
            std::system(("sh -c '" + line + "' " + program + " 2>" + at("error.txt") + " </dev/null").c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    std::string error() const { return read_file(at("error.txt")); }
};
INSTANTIATE_TEST_SUITE_P(Programs, Machine, testing::ValuesIn(kShortRuns.begin(), kShortRuns.end()),
                         [](const auto& one) { return one.param.first; });

struct MachineOfSeveralShapes : test::ProgramTest {
    MachineOfSeveralShapes() : ProgramTest("invariance") {}
};

TEST_F(MachineOfSeveralShapes, HasRoomForAllOfThemBeforeTheFirstIsTrained) {
    const std::string few = "WARPVAE_MEMORY_LIMIT=40000000",
                      train = std::string("train") + kShort + "--train-set s --benchmark none --latents ";
    expect_failure(1, "s-z4096-seed1: out of device memory", train + "3,4096 --out " + at("both"), few);
    EXPECT_FALSE(fs::exists(at("both/config.toml")));
    EXPECT_EQ(run(train + "3 --out " + at("one"), few).status, 0) << "what comes first does fit";
}

TEST_P(Machine, NumbersOfTheEnvironmentAreChecked) {
    for (const char* cores : {"0", "-1", "3000", "30000", "99999999999", "99999999999999999999", "two", "1.5"})
        expect_failure(1, "WARPVAE_CORES=" + std::string(cores), command("train", "run"),
                       std::string("WARPVAE_CORES=") + cores);
    for (const char* wrong : {"WARPVAE_THREADS=2048", "WARPVAE_SYNC=x", "WARPVAE_MEMORY_LIMIT=0", "WARPVAE_CPU=fast"})
        expect_failure(1, std::string(wrong).substr(0, std::string(wrong).find('=')), command("train", "run"), wrong);
}

TEST_P(Machine, OldInstructionsAreSaidOnce) {
    if (device_is_gpu() || matmul_library().find("AVX") == std::string::npos) GTEST_SKIP() << "nothing faster here";
    const Result slow = run(command("train", "slow"), "DNNL_MAX_CPU_ISA=SSE41");
    EXPECT_EQ(slow.status, 0) << slow.error;
    EXPECT_EQ(lines_of(slow.error), 1) << slow.error;
    EXPECT_EQ(slow.error.rfind("warning: oneDNN multiplies with SSE", 0), 0u) << slow.error;
    ASSERT_EQ(run(command("train", "fast")).status, 0);
    const auto library_of = [&](const std::string& config) {
        for (const ConfigEntry& entry : read_config(read_file(at(config)), config))
            if (entry.key == "matrix-library") return entry.values.at(0);
        return std::string("none");
    };
    EXPECT_NE(library_of("slow/config.toml").find(" with SSE"), std::string::npos) << library_of("slow/config.toml");
    EXPECT_EQ(library_of("fast/config.toml"), matmul_library());
}

TEST_P(Machine, FewerThreadsThanAskedForDoTheWork) {
    // A stack larger than the address space: no thread can be started.
    ASSERT_EQ(shell("ulimit -s 4000000; ulimit -v 3000000; WARPVAE_CORES=4 exec $0 " + command("train", "few")), 0)
        << error();
    ASSERT_EQ(run(command("train", "many"), "WARPVAE_CORES=4").status, 0);
    for (const auto& entry : fs::recursive_directory_iterator(folder / "many"))
        if (entry.path().filename() == "model.safetensors") {
            const std::string name = fs::relative(entry.path(), folder / "many").string();
            EXPECT_EQ(digest("few/" + name), digest("many/" + name)) << name;
        }
}

TEST_P(Machine, LittleMemoryIsAnAnswer) {
    for (const char* kilobytes : {"120000", "200000", "300000", "500000"}) {
        const int status =
            shell(std::string("ulimit -v ") + kilobytes + "; exec timeout 60 $0 " + command("train", kilobytes));
        if (status == 127) continue;  // not even its libraries could be loaded
        EXPECT_TRUE(status == 0 || status == 1) << kilobytes << ": status " << status << "\n" << error();
        EXPECT_EQ(lines_of(error()), status) << error();
    }
    expect_failure(1, "out of device memory", command("train", "limited"), "WARPVAE_MEMORY_LIMIT=100000");
}

TEST_P(Machine, AReaderThatCloses) {
    ASSERT_EQ(shell("$0 " + command("report", "run") + " | head -1 >/dev/null"), 0) << error();
    EXPECT_TRUE(fs::exists(folder / "run" / "report.html"));
    EXPECT_EQ(shell("exec $0 " + command("table", "closed") + " >&-"), 0) << error();
    EXPECT_EQ(error(), "");
}

TEST_P(Machine, AFullDiskBehindStandardOutputIsAnError) {
    if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
    for (const std::string& words : {command("table", "run"), std::string("--help")}) {
        EXPECT_EQ(shell("exec $0 " + words + " >/dev/full"), 1);
        EXPECT_EQ(lines_of(error()), 1) << error();
    }
}

TEST_P(Machine, OneProcessAtATimeInAFolder) {
    ASSERT_EQ(run(command("train", "run")).status, 0);
    const int lock = ::open(at("run/.lock").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(lock, 0);
    ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
    expect_failure(1, "in use by another process", "train --quiet --resume " + at("run"));
    expect_failure(1, "in use by another process", command("train", "run") + " --overwrite");
    ::close(lock);
    EXPECT_EQ(run("train --quiet --resume " + at("run")).status, 0);
}

TEST_P(Machine, CtrlCIsHeardWhateverIsUnderWay) {
    ASSERT_EQ(run(command("table", "whole")).status, 0);
    for (const int signal : {SIGINT, SIGTERM}) {
        const std::string out = signal == SIGINT ? "a" : "b";
        const pid_t child = start(command("table", out));
        // Training is over and the model is evaluated, or another has begun.
        const auto is_trained = [&] {
            std::error_code error;
            for (const auto& entry : fs::recursive_directory_iterator(folder / out, error))
                if (entry.path().filename() == "model.safetensors") return true;
            return false;
        };
        for (int i = 0; i < 6000 && !is_trained(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        ::kill(child, signal);
        const auto begin = std::chrono::steady_clock::now();
        int status = 0;
        ::waitpid(child, &status, 0);
        const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - begin;
        ASSERT_TRUE(WIFEXITED(status));
        EXPECT_TRUE(WEXITSTATUS(status) == 1 || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
        EXPECT_LT(waited.count(), 20);  // a second, on a machine that does nothing else
        const Result resumed = run("table --quiet --resume " + at(out));
        ASSERT_EQ(resumed.status, 0) << resumed.error;
        EXPECT_EQ(read_file(at(out + "/table.json")), read_file(at("whole/table.json")));
    }
}

TEST_P(Machine, NamesWithQuotesAndHashesComeBack) {
    const std::string odd = "a b\"c#\t\n'";
    ASSERT_EQ(run(command("train", "run") + " --data \"$ODD\"", "ODD=\"$(printf \"a b\\\"c#\\t\\n\\047\")\"").status,
              0);
    const auto data_of = [&](const std::string& config) {
        for (const ConfigEntry& entry : read_config(read_file(at(config)), config))
            if (entry.key == "data") return entry.values.at(0);
        return std::string("none");
    };
    EXPECT_EQ(data_of("run/config.toml"), odd);
    ASSERT_EQ(run("train --quiet --config " + at("run/config.toml") + " --out " + at("again")).status, 0);
    EXPECT_EQ(data_of("again/config.toml"), odd);
}

}  // namespace
}  // namespace warpvae
