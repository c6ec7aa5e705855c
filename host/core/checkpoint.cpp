#include "host/core/checkpoint.h"

#include <array>
#include <map>
#include <span>

#include "data/files.h"
#include "host/files/safetensors.h"

namespace warpvae {
namespace {

namespace fs = std::filesystem;

/// Prefixes of the optimiser's two arrays.
std::array<const char*, 2> moment_names(Optimiser optimiser) {
    if (optimiser == Optimiser::kAdam) return {"adam.m.", "adam.v."};
    return {"adadelta.squares.", "adadelta.updates."};
}

void add_arena(SafeTensors& file, const std::string& prefix, const ParameterLayout& layout,
               const std::vector<float>& values) {
    for (const ParameterInfo& tensor : layout.tensors())
        file.tensors.push_back(Tensor::of<float>(prefix + tensor.name, tensor.shape, tensor.get(values)));
}

std::vector<float> read_arena(const SafeTensors& file, const std::string& prefix, const ParameterLayout& layout,
                              const fs::path& path) {
    std::vector<float> values(layout.size(), 0.f);
    for (const ParameterInfo& info : layout.tensors()) {
        const std::string name = prefix + info.name;
        if (!file.contains(name))
            throw Error(path.string() + " has no tensor " + name + "; was it made with other settings?");
        const Tensor& tensor = file.at(name);
        if (tensor.shape != info.shape)
            throw Error(path.string() + ": tensor " + name + " has another shape; was it made with other settings?");
        info.set(values, tensor.values<float>());
    }
    return values;
}

std::uint64_t step_of(const SafeTensors& file, const fs::path& path) {
    const std::vector<std::uint64_t> step = file.at("step").values<std::uint64_t>();
    if (step.size() != 1) throw Error(path.string() + ": tensor step must be one number");
    return step[0];
}

std::optional<Trainer::State> load_checkpoint(const fs::path& path, const ParameterLayout& layout,
                                              const Metadata& expected) {
    if (!fs::exists(path)) return std::nullopt;
    const SafeTensors file = read_safetensors(path);
    for (const auto& [key, value] : expected)
        if (key != "epochs" && file.metadata_at(key) != value)
            throw Error(path.string() + " was made with " + key + " = " + file.metadata_at(key) + ", this run has " +
                        key + " = " + value + "; use the same settings, or another --out");
    Trainer::State state;
    state.step = step_of(file, path);
    state.values = read_arena(file, "", layout, path);
    const std::string any = layout.tensors().front().name;
    if (file.contains(moment_names(Optimiser::kAdadelta)[0] + any)) state.optimiser = Optimiser::kAdadelta;
    const auto [first, second] = moment_names(state.optimiser);
    state.first_moments = read_arena(file, first, layout, path);
    state.second_moments = read_arena(file, second, layout, path);
    state.loss_sums = file.at("loss_sums").values<double>();
    return state;
}

}  // namespace

void save_weights(const fs::path& path, const ParameterLayout& layout, const std::vector<float>& values,
                  const Metadata& metadata) {
    SafeTensors file;
    add_arena(file, "", layout, values);
    file.metadata = metadata;
    write_safetensors(path, file);
}

Metadata read_metadata(const fs::path& path) {
    Metadata metadata = read_safetensors(path).metadata;
    std::erase_if(metadata, [](const auto& entry) { return entry.first == kImageShape; });
    return metadata;
}

std::vector<float> load_weights(const fs::path& path, const ParameterLayout& layout) {
    return read_arena(read_safetensors(path), "", layout, path);
}

void save_checkpoint(const fs::path& folder, const ParameterLayout& layout, const Trainer::State& state,
                     const Metadata& metadata) {
    SafeTensors file;
    add_arena(file, "", layout, state.values);
    const auto [first, second] = moment_names(state.optimiser);
    add_arena(file, first, layout, state.first_moments);
    add_arena(file, second, layout, state.second_moments);
    file.tensors.push_back(Tensor::of<std::uint64_t>("step", {1}, std::span<const std::uint64_t>(&state.step, 1)));
    file.tensors.push_back(Tensor::of<double>("loss_sums", {std::int64_t(state.loss_sums.size())},
                                              std::span<const double>(state.loss_sums)));
    file.metadata = metadata;
    const std::string bytes = encode_safetensors(file);
    std::error_code ignored;  // there may be none yet
    fs::rename(folder / kCheckpoint, folder / kPreviousCheckpoint, ignored);
    write_file(folder / kCheckpoint, bytes);
}

std::set<std::uint64_t> saved_steps(const fs::path& folder) {
    std::set<std::uint64_t> steps;
    for (const char* name : {kPreviousCheckpoint, kCheckpoint})
        if (fs::exists(folder / name)) steps.insert(step_of(read_safetensors(folder / name), folder / name));
    return steps;
}

void drop_checkpoint_after(const fs::path& folder, std::uint64_t step) {
    const fs::path path = folder / kCheckpoint;
    if (!fs::exists(path) || step_of(read_safetensors(path), path) <= step) return;
    std::error_code ignored;  // a folder that cannot be written is found at the next save
    fs::remove(path, ignored);
}

std::optional<std::vector<Trainer::State>> common_checkpoints(const std::vector<fs::path>& folders,
                                                              const ParameterLayout& layout,
                                                              const std::vector<Metadata>& expected) {
    std::vector<std::map<std::uint64_t, Trainer::State>> found(folders.size());
    for (std::size_t r = 0; r < folders.size(); ++r) {
        for (const char* name : {kPreviousCheckpoint, kCheckpoint})
            if (auto state = load_checkpoint(folders[r] / name, layout, expected[r])) found[r][state->step] = *state;
        if (found[r].empty()) return std::nullopt;
    }
    for (auto candidate = found[0].rbegin(); candidate != found[0].rend(); ++candidate) {
        std::vector<Trainer::State> states;
        for (auto& replica : found)
            if (replica.count(candidate->first)) states.push_back(replica[candidate->first]);
        if (states.size() == folders.size()) return states;
    }
    return std::nullopt;
}

}  // namespace warpvae
