// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "oracle/bound.h"
#include "properties/evaluation.h"

namespace xent {
namespace {

constexpr double kOutward = 1 + 0x1p-40;

/// A binary64 case without options at the same logits.
TestCase in_binary64(const TestCase& c) {
  TestCase d = with(c, Dir::fwd, Reduction::none);
  d.problem.dtype = DType::f64;
  d.problem.output.reset();
  d.input = Tensor(DType::f64, c.input.shape);
  for (std::int64_t i = 0; i < c.input.size(); ++i) d.input.set(i, c.input.at(i));
  return d;
}

/// z - eta g, by the kernel's gradient and by the exact one. `far[row]` bounds how far the
/// logarithm of a probability may be moved by what the two differ in:
/// |log p_k(z + e) - log p_k(z)| <= |e_k| + max |e_j|.
struct Step {
  TestCase kernel, exact;
  std::vector<double> far;

  Step(const Evaluation& e, double eta) : kernel(in_binary64(e.test_case)), exact(kernel) {
    const std::int64_t v = kernel.problem.v;
    far.assign(static_cast<std::size_t>(kernel.problem.n), 0);
    for (std::int64_t i = 0; i < kernel.input.size(); ++i) {
      const Value g = e.grad(i / v, i % v);
      const Enclosure truth = g.exact(0);
      const double z = kernel.input.at(i);
      kernel.input.set(i, z - eta * g.got);
      exact.input.set(i, z - eta * truth.hi);
      if (std::isinf(z)) continue;
      const double rounding = ulp(kernel.input.at(i), DType::f64) +
                              ulp(exact.input.at(i), DType::f64) +
                              eta * (std::fabs(truth.lo) + truth.rad);
      double& most = far[static_cast<std::size_t>(i / v)];
      most = std::max(most, 2 * (eta * g.bound + rounding) * kOutward);
    }
  }
};

void check_step(Judgement& j, Trial& t, const Evaluation& e, double eta) {
  const Step step(e, eta);
  Reference& before = t.reference(in_binary64(e.test_case));
  Reference& after = t.reference(step.kernel);
  Reference& truly = t.reference(step.exact);
  for (std::int64_t row = 0; row < step.kernel.problem.n; ++row) {
    const double far = step.far[static_cast<std::size_t>(row)];
    const Enclosure start = before.loss(row), end = after.loss(row), exact = truly.loss(row);
    if (!start.is_number() || !e.grad(row, 0).exact(0).is_number()) continue;
    const std::string what = at("-log p_k after the step", row);
    // The oracle: the exact step lowers the loss by at least eta g_y (1 - p_y) > 0, less rounding.
    j.check(lower(exact) <= upper(start) + far, what + ": the oracle's rises");
    j.check(end.is_number() && lower(end) <= upper(start) + far, what + " rises");
    j.check(end.is_number() && magnitude_lower(end - exact) <= far,
            what + " is not where the exact gradient leads");
  }
}

/// One step along the kernel's own gradient, from timid to wild.
Judgement step_raises_true(Trial& t) {
  Judgement j;
  Evaluation e;
  const TestCase c = corner(t.test_case, 3, 65);
  if (!e.run(t, c, j)) return j;
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    const bool number = e.grad(i / c.problem.v, i % c.problem.v).exact(0).is_number();
    if (!number) ++j.excluded["no-number"];
    if (!number || std::isfinite(e.output.grad.at(i))) continue;
    j.check(false, at("no number: grad", i / c.problem.v, i % c.problem.v));
    return j;
  }
  for (const double eta : {0x1p-4, 1.0, 64.0}) check_step(j, t, e, eta);
  return j;
}

/// Bounds of a row's loss along one input: |dL/dz|, |d3L/dz3|, in units of the row's target mass.
struct Slopes {
  double first;
  double third;
};

/// lse' <= 1, lse'' <= 1/4, lse''' = p (1 - p) (1 - 2p) in size at most 1 / (6 sqrt 3) < 1/10, and
/// the same of the sigmoid; of (lse^2)' = 2 lse lse' and so on; f = c tanh(s x / c) has |f'| <= s,
/// |f''| <= 4/(3 sqrt 3) s^2 / c < s^2 / c, |f'''| <= 2 s^3 / c^2.
Slopes slopes(const TestCase& c, std::int64_t row, double mass, double lse) {
  const Problem& p = c.problem;
  const bool softmax = p.op == Op::ce || p.op == Op::lse;
  const double z = softmax ? p.z_loss : 0;
  const double first = mass + z * 2 * lse;
  const double second = mass / 4 + z * 2 * (lse / 4 + 1);
  const double third = mass / 10 + z * 2 * (lse / 10 + 3.0 / 4);
  const double s = std::fabs(p.scale);
  const double bend = p.softcap > 0 ? s * s / p.softcap : 0;
  const double twist = p.softcap > 0 ? 2 * s * s * s / (p.softcap * p.softcap) : 0;
  const double unit = p.unit == Unit::bits ? 1 / M_LN2 : 1;
  const double upstream = std::fabs(c.upstream_of(row));
  return {first * s * unit * upstream * kOutward,
          (third * s * s * s + 3 * second * s * bend + first * twist) * unit * upstream * kOutward};
}

/// The step: truncation h^2 / 6 against rounding / h balance near the cube root of u.
double step(const Problem& p) { return p.dtype == DType::f64 ? 0x1p-17 : 0x1p-8; }

/// Rows 2i and 2i + 1: input k of row `row` a step up and a step down.
struct Probes {
  TestCase test_case;
  std::vector<std::array<std::int64_t, 2>> places;  ///< row, class

