// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tests/oracle_cases.h"

namespace xent::oracle_tests {

/// One row of `v` classes without special elements: numbers next to 0 and 1, powers of two, the
/// least ones of the format; zeros of p, labels 0 and 1, weights of 0 among them; of kl, pairs that
/// are equal, next to each other or about a factor of 2 apart. `more` are words of the grammar.
TestCase odd_case(Draw&, Op, DType, std::int64_t v, const std::string& more = "");

/// Words of options that the operation has.
std::string any_words(Draw&, Op);

/// One row of these inputs; y is one class index where the problem takes indices.
TestCase one(const std::string& problem, const Row& x, const Row& y, const Row& w = {});

}  // namespace xent::oracle_tests
