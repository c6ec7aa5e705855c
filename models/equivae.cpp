#include "models/equivae.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace warpvae {
namespace {

/// A random number that follows from the step alone (SplitMix64's finaliser), so that all replicas have the same m.
std::uint64_t hash_of(std::uint64_t step) {
    std::uint64_t x = step + 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}
/// Pairs of row n of one array with row n of another.
PairShape rows_alone(int rows) { return {0, 0, rows}; }

}  // namespace

EquivaeConfig EquivaeConfig::for_latents(int latents) {
    EquivaeConfig config;
    config.latents = latents;
    if (latents < 16) config.trunk_hidden = 64, config.hidden = 32;
    return config;
}

std::vector<int> EquivaeConfig::sides() {
    std::vector<int> sides = {4, 8};
    for (int side = 16; side <= 256; side *= 2) sides.insert(sides.end(), {side - 4, side});
    return sides;
}

void EquivaeConfig::fit(int of_height, int of_width) {
    const std::vector<int> all = sides();
    if (of_height != of_width || std::find(all.begin(), all.end(), of_height) == all.end())
        throw std::invalid_argument("EQUIVAE makes squares of 2^(n+1) pixels a side, or 4 fewer, not " +
                                    std::to_string(of_height) + " x " + std::to_string(of_width));
    height = of_height, width = of_width;
    int layers = 0;
    while (2 << layers < height) ++layers;
    const std::vector<int> of_paper = {8, 16, 32, 64};
    decoder_filters.clear();
    for (int i = layers; i-- > 0;) decoder_filters.push_back(of_paper[std::min(i, 3)]);
    filters.clear();
    for (int i = 0; i <= layers; ++i) filters.push_back(of_paper[std::min(i, 3)]);
}

// f_inv       x -> convolutions -> 128 -> mean over the set -> 64 -> r
// q(v | r, x) x -> convolutions -> 128, r -> 64, joined -> 64 -> mu;  -> 64 -> log sigma^2
// p(x | r, v) r -> 64, v -> 64, joined -> 2 x 2 x 32 -> transposed convolutions -> pixels
// q(y | x)    x -> convolutions -> 128, joined with f_inv(x) -> 128 -> 64 -> classes
template <class T>
ParameterLayout Equivae<T>::make_layout() {
    const EquivaeConfig& c = config_;
    ParameterLayout layout;
    const auto convolutions = encoder_convolutions(c.height, c.width, c.channels, c.filters);
    const auto dense = [&](const std::string& name, const std::vector<int>& widths, Activation last,
                           Dropout dropout = {}) {
        return DenseStack<T>(layout, name, widths, last, c.initial, dropout);
    };
    const int Z = c.latents, joint = c.trunk_hidden + c.hidden, flat = 2 * c.decoder_hidden;
    inv_trunk_ = ImageTrunk<T>(layout, "inv.", convolutions, c.trunk_hidden, c.initial, c.normalisation);
    inv_tail_ = dense("inv.tail.", {c.trunk_hidden, c.hidden, Z}, Activation::kNone);
    cov_trunk_ = ImageTrunk<T>(layout, "cov.", convolutions, c.trunk_hidden, c.initial, c.normalisation);
    cov_r_ = dense("cov.r.", {Z, c.hidden}, Activation::kRelu);
    mu_ = dense("cov.mu.", {joint, c.hidden, Z}, Activation::kNone);
    logvar_ = dense("cov.logvar.", {joint, c.hidden, Z}, Activation::kNone);
    decoder_r_ = dense("decoder.r.", {Z, c.decoder_hidden}, Activation::kRelu);
    decoder_v_ = dense("decoder.v.", {Z, c.decoder_hidden}, Activation::kRelu);
    decoder_joint_ = dense("decoder.joint.", {flat, flat}, Activation::kRelu);
    decoder_ = ConvStack<T>(layout, "decoder.conv.",
                            decoder_convolutions(flat, c.height, c.width, c.channels, c.decoder_filters),
                            Activation::kNone, c.initial, c.normalisation);
    likelihood_ = PixelLikelihood<T>(layout, c.likelihood, c.height * c.width, c.channels);
    if (c.semi_supervised) {
        inv_image_trunk_ = inv_trunk_.same_weights();
        class_trunk_ = ImageTrunk<T>(layout, "class.", convolutions, c.trunk_hidden, c.initial, c.normalisation);
        std::vector<int> widths = {c.trunk_hidden + Z};
        widths.insert(widths.end(), c.classifier_hidden.begin(), c.classifier_hidden.end());
        widths.push_back(c.classes);
        class_head_ = dense("class.head.", widths, Activation::kNone, {c.dropout, 0});
    }
    return layout;
}

