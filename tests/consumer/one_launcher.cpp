// Calls one operation's launcher, by its group's header alone: memory and stream are our own, and so is the decision
// what to do with the status.
#include <cmath>
#include <cstdio>
#include <vector>

#include "cuda/ops/loss.h"
#ifdef CONSUMER_CUDA
#include <cuda_runtime.h>
#endif

namespace {

#ifdef CONSUMER_CUDA
// A GPU: CUDA's own stream and memory.
struct Ours {
    cudaStream_t stream = nullptr;
    bool is_there() { return cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess; }
    float* put(const std::vector<float>& values) {
        void* memory = nullptr;
        cudaMalloc(&memory, values.size() * sizeof(float));
        cudaMemcpy(memory, values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice);
        return static_cast<float*>(memory);
    }
    std::vector<float> get(const float* memory, std::size_t count) {
        std::vector<float> values(count);
        cudaMemcpyAsync(values.data(), memory, count * sizeof(float), cudaMemcpyDeviceToHost, stream);
        cudaStreamSynchronize(stream);
        return values;
    }
};
#else
// The CPU device: the one stream that it has, and any memory.
struct Ours {
    warpvae::Stream stream = nullptr;
    std::vector<std::vector<float> > kept;
    bool is_there() { return true; }
    float* put(const std::vector<float>& values) {
        kept.push_back(values);
        return kept.back().data();
    }
    std::vector<float> get(const float* memory, std::size_t count) { return {memory, memory + count}; }
};
#endif

}  // namespace

int main() {
    const int rows = 3, pixels = 300;
    Ours ours;
    if (!ours.is_there()) {
        std::printf("no GPU\n");
        return 2;
    }
    float* logits = ours.put(std::vector<float>(rows * pixels, 0.f));
    const float* targets = ours.put(std::vector<float>(rows * pixels, 1.f));
    float* nll = ours.put(std::vector<float>(rows, -1.f));
    // Four rows share a target, but there are three: refused, nothing runs, nothing is thrown.
    const warpvae::Status refused = warpvae::bernoulli_from_logits<float>(nll, logits, logits, targets, 1.f, 1, rows,
                                                                          pixels, ours.stream, {nullptr, {1, 4}});
    const warpvae::Status status =
        warpvae::bernoulli_from_logits<float>(nll, logits, logits, targets, 1.f, 1, rows, pixels, ours.stream);
    if (!status.ok()) {
        std::printf("%s\n", warpvae::status_message(status));
        return 1;
    }
    // Every pixel costs log 2; the gradient, 1/2 - 1, took the logits' place.
    const float loss = ours.get(nll, rows)[rows - 1], gradient = ours.get(logits, rows * pixels)[rows * pixels - 1];
    std::printf("%.3f %.2f, refused with status %d\n", loss, gradient, refused.code);
    return std::abs(loss - pixels * 0.6931472f) < 1e-3f && gradient == -0.5f && refused.code == warpvae::kInvalidValue
               ? 0
               : 1;
}
