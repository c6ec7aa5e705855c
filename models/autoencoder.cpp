#include "models/autoencoder.h"

namespace warpvae {

template <class T>
void Autoencoder<T>::allocate_repeated() {
    repeated_ = DeviceBuffer<T>(std::size_t(this->R_) * decoder_rows() * this->image_size(), "repeated images");
}

template <class T>
const T* Autoencoder<T>::repeated(const T* x, int N, int K) {
    if (K == 1) return x;
    if (!repeated_.size()) allocate_repeated();
    check(repeat_rows<T>(repeated_.data(), x, K, std::size_t(this->R_) * N, this->image_size(), this->stream()));
    return repeated_.data();
}

template <class T>
void Autoencoder<T>::encode_draws(int N, int K, const LatentNoise& noise) {
    encode_rows(repeated(this->minibatch(), N, K), N * K, noise);
}

template <class T>
void Autoencoder<T>::sample_prior(int N, const LatentNoise& noise) {
    check(gaussian_prior_sample<T>(z(), {}, noise, this->R_, N, latents(), this->stream()));
}

template <class T>
void Autoencoder<T>::add_log_ratio(T* ratio, int N) {
    check(gaussian_log_ratio<T>(ratio, z(), moments(), {}, spread(), this->R_, N, latents(), this->stream()));
}

template <class T>
void Autoencoder<T>::decode_likelihood(T* nll, const T* target, int N, int K) {
    decode(N * K);
    negative_log_likelihood(nll, target, N, K);
}

template <class T>
T* Autoencoder<T>::decoded_images(int N) {
    T* x = output();
    if (decodes_to_logits()) check(sigmoid<T>(x, x, std::size_t(this->R_) * N * this->image_size(), this->stream()));
    return x;
}

template class Autoencoder<float>;
template class Autoencoder<double>;

}  // namespace warpvae
