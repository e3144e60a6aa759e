// SPDX-License-Identifier: Apache-2.0
#include "tests/oracle_simulated_kernel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace xent::oracle_tests {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

}  // namespace

SimulatedKernel::SimulatedKernel(const ErrorBudget& budget, bool soft, std::uint64_t signs,
                                 bool exp_of_zero_errs)
    : budget_(budget),
      soft_(soft),
      exp_of_zero_errs_(exp_of_zero_errs),
      signs_(signs),
      format_(format(budget.accumulate)) {
  u_ = unit_roundoff(budget.accumulate);
  least_normal_ = std::ldexp(1.0, format_.emin);
  least_ = std::ldexp(1.0, format_.emin - format_.precision + 1);
}

double SimulatedKernel::sign(Part part) const {
  return (signs_ >> static_cast<unsigned>(part)) & 1 ? 1 : -1;
}

/// A result of rounding keeps its operand's sign.
double SimulatedKernel::below_normal(double exact, double error, Part part) const {
  if (budget_.flush_to_zero) return 0;
  const double moved = std::fabs(exact) + sign(part) * error;
  return std::copysign(std::max(0.0, moved), exact);
}

double SimulatedKernel::rounded(double exact, Part part) const {
  if (exact == 0 || std::isinf(exact)) return exact;
  const bool tiny = std::fabs(exact) < least_normal_;
  if (tiny && (soft_ || budget_.flush_to_zero)) return below_normal(exact, least_ / 2, part);
  if (!soft_) return rounded_to(exact, budget_.accumulate);
  return exact + sign(part) * std::fabs(exact) * u_ / (1 + u_);
}

/// Floats that are added: an exact sum stays, and one that rounds to an operand is that operand.
double SimulatedKernel::add(double x, double y, Part part) const {
  if (x == 0 || y == 0) return x + y;
  const double exact = x + y;
  if (std::fabs(exact) < least_normal_) return budget_.flush_to_zero ? 0 : exact;
  const double nearest = rounded_to(exact, budget_.accumulate);
  const double larger = std::fabs(x) > std::fabs(y) ? x : y;
  if (!soft_ || nearest == larger || nearest == exact) return nearest;
  return rounded(exact, part);
}

double SimulatedKernel::times(double x, double factor) const {
  return factor == 1 ? x : rounded(x * factor, Part::mul);
}

double SimulatedKernel::exp_of(double d, Part part) const {
  if (d == 0 && exp_of_zero_errs_) {
    // Floats are 2u apart above 1 and u apart below.
    const bool up = sign(part) > 0;
    return up ? 1 + 2 * std::floor(budget_.exp_rel / 2) * u_ : 1 - std::floor(budget_.exp_rel) * u_;
  }
  if (d == 0) return 1;
  if (d < budget_.exp_cutoff) return sign(part) > 0 ? std::exp(budget_.exp_cutoff) : 0;
  if (d == -kInf) return 0;
  const double e = std::exp(d);
  const double relative = (budget_.exp_rel + budget_.exp_arg * std::fabs(d)) * u_;
  if (e >= least_normal_) return e * (1 + sign(part) * relative);
  return below_normal(e, std::max(1.0, budget_.exp_rel) * least_ + relative * e, part);
}

double SimulatedKernel::log_of(double x, Part part) const {
  const double l = std::log(x);
  return l + sign(part) * (budget_.log_rel * std::fabs(l) + budget_.log_abs) * u_;
}

double SimulatedKernel::log1p_of(double x) const {
  const double l = std::log1p(x);
  if (l == 0) return l;
  if (std::fabs(l) < least_normal_) {
    return below_normal(l, std::max(1.0, budget_.log_rel) * least_, Part::log_one);
  }
  return l + sign(Part::log_one) * budget_.log_rel * std::fabs(l) * u_;
}

double SimulatedKernel::sum_run(const double* terms, std::size_t n, Part part) const {
  double s = 0;
  for (std::size_t i = 0; i < n; ++i) s = add(s, terms[i], part);
  return s;
}

double SimulatedKernel::sum_blocks(const std::vector<double>& terms, std::int64_t block,
                                   Part part) const {
  double total = 0;
  const auto size = static_cast<std::size_t>(block);
  for (std::size_t i = 0; i < terms.size(); i += size) {
    total = add(total, sum_run(&terms[i], std::min(size, terms.size() - i), part), part);
  }
  return total;
}

double SimulatedKernel::sum_pairwise(const double* terms, std::size_t n, Part part) const {
  if (n <= static_cast<std::size_t>(budget_.block)) return sum_run(terms, n, part);
  const std::size_t half = n / 2;
  return add(sum_pairwise(terms, half, part), sum_pairwise(terms + half, n - half, part), part);
}

/// Kahan.
double SimulatedKernel::sum_compensated(const std::vector<double>& terms, Part part) const {
  double s = 0, c = 0;
  for (const double x : terms) {
    const double y = add(x, -c, part);
    const double next = add(s, y, part);
    c = add(add(next, -s, part), -y, part);
    s = next;
  }
  return s;
}

