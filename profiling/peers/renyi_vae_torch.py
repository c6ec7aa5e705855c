"""The VAE of Peste et al. (2017) on Renyi's bound of K draws in PyTorch: 784-200-200-k, batch 100, Adam, float32.

    renyi_vae_torch.py [--alphas 0] [--samples 5] [--latents 30] [--together turns|vmap]
                       [--mode eager|graph|compile] [--device cpu|cuda] [--threads T] [--tf32] [--steps N]
        prints the median, lowest and highest microseconds of a step over ten chunks of N / 10 steps; of several alphas
        each is a model with minibatches of its own, run in turns or stacked (torch.func)
    renyi_vae_torch.py --check FILE
        repeats the five steps that `bench_renyi_step --export FILE` wrote; fails unless losses and gradients agree (torch_steps.py)
    renyi_vae_torch.py --train --data DIR [--alphas 0] [--samples 5] [--latents 30] [--epochs E] [--seed S] ...
        trains one model on DIR/mnist as geometry does, but for the draws, and prints the bound and -log p(x) of the test set
        as one line of JSON

Written from Li and Turner's equations, not from models/renyi_vae.cpp: autograd through the log weights. --variance and --start
choose the head and the first weights: softplus and xavier, or PyTorch users' exp and torch. inf and -inf are alphas.
"""
import argparse
import copy
import gzip
import json
import math
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

import torch_steps

BATCH, PIXELS, HIDDEN = 100, 784, 200
HELD_OUT = 10000  # the last training images, as in mnist.pkl


def dense(*widths):
    layers = []
    for i, o in zip(widths, widths[1:]):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return layers


def negative_bound(alpha, nll, ratio, kl):
    """-L_alpha (eq. 12), mean over images, from -log p(x|z) and log p(z) - log q(z|x) [N, K] and the divergence [N]."""
    if alpha == 1:
        return (kl + nll.mean(1)).mean()
    w = ratio - nll
    if math.isinf(alpha):
        return -(w.amin(1) if alpha > 0 else w.amax(1)).mean()
    return -(torch.logsumexp((1 - alpha) * w, 1) - math.log(w.shape[1])).mean() / (1 - alpha)


class RenyiVae(nn.Module):
    def __init__(self, alpha, samples, latents, variance="softplus", start="xavier"):
        super().__init__()
        self.alpha, self.samples, self.latents = alpha, samples, latents
        self.variance = torch.exp if variance == "exp" else F.softplus
        self.encoder = nn.Sequential(*dense(PIXELS, HIDDEN, HIDDEN))
        self.heads = nn.Linear(HIDDEN, 2 * latents)
        self.decoder = nn.Sequential(*dense(latents, HIDDEN, HIDDEN), nn.Linear(HIDDEN, PIXELS))
        if start == "xavier":
            for name, parameter in self.named_parameters():
                nn.init.constant_(parameter, 0.1) if name.endswith("bias") else nn.init.xavier_uniform_(parameter)

    def posterior(self, x):
        mu, raw = self.heads(self.encoder(x)).chunk(2, dim=1)
        return mu, self.variance(raw).clamp(min=1e-10)

    def draws(self, x, mu, variance, noise):
        """nll and ratio [N, K] of noise [N, K, Z]."""
        z = mu[:, None] + variance.sqrt()[:, None] * noise
        logits = self.decoder(z)
        nll = F.binary_cross_entropy_with_logits(logits, x[:, None].expand_as(logits), reduction="none").sum(2)
        return nll, 0.5 * (noise * noise + variance.log()[:, None] - z * z).sum(2)

    def forward(self, x, noise=None):
        """The arguments of negative_bound."""
        mu, variance = self.posterior(x)
        shape = len(x), self.samples, self.latents
        noise = torch.randn(shape, device=x.device) if noise is None else noise.view(shape)
        return *self.draws(x, mu, variance, noise), 0.5 * (mu * mu + variance - 1 - variance.log()).sum(1)

    def loss(self, x, noise=None):
        return negative_bound(self.alpha, *self(x, noise))

    def gather(self, images, which):
        return (torch.bernoulli(images[which].float() / 255),)


class Ensemble(nn.Module):
    """Models on minibatches of their own, under one optimiser."""

    def __init__(self, models, stacked):
        super().__init__()
        self.alphas = [model.alpha for model in models]
        if stacked:
            self.one = [copy.deepcopy(models[0]).to("meta")]  # in a list: no submodule
            values, _ = torch.func.stack_module_state(models)
            self.names, self.values = list(values), nn.ParameterList(values.values())
        else:
            self.models = nn.ModuleList(models)

    def loss(self, x):
        if hasattr(self, "models"):
            return sum(model.loss(mine) for model, mine in zip(self.models, x))
        one = lambda values, mine: torch.func.functional_call(self.one[0], values, mine)
        parts = torch.vmap(one, randomness="different")(dict(zip(self.names, self.values)), x)
        return sum(negative_bound(alpha, *part) for alpha, *part in zip(self.alphas, *parts))

    def gather(self, images, which):
        return (torch.bernoulli(images[which].float() / 255).unflatten(0, (len(self.alphas), -1)),)


