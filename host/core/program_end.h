// How a program ends: 0 done, 2 wrong usage, 1 anything else, with one line on standard error.
#pragma once
#include <functional>
#include <string>

namespace warpvae {

/// Throw to end a program early and well, as --help does.
struct ProgramEnd {
    int status = 0;
};

/// Calls `body`, turns exceptions into one line on standard error and an exit status. Ctrl-C and SIGTERM leave the work
/// at its next interruption point; a reader of standard output that goes away ends the printing only; output that
/// cannot be written for another reason ends with status 1.
int run_program(const char* name, const std::function<void()>& body);

/// How a run that is left now is gone on with: a command, said to the user at Ctrl-C.
void set_go_on_command(std::string command);
/// `text` as the shell reads it: as it is, or quoted.
std::string shell_quoted(const std::string& text);

}  // namespace warpvae
