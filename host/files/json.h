// The one door to nlohmann/json. Keys keep the order they were written in, so files are the same bytes run after run.
#pragma once
#include <nlohmann/json.hpp>

namespace warpvae {

using Json = nlohmann::ordered_json;

}  // namespace warpvae
