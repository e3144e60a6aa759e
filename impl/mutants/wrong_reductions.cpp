// SPDX-License-Identifier: Apache-2.0
// Mutants that ignore, count or add up rows in another way.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "core/kernel.h"
#include "impl/mutants/rewrite.h"

namespace xent {
namespace {

/// Ignored rows are computed and multiplied by 0: NaN where they hold NaN or infinities.
template <class T>
void times_zero(const RowView<T>& w) {
  T spoilt = 0;
  std::vector<T> own(static_cast<std::size_t>(w.n));
  for (std::int64_t r = 0; r < w.n; ++r) {
    T& zero = own[static_cast<std::size_t>(r)];
    for (std::int64_t j = 0; w.ignored(r) && j < w.v; ++j) zero += T(0) * w.input_row(r)[j];
    spoilt += zero;
  }
  safe(w);
  for (std::int64_t r = 0; r < w.n; ++r) {
    const T zero = own[static_cast<std::size_t>(r)];
    if (w.loss != nullptr && w.reduction == Reduction::none) w.loss[r] += zero;
    for (std::int64_t j = 0; w.grad != nullptr && j < w.v; ++j) w.grad_row(r)[j] += zero;
  }
  if (w.loss != nullptr && w.reduction != Reduction::none) w.loss[0] += spoilt;
}

/// Labels as another reading of them has it; ignored rows are whatever `ignore` then says.
template <class T, class Relabel>
void with_labels(RowView<T> w, Relabel relabel) {
  std::vector<std::int64_t> labels;
  if (w.label != nullptr) {
    for (std::int64_t r = 0; r < w.n; ++r) labels.push_back(relabel(w.label[r]));
    w.label = labels.data();
  }
  safe(w);
}

/// The gradient rows of ignored targets keep what was there.
template <class T>
void ignored_left_alone(const RowView<T>& w) {
  if (w.grad == nullptr) return safe(w);
  std::vector<T> before(static_cast<std::size_t>(w.n * w.v));
  const auto bytes = static_cast<std::size_t>(w.v) * sizeof(T);
  for (std::int64_t r = 0; r < w.n; ++r) std::memcpy(&before[r * w.v], w.grad_row(r), bytes);
  safe(w);
  for (std::int64_t r = 0; r < w.n; ++r) {
    if (w.ignored(r)) std::memcpy(w.grad_row(r), &before[r * w.v], bytes);
  }
}

/// zloss * lse^2 of ignored rows too.
template <class T>
void zloss_everywhere(RowView<T> w) {
  safe(w);
  if (w.loss == nullptr || w.label == nullptr || w.reduction != Reduction::none) return;
  std::vector<T> lse(static_cast<std::size_t>(w.n));
  RowView<T> of = w;
  of.op = Op::lse;
  of.dir = Dir::fwd;
  of.label = nullptr;
  of.weight = nullptr;
  of.shift = false;
  of.grad = nullptr;
  of.loss = lse.data();
  safe(of);
  for (std::int64_t r = 0; r < w.n; ++r) {
    const T l = lse[static_cast<std::size_t>(r)];
    if (w.ignored(r)) w.loss[r] += w.z_loss * l * l;
  }
}

}  // namespace

Kernel mutant_ignored_row_in_denominator() {
  return rewritten(
      option_mutant("ignored-row-in-denominator",
                    "a mean over valid rows is divided by N, as in tinygrad and many trainers",
                    {"trick.ignore-index", "stat.ce-is-nll"}),
      []<class T>(RowView<T>& w) {
        if (w.weight == nullptr && w.denominator == Denominator::valid) divide_by(w, w.n);
      });
}

Kernel mutant_ignored_row_times_zero() {
  return with_body(
      option_mutant("ignored-row-times-zero",
                    "ignored rows are masked by a product with 0, as in PyTorch's backward",
                    {"trick.ignore-index", "lm.seq2seq"}),
      []<class T>(const RowView<T>& w) { times_zero(w); });
}

Kernel mutant_ignored_as_class_zero() {
  return with_body(
      option_mutant("ignored-as-class-zero", "negative labels are clamped to class 0",
                    {"trick.ignore-index", "options.accurate"}),
      []<class T>(RowView<T> w) {
        if (w.ignore && *w.ignore < 0) w.ignore.reset();
        with_labels(w, [](std::int64_t y) { return y < 0 ? 0 : y; });
      });
}

Kernel mutant_ignored_gradient_unwritten() {
  return with_body(
      option_mutant("ignored-gradient-unwritten",
                    "the gradient of an ignored row is left as it was, cf. pytorch#20406",
                    {"trick.ignore-index", "options.accurate"}),
      []<class T>(const RowView<T>& w) { ignored_left_alone(w); });
}

Kernel mutant_hard_coded_ignore() {
  return with_body(option_mutant("hard-coded-ignore",
                                 "-100 marks ignored rows, whatever ignore_index says",
                                 {"trick.ignore-index"}),
                   []<class T>(RowView<T> w) {
                     if (!w.ignore) return safe(w);
                     w.ignore = -100;
                     const std::int64_t v = w.v;
                     with_labels(w, [v](std::int64_t y) {
                       return y != -100 && (y < 0 || y >= v) ? 0 : y;
                     });
                   });
}

Kernel mutant_weighted_mean_by_rows() {
  return rewritten(option_mutant("weighted-mean-by-rows",
                                 "a weighted mean is divided by the number of rows",
                                 {"trick.class-weights", "options.accurate"}),
                   []<class T>(RowView<T>& w) {
                     const bool by_weight = w.weight != nullptr && w.label != nullptr;
                     if (by_weight && w.denominator == Denominator::valid) {
                       divide_by(w, valid_rows(w));
                     }
                   });
}

Kernel mutant_sequence_mean_as_token_mean() {
  return rewritten(option_mutant("sequence-mean-as-token-mean",
                                 "the mean over sequences is one over tokens",
                                 {"trick.sequence-normalization", "options.accurate"}),
                   []<class T>(RowView<T>& w) {
                     if (w.denominator == Denominator::sequence) {
                       w.denominator = Denominator::valid;
                     }
                   });
}

Kernel mutant_micro_batch_mean() {
  return rewritten(
      option_mutant("micro-batch-mean",
                    "divides by the batch's own rows instead of the number given, as gradient "
                    "accumulation in transformers did",
                    {"options.micro-batches", "options.accurate"}),
      []<class T>(RowView<T>& w) {
        if (w.denominator == Denominator::number) w.denominator = Denominator::valid;
      });
}

Kernel mutant_valid_count_of_one_warp() {
  return rewritten(
      option_mutant("valid-count-of-one-warp", "valid rows are counted modulo 32",
                    {"loss.accurate"}),
      []<class T>(RowView<T>& w) {
        const std::int64_t valid = valid_rows(w);
        const bool counts = w.denominator == Denominator::valid && w.weight == nullptr;
        if (counts && valid > 32) divide_by(w, (valid - 1) % 32 + 1);
      });
}

Kernel mutant_mean_through_f16_sum() {
  return with_body(
      option_mutant("mean-through-f16-sum", "the sum behind a mean is rounded to binary16",
                    {"lm.mean-is-stable"}),
      []<class T>(const RowView<T>& w) {
        safe(w);
        if (w.loss == nullptr || w.reduction != Reduction::mean) return;
        const T rows = static_cast<T>(valid_rows(w));
        const auto sum = static_cast<double>(w.loss[0] * rows);
        w.loss[0] = static_cast<T>(from_f16(to_f16(sum))) / rows;
      });
}

Kernel mutant_shift_forgotten() {
  return rewritten(option_mutant("shift-forgotten", "position t is scored by its own label",
                                 {"lm.shifted", "options.accurate"}),
                   []<class T>(RowView<T>& w) { w.shift = false; });
}

Kernel mutant_shift_always() {
  return rewritten(option_mutant("shift-always",
                                 "sequences are shifted though the labels are aligned already",
                                 {"lm.seq2seq"}),
                   []<class T>(RowView<T>& w) { w.shift = w.label != nullptr && w.t > 1; });
}

Kernel mutant_zloss_on_ignored_rows() {
  return with_body(option_mutant("zloss-on-ignored-rows", "ignored rows pay the z-loss",
                                 {"options.accurate"}),
                   []<class T>(const RowView<T>& w) { zloss_everywhere(w); });
}

Kernel mutant_count_in_bf16() {
  return rewritten(
      option_mutant("count-in-bf16", "valid rows are counted in bfloat16: right up to 256",
                    {"grad.accurate"}),
      []<class T>(RowView<T>& w) {
        if (w.weight != nullptr || w.denominator != Denominator::valid) return;
        const auto valid = static_cast<double>(valid_rows(w));
        divide_by(w, static_cast<std::int64_t>(from_bf16(to_bf16(valid))));
      });
}

Kernel mutant_ignore_negative_only() {
  return rewritten(option_mutant("ignore-negative-only",
                                 "an ignore index above 0 is taken for class 0",
                                 {"options.accurate"}),
                   []<class T>(RowView<T>& w) {
                     if (w.ignore && *w.ignore > 0 && *w.ignore < w.v) w.ignore = 0;
                   });
}

Kernel mutant_hvp_mean_undivided() {
  return rewritten(option_mutant("hvp-mean-undivided", "H v of a mean is that of the sum",
                                 {"options.accurate"}),
                   []<class T>(RowView<T>& w) {
                     const bool mean = w.dir == Dir::hvp && w.label != nullptr;
                     if (mean && w.reduction == Reduction::mean) w.reduction = Reduction::sum;
                   });
}

}  // namespace xent
