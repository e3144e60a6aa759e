// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "oracle/bound.h"
#include "properties/evaluation.h"

namespace xent {
namespace {

/// Every row's exact loss is a number, and their sum no overflow of the format.
bool summable(const Evaluation& rows) {
  double total = 0;
  for (std::int64_t r = 0; r < rows.test_case.problem.n; ++r) {
    const Enclosure e = rows.exact->loss(r);
    if (!e.is_number()) return false;
    total += magnitude_upper(e);
  }
  const Format f = format(rows.budget.accumulate), out = format(rows.budget.output);
  return total < std::ldexp(1.0, std::min(f.emax, out.emax));
}

/// What a mean over the rows that are not ignored divides by, and whether anything is left.
double divisor(const TestCase& c) {
  std::vector<double> weights;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    if (has_vector_targets(c.problem)) {
      weights.push_back(1);
    } else if (const auto y = c.scored_class(r)) {
      weights.push_back(c.weight_of(*y));
    }
  }
  return accurate_sum(weights);
}

/// The mean, the sum and the sum of the rows, pairwise and against the oracle's NLL.
Judgement ce_is_nll(Trial& t) {
  Judgement j;
  Evaluation rows, sum, mean;
  const TestCase& c = t.test_case;
  if (!rows.run(t, with(c, Dir::fwd, Reduction::none), j) ||
      !sum.run(t, with(c, Dir::fwd, Reduction::sum), j) ||
      !mean.run(t, with(c, Dir::fwd, Reduction::mean), j)) {
    return j;
  }
  if (!summable(rows)) {
    ++j.excluded["not-summable"];
    return j;
  }
  Total total;
  for (std::int64_t r = 0; r < c.problem.n; ++r) total.add(rows.loss(r));
  agree(j, sum.loss(0), total.value("sum of the rows' losses"));
  // Weights are few bits long: their sum is exact.
  const double d = divisor(c);
  if (d == 0) {
    ++j.excluded["nothing-to-average"];
    return j;
  }
  agree(j, sum.loss(0), scaled(mean.loss(0), d));
  agree(j, scaled(mean.loss(0), d), total.value("sum of the rows' losses"));
  return j;
}

TestCase in_direction(const TestCase& c, std::uint64_t turn) {
  TestCase d = c;
  for (std::int64_t i = 0; i < d.direction.size(); ++i) {
    // Few bits, all signs and sizes: 37 is prime to the powers of two.
    const std::int64_t step = (i * 37 + static_cast<std::int64_t>(turn % 64) + i / 7) % 33 - 16;
    d.direction.set(i, static_cast<double>(step) / 8);
  }
  return d;
}

TestCase in_direction_of_ones(const TestCase& c) {
  TestCase d = c;
  for (std::int64_t i = 0; i < d.direction.size(); ++i) d.direction.set(i, 1);
  return d;
}

/// u . Hv of one row.
Value product(const Evaluation& of, const TestCase& with_direction, std::int64_t row,
              const char* what) {
  Total dot;
  const std::int64_t v = of.test_case.problem.v;
  for (std::int64_t k = 0; k < v; ++k) {
    dot.add(scaled(of.grad(row, k), with_direction.direction.at(row * v + k)));
  }
  return dot.value(at(what, row));
}

/// u . Hv = v . Hu; without z-loss v . Hv >= 0 times the upstream, and H 1 = 0.
void check_form(Judgement& j, const Evaluation& along_v, const Evaluation& along_u,
                const Evaluation& along_one) {
  const TestCase& c = along_v.test_case;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    if (!along_v.exact->grad(row, 0).is_number()) {
      ++j.excluded["undefined"];
      continue;
    }
    agree(j, product(along_v, along_u.test_case, row, "u.Hv"),
          product(along_u, along_v.test_case, row, "v.Hu"));
    const double sign = c.upstream_of(row) < 0 ? -1 : 1;
    const Value square = scaled(product(along_v, c, row, "v.Hv"), sign);
    if (c.problem.z_loss != 0) continue;
    j.check(upper(square.exact(0)) >= 0, "the oracle: " + square.what + " < 0");
    j.check(square.got >= -square.bound, square.what + " < 0");
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      const Value zero = along_one.grad(row, k);
      j.check(std::fabs(zero.got) <= zero.bound, at("H 1 is not 0", row, k));
    }
  }
}

/// The step along v of the central difference.
double step(const Problem& p) { return p.dtype == DType::f64 ? 0x1p-14 : 0x1p-8; }
constexpr double kOutward = 1 + 0x1p-40;

TestCase moved(const TestCase& c, double h) {
  TestCase d = with(c, Dir::bwd, Reduction::none);
  d.problem.upstream = c.problem.upstream;
  d.upstream = c.upstream;
  for (std::int64_t i = 0; i < d.input.size(); ++i) {
    d.input.set(i, d.input.at(i) + h * c.direction.at(i));
  }
  return d;
}

