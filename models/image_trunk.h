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
    /// The same weights, for other images; nothing is allocated.
    ImageTrunk same_weights() const {
        ImageTrunk same;
        same.convolutions_ = convolutions_.same_weights(), same.dense_ = dense_.same_weights();
        return same;
    }
    void allocate(const Convolver& convolver, int R, int rows, bool trains = true) {
        convolutions_.allocate(convolver, R, rows, trains);
        dense_.allocate(std::size_t(R) * rows);
    }
    /// output() [R, N, hidden] from x [R, N, H, W, C]. A DenseChain takes the dense layer; convolutions run at once.
    void forward(const Convolver& convolver, const Matmul& matmul, const ParameterArena<T>& parameters, const T* x,
                 int R, int N, NormMode mode = NormMode::kRunning) {
        convolutions_.forward(convolver, parameters, x, R, N, mode);
        dense_forward(matmul, parameters, R, N);
    }
    /// The parts of a forward and of a backward: convolutions run beside those of other trunks
    /// (ConvStack::forward_together, backward_together), and dense layers in a chain.
    typename ConvStack<T>::Work convolutions_on(const T* x, int N, T* dy = nullptr) {
        return {&convolutions_, x, N, dy};
    }
    void dense_forward(const Matmul& matmul, const ParameterArena<T>& parameters, int R, int N) {
        dense_.forward(matmul, parameters, convolutions_.output(), R, N);
    }
    T* dense_backward(const Matmul& matmul, ParameterArena<T>& parameters, const T* dy, int R, int N) {
        return dense_.backward(matmul, parameters, dy, convolutions_.output(), Activation::kRelu, true, R, N);
    }
    void update_running(const Convolver& convolver, ParameterArena<T>& parameters, const std::uint64_t* step, int R,
                        int N) {
        convolutions_.update_running(convolver, parameters, step, R, N);
    }
    T* output() { return dense_.output(); }
    int hidden() const { return dense_.out(); }

  private:
    ConvStack<T> convolutions_;
    DenseStack<T> dense_;
};

}  // namespace warpvae
