// What evaluation fits to features, each from features on the device to its result: multinomial logistic regression,
// linear support vector machines with their cross-validation, principal components, and UMAP.
//
//   bench_evaluation regression|svm|pca|umap [--replicas R] [--rows N] [--features D] [--rounds 3]
//       prints the median, lowest and highest milliseconds, the most evaluations of an objective that a problem took
//       (epochs of UMAP, components of PCA), and how many problems there are and have converged
//   bench_evaluation ... --export FILE
//       writes rows, labels, folds and what was fitted, for scikit-learn and umap-learn to fit and compare
//       (peers/evaluation_sklearn.py)
//
// Without options: 20 regressions of 60,000 x 100; 9 folds, 10 classes and 8 models of 60,000 x 20; 14 components of
// 60,000 x 784; 5,000 points of 784 features. On the CPU device 2 of 6,000 x 100, 1 model of 6,000 x 20, 6,000 x 784,
// and 1,000 points.
//
// Rows are drawn around ten centres, near enough to each other for a twentieth or so to be predicted wrong. For PCA
// feature j is divided by sqrt(j + 1): variances fall as those of images do.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "host/evaluate/linear_svm.h"
#include "host/evaluate/logistic_regression.h"
#include "host/evaluate/pca.h"
#include "host/evaluate/umap.h"
#include "host/files/safetensors.h"
#include "profiling/stopwatch.h"

