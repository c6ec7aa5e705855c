// How Feige (2019) divides a data set: training, validation and test images, and for the semi-supervised table the few
// training images whose labels may be used.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "data/idx.h"

namespace warpvae {

struct FeigeSplit {
    ImageSet train, validation;
    int classes = 0;
};
/// The first 5,000 of 60,000 training images validate (MNIST: 55,000 / 5,000), of SVHN's 73,257 the first 3,257; of
/// another set a twelfth. `dataset` is its name.
FeigeSplit feige_split(const ImageSet& train, const std::string& dataset);

/// The labelled and unlabelled images of one trial.
struct LabelledSplit {
    ImageSet labelled, unlabelled;
};
/// `labels` images, equally many of each class, drawn by the trial's seed; the others are unlabelled. Throws UsageError
/// where `labels` is no multiple of the classes, fewer than two of a class are asked for (the paper needs two), or a
/// class has too few.
LabelledSplit labelled_split(const ImageSet& train, int classes, int labels, std::uint64_t seed);

}  // namespace warpvae
