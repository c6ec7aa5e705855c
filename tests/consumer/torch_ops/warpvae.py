"""warpvae's kernels in PyTorch: fused warps of images, the Bernoulli likelihood, a Gaussian's sample with its KL divergence,
and Renyi's bound. All have gradients, take float32 or float64 on the device that the library was built for, run on the
current stream, and give the same bits in every run. There are no second derivatives.
"""
import importlib.util

import torch

torch.ops.load_library(importlib.util.find_spec("warpvae_ops").origin)
_ops = torch.ops.warpvae

device = _ops.built_for()  # "cpu" or "cuda"
# What the second half of moments is (s): sigma = e^(s / 2), e^s (at least 1e-6), e^max(s, 1e-6), sqrt(s).
SPREADS = ("log_variance", "log_deviation", "log_deviation_from_one", "variance")
LATENT, POSE = 3, 35  # purposes of noise: of one (seed, step), draws of different purposes are independent
_AFFINE, _POSE, _INVERSE_AFFINE, _INVERSE_POSE, _CONTROL_POINTS = range(5)


# --- what people call ------------------------------------------------------------------------------------------------


def affine_warp(images, theta, size=None, padding_mode="zeros", align_corners=False, *, inverse=False, identity_safe=False):
    """grid_sample(images, affine_grid(theta, size)) in one launch, the grid never stored.

    images [N, C, H, W]; theta [N, 2, 3]; size (out_H, out_W), by default (H, W); padding_mode "zeros" or "border".
    inverse: by the map that undoes theta (its determinant kept from 1e-4 upwards). identity_safe: with "border", coordinates
    exactly on the first row or column have the derivative of the cell inside (PyTorch: 0), so a warp can leave the identity.
    """
    form = _INVERSE_AFFINE if inverse else _AFFINE
    return _warp(images, theta.reshape(-1, 6), None, form, size, padding_mode, align_corners, identity_safe)


def pose_warp(images, pose, size=None, padding_mode="zeros", align_corners=False, *, inverse=False, identity_safe=False):
    """As affine_warp with theta = [Sx cos, -Sx sin, Sx Tx; Sy sin, Sy cos, Sy Ty] of pose [N, 5] = (angle, log Sx, log Sy,
    Tx, Ty)."""
    form = _INVERSE_POSE if inverse else _POSE
    return _warp(images, pose, None, form, size, padding_mode, align_corners, identity_safe)


def thin_plate_spline_warp(images, offsets, size=None, padding_mode="zeros", align_corners=False, *, identity_safe=False):
    """Samples on the grid that a thin-plate spline makes of g x g control points, g from 2 to 8, which stand on
    linspace(-1, 1, g)^2 and are moved by offsets [N, 2 (x, y), g (rows), g (columns)]."""
    g = offsets.shape[-1]
    return _warp(images, offsets.reshape(-1, 2 * g * g), g, _CONTROL_POINTS, size, padding_mode, align_corners, identity_safe)


def bernoulli(logits, target):
    """-log p(target | logits) [..], summed over the last axis of logits [.., D]. Each target, in [0, 1], serves as many rows
    as there are for it: logits [N, K, D] take target [N, D]. No gradient for the target."""
    return _ops.bernoulli(logits, target, True)


def bernoulli_from_probabilities(probabilities, target):
    """The same from probabilities, which are clipped to [1e-6, 1 - 1e-6] before the logarithm."""
    return _ops.bernoulli(probabilities, target, False)


def gaussian_sample(moments, rng=None, spread="log_variance", purpose=LATENT):
    """z [.., Z] = mu + sigma epsilon and KL(N(mu, sigma^2) || N(0, 1)) [..] from moments [.., 2 Z]: mu, then what `spread`
    says. rng: an int64 tensor (seed, step) on the device, a new step for each call; without it z = mu."""
    return _ops.gaussian_sample(moments, rng, SPREADS.index(spread), purpose)


def renyi_bound(nll, log_ratio, alpha):
    """Minus Renyi's bound of order alpha [..] from K draws: nll [.., K] = -log p(x | z_k), log_ratio [.., K] = log p(z_k) -
    log q(z_k | x). alpha: any number; 1 is the ELBO, 0 the importance-weighted bound, -inf the largest weight."""
    alpha = torch.full((1,), float(alpha), dtype=torch.float64, device=nll.device)
    return _ops.renyi_bound(nll, log_ratio, alpha)


