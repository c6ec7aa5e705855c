// PGM and PPM, the plainest of pictures: a header in words, then the bytes.
#pragma once
#include <string>
#include <string_view>

#include "data/picture.h"

namespace warpvae {

/// Of binary PGM (P5) or PPM (P6).
bool is_pnm(std::string_view bytes);
/// The picture in `bytes`, whose greatest value must be 255. Throws Error naming `name` if it is damaged, cut off, of
/// another range, or of more than kMostPicturePixels.
Picture decode_pnm(std::string_view bytes, const std::string& name);

}  // namespace warpvae
