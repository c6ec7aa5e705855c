#!/usr/bin/env bash
# shares_test.sh BUILD: a run dealt out to 1, 2 and 3 processes, by --share and by mpirun, ends with the bits and the
# table of a run by one process, and refuses what would spoil the other shares' work.
set -uo pipefail
bin=$(cd "$1" && pwd)/bin
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export WARPVAE_DATA=$scratch/no-data WARPVAE_CORES=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
settings="--dataset glyphs --train-images 300 --test-images 100 --epochs 2 --seeds 2 --latents 2,3 --hidden 16
          --train-set s --benchmark none"
failed=0
fail() { echo "FAILED: $*"; failed=1; }
invariance() { "$bin/invariance" "$@"; }
# digests DIR: of every model, result and table.
digests() {
    (cd "$1" && find . \( -name model.safetensors -o -name table.json -o -name statements.json \) | sort |
        xargs sha256sum)
}
# refused WORD ARGUMENTS: with status 2 and one line that has the word.
refused() {
    local word=$1 status=0
    shift
    invariance "$@" >/dev/null 2>"$scratch/error" || status=$?
    [[ $status -eq 2 && $(wc -l <"$scratch/error") -eq 1 ]] && grep -q -- "$word" "$scratch/error" ||
        fail "$* ends with $status: $(cat "$scratch/error")"
}

# shellcheck disable=SC2086
invariance table $settings --quiet --out "$scratch/one" >/dev/null || fail "one process"
digests "$scratch/one" >"$scratch/expected"
[[ $(grep -c model.safetensors "$scratch/expected") -eq 4 ]] || fail "four models, not $(cat "$scratch/expected")"

for n in 2 3; do
    folder=$scratch/share-$n
    for k in $(seq "$n"); do
        # shellcheck disable=SC2086
        invariance table $settings --quiet --share "$k/$n" --out "$folder" >/dev/null 2>"$scratch/error-$k" &
        shares[k]=$!
    done
    for k in $(seq "$n"); do wait "${shares[k]}" || fail "share $k of $n: $(cat "$scratch/error-$k")"; done
    [[ $(find "$folder" -name model.safetensors | wc -l) -eq 4 ]] || fail "shares of $n train $(cd "$folder" && ls)"
    [[ ! -e $folder/table.json ]] || fail "a share writes no table"
    invariance table --quiet --resume "$folder" >/dev/null || fail "the run of $n shares goes on"
    digests "$folder" | diff - "$scratch/expected" || fail "$n shares: other bits"
    [[ $(wc -l <"$folder/metrics.jsonl") -eq 8 ]] || fail "$n shares: metrics of 4 models, 2 epochs"
    [[ -z $(find "$folder" -name 'metrics-*') ]] || fail "$n shares: their metrics are left"
done

for n in 1 2 3; do
    if ! command -v mpirun >/dev/null || ! grep -q 'MPI_CXX_FOUND:.*=\|MPI_CXX_LIB.*=.' "$1/CMakeCache.txt"; then
        echo "skipped: mpirun is not there, or this build has no MPI"
        break
    fi
    folder=$scratch/mpi-$n
    # shellcheck disable=SC2086
    mpirun --oversubscribe -n "$n" "$bin/invariance" table $settings --quiet --out "$folder" >"$scratch/out" 2>&1 ||
        fail "mpirun -n $n: $(tail -3 "$scratch/out")"
    digests "$folder" | diff - "$scratch/expected" || fail "mpirun -n $n: other bits"
    [[ $(grep -c "Table 2" "$scratch/out") -eq 1 ]] || fail "mpirun -n $n: one rank prints the table"
    [[ $(wc -l <"$folder/metrics.jsonl") -eq 8 ]] || fail "mpirun -n $n: metrics of 4 models, 2 epochs"
done

# A run that is resumed may ask for more, dealt out or not.
folder=$scratch/grown
cp -r "$scratch/one" "$folder"
for k in 1 2; do
    invariance table --quiet --resume "$folder" --seeds 3 --share "$k/2" >/dev/null 2>"$scratch/error" ||
        fail "more seeds, share $k: $(cat "$scratch/error")"
done
[[ $(find "$folder" -name model.safetensors | wc -l) -eq 6 ]] || fail "more seeds: $(cd "$folder" && ls)"

# What a model is compared with belongs to its share, wherever it stands in the run; the figures' models are dealt out too.
few="--dataset glyphs --train-images 720 --test-images 150 --epochs 1 --seeds 2"
quick="--labels 20 --benchmark-steps 4 --judge-steps 4 --reduction pca"
# shellcheck disable=SC2086
"$bin/equivae" report $few $quick --quiet --out "$scratch/whole" >/dev/null 2>"$scratch/error" || fail "equivae: $(cat "$scratch/error")"
for k in 1 2; do
    # shellcheck disable=SC2086
    "$bin/equivae" report $few $quick --quiet --share "$k/2" --out "$scratch/parts" >/dev/null 2>"$scratch/error" ||
        fail "equivae, share $k: $(cat "$scratch/error")"
done
models() { (cd "$scratch/$1" && ls -d ./*/model.safetensors | grep -v ./judge/); }  # the judge is the figures' own
[[ $(models parts) == "$(models whole)" ]] || fail "equivae, two shares train only $(models parts)"
"$bin/equivae" report --quiet --resume "$scratch/parts" >/dev/null || fail "equivae of two shares goes on"
for table in table table_semi; do
    cmp -s "$scratch/whole/$table.json" "$scratch/parts/$table.json" || fail "equivae, two shares: another $table"
done

# Ranks with more groups than others meet at the same barriers.
if command -v mpirun >/dev/null && grep -q 'MPI_CXX_FOUND:.*=\|MPI_CXX_LIB.*=.' "$1/CMakeCache.txt"; then
    # shellcheck disable=SC2086
    timeout 120 mpirun --oversubscribe -n 2 "$bin/equivae" table ${few/--seeds 2/--seeds 3} --labels 20 --benchmark-steps 4 --quiet \
        --out "$scratch/three" >"$scratch/out" 2>&1 || fail "equivae, three models on two ranks: $(tail -3 "$scratch/out")"
fi

refused "cannot be dealt out" reduced --dataset glyphs --train-images 300 --share 1/2 --out "$scratch/new"
refused "K/N" table --share 3/2 --out "$scratch/new"
refused "K/N" table --share half --out "$scratch/new"
refused "overwrite" table --share 1/2 --overwrite --out "$scratch/one"
# shellcheck disable=SC2086
refused "seeds" table $settings --seeds 3 --share 1/2 --out "$scratch/one"
exit $failed