/// g = A p along v: with S = scale (max v - min v) the third derivative of p is at most
/// p (S^3 + 3 S S^2/4 + S^3/4) <= 2 S^3. A rounding rho of x + hv moves p by at most 2 |scale| rho.
void check_differences(Judgement& j, Trial& t, const Evaluation& along) {
  const TestCase& c = along.test_case;
  Evaluation up, down;
  const double h = step(c.problem);
  if (!up.run(t, moved(c, h), j) || !down.run(t, moved(c, -h), j)) return;
  const std::int64_t v = c.problem.v;
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    if (!along.exact->grad(row, 0).is_number() || (!has_vector_targets(c.problem) &&
                                                   !c.scored_class(row))) {
      continue;
    }
    double low = c.direction.at(row * v), high = low, rounding = 0;
    for (std::int64_t k = 0; k < v; ++k) {
      const double d = c.direction.at(row * v + k);
      low = std::min(low, d);
      high = std::max(high, d);
      if (std::isinf(c.logit(row, k))) continue;
      const double most = std::fabs(c.logit(row, k)) + std::fabs(d);
      rounding = std::max(rounding, ulp(most, c.problem.dtype));
    }
    const double scale = std::fabs(c.problem.scale), spread = scale * (high - low);
    const double unit = c.problem.unit == Unit::bits ? 1 / M_LN2 : 1;
    const double size = scale * unit * along.exact->facts(row).mass *
                        std::fabs(c.upstream_of(row));
    const double slack = size * kOutward * (h * h / 6 * 2 * spread * spread * spread +
                                            2 * scale * rounding / h);
    for (std::int64_t k = 0; k < v; ++k) {
      Total difference;
      difference.add(scaled(up.grad(row, k), 1 / (2 * h)));
      difference.add(scaled(down.grad(row, k), -1 / (2 * h)));
      agree(j, along.grad(row, k), difference.value(at("difference of gradients", row, k)), slack);
    }
  }
}

Judgement canonical_link(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 3, 129);
  Evaluation v, u, one;
  if (!v.run(t, c, j) || !u.run(t, in_direction(c, c.recipe.seed), j) ||
      !one.run(t, in_direction_of_ones(c), j)) {
    return j;
  }
  v.judge(j);
  u.judge(j);
  one.judge(j);
  if (!v.by_oracle()) check_form(j, v, u, one);
  // Where the kernel has no Hessian, its gradients' differences are held to the exact one.
  const bool fine = c.problem.dtype == DType::f64 ||
                    (v.by_oracle() && c.problem.dtype == DType::f32);
  if (fine && c.problem.z_loss == 0) check_differences(j, t, v);
  return j;
}

std::vector<Problem> reductions(const Problem& p) {
  return {with(p, Dir::fwd, Reduction::sum), with(p, Dir::fwd, Reduction::mean)};
}

const std::vector<std::string> kDTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> statistics_properties() {
  return {
      {"stat.ce-is-nll", "Mean cross-entropy = NLL / N.",
       "The kernel's mean times what it divides by, its sum and the sum of its rows agree within "
       "the bounds and with the oracle's negative log-likelihood, ignored rows and class weights "
       "included.",
       {"op=ce,nll dir=fwd", "op=ce,nll targets=prob dir=fwd"},
       {"gaussian", "confident", "wrong", "ties", "masked", "dyadic", "iris", "soft",
        "log-probabilities", "log-grid", "zero-weights", "ignored-garbage"},
       "mutant/sum-for-mean", every_substitute(), 0.5, ce_is_nll, reductions,
       {kDTypes, {"", "ignore=-100", "ignore=0"}, {"", "weights=on"}, {"", "smoothing=0.1"}}},
      {"stat.canonical-link", "The Hessian in the logits is the Fisher information.",
       "H v against diag(p) - p p^T, element by element within the bound; u.Hv = v.Hu, v.Hv >= 0 "
       "and H 1 = 0 within the bounds; in binary64 H v against central differences of the kernel's "
       "gradient, within its bounds and h^2 / 6 times a bound of the third derivative. Of a kernel "
       "without it, those differences (in binary32 too) against the exact H v.",
       {"op=ce dir=hvp", "op=ce targets=prob dir=hvp"},
       {"gaussian", "confident", "wrong", "ties", "masked", "iris", "soft", "soft-matched"},
       "mutant/hvp-without-mean", every_substitute(), 0.5, canonical_link,
       [](const Problem& p) {
         Problem gradient = with(p, Dir::bwd, Reduction::none);
         gradient.upstream = p.upstream;
         return std::vector<Problem>{gradient};
       },
       {kDTypes, {"", "smoothing=0.1"}, {"", "weights=on"}, {"", "zloss=0.01"},
        {"", "scale=0.5"}, {"", "upstream=row"}, {"", "ignore=-100"}}},
  };
}

}  // namespace xent
