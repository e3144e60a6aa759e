// SPDX-License-Identifier: Apache-2.0
// Cross-entropy as one writes it with Eigen's arrays, in two ways; bf16 and f16 are cast to float.
// Rows are shared among OpenMP's threads where it is there.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <type_traits>

#include "Eigen/Core"
#include "xentcheck/kernel.h"

namespace {

using Problem = xentcheck_problem;
using Eigen::Index;

int supports(const Problem* p, xentcheck_message* m) {
  const auto no = [m](const char* why) {
    std::snprintf(m->text, m->size, "%s", why);
    return XENTCHECK_UNSUPPORTED;
  };
  if (p->op != XENTCHECK_OP_CE || p->targets != XENTCHECK_TARGETS_INDEX) {
    return no("cross-entropy with class indices only");
  }
  if (p->dir == XENTCHECK_DIR_HVP) return no("no second derivatives");
  if (p->layout == XENTCHECK_LAYOUT_BCT) return no("rows as they come only");
  if (p->output != p->dtype) return no("outputs have the type of the logits");
  if ((p->accumulate == XENTCHECK_DTYPE_F64) != (p->dtype == XENTCHECK_DTYPE_F64) &&
      p->accumulate != XENTCHECK_DTYPE_DEFAULT) {
    return no("f64 is added in f64, the others in f32");
  }
  if (p->reduction != XENTCHECK_REDUCTION_NONE || p->upstream != XENTCHECK_UPSTREAM_ONE) {
    return no("a loss for each row only");
  }
  if (p->smoothing != 0 || p->weights || p->z_loss != 0 || p->softcap != 0 || p->scale != 1) {
    return no("neither smoothing, weights, z-loss, soft cap nor scale");
  }
  if (p->shift || p->unit != XENTCHECK_UNIT_NATS) return no("labels in place, nats only");
  return XENTCHECK_OK;
}

template <class T>
using Row = Eigen::Map<Eigen::Array<T, 1, Eigen::Dynamic>>;
template <class T>
using ConstRow = Eigen::Map<const Eigen::Array<T, 1, Eigen::Dynamic>>;
/// What a row is computed in.
template <class T>
using Number = std::conditional_t<std::is_same_v<T, double>, double, float>;
template <class T>
using Numbers = Eigen::Array<Number<T>, 1, Eigen::Dynamic>;

/// Loss lse - z_y, gradient exp(z - lse) - [j = y].
struct LogSumExp {
  template <class Z>
  static auto loss_and_gradient(const Z& z, Index y, Z* gradient) {
    const auto m = z.maxCoeff();
    const auto lse = m + std::log((z - m).exp().sum());
    if (gradient != nullptr) {
      *gradient = (z - lse).exp();
      (*gradient)(y) -= 1;
    }
    return lse - z(y);
  }
};

/// Loss log s - (z_y - m), gradient e / s - [j = y], e = exp(z - m).
struct Softmax {
  template <class Z>
  static auto loss_and_gradient(const Z& z, Index y, Z* gradient) {
    const auto m = z.maxCoeff();
    const Z e = (z - m).exp();
    const auto s = e.sum();
    if (gradient != nullptr) {
      *gradient = e / s;
      (*gradient)(y) -= 1;
    }
    return std::log(s) - (z(y) - m);
  }
};

template <class Formula, class T>
void row(const Problem& p, const xentcheck_tensors& x, std::int64_t r) {
  const std::int64_t y = static_cast<const std::int64_t*>(x.target)[r];
  const bool ignored = p.has_ignore_index != 0 && y == p.ignore_index;
  Number<T> loss = 0;
  Numbers<T> gradient = Numbers<T>::Zero(p.v);
  if (!ignored) {
    const Numbers<T> z = ConstRow<T>(static_cast<const T*>(x.input) + r * p.stride, p.v)
                             .template cast<Number<T>>();
    loss = Formula::loss_and_gradient(z, y, x.grad == nullptr ? nullptr : &gradient);
  }
  if (x.loss != nullptr) static_cast<T*>(x.loss)[r] = static_cast<T>(loss);
  if (x.grad == nullptr) return;
  Row<T>(static_cast<T*>(x.grad) + r * p.stride, p.v) = gradient.template cast<T>();
}

/// The state is the number of threads.
int prepare(const Problem*, std::int32_t threads, void** state, xentcheck_message*) {
  *state = reinterpret_cast<void*>(static_cast<std::intptr_t>(threads));
  return XENTCHECK_OK;
}

template <class Formula>
int launch(void* state, const Problem* p, const xentcheck_tensors* x, void*, xentcheck_message*) {
  [[maybe_unused]] const int threads = static_cast<int>(reinterpret_cast<std::intptr_t>(state));
#pragma omp parallel for num_threads(threads) if (threads > 1)
  for (std::int64_t r = 0; r < p->n; ++r) {
    switch (p->dtype) {
      case XENTCHECK_DTYPE_F64: row<Formula, double>(*p, *x, r); break;
      case XENTCHECK_DTYPE_F32: row<Formula, float>(*p, *x, r); break;
      case XENTCHECK_DTYPE_F16: row<Formula, Eigen::half>(*p, *x, r); break;
      default: row<Formula, Eigen::bfloat16>(*p, *x, r);
    }
  }
  return XENTCHECK_OK;
}

void exponential(const float* x, float* y, std::size_t count) {
  Row<float>(y, static_cast<Index>(count)) = ConstRow<float>(x, static_cast<Index>(count)).exp();
}

template <class Formula>
xentcheck_kernel kernel(const char* name, const char* summary) {
  xentcheck_kernel k = {};
  k.struct_size = sizeof k;
  k.name = name;
  k.summary = summary;
  k.promises = XENTCHECK_REPEATABLE | XENTCHECK_BATCH_INVARIANT | XENTCHECK_ALIGNMENT_INVARIANT |
               XENTCHECK_THREAD_INVARIANT | XENTCHECK_IN_PLACE;
  k.supports = supports;
  k.prepare = prepare;
  k.launch = launch<Formula>;
  k.exponential = exponential;
  return k;
}

const char* version() {
  static char text[40];
  std::snprintf(text, sizeof text, "Eigen %d.%d.%d", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION,
                EIGEN_MINOR_VERSION);
  return text;
}

}  // namespace

XENTCHECK_EXPORT const xentcheck_library* xentcheck_plugin(std::uint32_t major, std::uint32_t) {
  static const xentcheck_kernel lse =
      kernel<LogSumExp>("logsumexp", "Eigen: lse - z_y, gradient exp(z - lse) - [j = y]");
  static const xentcheck_kernel softmax =
      kernel<Softmax>("softmax", "Eigen: log s - (z_y - m), gradient e / s - [j = y]");
  static const xentcheck_kernel* const kernels[] = {&lse, &softmax};
  static const xentcheck_library library = {
      sizeof library, XENTCHECK_ABI_MAJOR, XENTCHECK_ABI_MINOR, version(), 2, kernels};
  return major == XENTCHECK_ABI_MAJOR ? &library : nullptr;
}
