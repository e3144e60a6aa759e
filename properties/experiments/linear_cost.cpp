// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "properties/experiments/experiments.h"
#include "properties/experiments/laboratory.h"
#include "properties/random.h"

namespace xent {
namespace {

constexpr const char* kProblem = "op=ce dir=fwdbwd";
constexpr std::int64_t kStep = 4096;  // a multiple of every kernel's blocks
constexpr std::int64_t kPoints = 6;

/// Rows whose first class is the greatest, or whose every class exceeds the ones before (the worst
/// for a running maximum), or neither.
enum class Shape : std::uint8_t { falling, rising, random };

TestCase row_case(const Subject& s, std::int64_t n, std::int64_t v, Shape shape,
                  std::uint64_t seed) {
  std::vector<double> z;
  for (std::int64_t r = 0; r < n; ++r) {
    const Random random = Random(seed).stream(static_cast<std::uint64_t>(r));
    for (std::int64_t j = 0; j < v; ++j) {
      const double ramp = static_cast<double>(j) / 4096;
      z.push_back(shape == Shape::random    ? random.normal(static_cast<std::uint64_t>(j))
                  : shape == Shape::falling ? -ramp
                                            : ramp);
    }
  }
  return index_case(problem_for(s, kProblem, n, v), z,
                    std::vector<std::int64_t>(static_cast<std::size_t>(n), 1));
}

/// A number that counts what is done to it.
struct Counted {
  double x = 0;
  std::int64_t* operations = nullptr;
};
Counted operator*(Counted a, Counted b) { return {a.x * b.x, &++*a.operations}; }
Counted operator-(Counted a, Counted b) { return {a.x - b.x, &++*a.operations}; }
Counted operator+(Counted a, Counted b) { return {a.x + b.x, &++*a.operations}; }

/// Operations of the chain rule with the Jacobian J = diag(p) - p p^T written out, p given:
/// J^T (-y / p).
std::int64_t count_jacobian_route(std::int64_t v) {
  std::int64_t operations = 0;
  const auto number = [&](double x) { return Counted{x, &operations}; };
  const double p = 1.0 / static_cast<double>(v);
  double check = 0;
  for (std::int64_t j = 0; j < v; ++j) {
    Counted g = number(0);
    for (std::int64_t k = 0; k < v; ++k) {
      const Counted jacobian = number(k == j ? p : 0) - number(p) * number(p);
      g = g + jacobian * number(k == 1 ? -1 / p : 0);
    }
    check += g.x;
  }
  return std::isfinite(check) ? operations : 0;
}

/// Counts at kStep, 2 kStep, ... whose second differences must be 0. The slope comes back.
std::int64_t check_affine(ClaimEvidence& e, const std::vector<std::int64_t>& counts,
                          const std::string& what) {
  for (std::size_t i = 2; i < counts.size(); ++i) {
    const std::int64_t bend = counts[i] - 2 * counts[i - 1] + counts[i - 2];
    demand(e, bend == 0, fmt::format("{}: the count's second difference is {}", what, bend));
  }
  demand(e, counts[1] > counts[0], what + ": the count does not grow");
  return counts[1] - counts[0];
}

struct Cost {
  double per_class[2] = {0, 0};  ///< falling, rising
  Series curve;                  ///< random rows, doubling V
};

Cost measure(ClaimEvidence& e, const Subject& s, const ClaimContext& context) {
  Cost cost;
  for (const Shape shape : {Shape::falling, Shape::rising}) {
    std::vector<std::int64_t> by_classes, by_rows;
    for (std::int64_t k = 1; k <= kPoints; ++k) {
      by_classes.push_back(s.kernel.operations(row_case(s, 1, k * kStep, shape, 0)));
      by_rows.push_back(s.kernel.operations(row_case(s, k, kStep, shape, 0)));
      e.cases += 2;
    }
    const char* name = shape == Shape::falling ? "falling rows" : "rising rows";
    const std::int64_t slope = check_affine(e, by_classes, fmt::format("{}, by classes", name));
    check_affine(e, by_rows, fmt::format("{}, by rows", name));
    cost.per_class[shape == Shape::rising] =
        static_cast<double>(slope) / static_cast<double>(kStep);
  }
  cost.curve = {s.kernel.name, {}, {}, false};
  for (std::int64_t v = 16; v <= kPoints * kStep; v *= 2) {
    cost.curve.x.push_back(static_cast<double>(v));
    cost.curve.y.push_back(static_cast<double>(
        s.kernel.operations(row_case(s, 1, v, Shape::random, context.seed))));
  }
  return cost;
}

Series jacobian_curve() {
  Series curve{"chain rule through the Jacobian", {}, {}, false};
  for (std::int64_t v = 16; v <= 2048; v *= 2) {
    curve.x.push_back(static_cast<double>(v));
    curve.y.push_back(static_cast<double>(count_jacobian_route(v)));
  }
  return curve;
}

}  // namespace

ClaimEvidence study_linear_cost(const ClaimContext& context) {
  ClaimEvidence e;
  std::vector<Kernel> counting;
  for (const Kernel& k : context.kernels) {
    if (k.operations) counting.push_back(k);
  }
  if (counting.empty()) {
    e.verdict = ClaimVerdict::skipped;
    e.reason = "no kernel counts its operations";
    return e;
  }
  const ClaimContext inner{counting, context.profile, context.seed, {}, {}};
  Plot plot{"Operations of loss and gradient of one row", "classes C", "operations", true, true,
            {}};
  std::size_t judged = 0;
  study_each(inner, {kProblem}, ClaimVerdict::tested, e, [&](const Subject& s) {
    ++judged;
    const Cost cost = measure(e, s, context);
    const auto [low, high] = std::minmax(cost.per_class[0], cost.per_class[1]);
    e.figures.push_back({"operations a class, " + s.kernel.name, cost.per_class[0], low, high, ""});
    plot.series.push_back(cost.curve);
  });
  plot.series.push_back(jacobian_curve());
  e.plots.push_back(std::move(plot));
  const auto& jacobian = e.plots[0].series.back();
  e.figures.push_back(exact_figure("operations of the Jacobian's route, over C^2",
                                   jacobian.y.back() / (jacobian.x.back() * jacobian.x.back())));
  e.evidence = fmt::format(
      "the code of {} run on numbers that count: loss and gradient of {} to {} classes, second "
      "difference 0 in classes and in rows, whatever the order of the logits; the route through "
      "the Jacobian takes C^2 (to 2048 classes)",
      kernels_in_words(judged), kStep, kPoints * kStep);
  return e;
}

}  // namespace xent
