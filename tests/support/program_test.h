// What the tests of programs share: running one as a user does, stopping it in the middle, reading what it left.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "data/sha256.h"
#include "tests/support/temporary_folder.h"

namespace warpvae::test {

namespace fs = std::filesystem;

/// A test of one program; everything it writes goes into a folder of its own. The program is found by its name, and
/// finds no data: what a user keeps is no part of a test.
struct ProgramTest : testing::Test {
    explicit ProgramTest(std::string name) : program(std::move(name)) {
        std::string path = WARPVAE_BIN;
        if (const char* const others = std::getenv("PATH")) path.append(":").append(others);
        ::setenv("PATH", path.c_str(), 1);
        ::setenv("WARPVAE_DATA", at("no-data").c_str(), 1);
    }
    /// Ends what a test has started and not waited for.
    ~ProgramTest() override {
        for (const pid_t child : children_)
            if (::waitpid(child, nullptr, WNOHANG) == 0) {
                ::kill(child, SIGKILL);
                ::waitpid(child, nullptr, 0);
            }
    }
    struct Result {
        int status;
        std::string out, error;
    };
    Result run(const std::string& arguments, const std::string& environment = "") const {
        const std::string command = "env " + environment + " sh -c 'exec " + program + " " + arguments + "' >" +
                                    at("out.txt") + " 2>" + at("error.txt") + " </dev/null";
        const int status = std::system(command.c_str());
        return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(at("out.txt")), read_file(at("error.txt"))};
    }
    /// Expects `status` and one line on standard error, the program's name first, that contains `word`.
    void expect_failure(int status, const std::string& word, const std::string& arguments,
                        const std::string& environment = "") const {
        const Result result = run(arguments, environment);
        EXPECT_EQ(result.status, status) << arguments << "\n" << result.error;
        EXPECT_EQ(std::count(result.error.begin(), result.error.end(), '\n'), 1) << arguments << "\n" << result.error;
        EXPECT_NE(result.error.find(word), std::string::npos) << arguments << "\n" << result.error;
        EXPECT_EQ(result.error.rfind(program + ": ", 0), 0u) << result.error;
    }
    /// Starts a run in the background; its process id.
    pid_t start(const std::string& arguments) const {
        const pid_t child = ::fork();
        if (child == 0) {
            const int null = ::open("/dev/null", O_RDWR);
            for (int fd : {0, 1, 2}) ::dup2(null, fd);
            ::execl("/bin/sh", "sh", "-c", ("exec " + program + " " + arguments).c_str(), nullptr);
            ::_exit(127);
        }
        children_.push_back(child);
        return child;
    }
    /// Waits (a minute at most) until `file` is there.
    static bool appears(const fs::path& file) {
        for (int i = 0; i < 6000 && !fs::exists(file); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return fs::exists(file);
    }
    static int lines_of(const std::string& text) { return int(std::count(text.begin(), text.end(), '\n')); }
    std::string at(const std::string& name) const { return (folder / name).string(); }
    std::string digest(const std::string& name) const { return sha256_hex(read_file(at(name))); }

    const std::string program;
    TemporaryFolder folder;

  private:
    mutable std::vector<pid_t> children_;
};

}  // namespace warpvae::test
