"""Reads model.safetensors of a run (the format: a header of JSON, then the tensors), and builds layers of it."""
import itertools
import json
import struct

import torch
from torch import nn
from torch.distributions import Normal, kl_divergence


def read(path):
    """The settings that the model was trained with, as text, and its tensors by name."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(length)), file.read()
    settings, tensors = header.pop("__metadata__", {}), {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: tensor {name} holds {entry['dtype']}, not F32")
        tensors[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32).reshape(entry["shape"])
    return settings, tensors


def image_shape(settings):
    """Height, width and channels of the images, channels the last axis."""
    return tuple(int(extent) for extent in settings["image-shape"].split(","))


def linear(tensors, name):
    out_features, in_features = tensors[name + ".weight"].shape
    return nn.Linear(in_features, out_features)


def layers_of(tensors, prefix):
    """Weights of PREFIX.0, PREFIX.2, ..., as an nn.Sequential with activations between numbers them, or of PREFIX.0,
    PREFIX.3, ... with normalisations before those."""
    step = 3 if is_normalised(tensors, prefix) else 2
    names = (f"{prefix}.{i}.weight" for i in itertools.count(0, step))
    return [tensors[name] for name in itertools.takewhile(tensors.__contains__, names)]


def is_normalised(tensors, prefix):
    return f"{prefix}.1.running_mean" in tensors


def sequential(layers, activation=nn.ReLU, last=None, normalised=False):
    """An activation after each layer but the last, which has its own or none; normalised: before each activation."""
    modules = []
    for layer, follows in zip(layers, [activation] * (len(layers) - 1) + [last]):
        modules.append(layer)
        if follows and normalised:
            modules.append(nn.BatchNorm2d(layer.out_channels))
        if follows:
            modules.append(follows())
    return nn.Sequential(*modules)


def stack(tensors, prefix, activation=nn.ReLU, last=None):
    return sequential([nn.Linear(*w.shape[::-1]) for w in layers_of(tensors, prefix)], activation, last)


def is_gaussian(settings):
    """Whether pixels are Gaussian; colour models of EQUIVAE name their deviation."""
    return "deviation" in settings or settings.get("likelihood", "bernoulli") != "bernoulli"


def add_deviation(decoder, tensors):
    """The log deviation of Gaussian pixels as a parameter of the decoder, where the model learned it."""
    if "decoder.log_deviation" in tensors:
        decoder.register_parameter("log_deviation", nn.Parameter(tensors["decoder.log_deviation"]))


def gaussian_nll(decoder, mean, x, shape=(1,)):
    """-log p of each pixel. log s counts from -6 upwards; without a learned one s is 1."""
    log_deviation = getattr(decoder, "log_deviation", torch.zeros(1, device=x.device)).clamp_min(-6)
    return -Normal(mean, log_deviation.exp().view(shape).expand_as(mean)).log_prob(x)


def gaussian_kl(mean, deviation, prior_mean=0.0, prior_deviation=1.0):
    """KL of diagonal Gaussians, of each row."""
    prior = Normal(torch.as_tensor(prior_mean, device=mean.device), torch.as_tensor(prior_deviation, device=mean.device))
    return kl_divergence(Normal(mean, deviation), prior).sum(-1)
