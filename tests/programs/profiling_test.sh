#!/usr/bin/env bash
# profiling_test.sh BUILD: nsys.sh and ncu.sh with profilers of our own, which run the program that they are given. Every
# model's training and every model's step must run, and the profilers must be told what docs/profiling.md says.
set -uo pipefail
build=$(cd "$1" && pwd)
profiling=$(cd "$(dirname "$0")/../../profiling" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export WARPVAE_DATA=$scratch/no-data PATH=$scratch:$PATH BUILD=$build OUTPUT=$scratch/report CALLS=$scratch/calls
cat >"$scratch/nsys" <<'END'
#!/usr/bin/env bash
# Options with values are written --name=value.
echo "nsys $*" >>"$CALLS"
if [[ $1 == stats ]]; then exec test -e "${*: -1}"; fi
shift
for option in "$@"; do
    if [[ $option == --output=* ]]; then touch "${option#--output=}.nsys-rep"; fi
done
while [[ $1 == --* ]]; do shift; done
exec "$@"
END
cat >"$scratch/ncu" <<'END'
#!/usr/bin/env bash
echo "ncu $*" >>"$CALLS"
if [[ $1 == --import ]]; then exec test -e "$2"; fi
csv=0
while [[ $1 == --* ]]; do
    case $1 in
        --export) touch "$2.ncu-rep" && shift 2 ;;
        --csv) csv=1 && shift ;;
        --profile-from-start | --set | --import-source | --kernel-name | --clock-control | --metrics | --page) shift 2 ;;
        *) shift ;;
    esac
done
"$@" || exit
if ((csv)); then
    echo '==PROF== Disconnected'
    echo '"ID","Kernel Name","Block Size","Grid Size","gpu__time_duration.sum"'
    echo '"","","","","ns"'
    echo '"0","void warpvae::gather_kernel<float>(T1 *, int)","(256, 1, 1)","(128, 1, 1)","6,940"'
    echo '"1","warpvae::<unnamed>::copy(float *)","(32, 1, 1)","(1, 1, 1)","500"'
fi
END
chmod +x "$scratch/nsys" "$scratch/ncu"
failed=0
fail() { echo "$*"; tail -5 "$scratch/log"; failed=1; }
# expect STATUS TEXT COMMAND...: how COMMAND ends, and what stands in what it says or in what the profilers were told.
expect() {
    local status=$1 text=$2 ended=0
    shift 2
    : >"$CALLS"
    "$@" >"$scratch/log" 2>&1 || ended=$?
    [[ $ended == "$status" ]] || fail "$(basename "$*"): status $ended, wanted $status"
    grep -qF -e "$text" "$scratch/log" "$CALLS" || fail "$*: no \"$text\""
}
few=(-- --train-images 1200 --test-images 100)
models="invariance/vae spatial/vae spatial/affine-tvae spatial/tps-tvae spatial/affine-dtvae equivae/supervised equivae/semi
        equivae/gaussian geometry/k5 geometry/k50"
for of in $models; do
    program=${of%/*} model=${of#*/}
    expect 0 "bin/$program train --no-graph" "$profiling/nsys.sh" "$program" "$model" "${few[@]}"
    grep -q "stats .*nvtx_gpu_proj_sum .*cuda_gpu_kern_sum $OUTPUT.nsys-rep" "$CALLS" || fail "$of: no statistics"
    expect 0 "profiled step 3" "$profiling/ncu.sh" "$program" "$model"
    grep -q -- "--import $OUTPUT.ncu-rep" "$CALLS" || fail "$of: no details"
done
expect 0 "--capture-range=cudaProfilerApi" "$profiling/nsys.sh" --step spatial
grep -q "profiled step 3" "$scratch/log" || fail "nsys.sh --step: no step"
expect 0 "--kernel-name regex:bernoulli" "$profiling/ncu.sh" --kernel bernoulli invariance
expect 0 "--replicas 2" "$profiling/ncu.sh" invariance vae -- --replicas 2
expect 0 "| \`gather_kernel<float>\` | (128, 1, 1) | (256, 1, 1) | 6.9 |" "$profiling/ncu.sh" --times geometry k5
grep -qF "| \`copy\` | (1, 1, 1) | (32, 1, 1) | 0.5 |" "$scratch/log" || fail "launch_table.py: a name"
grep -qF "2 launches, 7 us in all" "$scratch/log" || fail "launch_table.py: the sum"
echo "nothing" | python3 "$profiling/launch_table.py" >"$scratch/log" 2>&1 && fail "launch_table.py takes nothing for launches"
# The operations' table as a page: a heading, a bar that is low, and no table.
page() { printf 'a card\n\n| operation | floor, us | share |\n| --- | ---: | ---: |\n| **losses** | | |\n| psnr (784) | 2.0 | 31 %% |\n' | python3 "$profiling/kernels_page.py"; }
expect 0 '<tr class="subject"><td>losses</td>' page
grep -qF '<td>31 %</td><td><div class="bar low"><div style="width: 31%">' "$scratch/log" || fail "kernels_page.py: no bar"
echo "nothing" | python3 "$profiling/kernels_page.py" >"$scratch/log" 2>&1 && fail "kernels_page.py takes nothing for a table"
# What is refused, and how.
expect 2 "nsys.sh [--step] PROGRAM" "$profiling/nsys.sh"
expect 2 "spatial     vae affine-tvae" "$profiling/ncu.sh" spatial k5
expect 2 "ncu.sh [--kernel" "$profiling/ncu.sh" --kernel
BUILD=$scratch/none expect 127 "none/bin/invariance" "$profiling/nsys.sh" invariance
rm "$scratch/ncu"
if ! command -v ncu >/dev/null; then expect 1 "ncu.sh: ncu is not installed" "$profiling/ncu.sh" invariance; fi
exit $failed
