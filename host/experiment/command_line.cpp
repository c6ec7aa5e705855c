#include "host/experiment/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <sstream>

#include "host/core/program_end.h"
#include "host/experiment/completion.h"
#include "host/experiment/provenance.h"

namespace warpvae {
namespace {

/// `--alphas -inf,0`: a value that begins like an option is joined to its setting.
void join_negative_values(std::vector<std::string>& arguments, const Settings& settings) {
    const auto is_number = [](const std::string& text) {
        return text.size() > 1 && text[0] == '-' &&
               (std::isdigit(static_cast<unsigned char>(text[1])) || text[1] == '.' || text.rfind("-inf", 0) == 0);
    };
    for (std::size_t i = 0; i + 1 < arguments.size(); ++i)
        for (const Setting& s : settings.all())
            if (!s.is_flag && arguments[i] == "--" + s.word() && is_number(arguments[i + 1])) {
                arguments[i] += "=" + arguments[i + 1];
                arguments.erase(arguments.begin() + std::ptrdiff_t(i) + 1);
            }
}

/// --version, and what shells ask: answered without a command.
void answer(const CommandLine::Form& form, const Settings& settings, const std::vector<std::string>& arguments) {
    if (arguments.empty()) return;
    if (arguments[0] == "--version") {
        std::printf("%s\n", version_line().c_str());
    } else if (arguments[0] == "--completion") {
        std::printf("%s", completion_script(form.program, arguments.size() > 1 ? arguments[1] : "").c_str());
    } else if (arguments[0] == "--complete") {
        for (const std::string& word : completions(form, settings, {arguments.begin() + 1, arguments.end()}))
            std::printf("%s\n", word.c_str());
    } else {
        return;
    }
    throw ProgramEnd{0};
}

void require_command(const CommandLine::Form& form, const std::vector<std::string>& arguments) {
    std::string names;
    for (const CommandLine::Command& command : form.commands) {
        if (!arguments.empty() && arguments[0] == command.name) return;
        names += (names.empty() ? "" : ", ") + command.name;
    }
    if (!arguments.empty() && (arguments[0] == "--help" || arguments[0] == "-h")) return;
    const std::string what = arguments.empty()        ? "a command is missing"
                             : arguments[0][0] == '-' ? "the command comes first, before " + arguments[0]
                                                      : "\"" + arguments[0] + "\" is no command";
    throw UsageError(what + ": choose from " + names + " (see --help)");
}

void add_setting(CLI::App& app, const Setting& s, Values& values) {
    const auto take = [&values, &s](const std::string& text) { values.emplace_back(s.name, text); };
    CLI::Option* option =
        s.is_flag ? app.add_flag_function(
                        "--" + s.word(), [take](std::int64_t count) { take(count > 0 ? "true" : "false"); }, s.help)
                  : app.add_option_function<std::string>("--" + s.word(), take, s.help);
    option->group(s.commands.empty() ? s.group : "Of this command");
    if (s.is_flag) return;
    option->type_name(s.type)->default_str(s.text());
}

/// What stands after "--" is no setting, even if it begins with a dash: cut off and returned.
std::vector<std::string> cut_operands(std::vector<std::string>& arguments) {
    const auto mark = std::find(arguments.begin(), arguments.end(), "--");
    if (mark == arguments.end()) return {};
    const std::vector<std::string> operands(mark + 1, arguments.end());
    arguments.erase(mark, arguments.end());
    return operands;
}

void require_count(const std::vector<std::string>& operands, const CommandLine::Command& command) {
    const Operands& takes = command.operands;
    const int count = int(operands.size());
    const std::string see = " (see " + command.name + " --help)";
    if (count > takes.most)
        throw UsageError("\"" + operands[std::size_t(takes.most)] + "\": " + command.name + " takes " +
                         (takes.most ? "at most " + std::to_string(takes.most) : "no") + " words" + see);
    if (count < takes.least)
        throw UsageError(command.name + " takes at least " + std::to_string(takes.least) + " " + takes.name + see);
}

/// The examples of a program's --help that are this command's.
std::string examples_of(const std::string& footer, const std::string& beginning) {
    std::string examples;
    std::istringstream lines(footer);
    for (std::string line; std::getline(lines, line);)
        if (line.find("  " + beginning + " ") == 0) examples += "\n" + line;
    return examples.empty() ? "" : "\nExamples" + examples;
}

void add_run_options(CLI::App& sub, CommandLine& line) {
    sub.add_option("--out", line.out, "folder for everything the run writes")->type_name("DIR");
    sub.add_option("--resume", line.resume, "go on with the run in DIR, with its own settings")->type_name("DIR");
    sub.add_option("--config", line.config, "read settings from FILE.toml, as a run's own config.toml")
        ->type_name("FILE.toml");
    sub.add_option("--share", line.share,
                   "train the K-th of N parts of the run only, beside other processes that train the others; when all "
                   "are done, --resume DIR evaluates them together")
        ->type_name("K/N");
    sub.add_flag("--overwrite", line.overwrite, "start anew in a folder that already holds a run");
    sub.add_flag("--dry-run", line.dry_run, "train nothing, write nothing: say what would be trained, memory and time");
}

void add_command(CLI::App& app, const CommandLine::Form& form, const CommandLine::Command& command,
                 const Settings& settings, CommandLine& line) {
    CLI::App& sub = *app.add_subcommand(command.name, command.help);
    sub.footer(examples_of(form.footer, form.program + " " + command.name));
    sub.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    sub.set_help_flag("-h,--help", "print this help and end");
    if (!command.operands.name.empty())
        sub.add_option(command.operands.name, line.operands, command.operands.help)
            ->expected(-1)
            ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
            ->type_name("");
    const auto add_settings = [&](bool own) {
        for (const Setting& s : settings.all())
            if (s.commands.empty() != own && s.is_of(command.name)) add_setting(sub, s, line.values);
    };
    add_settings(true);  // what not every command takes stands first
    sub.option_defaults()->group("The run");
    if (form.makes_runs) add_run_options(sub, line);
    sub.add_flag("--quiet", line.quiet, "no progress bar, no remarks");
    add_settings(false);
}

}  // namespace

CommandLine parse_command_line(const CommandLine::Form& form, const Settings& settings,
                               const std::vector<std::string>& arguments) {
    answer(form, settings, arguments);
    require_command(form, arguments);
    CLI::App app(form.title, form.program);
    app.require_subcommand(1);
    app.set_version_flag("--version", version_line(), "print the version and end");
    app.add_option_function<std::string>(
           "--completion", [](const std::string&) {},
           "print what teaches a shell to complete: eval \"$(" + form.program + " --completion bash)\"")
        ->type_name("{bash,zsh,fish}");
    app.footer(form.footer);
    app.get_formatter()->column_width(28);
    CommandLine line;
    for (const CommandLine::Command& command : form.commands) add_command(app, form, command, settings, line);
    std::vector<std::string> reversed = arguments;
    const std::vector<std::string> after = cut_operands(reversed);
    join_negative_values(reversed, settings);
    std::reverse(reversed.begin(), reversed.end());  // as CLI11 takes them
    try {
        app.parse(reversed);
    } catch (const CLI::CallForHelp& e) {
        throw ProgramEnd{app.exit(e)};
    } catch (const CLI::ParseError& e) {
        std::string text = e.what();
        for (char& c : text)
            if (c == '\n') c = ' ';
        throw UsageError(text + " (see " + arguments[0] + " --help)");
    }
    line.command = app.get_subcommands().front()->get_name();
    line.operands.insert(line.operands.end(), after.begin(), after.end());
    for (const CommandLine::Command& command : form.commands)
        if (command.name == line.command) require_count(line.operands, command);
    return line;
}

}  // namespace warpvae
