#include "cuda/dense_chain.cuh"

#include <algorithm>
#include <type_traits>

#include "cuda/ops/fused_dense.h"
#include "cuda/ops/weight_gradients.h"

namespace warpvae {
namespace {

bool are_sizes(int N, int a, int b = 0) { return N >= 0 && a >= 0 && b >= 0; }
Operands rows_of(const float* x, int N, int width) { return {x, std::size_t(N) * width, N, width}; }

template <int kGroups>
Status launch_chain(const Chain& chain, int R, Stream stream) {
    constexpr std::size_t bytes =
        std::max(ChainTile<Along::kFast, kGroups>::kSharedBytes, ChainTile<Along::kSlow, kGroups>::kSharedBytes);
    if constexpr (kGroups > 2)
        if (bytes > device_shared_bytes()) return launch_chain<kGroups / 2>(chain, R, stream);
    return launch_dependent(dense_chain_kernel<kGroups>,
                            for_blocks((chain.N + kChainRows - 1) / kChainRows, R,
                                       Block::fixed(ChainTile<Along::kFast, kGroups>::kThreads), bytes),
                            stream, chain);
}

}  // namespace

template <class T>
DenseChain<T>::DenseChain(const Matmul& matmul, int R) : matmul_(matmul), R_(R), is_fused_(dense_is_fused<T>(matmul)) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) matmul_.chain_ = this;
}
template <class T>
DenseChain<T>::~DenseChain() {
    end();
}
template <class T>
void DenseChain<T>::end() {
    if constexpr (std::is_same_v<T, float>)
        if (matmul_.chain_ == this) matmul_.chain_ = nullptr;
}

template <class T>
Status DenseChain<T>::launch() {
    end();
    const Status status = launch_steps();
    if constexpr (std::is_same_v<T, float>)
        if (status.ok() && !weights_.empty())
            return weight_gradients(gradients_, {weights_, {}}, R_, P_, matmul_.math_stream());
    return status;
}

/// A block may only read rows that it wrote itself. Arrays of pairs, images and sets have equally many rows only where
/// row i of the one belongs to row i of the other (PairShape), and so have members and sets of one.
template <class T>
Status DenseChain<T>::note(const ChainStep& step, int N) {
    if (N != N_ || steps_.size() == Chain::kMost) {
        const Status status = launch_steps();
        if (!status.ok()) return status;
    }
    N_ = N;
    steps_.push_back(step);
    return {};
}

/// One kernel of the steps noted so far. A layer alone is spread over more blocks by its own.
template <class T>
Status DenseChain<T>::launch_steps() {
    if constexpr (std::is_same_v<T, float>) {
        const std::vector<ChainStep> steps = std::move(steps_);
        steps_.clear();
        if (steps.empty()) return {};
        if (steps.size() == 1 && steps[0].kind == ChainStep::kForward) {
            const ChainForward& layer = steps[0].forward;
            const BiasActivation& end = layer.epilogue;
            return fused_dense_forward(end.y, layer.A.data, layer.B.data, end.b, end.P, end.activation, R_, N_,
                                       layer.A.K, end.out, matmul_.math_stream());
        }
        if (steps.size() == 1 && steps[0].kind == ChainStep::kInputGradient && !steps[0].input_gradient.epilogue.more) {
            const ChainInputGradient& layer = steps[0].input_gradient;
            const ActivationMask& end = layer.epilogue;
            return fused_dense_backward_input(end.dx, layer.A.data, end.x, layer.B.data, layer.B.stride, end.activation,
                                              R_, N_, end.in, layer.A.K, matmul_.math_stream());
        }
        Chain chain;
        chain.count = int(steps.size()), chain.N = N_, chain.is_exact = matmul_.math_stream().is_exact();
        std::copy(steps.begin(), steps.end(), chain.steps);
        return launch_chain<4>(chain, R_, matmul_.stream());
    }
    return {};
}

// --- layers ----------------------------------------------------------------------------------------------------------

template <class T>
Status DenseChain<T>::dense_forward(T* y, const T* x, const T* W, const T* b, std::size_t P, Activation activation,
                                    int N, int in, int out) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            if (!are_sizes(N, in, out)) return {kInvalidValue};
            return note(ChainForward{rows_of(x, N, in), {W, P, out, in}, {y, b, P, activation, N, out}}, N);
        }
    return warpvae::dense_forward(matmul_, y, x, W, b, P, activation, R_, N, in, out);
}

template <class T>
Status DenseChain<T>::dense_backward_input(T* dx, const T* dy, const T* x, const T* W, std::size_t P,
                                           Activation x_activation, int N, int in, int out) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            if (!are_sizes(N, in, out)) return {kInvalidValue};
            return note(
                ChainInputGradient{rows_of(dy, N, out), {W, P, in, out}, {dx, x, nullptr, x_activation, N, in, {}}}, N);
        }
    return warpvae::dense_backward_input(matmul_, dx, dy, x, W, P, x_activation, R_, N, in, out);
}

template <class T>
Status DenseChain<T>::dense_backward_weights(T* gradients, const DenseWeightGradient<T>& layer, std::size_t P) {
    if (!is_fused_) return warpvae::dense_backward_weights(matmul_, gradients, layer, R_, P);
    gradients_ = gradients, P_ = P;
    weights_.push_back(layer);
    return {};
}

