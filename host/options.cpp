#include "host/options.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>

#include "cuda/device/device.h"
#include "data/fetch.h"
#include "data/files.h"
#include "host/core/interrupt.h"
#include "host/files/config_file.h"
#include "host/files/run_lock.h"
#include "host/log.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

// Options that steer one call and are no setting of the run.
bool is_setting(const std::string& name) {
    for (const char* other : {"help", "help-all", "config", "out", "resume", "overwrite", "quiet", "command", "images"})
        if (name == other) return false;
    return !name.empty();
}

/// Where and by what a run is made; libraries that change its numbers.
std::vector<std::pair<std::string, std::string>> provenance() {
    return {{"device", device_name()},
            {"warpvae", WARPVAE_VERSION},
            {"commit", WARPVAE_COMMIT},
            {"matrix-library", matmul_library()},
            {"compiler", __VERSION__}};
}

/// CLI11's own reader does not decode what it quotes.
struct TomlReader : CLI::ConfigTOML {
    explicit TomlReader(const CLI::App& app) : app_(app) {}
    std::vector<CLI::ConfigItem> from_config(std::istream& in) const override {
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        const CLI::Option* option = app_.get_config_ptr();
        std::vector<CLI::ConfigItem> found;
        for (ConfigEntry& entry : read_config(text, option->results().back())) {
            found.emplace_back();
            found.back().parents = std::move(entry.tables);
            found.back().name = std::move(entry.key);
            found.back().inputs = std::move(entry.values);
        }
        return found;
    }
    const CLI::App& app_;
};

RunLock output_lock;  // to the end of the process
std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
    return out;
}

}  // namespace

fs::path CommonOptions::data_folder() const { return data.empty() ? default_data_folder() : fs::path(data); }

Math CommonOptions::math_mode() const {
    return math == "tf32" ? Math::kTf32 : math == "bf16" ? Math::kBf16 : Math::kFp32;
}

void add_common_options(CLI::App& app, CommonOptions& o) {
    app.set_config("--config", "", "read settings from FILE.toml, as a run's own config.toml", false)
        ->type_name("FILE.toml");
    app.config_formatter(std::make_shared<TomlReader>(app));
    app.allow_config_extras(CLI::config_extras_mode::ignore_all);  // config.toml says where it ran, too
    app.option_defaults()->always_capture_default()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_option("--data", o.data, "folder of the data sets (else $WARPVAE_DATA, else ~/.cache/warpvae)")
        ->type_name("DIR");
    std::vector<std::string> choices = set_names();
    choices.insert(choices.begin(), "auto");
    app.add_option("--dataset", o.dataset, "auto: mnist if it is there or can be fetched at once, else glyphs")
        ->check(CLI::IsMember(choices))
        ->type_name("NAME");
    app.add_option("--train-images", o.train_images, "train on the first so many images only; 0: all")
        ->check(CLI::Range(0, 1 << 30))
        ->type_name("COUNT");
    app.add_option("--test-images", o.test_images, "test on the first so many images only; 0: all")
        ->check(CLI::Range(0, 1 << 30))
        ->type_name("COUNT");
    app.add_option("--seeds", o.seeds, "models trained for each setting, with seeds S, S+1, ...")
        ->check(CLI::Range(1, 1000))
        ->type_name("COUNT");
    app.add_option("--seed", o.seed, "the first seed S")->check(CLI::NonNegativeNumber)->type_name("S");
    app.add_option("--epochs", o.epochs, "passes over the training images")
        ->check(CLI::Range(1, 100000))
        ->type_name("COUNT");
    app.add_option("--batch", o.batch, "images per minibatch")->check(CLI::Range(4, 65536))->type_name("COUNT");
    app.add_option("--math", o.math, "precision of the GPU's matrix products")
        ->check(CLI::IsMember({"fp32", "tf32", "bf16"}))
        ->type_name("MODE");
    app.add_option("--out", o.out, "folder for everything the run writes")->type_name("DIR");
    app.add_option("--resume", o.resume, "go on with the run in DIR, with its own settings")->type_name("DIR");
    app.add_flag("--overwrite", o.overwrite, "start anew in a folder that already holds a run");
    app.add_flag("--quick", o.quick, "a smaller run that shows the whole in a few minutes");
    app.add_flag("--no-graph", o.no_graph,
                 "launch each kernel from the host instead of replaying a CUDA graph (for profiling)");
    app.add_flag("--quiet", o.quiet, "no progress bar, no remarks");
}

