// Multinomial logistic regression against scikit-learn (goldens/logistic_regression), against the optimality conditions
// in double, and against everything that a data set can have wrong.
#include "host/evaluate/logistic_regression.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "cuda/device/buffer.h"
#include "data/error.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::Random;

struct Data {
    std::size_t rows = 0;
    int features = 0;
    std::vector<float> x;
    std::vector<std::uint8_t> y;
};

/// Classes around random centres, `spread` apart.
Data clusters(std::uint64_t seed, std::size_t rows, int features, int classes, double spread) {
    Random random(seed);
    const auto centres = random.normals<double>(std::size_t(classes) * features, spread);
    Data data{rows, features, {}, {}};
    for (std::size_t i = 0; i < rows; ++i) {
        const int label = random.integer(0, classes - 1);
        data.y.push_back(static_cast<std::uint8_t>(label));
        for (int j = 0; j < features; ++j)
            data.x.push_back(static_cast<float>(centres[std::size_t(label) * features + j] + random.normal()));
    }
    return data;
}

/// Data sets of one shape on the device, as a batch.
struct DeviceData {
    explicit DeviceData(const std::vector<Data>& sets) : rows(sets[0].rows), features(sets[0].features) {
        std::vector<float> all;
        std::vector<const std::uint8_t*> table;
        for (const Data& set : sets) {
            all.insert(all.end(), set.x.begin(), set.x.end());
            labels.emplace_back(set.y);
            table.push_back(labels.back().data());
        }
        x = DeviceBuffer<float>(all);
        y = DeviceBuffer<const std::uint8_t*>(table);
    }
    std::size_t rows;
    int features;
    DeviceBuffer<float> x;
    std::vector<DeviceBuffer<std::uint8_t>> labels;
    DeviceBuffer<const std::uint8_t*> y;
};

LogisticRegressionFit fit(const std::vector<Data>& sets, const LogisticRegressionOptions& options) {
    const DeviceData data(sets);
    const Matmul matmul;
    return fit_logistic_regression(matmul, data.x.data(), data.y.data(), static_cast<int>(sets.size()), data.rows,
                                   data.features, options);
}
LogisticRegressionOptions classes(int K, double C = 1) {
    LogisticRegressionOptions options;
    options.classes = K, options.C = C;
    return options;
}

/// Largest component of the gradient of F at the fit, in double and as plainly as possible.
double gradient_size(const Data& data, const LogisticRegressionFit& model, double C, std::size_t problem = 0) {
    const auto K = std::size_t(model.classes), d = std::size_t(data.features), n = data.rows;
    const float* W = model.weights.data() + problem * K * d;
    const float* b = model.intercepts.data() + problem * K;
    std::vector<double> gradient(K * (d + 1), 0.);
    for (std::size_t i = 0; i < n; ++i) {
        std::vector<double> p(K);
        double largest = -INFINITY, total = 0;
        for (std::size_t k = 0; k < K; ++k) {
            p[k] = b[k];
            for (std::size_t j = 0; j < d; ++j) p[k] += double(W[k * d + j]) * double(data.x[i * d + j]);
            largest = std::max(largest, p[k]);
        }
        for (double& value : p) total += value = std::exp(value - largest);
        for (std::size_t k = 0; k < K; ++k) {
            const double error = (p[k] / total - (data.y[i] == k)) / double(n);
            for (std::size_t j = 0; j < d; ++j) gradient[k * (d + 1) + j] += error * double(data.x[i * d + j]);
            gradient[k * (d + 1) + d] += error;
        }
    }
    double size = 0;
    for (std::size_t k = 0; k < K; ++k)
        for (std::size_t j = 0; j <= d; ++j) {
            const double penalty = j < d ? double(W[k * d + j]) / (C * double(n)) : 0;
            size = std::max(size, std::abs(gradient[k * (d + 1) + j] + penalty));
        }
    return size;
}

void expect_finite(const std::vector<float>& values) {
    for (const float value : values) ASSERT_TRUE(std::isfinite(value));
}

