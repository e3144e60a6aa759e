// SPDX-License-Identifier: Apache-2.0
// Cross-entropy and divergence have the same gradients, hence the same minimiser.
#include <algorithm>
#include <cmath>

#include "oracle/bound.h"
#include "properties/relations.h"

namespace xent {
namespace {

std::vector<Problem> both_in_q(const Problem& p) {
  return {plain(p, Op::cross_entropy, TargetKind::prob, Dir::fwdbwd),
          plain(p, Op::kl, TargetKind::prob, Dir::fwdbwd)};
}

std::vector<Problem> needed(const Problem& p) {
  return p.op == Op::ce ? std::vector<Problem>{} : both_in_q(p);
}

/// Both gradients in q are -p/q, and going from q to p gains the same in both.
Judgement same_minimiser_in_q(Trial& t) {
  Judgement j;
  TestCase minimum = t.test_case;
  minimum.input = minimum.target;
  const auto as = [](TestCase c, Op op) {
    c.problem.op = op;
    return c;
  };
  Evaluation cross, divergence, cross_at_p, divergence_at_p;
  if (!cross.run(t, t.test_case, j) || !divergence.run(t, as(t.test_case, Op::kl), j) ||
      !cross_at_p.run(t, minimum, j) || !divergence_at_p.run(t, as(minimum, Op::kl), j)) {
    return j;
  }
  for (std::int64_t r = 0; r < t.test_case.problem.n; ++r) {
    check_equal(j, cross.loss(r) - cross_at_p.loss(r),
                divergence.loss(r) - divergence_at_p.loss(r), at("what q = p gains", r));
    for (std::int64_t k = 0; k < t.test_case.problem.v; ++k) {
      check_equal(j, cross.grad(r, k), divergence.grad(r, k), at("the two gradients", r, k));
    }
  }
  cross.judge(j);
  return j;
}

/// At z_j = log y_j + d_j, |d_j| <= d: |Y p_j - y_j| <= y_j (exp(2d) - 1). d: half an ulp of the
/// type, and of binary64 as much and an ulp for the logarithm.
void check_small_gradient(Judgement& j, const Evaluation& e, std::int64_t r) {
  const TestCase& c = e.test_case;
  double d = 0;
  for (const double z : row_of(c.input, r, c.problem.v)) {
    if (std::isfinite(z)) d = std::max(d, 2 * ulp(z, c.problem.dtype));
  }
  for (std::int64_t k = 0; k < c.problem.v; ++k) {
    const double most = c.target.at(r * c.problem.v + k) * std::expm1(2 * d) * (1 + 0x1p-40);
    check_order(j, known(-most), e.grad(r, k), Order::weak, at("grad at z = log y", r, k));
    check_order(j, e.grad(r, k), known(most), Order::weak, at("grad at z = log y", r, k));
  }
}

/// softmax(z) rounded to the type, as q beside the targets y; false where some q is 0.
bool with_softmax(Trial& t, const TestCase& c, Op op, TestCase& out) {
  out = c;
  out.problem = plain(c.problem, op, TargetKind::prob, Dir::fwdbwd);
  Reference& exact = t.reference(c);
  bool positive = true;
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    out.input.set(i, exact.probability(i / c.problem.v, i % c.problem.v).hi);
    positive &= out.input.at(i) > 0;
  }
  return positive;
}

/// The gradient in z through q = softmax z: q_j (G_j - sum q_k G_k), G the kernel's gradient in q.
Value chained(const Evaluation& in_q, std::int64_t r, std::int64_t k) {
  const std::int64_t v = in_q.test_case.problem.v;
  const auto q = [&](std::int64_t i) {
    return Enclosure::exact(in_q.test_case.input.at(r * v + i));
  };
  Value mean = known(0);
  for (std::int64_t i = 0; i < v; ++i) mean = mean + q(i) * in_q.grad(r, i);
  return q(k) * (in_q.grad(r, k) - mean);
}

/// Of H(y, softmax z) and of KL(y || softmax z) the gradients in z agree, with each other and with
/// that of the logits' own loss, which the rounding of q moves by Y (q_j - p_j).
void same_gradient_in_logits(Trial& t, Judgement& j) {
  const TestCase c = corner(t.test_case, 2, 17);
  for (const Problem& p : both_in_q(c.problem)) {
    if (!part_is_supported(t, p, j)) return;
  }
  Evaluation fused;
  if (!fused.run(t, c, j)) return;
  for (const Op op : {Op::cross_entropy, Op::kl}) {
    TestCase q;
    Evaluation in_q;
    if (!with_softmax(t, c, op, q)) {
      ++j.excluded["softmax-underflows"];
      return;
    }
    if (!in_q.run(t, q, j)) return;
    for (std::int64_t i = 0; i < c.input.size(); ++i) {
      const std::int64_t r = i / c.problem.v, k = i % c.problem.v;
      const Enclosure off = Enclosure::exact(q.input.at(i)) - fused.exact->probability(r, k);
      const Enclosure moved = product(mass(c.target, r, c.problem.v), off);
      check_equal(j, chained(in_q, r, k), fused.grad(r, k) + known(moved, "Y (q - p)"),
                  at("gradient in z through q = softmax z", r, k));
    }
  }
}

/// At z = log y the gradient is what the rounding of log y leaves of it, and no z has a smaller
/// loss than H(y), or H(y) + Y log Y of a mass Y.
Judgement same_minimiser_in_logits(Trial& t) {
  Judgement j;
  TestCase minimum = t.test_case;
  for (std::int64_t i = 0; i < minimum.input.size(); ++i) {
    minimum.input.set(i, std::log(minimum.target.at(i)));
  }
  Evaluation at_z, at_log_y;
  if (!at_z.run(t, t.test_case, j) || !at_log_y.run(t, minimum, j)) return j;
  Reference& entropy = t.reference([&] {
    TestCase own = with_op(t.test_case, Op::cross_entropy);
    return with_op(own, Op::entropy);
  }());
  for (std::int64_t r = 0; r < t.test_case.problem.n; ++r) {
    const Enclosure Y = mass(t.test_case.target, r, t.test_case.problem.v);
    const Enclosure least = mass_term(Y, Enclosure::exact(1));
    if (!entropy.loss(r).is_number() || !least.is_number()) continue;
    check_order(j, known(entropy.loss(r) + least, "H(y) + Y log Y"), at_z.loss(r), Order::weak,
                at("H(y) + Y log Y <= CE(z; y)", r));
    check_small_gradient(j, at_log_y, r);
  }
  at_z.judge(j);
  at_log_y.judge(j);
  same_gradient_in_logits(t, j);
  return j;
}

Judgement min_ce_is_min_kl(Trial& t) {
  return t.test_case.problem.op == Op::ce ? same_minimiser_in_logits(t) : same_minimiser_in_q(t);
}

}  // namespace

std::vector<Property> minimiser_properties() {
  return {
      {"info.min-ce-is-min-kl", "Minimising cross-entropy is minimising KL.",
       "The gradients of H(p,q) and of KL(p||q) in q agree, and so does what q = p gains. In "
       "logits, through q = softmax z, both agree with the gradient of CE(z;y); no z has "
       "CE(z;y) < H(y), and the gradient at z = log y is what rounding leaves.",
       {"op=cross-entropy targets=prob dir=fwdbwd", "op=ce targets=prob dir=fwdbwd"},
       {"simplex", "dyadic-simplex", "near-equal", "soft-dyadic", "soft-matched"},
       "mutant/kl-gradient-log", every_substitute(), 0.5, min_ce_is_min_kl, needed,
       {{"", "dtype=f64", "dtype=bf16", "dtype=f16"}}},
  };
}

}  // namespace xent
