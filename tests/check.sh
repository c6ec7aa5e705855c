#!/usr/bin/env bash
# The long checks, what `make check` runs. One line for each part; a part's whole output is in build/check/PART.log, and
# its end is printed where it fails. The status is 0 only if nothing failed.
#   tests/check.sh [PART...]
#     lint      the architecture's rules, the format, and that the lint (and compute_sanitizer.sh) find what they should
#     lanes     tests of the device and of every kernel with each block as lanes, in three orders; and on one core
#     asan      AddressSanitizer and UndefinedBehaviorSanitizer: everything but the programs, and the kernels as lanes
#     tsan      ThreadSanitizer: the pool of threads, and the kernels as lanes (a missing barrier is a data race)
#     fuzz      where clang and libFuzzer are: each reader of files over its corpus and a second more (`make fuzz`: longer)
#     nvcc      the CUDA build, where nvcc is: warnings and register spills are errors
#     consumer  a project outside this one uses one header and the installed library
#     gpu       where a GPU answers: the tests on it, and the kernels under compute-sanitizer's four tools (10 minutes at most)
# JOBS=N: so many at a time (default: the cores).
cd "$(dirname "$0")/.." || exit 1
jobs=${JOBS:-$(nproc)}
mkdir -p build/check
no_gpu_folder=build/cuda-without-gpu
launcher=()
command -v ccache >/dev/null &&
    launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CUDA_COMPILER_LAUNCHER=ccache)

# build PRESET TARGETS [-DNAME=VALUE...]: configures build/PRESET, or FOLDER, and builds TARGETS (one word, spaces between)
# in it. A folder that is there already keeps its compiler launcher: another would mean to compile everything again.
build() {
    local preset=$1 targets=$2 folder=${FOLDER:-build/$1} options
    shift 2
    options=("$@")
    [ -e "$folder/build.ninja" ] || options+=("${launcher[@]}")
    cmake --preset "$preset" -B "$folder" "${options[@]}" || return 1
    # Once in a while GCC finds the address taken that its precompiled header was made for ("PCH allocation failure").
    # shellcheck disable=SC2086
    cmake --build "$folder" -j "$jobs" --target $targets || cmake --build "$folder" -j "$jobs" --target $targets
}
# tests PRESET ROOM...: runs the tests of these rooms, but those whose names match EXCEPT.
tests() {
    local preset=$1 rooms
    shift
    rooms=$(IFS='|'; echo "$*")
    ctest --test-dir "build/$preset" -L "^($rooms)\$" -E "${EXCEPT:-^\$}" -j "$jobs" --output-on-failure --no-tests=error
}
has_gpu() { nvidia-smi -L >/dev/null 2>&1; }
skip() { echo "$1" >"build/check/skipped"; }
find_nvcc() {
    local candidate
    for candidate in "${CUDACXX:-}" "$(command -v nvcc)" "${CUDA_PATH:-/usr/local/cuda}/bin/nvcc"; do
        [ -x "$candidate" ] && { CUDACXX=$candidate; export CUDACXX; return 0; }
    done
    return 1
}

part_lint() {
    local status=0
    tests/lint_test.sh || status=1
    tests/lint.sh || status=1
    tests/compute_sanitizer_test.sh || status=1
    return $status
}

part_lanes() {
    build cpu "device_tests kernel_tests" || return 1
    local status=0 way
    for way in lanes lanes-reverse lanes-shuffle; do
        echo "--- WARPVAE_CPU=$way"
        WARPVAE_CPU=$way tests cpu device kernel || status=1
    done
    echo "--- one core"
    WARPVAE_CORES=1 tests cpu device kernel || status=1
    return $status
}

# The kernel tests as lanes under a sanitizer, but for those that launch a kernel a thousand times for its values: what a
# sanitizer sees of one launch it sees in the tests beside them, too.
sanitized_lanes() {
    echo "--- WARPVAE_CPU=lanes"
    GTEST_FILTER='-*FiniteDifferences*:*EquallyOften:SoftmaxSgd.SeparatesWhatPlanesSeparate:KarcherMean.TheGradientVanishes' \
        WARPVAE_CPU=lanes tests "$1" kernel
}

