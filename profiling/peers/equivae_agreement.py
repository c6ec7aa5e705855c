"""Five training steps of EQUIVAE, `bench_equivae_step --model MODEL --export FILE`, against PyTorch's autograd.

    equivae_agreement.py --model supervised|gaussian|semi FILE [--details]

Each from the same weights, images, complementary images and noise, nothing dropped. Relative differences of losses, and of
tensors' gradients by their norm, from PyTorch in double, with PyTorch's own float beside: where rounding puts a ReLU on the
other side of 0, or the costs of ten classes that hardly differ are subtracted, that is as far off. Fails if a loss is
farther than 1e-5, if any gradient is farther than 2e-2, or if in more than half of the steps the worst one is farther
than both 1e-5 and three times PyTorch's worst. --details: a line for each step and for each tensor.
"""
import argparse
import statistics
import sys

import torch

from equivae_step import Equivae

ALLOWED, JUMP = 1e-5, 2e-2


def step(model, tensors, k, dtype):
    """Loss and gradients of step k, from its exported weights."""
    prefix = f"weights.{k}."
    model.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    model.to(dtype).zero_grad()
    images, sets = tensors[f"images.{k}"], tensors[f"sets.{k}"]
    labels = tensors[f"labels.{k}"].long() if f"labels.{k}" in tensors else None
    m = sets.shape[1]
    loss = model.loss(images.to(dtype).flatten(1), sets.to(dtype).flatten(0, 1).flatten(1), m, labels, tensors[f"noise.{k}"].to(dtype))
    loss.backward()
    return loss.item(), {n: p.grad.double().clone() for n, p in model.named_parameters()}, m


def distance(a, b):
    return ((a - b).norm() / b.norm()).nan_to_num(float("inf")).item()


def main():
    from safetensors.torch import load_file

    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["supervised", "gaussian", "semi"], required=True)
    parser.add_argument("--details", action="store_true")
    parser.add_argument("file")
    options = parser.parse_args()
    tensors = load_file(options.file)
    model = Equivae(options.model, dropout=0)
    kinds = ("ours from double", "PyTorch's float from double", "ours from PyTorch's float")
    losses, gradients, sizes = [], [], []  # of each step: three numbers, of each tensor three numbers
    for k, loss in enumerate(tensors["losses"].tolist()):
        float_loss, theirs, m = step(model, tensors, k, torch.float32)
        exact_loss, exact, m = step(model, tensors, k, torch.float64)
        ours = {name: tensors[f"gradient.{k}.{name}"].double() for name in exact}
        sizes.append(str(m))
        losses.append([abs(a / b - 1) for a, b in ((loss, exact_loss), (float_loss, exact_loss), (loss, float_loss))])
        pairs = ((ours, exact), (theirs, exact), (ours, theirs))
        gradients.append({name: [distance(a[name], b[name]) for a, b in pairs] for name in exact})
        if options.details:
            print(f"step {k}, m = {m}, loss {loss:.6f}")
            for i, kind in enumerate(kinds):
                each = [(d[i], name) for name, d in gradients[k].items()]
                print(f"    {kind:28s} loss {losses[k][i]:.1e}, gradients: median tensor {statistics.median(d for d, _ in each):.1e}, "
                      f"max {max(each)[0]:.1e} ({max(each)[1]})")
    if options.details:
        print("\nover the steps, median and max:", "; ".join(kinds))
        for name in gradients[0]:
            each = [[g[name][i] for g in gradients] for i in range(3)]
            print(f"{name:24s}", "   ".join(f"{statistics.median(d):.1e} {max(d):.1e}" for d in each))
        print()

    def worst(i):
        return [max(d[i] for d in g.values()) for g in gradients]

    print(f"{len(losses)} training steps (m = {', '.join(sizes)}), each from the same weights: "
          + "; ".join(f"{kind}: losses {max(l[i] for l in losses):.1e}, gradients {statistics.median(worst(i)):.1e} (worst {max(worst(i)):.1e})"
                      for i, kind in enumerate(kinds)))
    agree = sum(mine <= max(ALLOWED, 3 * other) for mine, other in zip(worst(0), worst(1)))
    return 0 if max(l[0] for l in losses) < ALLOWED and max(worst(0)) < JUMP and 2 * agree >= len(losses) else 1


if __name__ == "__main__":
    sys.exit(main())
