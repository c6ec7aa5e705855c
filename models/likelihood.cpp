#include "models/likelihood.h"

namespace warpvae {

template <class T>
PixelLikelihood<T>::PixelLikelihood(ParameterLayout& layout, Likelihood kind, int pixels, int channels,
                                    BernoulliInput input)
    : kind_(kind), pixels_(pixels), channels_(channels), input_(input) {
    if (!has_deviation()) return;
    const int count = kind == Likelihood::kChannelGaussian ? channels : 1;
    deviation_ = layout.add("decoder.log_deviation", {count}, Initial());
}

template <class T>
Status PixelLikelihood<T>::losses(const PixelLoss<T>& to, ParameterArena<T>& parameters, const T* output,
                                  const T* target, T scale, const LossRows<T>& rows, int N, Stream stream,
                                  T largest_logit) const {
    const int R = parameters.replicas(), D = pixels_ * channels_;
    if (of_logits())
        return bernoulli_from_logits<T>(to.nll, to.d_output, output, target, scale, R, N, D, stream, rows,
                                        largest_logit);
    if (is_bernoulli())
        return bernoulli_from_probabilities<T>(to.nll, to.d_output, output, target, scale, R, N, D, stream, rows);
    GaussianLoss<T> gaussian{to.nll, to.d_output, nullptr};
    LogDeviation<T> deviation;
    if (has_deviation()) {
        deviation = {parameters.value(deviation_), kind_ == Likelihood::kChannelGaussian ? channels_ : 1,
                     parameters.stride()};
        if (to.deviation) gaussian.dlog_deviation = parameters.gradient(deviation_);
    }
    return gaussian_likelihood<T>(gaussian, output, target, deviation, scale, R, N, pixels_, channels_, stream, rows);
}

template class PixelLikelihood<float>;
template class PixelLikelihood<double>;

}  // namespace warpvae
