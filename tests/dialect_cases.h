// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/dialect.h"
#include "core/test_case.h"

namespace xent::dialect_tests {

using Numbers = std::vector<double>;

/// Numbers for the tensors of a case; class indices in `target` are rounded to integers.
struct Given {
  std::string problem;
  Numbers input, target, weight = {}, upstream = {}, direction = {};
};

TestCase case_of(const Given&);

/// A case that poses a question to the dialect pytorch.
struct Posed {
  Question question;
  TestCase test_case;
};

/// For every question that a case can pose, and every reduction that it makes sense with.
std::vector<Posed> posed_cases();

/// Ordinary cases over the options that PyTorch's own functions have, and (composed) over those
/// that a user writes with autograd: scale, softcap, z-loss, denominators, units, shift,
/// Hessian-vector products, squared errors.
std::vector<TestCase> ordinary_cases(int count);
std::vector<TestCase> composed_cases(int count);

}  // namespace xent::dialect_tests
