#!/usr/bin/env bash
# ncu.sh [--kernel REGEX | --times] PROGRAM [MODEL] [-- OPTION...]
#
# Nsight Compute on one training step of a model of PROGRAM, the third one, launched without CUDA graphs: every section of
# every launch, or of the kernels whose names, as in their .cuh, match REGEX (for example bernoulli). OPTIONs go to the step's
# benchmark, such as --replicas 32. Writes OUTPUT.ncu-rep (build/ncu-PROGRAM-MODEL) for Nsight Compute; sources show, as the
# build has -lineinfo. With --times: microseconds alone, as a table of the launches in their order; docs/profiling.md shows how
# to read it. The exact commands:
#
#   ncu --profile-from-start off --set full --import-source yes [--kernel-name regex:REGEX] --force-overwrite --export OUTPUT
#       build/cuda/bin/bench_... --profile
#   ncu --profile-from-start off --clock-control none --metrics gpu__time_duration.sum --csv --page raw ... | launch_table.py
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=profiling/workloads.sh
source "$root/profiling/workloads.sh"
of_times=0 only=()
case ${1:-} in
    --times) of_times=1 && shift ;;
    --kernel) [[ $# -gt 1 ]] || explain; only=(--kernel-name "regex:$2") && shift 2 ;;
esac
names=()
while [[ $# -gt 0 && $1 != -- ]]; do names+=("$1") && shift; done
if [[ ${1:-} == -- ]]; then shift; fi
if [[ ${#names[@]} -lt 1 || ${#names[@]} -gt 2 ]] || ! workload "${names[@]}"; then explain; fi
need ncu nsight-compute
output=${OUTPUT:-$root/build/ncu-$program-$model}
if ((of_times)); then
    # Clocks as they are: locked to the base clock a step takes longer than in training.
    ncu --profile-from-start off --clock-control none --metrics gpu__time_duration.sum --csv --page raw "${step[@]}" "$@" |
        python3 "$root/profiling/launch_table.py"
else
    ncu --profile-from-start off --set full --import-source yes "${only[@]}" --force-overwrite --export "$output" "${step[@]}" "$@"
    ncu --import "$output.ncu-rep" --page details --print-summary per-kernel
fi
