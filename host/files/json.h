// The one door to nlohmann/json. Keys keep the order they were written in, so files are the same bytes run after run.
#pragma once
#include <nlohmann/json.hpp>
#include <string_view>

namespace warpvae {

using Json = nlohmann::ordered_json;

/// What `text` holds; a discarded value if it is no JSON, or has brackets too deep in brackets: an object copies its
/// values as it grows, and each level takes its share of the stack.
inline Json parse_json(std::string_view text, int deepest = 100) {
    bool deep = false;
    Json value = Json::parse(
        text, [&](int depth, Json::parse_event_t, const Json&) { return !(deep |= depth > deepest); }, false);
    return deep ? Json(Json::value_t::discarded) : value;
}

}  // namespace warpvae
