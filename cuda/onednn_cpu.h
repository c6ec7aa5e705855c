// The one door to oneDNN, which multiplies and convolves floats on the CPU device. It goes by the processor's features,
// not by its model number, so it runs at full speed on processors newer than itself.
#pragma once
#include <signal.h>

#include <dnnl.hpp>

namespace warpvae::cpu {

/// Lives around each call that plans or runs something.
///
/// oneDNN works on the calling thread alone, since the results of its products depend on the number of threads; the
/// pool of cpu_pool.h spreads whole calls over the cores instead. No signal is handled meanwhile: oneDNN 2.6's products
/// keep a pointer of their own in the stack pointer's register, so a handler's frame would be written over data.
class OneDnnCall {
  public:
    OneDnnCall();  ///< throws std::bad_alloc where there is too little memory for oneDNN to work in
    ~OneDnnCall();
    OneDnnCall(const OneDnnCall&) = delete;
    OneDnnCall& operator=(const OneDnnCall&) = delete;

  private:
    sigset_t before_;
};

}  // namespace warpvae::cpu