part_asan() {
    build asan "device_tests kernel_tests host_tests models_tests" || return 1
    local status=0
    # Learning by heart goes over the same code a thousand times. Kernels whose blocks are always lanes are left to the
    # second run.
    GTEST_FILTER='-*ByHeart*' EXCEPT='^kernel\.(fused_(dense|convolution|gaussian|posterior)|weight_gradients|dense_chain|gather_dense)_test$' \
        tests asan device kernel host models || status=1
    sanitized_lanes asan || status=1
    return $status
}

part_tsan() {
    build tsan "device_tests kernel_tests" || return 1
    local status=0
    export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp ${TSAN_OPTIONS:-}"
    tests tsan device || status=1
    sanitized_lanes tsan || status=1
    return $status
}

part_fuzz() {
    local status=0
    tests/fuzz.sh 1 || status=$?
    [ $status = 77 ] && skip "clang++ with libFuzzer is not installed" && return 0
    return $status
}

part_nvcc() {
    find_nvcc || { skip "nvcc is not installed"; return 0; }
    has_gpu && { build cuda all -DWARPVAE_WERROR=ON; return; }
    # Without a GPU nothing runs for long: the tests' own kernels are compiled to PTX, the tests without kernels not
    # again, and host code for a quick build. In a folder of its own: build/cuda is for tests that run.
    FOLDER=$no_gpu_folder build cuda "warpvae_kernels device_tests kernel_tests programs benchmarks" -DWARPVAE_WERROR=ON \
        -DWARPVAE_HOST_FLAGS=-O0 -DWARPVAE_TESTS_TO_PTX=ON || return 1
    # And the real CUDA build must get as far as saying so, in one line.
    local line status=0
    line=$("$no_gpu_folder/bin/invariance" train --dataset glyphs --out build/check/no-gpu 2>&1) || status=$?
    echo "without a GPU: status $status, \"$line\""
    [ $status = 1 ] && [ "$(echo "$line" | wc -l)" = 1 ] && [[ $line == "invariance: no GPU"* ]] && [ ! -e build/check/no-gpu ]
}

part_consumer() {
    [ -x tests/consumer/check.sh ] || { echo "tests/consumer/check.sh is not there"; return 1; }
    build cpu warpvae_kernels || return 1
    local cuda=build/cuda
    has_gpu || cuda=$no_gpu_folder
    if find_nvcc && [ -e "$cuda/build.ninja" ]; then
        tests/consumer/check.sh build/cpu "$cuda"
    else
        tests/consumer/check.sh build/cpu
    fi
}

part_gpu() {
    { has_gpu && find_nvcc; } || { skip "no GPU and nvcc here"; return 0; }
    build cuda all -DWARPVAE_WERROR=ON || return 1
    local status=0
    tests cuda device kernel host models programs || status=1
    command -v compute-sanitizer >/dev/null || PATH=$PATH:$(dirname "$CUDACXX")
    ctest --test-dir build/cuda -N -L '^kernel$' | sed -n 's/.*kernel\.//p' |
        JOBS=$jobs xargs tests/compute_sanitizer.sh build/cuda/bin build/check/compute-sanitizer || status=1
    return $status
}

parts=("$@")
[ ${#parts[@]} -eq 0 ] && parts=(lint lanes asan tsan fuzz nvcc consumer gpu)
for part in "${parts[@]}"; do
    declare -F "part_$part" >/dev/null || { echo "error: no part '$part'; there are lint lanes asan tsan fuzz nvcc consumer gpu" >&2; exit 2; }
done

failed=()
for part in "${parts[@]}"; do
    log=build/check/$part.log
    rm -f build/check/skipped
    begin=$SECONDS
    if ("part_$part") >"$log" 2>&1; then
        if [ -e build/check/skipped ]; then
            echo "skipped  $part: $(cat build/check/skipped)"
        else
            echo "passed   $part ($((SECONDS - begin)) s)"
        fi
    else
        echo "FAILED   $part ($((SECONDS - begin)) s): the end of $log:"
        tail -40 "$log" | sed 's/^/    /'
        failed+=("$part")
    fi
done
[ ${#failed[@]} -eq 0 ] || { echo "check: FAILED: ${failed[*]}"; exit 1; }
echo "check: all passed"
