"""The training step of profiling/bench_step.cpp in PyTorch: VAE 784-400-20-400-784, batch 128, Adam, float32.

    vae_step_torch.py [--mode eager|graph|compile] [--device cpu|cuda] [--threads T] [--tf32] [--steps N]
        prints the median, lowest and highest microseconds of a step over ten chunks of N / 10 steps
    vae_step_torch.py --check FILE
        repeats the five steps that `bench_step --export FILE` wrote; fails unless losses and gradients agree (torch_steps.py)

The data set is resident as bytes; the minibatch order, the noise, the loss and the optimiser are all inside the step.
"""
import sys

import torch
from torch import nn
from torch.nn import functional as F

import torch_steps

BATCH, PIXELS, HIDDEN, LATENTS = 128, 784, 400, 20


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU())
        self.heads = nn.Linear(HIDDEN, 2 * LATENTS)
        self.decoder = nn.Sequential(nn.Linear(LATENTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS))

    def loss(self, x, noise=None):
        mu, logvar = self.heads(self.encoder(x)).chunk(2, dim=1)
        noise = torch.randn_like(mu) if noise is None else noise
        logits = self.decoder(mu + torch.exp(0.5 * logvar) * noise)
        reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        kl = 0.5 * torch.sum(mu * mu + logvar.exp() - 1 - logvar)
        return (reconstruction + kl) / x.shape[0]


def make(options):
    model = Vae().to(options.device)
    capturable = options.device == "cuda" and options.mode != "eager"
    return model, torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=capturable)


if __name__ == "__main__":
    sys.exit(torch_steps.main(make, BATCH))
