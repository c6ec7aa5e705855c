#include "models/mlp_classifier.h"

namespace warpvae {

template <class T>
ParameterLayout MlpClassifier<T>::make_layout() {
    ParameterLayout layout;
    std::vector<int> widths = {config_.height * config_.width};
    widths.insert(widths.end(), config_.hidden.begin(), config_.hidden.end());
    widths.push_back(config_.classes);
    layers_ = DenseStack<T>(layout, "", widths, Activation::kNone, InitialRule::kTorch);
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
    layers_.allocate(rows);
    input_ = DeviceBuffer<T>(rows * config.height * config.width, "minibatch");
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
    layers_.forward(matmul_, parameters_, input_.data(), R_, N);
}

template <class T>
void MlpClassifier<T>::loss(int N, const LatentNoise& noise, T* dlogits) {
    if (N != batch_ && N != tail_)
        throw DeviceError("classifier: a minibatch of a size that the training set does not give");
    check(gather_labels(batch_labels_.data(), labels_.table(), noise.seeds, noise.step,
                        MinibatchOrder::epochs(labels_.count(), batch_), R_, N, matmul_.stream()));
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
    layers_.backward(matmul_, parameters_, logits(), input_.data(), Activation::kNone, false, R_, N);
}

template class MlpClassifier<float>;
template class MlpClassifier<double>;

}  // namespace warpvae
