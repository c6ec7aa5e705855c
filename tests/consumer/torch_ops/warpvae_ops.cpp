// warpvae's kernels as operations of PyTorch: torch.ops.warpvae. Tensors are passed on as they lie, on CUDA in the
// current stream. warpvae.py adds shapes for tracing, gradients and the functions that people call.
//
// Each operation has its backward as an operation of its own. All take float32 or float64, or say in one line what they
// would take; operands of one call have one type and one device, that of the library's build.
#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <torch/library.h>
#ifdef WARPVAE_CUDA
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

#include <limits>

#include "cuda/ops/latent.h"
#include "cuda/ops/loss.h"
#include "cuda/ops/renyi.h"
#include "cuda/ops/warp.h"

namespace {

using at::Tensor;
using Shape = std::vector<std::int64_t>;

const char* built_for() { return warpvae::device_is_gpu() ? "cuda" : "cpu"; }

/// The device and the stream of a call. They are those of its first tensor, which all others must share.
class Call {
  public:
    explicit Call(const Tensor& first) : like_(first) {
        TORCH_CHECK(first.is_cuda() == warpvae::device_is_gpu() && (first.is_cuda() || first.is_cpu()),
                    "warpvae: this build is for ", built_for(), " tensors, not for ", first.device());
#ifdef WARPVAE_CUDA
        guard_.set_device(first.device());
        stream = c10::cuda::getCurrentCUDAStream(first.device().index()).stream();
#endif
    }
    /// An operand as kernels read it, without a copy where it is contiguous.
    Tensor operand(const char* name, const Tensor& tensor, const Shape& shape) const {
        return operand(name, tensor, shape, like_.scalar_type());
    }
    Tensor operand(const char* name, const Tensor& tensor, const Shape& shape, at::ScalarType type) const {
        TORCH_CHECK(tensor.device() == like_.device(), "warpvae: ", name, " is on ", tensor.device(), ", not on ",
                    like_.device());
        TORCH_CHECK(tensor.scalar_type() == type, "warpvae: ", name, " is of ", tensor.scalar_type(), ", not of ",
                    type);
        TORCH_CHECK(tensor.sizes() == at::IntArrayRef(shape), "warpvae: ", name, " is ", tensor.sizes(), ", not ",
                    at::IntArrayRef(shape));
        return tensor.contiguous();
    }
    Tensor result(const Shape& shape) const { return at::empty(shape, like_.options()); }

    warpvae::Stream stream = nullptr;

  private:
    const Tensor& like_;
#ifdef WARPVAE_CUDA
    c10::cuda::OptionalCUDAGuard guard_;
#endif
};

int count_of(std::int64_t n) {
    TORCH_CHECK(n <= std::numeric_limits<int>::max(), "warpvae: ", n, " rows or columns are too many");
    return int(n);
}
std::int64_t dimension(const char* name, const Tensor& tensor, std::int64_t wanted) {
    TORCH_CHECK(tensor.dim() == wanted, "warpvae: ", name, " has ", tensor.dim(), " dimensions, not ", wanted);
    return wanted;
}
/// All dimensions but the last `columns` ones.
Shape leading(const Tensor& tensor, std::int64_t columns = 1) {
    TORCH_CHECK(tensor.dim() >= columns, "warpvae: a tensor without rows");
    return tensor.sizes().slice(0, tensor.dim() - columns).vec();
}
Shape with(Shape shape, std::int64_t last) {
    shape.push_back(last);
    return shape;
}

// --- warps of images -------------------------------------------------------------------------------------------------

/// images [N, C, H, W] sampled on the grid of u [N, S] and basis [K, out_H, out_W].
class Warping {
  public:
    Warping(const Call& call, const Tensor& images, const Tensor& u, const Tensor& basis, std::int64_t form,
            bool border, bool align_corners, bool identity_safe)
        : N(images.size(dimension("images", images, 4) - 4)), form_(warpvae::WarpForm(form)) {
        dimension("basis", basis, 3);
        TORCH_CHECK(form >= 0 && form <= int(warpvae::WarpForm::kControlPoints), "warpvae: there is no warp ", form);
        const std::int64_t K = basis.size(0);
        shape = {count_of(images.size(1)), count_of(images.size(2)), count_of(images.size(3)), count_of(basis.size(1)),
                 count_of(basis.size(2))};
        options.padding = border ? warpvae::Padding::kBorder : warpvae::Padding::kZeros;
        options.align_corners = align_corners;
        options.identity_safe = identity_safe;
        numbers = warpvae::warp_parameters(form_, count_of(K));
        images_ = call.operand("images", images, images.sizes().vec());
        u_ = call.operand("u", u, {N, numbers});
        basis_ = call.operand("basis", basis, {K, shape.out_H, shape.out_W});
    }
    Shape image_shape() const { return {N, shape.C, shape.H, shape.W}; }
    Shape out_shape() const { return {N, shape.C, shape.out_H, shape.out_W}; }
    template <class T>
    const T* images() const {
        return images_.const_data_ptr<T>();
    }
    template <class T>
    const T* u() const {
        return u_.const_data_ptr<T>();
    }
    template <class T>
    warpvae::Warp<T> warp() const {
        return {form_, basis_.const_data_ptr<T>(), int(basis_.size(0)), numbers};
    }

