// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "oracle/bound.h"
#include "properties/evaluation.h"

namespace xent {
namespace {

/// The row without one class sums to minus the exact gradient of that class: the target, or where
/// targets are vectors the first one.
Judgement sum_zero(Trial& t) {
  Judgement j;
  Evaluation e;
  const TestCase& c = t.test_case;
  if (!e.run(t, c, j)) return j;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    const auto y = has_vector_targets(c.problem) ? 0 : c.scored_class(row).value_or(0);
    if (!e.exact->grad(row, y).is_number()) {
      ++j.excluded["undefined"];
      continue;
    }
    Total others;
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      if (k != y) others.add(e.grad(row, k));
    }
    agree(j, others.value(at("sum of the other gradients", row)), scaled(e.grad(row, y), -1));
  }
  return j;
}

/// Signs where the exact gradient is larger than its bound; weak inequalities everywhere.
Judgement signs(Trial& t) {
  Judgement j;
  Evaluation e;
  const TestCase& c = t.test_case;
  if (!e.run(t, c, j)) return j;
  const bool exactly = t.kernel.promises.sign_exact;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      const Value v = e.grad(row, k);
      const Enclosure exact = v.exact(0);
      if (!exact.is_number()) continue;
      const double sign = k == c.label(row) ? -1 : 1;
      const double slack = exactly ? 0 : v.bound;
      j.check(upper(scaled(exact, sign)) >= 0, at("the oracle's sign: grad", row, k));
      j.check(sign * v.got >= -slack, at("wrong sign: grad", row, k));
      j.check(std::fabs(v.got) <= 1 + slack, at("|grad| > 1: grad", row, k));
      if (magnitude_lower(exact) > v.bound) {
        j.check(sign * v.got > 0, at("sign lost: grad", row, k));
      }
    }
  }
  return j;
}

/// Labels 1 - y, inputs negated: the gradient changes its sign. False where 1 - y is no number of
/// the format; such elements are not compared.
bool mirrored(const TestCase& c, std::int64_t i, TestCase& out) {
  const double y = c.target.at(i);
  out.input.set(i, -c.input.at(i));
  out.target.set(i, 1 - y);
  const double opposite = out.target.at(i);
  return 1 - y == opposite && 1 - opposite == y;
}

/// Each binary logit z with label y as the row [0, z] with probabilities [1 - y, y].
Problem as_two_classes(const Problem& p) {
  Problem q = with(p, Dir::bwd, Reduction::none);
  q.op = Op::ce;
  q.targets = TargetKind::prob;
  q.n = p.n * p.v;
  q.v = 2;
  q.stride = 0;
  return q;
}

TestCase as_two_classes(const TestCase& c, const TestCase& mirror) {
  TestCase two;
  two.problem = as_two_classes(c.problem);
  two.recipe = c.recipe;
  two.input = Tensor(c.input.dtype, {two.problem.n, 2});
  two.target = two.input;
  for (std::int64_t i = 0; i < two.problem.n; ++i) {
    two.input.set(2 * i + 1, c.input.at(i));
    two.target.set(2 * i, mirror.target.at(i));
    two.target.set(2 * i + 1, c.target.at(i));
  }
  return two;
}

/// sigma(z) - y against the mirrored call and against the softmax over [0, z].
Judgement binary(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 7, 65);
  TestCase mirror = c;
  std::vector<bool> comparable;
  for (std::int64_t i = 0; i < c.input.size(); ++i) comparable.push_back(mirrored(c, i, mirror));
  Evaluation e, m, two;
  if (!e.run(t, c, j) || !m.run(t, mirror, j) || !two.run(t, as_two_classes(c, mirror), j)) {
    return j;
  }
  e.judge(j);
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    if (!comparable[static_cast<std::size_t>(i)]) {
      ++j.excluded["inexact-mirror"];
      continue;
    }
    const Value g = e.grad(i / c.problem.v, i % c.problem.v);
    agree(j, g, scaled(m.grad(i / c.problem.v, i % c.problem.v), -1));
    agree(j, g, two.grad(i, 1));
  }
  return j;
}

double greatest_rival(const TestCase& c, std::int64_t row, std::int64_t y) {
  double m = -std::numeric_limits<double>::infinity();
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    if (k != y) m = std::max(m, c.logit(row, k));
  }
  return m;
}

bool is_finite_in(DType d, double x) {
  Tensor one(d, {1});
  one.set(0, x);
  return std::isfinite(one.at(0));
}

/// Copies of a row whose target trails and leads its best rival by more and more, up to where p or
/// the logit leaves the format: the target's logit ascends.
TestCase ladder(const TestCase& c, std::int64_t row, double rival) {
  const Format f = format(c.problem.dtype);
  const double reach = (f.precision - f.emin) * M_LN2;
  std::vector<double> gaps = {0};
  for (double gap = 0.5; gap < reach; gap *= 2) {
    if (is_finite_in(c.problem.dtype, rival + gap)) gaps.push_back(gap);
    if (is_finite_in(c.problem.dtype, rival - gap)) gaps.insert(gaps.begin(), -gap);
  }
  TestCase out = copies(c, row, static_cast<std::int64_t>(gaps.size()));
  const std::int64_t y = c.label(row), v = c.problem.v;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    out.input.set(static_cast<std::int64_t>(i) * v + y, rival + gaps[i]);
  }
  return out;
}