def model_of(options, alpha):
    return RenyiVae(alpha, options.samples, options.latents, options.variance, options.start).to(options.device)


def make(options):
    if options.check:
        from safetensors import safe_open

        with safe_open(options.check, "pt") as file:
            told = file.metadata()
        options.alphas, options.samples, options.latents = told["alpha"], int(told["samples"]), int(told["latents"])
    models = [model_of(options, alpha) for alpha in alphas_of(options)]
    options.batch = BATCH * len(models)
    model = models[0] if len(models) == 1 else Ensemble(models, options.together == "vmap").to(options.device)
    capturable = options.device == "cuda" and options.mode != "eager"
    return model, torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=capturable)


def alphas_of(options):
    return [float(alpha) for alpha in options.alphas.split(",")]


# --- training on MNIST -------------------------------------------------------------------------------------------------


def read_images(options, name, count=None):
    with gzip.open(os.path.join(options.data, "mnist", name)) as file:
        pixels = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)[16:].view(-1, PIXELS)
    return (pixels[:count].float() / 255).to(options.device)


@torch.no_grad()
def log_weights(model, x, samples):
    """Of `samples` draws [N, samples], 50 of them at a time."""
    mu, variance = model.posterior(x)
    chunks = []
    for first in range(0, samples, 50):
        noise = torch.randn(len(x), min(50, samples - first), model.latents, device=x.device)
        nll, ratio = model.draws(x, mu, variance, noise)
        chunks.append(ratio - nll)
    return torch.cat(chunks, 1).double()


def trained(options, alpha, images):
    model = model_of(options, alpha)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for _ in range(options.epochs):
        for which in torch.randperm(len(images), device=options.device).split(BATCH):
            optimiser.zero_grad()
            model.loss(torch.bernoulli(images[which])).backward()  # of black and white: themselves
            optimiser.step()
    return model


def train(options):
    alpha, *others = alphas_of(options)
    if others:
        sys.exit("--train takes one alpha")
    torch.manual_seed(options.seed)
    images = read_images(options, "train-images-idx3-ubyte.gz")[:-HELD_OUT][: options.train_images]
    test = torch.bernoulli(read_images(options, "t10k-images-idx3-ubyte.gz", options.test_images))
    start = time.perf_counter()
    model = trained(options, alpha, torch.bernoulli(images) if options.binarise == "static" else images)
    seconds = time.perf_counter() - start
    model.samples = options.bound_samples
    with torch.no_grad():
        bound = sum(model.loss(x).item() * len(x) for x in test.split(BATCH)) / len(test)
    model.samples = 10 if options.device == "cpu" else 500  # a chunk's decoder outputs stay in cache, or fill a GPU
    sizes, likelihoods, elbos = [], [], []
    for x in test[: options.likelihood_images].split(BATCH):
        w = log_weights(model, x, options.likelihood_samples)
        likelihoods.append(torch.logsumexp(w, 1) - math.log(w.shape[1]))
        sizes.append(torch.exp(2 * torch.logsumexp(w, 1) - torch.logsumexp(2 * w, 1)))
        elbos.append(w.mean(1))
    likelihoods = torch.cat(likelihoods)
    told = ("samples", "latents", "variance", "start", "binarise", "epochs", "seed", "bound_samples", "likelihood_samples")
    print(json.dumps({"alpha": alpha} | {name: getattr(options, name) for name in told} | {
        "train_images": len(images), "test_images": len(test), "likelihood_images": len(likelihoods), "seconds": round(seconds, 1),
        "test_negative_bound": round(bound, 4), "negative_log_likelihood": round(-likelihoods.mean().item(), 4),
        "negative_elbo": round(-torch.cat(elbos).mean().item(), 4), "effective_sample_size": round(torch.cat(sizes).mean().item(), 1)}))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--alphas", default="0")
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--latents", type=int, default=30)
    parser.add_argument("--together", choices=["turns", "vmap"], default="turns")
    parser.add_argument("--variance", choices=["softplus", "exp"], default="softplus")
    parser.add_argument("--start", choices=["xavier", "torch"], default="xavier")
    parser.add_argument("--data", default=os.environ.get("WARPVAE_DATA", "."))
    parser.add_argument("--binarise", choices=["static", "dynamic"], default="static")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train-images", type=int, help="of the 50,000; default: all")
    parser.add_argument("--test-images", type=int, help="default: all")
    parser.add_argument("--bound-samples", type=int, default=10)
    parser.add_argument("--likelihood-samples", type=int, default=2000)
    parser.add_argument("--likelihood-images", type=int, help="the first so many of the test set; default: all")
    sys.exit(torch_steps.main(make, None, parser, train))
