// What the experiments of all papers do: train replicas in groups, evaluate them or read their results, and refuse what
// is on disk where it was made otherwise. A paper supplies its replicas and what it puts on the device for them.
#pragma once
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/core/trainer.h"
#include "host/evaluate/statement.h"
#include "host/experiment/result.h"
#include "host/experiment/run_folder.h"
#include "host/experiment/run_options.h"

namespace warpvae {

/// One model of a run: which it is, and what was read from it.
struct Replica {
    virtual ~Replica() = default;
    std::uint64_t seed = 1;
    int epochs = 0;      ///< that it was trained for; 0: not yet
    double seconds = 0;  ///< of training, all sessions

    /// All but the seed, as a folder may be called: "s-z20". Replicas of one shape() train in the same launches.
    virtual std::string group() const = 0;
    virtual std::string shape() const { return group(); }
    /// Its folder, its name in metrics.jsonl: "s-z20-seed1".
    virtual std::string name() const { return group() + "-seed" + std::to_string(seed); }
    /// Its value of each setting that is a list of the run, and of those that do not matter to it an empty one.
    virtual Values own() const = 0;
    /// The same of the settings that decide what is read from it.
    virtual Values own_evaluation() const { return {}; }
    /// The seed of its initial values, minibatches and noise.
    virtual std::uint64_t drawn_seed() const { return seed; }
    /// What evaluation fills.
    virtual void fields(Fields& f) = 0;
};

/// The replicas of an ensemble as what the paper knows them to be.
template <class R>
std::vector<R*> typed(const std::vector<Replica*>& replicas) {
    std::vector<R*> out;
    for (Replica* replica : replicas) out.push_back(static_cast<R*>(replica));
    return out;
}
/// Replicas of one group together, in the order in which they first occur: the rows of a table.
template <class R>
std::vector<std::vector<const R*>> by_group(const std::vector<R>& replicas) {
    std::vector<std::vector<const R*>> groups;
    for (const R& replica : replicas) {
        std::size_t i = 0;
        while (i < groups.size() && groups[i][0]->group() != replica.group()) ++i;
        if (i == groups.size()) groups.emplace_back();
        groups[i].push_back(&replica);
    }
    return groups;
}
template <class R>
void by_group(std::vector<R>&& replicas) = delete;  // they would be gone before their groups
/// The first of each group: the first seed's.
template <class R>
std::vector<R> first_of_each(const std::vector<R>& replicas) {
    std::vector<R> first;
    for (const auto& members : by_group(replicas)) first.push_back(*members[0]);
    return first;
}

/// For Ensemble::after_epoch(): how each replica does on test images.
struct ElboSummary;
std::vector<Json> test_metrics(const std::vector<ElboSummary>& summaries);

/// Replicas of one shape on the device, trained and evaluated in the same launches.
class Ensemble {
  public:
    Ensemble(const std::vector<Replica*>& replicas, Math math);
    virtual ~Ensemble();
    Ensemble(const Ensemble&) = delete;
    Ensemble& operator=(const Ensemble&) = delete;

    virtual Model<float>& model() = 0;
    /// What an epoch passes over.
    virtual const DeviceImages& epoch_images() const = 0;
    /// Optimiser, phases, clipping: what the paper has otherwise than Adam at one minibatch size.
    virtual void choose(TrainerOptions&) const {}
    /// After each epoch: what is added to each replica's line of the metrics.
    virtual std::vector<Json> after_epoch(int epoch);
    /// Fills the replicas.
    virtual void evaluate() = 0;

    int size() const { return int(seeds.size()); }
    /// The same images for all replicas.
    DeviceImages shared(const std::vector<std::uint8_t>& bytes, std::size_t image_size) const {
        return DeviceImages({&bytes}, std::vector<int>(seeds.size(), 0), int(image_size));
    }

    const Stream stream;
    const Matmul matmul;
    const std::vector<std::uint64_t> seeds;
    const DeviceBuffer<std::uint64_t> device_seeds;
};

/// A trained model, or any, alone on the device.
template <class M>
struct OnDevice {
    template <class... A>
    explicit OnDevice(A&&... arguments) : model(std::forward<A>(arguments)..., matmul) {}
    struct OwnStream {
        Stream stream = stream_create();
        ~OwnStream() { stream_destroy(stream); }
    } own;
    const Stream stream = own.stream;
    const Matmul matmul{own.stream};
    M model;
};

/// A result that is no replica's: its file in the run's folder, what it depends on, what it holds.
struct OtherResult {
    std::string file;
    Origin origin;
    std::function<void(Fields&)> fields;
};

/// What an experiment stands on: all must outlive it.
struct Run {
    Run(const RunOptions& options, const Settings& settings, const RunFolder& folder, const DataSet& data);
    const RunOptions& options;
    const Settings& settings;
    const RunFolder& folder;
    const DataSet& data;
    const std::string training_images, test_images;  ///< digests
};

class Experiment {
  public:
    /// `version` of the paper's evaluation: results of another one are made anew. `part`: the folder below the run's
    /// where a part of the run is written.
    Experiment(const Run& run, int version, const std::filesystem::path& part = {});
    virtual ~Experiment();

