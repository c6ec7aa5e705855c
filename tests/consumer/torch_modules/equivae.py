"""Equivae (models/equivae.h), which `equivae` trains, in PyTorch. A colour model of Gaussian pixels takes and makes
standardised ones (data/standardise.h)."""
import torch
from torch import nn

import weights


class Equivae(weights.Vae):
    def __init__(self, path):
        trunks = [f"{network}.{part}" for network in ("inv", "cov", "class") for part in ("conv", "dense")]
        super().__init__(path, "kind", active=[*trunks, "cov.r", "decoder.r", "decoder.v", "decoder.joint"],
                         linear=["inv.tail", "cov.mu", "cov.logvar", "decoder.conv", "class.head"])

    def layer(self, name, weight, before, after):
        """Encoders keep the size, then halve it. The decoder doubles it from 2 x 2 on, then keeps it or takes 4 off."""
        if weight.dim() == 2:
            return super().layer(name, weight, before, after)
        if name != "decoder.conv":
            return nn.Conv2d(weight.shape[1], weight.shape[0], 5, stride=2 if before else 1, padding=2)
        if after:
            return nn.ConvTranspose2d(*weight.shape[:2], 5, stride=2, padding=2, output_padding=1)
        off = (2 << before) - self.shape[0]
        if off not in (0, 4) or self.shape[0] != self.shape[1]:
            raise ValueError(f"{self.shape[0]} x {self.shape[1]} pixels: {before} doublings make no such images")
        return nn.Conv2d(weight.shape[1], weight.shape[0], 5, padding=0 if off else 2)

    def features(self, network, x):
        return network.dense(weights.rows(network.conv(weights.planes(x, self.shape))))

    def invariant(self, sets):
        """r [S, Z] of sets [S, m, H W C] of images of one class each; a set of one image: f_inv(x)."""
        hidden = self.features(self.inv, sets.flatten(0, 1)).unflatten(0, sets.shape[:2])
        return self.inv.tail(hidden.mean(1))

    def moments(self, x, r):
        """Mean and deviation of q(v | r, x)."""
        joint = torch.cat([self.features(self.cov, x), self.cov.r(r)], -1)
        return self.cov.mu(joint), (self.cov.logvar(joint) / 2).exp()

    def decode(self, r, v):
        """Logits, or the means of Gaussian pixels."""
        joint = self.decoder.joint(torch.cat([self.decoder.r(r), self.decoder.v(v)], -1))
        return weights.rows(self.decoder.conv(weights.planes(joint, (2, 2, -1))))

    def images(self, r, v):
        return self.expectation(self.decode(r, v))

    def class_logits(self, x):
        """Of q(y | x), which a semi-supervised model has."""
        network = getattr(self, "class")
        return network.head(torch.cat([self.features(network, x), self.invariant(x[:, None])], -1))

    def elbo(self, x, r, v):
        """Of log p(x | r), of each image, from one draw."""
        return self.log_likelihood(self.decode(r, v), x) - weights.gaussian_kl(*self.moments(x, r))