template <class T>
Equivae<T>::Equivae(const EquivaeConfig& config, int R, int max_rows, const EquivaeData& data, const Matmul& matmul,
                    const Convolver& convolver)
    : Autoencoder<T>(Model<T>::image_shape(config.height, config.width, config.channels, config.pixels), R, max_rows,
                     matmul),
      config_(config),
      D_(this->image_size()),
      data_(data),
      convolver_(convolver) {
    const std::size_t count = data.images ? data.images->count() : 0;
    if (config.semi_supervised && data.images) {
        const std::size_t steps = (data.unlabelled + max_rows - 1) / max_rows;
        max_labelled_ = config.mixing == LabelledMixing::kPaired ? int(std::min<std::size_t>(max_rows, count))
                                                                 : int((count + steps - 1) / steps);
    }
    const int K = config.semi_supervised ? config.classes : 1, images = max_rows + max_labelled_;
    const int sets = config.semi_supervised ? std::max(K + max_labelled_, max_rows) : max_rows;
    const int set_images = sets * std::max(config.max_complement, 1);
    max_pairs_ = max_rows * K + max_labelled_;
    parameters_ = ParameterArena<T>(make_layout(), R);

    const std::size_t r = R, pairs = r * max_pairs_, image_rows = r * std::max(images, max_pairs_);
    const int Z = config.latents, joint = config.trunk_hidden + config.hidden, flat = 2 * config.decoder_hidden;
    inv_trunk_.allocate(convolver, R, set_images);
    inv_tail_.allocate(r * std::max({set_images, images, max_pairs_}));
    cov_trunk_.allocate(convolver, R, images);
    cov_r_.allocate(pairs);
    mu_.allocate(pairs);
    logvar_.allocate(pairs);
    decoder_r_.allocate(pairs);
    decoder_v_.allocate(pairs);
    decoder_joint_.allocate(pairs);
    decoder_.allocate(convolver, R, max_pairs_);
    input_ = DeviceBuffer<T>(r * images * D_, "minibatch");
    sets_ = DeviceBuffer<T>(r * set_images * D_, "complementary images");
    set_mean_ = DeviceBuffer<T>(r * sets * config.trunk_hidden, "set means");
    embedding_ = DeviceBuffer<T>(image_rows * Z, "embeddings");
    r_ = DeviceBuffer<T>(pairs * Z, "invariant latents");
    cov_joint_ = DeviceBuffer<T>(pairs * joint, "joined features");
    moments_ = DeviceBuffer<T>(pairs * 2 * Z, "moments");
    v_ = DeviceBuffer<T>(pairs * Z, "equivariant latents");
    kl_ = DeviceBuffer<T>(pairs, "divergence");
    divergence_ = DivergenceWeight<T>(R, Z);
    decoder_in_ = DeviceBuffer<T>(pairs * flat, "joined latents");
    nll_ = DeviceBuffer<T>(pairs, "reconstruction");
    d_inv_ = DeviceBuffer<T>(r * set_images * config.trunk_hidden, "embedding gradients");
    r_before_ = DeviceBuffer<T>(pairs * Z, "invariant latents");
    d_cov_hidden_ = DeviceBuffer<T>(r * images * config.trunk_hidden, "feature gradients");
    d_cov_r_ = DeviceBuffer<T>(r * sets * config.hidden, "invariant latent gradients");
    d_moments_ = DeviceBuffer<T>(pairs * 2 * Z, "moment gradients");
    d_mu_ = DeviceBuffer<T>(pairs * Z, "mean gradients");
    d_logvar_ = DeviceBuffer<T>(pairs * Z, "log-variance gradients");
    d_decoder_r_ = DeviceBuffer<T>(r * sets * config.decoder_hidden, "invariant latent gradients");
    d_decoder_v_ = DeviceBuffer<T>(pairs * config.decoder_hidden, "equivariant latent gradients");
    if (!config.semi_supervised) return;
    class_trunk_.allocate(convolver, R, images);
    inv_image_trunk_.allocate(convolver, R, images, false);
    class_head_.allocate(r * images);
    class_in_ = DeviceBuffer<T>(r * images * (config.trunk_hidden + Z), "classifier features");
    labels_ = DeviceBuffer<std::uint8_t>(r * std::max(max_labelled_, 1), "labels");
    log_prior_ = DeviceBuffer<T>(std::vector<T>(K, T(-std::log(double(K)))), "class prior");
    pair_weights_ = DeviceBuffer<T>(pairs, "pair weights");
    counted_kl_ = DeviceBuffer<T>(pairs, "divergence that counts");
    reconstruction_ = DeviceBuffer<T>(r * max_rows, "expected reconstruction");
    expected_kl_ = DeviceBuffer<T>(r * max_rows, "expected divergence");
    class_kl_ = DeviceBuffer<T>(r * max_rows, "class divergence");
    cross_entropy_ = DeviceBuffer<T>(r * std::max(max_labelled_, 1), "cross-entropy");
    d_class_hidden_ = DeviceBuffer<T>(r * images * config.trunk_hidden, "classifier feature gradients");
}

