// What makes a run of each program a matter of seconds.
#pragma once
#include <map>
#include <string>

namespace warpvae::test {

inline constexpr const char* kShort =
    " --dataset glyphs --train-images 1200 --test-images 100 --epochs 1 --quiet --seeds 1 ";

inline const std::map<std::string, std::string> kShortRuns{
    {"invariance", "--latents 3 --train-set s --benchmark none"},
    {"spatial", "--latents 2 --rows vae --hidden 16"},
    {"equivae", "--quick --latents 2"},
    {"geometry",
     "--latents 2 --separability-latents 2 --samples 2 --alphas 1 --pairs 0 --hidden 16 --sgd-repeats 0 "
     "--likelihood-images 20 --likelihood-samples 20"},
};

/// What makes its models small, where an example says which models they are.
inline const std::map<std::string, std::string> kSmallModels{
    {"invariance", "--hidden 16 --benchmark dense"},
    {"spatial", "--hidden 16"},
    {"equivae", "--latents 2 --labels 20"},
    {"geometry",
     "--samples 2 --hidden 16 --sgd-repeats 0 --likelihood-images 20 --likelihood-samples 20 --bound-samples 2 "
     "--pairs 4"},
};

}  // namespace warpvae::test
