// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>

#include "oracle/bound.h"
#include "properties/evaluation.h"

namespace xent {
namespace {

/// The size of case that relations between several calls are tried on.
constexpr std::int64_t kRows = 12, kClasses = 33;

/// Rows of one part of the batch, whole sequences together; the parts differ in length.
std::vector<std::vector<std::int64_t>> parts(const TestCase& c) {
  const std::int64_t t = c.problem.t, sequences = c.problem.n / t;
  const std::int64_t first = (sequences + 2) / 3;
  std::vector<std::vector<std::int64_t>> both(2);
  for (std::int64_t r = 0; r < c.problem.n; ++r) both[r / t < first ? 0 : 1].push_back(r);
  if (both[1].empty()) both.pop_back();
  return both;
}

/// Part of a batch with t and layout as before: parts are whole sequences.
TestCase part_of(const TestCase& c, const std::vector<std::int64_t>& rows) {
  return keep_rows(c, rows);
}

/// Each part alone against its rows of the whole; with a sum, the parts' losses add up.
Judgement rows_apart(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  Evaluation whole;
  if (!whole.run(t, c, j)) return j;
  const bool by_row = c.problem.reduction == Reduction::none;
  Total sum;
  for (const auto& rows : parts(c)) {
    Evaluation part;
    if (!part.run(t, part_of(c, rows), j)) return j;
    if (!by_row) sum.add(part.loss(0));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto at_part = static_cast<std::int64_t>(i);
      if (by_row) agree(j, whole.loss(rows[i]), part.loss(at_part));
      for (std::int64_t k = 0; k < c.problem.v; ++k) {
        agree(j, whole.grad(rows[i], k), part.grad(at_part, k));
      }
    }
  }
  if (!by_row) agree(j, whole.loss(0), sum.value("sum of the parts' losses"));
  return j;
}

double counted(const TestCase& c) {
  double rows = 0;
  for (std::int64_t r = 0; r < c.problem.n; ++r) rows += c.scored_class(r).has_value();
  return rows;
}

/// The tokens of all micro-batches as every one's denominator.
TestCase over(const TestCase& c, double number) {
  TestCase d = c;
  d.problem.denominator = Denominator::number;
  d.problem.denominator_value = number;
  return d;
}

Judgement micro_batches(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  const double tokens = counted(c);
  Evaluation whole;
  if (!whole.run(t, c, j)) return j;
  if (tokens == 0) {
    ++j.excluded["nothing-counts"];
    return j;
  }
  Total sum, naive;
  const auto split = parts(c);
  for (const auto& rows : split) {
    const TestCase part = part_of(c, rows);
    Evaluation of_all, of_own;
    if (!of_all.run(t, over(part, tokens), j)) return j;
    sum.add(of_all.loss(0));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::int64_t k = 0; k < c.problem.v; ++k) {
        agree(j, whole.grad(rows[i], k), of_all.grad(static_cast<std::int64_t>(i), k));
      }
    }
    if (counted(part) == 0 || !of_own.run(t, part, j)) continue;
    naive.add(scaled(of_own.loss(0), 1 / static_cast<double>(split.size())));
  }
  const Value mean = whole.loss(0);
  agree(j, mean, sum.value("sum of the micro-batches"));
  const Value average = naive.value("mean of the micro-batches' means");
  if (!mean.exact(0).is_number() || !average.exact(0).is_number()) return j;
  if (magnitude_lower(mean.exact(0) - average.exact(0)) > mean.bound + average.bound) {
    j.check(mean.got != average.got, "the mean is that of the micro-batches' means");
  }
  return j;
}

/// The gradients that arrive: g, and with the first one 0.
TestCase arriving(const TestCase& c, double factor, bool without_first) {
  TestCase d = c;
  for (std::int64_t i = 0; i < d.upstream.size(); ++i) {
    d.upstream.set(i, factor * d.upstream.at(i));
  }
  if (without_first) d.upstream.set(0, 0);
  return d;
}

/// The doubled gradients are no infinities.
bool halves_to(const TestCase& doubled, const TestCase& c) {
  for (std::int64_t i = 0; i < c.upstream.size(); ++i) {
    if (doubled.upstream.at(i) / 2 != c.upstream.at(i)) return false;
  }
  return true;
}

