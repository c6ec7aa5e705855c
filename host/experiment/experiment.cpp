#include "host/experiment/experiment.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>

#include "data/files.h"
#include "host/core/checkpoint.h"
#include "host/core/phase.h"
#include "host/core/program_end.h"
#include "host/core/shares.h"
#include "host/core/training_run.h"
#include "host/evaluate/elbo.h"
#include "host/experiment/own_images.h"
#include "host/experiment/rehearsal.h"
#include "host/experiment/statements.h"
#include "host/files/metrics_log.h"
#include "host/log.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

/// Not of a checkpoint, which is gone on with for as many epochs as are asked for.
const std::vector<std::string> kGrows = {"epochs"};

std::vector<std::uint64_t> drawn_seeds(const std::vector<Replica*>& replicas) {
    std::vector<std::uint64_t> seeds;
    for (const Replica* replica : replicas) seeds.push_back(replica->drawn_seed());
    return seeds;
}

/// How many of `replicas` models train in the same launches, at most; asked for 0: all there are on a GPU, or so many
/// that each process has its share, and one on the CPU device.
std::size_t most_together(int asked, std::size_t replicas) {
    if (asked) return std::size_t(asked);
    const std::size_t processes = std::size_t(share().count);
    return device_is_gpu() ? std::max<std::size_t>(1, (replicas + processes - 1) / processes) : 1;
}

/// Of this process: in a shared run each writes its own.
std::string metrics_file() {
    if (share().is_alone()) return "metrics.jsonl";
    return "metrics-" + std::to_string(share().number + 1) + "-of-" + std::to_string(share().count) + ".jsonl";
}
/// What the processes of a shared run have written.
std::vector<fs::path> shared_metrics(const fs::path& folder) {
    std::vector<fs::path> files;
    if (!fs::exists(folder)) return files;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder))
        if (const std::string name = entry.path().filename().string();
            name.starts_with("metrics-") && name.ends_with(".jsonl"))
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

/// Neighbours of one shape together, `together` at a time.
std::vector<std::vector<Replica*>> groups_of(const std::vector<Replica*>& replicas, std::size_t together) {
    std::vector<std::vector<Replica*>> groups;
    for (Replica* replica : replicas) {
        const bool joins =
            !groups.empty() && groups.back().size() < together && groups.back().front()->shape() == replica->shape();
        if (!joins) groups.emplace_back();
        groups.back().push_back(replica);
    }
    return groups;
}

/// What result.json of a replica holds.
std::function<void(Fields&)> result_of(Replica& replica) {
    return [&replica](Fields& f) {
        f("epochs", replica.epochs);
        f("seconds", replica.seconds);
        replica.fields(f);
    };
}

[[noreturn]] void refuse(const fs::path& path, const std::string& what) {
    throw Error(path.string() + " was trained with " + what +
                ": use the settings of that run, another --out, or --overwrite to start anew");
}

}  // namespace

// --- ensembles -------------------------------------------------------------------------------------------------------

Ensemble::Ensemble(const std::vector<Replica*>& replicas, Math math)
    : stream(stream_create()), matmul(stream, math), seeds(drawn_seeds(replicas)), device_seeds(seeds, "seeds") {}
Ensemble::~Ensemble() { stream_destroy(stream); }
std::vector<Json> Ensemble::after_epoch(int) { return std::vector<Json>(seeds.size()); }

std::vector<Json> test_metrics(const std::vector<ElboSummary>& summaries) {
    std::vector<Json> lines;
    for (const ElboSummary& s : summaries)
        lines.push_back({{"test_negative_elbo", s.negative_elbo},
                         {"test_reconstruction", s.reconstruction},
                         {"test_kl", s.kl},
                         {"active_units", s.active_units}});
    return lines;
}

// --- what results depend on ------------------------------------------------------------------------------------------

Experiment::Experiment(const Run& run, int version, const fs::path& part)
    : run_(run), version_(version), out_(part.empty() ? run.folder.path() : run.folder.path() / part) {}
Experiment::~Experiment() = default;

Run::Run(const RunOptions& o, const Settings& s, const RunFolder& f, const DataSet& d)
    : options(o), settings(s), folder(f), data(d), training_images(digest(d.train)), test_images(digest(d.test)) {}

