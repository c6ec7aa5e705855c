// The command-line options that every experiment shares, and how a program ends: 0 done, 2 wrong usage, 1 anything
// else, with one line on standard error.
#pragma once
#include <CLI/CLI.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/ops.h"
#include "data/data_set.h"
#include "data/error.h"
#include "host/experiment/program_end.h"

namespace warpvae {

struct CommonOptions {
    std::string data, dataset = "mnist", math = "fp32", out, resume;
    int seeds = 1, epochs = 10, batch = 128;
    std::uint64_t seed = 1;
    std::size_t train_images = 0, test_images = 0;
    bool quick = false, quiet = false, overwrite = false, no_graph = false;
    std::filesystem::path data_folder() const;
    Math math_mode() const;
};

/// Adds the shared options to `app`; `--config FILE.toml` too.
void add_common_options(CLI::App& app, CommonOptions& options);

/// Parses; `--resume DIR` reads DIR/config.toml first. On --help or a wrong usage ends the program.
void parse_command_line(CLI::App& app, CommonOptions& options, int argc, char** argv);

/// Takes the output folder for this process, to the end of its life; a run that is left there says how to go on.
void enter_output(const CLI::App& app, const CommonOptions& options);
/// Enters the output folder, makes it ready and writes config.toml: every option of `app`, resolved, then where it ran.
/// Refuses a folder that already holds a run, unless resuming or told to overwrite.
void prepare_output(const CLI::App& app, const CommonOptions& options);

/// Every option as resolved, then device, versions and commit: for config.toml and the report.
std::vector<std::pair<std::string, std::string>> resolved_settings(const CLI::App& app);

/// Loads --dataset from --data; `auto` is mnist if it is there or a network answers, else glyphs, and says so. Throws
/// UsageError if the set is in colour and the program does not take that.
DataSet load_data(const CommonOptions& options, bool takes_colour = false);

}  // namespace warpvae
