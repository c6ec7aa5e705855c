#include "cuda/renyi_bound.cuh"

namespace warpvae {

template <class T>
Status renyi_bound(const RenyiBound<T>& out, const T* nll, const T* ratio, const T* kl, const RenyiOrders& orders,
                   int R, int N, int K, Stream stream) {
    if (K < 1) return {kInvalidValue};
    return launch_dependent(renyi_bound_kernel<T>, for_blocks(N, R, Block::any(32)), stream, out, nll, ratio, kl,
                            orders, K);
}
template Status renyi_bound(const RenyiBound<float>&, const float*, const float*, const float*, const RenyiOrders&, int,
                            int, int, Stream);
template Status renyi_bound(const RenyiBound<double>&, const double*, const double*, const double*, const RenyiOrders&,
                            int, int, int, Stream);

}  // namespace warpvae
