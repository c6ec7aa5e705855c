#include "host/evaluate/linear_svm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "cuda/device/buffer.h"
#include "data/error.h"
#include "host/evaluate/rows.h"

namespace warpvae {

namespace {

constexpr std::size_t kChunk = RowChunks::kRows;
constexpr std::size_t kSample = 16384;  // rows that a Hessian is made of, at most
/// Of the rows of Hessians that are computed together, on the CPU device: what stays in its caches.
constexpr std::size_t kCurvatureFloats = std::size_t{1} << 22;
const std::string kName = "linear SVM: ";

std::string rows_of_class(std::size_t count, int label) {
    return "class " + std::to_string(label) + " has " + std::to_string(count) + (count == 1 ? " row" : " rows");
}

/// Throws unless these are n labels below K.
void check_labels(const std::vector<std::uint8_t>& labels, std::size_t n, int K) {
    if (labels.size() != n)
        throw Error(kName + std::to_string(labels.size()) + " labels for " + std::to_string(n) + " rows");
    for (std::size_t i = 0; i < n; ++i)
        if (labels[i] >= K)
            throw Error(kName + "row " + std::to_string(i) + " has the label " + std::to_string(labels[i]) +
                        ", but labels must be below " + std::to_string(K));
}

/// scores [chunks, P, rows] of each part = W [P, d] x^T, x [n, d].
void compute_scores(const Matmul& matmul, float* scores, const float* W, const float* x, const RowChunks::Part& part,
                    int P, int d) {
    const std::size_t row = part.first * kChunk;
    check(warpvae::matmul(matmul, scores + row * P, std::size_t(P) * part.rows, Op::kNone, W, 0, Op::kTranspose,
                          x + row * d, kChunk * std::size_t(d), part.count, P, part.rows, d));
}

class Solver {
  public:
    Solver(const Matmul& matmul, const float* features, const std::vector<std::uint8_t>& labels,
           const std::vector<std::uint8_t>& folds, int F, int R, std::size_t n, int d, const LinearSvmOptions& options)
        : matmul_(matmul),
          stream_(matmul.stream()),
          features_(features),
          F_(F),
          R_(R),
          n_(n),
          d_(d),
          K_(options.classes),
          Q_(R * options.classes * F),
          options_(options),
          lbfgs_(Q_, std::size_t(d) + 1, "linear SVM"),
          labels_(labels),
          folds_(folds.empty() ? std::vector<std::uint8_t>(n) : folds) {
        const std::size_t d1 = std::size_t(d) + 1, rows = std::size_t(R) * K_, P = std::size_t(K_) * F;
        weights_ = DeviceBuffer<float>(R * P * d), bias_ = DeviceBuffer<float>(R * P);
        scores_ = DeviceBuffer<float>(P * n, "linear SVM's scores");
        weight_sums_ = DeviceBuffer<float>(R * chunks_.count * P * d);
        bias_sums_ = DeviceBuffer<double>(R * chunks_.count * P), loss_sums_ = DeviceBuffer<double>(bias_sums_.size());

        const std::size_t samples = std::min(n, kSample);
        inverse_ = DeviceBuffer<double>(rows * d1 * d1, "linear SVM's preconditioner");
        active_ = DeviceBuffer<unsigned>(rows * n, "linear SVM's active rows");
        active_counts_ = DeviceBuffer<unsigned>(rows);
        const std::size_t most = (device_is_gpu() ? 16 : 1) * kCurvatureFloats / (std::max(samples, d1) * d1);
        at_once_ = int(std::clamp<std::size_t>(most, 1, K_));
        sample_ = DeviceBuffer<float>(at_once_ * samples * d1, "linear SVM's curvature");
        gram_ = DeviceBuffer<float>(at_once_ * d1 * d1);
    }

    LinearSvmFit run() {
        lbfgs_.reset(stream_);
        evaluate({0, F_, F_});
        lbfgs_.read_scalars(stream_);
        for (int q = 0; q < Q_; ++q) {
            sizes_.push_back(lbfgs_.scalars[q].gradient_size);
            require_no_overflow(sizes_[q], q);
        }
        minimise({0, 1, F_});
        if (F_ > 1) {
            start_folds();
            minimise({1, F_ - 1, F_});
        }
        return result();
    }

