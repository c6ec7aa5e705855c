// Minibatches, gathered on the device from sets of byte images. Letters and conventions: cuda/ops.h.
#pragma once

#include "cuda/device/device.h"
#include "cuda/ops/random.h"

namespace warpvae {

// --- minibatches: gather.cuh -----------------------------------------------------------------------------------------

/// A random affine change of each gathered image about its centre; all zero (and scales 1): none.
struct Augmentation {
    float max_rotation = 0;  ///< degrees: uniform in [-max, max]
    float min_scale = 1, max_scale = 1;
    float max_translation = 0;  ///< pixels, each axis
    constexpr bool any() const { return max_rotation != 0 || min_scale != 1 || max_scale != 1 || max_translation != 0; }
};
struct GatherOptions {
    int height = 28, width = 28;  ///< D = height * width
    bool binarise = false;        ///< pixel := 1 with probability pixel, drawn anew each step (kBinarise)
    Augmentation augmentation;    ///< drawn anew each epoch (kAugment)
};
/// The minibatch of step *step: batch[r, n, :] = images[r][order(step * N' + n)] / 255, where order is the
/// epoch's Feistel permutation of 0..count-1 under seeds[r], and N' = `full_batch`, the batch size of which N (the
/// tail) may be less. One epoch is ceil(count / N') steps.
///   batch [R, N, D]; images [R] device pointers to bytes [count, D]; seeds [R]; step: one number on the device.
template <class T>
Status gather(T* batch, const std::uint8_t* const* images, const std::uint64_t* seeds, const std::uint64_t* step,
              std::size_t count, int full_batch, int R, int N, const GatherOptions& options, Stream stream);
/// The labels of the same minibatch: out[r, n] = labels[r][order(...)]. out [R, N]; labels [R] device pointers to
/// [count].
Status gather_labels(std::uint8_t* out, const std::uint8_t* const* labels, const std::uint64_t* seeds,
                     const std::uint64_t* step, std::size_t count, int full_batch, int R, int N, Stream stream);
/// The images `first`..`first+N-1` of every replica, in their own order: batch[r, n, :] = images[r][first + n] / 255.
template <class T>
Status gather_range(T* batch, const std::uint8_t* const* images, std::size_t first, int R, int N, int D, Stream stream);
/// order[i] = the place that the minibatch order of `epoch` gives to i, i < count; as gather uses it.
Status minibatch_order(std::uint32_t* order, std::size_t count, std::uint64_t seed, std::uint64_t epoch, Stream stream);
/// *step += 1.
Status advance_step(std::uint64_t* step, Stream stream);

}  // namespace warpvae
