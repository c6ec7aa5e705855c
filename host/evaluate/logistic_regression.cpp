#include "host/evaluate/logistic_regression.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "cuda/device/buffer.h"
#include "data/error.h"
#include "host/evaluate/rows.h"

namespace warpvae {

namespace {

constexpr std::size_t kChunk = RowChunks::kRows;
constexpr std::size_t kSample = 8192;  // rows that the Hessian's blocks are estimated from
constexpr std::size_t kSampleChunk = 1024;
constexpr std::size_t kCurvatureFloats = std::size_t{1} << 26;  // of the scaled rows of problems taken together
const std::string kName = "logistic regression: ";

class Solver {
  public:
    Solver(const Matmul& matmul, const float* features, const std::uint8_t* const* labels, int Q, std::size_t n, int d,
           const LogisticRegressionOptions& options)
        : matmul_(matmul),
          stream_(matmul.stream()),
          features_(features),
          labels_(labels),
          Q_(Q),
          n_(n),
          d_(d),
          options_(options),
          is_fused_(logistic_is_fused(options.classes, d)),
          lbfgs_(Q, std::size_t(options.classes) * (std::size_t(d) + 1), "logistic regression") {
        allocate();
        check_inputs();
    }

    LogisticRegressionFit run() {
        start();
        lbfgs_.minimise(
            stream_, [&](int round) { compute_direction(round); }, [&] { evaluate(); });
        return result();
    }

  private:
    void allocate() {
        const auto Q = std::size_t(Q_), K = std::size_t(options_.classes), d = std::size_t(d_), D = d + 1;
        samples_ = std::min(n_, kSample);
        inverse_ = DeviceBuffer<double>(Q * K * D * D, "logistic regression's preconditioner");
        weights_ = DeviceBuffer<float>(Q * K * d), bias_ = DeviceBuffer<float>(Q * K);
        counts_ = DeviceBuffer<unsigned>(Q * 256);

        sums_count_ = is_fused_ ? fused_logistic_chunks(n_) : chunks_.count;
        weight_sums_ = DeviceBuffer<float>(Q * sums_count_ * K * d),
        bias_sums_ = DeviceBuffer<float>(Q * sums_count_ * K);
        loss_sums_ = DeviceBuffer<double>(Q * sums_count_);
        if (!is_fused_) {
            logits_ = DeviceBuffer<float>(chunks_.rows() * K, "logits"), losses_ = DeviceBuffer<float>(chunks_.rows());
            ones_ = DeviceBuffer<float>(std::vector<float>(std::min(n_, kChunk), 1.f));
        }

        const std::size_t rows = std::min(samples_, kSampleChunk),
                          most = kCurvatureFloats / (K * std::max(rows, D) * D);
        at_once_ = device_is_gpu() ? int(std::clamp<std::size_t>(most, 1, Q)) : 1;
        const auto problems = std::size_t(at_once_);
        sample_ = DeviceBuffer<float>(problems * rows * d), sample_logits_ = DeviceBuffer<float>(problems * rows * K);
        scaled_ = DeviceBuffer<float>(problems * K * rows * D, "logistic regression's curvature"),
        gram_ = DeviceBuffer<float>(problems * K * D * D);
    }

    void check_inputs() {
        counts_.zero(stream_);
        check(label_counts(counts_.data(), labels_, Q_, n_, stream_));
        const std::vector<unsigned> counts = counts_.download(stream_);
        const int K = options_.classes;
        for (int q = 0; q < Q_; ++q) {
            const unsigned* count = counts.data() + 256 * q;
            for (int label = K; label < 256; ++label)
                if (count[label])
                    throw Error(kName + std::to_string(count[label]) + " rows of problem " + std::to_string(q) +
                                " have the label " + std::to_string(label) + ", but labels must be below " +
                                std::to_string(K));
            const auto present = K - std::count(count, count + K, 0u);
            if (present < 2)
                throw Error(kName + "all rows of problem " + std::to_string(q) +
                            " have the same label; it needs rows of two classes at least");
        }
        counts_of_ = counts;

        require_finite(kName, features_, Q_, n_, d_, "problem", stream_);
        if (!is_fused_) list_chunk_labels();
    }