Origin Experiment::origin(const Values& own, const Values& own_evaluation) const {
    Origin origin{run_.settings.that_decide(kTraining, own), run_.settings.that_decide(kEvaluation, own_evaluation)};
    origin.training.emplace_back("training-images", run_.training_images);
    origin.evaluation.emplace_back("test-images", run_.test_images);
    origin.evaluation.emplace_back("version", std::to_string(version_));
    return origin;
}
Origin Experiment::origin(const Replica& replica) const {
    Values own = replica.own();
    own.emplace_back("seed", std::to_string(replica.drawn_seed()));
    own.emplace_back("epochs", std::to_string(epochs_of(replica)));
    return origin(own, replica.own_evaluation());
}

bool Experiment::is_trained(const Replica& replica) const { return fs::exists(folder_of(replica) / kWeights); }

void Experiment::none_is_trained(const std::string& missing) const {
    throw Error("no trained model in this run (there is no " + missing + "/" + kWeights +
                "): train first, or choose models that it has");
}

void Experiment::require_same_training(const Replica& replica) const {
    const fs::path path = folder_of(replica) / kWeights;
    if (const std::string other = difference(origin(replica).training, read_metadata(path)); !other.empty())
        refuse(path, other);
}

std::vector<float> Experiment::weights(const Replica& replica, const ParameterLayout& layout) const {
    require_same_training(replica);
    return load_weights(folder_of(replica) / kWeights, layout);
}

bool Experiment::is_done(Replica& replica) const {
    const Origin expected = origin(replica);
    const fs::path folder = folder_of(replica);
    if (read_result(folder / "result.json", expected, result_of(replica)).found == Found::kSame) return true;
    for (const char* file : {kWeights, kCheckpoint, kPreviousCheckpoint}) {
        if (!fs::exists(folder / file)) continue;
        const Values found = read_metadata(folder / file);
        if (const std::string other = difference(expected.training, found, kGrows); !other.empty())
            refuse(folder / file, other);
        for (const auto& [name, value] : found)
            if (file == std::string(kWeights) && name == "epochs" && std::stoll(value) > epochs_of(replica))
                refuse(folder / file, "epochs = " + value + ", more than " + std::to_string(epochs_of(replica)));
    }
    return false;
}

void Experiment::require_own_folders(const std::vector<Replica*>& replicas) const {
    std::map<std::string, const Replica*> taken;
    for (const Replica* replica : replicas) {
        const auto [at, is_new] = taken.emplace(replica->name(), replica);
        if (is_new) continue;
        throw UsageError("two models would share the folder " + replica->name() + ": " +
                         difference(origin(*replica).training, origin(*at->second).training) +
                         "; choose values that differ more");
    }
}

// --- training and evaluation -----------------------------------------------------------------------------------------

void Experiment::go(const std::vector<Replica*>& replicas, bool evaluate) {
    require_own_folders(replicas);
    // Before it looks at what is there: the first rank may overwrite a run.
    if (share().follows()) begin();
    std::vector<Work> left;
    std::size_t number = 0;
    for (const std::vector<Replica*>& group : groups_of(replicas, most_together(options().together, replicas.size()))) {
        std::vector<Replica*> open;  // of all groups, whoever takes them: is_done() reads what others have made
        for (Replica* replica : group) {
            const bool done = run_.folder.resumes() && is_done(*replica);
            if (!done || !evaluate) open.push_back(replica);
        }
        if (share().takes(number++))
            for (std::vector<Replica*>& part : with_common_step(open)) left.push_back({std::move(part), evaluate});
    }
    std::vector<Replica*> beside;
    for (const auto& replica : beside_) {
        const auto is_it = [&](const Replica* other) { return other->name() == replica->name(); };
        const bool is_there = run_.folder.resumes() && is_trained(*replica);
        if (!is_there && std::ranges::none_of(replicas, is_it)) beside.push_back(replica.get());
    }
    for (const std::vector<Replica*>& group : groups_of(beside, most_together(options().together, beside.size())))
        if (share().takes(number++))
            for (std::vector<Replica*>& part : with_common_step(group)) left.push_back({std::move(part), false});
    if (run_.options.dry_run) rehearse(left);
    require_memory(left);
    if (!share().follows()) begin();
    if (share().is_alone()) MetricsLog(out_ / "metrics.jsonl").take_in(shared_metrics(out_));
    for (const auto& [group, evaluates] : left) run_group(group, evaluates);
    beside_.clear();
    if (!share().is_alone()) gather(replicas, evaluate);
}

