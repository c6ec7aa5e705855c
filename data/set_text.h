// Numbers, shapes and names of files as the messages about data sets have them.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace warpvae {

/// "28x28x3".
std::string shape_text(const std::vector<std::size_t>& shape, std::size_t from = 0);
/// "0.5", "1e+30": six digits at most.
std::string short_number(double value);
/// On one line, whatever it holds: bytes that are no printable ASCII as \x0a. Text in UTF-8 stays as it is.
std::string printable(std::string_view text);
bool is_utf8(std::string_view text);
/// "a", "b" and 3 more.
std::string some_of(const std::vector<std::string>& names, std::size_t most = 3);
/// "1 image", "2 images"; "1 class", "2 classes".
std::string counted(std::size_t count, const std::string& what);

}  // namespace warpvae
