"""Tests of warpvae.py on the device that it was built for: python -m unittest test_ops."""
import math
import pathlib
import re
import unittest

import torch
from torch.nn import functional as F

import warpvae

DEVICE = warpvae.device
OPS = torch.ops.warpvae
PADDINGS = [(padding, corners) for padding in ("zeros", "border") for corners in (False, True)]


def draws(*shape, seed=0, dtype=torch.float32, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(*shape, generator=generator, dtype=torch.float64)).to(DEVICE, dtype)


def uniform(*shape, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(*shape, generator=generator, dtype=torch.float64).to(DEVICE, dtype)


def rng(seed=1, step=0):
    return torch.tensor([seed, step], device=DEVICE)


def near_identity(N, seed=0, dtype=torch.float32):
    """Maps about the identity. Few of their grid points lie on whole pixels, where derivatives jump."""
    return torch.eye(2, 3, dtype=dtype, device=DEVICE) + draws(N, 2, 3, seed=seed, dtype=dtype, scale=0.2)


def pose_matrix(pose):
    angle, sx, sy, tx, ty = pose[:, 0], pose[:, 1].exp(), pose[:, 2].exp(), pose[:, 3], pose[:, 4]
    rows = [sx * angle.cos(), -sx * angle.sin(), sx * tx, sy * angle.sin(), sy * angle.cos(), sy * ty]
    return torch.stack(rows, -1).view(-1, 2, 3)


def inverse_matrix(theta):
    inverse = torch.linalg.inv(theta[:, :, :2])
    return torch.cat([inverse, -inverse @ theta[:, :, 2:]], -1)


def spline_grid(offsets, H, W, corners):
    """Bookstein's spline, solved for every image: f(p) = a + B p + sum_k c_k r^2 log r^2 through the moved control points."""
    N, _, g, _ = offsets.shape
    line = torch.linspace(-1, 1, g, dtype=offsets.dtype, device=DEVICE)
    source = torch.stack([line.repeat(g), line.repeat_interleave(g)], -1)

    def columns(p):
        r2 = ((p[:, None] - source[None]) ** 2).sum(-1)
        return torch.cat([torch.ones_like(p[:, :1]), p, torch.where(r2 > 0, r2 * r2.clamp_min(1e-300).log(), 0)], -1)

    identity = torch.eye(2, 3, dtype=offsets.dtype, device=DEVICE)[None]
    pixels = F.affine_grid(identity, (1, 1, H, W), align_corners=corners).view(-1, 2)
    n = g * g
    system = torch.zeros(n + 3, n + 3, dtype=offsets.dtype, device=DEVICE)
    system[:n], system[n:, 3:] = columns(source), columns(source)[:, :3].T
    moved = torch.zeros(N, n + 3, 2, dtype=offsets.dtype, device=DEVICE)
    moved[:, :n] = source + offsets.reshape(N, 2, n).transpose(1, 2)
    return (columns(pixels) @ torch.linalg.solve(system, moved)).view(N, H, W, 2)


class Warps(unittest.TestCase):
    def compare(self, ours, theirs, inputs, tolerance):
        out, expected = ours(*inputs), theirs(*inputs)
        dout = draws(*out.shape, seed=9, dtype=out.dtype)
        self.assertLess((out - expected).abs().max().item(), tolerance)
        for got, wanted in zip(torch.autograd.grad(out, inputs, dout), torch.autograd.grad(expected, inputs, dout)):
            self.assertLess((got - wanted).abs().max().item(), tolerance * wanted.abs().max().item())

    def warps(self, padding, corners, size, dtype):
        def sample(images, grid):
            return F.grid_sample(images, grid, padding_mode=padding, align_corners=corners)

        def matrix_grid(images, theta):
            return F.affine_grid(theta, (*images.shape[:2], *size), align_corners=corners)

        where = (size, padding, corners)
        pose = draws(5, 5, seed=3, dtype=dtype, scale=0.2)
        yield (lambda i, u: warpvae.affine_warp(i, u, *where), lambda i, u: sample(i, matrix_grid(i, u)), near_identity(5, 2, dtype))
        yield (
            lambda i, u: warpvae.affine_warp(i, u, *where, inverse=True),
            lambda i, u: sample(i, matrix_grid(i, inverse_matrix(u))),
            near_identity(5, 2, dtype),
        )
        yield lambda i, u: warpvae.pose_warp(i, u, *where), lambda i, u: sample(i, matrix_grid(i, pose_matrix(u))), pose
        yield (
            lambda i, u: warpvae.pose_warp(i, u, *where, inverse=True),
            lambda i, u: sample(i, matrix_grid(i, inverse_matrix(pose_matrix(u)))),
            pose,
        )
        for g in (2, 3, 5):
            yield (
                lambda i, u: warpvae.thin_plate_spline_warp(i, u, *where),
                lambda i, u: sample(i, spline_grid(u, *size, corners)),
                draws(5, 2, g, g, seed=g, dtype=dtype, scale=0.1),
            )

    def test_agree_with_grid_sample(self):
        for padding, corners in PADDINGS:
            for size in ((11, 13), (1, 7), (37, 29)):
                for ours, theirs, u in self.warps(padding, corners, size, torch.float64):
                    images = draws(5, 3, 11, 13, dtype=torch.float64)
                    with self.subTest(padding=padding, corners=corners, size=size, u=tuple(u.shape)):
                        self.compare(ours, theirs, (images.requires_grad_(), u.requires_grad_()), 1e-9)

    def test_agree_in_float32(self):
        # A grid point next to a whole pixel may fall on its other side there: compared where the surface has no kinks.
        for padding, corners in PADDINGS:
            for ours, theirs, u in self.warps(padding, corners, (28, 28), torch.float32):
                images = draws(5, 1, 28, 28)
                with self.subTest(padding=padding, corners=corners, u=tuple(u.shape)):
                    self.assertLess((ours(images, u) - theirs(images, u)).abs().max().item(), 3e-4)

    def test_the_identity_returns_the_image(self):
        images = uniform(3, 2, 9, 5)
        theta = torch.eye(2, 3, device=DEVICE).expand(3, 2, 3)
        for out in (warpvae.affine_warp(images, theta, None, "border", True), warpvae.thin_plate_spline_warp(images, draws(3, 2, 3, 3, scale=0), None, "border", True)):
            self.assertLess((out - images).abs().max().item(), 1e-5)

    def test_gradients_have_the_same_bits_in_every_run_and_batch(self):
        images, theta = draws(33, 2, 28, 28).requires_grad_(), near_identity(33, 4).requires_grad_()
        dout = draws(33, 2, 28, 28, seed=5)

        def gradients(images, theta, dout):
            return torch.autograd.grad(warpvae.affine_warp(images, theta), (images, theta), dout)

        first = gradients(images, theta, dout)
        for _ in range(3):
            for a, b in zip(first, gradients(images, theta, dout)):
                self.assertTrue(torch.equal(a, b))
        for a, b in zip(first, gradients(images[7:9], theta[7:9], dout[7:9])):
            self.assertTrue(torch.equal(a[7:9], b))

    def test_only_the_wanted_gradient_is_made(self):
        images, theta = draws(2, 1, 6, 6), near_identity(2).requires_grad_()
        (du,) = torch.autograd.grad(warpvae.affine_warp(images, theta).sum(), theta)
        (both,) = torch.autograd.grad(warpvae.affine_warp(images.requires_grad_(), theta).sum(), theta)
        self.assertTrue(torch.equal(du, both))
        empty, _ = OPS.warp_backward(images.detach(), images.detach(), theta.detach().view(2, 6), OPS.affine_basis(6, 6, False).to(DEVICE, torch.float32), 0, False, False, False, False)
        self.assertEqual(empty.shape, (0,))

    def test_gradients_after_inference(self):
        images, theta = uniform(2, 1, 3, 17), near_identity(2).requires_grad_()  # a size that no other test has
        with torch.inference_mode():
            warpvae.affine_warp(images, theta)
        warpvae.affine_warp(images, theta).sum().backward()
        self.assertTrue(torch.isfinite(theta.grad).all())

    def test_strided_and_empty_tensors(self):
        images, theta = uniform(4, 12, 10, 3), near_identity(4, 6)
        view = images.permute(0, 3, 1, 2)[:, :, 1:, ::2]
        self.assertFalse(view.is_contiguous())
        self.assertTrue(torch.equal(warpvae.affine_warp(view, theta), warpvae.affine_warp(view.contiguous(), theta)))
        none = torch.zeros(0, 2, 5, 5, device=DEVICE, requires_grad=True)
        out = warpvae.affine_warp(none, torch.zeros(0, 2, 3, device=DEVICE))
        out.sum().backward()
        self.assertEqual((out.shape, none.grad.shape), ((0, 2, 5, 5), (0, 2, 5, 5)))


class Likelihoods(unittest.TestCase):
    def test_bernoulli_is_binary_cross_entropy(self):
        for N, D in ((1, 1), (5, 31), (3, 784), (2, 1025)):
            x, t = draws(N, D, dtype=torch.float64).requires_grad_(), uniform(N, D, seed=1, dtype=torch.float64)
            weights = draws(N, seed=2, dtype=torch.float64)
            for ours, theirs, at in (
                (warpvae.bernoulli, F.binary_cross_entropy_with_logits, x),
                (warpvae.bernoulli_from_probabilities, F.binary_cross_entropy, torch.sigmoid(x)),
            ):
                nll, expected = ours(at, t), theirs(at, t, reduction="none").sum(-1)
                torch.testing.assert_close(nll, expected, rtol=1e-12, atol=1e-12)
                for got, wanted in zip(torch.autograd.grad(nll, x, weights, True), torch.autograd.grad(expected, x, weights, True)):
                    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)

    def test_draws_share_their_target(self):
        logits, target = draws(3, 4, 17).requires_grad_(), uniform(3, 17, seed=1)
        for likelihood, x in ((warpvae.bernoulli, logits), (warpvae.bernoulli_from_probabilities, torch.sigmoid(logits))):
            nll = likelihood(x, target)
            self.assertEqual(nll.shape, (3, 4))
            alone = likelihood(x, target[:, None].expand(3, 4, 17))
            self.assertTrue(torch.equal(nll, alone))
            self.assertTrue(torch.equal(torch.autograd.grad(nll.sum(), logits, retain_graph=True)[0], torch.autograd.grad(alone.sum(), logits, retain_graph=True)[0]))

    def test_clipped_probabilities_have_no_gradient(self):
        p = torch.tensor([[0.0, 1.0, 5e-7, 0.5]], device=DEVICE, requires_grad=True)
        nll = warpvae.bernoulli_from_probabilities(p, torch.zeros(1, 4, device=DEVICE))
        nll.sum().backward()
        self.assertTrue(torch.isfinite(nll).all())
        self.assertEqual(p.grad[0, :3].tolist(), [0, 0, 0])
        self.assertAlmostEqual(p.grad[0, 3].item(), 2, 6)

    def test_the_divergence_is_that_of_torch(self):
        mu, s = draws(7, 5, dtype=torch.float64), draws(7, 5, seed=1, dtype=torch.float64)
        sigmas = ((s / 2).exp(), s.exp(), s.clamp_min(1e-6).exp(), s.abs().sqrt())
        for spread, sigma in zip(warpvae.SPREADS, sigmas):
            moments = torch.cat([mu, s.abs() if spread == "variance" else s], -1)
            z, kl = warpvae.gaussian_sample(moments, spread=spread)
            standard = torch.distributions.Normal(torch.zeros_like(mu), 1)
            expected = torch.distributions.kl_divergence(torch.distributions.Normal(mu, sigma), standard).sum(-1)
            torch.testing.assert_close(kl, expected, rtol=1e-10, atol=1e-10)
            self.assertTrue(torch.equal(z, mu))
            drawn, _ = warpvae.gaussian_sample(moments, rng(), spread)
            epsilon, _ = warpvae.gaussian_sample(torch.zeros_like(moments), rng(), "log_variance")
            torch.testing.assert_close(drawn, mu + sigma * epsilon, rtol=1e-12, atol=1e-12)

    def test_noise_follows_from_seed_step_and_purpose(self):
        zeros = torch.zeros(1000, 2 * 20, device=DEVICE)
        first, _ = warpvae.gaussian_sample(zeros, rng())
        self.assertTrue(torch.equal(first, warpvae.gaussian_sample(zeros, rng())[0]))
        self.assertLess(abs(first.mean().item()), 5 / 20000**0.5)
        self.assertLess(abs(first.var().item() - 1), 5 * (2 / 20000) ** 0.5)
        for other in (warpvae.gaussian_sample(zeros, rng(2)), warpvae.gaussian_sample(zeros, rng(1, 1)), warpvae.gaussian_sample(zeros, rng(), purpose=warpvae.POSE)):
            correlation = (first * other[0]).mean().item()
            self.assertLess(abs(correlation), 5 / 20000**0.5)

    def test_renyi_bound_is_a_log_mean_exp(self):
        nll, ratio = draws(6, 5, dtype=torch.float64, scale=3).requires_grad_(), draws(6, 5, seed=1, dtype=torch.float64).requires_grad_()
        w, K = ratio - nll, torch.tensor(5.0, dtype=torch.float64)
        for alpha in (-2, 0, 0.5, 1 - 1e-9, 1, 2.5, float("-inf"), float("inf")):
            if alpha == 1:
                expected = -w.mean(-1)
            elif alpha in (float("-inf"), float("inf")):
                expected = -(w.max(-1) if alpha < 0 else w.min(-1)).values
            else:
                expected = -(torch.logsumexp((1 - alpha) * w, -1) - K.log()) / (1 - alpha)
            loss = warpvae.renyi_bound(nll, ratio, alpha)
            tolerance = 1e-6 if alpha == 1 - 1e-9 else 1e-10  # the plain formula loses digits there, not the kernel
            torch.testing.assert_close(loss, expected, rtol=tolerance, atol=tolerance)
            weights = draws(6, seed=2, dtype=torch.float64)
            for got, wanted in zip(torch.autograd.grad(loss, (nll, ratio), weights), torch.autograd.grad(expected, (nll, ratio), weights, True)):
                torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


