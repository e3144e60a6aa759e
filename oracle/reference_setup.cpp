// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference_setup.h"

#include <cmath>
#include <utility>

namespace xent {

using Kind = Enclosure::Kind;

std::optional<Enclosure> expected(Answer a, bool formula) {
  switch (a) {
    case Answer::zero: return Enclosure::exact(0);
    case Answer::plus_inf: return Enclosure::special(Kind::plus_inf);
    case Answer::nan: return Enclosure::special(Kind::nan);
    case Answer::value:
    case Answer::clamped:
      if (formula) return std::nullopt;
      [[fallthrough]];
    default: return Enclosure::special(Kind::undefined);
  }
}

Setup::Setup(std::shared_ptr<const TestCase> given)
    : kept(std::move(given)),
      c(*kept),
      dialect(find_dialect(c.problem.dialect)),
      divisions(c, dialect.conventions) {}

std::optional<Enclosure> Setup::answer(const RowQuestion& q, bool of_loss) const {
  if (q.open) return Enclosure::special(Kind::undefined);
  if (!q.question) return std::nullopt;
  const DialectEntry& entry = dialect.at(*q.question);
  return expected(of_loss ? entry.loss : entry.grad, has_formula(*q.question));
}

std::optional<Enclosure> Setup::grad_answer(const RowQuestion& q, std::int64_t row) const {
  if (const auto special = answer(q, false)) return special;
  if (divisions.question) return expected(dialect.at(*divisions.question).grad, false);
  const double g = c.upstream_of(row);
  if (std::isnan(g)) return Enclosure::special(Kind::nan);
  if (std::isinf(g)) return Enclosure::special(Kind::undefined);
  return std::nullopt;
}

bool Setup::is_shared(const RowQuestion& q, const Enclosure& special) const {
  return special.kind != Kind::nan || !answer(q, false) || takes_logits(c.problem.op);
}

Enclosure Setup::grad_answer_at(const RowQuestion& q, const Enclosure& special, std::int64_t row,
                                std::int64_t j) const {
  if (is_shared(q, special) || reaches(row, j)) return special;
  return Enclosure::special(Kind::undefined);
}

bool Setup::reaches(std::int64_t row, std::int64_t j) const {
  if (c.problem.op == Op::cross_entropy && has_index_target(c.problem)) {
    return c.scored_class(row) == j;
  }
  const bool beside = std::isnan(c.weight_of(j)) ||
                      (has_vector_targets(c.problem) &&
                       std::isnan(c.target.at(row * c.problem.v + j)));
  return beside || (c.problem.op != Op::nll && std::isnan(c.logit(row, j)));
}

bool Setup::has_softmax(const RowQuestion& q) const {
  if (!takes_logits(c.problem.op)) return false;
  return !q.question || (has_formula(*q.question) && *q.question != Question::ignored_row_nan);
}

}  // namespace xent
