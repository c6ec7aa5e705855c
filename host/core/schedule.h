// Which epoch, minibatch size and image order a step number means, where the minibatch grows in the course of training.
#pragma once
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "cuda/device/device.h"
#include "cuda/ops/minibatch.h"

namespace warpvae {

/// From this epoch on (0, 1, ...) minibatches have this size.
struct BatchPhase {
    std::uint64_t first_epoch = 0;
    int batch = 0;
};

class Schedule {
  public:
    /// `count` images an epoch; phases by rising epoch, the first from 0.
    Schedule(std::size_t count, const std::vector<BatchPhase>& phases) : count_(count) {
        if (count == 0 || phases.empty() || phases[0].first_epoch != 0)
            throw std::invalid_argument("trainer: an epoch needs images, and a minibatch size from its start");
        std::uint64_t step = 0;
        for (std::size_t i = 0; i < phases.size(); ++i) {
            if (phases[i].batch < 1 || (i && phases[i].first_epoch <= phases[i - 1].first_epoch))
                throw std::invalid_argument("trainer: minibatch sizes must be positive, and their first epochs rise");
            if (i) step += (phases[i].first_epoch - phases[i - 1].first_epoch) * steps_of(phases[i - 1].batch);
            starts_.push_back({phases[i], step});
        }
    }
    std::size_t count() const { return count_; }
    int largest_batch() const {
        int largest = 0;
        for (const Start& s : starts_) largest = std::max(largest, s.phase.batch);
        return largest;
    }
    /// Whole epochs before `step`.
    std::uint64_t epoch_of(std::uint64_t step) const {
        const Start& s = start_of(step);
        return s.phase.first_epoch + (step - s.step) / steps_of(s.phase.batch);
    }
    /// The first step of `epoch`.
    std::uint64_t epoch_start(std::uint64_t epoch) const {
        const Start* s = &starts_[0];
        for (const Start& next : starts_)
            if (next.phase.first_epoch <= epoch) s = &next;
        return s->step + (epoch - s->phase.first_epoch) * steps_of(s->phase.batch);
    }
    /// Steps of the first `epochs`; of a part of an epoch, the same part of its steps.
    double steps_of_epochs(double epochs) const {
        const std::uint64_t whole = std::uint64_t(epochs);
        const double before = double(epoch_start(whole)), after = double(epoch_start(whole + 1));
        return before + (epochs - double(whole)) * (after - before);
    }
    MinibatchOrder order_of(std::uint64_t step) const {
        const Start& s = start_of(step);
        MinibatchOrder order = MinibatchOrder::epochs(count_, s.phase.batch);
        order.first_step = s.step, order.first_epoch = s.phase.first_epoch;
        return order;
    }
    /// Images of the epoch that the minibatches before `step` hold, from 0 at its first step.
    std::size_t images_before(std::uint64_t step) const {
        return (step - epoch_start(epoch_of(step))) * start_of(step).phase.batch;
    }
    int rows_of(std::uint64_t step) const {
        return int(std::min<std::size_t>(start_of(step).phase.batch, count_ - images_before(step)));
    }

  private:
    struct Start {
        BatchPhase phase;
        std::uint64_t step;
    };
    std::uint64_t steps_of(int batch) const { return (count_ + batch - 1) / batch; }
    const Start& start_of(std::uint64_t step) const {
        std::size_t i = starts_.size() - 1;
        while (starts_[i].step > step) --i;
        return starts_[i];
    }
    std::size_t count_;
    std::vector<Start> starts_;
};

}  // namespace warpvae
