"""SpatialVae (models/spatial_vae.h), which `spatial` trains, in PyTorch: VAE, T-VAE, DT-VAE, every pose and prior."""
import torch
from torch.nn import functional as F

import weights
from warp import Warp


class SpatialVae(weights.Vae):
    def __init__(self, path):
        prior = ["pose_prior.mean", "pose_prior.log_deviation"]
        super().__init__(path, "rows", active=["encoder", "localisation", "pose_encoder"],
                         linear=["heads", "pose_heads", "pose_map", *prior, "decoder"])
        row, self.prior, self.limit = (self.settings.get(name, "none") for name in ("rows", "prior", "limit"))
        pose, _, self.kind = row.rpartition("-")  # "affine-tvae", "tps-dtvae", "vae"
        if pose:
            second = self.settings.get("second-transform")  # of a DT-VAE
            self.warp = Warp(pose, self.shape, int(self.settings.get("control-points", 0)))
            self.is_inverse = second == "inverse"
            identity = torch.tensor(self.warp.identity * (2 if second == "independent" else 1))
            self.register_buffer("identity", identity, persistent=False)

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
        slope = {"tanh": 2, "sigmoid": 1}[self.limit]
        return self.identity + float(self.settings["limit-range"]) * (2 * torch.sigmoid(slope * u) - 1)

    def moments(self, x, u=None):
        """Mean and deviation of q(z | x); a DT-VAE's of x with the pose u taken off."""
        if self.kind == "dtvae":
            x = self.warp(x, u[:, : self.warp.numbers])
        mean, s = self.heads(self.encoder(x)).chunk(2, -1)
        return mean, self.deviation(s)

    def images(self, z, u=None):
        y = self.decoder(z).sigmoid()
        return y if self.kind == "vae" else self.warp(y, u[:, -self.warp.numbers :], self.is_inverse)

    def bernoulli(self, p, x):
        return -F.binary_cross_entropy(p.clamp(1e-6, 1 - 1e-6), x, reduction="none")

    def pose_kl(self, x):
        """Of the pose's prior, where it has one: about the identity, which is at 0 behind a limit, or a fitted mean."""
        if self.prior == "full":
            return weights.gaussian_kl(*self.pose_moments(x))
        mean = self.identity if self.limit == "none" else 0 * self.identity
        mean = self.pose_prior.mean if self.prior == "fitted" else mean
        return weights.gaussian_kl(*self.pose_moments(x), mean, self.pose_prior.log_deviation.exp())

    def elbo(self, x, z, u=None):
        """Of each image, from one draw."""
        elbo = self.log_likelihood(self.images(z, u), x) - weights.gaussian_kl(*self.moments(x, u))
        return elbo if self.prior == "none" else elbo - self.pose_kl(x)
