// Linear support vector machines against scikit-learn (goldens/linear_svm), against the optimality conditions in
// double, and against everything that a data set can have wrong.
#include "host/evaluate/linear_svm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
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

LinearSvmOptions classes(int K, double C = 1) {
    LinearSvmOptions options;
    options.classes = K, options.C = C;
    return options;
}
LinearSvmFit fit(const Data& data, const LinearSvmOptions& options, const std::vector<std::uint8_t>& folds = {}) {
    const Matmul matmul;
    const DeviceBuffer<float> x(data.x);
    return fit_linear_svm(matmul, x.data(), data.y, folds, 1, data.rows, data.features, options);
}

/// Largest component of the gradient of class k's objective without the rows of fold f - 1, relative to that at 0; in
/// double and as plainly as possible.
double gradient_size(const Data& data, const LinearSvmFit& model, double C, std::size_t k, std::size_t f = 0,
                     const std::vector<std::uint8_t>& folds = {}) {
    const auto d = std::size_t(data.features), q = k * std::size_t(model.fits) + f;
    std::vector<double> w(model.weights.begin() + q * d, model.weights.begin() + (q + 1) * d);
    w.push_back(model.intercepts[q]);
    std::vector<double> gradient(w), at_zero(d + 1);
    for (std::size_t i = 0; i < data.rows; ++i) {
        if (f > 0 && folds[i] == f - 1) continue;
        const auto x = [&](std::size_t j) { return j < d ? double(data.x[i * d + j]) : 1.; };
        const double y = data.y[i] == k ? 1 : -1;
        double score = 0;
        for (std::size_t j = 0; j <= d; ++j) score += w[j] * x(j);
        for (std::size_t j = 0; j <= d; ++j) {
            gradient[j] -= 2 * C * y * std::max(0., 1 - y * score) * x(j);
            at_zero[j] -= 2 * C * y * x(j);
        }
    }
    const auto largest = [](const std::vector<double>& v) {
        double size = 0;
        for (const double value : v) size = std::max(size, std::abs(value));
        return size;
    };
    return largest(gradient) / largest(at_zero);
}
/// Of all problems of a fit.
double largest_gradient(const Data& data, const LinearSvmFit& model, double C,
                        const std::vector<std::uint8_t>& folds = {}) {
    double size = 0;
    for (int k = 0; k < model.classes; ++k)
        for (int f = 0; f < model.fits; ++f)
            size = std::max(size, gradient_size(data, model, C, std::size_t(k), std::size_t(f), folds));
    return size;
}
void expect_converged(const LinearSvmFit& model, int iterations = 60) {
    for (const LbfgsCertificate& certificate : model.certificates) {
        EXPECT_TRUE(certificate.converged);
        EXPECT_LE(certificate.gradient_norm, 1e-6);
        EXPECT_LE(certificate.iterations, iterations);
    }
}

nlohmann::json read_golden(const std::string& name) {
    std::ifstream file(WARPVAE_GOLDENS "/linear_svm/" + name + ".json");
    return nlohmann::json::parse(file);
}
std::vector<std::uint8_t> bytes(const nlohmann::json& numbers) {
    std::vector<std::uint8_t> out;
    for (const int number : numbers) out.push_back(static_cast<std::uint8_t>(number));
    return out;
}

