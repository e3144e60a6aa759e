// SPDX-License-Identifier: Apache-2.0
// What the target is: an index, a one-hot vector, a distribution; and that only the true class's
// probability enters.
#include <algorithm>
#include <cmath>

#include "properties/relations.h"

namespace xent {
namespace {

/// Class indices as vectors with a 1.
TestCase one_hot_targets(const TestCase& c) {
  TestCase dense = c;
  dense.problem.targets = TargetKind::prob;
  dense.target = Tensor(c.problem.dtype, {c.problem.n, c.problem.v});
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    dense.target.set(r * c.problem.v + c.label(r), 1);
  }
  return dense;
}

void check_same_outputs(Judgement& j, const Evaluation& a, const Evaluation& b,
                        const std::string& what) {
  const Problem& p = a.test_case.problem;
  for (std::int64_t r = 0; p.wants_loss() && r < p.n; ++r) {
    check_equal(j, a.loss(r), b.loss(r), at(("loss, " + what).c_str(), r));
  }
  for (std::int64_t i = 0; p.wants_grad() && i < p.n * p.v; ++i) {
    check_equal(j, a.grad(i / p.v, i % p.v), b.grad(i / p.v, i % p.v),
                at(("grad, " + what).c_str(), i / p.v, i % p.v));
  }
}

Judgement multiclass(Trial& t) {
  Judgement j;
  Evaluation index, dense;
  if (!index.run(t, t.test_case, j) || !dense.run(t, one_hot_targets(t.test_case), j)) return j;
  check_same_outputs(j, index, dense, "index and one-hot");
  index.judge(j);
  dense.judge(j);
  return j;
}

std::vector<Problem> dense(const Problem& p) {
  Problem q = p;
  q.targets = TargetKind::prob;
  return {q};
}

/// Targets: the case's, the same moved by one class or the uniform ones, and the mixture
/// (1-e) y + e y', e = 2^-k; false where the type does not hold the mixture exactly.
bool mixture(const TestCase& c, double e, bool uniform, TestCase& other, TestCase& mixed) {
  other = mixed = c;
  const std::int64_t v = c.problem.v;
  bool exact = true;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<double> y = row_of(c.target, r, v);
    std::vector<double> second(y.size(), 1.0 / static_cast<double>(v));
    if (!uniform) std::rotate_copy(y.begin(), y.begin() + 1, y.end(), second.begin());
    exact &= store_row(other.target, r, second);
    std::vector<double> both;
    for (std::size_t k = 0; k < y.size(); ++k) {
      both.push_back((1 - e) * y[k] + e * second[k]);
      const Enclosure rest = scaled(Enclosure::exact(y[k]), 1 - e) +
                             scaled(Enclosure::exact(second[k]), e) -
                             Enclosure::exact(both.back());
      exact &= rest.hi == 0 && rest.lo == 0 && rest.rad == 0;
    }
    exact &= store_row(mixed.target, r, both);
  }
  return exact;
}

/// L(z; (1-e) y + e y') = (1-e) L(z; y) + e L(z; y'), and so for the gradients.
void check_linear(Trial& t, Judgement& j, const Evaluation& y, double e, bool uniform) {
  TestCase second, both;
  if (!mixture(y.test_case, e, uniform, second, both)) {
    ++j.excluded["inexact-mixture"];
    return;
  }
  Evaluation other, mixed;
  if (!other.run(t, second, j) || !mixed.run(t, both, j)) return;
  const Problem& p = y.test_case.problem;
  const Enclosure most = Enclosure::exact(1 - e), rest = Enclosure::exact(e);
  for (std::int64_t r = 0; r < p.n; ++r) {
    check_equal(j, most * y.loss(r) + rest * other.loss(r), mixed.loss(r),
                at("linear in the targets", r));
    for (std::int64_t k = 0; k < p.v; ++k) {
      check_equal(j, most * y.grad(r, k) + rest * other.grad(r, k), mixed.grad(r, k),
                  at("gradient linear in the targets", r, k));
    }
  }
}

Judgement soft_targets(Trial& t) {
  Judgement j = judge_outputs(t);
  const TestCase few = corner(t.test_case, 4, 64);
  Evaluation y;
  if (!y.run(t, few, j)) return j;
  check_linear(t, j, y, 0.5, false);
  check_linear(t, j, y, 0.125, true);
  return j;
}

/// The classes of a row in order of their logits, the true one left out.
std::vector<std::int64_t> wrong_classes(const TestCase& c, std::int64_t row) {
  std::vector<std::int64_t> wrong;
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    if (k != c.label(row)) wrong.push_back(k);
  }
  std::stable_sort(wrong.begin(), wrong.end(), [&](std::int64_t a, std::int64_t b) {
    return c.logit(row, a) < c.logit(row, b);
  });
  return wrong;
}