void parse_command_line(CLI::App& app, CommonOptions& o, int argc, char** argv) {
    std::vector<std::string> arguments(argv + 1, argv + argc);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        std::string folder;
        if (arguments[i] == "--resume" && i + 1 < arguments.size()) folder = arguments[i + 1];
        if (arguments[i].rfind("--resume=", 0) == 0) folder = arguments[i].substr(9);
        if (folder.empty()) continue;
        const fs::path config = fs::path(folder) / "config.toml";
        if (!fs::exists(config))
            throw UsageError("--resume " + folder + ": there is no " + config.string() + ", so no run to go on with");
        arguments.insert(arguments.end(), {"--config", config.string()});
        break;
    }
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    try {
        app.parse(arguments);
    } catch (const CLI::CallForHelp& e) {
        throw ProgramEnd{app.exit(e)};
    } catch (const CLI::CallForAllHelp& e) {
        throw ProgramEnd{app.exit(e)};
    } catch (const Error& e) {
        throw UsageError(e.what());  // config.toml's
    } catch (const CLI::ParseError& e) {
        std::string line = e.what();
        for (char& c : line)
            if (c == '\n') c = ' ';
        throw UsageError(line + " (see --help)");
    }
    if (!o.resume.empty()) o.out = o.resume;
    set_quiet(o.quiet);
}

std::vector<std::pair<std::string, std::string>> resolved_settings(const CLI::App& app) {
    std::vector<std::pair<std::string, std::string>> settings;
    for (const CLI::Option* option : app.get_options()) {
        const std::string name = option->get_single_name();
        if (!is_setting(name)) continue;
        std::string value = joined(option->results());
        const bool is_flag = option->get_items_expected_max() == 0;
        if (is_flag)
            value = option->count() && option->as<bool>() ? "true" : "false";
        else if (option->results().empty())
            value = option->get_default_str();
        if (value.size() > 1 && value.front() == '[' && value.back() == ']') value = value.substr(1, value.size() - 2);
        if (!value.empty()) settings.emplace_back(name, value);
    }
    return settings;
}

void enter_output(const CLI::App& app, const CommonOptions& o) {
    output_lock = RunLock(o.out);
    remove_leftovers(o.out);
    std::string words = app.get_name();
    for (const char* name : {"command", "images"})
        if (const CLI::Option* option = app.get_option_no_throw(name))
            for (const std::string& word : option->results()) words += " " + shell_quoted(word);
    set_go_on_command(words + " --resume " + shell_quoted(o.out));
}

void prepare_output(const CLI::App& app, const CommonOptions& o) {
    const fs::path config = fs::path(o.out) / "config.toml";
    if (o.resume.empty() && fs::exists(config) && !o.overwrite)
        throw UsageError("--out " + o.out + " already holds a run: go on with --resume " + o.out +
                         ", start anew with --overwrite, or choose another folder");
    enter_output(app, o);
    if (!o.resume.empty()) return;
    if (o.overwrite) {
        std::error_code ignored;
        fs::remove(fs::path(o.out) / "metrics.jsonl", ignored);
    }
    ConfigFile file;
    file.comment("Every setting of this run: --config FILE runs it again.");
    for (const auto& [key, value] : resolved_settings(app)) file.set(key, value);
    file.table("provenance");
    for (const auto& [key, value] : provenance()) file.set(key, value);
    file.write(config);
}

DataSet load_data(const CommonOptions& o, bool takes_colour) {
    if (o.dataset != "auto" && !takes_colour && known_set(o.dataset).shape.channels > 1)
        throw UsageError("--dataset " + o.dataset +
                         ": its images are in colour, this program takes grey ones: choose " +
                         alternatives(set_names([](const KnownSet& set) { return set.shape.channels == 1; })));
    const SetLimits limits{o.train_images, o.test_images};
    if (o.dataset != "auto") return load_set(o.dataset, o.data_folder(), limits);
    const KnownSet& mnist = known_set("mnist");
    if (inspect_set(mnist, o.data_folder()).presence != Presence::kPresent) {
        if (!can_fetch()) {
            log_info("no MNIST in " + o.data_folder().string() +
                     " and no libcurl in this build: using glyphs, digits drawn here");
            return load_set("glyphs", o.data_folder(), limits);
        }
        log_info("no MNIST in " + o.data_folder().string() + ": trying to fetch it");
        try {
            FetchOptions fetch;
            fetch.slow_seconds = 5;
            fetch_set(mnist, o.data_folder(), fetch);
        } catch (const Error& e) {
            log_info(std::string("no MNIST: ") + e.what());
            log_info("using glyphs instead, digits drawn here; their numbers do not compare with the paper's");
            return load_set("glyphs", o.data_folder(), limits);
        }
    }
    return load_set("mnist", o.data_folder(), limits);
}

}  // namespace warpvae