def _warp(images, u, g, form, size, padding_mode, align_corners, identity_safe):
    if padding_mode not in ("zeros", "border"):
        raise ValueError(f'padding_mode "{padding_mode}": there are "zeros" and "border"')
    H, W = (int(n) for n in size or images.shape[-2:])
    basis = _basis(g, H, W, bool(align_corners), images.dtype, images.device)
    return _ops.warp(images, u, basis, form, padding_mode == "border", align_corners, identity_safe)


_bases = {}


@torch.compiler.assume_constant_result
def _basis(*key):
    """The grid is linear in a warp's coefficients: [K, H, W], made once for each size. g: of a spline, else None."""
    if key not in _bases:
        g, H, W, align_corners, dtype, device = key
        with torch.inference_mode(False):  # whoever calls first: later calls may want gradients
            basis = _ops.thin_plate_spline_basis(g, H, W, align_corners) if g else _ops.affine_basis(H, W, align_corners)
            _bases[key] = basis.to(device, dtype)
    return _bases[key]


# --- shapes of results, for tracing ----------------------------------------------------------------------------------


@torch.library.register_fake("warpvae::warp")
def _(images, u, basis, form, border, align_corners, identity_safe):
    return images.new_empty(*images.shape[:2], *basis.shape[1:])


@torch.library.register_fake("warpvae::warp_backward")
def _(dout, images, u, basis, form, border, align_corners, identity_safe, wants_dimages):
    return images.new_empty(images.shape if wants_dimages else 0), u.new_empty(u.shape)


@torch.library.register_fake("warpvae::bernoulli")
def _(x, target, from_logits):
    return x.new_empty(x.shape[:-1])


@torch.library.register_fake("warpvae::bernoulli_backward")
def _(dnll, x, target, from_logits):
    return x.new_empty(x.shape)


@torch.library.register_fake("warpvae::gaussian_sample")
def _(moments, rng, spread, purpose):
    return moments.new_empty(*moments.shape[:-1], moments.shape[-1] // 2), moments.new_empty(moments.shape[:-1])


@torch.library.register_fake("warpvae::gaussian_sample_backward")
def _(dz, dkl, z, moments, spread):
    return moments.new_empty(moments.shape)


@torch.library.register_fake("warpvae::renyi_bound")
def _(nll, log_ratio, alpha):
    return nll.new_empty(nll.shape[:-1])


@torch.library.register_fake("warpvae::renyi_bound_backward")
def _(dloss, nll, log_ratio, alpha):
    return nll.new_empty(nll.shape)


# --- gradients -------------------------------------------------------------------------------------------------------


def _save_warp(ctx, inputs, output):
    images, u, basis, *ctx.options = inputs
    ctx.save_for_backward(images, u, basis)


def _warp_gradient(ctx, dout):
    wanted = ctx.needs_input_grad[0]
    dimages, du = _ops.warp_backward(dout, *ctx.saved_tensors, *ctx.options, wanted)
    return dimages if wanted else None, du, None, None, None, None, None


def _save_bernoulli(ctx, inputs, output):
    x, target, ctx.from_logits = inputs
    if ctx.needs_input_grad[1]:
        raise RuntimeError("warpvae: the target of a likelihood has no gradient here; detach() it")
    ctx.save_for_backward(x, target)


def _bernoulli_gradient(ctx, dnll):
    return _ops.bernoulli_backward(dnll, *ctx.saved_tensors, ctx.from_logits), None, None


def _save_gaussian(ctx, inputs, output):
    moments, _, ctx.spread, _ = inputs
    ctx.save_for_backward(output[0], moments)


def _gaussian_gradient(ctx, dz, dkl):
    return _ops.gaussian_sample_backward(dz, dkl, *ctx.saved_tensors, ctx.spread), None, None, None


def _save_renyi(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _renyi_gradient(ctx, dloss):
    dnll = _ops.renyi_bound_backward(dloss, *ctx.saved_tensors)
    return dnll, -dnll, None


def _no_second_derivative(ctx, *gradients):
    raise RuntimeError("warpvae: this operation has no second derivative")


for _name, _save, _gradient in (
    ("warp", _save_warp, _warp_gradient),
    ("bernoulli", _save_bernoulli, _bernoulli_gradient),
    ("gaussian_sample", _save_gaussian, _gaussian_gradient),
    ("renyi_bound", _save_renyi, _renyi_gradient),
):
    torch.library.register_autograd(f"warpvae::{_name}", _gradient, setup_context=_save)
    torch.library.register_autograd(f"warpvae::{_name}_backward", _no_second_derivative)
