// gnuplot is optional: what a test may expect where it is missing.
#pragma once
#include <cstdlib>
#include <string>

namespace warpvae::test {

inline bool has_gnuplot() { return std::system("gnuplot --version >/dev/null 2>&1") == 0; }

/// All that a program which draws plots says on standard error.
inline std::string plot_warning() { return has_gnuplot() ? "" : "warning: no gnuplot in PATH, so no plots\n"; }

}  // namespace warpvae::test
