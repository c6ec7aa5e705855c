#include "cuda/pca.cuh"

#include "cuda/device/launch.cuh"

namespace warpvae {

template <class T>
Status centre_rows(T* out, const float* x, const double* mean, int n, int D, Stream stream) {
    if (n < 0 || n > 65535) return {kInvalidValue};
    return launch(centre_rows_kernel<T>, for_elements(D, n), stream, out, x, mean, D);
}
template Status centre_rows(float*, const float*, const double*, int, int, Stream);
template Status centre_rows(double*, const float*, const double*, int, int, Stream);

}  // namespace warpvae
