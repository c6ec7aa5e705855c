"""Every model in the runs of $WARPVAE_RUNS says in PyTorch what it says in C++: *.reference.safetensors beside its
model.safetensors (reference.cpp). python -m unittest test_modules"""
import os
import pathlib
import unittest
import unittest.mock

import torch

import weights
from dense_vae import DenseVae
from equivae import Equivae
from renyi_vae import RenyiVae
from spatial_vae import SpatialVae

RUNS = pathlib.Path(os.environ["WARPVAE_RUNS"])
MODELS = {"invariance": DenseVae, "geometry": RenyiVae, "spatial": SpatialVae, "equivae": Equivae}
ALLOWED = 1e-5


def references(program):
    """(name, path of the weights, tensors of the reference) of each model that `program` trained."""
    for path in sorted(RUNS.glob(f"{program}*/**/reference.safetensors")):
        yield str(path.parent.relative_to(RUNS)), path.parent / "model.safetensors", weights.read(path)[1]


class Models(unittest.TestCase):
    def agrees(self, name, ours, theirs):
        """To 1e-5 of the largest value, or of 1."""
        self.assertEqual(ours.shape, theirs.shape, name)
        allowed = ALLOWED * max(1, theirs.abs().max().item())
        off = (ours.detach() - theirs).abs().max().item()
        self.assertLess(off, allowed, name)
        self.worst = max(self.worst, off / allowed)

    def setUp(self):
        torch.set_grad_enabled(False)
        self.worst, self.count = 0, 0

    def tearDown(self):
        if self.count:
            name = self.id().rpartition(".")[2]
            print(f"{name}: {self.count} models, {self.worst:.0%} of the allowed difference used")

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

        self.each("invariance", 6, compare)

    def test_renyi_vae(self):
        def compare(path, t):
            model = RenyiVae(path)
            for part, value in zip(("mean", "deviation"), model.moments(t["x"])):
                self.agrees(part, value, t[part])
            self.agrees("images", model.images(t["z"]), t["images"])
            self.agrees("elbo_of_draws", model.elbo(t["x"], t["draws"]), t["elbo_of_draws"])
            self.agrees("bound", model.bound(t["x"], t["draws"]), t["bound"])

        self.each("geometry", 32, compare)

    def test_spatial_vae(self):
        def compare(path, t):
            model = SpatialVae(path)
            u = t.get("u")
            for part, value in zip(("mean", "deviation"), model.moments(t["x"], u)):
                self.agrees(part, value, t[part])
            if model.kind != "vae":
                self.agrees("mean_u", model.pose(model.pose_moments(t["x"])[0]), t["mean_u"])
            self.agrees("images", model.images(t["z"], u), t["images"])
            self.agrees("elbo", model.elbo(t["x"], t["z"], u), t["elbo"])

        self.each("spatial", 53, compare)

    def test_equivae(self):
        def compare(path, t):
            model = Equivae(path)
            self.agrees("r", model.invariant(t["sets"]), t["r"])
            for part, value in zip(("mean", "deviation"), model.moments(t["x"], t["r"])):
                self.agrees(part, value, t[part])
            self.agrees("images", model.images(t["r"], t["z"]), t["images"])
            self.agrees("elbo", model.elbo(t["x"], t["r"], t["z"]), t["elbo"])
            if "class_logits" in t:
                self.agrees("class_logits", model.class_logits(t["x"]), t["class_logits"])

        self.each("equivae", 15, compare)

    def refuses(self, model, settings, tensors, words):
        with unittest.mock.patch("weights.read", return_value=(settings, tensors)):
            with self.assertRaises(ValueError) as refused:
                model("model.safetensors")
        self.assertIn(words, str(refused.exception))
        self.assertNotIn("\n", str(refused.exception))

    def test_refusals(self):
        """Weights of another model, a likelihood, tensors and sizes that are not known: each is refused in one line."""
        files = {program: weights.read(next(references(program))[1]) for program in MODELS}
        for program, model in MODELS.items():
            for other in MODELS.keys() - {program}:
                self.refuses(model, *files[other], f"not the weights of a model of {model.__name__}")
            settings, tensors = files[program]
            self.refuses(model, settings | {"likelihood": "laplace"}, tensors, "laplace")
            self.refuses(model, settings, tensors | {"flow.0.weight": torch.zeros(3, 3)}, "flow.0.weight")
        self.refuses(Equivae, {"kind": "judge"}, {}, "image-shape")  # the classifier that judges a run's samples
        for shape in ("30,30,1", "28,32,1", "64,64,1"):
            self.refuses(Equivae, files["equivae"][0] | {"image-shape": shape}, files["equivae"][1], "pixels")


if __name__ == "__main__":
    unittest.main()