template <class T>
std::vector<LossTerm<T>> Equivae<T>::loss_terms() const {
    if (!config_.semi_supervised) return {{"reconstruction", nll_.data(), 1.0}, {"kl", kl_.data(), 1.0}};
    // Means over labelled images: of each step's, or of all where the steps' numbers differ.
    const bool paired = config_.mixing == LabelledMixing::kPaired;
    const double count = data_.images ? double(data_.images->count()) : 1;
    const double scale = paired ? 1. / std::max(pairs_.labelled, 1) : double(labelled_order_.steps) / count;
    const double weight = labelled_share();
    const auto labelled = [&](const char* name, const T* rows, int stride) {
        return LossTerm<T>{name, rows, weight, true, pairs_.labelled, std::size_t(stride), scale};
    };
    const int first = pairs_.unlabelled * pairs_.classes;
    return {{"reconstruction", reconstruction_.data(), 1.0},
            {"kl", expected_kl_.data(), 1.0},
            {"class_kl", class_kl_.data(), 1.0},
            labelled("labelled_reconstruction", nll_.data() + first, pairs_.pairs()),
            labelled("labelled_kl", kl_.data() + first, pairs_.pairs()),
            labelled("cross_entropy", cross_entropy_.data(), pairs_.labelled)};
}

// --- a step's shape and images ---------------------------------------------------------------------------------------

template <class T>
std::uint64_t Equivae<T>::begin_step(const MinibatchOrder& order, std::uint64_t step) {
    if (!data_.classes) throw std::invalid_argument("EQUIVAE: a model without labelled images can only be evaluated");
    order_ = order;
    const int most = std::min<int>(config_.max_complement, int(data_.classes->smallest()) - 1);
    const int least = std::min(config_.min_complement, most);
    m_ = config_.self_complement ? 1 : least + int(hash_of(step) % std::uint64_t(most - least + 1));
    labelled_ = 0;
    if (config_.semi_supervised) {
        const std::size_t count = data_.images->count();
        if (config_.mixing == LabelledMixing::kPaired) {
            labelled_ = int(std::min<std::size_t>(order.batch, count));
            labelled_order_ = {MinibatchOrder::kCycle, count, labelled_};
        } else {
            labelled_order_ = {
                MinibatchOrder::kSpread, count, 0, (order.count + order.batch - 1) / order.batch, order.first_step,
                order.first_epoch};
            labelled_ = labelled_order_.spread_rows(step);
        }
    }
    return std::uint64_t(m_) << 32 | std::uint64_t(labelled_);
}

template <class T>
PairShape Equivae<T>::pairs_of(int N) const {
    return config_.semi_supervised ? PairShape{N, config_.classes, labelled_} : rows_alone(N);
}

