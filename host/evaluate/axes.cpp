#include "host/evaluate/axes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "host/evaluate/features.h"
#include "host/evaluate/reconstruction.h"

namespace warpvae {
namespace {

constexpr float kStep = 0.02f;  // of a latent, whose prior has deviation 1

/// A square matrix, by rows.
struct Square {
    explicit Square(std::size_t side) : d(side), at(side * side, 0.) {}
    double* operator[](std::size_t row) { return at.data() + row * d; }
    const double* operator[](std::size_t row) const { return at.data() + row * d; }
    std::size_t d;
    std::vector<double> at;
};

Square product(const Square& a, const Square& b) {
    Square c(a.d);
    for (std::size_t i = 0; i < a.d; ++i)
        for (std::size_t k = 0; k < a.d; ++k)
            for (std::size_t j = 0; j < a.d; ++j) c[i][j] += a[i][k] * b[k][j];
    return c;
}
Square transposed(const Square& a) {
    Square t(a.d);
    for (std::size_t i = 0; i < a.d; ++i)
        for (std::size_t j = 0; j < a.d; ++j) t[j][i] = a[i][j];
    return t;
}

/// Uniform over rotations and reflections: the rows of a matrix of normal draws, each made orthogonal to those before.
Square random_rotation(std::size_t d, std::uint64_t seed, std::uint64_t number) {
    DeviceBuffer<double> draws(d * d, "random rotation");
    check(philox_normal<double>(draws.data(), d * d, seed, Purpose::kRotation, number, nullptr));
    Square Q(d);
    Q.at = draws.download();
    for (std::size_t i = 0; i < d; ++i) {
        for (std::size_t before = 0; before < i; ++before) {
            double along = 0;
            for (std::size_t j = 0; j < d; ++j) along += Q[i][j] * Q[before][j];
            for (std::size_t j = 0; j < d; ++j) Q[i][j] -= along * Q[before][j];
        }
        double squares = 0;
        for (std::size_t j = 0; j < d; ++j) squares += Q[i][j] * Q[i][j];
        for (std::size_t j = 0; j < d; ++j) Q[i][j] /= std::sqrt(squares);
    }
    return Q;
}

/// The eigenvectors of a symmetric matrix as rows.
Square eigenvectors(const Square& of) {
    const DeviceBuffer<double> matrix(of.at);
    DeviceBuffer<double> values(of.d), vectors(of.at.size(), "eigenvectors");
    check(symmetric_eigen(values.data(), vectors.data(), matrix.data(), int(of.d), nullptr));
    Square rows(of.d);
    rows.at = vectors.download();
    return rows;
}

/// The largest sum of one entry from each row and column of `gains`: the Hungarian method of Kuhn and Munkres, with a
/// shortest augmenting path for each row, O(d^3).
double largest_assignment(const Square& gains) {
    const std::size_t d = gains.d, none = d;
    std::vector<double> row_price(d, 0.), column_price(d + 1, 0.);
    std::vector<std::size_t> row_of(d + 1, none), came_from(d + 1);
    for (std::size_t row = 0; row < d; ++row) {
        std::vector<double> shortest(d, std::numeric_limits<double>::infinity());
        std::vector<bool> is_settled(d + 1, false);
        std::size_t column = d;  // a column that is not there, where the path begins
        row_of[d] = row;
        do {
            is_settled[column] = true;
            const std::size_t from = row_of[column];
            std::size_t next = none;
            for (std::size_t j = 0; j < d; ++j) {
                if (is_settled[j]) continue;
                const double length = -gains[from][j] - row_price[from] - column_price[j];
                if (length < shortest[j]) shortest[j] = length, came_from[j] = column;
                if (next == none || shortest[j] < shortest[next]) next = j;
            }
            const double step = shortest[next];
            for (std::size_t j = 0; j <= d; ++j) {
                if (is_settled[j])
                    row_price[row_of[j]] += step, column_price[j] -= step;
                else if (j < d)
                    shortest[j] -= step;
            }
            column = next;
        } while (row_of[column] != none);
        for (; column != d; column = came_from[column]) row_of[column] = row_of[came_from[column]];
    }
    double sum = 0;
    for (std::size_t j = 0; j < d; ++j) sum += gains[row_of[j]][j];
    return sum;
}

double distance_to_permutation(const Square& V) {
    Square sizes = V;
    for (double& entry : sizes.at) entry = std::abs(entry);
    return std::sqrt(std::max(0., 2 * (double(V.d) - largest_assignment(sizes))));
}

/// Mean over the first `rows` rows of their largest entry in size.
double largest_loading(const Square& directions, std::size_t rows) {
    double sum = 0;
    for (std::size_t i = 0; i < rows; ++i) {
        double largest = 0;
        for (std::size_t j = 0; j < directions.d; ++j) largest = std::max(largest, std::abs(directions[i][j]));
        sum += largest;
    }
    return sum / double(rows);
}

double mean_correlation(const Square& covariance) {
    double sum = 0;
    for (std::size_t i = 0; i < covariance.d; ++i)
        for (std::size_t j = 0; j < i; ++j)
            sum += std::abs(covariance[i][j]) / std::sqrt(covariance[i][i] * covariance[j][j]);
    return sum / (double(covariance.d) * double(covariance.d - 1) / 2);
}

/// Of the first `rows` directions, which lie in `axes` as far as they can.
double overlap_of(const Square& directions, std::size_t rows, const std::vector<std::size_t>& axes) {
    double squares = 0;
    for (std::size_t i = 0; i < rows; ++i)
        for (const std::size_t j : axes) squares += directions[i][j] * directions[i][j];
    return squares / double(std::min(rows, axes.size()));
}

Square part_of(const Square& all, const std::vector<std::size_t>& axes) {
    Square part(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i)
        for (std::size_t j = 0; j < axes.size(); ++j) part[i][j] = all[axes[i]][axes[j]];
    return part;
}

/// `of(number)` is the measure under the random rotation of that number.
AgainstRotations against_rotations(double value, double axes, const AxesOptions& options,
                                   const std::function<double(std::uint64_t)>& of) {
    AgainstRotations out{.value = value, .axes = axes, .random_mean = 0, .random_std = 0};
    std::vector<double> random;
    int as_near = 1;
    for (int i = 0; i < options.rotations; ++i) {
        random.push_back(of(std::uint64_t(i)));
        out.random_mean += random.back() / options.rotations;
        as_near += std::abs(random.back() - axes) <= std::abs(value - axes) + 1e-12;
    }
    for (const double r : random) out.random_std += (r - out.random_mean) * (r - out.random_mean);
    out.random_std = std::sqrt(out.random_std / std::max(1, options.rotations - 1));
    out.p = double(as_near) / (options.rotations + 1);
    return out;
}

}  // namespace

double distance_to_permutation(const std::vector<double>& V, int d) {
    Square matrix{std::size_t(d)};
    matrix.at = V;
    return distance_to_permutation(matrix);
}

std::vector<std::vector<double>> decoder_grams(Autoencoder<float>& model, const std::vector<float>& z, int r) {
    const Range range("decoder Jacobian");
    const std::size_t Z = std::size_t(model.latents()), D = std::size_t(model.image_size());
    std::vector<std::vector<double>> grams;
    for (std::size_t first = 0; first < z.size(); first += Z) {
        std::vector<float> moved;  // [Z, 2, Z]
        for (std::size_t j = 0; j < Z; ++j)
            for (const float way : {-kStep, kStep}) {
                moved.insert(moved.end(), z.begin() + std::ptrdiff_t(first), z.begin() + std::ptrdiff_t(first + Z));
                moved[moved.size() - Z + j] += way;
            }
        const std::vector<float> images = decode_latents(model, moved, r);
        std::vector<double> slopes(Z * D);  // J^T
        for (std::size_t j = 0; j < Z; ++j) {
            const double width = double(moved[(2 * j + 1) * Z + j]) - double(moved[2 * j * Z + j]);
            for (std::size_t i = 0; i < D; ++i)
                slopes[j * D + i] = (double(images[(2 * j + 1) * D + i]) - double(images[2 * j * D + i])) / width;
        }
        std::vector<double>& gram = grams.emplace_back(Z * Z, 0.);
        for (std::size_t a = 0; a < Z; ++a)
            for (std::size_t b = 0; b < Z; ++b)
                for (std::size_t i = 0; i < D; ++i) gram[a * Z + b] += slopes[a * D + i] * slopes[b * D + i];
    }
    return grams;
}

AxisMeasures measure_axes(const Pca& means, const std::vector<std::vector<double>>& grams, const AxesOptions& options) {
    const std::size_t Z = std::size_t(means.features);
    Square directions(Z), covariance(Z);
    directions.at = means.directions;
    std::size_t informative = 0;
    for (std::size_t k = 0; k < Z; ++k) {
        informative += means.variances[k] > kInformativeVariance;
        for (std::size_t i = 0; i < Z; ++i)
            for (std::size_t j = 0; j < Z; ++j)
                covariance[i][j] += means.variances[k] * directions[k][i] * directions[k][j];
    }
    std::vector<std::size_t> active;
    for (std::size_t j = 0; j < Z; ++j)
        if (covariance[j][j] > kInformativeVariance) active.push_back(j);
    AxisMeasures out{.active = int(active.size())};
    const std::size_t a = active.size();
    if (a < 2) return out;

    const auto rotation = [&](std::uint64_t number) { return random_rotation(a, options.seed, 2 * number); };
    out.loading = against_rotations(largest_loading(directions, informative), 1, options, [&](std::uint64_t number) {
        return largest_loading(rotation(number), std::min(informative, a));
    });
    const Square of_active = part_of(covariance, active);
    out.correlation = against_rotations(mean_correlation(of_active), 0, options, [&](std::uint64_t number) {
        const Square Q = rotation(number);
        return mean_correlation(product(product(Q, of_active), transposed(Q)));
    });
    out.overlap = against_rotations(overlap_of(directions, informative, active), 1, options, [&](std::uint64_t number) {
        return overlap_of(random_rotation(Z, options.seed, 2 * number + 1), informative, active);
    });
    std::vector<Square> V_transposed;
    for (const std::vector<double>& gram : grams) {
        Square all(Z);
        all.at = gram;
        V_transposed.push_back(eigenvectors(part_of(all, active)));
    }
    // Latents rotated by Q have J Q^T in place of J, and Q V in place of V, in every image.
    const auto distance = [&](const std::function<Square(const Square&)>& turned) {
        double sum = 0;
        for (const Square& V : V_transposed) sum += distance_to_permutation(turned(V));
        return sum / double(V_transposed.size());
    };
    if (grams.empty()) return out;
    out.jacobian =
        against_rotations(distance([](const Square& V) { return V; }), 0, options, [&](std::uint64_t number) {
            const Square Q = transposed(rotation(number));
            return distance([&](const Square& V) { return product(V, Q); });
        });
    return out;
}

}  // namespace warpvae
