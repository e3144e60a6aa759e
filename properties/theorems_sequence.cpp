// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "oracle/bound.h"
#include "properties/relations.h"

namespace xent {
namespace {

constexpr double kOutward = 1 + 0x1p-40;

/// The size of case that relations between several calls are tried on.
constexpr std::int64_t kRows = 12, kClasses = 33;

/// logits[:, :-1] and labels[:, 1:], flattened.
TestCase slices(const TestCase& c) {
  std::vector<std::int64_t> rows;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    if (r % c.problem.t != c.problem.t - 1) rows.push_back(r);
  }
  TestCase plain = c;
  plain.problem.shift = false;
  TestCase flat = keep_rows(plain, rows);
  flat.problem.layout = Layout::nc;
  flat.problem.t = 1;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    flat.target.set_integer(static_cast<std::int64_t>(i), c.label(rows[i] + 1));
  }
  return flat;
}

void check_last(Judgement& j, const Evaluation& e, std::int64_t row) {
  const std::int64_t v = e.test_case.problem.v;
  for (std::int64_t k = 0; e.has_grad() && k < v; ++k) {
    check_zero(j, e.grad(row, k), "scored by no label");
  }
  if (e.test_case.problem.reduction == Reduction::none && e.has_loss()) {
    check_zero(j, e.loss(row), "scored by no label");
  }
}

Judgement shifted(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  if (c.problem.t == 1) {
    ++j.excluded["nothing-is-predicted"];
    return j;
  }
  Evaluation whole, flat;
  if (!whole.run(t, c, j) || !flat.run(t, slices(c), j)) return j;
  const bool by_row = c.problem.reduction == Reduction::none;
  if (!by_row) agree(j, whole.loss(0), flat.loss(0));
  std::int64_t next = 0;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    if (r % c.problem.t == c.problem.t - 1) {
      check_last(j, whole, r);
      continue;
    }
    if (by_row) agree(j, whole.loss(r), flat.loss(next));
    for (std::int64_t k = 0; k < c.problem.v; ++k) agree(j, whole.grad(r, k), flat.grad(next, k));
    ++next;
  }
  return j;
}

/// The batch of a decoder: each sequence ends early and is padded with labels to be ignored, over
/// logits that are no numbers.
TestCase padded(const TestCase& c) {
  TestCase out = c;
  const std::int64_t t = c.problem.t, v = c.problem.v;
  for (std::int64_t b = 0; b < c.problem.n / t; ++b) {
    const auto draw = static_cast<std::int64_t>(c.recipe.seed % 1009) + 7 * b;
    for (std::int64_t k = 1 + draw % t; k < t; ++k) {
      out.target.set_integer(b * t + k, *c.problem.ignore_index);
      for (std::int64_t j = 0; j < v; ++j) {
        out.input.set((b * t + k) * v + j, std::numeric_limits<double>::quiet_NaN());
      }
    }
  }
  return out;
}

Judgement seq2seq(Trial& t) {
  Judgement j;
  agree_with_packed(j, t, padded(corner(t.test_case, kRows, kClasses)));
  return j;
}

/// Each row's losses so large that 64 of them pass what f16 can hold, and their mean does not;
/// false where the format does not hold such a gap.
bool heavy(const TestCase& c, Reduction reduction, TestCase& out) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < 64; ++i) rows.push_back(i % c.problem.n);
  out = keep_rows(with(c, Dir::fwd, reduction), rows);
  out.problem.output = DType::f16;
  const std::int64_t v = c.problem.v;
  for (std::int64_t r = 0; r < 64; ++r) {
    const std::int64_t y = out.label(r);
    double m = -std::numeric_limits<double>::infinity();
    for (std::int64_t k = 0; k < v; ++k) {
      if (k != y) m = std::max(m, out.logit(r, k));
    }
    out.input.set(r * v + y, m - 2048);
    const double gap = m - out.logit(r, y);
    if (!(gap >= 1536 && gap <= 3072)) return false;
  }
  return true;
}

void check_heavy(Judgement& j, Trial& t, const TestCase& c) {
  Evaluation sum, mean;
  TestCase summed, averaged;
  if (c.problem.v == 1) return;
  if (!heavy(c, Reduction::sum, summed) || !heavy(c, Reduction::mean, averaged)) {
    ++j.excluded["no-such-gap"];
    return;
  }
  const bool both = part_is_supported(t, summed.problem, j) &&
                    part_is_supported(t, averaged.problem, j);
  if (!both) return;
  if (!sum.run(t, summed, j) || !mean.run(t, averaged, j)) return;
  sum.judge(j);
  mean.judge(j);
  j.check(std::isinf(sum.output.loss.at(0)), "the sum in f16 does not overflow");
  j.check(std::isfinite(mean.output.loss.at(0)), "the mean in f16 is no number");
}

/// The batch twice: the same mean, half of each gradient.
Judgement mean_is_stable(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  const std::int64_t n = c.problem.n;
  std::vector<std::int64_t> twice;
  for (std::int64_t r = 0; r < 2 * n; ++r) twice.push_back(r % n);
  Evaluation once, doubled;
  if (!once.run(t, c, j) || !doubled.run(t, keep_rows(c, twice), j)) return j;
  agree(j, once.loss(0), doubled.loss(0));
  for (std::int64_t r = 0; r < 2 * n; ++r) {
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      agree(j, scaled(once.grad(r % n, k), 0.5), doubled.grad(r, k));
    }
  }
  check_heavy(j, t, c);
  return j;
}