/// g + h with h few bits long, where the sums are exact.
bool added(const TestCase& c, TestCase& other, TestCase& sum) {
  other = c;
  sum = c;
  for (std::int64_t i = 0; i < c.upstream.size(); ++i) {
    const double g = c.upstream.at(i), h = static_cast<double>(1 + i % 3);
    other.upstream.set(i, h);
    sum.upstream.set(i, g + h);
    if (sum.upstream.at(i) - h != g || sum.upstream.at(i) - g != h) return false;
  }
  return true;
}

/// Every product by a power of two is exact while no result is subnormal or infinite. `exactly`:
/// the results are the kernel's own; parts of a sum may be subnormal where the sum is not.
void check_doubled(Judgement& j, const Evaluation& e, const Evaluation& doubled, double factor,
                   bool exactly) {
  const Format f = format(e.test_case.problem.output_dtype());
  const Format in = format(e.budget.accumulate);
  const double least = std::ldexp(1.0, std::max(f.emin, in.emin) + f.precision);
  const double most = std::ldexp(1.0, f.emax - 2);
  const std::int64_t v = e.test_case.problem.v;
  for (std::int64_t i = 0; i < e.output.grad.size(); ++i) {
    const double a = e.output.grad.at(i), b = doubled.output.grad.at(i);
    if (!e.grad(i / v, i % v).exact(0).is_number()) continue;
    if (exactly && std::fabs(a) >= least && std::fabs(a) <= most) {
      check_close(j, factor * a, b, 0, false, at("by a power of two: grad", i / v, i % v));
    }
    agree(j, scaled(e.grad(i / v, i % v), factor), doubled.grad(i / v, i % v));
  }
}

Judgement upstream(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  const std::int64_t v = c.problem.v;
  Evaluation e, doubled, first, h, sum;
  if (!e.run(t, c, j) || !doubled.run(t, arriving(c, 2, false), j) ||
      !first.run(t, arriving(c, 1, true), j)) {
    return j;
  }
  const bool in_own_words = t.kernel.supports(c.problem).ok;
  if (halves_to(doubled.test_case, c)) check_doubled(j, e, doubled, 2, in_own_words);
  else ++j.excluded["inexact-factor"];
  const std::int64_t silent = c.problem.upstream == Upstream::row ? v : first.output.grad.size();
  for (std::int64_t i = 0; i < first.output.grad.size(); ++i) {
    const Value g = first.grad(i / v, i % v);
    if (i >= silent) {
      agree(j, g, e.grad(i / v, i % v));
    } else if (g.exact(0).is_number()) {
      j.check(g.got == 0, at("nothing arrives, not 0: grad", i / v, i % v));
    }
  }
  if (c.problem.wants_loss()) {
    for (std::int64_t i = 0; i < c.problem.loss_size(); ++i) agree(j, e.loss(i), first.loss(i));
  }
  TestCase other, both;
  if (!added(c, other, both)) {
    ++j.excluded["inexact-sum"];
    return j;
  }
  if (!h.run(t, other, j) || !sum.run(t, both, j)) return j;
  for (std::int64_t i = 0; i < first.output.grad.size(); ++i) {
    Total parts_sum;
    parts_sum.add(e.grad(i / v, i % v));
    parts_sum.add(h.grad(i / v, i % v));
    agree(j, sum.grad(i / v, i % v), parts_sum.value(at("by g and by h: grad", i / v, i % v)));
  }
  return j;
}

std::vector<Problem> without_shift(const Problem& p) {
  Problem q = p;
  q.shift = false;
  if (p.shift && !q.ignore_index) q.ignore_index = -100;
  return {q};
}

std::vector<Problem> over_a_number(const Problem& p) {
  Problem q = without_shift(p).front();
  q.denominator = Denominator::number;
  q.denominator_value = 1;
  return {q, without_shift(p).front()};
}

const std::vector<std::string> kDTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};
const std::vector<std::string> kDomains = {"gaussian", "confident", "wrong", "ties", "iris", "soft",
                                           "soft-unnormalised", "log-grid", "log-probabilities"};

