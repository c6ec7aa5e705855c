#include "host/experiment/program.h"

#include <algorithm>

#include "cuda/device/device.h"
#include "host/core/interrupt.h"
#include "host/core/phase.h"
#include "host/core/program_end.h"
#include "host/core/shares.h"
#include "host/log.h"

namespace warpvae {
namespace fs = std::filesystem;
namespace {

/// Images that are all of one class leave nothing to tell apart: they are as those without labels.
void drop_single_class(DataSet& set) {
    const auto& labels = set.train.labels;
    const auto is_first = [&](std::uint8_t label) { return label == labels[0]; };
    if (!set.labelled || labels.empty() || !std::ranges::all_of(labels, is_first) ||
        !std::ranges::all_of(set.test.labels, is_first))
        return;
    log_info(set.name + " has one class only, which is as good as none");
    set.labelled = false;
    set.class_names.clear();
    std::ranges::fill(set.train.labels, std::uint8_t(0));
    std::ranges::fill(set.test.labels, std::uint8_t(0));
}

}  // namespace

Program::Program(std::string name, std::string title, RunOptions defaults)
    : options(std::move(defaults)), name_(std::move(name)), title_(std::move(title)) {
    add_run_settings(settings_, options);
}
Program::~Program() = default;

int Program::main(int argc, char** argv) {
    return run_program(name_.c_str(), [&] {
        join_job();
        try {
            run({argv + 1, argv + argc});
        } catch (const ProgramEnd&) {  // --help, --dry-run: an end as good as any
            leave_job();
            throw;
        }
        leave_job();
    });
}

std::string Program::footer() const {
    if (quick_.empty() && paper_grid_.empty()) return examples_;
    std::string text = "\nGrids (what --grid sets, unless you say otherwise)\n";
    for (const auto& [name, values] : {std::pair("quick", &quick_), std::pair("paper", &paper_grid_)}) {
        text += "  " + std::string(name) + "       ";
        for (const auto& [setting, value] : *values) text += " --" + setting + " " + value;
        text += "\n";
    }
    return text + examples_;
}

const Program::Command& Program::resolve_settings(const std::vector<std::string>& arguments) {
    CommandLine::Form form{name_, title_, {}, footer()};
    for (const Command& c : commands_) form.commands.push_back({c.name, c.help, c.operands});
    line_ = parse_command_line(form, settings_, arguments);
    const Command* command = &commands_.front();
    for (const Command& c : commands_)
        if (c.name == line_.command) command = &c;

    const bool resumes = !line_.resume.empty();
    if (resumes && !line_.out.empty()) throw UsageError("--out and --resume: a run is written to one folder");
    if (command->needs_run && !resumes)
        throw UsageError(line_.command + " works on a run that is there: name it with --resume DIR (see --help)");
    if (line_.dry_run && command->needs_run)
        throw UsageError("--dry-run is for commands that train models; " + line_.command + " trains none");
    if (!resumes && line_.out.empty() && !line_.dry_run)
        throw UsageError("--out DIR is missing: the folder for everything the run writes (see --help)");
    if (!line_.share.empty()) take_share_of(line_.share);
    if (resumes && line_.overwrite) throw UsageError("--overwrite starts anew and --resume goes on: choose one");
    if (resumes) {
        const fs::path config = fs::path(line_.resume) / "config.toml";
        if (!fs::exists(config))
            throw UsageError("--resume " + line_.resume + ": there is no " + config.string() +
                             ", so no run to go on with");
        settings_.apply(read_settings(config), Setting::Source::kConfig, config.string());
    }
    if (!line_.config.empty()) settings_.apply(read_settings(line_.config), Setting::Source::kConfig, line_.config);
    const std::size_t train_images = options.train_images, test_images = options.test_images;
    for (const auto& [name, value] : line_.values) settings_.at(name).assign(value, Setting::Source::kCommandLine);
    // The digests in config.toml are of as many images as it says. Results depend on the images themselves in any case.
    if (options.train_images != train_images) options.training_digest.clear();
    if (options.test_images != test_images) options.test_digest.clear();
    if (options.quick) preset({{"grid", "quick"}}, "--quick");
    options.quick = options.grid == "quick";
    if (options.quick) preset(quick_, "--grid quick");
    if (options.grid == "paper") preset(paper_grid_, "--grid paper");
    resolve();
    options.quiet = line_.quiet || share().follows();
    options.resume = resumes;
    options.dry_run = line_.dry_run;
    set_quiet(options.quiet);
    return *command;
}

void Program::take_share_of(const std::string& text) const {
    const auto slash = text.find('/');
    const Format<int> number = whole(1, 100000);
    const auto k = number.read(text.substr(0, slash));
    const auto n = slash == text.npos ? std::nullopt : number.read(text.substr(slash + 1));
    if (!k || !n || *k > *n)
        throw UsageError("--share " + text + ": must be K/N, the K-th of N parts, as in --share 2/3");
    if (line_.overwrite) throw UsageError("--share and --overwrite: the other shares' work would be lost");
    if (!share().is_alone()) throw UsageError("--share under mpirun: its ranks share the work already");
    take_share(*k, *n);
}

RunFolder Program::take_folder() const {
    const bool resumes = options.resume, shared = !share().is_alone();
    // Who resumes may ask for more than config.toml says: each model's own file says what it was made with.
    const RunFolder::Entry entry = resumes            ? RunFolder::Entry::kResume
                                   : !share().leads() ? RunFolder::Entry::kJoin
                                   : line_.overwrite  ? RunFolder::Entry::kOverwrite
                                                      : RunFolder::Entry::kNew;
    const std::string& path = resumes ? line_.resume : line_.out;
    return options.dry_run ? RunFolder::looked_at(path, entry) : RunFolder(path, entry, shared);
}

void Program::require_classes(const DataSet& data, std::size_t least) {
    std::vector<std::size_t> train(256), test(256);
    for (const std::uint8_t label : data.train.labels) ++train[label];
    for (const std::uint8_t label : data.test.labels) ++test[label];
    const auto refuse = [&](std::size_t label, const std::string& why) {
        throw UsageError("--train-images " + std::to_string(data.train.count()) + ": of class " +
                         std::to_string(label) + " there are " + std::to_string(train[label]) + " training images" +
                         why + "; take more images");
    };
    if (data.test.count() == 0) throw UsageError("the set has no test images");
    for (std::size_t k = 0; k < train.size(); ++k) {
        if (test[k] && !train[k]) refuse(k, ", but test images to be told apart");
        if (train[k] && train[k] < least) refuse(k, ", " + std::to_string(least) + " at least are needed");
    }
}

void Program::require_labelled(const DataSet& data) const {
    if (data.labelled) return;
    throw UsageError("--dataset " + options.dataset + ": its images have no labels, and `" + name_ + " " + command() +
                     "` learns from them; a folder for each class gives them (dataset --help)");
}

std::string Program::go_on_command(const Command& command) {
    std::string words = name_ + " " + command.name + " --resume " + shell_quoted(folder_.path().string());
    if (options.resume) {  // what a run begins with stands in its config.toml
        if (!line_.config.empty()) words += " --config " + shell_quoted(line_.config);
        for (const auto& [name, value] : line_.values) {
            const Setting& setting = settings_.at(name);
            if (setting.is_flag && value != "true") continue;
            words += " --" + setting.word();
            if (!setting.is_flag) words += (value.starts_with('-') ? "=" : " ") + shell_quoted(value);
        }
    }
    if (!line_.share.empty()) words += " --share " + line_.share;
    if (!line_.operands.empty()) words += " --";  // one may begin with a dash
    for (const std::string& word : line_.operands) words += " " + shell_quoted(word);
    return words;
}

void Program::run(const std::vector<std::string>& arguments) {
    const Command& command = resolve_settings(arguments);
    require_device();
    std::optional<InPhase> phase(std::in_place, Phase::kData);
    data_ = load_data(options);
    drop_single_class(*data_);
    check(*data_);
    if (!data_->labelled)
        log_info(data_->name + " has no labels: classifiers, their columns and the claims about them are left out");
    folder_ = take_folder();
    if (!options.dry_run) set_go_on_command(go_on_command(command));
    run_.emplace(options, settings_, folder_, *data_);
    hold_to_images(options, *data_, run_->training_images, run_->test_images);
    try {
        begin(*run_);
        phase.emplace(Phase::kEvaluation);  // all that a command does and has no other phase for
        command.body();
        folder_.begin(settings_);
    } catch (const ShareDone&) {
    } catch (const Interrupted&) {
        if (!folder_.has_begun()) set_go_on_command("");  // there is nothing to go on with
        throw;
    }
    phase.reset();
    if (const std::string times = run_times().line(); !times.empty()) log_info(times);
}

}  // namespace warpvae
