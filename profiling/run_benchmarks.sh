#!/usr/bin/env bash
# run_benchmarks.sh [BUILD]   (default: build/cpu)
#
# Measures the training step beside PyTorch and JAX, then each operation, prints one table and keeps it in
# profiling/results/<device>-<date>/. Peers run where $PYTHON (default: python3) can import them; ROUNDS=5 alternating
# rounds, each a fresh process of STEPS=200 steps; the medians over rounds are compared.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${1:-$root/build/cpu}
python=${PYTHON:-python3} rounds=${ROUNDS:-5} steps=${STEPS:-200}
peers=$root/profiling/peers
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --build "$build" --target bench_step bench_kernels >"$scratch/build.log" 2>&1 || { tail -30 "$scratch/build.log" >&2; exit 1; }
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

# --- the contenders: name, then command --------------------------------------------------------------------------------
names=("warpvae") commands=("$build/bin/bench_step --steps $steps")
contend() { names+=("$1"); commands+=("$2"); }
checked="PyTorch is not installed: losses not compared"
if "$python" -c 'import torch' 2>/dev/null; then
    torch="$python $peers/vae_step_torch.py --device $device --steps $steps ${threads[*]}"
    contend "PyTorch eager" "$torch --mode eager"
    if [[ $device == cuda ]]; then contend "PyTorch, captured graph" "$torch --mode graph"; fi
    contend "PyTorch, torch.compile" "$torch --mode compile"
    if "$python" -c 'import safetensors' 2>/dev/null; then
        "$build/bin/bench_step" --export "$scratch/steps.safetensors"
        checked=$("$python" "$peers/vae_step_torch.py" --check "$scratch/steps.safetensors")
    fi
fi
if "$python" -c 'import jax' 2>/dev/null; then contend "JAX, scan under jit" "$python $peers/vae_step_jax.py --steps $steps"; fi

# --- alternating rounds ------------------------------------------------------------------------------------------------
for ((round = 0; round < rounds; ++round)); do
    for i in "${!names[@]}"; do
        if line=$(${commands[i]} 2>"$scratch/error"); then
            echo "${line%% *}" >>"$scratch/times.$i"
        else
            echo "${names[i]}: $(tail -1 "$scratch/error")" >&2
        fi
    done
done
# median, lowest and highest of a file of numbers
summary() { sort -g "$1" | awk '{v[NR] = $1} END {printf "%.0f %.0f %.0f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2, v[1], v[NR]}'; }

results=$root/profiling/results/$name-$(date -u +%Y-%m-%d)
mkdir -p "$results"
{
    echo "# Benchmarks, $(date -u '+%Y-%m-%d %H:%M') UTC"
    echo
    echo "commit $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)$(git -C "$root" diff --quiet HEAD 2>/dev/null || echo ' with changes'); $hardware; load $(cut -d' ' -f1 /proc/loadavg)"
    echo
    echo "## Training step of the VAE 784-400-20, batch 128, Adam, float32"
    echo
    echo "Medians of $rounds alternating rounds of $steps steps, data resident, minibatch order and noise drawn inside the step."
    echo "$checked."
    echo
    echo "| | us per step | lowest to highest | times warpvae |"
    echo "| --- | ---: | ---: | ---: |"
    read -r ours _ < <(summary "$scratch/times.0")
    for i in "${!names[@]}"; do
        if [[ ! -s $scratch/times.$i ]]; then continue; fi
        read -r median lowest highest < <(summary "$scratch/times.$i" && echo)
        echo "| ${names[i]} | $median | $lowest to $highest | $(awk "BEGIN {printf \"%.2f\", $median / $ours}") |"
    done
    echo
    echo "## Operations"
    echo
    "$build/bin/bench_kernels"
} | tee "$results/table.md"
echo
echo "Kept in ${results#"$root"/}/table.md"