  explicit Probes(const TestCase& c) {
    std::vector<std::int64_t> rows;
    const std::int64_t v = c.problem.v;
    for (std::int64_t row = 0; row < c.problem.n; ++row) {
      const bool index = c.problem.takes_targets() && !has_vector_targets(c.problem);
      const std::int64_t y = index ? c.scored_class(row).value_or(0) : 0;
      for (const std::int64_t k : {y, (y + 1) % v, (y + v / 2) % v}) {
        if (std::isinf(c.logit(row, k))) continue;
        places.push_back({row, k});
        rows.insert(rows.end(), {row, row});
      }
    }
    test_case = keep_rows(with(c, Dir::fwd, Reduction::none), rows);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t at = static_cast<std::int64_t>(i) * v + places[i / 2][1];
      const double h = step(c.problem);
      test_case.input.set(at, test_case.input.at(at) + (i % 2 == 0 ? h : -h));
    }
  }
};

/// (L(x + h) - L(x - h)) / 2h = L'(x) + h^2 / 6 L'''(xi). x + h is rounded: that moves L by half an
/// ulp times its slope at most.
void check_difference(Judgement& j, const Evaluation& e, const Evaluation& probes, std::int64_t i,
                      std::array<std::int64_t, 2> place) {
  const auto [row, k] = place;
  const TestCase& c = e.test_case;
  const Value up = probes.loss(2 * i), down = probes.loss(2 * i + 1);
  const Value g = e.grad(row, k);
  if (!up.exact(0).is_number() || !g.exact(0).is_number()) {
    ++j.excluded["no-number"];
    return;
  }
  const bool softmax = c.problem.op == Op::ce || c.problem.op == Op::lse;
  const bool index = c.problem.takes_targets() && !has_vector_targets(c.problem);
  double mass = c.weight_of(k), lse = 0;
  if (index && !c.scored_class(row)) {
    mass = 0;
  } else if (softmax) {
    const RowFacts& f = e.exact->facts(row);
    if (c.problem.op == Op::ce) mass = 2 * f.mass;
    lse = f.lse + std::fabs(c.problem.scale);
  }
  const Slopes slope = slopes(c, row, mass, lse);
  const double upstream = c.upstream_of(row), h = step(c.problem);
  const double rounding = slope.first * ulp(std::fabs(c.logit(row, k)) + h, c.problem.dtype);
  const double slack = (h * h / 6 * slope.third + rounding / (2 * h)) * kOutward;
  const double factor = upstream / (2 * h);
  Total difference;
  difference.add(scaled(up, factor));
  difference.add(scaled(down, -factor));
  agree(j, g, difference.value(at("central difference", row, k)), slack);
}

Judgement finite_differences(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 3, 65);
  const Probes probes(c);
  Evaluation e, moved;
  if (!e.run(t, c, j) || !moved.run(t, probes.test_case, j)) return j;
  for (std::size_t i = 0; i < probes.places.size(); ++i) {
    check_difference(j, e, moved, static_cast<std::int64_t>(i), probes.places[i]);
  }
  return j;
}

}  // namespace

std::vector<Property> gradient_step_properties() {
  return {
      {"grad.step-raises-true", "A step against the gradient raises the true class's probability.",
       "z - eta g with the kernel's own g, in binary64, for eta from 1/16 to 64: the oracle's "
       "-log p_k does not rise by more than the bounds of g move it, and ends where the exact "
       "gradient leads.",
       {"op=ce dir=bwd"}, {"gaussian", "confident", "wrong", "ties", "masked", "spikes", "iris"},
       "mutant/gradient-sign-flipped", every_substitute(), 0.5, step_raises_true, {},
       {{"", "dtype=f64", "dtype=bf16", "dtype=f16"}}},
      {"grad.finite-differences", "The gradient is the derivative of the loss.",
       "Against the central difference of the kernel's own losses, in binary64 and binary32: "
       "within the bounds of both, h^2 / 6 times a bound of the third derivative, and the rounding "
       "of x + h.",
       {"op=ce targets=index,prob dir=bwd dtype=f64", "op=lse dir=bwd dtype=f64",
        "op=bce-logits targets=prob dir=bwd dtype=f64", "op=ce targets=index dir=bwd dtype=f32"},
       {"gaussian", "confident", "wrong", "ties", "iris", "soft", "soft-unnormalised",
        "binary-hard", "binary-soft", "capped"},
       "mutant/gradient-sign-flipped", every_substitute(), 0.5, finite_differences,
       [](const Problem& p) {
         return std::vector<Problem>{with(p, Dir::fwd, Reduction::none)};
       },
       {{"", "smoothing=0.1"}, {"", "weights=on"}, {"", "zloss=0.01"}, {"", "softcap=30"},
        {"", "scale=0.5"}, {"", "unit=bits"}, {"", "upstream=row"}, {"", "ignore=-100"}}},
  };
}

}  // namespace xent