    /// The chunks of a problem are a batch of their own: one label pointer for each.
    void list_chunk_labels() {
        std::vector<const std::uint8_t*> start(std::size_t(Q_), nullptr), table;
        check(copy_to_host(start.data(), labels_, start.size() * sizeof(start[0]), stream_));
        for (const std::uint8_t* label : start)
            for (std::size_t c = 0; c < chunks_.count; ++c) table.push_back(label + c * kChunk);
        chunk_labels_ = DeviceBuffer<const std::uint8_t*>(table);
    }

    /// theta = 0 becomes the current point.
    void start() {
        lbfgs_.reset(stream_);
        evaluate();
        lbfgs_.read_scalars(stream_);
        for (int q = 0; q < Q_; ++q) {
            const double size = lbfgs_.scalars[q].gradient_size;
            if (!std::isfinite(size))
                throw Error(kName + "the features of problem " + std::to_string(q) +
                            " are too large: sums over them overflow; scale them down");
            lbfgs_.start(q, {options_.gradient_tolerance * std::max(1., size), options_.coefficient_tolerance,
                             options_.max_iterations});
        }
    }

    /// F, its slope and its gradient at the trial points.
    void evaluate() {
        const int K = options_.classes;
        const LogisticSums sums{weight_sums_.data(), bias_sums_.data(), loss_sums_.data(), int(sums_count_)};
        if (is_fused_)
            check(fused_logistic_sums(sums, lbfgs_.trial.data(), {features_, labels_, n_, d_}, counts_.data(),
                                      lbfgs_.device_control.data(), Q_, K, stream_));
        else
            sum_by_products();
        check(logistic_objective(lbfgs_.state, lbfgs_.device_scalars.data(), sums, counts_.data(),
                                 lbfgs_.device_control.data(), 1 / (options_.C * double(n_)), n_, Q_, K, d_, stream_));
    }

    /// The sums by the library's products, where they are faster than a kernel of our own (on the CPU device) or that
    /// has no room.
    void sum_by_products() {
        check(logistic_parameters(weights_.data(), bias_.data(), lbfgs_.trial.data(), counts_.data(), Q_,
                                  options_.classes, d_, stream_));
        loss_sums_.zero(stream_);
        for (int q = 0; q < Q_; ++q)
            if (lbfgs_.any_active(q, 1))
                for (const RowChunks::Part& part : chunks_.parts) sum_over(q, part);
    }

    /// Classes first: logits^T = W x^T, then sums of (p - onehot)^T (x, 1), each chunk for itself.
    void sum_over(int q, const RowChunks::Part& part) {
        const int K = options_.classes, R = part.count, rows = part.rows;
        const auto chunk = std::size_t(q) * chunks_.count + part.first;
        const auto d = std::size_t(d_), logits_stride = std::size_t(K) * std::size_t(rows);
        const float* x = features_ + (std::size_t(q) * n_ + part.first * kChunk) * d;
        const float* W = weights_.data() + std::size_t(q) * K * d;
        check(warpvae::matmul(matmul_, logits_.data(), logits_stride, Op::kNone, W, 0, Op::kTranspose, x, kChunk * d, R,
                              K, rows, d_));
        check(softmax_cross_entropy<float>({losses_.data(), logits_.data()}, logits_.data(), bias_.data() + q * K, 0,
                                           {chunk_labels_.data() + chunk}, 1.f, ClassAxis::kFirst, R, rows, K,
                                           stream_));
        check(warpvae::matmul(matmul_, weight_sums_.data() + chunk * K * d, K * d, Op::kNone, logits_.data(),
                              logits_stride, Op::kNone, x, kChunk * d, R, K, d_, rows));
        check(warpvae::matmul(matmul_, bias_sums_.data() + chunk * K, K, Op::kNone, logits_.data(), logits_stride,
                              Op::kNone, ones_.data(), 0, R, K, 1, rows));
        check(accumulate_sum(loss_sums_.data() + chunk, 1, losses_.data(), R, rows, stream_));
    }

