// JPEG, read by libjpeg-turbo: its one door.
#pragma once
#include <string>
#include <string_view>

#include "data/picture.h"

namespace warpvae {

/// False if this build has no libjpeg; decode_jpeg then says so.
bool can_read_jpeg();
bool is_jpeg(std::string_view bytes);
/// The picture in `bytes`, grey or RGB, turned as its EXIF says. Throws Error naming `name` if it is cut off or
/// damaged, of CMYK, or of more than kMostPicturePixels.
Picture decode_jpeg(std::string_view bytes, const std::string& name);

}  // namespace warpvae
