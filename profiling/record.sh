#!/usr/bin/env bash
# Keeps what a run has shown in profiling/results, where `make docs` reads it: settings, tables, statements, findings with
# their pictures, and the figures that are named.
#   profiling/record.sh RUN NAME [FIGURE ...]
#     RUN     a run's folder, or one of make reproduce: each of its runs in a folder of its own
#     NAME    below profiling/results, such as cpu-2026-11-27/mills
#     FIGURE  files of RUN/figures without .png
set -euo pipefail
if [[ $# -lt 2 ]]; then sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | head -n -1 >&2; exit 2; fi
run=$1 to=$(cd "$(dirname "$0")/results" && pwd)/$2
shift 2
if [[ -f $run/grid ]]; then
    for part in "$run"/*/config.toml; do "$0" "$(dirname "$part")" "${to##*/profiling/results/}/$(basename "$(dirname "$part")")"; done
    cp "$run/statements.json" "$to/"
    exit
fi
if [[ ! -f $run/config.toml ]]; then echo "record: $run holds no run (no config.toml)" >&2; exit 2; fi
mkdir -p "$to"
# What an earlier run left under this name; a README.md is somebody's.
find "$to" -maxdepth 1 -name '*.md' ! -name README.md -delete
rm -f "$to"/{config.toml,statements.json,findings.json} "$to"/figures/*.png
for file in "$run"/config.toml "$run"/*.md "$run"/statements.json "$run"/findings.json; do
    if [[ -f $file ]]; then cp "$file" "$to/"; fi
done
sed -i 's/^data = .*/data = ""/' "$to/config.toml"  # a folder of this machine
for figure in "$@" $(cd "$run/figures" 2>/dev/null && ls finding-*.png 2>/dev/null | sed 's/\.png$//'); do
    mkdir -p "$to/figures"
    cp "$run/figures/$figure.png" "$to/figures/"
done
