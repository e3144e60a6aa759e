// SPDX-License-Identifier: Apache-2.0
#include "impl/mutants/mutants.h"
#include "impl/row_formulas.h"
#include "impl/scalar/libm.h"

namespace xent {

HostKernel mutant(std::string name, std::string summary, std::vector<std::string> killed_by) {
  HostKernel k;
  k.name = "mutant/" + std::move(name);
  k.role = Role::mutant;
  k.summary = std::move(summary);
  k.promises = accurate_promises();
  k.ops = {Op::ce, Op::lse, Op::entropy, Op::cross_entropy, Op::kl};
  k.budget = [](const Problem& p) { return accurate_budget(p, kLibmExp, kLibmLog); };
  k.killed_by = std::move(killed_by);
  return k;
}

}  // namespace xent
