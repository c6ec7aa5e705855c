// Which way up a camera held a picture, as EXIF has it, and turning the picture so.
#pragma once
#include <string_view>

#include "data/picture.h"

namespace warpvae {

/// The orientation, 1 to 8, in EXIF data that begin with the TIFF header; 1, upright, where they are damaged or say
/// nothing: every viewer shows such a picture as it is.
int exif_orientation(std::string_view exif);

/// The picture as it is to be seen: 1 as it is, 2 mirrored, 3 turned by 180 degrees, 4 upside down, 5 to 8 with rows
/// and columns exchanged.
Picture upright(Picture picture, int orientation);

}  // namespace warpvae
