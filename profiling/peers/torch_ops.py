"""warpvae's operations in PyTorch (tests/consumer/torch_ops) beside PyTorch's own, forward and backward together, float32:
affine_grid + grid_sample and the spline of warp_torch.py, binary cross-entropy, a reparameterised sample with its divergence,
and Renyi's bound as a log-sum-exp.

    torch_ops.py [--mode eager|graph] [--threads T] [--images LARGEST]
        prints a row for each case: name, microseconds of PyTorch and of warpvae, their ratio (above 1: warpvae is faster)
        and by how much a result or gradient differs, relative in its norm: where rounding puts a grid point on the other side
        of a whole pixel, the derivative is another. Medians of five alternating rounds.

On the device that warpvae was built for. graph (CUDA only): each captured once and replayed, so no host's time is in it.
"""
import argparse
import math
import statistics

import torch
from torch.nn import functional as F

import torch_options
import warp_torch
import warpvae


def sample_with_kl(moments):
    mu, log_variance = moments.chunk(2, -1)
    z = mu + (log_variance / 2).exp() * torch.randn_like(mu)
    return z, 0.5 * (mu**2 + log_variance.exp() - 1 - log_variance).sum(-1)


def warps(device, largest):
    for warp, n, c, size in warp_torch.CASES:
        if n > largest:
            continue
        name, sample, image, u, dout = warp_torch.make_case(warp, n, c, size, device)

        def ours(image, u, warp=warp):
            if warp == "affine":
                return warpvae.affine_warp(image, u, None, "border", True)
            return warpvae.thin_plate_spline_warp(image, u.view(-1, 2, 3, 3), None, "border", True)

        yield name, sample, ours, (image, u), (dout,), True


def losses(device, largest):
    for n in (128, 16384):
        if n > largest:
            continue
        x, target = torch.randn(n, 784, device=device, requires_grad=True), torch.rand(n, 784, device=device)
        ones = torch.ones(n, device=device)

        def cross_entropy(x, target=target):
            return F.binary_cross_entropy_with_logits(x, target, reduction="none").sum(-1)

        yield f"bernoulli-784-N{n}", cross_entropy, lambda x, target=target: warpvae.bernoulli(x, target), (x,), (ones,), True
        moments, address = torch.randn(n, 40, device=device, requires_grad=True), torch.tensor([1, 0], device=device)
        dz = torch.rand(n, 20, device=device)

        def sample(moments, address=address):
            return warpvae.gaussian_sample(moments, address)

        yield f"gaussian-sample-20-N{n}", sample_with_kl, sample, (moments,), (dz, ones), False  # other noise
        nll, ratio = (torch.randn(n, 50, device=device, requires_grad=True) for _ in range(2))

        def bound(nll, ratio):
            return -(torch.logsumexp(0.5 * (ratio - nll), -1) - math.log(50)) / 0.5

        yield f"renyi-bound-50-N{n}", bound, lambda a, b: warpvae.renyi_bound(a, b, 0.5), (nll, ratio), (ones,), True


def captured(call):
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


def difference(theirs, ours):
    return max(((a - b).norm() / a.norm()).item() for a, b in zip(theirs, ours))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["eager", "graph"], default="eager")
    torch_options.add_to(parser)
    parser.add_argument("--images", type=int, default=1 << 30)
    options = parser.parse_args()
    options.device = warpvae.device
    synchronise = torch_options.apply(options)
    for make in (warps, losses):
        for name, theirs, ours, inputs, gradients, is_same in make(options.device, options.images):

            def step(function):
                out = function(*inputs)
                out = out if isinstance(out, tuple) else (out,)
                return [*out, *torch.autograd.grad(out, inputs, gradients)]

            both = [lambda f=f: step(f) for f in (theirs, ours)]
            off = f"{difference(*(call() for call in both)):.0e}" if is_same else "-"
            if options.mode == "graph":
                both = [captured(call) for call in both]
            rounds = [[warp_torch.time_call(call, synchronise) for call in both] for _ in range(5)]
            a, b = (statistics.median(times) for times in zip(*rounds))
            print(f"{name} {a:.1f} {b:.1f} {a / b:.2f} {off}", flush=True)


if __name__ == "__main__":
    main()
