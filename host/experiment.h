// What the papers' experiments share: replicas that train in the same launches, results that are on disk, and settings
// as text.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cuda/device/device.h"
#include "cuda/ops/dense.h"
#include "host/files/json.h"

namespace warpvae {

/// Neighbours of one group() together, `most` at a time; 0: all there are on a GPU, each alone on the CPU device.
template <class Replica>
std::vector<std::vector<Replica*>> replica_groups(std::vector<Replica>& replicas, int most) {
    const std::size_t together = most ? std::size_t(most) : device_is_gpu() ? 1u << 20 : 1;
    std::vector<std::vector<Replica*>> groups;
    for (Replica& replica : replicas) {
        const bool joins =
            !groups.empty() && groups.back().size() < together && groups.back().front()->group() == replica.group();
        if (!joins) groups.emplace_back();
        groups.back().push_back(&replica);
    }
    return groups;
}

/// Whether a result is on disk: read(json) may answer false where it is another setting's. Throws Error naming a
/// damaged file.
bool read_result(const std::filesystem::path& path, const std::function<bool(const Json&)>& read);
void write_result(const std::filesystem::path& path, const Json& result);
/// The sum of a replica's `seconds` in metrics.jsonl: of training, all sessions; 0 where there is no such file.
double training_seconds(const std::filesystem::path& metrics, const std::string& replica);

/// A number as a checkpoint's settings hold it.
std::string setting(double x);
std::string setting(const std::vector<int>& list);
std::string setting(Math math);

}  // namespace warpvae
