"""Reads model.safetensors of a run (the format: a header of JSON, then the tensors), and builds layers of it."""
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
    """Weights of PREFIX.0, PREFIX.2, ..., as an nn.Sequential with activations between numbers them."""
    count = sum(name.startswith(prefix + ".") and name.endswith(".weight") for name in tensors)
    return [tensors[f"{prefix}.{2 * i}.weight"] for i in range(count)]


def sequential(layers, activation=nn.ReLU, last=None):
    """An activation after each layer but the last, which has its own or none."""
    all_layers = [module for layer in layers for module in (layer, activation())]
    return nn.Sequential(*all_layers[:-1], *([last()] if last else []))


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
