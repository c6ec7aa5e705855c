#!/usr/bin/env bash
# run_benchmarks.sh [--quick] [BUILD]   (default: build/cpu)
#
# Measures beside PyTorch (and JAX, where it is installed): the training step of Mills' VAE, those of Vive's models, the
# warps; then each operation beside its floor. Prints one table and keeps it in profiling/results/<device>-<date>/.
# Peers run where $PYTHON (default: python3) can import them. ROUNDS=5 alternating rounds, each a fresh process of
# STEPS=200 steps; medians over rounds are compared. PARTS="step spatial warp kernels" are measured, MODELS of Vive with
# LATENTS=8; --quick: 3 rounds of 50 steps, warps of at most 1024 images, no torch.compile (COMPILE=0).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
quick=0
if [[ ${1:-} == --quick ]]; then quick=1 && shift; fi
build=${1:-$root/build/cpu}
python=${PYTHON:-python3} latents=${LATENTS:-8}
parts=${PARTS:-step spatial warp kernels} models=${MODELS:-vae affine-tvae tps-tvae affine-dtvae}
if ((quick)); then
    rounds=${ROUNDS:-3} steps=${STEPS:-50} compile=${COMPILE:-0} images=${WARP_IMAGES:-1024}
else
    rounds=${ROUNDS:-5} steps=${STEPS:-200} compile=${COMPILE:-1} images=${WARP_IMAGES:-16384}
fi
peers=$root/profiling/peers
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
wanted() { [[ " $parts " == *" $1 "* ]]; }

cmake --build "$build" --target bench_step bench_spatial_step bench_warp bench_kernels >"$scratch/build.log" 2>&1 || { tail -30 "$scratch/build.log" >&2; exit 1; }
if grep -q '^WARPVAE_CUDA:BOOL=ON' "$build/CMakeCache.txt"; then
    device=cuda threads=()
    hardware=$(nvidia-smi --query-gpu=name,driver_version,clocks.sm --format=csv,noheader | head -1)
    name=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -1 | tr ' /' '--')
else
    device=cpu cores=${WARPVAE_CORES:-$(nproc)}
    threads=(--threads "$cores")
    hardware="$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $cores threads"
    name=cpu
fi
has() { "$python" -c "import $1" 2>/dev/null; }
torch="" jax=""
if has torch; then torch=1 && hardware+="; PyTorch $("$python" -c 'import torch; print(torch.__version__)')"; fi
if has jax; then jax=1; fi

# --- one contest: alternating rounds of fresh processes ----------------------------------------------------------------
# contend NAME COMMAND: enters one. torch_modes SCRIPT: enters PyTorch in each of its modes.
contend() { names+=("$1") commands+=("$2"); }
torch_modes() {
    local command="$python $peers/$1 --device $device ${threads[*]}"
    contend "PyTorch eager" "$command --mode eager"
    if [[ $device == cuda && $1 != warp* ]]; then contend "PyTorch, captured graph" "$command --mode graph"; fi
    if ((compile)); then contend "PyTorch, torch.compile" "$command --mode compile"; fi
}
# compete RESULT: each round's output of contender i is appended to $scratch/RESULT.i.
compete() {
    local round i
    for ((round = 0; round < rounds; ++round)); do
        for i in "${!names[@]}"; do
            if ! ${commands[i]} >>"$scratch/$1.$i" 2>"$scratch/error"; then
                echo "${names[i]}: $(tail -1 "$scratch/error")" >&2
            fi
        done
    done
}
# Median, lowest and highest of the numbers that come in.
summary() { sort -g | awk '{v[NR] = $1} END {printf "%.0f %.0f %.0f\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[1], v[NR]}'; }
over() { awk "BEGIN {printf \"%.2f\", $1 / $2}"; }
# step_rows RESULT PREFIX: the rows of a table of training steps.
step_rows() {
    local i ours median lowest highest
    read -r ours _ < <(summary <"$scratch/$1.0")
    for i in "${!names[@]}"; do
        if [[ ! -s $scratch/$1.$i ]]; then continue; fi
        read -r median lowest highest < <(summary <"$scratch/$1.$i")
        echo "|$2 ${names[i]} | $median | $lowest to $highest | $(over "$median" "$ours") |"
    done
}
# check_losses PROGRAM SCRIPT: five steps of PROGRAM repeated by PyTorch, in one line.
check_losses() {
    if [[ -z $torch ]]; then echo "PyTorch is not installed: losses not compared"
    elif ! has safetensors; then echo "safetensors is not installed: losses not compared"
    else
        $1 --export "$scratch/steps.safetensors"
        $2 --check "$scratch/steps.safetensors"
    fi
}

