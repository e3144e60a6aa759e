// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "properties/domain_rows.h"
#include "properties/shrink_descent.h"

namespace xent {
namespace {

/// Integers up to here are simple, the smaller the better; other numbers by their bits.
constexpr double kPlain = 1024;

bool is_plain(double x) { return std::fabs(x) <= kPlain && x == std::trunc(x); }

int significant_bits(double x) {
  const std::uint64_t fraction = std::bit_cast<std::uint64_t>(x) << 12;
  return fraction == 0 ? 1 : 65 - std::countr_zero(fraction);
}

void zero_numbers(Descent& descent, Tensor TestCase::* tensor) {
  const auto count = [&] { return (descent.best().*tensor).size(); };
  const auto propose = [&](std::int64_t from, std::int64_t to) {
    const Tensor& numbers = descent.best().*tensor;
    std::int64_t first = from;
    while (first < to && number_cost(numbers.at(first)) == 0) ++first;
    if (first == to) return false;
    TestCase candidate = descent.best();
    for (std::int64_t i = first; i < to; ++i) (candidate.*tensor).set(i, 0);
    return descent.propose(std::move(candidate));
  };
  if (count() > 0 && !propose(0, count())) by_halves(descent, count, propose, true);
}

/// x cut to its leading bits, towards or away from zero.
double cut(double x, int bits, bool away) {
  const std::uint64_t unit = std::uint64_t{1} << (53 - bits);
  const std::uint64_t down = std::bit_cast<std::uint64_t>(x) & ~(unit - 1);
  return std::bit_cast<double>(away ? down + unit : down);
}

/// Simpler numbers than a finite x, the simplest first.
std::vector<double> simpler_numbers(double x) {
  const double away = x < 0 ? std::floor(x) : std::ceil(x);
  std::vector<double> all = {0, 1, -1, 0.5, std::trunc(x), away, -x};
  for (int bits = 1; bits < significant_bits(x); bits = bits < 4 ? bits + 1 : 2 * bits) {
    all.push_back(cut(x, bits, false));
    all.push_back(cut(x, bits, true));
  }
  return all;
}

bool allows(const Problem& p, Tensor TestCase::* tensor, double x) {
  const bool binary = p.op == Op::bce_logits || p.op == Op::bce_prob || p.op == Op::mse_sigmoid;
  const bool chance = p.op == Op::bce_prob || p.op == Op::entropy || p.op == Op::cross_entropy ||
                      p.op == Op::kl;
  if (tensor == &TestCase::weight) return x >= 0;
  if (tensor == &TestCase::target) return x >= 0 && (!binary || x <= 1);
  if (tensor == &TestCase::input && chance) return x >= 0 && (!binary || x <= 1);
  return true;
}

/// Simplifies single elements of one tensor of a case, to what its kind allows.
class Elements {
 public:
  using Cost = double (*)(double);
  Elements(Descent& descent, Tensor TestCase::* tensor, Cost element_cost)
      : descent_(descent), tensor_(tensor), element_cost_(element_cost) {}

  void simplify() {
    for (std::int64_t i = 0; i < (descent_.best().*tensor_).size() && !descent_.spent(); ++i) {
      if (!std::isfinite(at(i))) {
        propose(i, 0) || propose(i, 1);
        continue;
      }
      if (element_cost_(at(i)) == 0) continue;
      for (const double x : simpler_numbers(at(i))) {
        if (propose(i, x)) break;
      }
      if (is_plain(at(i))) lower_integer(i);
      else lower_exponent(i);
    }
  }

 private:
  double at(std::int64_t i) const { return (descent_.best().*tensor_).at(i); }

  bool propose(std::int64_t i, double x) {
    if (!(element_cost_(x) < element_cost_(at(i)))) return false;  // before the case is copied
    if (!allows(descent_.best().problem, tensor_, x)) return false;
    TestCase candidate = descent_.best();
    (candidate.*tensor_).set(i, x);
    return descent_.propose(std::move(candidate));
  }

  /// Bisects the magnitude of an integer towards 0.
  void lower_integer(std::int64_t i) {
    const double sign = at(i) < 0 ? -1 : 1;
    double passes = 0;
    while (std::fabs(at(i)) - passes > 1) {
      const double middle = std::floor((std::fabs(at(i)) + passes) / 2);
      if (!propose(i, sign * middle)) passes = middle;
    }
  }

