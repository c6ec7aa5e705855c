#!/usr/bin/env bash
# Fuzzes every reader of files (tests/fuzz/readers.cpp), from its corpus and from what earlier runs found of interest. One
# line for each; the status is 1 if one failed, with the command that fails again, and 77 if clang or its libFuzzer is
# not installed.
#   tests/fuzz.sh [SECONDS [READER...]]     SECONDS for each (60), all readers
cd "$(dirname "$0")/.." || exit 1
seconds=${1:-60}
readers=("${@:2}")
[ ${#readers[@]} -gt 0 ] || mapfile -t readers < <(ls tests/fuzz/corpus)

if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const char*, long) { return 0; }' |
    clang++ -fsanitize=fuzzer,address -xc++ - -o /dev/null 2>/dev/null; then
    echo "clang++ with libFuzzer is not installed (Debian: clang libclang-rt-dev)"
    exit 77
fi
build=build/fuzz program=build/fuzz/bin/fuzz_readers
mkdir -p $build/found
launcher=()
[ -e $build/build.ninja ] || ! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
{ cmake --preset fuzz "${launcher[@]}" && cmake --build $build -j "${JOBS:-$(nproc)}"; } >$build/build.log 2>&1 ||
    { tail -20 $build/build.log; exit 1; }

# Most readers want a file: one in memory, where that can be.
memory=/dev/shm
[ -w $memory ] || memory=${TMPDIR:-/tmp}
TMPDIR=$(mktemp -d "$memory/warpvae-fuzz-XXXXXX") || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
status=0
for reader in "${readers[@]}"; do
    log=$build/$reader.log
    mkdir -p "$build/corpus/$reader"
    # A file of 16 KiB must not ask for more than 256 MiB at once, nor keep a reader busy for long.
    if READER=$reader $program -max_total_time="$seconds" -max_len=16384 -len_control=100 -timeout=20 -malloc_limit_mb=256 \
        -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$build/found/$reader-" \
        "$build/corpus/$reader" "tests/fuzz/corpus/$reader" >"$log" 2>&1; then
        awk -v reader="$reader" '/number_of_executed_units/ { runs = $2 } /average_exec_per_sec/ { rate = $2 }
            / corp: / { corpus = $0; sub(/.* corp: /, "", corpus); sub(/ .*/, "", corpus) }
            END { printf "%-12s %8d executions, %6d/s, corpus %s\n", reader, runs, rate, corpus }' "$log"
    else
        status=1
        found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        echo "FAILED $reader: $(grep -m1 -oE 'not so: .*|ERROR: .*|runtime error: .*' "$log")"
        echo "    again: READER=$reader $program ${found:-(see $log)}"
    fi
done
exit $status