double SimulatedKernel::sum_tree(std::vector<double> terms, Part part) const {
  while (terms.size() > 1) {
    std::vector<double> halved;
    for (std::size_t i = 0; i + 1 < terms.size(); i += 2) {
      halved.push_back(add(terms[i], terms[i + 1], part));
    }
    if (terms.size() % 2 == 1) halved.push_back(terms.back());
    terms = halved;
  }
  return terms.front();
}

double SimulatedKernel::sum(std::vector<double> terms, SumOrder order, Part part) const {
  if (terms.empty()) return 0;
  if (order == SumOrder::any) std::sort(terms.begin(), terms.end());
  if (order == SumOrder::any || order == SumOrder::sequential) {
    return sum_run(terms.data(), terms.size(), part);
  }
  if (order == SumOrder::compensated) return sum_compensated(terms, part);
  std::vector<std::vector<double>> lanes(static_cast<std::size_t>(budget_.lanes));
  for (std::size_t i = 0; i < terms.size(); ++i) lanes[i % lanes.size()].push_back(terms[i]);
  std::vector<double> totals;
  for (const std::vector<double>& lane : lanes) {
    if (order == SumOrder::pairwise) {
      totals.push_back(sum_pairwise(lane.data(), lane.size(), part));
      continue;
    }
    const auto all = static_cast<std::int64_t>(terms.size());
    totals.push_back(sum_blocks(lane, order == SumOrder::blocked ? budget_.block : all, part));
  }
  return sum_tree(totals, part);
}

SimulatedKernel::Sums SimulatedKernel::sums(const Row& z, std::int64_t y) const {
  if (budget_.online) return online_sums(z, y);
  Sums r{*std::max_element(z.begin(), z.end()), 0, 0};
  std::vector<double> all, rest;
  for (std::size_t j = 0; j < z.size(); ++j) {
    all.push_back(exp_of(rounded(z[j] - r.m, Part::sub_rest), Part::exp_rest));
    if (static_cast<std::int64_t>(j) == y) continue;
    rest.push_back(exp_of(rounded(z[j] - r.m, Part::sub_focus), Part::exp_focus));
  }
  r.s = sum(all, budget_.order, Part::add_rest);
  r.t = sum(rest, budget_.order, Part::add_focus);
  return r;
}

void SimulatedKernel::take(Lane& lane, double z_j, bool is_target) const {
  if (z_j == -kInf) return;
  const double m = std::max(lane.m, z_j);
  if (lane.m != -kInf) {
    const double d_rest = rounded(lane.m - m, Part::sub_rest);
    const double d_focus = rounded(lane.m - m, Part::sub_focus);
    lane.s = times(lane.s, exp_of(d_rest, Part::exp_rest));
    lane.t = times(lane.t, exp_of(d_focus, Part::exp_focus));
  }
  lane.m = m;
  lane.s = add(lane.s, exp_of(rounded(z_j - m, Part::sub_rest), Part::exp_rest), Part::add_rest);
  if (is_target) return;
  const double e = exp_of(rounded(z_j - m, Part::sub_focus), Part::exp_focus);
  lane.t = add(lane.t, e, Part::add_focus);
}

SimulatedKernel::Lane SimulatedKernel::merged(const Lane& a, const Lane& b) const {
  if (a.m == -kInf) return b;
  if (b.m == -kInf) return a;
  const double m = std::max(a.m, b.m);
  const auto factor = [&](const Lane& x, Part sub, Part exp) {
    return exp_of(rounded(x.m - m, sub), exp);
  };
  const auto s = [&](const Lane& x) {
    return times(x.s, factor(x, Part::sub_rest, Part::exp_rest));
  };
  const auto t = [&](const Lane& x) {
    return times(x.t, factor(x, Part::sub_focus, Part::exp_focus));
  };
  return {m, add(s(a), s(b), Part::add_rest), add(t(a), t(b), Part::add_focus)};
}

SimulatedKernel::Sums SimulatedKernel::online_sums(const Row& z, std::int64_t y) const {
  const std::size_t count = budget_.order == SumOrder::lanes
                                ? static_cast<std::size_t>(budget_.lanes) : 1;
  std::vector<Lane> lanes(count, Lane{-kInf, 0, 0});
  for (std::size_t j = 0; j < z.size(); ++j) {
    take(lanes[j % count], z[j], static_cast<std::int64_t>(j) == y);
  }
  for (std::size_t half = count / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) lanes[i] = merged(lanes[i], lanes[i + half]);
  }
  return {lanes[0].m, lanes[0].s, lanes[0].t};
}

double SimulatedKernel::lse(const Row& z) const {
  const Sums r = sums(z, -1);
  return rounded(r.m + log_of(r.s, Part::log_one), Part::last);
}

std::optional<double> SimulatedKernel::others(const Row& z, std::int64_t y) const {
  if (budget_.shift != Shift::target) return {};
  const double z_y = z[static_cast<std::size_t>(y)];
  std::vector<double> terms;
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double d = rounded(z[j] - z_y, z[j] > z_y ? Part::sub_rest : Part::sub_below);
    terms.push_back(static_cast<std::int64_t>(j) == y ? 0 : exp_of(d, Part::exp_rest));
  }
  const double s = sum(terms, budget_.order, Part::add_rest);
  return s < budget_.shift_limit && s > 0 ? std::optional(s) : std::nullopt;
}

