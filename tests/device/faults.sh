#!/bin/sh
# Plants faults in kernels and looks whether the sanitizer of this build names their lines; the right twins must pass.
#   tests/device/faults.sh address|thread PROGRAM
sanitizer=$1 program=$2
unset WARPVAE_CPU WARPVAE_THREADS WARPVAE_PROTECT
source=$(dirname "$0")/faults/sanitizer_faults.cu
report=$(mktemp) || exit 1
trap 'rm -f "$report"' EXIT
failures=0
complain() {
    echo "FAILED: $1"
    sed 's/^/    /' "$report" | head -40
    failures=$((failures + 1))
}

# found FAULT MARK REPORT: the program must fail with REPORT and every line marked "MARK: found here".
found() {
    if "$program" "$1" wrong >"$report" 2>&1; then complain "$1 was not found"; return; fi
    grep -q "$3" "$report" || { complain "$1: the report does not say '$3'"; return; }
    for line in $(grep -n "// $2: found here" "$source" | cut -d: -f1); do
        grep -q "sanitizer_faults.cu:$line" "$report" || { complain "$1: the report does not name line $line"; return; }
    done
    echo "found: $1"
    passes "$1"
}
passes() {
    "$program" "$1" right >"$report" 2>&1 || { complain "the right twin of $1 does not pass"; return; }
    echo "passes: the right twin of $1"
}

case $sanitizer in
address)
    found static-overrun static-overrun "index 64 out of bounds"
    found pointer-overrun pointer-overrun "AddressSanitizer: global-buffer-overflow"
    found dynamic-overrun dynamic-overrun "AddressSanitizer: heap-buffer-overflow"
    found dynamic-overrun-of-one-thread dynamic-overrun "AddressSanitizer: heap-buffer-overflow"
    found global-overrun global-overrun "AddressSanitizer: heap-buffer-overflow"
    ;;
thread)
    found missing-barrier missing-barrier "ThreadSanitizer: data race"
    found missing-second-barrier missing-second-barrier "ThreadSanitizer: data race"
    found missing-block-barrier missing-block-barrier "ThreadSanitizer: data race"
    found missing-warp-barrier missing-warp-barrier "ThreadSanitizer: data race"
    passes many-blocks
    ;;
*) echo "usage: $0 address|thread PROGRAM" >&2; exit 2 ;;
esac
for way in lanes lanes-reverse lanes-shuffle; do
    export WARPVAE_CPU="$way"
    passes many-blocks
done
[ "$failures" = 0 ] || { echo "$failures of the planted faults slipped through"; exit 1; }
