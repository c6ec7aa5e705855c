// Likelihoods of images and labels, and EQUIVAE's pairs of images and sets.
#include "profiling/bench_kernels/rows.h"

namespace warpvae {
namespace {

/// A semi-supervised step of EQUIVAE: 32 unlabelled images with each class, 32 labelled ones with their own. An image
/// is 128 numbers after the trunk, a set 64.
constexpr PairShape kStep{32, kClasses, 32};
constexpr int kOfImage = 128, kOfSet = 64, kInSet = 7;
constexpr double kPairNumbers = double(kStep.pairs()) * (kOfImage + kOfSet);

}  // namespace

std::vector<Row> loss_rows() {
    return {
        {"bernoulli_from_logits + gradient (784)", 12 * kPixels, 0,
         [](Arrays& a) {
             float *nll = a.floats(N), *dy = a.floats(N * D), *y = a.floats(N * D), *target = a.floats(N * D);
             return [=, R = a.R] { return bernoulli_from_logits(nll, dy, y, target, 0.01f, R, N, D, nullptr); };
         }},
        {"bernoulli_from_probabilities + gradient (784)", 12 * kPixels, 0,
         [](Arrays& a) {
             float *nll = a.floats(N), *dy = a.floats(N * D), *y = a.floats(N * D), *target = a.floats(N * D);
             return [=, R = a.R] { return bernoulli_from_probabilities(nll, dy, y, target, 0.01f, R, N, D, nullptr); };
         }},
        {"gaussian_likelihood + gradient (784)", 12 * kPixels, 0,
         [](Arrays& a) {
             float *nll = a.floats(N), *dy = a.floats(N * D), *y = a.floats(N * D), *target = a.floats(N * D);
             return [=, R = a.R] {
                 return gaussian_likelihood<float>({nll, dy, nullptr}, y, target, {}, 0.01f, R, N, D, 1, nullptr);
             };
         }},
        {"sigmoid (784)", 8 * kPixels, 0,
         [](Arrays& a) {
             float *y = a.floats(N * D), *x = a.floats(N * D);
             return [=, n = std::size_t(a.R) * N * D] { return sigmoid(y, x, n, nullptr); };
         }},
        {"softmax_cross_entropy + gradient (10 classes)", 8.0 * N * kClasses + 5.0 * N, 0,
         [](Arrays& a) {
             float *loss = a.floats(N), *dx = a.floats(N * kClasses), *x = a.floats(N * kClasses);
             const LabelRows labels{a.images(N)};
             return [=, R = a.R] {
                 return softmax_cross_entropy<float>({loss, dx}, x, nullptr, 0, labels, 0.01f, ClassAxis::kLast, R, N,
                                                     kClasses, nullptr);
             };
         }},
        {"softmax_cross_entropy + gradient (10 classes, classes first)", 8.0 * N * kClasses + 5.0 * N, 0,
         [](Arrays& a) {
             float *loss = a.floats(N), *dx = a.floats(N * kClasses), *x = a.floats(N * kClasses);
             const LabelRows labels{a.images(N)};
             return [=, R = a.R] {
                 return softmax_cross_entropy<float>({loss, dx}, x, nullptr, 0, labels, 0.01f, ClassAxis::kFirst, R, N,
                                                     kClasses, nullptr);
             };
         }},
        {"concatenate_pairs_forward (352 pairs of 128 and 64)",
         4 * (kPairNumbers + kStep.images() * kOfImage + kStep.sets() * kOfSet), 0,
         [](Arrays& a) {
             float *y = a.floats(kStep.pairs() * (kOfImage + kOfSet)), *images = a.floats(kStep.images() * kOfImage),
                   *sets = a.floats(kStep.sets() * kOfSet);
             return [=, R = a.R] {
                 return concatenate_pairs_forward<float>(y, {images, PairRows::kImages, kOfImage},
                                                         {sets, PairRows::kSets, kOfSet}, kStep, R, nullptr);
             };
         }},
        {"concatenate_pairs_backward (of 352 pairs, to 64 images of 128)",
         4.0 * kOfImage * (kStep.pairs() + 2 * kStep.images()), 0,
         [](Arrays& a) {
             float *dimages = a.floats(kStep.images() * kOfImage), *images = a.floats(kStep.images() * kOfImage),
                   *dy = a.floats(kStep.pairs() * (kOfImage + kOfSet));
             return [=, R = a.R] {
                 return concatenate_pairs_backward<float>({dimages, images, PairRows::kImages, kOfImage}, dy,
                                                          kOfImage + kOfSet, kStep, R, nullptr);
             };
         }},
        {"set_mean_forward (128 sets of 7 x 128)", 4.0 * N * kOfImage * (kInSet + 1), 0,
         [](Arrays& a) {
             float *y = a.floats(N * kOfImage), *x = a.floats(N * kInSet * kOfImage);
             return
                 [=, sets = std::size_t(a.R) * N] { return set_mean_forward(y, x, kInSet, sets, kOfImage, nullptr); };
         }},
        {"set_mean_backward (128 sets of 7 x 128)", 4.0 * N * kOfImage * (2 * kInSet + 1), 0,
         [](Arrays& a) {
             float *dx = a.floats(N * kInSet * kOfImage), *dy = a.floats(N * kOfImage),
                   *x = a.floats(N * kInSet * kOfImage);
             return [=, sets = std::size_t(a.R) * N] {
                 return set_mean_backward(dx, dy, x, kInSet, sets, kOfImage, nullptr);
             };
         }},
        {"class_expectation (352 pairs)", 4.0 * (3 * kStep.pairs() + 2 * kStep.images() * kClasses + 4 * 32), 0,
         [](Arrays& a) {
             float *weights = a.floats(kStep.pairs()), *nll = a.floats(kStep.pairs()), *kl = a.floats(kStep.pairs()),
                   *dlogits = a.floats(kStep.images() * kClasses), *logits = a.floats(kStep.images() * kClasses),
                   *losses = a.floats(4 * 32), *prior = a.shared(std::vector<float>(kClasses, -2.3f));
             const std::uint8_t* labels = a.zeros<std::uint8_t>(kStep.labelled);
             const std::size_t n = std::size_t(a.R) * 32;
             return [=, R = a.R] {
                 return class_expectation<float>({weights, dlogits, losses, losses + n, losses + 2 * n, losses + 3 * n},
                                                 logits, nll, kl, labels, prior, 0.03f, kStep, R, nullptr);
             };
         }},
    };
}

}  // namespace warpvae
