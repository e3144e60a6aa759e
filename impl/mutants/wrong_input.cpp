// SPDX-License-Identifier: Apache-2.0
// Mutants that hand scalar/safe something else than they were given.
#include <cstdint>
#include <vector>

#include "impl/mutants/mutants.h"
#include "impl/scalar/safe.h"

namespace xent {
namespace {

struct AlignedMaximum : SafeFormula {
  template <class T>
  T maximum(const T* z, std::int64_t v) {
    std::int64_t head = 0;
    while (head + 1 < v && reinterpret_cast<std::uintptr_t>(z + head) % 16 != 0) ++head;
    return SafeFormula::maximum(z + head, v - head);
  }
};

}  // namespace

Kernel mutant_target_off_by_one() {
  return with_body(
      mutant("target-off-by-one", "class y + 1 for y: one-based labels, as in mlverse/torch#681",
             {"loss.accurate", "grad.accurate", "grad.signs", "loss.worked-example"}),
      []<class T>(RowView<T> w) {
        std::vector<std::int64_t> next;
        for (std::int64_t r = 0; w.label != nullptr && r < w.n; ++r) {
          const std::int64_t y = w.label[r];
          next.push_back(y < 0 || y >= w.v ? y : (y + 1) % w.v);
        }
        w.label = next.data();
        safe_body(w, SafeFormula{});
      });
}

Kernel mutant_upstream_ignored() {
  return with_body(
      mutant("upstream-ignored",
             "the gradient that arrives from above is taken as 1; cf. linkedin/Liger-Kernel#678",
             {"grad.accurate"}),
      []<class T>(RowView<T> w) {
        w.upstream = nullptr;
        safe_body(w, SafeFormula{});
      });
}

Kernel mutant_sum_for_mean() {
  return with_body(
      mutant("sum-for-mean", "a mean is not divided by N, as in linkedin/Liger-Kernel#435",
             {"stat.ce-is-nll", "loss.accurate"}),
      []<class T>(RowView<T> w) {
        if (w.reduction == Reduction::mean) w.reduction = Reduction::sum;
        safe_body(w, SafeFormula{});
      });
}

Kernel mutant_mean_backward_undivided() {
  return with_body(
      mutant("mean-backward-undivided",
             "without the loss beside it, the gradient of a mean is not divided by N; cf. "
             "linkedin/Liger-Kernel#435",
             {"grad.accurate"}),
      []<class T>(RowView<T> w) {
        if (w.loss == nullptr && w.reduction == Reduction::mean) w.reduction = Reduction::sum;
        safe_body(w, SafeFormula{});
      });
}

Kernel mutant_input_scribbler() {
  HostKernel k = mutant("input-scribbler",
                        "shifts the caller's logits in place; cf. linkedin/Liger-Kernel#1251",
                        {"io.inputs-untouched"});
  k.promises.in_place = false;
  k.ops = {Op::ce, Op::lse};
  return with_body(std::move(k), []<class T>(const RowView<T>& w) {
    safe_body(w, SafeFormula{});
    SafeFormula formula;
    for (std::int64_t r = 0; r < w.n; ++r) {
      T* const z = const_cast<T*>(w.input_row(r));
      const T m = formula.maximum(z, w.v);
      for (std::int64_t j = 0; j < w.v; ++j) z[j] -= m;
    }
  });
}

Kernel mutant_stride_ignored() {
  return with_body(
      mutant("stride-ignored", "rows are taken to be contiguous, as in ml-explore/mlx@7f3f8d8f8",
             {"loss.accurate", "grad.accurate", "io.every-output-written"}),
      []<class T>(RowView<T> w) {
        w.stride = w.v;
        safe_body(w, SafeFormula{});
      });
}

/// Takes rows from the first 16-byte boundary on, as if every row started at one.
Kernel mutant_aligned_head_skipped() {
  return with_body(
      mutant("aligned-head-skipped",
             "the maximum is taken over the aligned part of a row only; cf. "
             "microsoft/onnxruntime#14475",
             {"run.alignment"}),
      []<class T>(const RowView<T>& w) { safe_body(w, AlignedMaximum{}); });
}

/// Writes each gradient before it has read all logits of the row.
Kernel mutant_in_place_rereads() {
  return with_body(
      mutant("in-place-rereads",
             "sums the exponentials again after the gradient overwrote the logits",
             {"io.in-place"}),
      []<class T>(RowView<T> w) {
        safe_body(w, SafeFormula{});
        if (w.grad == nullptr || w.loss == nullptr) return;
        w.grad = nullptr;
        safe_body(w, SafeFormula{});
      });
}

}  // namespace xent
