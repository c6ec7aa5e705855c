"""The training step of profiling/bench_step.cpp in PyTorch: VAE 784-400-20-400-784, batch 128, Adam, float32.

    vae_step_torch.py [--mode eager|graph|compile] [--device cpu|cuda] [--threads T] [--steps N]
        prints the median, lowest and highest microseconds of a step over ten chunks of N / 10 steps
    vae_step_torch.py --check FILE
        repeats the five steps that `bench_step --export FILE` wrote; fails unless every loss agrees to 1e-4

The data set is resident as bytes; the minibatch order, the noise, the loss and the optimiser are all inside the step.
"""
import argparse
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

BATCH, PIXELS, HIDDEN, LATENTS, IMAGES = 128, 784, 400, 20, 60000


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


def adam(model, device, mode):
    return torch.optim.Adam(model.parameters(), lr=1e-3, fused=True, capturable=device == "cuda" and mode != "eager")


def check(path):
    from safetensors.torch import load_file

    tensors = load_file(path)
    batches, noise, losses = (tensors.pop(name) for name in ("batches", "noise", "losses"))
    model = Vae()
    model.load_state_dict(tensors)
    optimiser = adam(model, "cpu", "eager")
    worst = 0.0
    for x, epsilon, expected in zip(batches, noise, losses.tolist()):
        optimiser.zero_grad()
        loss = model.loss(x, epsilon)
        loss.backward()
        optimiser.step()
        worst = max(worst, abs(loss.item() - expected) / abs(expected))
    print(f"{len(losses)} training steps from the same weights: losses agree with PyTorch to {worst:.1e}")
    return 0 if worst < 1e-4 else 1


def make_step(device, mode):
    torch.manual_seed(1)
    images = torch.randint(0, 256, (IMAGES, PIXELS), dtype=torch.uint8, device=device)
    model = Vae().to(device)
    optimiser = adam(model, device, mode)
    order = torch.randperm(IMAGES, device=device)
    position = 0
    total = torch.zeros((), device=device)
    index = torch.zeros(BATCH, dtype=torch.long, device=device)

    def train(which):
        optimiser.zero_grad(set_to_none=mode == "eager")
        loss = model.loss(images[which].float() / 255)
        loss.backward()
        optimiser.step()
        total.add_(loss.detach())  # read once an epoch

    if mode == "compile":
        train = torch.compile(train, mode="max-autotune" if device == "cuda" else None)
    graph = None
    if mode == "graph":
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            for _ in range(3):
                train(index)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            train(index)

    def step():
        nonlocal position, order
        if position + BATCH > IMAGES:
            order, position = torch.randperm(IMAGES, device=device), 0
        which = order[position : position + BATCH]
        position += BATCH
        if graph is not None:
            index.copy_(which)
            graph.replay()
        else:
            train(which)

    return step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check")
    parser.add_argument("--mode", choices=["eager", "graph", "compile"], default="eager")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.check:
        return check(options.check)
    step = make_step(options.device, options.mode)
    synchronise = torch.cuda.synchronize if options.device == "cuda" else lambda: None
    chunk = max(1, options.steps // 10)
    for _ in range(2 * chunk):
        step()
    samples = []
    for _ in range(10):
        synchronise()
        start = time.perf_counter()
        for _ in range(chunk):
            step()
        synchronise()
        samples.append((time.perf_counter() - start) / chunk * 1e6)
    print(f"{statistics.median(samples):.1f} {min(samples):.1f} {max(samples):.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