def basis(H, W, dtype, g=None):
    return (OPS.thin_plate_spline_basis(g, H, W, True) if g else OPS.affine_basis(H, W, True)).to(DEVICE, dtype)


class TorchsOwnChecks(unittest.TestCase):
    def test_gradcheck(self):
        double = {"dtype": torch.float64}
        images, target = draws(2, 2, 5, 6, **double).requires_grad_(), uniform(3, 7, **double)
        theta, moments = near_identity(2, 3, torch.float64).requires_grad_(), draws(5, 6, **double).requires_grad_()
        variances = torch.cat([draws(5, 3, **double), uniform(5, 3, **double) + 0.1], -1).requires_grad_()
        nll, ratio = draws(4, 3, **double).requires_grad_(), draws(4, 3, seed=1, **double).requires_grad_()
        probabilities = uniform(3, 7, seed=2, **double).mul(0.8).add(0.1).requires_grad_()
        cases = [
            (lambda x: warpvae.bernoulli(x, target), (draws(3, 4, 7, **double).requires_grad_(),)),
            (lambda x: warpvae.bernoulli_from_probabilities(x, target), (probabilities,)),
            (lambda m: warpvae.gaussian_sample(m, rng(), "variance"), (variances,)),
        ]
        for padding, corners in PADDINGS:
            where = ((4, 3), padding, corners)
            cases.append((lambda i, u, w=where: warpvae.affine_warp(i, u, *w), (images, theta)))
            cases.append((lambda i, u, w=where: warpvae.affine_warp(i, u, *w, inverse=True), (images, theta)))
            pose = draws(2, 5, seed=4, scale=0.2, **double).requires_grad_()
            cases.append((lambda i, u, w=where: warpvae.pose_warp(i, u, *w), (images, pose)))
            cases.append((lambda i, u, w=where: warpvae.pose_warp(i, u, *w, inverse=True), (images, pose)))
            offsets = draws(2, 2, 3, 3, seed=5, scale=0.1, **double).requires_grad_()
            cases.append((lambda i, u, w=where: warpvae.thin_plate_spline_warp(i, u, *w), (images, offsets)))
        for spread in warpvae.SPREADS[:3]:
            cases.append((lambda m, s=spread: warpvae.gaussian_sample(m, rng(), s), (moments,)))
        for alpha in (-1, 0, 0.5, 1, 3, float("-inf")):
            cases.append((lambda n, r, a=alpha: warpvae.renyi_bound(n, r, a), (nll, ratio)))
        for i, (function, inputs) in enumerate(cases):
            with self.subTest(case=i):
                self.assertTrue(torch.autograd.gradcheck(function, inputs))

    def test_opcheck(self):
        for dtype in (torch.float32, torch.float64):
            images, x, t = draws(3, 2, 7, 6, dtype=dtype), draws(4, 9, dtype=dtype), uniform(4, 9, dtype=dtype)
            moments, nll, ratio = draws(5, 8, dtype=dtype), draws(5, 3, dtype=dtype), draws(5, 3, seed=1, dtype=dtype)
            alpha = torch.tensor([0.5], dtype=torch.float64, device=DEVICE)
            offsets, theta = draws(3, 18, dtype=dtype, scale=0.1), near_identity(3, 1, dtype).view(3, 6)
            forwards = [
                (OPS.warp.default, (images, theta, basis(7, 6, dtype), 0, False, True, False), 2),
                (OPS.warp.default, (images, offsets, basis(4, 5, dtype, 3), 4, True, True, True), 2),
                (OPS.bernoulli.default, (x, t, True), 1),
                (OPS.bernoulli.default, (torch.sigmoid(x), t, False), 1),
                (OPS.gaussian_sample.default, (moments, rng(), 0, warpvae.LATENT), 1),
                (OPS.gaussian_sample.default, (moments, None, 1, warpvae.LATENT), 1),
                (OPS.renyi_bound.default, (nll, ratio, alpha), 2),
            ]
            for op, arguments, differentiable in forwards:
                with self.subTest(op=str(op), dtype=dtype):
                    wanted = [a.clone().requires_grad_() if i < differentiable else a for i, a in enumerate(arguments)]
                    torch.library.opcheck(op, tuple(wanted))
                    torch.library.opcheck(op, arguments)
            z, kl = OPS.gaussian_sample(moments, rng(), 0, warpvae.LATENT)
            warp = (images, theta, basis(7, 6, dtype), 0, False, True, False)
            backwards = [
                (OPS.warp_backward.default, (draws(3, 2, 7, 6, dtype=dtype), *warp, True)),
                (OPS.warp_backward.default, (draws(3, 2, 7, 6, dtype=dtype), *warp, False)),
                (OPS.bernoulli_backward.default, (draws(4, dtype=dtype), x, t, True)),
                (OPS.bernoulli_backward.default, (draws(4, dtype=dtype), torch.sigmoid(x), t, False)),
                (OPS.gaussian_sample_backward.default, (z, kl, z, moments, 0)),
                (OPS.renyi_bound_backward.default, (draws(5, dtype=dtype), nll, ratio, alpha)),
            ]
            for op, arguments in backwards:
                with self.subTest(op=str(op), dtype=dtype):
                    torch.library.opcheck(op, arguments)

    def test_compiled_in_one_graph(self):
        def loss(images, theta, moments):
            z, kl = warpvae.gaussian_sample(moments, rng())
            y = warpvae.affine_warp(images, theta, padding_mode="border")
            return (warpvae.bernoulli(y.flatten(1), torch.sigmoid(y.flatten(1)).detach()) + kl + z.sum(-1)).mean()

        inputs = [t.requires_grad_() for t in (draws(5, 1, 8, 8), near_identity(5), draws(5, 6))]
        plain, compiled = loss(*inputs), torch.compile(loss, fullgraph=True, backend="aot_eager")(*inputs)
        torch.testing.assert_close(compiled, plain)
        for a, b in zip(torch.autograd.grad(compiled, inputs), torch.autograd.grad(plain, inputs)):
            torch.testing.assert_close(a, b)


