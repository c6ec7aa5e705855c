#include "host/core/program_end.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <new>

#include "cuda/device/device.h"
#include "cuda/ops/dense.h"
#include "data/error.h"
#include "host/core/interrupt.h"
#include "host/log.h"

namespace warpvae {
namespace {

std::string go_on_command;

/// A program that is started with its standard files closed would get their numbers for files of its own, and print
/// into those.
void open_standard_files() {
    for (const int fd : {0, 1, 2})
        while (::fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            if (::open("/dev/null", O_RDWR) < 0) return;
}

/// Whether everything printed has arrived, or its reader wants no more.
bool is_output_written() {
    std::cout.flush();
    const bool written = std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout.good();
    struct stat out {};
    return written || (::fstat(STDOUT_FILENO, &out) == 0 && (S_ISFIFO(out.st_mode) || S_ISSOCK(out.st_mode)));
}

/// One line on standard error, put together without memory of its own: there may be none.
int end_with(const char* name, const char* line, int status) {
    std::cout.flush();
    std::fprintf(stderr, "%s: %s\n", name, line);
    return status;
}

int end_of(const char* name, const std::function<void()>& body) {
    try {
        body();
        return 0;
    } catch (const ProgramEnd& end) {
        return end.status;
    } catch (const UsageError& e) {
        return end_with(name, e.what(), 2);
    } catch (const std::bad_alloc&) {
        return end_with(name, "out of memory; use fewer --seeds, a smaller --batch or --train-images", 1);
    } catch (const Interrupted&) {
        const bool begun = !go_on_command.empty();
        const std::string line = "interrupted; " + (begun ? "nothing is lost, go on with: " + go_on_command
                                                          : std::string("nothing had begun"));
        return end_with(name, line.c_str(), 1);
    } catch (const std::exception& e) {
        return end_with(name, e.what(), 1);
    }
}

}  // namespace

void set_go_on_command(std::string command) { go_on_command = std::move(command); }

std::string shell_quoted(const std::string& text) {
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) || std::strchr("_-+./,:=@%", c);
    });
    if (plain) return text;
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

int run_program(const char* name, const std::function<void()>& body) {
    open_standard_files();
    std::signal(SIGPIPE, SIG_IGN);  // else the reader's end would end the work
    catch_interrupts();  // to the very end: a signal that comes when all is done must not make it look otherwise
    const int status = end_of(name, [&] {
        if (const std::string warning = slow_instructions_warning(); !warning.empty()) log_warning(warning);
        body();
    });
    if (status == 0 && !is_output_written())
        return end_with(name, "standard output cannot be written (is the disk full?): what was printed is lost", 1);
    return status;
}

}  // namespace warpvae