/// Gathers labelled images behind the unlabelled minibatch, and the complementary images of each class or image.
template <class T>
void Equivae<T>::gather_sets(const LatentNoise& noise) {
    if (config_.self_complement) return;
    const Range range("gather sets");
    const GatherOptions shape = this->input_shape();
    const auto* images = data_.images->table();
    const ClassIndex index = data_.classes->index();
    if (!config_.semi_supervised) {
        check(gather_complements<T>({sets_.data(), pairs_.sets(), 0}, images, index, {noise.seeds, noise.step, order_},
                                    m_, R_, pairs_.labelled, shape, this->stream()));
        return;
    }
    GatherOptions beside = shape;
    beside.batch_rows = pairs_.images(), beside.first_row = pairs_.unlabelled;
    check(gather_labelled<T>({input_.data(), labels_.data(), sets_.data()}, images, data_.labels->table(), index,
                             {noise.seeds, noise.step, labelled_order_}, m_, R_, pairs_.labelled, beside,
                             this->stream()));
}

// --- forward ---------------------------------------------------------------------------------------------------------

/// f_inv(x) of single images. It tells the class of an unlabelled image.
template <class T>
void Equivae<T>::embed(int N) {
    const Range range("embed");
    inv_trunk_.forward(convolver_, matmul_, parameters_, input_.data(), R_, N);
    DenseChain<T> chain(matmul_, R_);
    inv_tail_.forward(matmul_, parameters_, inv_trunk_.output(), R_, N, {}, embedding_.data());
    check(chain.launch());
}

template <class T>
void Equivae<T>::embed_sets(int sets, int m) {
    const Range range("invariant.forward");
    inv_trunk_.forward(convolver_, matmul_, parameters_, sets_images(), R_, sets * m);
    DenseChain<T> chain(matmul_, R_);
    invariant_latents(chain, sets, m);
    check(chain.launch());
}

/// r of sets of m images (eq. 2). The mean is taken after the first dense layer; two more layers follow.
template <class T>
void Equivae<T>::invariant_latents(DenseChain<T>& chain, int sets, int m) {
    check(chain.set_mean_forward(set_mean_.data(), inv_trunk_.output(), m, sets, inv_trunk_.hidden()));
    inv_tail_.forward(matmul_, parameters_, set_mean_.data(), R_, sets, {}, r_.data());
}

/// What `layers` make of each r.
template <class T>
void Equivae<T>::read_r(DenseStack<T>& layers) {
    layers.forward(matmul_, parameters_, r_.data(), R_, pairs_.sets());
}

/// q(v | r, x) of every pair (eq. 3), and KL(q || N(0, I)).
template <class T>
void Equivae<T>::equivariant_latents(DenseChain<T>& chain, const LatentNoise& noise) {
    const int pairs = pairs_.pairs(), Z = config_.latents;
    check(chain.concatenate_pairs_forward(cov_joint_.data(),
                                          {cov_trunk_.output(), PairRows::kImages, cov_trunk_.hidden()},
                                          {cov_r_.output(), PairRows::kSets, cov_r_.out()}, pairs_));
    mu_.forward(matmul_, parameters_, cov_joint_.data(), R_, pairs);
    logvar_.forward(matmul_, parameters_, cov_joint_.data(), R_, pairs);
    check(chain.concatenate_pairs_forward(moments_.data(), {mu_.output(), PairRows::kPairs, Z},
                                          {logvar_.output(), PairRows::kPairs, Z}, pairs_));
    check(chain.gaussian_sample_forward(v_.data(), kl_.data(), moments_.data(), noise, pairs, Z));
}

/// What the decoder's convolutions begin with, of every pair.
template <class T>
void Equivae<T>::decoder_features(DenseChain<T>& chain) {
    const int pairs = pairs_.pairs();
    decoder_v_.forward(matmul_, parameters_, v_.data(), R_, pairs);
    check(chain.concatenate_pairs_forward(decoder_in_.data(), {decoder_r_.output(), PairRows::kSets, decoder_r_.out()},
                                          {decoder_v_.output(), PairRows::kPairs, decoder_v_.out()}, pairs_));
    decoder_joint_.forward(matmul_, parameters_, decoder_in_.data(), R_, pairs);
}