/// Every row with its wrong classes in another order: each takes the next one's logit.
TestCase wrong_classes_permuted(const TestCase& c) {
  TestCase moved = c;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<std::int64_t> wrong = wrong_classes(c, r);
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      moved.input.set(r * c.problem.v + wrong[i], c.logit(r, wrong[(i + 1) % wrong.size()]));
    }
  }
  return moved;
}

/// Every row with the mass of its most and least likely wrong class shared evenly between the two:
/// p_y stays, but for rounding.
TestCase wrong_mass_shared(const TestCase& c) {
  TestCase shared = c;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<std::int64_t> wrong = wrong_classes(c, r);
    if (wrong.size() < 2) continue;
    const double low = c.logit(r, wrong.front()), high = c.logit(r, wrong.back());
    if (!std::isfinite(high)) continue;
    const double z = high + std::log1p(std::exp(low - high)) - std::log(2.0);
    shared.input.set(r * c.problem.v + wrong.front(), z);
    shared.input.set(r * c.problem.v + wrong.back(), z);
  }
  return shared;
}

/// |L - L'| <= B + B' + d / p_y, where the probabilities of the true class agree to d.
void check_same_loss(Judgement& j, const Evaluation& a, const Evaluation& b, std::int64_t r) {
  const std::int64_t y = a.test_case.label(r);
  const Enclosure p = a.exact->probability(r, y), q = b.exact->probability(r, y);
  const double least = std::min(lower(p), lower(q));
  if (!(least > 0)) {
    ++j.excluded["certain-error"];
    return;
  }
  const double slack = magnitude_upper(p - q) / least * (1 + 0x1p-40);
  const Value gap = a.loss(r) - b.loss(r);
  check_order(j, gap, known(slack), Order::weak, at("loss with other wrong classes", r));
  check_order(j, known(-slack), gap, Order::weak, at("loss with other wrong classes", r));
}

void check_gradients_differ(Judgement& j, const Evaluation& a, const Evaluation& b,
                            std::int64_t r) {
  for (const std::int64_t k : wrong_classes(a.test_case, r)) {
    if (a.test_case.logit(r, k) == b.test_case.logit(r, k)) continue;
    check_differ(j, a.grad(r, k), b.grad(r, k), at("gradient of another wrong logit", r, k));
  }
}

Judgement true_class_only(Trial& t) {
  Judgement j;
  const TestCase few = corner(t.test_case, 8, 257);
  Evaluation base;
  if (!base.run(t, few, j)) return j;
  for (const TestCase& c : {wrong_classes_permuted(few), wrong_mass_shared(few)}) {
    Evaluation other;
    if (!other.run(t, c, j)) return j;
    for (std::int64_t r = 0; r < few.problem.n; ++r) {
      if (!base.loss(r).exact(0).is_number()) continue;
      check_same_loss(j, base, other, r);
      check_gradients_differ(j, base, other, r);
    }
    other.judge(j);
  }
  base.judge(j);
  return j;
}

const std::vector<std::string> kTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> target_properties() {
  return {
      {"loss.multiclass", "L = -sum y_i log softmax(z)_i; one-hot reduces to -log p_k.",
       "Class indices and one-hot vectors give the same losses and gradients within the bounds, "
       "with weights and smoothing too.",
       {"op=ce,nll targets=index dir=fwdbwd"},
       {"gaussian", "confident", "wrong", "ties", "offset", "masked", "integer-mass", "iris",
        "log-probabilities", "log-grid"},
       "mutant/one-hot-loses-mass", every_substitute(), 0.5, multiclass, dense,
       {kTypes, {"", "weights=on", "smoothing=0.1", "zloss=0.01"}}},
      {"loss.soft-targets", "y may be a full distribution.",
       "Within its bound; and linear in y: (1-e) y + e y' in exact numbers, e = 1/2 with y moved "
       "by a class, e = 1/8 with the uniform distribution.",
       {"op=ce targets=prob dir=fwdbwd"},
       {"soft", "soft-dyadic", "soft-one-hot", "soft-unnormalised", "soft-masked",
        "soft-matched"},
       "mutant/soft-target-argmax-only", every_substitute(), 0.5, soft_targets, {},
       {kTypes, {"", "weights=on", "smoothing=0.1"}}},
      {"loss.true-class-only", "Only the true class's probability enters the loss.",
       "Wrong classes in another order, or with their mass shared otherwise: where p_y agrees to "
       "a certified d the losses differ by at most the two bounds and d / p_y; the wrong classes' "
       "gradients do differ.",
       {"op=ce targets=index dir=fwdbwd"},
       {"gaussian", "confident", "wrong", "dyadic", "iris", "ties"},
       "mutant/wrong-classes-in-loss", every_substitute(), 0.5, true_class_only, {}, {kTypes}},
  };
}

}  // namespace xent
