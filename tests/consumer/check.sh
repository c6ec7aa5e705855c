#!/usr/bin/env bash
# Installs the kernel library of each build folder given (default: build/cpu) into a temporary prefix, and a shared one
# beside it, and builds the project in this folder against both, with find_package and with pkg-config; runs it where the
# device answers. Then the same project with warpvae within it, by add_subdirectory and by FetchContent (for CUDA
# configured only). Also: other versions are refused, every public header compiles alone as C++17, by nvcc too where
# that is there, and a kernel is taken with few others.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
builds=("$@")
if [[ ${#builds[@]} -eq 0 ]]; then builds=("$root/build/cpu"); fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "consumer: $1" >&2; exit 1; }
launcher=()
quick=(-DCMAKE_CXX_FLAGS_RELEASE=-O0)  # what is built here to be linked, once more, need not run fast
if ! nvidia-smi -L >/dev/null 2>&1; then quick+=(-DCMAKE_CUDA_ARCHITECTURES=90a-real); fi
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache); fi
quietly() { "$@" >"$scratch/log" 2>&1 || { tail -30 "$scratch/log" >&2; fail "failed: $*"; }; }

# run FOLDER WAY [PROGRAM...]: the programs in FOLDER, where there is a device for them.
run() {
    local folder=$1 way=$2 program output
    shift 2
    if [[ $# -eq 0 ]]; then set -- one_kernel one_launcher whole_library; fi
    for program in "$@"; do
        if [[ $device == cuda ]] && ! nvidia-smi -L >/dev/null 2>&1; then
            echo "consumer: $device, $way: $program builds (no GPU to run it on)"
        else
            output=$("$folder/$program") || fail "$device, $way: $program printed: $output"
            echo "consumer: $device, $way: $program: $output"
        fi
    done
}
# package PREFIX WAY: the project against the package installed there, by CMake and by pkg-config and the compiler alone.
package() {
    local project=$1-project plain=$1-plain flags=() program
    quietly cmake -S "$here" -B "$project" -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$1" -DWARPVAE_VERSION="${version%.*}"
    quietly cmake --build "$project" -j "${JOBS:-$(nproc)}"
    run "$project" "$2"
    mkdir -p "$plain"
    export PKG_CONFIG_PATH=$1/lib/pkgconfig
    [[ $(pkg-config --modversion warpvae) == "$version" ]] || fail "pkg-config: not version $version"
    read -ra flags <<<"$(pkg-config --cflags --libs warpvae) -Wl,-rpath,$1/lib"
    if [[ $device == cuda ]]; then flags+=(-DCONSUMER_CUDA -isystem "$(dirname "$(dirname "$CUDACXX")")/include" -lcudart); fi
    for program in one_launcher whole_library; do
        quietly c++ -std=c++17 -O1 -Wall -Wextra "$here/$program.cpp" -o "$plain/$program" \
            "${flags[@]}"
    done
    run "$plain" "$2, pkg-config" one_launcher whole_library
}
# refuses PREFIX VERSION: a project that wants VERSION does not get what is installed there.
refuses() {
    ! cmake -S "$here" -B "$scratch/refused-$2" -DCMAKE_PREFIX_PATH="$1" -DWARPVAE_VERSION="$2" >"$scratch/log" 2>&1 ||
        fail "find_package(warpvae $2) takes version $version"
    grep -q 'compatible with requested version' "$scratch/log" || fail "find_package(warpvae $2): no word about the version"
}
# shared BUILD PREFIX: installs the shared library there, built as BUILD is.
shared() {
    local options=()
    while read -r line; do options+=("-D$line"); done < <(grep -E '^(WARPVAE_(CUDA|NATIVE)|CMAKE_(BUILD_TYPE|CUDA_ARCHITECTURES|CUDA_COMPILER)):' "$1/CMakeCache.txt")
    quietly cmake -S "$root" -B "$2-build" -G Ninja "${launcher[@]}" "${options[@]}" "${quick[@]}" -DBUILD_SHARED_LIBS=ON -DWARPVAE_TESTS=OFF -DWARPVAE_PROGRAMS=OFF
    quietly cmake --build "$2-build" -j "${JOBS:-$(nproc)}" --target warpvae_kernels
    quietly cmake --install "$2-build" --prefix "$2" --component kernels
    [[ -e $2/lib/libwarpvae_kernels.so.${version%.*} && ! -e $2/lib/libwarpvae_kernels.a ]] || fail "no shared library of version ${version%.*}"
}
# headers PREFIX NAMES COMPILER...: every header there with a name like NAMES compiles alone. COMPILER reads an empty source after `-include HEADER`.
headers() {
    local include=$1/include/warpvae names=$2 found
    shift 2
    found=$(cd "$include" && find cuda -name "$names")
    xargs -P "${JOBS:-$(nproc)}" -I{} \
        sh -c 'header=$1; shift; said=$("$@" -include "$header" 2>&1) || { echo "$header: $said"; exit 255; }' - {} "$@" -I"$include" \
        <<<"$found" >"$scratch/log" 2>&1 || { tail -30 "$scratch/log" >&2; fail "a header does not compile alone: $*"; }
    echo "consumer: $(wc -l <<<"$found") headers $names compile alone as C++17, by $1"
}
# configure_within WAY [-DNAME=VALUE...]: the project with warpvae within it. No target but the library may come along.
configure_within() {
    local way=$1 cuda=OFF
    shift
    if [[ $device == cuda ]]; then cuda=ON; fi
    quietly cmake -S "$here" -B "$scratch/$device-within" -G Ninja -DCMAKE_BUILD_TYPE=Release "${launcher[@]}" "${quick[@]}" \
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

version=$(sed -n 's/^project(warpvae VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
echo >"$scratch/empty.cu"
for build in "${builds[@]}"; do
    prefix=$scratch/$(basename "$build")
    quietly cmake --build "$build" --target warpvae_kernels
    quietly cmake --install "$build" --prefix "$prefix" --component kernels
    grep -q 'set(warpvae_CUDA ON)' "$prefix/lib/cmake/warpvae/warpvaeConfig.cmake" && device=cuda || device=cpu
    if [[ $device == cuda && -z ${CUDACXX:-} ]] && ! command -v nvcc >/dev/null; then
        export CUDACXX=/usr/local/cuda/bin/nvcc
    fi
    package "$prefix" package
    refuses "$prefix" 0.1
    refuses "$prefix" 0.3
    shared "$build" "$prefix-shared"
    package "$prefix-shared" "shared package"
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
        headers "$prefix" '*.*h' c++ -std=c++17 -Wall -Wextra -Werror -Wno-unknown-pragmas -fsyntax-only -x c++ "$scratch/empty.cu"
        taking "$prefix/include/warpvae" cuda/bernoulli.cuh 8 1000
        taking "$prefix/include/warpvae" cuda/grid_sample.cuh 12 1600
    else
        headers "$prefix" '*.cuh' "$CUDACXX" -std=c++17 -arch=sm_90 -Werror=all-warnings --ptx -o /dev/null "$scratch/empty.cu"
    fi
done