/// Logits of q(y | x) from what convolutions made of x, in f_inv's trunk and in its own.
template <class T>
void Equivae<T>::classify_features(const LatentNoise& drop) {
    const Range range("classifier.forward");
    const int images = pairs_.images();
    DenseChain<T> chain(matmul_, R_);
    inv_image_trunk_.dense_forward(matmul_, parameters_, R_, images);
    class_trunk_.dense_forward(matmul_, parameters_, R_, images);
    inv_tail_.forward(matmul_, parameters_, inv_image_trunk_.output(), R_, images, {}, embedding_.data());
    check(chain.concatenate_pairs_forward(class_in_.data(),
                                          {class_trunk_.output(), PairRows::kPairs, class_trunk_.hidden()},
                                          {embedding_.data(), PairRows::kPairs, config_.latents}, rows_alone(images)));
    class_head_.forward(matmul_, parameters_, class_in_.data(), R_, images, drop);
    check(chain.launch());
}

/// nll = -log p(target | r, v) of every pair; d_pixels = the gradient of the weighted sum by output(), which it may
/// overwrite. Either may be null.
template <class T>
void Equivae<T>::likelihood(T* nll, T* d_pixels, const T* target, PairShape shape, T scale, const T* weights) {
    const Range range("loss");
    const LossRows<T> rows{weights, {shape.unlabelled, shape.classes}};  // a pair's target is its image
    check(likelihood_.losses({nll, d_pixels, d_pixels != nullptr}, parameters_, output(), target, scale, rows,
                             shape.pairs(), this->stream()));
}

template <class T>
void Equivae<T>::forward(int N, const LatentNoise& noise) {
    pairs_ = pairs_of(N);
    gather_sets(noise);
    const int sets = pairs_.sets(), images = pairs_.images();
    {
        const Range range("convolutions.forward");
        std::vector<typename ConvStack<T>::Work> all = {inv_trunk_.convolutions_on(sets_images(), sets * m_),
                                                        cov_trunk_.convolutions_on(input_.data(), images)};
        if (config_.semi_supervised)
            for (ImageTrunk<T>* trunk : {&inv_image_trunk_, &class_trunk_})
                all.push_back(trunk->convolutions_on(input_.data(), images));
        ConvStack<T>::forward_together(convolver_, parameters_, all, R_, NormMode::kBatch);
    }
    if (config_.semi_supervised) classify_features(noise);
    {
        const Range range("encoder.forward");
        DenseChain<T> chain(matmul_, R_);  // of every dense layer from here on, and of what joins them
        inv_trunk_.dense_forward(matmul_, parameters_, R_, sets * m_);
        cov_trunk_.dense_forward(matmul_, parameters_, R_, images);
        invariant_latents(chain, sets, m_);
        read_r(cov_r_);
        read_r(decoder_r_);
        equivariant_latents(chain, noise);
        decoder_features(chain);
        check(chain.launch());
    }
    const Range range("decoder.forward");
    decoder_.forward(convolver_, parameters_, decoder_joint_.output(), R_, pairs_.pairs(), NormMode::kBatch);
}

/// The averages that evaluation normalises by: f_inv's are of its sets' images, the decoder's of all pairs.
template <class T>
void Equivae<T>::update_running(const std::uint64_t* step) {
    inv_trunk_.update_running(convolver_, parameters_, step, R_, pairs_.sets() * m_);
    cov_trunk_.update_running(convolver_, parameters_, step, R_, pairs_.images());
    decoder_.update_running(convolver_, parameters_, step, R_, pairs_.pairs());
    if (config_.semi_supervised) class_trunk_.update_running(convolver_, parameters_, step, R_, pairs_.images());
}

// --- loss and backward -----------------------------------------------------------------------------------------------

/// What the mean over the labelled images weighs beside the mean over the unlabelled ones.
template <class T>
double Equivae<T>::labelled_share() const {
    const std::optional<double>& weight = config_.labelled_weight;
    if (!weight && config_.mixing == LabelledMixing::kPaired) return 1;
    const double labelled = data_.images ? double(data_.images->count()) : 1;
    return weight.value_or(1) * labelled / double(std::max<std::size_t>(data_.unlabelled, 1));
}

