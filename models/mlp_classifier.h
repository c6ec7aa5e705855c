// A convolution-free classifier, dense layers and a softmax: what Mills (2024) would compare a VAE's latents with when
// labels are few. R replicas at once.
#pragma once
#include "host/core/device_images.h"
#include "host/core/model.h"
#include "models/dense_stack.h"

namespace warpvae {

struct MlpClassifierConfig {
    int height = 28, width = 28;
    std::vector<int> hidden = {400};
    int classes = 10;
};

template <class T>
class MlpClassifier : public Model<T> {
  public:
    /// `labels` are the training labels (one byte an image), gathered as the trainer gathers images, in minibatches of
    /// `batch`.
    MlpClassifier(const MlpClassifierConfig& config, int R, int batch, const DeviceImages& labels,
                  const Matmul& matmul);

    ParameterArena<T>& parameters() override { return parameters_; }
    int replicas() const override { return R_; }
    int max_rows() const override { return batch_; }
    GatherOptions input_shape() const override;
    T* minibatch() override { return input_.data(); }
    /// The labels are those of step *noise.step under noise.seeds.
    void gradients(int N, const LatentNoise& noise) override;
    void evaluate(int N, const LatentNoise& noise) override;
    std::vector<LossTerm<T>> loss_terms() const override;

    /// Scores of minibatch(): logits() [R, N, K].
    void forward(int N);
    T* logits() { return layers_.output(); }

  private:
    ParameterLayout make_layout();
    void loss(int N, const LatentNoise& noise, T* dlogits);

    MlpClassifierConfig config_;
    int R_, batch_;
    const DeviceImages& labels_;
    const Matmul& matmul_;
    DenseStack<T> layers_;
    ParameterArena<T> parameters_;
    DeviceBuffer<T> input_, cross_entropy_;
    DeviceBuffer<std::uint8_t> batch_labels_;                  // [R, N]
    DeviceBuffer<const std::uint8_t*> full_rows_, tail_rows_;  // into batch_labels_, for N = batch and for the tail
    int tail_;
};

}  // namespace warpvae
