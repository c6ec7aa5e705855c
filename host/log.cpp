#include "host/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>

namespace warpvae {
namespace {

spdlog::logger& logger() {
    static const std::unique_ptr<spdlog::logger> instance = [] {
        auto out = std::make_unique<spdlog::logger>("warpvae", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        // On a terminal a progress bar may stand in the line: clear it first.
        out->set_pattern(::isatty(STDERR_FILENO) ? "\r\033[K%v" : "%v");
        out->set_level(spdlog::level::info);
        return out;
    }();
    return *instance;
}

}  // namespace

void set_quiet(bool quiet) { logger().set_level(quiet ? spdlog::level::warn : spdlog::level::info); }

bool quiet() { return logger().level() > spdlog::level::info; }

void log_info(std::string_view message) { logger().info("{}", message); }
void log_warning(std::string_view message) { logger().warn("warning: {}", message); }
void log_error(std::string_view message) { logger().error("error: {}", message); }

}  // namespace warpvae