  /// Bisects the exponent towards 0.
  void lower_exponent(std::int64_t i) {
    if (at(i) == 0 || exponent_of(at(i)) < -1022) return;
    int passes = 0;
    while (std::abs(exponent_of(at(i)) - passes) > 1) {
      const int e = exponent_of(at(i));
      const int middle = passes + (e - passes) / 2;
      if (!propose(i, at(i) / power_of_two(e) * power_of_two(middle))) passes = middle;
    }
  }

  Descent& descent_;
  Tensor TestCase::* tensor_;
  Cost element_cost_;
};

}  // namespace

double number_cost(double x) {
  const double sign = std::signbit(x) ? 0.5 : 0;
  if (x == 0) return sign;
  if (is_plain(x)) return 16 + std::fabs(x) + sign;
  if (std::isnan(x)) return 0x1p20;
  if (std::isinf(x)) return x < 0 ? 2 * kPlain : 0x1p19;
  return 4096.0 * (1 + significant_bits(x)) + std::abs(exponent_of(x)) + sign;
}

double factor_cost(double x) { return x == 1 ? 0 : 1 + number_cost(x); }

ShapeCost shape_cost(const TestCase& c) {
  return {c.problem.n, c.problem.v, simpler_options(c.problem).size()};
}

DataCost data_cost(const TestCase& c) {
  double numbers = 0;
  std::int64_t labels = 0;
  for (const Tensor* t : {&c.input, &c.direction}) {
    for (std::int64_t i = 0; i < t->size(); ++i) numbers += number_cost(t->at(i));
  }
  for (std::int64_t i = 0; i < c.target.size(); ++i) {
    if (is_float(c.target.dtype)) numbers += number_cost(c.target.at(i));
    else labels += std::abs(c.target.integer(i));
  }
  for (const Tensor* factors : {&c.weight, &c.upstream}) {
    for (std::int64_t i = 0; i < factors->size(); ++i) numbers += factor_cost(factors->at(i));
  }
  return {numbers, labels};
}

void zero_logits(Descent& descent) { zero_numbers(descent, &TestCase::input); }
void zero_direction(Descent& descent) { zero_numbers(descent, &TestCase::direction); }

void subtract_offsets(Descent& descent) {
  const Problem problem = descent.best().problem;
  if (problem.op != Op::ce && problem.op != Op::lse && problem.op != Op::mse_softmax) return;
  for (std::int64_t row = 0; row < problem.n; ++row) {
    double least = std::numeric_limits<double>::infinity();
    double greatest = -least;
    for (std::int64_t j = 0; j < problem.v; ++j) {
      const double z = descent.best().logit(row, j);
      if (!std::isfinite(z)) continue;
      least = std::min(least, z);
      greatest = std::max(greatest, z);
    }
    for (const double offset : {least, greatest}) {
      TestCase candidate = descent.best();
      for (std::int64_t i = row * problem.v; i < (row + 1) * problem.v; ++i) {
        const double z = candidate.input.at(i);
        if (std::isfinite(z)) candidate.input.set(i, z - offset);
      }
      descent.propose(std::move(candidate));
    }
  }
}

void concentrate_targets(Descent& descent) {
  const Problem& p = descent.best().problem;
  if (descent.best().target.empty() || !has_vector_targets(p)) return;
  for (std::int64_t row = 0; row < p.n && !descent.spent(); ++row) {
    std::int64_t greatest = 0;
    const auto at = [&](std::int64_t j) { return descent.best().target.at(row * p.v + j); };
    for (std::int64_t j = 1; j < p.v; ++j) {
      if (at(j) > at(greatest)) greatest = j;
    }
    for (const std::int64_t y : {std::int64_t{0}, greatest}) {
      TestCase candidate = descent.best();
      for (std::int64_t j = 0; j < p.v; ++j) candidate.target.set(row * p.v + j, j == y);
      if (descent.propose(std::move(candidate))) break;
    }
  }
}

void simplify_numbers(Descent& descent) {
  const Tensor& input = descent.best().input;
  std::int64_t live = 0;
  for (std::int64_t i = 0; i < input.size(); ++i) live += number_cost(input.at(i)) > 0;
  if (descent.shortest(live) > 1) return;
  Elements(descent, &TestCase::input, number_cost).simplify();
  if (is_float(descent.best().target.dtype)) {
    Elements(descent, &TestCase::target, number_cost).simplify();
  }
  Elements(descent, &TestCase::direction, number_cost).simplify();
  Elements(descent, &TestCase::upstream, factor_cost).simplify();
  Elements(descent, &TestCase::weight, factor_cost).simplify();
}

}  // namespace xent
