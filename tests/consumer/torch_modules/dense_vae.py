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
        weights.add_deviation(self.decoder, tensors)
        self.load_state_dict(tensors)
        self.is_gaussian = weights.is_gaussian(self.settings)

    def moments(self, x):
        """Mean and deviation of q(z | x), x [N, H W C] in [0, 1]."""
        mean, log_variance = self.heads(self.encoder(x)).chunk(2, -1)
        return mean, (log_variance / 2).exp()

    def images(self, z):
        return self.decoder(z) if self.is_gaussian else self.decoder(z).sigmoid()

    def elbo(self, x, z):
        """Of each image, from one draw."""
        if self.is_gaussian:
            nll = weights.gaussian_nll(self.decoder, self.decoder(z), x)
        else:
            nll = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none")
        return -nll.sum(-1) - weights.gaussian_kl(*self.moments(x))
