// Takes one kernel, the Bernoulli negative log-likelihood, by its header alone.
#include "cuda/bernoulli.cuh"

#include <cstdio>
#include <vector>

#ifndef __CUDACC__
#include "cuda/device/launch.cuh"  // the CPU device has no <<<>>>
#endif

int main() {
    const int rows = 2, pixels = 300;
    const std::vector<float> logits(rows * pixels, 0.f), targets(rows * pixels, 1.f);
    std::vector<float> nll(rows), gradient(rows * pixels);
    constexpr auto kernel = warpvae::bernoulli_kernel<float, warpvae::FromLogit>;
#ifdef __CUDACC__
    float *l, *t, *n, *g;
    const std::size_t bytes = rows * pixels * sizeof(float);
    if (cudaMalloc(&l, bytes) || cudaMalloc(&t, bytes) || cudaMalloc(&g, bytes) ||
        cudaMalloc(&n, rows * sizeof(float))) {
        std::printf("no GPU\n");
        return 2;
    }
    cudaMemcpy(l, logits.data(), bytes, cudaMemcpyHostToDevice);
    cudaMemcpy(t, targets.data(), bytes, cudaMemcpyHostToDevice);
    kernel<<<rows, 128>>>(n, g, l, t, 1.f, pixels, warpvae::LossRows<float>{}, warpvae::FromLogit{});
    cudaMemcpy(nll.data(), n, rows * sizeof(float), cudaMemcpyDeviceToHost);
    cudaMemcpy(gradient.data(), g, bytes, cudaMemcpyDeviceToHost);
#else
    const warpvae::Status status =
        warpvae::launch(kernel, warpvae::for_blocks(rows), nullptr, nll.data(), gradient.data(), logits.data(),
                        targets.data(), 1.f, pixels, warpvae::LossRows<float>{}, warpvae::FromLogit{});
    if (!status.ok()) return 1;
#endif
    // Every pixel costs log 2, with gradient 1/2 - 1.
    std::printf("%.3f %.2f\n", nll[1], gradient[rows * pixels - 1]);
    return std::abs(nll[1] - pixels * 0.6931472f) < 1e-3f && gradient[rows * pixels - 1] == -0.5f ? 0 : 1;
}
