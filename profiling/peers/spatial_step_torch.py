"""The training step of profiling/bench_spatial_step.cpp in PyTorch: Vive's models, batch 100, Adadelta, float32.

    spatial_step_torch.py --model vae|affine-tvae|tps-tvae|affine-dtvae [--latents 8]
                          [--mode eager|graph|compile] [--device cpu|cuda] [--threads T] [--tf32] [--steps N]
        prints the median, lowest and highest microseconds of a step over ten chunks of N / 10 steps
    spatial_step_torch.py --model MODEL [--latents 8] --check FILE
        repeats the five steps of `bench_spatial_step --export FILE`; fails unless losses and gradients agree (torch_steps.py)

Written from the paper's equations, not from models/spatial_vae.cpp: autograd, affine_grid and grid_sample.
"""
import argparse
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

import torch_steps
from warp_torch import spline_basis

BATCH, SIZE, HIDDEN, LOCALISATION, CONTROL = 100, 28, 256, 128, 3
PIXELS = SIZE * SIZE


def dense(*widths):
    layers = []
    for i, o in zip(widths, widths[1:]):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return layers


def inverse(A):
    """[M | t] [N, 2, 3] to [M^-1 | -M^-1 t], |det M| kept from 1e-4 upwards."""
    (a, b, tx), (c, d, ty) = (row.unbind(1) for row in A.unbind(1))
    det = a * d - b * c
    det = torch.where(det >= 0, det.clamp(min=1e-4), det.clamp(max=-1e-4))
    p, q, r, s = d / det, -b / det, -c / det, a / det
    return torch.stack([p, q, -(p * tx + q * ty), r, s, -(r * tx + s * ty)], dim=1).view(-1, 2, 3)


def sample(images, grid):
    return F.grid_sample(images.view(-1, 1, SIZE, SIZE), grid, padding_mode="border", align_corners=True).view(-1, PIXELS)


def affine_warp(images, A):
    return sample(images, F.affine_grid(A, (A.shape[0], 1, SIZE, SIZE), align_corners=True))


class SpatialVae(nn.Module):
    def __init__(self, kind, latents):
        super().__init__()
        self.kind = kind
        self.encoder = nn.Sequential(*dense(PIXELS, HIDDEN, HIDDEN))
        self.heads = nn.Linear(HIDDEN, 2 * latents)
        if kind == "affine-dtvae":
            self.localisation = nn.Sequential(*dense(PIXELS, LOCALISATION))
        if kind != "vae":
            numbers = 2 * CONTROL**2 if kind == "tps-tvae" else 6
            self.pose_heads = nn.Linear(LOCALISATION if kind == "affine-dtvae" else HIDDEN, numbers)
            nn.init.zeros_(self.pose_heads.weight)
            with torch.no_grad():
                self.pose_heads.bias.copy_(torch.zeros(numbers) if kind == "tps-tvae" else torch.tensor([1.0, 0, 0, 0, 1, 0]))
        self.decoder = nn.Sequential(*dense(latents, HIDDEN, HIDDEN), nn.Linear(HIDDEN, PIXELS), nn.Sigmoid())
        basis, source = (t.float() for t in spline_basis(CONTROL, SIZE))
        self.register_buffer("basis", basis, persistent=False)
        self.register_buffer("source", source, persistent=False)

    def loss(self, x, noise=None):
        seen = x
        if self.kind == "affine-dtvae":
            A = self.pose_heads(self.localisation(x)).view(-1, 2, 3)
            seen = affine_warp(x, A)
        features = self.encoder(seen)
        mu, log_sigma = self.heads(features).chunk(2, dim=1)
        log_sigma = log_sigma.clamp(min=math.log(1e-6))
        sigma = log_sigma.exp()
        noise = torch.randn_like(mu) if noise is None else noise
        image = self.decoder(mu + sigma * noise)
        if self.kind == "affine-tvae":
            image = affine_warp(image, self.pose_heads(features).view(-1, 2, 3))
        elif self.kind == "tps-tvae":
            grid = (self.source + self.pose_heads(features).view(-1, 2, CONTROL**2)) @ self.basis
            image = sample(image, grid.view(-1, 2, SIZE, SIZE).permute(0, 2, 3, 1))
        elif self.kind == "affine-dtvae":
            image = affine_warp(image, inverse(A))
        reconstruction = F.binary_cross_entropy(image.clamp(1e-6, 1 - 1e-6), x, reduction="sum")
        kl = torch.sum(-log_sigma + 0.5 * (mu * mu + sigma * sigma) - 0.5)
        return (reconstruction + kl) / x.shape[0]


def make(options):
    model = SpatialVae(options.model, options.latents).to(options.device)
    capturable = options.device == "cuda" and options.mode != "eager"
    return model, torch.optim.Adadelta(model.parameters(), lr=1, rho=0.95, eps=1e-6, capturable=capturable)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["vae", "affine-tvae", "tps-tvae", "affine-dtvae"], required=True)
    parser.add_argument("--latents", type=int, default=8)
    sys.exit(torch_steps.main(make, BATCH, parser))
