// A GPU build without cuDNN: who asks for a convolution that is not ours (fused_convolution.h) is told what is missing.
#include "cuda/ops/convolution.h"

namespace warpvae {

struct Convolver::Impl {
    Stream stream;
    Math math;
};
Convolver::Convolver(Stream stream, Math math) : impl_(new Impl{stream, math}) {}
Convolver::~Convolver() { delete impl_; }
Stream Convolver::stream() const { return impl_->stream; }
Math Convolver::math() const { return impl_->math; }
std::string convolution_library() { return "no cuDNN"; }

namespace {
[[noreturn]] Status refuse() {
    throw DeviceError("this build has no cuDNN, which this convolution needs; install cuDNN 9 and configure again");
}
}  // namespace

template <class T>
Status convolution_forward(const Convolver&, T*, const T*, const T*, std::size_t, const ConvolutionShape&, int, int) {
    return refuse();
}
template <class T>
Status convolution_backward_data(const Convolver&, T*, const T*, const T*, std::size_t, const ConvolutionShape&, int,
                                 int) {
    return refuse();
}
template <class T>
Status convolution_backward_weights(const Convolver&, T*, const T*, const T*, std::size_t, const ConvolutionShape&, int,
                                    int) {
    return refuse();
}

#define WARPVAE_INSTANTIATE(T)                                                                          \
    template Status convolution_forward(const Convolver&, T*, const T*, const T*, std::size_t,          \
                                        const ConvolutionShape&, int, int);                             \
    template Status convolution_backward_data(const Convolver&, T*, const T*, const T*, std::size_t,    \
                                              const ConvolutionShape&, int, int);                       \
    template Status convolution_backward_weights(const Convolver&, T*, const T*, const T*, std::size_t, \
                                                 const ConvolutionShape&, int, int);
WARPVAE_INSTANTIATE(float)
WARPVAE_INSTANTIATE(double)
#undef WARPVAE_INSTANTIATE

}  // namespace warpvae
