// A paper's program: its settings and commands, and the way from a command line to a command's body: settings resolved,
// data loaded and checked, the run's folder taken.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "host/experiment/command_line.h"
#include "host/experiment/experiment.h"

namespace warpvae {

class Program {
  public:
    struct Command {
        std::string name, help;
        std::function<void()> body;
        Operands operands = {};
        bool needs_run = false;  ///< works on a run that is there: --resume
    };
    Program(std::string name, std::string title, RunOptions defaults);
    virtual ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    /// The body of main: the exit status.
    int main(int argc, char** argv);
    /// The same for arguments without the program's name. Throws what ends a program.
    void run(const std::vector<std::string>& arguments);

    Settings& settings() { return settings_; }
    const std::string& name() const { return name_; }

    void add(Command command) { commands_.push_back(std::move(command)); }
    /// A command that works on a run that is there.
    void add_for_a_run(std::string name, std::string help, std::function<void()> body, Operands operands = {}) {
        commands_.push_back({std::move(name), std::move(help), std::move(body), std::move(operands), true});
    }
    /// Of this call. The run is there once begin() was called.
    const std::vector<std::string>& operands() const { return line_.operands; }
    const Run& run() const { return *run_; }

  protected:
    /// Below the settings in --help, after what the grids set: "Examples" and lines that begin with the program's name.
    void teach(std::string examples) { examples_ = std::move(examples); }

    /// What --grid sets; --help lists it.
    void grids(Values quick, Values paper) { quick_ = std::move(quick), paper_grid_ = std::move(paper); }

    /// Values that follow from others (--preset), as presets: what a user says stands.
    virtual void resolve() {}
    /// Refuses, before anything is trained, what these images or words cannot do. Throws UsageError.
    virtual void check(const DataSet&) const {}
    /// Of every class at least `least` training images, and test images of no other class. Throws UsageError.
    static void require_classes(const DataSet& data, std::size_t least);
    /// Throws UsageError where the images have none, and this command is nothing without.
    void require_labelled(const DataSet& data) const;
    /// The run's folder is taken and the data are there: make the experiment.
    virtual void begin(const Run& run) = 0;

    void preset(const Values& values, const std::string& where) {
        settings_.apply(values, Setting::Source::kPreset, where);
    }
    const std::string& command() const { return line_.command; }
    const DataSet& data() const { return *data_; }

    RunOptions options;
    Settings settings_;

  private:
    /// What stands below the settings in --help.
    std::string footer() const;
    const Command& resolve_settings(const std::vector<std::string>& arguments);
    /// What to type to go on with this call after it was left.
    std::string go_on_command(const Command& command);
    void take_share_of(const std::string& text) const;
    RunFolder take_folder() const;

    const std::string name_, title_;
    std::string examples_;
    Values quick_, paper_grid_;
    std::vector<Command> commands_;
    CommandLine line_;
    std::optional<DataSet> data_;
    RunFolder folder_;
    std::optional<Run> run_;
};

/// With a paper's own settings and its experiment, which is there once begin() was called.
template <class E, class Options>
class PaperProgram : public Program {
  protected:
    PaperProgram(std::string name, std::string title, RunOptions defaults)
        : Program(std::move(name), std::move(title), std::move(defaults)) {
        add_settings(settings_, paper_);
    }
    void begin(const Run& run) override { experiment_.emplace(run, paper_); }

    Options paper_;
    std::optional<E> experiment_;
};

}  // namespace warpvae
