// Sizes of 0 for what works on pixels with channels, behind convolutions: biases and batch normalisation.
#pragma once
#include "tests/support/zero_sizes.h"

namespace warpvae::test {

inline void channels() {
    constexpr Stream S = nullptr;
    const Activation relu = Activation::kRelu;
    const NormStatistics<float> by{ones, ones, 3};
    const NormParameters<float> then{ones, ones, 3};
    TAKES(batch_norm_statistics<float>(none, none, ones, 0, 2, 3, S));
    TAKES(batch_norm_statistics<float>(zeros(12), none, ones, 2, 0, 3, S));
    REFUSES(batch_norm_statistics<float>(none, none, ones, 1, 2, 0, S));
    TAKES(batch_norm_forward<float>(none, ones, by, then, relu, 0, 2, 3, S));
    TAKES(batch_norm_forward<float>(none, ones, by, then, relu, 2, 0, 3, S));
    REFUSES(batch_norm_forward<float>(none, ones, by, then, relu, 1, 2, 0, S));
    TAKES(batch_norm_backward<float>(none, none, none, none, ones, ones, by, then, 0, 2, 3, S));
    TAKES(batch_norm_backward<float>(none, zeros(6), zeros(6), zeros(12), ones, ones, by, then, 2, 0, 3, S));
    REFUSES(batch_norm_backward<float>(none, none, none, none, ones, ones, by, then, 1, 2, 0, S));
    TAKES(batch_norm_update<float>({none, none, 3, none, none}, ones, ones, 0, 2, 3, S));
    REFUSES(batch_norm_update<float>({none, none, 3, none, none}, ones, ones, 1, 2, 0, S));
    TAKES(channel_bias_forward<float>(none, ones, 64, Activation::kRelu, 0, 2, 3, S));
    TAKES(channel_bias_forward<float>(none, ones, 64, Activation::kRelu, 2, 0, 3, S));
    REFUSES(channel_bias_forward<float>(none, ones, 64, Activation::kRelu, 1, 2, 0, S));
    TAKES(channel_bias_backward<float>(none, none, none, ones, 64, 0, 2, 3, S));
    TAKES(channel_bias_backward<float>(none, zeros(6), none, ones, 3, 2, 0, 3, S));
    REFUSES(channel_bias_backward<float>(none, none, none, ones, 64, 1, 2, 0, S));
}

}  // namespace warpvae::test
