// Numbers into text, and how wide text is.
#pragma once
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

namespace warpvae {

/// As printf, up to 511 characters.
template <class... A>
std::string formatted(const char* format, A... args) {
    char line[512];
    std::snprintf(line, sizeof line, format, args...);
    return line;
}

/// Columns that a terminal uses for UTF-8 text: its characters (every one printed here is one column wide).
inline std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace warpvae
