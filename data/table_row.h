// Rows of a table in text: .csv with commas and quotes, .amat with spaces.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warpvae {

/// The cells of a row into `cells`, without the quotes around them and "" as " inside; at `separator`, or at any run of
/// spaces where it is a space. False: a quote has no end.
bool split_row(std::string_view row, char separator, std::vector<std::string>& cells);

/// The whole cell as a number, spaces around it aside; nothing if it is none.
std::optional<double> cell_number(std::string_view cell);

/// Which of `columns` is meant by `wanted`: a name of theirs, a number from 1, first or last. Nothing if none is.
std::optional<std::size_t> find_column(const std::vector<std::string>& columns, const std::string& wanted);
/// Which has a usual name of labels: label, class, target or y, in any case.
std::optional<std::size_t> usual_label_column(const std::vector<std::string>& columns);

}  // namespace warpvae
