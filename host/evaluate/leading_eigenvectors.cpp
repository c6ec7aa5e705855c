#include "host/evaluate/leading_eigenvectors.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cuda/device/buffer.h"
#include "cuda/ops/random.h"

namespace warpvae {
namespace {

constexpr int kSpare = 8;         // vectors beside those that are asked for
constexpr int kMost = 100;        // multiplications by the matrix
constexpr int kBetweenLooks = 4;  // of them
constexpr double kResidual = 1e-12;

/// A symmetric matrix [p, p] on the host.
using Small = std::vector<double>;

/// values, and the eigenvectors of A as the rows of `vectors`, by Jacobi's rotations; the largest first.
void jacobi(Small A, std::size_t p, std::vector<double>& values, Small& vectors) {
    Small V(p * p, 0.);
    for (std::size_t i = 0; i < p; ++i) V[i * p + i] = 1;
    const auto rotate = [&](std::size_t i, std::size_t j) {
        if (A[i * p + j] == 0) return;
        const double half = (A[j * p + j] - A[i * p + i]) / (2 * A[i * p + j]);
        const double t = (half < 0 ? -1 : 1) / (std::abs(half) + std::hypot(half, 1.)), c = 1 / std::hypot(t, 1.);
        const double s = t * c;
        for (std::size_t k = 0; k < p; ++k) {
            const double a = A[k * p + i], b = A[k * p + j];
            A[k * p + i] = c * a - s * b, A[k * p + j] = s * a + c * b;
        }
        for (std::size_t k = 0; k < p; ++k) {
            const double a = A[i * p + k], b = A[j * p + k], v = V[i * p + k], w = V[j * p + k];
            A[i * p + k] = c * a - s * b, A[j * p + k] = s * a + c * b;
            V[i * p + k] = c * v - s * w, V[j * p + k] = s * v + c * w;
        }
    };
    for (int sweep = 0; sweep < 12; ++sweep)  // it converges quadratically
        for (std::size_t i = 0; i < p; ++i)
            for (std::size_t j = i + 1; j < p; ++j) rotate(i, j);

    std::vector<std::size_t> order(p);
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return A[a * p + a] > A[b * p + b]; });
    values.clear(), vectors.clear();
    for (const std::size_t i : order) {
        values.push_back(A[i * p + i]);
        vectors.insert(vectors.end(), V.begin() + std::ptrdiff_t(i * p), V.begin() + std::ptrdiff_t((i + 1) * p));
    }
}

/// The inverse of L, G = L L^T: its product with vectors of the Gram matrix G is orthonormal. Empty where G's rounding
/// says that they are not independent.
Small inverse_cholesky(Small G, std::size_t p) {
    double largest = 0;
    for (std::size_t i = 0; i < p; ++i) largest = std::max(largest, G[i * p + i]);
    for (std::size_t j = 0; j < p; ++j)
        for (std::size_t i = j; i < p; ++i) {
            double sum = G[i * p + j];
            for (std::size_t k = 0; k < j; ++k) sum -= G[i * p + k] * G[j * p + k];
            if (i == j && !(sum > 1e-13 * largest)) return {};
            G[i * p + j] = i == j ? std::sqrt(sum) : sum / G[j * p + j];
        }
    Small inverse(p * p, 0.);
    for (std::size_t j = 0; j < p; ++j)
        for (std::size_t i = j; i < p; ++i) {
            double sum = i == j;
            for (std::size_t k = j; k < i; ++k) sum -= G[i * p + k] * inverse[k * p + j];
            inverse[i * p + j] = sum / G[i * p + i];
        }
    return inverse;
}

