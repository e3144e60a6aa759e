// SPDX-License-Identifier: Apache-2.0
// Mutants of entropy, cross-entropy and divergence.
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "impl/mutants/rewrite.h"

namespace xent {
namespace {

/// p and q exchanged, losses only.
template <class T>
void swapped(RowView<T> w) {
  if (w.op == Op::cross_entropy && w.target != nullptr && w.loss != nullptr) {
    RowView<T> other = w;
    std::swap(other.input, other.target);
    other.grad = nullptr;
    safe(other);
    w.loss = nullptr;
  }
  if (w.loss != nullptr || w.grad != nullptr) safe(w);
}

template <class T>
void symmetric(const RowView<T>& w) {
  safe(w);
  const bool divergence = (w.op == Op::kl || w.op == Op::cross_entropy) && w.target != nullptr;
  if (!divergence || w.loss == nullptr) return;
  std::vector<T> back(static_cast<std::size_t>(w.n > 0 ? w.n : 1));
  RowView<T> other = w;
  std::swap(other.input, other.target);
  other.grad = nullptr;
  other.loss = back.data();
  safe(other);
  const std::int64_t losses = w.reduction == Reduction::none ? w.n : 1;
  for (std::int64_t i = 0; i < losses; ++i) {
    w.loss[i] = (w.loss[i] + back[static_cast<std::size_t>(i)]) / T(2);
  }
}

template <class T>
void short_entropy(RowView<T> w) {
  RowView<T> losses = w;
  losses.grad = nullptr;
  if (w.op == Op::entropy && w.v > 1) --losses.v;
  if (w.loss != nullptr) safe(losses);
  w.loss = nullptr;
  if (w.grad != nullptr) safe(w);
}

}  // namespace

Kernel mutant_cross_entropy_arguments_swapped() {
  return with_body(
      option_mutant("cross-entropy-arguments-swapped", "-sum q log p for -sum p log q",
                    {"info.cross-entropy", "info.gibbs", "info.decomposition", "loss.accurate"}),
      []<class T>(const RowView<T>& w) { swapped(w); });
}

Kernel mutant_entropy_last_class_dropped() {
  return with_body(option_mutant("entropy-last-class-dropped", "the entropy's sum stops early",
                                 {"info.entropy", "info.entropy-bounds", "info.entropy-order"}),
                   []<class T>(const RowView<T>& w) { short_entropy(w); });
}

Kernel mutant_symmetric_divergence() {
  return with_body(option_mutant("symmetric-divergence", "the mean of both directions",
                                 {"info.asymmetry", "info.kl"}),
                   []<class T>(const RowView<T>& w) { symmetric(w); });
}

Kernel mutant_kl_gradient_log() {
  return with_body(
      option_mutant("kl-gradient-log", "-log(p/q) - 1 for -p/q: the slope in p",
                    {"info.min-ce-is-min-kl", "grad.accurate"}),
      []<class T>(const RowView<T>& w) {
        safe(w);
        if (w.op != Op::kl || w.grad == nullptr) return;
        for (std::int64_t r = 0; r < w.n; ++r) {
          for (std::int64_t j = 0; j < w.v; ++j) {
            const T ratio = w.target_row(r)[j] / w.input_row(r)[j];
            if (ratio > T(0)) w.grad_row(r)[j] *= (std::log(ratio) + T(1)) / ratio;
          }
        }
      });
}

Kernel mutant_kl_zero_log_zero() {
  return with_body(option_mutant("kl-zero-log-zero", "p log p is NaN at p = 0",
                                 {"info.kl", "loss.accurate"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     if (w.op != Op::kl || w.loss == nullptr) return;
                     for (std::int64_t r = 0; r < w.n; ++r) {
                       for (std::int64_t j = 0; j < w.v; ++j) {
                         if (w.target_row(r)[j] != T(0)) continue;
                         w.loss[w.reduction == Reduction::none ? r : 0] =
                             std::numeric_limits<T>::quiet_NaN();
                       }
                     }
                   });
}

Kernel mutant_kl_backward_alone() {
  return with_body(option_mutant("kl-backward-alone",
                                 "without the loss beside it, the gradient's first element is "
                                 "garbage",
                                 {"grad.accurate"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     if (w.op == Op::kl && w.dir == Dir::bwd && w.n > 0) w.grad_row(0)[0] = T(5);
                   });
}

}  // namespace xent
