// How the tiles of a dense product are launched: which tile, and how many blocks of how many threads.
#pragma once
#include "cuda/dense_tile.cuh"
#include "cuda/device/launch_options.h"

namespace warpvae {

/// Launches `kernel(arguments...)` for a product of M rows, `columns` columns and K: a block a tile, every `step` rows.
template <class Tile, class... Parameters, class... Arguments>
Status launch_tiles(void (*kernel)(Parameters...), int M, int columns, int K, int R, int step, Stream stream,
                    const Arguments&... arguments) {
    const int owners = Tile::owners_for(K);
    const std::size_t tiles = std::size_t((M + step - 1) / step) * ((columns + Tile::kColumns - 1) / Tile::kColumns);
    return launch_dependent(
        kernel, for_blocks(tiles, R, Block::fixed(owners * Tile::kGroupThreads), Tile::shared_bytes(K, owners)), stream,
        arguments...);
}

/// The tile for a product of R replicas: as large as leaves a tile for every multiprocessor, for a large one reads each
/// operand less often. Small ones share the slices of a tile among their warps. It changes no bit of the result.
inline DenseTileSize dense_tile_for(int M, int columns, int R) {
    const DenseTileSize wanted = launch_options().dense_tile;
    if (wanted != DenseTileSize::kBySize) return wanted;
    const auto fill = [&](int rows, int across) {
        return std::size_t((M + rows - 1) / rows) * ((columns + across - 1) / across) * R >=
               std::size_t(device_parallelism());
    };
    return fill(64, 64) ? DenseTileSize::kLarge : fill(32, 64) ? DenseTileSize::kMedium : DenseTileSize::kSmall;
}

/// call(tile) with a tile of that type.
template <Along kB, class Call>
Status with_dense_tile(int M, int columns, int R, Call call) {
    switch (dense_tile_for(M, columns, R)) {
        case DenseTileSize::kLarge:
            return call(DenseTile<Along::kFast, kB, 4, 2, 1>());
        case DenseTileSize::kMedium:
            return call(DenseTile<Along::kFast, kB, 2, 2, 2>());
        default:
            return call(DenseTile<Along::kFast, kB, 1, 1, 8>());
    }
}

}  // namespace warpvae