/// The same of one labelled image of the step: with kSum steps have more or fewer of them.
template <class T>
T Equivae<T>::labelled_scale() const {
    if (config_.mixing == LabelledMixing::kPaired) return T(labelled_share()) / T(std::max(pairs_.labelled, 1));
    return T(config_.labelled_weight.value_or(1)) / T(pairs_.unlabelled);
}

/// The rows of the loss terms over classes, without gradients.
template <class T>
ClassExpectation<T> Equivae<T>::class_rows() {
    ClassExpectation<T> rows;
    rows.reconstruction = reconstruction_.data(), rows.kl = expected_kl_.data();
    rows.class_kl = class_kl_.data(), rows.cross_entropy = cross_entropy_.data();
    return rows;
}

/// The loss over classes (eq. 4 to 7) of pairs with these divergences.
template <class T>
void Equivae<T>::class_loss(const ClassExpectation<T>& out, const T* kl) {
    check(class_expectation<T>(out, class_head_.output(), nll_.data(), kl, labels_.data(), log_prior_.data(),
                               labelled_scale(), pairs_, R_, this->stream()));
}

/// Each pair's weight in the gradient, and the classifier's logits overwritten by theirs. How much of the divergence
/// counts follows from the weights, and the logits' gradient from that. Returns the divergence's weight.
template <class T>
KlWeight<T> Equivae<T>::class_gradients(const LatentNoise& noise) {
    ClassExpectation<T> out = class_rows(), logits;
    out.pair_weights = pair_weights_.data();
    (divergence_.counts_all() ? out : logits).dlogits = class_head_.output();
    class_loss(out, kl_.data());
    if (divergence_.counts_all()) return {T(1)};
    const KlWeight<T> weight =
        divergence_.at(T(1), noise.step, moments_.data(), {}, pairs_.pairs(), this->stream(), pair_weights_.data());
    check(counted_divergence<T>(counted_kl_.data(), moments_.data(), {}, weight.factors, R_, pairs_.pairs(),
                                config_.latents, this->stream()));
    class_loss(logits, counted_kl_.data());
    return weight;
}

/// -L_lab, or -L_semi, a row at a time.
template <class T>
void Equivae<T>::evaluate(int N, const LatentNoise& noise) {
    forward(N, noise);
    likelihood(nll_.data(), nullptr, input_.data(), pairs_, T(1), nullptr);
    if (config_.semi_supervised) class_loss(class_rows(), kl_.data());
}

template <class T>
void Equivae<T>::gradients(int N, const LatentNoise& noise) {
    forward(N, noise);
    update_running(noise.step);
    T* d_pixels = output();  // in the pixels' place
    KlWeight<T> kl_weight = T(1);
    if (config_.semi_supervised) {
        // How much a class's reconstruction counts follows from all ten: first the losses, then their gradient.
        likelihood(nll_.data(), nullptr, input_.data(), pairs_, T(1), nullptr);
        kl_weight = class_gradients(noise);
        likelihood(nullptr, d_pixels, input_.data(), pairs_, T(1), pair_weights_.data());
    } else {
        likelihood(nll_.data(), d_pixels, input_.data(), pairs_, T(1) / T(N), nullptr);
        kl_weight = divergence_.at(T(1) / T(N), noise.step, moments_.data(), {}, N, this->stream());
    }
    T* const d_joint = pixels_backward(d_pixels);
    const int images = pairs_.images(), set_images = pairs_.sets() * m_;
    std::vector<typename ConvStack<T>::Work> all;
    {
        const Range range("encoder.backward");
        DenseChain<T> chain(matmul_, R_);
        equivariant_backward(chain, decoder_backward(chain, d_joint), kl_weight);
        T* const d_cov = cov_trunk_.dense_backward(matmul_, parameters_, d_cov_hidden_.data(), R_, images);
        invariant_backward(chain);
        T* const d_inv = inv_trunk_.dense_backward(matmul_, parameters_, d_inv_.data(), R_, set_images);
        check(chain.launch());
        all = {cov_trunk_.convolutions_on(input_.data(), images, d_cov),
               inv_trunk_.convolutions_on(sets_images(), set_images, d_inv)};
    }
    if (config_.semi_supervised)
        all.push_back(class_trunk_.convolutions_on(input_.data(), images, classifier_backward(noise)));
    const Range range("convolutions.backward");
    ConvStack<T>::backward_together(convolver_, parameters_, all, Activation::kNone, false, R_);
}

