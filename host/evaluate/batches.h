// Puts a set of images through an auto-encoder, batch by batch. Every evaluation here begins with it.
#pragma once
#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "models/autoencoder.h"
#include "models/device_images.h"

namespace warpvae {

/// Calls body(first, rows) over 0..count-1, at most `most` at a time: whole fours where that is four or more, as noise
/// is addressed by rows in fours.
template <class Body>
void for_batches(std::size_t count, int most, Body body) {
    const std::size_t step = most < 4 ? std::max(1, most) : most / 4 * 4;
    for (std::size_t first = 0; first < count; first += step) body(first, int(std::min(step, count - first)));
}

/// A set of images, and what a model is given with them (EQUIVAE's r).
struct GivenImages {
    GivenImages(const DeviceImages& of, std::function<void(std::size_t first, int rows)> beside = {})
        : set(of), give(std::move(beside)) {}
    const DeviceImages& set;
    /// Puts what belongs to images first..first + rows - 1 into the model; those images lie in its minibatch. May be
    /// empty.
    std::function<void(std::size_t first, int rows)> give;
};

/// Puts images first..first + rows - 1, and what is given beside them, into the model.
void put_images(Autoencoder<float>& model, const GivenImages& images, std::size_t first, int rows);

/// Puts images 0..count-1 into the model, at most `most` at a time, and calls body(first, rows) for each batch.
template <class Body>
void for_batches(Autoencoder<float>& model, const GivenImages& images, std::size_t count, int most, Body body) {
    for_batches(count, most, [&](std::size_t first, int rows) {
        put_images(model, images, first, rows);
        body(first, rows);
    });
}

/// Rows of replica r of `all` [R, rows, width], to the host.
void take_rows(float* to, const float* all, int r, int rows, std::size_t width, Stream stream);

/// How many rows to decode at a time in evaluation: few enough for a core's cache, or enough to fill a GPU.
int evaluation_decoder_rows();
/// The same of each of R replicas for likelihoods, whose decoders write nothing as large as an image on a GPU: a pass
/// is longer there than the launches of its encoder, which has few rows.
int likelihood_decoder_rows(int R);

}  // namespace warpvae
