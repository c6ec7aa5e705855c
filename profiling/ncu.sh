#!/usr/bin/env bash
# ncu.sh KERNEL [OUTPUT]: every Nsight Compute section of three launches of one kernel, named as in its .cuh (for example
# bernoulli_kernel), after 20 launches of warm-up, in eager training without CUDA graphs. The exact command:
#
#   ncu --set full --import-source yes --kernel-name regex:KERNEL --launch-skip 20 --launch-count 3 \
#       --force-overwrite --export OUTPUT \
#       build/cuda/bin/invariance train --no-graph --quiet --dataset glyphs --epochs 1 --out SCRATCH
#
# Then `ncu --import OUTPUT.ncu-rep`, or open it in Nsight Compute (sources show: the build has -lineinfo).
set -euo pipefail
[[ $# -ge 1 ]] || { echo "usage: ncu.sh KERNEL [OUTPUT]" >&2; exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
kernel=$1 output=${2:-$root/build/ncu-$1}
command -v ncu >/dev/null || { echo "ncu.sh: ncu is not installed (package nsight-compute)" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ncu --set full --import-source yes --kernel-name "regex:$kernel" --launch-skip 20 --launch-count 3 \
    --force-overwrite --export "$output" \
    "$root/build/cuda/bin/invariance" train --no-graph --quiet --dataset glyphs --epochs 1 --out "$scratch/run"
ncu --import "$output.ncu-rep" --page details --print-summary per-kernel
