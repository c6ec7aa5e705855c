// Numbers into text.
#pragma once
#include <cstdio>
#include <string>

namespace warpvae {

/// As printf, up to 511 characters.
template <class... A>
std::string formatted(const char* format, A... args) {
    char line[512];
    std::snprintf(line, sizeof line, format, args...);
    return line;
}

}  // namespace warpvae