class Refusals(unittest.TestCase):
    def refused(self, words, function, *arguments, kind=RuntimeError):
        with self.assertRaises(kind) as caught:
            function(*arguments)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(str(caught.exception).strip().count("\n"), 0, caught.exception)

    def test_second_derivatives(self):
        for loss, x in (
            (lambda x: warpvae.bernoulli(x, torch.sigmoid(x).detach()), draws(2, 3)),
            (lambda x: warpvae.affine_warp(x, near_identity(2)), draws(2, 1, 4, 4)),
            (lambda x: warpvae.gaussian_sample(x)[1], draws(2, 4)),
            (lambda x: warpvae.renyi_bound(x, x.detach(), 0), draws(2, 3)),
        ):
            x.requires_grad_()
            (dx,) = torch.autograd.grad((loss(x) ** 2).sum(), x, create_graph=True)
            self.refused("no second derivative", lambda: torch.autograd.grad(dx.sum(), x))

    def test_the_targets_gradient(self):
        self.refused("has no gradient", warpvae.bernoulli, draws(2, 3), uniform(2, 3).requires_grad_())

    def test_shapes_and_types(self):
        images, theta = draws(2, 1, 4, 4), near_identity(2)
        self.refused("u is [3, 6], not [2, 6]", warpvae.affine_warp, images, near_identity(3))
        self.refused("u is of Double, not of Float", warpvae.affine_warp, images, theta.double())
        self.refused("3 dimensions, not 4", warpvae.affine_warp, images[0], theta)
        self.refused("Half", warpvae.affine_warp, images.half(), theta.half())
        self.refused("9 x 9 control points", warpvae.thin_plate_spline_warp, images, torch.zeros(2, 2, 9, 9, device=DEVICE))
        self.refused("padding_mode", warpvae.affine_warp, images, theta, None, "reflection", kind=ValueError)
        self.refused("5 rows for 2 targets", warpvae.bernoulli, draws(5, 3), uniform(2, 3))
        self.refused("target is [4, 2], not [4, 3]", warpvae.bernoulli, draws(4, 3), uniform(4, 2))
        self.refused("moments is [2, 5], not [2, 4]", warpvae.gaussian_sample, draws(2, 5))
        self.refused("rng is of Int, not of Long", warpvae.gaussian_sample, draws(2, 4), rng().int())
        self.refused("log_ratio is [2, 3], not [3, 3]", warpvae.renyi_bound, draws(3, 3), draws(2, 3), 0)

    def test_tensors_of_the_other_device(self):
        if DEVICE == "cpu" and not torch.cuda.is_available():
            self.skipTest("no GPU here whose tensors could be refused")
        other = "cpu" if DEVICE == "cuda" else "cuda"
        images, theta = torch.zeros(1, 1, 4, 4, device=other), torch.eye(2, 3, device=other)[None]
        self.refused(f"this build is for {DEVICE} tensors, not for {other}", warpvae.affine_warp, images, theta)
        self.refused(f"u is on {other}", warpvae.affine_warp, images.to(DEVICE), theta)


