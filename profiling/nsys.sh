#!/usr/bin/env bash
# nsys.sh [--step] PROGRAM [MODEL] [-- OPTION...]
#
# A timeline of one model's training by PROGRAM, one epoch, with the NVTX ranges of the domain `warpvae` (training, epoch,
# step, gather, encoder.forward, ...); launched without CUDA graphs, so that every kernel stands under its range. OPTIONs go
# to the program, such as --train-images 6000. With --step: one training step alone. Prints the time of every range, on the
# host and on the GPU, and of every kernel; writes OUTPUT.nsys-rep (build/nsys-PROGRAM-MODEL) for Nsight Systems.
# docs/profiling.md shows how to read it. The exact command:
#
#   nsys profile --trace=cuda,nvtx,cublas --cuda-memory-usage=true --force-overwrite=true --output=OUTPUT
#       build/cuda/bin/PROGRAM train --no-graph --quiet --epochs 1 --seeds 1 ... --out SCRATCH
#
# and with --step, where the profiler waits for the step:
#
#   nsys profile --capture-range=cudaProfilerApi --capture-range-end=stop ... build/cuda/bin/bench_... --profile
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=profiling/workloads.sh
source "$root/profiling/workloads.sh"
of_step=0
if [[ ${1:-} == --step ]]; then of_step=1 && shift; fi
names=()
while [[ $# -gt 0 && $1 != -- ]]; do names+=("$1") && shift; done
if [[ ${1:-} == -- ]]; then shift; fi
if [[ ${#names[@]} -lt 1 || ${#names[@]} -gt 2 ]] || ! workload "${names[@]}"; then explain; fi
need nsys nsight-systems
output=${OUTPUT:-$root/build/nsys-$program-$model}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
profile=(nsys profile --trace=cuda,nvtx,cublas --cuda-memory-usage=true --force-overwrite=true --output="$output")
if ((of_step)); then
    "${profile[@]}" --capture-range=cudaProfilerApi --capture-range-end=stop "${step[@]}" "$@"
else
    "${profile[@]}" "${training[@]}" --out "$scratch/run" "$@"
fi
nsys stats --report nvtx_sum --report nvtx_gpu_proj_sum --report cuda_gpu_kern_sum "$output.nsys-rep"
