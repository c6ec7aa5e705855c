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
    WARPVAE_HOST_DEVICE constexpr bool any() const {
        return max_rotation != 0 || min_scale != 1 || max_scale != 1 || max_translation != 0;
    }
};
/// Pixels of a gathered image: byte / 255, or (byte / 255 - mean) * scale, with `mean` and `scale` device [D].
struct PixelScale {
    const float* mean = nullptr;
    const float* scale = nullptr;
};
struct GatherOptions {
    int height = 28, width = 28;  ///< D = height * width * channels, each from 1
    int channels = 1;             ///< the last axis
    bool binarise = false;        ///< pixel := 1 with probability pixel, drawn anew each step (kBinarise)
    Augmentation augmentation;    ///< drawn anew each epoch (kAugment)
    PixelScale pixels;            ///< not with `binarise`
    int batch_rows = 0;           ///< rows from one replica's batch to the next; 0: N
    int first_row = 0;            ///< the batch's row that takes image 0
};

/// Which image of a replica's set each row of a step is: the epoch's Feistel permutation of 0..count-1 under its seed.
struct MinibatchOrder {
    enum Kind {
        kEpochs,  ///< rows of a minibatch each step; the epoch's last one may be smaller
        kCycle,   ///< as kEpochs, but an epoch follows the other without a break: all steps have `batch` rows
        kSpread,  ///< the whole set once in every `steps` steps, spread evenly: row n of step s is place floor(s count
                  ///< / steps) + n, so a step has floor or ceil of count / steps rows (spread_rows)
        kRange,   ///< images first_step + n, in their own order, whatever the step
    };
    Kind kind = kEpochs;
    std::size_t count = 0;    ///< images of a set, from 1
    int batch = 0;            ///< rows of a full minibatch (kEpochs, kCycle)
    std::uint64_t steps = 0;  ///< of an epoch (kSpread)
    std::uint64_t first_step = 0,
                  first_epoch = 0;  ///< where this order begins: step first_step starts epoch first_epoch
    static MinibatchOrder epochs(std::size_t count, int batch) { return {kEpochs, count, batch}; }
    static MinibatchOrder range(std::size_t count, std::uint64_t first) { return {kRange, count, 0, 0, first}; }
    /// Rows of step `step` of kSpread.
    constexpr int spread_rows(std::uint64_t step) const {
        const std::uint64_t s = (step - first_step) % steps;
        return int((s + 1) * count / steps - s * count / steps);
    }
};
/// Which minibatch: that of step *step in each replica's own order.
struct Minibatch {
    const std::uint64_t* seeds;  ///< [R]
    const std::uint64_t* step;   ///< one number on the device; null: 0
    MinibatchOrder order;
};
/// batch[r, first_row + n, :] = pixels of image n of the minibatch.
///   batch [R, batch_rows, D]; images [R] device pointers to bytes [count, D]
template <class T>
Status gather(T* batch, const std::uint8_t* const* images, const Minibatch& minibatch, int R, int N,
              const GatherOptions& options, Stream stream);
/// The labels of the same minibatch. out [R, N]; labels [R] device pointers to [count].
Status gather_labels(std::uint8_t* out, const std::uint8_t* const* labels, const Minibatch& minibatch, int R, int N,
                     Stream stream);

/// Each replica's labelled images by class, in device memory; every class has two images at least.
struct ClassIndex {
    const std::uint32_t* members;  ///< [R, count]: image numbers, class after class
    const std::uint32_t* starts;   ///< [R, classes + 1]: where a class begins in members
    const std::uint32_t* ranks;    ///< [R, count]: where an image stands in members
    std::size_t count;
    int classes;
};
/// Where sets of m images are written, each replica's apart.
template <class T>
struct ImageSets {
    T* images;        ///< [R, per_replica, m, D]
    int per_replica;  ///< sets from one replica's to the next's
    int first;        ///< the set of each replica that is written first
};
/// For each row of the minibatch, m other images of its class, without replacement (eq. 2 of Feige 2019): set first + n
/// has distinct members of the class of row n's image, never that image. They are drawn anew each step, from (seed,
/// kComplement, step, n) alone; with kRange the image's number stands for n. m is at most one less than the smallest
/// class. images as in gather; options: size, channels and pixels are used.
template <class T>
Status gather_complements(const ImageSets<T>& sets, const std::uint8_t* const* images, const ClassIndex& index,
                          const Minibatch& minibatch, int m, int R, int N, const GatherOptions& options, Stream stream);
/// What a step takes of labelled images that are paired with sets.
template <class T>
struct LabelledStep {
    T* batch;              ///< [R, batch_rows, D]: the minibatch, as gather has it
    std::uint8_t* labels;  ///< [R, N], as gather_labels
    T* sets;  ///< [R, classes + N, m, D]: m distinct images of each class; then for each row its complements
};
/// The minibatch, its labels and all sets in one launch. m at most one less than the smallest class. labels [R] device
/// pointers to [count]; options: size, channels, pixels, batch_rows and first_row are used.
template <class T>
Status gather_labelled(const LabelledStep<T>& out, const std::uint8_t* const* images, const std::uint8_t* const* labels,
                       const ClassIndex& index, const Minibatch& minibatch, int m, int R, int N,
                       const GatherOptions& options, Stream stream);
/// The images `first`..`first+N-1` of every replica, in their own order: batch[r, n, :]. batch [R, N, D].
template <class T>
Status gather_range(T* batch, const std::uint8_t* const* images, std::size_t first, int R, int N, int D, Stream stream,
                    const PixelScale& pixels = {});
/// order[i] = the place that the minibatch order of `epoch` gives to i, i < count; as gather uses it.
Status minibatch_order(std::uint32_t* order, std::size_t count, std::uint64_t seed, std::uint64_t epoch, Stream stream);
/// *step += 1.
Status advance_step(std::uint64_t* step, Stream stream);

}  // namespace warpvae
