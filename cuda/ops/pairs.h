// Images paired with sets of other images of one class, for EQUIVAE (Feige 2019): the set stands for the class, and
// each pair is one reconstruction. Letters and conventions: cuda/ops.h.
#pragma once
#include <cstdint>

#include "cuda/device/device.h"

namespace warpvae {

// --- pairs: pairs.cuh, class_expectation.cuh -------------------------------------------------------------------------

/// One step's images, sets and pairs, each replica's alike. Unlabelled images are paired with every class (the exact
/// sum over labels of eq. 6), a labelled image with one set of its own class (eq. 4):
///   images   U unlabelled, then L labelled
///   sets     where U > 0 one for each of the K classes, then one for each labelled image
///   pairs    (u, k) at u K + k, then labelled image l with set K + l
struct PairShape {
    int unlabelled = 0, classes = 0, labelled = 0;
    WARPVAE_HOST_DEVICE constexpr int images() const { return unlabelled + labelled; }
    WARPVAE_HOST_DEVICE constexpr int sets() const { return (unlabelled > 0 ? classes : 0) + labelled; }
    WARPVAE_HOST_DEVICE constexpr int pairs() const { return unlabelled * classes + labelled; }
    WARPVAE_HOST_DEVICE constexpr int image_of(int pair) const {
        return pair < unlabelled * classes ? pair / classes : pair - unlabelled * classes + unlabelled;
    }
    WARPVAE_HOST_DEVICE constexpr int set_of(int pair) const {
        return pair < unlabelled * classes ? pair % classes
                                           : pair - unlabelled * classes + (unlabelled > 0 ? classes : 0);
    }
};
/// What the rows of an array stand for.
enum class PairRows { kPairs, kImages, kSets };

/// One of the two arrays of which every pair takes a row.
template <class T>
struct PairPart {
    const T* values;  ///< [R, as many as `rows` says, D]
    PairRows rows;
    int D;
};
/// y[r, p, :] = (a's row for pair p, b's row for pair p): y [R, pairs, a.D + b.D].
template <class T>
Status concatenate_pairs_forward(T* y, const PairPart<T>& a, const PairPart<T>& b, const PairShape& shape, int R,
                                 Stream stream);
/// The gradient of one of them.
template <class T>
struct PairPartGradient {
    T* gradient;  ///< as PairPart's values
    const T*
        output;  ///< the values, where they are a ReLU's output: the gradient is 0 where they are not above 0; or null
    PairRows rows;
    int D;
};
/// From the part's columns of dy: they begin at dy, which has `width` columns in all. Each row's gradient is the sum
/// over the pairs that it is part of, in their order.
template <class T>
Status concatenate_pairs_backward(const PairPartGradient<T>& part, const T* dy, int width, const PairShape& shape,
                                  int R, Stream stream);

/// y [sets, D] = means over m, from 1, of x [sets, m, D].
template <class T>
Status set_mean_forward(T* y, const T* x, int m, std::size_t sets, int D, Stream stream);
/// dx [sets, m, D] = dy [sets, D] / m, times (x > 0) where x is given (the output of a ReLU).
template <class T>
Status set_mean_backward(T* dx, const T* dy, const T* x, int m, std::size_t sets, int D, Stream stream);

/// The row losses that class_expectation writes; each may be null.
template <class T>
struct ClassExpectation {
    T* pair_weights = nullptr;    ///< [R, pairs]: dL/d(nll + kl) of each pair
    T* dlogits = nullptr;         ///< [R, images, K]: dL/dlogits; logits' place allowed
    T* reconstruction = nullptr;  ///< [R, U]: E_q(y|x) nll of each unlabelled image
    T* kl = nullptr;              ///< [R, U]: E_q(y|x) kl
    T* class_kl = nullptr;        ///< [R, U]: KL(q(y|x) || p(y))
    T* cross_entropy = nullptr;   ///< [R, L]: -log q(y|x) of each labelled image
};
/// The semi-supervised loss (eq. 4 to 7) from each pair's cost e and q(y|x) = softmax(logits), with its gradients. The
/// sum over classes is exact:
///   L = 1/U sum_u [ sum_k q_k (e_uk + log q_k - log p_k) ] + labelled_scale * sum_l [ e_l - log q(y_l) ],
///   e = nll + kl
///   dL/de_uk = q_k / U,   dL/dlogit_k = q_k (g_k - sum_j q_j g_j) / U,   g_k = e_uk + log q_k - log p_k
///   dL/de_l = labelled_scale,   dL/dlogit_k = labelled_scale (q_k - [k = y_l])
/// logits [R, images, K]; nll, kl [R, pairs]; labels [R, L]; log_prior [K]. K from 1 to 256. A label of K or more gives
/// NaN.
template <class T>
Status class_expectation(const ClassExpectation<T>& out, const T* logits, const T* nll, const T* kl,
                         const std::uint8_t* labels, const T* log_prior, T labelled_scale, const PairShape& shape,
                         int R, Stream stream);

}  // namespace warpvae
