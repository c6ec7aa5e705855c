// What made a run's numbers besides its settings: the build and the device.
#pragma once
#include <string>

#include "host/experiment/settings.h"

namespace warpvae {

/// Device, versions and commit: for config.toml and the report.
Values provenance();
/// "warpvae 0.2.0 (commit 1a2b3c4), built for the CPU": needs no device.
std::string version_line();

}  // namespace warpvae
