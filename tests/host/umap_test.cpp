// Nearest neighbours, UMAP and trustworthiness against umap-learn and scikit-learn (goldens/umap), against plain
// searches, and bad input.
#include "host/evaluate/umap.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/error.h"
#include "data/npy.h"
#include "tests/support/device_test.h"
#include "tests/support/temporary_folder.h"

namespace warpvae {
namespace {

using test::Random;
using test::Tolerance;

struct Golden {
    Golden() {
        std::ifstream file(WARPVAE_GOLDENS "/umap/umap.json");
        json = nlohmann::json::parse(file);
        D = json["features"];
        for (const int hundredths : json["x"]) values.push_back(float(hundredths / 100.));
        x = DeviceBuffer<float>(values);
        n = values.size() / std::size_t(D);
    }
    template <class T>
    std::vector<T> read(const char* name) const {
        return json[name].get<std::vector<T>>();
    }
    nlohmann::json json;
    int D;
    std::size_t n;
    std::vector<float> values;
    DeviceBuffer<float> x;
};

// --- nearest neighbours ----------------------------------------------------------------------------------------------

TEST(NearestNeighbours, AgreeWithTheGolden) {
    const Golden golden;
    const Matmul matmul;
    const Neighbours found = nearest_neighbours(matmul, golden.x.data(), golden.n, golden.D, 14);
    const auto indices = found.indices.download();
    const auto distances = found.distances.download();
    std::vector<int> some;
    std::vector<float> some_distances;
    for (const int i : golden.read<int>("some"))
        for (int m = 0; m < 14; ++m)
            some.push_back(indices[i * 14 + m]), some_distances.push_back(distances[i * 14 + m]);
    EXPECT_EQ(some, golden.read<int>("indices"));
    // Rounded to float there too, and printed with 8 digits.
    test::expect_close(some_distances, golden.read<double>("distances"), Tolerance{0, 2.5 * test::kRounding<float>},
                       "distances");
}

/// The k nearest others of each row by plain search in double.
void expect_nearest(const std::vector<float>& x, int D, int k, std::size_t products) {
    const std::size_t n = x.size() / std::size_t(D);
    const DeviceBuffer<float> rows(x);
    const Matmul matmul;
    const Neighbours found = nearest_neighbours(matmul, rows.data(), n, D, k, products);
    const auto indices = found.indices.download();
    const auto distances = found.distances.download();
    for (std::size_t i = 0; i < n; ++i) {
        std::vector<std::pair<double, int>> all;
        for (std::size_t j = 0; j < n; ++j) {
            double sum = 0;
            for (int d = 0; d < D; ++d) sum += std::pow(double(x[i * D + d]) - double(x[j * D + d]), 2);
            if (j != i) all.emplace_back(sum, int(j));
        }
        std::sort(all.begin(), all.end());
        for (int m = 0; m < k; ++m) {
            ASSERT_EQ(indices[i * k + m], all[m].second) << "neighbour " << m << " of row " << i;
            ASSERT_EQ(distances[i * k + m], float(std::sqrt(all[m].first)));
        }
    }
}

TEST(NearestNeighbours, InGroupsOfAnySize) {
    Random random(1);
    const auto x = random.normals<float>(131 * 3);
    for (const std::size_t products : {1, 300, 1 << 20}) expect_nearest(x, 3, 5, products);
    expect_nearest(x, 3, 130, 1000);
    expect_nearest(random.normals<float>(2), 1, 1, 1);
}

TEST(NearestNeighbours, FarFromTheOriginAndWithEqualDistances) {
    Random random(2);
    auto x = random.integers<float>(211 * 5, 0, 3);  // on a grid: many equal
    for (float& value : x) value += 1e5f;
    expect_nearest(x, 5, 7, 5000);
    auto y = random.normals<float>(97 * 2, 0.01);  // differences far below the rounding of |y|^2
    for (float& value : y) value += 500;
    expect_nearest(y, 2, 7, 5000);
}

// --- curve and graph -------------------------------------------------------------------------------------------------

TEST(Umap, CurveAsUmapLearn) {
    const Golden file;
    for (const auto& golden : file.json.at("curves")) {
        if (golden[0] != 0.1 || golden[1] != 1) continue;
        EXPECT_NEAR(kUmapCurve.a, golden[2], 1e-5);
        EXPECT_NEAR(kUmapCurve.b, golden[3], 1e-5);
    }
}

TEST(Umap, GraphAsUmapLearn) {
    const Golden golden;
    const Matmul matmul;
    const FuzzyGraph graph =
        fuzzy_graph(nearest_neighbours(matmul, golden.x.data(), golden.n, golden.D, 14), 0, matmul.stream());
    const auto offsets = graph.offsets.download();
    const auto neighbours = graph.neighbours.download();
    const auto weights = graph.weights.download();
    test::expect_close(graph.rho.download(), golden.read<double>("rho"), Tolerance{0, 1e-6}, "rho");
    test::expect_close(graph.sigma.download(), golden.read<double>("sigma"), Tolerance{0, 1e-5}, "sigma");
    EXPECT_EQ(offsets.back(), golden.json["edges"].get<unsigned>());
    double sum = 0;
    for (unsigned e = 0; e < offsets.back(); ++e) sum += double(weights[e]);
    EXPECT_NEAR(sum, golden.json["weights_sum"], 1e-5 * sum);
    const auto some = golden.read<int>("some");
    for (std::size_t s = 0; s < some.size(); ++s) {
        const std::size_t first = offsets[some[s]], count = offsets[some[s] + 1] - first;
        EXPECT_EQ(test::slice(neighbours, first, count), golden.json["some_neighbours"][s].get<std::vector<int>>());
        test::expect_close(test::slice(weights, first, count),
                           golden.json["some_weights"][s].get<std::vector<double>>(), Tolerance{1e-5, 0}, "weights");
    }
}

// --- trustworthiness -------------------------------------------------------------------------------------------------

TEST(Trustworthiness, AsScikitLearn) {
    const Golden golden;
    const Matmul matmul;
    const DeviceBuffer<float> embedding(golden.read<float>("embedding"));
    EXPECT_NEAR(trustworthiness(matmul, golden.x.data(), golden.n, golden.D, embedding.data(), 2),
                golden.json["embedding_trustworthiness"], 1e-6);
    EXPECT_EQ(trustworthiness(matmul, golden.x.data(), golden.n, golden.D, golden.x.data(), golden.D), 1);
    // Positions that have nothing to do with the rows: 1 - 2 (n - k)^2 k / 2 / (k n (2n - 3k - 1)) = 1/2 and a little.
    const DeviceBuffer<float> noise(Random(3).normals<float>(golden.n * 2));
    EXPECT_NEAR(trustworthiness(matmul, golden.x.data(), golden.n, golden.D, noise.data(), 2), 0.5, 0.02);
    EXPECT_THROW(trustworthiness(matmul, golden.x.data(), 30, golden.D, noise.data(), 2), Error);
}

// --- the whole -------------------------------------------------------------------------------------------------------

/// The share of points most of whose 10 nearest in the embedding are of their own cluster.
double purity(const Matmul& matmul, const DeviceBuffer<float>& at, int clusters) {
    const std::size_t n = at.size() / 2;
    const auto near = nearest_neighbours(matmul, at.data(), n, 2, 10).indices.download();
    std::size_t pure = 0;
    for (std::size_t i = 0; i < n; ++i) {
        int own = 0;
        for (int m = 0; m < 10; ++m) own += near[i * 10 + m] % clusters == int(i) % clusters;
        pure += own > 5;
    }
    return double(pure) / double(n);
}

TEST(Umap, AsTrustworthyAsUmapLearn) {
    const Golden golden;
    const Matmul matmul;
    const auto theirs = golden.read<double>("trustworthiness");
    const double mean = std::accumulate(theirs.begin(), theirs.end(), 0.) / double(theirs.size());
    UmapOptions options;
    for (const int components : {2, 3}) {
        options.components = components;
        const auto at = umap(matmul, golden.x.data(), golden.n, golden.D, options);
        for (const float value : at.download()) ASSERT_TRUE(std::isfinite(value) && std::abs(value) < 100);
        const double ours = trustworthiness(matmul, golden.x.data(), golden.n, golden.D, at.data(), components);
        std::printf("trustworthiness in %d dimensions: %.4f, umap-learn in two %.4f\n", components, ours, mean);
        EXPECT_GT(ours, mean - 0.003);
        if (components == 3) continue;
        EXPECT_GT(purity(matmul, at, golden.json["clusters"]), 0.95);
    }
}

TEST(Umap, TheSameBitsForTheSameSeed) {
    const Golden golden;
    const Matmul matmul;
    UmapOptions options;
    options.epochs = 20;
    const std::size_t n = 301;
    const auto run = [&] { return umap(matmul, golden.x.data(), n, golden.D, options).download(); };
    const auto first = run();
    test::expect_identical(run(), first, "again");
    options.seed = 2;
    EXPECT_NE(run(), first);
}

TEST(Umap, TheSameBitsOnOneCoreAndOnTwo) {
    if (const char* file = std::getenv("WARPVAE_TEST_OUT")) {  // the run of this test that it starts below
        const Golden golden;
        UmapOptions options;
        options.epochs = 20;
        write_npy<float>(file, {golden.n, 2}, umap(Matmul(), golden.x.data(), golden.n, golden.D, options).download());
        return;
    }
    const test::TemporaryFolder folder;
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    std::vector<std::vector<float>> found;
    for (const char* cores : {"1", "2"}) {
        const std::string file = (folder / cores).string();
        const std::string command = std::string("WARPVAE_CORES=") + cores + " WARPVAE_TEST_OUT=" + file + " " + self +
                                    " --gtest_filter=Umap.TheSameBitsOnOneCoreAndOnTwo >/dev/null";
        ASSERT_EQ(std::system(command.c_str()), 0);
        found.push_back(read_npy<float>(file).values);
    }
    test::expect_identical(found[0], found[1], "on one core and on two");
}

TEST(Umap, PointsThatAreAllEqualAndFewRows) {
    const Matmul matmul;
    UmapOptions options;
    options.epochs = 30;
    const DeviceBuffer<float> equal(std::vector<float>(40 * 3, 2.f)), few(Random(4).normals<float>(3 * 2));
    for (const float value : umap(matmul, equal.data(), 40, 3, options).download()) EXPECT_TRUE(std::isfinite(value));
    options.neighbours = 2;
    for (const float value : umap(matmul, few.data(), 3, 2, options).download()) EXPECT_TRUE(std::isfinite(value));
}

TEST(Umap, BadInputIsNamed) {
    const Matmul matmul;
    std::vector<float> x(60, 1.f);
    x[17] = NAN;
    const auto error = [&](std::size_t n, int D, const UmapOptions& options) -> std::string {
        const DeviceBuffer<float> rows(x);
        try {
            umap(matmul, rows.data(), n, D, options);
        } catch (const Error& e) {
            return e.what();
        }
        return "";
    };
    UmapOptions options;
    EXPECT_EQ(error(20, 3, options), "UMAP: feature 2 of row 5 is not a finite number");
    x[17] = 3e19f;
    EXPECT_EQ(error(20, 3, options), "UMAP: row 5 is too far from the mean for its square");
    EXPECT_EQ(error(15, 3, options), "UMAP: 15 neighbours need more rows than 15");
    EXPECT_EQ(error(20, 1, options), "UMAP: 2 components need as many features, not 1");
    options.components = 4;
    EXPECT_EQ(error(20, 3, options), "UMAP: 2 or 3 components are possible, not 4");
    options.components = 2, options.neighbours = 1;
    EXPECT_EQ(error(20, 3, options), "UMAP: 2 neighbours are the least, not 1");
}

}  // namespace
}  // namespace warpvae
