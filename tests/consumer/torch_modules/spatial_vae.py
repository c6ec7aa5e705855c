"""SpatialVae (models/spatial_vae.h), which `spatial` trains, in PyTorch: VAE, T-VAE and DT-VAE with every pose and prior.
"""
import torch
from torch import nn
from torch.nn import functional as F

import weights
from warp import Warp


class SpatialVae(nn.Module):
    def __init__(self, path):
        super().__init__()
        self.settings, tensors = weights.read(path)
        pose, _, kind = self.settings["rows"].rpartition("-")  # "affine-tvae", "tps-dtvae", "vae"
        self.kind, self.prior, self.limit = kind, self.settings.get("prior", "none"), self.settings.get("limit", "none")
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
        g = int(self.settings["control-points"]) if pose == "tps" else 0
        self.warp = Warp(pose, self.shape, g) if pose else None
        twice = self.settings.get("second-transform") == "independent"
        identity = self.warp.identity if self.warp else []
        self.register_buffer("identity", torch.tensor(identity * (2 if twice else 1)), persistent=False)
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

    def moments(self, x, u=None):
        """Mean and deviation of q(z | x), x [N, H W C] in [0, 1]; a DT-VAE's of x with the pose u taken off."""
        if self.kind == "dtvae":
            x = self.warp(x, u[:, : self.warp.numbers])
        mean, s = self.heads(self.encoder(x)).chunk(2, -1)
        return mean, self.deviation(s)

    def images(self, z, u=None):
        y = self.decoder(z)
        return y if self.kind == "vae" else self.warp(y, u[:, -self.warp.numbers :], self.is_inverse)

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
