#!/usr/bin/env bash
# check.sh BUILD: installs the kernel library of this build folder into a temporary prefix, the operations against it as
# README.md says, and runs their tests. Status 77 (skipped), with the reason, where $PYTHON (default: python3) has no torch
# of 2.4 or later, or nothing to build with.
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
skip() { echo "skipped: $1"; exit 77; }
"$python" -c 'import torch; exit(tuple(map(int, torch.__version__.split(".")[:2])) < (2, 4))' 2>/dev/null ||
    skip "$python has no torch of 2.4 or later"
"$python" -c 'import setuptools.command.bdist_wheel, pip' 2>/dev/null || skip "$python has no pip, or no setuptools of 70.1 or later"
if grep -q '^WARPVAE_CUDA:BOOL=ON' "$build/CMakeCache.txt"; then
    "$python" -c 'import torch; exit(torch.version.cuda is None)' || skip "this is a CUDA build, and torch has no CUDA"
    nvidia-smi -L >/dev/null 2>&1 || skip "this is a CUDA build, and no GPU answers"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
quietly() { "$@" >"$scratch/log" 2>&1 || { tail -30 "$scratch/log" >&2; echo "failed: $*" >&2; exit 1; }; }
quietly cmake --build "$build" --target warpvae_kernels
quietly cmake --install "$build" --prefix "$scratch/prefix" --component kernels
cp -r "$here" "$scratch/source"  # setuptools builds where the sources are
export WARPVAE_PREFIX=$scratch/prefix
quietly "$python" -m pip install --no-build-isolation --no-deps --target "$scratch/site" "$scratch/source"
cd "$scratch/source"
rm warpvae.py  # the installed one is tested
PYTHONPATH=$scratch/site "$python" -W "ignore:Since version 1.3.0" -m unittest test_ops  # of an axis of one pixel
