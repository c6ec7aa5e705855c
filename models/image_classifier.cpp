#include "models/image_classifier.h"

namespace warpvae {

template <class T>
ParameterLayout ImageClassifier<T>::make_layout() {
    ParameterLayout layout;
    int in = frozen_.features ? frozen_.size : this->image_size();
    if (!config_.filters.empty()) {
        convolutions_ = ConvStack<T>(
            layout, "conv.", encoder_convolutions(config_.height, config_.width, config_.channels, config_.filters),
            Activation::kRelu);
        in = int(convolutions_.out());
    }
    std::vector<int> widths = {in};
    widths.insert(widths.end(), config_.hidden.begin(), config_.hidden.end());
    widths.push_back(config_.classes);
    layers_ = DenseStack<T>(layout, config_.filters.empty() ? "" : "dense.", widths, Activation::kNone, config_.rule,
                            {config_.dropout, 0, config_.dropout_from});
    return layout;
}

template <class T>
ImageClassifier<T>::ImageClassifier(const ImageClassifierConfig& config, int R, int max_rows,
                                    const DeviceImages& labels, const Matmul& matmul, const Convolver& convolver,
                                    FrozenFeatures<T> frozen)
    : Model<T>(Model<T>::image_shape(config.height, config.width, config.channels, config.pixels), R, max_rows, matmul),
      config_(config),
      labels_(labels),
      convolver_(convolver),
      frozen_(std::move(frozen)),
      order_(MinibatchOrder::epochs(labels.count(), max_rows)) {
    parameters_ = ParameterArena<T>(make_layout(), R);
    const std::size_t rows = std::size_t(R) * max_rows;
    if (!config.filters.empty()) convolutions_.allocate(convolver_, R, max_rows);
    layers_.allocate(rows);
    if (!frozen_.features) input_ = DeviceBuffer<T>(rows * this->image_size(), "minibatch");
    cross_entropy_ = DeviceBuffer<T>(rows, "cross-entropy");
    batch_labels_ = DeviceBuffer<std::uint8_t>(rows, "minibatch labels");
}

template <class T>
std::vector<LossTerm<T>> ImageClassifier<T>::loss_terms() const {
    return {{"cross_entropy", cross_entropy_.data(), 1.0}};
}

template <class T>
void ImageClassifier<T>::forward(int N, const LatentNoise& drop) {
    const Range range("classifier.forward");
    features_ = minibatch();
    if (frozen_.features) features_ = frozen_.features(N);
    if (!config_.filters.empty()) {
        convolutions_.forward(convolver_, parameters_, input_.data(), R_, N);
        features_ = convolutions_.output();
    }
    layers_.forward(matmul_, parameters_, features_, R_, N, drop);
}

template <class T>
const DeviceBuffer<const std::uint8_t*>& ImageClassifier<T>::label_rows(int N) {
    DeviceBuffer<const std::uint8_t*>& rows = label_rows_[N];
    if (!rows.size()) {
        std::vector<const std::uint8_t*> table;
        for (int r = 0; r < R_; ++r) table.push_back(batch_labels_.data() + std::size_t(r) * N);
        rows = DeviceBuffer<const std::uint8_t*>(table, "label table");
    }
    return rows;
}

template <class T>
void ImageClassifier<T>::loss(int N, const LatentNoise& noise, T* dlogits) {
    const Range range("loss");
    check(
        gather_labels(batch_labels_.data(), labels_.table(), {noise.seeds, noise.step, order_}, R_, N, this->stream()));
    check(softmax_cross_entropy<T>({cross_entropy_.data(), dlogits}, logits(), nullptr, 0, {label_rows(N).data()},
                                   T(1) / T(N), ClassAxis::kLast, R_, N, config_.classes, this->stream()));
}

template <class T>
void ImageClassifier<T>::evaluate(int N, const LatentNoise& noise) {
    forward(N, noise);
    loss(N, noise, nullptr);
}

template <class T>
void ImageClassifier<T>::gradients(int N, const LatentNoise& noise) {
    forward(N, noise);
    loss(N, noise, logits());  // d logits takes the logits' place
    const Range range("classifier.backward");
    const bool convolved = !config_.filters.empty();
    T* d_flat = layers_.backward(matmul_, parameters_, logits(), features_,
                                 convolved ? Activation::kRelu : Activation::kNone, convolved, R_, N, noise);
    if (convolved)
        convolutions_.backward(convolver_, parameters_, d_flat, input_.data(), Activation::kNone, false, R_, N);
}

template class ImageClassifier<float>;
template class ImageClassifier<double>;

}  // namespace warpvae
