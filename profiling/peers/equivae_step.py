"""The training step of profiling/bench_equivae_step.cpp in PyTorch: EQUIVAE (Feige 2019), Adam, float32.

    equivae_step.py --model supervised|gaussian|semi [--batch 32] [--memory contiguous|channels_last]
                    [--mode eager|graph|compile] [--device cpu|cuda] [--threads T] [--tf32] [--steps N]
        prints the median, lowest and highest microseconds of a step over ten chunks of N / 10 steps

Written from the paper's equations, not from models/equivae.cpp: autograd, Conv2d, ConvTranspose2d. Complementary images are
drawn inside the step, m = 4 for each image, with replacement and now and then the image itself: less work than ours.
equivae_agreement.py repeats five of our steps with the same nets.
"""
import argparse
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

import torch_steps

CLASSES, COMPLEMENT, FILTERS, DECODER_FILTERS = 10, 4, (8, 16, 32, 64, 64), (64, 32, 16, 8)


def dense(*widths, dropout=0):
    """Layers with ReLUs between, and dropout behind each ReLU."""
    layers = []
    for i, o in zip(widths, widths[1:]):
        layers += [nn.Linear(i, o), nn.ReLU() if not dropout else nn.Sequential(nn.ReLU(), nn.Dropout(dropout))]
    return nn.Sequential(*layers[:-1])


class Trunk(nn.Module):
    """Convolutions and one dense layer, each with a ReLU. The dense layer reads pixels row by row, each with its channels."""

    def __init__(self, channels, hidden):
        super().__init__()
        layers = []
        for i, (before, after) in enumerate(zip((channels, *FILTERS), FILTERS)):
            layers += [nn.Conv2d(before, after, 5, stride=2 if i else 1, padding=2), nn.ReLU()]
        self.conv = nn.Sequential(*layers)
        self.dense = nn.Sequential(nn.Linear(4 * FILTERS[-1], hidden), nn.ReLU())

    def forward(self, x):
        return self.dense(self.conv(x).permute(0, 2, 3, 1).flatten(1))


class Invariant(Trunk):
    """r of [sets, m] images: the mean lies behind the trunk (eq. 2)."""

    def __init__(self, channels, trunk_hidden, hidden, latents):
        super().__init__(channels, trunk_hidden)
        self.tail = dense(trunk_hidden, hidden, latents)

    def forward(self, x, m):
        return self.tail(super().forward(x).unflatten(0, (-1, m)).mean(1))


class Equivariant(Trunk):
    def __init__(self, channels, trunk_hidden, hidden, latents):
        super().__init__(channels, trunk_hidden)
        self.r = nn.Sequential(nn.Linear(latents, hidden), nn.ReLU())
        self.mu = dense(trunk_hidden + hidden, hidden, latents)
        self.logvar = dense(trunk_hidden + hidden, hidden, latents)