class Golden : public ::testing::TestWithParam<const char*> {};
TEST_P(Golden, AgreesWithScikitLearn) {
    std::ifstream file(std::string(WARPVAE_GOLDENS "/logistic_regression/") + GetParam() + ".json");
    const auto golden = nlohmann::json::parse(file);
    const int K = golden["classes"], d = golden["features"];
    const auto read = [&](const char* x, const char* y) {
        Data data{golden[y].size(), d, golden[x].get<std::vector<float>>(), {}};
        for (const int label : golden[y]) data.y.push_back(static_cast<std::uint8_t>(label));
        return data;
    };
    const Data train = read("x", "y"), held_out = read("x_test", "y_test");
    const LogisticRegressionFit model = fit({train}, classes(K, golden["C"]));
    EXPECT_TRUE(model.certificates[0].converged);
    EXPECT_LT(model.certificates[0].gradient_norm, 1e-7);
    EXPECT_LT(model.certificates[0].iterations, 40);

    const auto compare = [](const std::vector<float>& ours, const std::vector<double>& theirs, const char* name) {
        double error = 0, size = 0;
        for (std::size_t i = 0; i < theirs.size(); ++i) {
            error += std::pow(double(ours[i]) - theirs[i], 2);
            size += theirs[i] * theirs[i];
        }
        std::printf("    %-20s relative error %.1e\n", name, std::sqrt(error / size));
        EXPECT_LT(std::sqrt(error / size), 1e-3) << name;
        // Each for itself, too, unless it is below a hundredth of their root mean square.
        test::expect_close(ours, theirs, test::Tolerance{1e-5 * std::sqrt(size / double(theirs.size())), 1e-3}, name);
    };
    compare(model.weights, golden["weights"], "weights");
    compare(model.intercepts, golden["intercepts"], "intercepts");

    const DeviceData data({held_out});
    const Matmul matmul;
    const auto accuracy = logistic_regression_accuracy(matmul, model, data.x.data(), data.y.data(), held_out.rows);
    EXPECT_NEAR(accuracy[0], golden["test_accuracy"], 0.0005);
}
INSTANTIATE_TEST_SUITE_P(ScikitLearn, Golden, ::testing::Values("three_classes", "ten_classes"));

TEST(LogisticRegression, CertificateIsTheGradient) {
    // Float products and weights rounded to float: both near 1e-7, on a gradient of sums of features of size 1.
    const Data data = clusters(3, 5000, 7, 4, 1.);  // a whole chunk and a tail
    const LogisticRegressionFit model = fit({data}, classes(4));
    EXPECT_TRUE(model.certificates[0].converged);
    EXPECT_LT(gradient_size(data, model, 1), 6e-7);
    LogisticRegressionOptions early = classes(4);
    early.max_iterations = 2;
    const LogisticRegressionFit stopped = fit({data}, early);
    EXPECT_FALSE(stopped.certificates[0].converged);
    EXPECT_EQ(stopped.certificates[0].iterations, 2);
    EXPECT_GT(stopped.certificates[0].gradient_norm, 1e-5);
    EXPECT_NEAR(gradient_size(data, stopped, 1), stopped.certificates[0].gradient_norm, 3e-7);
}

TEST(LogisticRegression, ExtremesOfCAreStillOptima) {
    const Data data = clusters(4, 600, 4, 3, 1.5);
    for (const double C : {1e-4, 1e-2, 1e2, 1e4}) {
        const LogisticRegressionFit model = fit({data}, classes(3, C));
        EXPECT_TRUE(model.certificates[0].converged) << C;
        EXPECT_LT(gradient_size(data, model, C), 6e-7) << C;
    }
}

TEST(LogisticRegression, SeparableDataHaveAFiniteOptimum) {
    Data data = clusters(5, 300, 3, 3, 0);
    for (std::size_t i = 0; i < data.rows; ++i) data.x[i * 3 + data.y[i]] += 20.f;
    const Matmul matmul;
    for (const double C : {1., 1e4}) {
        const LogisticRegressionFit model = fit({data}, classes(3, C));
        expect_finite(model.weights);
        EXPECT_TRUE(model.certificates[0].converged);
        EXPECT_LT(gradient_size(data, model, C), 1.2e-5);  // features of size 20
        const DeviceData device({data});
        EXPECT_EQ(logistic_regression_accuracy(matmul, model, device.x.data(), device.y.data(), data.rows)[0], 1.);
    }
}