std::vector<std::vector<Replica*>> Experiment::with_common_step(const std::vector<Replica*>& replicas) const {
    std::vector<std::pair<std::set<std::uint64_t>, std::vector<Replica*>>> parts;
    for (Replica* replica : replicas) {
        const std::set<std::uint64_t> saved =
            run_.folder.resumes() ? saved_steps(folder_of(*replica)) : std::set<std::uint64_t>();
        const auto part = std::ranges::find_if(parts, [&](auto& of) {
            std::set<std::uint64_t> common;
            std::ranges::set_intersection(of.first, saved, std::inserter(common, common.end()));
            if (common.empty() && !(saved.empty() && of.first.empty())) return false;
            of.first = common;
            return true;
        });
        if (part != parts.end())
            part->second.push_back(replica);
        else
            parts.push_back({saved, {replica}});
    }
    std::vector<std::vector<Replica*>> groups;
    for (auto& part : parts) groups.push_back(std::move(part.second));
    return groups;
}

void Experiment::begin() const {
    if (run_.options.dry_run) return;
    if (share().follows()) wait_for_job();
    run_.folder.begin(run_.settings);
    if (share().follows()) return;
    if (run_.folder.resumes()) run_.folder.keep_grown(run_.settings);
    wait_for_job();
}

void Experiment::gather(const std::vector<Replica*>& replicas, bool evaluate) {
    wait_for_job();
    if (!share().leads()) {
        if (!share().of_job)
            log_info("share " + std::to_string(share().number + 1) + " of " + std::to_string(share().count) +
                     " is done; when all are, go on with --resume " + run_.folder.path().string());
        throw ShareDone();
    }
    disband_job();
    MetricsLog(out_ / "metrics.jsonl").take_in(shared_metrics(out_));
    for (Replica* replica : replicas)
        if (evaluate && !is_done(*replica))
            throw Error(folder_of(*replica).string() + ": another rank has left no result; go on with --resume " +
                        run_.folder.path().string());
}

struct Experiment::Started {
    std::unique_ptr<Ensemble> group;
    std::unique_ptr<Trainer> trainer;
};

Experiment::Started Experiment::start(const std::vector<Replica*>& replicas) {
    const InPhase phase(Phase::kData);
    Started started{ensemble(replicas), nullptr};
    Ensemble& group = *started.group;
    group.model().parameters().initialise(group.seeds, group.stream);
    TrainerOptions options;
    options.batch = run_.options.batch;
    options.learning_rates.assign(replicas.size(), float(run_.options.learning_rate));
    options.divergence = run_.options.divergence;
    options.graph = !run_.options.no_graph;
    group.choose(options);
    // Where minibatches grow, most of the time goes into the last ones.
    if (run_.options.dry_run && !options.phases.empty()) options.phases = {{0, options.phases.back().batch}};
    started.trainer =
        std::make_unique<Trainer>(group.model(), group.epoch_images(), group.seeds, group.matmul, options);
    return started;
}

void Experiment::require_memory(const std::vector<Work>& work) {
    std::set<std::pair<std::string, std::size_t>> seen;  // shape, models
    for (const auto& [replicas, evaluates] : work) {
        // The first is about to be made in any case.
        if (!seen.emplace(replicas[0]->shape(), replicas.size()).second || seen.size() == 1) continue;
        try {
            start(replicas);
        } catch (const DeviceError& e) {
            throw Error(group_label(replicas[0]->name(), replicas.size()) + ": " + e.what());
        }
    }
}

void Experiment::rehearse(const std::vector<Work>& work) {
    std::printf("%s: %s; %s\n", data().name.c_str(), set_line(data()).c_str(), device_name().c_str());
    std::vector<RehearsedGroup> plan;
    std::map<std::tuple<std::string, std::size_t, int>, std::size_t> alike;
    for (const auto& [replicas, evaluates] : work) {
        const int epochs = epochs_of(*replicas[0]);
        const auto [at, is_new] = alike.emplace(std::tuple(replicas[0]->shape(), replicas.size(), epochs), plan.size());
        if (!is_new) {
            ++plan[at->second].groups;
            continue;
        }
        const std::size_t before = device_bytes_in_use();
        const Started started = start(replicas);
        const double steps = double(started.trainer->epoch_start(std::uint64_t(epochs)));
        const double seconds = steps * seconds_a_step(*started.trainer);
        plan.push_back({group_label(replicas[0]->name(), replicas.size()), 1, int(replicas.size()), epochs,
                        started.group->model().parameters().layout().size(), device_bytes_in_use() - before, seconds});
    }
    if (plan.empty())
        std::printf("nothing is left to train\n");
    else
        std::printf("%sEvaluation, figures and what a command trains for them come on top. Nothing was written.\n",
                    plan_text(plan).c_str());
    throw ProgramEnd{0};
}

