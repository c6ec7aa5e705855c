// Principal components against scikit-learn (goldens/pca), against directions that were planted, and bad input.
#include "host/evaluate/pca.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "data/error.h"
#include "tests/support/device_test.h"

namespace warpvae {
namespace {

using test::Random;

TEST(Pca, AgreesWithScikitLearn) {
    std::ifstream file(WARPVAE_GOLDENS "/pca/pca.json");
    const auto golden = nlohmann::json::parse(file);
    const int D = golden["features"], Z = golden["components"];
    const auto numbers = [&](const char* name) { return golden[name].get<std::vector<double>>(); };
    const DeviceBuffer<float> x(golden["x"].get<std::vector<float>>()),
        other(golden["other"].get<std::vector<float>>());
    const std::size_t n = x.size() / std::size_t(D), m = other.size() / std::size_t(D);
    const Matmul matmul;
    const Pca pca = fit_pca(matmul, x.data(), n, D, Z);
    test::expect_close(pca.mean, numbers("mean"), test::Tolerance{1e-13, 0}, "mean");
    test::expect_close(pca.variances, numbers("variances"), test::Tolerance{1e-12, 1e-12}, "variances");
    test::expect_close(pca.directions, numbers("directions"), test::Tolerance{1e-11, 0}, "directions");
    double sum = 0;
    for (const double variance : pca.variances) sum += variance;
    EXPECT_NEAR(sum / pca.total_variance, double(golden["ratio"]), 1e-12);
    // Float products of 6 numbers of size 10.
    const test::Tolerance tolerance{6 * 10 * 4 * test::kRounding<float>, 0};
    test::expect_close(project_pca(matmul, pca, other.data(), m).download(), numbers("projected"), tolerance,
                       "projected");
    test::expect_close(project_pca(matmul, pca, other.data(), m, PcaCentre::kOwn).download(),
                       numbers("projected_own_mean"), tolerance, "projected about its own mean");
    EXPECT_EQ(project_pca(matmul, pca, other.data(), 0).size(), 0u);
}

TEST(Pca, FindsPlantedDirectionsAndKeepsTheSign) {
    const std::size_t n = 5003;  // a whole chunk and a tail
    const int D = 5;
    Random random(1);
    std::vector<float> x;
    const double root = std::sqrt(0.5);
    for (std::size_t i = 0; i < n; ++i) {
        const double a = 6 * random.normal(), b = 2 * random.normal();
        for (const double value : {1000 + root * a, root * -a, b, 0.01 * random.normal(), 5.})  // the last is constant
            x.push_back(static_cast<float>(value));
    }
    const DeviceBuffer<float> rows(x);
    const Matmul matmul;
    const Pca pca = fit_pca(matmul, rows.data(), n, D, D);
    EXPECT_NEAR(pca.mean[0], 1000, 0.5);
    EXPECT_EQ(pca.mean[4], 5);
    EXPECT_NEAR(pca.variances[0], 36, 2);
    EXPECT_NEAR(pca.variances[1], 4, 0.3);
    EXPECT_NEAR(pca.variances[2], 1e-4, 1e-5);
    EXPECT_NEAR(pca.variances[4], 0, 1e-12);  // never negative
    EXPECT_GE(pca.variances[4], 0);
    EXPECT_NEAR(std::abs(pca.directions[0]), root, 0.02);
    EXPECT_NEAR(pca.directions[0] * pca.directions[1], -0.5, 0.02);
    EXPECT_NEAR(pca.directions[7], 1, 1e-3);
    for (int z = 0; z < D; ++z) {
        const double* row = pca.directions.data() + z * D;
        EXPECT_GT(*std::max_element(row, row + D, [](double a, double b) { return std::abs(a) < std::abs(b); }), 0);
    }
    // The projection of what was fitted has the variances, and is not correlated.
    const auto projected = project_pca(matmul, pca, rows.data(), n).download();
    for (int a = 0; a < 3; ++a)
        for (int b = 0; b <= a; ++b) {
            double sum = 0;
            for (std::size_t i = 0; i < n; ++i) sum += double(projected[i * D + a]) * double(projected[i * D + b]);
            const double size = std::sqrt(pca.variances[a] * pca.variances[b]);
            EXPECT_NEAR(sum / double(n - 1), a == b ? size : 0, 1e-4 * size) << a << ", " << b;
        }
}

TEST(Pca, BadInputIsNamed) {
    const Matmul matmul;
    std::vector<float> x(30, 1.f);
    x[17] = NAN;
    const auto error = [&](std::size_t n, int D, int Z) -> std::string {
        const DeviceBuffer<float> rows(x);
        try {
            fit_pca(matmul, rows.data(), n, D, Z);
        } catch (const Error& e) {
            return e.what();
        }
        return "";
    };
    EXPECT_EQ(error(10, 3, 2), "PCA: feature 2 of row 5 is not a finite number");
    x[17] = 1;
    EXPECT_EQ(error(10, 3, 2), "");  // all the same: variances of 0
    EXPECT_EQ(error(10, 3, 4), "PCA: 1 to 3 components are possible, not 4");
    EXPECT_EQ(error(10, 3, 0), "PCA: 1 to 3 components are possible, not 0");
    EXPECT_EQ(error(1, 3, 1), "PCA: needs two rows and one feature at least, not 1 and 3");
    EXPECT_EQ(error(10, 0, 1), "PCA: needs two rows and one feature at least, not 10 and 0");
}

}  // namespace
}  // namespace warpvae
