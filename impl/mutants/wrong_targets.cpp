// SPDX-License-Identifier: Apache-2.0
// Mutants that take the target, or the formula around it, for another.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/dtype.h"
#include "impl/mutants/rewrite.h"

namespace xent {
namespace {

bool over_classes(Op op) { return op == Op::ce || op == Op::nll; }

/// Vector targets with every number changed.
template <class T, class Change>
void with_targets(RowView<T> w, Change change) {
  if (w.target == nullptr) return safe(w);
  std::vector<T> y(static_cast<std::size_t>(w.n * w.stride));
  for (std::int64_t r = 0; r < w.n; ++r) {
    for (std::int64_t j = 0; j < w.v; ++j) {
      y[static_cast<std::size_t>(r * w.stride + j)] = change(w.target_row(r)[j]);
    }
  }
  w.target = y.data();
  safe(w);
}

template <class T>
void argmax_only(RowView<T> w) {
  if (w.target == nullptr || !over_classes(w.op)) return safe(w);
  std::vector<std::int64_t> labels;
  for (std::int64_t r = 0; r < w.n; ++r) {
    const T* const y = w.target_row(r);
    labels.push_back(std::max_element(y, y + w.v) - y);
  }
  w.target = nullptr;
  w.label = labels.data();
  safe(w);
}

/// (-1 / p_c) (p_c ([c = j] - p_j)), as the documents print it, with its sign turned.
template <class T>
void chain_rule(const RowView<T>& w) {
  safe(w);
  const bool plain = w.op == Op::ce && w.label != nullptr && w.grad != nullptr &&
                     w.dir != Dir::hvp && w.smoothing == T(0) && w.z_loss == T(0) &&
                     w.softcap == T(0) && w.scale == T(1);
  if (!plain) return;
  const std::vector<T> p = probabilities(w);
  const Divisors<T> divisors(w);
  for (std::int64_t r = 0; r < w.n; ++r) {
    const std::int64_t c = w.scored_class(r);
    if (c < 0) continue;
    const T* const q = &p[static_cast<std::size_t>(r * w.stride)];
    Scaling<T> scaling(w, divisors, r);
    scaling.weight = w.weight_of(c);
    for (std::int64_t j = 0; j < w.v; ++j) {
      const T inner = q[c] * (static_cast<T>(c == j ? 1 : 0) - q[j]);
      w.grad_row(r)[j] = scaling(-T(1) / q[c] * inner);
    }
  }
}

/// p_j v_j: the diagonal of the Hessian's first term alone.
template <class T>
void hvp_without_mean(const RowView<T>& w) {
  safe(w);
  if (w.dir != Dir::hvp || w.label == nullptr) return;
  const std::vector<T> p = probabilities(w);
  const Divisors<T> divisors(w);
  for (std::int64_t r = 0; r < w.n; ++r) {
    if (w.ignored(r)) continue;
    const Scaling<T> scaling(w, divisors, r);
    for (std::int64_t j = 0; j < w.v; ++j) {
      w.grad_row(r)[j] = scaling(p[static_cast<std::size_t>(r * w.stride + j)] *
                                 w.direction_row(r)[j]);
    }
  }
}

/// Adds -log(1 - the most likely wrong class) / 64.
template <class T>
void one_versus_rest(const RowView<T>& w) {
  safe(w);
  if (!plain_rows(w)) return;
  const std::vector<T> p = probabilities(w);
  for (std::int64_t r = 0; r < w.n; ++r) {
    const std::int64_t y = w.scored_class(r);
    T most = 0;
    for (std::int64_t j = 0; j < w.v; ++j) {
      if (j != y) most = std::max(most, p[static_cast<std::size_t>(r * w.stride + j)]);
    }
    if (y >= 0) w.loss[r] -= std::log1p(-most) / T(64);
  }
}

/// 0 * -inf where a class without mass is masked.
template <class T>
void zero_times_infinity(const RowView<T>& w) {
  safe(w);
  const bool soft = w.op == Op::ce && w.target != nullptr && w.loss != nullptr;
  for (std::int64_t r = 0; soft && r < w.n; ++r) {
    T zero = 0;
    for (std::int64_t j = 0; j < w.v; ++j) zero += T(0) * w.input_row(r)[j];
    w.loss[w.reduction == Reduction::none ? r : 0] += zero;
  }
}

}  // namespace

Kernel mutant_soft_target_argmax_only() {
  return with_body(option_mutant("soft-target-argmax-only",
                                 "class probabilities are taken for one-hot vectors",
                                 {"loss.soft-targets"}),
                   []<class T>(const RowView<T>& w) { argmax_only(w); });
}

Kernel mutant_one_hot_loses_mass() {
  return with_body(option_mutant("one-hot-loses-mass", "a target of 1 counts as 63/64",
                                 {"loss.multiclass"}),
                   []<class T>(const RowView<T>& w) {
                     with_targets(w, [&](T y) {
                       return over_classes(w.op) && y == T(1) ? T(1) - T(0x1p-6) : y;
                     });
                   });
}

Kernel mutant_labels_rounded() {
  return with_body(option_mutant("labels-rounded", "soft binary labels are rounded to 0 and 1",
                                 {"loss.binary", "loss.binary-is-two-class"}),
                   []<class T>(const RowView<T>& w) {
                     const bool binary = w.op == Op::bce_logits || w.op == Op::bce_prob;
                     with_targets(w, [&](T y) {
                       return !binary ? y : static_cast<T>(y >= T(0.5) ? 1 : 0);
                     });
                   });
}

Kernel mutant_label_cast_to_bf16() {
  return with_body(
      option_mutant("label-cast-to-bf16", "class indices pass through bfloat16: right up to 256",
                    {"loss.accurate"}),
      []<class T>(RowView<T> w) {
        std::vector<std::int64_t> labels;
        for (std::int64_t r = 0; w.label != nullptr && r < w.n; ++r) {
          const std::int64_t y = w.label[r];
          const auto cast = static_cast<std::int64_t>(from_bf16(to_bf16(static_cast<double>(y))));
          labels.push_back(y < 0 || y >= w.v ? y : std::min(cast, w.v - 1));
        }
        if (w.label != nullptr) w.label = labels.data();
        safe(w);
      });
}

Kernel mutant_wrong_classes_in_loss() {
  return with_body(option_mutant("wrong-classes-in-loss",
                                 "the best wrong class enters the loss: one against the rest",
                                 {"loss.true-class-only", "loss.accurate"}),
                   []<class T>(const RowView<T>& w) { one_versus_rest(w); });
}

Kernel mutant_one_minus_p() {
  return with_body(option_mutant("one-minus-p", "1 - p_y for -log p_y: it stops growing at 1",
                                 {"loss.penalty", "loss.accurate"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     for (std::int64_t r = 0; plain_rows(w) && r < w.n; ++r) {
                       w.loss[r] = -std::expm1(-w.loss[r]);
                     }
                   });
}

Kernel mutant_gradient_clipped() {
  return with_body(option_mutant("gradient-clipped", "each gradient is clipped to [-1/2, 1/2]",
                                 {"loss.flat-when-right", "grad.accurate"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     for (std::int64_t r = 0; w.grad != nullptr && r < w.n; ++r) {
                       for (std::int64_t j = 0; j < w.v; ++j) {
                         w.grad_row(r)[j] = std::clamp(w.grad_row(r)[j], T(-0.5), T(0.5));
                       }
                     }
                   });
}

Kernel mutant_gradient_by_chain_rule() {
  return with_body(option_mutant("gradient-by-chain-rule",
                                 "(-1/p_c) p_c ([c = j] - p_j): NaN once p_c underflows",
                                 {"grad.no-underflow", "grad.accurate"}),
                   []<class T>(const RowView<T>& w) { chain_rule(w); });
}

Kernel mutant_hvp_without_mean() {
  return with_body(option_mutant("hvp-without-mean", "diag(p) v instead of (diag(p) - p p^T) v",
                                 {"stat.canonical-link"}),
                   []<class T>(const RowView<T>& w) { hvp_without_mean(w); });
}

Kernel mutant_zero_times_infinity() {
  return with_body(
      option_mutant("zero-times-infinity",
                    "0 * -inf where a masked class has no mass, as in optax#896",
                    {"loss.soft-targets", "loss.accurate"}),
      []<class T>(const RowView<T>& w) { zero_times_infinity(w); });
}

/// Rows of [B, V, T] memory taken as they come: the kernel is handed the elements that stand where
/// it would look.
Kernel mutant_bct_as_btv() {
  Kernel k = with_body(option_mutant("bct-as-btv",
                                     "[B, V, T] is flattened to [B T, V] without a transposition",
                                     {"loss.framework-semantics", "loss.reshape"}),
                       []<class T>(const RowView<T>& w) { safe(w); });
  k.bind = [inner = k.bind](const TestCase& c, const BindOptions& o) {
    const Problem& p = c.problem;
    if (p.layout != Layout::bct) return inner(c, o);
    TestCase misread = c;
    for (std::int64_t i = 0; i < p.n * p.v; ++i) {
      const std::int64_t in_batch = i % (p.t * p.v), batch = i / (p.t * p.v);
      const std::int64_t row = batch * p.t + in_batch % p.t;
      misread.input.set(i, c.input.at(row * p.v + in_batch / p.t));
    }
    return inner(misread, o);
  };
  return k;
}

}  // namespace xent
