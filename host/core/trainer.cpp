#include "host/core/trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "host/core/steps_in_flight.h"

namespace warpvae {

Trainer::Trainer(Model<float>& model, const DeviceImages& images, const std::vector<std::uint64_t>& seeds,
                 const Matmul& matmul, TrainerOptions options)
    : model_(model),
      images_(images),
      matmul_(matmul),
      options_(std::move(options)),
      gather_(model.input_shape()),
      schedule_(images.count(),
                options_.phases.empty() ? std::vector<BatchPhase>{{0, options_.batch}} : options_.phases),
      seeds_(seeds, "seeds"),
      device_step_(1, "step"),
      learning_rates_(options_.learning_rates, "learning rates"),
      first_moments_(std::size_t(model.replicas()) * model.parameters().layout().size(), "first moments"),
      second_moments_(first_moments_.size(), "second moments"),
      non_finite_(model.replicas(), "non-finite record"),
      loss_sums_(model.replicas() * model.loss_terms().size(), "loss sums"),
      blocks_arrived_(1, "blocks arrived"),
      norm_parts_(options_.clip_norm > 0 ? std::size_t(model.replicas()) * kNormParts : 0, "norm parts") {
    if (schedule_.largest_batch() > model.max_rows() || options_.learning_rates.size() != seeds.size() ||
        seeds.size() != std::size_t(model.replicas()))
        throw std::invalid_argument("trainer: batch, images, learning rates and seeds do not fit the model");
    const DivergenceOptions& divergence = options_.divergence;
    model.schedule_divergence({schedule_.steps_of_epochs(divergence.warmup_epochs), divergence.free_nats});
    gather_.binarise = options_.binarise;
    gather_.augmentation = options_.augmentation;
    first_moments_.zero();
    second_moments_.zero();
    device_step_.zero();
    loss_sums_.zero();
    blocks_arrived_.zero();
    check(fill_bytes(non_finite_.data(), 0xff, non_finite_.bytes()));
}

void Trainer::launch_step(int rows, const MinibatchOrder& order) {
    const int R = model_.replicas();
    const Stream stream = matmul_.stream();
    const Range range("step");
    const Minibatch minibatch{seeds_.data(), device_step_.data(), order};
    const bool is_plain = !gather_.binarise && !gather_.augmentation.any() && !gather_.pixels.mean;
    if (is_plain && model_.gathers_minibatch() && dense_is_fused<float>(matmul_)) {
        model_.gather_next({model_.minibatch(), images_.table(), minibatch});
    } else {
        const Range gather_range("gather");
        GatherOptions options = gather_;
        options.batch_rows = model_.batch_rows(rows);
        check(gather(model_.minibatch(), images_.table(), minibatch, R, rows, options, stream));
    }
    update_parameters(rows);
}

/// The losses' sums, and the step's count.
StepEnd Trainer::end_of_step(int rows) {
    StepEnd end{loss_sums_.data(), device_step_.data(), {}, blocks_arrived_.data()};
    for (const LossTerm<float>& term : model_.training_terms()) {
        const int count = (term.per_step ? term.count : rows) * term.parts;
        end.terms.push_back({term.rows, count, term.row_stride ? term.row_stride : std::size_t(count), term.scale});
    }
    return end;
}

/// The gradients, the optimiser's step, and the step's end. Where dense layers are fused, all their weights' gradients
/// are one launch, and the optimiser and the end are part of it, unless gradients are clipped: that needs them all
/// first.
void Trainer::update_parameters(int rows) {
    ParameterArena<float>& parameters = model_.parameters();
    const bool is_adam = options_.optimiser == Optimiser::kAdam, is_clipped = options_.clip_norm > 0;
    const AdamState<float> adam_state{parameters.values(), first_moments_.data(), second_moments_.data(),
                                      non_finite_.data()};
    const AdadeltaState<float> adadelta_state{parameters.values(), first_moments_.data(), second_moments_.data(),
                                              non_finite_.data()};
    float* const gradients = parameters.gradients();
    const float* const rates = learning_rates_.data();
    const std::uint64_t* const step = device_step_.data();
    const std::size_t P = parameters.stride();
    const int R = model_.replicas();
    const MathStream stream = matmul_.math_stream();

    std::optional<DeferredGradients<float>> deferred;
    if (dense_is_fused<float>(matmul_)) deferred.emplace(parameters);
    model_.gradients(rows, {.seeds = seeds_.data(), .step = step});
    if (!model_.has_gathered()) throw std::logic_error("trainer: no layer gathered the minibatch");
    const Range range("optimiser");
    const StepEnd end = end_of_step(rows);
    if (deferred && !is_clipped) {
        const auto& layers = deferred->layers();
        check(is_adam
                  ? weight_gradients_adam(adam_state, gradients, layers, rates, step, options_.adam, R, P, stream, &end)
                  : weight_gradients_adadelta(adadelta_state, gradients, layers, rates, step, options_.adadelta, R, P,
                                              stream, &end));
        return;
    }
    if (deferred) check(weight_gradients(gradients, deferred->layers(), R, P, stream));
    if (is_clipped) check(clip_norm(gradients, norm_parts_.data(), options_.clip_norm, R, P, stream));
    check(is_adam ? adam<float>(adam_state, gradients, rates, step, options_.adam, R, P, stream)
                  : adadelta<float>(adadelta_state, gradients, rates, step, options_.adadelta, R, P, stream));
    const Range sums_range("loss sums");
    check(accumulate_sums(end.totals, end.step, end.terms, R, stream));
}

Graph Trainer::record_steps(int rows, const MinibatchOrder& order, int count) {
    const bool capture = options_.graph && device_is_gpu();
    if (capture) {
        // Libraries load their kernels at the first call, which a capture may not contain. This call changes no state:
        // it fills gradients that the step itself fills anew.
        model_.gradients(rows, {.seeds = seeds_.data(), .step = device_step_.data()});
        check(stream_synchronize(matmul_.stream()));
    }
    return Graph(
        matmul_.stream(),
        [this, rows, order, count] {
            for (int i = 0; i < count; ++i) launch_step(rows, order);
        },
        capture);
}

/// How many of the steps from here on are one graph: those of one shape, up to options.steps_per_graph, or this one
/// alone.
int Trainer::steps_alike(const MinibatchOrder& order, int rows, std::uint64_t shape, std::uint64_t left) {
    const std::uint64_t most = options_.graph ? options_.steps_per_graph : 1;
    if (most < 2 || left < most) return 1;
    bool alike = true;
    for (std::uint64_t i = 1; i < most && alike; ++i)
        alike = schedule_.rows_of(step_ + i) == rows && model_.begin_step(order, step_ + i) == shape;
    model_.begin_step(order, step_);  // the step that the model is about to take
    return alike ? int(most) : 1;
}

bool Trainer::finish_epoch(const std::function<bool(std::uint64_t)>& after_step) {
    const Range range("epoch");
    const Uninterrupted whole_steps;
    const std::uint64_t first = epoch_start(epoch()), steps = epoch_start(epoch() + 1) - first;
    StepsInFlight in_flight(matmul_.stream(), step_ - first);
    for (std::uint64_t launched = step_ - first; launched < steps;) {
        const MinibatchOrder order = schedule_.order_of(step_);
        if (order.batch != graph_batch_) graphs_.clear();  // another order of the images
        graph_batch_ = order.batch;
        const int rows = schedule_.rows_of(step_);
        const std::uint64_t shape = model_.begin_step(order, step_);
        const int count = steps_alike(order, rows, shape, steps - launched);
        Graph& graph = graphs_[{rows, shape, count}];
        if (!graph) graph = record_steps(rows, order, count);
        graph.replay();
        step_ += count;
        launched += count;
        if (!after_step(in_flight.add(count)) && launched < steps) return false;
    }
    check_finite();
    return true;
}

void Trainer::check_finite() const {
    const std::vector<NonFinite> records = non_finite_.download(matmul_.stream());
    for (std::size_t r = 0; r < records.size(); ++r)
        if (records[r].found())
            throw DivergenceError("training diverged: the gradient of " +
                                  model_.parameters().layout().at(records[r].element()).name +
                                  ", or its square, is not finite at step " + std::to_string(records[r].step()) +
                                  ", replica " + std::to_string(r) + "; lower --learning-rate or look at the data");
}

std::vector<ReplicaLoss> Trainer::losses() const {
    const auto terms = model_.loss_terms();
    const std::vector<double> sums = loss_sums_.download(matmul_.stream());
    const std::uint64_t last = step_ ? step_ - 1 : 0;  // at an epoch's end: of the epoch that is done
    const double rows = double(schedule_.images_before(last)) + schedule_.rows_of(last);
    const double steps = double(last - epoch_start(schedule_.epoch_of(last)) + 1);
    std::vector<ReplicaLoss> out(model_.replicas());
    for (std::size_t r = 0; r < out.size(); ++r)
        for (std::size_t i = 0; i < terms.size(); ++i) {
            out[r].terms.push_back(sums[r * terms.size() + i] / (terms[i].per_step ? steps : rows));
            out[r].loss += terms[i].weight * out[r].terms.back();
        }
    return out;
}

void Trainer::reset_losses() { loss_sums_.zero(matmul_.stream()); }

bool Trainer::has_losses() const {
    const std::vector<double> sums = loss_sums_.download(matmul_.stream());
    return std::any_of(sums.begin(), sums.end(), [](double sum) { return sum != 0; });
}

Trainer::State Trainer::save(int replica) const {
    const Uninterrupted whole_state;
    const std::size_t P = model_.parameters().layout().size(), terms = loss_sums_.size() / model_.replicas();
    check(stream_synchronize(matmul_.stream()));
    State state;
    state.step = step_;
    state.optimiser = options_.optimiser;
    state.values = model_.parameters().download(replica);
    state.first_moments.resize(P);
    state.second_moments.resize(P);
    state.loss_sums.resize(terms);
    first_moments_.download(state.first_moments.data(), P, replica * P);
    second_moments_.download(state.second_moments.data(), P, replica * P);
    loss_sums_.download(state.loss_sums.data(), terms, replica * terms);
    return state;
}

void Trainer::restore(int replica, const State& state) {
    const std::size_t P = model_.parameters().layout().size(), terms = loss_sums_.size() / model_.replicas();
    if (state.values.size() != P || state.first_moments.size() != P || state.second_moments.size() != P ||
        state.loss_sums.size() != terms || state.optimiser != options_.optimiser)
        throw std::invalid_argument("a saved state of another model");
    model_.parameters().upload(replica, state.values);
    first_moments_.upload(state.first_moments.data(), P, replica * P);
    second_moments_.upload(state.second_moments.data(), P, replica * P);
    loss_sums_.upload(state.loss_sums.data(), terms, replica * terms);
    step_ = state.step;
    device_step_.upload(&step_, 1);
}

}  // namespace warpvae
