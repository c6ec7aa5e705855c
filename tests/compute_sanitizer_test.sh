#!/usr/bin/env bash
# compute_sanitizer.sh on a machine without a GPU: a compute-sanitizer of our own that finds what it is told to.
set -uo pipefail
script=$(cd "$(dirname "$0")" && pwd)/compute_sanitizer.sh
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/compute-sanitizer" <<'END'
#!/usr/bin/env bash
# --tool TOOL --error-exitcode 9 PROGRAM
case "$2 $(basename "$5")" in
    "racecheck racy_test") echo "========= ERROR SUMMARY: 3 errors"; exit 9 ;;
    *" slow_test") exec sleep 60 ;;
esac
echo "========= ERROR SUMMARY: 0 errors"
END
chmod +x "$folder/compute-sanitizer"
export PATH=$folder:$PATH JOBS=4
failed=0
# expect STATUS LINES TEST...: what the script says and how it ends.
expect() {
    local status=$1 lines=$2 said ended=0
    shift 2
    said=$("$script" "$folder" "$folder/logs" "$@" | sed "s#$folder#F#g; s/after [0-9]* s/after N s/") || ended=$?
    if [[ $ended == "$status" && $said == "$lines" ]]; then return; fi
    printf 'compute_sanitizer.sh %s: status %s, wanted %s; it said\n%s\nwanted\n%s\n' "$*" "$ended" "$status" "$said" "$lines"
    failed=1
}
summary() { printf 'compute-sanitizer %s clean\n' "memcheck: $1" "racecheck: $2" "initcheck: $3" "synccheck: $4"; }

expect 0 "$(summary "2 of 2" "2 of 2" "2 of 2" "2 of 2")" good_test other_test
expect 1 "$(summary "2 of 2" "1 of 2" "2 of 2" "2 of 2")
racecheck racy_test: status 9, ERROR SUMMARY: 3 errors, see F/logs/racecheck-racy_test.log" good_test racy_test
RUN_LIMIT=3 expect 1 "$(summary "1 of 2" "1 of 2" "1 of 2" "1 of 2")
$(for tool in memcheck racecheck initcheck synccheck; do echo "$tool slow_test: cut off after N s, see F/logs/$tool-slow_test.log"; done)" slow_test good_test
JOBS=1 TOTAL_LIMIT=2 expect 1 "$(summary "0 of 1" "0 of 1" "0 of 1" "0 of 1")
memcheck slow_test: cut off after N s, see F/logs/memcheck-slow_test.log
$(for tool in racecheck initcheck synccheck; do echo "$tool slow_test: not run, no time left"; done)" slow_test
exit $failed
