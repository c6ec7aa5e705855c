#!/usr/bin/env bash
# compute-sanitizer's four tools over test programs, several at a time: a line for each tool, then one for each run that
# was not clean, with its log.
#   tests/compute_sanitizer.sh BIN LOGS TEST...    programs BIN/TEST, logs LOGS/TOOL-TEST.log
# JOBS=N: so many at a time (default: the cores). RUN_LIMIT, TOTAL_LIMIT: seconds for one run and for all (240, 600). A run
# that was cut off or never began fails too: what was not checked is not clean.
set -u
bin=$1 logs=$2
shift 2
mkdir -p "$logs"
rm -f "$logs"/*.log "$logs"/*.verdict
export bin logs run_limit=${RUN_LIMIT:-240} end=$(($(date +%s) + ${TOTAL_LIMIT:-600}))

# check TOOL TEST: one run. Its verdict, "clean" or what was wrong, goes to LOGS/TOOL-TEST.verdict.
check() {
    local tool=$1 name=$2 log=$logs/$1-$2.log limit=$((end - $(date +%s))) status=0 verdict=clean
    if ((limit > run_limit)); then limit=$run_limit; fi
    if ((limit < 1)); then
        verdict="not run, no time left"
    else
        timeout -k 5 "$limit" compute-sanitizer --tool "$tool" --error-exitcode 9 "$bin/$name" >"$log" 2>&1 </dev/null || status=$?
        case $status in
            0) ;;
            124 | 137) verdict="cut off after $limit s, see $log" ;;
            *) verdict="status $status, $(sed -n 's/^=* *\(ERROR SUMMARY.*\)/\1, /p' "$log" | tail -1)see $log" ;;
        esac
    fi
    echo "$verdict" >"$logs/$tool-$name.verdict"
}
export -f check

tools=(memcheck racecheck initcheck synccheck)
for tool in "${tools[@]}"; do
    for name in "$@"; do echo "$tool $name"; done
done | xargs -P "${JOBS:-$(nproc)}" -L 1 bash -c 'check "$@"' _

unclean=()
for tool in "${tools[@]}"; do
    clean=0
    for name in "$@"; do
        verdict=$(cat "$logs/$tool-$name.verdict" 2>/dev/null || echo "not run")
        if [[ $verdict == clean ]]; then
            clean=$((clean + 1))
        else
            unclean+=("$tool $name: $verdict")
        fi
    done
    echo "compute-sanitizer $tool: $clean of $# clean"
done
if ((${#unclean[@]})); then
    printf '%s\n' "${unclean[@]}"
    exit 1
fi