class Golden : public ::testing::TestWithParam<const char*> {};
TEST_P(Golden, AgreesWithScikitLearn) {
    const auto golden = read_golden(GetParam());
    const int K = golden["classes"], d = golden["features"], folds = golden["folds"];
    const auto read = [&](const char* x, const char* y) {
        return Data{golden[y].size(), d, golden[x].get<std::vector<float>>(), bytes(golden[y])};
    };
    const Data train = read("x", "y"), held_out = read("x_test", "y_test");
    LinearSvmOptions options = classes(K, golden["C"]);
    options.folds = folds;
    const auto fold_of = stratified_folds(train.y, folds);
    test::expect_identical(fold_of, bytes(golden["fold_of"]), "folds");
    const LinearSvmFit model = fit(train, options, fold_of);
    expect_converged(model);

    const auto compare = [](const std::vector<float>& ours, const std::vector<double>& theirs, const char* name) {
        double size = 0;
        for (const double value : theirs) size += value * value;
        test::expect_close(ours, theirs, test::Tolerance{1e-4 * std::sqrt(size / double(theirs.size())), 1e-4}, name);
    };
    const auto of_fit = [&](const std::vector<float>& all, std::size_t width, std::size_t f) {
        std::vector<float> out;
        for (std::size_t k = 0; k < std::size_t(K); ++k)
            for (std::size_t j = 0; j < width; ++j) out.push_back(all[(k * (std::size_t(folds) + 1) + f) * width + j]);
        return out;
    };
    compare(of_fit(model.weights, std::size_t(d), 0), golden["weights"], "weights");
    compare(of_fit(model.intercepts, 1, 0), golden["intercepts"], "intercepts");
    compare(of_fit(model.weights, std::size_t(d), 1), golden["first_fold_weights"], "weights without fold 0");

    const DeviceBuffer<float> x(train.x), x_test(held_out.x);
    const Matmul matmul;
    const auto by_fold = linear_svm_fold_accuracy(matmul, model, x.data(), train.y, fold_of);
    test::expect_close(by_fold, golden["fold_accuracy"].get<std::vector<double>>(), test::Tolerance{1e-12, 0},
                       "accuracy of the folds");
    const SvmScores scores =
        cross_validate_linear_svm(matmul, x.data(), train.y, x_test.data(), held_out.y, 1, d, options)[0];
    EXPECT_NEAR(scores.cv_mean, golden["cv_mean"], 1e-12);
    EXPECT_NEAR(scores.cv_std, golden["cv_std"], 1e-12);
    EXPECT_NEAR(scores.test, golden["test_accuracy"], 1e-12);
    EXPECT_TRUE(scores.converged);
}
INSTANTIATE_TEST_SUITE_P(ScikitLearn, Golden, ::testing::Values("three_classes", "ten_classes"));

TEST(StratifiedFolds, AreScikitLearns) {
    const auto golden = read_golden("folds");
    for (const auto& example : golden["cases"])
        test::expect_identical(stratified_folds(bytes(example["y"]), example["folds"]), bytes(example["fold_of"]),
                               "folds");
    EXPECT_TRUE(stratified_folds({}, 3).empty());
}

TEST(LinearSvm, CertificateIsTheGradient) {
    const Data data = clusters(3, 5000, 7, 4, 1.);  // a whole chunk and a tail
    const auto folds = stratified_folds(data.y, 3);
    const LinearSvmFit model = fit(data, classes(4), folds);
    expect_converged(model);
    EXPECT_LT(largest_gradient(data, model, 1, folds), 2e-6);
    LinearSvmOptions early = classes(4);
    early.max_iterations = 1;
    const LinearSvmFit stopped = fit(data, early, folds);
    for (std::size_t k = 0; k < 4; ++k) {
        const LbfgsCertificate& certificate = stopped.certificates[k * 4];
        EXPECT_FALSE(certificate.converged);
        EXPECT_EQ(certificate.iterations, 1);
        EXPECT_NEAR(gradient_size(data, stopped, 1, k), certificate.gradient_norm, 1e-6);
    }
}

TEST(LinearSvm, APlantedOptimumIsFound) {
    // Rows (1) of class 1 and (-1) of class 0, n of each: w (x, 1) = w x + b with b = 0 and n terms (1 - w)^2 twice:
    // w = 4 C n (1 - w), so w = 4 C n / (1 + 4 C n).
    for (const double C : {1e-3, 1., 1e3}) {
        Data data{20, 1, {}, {}};
        for (int i = 0; i < 20; ++i) data.x.push_back(i % 2 ? 1.f : -1.f), data.y.push_back(i % 2);
        const LinearSvmFit model = fit(data, classes(2, C));
        expect_converged(model);
        const double w = 40 * C / (1 + 40 * C);
        EXPECT_NEAR(model.weights[1], w, 2e-6);
        EXPECT_NEAR(model.weights[0], -w, 2e-6);
        EXPECT_NEAR(model.intercepts[1], 0, 2e-6);
        EXPECT_NEAR(model.certificates[1].objective, w * w / 2 + 20 * C * (1 - w) * (1 - w), 1e-5 * C);
    }
}

TEST(LinearSvm, ExtremesOfCAreStillOptima) {
    const Data data = clusters(4, 600, 4, 3, 1.5);
    for (const double C : {1e-6, 1e-2, 1e2, 1e5}) {
        const LinearSvmFit model = fit(data, classes(3, C));
        expect_converged(model);
        EXPECT_LT(largest_gradient(data, model, C), 2e-6) << C;
    }
}

