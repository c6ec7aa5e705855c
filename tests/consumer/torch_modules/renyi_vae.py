"""RenyiVae (models/renyi_vae.h), which `geometry` trains, in PyTorch."""
import math

import torch
from torch.nn import functional as F

import weights


class RenyiVae(weights.Vae):
    def __init__(self, path):
        super().__init__(path, "alphas", active=["encoder"], linear=["heads", "decoder"])

    def moments(self, x):
        """Mean and deviation of q(z | x)."""
        mean, raw = self.heads(self.encoder(x)).chunk(2, -1)
        variance = raw.exp() if self.settings["variance"] == "exp" else F.softplus(raw)
        return mean, variance.clamp_min(1e-10).sqrt()

    def images(self, z):
        return self.expectation(self.decoder(z))

    def bernoulli(self, logits, x):
        """Probabilities are kept in [p, 1 - p] where the run says so."""
        p = float(self.settings["clip-probability"])
        most = math.log((1 - p) / p) if p else math.inf
        return super().bernoulli(logits.clamp(-most, most), x)

    def log_likelihoods(self, x, z):
        """log p(x | z_k) [N, K] of draws z [N, K, Z]."""
        return self.log_likelihood(self.decoder(z), x[:, None])

    def log_weights(self, x, z):
        """log p(x, z_k) - log q(z_k | x) [N, K]."""
        mean, deviation = (m[:, None] for m in self.moments(x))
        return self.log_likelihoods(x, z) + (0.5 * (((z - mean) / deviation) ** 2 - z**2) + deviation.log()).sum(-1)

    def elbo(self, x, z):
        """Of each image: the mean log weight."""
        return self.log_weights(x, z).mean(-1)

    def bound(self, x, z):
        """Renyi's, of the order that the model was trained on."""
        alpha, w = float(self.settings["alphas"]), self.log_weights(x, z)
        if alpha == 1 and self.settings["kl"] == "analytic":
            return self.log_likelihoods(x, z).mean(-1) - weights.gaussian_kl(*self.moments(x))
        if alpha == 1:
            return w.mean(-1)
        if math.isinf(alpha):
            return w.amax(-1) if alpha < 0 else w.amin(-1)
        return (torch.logsumexp((1 - alpha) * w, -1) - math.log(w.shape[-1])) / (1 - alpha)
