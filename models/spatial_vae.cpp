#include "models/spatial_vae.h"

#include <cmath>
#include <stdexcept>

namespace warpvae {

// Deviations of the pose's posterior and prior before training: about a pixel and a half, or six degrees.
constexpr double kFirstPoseDeviation = 0.1;

// --- configuration ---------------------------------------------------------------------------------------------------

WarpForm SpatialVaeConfig::first_form() const {
    return pose == PoseKind::kSpline  ? WarpForm::kControlPoints
           : pose == PoseKind::kPose5 ? WarpForm::kPose
                                      : WarpForm::kAffine;
}
WarpForm SpatialVaeConfig::last_form() const {
    if (kind != SpatialKind::kDoubleTransformer || second == SecondTransform::kIndependent) return first_form();
    return pose == PoseKind::kPose5 ? WarpForm::kInversePose : WarpForm::kInverseAffine;
}
int SpatialVaeConfig::pose_numbers() const {
    const bool two = kind == SpatialKind::kDoubleTransformer && second == SecondTransform::kIndependent;
    return warp_numbers() * (two ? 2 : 1);
}
std::vector<double> SpatialVaeConfig::identity() const {
    std::vector<double> one(warp_numbers(), 0.);
    if (pose == PoseKind::kAffine) one = {1, 0, 0, 0, 1, 0};
    std::vector<double> all;
    while (int(all.size()) < pose_numbers()) all.insert(all.end(), one.begin(), one.end());
    return all;
}

// --- parameters ------------------------------------------------------------------------------------------------------

// Lasagne's defaults (GlorotUniform, biases 0). The pose starts at the identity: weights 0, bias the identity.
template <class T>
ParameterLayout SpatialVae<T>::make_layout() {
    ParameterLayout layout;
    const SpatialVaeConfig& c = config_;
    const InitialRule rule = InitialRule::kLasagne;
    const int Z = c.latents, H = c.hidden.back();
    std::vector<int> widths = {D_};
    widths.insert(widths.end(), c.hidden.begin(), c.hidden.end());
    trunk_ = DenseStack<T>(layout, "encoder.", widths, Activation::kRelu, rule);
    heads_ = DenseLayer(layout, "heads", H, 2 * Z, Initial::glorot(H, Z), Initial());
    if (this->has_pose()) {
        int features = H;
        if (c.kind == SpatialKind::kDoubleTransformer) {
            pose_trunk_ = DenseStack<T>(layout, "localisation.", {D_, c.localisation}, Activation::kRelu, rule);
            features = c.localisation;
        } else if (c.separate_trunk) {
            pose_trunk_ = DenseStack<T>(layout, "pose_encoder.", widths, Activation::kRelu, rule);
        }
        // With a range limit or a linear map behind it, what is drawn stands at 0 where the warp is the identity.
        const bool at_zero = c.limit != RangeLimit::kNone || c.prior == PosePrior::kFull;
        const std::vector<double> start = at_zero ? std::vector<double>(V_, 0.) : c.identity();
        std::vector<double> bias = start;
        if (c.prior != PosePrior::kNone)
            bias.insert(bias.end(), V_, c.prior == PosePrior::kFull ? 0. : std::log(kFirstPoseDeviation));
        pose_heads_ = DenseLayer(layout, "pose_heads", features, int(bias.size()), Initial(), Initial::constant(bias));
        if (c.prior == PosePrior::kFixedMean || c.prior == PosePrior::kFitted) {
            if (c.prior == PosePrior::kFitted)
                prior_mean_ = layout.add("pose_prior.mean", {V_}, Initial::constant(start));
            prior_deviation_ =
                layout.add("pose_prior.log_deviation", {V_}, Initial::constant({std::log(kFirstPoseDeviation)}));
        }
        if (c.prior == PosePrior::kFull)
            pose_map_ = DenseLayer(layout, "pose_map", V_, S_, Initial::glorot(V_, S_, kFirstPoseDeviation),
                                   c.limit == RangeLimit::kNone ? Initial::constant(c.identity()) : Initial());
    }
    widths = {Z};
    widths.insert(widths.end(), c.hidden.rbegin(), c.hidden.rend());
    widths.push_back(D_);
    decoder_ = DenseStack<T>(layout, "decoder.", widths, Activation::kSigmoid, rule);
    return layout;
}

template <class T>
SpatialVae<T>::SpatialVae(const SpatialVaeConfig& config, int R, int max_rows, const Matmul& matmul)
    : Autoencoder<T>(Model<T>::image_shape(config.height, config.width), R, max_rows, matmul),
      config_(config),
      D_(config.height * config.width),
      S_(config.pose_numbers()),
      V_(config.pose_latents()) {
    if (config.kind == SpatialKind::kDoubleTransformer && config.pose == PoseKind::kSpline &&
        config.second == SecondTransform::kInverse)
        throw std::invalid_argument(
            "a thin-plate spline has no closed inverse: a DT-VAE with splines needs an independent second one");
    parameters_ = ParameterArena<T>(make_layout(), R);
    sampled_ = {1, config.height, config.width, config.height, config.width};
    const auto on_device = [](const std::vector<double>& host) {
        return DeviceBuffer<T>(std::vector<T>(host.begin(), host.end()), "constants");
    };
    const std::size_t rows = std::size_t(R) * max_rows * config.samples, Z = config.latents;
    input_ = DeviceBuffer<T>(std::size_t(R) * max_rows * D_, "minibatch");
    if (config.samples > 1) {
        this->allocate_repeated();
        for (DeviceBuffer<T>* mean : {&mean_reconstruction_, &mean_kl_, &mean_pose_kl_})
            *mean = DeviceBuffer<T>(std::size_t(R) * max_rows, "loss terms");
    }
    trunk_.allocate(rows);
    decoder_.allocate(rows);
    moments_ = DeviceBuffer<T>(rows * 2 * Z, "moments");
    d_moments_ = DeviceBuffer<T>(rows * 2 * Z, "moment gradients");
    z_ = DeviceBuffer<T>(rows * Z, "latents");
    reconstruction_ = DeviceBuffer<T>(rows, "reconstruction");
    kl_ = DeviceBuffer<T>(rows, "divergence");
    d_pixels_ = DeviceBuffer<T>(rows * D_, "pixel gradients");
    d_hidden_ = DeviceBuffer<T>(rows * heads_.in(), "hidden gradients");
    if (!this->has_pose()) return;
    if (config.kind == SpatialKind::kDoubleTransformer || config.separate_trunk) pose_trunk_.allocate(rows);
    basis_ = on_device(config.pose == PoseKind::kSpline
                           ? thin_plate_spline_basis(config.control_points, config.height, config.width)
                           : affine_basis(config.height, config.width));
    identity_ = on_device(config.identity());
    range_ = on_device(std::vector<double>(S_, config.limit_range));
    warped_ = DeviceBuffer<T>(rows * D_, "warped images");
    d_reference_ = DeviceBuffer<T>(rows * D_, "reference gradients");
    if (config.kind == SpatialKind::kDoubleTransformer) upright_ = DeviceBuffer<T>(rows * D_, "upright images");
    pose_moments_ = DeviceBuffer<T>(rows * pose_heads_.out(), "pose moments");
    d_pose_moments_ = DeviceBuffer<T>(rows * pose_heads_.out(), "pose moment gradients");
    drawn_ = DeviceBuffer<T>(rows * V_, "drawn pose");
    d_drawn_ = DeviceBuffer<T>(rows * V_, "drawn pose gradients");
    free_ = DeviceBuffer<T>(rows * S_, "pose before its limit");
    u_ = DeviceBuffer<T>(rows * S_, "pose");
    d_u_ = DeviceBuffer<T>(rows * S_, "pose gradients");
    pose_kl_ = DeviceBuffer<T>(rows, "pose divergence");
    d_pose_hidden_ = DeviceBuffer<T>(rows * pose_heads_.in(), "pose hidden gradients");
}

template <class T>
std::vector<LossTerm<T>> SpatialVae<T>::loss_terms() const {
    const bool many = config_.samples > 1;
    std::vector<LossTerm<T>> terms = {
        {"reconstruction", many ? mean_reconstruction_.data() : reconstruction_.data(), 1.0},
        {"kl", many ? mean_kl_.data() : kl_.data(), 1.0}};
    if (has_pose_prior()) terms.push_back({"pose_kl", many ? mean_pose_kl_.data() : pose_kl_.data(), 1.0});
    return terms;
}

template <class T>
Pose SpatialVae<T>::pose() const {
    if (config_.kind == SpatialKind::kVae) return {};
    return {S_, config_.last_form(), S_ - config_.warp_numbers()};
}

template <class T>
Warp<T> SpatialVae<T>::first_warp() const {
    return {config_.first_form(), basis_.data(), config_.basis_size(), S_};
}
template <class T>
Warp<T> SpatialVae<T>::last_warp() const {
    return {config_.last_form(), basis_.data(), config_.basis_size(), S_};
}
template <class T>
GaussianPrior<T> SpatialVae<T>::pose_prior() const {
    if (config_.prior == PosePrior::kFull) return {};  // v ~ N(0, I)
    GaussianPrior<T> prior{nullptr, 0, parameters_.value(prior_deviation_), parameters_.stride()};
    if (config_.prior == PosePrior::kFitted)
        prior.mean = parameters_.value(prior_mean_), prior.mean_stride = parameters_.stride();
    // P1: the identity, one for all replicas; behind a range limit the identity is at 0.
    else if (config_.limit == RangeLimit::kNone)
        prior.mean = identity_.data();
    return prior;
}

// --- forward ---------------------------------------------------------------------------------------------------------

/// The noise of the pose: that of z at another address.
static LatentNoise pose_noise_of(LatentNoise noise) {
    noise.purpose = Purpose(std::uint32_t(noise.purpose) + std::uint32_t(Purpose::kPose));
    return noise;
}

/// From the last hidden layer to q(u | x) = N(mu_u, diag sigma_u^2), a draw of it, and the numbers of the warp.
template <class T>
void SpatialVae<T>::pose_forward(const T* features, int M, const LatentNoise& noise) {
    const std::size_t rows = std::size_t(R_) * M;
    pose_heads_.forward(matmul_, parameters_, pose_moments_.data(), features, Activation::kNone, M);
    if (config_.prior == PosePrior::kNone) {  // a delta at f(x)
        check(copy_on_device(drawn_.data(), pose_moments_.data(), rows * V_ * sizeof(T), this->stream()));
    } else {
        check(gaussian_sample_forward(drawn_.data(), pose_kl_.data(), static_cast<const T*>(pose_moments_.data()),
                                      pose_prior(), config_.spread, pose_noise_of(noise), R_, M, V_, this->stream()));
    }
    pose_from_drawn(M);
}

/// u = limit(W v + b). W and b exist with a full prior, the limit where one is set.
template <class T>
void SpatialVae<T>::pose_from_drawn(int M) {
    const std::size_t rows = std::size_t(R_) * M;
    const bool limited = config_.limit != RangeLimit::kNone;
    T* to = limited ? free_.data() : u_.data();
    if (config_.prior == PosePrior::kFull)
        pose_map_.forward(matmul_, parameters_, to, static_cast<const T*>(drawn_.data()), Activation::kNone, M);
    else
        check(copy_on_device(to, drawn_.data(), rows * S_ * sizeof(T), this->stream()));
    if (limited)
        check(range_limit<T>(u_.data(), free_.data(), identity_.data(), range_.data(),
                             config_.limit == RangeLimit::kTanh ? T(2) : T(1), rows, S_, this->stream()));
}

template <class T>
void SpatialVae<T>::encode_rows(const T* x, int M, const LatentNoise& noise) {
    const Range range("encoder.forward");
    const bool twice = config_.kind == SpatialKind::kDoubleTransformer;
    const T* seen = x;
    if (twice) {  // y = T_u(x)
        pose_trunk_.forward(matmul_, parameters_, x, R_, M);
        pose_forward(pose_trunk_.output(), M, noise);
        check(warp_forward<T>(upright_.data(), x, u_.data(), first_warp(), std::size_t(R_) * M, sampled_, sampling_,
                              this->stream()));
        seen = upright_.data();
    }
    trunk_.forward(matmul_, parameters_, seen, R_, M);
    heads_.forward(matmul_, parameters_, moments_.data(), static_cast<const T*>(trunk_.output()), Activation::kNone, M);
    check(gaussian_sample_forward(z_.data(), kl_.data(), static_cast<const T*>(moments_.data()), GaussianPrior<T>(),
                                  config_.spread, noise, R_, M, config_.latents, this->stream()));
    if (config_.kind == SpatialKind::kTransformer) {
        if (config_.separate_trunk) pose_trunk_.forward(matmul_, parameters_, x, R_, M);
        pose_forward(config_.separate_trunk ? pose_trunk_.output() : trunk_.output(), M, noise);
    }
}

template <class T>
void SpatialVae<T>::decode_reference(int N) {
    const Range range("decoder.forward");
    decoder_.forward(matmul_, parameters_, z_.data(), R_, N);
}

template <class T>
void SpatialVae<T>::transform(int N) {
    if (!this->has_pose()) return;
    const Range range("transform.forward");
    check(warp_forward<T>(warped_.data(), decoder_.output(), u_.data() + pose().first, last_warp(), std::size_t(R_) * N,
                          sampled_, sampling_, this->stream()));
}

template <class T>
void SpatialVae<T>::decode(int N) {
    decode_reference(N);
    transform(N);
}

template <class T>
void SpatialVae<T>::evaluate(int N, const LatentNoise& noise) {
    const int L = config_.samples, M = N * L;
    const std::size_t rows = std::size_t(R_) * N;
    LatentNoise drawn = noise;
    drawn.first_row *= L;
    this->encode_draws(N, L, drawn);
    decode(M);
    {
        // The gradient of the batch mean of -log p(x | z, u) with respect to x' (eq. 8), on the way.
        const Range range("loss");
        check(bernoulli_from_probabilities<T>(reconstruction_.data(), d_pixels_.data(), output(),
                                              this->repeated(input_.data(), N, L), T(config_.loss_scale / M), R_, M, D_,
                                              this->stream()));
    }
    if (L == 1) return;
    check(mean_rows<T>(mean_reconstruction_.data(), reconstruction_.data(), L, rows, this->stream()));
    check(mean_rows<T>(mean_kl_.data(), kl_.data(), L, rows, this->stream()));
    if (has_pose_prior()) check(mean_rows<T>(mean_pose_kl_.data(), pose_kl_.data(), L, rows, this->stream()));
}

// --- backward --------------------------------------------------------------------------------------------------------

/// From d u back to the features that u was made from. Their gradient lies in d_pose_hidden_.
template <class T>
T* SpatialVae<T>::pose_backward(const T* features, Activation features_activation, T weight, int M) {
    const std::size_t rows = std::size_t(R_) * M;
    if (config_.limit != RangeLimit::kNone)
        check(range_limit_backward<T>(d_u_.data(), d_u_.data(), free_.data(), range_.data(),
                                      config_.limit == RangeLimit::kTanh ? T(2) : T(1), rows, S_, this->stream()));
    const T* d_drawn = d_u_.data();
    if (config_.prior == PosePrior::kFull) {
        pose_map_.backward(matmul_, parameters_, d_drawn_.data(), d_drawn, static_cast<const T*>(drawn_.data()),
                           Activation::kNone, M);
        d_drawn = d_drawn_.data();
    }
    const T* d_moments = d_drawn;  // P0: the heads are u itself
    if (config_.prior != PosePrior::kNone) {
        const GaussianPrior<T> prior = pose_prior();
        check(gaussian_sample_backward<T>(d_pose_moments_.data(), d_drawn, drawn_.data(), pose_moments_.data(), prior,
                                          config_.spread, weight, R_, M, V_, this->stream()));
        if (config_.prior != PosePrior::kFull)
            check(gaussian_prior_backward<T>(
                config_.prior == PosePrior::kFitted ? parameters_.gradient(prior_mean_) : nullptr,
                parameters_.gradient(prior_deviation_), parameters_.stride(), pose_moments_.data(), prior,
                config_.spread, weight, R_, M, V_, this->stream()));
        d_moments = d_pose_moments_.data();
    }
    pose_heads_.backward(matmul_, parameters_, d_pose_hidden_.data(), d_moments, features, features_activation, M);
    return d_pose_hidden_.data();
}

template <class T>
void SpatialVae<T>::gradients(int N, const LatentNoise& noise) {
    evaluate(N, noise);
    const int L = config_.samples, M = N * L;
    const std::size_t rows = std::size_t(R_) * M;
    const T weight = T(config_.loss_scale / M);
    const T* x = this->repeated(input_.data(), N, L);
    const bool twice = config_.kind == SpatialKind::kDoubleTransformer;

    T* d_reference = d_pixels_.data();  // so far d x'
    if (this->has_pose()) {
        const Range range("transform.backward");
        d_reference = d_reference_.data();
        const int offset = pose().first;
        if (offset) check(fill_bytes(d_u_.data(), 0, rows * S_ * sizeof(T), this->stream()));
        check(warp_backward<T>(d_reference, d_u_.data() + offset, false, d_pixels_.data(), decoder_.output(),
                               u_.data() + offset, last_warp(), rows, sampled_, sampling_, this->stream()));
    }
    const T* d_z = nullptr;
    {
        const Range range("decoder.backward");
        check(sigmoid_backward<T>(d_reference, d_reference, decoder_.output(), rows * D_, this->stream()));
        d_z = decoder_.backward(matmul_, parameters_, d_reference, z_.data(), Activation::kNone, true, R_, M);
    }
    const Range range("encoder.backward");
    // Through z = mu + sigma epsilon and KL(q(z | x) || N(0, I)) (eq. 6) to the last hidden layer.
    check(gaussian_sample_backward<T>(d_moments_.data(), d_z, z_.data(), moments_.data(), GaussianPrior<T>(),
                                      config_.spread, weight, R_, M, config_.latents, this->stream()));
    heads_.backward(matmul_, parameters_, d_hidden_.data(), static_cast<const T*>(d_moments_.data()),
                    static_cast<const T*>(trunk_.output()), Activation::kRelu, M);
    if (config_.kind == SpatialKind::kTransformer) {
        const bool apart = config_.separate_trunk;
        const T* d_features =
            pose_backward(apart ? pose_trunk_.output() : trunk_.output(), Activation::kRelu, weight, M);
        if (apart)
            pose_trunk_.backward(matmul_, parameters_, d_features, x, Activation::kNone, false, R_, M);
        else
            check(add<T>(d_hidden_.data(), d_features, rows * heads_.in(), this->stream()));
    }
    const T* seen = twice ? upright_.data() : x;
    const T* d_upright = trunk_.backward(matmul_, parameters_, d_hidden_.data(), seen, Activation::kNone, twice, R_, M);
    if (!twice) return;
    // d u through y = T_u(x) joins d u through x' = T_u^-1(y').
    check(warp_backward<T>(nullptr, d_u_.data(), true, d_upright, x, u_.data(), first_warp(), rows, sampled_, sampling_,
                           this->stream()));
    const T* d_features = pose_backward(pose_trunk_.output(), Activation::kRelu, weight, M);
    pose_trunk_.backward(matmul_, parameters_, d_features, x, Activation::kNone, false, R_, M);
}

// --- evaluation ------------------------------------------------------------------------------------------------------

template <class T>
std::vector<const T*> SpatialVae<T>::divergences() const {
    if (has_pose_prior()) return {kl_.data(), pose_kl_.data()};
    return {kl_.data()};
}

template <class T>
void SpatialVae<T>::add_log_ratio(T* ratio, int N) {
    Autoencoder<T>::add_log_ratio(ratio, N);
    if (has_pose_prior())
        check(gaussian_log_ratio<T>(ratio, drawn_.data(), pose_moments_.data(), pose_prior(), spread(), R_, N, V_,
                                    this->stream()));
}

template <class T>
void SpatialVae<T>::negative_log_likelihood(T* nll, const T* target, int N, int K) {
    check(bernoulli_from_probabilities<T>(nll, nullptr, output(), this->repeated(target, N, K), T(1), R_, N * K, D_,
                                          this->stream()));
}

template <class T>
void SpatialVae<T>::sample_prior(int N, const LatentNoise& noise) {
    Autoencoder<T>::sample_prior(N, noise);
    if (!has_pose_prior()) return;
    check(gaussian_prior_sample<T>(drawn_.data(), pose_prior(), pose_noise_of(noise), R_, N, V_, this->stream()));
    pose_from_drawn(N);
}

template class SpatialVae<float>;
template class SpatialVae<double>;

}  // namespace warpvae
