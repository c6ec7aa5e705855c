#!/usr/bin/env bash
# Installs the kernel library of each build folder given (default: build/cpu) into a temporary prefix and builds the
# project in this folder against it; runs it where the device answers. Then the same project with warpvae within it, by
# add_subdirectory and by FetchContent (for CUDA configured only). Also: every public header compiles alone as C++17, and
# a kernel is taken with few others.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
builds=("$@")
if [[ ${#builds[@]} -eq 0 ]]; then builds=("$root/build/cpu"); fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "consumer: $1" >&2; exit 1; }
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache); fi
quietly() { "$@" >"$scratch/log" 2>&1 || { tail -30 "$scratch/log" >&2; fail "failed: $*"; }; }

# run FOLDER WAY: the two programs in FOLDER, where there is a device for them.
run() {
    local program output
    for program in one_kernel whole_library; do
        if [[ $device == cuda ]] && ! nvidia-smi -L >/dev/null 2>&1; then
            echo "consumer: $device, $2: $program builds (no GPU to run it on)"
        else
            output=$("$1/$program") || fail "$device, $2: $program printed: $output"
            echo "consumer: $device, $2: $program: $output"
        fi
    done
}
# configure_within WAY [-DNAME=VALUE...]: the project with warpvae within it. No target but the library may come along.
configure_within() {
    local way=$1 cuda=OFF
    shift
    if [[ $device == cuda ]]; then cuda=ON; fi
    quietly cmake -S "$here" -B "$scratch/$device-within" -G Ninja -DCMAKE_BUILD_TYPE=Release "${launcher[@]}" \
        -DWARPVAE_CUDA=$cuda -DWARPVAE_FROM="$way" "$@"
    ! ninja -C "$scratch/$device-within" -t targets all | grep -E '^([a-z_]+_tests?|bench_[a-z_]+|warpvae_(host|data)):' ||
        fail "$way brings more than the library"
    echo "consumer: $device, $way: configures"
}
# taking PREFIX HEADER FILES LINES: compiling HEADER alone reads no more files of the project, and lines, than these.
taking() {
    local read files lines
    read=$(c++ -std=c++17 -MM -x c++ -I"$1" "$1/$2" | tr ' \\' '\n\n' | grep "^$1/" | sort -u)
    files=$(wc -l <<<"$read") lines=$(xargs cat <<<"$read" | wc -l)
    ((files > 0 && files <= $3 && lines <= $4)) ||
        fail "$2 takes $files files and $lines lines of the project; at most $3 and $4"
    echo "consumer: $2 alone takes $files files, $lines lines"
}
build_within() {
    quietly cmake --build "$scratch/$device-within" -j "${JOBS:-$(nproc)}"
    run "$scratch/$device-within" "$1"
}

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
    run "$project" package
    configure_within subdirectory -DWARPVAE_SOURCE="$root"
    if [[ $device == cpu ]]; then build_within subdirectory; fi
    # An archive has no .git. What is built is the tree, as FetchContent's users develop: in the same place, for its objects.
    tar -czf "$scratch/warpvae.tar.gz" --exclude=./build --exclude=./.git -C "$root" .
    configure_within fetch -DWARPVAE_SOURCE="$scratch/warpvae.tar.gz"
    if [[ $device == cpu ]]; then
        configure_within fetch -DWARPVAE_SOURCE=none -DFETCHCONTENT_SOURCE_DIR_WARPVAE="$root"
        build_within fetch
    fi
    if [[ $device == cpu ]]; then
        count=0
        while read -r header; do
            quietly c++ -std=c++17 -Wall -Wextra -Wno-unknown-pragmas -fsyntax-only -x c++ -I"$prefix/include/warpvae" \
                -include "$header" /dev/null
            count=$((count + 1))
        done < <(cd "$prefix/include/warpvae" && find cuda -name '*.h' -o -name '*.cuh')
        echo "consumer: $count headers compile alone as C++17"
        taking "$prefix/include/warpvae" cuda/bernoulli.cuh 8 950
        taking "$prefix/include/warpvae" cuda/grid_sample.cuh 12 1550
    fi
done