TEST(LinearSvm, SeparableDataUnequalScalesAndADeadFeature) {
    Data separable = clusters(5, 300, 3, 3, 0);
    for (std::size_t i = 0; i < separable.rows; ++i) separable.x[i * 3 + separable.y[i]] += 20.f;
    const DeviceBuffer<float> x(separable.x);
    const Matmul matmul;
    const LinearSvmFit apart = fit(separable, classes(3));
    expect_converged(apart);
    EXPECT_LT(largest_gradient(separable, apart, 1), 2e-6);
    EXPECT_EQ(linear_svm_accuracy(matmul, apart, x.data(), separable.y)[0], 1.);

    Data scaled = clusters(7, 800, 4, 3, 1.);
    for (std::size_t i = 0; i < scaled.rows; ++i) {
        scaled.x[i * 4] *= 1e-3f;
        scaled.x[i * 4 + 1] = scaled.x[i * 4 + 1] * 10.f + 30.f;
        scaled.x[i * 4 + 2] = 0;
    }
    const LinearSvmFit model = fit(scaled, classes(3));
    expect_converged(model);
    EXPECT_LT(largest_gradient(scaled, model, 1), 2e-6);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(model.weights[k * 4 + 2], 0.f);
}

TEST(LinearSvm, MoreFeaturesThanRows) {
    const Data data = clusters(15, 40, 60, 2, 0.1);
    const LinearSvmFit model = fit(data, classes(2));
    expect_converged(model);
    EXPECT_LT(largest_gradient(data, model, 1), 2e-6);
}

TEST(LinearSvm, MoreActiveRowsThanTheHessiansSample) {
    Data data = clusters(9, 20000, 2, 3, 0.3);
    for (std::size_t i = 0; i < data.rows; ++i) data.y[i] = static_cast<std::uint8_t>(i % 3);  // periodic, and in vain
    const LinearSvmFit model = fit(data, classes(3));
    expect_converged(model, 40);
    for (std::size_t i = 0; i < data.rows; ++i) data.y[i] = static_cast<std::uint8_t>(i * 3 / data.rows);
    expect_converged(fit(data, classes(3)), 40);
}

TEST(LinearSvm, AReplicaDoesNotDependOnItsCompany) {
    const int K = 3, d = 5, R = 3;
    const std::size_t n = 4500, m = 300;
    const Data hard = clusters(10, n, d, K, 0.1), easy = clusters(11, n, d, K, 3.), middle = clusters(12, n, d, K, 1.);
    const std::vector<const Data*> sets{&hard, &easy, &middle};
    std::vector<float> all, all_test;
    for (const Data* set : sets) {
        all.insert(all.end(), set->x.begin(), set->x.end());
        all_test.insert(all_test.end(), set->x.begin(), set->x.begin() + m * d);
    }
    const std::vector<std::uint8_t>& y = easy.y;  // the labels of one fit all; to the others they are noise
    const std::vector<std::uint8_t> y_test(y.begin(), y.begin() + m);
    LinearSvmOptions options = classes(K);
    options.folds = 4;
    const auto folds = stratified_folds(y, options.folds);
    const Matmul matmul;
    const DeviceBuffer<float> x(all), x_test(all_test);
    const LinearSvmFit together = fit_linear_svm(matmul, x.data(), y, folds, R, n, d, options);
    const auto scores = cross_validate_linear_svm(matmul, x.data(), y, x_test.data(), y_test, R, d, options);
    const std::size_t problems = std::size_t(K) * 5;
    for (std::size_t r = 0; r < std::size_t(R); ++r) {
        const DeviceBuffer<float> own(sets[r]->x), own_test(test::slice(sets[r]->x, 0, m * d));
        const LinearSvmFit alone = fit_linear_svm(matmul, own.data(), y, folds, 1, n, d, options);
        const SvmScores score =
            cross_validate_linear_svm(matmul, own.data(), y, own_test.data(), y_test, 1, d, options)[0];
        const auto weights = test::slice(together.weights, r * problems * d, problems * d);
        if (device_is_gpu()) {
            test::expect_close(weights, alone.weights, test::Tolerance{1e-4, 1e-3}, "weights");
            continue;
        }
        test::expect_identical(weights, alone.weights, "weights");
        test::expect_identical(test::slice(together.intercepts, r * problems, problems), alone.intercepts,
                               "intercepts");
        for (std::size_t p = 0; p < problems; ++p) {
            EXPECT_EQ(alone.certificates[p].evaluations, together.certificates[r * problems + p].evaluations);
            EXPECT_EQ(alone.certificates[p].gradient_norm, together.certificates[r * problems + p].gradient_norm);
        }
        EXPECT_EQ(score.cv_mean, scores[r].cv_mean);
        EXPECT_EQ(score.cv_std, scores[r].cv_std);
        EXPECT_EQ(score.test, scores[r].test);
    }
    EXPECT_GT(scores[1].test, scores[0].test + 0.3);
}