/// From the pixels to what the decoder's convolutions began with.
template <class T>
T* Equivae<T>::pixels_backward(T* d_pixels) {
    const Range range("decoder.backward");
    return decoder_.backward(convolver_, parameters_, d_pixels, decoder_joint_.output(), Activation::kRelu, true, R_,
                             pairs_.pairs());
}

/// From there back to v and to what the decoder made of r. Returns dL/dv.
template <class T>
const T* Equivae<T>::decoder_backward(DenseChain<T>& chain, T* d_joint) {
    const int pairs = pairs_.pairs();
    d_decoder_in_ =
        decoder_joint_.backward(matmul_, parameters_, d_joint, decoder_in_.data(), Activation::kNone, true, R_, pairs);
    check(
        chain.concatenate_pairs_backward({d_decoder_v_.data(), decoder_v_.output(), PairRows::kPairs, decoder_v_.out()},
                                         d_decoder_in_ + decoder_r_.out(), decoder_joint_.in(), pairs_));
    return decoder_v_.backward(matmul_, parameters_, d_decoder_v_.data(), v_.data(), Activation::kNone, true, R_,
                               pairs);
}

/// Through v = mu + sigma epsilon and the divergence to what q(v | r, x) made of x and of r.
template <class T>
void Equivae<T>::equivariant_backward(DenseChain<T>& chain, const T* d_v, KlWeight<T> kl_weight) {
    const int pairs = pairs_.pairs(), Z = config_.latents;
    check(chain.gaussian_sample_backward(d_moments_.data(), d_v, v_.data(), moments_.data(), kl_weight, pairs, Z,
                                         config_.semi_supervised ? pair_weights_.data() : nullptr));
    const auto head_backward = [&](DenseStack<T>& head, T* d_head, const T* d_moments) {
        check(chain.concatenate_pairs_backward({d_head, nullptr, PairRows::kPairs, Z}, d_moments, 2 * Z, pairs_));
        return head.backward(matmul_, parameters_, d_head, cov_joint_.data(), Activation::kNone, true, R_, pairs);
    };
    d_cov_joint_ = head_backward(mu_, d_mu_.data(), d_moments_.data());
    check(chain.add(d_cov_joint_, head_backward(logvar_, d_logvar_.data(), d_moments_.data() + Z), pairs, mu_.in()));
    check(chain.concatenate_pairs_backward(
        {d_cov_hidden_.data(), cov_trunk_.output(), PairRows::kImages, cov_trunk_.hidden()}, d_cov_joint_, mu_.in(),
        pairs_));
}

/// From both uses of r through it and the set's mean to all m branches of f_inv.
template <class T>
void Equivae<T>::invariant_backward(DenseChain<T>& chain) {
    const int sets = pairs_.sets();
    const auto use_backward = [&](DenseStack<T>& use, T* d_use, const T* d_joint, int joint) {
        check(chain.concatenate_pairs_backward({d_use, use.output(), PairRows::kSets, use.out()}, d_joint, joint,
                                               pairs_));
        return use.backward(matmul_, parameters_, d_use, r_.data(), Activation::kNone, true, R_, sets);
    };
    T* d_r = use_backward(decoder_r_, d_decoder_r_.data(), d_decoder_in_, decoder_joint_.in());
    check(chain.add(d_r, use_backward(cov_r_, d_cov_r_.data(), d_cov_joint_ + cov_trunk_.hidden(), mu_.in()), sets,
                    config_.latents));
    const T* d_mean =
        inv_tail_.backward(matmul_, parameters_, d_r, set_mean_.data(), Activation::kNone, true, R_, sets);
    check(chain.set_mean_backward(d_inv_.data(), d_mean, inv_trunk_.output(), m_, sets, inv_trunk_.hidden()));
}

