"""SpatialVae (models/spatial_vae.h), which `spatial` trains, in PyTorch: VAE, T-VAE and DT-VAE with every pose and prior.
"""
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


class SpatialVae(nn.Module):
    def __init__(self, path):
        super().__init__()
        self.settings, tensors = weights.read(path)
        pose, _, kind = self.settings["rows"].rpartition("-")  # "affine-tvae", "tps-dtvae", "vae"
        self.kind, self.form, self.prior, self.limit = kind, pose, self.settings.get("prior", "none"), self.settings.get("limit", "none")
        self.encoder = weights.stack(tensors, "encoder", last=nn.ReLU)
        self.heads = weights.linear(tensors, "heads")
        for name in ("localisation", "pose_encoder"):
            if name + ".0.weight" in tensors:
                self.add_module(name, weights.stack(tensors, name, last=nn.ReLU))
        for name in ("pose_heads", "pose_map"):
            if name + ".weight" in tensors:
                self.add_module(name, weights.linear(tensors, name))
        fitted = {name.partition(".")[2]: nn.Parameter(t) for name, t in tensors.items() if name.startswith("pose_prior.")}
        if fitted:
            self.pose_prior = nn.ParameterDict(fitted)
        self.decoder = weights.stack(tensors, "decoder", last=nn.Sigmoid)
        weights.add_deviation(self.decoder, tensors)
        self.load_state_dict(tensors)
        self.is_gaussian = weights.is_gaussian(self.settings)
        self.shape = weights.image_shape(self.settings)
        self.numbers = {"affine": 6, "pose": 5}.get(pose, 0)  # of one warp
        if pose == "tps":
            g = int(self.settings["control-points"])
            self.numbers = 2 * g * g
            self.register_buffer("basis", spline_basis(g, *self.shape[:2]), persistent=False)
            line = torch.linspace(-1, 1, g)
            self.register_buffer("source", torch.stack([line.repeat(g), line.repeat_interleave(g)]), persistent=False)
        one = [1.0, 0, 0, 0, 1, 0] if pose == "affine" else [0.0] * self.numbers
        twice = self.settings.get("second-transform") == "independent"
        self.register_buffer("identity", torch.tensor(one * (2 if twice else 1)), persistent=False)
        self.is_inverse = kind == "dtvae" and not twice

    def deviation(self, s):
        return s.clamp_min(1e-6).exp() if self.settings["deviation-bound"] == "logarithm" else s.exp().clamp_min(1e-6)

    def pose_moments(self, x):
        """Mean and deviation of q(v | x), v what is drawn of the pose; no deviation where u is a function of x."""
        trunk = getattr(self, "localisation", getattr(self, "pose_encoder", self.encoder))
        if self.prior == "none":
            return self.pose_heads(trunk(x)), None
        mean, s = self.pose_heads(trunk(x)).chunk(2, -1)
        return mean, self.deviation(s)

    def pose(self, v):
        """The warps' numbers u [N, S]."""
        u = self.pose_map(v) if self.prior == "full" else v
        if self.limit == "none":
            return u
        slope = 2 if self.limit == "tanh" else 1
        return self.identity + float(self.settings["limit-range"]) * (2 * torch.sigmoid(slope * u) - 1)

    def warp(self, images, u, inverse):
        """images [N, H W C] in the pose of the warp's numbers u."""
        images = images.view(-1, *self.shape).permute(0, 3, 1, 2)
        if self.form == "tps":
            grid = ((self.source + u.view(len(u), 2, -1)) @ self.basis).view(-1, 2, *self.shape[:2]).permute(0, 2, 3, 1)
        else:
            theta = pose_matrix(u) if self.form == "pose" else u.view(-1, 2, 3)
            grid = F.affine_grid(inverse_matrix(theta) if inverse else theta, images.shape, align_corners=True)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=True).permute(0, 2, 3, 1).flatten(1)

    def moments(self, x, u=None):
        """Mean and deviation of q(z | x), x [N, H W C] in [0, 1]; a DT-VAE's of x with the pose u taken off."""
        if self.kind == "dtvae":
            x = self.warp(x, u[:, : self.numbers], False)
        mean, s = self.heads(self.encoder(x)).chunk(2, -1)
        return mean, self.deviation(s)

    def images(self, z, u=None):
        y = self.decoder(z)
        return y if self.kind == "vae" else self.warp(y, u[:, -self.numbers :], self.is_inverse)

    def pose_kl(self, x):
        if self.prior == "none":
            return x.new_zeros(len(x))
        mean = 0.0 if self.prior == "full" or self.limit != "none" else self.identity
        if self.prior == "full":
            return weights.gaussian_kl(*self.pose_moments(x))
        mean = self.pose_prior["mean"] if self.prior == "fitted" else mean
        return weights.gaussian_kl(*self.pose_moments(x), mean, self.pose_prior["log_deviation"].exp())

    def elbo(self, x, z, u=None):
        """Of each image, from one draw."""
        if self.is_gaussian:
            nll = weights.gaussian_nll(self.decoder, self.images(z, u), x)
        else:
            nll = F.binary_cross_entropy(self.images(z, u).clamp(1e-6, 1 - 1e-6), x, reduction="none")
        return -nll.sum(-1) - weights.gaussian_kl(*self.moments(x, u)) - self.pose_kl(x)
