// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/dialect.h"
#include "core/enclosure.h"
#include "core/test_case.h"
#include "oracle/reference_divisor.h"
#include "oracle/reference_questions.h"

namespace xent {

/// The dialect's answer to a question where it is not the formula's value; `formula`: there is one.
std::optional<Enclosure> expected(Answer, bool formula);

/// What neither levels nor rows change, and what follows for a row from the question it poses.
struct Setup {
  std::shared_ptr<const TestCase> kept;
  const TestCase& c;
  const Dialect& dialect;
  Divisions divisions;

  explicit Setup(std::shared_ptr<const TestCase>);

  /// Of the row itself, whatever becomes of it afterwards.
  std::optional<Enclosure> answer(const RowQuestion&, bool of_loss) const;
  /// Of a row's gradient: the row's own, then the reduction's, then the upstream's.
  std::optional<Enclosure> grad_answer(const RowQuestion&, std::int64_t row) const;
  /// What becomes of that answer at class j: a NaN somewhere in the row reaches the gradient of
  /// every class through a softmax, else of the class it stands in (of nll, beside the input).
  Enclosure grad_answer_at(const RowQuestion&, const Enclosure& answer, std::int64_t row,
                           std::int64_t j) const;
  /// All classes have the same.
  bool is_shared(const RowQuestion&, const Enclosure& answer) const;
  /// The softmax of the row exists, whatever its loss.
  bool has_softmax(const RowQuestion&) const;

 private:
  bool reaches(std::int64_t row, std::int64_t j) const;
};

}  // namespace xent
