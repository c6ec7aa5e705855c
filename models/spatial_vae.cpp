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
    likelihood_ =
        PixelLikelihood<T>(layout, c.likelihood, c.height * c.width, c.channels, BernoulliInput::kProbabilities);
    return layout;
}

template <class T>
SpatialVae<T>::SpatialVae(const SpatialVaeConfig& config, int R, int max_rows, const Matmul& matmul)
    : Autoencoder<T>(Model<T>::image_shape(config.height, config.width, config.channels), R, max_rows, matmul),
      config_(config),
      D_(this->image_size()),
      S_(config.pose_numbers()),
      V_(config.pose_latents()) {
    if (config.kind == SpatialKind::kDoubleTransformer && config.pose == PoseKind::kSpline &&
        config.second == SecondTransform::kInverse)
        throw std::invalid_argument(
            "a thin-plate spline has no closed inverse: a DT-VAE with splines needs an independent second one");
    parameters_ = ParameterArena<T>(make_layout(), R);
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
    if (config.noise.amount != 0) corrupted_ = DeviceBuffer<T>(rows * D_, "images with noise");
    trunk_.allocate(rows);
    decoder_.allocate(rows);
    moments_ = DeviceBuffer<T>(rows * 2 * Z, "moments");
    if (config.kind != SpatialKind::kDoubleTransformer)
        image_moments_ = DeviceBuffer<T>(std::size_t(R) * max_rows * 2 * Z, "moments");
    d_moments_ = DeviceBuffer<T>(rows * 2 * Z, "moment gradients");
    z_ = DeviceBuffer<T>(rows * Z, "latents");
    reconstruction_ = DeviceBuffer<T>(rows, "reconstruction");
    kl_ = DeviceBuffer<T>(rows, "divergence");
    divergence_ = DivergenceWeight<T>(R, Z);
    d_logits_ = DeviceBuffer<T>(rows * D_, "logit gradients");
    d_hidden_ = DeviceBuffer<T>(rows * heads_.in(), "hidden gradients");
    if (!this->has_pose()) {
        loss_parts_ = DeviceBuffer<float>(rows * row_sum_parts(D_), "parts of the reconstruction");
        tiles_arrived_ = DeviceBuffer<unsigned int>(R * row_sum_tiles(max_rows * config.samples), "tiles arrived");
        tiles_arrived_.zero();
        return;
    }
    if (config.kind == SpatialKind::kDoubleTransformer || config.separate_trunk) pose_trunk_.allocate(rows);
    if (config.kind == SpatialKind::kTransformer)
        image_pose_moments_ = DeviceBuffer<T>(std::size_t(R) * max_rows * pose_heads_.out(), "pose moments");
    basis_ = on_device(config.pose == PoseKind::kSpline
                           ? thin_plate_spline_basis(config.control_points, config.height, config.width)
                           : affine_basis(config.height, config.width));
    warp_ = ImageWarp<T>({config.channels, config.height, config.width, config.height, config.width}, rows);
    identity_ = on_device(config.identity());
    range_ = on_device(std::vector<double>(S_, config.limit_range));
    warped_ = DeviceBuffer<T>(rows * D_, "warped images");
    d_pixels_ = DeviceBuffer<T>(rows * D_, "pixel gradients");
    if (config.kind == SpatialKind::kDoubleTransformer) upright_ = DeviceBuffer<T>(rows * D_, "upright images");
    if (has_pose_prior()) {
        pose_moments_ = DeviceBuffer<T>(rows * pose_heads_.out(), "pose moments");
        d_pose_moments_ = DeviceBuffer<T>(rows * pose_heads_.out(), "pose moment gradients");
        pose_divergence_ = DivergenceWeight<T>(R, V_);
    }
    if (config.prior == PosePrior::kFull) {
        drawn_ = DeviceBuffer<T>(rows * V_, "drawn pose");
        d_drawn_ = DeviceBuffer<T>(rows * V_, "drawn pose gradients");
    }
    if (config.limit != RangeLimit::kNone) free_ = DeviceBuffer<T>(rows * S_, "pose before its limit");
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
std::vector<LossTerm<T>> SpatialVae<T>::training_terms() const {
    std::vector<LossTerm<T>> terms = loss_terms();
    if constexpr (std::is_same_v<T, float>)
        if (leaves_parts()) terms[0].rows = loss_parts_.data(), terms[0].parts = row_sum_parts(D_);
    return terms;
}

template <class T>
void SpatialVae<T>::schedule_divergence(const KlSchedule& schedule) {
    divergence_.follow(schedule);
    pose_divergence_.follow({schedule.warmup_steps, 0});
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
GaussianLatent<T> SpatialVae<T>::pose_latent() const {
    if (config_.prior == PosePrior::kFull) return z_latent();  // v ~ N(0, I)
    GaussianPrior<T> prior{nullptr, 0, parameters_.value(prior_deviation_), parameters_.stride()};
    if (config_.prior == PosePrior::kFitted)
        prior.mean = parameters_.value(prior_mean_), prior.mean_stride = parameters_.stride();
    // P1: the identity, one for all replicas; behind a range limit the identity is at 0.
    else if (config_.limit == RangeLimit::kNone)
        prior.mean = identity_.data();
    return {config_.spread, prior};
}

/// Where u lies before its range limit [R, N, S]: itself where there is none.
template <class T>
T* SpatialVae<T>::unlimited() {
    return config_.limit == RangeLimit::kNone ? u_.data() : free_.data();
}
/// Where what is drawn lies [R, N, V]: before its linear map in a full prior, else where the limit takes it.
template <class T>
T* SpatialVae<T>::drawn() {
    return config_.prior == PosePrior::kFull ? drawn_.data() : unlimited();
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
    if (has_pose_prior())
        pose_heads_.forward_to_gaussian(matmul_, parameters_, pose_moments_.data(), drawn(), pose_kl_.data(), features,
                                        pose_latent(), pose_noise_of(noise), M);
    else  // a delta at f(x)
        pose_heads_.forward(matmul_, parameters_, drawn(), features, Activation::kNone, M);
    pose_from_drawn(M);
}

/// u = limit(W v + b). W and b exist with a full prior, the limit where one is set.
template <class T>
void SpatialVae<T>::pose_from_drawn(int M) {
    if (config_.prior == PosePrior::kFull)
        pose_map_.forward<T>(matmul_, parameters_, unlimited(), drawn(), Activation::kNone, M);
    if (config_.limit != RangeLimit::kNone)
        check(range_limit<T>(u_.data(), free_.data(), identity_.data(), range_.data(),
                             config_.limit == RangeLimit::kTanh ? T(2) : T(1), std::size_t(R_) * M, S_,
                             this->stream()));
}

template <class T>
void SpatialVae<T>::encode_rows(const T* x, int M, const LatentNoise& noise) {
    const Range range("encoder.forward");
    const bool twice = config_.kind == SpatialKind::kDoubleTransformer;
    const T* seen = x;
    if (twice) {  // y = T_u(x)
        pose_trunk_.forward(matmul_, parameters_, this->first_read(x), R_, M);
        pose_forward(pose_trunk_.output(), M, noise);
        check(warp_.forward(upright_.data(), x, u_.data(), first_warp(), std::size_t(R_) * M, this->stream()));
        seen = upright_.data();
    }
    trunk_.forward(matmul_, parameters_, this->first_read(seen), R_, M);
    heads_.forward_to_gaussian<T>(matmul_, parameters_, moments_.data(), z_.data(), kl_.data(), trunk_.output(),
                                  z_latent(), noise, M);
    if (config_.kind == SpatialKind::kTransformer) {
        if (config_.separate_trunk) pose_trunk_.forward(matmul_, parameters_, x, R_, M);
        pose_forward(config_.separate_trunk ? pose_trunk_.output() : trunk_.output(), M, noise);
    }
}

/// A DT-VAE's z depends on the u drawn, so each of its draws has an encoder's pass of its own.
template <class T>
void SpatialVae<T>::encode_draws(int N, int K, const LatentNoise& noise) {
    if (K == 1 || config_.kind == SpatialKind::kDoubleTransformer) return Autoencoder<T>::encode_draws(N, K, noise);
    const Range range("encoder.forward");
    const T* x = input_.data();
    trunk_.forward(matmul_, parameters_, x, R_, N);
    heads_.forward_to_draws<T>(matmul_, parameters_, moments_.data(), z_.data(), kl_.data(), image_moments_.data(),
                               trunk_.output(), z_latent(), noise, N, K);
    if (!this->has_pose()) return;
    if (config_.separate_trunk) pose_trunk_.forward(matmul_, parameters_, x, R_, N);
    const T* features = config_.separate_trunk ? pose_trunk_.output() : trunk_.output();
    if (has_pose_prior()) {
        pose_heads_.forward_to_draws<T>(matmul_, parameters_, pose_moments_.data(), drawn(), pose_kl_.data(),
                                        image_pose_moments_.data(), features, pose_latent(), pose_noise_of(noise), N,
                                        K);
    } else {
        pose_heads_.forward<T>(matmul_, parameters_, image_pose_moments_.data(), features, Activation::kNone, N);
        check(repeat_rows<T>(drawn(), image_pose_moments_.data(), K, std::size_t(R_) * N, V_, this->stream()));
    }
    pose_from_drawn(N * K);
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
    check(warp_.forward(warped_.data(), decoder_.output(), u_.data() + pose().first, last_warp(), std::size_t(R_) * N,
                        this->stream()));
}

template <class T>
void SpatialVae<T>::decode(int N) {
    decode_reference(N);
    transform(N);
}

/// L draws of each image, and the noise of their rows.
static LatentNoise noise_of_draws(LatentNoise noise, int L) {
    noise.first_row *= L;
    return noise;
}

/// The loss terms of the batch, from those of each draw (eq. 8).
template <class T>
void SpatialVae<T>::average_draws(int N) {
    const int L = config_.samples;
    if (L == 1) return;
    const std::size_t rows = std::size_t(R_) * N;
    check(mean_rows<T>(mean_reconstruction_.data(), reconstruction_.data(), L, rows, this->stream()));
    check(mean_rows<T>(mean_kl_.data(), kl_.data(), L, rows, this->stream()));
    if (has_pose_prior()) check(mean_rows<T>(mean_pose_kl_.data(), pose_kl_.data(), L, rows, this->stream()));
}

template <class T>
void SpatialVae<T>::evaluate(int N, const LatentNoise& noise) {
    const int L = config_.samples;
    this->encode_draws(N, L, noise_of_draws(noise, L));
    decode_likelihood(reconstruction_.data(), input_.data(), N, L);
    average_draws(N);
}

// --- backward --------------------------------------------------------------------------------------------------------

/// From d u back to the features that u was made from, ReLUs. Returns their gradient, plus `more` where that is given.
template <class T>
const T* SpatialVae<T>::pose_backward(const T* features, KlWeight<T> kl_weight, int M, const T* more) {
    const std::size_t rows = std::size_t(R_) * M;
    if (config_.limit != RangeLimit::kNone)
        check(range_limit_backward<T>(d_u_.data(), d_u_.data(), free_.data(), range_.data(),
                                      config_.limit == RangeLimit::kTanh ? T(2) : T(1), rows, S_, this->stream()));
    const T* d_moments = has_pose_prior() ? d_pose_moments_.data() : d_u_.data();  // P0: the heads are u itself
    if (config_.prior == PosePrior::kFull) {
        pose_map_.backward_to_gaussian<T>(matmul_, parameters_, d_pose_moments_.data(), d_drawn_.data(), d_u_.data(),
                                          drawn(), pose_moments_.data(), pose_latent(), kl_weight, M);
    } else if (has_pose_prior()) {
        const GaussianPrior<T> prior = pose_latent().prior;
        check(gaussian_sample_backward<T>(d_pose_moments_.data(), d_u_.data(), drawn(), pose_moments_.data(), prior,
                                          config_.spread, kl_weight, R_, M, V_, this->stream()));
        check(gaussian_prior_backward<T>(
            config_.prior == PosePrior::kFitted ? parameters_.gradient(prior_mean_) : nullptr,
            parameters_.gradient(prior_deviation_), parameters_.stride(), pose_moments_.data(), prior, config_.spread,
            kl_weight, R_, M, V_, this->stream()));
    }
    pose_heads_.backward(matmul_, parameters_, d_pose_hidden_.data(), d_moments, features, Activation::kRelu, M, more);
    return d_pose_hidden_.data();
}

/// Row losses of the M images that z and u decode to, and their gradient on to the decoder's logits and to u. A
/// Bernoulli's is one launch with the warp of grey images, or with the decoder's last layer.
template <class T>
void SpatialVae<T>::decode_to_loss(const T* x, T weight, int M) {
    const std::size_t rows = std::size_t(R_) * M;
    const int offset = pose().first;
    if (offset) check(fill_bytes(d_u_.data(), 0, rows * S_ * sizeof(T), this->stream()));
    if (likelihood_.is_bernoulli() && !this->has_pose()) {
        const Range range("decoder.forward");
        decoder_.forward_sigmoid_to_bernoulli(matmul_, parameters_, z_.data(),
                                              leaves_parts() ? nullptr : reconstruction_.data(), d_logits_.data(), x,
                                              weight, {loss_parts_.data(), tiles_arrived_.data()}, R_, M);
        return;
    }
    decode_reference(M);
    const Range range("transform");
    if (likelihood_.is_bernoulli() && warp_.is_grey()) {
        check(warp_.sigmoid_bernoulli(
            {reconstruction_.data(), warped_.data(), d_pixels_.data(), d_logits_.data(), d_u_.data() + offset},
            decoder_.output(), u_.data() + offset, last_warp(), x, weight, rows, this->stream()));
        return;
    }
    transform(M);
    T* const d_output = this->has_pose() ? d_pixels_.data() : d_logits_.data();
    check(likelihood_.losses({reconstruction_.data(), d_output, true}, parameters_, output(), x, weight, {}, M,
                             this->stream()));
    if (this->has_pose())
        check(warp_.backward(d_logits_.data(), d_u_.data() + offset, false, d_output, decoder_.output(),
                             u_.data() + offset, last_warp(), rows, this->stream()));
    check(activation_backward<T>(d_logits_.data(), decoder_.output(), Activation::kSigmoid, rows * D_, this->stream()));
}

/// What the encoder is given of M images x that it trains on.
template <class T>
const T* SpatialVae<T>::corrupted(const T* x, int M, const LatentNoise& noise) {
    if (config_.noise.amount == 0) return x;
    check(degrade_minibatch<T>(corrupted_.data(), x, config_.noise, noise.seeds, noise.step, R_, M, config_.height,
                               config_.width, this->stream(), config_.channels));
    return corrupted_.data();
}

template <class T>
void SpatialVae<T>::gradients(int N, const LatentNoise& noise) {
    const int L = config_.samples, M = N * L;
    const std::size_t rows = std::size_t(R_) * M;
    const T weight = T(config_.loss_scale / M);  // the loss is the mean over the batch and its draws
    const T* clean = this->repeated(input_.data(), N, L);
    const T* x = corrupted(clean, M, noise);
    encode_rows(x, M, noise_of_draws(noise, L));
    const bool twice = config_.kind == SpatialKind::kDoubleTransformer;

    decode_to_loss(config_.noise_target == NoiseTarget::kClean ? clean : x, weight, M);
    average_draws(N);
    const KlWeight<T> kl_weight = divergence_.at(weight, noise.step, moments_.data(), z_latent(), M, this->stream());
    KlWeight<T> pose_kl_weight = weight;
    if (has_pose_prior())
        pose_kl_weight =
            pose_divergence_.at(weight, noise.step, pose_moments_.data(), pose_latent(), M, this->stream());
    {
        // From d logits back to z, and through z = mu + sigma epsilon and KL(q(z | x) || N(0, I)) (eq. 6).
        const Range range("decoder.backward");
        decoder_.backward_to_gaussian(matmul_, parameters_, d_moments_.data(), d_logits_.data(), z_.data(),
                                      moments_.data(), z_latent(), kl_weight, M);
    }
    const Range range("encoder.backward");
    heads_.backward(matmul_, parameters_, d_hidden_.data(), static_cast<const T*>(d_moments_.data()),
                    static_cast<const T*>(trunk_.output()), Activation::kRelu, M);
    const T* d_features = d_hidden_.data();
    if (config_.kind == SpatialKind::kTransformer && config_.separate_trunk) {
        const T* d_pose = pose_backward(pose_trunk_.output(), pose_kl_weight, M, nullptr);
        pose_trunk_.backward(matmul_, parameters_, d_pose, x, Activation::kNone, false, R_, M);
    } else if (config_.kind == SpatialKind::kTransformer) {
        d_features = pose_backward(trunk_.output(), pose_kl_weight, M, d_features);
    }
    const T* seen = twice ? upright_.data() : x;
    const T* d_upright = trunk_.backward(matmul_, parameters_, d_features, seen, Activation::kNone, twice, R_, M);
    if (!twice) return;
    // d u through y = T_u(x) joins d u through x' = T_u^-1(y').
    check(warp_.backward(nullptr, d_u_.data(), true, d_upright, x, u_.data(), first_warp(), rows, this->stream()));
    const T* d_pose = pose_backward(pose_trunk_.output(), pose_kl_weight, M, nullptr);
    pose_trunk_.backward(matmul_, parameters_, d_pose, x, Activation::kNone, false, R_, M);
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
        check(gaussian_log_ratio<T>(ratio, drawn(), pose_moments_.data(), pose_latent().prior, spread(), R_, N, V_,
                                    this->stream()));
}

template <class T>
void SpatialVae<T>::negative_log_likelihood(T* nll, const T* target, int N, int K) {
    const Range range("loss");
    check(likelihood_.losses({nll}, parameters_, output(), target, T(1), {nullptr, {N, K}}, N * K, this->stream()));
}
template <class T>
void SpatialVae<T>::decode_likelihood(T* nll, const T* target, int N, int K) {
    if (this->has_pose() || !likelihood_.is_bernoulli()) return Autoencoder<T>::decode_likelihood(nll, target, N, K);
    const Range range("decoder.forward");
    decoder_.bernoulli_nll(matmul_, parameters_, z_.data(), nll, {target, T(1), {N, K}},
                           {loss_parts_.data(), tiles_arrived_.data()}, R_, N * K);
}

template <class T>
void SpatialVae<T>::sample_prior(int N, const LatentNoise& noise) {
    Autoencoder<T>::sample_prior(N, noise);
    if (!has_pose_prior()) return;
    check(gaussian_prior_sample<T>(drawn(), pose_latent().prior, pose_noise_of(noise), R_, N, V_, this->stream()));
    pose_from_drawn(N);
}

template class SpatialVae<float>;
template class SpatialVae<double>;

}  // namespace warpvae
