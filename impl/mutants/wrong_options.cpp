// SPDX-License-Identifier: Apache-2.0
// Mutants that misread an option of the loss: smoothing, weights, zloss, softcap, unit, upstream.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "impl/mutants/rewrite.h"

namespace xent {
namespace {

/// scale and softcap applied beforehand, so that the gradient lacks their slope.
template <class T>
void without_slope(const RowView<T>& w) {
  std::vector<T> z(static_cast<std::size_t>(w.n * w.stride));
  for (std::int64_t r = 0; r < w.n; ++r) {
    for (std::int64_t j = 0; j < w.v; ++j) {
      z[static_cast<std::size_t>(r * w.stride + j)] = transformed_logit(w, w.input_row(r)[j]);
    }
  }
  gradient_of(w, [&](RowView<T>& g) {
    if (w.softcap == T(0)) return;
    g.input = z.data();
    g.softcap = T(0);
    g.scale = T(1);
  });
}

/// Classes filled up to a multiple of 4 with -inf, which softcap turns into -cap.
template <class T>
void capped_padding(RowView<T> w) {
  const std::int64_t v = (w.v + 3) / 4 * 4;
  if (w.softcap == T(0) || v == w.v || w.label == nullptr || w.weight != nullptr) return safe(w);
  const auto size = static_cast<std::size_t>(w.n * v);
  std::vector<T> z(size, -std::numeric_limits<T>::infinity()), g(size);
  for (std::int64_t r = 0; r < w.n; ++r) {
    std::copy(w.input_row(r), w.input_row(r) + w.v, z.begin() + r * v);
  }
  const RowView<T> outer = w;
  w.smoothing = w.smoothing * static_cast<T>(v) / static_cast<T>(w.v);
  w.v = w.stride = v;
  w.input = z.data();
  w.grad = outer.grad == nullptr ? nullptr : g.data();
  if (w.dir == Dir::hvp || !(w.smoothing == T(0))) return safe(outer);
  safe(w);
  for (std::int64_t r = 0; r < outer.n && outer.grad != nullptr; ++r) {
    for (std::int64_t j = 0; j < outer.v; ++j) {
      outer.grad_row(r)[j] = g[static_cast<std::size_t>(r * v + j)];
    }
  }
}

/// Smoothing beside weights: the smoothed part is not weighted.
template <class T>
void unweighted_smoothing(RowView<T> w) {
  if (w.smoothing == T(0) || w.weight == nullptr || w.label == nullptr) return safe(w);
  std::vector<T> masses(static_cast<std::size_t>(w.n * w.stride));
  T sum = 0;
  for (std::int64_t r = 0; r < w.n; ++r) {
    const std::int64_t y = w.scored_class(r);
    if (y < 0) return safe(w);
    sum += w.weight[y];
    for (std::int64_t j = 0; j < w.v; ++j) {
      const T share = w.smoothing / static_cast<T>(w.v);
      const T own = j == y ? (T(1) - w.smoothing) * w.weight[y] : T(0);
      masses[static_cast<std::size_t>(r * w.stride + j)] = own + share;
    }
  }
  if (w.denominator == Denominator::sequence) return safe(w);
  if (w.denominator == Denominator::valid) {
    w.denominator = Denominator::number;
    w.denominator_value = sum;
  }
  w.smoothing = T(0);
  w.label = nullptr;
  w.weight = nullptr;
  w.target = masses.data();
  safe(w);
}

/// Each row with the weight that stands at the row's own number.
template <class T>
void weights_by_position(const RowView<T>& w) {
  if (w.weight == nullptr || w.reduction != Reduction::none || w.label == nullptr) return safe(w);
  std::vector<T> same(static_cast<std::size_t>(w.v));
  for (std::int64_t r = 0; r < w.n; ++r) {
    std::fill(same.begin(), same.end(), w.weight[r % w.v]);
    RowView<T> row = w;
    const std::int64_t y = w.scored_class(r);
    row.n = row.t = 1;
    row.shift = false;
    row.ignore = -1;
    row.label = &y;
    row.weight = same.data();
    row.input = w.input_row(r);
    row.direction = w.direction == nullptr ? nullptr : w.direction_row(r);
    row.upstream = w.upstream == nullptr || !w.upstream_per_row ? w.upstream : w.upstream + r;
    row.loss = w.loss == nullptr ? nullptr : w.loss + r;
    row.grad = w.grad_row(r);
    safe(row);
  }
}

}  // namespace

Kernel mutant_smoothing_over_others() {
  return rewritten(
      option_mutant("smoothing-over-others",
                    "smoothing spreads epsilon over the V - 1 other classes; cf. NeMo and "
                    "linkedin/Liger-Kernel#1260",
                    {"trick.label-smoothing", "options.accurate"}),
      []<class T>(RowView<T>& w) {
        if (w.v > 1) w.smoothing = w.smoothing * static_cast<T>(w.v) / static_cast<T>(w.v - 1);
      });
}

Kernel mutant_smoothing_twice() {
  return rewritten(option_mutant("smoothing-twice", "targets that are smooth already are smoothed",
                                 {"trick.label-smoothing", "options.accurate"}),
                   []<class T>(RowView<T>& w) {
                     w.smoothing = w.smoothing * (T(2) - w.smoothing);
                   });
}

Kernel mutant_smoothing_unweighted() {
  return with_body(
      option_mutant("smoothing-unweighted",
                    "with weights and smoothing, the smoothed part is not weighted; cf. "
                    "pytorch#72056, pytorch#73205",
                    {"options.accurate"}),
      []<class T>(const RowView<T>& w) { unweighted_smoothing(w); });
}

Kernel mutant_class_weights_by_position() {
  return with_body(option_mutant("class-weights-by-position",
                                 "the weight at the row's number instead of its target's",
                                 {"trick.class-weights", "options.accurate"}),
                   []<class T>(const RowView<T>& w) { weights_by_position(w); });
}

Kernel mutant_zloss_without_gradient() {
  return with_body(
      option_mutant("options-dropped-zloss-grad",
                    "z-loss is in the loss and not in the gradient",
                    {"options.accurate", "grad.finite-differences"}),
      []<class T>(const RowView<T>& w) { gradient_of(w, [](auto& g) { g.z_loss = T(0); }); });
}

Kernel mutant_zloss_half_gradient() {
  return with_body(
      option_mutant("zloss-half-gradient", "d lse^2 without its factor of 2", {"options.accurate"}),
      []<class T>(const RowView<T>& w) {
        gradient_of(w, [](auto& g) { g.z_loss = g.z_loss / T(2); });
      });
}

Kernel mutant_softcap_without_slope() {
  return with_body(option_mutant("softcap-without-slope",
                                 "the gradient lacks 1 - tanh^2 of the soft cap",
                                 {"options.accurate", "grad.finite-differences"}),
                   []<class T>(const RowView<T>& w) { without_slope(w); });
}

Kernel mutant_softcap_before_mask() {
  return with_body(
      option_mutant("softcap-before-mask",
                    "padding lanes of -inf become -cap and enter the sum, as in "
                    "unslothai/unsloth#10616",
                    {"options.accurate"}),
      []<class T>(const RowView<T>& w) { capped_padding(w); });
}

Kernel mutant_unit_ignored() {
  return rewritten(option_mutant("unit-ignored", "bits are answered in nats; cf. pytorch#181645",
                                 {"info.units", "info.self-information", "info.source-coding"}),
                   []<class T>(RowView<T>& w) {
                     if (w.unit == Unit::bits) w.unit = Unit::nats;
                   });
}

Kernel mutant_perplexity_base_two() {
  return with_body(
      option_mutant("perplexity-base-two", "2 to the mean in nats", {"lm.perplexity"}),
      []<class T>(const RowView<T>& w) {
        safe(w);
        if (w.unit == Unit::perplexity) w.loss[0] = std::exp2(std::log(w.loss[0]));
      });
}

Kernel mutant_upstream_of_row_zero() {
  return rewritten(
      option_mutant("upstream-of-row-zero",
                    "the first row's upstream gradient for every row; cf. "
                    "linkedin/Liger-Kernel#678",
                    {"options.upstream", "grad.accurate"}),
      []<class T>(RowView<T>& w) { w.upstream_per_row = false; });
}

Kernel mutant_lse_in_bf16() {
  return with_body(option_mutant("lse-in-bf16", "lse is kept in bfloat16 until the subtraction",
                                 {"loss.accurate"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     if (!plain_rows(w) || w.weight != nullptr) return;
                     for (std::int64_t r = 0; r < w.n; ++r) {
                       const std::int64_t y = w.scored_class(r);
                       if (y < 0 || !std::isfinite(w.loss[r])) continue;
                       const T z = transformed_logit(w, w.input_row(r)[y]);
                       const double lse = static_cast<double>(w.loss[r] + z);
                       w.loss[r] = static_cast<T>(from_bf16(to_bf16(lse))) - z;
                     }
                   });
}

Kernel mutant_epsilon_in_log() {
  return with_body(
      option_mutant("epsilon-in-log", "-log(p + 1e-7): a guard against log 0 caps the loss at 16.1",
                    {"loss.accurate", "loss.extreme-logits"}),
      []<class T>(const RowView<T>& w) {
        safe(w);
        for (std::int64_t r = 0; plain_rows(w) && w.weight == nullptr && r < w.n; ++r) {
          if (!w.ignored(r)) w.loss[r] = -std::log(std::exp(-w.loss[r]) + T(1e-7));
        }
      });
}

Kernel mutant_weights_in_bf16() {
  return with_body(option_mutant("weights-in-bf16", "class weights pass through bfloat16",
                                 {"options.accurate"}),
                   []<class T>(RowView<T> w) {
                     std::vector<T> rounded;
                     for (std::int64_t j = 0; w.weight != nullptr && j < w.v; ++j) {
                       const auto x = static_cast<double>(w.weight[j]);
                       rounded.push_back(static_cast<T>(from_bf16(to_bf16(x))));
                     }
                     if (w.weight != nullptr) w.weight = rounded.data();
                     safe(w);
                   });
}

Kernel mutant_perplexity_unsmoothed() {
  return rewritten(option_mutant("perplexity-unsmoothed", "perplexity forgets label smoothing",
                                 {"lm.perplexity"}),
                   []<class T>(RowView<T>& w) {
                     if (w.unit == Unit::perplexity) w.smoothing = T(0);
                   });
}

/// Reads the class weights as if they began on a cache line.
Kernel mutant_misaligned_weights() {
  return with_body(option_mutant("misaligned-weights",
                                 "class weights off a 64-byte boundary are read wrongly; cf. "
                                 "Dao-AILab/flash-attention@bedf8774",
                                 {"run.alignment"}),
                   []<class T>(const RowView<T>& w) {
                     safe(w);
                     const auto at = reinterpret_cast<std::uintptr_t>(w.weight);
                     if (w.loss != nullptr && at % 64 != 0) w.loss[0] += T(1);
                   });
}

/// Needs x again for the slope of the cap, after the gradient has overwritten it.
Kernel mutant_in_place_softcap() {
  HostKernel k = option_mutant("in-place-softcap",
                               "in place, the slope of the soft cap is taken at the gradient",
                               {"io.in-place"});
  k.promises.in_place = true;
  return with_body(std::move(k), []<class T>(const RowView<T>& w) {
    const bool over = w.grad == w.input && w.softcap != T(0);
    safe(w);
    for (std::int64_t r = 0; over && r < w.n; ++r) {
      for (std::int64_t j = 0; j < w.v; ++j) {
        T& g = w.grad_row(r)[j];
        g *= T(1) + logit_slope(w, g);
      }
    }
  });
}

}  // namespace xent