TEST(LogisticRegression, OneFeatureUnequalScalesAndADeadFeature) {
    const Data one = clusters(6, 500, 1, 3, 2.);
    EXPECT_LT(gradient_size(one, fit({one}, classes(3)), 1), 6e-7);

    Data scaled = clusters(7, 800, 4, 3, 1.);
    for (std::size_t i = 0; i < scaled.rows; ++i) {
        scaled.x[i * 4] *= 1e-3f;
        scaled.x[i * 4 + 1] = scaled.x[i * 4 + 1] * 10.f + 30.f;
        scaled.x[i * 4 + 2] = 0;
    }
    const LogisticRegressionFit model = fit({scaled}, classes(3));
    EXPECT_TRUE(model.certificates[0].converged);
    EXPECT_LT(model.certificates[0].evaluations, 100);
    EXPECT_LT(gradient_size(scaled, model, 1), 3e-6);  // features of size 30
    for (int k = 0; k < 3; ++k) EXPECT_EQ(model.weights[std::size_t(k) * 4 + 2], 0.f);
}

TEST(LogisticRegression, AnAbsentClassIsLeftOut) {
    Data data = clusters(8, 400, 3, 3, 1.);
    const LogisticRegressionFit three = fit({data}, classes(3));
    for (auto& label : data.y) label = static_cast<std::uint8_t>(label == 2 ? 4 : label);  // 2 and 3 have no rows
    const LogisticRegressionFit five = fit({data}, classes(5));
    EXPECT_TRUE(five.certificates[0].converged);
    expect_finite(five.weights);
    const int moved[3] = {0, 1, 4};
    for (std::size_t k = 0; k < 3; ++k) {
        EXPECT_NEAR(five.intercepts[std::size_t(moved[k])], three.intercepts[k], 1e-4);
        for (std::size_t j = 0; j < 3; ++j)
            EXPECT_NEAR(five.weights[std::size_t(moved[k]) * 3 + j], three.weights[k * 3 + j], 1e-4);
    }
    for (const std::size_t k : {2, 3}) {
        EXPECT_EQ(five.intercepts[k], -std::numeric_limits<float>::infinity());
        for (std::size_t j = 0; j < 3; ++j) EXPECT_EQ(five.weights[k * 3 + j], 0.f);
    }
    DeviceBuffer<std::uint8_t> predicted(data.rows);
    const DeviceData device({data});
    const Matmul matmul;
    predict_logistic_regression(matmul, five, predicted.data(), device.x.data(), data.rows);
    for (const int label : predicted.download()) EXPECT_TRUE(label != 2 && label != 3);
}

TEST(LogisticRegression, SortedAndPeriodicRowsConverge) {
    Data data = clusters(9, 9001, 3, 5, 1.);  // more rows than the preconditioner's sample
    for (std::size_t i = 0; i < data.rows; ++i) data.y[i] = static_cast<std::uint8_t>(i % 5);
    const LogisticRegressionFit periodic = fit({data}, classes(5));
    for (std::size_t i = 0; i < data.rows; ++i) data.y[i] = static_cast<std::uint8_t>(i * 5 / data.rows);
    const LogisticRegressionFit sorted = fit({data}, classes(5));
    for (const auto* model : {&periodic, &sorted}) {
        EXPECT_TRUE(model->certificates[0].converged);
        EXPECT_LT(model->certificates[0].iterations, 25);
    }
}

