// Convolutions in a GPU build without cuDNN: whoever asks for one is told what is missing.
#include "cuda/ops/convolution.h"

namespace warpvae {

struct Convolver::Impl {
    Stream stream;
};
Convolver::Convolver(Stream stream, Math) : impl_(new Impl{stream}) {}
Convolver::~Convolver() { delete impl_; }
Stream Convolver::stream() const { return impl_->stream; }
std::string convolution_library() { return "no cuDNN"; }

namespace {
[[noreturn]] Status refuse() { throw DeviceError("this build has no cuDNN; install cuDNN 9 and configure again"); }
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
