// Mean and deviation of measured numbers: one for each seed, image or model.
#pragma once
#include <cmath>
#include <vector>

namespace warpvae {

/// NaN without values.
template <class T>
double mean_of(const std::vector<T>& values) {
    double sum = 0;
    for (const T v : values) sum += double(v);
    return values.empty() ? NAN : sum / double(values.size());
}

/// n - 1 in the denominator; 0 for fewer than two values.
template <class T>
double std_of(const std::vector<T>& values) {
    if (values.size() < 2) return 0;
    const double mean = mean_of(values);
    double squares = 0;
    for (const T v : values) squares += (double(v) - mean) * (double(v) - mean);
    return std::sqrt(squares / double(values.size() - 1));
}

}  // namespace warpvae
