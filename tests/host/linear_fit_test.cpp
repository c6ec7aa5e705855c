// Least squares against scikit-learn (goldens/linear_fit), closed forms, features that carry nothing, and bad input.
#include "host/evaluate/linear_fit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::Random;
using test::Tolerance;

TEST(LinearFit, AgreesWithScikitLearn) {
    std::ifstream file(WARPVAE_GOLDENS "/linear_fit/linear_fit.json");
    const auto golden = nlohmann::json::parse(file);
    const auto numbers = [&](const char* name) { return golden[name].get<std::vector<double>>(); };
    const auto x = golden["x"].get<std::vector<float>>(), other = golden["other"].get<std::vector<float>>();
    const int F = golden["features"], T = golden["targets"];
    const LinearFit fit = fit_linear(x, numbers("y"), F, T);
    // The ridge moves a weight by 1e-10 of itself over the smallest eigenvalue of the correlations, some 3e-3 here;
    // the intercept stands 250 away from feature 5.
    test::expect_close(fit.weights, numbers("weights"), Tolerance{1e-7, 0}, "weights");
    test::expect_close(fit.intercepts, numbers("intercepts"), Tolerance{2.5e-5, 0}, "intercepts");
    const std::vector<double> predicted = predict_linear(fit, other);
    test::expect_close(predicted, numbers("predicted"), Tolerance{1e-6, 0}, "predictions");
    test::expect_close(r_squared(predicted, numbers("other_y"), T), numbers("r2"), Tolerance{1e-7, 0}, "R^2");
}

TEST(LinearFit, ALineThroughThreePoints) {
    // y = x + 1 but for the last: slope and intercept of (0, 1), (1, 2), (2, 6) are 5/2 and 1/2.
    const LinearFit fit = fit_linear({0, 1, 2}, {1, 2, 6}, 1, 1);
    EXPECT_NEAR(fit.weights[0], 2.5, 1e-9);
    EXPECT_NEAR(fit.intercepts[0], 0.5, 1e-9);
    // Residuals 1/2, -1, 1/2 about a mean of 3: 1 - 1.5 / 14.
    EXPECT_NEAR(r_squared(predict_linear(fit, {0, 1, 2}), {1, 2, 6}, 1)[0], 1 - 1.5 / 14, 1e-9);
}

TEST(LinearFit, RecoversAnExactMapAmongFeaturesThatCarryNothing) {
    constexpr int kRows = 40, F = 40, T = 2;
    Random random(3);
    std::vector<float> x, more;
    std::vector<double> y, more_y;
    for (int i = 0; i < 2 * kRows; ++i) {
        std::vector<float> row = random.uniforms<float>(3, -1, 1);
        const double a = row[0], b = row[1], c = row[2];
        row.push_back(0.1f);        // constant
        row.push_back(0);           // constant at 0
        row.push_back(3 * row[0]);  // a copy, but for rounding
        row.push_back(row[0] - 8);  // another
        row.push_back(1e-20f * row[1]);
        row.resize(F, 1e6f);  // constants as large as they come
        auto& to = i < kRows ? x : more;
        to.insert(to.end(), row.begin(), row.end());
        auto& to_y = i < kRows ? y : more_y;
        to_y.push_back(2 * a - b + 0.5 * c + 7);
        to_y.push_back(1e3 * b);
    }
    const LinearFit fit = fit_linear(x, y, F, T);
    for (int t = 0; t < T; ++t)
        for (int f : {3, 4, 8, F - 1}) EXPECT_EQ(fit.weights[t * F + f], 0) << t << ", " << f;
    // Copies are told apart by a float's rounding only, which least squares may use: predictions hold what weights
    // need not.
    test::expect_close(predict_linear(fit, more), more_y, Tolerance{1e-4, 1e-6}, "held-out rows");
    for (double r2 : r_squared(predict_linear(fit, more), more_y, T)) EXPECT_NEAR(r2, 1, 1e-8);
}

TEST(LinearFit, RSquaredOfKnownPredictions) {
    const std::vector<double> y = {1, 2, 3, 4};
    EXPECT_EQ(r_squared(y, y, 1)[0], 1);
    EXPECT_EQ(r_squared({2.5, 2.5, 2.5, 2.5}, y, 1)[0], 0);
    EXPECT_EQ(r_squared({4, 3, 2, 1}, y, 1)[0], -3);
    // Two targets side by side; the second does not vary.
    const std::vector<double> two = r_squared({1, 5, 2, 6, 3, 7}, {1, 5, 2, 5, 4, 5}, 2);
    EXPECT_NEAR(two[0], 1 - 1 / (14.0 / 3), 1e-15);
    EXPECT_TRUE(std::isnan(two[1]));
    // Noise as strong as the signal leaves a half.
    Random random(5);
    std::vector<float> x;
    std::vector<double> noisy;
    constexpr int kRows = 40000;
    for (int i = 0; i < kRows; ++i) {
        x.push_back(float(random.normal()));
        noisy.push_back(x.back() + random.normal());
    }
    // Var(R^2) is some (0.7 / sqrt n)^2.
    EXPECT_NEAR(r_squared(predict_linear(fit_linear(x, noisy, 1, 1), x), noisy, 1)[0], 0.5, 4 * 0.7 / 200);
}

TEST(LinearFit, BadInputIsNamed) {
    const auto error = [](const std::vector<float>& x, const std::vector<double>& y, int F, int T) -> std::string {
        try {
            fit_linear(x, y, F, T);
        } catch (const Error& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_EQ(error({1}, {1}, 1, 1), "");  // one row: its target is the intercept
    EXPECT_EQ(error({1, 2, 3, NAN}, {1, 2}, 2, 1), "linear fit: feature 1 of row 1 is not a finite number");
    EXPECT_EQ(error({1, 2}, {1, INFINITY}, 1, 1), "linear fit: target 0 of row 1 is not a finite number");
    EXPECT_EQ(error({1, 2, 3}, {1, 2}, 2, 1), "linear fit: 3 features are no rows of 2");
    EXPECT_EQ(error({1, 2, 3}, {1, 2}, 1, 1), "linear fit: 3 rows of features and 2 of targets");
    EXPECT_EQ(error({}, {}, 1, 1), "linear fit: 0 features are no rows of 1");
    EXPECT_THROW(r_squared({1}, {1, 2}, 1), Error);
}

}  // namespace
}  // namespace warpvae
