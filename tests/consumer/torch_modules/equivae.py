"""Equivae (models/equivae.h), which `equivae` trains, in PyTorch. Images are [N, C, H, W]; a dense layer behind convolutions
reads pixels with their channels last."""
import torch
from torch import nn
from torch.nn import functional as F

import weights


class ChannelsLast(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


def trunk(tensors, prefix):
    """Convolutions and one dense layer, as ImageTrunk (models/image_trunk.h)."""
    shapes = [w.shape for w in weights.layers_of(tensors, prefix + ".conv")]
    convolutions = [nn.Conv2d(c, out, 5, 2 if i else 1, 2) for i, (out, c, _, _) in enumerate(shapes)]
    normalised = weights.is_normalised(tensors, prefix + ".conv")
    return {"conv": weights.sequential(convolutions, last=nn.ReLU, normalised=normalised), "dense": weights.stack(tensors, prefix + ".dense", last=nn.ReLU)}


def features(network, x):
    return network["dense"](ChannelsLast()(network["conv"](x)))


class Equivae(nn.Module):
    def __init__(self, path):
        super().__init__()
        self.settings, tensors = weights.read(path)
        dense = {part: weights.stack(tensors, part) for part in ("inv.tail", "cov.mu", "cov.logvar")}
        relu = {part: weights.stack(tensors, part, last=nn.ReLU) for part in ("cov.r", "decoder.r", "decoder.v", "decoder.joint")}
        self.inv = nn.ModuleDict({**trunk(tensors, "inv"), "tail": dense["inv.tail"]})
        self.cov = nn.ModuleDict({**trunk(tensors, "cov"), "r": relu["cov.r"], "mu": dense["cov.mu"], "logvar": dense["cov.logvar"]})
        shapes = [w.shape for w in weights.layers_of(tensors, "decoder.conv")]
        doubling = [nn.ConvTranspose2d(c, out, 5, 2, 2, output_padding=1) for c, out, _, _ in shapes[:-1]]
        out, c, _, _ = shapes[-1]
        last = nn.Conv2d(c, out, 5, padding=0 if out == 1 else 2)  # 32 pixels a side become 28 in grey models
        self.decoder = nn.ModuleDict({part: relu["decoder." + part] for part in ("r", "v", "joint")})
        normalised = weights.is_normalised(tensors, "decoder.conv")
        self.decoder["conv"] = weights.sequential([*doubling, last], normalised=normalised)
        weights.add_deviation(self.decoder, tensors)
        if "class.dense.0.weight" in tensors:  # q(y | x) of a semi-supervised model
            self.add_module("class", nn.ModuleDict({**trunk(tensors, "class"), "head": weights.stack(tensors, "class.head")}))
        self.load_state_dict(tensors)
        self.eval()  # a normalisation is by its running averages
        self.is_gaussian = weights.is_gaussian(self.settings)

    def invariant(self, sets):
        """r [S, Z] of sets [S, m, C, H, W] of images of one class each; a set of one image: f_inv(x)."""
        hidden = features(self.inv, sets.flatten(0, 1)).unflatten(0, sets.shape[:2])
        return self.inv["tail"](hidden.mean(1))

    def moments(self, x, r):
        """Mean and deviation of q(v | r, x)."""
        joint = torch.cat([features(self.cov, x), self.cov["r"](r)], -1)
        return self.cov["mu"](joint), (self.cov["logvar"](joint) / 2).exp()

    def decode(self, r, v):
        """Logits, or the means of Gaussian pixels."""
        joint = self.decoder["joint"](torch.cat([self.decoder["r"](r), self.decoder["v"](v)], -1))
        return self.decoder["conv"](joint.view(len(joint), 2, 2, -1).permute(0, 3, 1, 2))

    def images(self, r, v):
        return self.decode(r, v) if self.is_gaussian else self.decode(r, v).sigmoid()

    def class_logits(self, x):
        """Of q(y | x)."""
        network = getattr(self, "class")
        return network["head"](torch.cat([features(network, x), self.invariant(x[:, None])], -1))

    def elbo(self, x, r, v):
        """Of log p(x | r), of each image, from one draw."""
        pixels = self.decode(r, v)
        if self.is_gaussian:
            nll = weights.gaussian_nll(self.decoder, pixels, x, (-1, 1, 1))
        else:
            nll = F.binary_cross_entropy_with_logits(pixels, x, reduction="none")
        return -nll.flatten(1).sum(-1) - weights.gaussian_kl(*self.moments(x, r))
