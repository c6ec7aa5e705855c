"""log p(x) of the VAE of Peste et al. (784-200-200-k) by importance sampling in PyTorch, float32: the arithmetic of
profiling/bench_likelihood.cpp.

    likelihood_torch.py [--images 10000] [--draws 2000] [--latents 30] [--hidden 200,200] [--rows ROWS] [--rounds 3]
                        [--mode eager|graph|compile] [--device cpu|cuda] [--threads T] [--tf32]
        prints the median, lowest and highest milliseconds; 20 images on a CPU. ROWS draws are decoded at a time
    likelihood_torch.py --check FILE
        repeats in double what `bench_likelihood --export FILE` estimated; fails unless both agree

An image is encoded once; the log weights of its draws come to their log-mean-exp in double.
"""
import argparse
import math
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

import torch_options

PIXELS = 784
CHECKED = 1e-4  # relative difference allowed of log p(x), the ELBO and the effective sample size


class Vae(nn.Module):
    def __init__(self, hidden, latents):
        super().__init__()
        self.latents = latents

        def dense(widths):
            return [m for i, o in zip(widths, widths[1:]) for m in (nn.Linear(i, o), nn.ReLU())]

        self.encoder = nn.Sequential(*dense([PIXELS, *hidden]))
        self.heads = nn.Linear(hidden[-1], 2 * latents)
        self.decoder = nn.Sequential(*dense([latents, *hidden[::-1]]), nn.Linear(hidden[0], PIXELS))
        for name, parameter in self.named_parameters():
            nn.init.constant_(parameter, 0.1) if name.endswith("bias") else nn.init.xavier_uniform_(parameter)

    def posterior(self, x):
        mu, raw = self.heads(self.encoder(x)).chunk(2, dim=1)
        return mu, F.softplus(raw).clamp(min=1e-10)

    def log_weights(self, x, mu, variance, noise):
        """Of noise [N, K, Z]: log p(x, z) - log q(z | x) [N, K]."""
        z = mu[:, None] + variance.sqrt()[:, None] * noise
        logits = self.decoder(z)
        nll = F.binary_cross_entropy_with_logits(logits, x[:, None].expand_as(logits), reduction="none").sum(2)
        return 0.5 * (noise * noise + variance.log()[:, None] - z * z).sum(2) - nll


def summary(weights):
    """log p(x), the mean log weight and the effective sample size of log weights [N, K]."""
    w = weights.double()
    total = torch.logsumexp(w, 1)
    return total - math.log(w.shape[1]), w.mean(1), torch.exp(2 * total - torch.logsumexp(2 * w, 1))


@torch.no_grad()
def check(path):
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        told = file.metadata()
        tensors = {name: file.get_tensor(name).double() for name in file.keys()}
    model = Vae([int(width) for width in told["hidden"].split(",")], int(told["latents"])).double()
    model.load_state_dict({n.removeprefix("weights."): t for n, t in tensors.items() if n.startswith("weights.")})
    x = tensors["images"]
    mean = [part.mean().item() for part in summary(model.log_weights(x, *model.posterior(x), tensors["noise"]))]
    theirs = tensors["estimate"].tolist()
    theirs[1] = -theirs[1]
    apart = [abs(a - b) / abs(b) for a, b in zip(mean, theirs)]
    print(f"log p(x) {mean[0]:.4f}, ELBO {mean[1]:.4f}, effective draws {mean[2]:.3f}: the double agrees to {max(apart):.1e}")
    return 0 if max(apart) < CHECKED else 1


def make_estimate(options, model, images):
    """A function that estimates log p of all images."""
    chunk = min(options.draws, options.rows)  # draws of one image at a time
    batch = max(1, options.rows // chunk)  # images at a time

    def batch_of(x):
        mu, variance = model.posterior(x)
        parts = []
        for first in range(0, options.draws, chunk):
            noise = torch.randn(len(x), min(chunk, options.draws - first), model.latents, device=x.device)
            parts.append(model.log_weights(x, mu, variance, noise))
        return summary(torch.cat(parts, 1) if len(parts) > 1 else parts[0])[0]

    if options.mode == "compile":
        batch_of = torch.compile(batch_of)
    graph, plain = None, batch_of
    if options.mode == "graph":
        held = torch.zeros(batch, PIXELS, device=options.device)
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            batch_of(held)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = batch_of(held)

        def batch_of(x):
            if len(x) < batch:
                return plain(x)
            held.copy_(x)
            graph.replay()
            return result.clone()

    def estimate():
        total = torch.zeros((), dtype=torch.float64, device=options.device)
        for some in images.split(batch):
            total += batch_of(some.float() / 255).sum()
        return total.item() / len(images)

    return estimate


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check")
    parser.add_argument("--mode", choices=["eager", "graph", "compile"], default="eager")
    torch_options.add_to(parser)
    parser.add_argument("--images", type=int)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--latents", type=int, default=30)
    parser.add_argument("--hidden", default="200,200")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    synchronise = torch_options.apply(options)
    torch.manual_seed(1)
    if options.check:
        return check(options.check)
    on_gpu = options.device == "cuda"
    options.images = options.images or (10000 if on_gpu else 20)
    options.rows = options.rows or (65536 if on_gpu else 512)
    model = Vae([int(width) for width in options.hidden.split(",")], options.latents).to(options.device)
    images = torch.randint(0, 256, (options.images, PIXELS), dtype=torch.uint8, device=options.device)
    estimate = make_estimate(options, model, images)
    estimate()
    times = []
    for _ in range(options.rounds):
        synchronise()
        start = time.perf_counter()
        estimate()
        times.append((time.perf_counter() - start) * 1e3)
    print(f"{statistics.median(times):.2f} {min(times):.2f} {max(times):.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
