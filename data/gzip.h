// Gzip in memory: the project's one door to zlib.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace warpvae {

/// True if `bytes` begin as a gzip file does.
bool is_gzip(std::string_view bytes);

/// The first `at_most` bytes of what `bytes`, gzip or bare zlib data, hold compressed (all, if they hold less; then the
/// checksum has been verified too). Zeros that pad the end are ignored. Memory grows with what is really there, never
/// with what a header claims. Throws Error naming `name` if the stream is damaged or cut off before that.
std::string gunzip(std::string_view bytes, const std::string& name, std::size_t at_most);

/// `bytes` compressed, with no name and time 0: the same bytes give the same file.
std::string gzip(std::string_view bytes);

}  // namespace warpvae
