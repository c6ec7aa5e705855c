"""What the four models share: reading a run's model.safetensors, the modules that its names stand for, and p(x | z)."""
import json
import struct

import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

ACTIVATIONS = {"relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh, "softplus": nn.Softplus}


def read(path):
    """The settings that the model was trained with, as text, and its tensors by name: a header of JSON, then bytes."""
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


def planes(rows, shape):
    """Images [N, C, H, W] of rows [N, H W C] and their shape (H, W, C)."""
    return rows.unflatten(-1, shape).permute(0, 3, 1, 2)


def rows(images):
    return images.permute(0, 2, 3, 1).flatten(1)


def gaussian_kl(mean, deviation, prior_mean=0.0, prior_deviation=1.0):
    """KL of diagonal Gaussians, of each row."""
    prior = [torch.as_tensor(moment, device=mean.device) for moment in (prior_mean, prior_deviation)]
    return kl_divergence(Normal(mean, deviation), Normal(*prior)).sum(-1)


def place(module, name, part):
    """module.a.b = part, of the name "a.b"."""
    *parents, last = name.split(".")
    for parent in parents:
        if not hasattr(module, parent):
            module.add_module(parent, nn.Module())
        module = getattr(module, parent)
    setattr(module, last, part)


class Vae(nn.Module):
    """A trained model. Images are rows [N, H W C] in [0, 1]; `shape` is (H, W, C)."""

    def __init__(self, path, setting, active, linear):
        """`active` and `linear` name the model's parts; an activation follows the last layer of the first. `setting` is
        one that only models of this kind have. A file that does not fit is refused."""
        super().__init__()
        self.settings, tensors = read(path)
        if not {setting, "image-shape"} <= self.settings.keys():
            kind = type(self).__name__
            raise ValueError(f"{path}: not the weights of a model of {kind}, which has {setting} and image-shape")
        self.shape = tuple(int(extent) for extent in self.settings["image-shape"].split(","))
        # Colour models of EQUIVAE name their Gaussian's deviation.
        likelihood = self.settings.get("likelihood", "gaussian" if "deviation" in self.settings else "bernoulli")
        self.is_gaussian = likelihood.startswith("gaussian")
        if not self.is_gaussian and likelihood != "bernoulli":
            raise ValueError(f"{path}: a likelihood that is not known here, {likelihood}")
        for name in [*active, *linear, "decoder.log_deviation"]:
            if (part := self.part(name, tensors, name in active)) is not None:  # models differ in what they have
                place(self, name, part)
        if unknown := tensors.keys() - self.state_dict().keys():
            raise ValueError(f"{path}: tensors of no part that is known here: {', '.join(sorted(unknown))}")
        self.load_state_dict(tensors)
        self.eval()  # a normalisation is by its running averages

    def part(self, name, tensors, is_active):
        """A parameter, if the file has a tensor NAME; a layer, if it has NAME.weight; a Sequential, if it has
        NAME.0.weight and further numbers: a vector is a normalisation's, and a number left out is an activation."""
        if name in tensors:
            return nn.Parameter(tensors[name])
        weights = {key.removesuffix(".weight"): tensor for key, tensor in tensors.items() if key.endswith(".weight")}
        if name in weights:
            return self.layer(name, weights[name], 0, 0)
        activation = ACTIVATIONS[self.settings.get("activation", "relu")]
        numbered = {int(key.rpartition(".")[2]): weights[key] for key in weights if key.rpartition(".")[0] == name}
        layers = [number for number, weight in sorted(numbered.items()) if weight.dim() > 1]
        modules = [activation() for _ in range(max(numbered, default=-1) + 1 + is_active)]
        for number, weight in numbered.items():
            if number in layers:
                before = layers.index(number)
                modules[number] = self.layer(name, weight, before, len(layers) - 1 - before)
            else:
                modules[number] = nn.BatchNorm2d(len(weight))
        return nn.Sequential(*modules) if numbered else None

    def layer(self, name, weight, before, after):
        """The layer of this weight in the part NAME, with so many layers before it and behind it."""
        return nn.Linear(*weight.shape[::-1])

    def expectation(self, output):
        """The mean of p(x | z), from what the decoder makes of z."""
        return output if self.is_gaussian else output.sigmoid()

    def log_likelihood(self, output, x):
        """log p(x | z) of each row of the decoder's output."""
        if not self.is_gaussian:
            return self.bernoulli(output, x.expand_as(output)).sum(-1)
        log_deviation = getattr(self.decoder, "log_deviation", torch.zeros(1, device=x.device)).clamp_min(-6)
        return Normal(output, log_deviation.exp().repeat(x.shape[-1] // len(log_deviation))).log_prob(x).sum(-1)

    def bernoulli(self, logits, x):
        """log p of each pixel, where they are Bernoulli."""
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none")