  private:
    void require_no_overflow(double value, int q) const {
        if (!std::isfinite(value))
            throw Error(kName + "the features of replica " + std::to_string(q / (K_ * F_)) +
                        " are too large: sums over them overflow; scale them down");
    }

    /// From trial, whose scalars have been read, to the optima of these fits.
    void minimise(SvmFits fits) {
        certificates_.resize(std::size_t(Q_));
        const auto is_meant = [&](int q) { return q % F_ >= fits.first && q % F_ < fits.first + fits.count; };
        for (int q = 0; q < Q_; ++q) {
            lbfgs_.stop(q);
            if (is_meant(q))
                lbfgs_.start(q, {options_.gradient_tolerance * sizes_[q], options_.coefficient_tolerance,
                                 options_.max_iterations});
        }
        const auto direct = [&](int round) {
            if (fits.first == 0 ? lbfgs_.is_renewal_due(round) : round == 0) renew_preconditioners();
            compute_direction(fits);
        };
        lbfgs_.minimise(stream_, direct, [&] { evaluate(fits); });
        for (int q = 0; q < Q_; ++q)
            if (is_meant(q)) {
                require_no_overflow(lbfgs_.scalars[q].slope, q);
                certificates_[q] = lbfgs_.certificate(q);
            }
    }

    /// The folds' trial points become the fit on all rows.
    void start_folds() {
        const std::size_t P = lbfgs_.P;
        std::vector<double> theta = lbfgs_.theta.download(stream_);
        for (std::size_t q = 0; q < std::size_t(Q_); ++q)
            if (q % F_ != 0) std::copy_n(theta.begin() + (q - q % F_) * P, P, theta.begin() + q * P);
        lbfgs_.trial.upload(theta, stream_);
        for (int q = 0; q < Q_; ++q) lbfgs_.control[q].active = q % F_ != 0;
        lbfgs_.device_control.upload(lbfgs_.control, stream_);
        evaluate({1, F_ - 1, F_});
        lbfgs_.read_scalars(stream_);
    }

    /// The objectives, their slopes and their gradients at the trial points.
    void evaluate(SvmFits fits) {
        const int P = K_ * fits.count;
        const auto d = std::size_t(d_);
        check(svm_parameters(weights_.data(), bias_.data(), lbfgs_.trial.data(), fits, R_, K_, d_, stream_));
        for (int r = 0; r < R_; ++r) {
            if (!lbfgs_.any_active(r * K_ * F_, K_ * F_)) continue;
            const float* x = features_ + r * n_ * d;
            for (const RowChunks::Part& part : chunks_.parts) {
                const std::size_t row = part.first * kChunk, sums = (r * chunks_.count + part.first) * P;
                float* scores = scores_.data() + row * P;
                compute_scores(matmul_, scores_.data(), weights_.data() + std::size_t(r) * P * d, x, part, P, d_);
                check(squared_hinge(loss_sums_.data() + sums, bias_sums_.data() + sums, scores, bias_.data() + r * P,
                                    {labels_.data() + row, folds_.data() + row, part.count, part.rows}, fits, K_,
                                    stream_));
                check(warpvae::matmul(matmul_, weight_sums_.data() + sums * d, P * d, Op::kNone, scores,
                                      std::size_t(P) * part.rows, Op::kNone, x + row * d, kChunk * d, part.count, P, d_,
                                      part.rows));
            }
        }
        check(svm_objective(lbfgs_.state, lbfgs_.device_scalars.data(),
                            {weight_sums_.data(), bias_sums_.data(), loss_sums_.data(), int(chunks_.count)},
                            lbfgs_.device_control.data(), options_.C, fits, R_, K_, d_, stream_));
    }

