#!/usr/bin/env bash
# run_benchmarks.sh [--quick] [BUILD]   (default: build/cpu)
#
# Measures beside PyTorch (and JAX, scikit-learn and umap-learn, where they are installed): the training step of Mills' VAE, those of Vive's models, of
# EQUIVAE and of Peste's VAE, log p(x) by importance sampling, what evaluation fits, the warps, the operations in PyTorch, EQUIVAE's convolutions,
# on a GPU a dense step's launches; then each operation beside its floor. Prints one table and keeps it in profiling/results/<device>-<date>/: table.md, or
# PART-step.md where PARTS is one of spatial, equivae and renyi.
# Peers run where $PYTHON (default: python3) can import them. ROUNDS=5 alternating rounds, each a fresh process of STEPS=200
# steps; medians over rounds are compared. PARTS="step spatial equivae renyi likelihood evaluation warp torch convolution dense kernels" are measured, MODELS
# of Vive with LATENTS=8; --quick: 3 rounds of 50 steps, warps of at most 1024 images, convolutions of 128 images of mnist, no torch.compile (COMPILE=0).
# EQUIVAE's steps are EQUIVAE="supervised:32 supervised:128 semi:32", model and minibatch, EQUIVAE_STEPS=20 of them a round;
# Peste's RENYI="5 50", draws of each image, RENYI_STEPS=50 a round, and the ensemble of ALPHAS=0,0.1,0.3,0.5,0.7,0.9,1;
# convolutions are measured for LAYERS="mnist svhn" with IMAGES="32 128 1280" at once and THREADS="1 2" each.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
quick=0
if [[ ${1:-} == --quick ]]; then quick=1 && shift; fi
build=${1:-$root/build/cpu}
python=${PYTHON:-python3} latents=${LATENTS:-8}
parts=${PARTS:-step spatial equivae renyi likelihood evaluation warp torch convolution dense kernels} models=${MODELS:-vae affine-tvae tps-tvae affine-dtvae}
equivae=${EQUIVAE:-supervised:32 supervised:128 semi:32} equivae_steps=${EQUIVAE_STEPS:-20}
renyi=${RENYI:-5 50} renyi_steps=${RENYI_STEPS:-50} alphas=${ALPHAS:-0,0.1,0.3,0.5,0.7,0.9,1}
if ((quick)); then
    rounds=${ROUNDS:-3} steps=${STEPS:-50} compile=${COMPILE:-0} images=${WARP_IMAGES:-1024}
    layers=${LAYERS:-mnist} convolution_images=${IMAGES:-128}
else
    rounds=${ROUNDS:-5} steps=${STEPS:-200} compile=${COMPILE:-1} images=${WARP_IMAGES:-16384}
    layers=${LAYERS:-mnist svhn} convolution_images=${IMAGES:-32 128 1280}
fi
peers=$root/profiling/peers
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
wanted() { [[ " $parts " == *" $1 "* ]]; }

cmake --build "$build" --target bench_step bench_spatial_step bench_equivae_step bench_renyi_step bench_likelihood bench_evaluation bench_warp bench_convolution bench_dense bench_kernels >"$scratch/build.log" 2>&1 || { tail -30 "$scratch/build.log" >&2; exit 1; }
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
several=${THREADS:-$(if [[ $device == cpu ]]; then printf '%s\n' 1 "$cores" | sort -un | tr '\n' ' '; else echo 1; fi)}
has() { "$python" -c "import $1" 2>/dev/null; }
torch="" jax=""
if has torch; then torch=1 && hardware+="; PyTorch $("$python" -c 'import torch; print(torch.__version__)')"; fi
if has jax; then jax=1; fi

