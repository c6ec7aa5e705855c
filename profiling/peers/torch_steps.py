"""What the peers of the training steps share: a step timed in three modes, and five exported steps repeated."""
import argparse
import statistics
import time

import torch

import torch_options

IMAGES, PIXELS = 60000, 784
# Relative differences allowed; gradients, and updates by equal gradients, by their tensor's norm. Where rounding puts a
# warped coordinate on the other side of a pixel's centre (some steps have one such pixel in 78,400) the pose's gradient
# jumps: half of the steps must agree to CHECKED_GRADIENT, all to CHECKED_JUMP. PyTorch's own float and double differ as much.
CHECKED_LOSS, CHECKED_GRADIENT, CHECKED_JUMP, CHECKED_UPDATE = 1e-4, 1e-4, 2e-2, 1e-4


def farthest(ours, theirs):
    """The largest |ours - theirs| / |theirs| of the tensors of two dictionaries, and whose it is."""
    return max((((ours[name] - t).norm() / t.norm()).nan_to_num(float("inf")).item(), name) for name, t in theirs.items())


def repeat_exported(path, model, optimiser):
    """Repeats each of the file's steps from the weights before it; 0 if losses, gradients and updates agree. The optimiser
    takes the file's gradients and keeps its own state over the steps."""
    from safetensors.torch import load_file

    tensors = load_file(path)
    losses, gradients, updates = [], [], []

    def named(prefix):
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    for k, (x, epsilon, expected) in enumerate(zip(tensors["batches"], tensors["noise"], tensors["losses"].tolist())):
        before, after = named(f"weights.{k}."), named(f"weights.{k + 1}.")
        model.load_state_dict(before)
        optimiser.zero_grad()
        loss = model.loss(x, epsilon)
        loss.backward()
        losses.append(abs(loss.item() - expected) / abs(expected))
        ours = named(f"gradient.{k}.")
        gradients.append(farthest(ours, {n: p.grad for n, p in model.named_parameters()}))
        for n, p in model.named_parameters():  # the optimiser by itself: where a gradient is all rounding, Adam's step is not
            p.grad.copy_(ours[n])
        optimiser.step()
        update = {n: p.detach() - before[n] for n, p in model.named_parameters()}
        updates.append(farthest({n: after[n] - before[n] for n in before}, update))
    agree = statistics.median(gradients)[0]
    print(
        f"{len(losses)} training steps, each from the same weights: losses agree with PyTorch to {max(losses):.1e}, gradients to {agree:.1e} "
        f"(median step; worst {max(gradients)[0]:.1e}, {max(gradients)[1]}), updates by equal gradients to {max(updates)[0]:.1e}"
    )
    agree = agree < CHECKED_GRADIENT and max(gradients)[0] < CHECKED_JUMP
    return 0 if agree and max(losses) < CHECKED_LOSS and max(updates)[0] < CHECKED_UPDATE else 1


def as_fractions(images, which):
    return (images[which].float() / 255,)


def make_step(model, optimiser, batch, pixels, device, mode):
    images = torch.randint(0, 256, (IMAGES, pixels), dtype=torch.uint8, device=device)
    gather = getattr(model, "gather", as_fractions)  # the loss's arguments of a minibatch
    order = torch.randperm(IMAGES, device=device)
    position = 0
    total = torch.zeros((), device=device)
    index = torch.zeros(batch, dtype=torch.long, device=device)

    def train(which):
        optimiser.zero_grad(set_to_none=mode == "eager")
        loss = model.loss(*gather(images, which))
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
        if position + batch > IMAGES:
            order, position = torch.randperm(IMAGES, device=device), 0
        which = order[position : position + batch]
        position += batch
        if graph is not None:
            index.copy_(which)
            graph.replay()
        else:
            train(which)

    return step


def main(make, batch, parser=None, train=None):
    """make(options) gives model and optimiser; without `batch` options.batch is set by then. train(options) is what --train
    does instead. Returns the exit status."""
    parser = parser or argparse.ArgumentParser()
    parser.add_argument("--check")
    if train:
        parser.add_argument("--train", action="store_true")
    parser.add_argument("--mode", choices=["eager", "graph", "compile"], default="eager")
    torch_options.add_to(parser)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    synchronise = torch_options.apply(options)
    torch.manual_seed(1)
    if train and options.train:
        return train(options)
    if options.check:
        options.device, options.mode = "cpu", "eager"
    model, optimiser = make(options)
    if options.check:
        return repeat_exported(options.check, model, optimiser)
    pixels = getattr(options, "pixels", PIXELS)
    step = make_step(model, optimiser, batch or options.batch, pixels, options.device, options.mode)
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
