// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>

#include "core/enclosure.h"
#include "core/error_budget.h"
#include "tests/oracle_cases.h"

namespace xent::oracle_tests {

/// Greatest error / bound by name of the form, and the first case beyond its bound.
class Ratios {
 public:
  void see(const std::string& form, double value, const Enclosure& exact, double bound,
           const ErrorBudget& b, const std::string& row) {
    if (std::isinf(bound)) return;
    ++checks_;
    const double error = distance(value, exact).upper;
    double& worst = worst_[form];
    worst = std::max(worst, error == 0 ? 0 : error / bound);
    if (error <= bound || !first_.empty()) return;
    first_ = form + ": error/bound " + std::to_string(error / bound) + ", " + to_text(b) + ", " +
             row;
  }
  const std::string& first_violation() const { return first_; }
  const std::map<std::string, double>& worst() const { return worst_; }
  int checks() const { return checks_; }

 private:
  std::map<std::string, double> worst_;
  std::string first_;
  int checks_ = 0;
};

/// The first numbers of a row.
inline std::string text_of(const Row& z, std::int64_t y) {
  std::string text = "y=" + std::to_string(y) + " v=" + std::to_string(z.size()) + ":";
  char number[32];
  for (std::size_t j = 0; j < std::min<std::size_t>(z.size(), 12); ++j) {
    std::snprintf(number, sizeof number, " %a", z[j]);
    text += number;
  }
  return text;
}

}  // namespace xent::oracle_tests