# --- one contest: alternating rounds of fresh processes ----------------------------------------------------------------
# contend NAME COMMAND: enters one. torch_modes SCRIPT [NOTE]: enters PyTorch in each of its modes, NOTE behind its name.
contend() { names+=("$1") commands+=("$2"); }
torch_modes() {
    local command="$python $peers/$1 --device $device ${threads[*]}"
    contend "PyTorch eager${2-}" "$command --mode eager"
    if [[ $device == cuda && $1 != warp* ]]; then contend "PyTorch, captured graph${2-}" "$command --mode graph"; fi
    if ((compile)); then contend "PyTorch, torch.compile${2-}" "$command --mode compile"; fi
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
share() { awk "BEGIN {printf \"%.0f %%\", 100 * $1 / $2}"; }
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
# check_losses PROGRAM SCRIPT: five steps of PROGRAM repeated by PyTorch, in one line. SCRIPT takes the file last.
check_losses() {
    if [[ -z $torch ]]; then echo "PyTorch is not installed: losses not compared"
    elif ! has safetensors; then echo "safetensors is not installed: losses not compared"
    else
        $1 --export "$scratch/steps.safetensors"
        $2 "$scratch/steps.safetensors"
    fi
}

# --- the parts: each prints its section --------------------------------------------------------------------------------
part_step() {
    names=() commands=()
    contend warpvae "$build/bin/bench_step --steps $steps"
    if [[ -n $torch ]]; then torch_modes "vae_step_torch.py --steps $steps"; fi
    if [[ -n $jax ]]; then contend "JAX, scan under jit" "$python $peers/vae_step_jax.py --steps $steps"; fi
    local checked
    checked=$(check_losses "$build/bin/bench_step" "$python $peers/vae_step_torch.py --check") || { echo "$checked" >&2; exit 1; }
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
        checked=$(check_losses "$build/bin/bench_spatial_step $which" "$python $peers/spatial_step_torch.py $which --check") ||
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

part_equivae() {
    local case model batch images which checked i median lowest highest ours floor
    echo "## Training step of EQUIVAE, 4 complementary images each, Adam, float32"
    echo
    echo "Medians of $rounds alternating rounds of $equivae_steps steps, data resident, minibatch order, complementary images and noise"
    echo "drawn inside the step. semi:32 has 32 labelled images beside 32 unlabelled ones, each of these in 10 pairs. Floor:"
    echo "multiplications with addition at the rate of our own matrix product."
    for model in supervised gaussian semi; do
        checked=$(check_losses "$build/bin/bench_equivae_step --model $model --batch 16" "$python $peers/equivae_agreement.py --model $model") ||
            { echo "$model: $checked" >&2; exit 1; }
        echo "$model: $checked."
    done
    echo
    echo "| model | | us per step | lowest to highest | times warpvae | images/s | floor, us | share of it |"
    echo "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for case in $equivae; do
        model=${case%:*} batch=${case#*:}
        images=$([[ $model == semi ]] && echo $((2 * batch)) || echo "$batch")
        which="--model $model --batch $batch --steps $equivae_steps"
        names=() commands=()
        contend warpvae "$build/bin/bench_equivae_step $which"
        if [[ -n $torch ]]; then
            torch_modes "equivae_step.py $which --memory contiguous"
            torch_modes "equivae_step.py $which --memory channels_last" ", channels last"
        fi
        compete "$case"
        read -r ours _ < <(summary <"$scratch/$case.0")
        read -r floor _ < <(awk '{print $4}' "$scratch/$case.0" | summary)
        for i in "${!names[@]}"; do
            if [[ ! -s $scratch/$case.$i ]]; then continue; fi
            read -r median lowest highest < <(summary <"$scratch/$case.$i")
            echo "| $case | ${names[i]} | $median | $lowest to $highest | $(over "$median" "$ours") | $(awk "BEGIN {printf \"%.0f\", 1e6 * $images / $median}") | $floor | $(share "$floor" "$median") |"
        done
    done
}

# one_by_one COMMAND: the step times of COMMAND --alphas A added up over the alphas.
one_by_one() {
    local alpha
    for alpha in ${alphas//,/ }; do $* --alphas "$alpha"; done | awk '{sum += $1} END {print sum}'
}
part_renyi() {
    local alpha samples checked count models case which ours median lowest highest floor i
    count=$(awk -F, '{print NF}' <<<"$alphas")
    echo "## Training step of Peste's VAE 784-200-200-30 on Renyi's bound, batch 100, Adam, float32"
    echo
    echo "Medians of $rounds alternating rounds of $renyi_steps steps, data resident, minibatch order, black and white pixels and noise"
    echo "drawn inside the step. Floor: multiplications with addition at the rate of our own matrix product."
    for alpha in -inf 0 0.5 1; do
        checked=$(check_losses "$build/bin/bench_renyi_step --samples 5 --alphas $alpha" "$python $peers/renyi_vae_torch.py --check") ||
            { echo "alpha = $alpha: $checked" >&2; exit 1; }
        echo "alpha = $alpha: $checked."
    done
    echo
    echo "| models | | us per step | lowest to highest | times warpvae | us per model | floor, us | share of it |"
    echo "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for samples in $renyi ensemble; do
        names=() commands=() case="K = $samples, alpha 0" models=1
        which="--samples $samples --steps $renyi_steps"
        if [[ $samples == ensemble ]]; then
            case="K = 5, $count alphas" models=$count
            which="--samples 5 --steps $renyi_steps"
            contend "warpvae, at once" "$build/bin/bench_renyi_step $which --alphas $alphas"
            contend "warpvae, one by one" "one_by_one $build/bin/bench_renyi_step $which"
            if [[ -n $torch ]]; then
                torch_modes "renyi_vae_torch.py $which --alphas $alphas --together turns" ", in turns"
                torch_modes "renyi_vae_torch.py $which --alphas $alphas --together vmap" ", stacked (vmap)"
            fi
        else
            contend warpvae "$build/bin/bench_renyi_step $which"
            if [[ -n $torch ]]; then torch_modes "renyi_vae_torch.py $which"; fi
        fi
        compete "renyi-$samples"
        read -r ours _ < <(summary <"$scratch/renyi-$samples.0")
        read -r floor _ < <(awk '{print $4}' "$scratch/renyi-$samples.0" | summary)
        for i in "${!names[@]}"; do
            if [[ ! -s $scratch/renyi-$samples.$i ]]; then continue; fi
            read -r median lowest highest < <(summary <"$scratch/renyi-$samples.$i")
            echo "| $case | ${names[i]} | $median | $lowest to $highest | $(over "$median" "$ours") | $(awk "BEGIN {printf \"%.0f\", $median / $models}") | $floor | $(share "$floor" "$median") |"
        done
    done
}

part_likelihood() {
    local checked i ours median lowest highest floor
    echo "## log p(x) of Peste's VAE 784-200-200-30, 2,000 draws of each of $(if [[ $device == cuda ]]; then echo 10,000; else echo 20; fi) images, float32"
    echo
    echo "Medians of $rounds alternating rounds, ms. Floor: the decoder's multiplications with addition at the rate of our own matrix"
    echo "product."
    checked=$(check_losses "$build/bin/bench_likelihood --images 5 --draws 40" "$python $peers/likelihood_torch.py --check") ||
        { echo "likelihood: $checked" >&2; exit 1; }
    echo "$checked."
    names=() commands=()
    contend warpvae "$build/bin/bench_likelihood"
    contend "warpvae, logits written" "$build/bin/bench_likelihood --decoder logits"
    if [[ -n $torch ]]; then torch_modes "likelihood_torch.py"; fi
    compete likelihood
    echo
    echo "| | ms | lowest to highest | times warpvae | floor, ms | share of it |"
    echo "| --- | ---: | ---: | ---: | ---: | ---: |"
    read -r ours _ < <(summary <"$scratch/likelihood.0")
    read -r floor _ < <(awk '{print $4}' "$scratch/likelihood.0" | summary)
    for i in "${!names[@]}"; do
        if [[ ! -s $scratch/likelihood.$i ]]; then continue; fi
        read -r median lowest highest < <(summary <"$scratch/likelihood.$i")
        echo "| ${names[i]} | $median | $lowest to $highest | $(over "$median" "$ours") | $floor | $(share "$floor" "$median") |"
    done
}

part_evaluation() {
    local part peer ours median lowest highest steps problems converged checked size
    echo "## What evaluation fits, from features on the device to the result"
    echo
    echo "Medians of $rounds fits (peers: one fit of one replica, times the replicas, by CPU threads), ms, sizes as"
    echo "bench_evaluation.cpp has them. Steps: the most evaluations of an objective that a problem took, or epochs, or components; of peers,"
    echo "iterations. Both end at the same size of the gradient."
    echo
    for part in regression svm pca umap; do
        peer=sklearn size="--rows 3000 --features 20"
        if [[ $part == pca ]]; then size="--rows 3000 --features 100"; fi
        if [[ $part == umap ]]; then peer=umap size="--rows 1000 --features 10"; fi
        if ! has "$peer" || ! has safetensors; then continue; fi
        # shellcheck disable=SC2086
        "$build/bin/bench_evaluation" "$part" $size --export "$scratch/check.safetensors"
        checked=$("$python" "$peers/evaluation_sklearn.py" "$part" "$scratch/check.safetensors" --check) || { echo "$part: $checked" >&2; exit 1; }
        echo "$checked."
    done
    echo
    echo "| | | ms | lowest to highest | times warpvae | steps | problems | converged |"
    echo "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for part in regression svm pca umap; do
        read -r ours lowest highest steps problems converged < <("$build/bin/bench_evaluation" "$part" --rounds "$rounds")
        echo "| $part | warpvae | $ours | $lowest to $highest | 1.00 | $steps | $problems | $converged |"
        peer=sklearn
        if [[ $part == umap ]]; then peer=umap; fi
        if ! has "$peer" || ! has safetensors; then continue; fi
        "$build/bin/bench_evaluation" "$part" --export "$scratch/rows.safetensors"
        read -r median lowest highest steps problems converged < <(
            "$python" "$peers/evaluation_sklearn.py" "$part" "$scratch/rows.safetensors" "${threads[@]}")
        echo "| $part | ${peer/sklearn/scikit}-learn, one replica fitted | $median | $lowest to $highest | $(over "$median" "$ours") | $steps | $problems | $converged |"
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
            echo "| $case | ${names[i]} | $median | $lowest to $highest | $(over "$median" "$ours") | $floor | $(share "$floor" "$median") |"
        done
    done
}

part_torch() {
    local mode
    echo "## Operations of tests/consumer/torch_ops beside PyTorch's own, forward and backward, float32"
    echo
    if ! has warpvae; then echo "They are not installed for $python: not measured." && return; fi
    echo "Medians of five alternating rounds in one process. Above 1: warpvae is faster. The difference is relative, of norms."
    echo
    echo "| case | mode | PyTorch, us | warpvae, us | ratio | difference |"
    echo "| --- | --- | ---: | ---: | ---: | ---: |"
    for mode in eager $(if [[ $device == cuda ]]; then echo graph; fi); do
        "$python" "$peers/torch_ops.py" --mode "$mode" "${threads[@]}" --images "$images" |
            awk -v mode="$mode" '{print "| " $1 " | " mode " | " $2 " | " $3 " | " $4 " | " $5 " |"}'
    done
}

# tenths: as summary, one digit behind the point, the median alone.
tenths() { sort -g | awk '{v[NR] = $1} END {if (NR) printf "%.1f\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2}'; }
part_convolution() {
    local data images count case i number cell ours floor macs best
    echo "## EQUIVAE's convolutions, float32"
    echo
    echo "Medians of $rounds alternating rounds, us. Forward with bias and ReLU, data with the ReLU before, weights with biases. Floor:"
    echo "multiplications with addition at the rate of the device's own matrix product. The last column is PyTorch's better order of"
    echo "memory over ours. Rows that begin with all are sums over the layers; our fused kernels make all layers' weights at once."
    for data in $layers; do
        for images in $convolution_images; do
            for count in $several; do
                names=() commands=()
                contend warpvae "env WARPVAE_CORES=$count $build/bin/bench_convolution $data $images"
                if [[ $device == cuda ]]; then contend "cuDNN and our bias kernels" "$build/bin/bench_convolution $data $images library"; fi
                if [[ -n $torch ]]; then
                    for i in contiguous channels_last; do
                        contend "PyTorch, ${i/_/ }" "$python $peers/convolution_torch.py --data $data --images $images --memory $i --device $device --threads $count"
                    done
                fi
                compete "$data-$images-$count"
                echo
                echo "| $data, $images images, $count thread$([[ $count == 1 ]] || echo s) | floor | $(printf '%s | ' "${names[@]}")GMAC/s | PyTorch over warpvae |"
                echo "| --- | ---: |$(printf ' ---: |%.0s' "${names[@]}") ---: | ---: |"
                for case in $(awk '!seen[$1]++ {print $1}' "$scratch/$data-$images-$count.0"); do
                    column() { awk -v case="$case" -v column="$2" '$1 == case {print $column}' "$scratch/$data-$images-$count.$1"; }
                    floor=$(column 0 3 | tenths)
                    macs=$(column 0 4 | head -1)
                    ours="" best="" cell=""
                    for i in "${!names[@]}"; do
                        number=$(column "$i" 2 | tenths)
                        cell+=" $number |"
                        if ((i == 0)); then ours=$number
                        elif [[ ${names[i]} == PyTorch* && -n $number ]]; then best+="$number"$'\n'; fi
                    done
                    best=$(printf %s "$best" | sort -g | head -1)
                    echo "| $case | $floor |$cell $(awk "BEGIN {printf \"%.1f\", 1e6 * $macs / $ours}") | ${best:+$(over "$best" "$ours")} |"
                done
            done
        done
    done
}

part_dense() {
    local replicas
    echo "## Launches of the dense step 784-400-20, batch 128, float32"
    echo
    if [[ $device == cpu ]]; then echo "Fused layers are a GPU's: not measured." && return; fi
    echo "us, by the tile that the size suggests and by each; floor: multiplications with addition and bytes at an H100's rates."
    echo
    echo "| launch | replicas | us | small tiles | medium | large | floor, us | share of it |"
    echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for replicas in 1 32; do
        "$build/bin/bench_dense" "$replicas" | awk '{time[$2] = $4} $2 == 3 {
            printf "| %s | %d | %s | %s | %s | %s | %s | %.0f %% |\n", $1, $3, time[0], time[1], time[2], time[3], $5, 100 * $5 / time[0]}'
    done
}

part_kernels() {
    echo "## Operations"
    echo
    "$build/bin/bench_kernels" | tee "$scratch/kernels.md"
    # The same as a page with bars, beside the table.
    if command -v python3 >/dev/null; then python3 "$root/profiling/kernels_page.py" <"$scratch/kernels.md" >"$results/kernels.html"; fi
}

results=$root/profiling/results/$name-$(date -u +%Y-%m-%d)
case $parts in spatial | equivae | renyi) table=$parts-step.md ;; *) table=table.md ;; esac
mkdir -p "$results"
{
    echo "# Benchmarks, $(date -u '+%Y-%m-%d %H:%M') UTC"
    echo
    echo "commit $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)$(git -C "$root" diff --quiet HEAD 2>/dev/null || echo ' with changes'); $hardware; load $(cut -d' ' -f1 /proc/loadavg)"
    for part in step spatial equivae renyi likelihood evaluation warp torch convolution dense kernels; do
        if wanted $part; then echo && "part_$part"; fi
    done
} | tee "$results/$table"
echo
echo "Kept in ${results#"$root"/}/$table"