void Experiment::run_group(const std::vector<Replica*>& replicas, bool evaluate) {
    const Started started = start(replicas);
    Ensemble* const group = started.group.get();
    Trainer& trainer = *started.trainer;

    TrainingRunOptions run;
    run.epochs = epochs_of(*replicas[0]);
    run.quiet = run_.options.quiet;
    run.resume = run_.folder.resumes() || begun_.contains(folder_of(*replicas[0]));
    run.metrics = out_ / metrics_file();
    for (const Replica* replica : replicas)
        run.replicas.push_back({folder_of(*replica), replica->name(), origin(*replica).training});
    run.after_epoch = [&] {
        std::vector<Json> lines = group->after_epoch(int(trainer.epoch()));
        for (Json& line : lines)
            if (line.is_object()) line["test_images"] = run_.test_images;  // that its numbers are of
        return lines;
    };
    run_training(trainer, group->model(), run);
    for (const Replica* replica : replicas) begun_.insert(folder_of(*replica));
    if (!evaluate) return;
    std::map<std::string, double> seconds;  // of all sessions
    for (const Json& line : MetricsLog(run.metrics).read())
        seconds[line.value("replica", "")] += line.value("seconds", 0.);
    for (Replica* replica : replicas) {
        replica->epochs = int(trainer.epoch());
        replica->seconds = seconds[replica->name()];
    }
    evaluates_group_ = true;
    group->evaluate();
    evaluates_group_ = false;
    for (Replica* replica : replicas)
        write_result(folder_of(*replica) / "result.json", origin(*replica), result_of(*replica));
}

void Experiment::publish(const std::string& paper, std::vector<Statement> statements,
                         const std::vector<std::string>& choosing) const {
    const std::string digest = statements_origin(choosing);
    for (Statement& statement : statements) {
        statement.dataset = data().name;
        statement.origin = digest;
        statement.settings = run_.settings.of_statement(statement.id);
        // What the papers' sentences say is of MNIST. A table's cell says itself which images it is of.
        if (data().name != "mnist" && !is_cell(statement)) statement.measured.paper.reset();
    }
    write_statements(out_, paper, with_earlier(std::move(statements), out_));
}

std::string Experiment::statements_origin(const std::vector<std::string>& choosing) const {
    Values left_out;
    for (const std::string& name : choosing) left_out.emplace_back(name, "");
    return digest_of(origin(left_out));
}

void Experiment::read_or_make(const std::vector<OtherResult>& results,
                              const std::function<void(const std::vector<std::size_t>&)>& make) const {
    // First: a run that is overwritten has no results to read. Within a group's evaluation it has begun, and ranks with
    // more groups would meet those with fewer at the wrong barrier.
    if (!evaluates_group_) begin();
    const bool deals = !evaluates_group_ && !share().is_alone();  // a group's own results are its process's alone
    std::vector<std::size_t> missing;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const auto& [file, expected, fields] = results[i];
        // Also of a run that has just begun: several replicas may stand beside one such result.
        const ResultOnDisk result = read_result(out_ / file, expected, fields);
        if (result.found == Found::kSame) continue;
        if (result.found == Found::kOtherTraining && run_.folder.resumes())
            if (const std::string other = difference(expected.training, result.training, kGrows); !other.empty())
                refuse(out_ / file, other);
        if (!deals || share().takes(i)) missing.push_back(i);
    }
    if (run_.options.dry_run) {
        if (!missing.empty())
            std::printf("%zu classifiers come first, from %s on\n", missing.size(), results[missing[0]].file.c_str());
        return;
    }
    const std::size_t together = most_together(options().together, results.size());
    for (std::size_t first = 0; first < missing.size(); first += together) {
        const auto begin = missing.begin() + std::ptrdiff_t(first);
        const std::vector<std::size_t> which(begin, begin + std::ptrdiff_t(std::min(together, missing.size() - first)));
        make(which);
        for (const std::size_t i : which) write_result(out_ / results[i].file, results[i].origin, results[i].fields);
    }
    if (!deals) return;
    wait_for_job();
    for (const auto& [file, expected, fields] : results) read_result(out_ / file, expected, fields);  // the others' too
}

}  // namespace warpvae
