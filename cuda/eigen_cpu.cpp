// The symmetric eigenproblem on the CPU device: LAPACK's divide and conquer as OpenBLAS ships it, on one thread (the
// results depend on the number of threads).
#include <algorithm>
#include <vector>

#include "cuda/device/cpu_pool.h"
#include "cuda/ops.h"

// OpenBLAS' LAPACK has no C header that is installed everywhere; this is the Fortran interface.
extern "C" {
void dsyevd_(const char* job, const char* triangle, const int* n, double* a, const int* lda, double* values,
             double* work, const int* work_size, int* iwork, const int* iwork_size, int* info);
void openblas_set_num_threads(int threads);
}

namespace warpvae {

Status symmetric_eigen(double* values, double* vectors, const double* matrix, int D, Stream) {
    if (D < 0) return {kInvalidValue};
    if (D == 0) return {};
    cpu::DeviceAccess access;
    openblas_set_num_threads(1);
    std::copy(matrix, matrix + std::size_t(D) * D, vectors);
    double best = 0;
    int best_integers = 0, info = 0, query = -1;
    dsyevd_("V", "U", &D, vectors, &D, values, &best, &query, &best_integers, &query, &info);
    const int work_size = static_cast<int>(best);
    std::vector<double> work(static_cast<std::size_t>(work_size));
    std::vector<int> integers(static_cast<std::size_t>(best_integers));
    if (info == 0)
        dsyevd_("V", "U", &D, vectors, &D, values, work.data(), &work_size, integers.data(), &best_integers, &info);
    return {info == 0 ? 0 : kInvalidValue};
}

}  // namespace warpvae
