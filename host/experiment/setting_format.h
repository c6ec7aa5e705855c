// A setting's value as text: read from a command line or config.toml with its range checked, and written so that it
// reads back the same.
#pragma once
#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace warpvae {

template <class T>
struct Format {
    std::function<std::optional<T>(const std::string&)> read;  ///< nothing: not such a value
    std::function<std::string(const T&)> write;
    std::string type;    ///< COUNT, {bilinear,nearest}: in --help
    std::string wanted;  ///< "a whole number from 1 to 1000": in the line that refuses
};

/// The shortest text that reads back as the same number.
std::string number_text(double x);

template <std::integral T>
Format<T> whole(T low, T high, std::string type = "COUNT") {
    const std::string range = std::to_string(low) + " to " + std::to_string(high);
    return {[=](const std::string& text) -> std::optional<T> {
                T value{};
                const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
                if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) return {};
                return value;
            },
            [](const T& value) { return std::to_string(value); }, std::move(type), "a whole number from " + range};
}

/// From `low` to `high`; `above`: not `low` itself.
struct Range64 {
    double low = 0, high = std::numeric_limits<double>::infinity();
    bool above = false;
};
inline Range64 positive() { return {0, std::numeric_limits<double>::infinity(), true}; }
inline Range64 at_least(double low) { return {low, std::numeric_limits<double>::infinity(), false}; }
/// Finite numbers; NaN is none.
Format<double> number(Range64 range, std::string type = "NUMBER");

template <class E>
using Choices = std::vector<std::pair<const char*, E>>;

template <class E>
const char* name_in(const Choices<E>& choices, const E& value) {
    for (const auto& [name, choice] : choices)
        if (choice == value) return name;
    return "";
}

template <class E>
Format<E> one_of(Choices<E> choices) {
    std::string names;
    for (const auto& [name, value] : choices) names += (names.empty() ? "" : ", ") + std::string(name);
    return {[choices](const std::string& text) -> std::optional<E> {
                for (const auto& [name, value] : choices)
                    if (text == name) return value;
                return {};
            },
            [choices](const E& value) { return std::string(name_in(choices, value)); }, "{" + names + "}",
            "one of " + names};
}
/// One of these words, kept as text.
Format<std::string> word(const std::vector<std::string>& words);
/// Any text: a folder, a file.
Format<std::string> any_text(std::string type);

}  // namespace warpvae
