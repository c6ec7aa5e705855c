#!/usr/bin/env bash
# reproduce_test.sh BUILD: host/reproduce.sh with programs of our own in the place of the four: what it calls, when it
# stops, what it says of what did not fit; and the page and statements.json that the real `collect` makes of it.
set -uo pipefail
build=$(cd "$1" && pwd)
reproduce=$(cd "$(dirname "$0")/../../host" && pwd)/reproduce.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() { echo "FAILED: $*"; failed=1; }
mkdir "$scratch/bin"
export CALLS=$scratch/calls SLOW=
cat >"$scratch/bin/invariance" <<'END'
#!/usr/bin/env bash
# Does nothing; $SLOW: the program whose report takes longer than any limit.
name=$(basename "$0")
echo "$name $*" >>"$CALLS"
if [[ " $* " == *" --dry-run "* ]]; then
    if [[ $name == geometry ]]; then echo "in all                 4:10"; else echo "in all                 0:15"; fi
    exit 0
fi
while [[ $# -gt 0 ]]; do
    case $1 in --out | --resume) folder=$2 ;; report | evaluate) command=$1 ;; esac
    shift
done
mkdir -p "$folder"
touch "$folder/config.toml"
if [[ $command == report && $name == "$SLOW" ]]; then trap 'exit 1' INT; for _ in $(seq 3000); do sleep 0.1; done; fi
if [[ $command == report && $name == geometry ]]; then exit 1; fi
exit 0
END
chmod +x "$scratch/bin/invariance"
for name in spatial equivae geometry; do cp "$scratch/bin/invariance" "$scratch/bin/$name"; done
cp "$build/bin/collect" "$scratch/bin/"

# refused WORD ARGUMENTS: with status 2 and one line that has the word.
refused() {
    local word=$1 status=0
    shift
    "$reproduce" "$scratch/bin" "$@" >/dev/null 2>"$scratch/error" || status=$?
    [[ $status -eq 2 && $(wc -l <"$scratch/error") -eq 1 ]] && grep -q -- "$word" "$scratch/error" ||
        fail "$* ends with $status: $(cat "$scratch/error")"
}
refused "GRID=huge" huge "$scratch/new"
refused "MINUTES=soon" quick "$scratch/new" soon
[[ ! -e $scratch/new ]] || fail "a refused call writes nothing"

out=$scratch/run
"$reproduce" "$scratch/bin" quick "$out" >"$scratch/out" 2>&1
[[ $? -eq 1 ]] || fail "geometry failed, so the whole must: $(cat "$scratch/out")"
grep -q "invariance  under a minute" "$scratch/out" || fail "the cost: $(head -5 "$scratch/out")"
grep -q "geometry  4 min" "$scratch/out" || fail "the cost: $(head -5 "$scratch/out")"
[[ $(grep -c " report --grid quick --dataset auto --out " "$CALLS") -eq 4 ]] || fail "four reports: $(cat "$CALLS")"
[[ -s $out/index.html ]] || fail "no page"
grep -q "The program ended with status 1" "$out/index.html" || fail "the reason of a failure"
python3 - "$out/statements.json" <<'END' || fail "statements.json"
import json, sys
statements = json.load(open(sys.argv[1]))
assert len({s["paper"] for s in statements}) == 4, "four papers"
for s in statements:
    assert s["verdict"] == "NOT RUN" and s["reason"] and s["rule"], s
END

rm "$CALLS"
"$reproduce" "$scratch/bin" quick "$out" >"$scratch/out" 2>&1
[[ $(grep -c " report --resume " "$CALLS") -eq 4 ]] || fail "a second call goes on: $(cat "$CALLS")"
grep -q -e "--dry-run" "$CALLS" && fail "a second call needs no probe"
refused "holds GRID=quick" paper "$out"

# Findings stand on the page while the run's statements are of the same settings.
found='[{"paper": "Mills (2024)", "id": "S1", "text": "a finding", "rule": "r", "verdict": "HOLDS", "reason": "so.", "p": 1,
  "origin": "settings", "measured": {"quantity": "q", "paper": null, "mean": 1, "std": null, "n": 1, "values": [1]}}]'
echo "$found" >"$out/invariance/findings.json"
statements=${found//a finding/a statement}
echo "$statements" >"$out/invariance/statements.json"
"$scratch/bin/collect" "$out" >/dev/null && grep -q "S1: a finding" "$out/index.html" || fail "a finding is not on the page"
echo "${statements/settings/others}" >"$out/invariance/statements.json"
"$scratch/bin/collect" "$out" >/dev/null && ! grep -q "S1: a finding" "$out/index.html" || fail "a finding of other settings is on the page"
grep -q "run its report again" "$out/index.html" || fail "why a finding is left out"
rm "$out/invariance/"{findings,statements}.json

rm "$CALLS"
begin=$(date +%s)
SLOW=spatial "$reproduce" "$scratch/bin" quick "$scratch/short" 1 >"$scratch/out" 2>&1
[[ $(($(date +%s) - begin)) -le 75 ]] || fail "MINUTES=1 took $(($(date +%s) - begin)) s"
grep -q "spatial evaluate" "$CALLS" || fail "what was trained is evaluated: $(cat "$CALLS")"
grep -q "MINUTES=1 were over" "$scratch/short/index.html" || fail "the reason of what did not fit"
[[ $(grep -c "^equivae report --grid quick --dataset auto --out" "$CALLS") -eq 1 ]] || fail "the others are run: $(cat "$CALLS")"

rm "$CALLS"
WARPVAE_SETTINGS="--dataset glyphs" "$reproduce" "$scratch/bin" quick "$scratch/glyphs" >"$scratch/out" 2>&1
grep -q "dataset auto" "$CALLS" && fail "a data set that was asked for stays: $(cat "$CALLS")"
exit $failed