    std::int64_t N;
    int numbers;
    warpvae::SampleShape shape;
    warpvae::SampleOptions options;

  private:
    warpvae::WarpForm form_;
    Tensor images_, u_, basis_;
};

Tensor warp(const Tensor& images, const Tensor& u, const Tensor& basis, std::int64_t form, bool border,
            bool align_corners, bool identity_safe) {
    const Call call(images);
    const Warping w(call, images, u, basis, form, border, align_corners, identity_safe);
    Tensor out = call.result(w.out_shape());
    AT_DISPATCH_FLOATING_TYPES(images.scalar_type(), "warp", [&] {
        warpvae::check(warpvae::warp_forward<scalar_t>(out.mutable_data_ptr<scalar_t>(), w.images<scalar_t>(),
                                                       w.u<scalar_t>(), w.warp<scalar_t>(), w.N, w.shape, w.options,
                                                       call.stream));
    });
    return out;
}

/// dimages is empty, [0], unless wanted: the scatter into it is most of the work.
std::tuple<Tensor, Tensor> warp_backward(const Tensor& dout, const Tensor& images, const Tensor& u, const Tensor& basis,
                                         std::int64_t form, bool border, bool align_corners, bool identity_safe,
                                         bool wants_dimages) {
    const Call call(images);
    const Warping w(call, images, u, basis, form, border, align_corners, identity_safe);
    const Tensor gradient = call.operand("dout", dout, w.out_shape());
    Tensor dimages = call.result(wants_dimages ? w.image_shape() : Shape{0}), du = call.result({w.N, w.numbers});
    AT_DISPATCH_FLOATING_TYPES(images.scalar_type(), "warp_backward", [&] {
        warpvae::check(warpvae::warp_backward<scalar_t>(
            wants_dimages ? dimages.mutable_data_ptr<scalar_t>() : nullptr, du.mutable_data_ptr<scalar_t>(), false,
            gradient.const_data_ptr<scalar_t>(), w.images<scalar_t>(), w.u<scalar_t>(), w.warp<scalar_t>(), w.N,
            w.shape, w.options, call.stream));
    });
    return {dimages, du};
}

Tensor basis_of(const std::vector<double>& values, std::int64_t H, std::int64_t W) {
    return at::tensor(values, at::kDouble).view({-1, H, W});
}
Tensor affine_basis(std::int64_t H, std::int64_t W, bool align_corners) {
    TORCH_CHECK(H >= 1 && W >= 1, "warpvae: an image of ", H, " x ", W, " pixels");
    return basis_of(warpvae::affine_basis(count_of(H), count_of(W), align_corners), H, W);
}
Tensor thin_plate_spline_basis(std::int64_t g, std::int64_t H, std::int64_t W, bool align_corners) {
    TORCH_CHECK(H >= 1 && W >= 1, "warpvae: an image of ", H, " x ", W, " pixels");
    TORCH_CHECK(g >= 2 && g <= 8, "warpvae: ", g, " x ", g, " control points; there may be 2 x 2 to 8 x 8");
    return basis_of(warpvae::thin_plate_spline_basis(count_of(g), count_of(H), count_of(W), align_corners), H, W);
}

// --- the Bernoulli likelihood ----------------------------------------------------------------------------------------

/// x [.., D] in rows; targets [.., D], of which each is for as many rows in a run.
struct BernoulliRows {
    BernoulliRows(const Call& call, const Tensor& x_, const Tensor& target_, bool from_logits)
        : shape(leading(x_)),
          rows(count_of(c10::multiply_integers(shape))),
          D(count_of(x_.size(-1))),
          x(call.operand("x", x_, x_.sizes().vec())),
          target(call.operand("target", target_, with(leading(target_), D))) {
        const int targets = count_of(c10::multiply_integers(leading(target_)));
        TORCH_CHECK(targets ? rows % targets == 0 : rows == 0, "warpvae: ", rows, " rows for ", targets, " targets");
        map = {targets, targets ? rows / targets : 0};
        if (!from_logits && map.times > 1) target = target.view({-1, D}).repeat_interleave(map.times, 0);
    }
    const Shape shape;  ///< of nll
    const int rows, D;
    const Tensor x;
    Tensor target;
    warpvae::RowMap map;  ///< of logits; probabilities have a target each
};

Tensor bernoulli(const Tensor& x, const Tensor& target, bool from_logits) {
    const Call call(x);
    const BernoulliRows b(call, x, target, from_logits);
    Tensor nll = call.result(b.shape);
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "bernoulli", [&] {
        scalar_t* const to = nll.mutable_data_ptr<scalar_t>();
        const scalar_t *from = b.x.const_data_ptr<scalar_t>(), *t = b.target.const_data_ptr<scalar_t>();
        warpvae::check(from_logits
                           ? warpvae::bernoulli_from_logits<scalar_t>(to, nullptr, from, t, scalar_t(1), 1, b.rows, b.D,
                                                                      call.stream, {nullptr, b.map})
                           : warpvae::bernoulli_from_probabilities<scalar_t>(to, nullptr, from, t, scalar_t(1), 1,
                                                                             b.rows, b.D, call.stream));
    });
    return nll;
}

