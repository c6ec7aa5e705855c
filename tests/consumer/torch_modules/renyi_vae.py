"""RenyiVae (models/renyi_vae.h), which `geometry` trains, in PyTorch."""
import math

import torch
from torch import nn
from torch.nn import functional as F

import weights

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh, "softplus": nn.Softplus}


class RenyiVae(nn.Module):
    def __init__(self, path):
        super().__init__()
        self.settings, tensors = weights.read(path)
        activation = ACTIVATIONS[self.settings["activation"]]
        self.encoder = weights.stack(tensors, "encoder", activation, last=activation)
        self.heads = weights.linear(tensors, "heads")
        self.decoder = weights.stack(tensors, "decoder", activation)
        weights.add_deviation(self.decoder, tensors)
        self.load_state_dict(tensors)
        self.is_gaussian = weights.is_gaussian(self.settings)

    def moments(self, x):
        """Mean and deviation of q(z | x), x [N, H W] in [0, 1]."""
        mean, raw = self.heads(self.encoder(x)).chunk(2, -1)
        variance = raw.exp() if self.settings["variance"] == "exp" else F.softplus(raw)
        return mean, variance.clamp_min(1e-10).sqrt()

    def images(self, z):
        return self.decoder(z) if self.is_gaussian else self.decoder(z).sigmoid()

    def nll(self, x, z):
        """-log p(x | z_k) [N, K] of draws z [N, K, Z]; probabilities are kept in [p, 1 - p] where the run says so."""
        if self.is_gaussian:
            means = self.decoder(z)
            return weights.gaussian_nll(self.decoder, means, x[:, None].expand_as(means)).sum(-1)
        p, logits = float(self.settings["clip-probability"]), self.decoder(z)
        if p:
            logits = logits.clamp(-math.log((1 - p) / p), math.log((1 - p) / p))
        return F.binary_cross_entropy_with_logits(logits, x[:, None].expand_as(logits), reduction="none").sum(-1)

    def log_weights(self, x, z):
        """log p(x, z_k) - log q(z_k | x) [N, K]."""
        mean, deviation = (m[:, None] for m in self.moments(x))
        return (0.5 * (((z - mean) / deviation) ** 2 - z**2) + deviation.log()).sum(-1) - self.nll(x, z)

    def elbo(self, x, z):
        """Of each image: the mean log weight."""
        return self.log_weights(x, z).mean(-1)

    def bound(self, x, z):
        """Renyi's, of the order that the model was trained on."""
        alpha, w = float(self.settings["alphas"]), self.log_weights(x, z)
        if alpha == 1 and self.settings["kl"] == "analytic":
            return -self.nll(x, z).mean(-1) - weights.gaussian_kl(*self.moments(x))
        if alpha == 1:
            return w.mean(-1)
        if math.isinf(alpha):
            return (w.max(-1) if alpha < 0 else w.min(-1)).values
        return (torch.logsumexp((1 - alpha) * w, -1) - math.log(w.shape[-1])) / (1 - alpha)
