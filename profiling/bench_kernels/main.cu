// Every launcher of the library: time for one model as a training step calls it (data in cache), and for many models at
// once (data in memory) against the floor that its bytes and operations set.
//
//   bench_kernels [TEXT]        the rows that have TEXT in their names, or all
//   bench_kernels --try [TEXT]  each row once, for one model, without times: on the CPU device those of a GPU, too
//
//   floor = the longer of  bytes that must move / rate of the better copy (copy_rate.cuh)
//                          multiplications and additions / rate of a large product of float matrices (macs.h)
//   share = floor / time: medians of 7 turns, in which operation, copy and product are timed one after the other
#include <cstdio>
#include <cstring>

#include "cuda/device/launch_options.h"
#include "profiling/bench_kernels/rows.h"
#include "profiling/copy_rate.cuh"
#include "profiling/macs.h"

namespace warpvae {
namespace {

/// Rows of one kind, under a heading of the table.
struct Subject {
    const char* name;
    std::vector<Row> rows;
    bool is_fused = false;  ///< a GPU's
};

std::vector<Subject> subjects() {
    std::vector<Subject> all = {{"minibatches and random numbers", minibatch_rows()},
                                {"dense layers", dense_rows()},
                                {"dense layers, fused", fused_dense_rows(), true},
                                {"convolutions, by a library", convolution_rows()},
                                {"convolutions, fused", fused_convolution_rows(), true},
                                {"pixels with channels", channel_rows()},
                                {"latents", latent_rows()},
                                {"several draws", renyi_rows()},
                                {"several draws, fused", fused_posterior_rows(), true},
                                {"losses", loss_rows()},
                                {"optimisers and sums", optimiser_rows()},
                                {"warps", warp_rows()},
                                {"logistic regression", regression_rows()},
                                {"logistic regression, fused", fused_regression_rows(), true},
                                {"linear support vector machines and components", svm_rows()},
                                {"neighbours and UMAP", neighbour_rows()}};
    if (convolution_library() == "no cuDNN")
        std::erase_if(all, [](const Subject& s) { return std::strstr(s.name, "by a library"); });
    return all;
}

/// What the device gives.
struct Rates {
    const CopyRate& copy;
    const ProductRate& product;
};

void measure(const Row& row, int many, const Rates& rates, const Matmul& matmul, const Convolver& convolver) {
    double alone;
    {
        Arrays arrays(1, matmul, convolver);
        const auto call = row.call(arrays);
        alone = time_call(nullptr, [&] { check(call()); }).median;
    }
    const int models = row.models == Models::kOne ? 1 : many;
    Arrays arrays(models, matmul, convolver);
    const auto call = row.call(arrays);
    std::vector<double> times, copies, products;
    check(call());
    for (int turn = 0; turn < 7; ++turn) {
        copies.push_back(rates.copy.bytes_per_microsecond());
        if (row.operations > 0) products.push_back(rates.product.operations_per_microsecond());
        times.push_back(microseconds(nullptr, [&] { check(call()); }));
    }
    const double together = timing_of(times).median, by_bytes = models * row.bytes / timing_of(copies).median,
                 by_operations = row.operations > 0 ? models * row.operations / timing_of(products).median : 0,
                 floor = std::max(by_bytes, by_operations);
    const auto number = [](const char* format, double value, bool is_there) {
        char text[32] = "";
        if (is_there) std::snprintf(text, sizeof text, format, value);
        return std::string(text);
    };
    std::printf("| %s | %.0f | %s | %.1f | %s | %.1f | %s | %.0f %% | %s |\n", row.name.c_str(), row.bytes,
                number("%.6f", row.operations / 1e9, row.operations > 0).c_str(), alone,
                number("%.0f", together, models > 1).c_str(), floor, by_bytes < by_operations ? "operations" : "bytes",
                100 * floor / together,
                number("%.0f", models * row.operations / together / 1e3, row.operations > 0).c_str());
    std::fflush(stdout);
}

bool is_meant(const Row& row, const std::string& text) { return row.name.find(text) != std::string::npos; }

/// Each row once.
void try_all(const std::string& text, const Matmul& matmul, const Convolver& convolver) {
    int tried = 0;
    for (const Subject& subject : subjects()) {
        launch_options().fused_dense = subject.is_fused;
        for (const Row& row : subject.rows) {
            if (!is_meant(row, text)) continue;
            try {
                Arrays arrays(1, matmul, convolver);
                const auto call = row.call(arrays);
                check(call());
                check(stream_synchronize(nullptr));
            } catch (const std::exception& error) {
                throw DeviceError(row.name + ": " + error.what());
            }
            ++tried;
        }
    }
    std::printf("%d rows, each called once\n", tried);
}

int run(bool only_tries, const std::string& text) {
    require_device();
    const Matmul matmul;
    const Convolver convolver;
    if (only_tries) return try_all(text, matmul, convolver), 0;
    const int many = device_is_gpu() ? 512 : 128, side = device_is_gpu() ? 4096 : 1024;
    const CopyRate copy(std::size_t(many) * N * D);
    const ProductRate product(matmul, side);
    std::printf(
        "%s; the better of our copy kernel and the device's own moves %.1f GB/s (read + written); a product of two "
        "float matrices of %d x %d does %.0f GFLOP/s.\n",
        device_name().c_str(), copy.sustained() / 1e3, side, side, product.sustained() / 1e3);
    std::printf(
        "Bytes and GFLOP are of one model; floor and share of %d models, or of one, where no time of many is given. "
        "Above 100 %%: the arrays fit a cache, or a product's sizes suit the library better than large ones%s.\n\n",
        many,
        device_is_gpu() ? ""
                        : ", or numbers change in place: a processor fetches what a copy will overwrite, and so moves "
                          "three bytes for its two");
    std::printf(
        "| operation, 128 rows | bytes | GFLOP | 1 model, us | %d models, us | floor, us | set by | share | "
        "GFLOP/s |\n",
        many);
    std::printf("| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |\n");
    for (const Subject& subject : subjects()) {
        bool is_begun = false;
        if (subject.is_fused && !device_is_gpu()) continue;
        for (const Row& row : subject.rows) {
            if (!is_meant(row, text)) continue;
            if (!is_begun) std::printf("| **%s** | | | | | | | | |\n", subject.name);
            is_begun = true;
            try {
                measure(row, many, {copy, product}, matmul, convolver);
            } catch (const std::exception& error) {
                throw DeviceError(row.name + ": " + error.what());
            }
        }
    }
    return 0;
}

}  // namespace
}  // namespace warpvae

int main(int argc, char** argv) try {
    const bool only_tries = argc > 1 && std::strcmp(argv[1], "--try") == 0;
    return warpvae::run(only_tries, argc > 1 + only_tries ? argv[1 + only_tries] : "");
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_kernels: %s\n", error.what());
    return 1;
}
