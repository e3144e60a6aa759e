// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "impl/mutants/mutants.h"
#include "impl/scalar/kernels.h"
#include "impl/scalar/referenced.h"

// What the mutants of scalar/referenced are written with.
namespace xent {

/// A mutant with the budget of scalar/referenced.
inline HostKernel reference_mutant(std::string name, std::string summary,
                                   std::vector<std::string> killed_by) {
  HostKernel k = mutant(std::move(name), std::move(summary), std::move(killed_by));
  k.budget = referenced_budget;
  return k;
}

/// scalar/referenced with another formula.
template <class Formula>
Kernel with_reference(HostKernel k) {
  return with_body(std::move(k),
                   []<class T>(const RowView<T>& w) { referenced_body(w, Formula{}); });
}

}  // namespace xent
