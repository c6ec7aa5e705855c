// The variational auto-encoder of Kingma and Welling (2014) from dense layers, R replicas at once: the model of Mills
// (2024) with hidden = {400}. Forward, loss and backward are written out in dense_vae.cpp, read from top to bottom.
#pragma once
#include "models/dense_stack.h"
#include "models/model.h"

namespace warpvae {

struct DenseVaeConfig {
    int height = 28, width = 28;
    std::vector<int> hidden = {
        400};  ///< encoder widths, at least one, from the image inwards; the decoder mirrors them
    int latents = 20;
    double beta = 1;  ///< weight of the divergence (beta-VAE, Higgins et al. 2017)
};

template <class T>
class DenseVae : public Model<T> {
  public:
    /// Parameters are zero until `parameters().initialise(...)` or an upload.
    DenseVae(const DenseVaeConfig& config, int R, int max_rows, const Matmul& matmul);

    void gradients(int N, const LatentNoise& noise) override;
    void evaluate(int N, const LatentNoise& noise) override;
    std::vector<LossTerm<T>> loss_terms() const override;

    /// The encoder alone: moments() and z() from minibatch().
    void encode(int N, const LatentNoise& noise);
    /// The decoder alone: logits() from z().
    void decode(int N);
    T* z() { return z_.data(); }                          ///< [R, N, Z]
    const T* moments() const { return moments_.data(); }  ///< [R, N, 2Z]: mu, then logvar
    T* logits() { return decoder_.output(); }             ///< [R, N, D]
    const DenseVaeConfig& config() const { return config_; }

  private:
    using Model<T>::R_, Model<T>::matmul_, Model<T>::parameters_, Model<T>::input_, Model<T>::stream;

    ParameterLayout make_layout();

    DenseVaeConfig config_;
    DenseStack<T> encoder_, decoder_;
    DenseLayer heads_;
    DeviceBuffer<T> moments_, z_, reconstruction_, kl_;
    DeviceBuffer<T> d_moments_, d_hidden_;
};

}  // namespace warpvae