    /// Inverses of the generalised Hessian of the fit on all rows, at theta, for the replicas' classes of which any fit
    /// has not ended.
    void renew_preconditioners() {
        const int D = d_ + 1, rows = R_ * K_;
        const auto is_due = [&](int rk) { return lbfgs_.any_active(rk * F_, F_); };
        check(svm_parameters(weights_.data(), bias_.data(), lbfgs_.theta.data(), {0, 1, F_}, R_, K_, d_, stream_));
        for (int r = 0; r < R_; ++r) {
            if (!lbfgs_.any_active(r * K_ * F_, K_ * F_)) continue;
            const float* x = features_ + r * n_ * std::size_t(d_);
            for (const RowChunks::Part& part : chunks_.parts)
                compute_scores(matmul_, scores_.data(), weights_.data() + std::size_t(r) * K_ * d_, x, part, K_, d_);
            check(svm_active_rows(active_.data() + std::size_t(r) * K_ * n_, active_counts_.data() + r * K_,
                                  scores_.data(), bias_.data() + r * K_, labels_.data(), K_, n_, kChunk, stream_));
        }
        const std::vector<unsigned> counts = active_counts_.download(stream_);
        for (int r = 0; r < R_; ++r)  // a replica's classes together: others change none of its bits
            for_runs(
                K_, [&](int k) { return is_due(r * K_ + k); },
                [&](int begin, int classes) {
                    for (int first = 0; first < classes; first += at_once_)
                        compute_hessians(r * K_ + begin + first, std::min(at_once_, classes - first), counts);
                });
        for_runs(rows, is_due, [&](int begin, int count) {
            check(spd_inverse(inverse_.data() + std::size_t(begin) * D * D, count, D, stream_));
        });
    }

    /// inverse_[r, k] = 1 + 2 C X_A^T X_A with the rows A of active_[r, k], `counts` of them, for `problems` of (r, k)
    /// from `first` on. Their samples of A are made equally long with zeros.
    void compute_hessians(int first, int problems, const std::vector<unsigned>& counts) {
        const int D = d_ + 1;
        const auto square = std::size_t(D) * D;
        const unsigned most = *std::max_element(counts.begin() + first, counts.begin() + first + problems);
        const std::size_t samples = std::clamp<std::size_t>(most, 1, kSample);
        check(svm_gather_rows(sample_.data(), features_, {active_.data(), active_counts_.data()},
                              {first, problems, int(samples)}, n_, K_, d_, stream_));
        for_row_chunks(samples, [&](std::size_t row, int count) {
            const float* from = sample_.data() + row * D;
            check(warpvae::matmul(matmul_, gram_.data(), square, Op::kTranspose, from, samples * D, Op::kNone, from,
                                  samples * D, problems, D, D, count));
            check(accumulate_curvature(inverse_.data() + first * square, gram_.data(), 2 * options_.C, 1., 1., row == 0,
                                       row + count == samples, problems, D, stream_));
        });
    }

    void compute_direction(SvmFits fits) {
        const int D = d_ + 1;
        const std::size_t P = std::size_t(D), first = fits.first * P;
        check(lbfgs_first_loop(lbfgs_.state, lbfgs_.device_control.data(), Q_, P, stream_));
        check(warpvae::matmul(matmul_, lbfgs_.product.data() + first, F_ * P, Op::kNone,
                              lbfgs_.direction.data() + first, F_ * P, Op::kNone, inverse_.data(), P * P, R_ * K_,
                              fits.count, D, D));
        check(lbfgs_second_loop(lbfgs_.state, lbfgs_.device_scalars.data(), lbfgs_.product.data(),
                                lbfgs_.device_control.data(), Q_, P, stream_));
    }

    LinearSvmFit result() const {
        const auto d = std::size_t(d_);
        LinearSvmFit fit{R_, K_, F_, d_, {}, {}, {}};
        const std::vector<double> theta = lbfgs_.theta.download(stream_);
        for (std::size_t q = 0; q < std::size_t(Q_); ++q) {
            const double* values = theta.data() + q * (d + 1);
            fit.weights.insert(fit.weights.end(), values, values + d);
            fit.intercepts.push_back(float(values[d]));
            fit.certificates.push_back(certificates_[q]);
            if (sizes_[q] > 0) fit.certificates[q].gradient_norm /= sizes_[q];
        }
        return fit;
    }

    const Matmul& matmul_;
    const Stream stream_;
    const float* features_;
    const int F_, R_;
    const std::size_t n_;
    const int d_, K_, Q_;
    const LinearSvmOptions options_;
    const RowChunks chunks_{n_};
    int at_once_ = 1;            // Hessians of a replica that are computed together
    LbfgsProblems lbfgs_;        // of problem (r, k, f), as all that follows
    std::vector<double> sizes_;  // of the gradients at 0
    std::vector<LbfgsCertificate> certificates_;

