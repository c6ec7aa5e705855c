// One run's training dealt out to several processes: the ranks of an MPI job (mpirun), which wait for each other, or
// the shares of a batch system's array job (--share K/N), which do not. Who trains a model changes no bit of it.
#pragma once
#include <cstddef>

namespace warpvae {

struct Share {
    int number = 0, count = 1;  ///< this process's, from 0, of so many
    bool of_job = false;        ///< a rank of an MPI job

    bool is_alone() const { return count == 1; }
    /// The first rank goes on alone with what all have made; a share of an array job leaves that to a later call.
    bool leads() const { return is_alone() || (of_job && number == 0); }
    bool follows() const { return of_job && number > 0; }
    bool takes(std::size_t part) const { return part % std::size_t(count) == std::size_t(number); }
};
/// Of this process: all, until one of the two below was called.
const Share& share();

/// Where mpirun started this process with others: takes its place among them, and on a machine with several GPUs one of
/// its own. Throws UsageError where this build has no MPI.
void join_job();
/// Share `number` of `count`, from 1.
void take_share(int number, int count);

/// Returns when every rank of the job has called it. At once where there is no job.
void wait_for_job();
/// The common work is done: the first rank is alone from here on, and so is every process that called no join_job().
void disband_job();
/// For a process whose part is done, where another goes on: ends its command well.
struct ShareDone {};

/// Before the end of a process that ends well: without it mpirun ends all others.
void leave_job();

}  // namespace warpvae
