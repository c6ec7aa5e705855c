#include "host/core/shares.h"

#if WARPVAE_HAVE_MPI
#include <mpi.h>
#endif

#include <cstdlib>
#include <string>

#include "cuda/device/choose_device.h"
#include "cuda/device/cpu_resources.h"
#include "cuda/device/device.h"
#include "data/error.h"

namespace warpvae {
namespace {

Share of_process;
bool is_joined = false;

/// What the launcher of a job tells its processes; `otherwise` where none did.
int number_from(const char* open_mpi, const char* mpich, int otherwise) {
    for (const char* name : {open_mpi, mpich})
        if (const char* text = std::getenv(name)) return std::atoi(text);
    return otherwise;
}

#if WARPVAE_HAVE_MPI
/// Ranks of one machine take its GPUs in turn, or divide its cores.
void divide_machine() {
    const int place = number_from("OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", 0);
    const int there = number_from("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", 1);
    choose_device(place);
    if (device_is_gpu()) return;
    const int cores = available_cores() / (there > 0 ? there : 1);
    ::setenv("WARPVAE_CORES", std::to_string(cores > 0 ? cores : 1).c_str(), 0);
}
#endif

}  // namespace

const Share& share() { return of_process; }

void join_job() {
    const int size = number_from("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", 1);
    if (size < 2 || is_joined) return;
#if WARPVAE_HAVE_MPI
    if (MPI_Init(nullptr, nullptr) != MPI_SUCCESS) throw Error("MPI does not start: run without mpirun");
    is_joined = of_process.of_job = true;
    MPI_Comm_rank(MPI_COMM_WORLD, &of_process.number);
    MPI_Comm_size(MPI_COMM_WORLD, &of_process.count);
    divide_machine();
#else
    throw UsageError("mpirun: this build has no MPI; install libopenmpi-dev and build again, or use --share K/N");
#endif
}

void take_share(int number, int count) { of_process = {number - 1, count, false}; }

void wait_for_job() {
#if WARPVAE_HAVE_MPI
    if (of_process.of_job) MPI_Barrier(MPI_COMM_WORLD);
#endif
}

void disband_job() { of_process = {}; }

void leave_job() {
#if WARPVAE_HAVE_MPI
    if (is_joined) MPI_Finalize();
    is_joined = false;
#endif
}

}  // namespace warpvae
