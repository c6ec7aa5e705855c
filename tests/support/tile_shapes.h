// The tiles of the fused kernels, one after the other.
#pragma once
#include <string>

#include "tests/support/device_test.h"

namespace warpvae::test {

inline constexpr DenseTileSize kTiles[] = {DenseTileSize::kSmall, DenseTileSize::kMedium, DenseTileSize::kLarge,
                                           DenseTileSize::kBySize};
/// body() with each shape of tile in force.
template <class Body>
void with_all_tiles(Body body) {
    for (const DenseTileSize tile : kTiles) {
        SCOPED_TRACE("tile " + std::to_string(int(tile)));
        launch_options().dense_tile = tile;
        body();
    }
    launch_options().dense_tile = DenseTileSize::kBySize;
    SCOPED_TRACE("on a card with little shared memory");
    launch_options().shared_bytes = 99 * 1024;
    body();
    launch_options().shared_bytes = 0;
}

}  // namespace warpvae::test