Tensor bernoulli_backward(const Tensor& dnll, const Tensor& x, const Tensor& target, bool from_logits) {
    const Call call(x);
    const BernoulliRows b(call, x, target, from_logits);
    const Tensor weights = call.operand("dnll", dnll, b.shape);
    Tensor dx = call.result(x.sizes().vec());
    AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "bernoulli_backward", [&] {
        scalar_t* const to = dx.mutable_data_ptr<scalar_t>();
        const scalar_t *from = b.x.const_data_ptr<scalar_t>(), *t = b.target.const_data_ptr<scalar_t>();
        warpvae::check(from_logits ? warpvae::bernoulli_from_logits<scalar_t>(
                                         nullptr, to, from, t, scalar_t(1), 1, b.rows, b.D, call.stream,
                                         {weights.const_data_ptr<scalar_t>(), b.map})
                                   : warpvae::bernoulli_from_probabilities<scalar_t>(nullptr, to, from, t, scalar_t(1),
                                                                                     1, b.rows, b.D, call.stream));
    });
    return from_logits ? dx : dx.mul_(weights.unsqueeze(-1));
}

// --- a Gaussian's sample and divergence ------------------------------------------------------------------------------

/// moments [.., 2Z] in rows: means, then spreads.
struct GaussianRows {
    GaussianRows(const Call& call, const Tensor& moments_, std::int64_t spread_)
        : shape(leading(moments_)),
          rows(count_of(c10::multiply_integers(shape))),
          Z(count_of(moments_.size(-1) / 2)),
          spread(warpvae::Spread(spread_)),
          moments(call.operand("moments", moments_, with(shape, 2 * Z))) {
        TORCH_CHECK(spread_ >= 0 && spread_ <= int(warpvae::Spread::kVariance), "warpvae: there is no spread ",
                    spread_);
    }
    const Shape shape;  ///< of kl
    const int rows, Z;
    const warpvae::Spread spread;
    const Tensor moments;
};

