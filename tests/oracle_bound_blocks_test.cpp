// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "oracle/bound.h"
#include "oracle/bound_blocks.h"
#include "oracle/bound_row.h"
#include "oracle/bound_target.h"
#include "oracle/simd/rows.h"
#include "tests/oracle_random_case.h"

// Bounds of whole blocks, by vectors, against the lemmas written down for one element at a time.

namespace xent {
namespace {

using namespace oracle_tests;

/// How p and the target's gradient are put together.
struct Form {
  GradForm grad;
  TargetForm target;
  bool minus_target = false;
};

/// One element of one row in one form.
class OneElement {
 public:
  OneElement(Reference& ref, const ErrorBudget& budget, std::int64_t row, std::int64_t j,
             Form form)
      : ground_(budget, ref.test_case().problem.v),
        s_(ref, ground_, row),
        shift_(s_),
        c_(ref.test_case()),
        p_(c_.problem),
        j_(j),
        form_(form),
        probability_(probability(magnitude_upper(ref.probability(row, j)), s_.gap(j))) {}

  bool may_subtract_target() const { return shift_.possible(); }
  bool must_subtract_target() const { return shift_.certain(); }

  /// In nats, before unit, upstream and reduction.
  Rounded gradient() const {
    if (!s_.bounded()) return {0, kNoBound};
    if (p_.dir == Dir::hvp) return hessian();
    const Rounded g = of_logit();
    return p_.scale == 1 && p_.softcap == 0 ? g : s_.a.product(g, chain());
  }

 private:
  /// L7, L40.
  Rounded probability(double p, double gap) const {
    if (!form_.minus_target) return s_.probability(form_.grad, p, gap);
    const double away =
        std::min(std::fabs(gap - shift_.distance()) + shift_.slack(), shift_.farthest());
    const double bracket = s_.b.exp_rel + ground_.exp_slope * away + shift_.of_quotient();
    const double error = shift_.factor() * (s_.a.u() * p * bracket + shift_.absolute());
    return {p, error * kOutward + kLeast + p * std::expm1(2 * s_.delta)};
  }

  /// f'(x_j).
  Rounded chain() const {
    const Rounded scale = s_.a.constant(p_.scale);
    if (p_.softcap == 0) return scale;
    return s_.a.product(scale, {1, s_.a.gamma(2 * (2 + 3 + s_.b.tanh_rel) + 2)});
  }

  /// L8.
  Rounded target() const {
    const double g = s_.f.rest / s_.f.sum * kOutward;
    if (form_.minus_target) return {g, shift_.target_error()};
    if (form_.target == TargetForm::naive) {
      return {g, probability_.error + s_.a.u() * (g + probability_.error)};
    }
    const double error = s_.r.rigorous(g * (s_.r.sigma_rest() + s_.r.sigma() + 2),
                                       s_.r.omega_of_rest() + ground_.omega_of_product);
    return {g, error + g * std::expm1(4 * s_.delta)};
  }

  Rounded own_weight() const {
    return {std::fabs(c_.weight_of(*c_.scored_class(s_.row))), 0};
  }

  Rounded of_logit() const {
    if (p_.op == Op::lse) return probability_;
    Rounded g;
    if (one_class(p_)) {
      g = j_ == *c_.scored_class(s_.row) ? target() : probability_;
      if (p_.weights) g = s_.a.product(own_weight(), g);
    } else {
      const Rounded mass = s_.a.rounded({mass_of(c_, s_.row, j_), mass_underflow(p_, s_.a)},
                                        mass_roundings(p_));
      g = s_.a.sum(s_.a.product(total_mass(s_), probability_), mass);
    }
    if (p_.z_loss == 0) return g;
    const Rounded slope = s_.a.product(s_.a.constant(2 * p_.z_loss), s_.lse());
    return s_.a.sum(g, s_.a.product(slope, probability_));
  }

  /// L15: q = sum p_k v_k.
  Rounded mean_direction() const {
    const ProbabilityError e = probability_error(s_, form_.grad, 1, 0);
    const double slope = 1 + s_.b.exp_arg + (form_.grad == GradForm::shifted ? 1 : 0);
    const double bracket = s_.f.direction * e.bracket + slope * s_.f.direction_gap;
    Rounded mean{s_.f.direction,
                 s_.r.rigorous(bracket, e.absolute * s_.f.direction_size, e.extra_tau)};
    mean.error += s_.f.direction * std::expm1(4 * s_.delta) + s_.a.omega() * ground_.n;
    return s_.a.rounded(mean, ground_.depth + 1);
  }