/// The message that these end with; empty if nothing is thrown.
template <class Call>
std::string error_of(Call call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(LinearSvm, BadInputIsNamed) {
    const Data good = clusters(13, 50, 3, 3, 1.);
    const Matmul matmul;
    const auto fit_error = [](const Data& data, const LinearSvmOptions& options,
                              const std::vector<std::uint8_t>& folds = {}) {
        return error_of([&] { fit(data, options, folds); });
    };
    for (const float value : {NAN, INFINITY, -INFINITY}) {
        Data bad = good;
        bad.x[17 * 3 + 2] = value;
        EXPECT_EQ(fit_error(bad, classes(3)), "linear SVM: feature 2 of row 17 of replica 0 is not a finite number");
        const DeviceBuffer<float> x(bad.x);
        const LinearSvmFit model = fit(good, classes(3));
        EXPECT_EQ(error_of([&] { linear_svm_accuracy(matmul, model, x.data(), good.y); }),
                  "linear SVM: feature 2 of row 17 of replica 0 is not a finite number");
    }
    Data bad = good;
    bad.y[49] = 3;
    EXPECT_EQ(fit_error(bad, classes(3)), "linear SVM: row 49 has the label 3, but labels must be below 3");
    bad.y.pop_back();
    EXPECT_EQ(fit_error(bad, classes(3)), "linear SVM: 49 labels for 50 rows");
    EXPECT_EQ(fit_error(good, classes(4)), "linear SVM: class 3 has 0 rows");
    bad = good;
    for (float& value : bad.x) value *= 1e37f;
    EXPECT_NE(fit_error(bad, classes(3)).find("too large"), std::string::npos);
    for (const double C : {0., -1., double(NAN), double(INFINITY)})
        EXPECT_NE(fit_error(good, classes(3, C)).find("C must be positive"), std::string::npos);
    EXPECT_NE(fit_error(good, classes(1)).find("2 to 256 classes"), std::string::npos);
    EXPECT_NE(fit_error(good, classes(257)).find("2 to 256 classes"), std::string::npos);
    EXPECT_EQ(fit_error(good, classes(3), {0, 1}), "linear SVM: 2 fold numbers for 50 rows");
    EXPECT_EQ(fit_error(good, classes(3), std::vector<std::uint8_t>(50, 0)), "linear SVM: needs two folds at least");
    EXPECT_EQ(fit_error(good, classes(3), std::vector<std::uint8_t>(50, 1)), "linear SVM: fold 0 has no rows");
    EXPECT_NE(error_of([&] { fit_linear_svm(matmul, nullptr, {}, {}, 1, 0, 3); }), "");
    EXPECT_NE(error_of([&] { fit_linear_svm(matmul, nullptr, {}, {}, 0, 1, 3); }), "");
    EXPECT_NE(error_of([&] { fit_linear_svm(matmul, nullptr, {}, {}, 1, 1, 0); }), "");

    EXPECT_EQ(error_of([] {
                  stratified_folds({0, 0, 1, 0, 0}, 2);
              }),
              "linear SVM: class 1 has 1 row, fewer than the 2 folds");
    EXPECT_EQ(error_of([] { stratified_folds({0, 0}, 1); }), "linear SVM: needs 2 to 255 folds, not 1");
    EXPECT_EQ(error_of([] { stratified_folds({0, 0}, 256); }), "linear SVM: needs 2 to 255 folds, not 256");
    const DeviceBuffer<float> x(good.x);
    LinearSvmOptions options = classes(3);
    options.folds = 30;
    EXPECT_NE(error_of([&] {
                  cross_validate_linear_svm(matmul, x.data(), good.y, x.data(), good.y, 1, 3, options);
              }).find("fewer than the 30 folds"),
              std::string::npos);
    options.folds = 3;
    EXPECT_EQ(error_of([&] { cross_validate_linear_svm(matmul, x.data(), good.y, x.data(), {}, 1, 3, options); }),
              "linear SVM: there are no rows to measure an accuracy on");
    EXPECT_EQ(error_of([&] {
                  linear_svm_fold_accuracy(matmul, fit(good, classes(3)), x.data(), good.y,
                                           stratified_folds(good.y, 3));
              }),
              "linear SVM: these are not the folds of the fit");
}

}  // namespace
}  // namespace warpvae
