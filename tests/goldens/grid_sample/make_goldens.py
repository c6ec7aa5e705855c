"""Goldens of torch.nn.functional.affine_grid and grid_sample, in double, for tests/kernel/grid_sample_test.cu.

    python3 make_goldens.py > torch.txt

Each line is: name, count, numbers. Coordinates keep away from whole pixels, where derivatives are one-sided.
"""
import torch
from torch.nn import functional as F

N, C, H, W, OUT_H, OUT_W = 2, 2, 5, 4, 3, 6
torch.manual_seed(20)
torch.set_default_dtype(torch.float64)


def put(name, tensor):
    values = tensor.detach().flatten().tolist()
    print(name, len(values), *(f"{v:.17g}" for v in values))


def away_from_pixels(grid, align):
    """True where every coordinate is at least 1e-3 from a whole pixel."""
    for axis, size in ((0, W), (1, H)):
        pixel = (grid[..., axis] + 1) / 2 * (size - 1) if align else ((grid[..., axis] + 1) * size - 1) / 2
        if ((pixel - pixel.round()).abs() < 1e-3).any():
            return False
    return True


image = torch.randn(N, C, H, W)
dout = torch.randn(N, C, OUT_H, OUT_W)
grid = torch.rand(N, OUT_H, OUT_W, 2) * 3 - 1.5  # a third of it outside
theta = torch.tensor([[[0.91, 0.23, 0.117], [-0.31, 1.13, -0.053]], [[-1.21, 0.43, 0.319], [0.53, 0.87, 0.211]]])
put("image", image)
put("dout", dout)
put("grid", grid)
put("theta", theta)
for align in (True, False):
    assert away_from_pixels(grid, align)
    assert away_from_pixels(F.affine_grid(theta, [N, C, OUT_H, OUT_W], align_corners=align), align)
    for padding in ("zeros", "border"):
        mode = f"{padding}.{'corners' if align else 'edges'}"
        for kind in ("grid", "theta"):
            x = image.clone().requires_grad_()
            p = (grid if kind == "grid" else theta).clone().requires_grad_()
            g = p if kind == "grid" else F.affine_grid(p, [N, C, OUT_H, OUT_W], align_corners=align)
            out = F.grid_sample(x, g, padding_mode=padding, align_corners=align)
            out.backward(dout)
            put(f"{kind}.{mode}.out", out)
            put(f"{kind}.{mode}.dimage", x.grad)
            put(f"{kind}.{mode}.d{kind}", p.grad)
