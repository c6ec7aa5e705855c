// equivae: Feige, "Invariant-Equivariant Representation Learning for Multi-Class Data", from data to report.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "cuda/device/device.h"
#include "host/feige/feige.h"
#include "host/log.h"
#include "host/options.h"
#include "host/training_run.h"

namespace {

using namespace warpvae;

struct Options {
    CommonOptions common;
    FeigeOptions feige;
    std::vector<std::string> mixing = {"paired"};
    std::string command, which = "supervised", deviation = "unit";
};

void add_options(CLI::App& app, Options& o) {
    o.common.epochs = 0;
    o.common.batch = 32;
    o.common.seeds = 5;
    app.add_option("command", o.command, "what to do, see below")->required()->check(CLI::IsMember({"table", "train"}));
    add_common_options(app, o.common);
    app.add_option("--which", o.which, "of the paper's two tables: supervised (Table 1), semi (Table 2)")
        ->check(CLI::IsMember({"supervised", "semi"}))
        ->type_name("TABLE");
    app.add_option("--labels", o.feige.labels, "semi: numbers of labelled images")
        ->delimiter(',')
        ->check(CLI::Range(1, 1 << 30))
        ->type_name("LIST");
    app.add_option("--mixing", o.mixing, "semi: paired (a labelled minibatch beside each unlabelled one) or sum")
        ->delimiter(',')
        ->check(CLI::IsMember({"paired", "sum"}))
        ->type_name("LIST");
}

void run(const CLI::App& app, Options& o) {
    FeigeOptions& f = o.feige;
    if (o.common.quick) o.common.epochs = o.common.epochs ? std::min(o.common.epochs, 2) : 2;
    f.out = o.common.out;
    f.seeds = o.common.seeds;
    f.first_seed = o.common.seed;
    f.epochs = o.common.epochs;
    f.batch = o.common.batch;
    f.quiet = o.common.quiet;
    f.resume = !o.common.resume.empty();
    f.quick = o.common.quick;
    f.mixing.clear();
    for (const std::string& name : o.mixing)
        f.mixing.push_back(name == "paired" ? LabelledMixing::kPaired : LabelledMixing::kSum);
    const DataSet data = load_data(o.common);
    prepare_output(app, o.common);
    FeigeExperiment experiment(f, data);
    std::vector<FeigeReplica> replicas =
        o.which == "semi" ? experiment.semi_supervised_replicas() : experiment.supervised_replicas();
    if (o.command == "train") return experiment.train(replicas);
    experiment.train_and_evaluate(replicas);
    for (const FeigeReplica& r : replicas)
        std::printf("%s distance %.4f likelihood %.4f neural %.4f classifier %.4f benchmark %.4f probes %.4f %.4f %.4f\n",
                    r.name().c_str(), r.distance.value_or(-1), r.likelihood.value_or(-1), r.neural.value_or(-1),
                    r.classifier.value_or(-1), r.benchmark.value_or(-1), r.probe_r.value_or(-1), r.probe_v.value_or(-1),
                    r.probe_v_sample.value_or(-1));
}

}  // namespace

int main(int argc, char** argv) {
    return run_program("equivae", [&] {
        require_device();
        CLI::App app("EQUIVAE");
        Options o;
        add_options(app, o);
        parse_command_line(app, o.common, argc, argv);
        run(app, o);
    });
}
