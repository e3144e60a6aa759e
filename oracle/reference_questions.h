// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "core/dialect.h"
#include "core/test_case.h"

namespace xent {

/// The question that a row's numbers pose. `open`: beyond what OPTIONS.md settles, such as NaN in a
/// class without mass; such a row has no answer in any dialect.
struct RowQuestion {
  std::optional<Question> question;
  bool open = false;
};

/// The gravest question of a row: what is ignored before NaN, NaN before +inf, that before masks.
RowQuestion row_question(const TestCase&, std::int64_t row);

/// The formula has a value in rows that pose this question, so that a dialect may ask for it.
bool has_formula(Question);

/// The row is scored by a class index.
bool has_index_target(const Problem&);
bool is_ignored(const TestCase&, std::int64_t row);

/// a_j of ce and nll is not exactly 0; y is the scored class, -1 with vector targets.
bool has_mass(const TestCase&, std::int64_t row, std::int64_t j, std::int64_t y);

/// Softmax of the input row is taken.
inline bool takes_logits(Op op) { return op == Op::ce || op == Op::lse || op == Op::mse_softmax; }
inline bool is_binary(Op op) {
  return op == Op::bce_logits || op == Op::bce_prob || op == Op::mse_sigmoid;
}

}  // namespace xent