/// p_y <= e^(z_y - z_k) for any rival k, and 1 - p_y <= sum of the rivals' e^(z_k - z_y).
void check_limits(Judgement& j, const Value& g, double gap, double rivals) {
  const double p = std::exp(gap) * (1 + 0x1p-40), q = rivals * std::exp(-gap) * (1 + 0x1p-40);
  const Enclosure exact = g.exact(0);
  j.check(lower(exact) <= p - 1 && lower(scaled(exact, -1)) <= q,
          "the oracle misses a limit of " + g.what);
  j.check(g.got <= (p - 1) + g.bound + 0x1p-52, g.what + " is not near -1");
  j.check(g.got >= -q - g.bound, g.what + " is not near 0");
}

Judgement large_when_wrong(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 2, 65);
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    const std::int64_t y = c.label(row);
    const double rival = greatest_rival(c, row, y);
    if (std::isinf(rival)) {
      ++j.excluded["no-rival"];
      continue;
    }
    const TestCase rungs = ladder(c, row, rival);
    Evaluation e;
    if (!e.run(t, rungs, j)) continue;
    for (std::int64_t i = 0; i < rungs.problem.n; ++i) {
      const Value g = e.grad(i, y);
      j.merge(judge_value(g.got, g.format, g.bound, g.what, g.exact));
      if (!g.exact(0).is_number()) {
        ++j.excluded["no-number"];  // the dialect's answer to the row is none
        continue;
      }
      check_limits(j, g, rungs.logit(i, y) - rival, static_cast<double>(c.problem.v - 1));
      if (i == 0 || rungs.logit(i - 1, y) == rungs.logit(i, y)) continue;
      const Value before = e.grad(i - 1, y);
      // 1 - p_y tells what is next to 1 apart, p_y what is next to 0.
      const bool ascends = certainly_below(before.exact(0), g.exact(0)) ||
                           certainly_below(e.exact->probability(i - 1, y),
                                           e.exact->probability(i, y));
      j.check(ascends, "the oracle's order: " + g.what);
      if (lower(g.exact(0) - before.exact(0)) > g.bound + before.bound) {
        j.check(before.got < g.got, "not above the one before: " + g.what);
      }
    }
  }
  return j;
}

const std::vector<std::string> kDTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> gradient_properties() {
  return {
      {"grad.accurate", "dL/dz_j = p_j - y_j, and what the other operations make of it.",
       "Element by element within the bound that follows from the kernel's error budget, for every "
       "operation; the loss computed beside it too.",
       {"op=ce,lse dir=bwd,fwdbwd", "op=lse dir=bwd softcap=20", "op=lse dir=bwd scale=-0.7",
        "op=ce targets=prob dir=bwd,fwdbwd", "op=nll dir=bwd,fwdbwd",
        "op=nll targets=prob dir=bwd",
        "op=bce-logits,bce-prob,mse-sigmoid,cross-entropy,kl targets=prob dir=bwd,fwdbwd",
        "op=mse-softmax targets=index,prob dir=bwd,fwdbwd",
        "op=entropy,cross-entropy dir=bwd,fwdbwd",
        "op=ce targets=index,prob dir=fwdbwd reduction=mean"},
       {"*"}, "mutant/p-rounded-before-minus-one", every_substitute(), 0.5,
       judge_outputs, {},
       {kDTypes, {"", "upstream=scalar", "upstream=row"},
        {"", "reduction=sum", "reduction=mean", "reduction=mean denominator=rows",
         "reduction=mean denominator=sequence", "reduction=mean denominator=1027.3"},
        {"", "layout=btv", "layout=bct"}, {"", "ignore=-100"}, {"", "shift=on"},
        {"", "unit=bits"}, {"", "weights=on"}, {"", "smoothing=0.1"}}},
      {"grad.sum-zero", "The gradients of a row sum to 0.",
       "Within the sum of the bounds, whatever the targets weigh; and those of the wrong classes "
       "sum to minus the exact gradient of the target.",
       {"op=ce dir=fwdbwd", "op=ce targets=prob dir=fwdbwd"},
       {"*"}, "mutant/last-class-dropped", every_substitute(), 0.5, sum_zero, {},
       {kDTypes, {"", "smoothing=0.1"}, {"", "weights=on"}, {"", "upstream=row"}}},
      {"grad.signs", "The true class's gradient is <= 0, the others' >= 0, none beyond 1.",
       "Within the bounds, exactly if the kernel promises sign-exact; strictly where the exact "
       "gradient is larger than its bound.",
       {"op=ce dir=fwdbwd"},
       {"gaussian", "confident", "wrong", "ties", "masked", "extreme", "spikes", "iris"},
       "mutant/target-off-by-one",
       {Substitute::zeros, Substitute::constant, Substitute::untouched}, 0.5, signs, {},
       {kDTypes}},
      {"grad.binary", "dL/dz = p - y for the sigmoid.",
       "Within the bound; minus the gradient at -z with label 1 - y, and the softmax's over [0, z] "
       "with probabilities [1 - y, y], within both bounds, where 1 - y is exact.",
       {"op=bce-logits targets=prob dir=bwd"}, {"*"}, "mutant/labels-rounded",
       every_substitute(), 0.5, binary,
       [](const Problem& p) { return std::vector<Problem>{as_two_classes(p)}; }, {kDTypes}},
      {"grad.large-when-wrong", "p_k -> 0 gives -1, p_k -> 1 gives 0, in order between.",
       "The target's logit climbs from far below its best rival to far above: -1 <= g <= e^gap - 1 "
       "and g >= -(V - 1) e^-gap within the bound; g ascends strictly in the oracle, and in the "
       "kernel where the exact step is larger than the two bounds.",
       {"op=ce dir=bwd"}, {"gaussian", "confident", "ties", "masked", "iris"},
       "mutant/gradient-sign-flipped", every_substitute(), 0.5, large_when_wrong, {}, {kDTypes}},
  };
}

}  // namespace xent
