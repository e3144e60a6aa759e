// SPDX-License-Identifier: Apache-2.0
// Instruction sets that a processor lacks: every kernel of theirs is named, with the reason.
#include <gtest/gtest.h>

#include <cctype>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "hwy/targets.h"
#include "impl/registry.h"

namespace xent {
namespace {

bool is_of(const std::string& kernel, const std::string& isa) {
  return kernel.starts_with("highway/") && kernel.ends_with("/" + isa);
}

TEST(Unavailable, EveryKernelOfAMissingInstructionSet) {
  const std::vector<Kernel> all = builtin_kernels();
  int sets = 0;
  for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    std::string isa = hwy::TargetName(left & -left);
    for (char& c : isa) c = static_cast<char>(std::tolower(c));
    std::set<std::string> had, named;
    for (const Kernel& k : all) {
      if (is_of(k.name, isa)) had.insert(k.name);
    }
    if (had.empty()) continue;  // not compiled
    ++sets;
    hwy::DisableTargets(left & -left);
    for (const Unavailable& u : unavailable_kernels()) {
      if (!is_of(u.name, isa)) continue;
      EXPECT_EQ(u.reason, "this processor has no " + isa);
      EXPECT_TRUE(named.insert(u.name).second) << u.name;
    }
    hwy::DisableTargets(0);
    EXPECT_EQ(named, had);
  }
  EXPECT_GT(sets, 0);
}

}  // namespace
}  // namespace xent
