#include "host/experiments/equivae/results.h"

namespace warpvae {
namespace {

/// z is v. r of an image is f_inv of the image itself, which needs no label; r of a class is the mean over the
/// validation images.
struct EquivaeLatentModel : LatentModel {
    EquivaeLatentModel(const EquivaeExperiment& experiment, const EquivaeReplica& replica)
        : trained(experiment, replica) {}

    Autoencoder<float>& model() override { return trained.model; }
    int given() const override { return trained.Z; }
    int classes() const override { return trained.classes; }
    std::vector<float> class_given(int k) const override {
        std::vector<float> r;
        add_row(r, trained.r_y, std::size_t(k), trained.Z);
        return r;
    }
    std::vector<float> read_given(int rows) override {
        Equivae<float>& model = trained.model;
        const std::size_t bytes = std::size_t(rows) * std::size_t(trained.Z) * sizeof(float);
        model.embed(rows);
        check(copy_on_device(model.r(), model.embedding(), bytes, model.stream()));
        std::vector<float> r(std::size_t(rows) * std::size_t(trained.Z));
        check(copy_to_host(r.data(), model.embedding(), bytes, model.stream()));
        return r;
    }
    void give(const float* r, int rows) override {
        check(copy_to_device(trained.model.r(), r, std::size_t(rows) * std::size_t(trained.Z) * sizeof(float),
                             trained.model.stream()));
    }
    std::vector<float> levels(std::vector<float> means) const override {
        return trained.pixels.host.mean.empty() ? means : trained.pixels.levels(std::move(means));
    }

    TrainedEquivae trained;
};

}  // namespace

std::vector<LatentSubject> equivae_latents_of(const EquivaeExperiment& experiment,
                                              const std::vector<EquivaeReplica>& replicas) {
    std::vector<LatentSubject> all;
    for (const EquivaeReplica& replica : replicas)
        all.push_back({replica.name(), replica.drawn_seed(), [&experiment, replica](int) {
                           return std::make_unique<EquivaeLatentModel>(experiment, replica);
                       }});
    return all;
}

}  // namespace warpvae
