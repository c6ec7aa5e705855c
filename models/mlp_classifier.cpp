#include "models/mlp_classifier.h"

#include <algorithm>

namespace warpvae {

template <class T>
ParameterLayout MlpClassifier<T>::make_layout() {
    ParameterLayout layout;
    int in = config_.height * config_.width;
    for (std::size_t i = 0; i <= config_.hidden.size(); ++i) {
        const int out = i < config_.hidden.size() ? config_.hidden[i] : config_.classes;
        const std::string name = std::to_string(2 * i);  // as in a torch.nn.Sequential with ReLUs between
        Layer layer{0, 0, in, out};
        layer.weight = layout.add(name + ".weight", {out, in}, Initial::torch(in));
        layer.bias = layout.add(name + ".bias", {out}, Initial::torch(in));
        layers_.push_back(layer);
        in = out;
    }
    return layout;
}

template <class T>
MlpClassifier<T>::MlpClassifier(const MlpClassifierConfig& config, int R, int batch, const DeviceImages& labels,
                                const Matmul& matmul)
    : config_(config),
      R_(R),
      batch_(batch),
      labels_(labels),
      matmul_(matmul),
      parameters_(make_layout(), R),
      tail_(static_cast<int>((labels.count() - 1) % batch + 1)) {
    const std::size_t rows = std::size_t(R) * batch;
    int widest = 1;
    activations_.emplace_back(rows * config.height * config.width, "minibatch");
    for (const Layer& layer : layers_) {
        activations_.emplace_back(rows * layer.out, "classifier activations");
        widest = std::max(widest, layer.out);
    }
    for (DeviceBuffer<T>& buffer : d_hidden_) buffer = DeviceBuffer<T>(rows * widest, "hidden gradients");
    cross_entropy_ = DeviceBuffer<T>(rows, "cross-entropy");
    batch_labels_ = DeviceBuffer<std::uint8_t>(rows, "minibatch labels");
    const auto row_table = [&](int N) {
        std::vector<const std::uint8_t*> table;
        for (int r = 0; r < R; ++r) table.push_back(batch_labels_.data() + std::size_t(r) * N);
        return DeviceBuffer<const std::uint8_t*>(table, "label table");
    };
    full_rows_ = row_table(batch);
    tail_rows_ = row_table(tail_);
}

template <class T>
GatherOptions MlpClassifier<T>::input_shape() const {
    GatherOptions options;
    options.height = config_.height;
    options.width = config_.width;
    return options;
}

template <class T>
std::vector<LossTerm<T>> MlpClassifier<T>::loss_terms() const {
    return {{"cross_entropy", cross_entropy_.data(), 1.0}};
}

template <class T>
void MlpClassifier<T>::forward(int N) {
    const T* values = parameters_.values();
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const Layer& layer = layers_[i];
        check(dense_forward(matmul_, activations_[i + 1].data(), activations_[i].data(), values + layer.weight,
                            values + layer.bias, parameters_.layout().size(),
                            i + 1 < layers_.size() ? Activation::kRelu : Activation::kNone, R_, N, layer.in,
                            layer.out));
    }
}

template <class T>
void MlpClassifier<T>::loss(int N, const LatentNoise& noise, T* dlogits) {
    if (N != batch_ && N != tail_)
        throw DeviceError("classifier: a minibatch of a size that the training set does not give");
    check(gather_labels(batch_labels_.data(), labels_.table(), noise.seeds, noise.step, labels_.count(), batch_, R_, N,
                        matmul_.stream()));
    const auto& rows = N == batch_ ? full_rows_ : tail_rows_;
    check(softmax_cross_entropy<T>(cross_entropy_.data(), dlogits, nullptr, logits(), nullptr, 0, rows.data(), 0,
                                   T(1) / T(N), ClassAxis::kLast, R_, N, config_.classes, matmul_.stream()));
}

template <class T>
void MlpClassifier<T>::evaluate(int N, const LatentNoise& noise) {
    forward(N);
    loss(N, noise, nullptr);
}

template <class T>
void MlpClassifier<T>::gradients(int N, const LatentNoise& noise) {
    forward(N);
    loss(N, noise, logits());  // d logits takes the logits' place
    T* dy = logits();
    int other = 0;
    for (std::size_t i = layers_.size(); i-- > 0; other = 1 - other) {
        const Layer& layer = layers_[i];
        check(dense_backward(matmul_, i ? d_hidden_[other].data() : nullptr, parameters_.gradients() + layer.weight,
                             parameters_.gradients() + layer.bias, dy, activations_[i].data(),
                             parameters_.values() + layer.weight, parameters_.layout().size(),
                             i ? Activation::kRelu : Activation::kNone, R_, N, layer.in, layer.out));
        dy = d_hidden_[other].data();
    }
}

template class MlpClassifier<float>;
template class MlpClassifier<double>;

}  // namespace warpvae
