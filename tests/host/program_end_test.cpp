// How programs end: what is said to the shell, and what one run leaves to the next.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "cuda/device/device.h"
#include "data/error.h"
#include "data/files.h"
#include "host/core/interrupt.h"
#include "host/core/program_end.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

TEST(ProgramEnd, TheShellReadsBackWhatIsQuoted) {
    EXPECT_EQ(shell_quoted("runs/a_b-1.2,x=3"), "runs/a_b-1.2,x=3");
    EXPECT_EQ(shell_quoted(""), "''");
    const test::TemporaryFolder folder;
    const std::string file = (folder / "out").string();
    for (const std::string text :
         {"a b", "it's", "$HOME", "a\nb", "`date`", "~", "*", "\"", "\\", "-x", "#", "a;b", "\t"}) {
        ASSERT_EQ(std::system(("printf %s " + shell_quoted(text) + " >" + file).c_str()), 0);
        EXPECT_EQ(read_file(file), text);
    }
}

TEST(ProgramEnd, StatusAndOneLine) {
    const auto end = [](const std::function<void()>& body) {
        testing::internal::CaptureStderr();
        const int status = run_program("program", body);
        std::string said = testing::internal::GetCapturedStderr();
        if (said.starts_with("warning: ")) said.erase(0, said.find('\n') + 1);  // of old instructions
        return std::to_string(status) + " " + said;
    };
    EXPECT_EQ(end([] {}), "0 ");
    EXPECT_EQ(end([] { throw ProgramEnd{3}; }), "3 ");
    EXPECT_EQ(end([] { throw Error("no such thing"); }), "1 program: no such thing\n");
    EXPECT_EQ(end([] { throw UsageError("--x what?"); }), "2 program: --x what?\n");
    EXPECT_EQ(end([] { throw std::bad_alloc(); }).rfind("1 program: out of memory", 0), 0u);
    EXPECT_EQ(end([] { throw Interrupted(); }), "1 program: interrupted; nothing had begun\n");
    EXPECT_EQ(end([] {
                  set_go_on_command("program table --resume 'a b'");
                  throw Interrupted();
              }),
              "1 program: interrupted; nothing is lost, go on with: program table --resume 'a b'\n");
}

TEST(ProgramEnd, WhatAKilledProcessWasWritingIsRemoved) {
    const test::TemporaryFolder folder;
    for (const char* name :
         {"a/model.safetensors.tmp123", "table.json.tmp1", "notes.tmp", "b.tmp12x", "model.safetensors"})
        write_file(folder / name, "x");
    remove_leftovers(folder / "");
    EXPECT_FALSE(std::filesystem::exists(folder / "a/model.safetensors.tmp123"));
    EXPECT_FALSE(std::filesystem::exists(folder / "table.json.tmp1"));
    for (const char* name : {"notes.tmp", "b.tmp12x", "model.safetensors"})
        EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
}

TEST(Interruption, EveryLaunchIsAPointButWithinWhatMustBeWhole) {
    set_interruption_hook([] { throw Interrupted(); });
    EXPECT_THROW(check(Status{}), Interrupted);
    EXPECT_THROW(interruption_point(), Interrupted);
    {
        const Uninterrupted outer;
        { const Uninterrupted inner; }
        EXPECT_NO_THROW(check(Status{}));
        std::thread([] { EXPECT_THROW(interruption_point(), Interrupted); }).join();
    }
    EXPECT_THROW(check(Status{}), Interrupted);
    EXPECT_THROW(check(Status{kInvalidValue}), DeviceError);
    set_interruption_hook(nullptr);
    EXPECT_NO_THROW(check(Status{}));
}

}  // namespace
}  // namespace warpvae
