#include "host/evaluate/linear_fit.h"

#include <cmath>
#include <limits>
#include <string>

#include "data/error.h"

namespace warpvae {
namespace {

constexpr double kRidge = 1e-10;
/// Deviation over size below which a feature counts as constant: floats step by 6e-8, sums in double err by 1e-13.
constexpr double kConstant = 1e-10;

template <class Number>
void require_matrix(const std::vector<Number>& values, int columns, const char* what) {
    if (columns < 1 || values.empty() || values.size() % std::size_t(columns))
        throw Error(std::string("linear fit: ") + std::to_string(values.size()) + " " + what + "s are no rows of " +
                    std::to_string(columns));
    for (std::size_t i = 0; i < values.size(); ++i)
        if (!std::isfinite(values[i]))
            throw Error(std::string("linear fit: ") + what + " " + std::to_string(i % std::size_t(columns)) +
                        " of row " + std::to_string(i / std::size_t(columns)) + " is not a finite number");
}

template <class Number>
std::vector<double> column_means(const std::vector<Number>& rows, std::size_t columns) {
    std::vector<double> mean(columns, 0.);
    for (std::size_t i = 0; i < rows.size(); ++i) mean[i % columns] += double(rows[i]);
    for (double& m : mean) m /= double(rows.size() / columns);
    return mean;
}

/// The lower triangle of A [F, F] becomes L, A = L L^T.
void cholesky(std::vector<double>& A, std::size_t F) {
    for (std::size_t j = 0; j < F; ++j)
        for (std::size_t i = j; i < F; ++i) {
            double sum = A[i * F + j];
            for (std::size_t k = 0; k < j; ++k) sum -= A[i * F + k] * A[j * F + k];
            A[i * F + j] = i == j ? std::sqrt(sum) : sum / A[j * F + j];
        }
}
/// x := (L L^T)^-1 x.
void cholesky_solve(const std::vector<double>& L, std::size_t F, double* x) {
    for (std::size_t i = 0; i < F; ++i) {
        for (std::size_t k = 0; k < i; ++k) x[i] -= L[i * F + k] * x[k];
        x[i] /= L[i * F + i];
    }
    for (std::size_t i = F; i-- > 0;) {
        for (std::size_t k = i + 1; k < F; ++k) x[i] -= L[k * F + i] * x[k];
        x[i] /= L[i * F + i];
    }
}

}  // namespace

LinearFit fit_linear(const std::vector<float>& features, const std::vector<double>& targets, int features_per_row,
                     int targets_per_row) {
    require_matrix(features, features_per_row, "feature");
    require_matrix(targets, targets_per_row, "target");
    const std::size_t F = std::size_t(features_per_row), T = std::size_t(targets_per_row), n = features.size() / F;
    if (targets.size() / T != n)
        throw Error("linear fit: " + std::to_string(n) + " rows of features and " + std::to_string(targets.size() / T) +
                    " of targets");
    const std::vector<double> mean = column_means(features, F), target_mean = column_means(targets, T);
    std::vector<double> per_deviation(F, 0.);  // 0 for a constant feature, which so becomes a column of zeros
    for (std::size_t i = 0; i < features.size(); ++i) {
        const double off = double(features[i]) - mean[i % F];
        per_deviation[i % F] += off * off;
    }
    for (std::size_t f = 0; f < F; ++f) {
        const double deviation = std::sqrt(per_deviation[f] / double(n));
        per_deviation[f] = deviation > kConstant * std::abs(mean[f]) ? 1 / deviation : 0;
    }

    std::vector<double> C(F * F, 0.), c(T * F, 0.), row(F);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t f = 0; f < F; ++f) row[f] = (double(features[i * F + f]) - mean[f]) * per_deviation[f];
        for (std::size_t f = 0; f < F; ++f)
            for (std::size_t g = 0; g <= f; ++g) C[f * F + g] += row[f] * row[g];
        for (std::size_t t = 0; t < T; ++t) {
            const double off = targets[i * T + t] - target_mean[t];
            for (std::size_t f = 0; f < F; ++f) c[t * F + f] += row[f] * off;
        }
    }
    for (std::size_t f = 0; f < F; ++f) C[f * F + f] += kRidge * double(n);
    cholesky(C, F);

    LinearFit fit{features_per_row, targets_per_row, c, target_mean};
    for (std::size_t t = 0; t < T; ++t) {
        double* w = fit.weights.data() + t * F;
        cholesky_solve(C, F, w);
        for (std::size_t f = 0; f < F; ++f) {
            w[f] *= per_deviation[f];
            fit.intercepts[t] -= w[f] * mean[f];
        }
    }
    return fit;
}

std::vector<double> predict_linear(const LinearFit& fit, const std::vector<float>& features) {
    require_matrix(features, fit.features, "feature");
    const std::size_t F = std::size_t(fit.features), T = std::size_t(fit.targets), n = features.size() / F;
    std::vector<double> out(n * T);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t t = 0; t < T; ++t) {
            double y = fit.intercepts[t];
            for (std::size_t f = 0; f < F; ++f) y += fit.weights[t * F + f] * double(features[i * F + f]);
            out[i * T + t] = y;
        }
    return out;
}

std::vector<double> r_squared(const std::vector<double>& predicted, const std::vector<double>& targets, int T) {
    if (predicted.size() != targets.size()) throw Error("R^2: predictions and targets differ in number");
    require_matrix(targets, T, "target");
    const std::size_t columns = std::size_t(T);
    const std::vector<double> mean = column_means(targets, columns);
    std::vector<double> residual(columns, 0.), total(columns, 0.);
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const double off = targets[i] - mean[i % columns], miss = targets[i] - predicted[i];
        total[i % columns] += off * off;
        residual[i % columns] += miss * miss;
    }
    std::vector<double> out(columns);
    for (std::size_t t = 0; t < columns; ++t) {
        const double least = kConstant * std::abs(mean[t]);
        const bool varies = total[t] > least * least * double(targets.size() / columns);
        out[t] = varies ? 1 - residual[t] / total[t] : std::numeric_limits<double>::quiet_NaN();
    }
    return out;
}

}  // namespace warpvae
