#!/usr/bin/env bash
# Installs the kernel library of each build folder given (default: build/cpu) into a temporary prefix and builds the
# project in this folder against it; runs it where the device answers. Also: every public header compiles alone as C++17.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
builds=("$@")
if [[ ${#builds[@]} -eq 0 ]]; then builds=("$root/build/cpu"); fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "consumer: $1" >&2; exit 1; }
quietly() { "$@" >"$scratch/log" 2>&1 || { tail -30 "$scratch/log" >&2; fail "failed: $*"; }; }

for build in "${builds[@]}"; do
    prefix=$scratch/$(basename "$build") project=$scratch/$(basename "$build")-project
    quietly cmake --build "$build" --target warpvae_kernels
    quietly cmake --install "$build" --prefix "$prefix" --component kernels
    grep -q 'set(warpvae_CUDA ON)' "$prefix/lib/cmake/warpvae/warpvaeConfig.cmake" && device=cuda || device=cpu
    if [[ $device == cuda && -z ${CUDACXX:-} ]] && ! command -v nvcc >/dev/null; then
        export CUDACXX=/usr/local/cuda/bin/nvcc
    fi
    quietly cmake -S "$here" -B "$project" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix"
    quietly cmake --build "$project"
    for program in one_kernel whole_library; do
        if [[ $device == cuda ]] && ! nvidia-smi -L >/dev/null 2>&1; then
            echo "consumer: $device: $program builds (no GPU to run it on)"
        else
            output=$("$project/$program") || fail "$device: $program printed: $output"
            echo "consumer: $device: $program: $output"
        fi
    done
    if [[ $device == cpu ]]; then
        count=0
        while read -r header; do
            quietly c++ -std=c++17 -Wall -Wextra -Wno-unknown-pragmas -fsyntax-only -x c++ -I"$prefix/include/warpvae" \
                -include "$header" /dev/null
            count=$((count + 1))
        done < <(cd "$prefix/include/warpvae" && find cuda -name '*.h' -o -name '*.cuh')
        echo "consumer: $count headers compile alone as C++17"
    fi
done
