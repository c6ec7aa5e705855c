// Division of many whole numbers by one that is known beforehand: a multiplication and a shift (Granlund and Montgomery
// 1994), where a processor's own division takes some twenty instructions.
#pragma once
#include <cstdint>

#include "cuda/device/launch.cuh"

namespace warpvae {

class FastDivisor {
  public:
    FastDivisor() = default;
    /// divisor: 1 or more.
    WARPVAE_HOST_DEVICE explicit FastDivisor(int divisor) : divisor_(divisor) {
        while ((std::int64_t(1) << shift_) < divisor) ++shift_;
        multiplier_ =
            std::uint32_t(((std::uint64_t(1) << 32) * ((std::uint64_t(1) << shift_) - divisor)) / divisor + 1);
    }
    /// n / divisor for n from 0 to 2^31 - 1.
    WARPVAE_HOST_DEVICE int quotient(int n) const {
        const std::uint32_t high = std::uint32_t((std::uint64_t(std::uint32_t(n)) * multiplier_) >> 32);
        return int((high + std::uint32_t(n)) >> shift_);
    }
    /// n = quotient * divisor + rest.
    WARPVAE_HOST_DEVICE void divide(int n, int& quotient_of, int& rest) const {
        quotient_of = quotient(n);
        rest = n - quotient_of * divisor_;
    }

  private:
    int divisor_ = 1, shift_ = 0;
    std::uint32_t multiplier_ = 1;
};

}  // namespace warpvae
