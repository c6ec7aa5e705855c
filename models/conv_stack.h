// Convolutions or transposed convolutions in a row, with ReLUs between, and batch normalisation before the ReLUs where
// that is wanted, R replicas at once. Images are [R, N, H, W, C].
// Each layer has its forward and its backward; there is no autograd.
#pragma once
#include <string>
#include <vector>

#include "cuda/ops/batch_norm.h"
#include "models/dense_layer.h"

namespace warpvae {

enum class Normalisation { kNone, kBatch };
/// By what a batch normalisation takes off and divides: averages over training, in evaluation, or those of the rows of
/// the call, in training.
enum class NormMode { kRunning, kBatch };

/// One layer's place in the arena: weight [y_channels, x_channels, k, k], torch's shape for both kinds (Conv2d's [out,
/// in, k, k], ConvTranspose2d's [in, out, k, k]), with its channels last, and bias [out].
struct ConvLayer {
    ConvolutionShape shape;
    bool transposed = false;  ///< makes the wide x from the narrow y
    std::size_t weight = 0, bias = 0;
    /// Where its normalisation's tensors lie: [out] each.
    std::size_t scale = 0, shift = 0, running_mean = 0, running_variance = 0;
    std::size_t in() const { return transposed ? shape.y_size() : shape.x_size(); }  ///< of one image
    std::size_t out() const { return transposed ? shape.x_size() : shape.y_size(); }
    int out_channels() const { return transposed ? shape.x_channels : shape.y_channels; }
    std::size_t out_pixels() const { return out() / out_channels(); }
};

template <class T>
class ConvStack {
  public:
    ConvStack() = default;
    /// Layers PREFIX0, PREFIX2, ... as torch.nn.Sequential numbers them, ReLUs counted. `last` follows the last layer;
    /// not a sigmoid. `rule`: kLasagne, or kTorch, which is torch.nn.Conv2d's and ConvTranspose2d's. kBatch: each layer
    /// that a ReLU follows is normalised before it, and layers are PREFIX0, PREFIX3, ..., torch's BatchNorm2d behind
    /// each. (A bias that is taken off again has no gradient but what rounding leaves of it.)
    ConvStack(ParameterLayout& layout, const std::string& prefix, std::vector<ConvLayer> layers, Activation last,
              InitialRule rule = InitialRule::kLasagne, Normalisation normalisation = Normalisation::kNone);
    /// The same layers and weights, for other images; nothing is allocated.
    ConvStack same_weights() const;
    /// Makes room for `rows` images of each of R replicas; before the first call of forward. The calls that follow run
    /// on `convolver`, or on the fused kernels where all layers do (convolution_is_fused). Only a stack that `trains`
    /// has a backward.
    void allocate(const Convolver& convolver, int R, int rows, bool trains = true);

    /// output() from x [R, N, in].
    void forward(const Convolver& convolver, const ParameterArena<T>& parameters, const T* x, int R, int N,
                 NormMode mode = NormMode::kRunning) {
        forward_together(convolver, parameters, {{this, x, N}}, R, mode);
    }
    /// What a stack works on beside others: N images, and for the backward dy.
    struct Work {
        ConvStack* stack;
        const T* x;
        int N;
        T* dy = nullptr;
    };
    /// `forward` of stacks of the same layers: where all are fused a layer of all of them at a time, in one launch.
    static void forward_together(const Convolver& convolver, const ParameterArena<T>& parameters,
                                 const std::vector<Work>& all, int R, NormMode mode);
    T* output() { return activations_.back().data(); }  ///< [R, N, out]
    std::size_t in() const { return layers_.front().in(); }
    std::size_t out() const { return layers_.back().out(); }

    /// Fills the gradients of every layer (ParameterArena::fill_gradient) from dy = dL/d output before its activation
    /// [R, N, out], which may be overwritten. Returns dx [R, N, in], times the derivative of x_activation, whose output
    /// x is; or null unless `want_dx`. It may not be used after the next call. The forward was of NormMode::kBatch.
    T* backward(const Convolver& convolver, ParameterArena<T>& parameters, T* dy, const T* x, Activation x_activation,
                bool want_dx, int R, int N) {
        return backward_together(convolver, parameters, {{this, x, N, dy}}, x_activation, want_dx, R)[0];
    }
    /// `backward` of stacks as those of forward_together; dx of each.
    static std::vector<T*> backward_together(const Convolver& convolver, ParameterArena<T>& parameters,
                                             const std::vector<Work>& all, Activation x_activation, bool want_dx,
                                             int R);
    /// Moves the running averages towards the statistics of the last forward, of N images (batch_norm_update).
    void update_running(const Convolver& convolver, ParameterArena<T>& parameters, const std::uint64_t* step, int R,
                        int N);

