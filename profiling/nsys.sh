#!/usr/bin/env bash
# nsys.sh [OUTPUT]: a timeline of one epoch with the NVTX ranges of the domain `warpvae` (training, epoch, step,
# gather, encoder.forward, ...), launched without CUDA graphs so that every kernel stands under its range. The exact command:
#
#   nsys profile --trace=cuda,nvtx,cublas --cuda-memory-usage=true --force-overwrite=true --output=OUTPUT \
#       build/cuda/bin/invariance train --no-graph --quiet --dataset glyphs --epochs 1 --out SCRATCH
#
# Then `nsys stats OUTPUT.nsys-rep`, or open it in Nsight Systems.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
output=${1:-$root/build/nsys}
command -v nsys >/dev/null || { echo "nsys.sh: nsys is not installed (package nsight-systems)" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
nsys profile --trace=cuda,nvtx,cublas --cuda-memory-usage=true --force-overwrite=true --output="$output" \
    "$root/build/cuda/bin/invariance" train --no-graph --quiet --dataset glyphs --epochs 1 --out "$scratch/run"
nsys stats --report nvtx_sum --report cuda_gpu_kern_sum "$output.nsys-rep"
