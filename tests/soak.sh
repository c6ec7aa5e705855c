#!/usr/bin/env bash
# Training runs of the four programs that are killed (SIGKILL) at random moments and resumed until they end, and runs on
# disks that are full after a random number of bytes: the weights must come out as those of an undisturbed run, bit for
# bit, and a full disk means status 1, one line on standard error, and no half file. One line for each program; the status
# is 1 if anything was not so, and the folder of that run stays in build/soak/.
#   [MINUTES=5] [SEED=1] tests/soak.sh [build/cpu]     SEED: the same kills and the same disks again
bin=$(realpath "${1:-build/cpu}")/bin
cd "$(dirname "$0")/.." || exit 1
minutes=${MINUTES:-5} seed=${SEED:-$((RANDOM % 1000))}
soak=$PWD/build/soak most_kills=12

programs=(invariance spatial equivae geometry)
images="--dataset glyphs --train-images 300 --test-images 120"
declare -A settings=(
    [invariance]="$images --hidden 24 --batch 32 --benchmark none --latents 4 --train-set s,rt --seeds 2 --together 2 --epochs 30"
    [spatial]="$images --hidden 24,16 --localisation 12 --batch 32 --latents 4 --prior fitted --rows affine-tvae --seeds 2
        --together 2 --epochs 30"
    [equivae]="--dataset glyphs --train-images 720 --test-images 150 --which semi --mixing sum --labels 40 --seeds 1 --epochs 3"
    [geometry]="$images --hidden 24,20 --preset argo --latents 5 --alphas 0,1 --together 2 --samples 2 --seeds 1 --epochs 30"
)

now() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); } # in ms
# below N: sets REPLY to a random number of 0..N-1. Not by echo: a subshell would draw other numbers than the seed's.
below() { REPLY=$(((RANDOM << 15 | RANDOM) % $1)); }
# train PROGRAM FOLDER: becomes the program, which starts in FOLDER, or goes on there.
train() {
    if [ -e "$2/config.toml" ]; then
        exec "$bin/$1" train --resume "$2" --quiet
    else # shellcheck disable=SC2086
        exec "$bin/$1" train --out "$2" --quiet ${settings[$1]}
    fi >"$2.out" 2>"$2.error"
}
# fail FOLDER WHAT: says so; the folder stays.
fail() {
    echo "FAILED $(basename "$1"): $2"
    failed=1
}
# compare PROGRAM FOLDER: its weights are those of the undisturbed run.
compare() {
    local model
    while read -r model; do
        cmp -s "$soak/$1/$model" "$2/$model" || { fail "$2" "its $model is not that of the undisturbed run"; return 1; }
    done < <(cd "$soak/$1" && find . -name model.safetensors)
}
# halves FOLDER: names its files that are not whole.
halves() {
    python3 - "$1" <<'END'
import json, pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*"):
    try:
        if path.suffix == ".json":
            json.loads(path.read_bytes())
        elif path.suffix == ".safetensors":
            data = path.read_bytes()
            length = int.from_bytes(data[:8], "little")
            tensors = json.loads(data[8:8 + length])
            tensors.pop("__metadata__", None)
            assert len(data) == 8 + length + max(t["data_offsets"][1] for t in tensors.values())
        elif ".tmp" in path.name:
            raise ValueError
    except (ValueError, AssertionError):
        print(path)
END
}

# killed PROGRAM ROUND: one run, killed and resumed until it ends.
killed() {
    local folder=$soak/$1-$2-killed child status=137 n REPLY
    for ((n = 0; status == 137; ++n)); do
        train "$1" "$folder" &
        child=$!
        if [ $n -lt $most_kills ]; then
            below "${whole_ms[$1]}"
            sleep "$(printf '%d.%03d' $((REPLY / 1000)) $((REPLY % 1000)))"
            kill -KILL $child 2>/dev/null
        fi
        wait $child 2>/dev/null
        status=$?
        [ $status = 137 ] && kills[$1]=$((kills[$1] + 1))
    done
    [ $status = 0 ] || { fail "$folder" "status $status, $(cat "$folder.error")"; return; }
    compare "$1" "$folder" && rm -rf "$folder"*
}

# full PROGRAM ROUND: one run on a disk too small for it, which then grows.
full() {
    local folder=$soak/$1-$2-full status=0 left REPLY
    mkdir "$folder"
    below $((whole_kb[$1] * 5 / 4))
    if mount -t tmpfs -o "size=$((8 + REPLY))k" warpvae-soak "$folder" 2>/dev/null; then
        (train "$1" "$folder") || status=$?
    else # not root: every file is too large instead
        (trap '' XFSZ; ulimit -f $((1 + REPLY / 4)); train "$1" "$folder") || status=$?
    fi
    [ $status = 0 ] || disks[$1]=$((disks[$1] + 1))
    if [ $status -gt 1 ] || [ "$(wc -l <"$folder.error")" != "$status" ]; then
        fail "$folder" "status $status, $(cat "$folder.error")"
    fi
    left=$(halves "$folder")
    [ -z "$left" ] || fail "$folder" "not whole: $left"
    mountpoint -q "$folder" && mount -o remount,size=1g "$folder"
    if (train "$1" "$folder"); then compare "$1" "$folder"; else fail "$folder" "$(cat "$folder.error")"; fi
    [ -z "$failed" ] || cp -r "$folder" "$folder.left"
    mountpoint -q "$folder" && umount "$folder"
    [ -n "$failed" ] || rm -rf "$folder"*
}

clean() { for folder in "$soak"/*-full; do mountpoint -q "$folder" && umount "$folder"; done; }
clean
rm -rf "$soak"
mkdir -p "$soak"
trap 'kill $(jobs -p) 2>/dev/null; clean; exit 130' INT TERM
echo "soak: SEED=$seed, $minutes minutes"
end=$(($(now) + $(awk "BEGIN { print int($minutes * 60000) }")))
declare -A whole_ms whole_kb kills disks
failed=
for program in "${programs[@]}"; do
    kills[$program]=0 disks[$program]=0
    begin=$(now)
    (train "$program" "$soak/$program") || { echo "FAILED $program: $(cat "$soak/$program.error")"; exit 1; }
    whole_ms[$program]=$(($(now) - begin))
    whole_kb[$program]=$(du -sk "$soak/$program" | cut -f1)
done
status=0
for ((round = 0; $(now) < end; ++round)); do
    for ((p = 0; p < ${#programs[@]} && $(now) < end; ++p)); do
        RANDOM=$((seed * 10000 + round * ${#programs[@]} + p))
        failed=
        killed "${programs[p]}" $round
        full "${programs[p]}" $round
        [ -z "$failed" ] || status=1
    done
done
for program in "${programs[@]}"; do
    printf '%-12s %3d kills, %3d full disks\n' "$program" "${kills[$program]}" "${disks[$program]}"
done
[ $status = 0 ] && echo "soak: every run ended with the weights of the undisturbed one"
exit $status
