// Pictures in motion, as GIF: the one door to giflib.
#pragma once
#include <filesystem>
#include <vector>

#include "host/show/image_grid.h"

namespace warpvae {

/// Whether this build has giflib.
bool can_animate();

/// Writes pictures of one size as a GIF that repeats for ever, `per_second` of them, whole or not at all. Colours are
/// the picture's own where all have 256 at most (grey ones always), else the nearest of 256 chosen for all. Without
/// giflib it writes nothing. Throws Error naming the file.
void write_animation(const std::filesystem::path& path, const std::vector<RgbPicture>& pictures, int per_second = 12);

}  // namespace warpvae
