// Random numbers: one counter-based generator, addressed by (seed, purpose, step, element). Conventions: cuda/ops.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cuda/device/device.h"

namespace warpvae {

// --- randomness: philox.cuh ------------------------------------------------------------------------------------------

/// What a random number is for: streams of different purposes never meet (architecture: seed, purpose, step, element).
enum class Purpose : std::uint32_t {
    kInitialise = 1,   ///< parameters; step = index of the tensor
    kShuffle = 2,      ///< minibatch order; step = epoch
    kLatent = 3,       ///< noise of z in training
    kFeature = 4,      ///< noise of z when latents are read out as features
    kBinarise = 5,     ///< dynamic binarisation
    kAugment = 6,      ///< affine transform on the fly; step = epoch
    kDataset = 7,      ///< fixed transforms that make a data set; generated glyphs
    kPrior = 8,        ///< samples of the prior
    kEvaluate = 9,     ///< noise of z in the evaluation of the ELBO
    kDegrade = 10,     ///< noise put on images to be denoised; step = the kind of noise
    kComplement = 11,  ///< which images of its class an image is set beside
    kSplit = 12,       ///< which images of a class are labelled; step = the class; 256: which are for testing
    kLayout = 13,      ///< of UMAP: noise of the start, step 0; negative samples, step = epoch from 1
    kCorrupt = 14,     ///< noise put on the images that a model trains on; step = the step
    kRotation = 15,    ///< random rotations of latents, which measures of their axes are held against
    kPose = 32,        ///< added to the purpose of z: the same noise for the pose u
    kDropout = 64,     ///< what is dropped, plus the layer's number, up to 31
    kTest = 100,       ///< tests
};

/// out[i], i < n: standard normal draws of (seed, purpose, step, element i).
template <class T>
Status philox_normal(T* out, std::size_t n, std::uint64_t seed, Purpose purpose, std::uint64_t step, Stream stream);
/// out[i], i < n: uniform draws in [low, high) of (seed, purpose, step, element i).
template <class T>
Status philox_uniform(T* out, std::size_t n, T low, T high, std::uint64_t seed, Purpose purpose, std::uint64_t step,
                      Stream stream);

}  // namespace warpvae
