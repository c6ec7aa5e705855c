# For nsys.sh and ncu.sh, which source it: what can be profiled.
#
#   PROGRAM     MODEL, the first by default
#   invariance  vae                                          784-400-20, Adam, 128 images
#   spatial     vae affine-tvae tps-tvae affine-dtvae        784-256-256-8, Adadelta, 100 images
#   equivae     supervised semi gaussian                     sets of images that share a class, Adam, 32 images
#   geometry    k5 k50                                       784-200-200-30 on Renyi's bound of 5 or 50 draws, Adam, 100 images

# workload PROGRAM [MODEL]: sets program, model, training (its command that trains one such model, as an array) and step
# (the benchmark that runs one training step of it). BUILD (default: build/cuda) has both.
# shellcheck disable=SC2034
workload() {
    local bin=${BUILD:-$root/build/cuda}/bin options
    program=$1 model=${2:-}
    case $program/$model in
        invariance/ | invariance/vae)
            model=vae options=(--train-set s --latents 20) step=("$bin/bench_step") ;;
        spatial/ | spatial/vae | spatial/affine-tvae | spatial/tps-tvae | spatial/affine-dtvae)
            model=${model:-vae} options=(--rows "$model" --latents 8) step=("$bin/bench_spatial_step" --model "$model") ;;
        equivae/ | equivae/supervised | equivae/semi)
            model=${model:-supervised} options=(--which "$model") step=("$bin/bench_equivae_step" --model "$model")
            # One model; by default it trains one for each number of labels.
            if [[ $model == semi ]]; then options+=(--labels 100); fi ;;
        equivae/gaussian)
            options=(--dataset glyphs-colour) step=("$bin/bench_equivae_step" --model gaussian) ;;
        geometry/ | geometry/k5 | geometry/k50)
            model=${model:-k5} options=(--alphas 0 --latents 30 --samples "${model#k}")
            step=("$bin/bench_renyi_step" --samples "${model#k}") ;;
        *) return 1 ;;
    esac
    if [[ $model != gaussian ]]; then options+=(--dataset glyphs); fi
    training=("$bin/$program" train --no-graph --quiet --epochs 1 --seeds 1 "${options[@]}")
    step+=(--profile)
}

# explain: the comment at the head of the script that sources this, and the table above; leaves with status 2.
explain() {
    { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" && sed -n '3,7s/^#//p' "$root/profiling/workloads.sh"; } >&2
    exit 2
}
# need TOOL PACKAGE: leaves with status 1 where there is none.
need() { command -v "$1" >/dev/null || { echo "$(basename "$0"): $1 is not installed (package $2)" >&2; exit 1; }; }