/// From q(y | x) back to what its own trunk's convolutions made. f_inv(x) is an input like x (the paper's stop_grad).
template <class T>
T* Equivae<T>::classifier_backward(const LatentNoise& drop) {
    const Range range("classifier.backward");
    const int images = pairs_.images();
    DenseChain<T> chain(matmul_, R_);
    const T* d_in = class_head_.backward(matmul_, parameters_, class_head_.output(), class_in_.data(),
                                         Activation::kNone, true, R_, images, drop);
    check(chain.concatenate_pairs_backward(
        {d_class_hidden_.data(), class_trunk_.output(), PairRows::kPairs, class_trunk_.hidden()}, d_in,
        class_head_.in(), rows_alone(images)));
    T* const d_flat = class_trunk_.dense_backward(matmul_, parameters_, d_class_hidden_.data(), R_, images);
    check(chain.launch());
    return d_flat;
}

// --- evaluation ------------------------------------------------------------------------------------------------------

/// q(v | r, x) of every pair; r() is there.
template <class T>
void Equivae<T>::encode_pairs(const T* x, const LatentNoise& noise) {
    const Range range("equivariant.forward");
    DenseChain<T> chain(matmul_, R_);
    cov_trunk_.forward(convolver_, matmul_, parameters_, x, R_, pairs_.images());
    read_r(cov_r_);
    equivariant_latents(chain, noise);
    check(chain.launch());
}
/// p(x | r, v): output() of every pair; r() and v() are there.
template <class T>
void Equivae<T>::decode_pairs() {
    const Range range("decoder.forward");
    DenseChain<T> chain(matmul_, R_);
    read_r(decoder_r_);
    decoder_features(chain);
    check(chain.launch());
    decoder_.forward(convolver_, parameters_, decoder_joint_.output(), R_, pairs_.pairs());
}
template <class T>
void Equivae<T>::encode_rows(const T* x, int N, const LatentNoise& noise) {
    pairs_ = rows_alone(N);
    encode_pairs(x, noise);
}
template <class T>
void Equivae<T>::encode_draws(int N, int K, const LatentNoise& noise) {
    if (K > 1) {
        const std::size_t rows = std::size_t(R_) * N, Z = config_.latents;
        check(copy_on_device(r_before_.data(), r_.data(), rows * Z * sizeof(T), this->stream()));
        check(repeat_rows<T>(r_.data(), r_before_.data(), K, rows, Z, this->stream()));
    }
    Autoencoder<T>::encode_draws(N, K, noise);
}
template <class T>
void Equivae<T>::decode(int N) {
    pairs_ = rows_alone(N);
    decode_pairs();
}
template <class T>
void Equivae<T>::negative_log_likelihood(T* nll, const T* target, int N, int K) {
    likelihood(nll, nullptr, target, {N, K, 0}, T(1), nullptr);
}
template <class T>
void Equivae<T>::bound(int N, const LatentNoise& noise) {
    this->encode(N, noise);
    decode(N);
    negative_log_likelihood(nll_.data(), input_.data(), N);
}
template <class T>
std::vector<LossTerm<T>> Equivae<T>::bound_terms() const {
    return {{"reconstruction", nll_.data(), 1.0}, {"kl", kl_.data(), 1.0}};
}
template <class T>
void Equivae<T>::bound_by_class(int N, const LatentNoise& noise) {
    pairs_ = {N, config_.classes, 0};
    encode_pairs(input_.data(), noise);
    decode_pairs();
    likelihood(nll_.data(), nullptr, input_.data(), pairs_, T(1), nullptr);
}
template <class T>
void Equivae<T>::classify(int N) {
    if (!config_.semi_supervised) throw std::invalid_argument("EQUIVAE: a supervised model has no q(y|x)");
    pairs_ = rows_alone(N);
    {
        const Range range("convolutions.forward");
        ConvStack<T>::forward_together(
            convolver_, parameters_,
            {inv_image_trunk_.convolutions_on(input_.data(), N), class_trunk_.convolutions_on(input_.data(), N)}, R_,
            NormMode::kRunning);
    }
    classify_features({});
}

template class Equivae<float>;
template class Equivae<double>;

}  // namespace warpvae