/// rng: (seed, step), where the kernel reads them, so that no host waits for a number; none: z is the mean.
std::tuple<Tensor, Tensor> gaussian_sample(const Tensor& moments, const std::optional<Tensor>& rng, std::int64_t spread,
                                           std::int64_t purpose) {
    const Call call(moments);
    const GaussianRows g(call, moments, spread);
    warpvae::LatentNoise noise;
    Tensor address;
    if (rng) {
        address = call.operand("rng", *rng, {2}, at::kLong);
        noise.seeds = reinterpret_cast<const std::uint64_t*>(address.const_data_ptr<std::int64_t>());
        noise.step = noise.seeds + 1;
        noise.purpose = warpvae::Purpose(purpose);
    }
    Tensor z = call.result(with(g.shape, g.Z)), kl = call.result(g.shape);
    AT_DISPATCH_FLOATING_TYPES(moments.scalar_type(), "gaussian_sample", [&] {
        warpvae::check(warpvae::gaussian_sample_forward<scalar_t>(
            z.mutable_data_ptr<scalar_t>(), kl.mutable_data_ptr<scalar_t>(), g.moments.const_data_ptr<scalar_t>(), {},
            g.spread, noise, 1, g.rows, g.Z, call.stream));
    });
    return {z, kl};
}

Tensor gaussian_sample_backward(const Tensor& dz, const Tensor& dkl, const Tensor& z, const Tensor& moments,
                                std::int64_t spread) {
    const Call call(moments);
    const GaussianRows g(call, moments, spread);
    const Tensor from_z = call.operand("dz", dz, with(g.shape, g.Z)), drawn = call.operand("z", z, with(g.shape, g.Z)),
                 weights = call.operand("dkl", dkl, g.shape);
    Tensor dmoments = call.result(moments.sizes().vec());
    AT_DISPATCH_FLOATING_TYPES(moments.scalar_type(), "gaussian_sample_backward", [&] {
        warpvae::check(warpvae::gaussian_sample_backward<scalar_t>(
            dmoments.mutable_data_ptr<scalar_t>(), from_z.const_data_ptr<scalar_t>(), drawn.const_data_ptr<scalar_t>(),
            g.moments.const_data_ptr<scalar_t>(), {}, g.spread, scalar_t(1), 1, g.rows, g.Z, call.stream,
            weights.const_data_ptr<scalar_t>()));
    });
    return dmoments;
}

// --- Renyi's bound ---------------------------------------------------------------------------------------------------

/// nll, log_ratio [.., K]; alpha [1] in double.
struct RenyiRows {
    RenyiRows(const Call& call, const Tensor& nll_, const Tensor& log_ratio_, const Tensor& alpha_)
        : shape(leading(nll_)),
          rows(count_of(c10::multiply_integers(shape))),
          K(count_of(nll_.size(-1))),
          nll(call.operand("nll", nll_, nll_.sizes().vec())),
          log_ratio(call.operand("log_ratio", log_ratio_, nll_.sizes().vec())),
          alpha(call.operand("alpha", alpha_, {1}, at::kDouble)) {}
    template <class T>
    void bound(const warpvae::RenyiBound<T>& out, warpvae::Stream stream) const {
        warpvae::check(warpvae::renyi_bound<T>(out, nll.const_data_ptr<T>(), log_ratio.const_data_ptr<T>(), nullptr,
                                               {alpha.const_data_ptr<double>(), false}, 1, rows, K, stream));
    }
    const Shape shape;  ///< of the loss
    const int rows, K;
    const Tensor nll, log_ratio, alpha;
};

