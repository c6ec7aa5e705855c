"""The cases of profiling/bench_warp.cu in PyTorch: affine_grid + grid_sample, and a thin-plate spline as one matrix product
+ grid_sample; border padding, corners aligned, float32.

    warp_torch.py [--mode eager|compile] [--device cpu|cuda] [--threads T] [--tf32] [--images LARGEST]
        prints "case microseconds" lines, of cases of at most LARGEST images
"""
import argparse
import statistics
import time

import torch
from torch.nn import functional as F

import torch_options

CASES = [(warp, n, c, size) for warp in ("affine", "tps") for n, c, size in ((100, 1, 28), (1024, 1, 28), (16384, 1, 28), (4096, 3, 64))]


def spline_basis(g, size):
    """[g * g, size * size], as thin_plate_spline_basis."""
    line = torch.linspace(-1, 1, g, dtype=torch.float64)
    source = torch.stack([line.repeat(g), line.repeat_interleave(g)])  # 2 x n
    n = g * g

    def radial(a, b):
        r2 = ((a[:, :, None] - b[:, None, :]) ** 2).sum(0)
        return torch.where(r2 > 0, r2 * torch.log(r2.clamp_min(1e-300)), torch.zeros_like(r2))

    L = torch.zeros(n + 3, n + 3, dtype=torch.float64)
    L[0, 3:] = 1
    L[1:3, 3:] = source
    L[3:, 0] = 1
    L[3:, 1:3] = source.T
    L[3:, 3:] = radial(source, source)
    axis = torch.linspace(-1, 1, size, dtype=torch.float64)
    pixel = torch.stack([axis.repeat(size), axis.repeat_interleave(size)])
    right = torch.cat([torch.ones(1, size * size, dtype=torch.float64), pixel, radial(source, pixel)])
    return (torch.linalg.inv(L)[:, 3:].T @ right), source


def time_call(call, synchronise):
    def microseconds(calls):
        synchronise()
        start = time.perf_counter()
        for _ in range(calls):
            call()
        synchronise()
        return (time.perf_counter() - start) * 1e6

    call()
    calls = max(1, int(5000 / max(microseconds(1), 1)))
    return statistics.median(microseconds(calls) / calls for _ in range(9))


def make_case(warp, n, c, size, device):
    """A name, sample(image, u), the two and the gradient by what it returns."""
    torch.manual_seed(1)
    image = torch.rand(n, c, size, size, device=device, requires_grad=True)
    dout = torch.rand(n, c, size, size, device=device) * 2 - 1
    if warp == "affine":
        u = torch.rand(n, 2, 3) * 0.4 - 0.2 + torch.tensor([[1.0, 0, 0], [0, 1, 0]])

        def sample(image, u):
            grid = F.affine_grid(u, image.shape, align_corners=True)
            return F.grid_sample(image, grid, padding_mode="border", align_corners=True)
    else:
        basis, source = spline_basis(3, size)
        basis, source = basis.float().to(device), source.float().to(device)
        u = torch.rand(n, 2, 9) * 0.4 - 0.2

        def sample(image, u):
            grid = ((source + u) @ basis).view(n, 2, size, size).permute(0, 2, 3, 1)
            return F.grid_sample(image, grid, padding_mode="border", align_corners=True)

    return f"{warp}-{size}x{size}x{c}-N{n}", sample, image, u.to(device).requires_grad_(), dout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["eager", "compile"], default="eager")
    torch_options.add_to(parser)
    parser.add_argument("--images", type=int, default=1 << 30)
    options = parser.parse_args()
    synchronise = torch_options.apply(options)
    for warp, n, c, size in CASES:
        if n > options.images:
            continue
        name, sample, image, u, dout = make_case(warp, n, c, size, options.device)
        if options.mode == "compile":
            sample = torch.compile(sample)

        def forward():
            with torch.no_grad():
                sample(image, u)

        def both():
            torch.autograd.grad(sample(image, u), (image, u), dout)

        one, two = time_call(forward, synchronise), time_call(both, synchronise)
        print(f"{name}-forward {one:.1f}", flush=True)
        # Autograd runs no backward without its forward: the difference, both timed in this process.
        print(f"{name}-backward {two - one:.1f}", flush=True)


if __name__ == "__main__":
    main()
