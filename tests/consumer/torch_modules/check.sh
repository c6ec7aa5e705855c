#!/usr/bin/env bash
# check.sh BUILD: trains a small model of every kind with the programs of this build folder, on glyphs for one epoch,
# and compares what it says with what its PyTorch module says of the same weights. Status 77 (skipped), with the reason,
# where $PYTHON (default: python3) has no torch.
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
"$python" -c 'import torch' 2>/dev/null || { echo "skipped: $python has no torch"; exit 77; }
if grep -q '^WARPVAE_CUDA:BOOL=ON' "$build/CMakeCache.txt" && ! nvidia-smi -L >/dev/null 2>&1; then
    echo "skipped: this is a CUDA build, and no GPU answers"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
quietly() { "$@" >"$scratch/log" 2>&1 || { tail -5 "$scratch/log" >&2; echo "failed: $*" >&2; exit 1; }; }

# train RUN PROGRAM OPTIONS...: and writes the reference of each of its models.
train() {
    local run=$scratch/runs/$1 program=$2 weights
    shift 2
    quietly "$build/bin/$program" train --dataset glyphs --train-images 600 --test-images 100 --epochs 1 --seeds 1 \
        --quiet --out "$run" "$@"
    while read -r weights; do
        quietly "$build/bin/torch_modules_reference" "$program" "$weights" "${weights%/*}/reference.safetensors"
    done < <(find "$run" -name model.safetensors)
}
# Options for images of another size than glyphs have: SIZE, then grey or colour.
quietly "$build/bin/dataset" make glyphs-colour --count 600 --test-count 100 --data "$scratch"
sized() { images=(--dataset "$scratch/glyphs-colour" --size "$1" --fit stretch --channels "$2"); }

train invariance invariance --latents 3,8 --train-set rt --hidden 40,20
alphas=(--alphas="-1,0,0.5,1,-inf,inf" --latents 4 --separability-latents 4 --samples 3)
train geometry-paper geometry "${alphas[@]}" --hidden 30,20
train geometry-argo geometry "${alphas[@]}" --preset argo --hidden 30 --kl mc
train geometry-exp geometry --alphas 0.5 --latents 4 --separability-latents 4 --hidden 20 --activation tanh \
    --variance exp
poses=affine-tvae,pose-tvae,tps-tvae,affine-dtvae,pose-dtvae,tps-dtvae
small=(--latents 3 --hidden 40,30 --localisation 20)
train spatial-none spatial --rows "vae,$poses" "${small[@]}"
train spatial-fixed spatial --rows "$poses" "${small[@]}" --prior fixed-mean --separate-trunk \
    --second-transform independent
train spatial-fitted spatial --rows "$poses" "${small[@]}" --prior fitted --limit tanh \
    --limit-range 0.7 --control-points 2
train spatial-full spatial --rows "$poses" "${small[@]}" --prior full --rank 4 --limit sigmoid \
    --deviation-bound logarithm --control-points 4
train equivae-supervised equivae --which supervised
train equivae-semi equivae --which semi --labels 20
train equivae-normalised equivae --which semi --labels 20 --normalisation batch
for likelihood in bernoulli gaussian gaussian-learned gaussian-per-channel; do
    train "equivae-$likelihood" equivae --which supervised --dataset glyphs-colour --likelihood "$likelihood"
done
for likelihood in gaussian gaussian-learned; do
    train "invariance-$likelihood" invariance --latents 3 --train-set s --hidden 40 --likelihood "$likelihood"
    train "geometry-$likelihood" geometry "${alphas[@]}" --hidden 30 --likelihood "$likelihood"
    train "spatial-$likelihood" spatial --rows "vae,$poses" "${small[@]}" --likelihood "$likelihood"
done
train invariance-colour invariance --latents 3 --train-set s --hidden 40 --dataset glyphs-colour
train geometry-colour geometry "${alphas[@]}" --hidden 30 --dataset glyphs-colour
train spatial-colour spatial --rows "vae,$poses" "${small[@]}" --dataset glyphs-colour
sized 20x28 colour
train invariance-oblong invariance "${images[@]}" --latents 3 --train-set s --hidden 40 --likelihood gaussian-learned
train geometry-oblong geometry "${images[@]}" --alphas 0 --latents 4 --separability-latents 4 --hidden 30 \
    --activation softplus
train spatial-oblong spatial "${images[@]}" --rows "vae,$poses" "${small[@]}" --prior full --limit tanh
for of in 4,grey 12,grey 32,grey 28,colour 60,colour; do
    sized "${of%,*}" "${of#*,}"
    train "equivae-$of" equivae "${images[@]}" --which supervised
done
sized 16 grey
train equivae-small equivae "${images[@]}" --which semi --labels 20 --likelihood gaussian-learned
sized 64 grey
train equivae-large equivae "${images[@]}" --which semi --labels 20 --normalisation batch --latents 2
sized 12 colour
train equivae-small-colour equivae "${images[@]}" --which semi --labels 20 --normalisation batch \
    --likelihood gaussian-per-channel
cd "$here"
WARPVAE_RUNS=$scratch/runs PYTHONDONTWRITEBYTECODE=1 "$python" -m unittest test_modules
