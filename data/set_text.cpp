#include "data/set_text.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace warpvae {

std::string shape_text(const std::vector<std::size_t>& shape, std::size_t from) {
    std::string text;
    for (std::size_t d = from; d < shape.size(); ++d) text += (d > from ? "x" : "") + std::to_string(shape[d]);
    return text;
}

std::string short_number(double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%g", value);
    return text;
}

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const unsigned char first = static_cast<unsigned char>(text[i]);
        const std::size_t length = first < 0x80       ? 1
                                   : first >> 5 == 6  ? 2
                                   : first >> 4 == 14 ? 3
                                   : first >> 3 == 30 ? 4
                                                      : 0;
        if (!length || text.size() - i < length) return false;
        std::uint32_t point = length == 1 ? first : first & (0x7fu >> length);
        for (std::size_t k = 1; k < length; ++k) {
            const unsigned char next = static_cast<unsigned char>(text[i + k]);
            if (next >> 6 != 2) return false;
            point = point << 6 | (next & 63);
        }
        constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};  // written in no more bytes than it needs
        if (point < kLeast[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
        i += length;
    }
    return true;
}

std::string printable(std::string_view text) {
    const bool utf8 = is_utf8(text);
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 32 || byte == 127 || (byte > 127 && !utf8)) {
            char code[8];
            std::snprintf(code, sizeof(code), "\\x%02x", byte);
            out += code;
        } else {
            out += c;
        }
    }
    return out;
}

std::string some_of(const std::vector<std::string>& names, std::size_t most) {
    std::string text;
    for (std::size_t i = 0; i < std::min(most, names.size()); ++i) text += (i ? ", " : "") + printable(names[i]);
    if (names.size() > most) text += " and " + std::to_string(names.size() - most) + " more";
    return text;
}

std::string counted(std::size_t count, const std::string& what) {
    const bool sibilant = !what.empty() && what.back() == 's';
    return std::to_string(count) + " " + what + (count == 1 ? "" : sibilant ? "es" : "s");
}

}  // namespace warpvae