# --- the parts: each prints its section --------------------------------------------------------------------------------
part_step() {
    names=() commands=()
    contend warpvae "$build/bin/bench_step --steps $steps"
    if [[ -n $torch ]]; then torch_modes "vae_step_torch.py --steps $steps"; fi
    if [[ -n $jax ]]; then contend "JAX, scan under jit" "$python $peers/vae_step_jax.py --steps $steps"; fi
    local checked
    checked=$(check_losses "$build/bin/bench_step" "$python $peers/vae_step_torch.py") || { echo "$checked" >&2; exit 1; }
    compete step
    echo "## Training step of the VAE 784-400-20, batch 128, Adam, float32"
    echo
    echo "Medians of $rounds alternating rounds of $steps steps, data resident, minibatch order and noise drawn inside the step."
    echo "$checked."
    echo
    echo "| | us per step | lowest to highest | times warpvae |"
    echo "| --- | ---: | ---: | ---: |"
    step_rows step ""
}

part_spatial() {
    local model which checked
    echo "## Training step of Vive's models, 784-256-256-$latents, batch 100, Adadelta, float32"
    echo
    echo "Medians of $rounds alternating rounds of $steps steps, data resident, minibatch order and noise drawn inside the step."
    for model in $models; do
        which="--model $model --latents $latents"
        checked=$(check_losses "$build/bin/bench_spatial_step $which" "$python $peers/spatial_step_torch.py $which") ||
            { echo "$model: $checked" >&2; exit 1; }
        echo "$model: $checked."
    done
    echo
    echo "| model | | us per step | lowest to highest | times warpvae |"
    echo "| --- | --- | ---: | ---: | ---: |"
    for model in $models; do
        names=() commands=()
        contend warpvae "$build/bin/bench_spatial_step --model $model --latents $latents --steps $steps"
        if [[ -n $torch ]]; then torch_modes "spatial_step_torch.py --model $model --latents $latents --steps $steps"; fi
        compete "$model"
        step_rows "$model" " $model |"
    done
}

part_warp() {
    names=() commands=()
    contend warpvae "$build/bin/bench_warp $images"
    if [[ -n $torch ]]; then torch_modes "warp_torch.py --images $images"; fi
    compete warp
    echo "## Warps, border padding, float32"
    echo
    echo "Medians of $rounds alternating rounds; floor: the bytes that must move, at our own copy kernel's rate. Backward is to image"
    echo "and parameters; PyTorch's is the time of forward and backward less that of forward."
    echo
    echo "| case | | us | lowest to highest | times warpvae | floor, us | share of it |"
    echo "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    local case i ours floor median lowest highest
    for case in $(awk '!seen[$1]++ {print $1}' "$scratch/warp.0"); do
        times() { awk -v case="$case" -v column="$2" '$1 == case {print $column}' "$scratch/warp.$1"; }
        read -r ours _ < <(times 0 2 | summary)
        read -r floor _ < <(times 0 3 | summary)
        for i in "${!names[@]}"; do
            read -r median lowest highest < <(times "$i" 2 | summary)
            if [[ $median == 0 ]]; then continue; fi
            echo "| $case | ${names[i]} | $median | $lowest to $highest | $(over "$median" "$ours") | $floor | $(awk "BEGIN {printf \"%.0f\", 100 * $floor / $median}") % |"
        done
    done
}

part_kernels() {
    echo "## Operations"
    echo
    "$build/bin/bench_kernels"
}

results=$root/profiling/results/$name-$(date -u +%Y-%m-%d)
mkdir -p "$results"
{
    echo "# Benchmarks, $(date -u '+%Y-%m-%d %H:%M') UTC"
    echo
    echo "commit $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)$(git -C "$root" diff --quiet HEAD 2>/dev/null || echo ' with changes'); $hardware; load $(cut -d' ' -f1 /proc/loadavg)"
    for part in step spatial warp kernels; do
        if wanted $part; then echo && "part_$part"; fi
    done
} | tee "$results/table.md"
echo
echo "Kept in ${results#"$root"/}/table.md"
