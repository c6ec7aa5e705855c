// A program's command line: one subcommand for each thing that it does, and the settings that the command takes. The
// one door to CLI11.
#pragma once
#include <string>
#include <vector>

#include "host/experiment/settings.h"

namespace warpvae {

/// Words of a command that are no settings: pictures, numbers of images.
struct Operands {
    std::string name, help;  ///< none: the command takes no words; "two images, as PNG files"
    int least = 0, most = 0;
};

struct CommandLine {
    std::string command;
    std::vector<std::string> operands;
    std::string out, resume, config, share;
    bool overwrite = false, quiet = false, dry_run = false;
    Values values;  ///< of the settings that are named

    struct Command {
        std::string name, help;
        Operands operands;
    };
    struct Form {
        std::string program, title;
        std::vector<Command> commands;
        std::string footer;
        bool makes_runs = true;  ///< its commands take --out, --resume, --config and --overwrite
    };
};

/// Throws ProgramEnd after --help, --version or a question of the shell (completion.h), UsageError in one line.
CommandLine parse_command_line(const CommandLine::Form& form, const Settings& settings,
                               const std::vector<std::string>& arguments);

}  // namespace warpvae
