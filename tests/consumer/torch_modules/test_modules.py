"""Every model in the runs of $WARPVAE_RUNS says in PyTorch what it says in C++: *.reference.safetensors beside its
model.safetensors (reference.cpp). python -m unittest test_modules"""
import os
import pathlib
import unittest

import torch

import weights
from dense_vae import DenseVae
from equivae import Equivae
from renyi_vae import RenyiVae
from spatial_vae import SpatialVae

RUNS = pathlib.Path(os.environ["WARPVAE_RUNS"])
ALLOWED = 1e-5


def references(program):
    """(name, path of the weights, tensors of the reference) of each model that `program` trained."""
    for path in sorted(RUNS.glob(f"{program}*/**/reference.safetensors")):
        yield str(path.parent.relative_to(RUNS)), path.parent / "model.safetensors", weights.read(path)[1]


class Models(unittest.TestCase):
    def agrees(self, name, ours, theirs):
        """To 1e-5 of the largest value, or of 1."""
        allowed = ALLOWED * max(1, theirs.abs().max().item())
        off = (ours.detach() - theirs).abs().max().item()
        self.assertLess(off, allowed, name)
        self.worst = max(self.worst, off / allowed)

    def setUp(self):
        torch.set_grad_enabled(False)
        self.worst, self.count = 0, 0

    def tearDown(self):
        print(f"{self.id().rpartition('.')[2]}: {self.count} models, {self.worst:.0%} of the allowed difference used")

    def each(self, program, expected, compare):
        for name, path, reference in references(program):
            self.count += 1
            with self.subTest(name):
                compare(path, reference)
        self.assertGreaterEqual(self.count, expected)

    def test_dense_vae(self):
        def compare(path, t):
            model = DenseVae(path)
            for part, value in zip(("mean", "deviation"), model.moments(t["x"])):
                self.agrees(part, value, t[part])
            self.agrees("images", model.images(t["z"]), t["images"])
            self.agrees("elbo", model.elbo(t["x"], t["z"]), t["elbo"])

        self.each("invariance", 2, compare)

    def test_renyi_vae(self):
        def compare(path, t):
            model = RenyiVae(path)
            for part, value in zip(("mean", "deviation"), model.moments(t["x"])):
                self.agrees(part, value, t[part])
            self.agrees("images", model.images(t["z"]), t["images"])
            self.agrees("elbo_of_draws", model.elbo(t["x"], t["draws"]), t["elbo_of_draws"])
            self.agrees("bound", model.bound(t["x"], t["draws"]), t["bound"])

        self.each("geometry", 13, compare)

    def test_spatial_vae(self):
        def compare(path, t):
            model = SpatialVae(path)
            u = t.get("u")
            for part, value in zip(("mean", "deviation"), model.moments(t["x"], u)):
                self.agrees(part, value, t[part])
            if model.kind != "vae" and model.prior == "none":
                self.agrees("u", model.pose(model.pose_moments(t["x"])[0]), u)
            self.agrees("images", model.images(t["z"], u), t["images"])
            self.agrees("elbo", model.elbo(t["x"], t["z"], u), t["elbo"])

        self.each("spatial", 25, compare)

    def test_equivae(self):
        def compare(path, t):
            model = Equivae(path)
            x, sets = t["x"].permute(0, 3, 1, 2), t["sets"].permute(0, 1, 4, 2, 3)
            self.agrees("r", model.invariant(sets), t["r"])
            for part, value in zip(("mean", "deviation"), model.moments(x, t["r"])):
                self.agrees(part, value, t[part])
            images = model.images(t["r"], t["z"]).permute(0, 2, 3, 1)
            self.agrees("images", images.flatten(1), t["images"])
            self.agrees("elbo", model.elbo(x, t["r"], t["z"]), t["elbo"])
            if "class_logits" in t:
                self.agrees("class_logits", model.class_logits(x), t["class_logits"])

        self.each("equivae", 7, compare)


if __name__ == "__main__":
    unittest.main()