Tensor renyi_bound(const Tensor& nll, const Tensor& log_ratio, const Tensor& alpha) {
    const Call call(nll);
    const RenyiRows r(call, nll, log_ratio, alpha);
    Tensor loss = call.result(r.shape);
    AT_DISPATCH_FLOATING_TYPES(nll.scalar_type(), "renyi_bound", [&] {
        r.bound<scalar_t>({loss.mutable_data_ptr<scalar_t>(), nullptr, nullptr}, call.stream);
    });
    return loss;
}

/// dnll; the gradient by log_ratio is minus that.
Tensor renyi_bound_backward(const Tensor& dloss, const Tensor& nll, const Tensor& log_ratio, const Tensor& alpha) {
    const Call call(nll);
    const RenyiRows r(call, nll, log_ratio, alpha);
    Tensor weights = call.result(nll.sizes().vec());
    AT_DISPATCH_FLOATING_TYPES(nll.scalar_type(), "renyi_bound_backward", [&] {
        r.bound<scalar_t>({nullptr, nullptr, weights.mutable_data_ptr<scalar_t>()}, call.stream);
    });
    return weights.mul_(call.operand("dloss", dloss, r.shape).unsqueeze(-1));
}

}  // namespace

TORCH_LIBRARY(warpvae, m) {
    m.def("built_for() -> str", [] { return std::string(built_for()); });
    m.def("affine_basis(int H, int W, bool align_corners) -> Tensor");
    m.def("thin_plate_spline_basis(int g, int H, int W, bool align_corners) -> Tensor");
    m.def(
        "warp(Tensor images, Tensor u, Tensor basis, int form, bool border, bool align_corners, bool identity_safe) -> "
        "Tensor");
    m.def(
        "warp_backward(Tensor dout, Tensor images, Tensor u, Tensor basis, int form, bool border, bool align_corners, "
        "bool identity_safe, bool wants_dimages) -> (Tensor, Tensor)");
    m.def("bernoulli(Tensor x, Tensor target, bool from_logits) -> Tensor");
    m.def("bernoulli_backward(Tensor dnll, Tensor x, Tensor target, bool from_logits) -> Tensor");
    m.def("gaussian_sample(Tensor moments, Tensor? rng, int spread, int purpose) -> (Tensor, Tensor)");
    m.def("gaussian_sample_backward(Tensor dz, Tensor dkl, Tensor z, Tensor moments, int spread) -> Tensor");
    m.def("renyi_bound(Tensor nll, Tensor log_ratio, Tensor alpha) -> Tensor");
    m.def("renyi_bound_backward(Tensor dloss, Tensor nll, Tensor log_ratio, Tensor alpha) -> Tensor");
}
TORCH_LIBRARY_IMPL(warpvae, CompositeExplicitAutograd, m) {
    m.impl("affine_basis", affine_basis);
    m.impl("thin_plate_spline_basis", thin_plate_spline_basis);
}

namespace {
// For both devices: on the one that the build is not for, each says so.
void implement(torch::Library& m) {
    m.impl("warp", warp);
    m.impl("warp_backward", warp_backward);
    m.impl("bernoulli", bernoulli);
    m.impl("bernoulli_backward", bernoulli_backward);
    m.impl("gaussian_sample", gaussian_sample);
    m.impl("gaussian_sample_backward", gaussian_sample_backward);
    m.impl("renyi_bound", renyi_bound);
    m.impl("renyi_bound_backward", renyi_bound_backward);
}
}  // namespace
TORCH_LIBRARY_IMPL(warpvae, CPU, m) { implement(m); }
TORCH_LIBRARY_IMPL(warpvae, CUDA, m) { implement(m); }