/// exp of a mean that is x within its bound, against the perplexity: an error b of the exponent
/// moves it by at most e^(x + b) - e^x, and exp here errs by two ulps.
void check_exponential(Judgement& j, const Value& ppl, const Value& mean, double nats) {
  if (!ppl.exact(0).is_number() || !mean.exact(0).is_number()) return;
  const double x = mean.got * nats, size = std::exp(x);
  if (!std::isfinite(size) || !std::isfinite(ppl.got)) return;
  const double moved = size * std::exp(mean.bound * nats) *
                       (std::expm1(mean.bound * nats) + std::fabs(x) * 0x1p-51 + 0x1p-50);
  if (!std::isfinite(moved)) {
    ++j.excluded["no-bound"];
    return;
  }
  check_close(j, size, ppl.got, (moved + ppl.bound) * kOutward, false,
              "exp of " + mean.what + " and the perplexity");
}

Judgement perplexity(Trial& t) {
  Judgement j;
  Evaluation ppl, nats, bits;
  TestCase c = t.test_case;
  if (!ppl.run(t, c, j)) return j;
  c.problem.unit = Unit::nats;
  if (!nats.run(t, c, j)) return j;
  c.problem.unit = Unit::bits;
  if (!bits.run(t, c, j)) return j;
  for (const Evaluation* e : {&ppl, &nats, &bits}) e->judge(j);
  check_exponential(j, ppl.loss(0), nats.loss(0), 1);
  check_exponential(j, ppl.loss(0), bits.loss(0), M_LN2);
  return j;
}

std::vector<Problem> flattened(const Problem& p) {
  Problem q = p;
  q.shift = false;
  q.layout = Layout::nc;
  q.t = 1;
  return {q};
}

std::vector<Problem> without_padding(const Problem& p) {
  Problem q = flattened(p).front();
  q.ignore_index.reset();
  return {q};
}

std::vector<Problem> in_both_units(const Problem& p) {
  Problem nats = p, bits = p;
  nats.unit = Unit::nats;
  bits.unit = Unit::bits;
  return {nats, bits};
}

const std::vector<std::string> kDTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};
const std::vector<std::string> kReductions = {"", "reduction=sum", "reduction=mean"};
const std::vector<std::string> kOrdinary = {"gaussian", "confident", "wrong", "ties", "masked",
                                            "iris"};

}  // namespace

std::vector<Property> sequence_properties() {
  return {
      {"lm.shifted", "L = -sum over t < T of log P(x_(t+1) | x_1..x_t).",
       "Logits [B, T, V] with shift against the flattened call on logits[:, :-1] and "
       "labels[:, 1:]: losses and gradients within the bounds; exactly 0 at the last position.",
       {"op=ce dir=fwdbwd shift=on"}, kOrdinary, "mutant/shift-forgotten", every_substitute(), 0.5,
       shifted, flattened,
       {kDTypes, kReductions, {"", "layout=btv", "layout=bct"}, {"", "ignore=-100"},
        {"", "upstream=row"}}},
      {"lm.seq2seq", "A decoder's loss: label k scores position k, padding is ignored.",
       "Sequences that end early, their padding full of NaN, against the tokens alone, row after "
       "row: losses and gradients within the bounds; exactly 0 at the padding.",
       {"op=ce dir=fwdbwd ignore=-100"}, kOrdinary, "mutant/shift-always", every_substitute(), 0.5,
       seq2seq, without_padding,
       {kDTypes, {"layout=btv", "layout=bct"}, {"reduction=mean", "reduction=sum", ""},
        {"", "smoothing=0.1"}}},
      {"lm.mean-is-stable", "Dividing by the number of tokens keeps the scale.",
       "The batch twice has the same mean and half of each gradient; 64 losses of about 2048 "
       "overflow f16 as a sum and are a number as a mean.",
       {"op=ce dir=fwdbwd reduction=mean"}, {"gaussian", "confident", "wrong", "ties", "iris"},
       "mutant/mean-through-f16-sum", every_substitute(), 0.5, mean_is_stable, {}, {kDTypes}},
      {"lm.perplexity", "exp of the mean in nats = 2 to the mean in bits.",
       "The kernel's perplexity is within its bound of the exact one, and with exp of its own mean "
       "in nats and 2 to its own mean in bits agrees within the bounds of both.",
       {"op=ce,nll targets=index,prob dir=fwd reduction=mean unit=perplexity"},
       {"gaussian", "confident", "ties", "masked", "iris", "log-probabilities", "log-grid"},
       "mutant/perplexity-base-two", every_substitute(), 0.5, perplexity, in_both_units,
       {kDTypes, {"", "ignore=-100"}, {"", "weights=on"}, {"", "layout=btv"},
        {"", "denominator=rows", "denominator=sequence", "denominator=1027.3"},
        {"", "smoothing=0.1"}, {"", "softcap=20"}, {"", "scale=0.7"}, {"", "shift=on"}}},
  };
}

}  // namespace xent
