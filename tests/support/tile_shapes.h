// The tiles of the fused kernels, one after the other.
#pragma once
#include <string>

#include "tests/support/device_test.h"

namespace warpvae::test {

inline constexpr DenseTileSize kTiles[] = {DenseTileSize::kSmall, DenseTileSize::kMedium, DenseTileSize::kLarge,
                                           DenseTileSize::kBySize};
inline constexpr int kTileWays = 5;
/// body() with a shape of tile in force, 0 to 3, or on a card with little shared memory, 4.
template <class Body>
void with_tile_way(int way, Body body) {
    const LaunchOptionsScope restore;
    SCOPED_TRACE(way < 4 ? "tile " + std::to_string(int(kTiles[way])) : "little shared memory");
    launch_options().dense_tile = way < 4 ? kTiles[way] : DenseTileSize::kBySize;
    launch_options().shared_bytes = way < 4 ? 0 : 99 * 1024;
    body();
}
/// body() with each of them; under a sanitizer, which sees all of a tile's code in any product, with one, the next one
/// at the next call.
template <class Body>
void with_all_tiles(Body body) {
#ifdef WARPVAE_SANITIZED
    static int next = 0;
    with_tile_way(next++ % kTileWays, body);
#else
    for (int way = 0; way < kTileWays; ++way) with_tile_way(way, body);
#endif
}

}  // namespace warpvae::test
