"""The warps of a SpatialVae (cuda/affine_grid.cuh, cuda/thin_plate_spline.cpp)."""
import torch
from torch import nn
from torch.nn import functional as F

import weights


def spline_basis(g, height, width):
    """[g^2, H W]: what each control point's place adds to the grid (cuda/thin_plate_spline.cpp)."""
    line = torch.linspace(-1, 1, g, dtype=torch.float64)
    source = torch.stack([line.repeat(g), line.repeat_interleave(g)])
    across, down = (torch.linspace(-1, 1, size, dtype=torch.float64) for size in (width, height))
    pixels = torch.stack([across.repeat(height), down.repeat_interleave(width)])

    def rows(points):
        r2 = ((source[:, :, None] - points[:, None, :]) ** 2).sum(0)
        return torch.cat([torch.ones_like(points[:1]), points, torch.where(r2 > 0, r2 * r2.clamp_min(1e-300).log(), 0)])

    left = torch.zeros(g * g + 3, g * g + 3, dtype=torch.float64)
    left[:, 3:], left[3:, :3] = rows(source), rows(source)[:3].T
    return (torch.linalg.inv(left)[:, 3:].T @ rows(pixels)).float()


def pose_matrix(u):
    angle, sx, sy, tx, ty = u[:, 0], u[:, 1].exp(), u[:, 2].exp(), u[:, 3], u[:, 4]
    rows = [sx * angle.cos(), -sx * angle.sin(), sx * tx, sy * angle.sin(), sy * angle.cos(), sy * ty]
    return torch.stack(rows, -1).view(-1, 2, 3)


def inverse_matrix(theta):
    """The map that undoes theta; its determinant is kept from 1e-4 upwards."""
    (a, b, x), (c, d, y) = theta.permute(1, 2, 0)
    determinant = a * d - b * c
    least = torch.where(determinant < 0, -1e-4, 1e-4)
    a, b, c, d = torch.stack([d, -b, -c, a]) / torch.where(determinant.abs() < 1e-4, least, determinant)
    return torch.stack([a, b, -(a * x + b * y), c, d, -(c * x + d * y)], -1).view(-1, 2, 3)


class Warp(nn.Module):
    """Images [N, H W C] of a shape (H, W, C) in the pose of a warp's numbers u [N, numbers]: affine, pose or tps."""

    def __init__(self, form, shape, control_points=0):
        super().__init__()
        self.form, self.shape = form, shape
        self.numbers = {"affine": 6, "pose": 5, "tps": 2 * control_points**2}[form]
        self.identity = [1.0, 0, 0, 0, 1, 0] if form == "affine" else [0.0] * self.numbers
        if form == "tps":
            line = torch.linspace(-1, 1, control_points)
            source = torch.stack([line.repeat(control_points), line.repeat_interleave(control_points)])
            self.register_buffer("source", source, persistent=False)
            self.register_buffer("basis", spline_basis(control_points, *shape[:2]), persistent=False)

    def forward(self, images, u, inverse=False):
        images = weights.planes(images, self.shape)
        if self.form == "tps":
            grid = ((self.source + u.view(len(u), 2, -1)) @ self.basis).view(-1, 2, *self.shape[:2]).permute(0, 2, 3, 1)
        else:
            theta = pose_matrix(u) if self.form == "pose" else u.view(-1, 2, 3)
            grid = F.affine_grid(inverse_matrix(theta) if inverse else theta, images.shape, align_corners=True)
        return weights.rows(F.grid_sample(images, grid, padding_mode="border", align_corners=True))