/// A block of p vectors and what the matrix makes of them, its images.
class Block {
  public:
    Block(const Matmul& matmul, const double* matrix, int D, int p)
        : matmul_(matmul),
          stream_(matmul.stream()),
          matrix_(matrix),
          D_(D),
          p_(p),
          images_(size(), "eigenvectors"),
          vectors_(size(), "eigenvectors"),
          mixed_(size(), "eigenvectors"),
          products_(std::size_t(p) * p),
          mixing_(std::size_t(p) * p) {
        check(philox_normal(images_.data(), size(), 1, Purpose::kInitialise, 0, stream_));
    }
    /// The images, made orthonormal, become the vectors. False if they depend on each other.
    bool advance() {
        for (int time = 0; time < 2; ++time) {  // the first leaves a rounding that grows with the images' condition
            const Small inverse = inverse_cholesky(products(images_, images_), std::size_t(p_));
            if (inverse.empty()) return false;
            mix(images_, inverse);
        }
        std::swap(images_, vectors_);
        check(matmul(matmul_, images_.data(), 0, Op::kNone, vectors_.data(), 0, Op::kNone, matrix_, 0, 1, p_, D_, D_));
        return true;
    }
    /// The Ritz vectors, in the order of their `values`, become the block; the largest residual of the first `count`.
    double rotate(std::vector<double>& values, int count) {
        const auto p = std::size_t(p_);
        Small Q, minus(p * p, 0.);
        jacobi(products(images_, vectors_), p, values, Q);
        mix(vectors_, Q), mix(images_, Q);
        for (std::size_t i = 0; i < p; ++i) minus[i * p + i] = -values[i];
        multiply(minus, vectors_);
        check(add(mixed_.data(), images_.data(), size(), stream_));
        const Small squares = products(mixed_, mixed_);
        double most = 0;
        for (std::size_t i = 0; i < std::size_t(count); ++i) most = std::max(most, squares[i * p + i]);
        return std::sqrt(most);
    }
    std::vector<double> vectors(int count) const {
        std::vector<double> out(std::size_t(count) * D_);
        vectors_.download(out.data(), out.size(), 0, stream_);
        return out;
    }

  private:
    std::size_t size() const { return std::size_t(p_) * D_; }
    /// a b^T.
    Small products(const DeviceBuffer<double>& a, const DeviceBuffer<double>& b) {
        check(matmul(matmul_, products_.data(), 0, Op::kNone, a.data(), 0, Op::kTranspose, b.data(), 0, 1, p_, p_, D_));
        return products_.download(stream_);
    }
    /// mixed_ = T rows.
    void multiply(const Small& T, const DeviceBuffer<double>& rows) {
        mixing_.upload(T, stream_);
        check(
            matmul(matmul_, mixed_.data(), 0, Op::kNone, mixing_.data(), 0, Op::kNone, rows.data(), 0, 1, p_, D_, p_));
    }
    /// rows := T rows.
    void mix(DeviceBuffer<double>& rows, const Small& T) {
        multiply(T, rows);
        std::swap(rows, mixed_);
    }

    const Matmul& matmul_;
    const Stream stream_;
    const double* matrix_;
    const int D_, p_;
    DeviceBuffer<double> images_, vectors_, mixed_;  // [p, D]
    DeviceBuffer<double> products_, mixing_;         // [p, p]
};

}  // namespace

std::optional<LeadingEigenvectors> leading_eigenvectors(const Matmul& matmul, const double* matrix, int D, int count) {
    const int p = count + kSpare;
    if (count < 1 || 4 * p > D) return {};
    const int most = device_is_gpu() ? kMost : std::min(kMost, 2 * D / p);  // then a CPU's library takes no longer
    Block block(matmul, matrix, D, p);
    std::vector<double> values;
    for (int done = 1; done <= most; ++done) {
        if (!block.advance()) return {};
        if (done % kBetweenLooks) continue;
        const double residual = block.rotate(values, count), allowed = kResidual * values[0];
        if (residual <= allowed)
            return LeadingEigenvectors{{values.begin(), values.begin() + count}, block.vectors(count)};
        // A multiplication leaves of the last vector's error what the first value outside of the block is of its own.
        const double rate = values.back() / values[std::size_t(count - 1)];
        if (!(rate < 1) || done + std::log(allowed / residual) / std::log(rate) > most) return {};
    }
    return {};
}

}  // namespace warpvae