  Rounded hessian() const {
    const Rounded mean = mean_direction();
    const Rounded centred =
        s_.a.sum({std::fabs(c_.direction.at(s_.row * p_.v + j_)), 0}, mean);
    const Rounded total = one_class(p_) ? own_weight() : total_mass(s_);
    Rounded h = s_.a.product(total, s_.a.product(probability_, centred));
    h.error += s_.a.omega() * (1 + centred.size + centred.error + total.size);
    if (p_.z_loss != 0) {
      const Rounded inner = s_.a.sum(mean, s_.a.product(s_.lse(), centred));
      const Rounded outer = s_.a.product(s_.a.constant(2 * p_.z_loss), probability_);
      h = s_.a.sum(h, s_.a.product(outer, inner));
      h.error += s_.a.omega() * (1 + inner.size + inner.error + 2 * p_.z_loss);
    }
    const Rounded scale = s_.a.constant(p_.scale);
    return p_.scale == 1 ? h : s_.a.product(s_.a.product(h, scale), scale);
  }

  Ground ground_;
  RowOfLogits s_;
  TargetShift shift_;
  const TestCase& c_;
  const Problem& p_;
  std::int64_t j_;
  Form form_;
  Rounded probability_;
};

/// Over the forms that the budget leaves open.
Rounded widest(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  Rounded worst;
  for (const GradForm grad : {GradForm::quotient, GradForm::difference, GradForm::shifted}) {
    for (const TargetForm target : {TargetForm::naive, TargetForm::accurate}) {
      const bool any = b.grad == GradForm::any && grad != GradForm::difference;
      if ((b.grad != grad && !any) || (b.target != target && b.target != TargetForm::any)) continue;
      const OneElement e(ref, b, row, j, {grad, target});
      if (!e.must_subtract_target()) worst = larger(worst, e.gradient());
    }
  }
  const OneElement e(ref, b, row, j, {GradForm::quotient, TargetForm::accurate, true});
  if (e.may_subtract_target()) worst = larger(worst, e.gradient());
  return worst;
}

/// L10 without a reduction, a unit or an upstream.
double finished_bound(const Rounded& x, const ErrorBudget& b) {
  const Arithmetic a(b);
  const double size = x.size * kOutward, error = x.error * kOutward;
  const Format out = format(b.output), in = format(b.accumulate);
  const bool narrows = out.precision < in.precision || out.emin > in.emin;
  const double half = narrows ? ulp(size + error, b.output) / 2 : 0;
  return (error + half) * kOutward + kLeast;
}

ErrorBudget random_budget(Draw& draw) {
  ErrorBudget b;
  b.exp_rel = draw.one_of({1.0, 1.5, 4.0});
  b.exp_arg = draw.one_of({0.0, 1.0, 2.5});
  b.log_rel = draw.one_of({1.0, 6.0});
  b.log_abs = draw.one_of({0.0, 8.0});
  b.order = draw.one_of({SumOrder::any, SumOrder::sequential, SumOrder::lanes, SumOrder::pairwise,
                         SumOrder::compensated});
  b.lanes = draw.one_of<std::int64_t>({1, 16});
  b.online = draw.below(3) == 0;
  b.grad = draw.one_of({GradForm::any, GradForm::quotient, GradForm::difference,
                        GradForm::shifted});
  b.target = draw.one_of({TargetForm::any, TargetForm::naive, TargetForm::accurate});
  b.accumulate = draw.one_of({DType::f64, DType::f32, DType::f16, DType::bf16});
  b.output = draw.one_of({b.accumulate, DType::f32, DType::bf16});
  b.flush_to_zero = draw.below(4) == 0;
  if (draw.below(6) == 0) b.exp_cutoff = draw.one_of({-20.0, -87.25});
  if (draw.below(3) == 0) b.shift = Shift::target;
  b.shift_limit = draw.one_of({1e37, 1e4, 4.0});
  return b;
}

struct Compared {
  int elements = 0, without_bound = 0;
  double least = 2, most = 0;  ///< block / element
};

void compare(Compared& all, Reference& ref, const ErrorBudget& b, std::int64_t row) {
  const std::int64_t v = ref.test_case().problem.v;
  const auto e = std::make_unique<Elements>();
  if (!counts(ref, row) || !ref.elements(row, 0, v, Reference::kQuick, *e)) return;
  std::vector<double> bound(static_cast<std::size_t>(v + 7));
  GradBounds(ref, b).block(row, 0, v, *e, bound.data());
  for (std::int64_t j = 0; j < v; ++j) {
    const double block = bound[static_cast<std::size_t>(j)];
    const double element = finished_bound(widest(ref, b, row, j), b);
    ++all.elements;
    all.without_bound += std::isinf(element) ? 1 : 0;
    EXPECT_EQ(std::isinf(block), std::isinf(element)) << to_text(b);
    EXPECT_EQ(grad_bound(ref, b, row, j) < kNoBound, element < kNoBound);
    if (std::isinf(block) || std::isinf(element)) continue;
    all.least = std::min(all.least, block / element);
    all.most = std::max(all.most, block / element);
  }
}

/// What comes after the row has tests of its own.
TestCase without_scaling(TestCase c) {
  c.problem.reduction = Reduction::none;
  c.problem.denominator = Denominator::valid;
  c.problem.denominator_value = 0;
  c.problem.unit = Unit::nats;
  c.problem.upstream = Upstream::one;
  c.upstream = {};
  return c;
}

// Up to some ulps, which the bounds' own factor 1 + 2^-40 covers; the first tier's probabilities
// are 2^-44 above.
TEST(BoundBlocks, AreThoseOfEachElement) {
  Draw draw(77);
  Compared all;
  for (int i = 0; i < 900; ++i) {
    const TestCase c = without_scaling(random_case(draw, i % 4 == 0 ? Op::lse : Op::ce));
    if (!c.problem.wants_grad() || meaningless(c.problem)) continue;
    Reference ref(c);
    for (std::int64_t r = 0; r < c.problem.n; ++r) compare(all, ref, random_budget(draw), r);
  }
  EXPECT_GT(all.elements, 4000);
  EXPECT_GT(all.without_bound, 50);
  EXPECT_LT(all.without_bound, all.elements / 4);
  EXPECT_GE(all.least, 1 - 0x1p-50);
  EXPECT_LE(all.most, 1 + 0x1p-36);
}

// Gaps of every size, masked classes, more than a block.
TEST(BoundBlocks, OfLongRowsToo) {
  Draw draw(78);
  Compared all;
  for (int kind = 0; kind < kRowKinds; ++kind) {
    const Row z = random_row(draw, kind, 300, DType::f32);
    const TestCase c = one_row(z, random_label(draw, z), "dtype=f32 dir=bwd");
    Reference ref(c);
    for (int k = 0; k < 4; ++k) {
      ErrorBudget b = random_budget(draw);
      if (b.accumulate != DType::f64) b.accumulate = DType::f32;
      compare(all, ref, b, 0);
    }
  }
  EXPECT_EQ(all.elements, kRowKinds * 4 * 300);
  EXPECT_GE(all.least, 1 - 0x1p-50);
  EXPECT_LE(all.most, 1 + 0x1p-36);
}

// The same through the public function, for the operations that have no block of their own.
TEST(BoundBlocks, OneElementIsABlockOfOne) {
  Draw draw(79);
  int elements = 0;
  for (const Op op : {Op::nll, Op::bce_logits, Op::bce_prob, Op::mse_softmax, Op::mse_sigmoid,
                      Op::entropy, Op::cross_entropy, Op::kl, Op::ce, Op::lse}) {
    for (int i = 0; i < 60; ++i) {
      const TestCase c = random_case(draw, op);
      if (!c.problem.wants_grad()) continue;
      Reference ref(c);
      const ErrorBudget b = ErrorBudget::standard(c.problem);
      const auto e = std::make_unique<Elements>();
      double bound[8];
      for (std::int64_t r = 0; r < c.problem.n; ++r) {
        if (!ref.elements(r, 0, c.problem.v, 0, *e)) continue;
        GradBounds(ref, b).block(r, 0, c.problem.v, *e, bound);
        for (std::int64_t j = 0; j < c.problem.v; ++j, ++elements) {
          const double one = grad_bound(ref, b, r, j);
          EXPECT_TRUE(one == bound[j] || std::fabs(one / bound[j] - 1) <= 0x1p-36) << name(op);
        }
      }
    }
  }
  EXPECT_GT(elements, 3000);
}

}  // namespace
}  // namespace xent