  private:
    static void require_alike(const std::vector<Work>& all);
    static bool are_fused(const std::vector<Work>& all);
    static void forward_fused(const Convolver& convolver, const ParameterArena<T>& parameters,
                              const std::vector<Work>& all, int R, NormMode mode);
    static std::vector<T*> backward_fused(const Convolver& convolver, ParameterArena<T>& parameters,
                                          std::vector<Work> all, Activation x_activation, bool want_dx, int R);
    void forward_by_library(const Convolver& convolver, const ParameterArena<T>& parameters, const T* x, int R, int N,
                            NormMode mode);
    /// What layer i reads, and where its convolution's result goes.
    const T* input_of(std::size_t i, const T* x) const { return i ? activations_[i - 1].data() : x; }
    T* result_of(std::size_t i) { return (is_normalised(i) ? unnormalised_ : activations_)[i].data(); }
    Activation convolution_activation_of(std::size_t i) const {
        return is_normalised(i) ? Activation::kNone : activation_of(i);
    }
    void forward_layer_by_library(std::size_t i, const Convolver& convolver, const ParameterArena<T>& parameters,
                                  const T* x, int R, int N);
    void normalise(std::size_t i, const Convolver& convolver, const ParameterArena<T>& parameters, int R, int N,
                   NormMode mode);
    void normalise_backward(std::size_t i, const Convolver& convolver, ParameterArena<T>& parameters, T* dy, bool masks,
                            int R, int N);
    Activation activation_of(std::size_t i) const { return i + 1 < layers_.size() ? Activation::kRelu : last_; }
    bool is_normalised(std::size_t i) const {
        return normalisation_ == Normalisation::kBatch && activation_of(i) == Activation::kRelu;
    }
    NormStatistics<T> batch_statistics(std::size_t i) const;
    T* backward_by_library(const Convolver& convolver, ParameterArena<T>& parameters, T* dy, const T* x,
                           Activation x_activation, bool want_dx, int R, int N);

    std::vector<ConvLayer> layers_;
    Activation last_ = Activation::kNone;
    Normalisation normalisation_ = Normalisation::kNone;
    bool is_fused_ = false;
    std::vector<DeviceBuffer<T>> activations_;  // each layer's output
    // Of each normalised layer: what is normalised, the statistics of the last batch and the averages before it.
    std::vector<DeviceBuffer<T>> unnormalised_, statistics_, averages_before_;
    std::vector<DeviceBuffer<std::uint64_t>> next_steps_;
    DeviceBuffer<double> norm_scratch_;
    // Of each layer's input, where the weights' gradients may be left for later; else of two layers' inputs in turns.
    std::vector<DeviceBuffer<T>> d_inputs_;
    DeviceBuffer<T> partials_;                            // of a library's biases
    std::vector<DeviceBuffer<float>> partial_gradients_;  // of each layer's weights, fused
    std::vector<DeviceBuffer<unsigned int>> arrived_;
};

/// The convolutions that begin EQUIVAE's networks (Feige 2019, appendix B). They are 5 x 5 with 2 pixels of padding on
/// all sides. The first has stride 1; each other has stride 2 and halves the size, rounded up.
std::vector<ConvLayer> encoder_convolutions(int height, int width, int channels, const std::vector<int>& filters);
/// The decoder's mirror image of them. It starts from 2 x 2 pixels of flat / 4 channels. For each of `filters` a
/// transposed convolution of stride 2 doubles the size. A last one of stride 1 keeps the size (SVHN's 32 pixels)
/// or takes 4 pixels off (MNIST's 28).
std::vector<ConvLayer> decoder_convolutions(int flat, int height, int width, int channels,
                                            const std::vector<int>& filters);

}  // namespace warpvae
