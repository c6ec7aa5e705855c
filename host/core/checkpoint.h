// A model's weights and a training run's state as safetensors files. Weights, and the moments beside them, go by the
// names and layouts of torch.nn.Linear, Conv2d and ConvTranspose2d, whatever their MemoryFormat in the arena.
#pragma once
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/core/trainer.h"

namespace warpvae {

using Metadata = std::vector<std::pair<std::string, std::string>>;

inline constexpr const char* kWeights = "model.safetensors";
inline constexpr const char* kCheckpoint = "checkpoint.safetensors";
inline constexpr const char* kPreviousCheckpoint = "checkpoint.previous.safetensors";

// Every file is written under another name and renamed when it is whole. Writing throws Error naming the file, on a
// full disk for instance, and leaves what was there.

/// What the file says that it was made with. Throws Error where it is absent or damaged.
Metadata read_metadata(const std::filesystem::path& path);

/// model.safetensors says this beside what the model was made with, for who reads the file elsewhere: the image's
/// height, width and channels, as "28,28,1". read_metadata leaves it out.
inline constexpr const char* kImageShape = "image-shape";

/// model.safetensors: the weights alone. `values` is one replica's arena [P].
void save_weights(const std::filesystem::path& path, const ParameterLayout& layout, const std::vector<float>& values,
                  const Metadata& metadata);
/// The arena [P] of a file that save_weights (or PyTorch) wrote; names and shapes must be the layout's. Throws Error.
std::vector<float> load_weights(const std::filesystem::path& path, const ParameterLayout& layout);

/// checkpoint.safetensors: weights, both moments, the step, the running epoch's sums. The file that was there becomes
/// checkpoint.previous.safetensors, so that replicas saved one after another always share a step (see
/// common_checkpoints).
void save_checkpoint(const std::filesystem::path& folder, const ParameterLayout& layout, const Trainer::State& state,
                     const Metadata& metadata);

/// The steps of the checkpoints in `folder`; empty if there are none.
std::set<std::uint64_t> saved_steps(const std::filesystem::path& folder);

/// Removes checkpoint.safetensors where it is of a later step than `step`, which others of its group have not: else the
/// next one to be saved would take the place of the last that they share.
void drop_checkpoint_after(const std::filesystem::path& folder, std::uint64_t step);

/// The states of all `folders` at the latest step that every one of them holds; nothing if some folder has none.
/// Throws Error on a damaged file, or one whose metadata differ from `expected` (another seed, another setting).
std::optional<std::vector<Trainer::State>> common_checkpoints(const std::vector<std::filesystem::path>& folders,
                                                              const ParameterLayout& layout,
                                                              const std::vector<Metadata>& expected);

}  // namespace warpvae
