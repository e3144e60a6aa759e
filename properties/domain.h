// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/test_case.h"

namespace xent {

/// A family of inputs with an intent. The same (problem, domain, seed) gives the same bits on every
/// machine: a counter-based generator, integers and + - * / sqrt only.
struct Domain {
  std::string_view name;
  std::string_view intent;  ///< one line
  bool (*fits)(const Problem&);
  TestCase (*make)(const Problem&, std::uint64_t seed);
};

const std::vector<Domain>& all_domains();
/// Throws UsageError with the nearest names.
const Domain& find_domain(std::string_view name);

/// find_domain(name).make(problem, seed), with recipe, targets and upstream filled in.
TestCase make_case(const Problem&, std::string_view domain, std::uint64_t seed);

}  // namespace xent