    /// Trains what is not yet trained. Throws Interrupted, DivergenceError, Error.
    template <class R>
    void train(std::vector<R> replicas) {
        go(pointers(replicas), false);
    }
    /// And evaluates, unless a result on disk is of the same training, images and evaluation.
    template <class R>
    void train_and_evaluate(std::vector<R>& replicas) {
        go(pointers(replicas), true);
    }
    /// The next of these two calls trains `replicas` too: the processes of a shared run divide the models of one call,
    /// and go on alone after it.
    template <class R>
    void train_beside_the_next(const std::vector<R>& replicas) {
        for (const R& replica : replicas) beside_.push_back(std::make_unique<R>(replica));
    }
    /// Those that are trained, for all of their epochs. Throws Error if none is, or one was trained otherwise than this
    /// call's settings say.
    template <class R>
    std::vector<R> trained(const std::vector<R>& replicas) const {
        std::vector<R> out;
        for (const R& replica : replicas)
            if (is_trained(replica)) {
                require_same_training(replica);
                out.push_back(replica);
            }
        if (out.empty()) none_is_trained(replicas.empty() ? "" : folder_of(replicas.front()).string());
        return out;
    }

    bool is_trained(const Replica& replica) const;
    /// The weights [P] of a trained replica. Throws Error where there are none, or they were trained otherwise than
    /// this call's settings say.
    std::vector<float> weights(const Replica& replica, const ParameterLayout& layout) const;
    /// What a replica's results depend on; what other results do, by the own values of their training and evaluation.
    Origin origin(const Replica& replica) const;
    Origin origin(const Values& own, const Values& own_evaluation = {}) const;
    std::filesystem::path folder_of(const Replica& replica) const { return out() / replica.name(); }
    const std::filesystem::path& out() const { return out_; }
    std::filesystem::path figure(const std::string& name) const { return out_ / "figures" / (name + ".png"); }
    const RunOptions& options() const { return run_.options; }
    const DataSet& data() const { return run_.data; }
    const Run& run() const { return run_; }

    /// OUT/statements.json: what this command measured, and what earlier ones did and this one did not. `choosing` are
    /// settings that only say which models there are: other models of the same settings may have been measured before.
    void publish(const std::string& paper, std::vector<Statement> statements,
                 const std::vector<std::string>& choosing) const;
    /// Statement::origin of what publish() writes.
    std::string statements_origin(const std::vector<std::string>& choosing) const;

    /// Results that are no replicas'. Each is read where all of its origin agrees. make(numbers of the others) makes
    /// them, as many at once as replicas train together; they are written as soon as they are made. The processes of a
    /// shared run divide them, but for those that an ensemble's evaluate() asks for.
    void read_or_make(const std::vector<OtherResult>& results,
                      const std::function<void(const std::vector<std::size_t>&)>& make) const;

  protected:
    virtual std::unique_ptr<Ensemble> ensemble(const std::vector<Replica*>& replicas) = 0;
    virtual int epochs_of(const Replica&) const { return options().epochs; }

  private:
    template <class R>
    static std::vector<Replica*> pointers(std::vector<R>& replicas) {
        std::vector<Replica*> out;
        for (R& replica : replicas) out.push_back(&replica);
        return out;
    }
    void go(const std::vector<Replica*>& replicas, bool evaluate);
    struct Work {
        std::vector<Replica*> group;
        bool evaluate = false;
    };
    /// --dry-run: prints what these groups would cost and ends the program.
    [[noreturn]] void rehearse(const std::vector<Work>& work);
    /// Throws Error where the device has no room for some of these groups, before any is trained.
    void require_memory(const std::vector<Work>& work);
    /// Takes the folder into use; in a job the first rank does, and the others wait for it.
    void begin() const;
    /// Ends this process's part of a shared run, or goes on alone with what all have made.
    void gather(const std::vector<Replica*>& replicas, bool evaluate);
    void require_own_folders(const std::vector<Replica*>& replicas) const;
    /// Whether its result is read; throws Error where its weights were trained otherwise.
    bool is_done(Replica& replica) const;
    struct Started;
    /// On the device, with initial values.
    Started start(const std::vector<Replica*>& group);
    /// Parts of a group, each of models that have saved a step in common, or none: one whose members have come less far
    /// would otherwise take the others back to where it begins.
    std::vector<std::vector<Replica*>> with_common_step(const std::vector<Replica*>& group) const;
    void run_group(const std::vector<Replica*>& group, bool evaluate);
    void require_same_training(const Replica& replica) const;
    [[noreturn]] void none_is_trained(const std::string& missing) const;

    const Run run_;
    const int version_;
    const std::filesystem::path out_;
    bool evaluates_group_ = false;                  // of replicas, which are this process's share already
    std::vector<std::unique_ptr<Replica>> beside_;  // to be trained by the next go()
    std::set<std::filesystem::path> begun_;  // folders of replicas that this experiment has trained: it goes on there
};

}  // namespace warpvae