double SimulatedKernel::loss(const Row& z, std::int64_t y) const {
  if (const auto s = others(z, y)) return log1p_of(*s);
  const Sums r = sums(z, y);
  const double z_y = z[static_cast<std::size_t>(y)];
  if (budget_.loss == LossForm::accurate && z_y == r.m) return log1p_of(r.t);
  const double log_s = log_of(r.s, Part::log_one);
  if (budget_.loss == LossForm::lse) {
    return rounded(rounded(r.m + log_s, Part::log_two) - z_y, Part::last);
  }
  return rounded(rounded(r.m - z_y, Part::sub_focus) + log_s, Part::last);
}

double SimulatedKernel::quotient(double x, double divisor) const {
  if (sign(Part::reciprocal) < 0) return rounded(x / divisor, Part::quotient);
  return rounded(x * rounded(1 / divisor, Part::quotient), Part::last);
}

double SimulatedKernel::probability(const Row& z, std::int64_t j, const Sums& r) const {
  const double z_j = z[static_cast<std::size_t>(j)];
  const double d = rounded(z_j - r.m, Part::sub_focus);
  if (budget_.grad == GradForm::quotient) return quotient(exp_of(d, Part::exp_focus), r.s);
  const double log_s = log_of(r.s, Part::log_one);
  if (budget_.grad == GradForm::shifted) {
    return exp_of(rounded(d - log_s, Part::last), Part::exp_focus);
  }
  const double all = rounded(r.m + log_s, Part::log_two);
  return exp_of(rounded(z_j - all, Part::last), Part::exp_focus);
}

double SimulatedKernel::gradient(const Row& z, std::int64_t y, std::int64_t j) const {
  if (const auto s = others(z, y)) {
    const double z_y = z[static_cast<std::size_t>(y)], z_j = z[static_cast<std::size_t>(j)];
    const double all = rounded(1 + *s, Part::mul);
    if (j == y) return -quotient(*s, all);
    return quotient(exp_of(rounded(z_j - z_y, Part::sub_focus), Part::exp_focus), all);
  }
  const Sums r = sums(z, y);
  if (j != y) return probability(z, j, r);
  if (budget_.target == TargetForm::naive) {
    return rounded(probability(z, j, r) - 1, Part::last);
  }
  return -quotient(r.t, r.s);
}

double SimulatedKernel::scaled(double g, const Problem& p, double upstream) const {
  const bool mean = p.reduction == Reduction::mean;
  const auto n = static_cast<double>(p.n);
  const auto scale = [&](double x, double factor) {
    return rounded(x * factor, Part::scale);
  };
  if (p.upstream == Upstream::one) return mean ? rounded(g / n, Part::scale) : g;
  if (!mean) return scale(g, upstream);
  const double share = rounded(1 / n, Part::scale);
  if (sign(Part::order_of_scaling) > 0) return scale(scale(g, share), upstream);
  return scale(g, scale(upstream, share));
}

double SimulatedKernel::divergence_term(double p, double q) const {
  const double ratio = rounded(p / q, Part::quotient);
  const double nominal = rounded_to(p / q, budget_.accumulate);
  const double largest = std::ldexp(2 - 2 * u_, format_.emax);
  const bool in_range = nominal >= least_normal_ && nominal <= largest;
  double log_ratio = 0;
  if (budget_.kl == KlForm::accurate && nominal >= 0.5 && nominal <= 2) {
    log_ratio = log1p_of(rounded(add(p, -q, Part::sub_focus) / q, Part::quotient));
  } else if (budget_.kl == KlForm::quotient || (budget_.kl == KlForm::accurate && in_range)) {
    log_ratio = log_of(ratio, Part::log_one);
  } else {
    log_ratio = rounded(log_of(p, Part::log_one) - log_of(q, Part::log_two), Part::last);
  }
  return rounded(p * log_ratio, Part::mul);
}

double SimulatedKernel::information(Op op, const Row& p, const Row& q) const {
  std::vector<double> terms;
  for (std::size_t j = 0; j < p.size(); ++j) {
    if (p[j] == 0) terms.push_back(0);
    else if (op == Op::kl) terms.push_back(divergence_term(p[j], q[j]));
    else terms.push_back(rounded(-p[j] * log_of(op == Op::entropy ? p[j] : q[j], Part::log_one),
                                 Part::mul));
  }
  return sum(terms, budget_.order, Part::add_rest);
}

double SimulatedKernel::reduced(const std::vector<double>& losses, Reduction reduction) const {
  const double total = sum(losses, budget_.rows, Part::add_rest);
  const auto n = static_cast<double>(losses.size());
  if (reduction == Reduction::sum) return total;
  if (sign(Part::reciprocal) < 0) return rounded(total / n, Part::last);
  return rounded(total * rounded(1 / n, Part::quotient), Part::last);
}

}  // namespace xent::oracle_tests
