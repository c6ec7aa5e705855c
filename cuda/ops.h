// Every launcher of the kernel library, in plain C++. Each operation lives in `cuda/<op>.cuh` (device functions and
// kernels, to take into other projects) and `cuda/<op>.cu` (the launchers declared in its group's header). Include the
// groups that you use: all of them together are for a file that uses most.
//
// Letters used throughout:
//   R replicas (independent models, the leading axis of everything)   N rows of a batch   D features or pixels
//   H hidden units   Z latents   P parameters of one model, padded   K classes
// All arrays are device memory, row-major, contiguous unless a stride is named. Outputs come first, then inputs, sizes,
// stream. T is float or double (double is for gradient checks). Every launcher returns the device's error code at once;
// kernels run later in `stream`. All results are deterministic: no float atomics anywhere.
//
// Where a kernel's contract names no shared memory, it has its reductions' alone.
//
// A size of 0 is no error unless a comment asks for 1 at least. An output without elements is left alone. A sum over
// nothing is 0, and so is a weight's gradient from no rows. A launcher that adds to a total leaves it as it is.
#pragma once
#include "cuda/ops/batch_norm.h"
#include "cuda/ops/convolution.h"
#include "cuda/ops/dense.h"
#include "cuda/ops/dense_chain.h"
#include "cuda/ops/fisher_rao.h"
#include "cuda/ops/fused_convolution.h"
#include "cuda/ops/fused_dense.h"
#include "cuda/ops/glyphs.h"
#include "cuda/ops/latent.h"
#include "cuda/ops/linear_models.h"
#include "cuda/ops/loss.h"
#include "cuda/ops/minibatch.h"
#include "cuda/ops/optimiser.h"
#include "cuda/ops/pairs.h"
#include "cuda/ops/random.h"
#include "cuda/ops/renyi.h"
#include "cuda/ops/umap.h"
#include "cuda/ops/warp.h"
#include "cuda/ops/weight_gradients.h"
