// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/kernel.h"
#include "core/test_case.h"
#include "oracle/judge.h"

namespace xent {

/// Trivial answers that stand in for a kernel's output, to measure what a property can see.
enum class Substitute : std::uint8_t { zeros, constant, untouched, previous };
std::string_view name(Substitute);
inline constexpr Substitute kSubstitutes[] = {Substitute::zeros, Substitute::constant,
                                              Substitute::untouched, Substitute::previous};

/// What a property sees of one kernel on one case. The same check runs on the kernel's own outputs
/// and on the substitutes'.
class Trial {
 public:
  virtual ~Trial() = default;
  const TestCase& test_case;
  const Kernel& kernel;
  /// In what other words the kernel may be asked for what it does not take (ways.h).
  unsigned ways = 0;

  virtual RunRecord run(const TestCase&, const BindOptions& = {}) = 0;
  /// Exact answer to a case; kept for all kernels that are judged on it.
  virtual Reference& reference(const TestCase&) = 0;
  /// What the kernel is held to.
  virtual ErrorBudget budget(const TestCase& c) const { return kernel.budget(c.problem); }

 protected:
  Trial(const TestCase& c, const Kernel& k) : test_case(c), kernel(k) {}
};

/// A theorem that every right kernel satisfies.
struct Property {
  std::string id;         ///< dotted kebab case
  std::string title;      ///< its sentence
  std::string statement;  ///< what is asserted of floats
  std::vector<std::string> problems;  ///< in the problem grammar, without n and v
  std::vector<std::string> domains;
  std::string kills;      ///< a mutant that it rejects
  /// Substitutes that must be rejected on at least `floor` of the judged cases; the others are
  /// reported but say nothing (a kernel that writes zeros is repeatable).
  std::vector<Substitute> rejects;
  double floor = 0.5;
  std::function<Judgement(Trial&)> check;
  /// Problems that the check derives from the case's and the kernel must support too; empty: none.
  std::function<std::vector<Problem>(const Problem&)> derives = {};
  /// Options to combine with each problem: of each axis one text (in the problem grammar, "" for
  /// none), every pair of choices from two axes at least once (nightly: every triple).
  std::vector<std::vector<std::string>> axes = {};
  /// Trial::ways; the table sets it.
  unsigned ways = 0;
};

const std::vector<Property>& all_properties();

// The table's parts, one for each theorems_*.cpp.
std::vector<Property> loss_properties();
std::vector<Property> gradient_properties();
std::vector<Property> gradient_step_properties();
std::vector<Property> gradient_mse_properties();
std::vector<Property> statistics_properties();
std::vector<Property> sequence_properties();
std::vector<Property> trick_properties();
std::vector<Property> option_properties();
std::vector<Property> information_properties();
std::vector<Property> entropy_properties();
std::vector<Property> coding_properties();
std::vector<Property> divergence_properties();
std::vector<Property> minimiser_properties();
std::vector<Property> binary_loss_properties();
std::vector<Property> target_properties();
std::vector<Property> penalty_properties();
std::vector<Property> layout_properties();
std::vector<Property> behaviour_properties();
std::vector<Property> history_properties();

}  // namespace xent