    /// The inverses of the Hessians' diagonal blocks at theta, of the problems that have not ended.
    void renew_preconditioners() {
        const int K = options_.classes, D = d_ + 1;
        check(logistic_parameters(weights_.data(), bias_.data(), lbfgs_.theta.data(), counts_.data(), Q_, K, d_,
                                  stream_));
        const auto is_due = [&](int q) { return lbfgs_.any_active(q, 1); };
        for_runs(Q_, is_due, [&](int begin, int problems) {
            for (int first = 0; first < problems; first += at_once_)
                estimate_hessians(begin + first, std::min(at_once_, problems - first));
            check(spd_inverse(inverse_.data() + std::size_t(begin) * K * D * D, problems * K, D, stream_));
        });
    }

    /// inverse_[q] = the K diagonal blocks of F's Hessian at theta, whose parameters are in weights_ and bias_, for
    /// `count` problems from `first` on. With the sum over classes held at 0, K' / (K' - 1) times a block, which
    /// logistic_curvature sees to, is right where all classes are alike.
    void estimate_hessians(int first, int count) {
        const int K = options_.classes, D = d_ + 1;
        const auto d = std::size_t(d_), q = std::size_t(first);
        const float* x = features_ + q * n_ * d;
        for (std::size_t row = 0; row < samples_; row += kSampleChunk) {
            const int rows = int(std::min(kSampleChunk, samples_ - row));
            const auto of_problem = std::size_t(rows) * d, stride = std::size_t(rows) * D;
            check(sample_rows(sample_.data(), x, row, samples_, rows, d_, n_, count, stream_));
            check(warpvae::matmul(matmul_, sample_logits_.data(), std::size_t(K) * rows, Op::kNone,
                                  weights_.data() + q * K * d, K * d, Op::kTranspose, sample_.data(), of_problem, count,
                                  K, rows, d_));
            check(logistic_curvature(scaled_.data(), sample_logits_.data(), bias_.data() + q * K, sample_.data(),
                                     counts_.data() + 256 * q, count, rows, K, d_, stream_));
            check(warpvae::matmul(matmul_, gram_.data(), std::size_t(D) * D, Op::kTranspose, scaled_.data(), stride,
                                  Op::kNone, scaled_.data(), stride, count * K, D, D, rows));
            check(accumulate_curvature(inverse_.data() + q * K * D * D, gram_.data(), 1 / double(samples_),
                                       1 / (options_.C * double(n_)), 1 / double(n_), row == 0,
                                       row + kSampleChunk >= samples_, count * K, D, stream_));
        }
    }

    void compute_direction(int round) {
        const int K = options_.classes, D = d_ + 1;
        if (lbfgs_.is_renewal_due(round)) renew_preconditioners();
        check(lbfgs_first_loop(lbfgs_.state, lbfgs_.device_control.data(), Q_, lbfgs_.P, stream_));
        check(warpvae::matmul(matmul_, lbfgs_.product.data(), D, Op::kNone, inverse_.data(), std::size_t(D) * D,
                              Op::kNone, lbfgs_.direction.data(), D, Q_ * K, D, 1, D));
        check(centre_classes(lbfgs_.product.data(), counts_.data(), Q_, K, D, stream_));
        check(lbfgs_second_loop(lbfgs_.state, lbfgs_.device_scalars.data(), lbfgs_.product.data(),
                                lbfgs_.device_control.data(), Q_, lbfgs_.P, stream_));
    }

    LogisticRegressionFit result() const {
        const auto K = std::size_t(options_.classes), d = std::size_t(d_);
        LogisticRegressionFit fit;
        fit.problems = Q_, fit.classes = options_.classes, fit.features = d_;
        for (int q = 0; q < Q_; ++q) fit.certificates.push_back(lbfgs_.certificate(q));
        const std::vector<double> theta = lbfgs_.theta.download(stream_);
        for (std::size_t row = 0; row < std::size_t(Q_) * K; ++row) {
            const double* values = theta.data() + row * (d + 1);
            fit.weights.insert(fit.weights.end(), values, values + d);
            const bool present = counts_of_[row / K * 256 + row % K] != 0;
            fit.intercepts.push_back(present ? float(values[d]) : -std::numeric_limits<float>::infinity());
        }
        return fit;
    }