class Decoder(nn.Module):
    def __init__(self, size, channels, latents, gaussian, hidden=64):
        super().__init__()
        self.r = nn.Sequential(nn.Linear(latents, hidden), nn.ReLU())
        self.v = nn.Sequential(nn.Linear(latents, hidden), nn.ReLU())
        self.joint = nn.Sequential(nn.Linear(2 * hidden, 2 * hidden), nn.ReLU())
        layers = []
        for before, after in zip((hidden // 2, *DECODER_FILTERS), DECODER_FILTERS):
            layers += [nn.ConvTranspose2d(before, after, 5, stride=2, padding=2, output_padding=1), nn.ReLU()]
        self.conv = nn.Sequential(*layers, nn.Conv2d(DECODER_FILTERS[-1], channels, 5, padding=2 if size == 32 else 0))
        if gaussian:
            self.log_deviation = nn.Parameter(torch.zeros(channels))


class Equivae(nn.Module):
    def __init__(self, kind, memory=torch.contiguous_format, dropout=0.5):
        super().__init__()
        self.kind, self.memory = kind, memory
        self.size, self.channels = (32, 3) if kind == "gaussian" else (28, 1)
        latents, trunk, hidden = (8, 64, 32) if kind == "semi" else (16, 128, 64)
        self.inv = Invariant(self.channels, trunk, hidden, latents)
        self.cov = Equivariant(self.channels, trunk, hidden, latents)
        self.decoder = Decoder(self.size, self.channels, latents, kind == "gaussian")
        if kind == "semi":
            self.add_module("class", Trunk(self.channels, trunk))
            self.get_submodule("class").head = dense(trunk + latents, 128, 64, CLASSES, dropout=dropout)
        self.to(memory_format=memory)

    def pixels(self, x):
        """[N, size * size * channels], channels last, to [N, channels, size, size] in the nets' order of memory."""
        return x.view(-1, self.size, self.size, self.channels).permute(0, 3, 1, 2).contiguous(memory_format=self.memory)

    def costs(self, x, h, r, noise):
        """-log p(x | r, v) + KL(q(v | r, x) || N(0, I)) of each pair of an image, its features and an r."""
        h = torch.cat([h, self.cov.r(r)], 1)
        mu, logvar = self.cov.mu(h), self.cov.logvar(h)
        v = mu + torch.exp(0.5 * logvar) * (torch.randn_like(mu) if noise is None else noise)
        flat = self.decoder.joint(torch.cat([self.decoder.r(r), self.decoder.v(v)], 1))
        y = self.decoder.conv(flat.unflatten(1, (2, 2, -1)).permute(0, 3, 1, 2))
        if self.kind == "gaussian":
            s = self.decoder.log_deviation.view(-1, 1, 1)
            nll = (0.5 * (x - y) ** 2 * torch.exp(-2 * s) + s + 0.5 * math.log(2 * math.pi)).sum((1, 2, 3))
        else:
            nll = F.binary_cross_entropy_with_logits(y, x, reduction="none").sum((1, 2, 3))
        return nll + 0.5 * (mu * mu + logvar.exp() - 1 - logvar).sum(1)

    def loss(self, images, sets, m, labels, noise=None):
        """images [U + L, D] (supervised: [L, D]); sets [(classes + L) * m, D] (supervised: [L * m, D]); labels [L]."""
        x, r = self.pixels(images), self.inv(self.pixels(sets), m)
        h = self.cov(x)
        if self.kind != "semi":
            return self.costs(x, h, r, noise).mean()
        classifier, L = self.get_submodule("class"), len(labels)
        U = len(x) - L
        with torch.no_grad():
            embedded = self.inv(x, 1)  # an input of q(y | x), like x
        log_q = F.log_softmax(classifier.head(torch.cat([classifier(x), embedded], 1)), 1)
        pair = torch.cat([torch.arange(U, device=x.device).repeat_interleave(CLASSES), torch.arange(U, U + L, device=x.device)])
        r_pair = torch.cat([r[:CLASSES].repeat(U, 1), r[CLASSES:]])
        costs = self.costs(x[pair], h[pair], r_pair, noise)
        unlabelled = log_q[:U].exp() * (costs[: U * CLASSES].view(U, CLASSES) + log_q[:U] + math.log(CLASSES))
        labelled = costs[U * CLASSES :] - log_q[U:].gather(1, labels[:, None])[:, 0]
        return unlabelled.sum(1).mean() + labelled.mean()

    def gather(self, images, which):
        """loss()'s arguments of a step; image i is of class i % CLASSES."""
        labels, L = which % CLASSES, len(which)
        classes, rows = labels, images[which]
        if self.kind == "semi":  # as many labelled images, drawn beside the minibatch
            beside = torch.randint(len(images), (L,), device=images.device)
            labels = beside % CLASSES
            rows = torch.cat([rows, images[beside]])
            classes = torch.cat([torch.arange(CLASSES, device=images.device), labels])
        members = torch.randint(len(images) // CLASSES, (len(classes), COMPLEMENT), device=images.device)
        sets = images[(members * CLASSES + classes[:, None]).flatten()]
        return rows.float() / 255, sets.float() / 255, COMPLEMENT, labels


def make(options):
    model = Equivae(options.model, getattr(torch, options.memory if options.memory == "channels_last" else "contiguous_format"))
    model.to(options.device)
    options.pixels = model.channels * model.size**2
    capturable = options.device == "cuda" and options.mode != "eager"
    return model, torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=capturable)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["supervised", "gaussian", "semi"], required=True)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--memory", choices=["contiguous", "channels_last"], default="contiguous")
    sys.exit(torch_steps.main(make, None, parser))
