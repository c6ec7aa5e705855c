// The block that begins EQUIVAE's networks and its benchmarks: convolutions, then one dense layer with a ReLU (Feige
// 2019, appendix B: "5-CNN, 1-dense"). Channels last: the dense layer reads pixels row by row, each with its channels.
#pragma once
#include "models/conv_stack.h"
#include "models/dense_stack.h"

namespace warpvae {

template <class T>
class ImageTrunk {
  public:
    ImageTrunk() = default;
    /// Tensors PREFIXconv.0, PREFIXconv.2, ... and PREFIXdense.0.
    ImageTrunk(ParameterLayout& layout, const std::string& prefix, std::vector<ConvLayer> convolutions, int hidden,
               InitialRule rule = InitialRule::kLasagne, Normalisation normalisation = Normalisation::kNone)
        : convolutions_(layout, prefix + "conv.", std::move(convolutions), Activation::kRelu, rule, normalisation),
          dense_(layout, prefix + "dense.", {int(convolutions_.out()), hidden}, Activation::kRelu, rule) {}
    void allocate(const Convolver& convolver, int R, int rows) {
        convolutions_.allocate(convolver, R, rows);
        dense_.allocate(std::size_t(R) * rows);
    }
    /// output() [R, N, hidden] from x [R, N, H, W, C]. A DenseChain takes the dense layer; convolutions run at once.
    void forward(const Convolver& convolver, const Matmul& matmul, const ParameterArena<T>& parameters, const T* x,
                 int R, int N, NormMode mode = NormMode::kRunning) {
        convolutions_.forward(convolver, parameters, x, R, N, mode);
        dense_.forward(matmul, parameters, convolutions_.output(), R, N);
    }
    void update_running(const Convolver& convolver, ParameterArena<T>& parameters, const std::uint64_t* step, int R,
                        int N) {
        convolutions_.update_running(convolver, parameters, step, R, N);
    }
    T* output() { return dense_.output(); }
    int hidden() const { return dense_.out(); }
    /// From dy = dL/d(output before its ReLU); x and its output must be those of the last forward.
    void backward(const Convolver& convolver, const Matmul& matmul, ParameterArena<T>& parameters, const T* dy,
                  const T* x, int R, int N) {
        T* const d_flat = dense_backward(matmul, parameters, dy, R, N);
        convolutions_backward(convolver, parameters, d_flat, x, R, N);
    }
    /// The two parts of `backward`, for a chain of dense layers: its launch comes between them.
    T* dense_backward(const Matmul& matmul, ParameterArena<T>& parameters, const T* dy, int R, int N) {
        return dense_.backward(matmul, parameters, dy, convolutions_.output(), Activation::kRelu, true, R, N);
    }
    void convolutions_backward(const Convolver& convolver, ParameterArena<T>& parameters, T* d_flat, const T* x, int R,
                               int N) {
        convolutions_.backward(convolver, parameters, d_flat, x, Activation::kNone, false, R, N);
    }

  private:
    ConvStack<T> convolutions_;
    DenseStack<T> dense_;
};

}  // namespace warpvae