    const Matmul& matmul_;
    const Stream stream_;
    const float* features_;
    const std::uint8_t* const* labels_;
    const int Q_;
    const std::size_t n_;
    const int d_;
    const LogisticRegressionOptions options_;
    const bool is_fused_;
    const RowChunks chunks_{n_};                // of the library's products
    std::size_t samples_ = 0, sums_count_ = 0;  // sums_count_: chunks that are summed apart
    LbfgsProblems lbfgs_;                       // theta is [Q, K, d + 1]

    std::vector<unsigned> counts_of_;  // rows of each class [Q, 256]
    int at_once_ = 1;                  // problems whose Hessians are estimated together; a core's cache takes one

    DeviceBuffer<double> inverse_;  // [Q, K, d + 1, d + 1]
    DeviceBuffer<unsigned> counts_;
    DeviceBuffer<float> weights_, bias_, logits_, losses_, weight_sums_, bias_sums_, ones_;
    DeviceBuffer<double> loss_sums_;
    DeviceBuffer<float> sample_, sample_logits_, scaled_, gram_;
    DeviceBuffer<const std::uint8_t*> chunk_labels_;
};

}  // namespace

LogisticRegressionFit fit_logistic_regression(const Matmul& matmul, const float* features,
                                              const std::uint8_t* const* labels, int Q, std::size_t n, int d,
                                              const LogisticRegressionOptions& options) {
    require_fit(kName, "problem", Q, n, d, options.C, options.classes);
    const Range range("logistic_regression.fit");
    return Solver(matmul, features, labels, Q, n, d, options).run();
}

void predict_logistic_regression(const Matmul& matmul, const LogisticRegressionFit& fit, std::uint8_t* predicted,
                                 const float* features, std::size_t m) {
    const int K = fit.classes, d = fit.features;
    const RowChunks chunks(m);
    const DeviceBuffer<float> weights(fit.weights), bias(fit.intercepts);
    DeviceBuffer<float> logits(chunks.rows() * std::size_t(K), "logits");
    for (int q = 0; q < fit.problems; ++q)
        for (const RowChunks::Part& part : chunks.parts) {
            const std::size_t row = std::size_t(q) * m + part.first * kChunk;
            check(warpvae::matmul(matmul, logits.data(), std::size_t(K) * part.rows, Op::kNone,
                                  weights.data() + std::size_t(q) * K * d, 0, Op::kTranspose, features + row * d,
                                  kChunk * std::size_t(d), part.count, K, part.rows, d));
            check(softmax_cross_entropy<float>({.predicted = predicted + row}, logits.data(), bias.data() + q * K, 0,
                                               {}, 1.f, ClassAxis::kFirst, part.count, part.rows, K, matmul.stream()));
        }
    check(stream_synchronize(matmul.stream()));  // the buffers end here
}

std::vector<double> logistic_regression_accuracy(const Matmul& matmul, const LogisticRegressionFit& fit,
                                                 const float* features, const std::uint8_t* const* labels,
                                                 std::size_t m) {
    if (m < 1) throw Error(kName + "there are no rows to measure an accuracy on");
    const auto Q = std::size_t(fit.problems);
    DeviceBuffer<std::uint8_t> predicted(Q * m, "predictions");
    DeviceBuffer<unsigned long long> correct(Q);
    correct.zero(matmul.stream());
    predict_logistic_regression(matmul, fit, predicted.data(), features, m);
    check(accumulate_correct(correct.data(), predicted.data(), labels, 0, fit.problems, int(m), matmul.stream()));
    std::vector<double> accuracy;
    for (const unsigned long long count : correct.download(matmul.stream()))
        accuracy.push_back(double(count) / double(m));
    return accuracy;
}

}  // namespace warpvae
