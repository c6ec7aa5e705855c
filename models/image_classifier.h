// The classifiers that the papers compare their models with: dense layers and a softmax that read pixels (Mills 2024),
// convolutions (Feige 2019's benchmarks), or the frozen features of another model. R replicas at once.
#pragma once
#include <functional>
#include <map>

#include "models/conv_stack.h"
#include "models/dense_stack.h"
#include "models/device_images.h"
#include "models/model.h"

namespace warpvae {

struct ImageClassifierConfig {
    int height = 28, width = 28, channels = 1;
    PixelScale pixels;         ///< device memory; none: bytes / 255
    std::vector<int> filters;  ///< convolutions as EQUIVAE's (encoder_convolutions); none: dense layers only
    std::vector<int> hidden = {400};
    double dropout = 0;    ///< after each hidden layer from `dropout_from` on
    int dropout_from = 0;  ///< counted from 0
    int classes = 10;
    InitialRule rule = InitialRule::kTorch;
};

/// Another model's features of images. That model does not train: no gradient reaches it.
template <class T>
struct FrozenFeatures {
    int size = 0;                             ///< numbers of an image
    T* minibatch = nullptr;                   ///< [R, N, D]: where the images go
    std::function<const T*(int N)> features;  ///< of the N images there: [R, N, size]
};

template <class T>
class ImageClassifier : public Model<T> {
  public:
    /// `labels`: one byte an image, gathered as the trainer gathers images.
    ImageClassifier(const ImageClassifierConfig& config, int R, int max_rows, const DeviceImages& labels,
                    const Matmul& matmul, const Convolver& convolver, FrozenFeatures<T> frozen = {});

    T* minibatch() override { return frozen_.features ? frozen_.minibatch : input_.data(); }
    std::uint64_t begin_step(const MinibatchOrder& order, std::uint64_t) override {
        order_ = order;
        return 0;
    }
    /// The labels are those of step *noise.step under noise.seeds.
    void gradients(int N, const LatentNoise& noise) override;
    void evaluate(int N, const LatentNoise& noise) override;
    std::vector<LossTerm<T>> loss_terms() const override;

    /// Scores of minibatch(), nothing dropped: logits() [R, N, K].
    void classify(int N) { forward(N, {}); }
    T* logits() { return layers_.output(); }
    const ImageClassifierConfig& config() const { return config_; }

  private:
    using Model<T>::R_, Model<T>::matmul_, Model<T>::parameters_, Model<T>::input_;

    ParameterLayout make_layout();
    void forward(int N, const LatentNoise& drop);
    void loss(int N, const LatentNoise& noise, T* dlogits);
    const DeviceBuffer<const std::uint8_t*>& label_rows(int N);

    ImageClassifierConfig config_;
    const DeviceImages& labels_;
    const Convolver& convolver_;
    FrozenFeatures<T> frozen_;
    MinibatchOrder order_;
    ConvStack<T> convolutions_;
    DenseStack<T> layers_;
    DeviceBuffer<T> cross_entropy_;
    const T* features_ = nullptr;                                  // what the dense layers took last
    DeviceBuffer<std::uint8_t> batch_labels_;                      // [R, N]
    std::map<int, DeviceBuffer<const std::uint8_t*>> label_rows_;  // for each N: [R] pointers into them
};

}  // namespace warpvae
