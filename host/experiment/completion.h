// Completion of a program's command line in bash, zsh and fish: the shell asks the program itself, so what it offers is
// what this build takes.
#pragma once
#include <string>
#include <vector>

#include "host/experiment/command_line.h"

namespace warpvae {

/// What may stand for the last of `words` (those after the program's name, the last one begun or empty): commands,
/// options of the command, values of an option that has a list of them. None where files are meant.
std::vector<std::string> completions(const CommandLine::Form& form, const Settings& settings,
                                     const std::vector<std::string>& words);

/// The lines that teach `shell` (bash, zsh or fish) to ask `program`. Throws UsageError for another shell.
std::string completion_script(const std::string& program, const std::string& shell);

}  // namespace warpvae
