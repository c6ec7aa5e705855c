#!/usr/bin/env bash
# Every table, figure and statement of the four papers: the four programs one after another, then one page of all
# statements. Run again with the same OUT it goes on where it stopped.
#   host/reproduce.sh BIN GRID OUT [MINUTES]
#     GRID     quick, or paper: the papers' models, epochs and seeds
#     MINUTES  stop then; what did not fit is NOT RUN, with the reason
#   WARPVAE_SETTINGS: further settings for all four programs, such as "--dataset glyphs --train-images 500", quoted as in
#     a shell where they have spaces. Without a data set among them it is auto: MNIST, fetched where it is not there, else
#     the glyphs that are drawn here.
set -uo pipefail
if [[ $# -lt 3 || $# -gt 4 ]]; then echo "usage: host/reproduce.sh BIN quick|paper OUT [MINUTES]" >&2; exit 2; fi
bin=$1 grid=$2 out=$3 minutes=${4:-}
if [[ $grid != quick && $grid != paper ]]; then echo "reproduce: GRID=$grid is neither quick nor paper" >&2; exit 2; fi
if [[ -n $minutes && ! $minutes =~ ^[1-9][0-9]{0,6}$ ]]; then
    echo "reproduce: MINUTES=$minutes is no whole number of minutes from 1" >&2
    exit 2
fi
mapfile -t settings < <(xargs -r printf '%s\n' <<<"${WARPVAE_SETTINGS:-}")
[[ " ${settings[*]} " == *" --dataset"[\ =]* || " ${settings[*]} " == *" --config"[\ =]* ]] || settings+=(--dataset auto)
programs=(invariance spatial equivae geometry)
mkdir -p "$out" || exit 1

# --- what it will cost -----------------------------------------------------------------------------------------------

# cost PROGRAM: seconds of training, as its --dry-run finds by a second of each model.
cost() {
    local program=$1 plan
    plan=$("$bin/$program" report --grid "$grid" "${settings[@]}" --dry-run --quiet) || return 1
    awk '$1 == "in" && $2 == "all" { n = split($3, part, ":"); for (i = 1; i <= n; i++) s = 60 * s + part[i] } END { print s + 0 }' <<<"$plan"
}
span() { awk -v s="$1" 'BEGIN { if (s < 60) printf "under a minute"; else if (s < 5400) printf "%.0f min", s / 60; else printf "%.1f h", s / 3600 }'; }

# What OUT was made with: who asks for something else would get a page of two kinds of runs.
if [[ -f $out/settings && $(<"$out/settings") != "${settings[*]}" ]]; then
    echo "reproduce: $out was made with WARPVAE_SETTINGS=\"$(<"$out/settings")\", not \"${settings[*]}\": choose another OUT" >&2
    exit 2
fi
if [[ ! -f $out/grid ]]; then
    echo "Training alone will take, by a second of each model (evaluation and figures come on top):"
    for program in "${programs[@]}"; do
        seconds=$(cost "$program") || exit 1
        echo "  $program  $(span "$seconds")"
    done
    echo "${settings[*]}" >"$out/settings"
    echo "$grid" >"$out/grid"  # last: with it OUT is known to be begun
elif [[ $(<"$out/grid") != "$grid" ]]; then
    echo "reproduce: $out holds GRID=$(<"$out/grid"), not $grid: choose another OUT" >&2
    exit 2
fi

# --- the runs --------------------------------------------------------------------------------------------------------

begin=$(date +%s)
# Seconds left for training; a twelfth is kept for evaluating what was trained.
left() { [[ -z $minutes ]] && echo 0 || echo $((minutes * 55 - ($(date +%s) - begin))); }
status=0 interrupted=
trap 'interrupted=1' INT TERM
for i in "${!programs[@]}"; do
    program=${programs[$i]} folder=$out/${programs[$i]}
    rm -f "$folder.reason"
    where=(--grid "$grid" "${settings[@]}" --out "$folder")
    [[ -f $folder/config.toml ]] && where=(--resume "$folder")
    limit=()
    if [[ -n $minutes ]]; then
        part=$(($(left) / (${#programs[@]} - i)))  # what a program leaves is the next ones'
        if [[ $part -lt 1 ]]; then echo "MINUTES=$minutes were over before it began." >"$folder.reason"; continue; fi
        limit=(timeout --foreground --signal=INT "$part")
    fi
    echo "--- $program"
    "${limit[@]}" "$bin/$program" report "${where[@]}"
    rc=$?
    [[ -n $interrupted ]] && { echo "reproduce: interrupted; the same command goes on" >&2; exit 1; }
    [[ $rc -eq 0 ]] && continue
    if [[ $rc -eq 124 ]]; then
        echo "MINUTES=$minutes were over before all models were trained and evaluated." >"$folder.reason"
        timeout --foreground --signal=INT $((minutes * 5 / ${#programs[@]} + 1)) \
            "$bin/$program" evaluate --quiet --resume "$folder" >/dev/null ||
            echo "$program: its models were not all evaluated in time"
        [[ -n $interrupted ]] && { echo "reproduce: interrupted; the same command goes on" >&2; exit 1; }
    else
        echo "The program ended with status $rc." >"$folder.reason"
        status=1
    fi
done
"$bin/collect" "$out" || exit 1
exit $status
