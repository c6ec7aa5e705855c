// The rows of bench_kernels: each is a launcher of cuda/ops/, what it moves and computes for one model, and a call of
// it for R models at once, with arrays of its own. docs/kernels.py names each launcher that has no row, and each row
// of which there is no launcher: the first word of a row's name is the launcher's.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cuda/device/buffer.h"
#include "cuda/ops.h"

namespace warpvae {

/// 128 rows of Mills' VAE 784-400-20, and where its weights and biases lie in a replica's arena.
inline constexpr int N = 128, D = 784, H = 400, Z = 20;
inline constexpr std::size_t kW1 = 0, kW2 = 313600, kW3 = 329600, kW4 = 337600, kB1 = 651200, kB2 = 651648,
                             kB3 = 651712, kB4 = 652160, P = 652992;
inline constexpr double kPixels = double(N) * D, kHidden = double(N) * H, kLatents = double(N) * Z;
inline constexpr int kClasses = 10;
inline constexpr std::size_t kImages = 60000;

/// The arrays of a row, for R models; they live as long as its call. `of_one`: numbers of one model.
class Arrays {
  public:
    Arrays(int R_, const Matmul& matmul_, const Convolver& convolver_)
        : R(R_), matmul(matmul_), convolver(convolver_) {}
    const int R;
    const Matmul& matmul;
    const Convolver& convolver;

    /// Uniform in [low, high).
    float* floats(std::size_t of_one, float low = 0, float high = 0.1f) {
        float* const to = room<float>(R * of_one);
        check(philox_uniform(to, R * of_one, low, high, 1, Purpose::kTest, 0, nullptr));
        return to;
    }
    /// All bytes 0.
    template <class T>
    T* zeros(std::size_t of_one) {
        T* const to = room<T>(R * of_one);
        check(fill_bytes(to, 0, R * of_one * sizeof(T)));
        return to;
    }
    /// `values`, once.
    template <class T>
    T* shared(const std::vector<T>& values) {
        T* const to = room<T>(values.size());
        check(copy_to_device(to, values.data(), values.size() * sizeof(T)));
        return to;
    }
    /// `values`, for each model.
    template <class T>
    T* each(const std::vector<T>& values) {
        std::vector<T> all;
        for (int r = 0; r < R; ++r) all.insert(all.end(), values.begin(), values.end());
        return shared(all);
    }
    /// [R] pointers to one set that all replicas share.
    template <class T>
    const T* const* pointers(const T* set) {
        return shared(std::vector<const T*>(R, set));
    }
    /// [R] pointers to sets of byte images, or labels.
    const std::uint8_t* const* images(std::size_t bytes = kImages * D) {
        std::uint8_t* const set = room<std::uint8_t>(bytes);
        check(fill_bytes(set, 0, bytes));
        return pointers<std::uint8_t>(set);
    }
    const std::uint64_t* seeds() { return each<std::uint64_t>({1}); }
    std::uint64_t* step() { return shared<std::uint64_t>({0}); }
    LatentNoise noise() { return {seeds(), step()}; }
    /// The minibatch of 128 among 60,000 images.
    Minibatch minibatch() { return {seeds(), step(), MinibatchOrder::epochs(kImages, N)}; }

  private:
    template <class T>
    T* room(std::size_t count) {
        held_.emplace_back(count * sizeof(T), "bench_kernels");
        return reinterpret_cast<T*>(held_.back().data());
    }
    std::vector<DeviceBuffer<std::uint8_t>> held_;
};

/// What an optimiser has of each parameter of a model.
struct Arena {
    float *parameters, *first, *second, *gradients;
    const float* rates;
    NonFinite* non_finite;
    const std::uint64_t* step;
    explicit Arena(Arrays& a)
        : parameters(a.floats(P)),
          first(a.zeros<float>(P)),
          second(a.zeros<float>(P)),
          gradients(a.floats(P)),
          rates(a.each<float>({1e-3f})),
          non_finite(a.zeros<NonFinite>(1)),
          step(a.step()) {}
};

/// How many models a call takes.
enum class Models { kMany, kOne };

struct Row {
    std::string name;
    /// Of one model: what must be read and written, each number once, and the multiplications and additions of sums
    /// over products. What is done to each number by itself is not counted: its bytes take longer.
    double bytes, operations;
    std::function<std::function<Status()>(Arrays&)> call;
    Models models = Models::kMany;
};

// By subject, a file each. Fused layers: kernels of a GPU, which the CPU device runs as lanes, for tests; its own
// layers are a library's products.
std::vector<Row> dense_rows();
std::vector<Row> fused_dense_rows();
std::vector<Row> convolution_rows();  // a library's
std::vector<Row> fused_convolution_rows();
std::vector<Row> channel_rows();
std::vector<Row> latent_rows();
std::vector<Row> renyi_rows();
std::vector<Row> fused_posterior_rows();
std::vector<Row> loss_rows();
std::vector<Row> minibatch_rows();
std::vector<Row> optimiser_rows();
std::vector<Row> warp_rows();
std::vector<Row> regression_rows();
std::vector<Row> fused_regression_rows();
std::vector<Row> svm_rows();
std::vector<Row> neighbour_rows();

}  // namespace warpvae
