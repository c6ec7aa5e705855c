// Gzip in memory: the project's one door to zlib.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace warpvae {

/// True if `bytes` begin as a gzip file does.
bool is_gzip(std::string_view bytes);

/// Unpacks gzip or bare zlib data, but not more than `at_most` bytes of it. If the end is reached, the checksum is
/// verified; zeros after the end are ignored. Takes memory for what is unpacked, whatever a header claims. Throws Error
/// naming `name` if the data are damaged or cut off before that.
std::string gunzip(std::string_view bytes, const std::string& name, std::size_t at_most);

/// Packs `bytes`. The header holds no file name and no time, so the same bytes always give the same file.
std::string gzip(std::string_view bytes);

}  // namespace warpvae
