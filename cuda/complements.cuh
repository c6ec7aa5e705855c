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

/// Image j of a set: byte images in, one per block, at place `set` of replica r.
template <class T>
__device__ inline void write_set_image(T* sets, std::size_t set, int j, int m, const std::uint8_t* images,
                                       std::uint32_t image, int D, const PixelScale& pixels) {
    write_image(sets + (set * m + j) * D, images + std::size_t(image) * D, D, pixels);
}

template <class T>
__global__ void gather_complements_kernel(T* sets, int sets_per_replica, int first_set,
                                          const std::uint8_t* const* images, ClassIndex index,
                                          const std::uint64_t* seeds, const std::uint64_t* step, MinibatchOrder order,
                                          int m, int D, PixelScale pixels) {
    const int r = blockIdx.y, n = int(blockIdx.x) / m, j = int(blockIdx.x) % m;
    const std::uint64_t at = step ? *step : 0;
    const std::uint32_t own = index.ranks[r * index.count + minibatch_image(order, seeds[r], at, n).image];
    const std::uint32_t* start = index.starts + r * (index.classes + 1);
    while (start[1] <= own) ++start;
    const std::uint64_t block = (order.kind == MinibatchOrder::kRange ? order.first_step : 0) + n;
    const FeistelOrder others(philox(seeds[r], Purpose::kComplement, at, block), start[1] - start[0] - 1);
    const std::uint32_t rank = start[0] + others(j);
    write_set_image(sets, std::size_t(r) * sets_per_replica + first_set + n, j, m, images[r],
                    index.members[r * index.count + rank + (rank >= own)], D, pixels);
}

template <class T>
__global__ void gather_class_sets_kernel(T* sets, int sets_per_replica, int first_set,
                                         const std::uint8_t* const* images, ClassIndex index,
                                         const std::uint64_t* seeds, const std::uint64_t* step, int m, int D,
                                         PixelScale pixels) {
    const int r = blockIdx.y, k = int(blockIdx.x) / m, j = int(blockIdx.x) % m;
    const std::uint32_t* start = index.starts + r * (index.classes + 1) + k;
    const FeistelOrder all(philox(seeds[r], Purpose::kComplement, step ? *step : 0, (std::uint64_t(1) << 32) + k),
                           start[1] - start[0]);
    write_set_image(sets, std::size_t(r) * sets_per_replica + first_set + k, j, m, images[r],
                    index.members[r * index.count + start[0] + all(j)], D, pixels);
}

}  // namespace warpvae
