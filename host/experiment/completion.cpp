#include "host/experiment/completion.h"

#include <algorithm>

namespace warpvae {
namespace {

/// Of `candidates`, those that begin with `begun`.
std::vector<std::string> beginning_with(const std::vector<std::string>& candidates, const std::string& begun) {
    std::vector<std::string> fitting;
    for (const std::string& candidate : candidates)
        if (candidate.compare(0, begun.size(), begun) == 0) fitting.push_back(candidate);
    return fitting;
}

/// The words of a type like "{bilinear,nearest}", also of a list of them; none where any text or number will do.
std::vector<std::string> values_of(const std::string& type) {
    const std::size_t open = type.find('{'), close = type.rfind('}');
    std::vector<std::string> values;
    if (open == std::string::npos || close == std::string::npos) return values;
    for (std::size_t begin = open + 1; begin < close;) {
        const std::size_t end = std::min(type.find(',', begin), close);
        values.push_back(type.substr(begin, end - begin));
        begin = type.find_first_not_of(' ', end + 1);
    }
    return values;
}

/// The last of several values with commas between them is the one to complete.
std::vector<std::string> completed_value(const Setting& setting, const std::string& begun) {
    const bool is_list = setting.type.rfind("LIST", 0) == 0;
    const std::size_t comma = is_list ? begun.rfind(',') : std::string::npos;
    const std::string before = comma == std::string::npos ? "" : begun.substr(0, comma + 1);
    std::vector<std::string> values = beginning_with(values_of(setting.type), begun.substr(before.size()));
    for (std::string& value : values) value.insert(0, before);
    return values;
}

std::vector<std::string> options_of(const CommandLine::Form& form, const Settings& settings,
                                    const std::string& command) {
    std::vector<std::string> options = {"--help", "--quiet"};
    if (form.makes_runs)
        for (const char* option : {"--out", "--resume", "--config", "--share", "--overwrite", "--dry-run"})
            options.push_back(option);
    for (const Setting& s : settings.all())
        if (s.is_of(command)) options.push_back("--" + s.word());
    std::sort(options.begin(), options.end());
    return options;
}

}  // namespace

std::vector<std::string> completions(const CommandLine::Form& form, const Settings& settings,
                                     const std::vector<std::string>& words) {
    if (words.empty()) return {};
    const std::string& begun = words.back();
    if (words.size() == 1) {
        std::vector<std::string> first = {"--help", "--version", "--completion"};
        for (const CommandLine::Command& command : form.commands) first.push_back(command.name);
        return beginning_with(first, begun);
    }
    if (std::find(words.begin(), words.end() - 1, "--") != words.end() - 1) return {};  // operands: files
    std::string option = words[words.size() - 2], value = begun;
    if (words.size() == 2 && option == "--completion") return beginning_with({"bash", "zsh", "fish"}, begun);
    // bash makes three words of --math=tf32.
    if (option == "=" && words.size() > 2) option = words[words.size() - 3];
    if (begun == "=") value.clear();
    if (begun == "=" || option.rfind("--", 0) == 0)
        for (const Setting& s : settings.all())
            if (!s.is_flag && option == "--" + s.word()) return completed_value(s, value);
    return begun.rfind('-', 0) == 0 ? beginning_with(options_of(form, settings, words[0]), begun)
                                    : std::vector<std::string>{};
}

std::string completion_script(const std::string& program, const std::string& shell) {
    if (shell == "bash")
        return "_" + program + "() {\n    mapfile -t COMPREPLY < <(" + program +
               " --complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n}\ncomplete -o bashdefault -o default -F "
               "_" +
               program + " " + program + "\n";
    if (shell == "zsh")
        return "#compdef " + program + "\n_" + program + "() {\n    local -a offered\n    offered=(\"${(@f)$(" +
               program + " --complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\")\n" +
               "    if [[ -n $offered ]]; then compadd -a offered; else _files; fi\n}\n" +
               // Sourced, it is registered; as a file that zsh loads at the first Tab, it answers that one.
               "if [[ ${funcstack[1]} == _" + program + " ]]; then _" + program + "; else compdef _" + program + " " +
               program + "; fi\n";
    if (shell == "fish")
        return "complete -c " + program + " -a '(" + program +
               " --complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'\n";
    throw UsageError("--completion " + shell + ": choose bash, zsh or fish");
}

}  // namespace warpvae
