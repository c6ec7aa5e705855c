// Shapes of convolutions for tests, and what a convolution is by definition.
#pragma once
#include <string>

#include "cuda/ops/convolution.h"

namespace warpvae::test {

/// Calls body(image pixel and channel of x, of y, of W) for every product that the convolution's definition sums.
template <class Body>
void for_products(const ConvolutionShape& s, Body body) {
    for (int h = 0; h < s.y_height(); ++h)
        for (int w = 0; w < s.y_width(); ++w)
            for (int o = 0; o < s.y_channels; ++o)
                for (int c = 0; c < s.x_channels; ++c)
                    for (int i = 0; i < s.kernel; ++i)
                        for (int j = 0; j < s.kernel; ++j) {
                            const int xh = h * s.stride + i - s.padding, xw = w * s.stride + j - s.padding;
                            if (xh < 0 || xh >= s.x_height || xw < 0 || xw >= s.x_width) continue;
                            body((std::size_t(xh) * s.x_width + xw) * s.x_channels + c,
                                 (std::size_t(h) * s.y_width() + w) * s.y_channels + o,
                                 ((std::size_t(o) * s.kernel + i) * s.kernel + j) * s.x_channels + c);
                        }
}

struct Case {
    ConvolutionShape shape;
    int R, N;
};
inline std::string name_of(const Case& c) {
    const ConvolutionShape& s = c.shape;
    return std::to_string(s.x_channels) + "x" + std::to_string(s.x_height) + "x" + std::to_string(s.x_width) + "->" +
           std::to_string(s.y_channels) + " k" + std::to_string(s.kernel) + " s" + std::to_string(s.stride) + " p" +
           std::to_string(s.padding) + " R" + std::to_string(c.R) + " N" + std::to_string(c.N);
}

}  // namespace warpvae::test