/// An error in one option may need the others off.
std::vector<std::string> pairs_alone() {
  return {"op=ce,nll dir=fwdbwd",
          "op=ce,nll targets=prob dir=fwdbwd",
          "op=ce dir=hvp",
          "op=ce targets=prob dir=hvp",
          "op=ce,nll dir=bwd",
          "op=ce,nll dir=fwdbwd smoothing=0.1 weights=on",
          "op=ce targets=prob dir=fwdbwd smoothing=0.1 weights=on",
          "op=ce,nll dir=fwdbwd reduction=none,mean weights=on",
          "op=ce dir=fwdbwd reduction=none,sum zloss=0.001 ignore=-100",
          "op=ce dir=fwdbwd softcap=20",
          "op=ce dir=fwdbwd softcap=20 scale=0.7 zloss=0.001",
          "op=ce dir=fwdbwd reduction=mean denominator=sequence ignore=-100"};
}

std::vector<std::vector<std::string>> all_options() {
  return {kDTypes,
          {"", "reduction=sum", "reduction=mean", "reduction=mean denominator=rows",
           "reduction=mean denominator=sequence", "reduction=mean denominator=1027.3"},
          {"", "weights=on"},
          {"", "smoothing=0.1", "smoothing=1"},
          {"", "ignore=-100", "ignore=0", "ignore=1", "ignore=255"},
          {"", "zloss=0.001"},
          {"", "softcap=20"},
          {"", "scale=1.7", "scale=-2"},
          {"", "upstream=scalar", "upstream=row"},
          {"", "unit=bits"},
          {"", "layout=btv", "layout=bct"},
          {"", "shift=on"},
          {"", "out=f32", "out=f64", "out=bf16"},
          {"", "acc=f64"}};
}

}  // namespace

std::vector<Property> option_properties() {
  return {
      {"options.accurate", "Every option with every other one.",
       "Each pair of options is in some case among others, and those that meet in a formula are in "
       "one alone: losses and gradients are within the bound that follows from the kernel's error "
       "budget.",
       pairs_alone(), {"*"}, "mutant/options-dropped-zloss-grad", every_substitute(), 0.5,
       judge_outputs, {},
       all_options()},
      {"options.rows", "Rows of a part of the batch are as they are in the whole.",
       "Two parts of unlike size, each alone: the same losses and gradients within the bounds, and "
       "their sums add up, under every option that is not a mean.",
       {"op=ce,nll dir=fwdbwd", "op=ce,nll targets=prob dir=fwdbwd",
        "op=ce,nll dir=fwdbwd weights=on"},
       kDomains, "mutant/class-weights-by-position", every_substitute(), 0.5, rows_apart,
       without_shift,
       {kDTypes, {"", "reduction=sum"}, {"", "weights=on"}, {"", "smoothing=0.1"},
        {"", "ignore=-100"}, {"", "zloss=0.001"}, {"", "softcap=20"}, {"", "scale=0.7"},
        {"", "upstream=row", "upstream=scalar"}, {"", "unit=bits"},
        {"", "layout=btv", "layout=bct"}, {"", "shift=on"}}},
      {"options.micro-batches", "A mean over all tokens is the sum of the micro-batches'.",
       "Micro-batches of unlike numbers of tokens, each divided by the tokens of all: their losses "
       "add up to the whole's mean, their gradients are its own; the mean of the micro-batches' "
       "own means is another number wherever the bounds tell.",
       {"op=ce,nll dir=fwdbwd reduction=mean"}, kDomains, "mutant/micro-batch-mean",
       every_substitute(), 0.5, micro_batches, over_a_number,
       {kDTypes, {"", "ignore=-100"}, {"", "smoothing=0.1"}, {"", "zloss=0.001"}, {"", "shift=on"},
        {"", "layout=btv"}}},
      {"options.upstream", "The gradient is linear in what arrives from above.",
       "By 2 exactly where nothing is subnormal; by g + h within the bounds the sum of both; "
       "exactly 0 where 0 arrives; the loss does not change.",
       {"op=ce,nll,lse dir=fwdbwd upstream=row", "op=ce targets=prob dir=bwd upstream=row",
        "op=ce,lse dir=fwdbwd reduction=mean upstream=scalar"},
       kDomains, "mutant/upstream-of-row-zero", every_substitute(), 0.5, upstream, {},
       {kDTypes, {"", "weights=on"}, {"", "ignore=-100"}, {"", "softcap=20"}}},
  };
}

}  // namespace xent
