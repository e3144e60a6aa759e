// SPDX-License-Identifier: Apache-2.0
#include "oracle/bound.h"

#include <algorithm>
#include <cmath>

#include "oracle/bound_blocks.h"
#include "oracle/bound_scaling.h"

namespace xent {
namespace {

enum class Family { softmax, squared, binary, information, nll };

Family family(Op op) {
  switch (op) {
    case Op::ce:
    case Op::lse: return Family::softmax;
    case Op::mse_softmax: return Family::squared;
    case Op::bce_logits:
    case Op::bce_prob:
    case Op::mse_sigmoid: return Family::binary;
    case Op::nll: return Family::nll;
    case Op::entropy:
    case Op::cross_entropy:
    case Op::kl: break;
  }
  return Family::information;
}

/// A row's loss in nats.
Rounded loss_in_nats(Reference& ref, const Ground& g, std::int64_t row) {
  switch (family(ref.test_case().problem.op)) {
    case Family::softmax: return softmax_loss(ref, g, row);
    case Family::squared: return squared_loss(ref, g, row);
    case Family::binary: return binary_loss(ref, g.budget, row);
    case Family::nll: return nll_loss(ref, g.budget, row);
    case Family::information: break;
  }
  return information_loss(ref, g, row);
}

/// A row's loss in the problem's unit; its size is the exact loss's where that is smaller.
Rounded row_loss(Reference& ref, const Ground& g, std::int64_t row) {
  const Problem& p = ref.test_case().problem;
  const Rounded nats = loss_in_nats(ref, g, row);
  Rounded loss{times(nats.size, unit_factor(p)), times(nats.error, unit_factor(p))};
  loss.size = std::min(loss.size, ref.facts(row).loss);
  loss = g.a.rounded(loss, unit_roundings(p));
  if (unit_roundings(p) > 0) loss.error += g.a.omega();
  return loss;
}

/// Additions of a reduced loss.
double reduction_depth(const Problem& p, const ErrorBudget& b) {
  const auto depth = [&](std::int64_t n) { return addition_depth(b.rows, n, b.lanes, b.block); };
  const bool twice = p.is_mean() && p.denominator == Denominator::sequence;
  return twice ? depth(p.t) + depth(p.n / p.t) : depth(p.n);
}

/// Sum or mean of the rows' losses; perplexity is taken of it afterwards.
Rounded reduced_loss(Reference& ref, const Ground& g) {
  const Problem& p = ref.test_case().problem;
  const ErrorBudget& b = g.budget;
  const Arithmetic& a = g.a;
  const double depth = reduction_depth(p, b);
  DivisionRoundings divisions(ref.test_case(), b);
  Rounded total;
  double amplified = 1;
  for (std::int64_t r = 0; r < p.n; ++r) {
    const double divisor = lower_divisor(ref, r);
    if (!counts(ref, r) || divisor == 0) continue;
    Rounded loss = row_loss(ref, g, r);
    const double size = loss.size;
    loss = a.rounded(loss, depth + divisions.of_row(r));
    total.size += times(size, 1 / divisor);
    total.error += times(loss.error, 1 / divisor);
    amplified = std::max(amplified, 1 / divisor);
  }
  const double outward = kOutward + static_cast<double>(p.n) * 0x1p-51;
  total = {total.size * outward, total.error * outward};
  if (p.is_mean()) total.error += 4 * a.omega() * amplified;
  return total;
}

/// exp of a mean: exp(M + E) - exp(M) <= exp(M) E (1 + E) for E <= 1.
double perplexity_bound(const Rounded& mean, const ErrorBudget& b) {
  const Arithmetic a(b);
  if (!(mean.error <= 0.125)) return kNoBound;
  const double value = std::exp(mean.size) * kOutward;
  const double relative = mean.error * (1 + mean.error);
  const double of_exp = a.gamma(b.exp_rel + b.exp_arg * mean.size);
  const double bound = value * (relative + of_exp * (1 + relative)) * kOutward;
  return finished({value, bound}, b);
}

}  // namespace

bool counts(Reference& ref, std::int64_t row) {
  const TestCase& c = ref.test_case();
  const bool indexed = c.problem.takes_targets() && !has_vector_targets(c.problem);
  return !indexed || c.scored_class(row).has_value();
}

double unscaled_loss(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  if (!counts(ref, row)) return 0;
  const Op op = ref.test_case().problem.op;
  const double size = loss_in_nats(ref, Ground(b, ref.test_case().problem.v), row).size;
  return family(op) == Family::softmax ? std::max(size, ref.facts(row).greatest_gap) : size;
}

double ulp(double x, DType d) {
  const Format f = format(d);
  int e = f.emin;
  if (x != 0 && std::isfinite(x)) e = std::max(std::ilogb(x), f.emin);
  return std::ldexp(1.0, e - f.precision + 1);
}

struct LossBounds::Impl {
  Reference& ref;
  ErrorBudget budget;
  Ground ground;

  Impl(Reference& r, const ErrorBudget& b)
      : ref(r), budget(b), ground(budget, r.test_case().problem.v) {}
};

LossBounds::LossBounds(Reference& ref, const ErrorBudget& b)
    : impl_(std::make_unique<Impl>(ref, b)) {}

LossBounds::~LossBounds() = default;

double LossBounds::row(std::int64_t r) {
  return counts(impl_->ref, r) ? row_loss(impl_->ref, impl_->ground, r).error : 0;
}

/// L10, as are those of gradients.
double LossBounds::element(std::int64_t i) {
  const Problem& p = impl_->ref.test_case().problem;
  const ErrorBudget& b = impl_->budget;
  Rounded loss;
  if (p.reduction != Reduction::none) loss = reduced_loss(impl_->ref, impl_->ground);
  else if (counts(impl_->ref, i)) loss = row_loss(impl_->ref, impl_->ground, i);
  else return 0;
  if (p.unit == Unit::perplexity) return perplexity_bound(loss, b);
  return finished(loss, b);
}

double row_loss_bound(Reference& ref, const ErrorBudget& b, std::int64_t row) {
  return LossBounds(ref, b).row(row);
}

double loss_bound(Reference& ref, const ErrorBudget& b, std::int64_t i) {
  return LossBounds(ref, b).element(i);
}

double grad_bound(Reference& ref, const ErrorBudget& b, std::int64_t row, std::int64_t j) {
  return GradBounds(ref, b).element(row, j);
}

}  // namespace xent