namespace warpvae {
namespace {

constexpr int kClasses = 10, kFolds = 9, kComponents = 14;

struct Options {
    std::string part, export_to;
    int replicas, rows, features, rounds = 3;
};

Options parse(int argc, char** argv) {
    Options o;
    o.part = argc > 1 ? argv[1] : "";
    const bool gpu = device_is_gpu();
    if (o.part == "regression")
        o.replicas = gpu ? 20 : 2, o.rows = gpu ? 60000 : 6000, o.features = 100;
    else if (o.part == "svm")
        o.replicas = gpu ? 8 : 1, o.rows = gpu ? 60000 : 6000, o.features = 20;
    else if (o.part == "pca")
        o.replicas = 1, o.rows = gpu ? 60000 : 6000, o.features = 784;
    else if (o.part == "umap")
        o.replicas = 1, o.rows = gpu ? 5000 : 1000, o.features = 784;
    else
        throw DeviceError("what is measured is regression, svm, pca or umap, not \"" + o.part + "\"");
    for (int i = 2; i < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--export" && i + 1 < argc) {
            o.export_to = argv[i + 1];
            continue;
        }
        int* const value = name == "--replicas"   ? &o.replicas
                           : name == "--rows"     ? &o.rows
                           : name == "--features" ? &o.features
                           : name == "--rounds"   ? &o.rounds
                                                  : nullptr;
        if (!value) throw DeviceError("no option " + name);
        if (i + 1 == argc || (*value = std::atoi(argv[i + 1])) < 1) throw DeviceError(name + " must be at least 1");
    }
    if ((o.part == "umap" || o.part == "pca") && o.replicas != 1)
        throw DeviceError("--replicas: " + o.part + " takes one set of rows");
    return o;
}

std::vector<float> normals(std::size_t n, std::uint64_t seed) {
    DeviceBuffer<float> draws(n);
    check(philox_normal(draws.data(), n, seed, Purpose::kTest, 0, nullptr));
    return draws.download();
}

/// Row i of each replica is of class labels[i].
struct Rows {
    explicit Rows(const Options& o) : x(std::size_t(o.replicas) * o.rows * o.features, "rows") {
        const auto d = std::size_t(o.features), n = std::size_t(o.rows);
        for (std::size_t i = 0; i < n; ++i) labels.push_back(std::uint8_t(i * 7 % kClasses));
        const float spread = 2.6f / std::sqrt(float(d));
        for (int r = 0; r < o.replicas; ++r) {
            const std::vector<float> centres = normals(kClasses * d, std::uint64_t(1000 + r));
            std::vector<float> values = normals(n * d, std::uint64_t(1 + r));
            for (std::size_t i = 0; i < values.size(); ++i) values[i] += spread * centres[labels[i / d] * d + i % d];
            if (o.part == "pca")
                for (std::size_t i = 0; i < values.size(); ++i) values[i] /= std::sqrt(float(i % d + 1));
            x.upload(values.data(), values.size(), std::size_t(r) * n * d);
        }
    }
    DeviceBuffer<float> x;
    std::vector<std::uint8_t> labels;
};

/// How it ended, and what was fitted.
struct Outcome {
    int steps = 0, problems = 0, converged = 0;
    std::vector<Tensor> fitted;
    void add(const std::vector<LbfgsCertificate>& certificates) {
        for (const LbfgsCertificate& c : certificates)
            steps = std::max(steps, c.evaluations), ++problems, converged += c.converged;
    }
};

Outcome regression(const Matmul& matmul, const Options& o, const Rows& rows) {
    const DeviceBuffer<std::uint8_t> labels(rows.labels);
    const DeviceBuffer<const std::uint8_t*> table(
        std::vector<const std::uint8_t*>(std::size_t(o.replicas), labels.data()));
    const LogisticRegressionFit fit =
        fit_logistic_regression(matmul, rows.x.data(), table.data(), o.replicas, std::size_t(o.rows), o.features);
    Outcome outcome;
    outcome.add(fit.certificates);
    outcome.fitted = {Tensor::of<float>("weights", {o.replicas, kClasses, o.features}, fit.weights),
                      Tensor::of<float>("intercepts", {o.replicas, kClasses}, fit.intercepts)};
    return outcome;
}

Outcome svm(const Matmul& matmul, const Options& o, const Rows& rows) {
    const std::vector<std::uint8_t> folds = stratified_folds(rows.labels, kFolds);
    const LinearSvmFit fit =
        fit_linear_svm(matmul, rows.x.data(), rows.labels, folds, o.replicas, std::size_t(o.rows), o.features);
    Outcome outcome;
    outcome.add(fit.certificates);
    outcome.fitted = {Tensor::of<float>("weights", {o.replicas, kClasses, fit.fits, o.features}, fit.weights),
                      Tensor::of<float>("intercepts", {o.replicas, kClasses, fit.fits}, fit.intercepts),
                      Tensor::of<std::uint8_t>("folds", {o.rows}, folds)};
    return outcome;
}

Outcome components(const Matmul& matmul, const Options& o, const Rows& rows) {
    const Pca pca = fit_pca(matmul, rows.x.data(), std::size_t(o.rows), o.features, kComponents);
    return {pca.components,
            1,
            1,
            {Tensor::of<double>("directions", {pca.components, pca.features}, pca.directions),
             Tensor::of<double>("variances", {pca.components}, pca.variances)}};
}

Outcome layout(const Matmul& matmul, const Options& o, const Rows& rows) {
    UmapOptions options;
    options.epochs = 500;
    const DeviceBuffer<float> at = umap(matmul, rows.x.data(), std::size_t(o.rows), o.features, options);
    return {options.epochs, 1, 1, {Tensor::of<float>("positions", {o.rows, options.components}, at.download())}};
}

void write_down(const Options& o, const Rows& rows, Outcome outcome) {
    SafeTensors file;
    file.tensors = std::move(outcome.fitted);
    file.tensors.push_back(Tensor::of<float>("rows", {o.replicas, o.rows, o.features}, rows.x.download()));
    file.tensors.push_back(Tensor::of<std::uint8_t>("labels", {o.rows}, rows.labels));
    write_safetensors(o.export_to, file);
}

int run(int argc, char** argv) {
    const Options o = parse(argc, argv);
    require_device();
    const Stream stream = stream_create();
    const Matmul matmul(stream);
    const Rows rows(o);
    const auto part = o.part == "regression" ? regression
                      : o.part == "svm"      ? svm
                      : o.part == "pca"      ? components
                                             : layout;
    Outcome outcome = part(matmul, o, rows);  // loads kernels and touches memory
    if (!o.export_to.empty()) {
        write_down(o, rows, std::move(outcome));
        return 0;
    }
    std::vector<double> milliseconds;
    for (int i = 0; i < o.rounds; ++i)
        milliseconds.push_back(microseconds(stream, [&] { outcome = part(matmul, o, rows); }) / 1000);
    const Timing t = timing_of(milliseconds);
    std::printf("%.2f %.2f %.2f %d %d %d\n", t.median, t.lowest, t.highest, outcome.steps, outcome.problems,
                outcome.converged);
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try { return warpvae::run(argc, argv); } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_evaluation: %s\n", error.what());
    return 1;
}