class Readme(unittest.TestCase):
    def test_its_t_vae_learns(self):
        text = (pathlib.Path(__file__).parent / "README.md").read_text()
        (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        torch.manual_seed(0)
        after = {}
        exec(program, after)
        self.assertLess(after["loss"].item(), 784 * math.log(2) - 1)  # what guessing costs


@unittest.skipUnless(DEVICE == "cuda", "the CPU device has no streams")
class Streams(unittest.TestCase):
    def test_runs_on_the_current_stream(self):
        stream, images, theta = torch.cuda.Stream(), torch.zeros(8, 1, 28, 28, device=DEVICE), near_identity(8)
        expected = warpvae.affine_warp(torch.ones_like(images), theta)
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            torch.cuda._sleep(200_000_000)  # whoever does not wait for this stream sees zeros
            images.fill_(1)
            out = warpvae.affine_warp(images, theta)
        stream.synchronize()
        self.assertTrue(torch.equal(out, expected))

    def test_is_captured_in_a_graph(self):
        """Capturing refuses whatever waits or copies through the host."""
        images, theta, moments = draws(8, 1, 28, 28).requires_grad_(), near_identity(8).requires_grad_(), draws(8, 6).requires_grad_()
        target, address = uniform(8, 784), rng()

        def gradients():
            z, kl = warpvae.gaussian_sample(moments, address)
            nll = warpvae.bernoulli(warpvae.affine_warp(images, theta).flatten(1), target)
            loss = warpvae.renyi_bound(nll[:, None], (z.sum(-1) - kl)[:, None], 0.5).sum()
            return torch.autograd.grad(loss, (images, theta, moments))

        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            expected = gradients()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = gradients()
        graph.replay()
        for a, b in zip(captured, expected):
            self.assertTrue(torch.equal(a, b))


if __name__ == "__main__":
    unittest.main()
