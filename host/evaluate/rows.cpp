#include "host/evaluate/rows.h"

#include <cmath>

#include "cuda/device/buffer.h"
#include "cuda/ops/linear_models.h"
#include "data/error.h"

namespace warpvae {

std::vector<unsigned long long> first_non_finite(const float* x, int count, std::size_t n, Stream stream) {
    DeviceBuffer<unsigned long long> first(std::vector<unsigned long long>(std::size_t(count), ~0ull));
    check(first_non_finite(first.data(), x, count, n, stream));
    return first.download(stream);
}

void require_finite(const std::string& name, const float* x, int count, std::size_t n, int d, const char* what,
                    Stream stream) {
    const auto found = first_non_finite(x, count, n * std::size_t(d), stream);
    for (int i = 0; i < count; ++i)
        if (found[i] != ~0ull)
            throw Error(name + "feature " + std::to_string(found[i] % unsigned(d)) + " of row " +
                        std::to_string(found[i] / unsigned(d)) +
                        (what ? std::string(" of ") + what + " " + std::to_string(i) : "") + " is not a finite number");
}

void require_fit(const std::string& name, const char* what, int count, std::size_t n, int d, double C, int classes) {
    if (count < 1 || n < 1 || d < 1)
        throw Error(name + "needs at least one " + what + ", row and feature, not " + std::to_string(count) + ", " +
                    std::to_string(n) + " and " + std::to_string(d));
    if (!(C > 0) || !std::isfinite(C)) throw Error(name + "C must be positive and finite, not " + std::to_string(C));
    if (classes < 2 || classes > 256) throw Error(name + "needs 2 to 256 classes, not " + std::to_string(classes));
}

}  // namespace warpvae
