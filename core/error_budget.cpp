// SPDX-License-Identifier: Apache-2.0
#include "core/error_budget.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "core/text.h"

namespace xent {
namespace {

double ceil_log2(double x) { return x <= 1 ? 0 : std::ceil(std::log2(x)); }

double ceil_div(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a / b + (a % b != 0 ? 1 : 0));
}

std::string order_text(const ErrorBudget& budget) {
  const std::string order(name(budget.order));
  switch (budget.order) {
    case SumOrder::lanes: return fmt::format("{}({})", order, budget.lanes);
    case SumOrder::blocked:
    case SumOrder::pairwise:
    case SumOrder::leaves: return fmt::format("{}({}, {} lanes)", order, budget.block,
                                              budget.lanes);
    default: return order + (budget.order == SumOrder::any ? " order" : "");
  }
}

std::string_view name(GradForm form) {
  switch (form) {
    case GradForm::any: return "any";
    case GradForm::quotient: return "quotient";
    case GradForm::difference: return "difference";
    case GradForm::shifted: return "shifted";
  }
  return "unknown";
}

std::string_view name(TargetForm form) {
  switch (form) {
    case TargetForm::any: return "any";
    case TargetForm::naive: return "naive";
    case TargetForm::accurate: return "accurate";
  }
  return "unknown";
}

std::string_view name(KlForm form) {
  switch (form) {
    case KlForm::any: return "any";
    case KlForm::difference: return "difference";
    case KlForm::quotient: return "quotient";
    case KlForm::accurate: return "accurate";
  }
  return "unknown";
}

std::string error_text(std::string_view function, double factor, double extra,
                       std::string_view of) {
  std::string text = fmt::format("{} {}u", function, shortest(factor));
  if (extra != 0) text += fmt::format(" + {}u{}", shortest(extra), of);
  return text;
}

}  // namespace

ErrorBudget ErrorBudget::standard(const Problem& problem) {
  ErrorBudget budget;
  budget.exp_rel = 4;
  budget.exp_arg = 2.5;
  budget.log_rel = 6;
  budget.log_abs = 8;
  budget.tanh_rel = 8;
  budget.loss = LossForm::any;
  budget.grad = GradForm::any;
  budget.target = TargetForm::any;
  budget.kl = KlForm::any;
  budget.accumulate = problem.dtype == DType::f64 ? DType::f64 : DType::f32;
  budget.output = problem.output_dtype();
  return budget;
}

ErrorBudget ErrorBudget::relative(const Problem& problem) {
  ErrorBudget budget = standard(problem);
  budget.loss = LossForm::accurate;
  budget.target = TargetForm::accurate;
  budget.kl = KlForm::accurate;
  return budget;
}

double addition_depth(SumOrder order, std::int64_t n, std::int64_t lanes, std::int64_t block) {
  if (n <= 1) return 0;
  lanes = std::max<std::int64_t>(lanes, 1);
  block = std::max<std::int64_t>(block, 1);
  const double tree = ceil_log2(static_cast<double>(lanes));
  const auto run = static_cast<double>(block);
  switch (order) {
    case SumOrder::any:
    case SumOrder::sequential: return static_cast<double>(n - 1);
    case SumOrder::lanes: return ceil_div(n, lanes) - 1 + tree;
    case SumOrder::blocked: {
      const double m = ceil_div(n, lanes);
      return (std::min(run, m) - 1) + (std::ceil(m / run) - 1) + tree;
    }
    case SumOrder::pairwise: {
      const double m = ceil_div(n, lanes);
      return (std::min(run, m) - 1) + ceil_log2(std::ceil(m / run)) + tree;
    }
    case SumOrder::compensated: return 2;
    case SumOrder::leaves: {
      const double m = ceil_div(n, lanes), count = std::ceil(m / run);
      const double slots = std::min(static_cast<double>(n), static_cast<double>(lanes));
      return (std::min(run, m) - 1) + ceil_log2(slots) + (std::ceil(count / 32) - 1) +
             ceil_log2(std::min(count, 32.0));
    }
  }
  return static_cast<double>(n - 1);
}

std::string to_text(const ErrorBudget& budget) {
  std::string text = error_text("exp", budget.exp_rel, budget.exp_arg, "|d|") + ", " +
                     error_text("log", budget.log_rel, budget.log_abs, "") + ", " +
                     order_text(budget);
  if (budget.online) text += ", online";
  if (budget.shift == Shift::target) text += ", minus the target's logit";
  text += fmt::format(", {} loss, {} gradient, {} target, {} kl", name(budget.loss),
                      name(budget.grad), name(budget.target), name(budget.kl));
  text += fmt::format(", {} sums, {} out", name(budget.accumulate), name(budget.output));
  if (budget.flush_to_zero) text += ", flushes subnormals";
  if (std::isfinite(budget.exp_cutoff)) {
    text += fmt::format(", exp cut off below {}", shortest(budget.exp_cutoff));
  }
  return text;
}

std::string_view name(SumOrder order) {
  switch (order) {
    case SumOrder::any: return "any";
    case SumOrder::sequential: return "sequential";
    case SumOrder::lanes: return "lanes";
    case SumOrder::blocked: return "blocked";
    case SumOrder::pairwise: return "pairwise";
    case SumOrder::compensated: return "compensated";
    case SumOrder::leaves: return "leaves";
  }
  return "unknown";
}

std::string_view name(LossForm form) {
  switch (form) {
    case LossForm::any: return "any";
    case LossForm::shifted: return "shifted";
    case LossForm::lse: return "lse";
    case LossForm::accurate: return "accurate";
  }
  return "unknown";
}

std::string_view name(Shift shift) {
  switch (shift) {
    case Shift::maximum: return "maximum";
    case Shift::target: return "target";
  }
  return "unknown";
}

}  // namespace xent
