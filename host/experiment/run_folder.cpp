#include "host/experiment/run_folder.h"

#include "data/files.h"
#include "host/experiment/provenance.h"
#include "host/files/config_file.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.toml";

void write_config(const fs::path& path, const Values& settings, const Values& made_by) {
    std::string text = "# Every setting of this run: --config FILE runs it again.\n";
    const auto add = [&](const Values& values) {
        for (const auto& [key, value] : values) text += key + " = " + toml_string(value) + "\n";
    };
    add(settings);
    text += "\n[provenance]\n";
    add(made_by);
    write_file(path, text);
}

/// Of a run that others have gone on with: "CPU, 2 cores; NVIDIA H100".
Values provenance_with_earlier(const fs::path& config) {
    Values all = provenance();
    for (const ConfigEntry& entry : read_config(read_file(config), config.string()))
        for (auto& [key, value] : all) {
            if (entry.tables != std::vector<std::string>{"provenance"} || entry.key != key || entry.values.empty())
                continue;
            const std::string& earlier = entry.values[0];
            value = ("; " + earlier).ends_with("; " + value) ? earlier : earlier + "; " + value;
        }
    return all;
}

/// A folder that training filled: a replica's, or a set of them below it.
bool is_of_replicas(const fs::path& folder) {
    for (const char* file : {"model.safetensors", "checkpoint.safetensors", "result.json"})
        if (fs::exists(folder / file)) return true;
    return false;
}

/// Whether a program has written this config.toml: others, too, have files of that name.
bool is_of_run(const fs::path& config) {
    return fs::exists(config) && read_file(config).find("\n[provenance]\n") != std::string::npos;
}

/// Removes all that programs write into a run's folder, where there is a run; a user's own files stay. Tables, and
/// nothing else that is written here, are pairs of a .json and a .md.
void remove_run(const fs::path& folder) {
    if (!is_of_run(folder / kConfig)) return;
    std::vector<fs::path> written;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string(), ending = entry.path().extension().string();
        if (entry.is_directory()) {
            const bool made = name == "figures" || name == "latents" || name == "denoised" || name == "reduced";
            if (made || is_of_replicas(entry.path())) written.push_back(entry.path());
            continue;
        }
        fs::path other = entry.path();
        other.replace_extension(ending == ".md" ? ".json" : ".md");
        const bool is_table = (ending == ".md" || ending == ".json") && fs::exists(other);
        const bool is_metrics = ending == ".jsonl" && name.starts_with("metrics");
        if (is_table || is_metrics || name == "report.html" || name == "statements.json" || name == "findings.json")
            written.push_back(entry.path());
    }
    written.push_back(folder / kConfig);  // last: without it nobody knows the rest for a run's
    for (const fs::path& path : written) {
        std::error_code error;
        fs::remove_all(path, error);
        if (error) throw Error("--overwrite: cannot remove " + path.string() + ": " + error.message());
    }
}

}  // namespace

Values read_settings(const fs::path& file) {
    try {
        Values values;
        for (const ConfigEntry& entry : read_config(read_file(file), file.string())) {
            if (!entry.tables.empty()) continue;
            std::string text;
            for (const std::string& value : entry.values) text += (text.empty() ? "" : ",") + value;
            values.emplace_back(entry.key, text);
        }
        return values;
    } catch (const Error& e) {
        throw UsageError(e.what());
    }
}

RunFolder RunFolder::looked_at(fs::path path, Entry entry) {
    RunFolder folder;
    folder.path_ = std::move(path);
    folder.entry_ = entry;
    folder.begun_ = true;
    return folder;
}

RunFolder::RunFolder(fs::path path, Entry entry, bool shared) : path_(std::move(path)), entry_(entry) {
    const bool holds_run = fs::exists(path_ / kConfig);
    if (holds_run && entry == Entry::kNew)
        throw UsageError("--out " + path_.string() + " already holds a run: go on with --resume " + path_.string() +
                         ", start anew with --overwrite, or choose another folder");
    if (holds_run && entry == Entry::kOverwrite && !is_of_run(path_ / kConfig))
        throw UsageError("--overwrite: " + (path_ / kConfig).string() + " is not of a run; choose another folder");
    lock_ = RunLock(path_, shared);
    if (!shared) remove_leftovers(path_);  // else they may be files that another is writing
}

void RunFolder::begin(const Settings& settings) const {
    if (entry_ == Entry::kResume || begun_) return;
    begun_ = true;
    if (entry_ == Entry::kJoin && fs::exists(path_ / kConfig)) return join(settings);
    if (entry_ == Entry::kOverwrite) remove_run(path_);
    write_config(path_ / kConfig, settings.resolved(), provenance());
}

void RunFolder::join(const Settings& settings) const {
    // Where the data lie may differ from machine to machine.
    const std::string other =
        difference(settings.resolved(), read_settings(path_ / kConfig), {"data", "no-graph", "quick"});
    if (!other.empty())
        throw UsageError(path_.string() + " holds a run with " + other + ": all shares of a run have its settings");
}

void RunFolder::keep_grown(const Settings& settings) const {
    Values kept = read_settings(path_ / kConfig);
    bool grown = false;
    for (const Setting& s : settings.all())
        for (auto& [name, value] : kept)
            if (s.grows && name == s.name && value != s.text()) value = s.text(), grown = true;
    if (grown) write_config(path_ / kConfig, kept, provenance_with_earlier(path_ / kConfig));
}

}  // namespace warpvae
