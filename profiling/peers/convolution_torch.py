"""The cases of profiling/bench_convolution.cpp in PyTorch: EQUIVAE's layers, float32.

    convolution_torch.py [--data mnist|svhn] [--images 128] [--memory contiguous|channels_last] [--device cpu|cuda] [--threads T] [--tf32]
        prints "case microseconds" lines
"""
import argparse

import torch
from torch.nn import functional as F

import torch_options
from equivae_step import DECODER_FILTERS, FILTERS
from warp_torch import time_call


def layers(size, channels):
    """(name, transposed, in, out, pixels in, pixels out, stride, padding)."""
    before, pixels = channels, size
    for i, after in enumerate(FILTERS):
        stride = 2 if i else 1
        yield f"encoder{i}", False, before, after, pixels, (pixels - 1) // stride + 1, stride, 2
        before, pixels = after, (pixels - 1) // stride + 1
    before, pixels = 32, 2
    for i, after in enumerate(DECODER_FILTERS):
        yield f"decoder{i}", True, before, after, pixels, 2 * pixels, 2, 2
        before, pixels = after, 2 * pixels
    yield f"decoder{len(DECODER_FILTERS)}", False, before, channels, pixels, size, 1, 2 if size == pixels else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", choices=["mnist", "svhn"], default="mnist")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--memory", choices=["contiguous", "channels_last"], default="contiguous")
    torch_options.add_to(parser)
    options = parser.parse_args()
    synchronise = torch_options.apply(options)
    torch.backends.cudnn.benchmark = True
    memory = torch.channels_last if options.memory == "channels_last" else torch.contiguous_format

    def random(*shape):
        return (torch.rand(shape, device=options.device) * 2 - 1).contiguous(memory_format=memory)

    def show(name, call):
        with torch.no_grad():
            time = time_call(call, synchronise)
        print(f"{name} {time:.1f}", flush=True)
        return time

    N = options.images
    sums = {"forward": 0, "data": 0, "weights": 0}  # over the layers

    for name, transposed, before, after, pixels, pixels_out, stride, padding in layers(*((32, 3) if options.data == "svhn" else (28, 1))):
        x, dy = random(N, before, pixels, pixels), random(N, after, pixels_out, pixels_out)
        b = torch.rand(after, device=options.device)
        W = random(*((before, after) if transposed else (after, before)), 5, 5)
        extra = [1, 1] if transposed else [0, 0]

        def forward():
            if transposed:
                return F.conv_transpose2d(x, W, b, stride, padding, 1).relu_()
            return F.conv2d(x, W, b, stride, padding).relu_()

        def backward(*mask):
            return torch.ops.aten.convolution_backward(
                dy, x, W, [after], [stride] * 2, [padding] * 2, [1, 1], transposed, extra, 1, mask)

        sums["forward"] += show(f"{name}-forward", forward)
        if name != "encoder0":
            sums["data"] += show(f"{name}-data", lambda: torch.ops.aten.threshold_backward(backward(True, False, False)[0], x, 0))
        sums["weights"] += show(f"{name}-weights", lambda: backward(False, True, True))
    for what, time in sums.items():
        print(f"all-{what} {time:.1f}")


if __name__ == "__main__":
    main()
