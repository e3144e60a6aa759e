// SPDX-License-Identifier: Apache-2.0
// Mutants that keep something from one call to the next, or leave something behind.
#include <algorithm>
#include <vector>

#include "impl/control_bits.h"
#include "impl/mutants/rewrite.h"

namespace xent {
namespace {

/// Everything of a problem but its data and where those are.
template <class T>
bool same_problem(const RowView<T>& a, const RowView<T>& b) {
  return a.op == b.op && a.dir == b.dir && a.reduction == b.reduction &&
         a.denominator == b.denominator && a.unit == b.unit && a.n == b.n && a.v == b.v &&
         a.t == b.t && a.stride == b.stride && a.shift == b.shift && a.ignore == b.ignore &&
         a.smoothing == b.smoothing && a.scale == b.scale && a.softcap == b.softcap &&
         a.z_loss == b.z_loss && a.denominator_value == b.denominator_value &&
         (a.weight == nullptr) == (b.weight == nullptr) &&
         (a.upstream == nullptr) == (b.upstream == nullptr);
}

/// The last call and what came of it.
template <class T>
struct Kept {
  RowView<T> call;
  std::vector<T> first_row, loss, grad;
  bool any = false;

  void keep(const RowView<T>& w) {
    call = w;
    any = w.n > 0;
    if (!any) return;
    first_row.assign(w.input, w.input + w.v);
    loss.clear();
    grad.clear();
    const std::int64_t losses = w.reduction == Reduction::none ? w.n : 1;
    if (w.loss != nullptr) loss.assign(w.loss, w.loss + losses);
    for (std::int64_t r = 0; w.grad != nullptr && r < w.n; ++r) {
      grad.insert(grad.end(), w.grad_row(r), w.grad_row(r) + w.v);
    }
  }
  void answer(const RowView<T>& w) const {
    std::copy(loss.begin(), loss.end(), w.loss);
    for (std::int64_t r = 0; w.grad != nullptr && r < w.n; ++r) {
      std::copy_n(grad.begin() + r * w.v, w.v, w.grad_row(r));
    }
  }
};

/// Answers as the last call was answered wherever `alike` takes this one for it.
template <class Alike>
Kernel cached(HostKernel k, Alike alike) {
  return with_body(std::move(k), [alike]<class T>(const RowView<T>& w) {
    thread_local Kept<T> last;
    if (last.any && same_problem(last.call, w) && alike(last, w)) return last.answer(w);
    safe(w);
    last.keep(w);
  });
}

}  // namespace

Kernel mutant_cached_by_pointer() {
  return cached(option_mutant("cached-by-pointer",
                              "the answer to the last call of its shape, wherever the logits' "
                              "address is the same",
                              {"run.history"}),
                []<class T>(const Kept<T>& last, const RowView<T>& w) {
                  return last.call.input == w.input;
                });
}

Kernel mutant_cached_by_first_row() {
  return cached(option_mutant("cached-by-first-row",
                              "the answer to the last call of its shape, wherever the first row "
                              "is the same: a cache with a cheap key",
                              {"run.history"}),
                []<class T>(const Kept<T>& last, const RowView<T>& w) {
                  return std::equal(last.first_row.begin(), last.first_row.end(), w.input);
                });
}

Kernel mutant_smoothing_kept() {
  return rewritten(
      option_mutant("smoothing-kept",
                    "label smoothing of the last call of its shape stays on: a plan kept by shape",
                    {"run.history"}),
      []<class T>(RowView<T>& w) {
        struct Plan {
          std::int64_t n = -1, v = -1;
          T smoothing = 0;
        };
        thread_local Plan plan;
        const bool known = plan.n == w.n && plan.v == w.v;
        if (w.op != Op::ce && w.op != Op::nll) return;
        if (known && w.smoothing == T(0)) w.smoothing = plan.smoothing;
        plan = {w.n, w.v, w.smoothing};
      });
}

Kernel mutant_flush_to_zero_left_on() {
  return with_body(mutant("flush-to-zero-left-on",
                          "subnormal numbers are 0 for whoever runs next, as after "
                          "torch.set_flush_denormal or a library built with -ffast-math",
                          {"run.well-behaved"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     set_control_bits(control_bits() | kFlushToZero);
                   });
}

}  // namespace xent