template <class T>
Status DenseChain<T>::dropout(T* x, const DropoutMask& mask, int N, int D) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            if (!is_sound(mask, R_, N, D)) return {kInvalidValue};
            return note(
                Dropped{x, mask.seeds, mask.step, float(mask.rate), float(1 / (1 - mask.rate)), purpose_of(mask), N, D},
                N);
        }
    return warpvae::dropout<T>(x, x, mask, R_, N, D, matmul_.stream());
}

// --- maps between layers ---------------------------------------------------------------------------------------------

template <class T>
Status DenseChain<T>::add(T* y, const T* x, int N, int D) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            if (!are_sizes(N, D)) return {kInvalidValue};
            if (!steps_.empty() && N == N_ && steps_.back().kind == ChainStep::kInputGradient) {
                ActivationMask& before = steps_.back().input_gradient.epilogue;
                if (before.dx == x && before.in == D && !before.more) {  // the layer adds its gradient itself
                    before.dx = y, before.more = y;
                    return {};
                }
            }
            return note(RowSum{y, x, nullptr, N, N, D, D, D, 1, 1, true, {}}, N);
        }
    return warpvae::add(y, x, std::size_t(R_) * N * D, matmul_.stream());
}

/// The part's columns of y, whose rows are `width` apart.
template <class T>
Status DenseChain<T>::pair_part(T* y, int width, const PairPart<T>& part, const PairShape& shape) {
    if constexpr (std::is_same_v<T, float>) {
        const int N = shape.pairs(), rows = row_count(part.rows, shape), D = part.D;
        const SourceRows map{SourceRows::kOfPair, part.rows, shape, 1};
        return note(RowSum{y, part.values, nullptr, N, rows, width, D, D, 1, 1, false, map}, N);
    }
    return {};
}
template <class T>
Status DenseChain<T>::concatenate_pairs_forward(T* y, const PairPart<T>& a, const PairPart<T>& b,
                                                const PairShape& shape) {
    if (!is_fused_) return warpvae::concatenate_pairs_forward(y, a, b, shape, R_, matmul_.stream());
    const Status status = pair_part(y, a.D + b.D, a, shape);
    return status.ok() ? pair_part(y + a.D, a.D + b.D, b, shape) : status;
}

template <class T>
Status DenseChain<T>::concatenate_pairs_backward(const PairPartGradient<T>& part, const T* dy, int width,
                                                 const PairShape& shape) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            const int N = row_count(part.rows, shape), pairs = shape.pairs(), D = part.D;
            const SourceRows map{SourceRows::kPairsOf, part.rows, shape, 1};
            return note(RowSum{part.gradient, dy, part.output, N, pairs, D, width, D, 1, 1, false, map}, N);
        }
    return warpvae::concatenate_pairs_backward(part, dy, width, shape, R_, matmul_.stream());
}

template <class T>
Status DenseChain<T>::set_mean_forward(T* y, const T* x, int m, int sets, int D) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            if (!are_sizes(sets, D) || m < 1 || std::int64_t(sets) * m >> 31) return {kInvalidValue};
            const SourceRows map{SourceRows::kSet, {}, {}, m};
            return note(RowSum{y, x, nullptr, sets, sets * m, D, D, D, 1, m, false, map}, sets);
        }
    return warpvae::set_mean_forward(y, x, m, std::size_t(R_) * sets, D, matmul_.stream());
}
template <class T>
Status DenseChain<T>::set_mean_backward(T* dx, const T* dy, const T* x, int m, int sets, int D) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            if (!are_sizes(sets, D) || m < 1 || std::int64_t(sets) * m >> 31) return {kInvalidValue};
            const SourceRows map{SourceRows::kMember, {}, {}, m};
            return note(RowSum{dx, dy, x, sets * m, sets, D, D, D, m, m, false, map}, sets);
        }
    return warpvae::set_mean_backward(dx, dy, x, m, std::size_t(R_) * sets, D, matmul_.stream());
}

template <class T>
Status DenseChain<T>::gaussian_sample_forward(T* z, T* kl, const T* moments, const LatentNoise& noise, int N, int Z) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            if (!are_sizes(N, Z) || noise.first_row % 4) return {kInvalidValue};
            return note(SampleForward{z, kl, moments, noise, N, Z}, N);
        }
    return warpvae::gaussian_sample_forward<T>(z, kl, moments, {}, Spread::kLogVariance, noise, R_, N, Z,
                                               matmul_.stream());
}
template <class T>
Status DenseChain<T>::gaussian_sample_backward(T* dmoments, const T* dz, const T* z, const T* moments,
                                               KlWeight<T> kl_weight, int N, int Z, const T* row_weights) {
    if constexpr (std::is_same_v<T, float>)
        if (is_fused_) {
            if (!are_sizes(N, Z)) return {kInvalidValue};
            return note(SampleBackward{dmoments, dz, z, moments, row_weights, kl_weight, N, Z}, N);
        }
    return warpvae::gaussian_sample_backward<T>(dmoments, dz, z, moments, {}, Spread::kLogVariance, kl_weight, R_, N, Z,
                                                matmul_.stream(), row_weights);
}

template class DenseChain<float>;
template class DenseChain<double>;

}  // namespace warpvae
