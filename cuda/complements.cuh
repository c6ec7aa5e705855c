// Sets of images that share a class: for each image of a minibatch m others of its class (Feige 2019, eq. 2), or m
// images of each class. They are the first m values of a permutation, so they are distinct without any being rejected:
//
//   complements   sets[r, first_set + n, j, :] = member p + (p >= q) of the class, p = order(j) in 0..n_c - 2,
//                 with q the place of row n's own image among the n_c members of its class
//   class sets    sets[r, first_set + k, j, :] = member order(j) of class k
//   order         FeistelOrder (gather.cuh) with the keys Philox(seeds[r], kComplement, *step), block n (kRange: the
//                 image's number, so that it has the same set in every batch) or 2^32 + k
//
// sets [R, sets_per_replica, m, D]; ClassIndex and MinibatchOrder: cuda/ops/minibatch.h.
// Contract: one block per image of a set, block any; reads 1 and writes 4 bytes per pixel. Deterministic.
#pragma once
#include "cuda/gather.cuh"
#include "cuda/ops/minibatch.h"

namespace warpvae {

/// Image j of the set beside row n of a minibatch.
__device__ inline std::uint32_t complement_image(const ClassIndex& index, int r, std::uint64_t seed, std::uint64_t at,
                                                 const MinibatchOrder& order, int n, int j) {
    const std::uint32_t own = index.ranks[r * index.count + minibatch_image(order, seed, at, n).image];
    const std::uint32_t* start = index.starts + r * (index.classes + 1);
    while (start[1] <= own) ++start;
    const std::uint64_t block = (order.kind == MinibatchOrder::kRange ? order.first_step : 0) + n;
    const FeistelOrder others(philox(seed, Purpose::kComplement, at, block), start[1] - start[0] - 1);
    const std::uint32_t rank = start[0] + others(j);
    return index.members[r * index.count + rank + (rank >= own)];
}
/// Image j of class k's set.
__device__ inline std::uint32_t class_set_image(const ClassIndex& index, int r, std::uint64_t seed, std::uint64_t at,
                                                int k, int j) {
    const std::uint32_t* start = index.starts + r * (index.classes + 1) + k;
    const FeistelOrder all(philox(seed, Purpose::kComplement, at, (std::uint64_t(1) << 32) + k), start[1] - start[0]);
    return index.members[r * index.count + start[0] + all(j)];
}

template <class T>
__global__ void gather_complements_kernel(T* sets, int sets_per_replica, int first_set,
                                          const std::uint8_t* const* images, ClassIndex index,
                                          const std::uint64_t* seeds, const std::uint64_t* step, MinibatchOrder order,
                                          int m, int D, PixelScale pixels) {
    const int r = blockIdx.y, n = int(blockIdx.x) / m, j = int(blockIdx.x) % m;
    // One thread asks for the block: a permutation is some hundred operations.
    __shared__ std::uint32_t image;
    if (threadIdx.x == 0) image = complement_image(index, r, seeds[r], step ? *step : 0, order, n, j);
    __syncthreads();
    const std::size_t set = std::size_t(r) * sets_per_replica + first_set + n;
    write_image(sets + (set * m + j) * D, images[r] + std::size_t(image) * D, D, pixels);
}

/// Blocks: the minibatch's images, then the sets of the classes, then those of the minibatch, image by image.
template <class T>
__global__ void gather_labelled_kernel(LabelledStep<T> out, const std::uint8_t* const* images,
                                       const std::uint8_t* const* labels, ClassIndex index, const std::uint64_t* seeds,
                                       const std::uint64_t* step, MinibatchOrder order, int m, int N,
                                       GatherOptions options) {
    const int r = blockIdx.y, row = blockIdx.x, D = options.height * options.width * options.channels;
    const int place = row - N;  // among all images of the sets
    const std::uint64_t seed = seeds[r], at = step ? *step : 0;
    __shared__ std::uint32_t image;
    if (threadIdx.x == 0) {
        if (place < 0) {
            image = minibatch_image(order, seed, at, row).image;
            out.labels[std::size_t(r) * N + row] = labels[r][image];
        } else {
            const int set = place / m, j = place % m, K = index.classes;
            image = set < K ? class_set_image(index, r, seed, at, set, j)
                            : complement_image(index, r, seed, at, order, set - K, j);
        }
    }
    __syncthreads();
    const std::size_t set_images = std::size_t(index.classes + N) * m;
    T* const to = place < 0 ? out.batch + (std::size_t(r) * options.batch_rows + options.first_row + row) * D
                            : out.sets + (r * set_images + place) * D;
    write_image(to, images[r] + std::size_t(image) * D, D, options.pixels);
}

}  // namespace warpvae
