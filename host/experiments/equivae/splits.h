// How Feige (2019) divides a data set: training, validation and test images, and for the semi-supervised table the few
// training images whose labels may be used.
#pragma once
#include <cstdint>

#include "data/data_set.h"

namespace warpvae {

struct EquivaeSplit {
    ImageSet train, validation;
    int classes = 0;
};
/// The first 5,000 of 60,000 training images validate (MNIST: 55,000 / 5,000), of SVHN's 73,257 the first 3,257; of
/// another set a twelfth.
EquivaeSplit equivae_split(const ImageSet& train);

/// The labelled and unlabelled images of one trial.
struct LabelledSplit {
    ImageSet labelled, unlabelled;
};
/// `labels` images, equally many of each class, drawn by the trial's seed; the others are unlabelled. Throws
/// UsageError as require_labels, but takes all.
LabelledSplit labelled_split(const ImageSet& train, int classes, int labels, std::uint64_t seed);

inline constexpr std::size_t kProbeImages = 10000;  ///< the first training images, that a linear probe is fitted to
/// Throws UsageError where the training or the validation images of a set would have fewer than two of a class: an
/// image is seen beside another of its class.
void require_split(const ImageSet& set);
/// The same of the images that evaluation needs besides: a probe's, and the test images.
void require_evaluable(const DataSet& data);
/// Throws UsageError where of the training images of a set `labels` cannot be labelled: they are no multiple of the
/// classes, fewer than two of a class (the paper needs two), more than a class has, or all there are.
void require_labels(const ImageSet& set, int labels);

}  // namespace warpvae