TEST(LogisticRegression, AProblemDoesNotDependOnItsCompany) {
    // Easy and hard problems end after different numbers of rounds.
    const std::vector<Data> sets{clusters(10, 4500, 6, 4, 0.1), clusters(11, 4500, 6, 4, 3.),
                                 clusters(12, 4500, 6, 4, 1.)};
    const LogisticRegressionFit together = fit(sets, classes(4, 10));
    EXPECT_NE(together.certificates[0].evaluations, together.certificates[1].evaluations);
    for (std::size_t q = 0; q < sets.size(); ++q) {
        const LogisticRegressionFit alone = fit({sets[q]}, classes(4, 10));
        EXPECT_EQ(alone.certificates[0].evaluations, together.certificates[q].evaluations);
        if (device_is_gpu()) {
            test::expect_close(test::slice(together.weights, q * 24, 24), alone.weights, test::Tolerance{1e-4, 1e-3},
                               "weights");
        } else {
            test::expect_identical(test::slice(together.weights, q * 24, 24), alone.weights, "weights");
            test::expect_identical(test::slice(together.intercepts, q * 4, 4), alone.intercepts, "intercepts");
            EXPECT_EQ(alone.certificates[0].gradient_norm, together.certificates[q].gradient_norm);
        }
    }
}

TEST(LogisticRegression, OneLaunchAPassFindsTheOptimumOfTheProducts) {
    Data without = clusters(15, 1100, 6, 4, 1.);
    for (auto& label : without.y) label = static_cast<std::uint8_t>(label == 2 ? 3 : label);
    const std::vector<Data> sets{clusters(14, 1100, 6, 4, 1.), without};
    const LogisticRegressionFit by_products = fit(sets, classes(4));
    test::LaunchOptionsScope restore;
    launch_options().fused_dense = true;  // what a GPU does in any case
    const LogisticRegressionFit fused = fit(sets, classes(4));
    for (std::size_t q = 0; q < sets.size(); ++q) {
        EXPECT_TRUE(fused.certificates[q].converged);
        EXPECT_LT(gradient_size(sets[q], fused, 1, q), 6e-7);
        EXPECT_NEAR(fused.certificates[q].objective, by_products.certificates[q].objective, 1e-7);
    }
    test::expect_close(fused.weights, by_products.weights, test::Tolerance{1e-4, 1e-3}, "weights");
    const LogisticRegressionFit alone = fit({sets[1]}, classes(4));
    if (!device_is_gpu())
        test::expect_identical(test::slice(fused.weights, 24, 24), alone.weights, "weights of one alone");
}

/// The message that fitting these ends with; empty if it does not throw.
std::string error_of(const std::vector<Data>& sets, const LogisticRegressionOptions& options) {
    try {
        fit(sets, options);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(LogisticRegression, BadInputIsNamed) {
    const Data good = clusters(13, 50, 3, 3, 1.);
    for (const float value : {NAN, INFINITY, -INFINITY}) {
        Data bad = good;
        bad.x[17 * 3 + 2] = value;
        EXPECT_EQ(error_of({good, bad}, classes(3)),
                  "logistic regression: feature 2 of row 17 of problem 1 is not a finite number");
    }
    Data bad = good;
    bad.y[49] = 3;
    EXPECT_EQ(error_of({good, bad}, classes(3)),
              "logistic regression: 1 rows of problem 1 have the label 3, but labels must be below 3");
    bad.y.assign(50, 1);
    EXPECT_NE(error_of({bad}, classes(3)).find("all rows of problem 0 have the same label"), std::string::npos);
    bad = good;
    for (float& value : bad.x) value *= 1e38f;
    EXPECT_NE(error_of({bad}, classes(3)), "");
    for (const double C : {0., -1., double(NAN), double(INFINITY)})
        EXPECT_NE(error_of({good}, classes(3, C)).find("C must be positive"), std::string::npos);
    EXPECT_NE(error_of({good}, classes(1)).find("2 to 256 classes"), std::string::npos);
    EXPECT_NE(error_of({good}, classes(257)).find("2 to 256 classes"), std::string::npos);
    const Matmul matmul;
    EXPECT_THROW(fit_logistic_regression(matmul, nullptr, nullptr, 0, 10, 3), Error);
    EXPECT_THROW(fit_logistic_regression(matmul, nullptr, nullptr, 1, 0, 3), Error);
    EXPECT_THROW(fit_logistic_regression(matmul, nullptr, nullptr, 1, 10, 0), Error);
}

}  // namespace
}  // namespace warpvae