    DeviceBuffer<std::uint8_t> labels_, folds_;
    DeviceBuffer<float> weights_, bias_, scores_, weight_sums_;
    DeviceBuffer<double> bias_sums_, loss_sums_;
    DeviceBuffer<double> inverse_;  // [R, K, d + 1, d + 1]
    DeviceBuffer<unsigned> active_, active_counts_;
    DeviceBuffer<float> sample_, gram_;
};

/// How many rows of each fold the fit without them predicts right, [R, 256]; without folds the first numbers count all
/// rows by the fit on all.
std::vector<unsigned> count_correct(const Matmul& matmul, const LinearSvmFit& fit, const float* features,
                                    const std::vector<std::uint8_t>& labels, const std::vector<std::uint8_t>& folds) {
    const int K = fit.classes, d = fit.features, R = fit.replicas;
    const std::size_t m = labels.size();
    require_finite(kName, features, R, m, d, "replica", matmul.stream());
    const SvmFits fits = folds.empty() ? SvmFits{0, 1, fit.fits} : SvmFits{1, fit.fits - 1, fit.fits};
    const int P = K * fits.count;
    std::vector<float> kept, kept_bias;  // [R, K, fits.count, d]
    for (std::size_t q = 0; q < fit.intercepts.size(); ++q) {
        if ((q % fit.fits == 0) != folds.empty()) continue;
        kept.insert(kept.end(), fit.weights.begin() + q * d, fit.weights.begin() + (q + 1) * d);
        kept_bias.push_back(fit.intercepts[q]);
    }
    const DeviceBuffer<float> weights(kept), bias(kept_bias);
    const DeviceBuffer<std::uint8_t> device_labels(labels), device_folds(folds);
    DeviceBuffer<float> scores(m * std::size_t(P), "linear SVM's scores");
    DeviceBuffer<unsigned> correct(std::size_t(R) * 256);
    correct.zero(matmul.stream());
    const RowChunks chunks(m);
    for (int r = 0; r < R; ++r)
        for (const RowChunks::Part& part : chunks.parts) {
            const std::size_t row = part.first * kChunk;
            compute_scores(matmul, scores.data(), weights.data() + std::size_t(r) * P * d, features + r * m * d, part,
                           P, d);
            check(svm_correct(correct.data() + r * 256, scores.data() + row * P, bias.data() + r * P,
                              {device_labels.data() + row, folds.empty() ? nullptr : device_folds.data() + row,
                               part.count, part.rows},
                              fits, K, matmul.stream()));
        }
    return correct.download(matmul.stream());
}

/// Rows of each fold.
std::array<std::size_t, 256> fold_sizes(const std::vector<std::uint8_t>& folds) {
    std::array<std::size_t, 256> sizes{};
    for (const std::uint8_t fold : folds) ++sizes[fold];
    return sizes;
}

}  // namespace

LinearSvmFit fit_linear_svm(const Matmul& matmul, const float* features, const std::vector<std::uint8_t>& labels,
                            const std::vector<std::uint8_t>& folds, int R, std::size_t n, int d,
                            const LinearSvmOptions& options) {
    require_fit(kName, "replica", R, n, d, options.C, options.classes);
    check_labels(labels, n, options.classes);
    for (int k = 0; k < options.classes; ++k)
        if (std::find(labels.begin(), labels.end(), k) == labels.end()) throw Error(kName + rows_of_class(0, k));
    int F = 1;
    if (!folds.empty()) {
        if (folds.size() != n)
            throw Error(kName + std::to_string(folds.size()) + " fold numbers for " + std::to_string(n) + " rows");
        F += *std::max_element(folds.begin(), folds.end()) + 1;
        const auto sizes = fold_sizes(folds);
        if (F < 3) throw Error(kName + "needs two folds at least");
        for (int f = 0; f < F - 1; ++f)
            if (sizes[f] == 0) throw Error(kName + "fold " + std::to_string(f) + " has no rows");
    }
    require_finite(kName, features, R, n, d, "replica", matmul.stream());
    const Range range("linear_svm.fit");
    return Solver(matmul, features, labels, folds, F, R, n, d, options).run();
}

std::vector<double> linear_svm_accuracy(const Matmul& matmul, const LinearSvmFit& fit, const float* features,
                                        const std::vector<std::uint8_t>& labels) {
    if (labels.empty()) throw Error(kName + "there are no rows to measure an accuracy on");
    check_labels(labels, labels.size(), fit.classes);
    const auto correct = count_correct(matmul, fit, features, labels, {});
    std::vector<double> accuracy;
    for (int r = 0; r < fit.replicas; ++r) accuracy.push_back(correct[r * 256] / double(labels.size()));
    return accuracy;
}

std::vector<double> linear_svm_fold_accuracy(const Matmul& matmul, const LinearSvmFit& fit, const float* features,
                                             const std::vector<std::uint8_t>& labels,
                                             const std::vector<std::uint8_t>& folds) {
    check_labels(labels, folds.size(), fit.classes);
    const auto sizes = fold_sizes(folds);
    for (int f = 0; f < 256; ++f)
        if ((sizes[f] != 0) != (f < fit.fits - 1)) throw Error(kName + "these are not the folds of the fit");
    const auto correct = count_correct(matmul, fit, features, labels, folds);
    std::vector<double> accuracy;
    for (int r = 0; r < fit.replicas; ++r)
        for (int f = 0; f < fit.fits - 1; ++f) accuracy.push_back(correct[r * 256 + f] / double(sizes[f]));
    return accuracy;
}

// Sorted by class, in the order in which classes first appear, the rows are dealt out to the folds in turn; that says
// how many rows of a class a fold gets, and it takes the class' next ones as they come.
std::vector<std::uint8_t> stratified_folds(const std::vector<std::uint8_t>& labels, int folds) {
    if (folds < 2 || folds > 255) throw Error(kName + "needs 2 to 255 folds, not " + std::to_string(folds));
    std::array<std::size_t, 256> counts{};
    std::vector<std::uint8_t> order;
    for (const std::uint8_t label : labels)
        if (counts[label]++ == 0) order.push_back(label);
    std::array<std::vector<std::uint8_t>, 256> of_class;  // the folds that its rows go to
    std::size_t first = 0;
    for (const std::uint8_t label : order) {
        const std::size_t count = counts[label];
        if (count < std::size_t(folds))
            throw Error(kName + rows_of_class(count, label) + ", fewer than the " + std::to_string(folds) + " folds");
        for (int f = 0; f < folds; ++f)
            for (std::size_t place = first; place < first + count; ++place)
                if (place % folds == std::size_t(f)) of_class[label].push_back(std::uint8_t(f));
        first += count;
    }
    std::array<std::size_t, 256> used{};
    std::vector<std::uint8_t> result;
    for (const std::uint8_t label : labels) result.push_back(of_class[label][used[label]++]);
    return result;
}

std::vector<SvmScores> cross_validate_linear_svm(const Matmul& matmul, const float* train_features,
                                                 const std::vector<std::uint8_t>& train_labels,
                                                 const float* test_features,
                                                 const std::vector<std::uint8_t>& test_labels, int R, int d,
                                                 const LinearSvmOptions& options) {
    const auto folds = stratified_folds(train_labels, options.folds);
    const LinearSvmFit fit =
        fit_linear_svm(matmul, train_features, train_labels, folds, R, train_labels.size(), d, options);
    const auto of_folds = linear_svm_fold_accuracy(matmul, fit, train_features, train_labels, folds);
    const auto test = linear_svm_accuracy(matmul, fit, test_features, test_labels);
    std::vector<SvmScores> scores(static_cast<std::size_t>(R));
    const int F = options.folds;
    for (int r = 0; r < R; ++r) {
        SvmScores& s = scores[r];
        for (int f = 0; f < F; ++f) s.cv_mean += of_folds[r * F + f] / F;
        for (int f = 0; f < F; ++f) s.cv_std += std::pow(of_folds[r * F + f] - s.cv_mean, 2) / F;
        s.cv_std = std::sqrt(s.cv_std);
        s.test = test[r];
        const auto problems = std::size_t(fit.classes) * fit.fits;
        for (std::size_t p = r * problems; p < (r + 1) * problems; ++p) {
            s.converged = s.converged && fit.certificates[p].converged;
            s.gradient_norm = std::max(s.gradient_norm, fit.certificates[p].gradient_norm);
        }
    }
    return scores;
}

}  // namespace warpvae
