// What a program tells its user while it works, on standard error: the one door to spdlog.
#pragma once
#include <string_view>

namespace warpvae {

/// With `quiet`, log_info says nothing; warnings and errors are always said.
void set_quiet(bool quiet);
bool quiet();

void log_info(std::string_view message);
void log_warning(std::string_view message);
void log_error(std::string_view message);

}  // namespace warpvae
