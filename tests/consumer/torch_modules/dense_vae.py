"""DenseVae (models/dense_vae.h), which `invariance` trains, in PyTorch."""
from torch import nn
from torch.nn import functional as F

import weights


class DenseVae(nn.Module):
    def __init__(self, path):
        super().__init__()
        self.settings, tensors = weights.read(path)
        self.encoder = weights.stack(tensors, "encoder", last=nn.ReLU)
        self.heads = weights.linear(tensors, "heads")
        self.decoder = weights.stack(tensors, "decoder")
        self.load_state_dict(tensors)

    def moments(self, x):
        """Mean and deviation of q(z | x), x [N, H W] in [0, 1]."""
        mean, log_variance = self.heads(self.encoder(x)).chunk(2, -1)
        return mean, (log_variance / 2).exp()

    def images(self, z):
        return self.decoder(z).sigmoid()

    def elbo(self, x, z):
        """Of each image, from one draw."""
        nll = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none").sum(-1)
        return -nll - weights.gaussian_kl(*self.moments(x))
