// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "oracle/quantities.h"
#include "oracle/reference_divisor.h"
#include "oracle/reference_questions.h"
#include "oracle/reference_rows.h"

namespace xent {
namespace {

using Kind = Enclosure::Kind;

/// The dialect's answer where it is not the formula's value.
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

/// What no level changes.
struct Setup {
  TestCase c;
  const Dialect& dialect;
  std::vector<RowQuestion> questions;
  Divisions divisions;

  explicit Setup(const TestCase& given)
      : c(given),
        dialect(find_dialect(given.problem.dialect)),
        divisions(c, dialect.conventions) {
    for (std::int64_t r = 0; r < c.problem.n; ++r) questions.push_back(row_question(c, r));
  }

  const RowQuestion& question(std::int64_t row) const {
    return questions[static_cast<std::size_t>(row)];
  }

  /// Of the row itself, whatever becomes of it afterwards.
  std::optional<Enclosure> answer(std::int64_t row, bool of_loss) const {
    const RowQuestion& q = question(row);
    if (q.open) return Enclosure::special(Kind::undefined);
    if (!q.question) return std::nullopt;
    const DialectEntry& entry = dialect.at(*q.question);
    return expected(of_loss ? entry.loss : entry.grad, has_formula(*q.question));
  }

  /// Of a row's gradient: the row's own, then the reduction's, then the upstream's.
  std::optional<Enclosure> grad_answer(std::int64_t row) const {
    if (const auto special = answer(row, false)) return special;
    if (divisions.question) return expected(dialect.at(*divisions.question).grad, false);
    const double g = c.upstream_of(row);
    if (std::isnan(g)) return Enclosure::special(Kind::nan);
    if (std::isinf(g)) return Enclosure::special(Kind::undefined);
    return std::nullopt;
  }

  /// A NaN somewhere in the row reaches the gradient of class j: through the softmax always, class
  /// by class where it stands in the class itself (of nll, beside the input).
  bool reaches(std::int64_t row, std::int64_t j) const {
    if (takes_logits(c.problem.op)) return true;
    if (c.problem.op == Op::cross_entropy && has_index_target(c.problem)) {
      return c.scored_class(row) == j;
    }
    const bool beside = std::isnan(c.weight_of(j)) ||
                        (has_vector_targets(c.problem) && std::isnan(target_of(c, row, j)));
    return beside || (c.problem.op != Op::nll && std::isnan(c.logit(row, j)));
  }

  /// The softmax of the row exists, whatever its loss.
  bool has_softmax(std::int64_t row) const {
    if (!takes_logits(c.problem.op)) return false;
    const RowQuestion& q = question(row);
    return !q.question || (has_formula(*q.question) && *q.question != Question::ignored_row_nan);
  }
};

/// All rows at one precision.
template <class I>
class Level {
 public:
  explicit Level(const Setup& s) : setup_(s), rows_(static_cast<std::size_t>(s.c.problem.n)) {}

  const RowValues<I>& row(std::int64_t r, RowFacts* facts, bool elements) {
    std::unique_ptr<RowValues<I>>& slot = rows_[static_cast<std::size_t>(r)];
    if (!slot || (elements && !slot->has_elements)) {
      slot = std::make_unique<RowValues<I>>(build(r, facts, elements));
    }
    return *slot;
  }

  Enclosure loss_of(const RowValues<I>& v) const {
    return v.kind == Kind::number ? to_enclosure(v.loss) : Enclosure::special(v.kind);
  }

  /// What a row's loss is divided by; 0 where nothing is.
  I divisor(std::int64_t r) {
    if (!setup_.c.problem.is_mean()) return I(1);
    if (is_ignored(setup_.c, r)) return I(0);
    const Divisions& d = setup_.divisions;
    return group_divisor(r / d.group_size) * I(d.groups_counted());
  }

  /// sum over groups of (sum of losses / D), divided by the number of groups; `row` gives values.
  template <class Row>
  I mean_or_sum(const Row& row) {
    const Problem& p = setup_.c.problem;
    const Divisions& d = setup_.divisions;
    I total(0);
    for (std::int64_t g = 0; g < std::ssize(d.valid); ++g) {
      I sum(0);
      for (std::int64_t r = g * d.group_size; r < (g + 1) * d.group_size; ++r) sum += row(r);
      if (!p.is_mean()) total += sum;
      else if (d.counts(g)) total += sum / group_divisor(g);
    }
    return p.is_mean() ? I(total / I(d.groups_counted())) : total;
  }

  bool positive_divisors() {
    if (!setup_.c.problem.is_mean()) return true;
    for (std::int64_t g = 0; g < std::ssize(setup_.divisions.valid); ++g) {
      if (setup_.divisions.counts(g) && !(lower_double(group_divisor(g)) > 0)) return false;
    }
    return true;
  }

 private:
  I group_divisor(std::int64_t g) {
    if (divisors_.empty()) divisors_ = divisors_of<I>(setup_.c, setup_.divisions);
    return divisors_[static_cast<std::size_t>(g)];
  }

  I factor(std::int64_t r) {
    if (!setup_.c.problem.wants_grad() || setup_.grad_answer(r)) return I(0);
    I g(setup_.c.upstream_of(r));
    if (setup_.c.problem.is_mean()) g /= divisor(r);
    if (setup_.c.problem.unit == Unit::bits) g /= log_two<I>();
    return g;
  }

  RowValues<I> build(std::int64_t r, RowFacts* facts, bool elements) {
    const TestCase& c = setup_.c;
    const bool ignored = is_ignored(c, r);
    const std::int64_t y = has_index_target(c.problem) && !ignored ? *c.scored_class(r) : -1;
    const bool needed = elements || (c.problem.wants_grad() && !ignored);
    const RowTask<I> task{c,       setup_.dialect.conventions, r, y, ignored, needed,
                          factor(r), facts};
    RowValues<I> v = takes_logits(c.problem.op) ? softmax_row(task) : term_row(task);
    if (c.problem.unit == Unit::bits) v.loss /= log_two<I>();
    if (facts && v.kind == Kind::number && !ignored) {
      facts->loss = at_most_largest(upper_double(abs_of(v.loss)));
      if (takes_logits(c.problem.op) || is_binary(c.problem.op) || c.problem.op == Op::nll) {
        facts->condition += facts->loss;
      }
    }
    return v;
  }

  const Setup& setup_;
  std::vector<std::unique_ptr<RowValues<I>>> rows_;
  std::vector<I> divisors_;
};

/// Of a sum with a special term.
Kind joined(Kind a, Kind b) {
  for (const Kind k : {Kind::undefined, Kind::nan}) {
    if (a == k || b == k) return k;
  }
  if (a == Kind::number || a == b) return b;
  return b == Kind::number ? a : Kind::undefined;
}

}  // namespace

struct Reference::Impl {
  Setup setup;
  std::vector<std::optional<RowFacts>> facts;
  std::vector<std::optional<Enclosure>> divisors;
  std::tuple<Level<Interval<kDigits[0]>>, Level<Interval<kDigits[1]>>, Level<Interval<kDigits[2]>>,
             Level<Interval<kDigits[3]>>>
      levels;

  explicit Impl(const TestCase& c)
      : setup(c),
        facts(static_cast<std::size_t>(c.problem.n)),
        divisors(static_cast<std::size_t>(c.problem.n)),
        levels(setup, setup, setup, setup) {}

  template <class F>
  auto at(int level, const F& f) {
    switch (level) {
      case 0: return f(std::get<0>(levels));
      case 1: return f(std::get<1>(levels));
      case 2: return f(std::get<2>(levels));
      default: return f(std::get<3>(levels));
    }
  }

  template <class L>
  const auto& values(L& level, std::int64_t row, bool elements = false) {
    std::optional<RowFacts>& kept = facts[static_cast<std::size_t>(row)];
    const bool first = std::is_same_v<L, Level<Interval<kDigits[0]>>> && !kept;
    RowFacts found;
    const auto& v = level.row(row, first ? &found : nullptr, elements);
    if (first) kept = found;
    return v;
  }

  Enclosure row_loss(std::int64_t row, int level) {
    if (const auto special = setup.answer(row, true)) return *special;
    return at(level, [&](auto& l) { return l.loss_of(values(l, row)); });
  }

  /// Kind of the reduced loss.
  Kind reduced_kind(int level) {
    Kind kind = Kind::number;
    for (std::int64_t r = 0; r < setup.c.problem.n; ++r) {
      if (const auto special = setup.answer(r, true)) kind = joined(kind, special->kind);
      else kind = joined(kind, at(level, [&](auto& l) { return values(l, r).kind; }));
    }
    return kind;
  }

  Enclosure reduced_loss(int level) {
    const Problem& p = setup.c.problem;
    if (setup.divisions.question) {
      return *expected(setup.dialect.at(*setup.divisions.question).loss, false);
    }
    const Kind kind = reduced_kind(level);
    return at(level, [&](auto& l) {
      if (kind == Kind::number) {
        const auto total = l.mean_or_sum([&](std::int64_t r) {
          using I = std::decay_t<decltype(values(l, r).loss)>;
          return setup.answer(r, true) ? I(0) : values(l, r).loss;
        });
        return to_enclosure(p.unit == Unit::perplexity ? exp_of(total) : total);
      }
      const bool infinite = kind == Kind::plus_inf || kind == Kind::minus_inf;
      return Enclosure::special(infinite && !l.positive_divisors() ? Kind::undefined : kind);
    });
  }

  Enclosure grad(std::int64_t row, std::int64_t j, int level) {
    if (const auto special = setup.grad_answer(row)) {
      const bool spreads = special->kind != Kind::nan || !setup.answer(row, false);
      return spreads || setup.reaches(row, j) ? *special : Enclosure::special(Kind::undefined);
    }
    return at(level, [&](auto& l) {
      return values(l, row, true).grad[static_cast<std::size_t>(j)];
    });
  }
};

Reference::Reference(const TestCase& c) {
  if (const auto reason = meaningless(c.problem)) {
    throw std::logic_error("the oracle has no reference for " + to_text(c.problem) + ": " +
                           *reason);
  }
  impl_ = std::make_unique<Impl>(c);
}

Reference::~Reference() = default;

const TestCase& Reference::test_case() const { return impl_->setup.c; }

std::optional<Question> Reference::question(std::int64_t row) const {
  if (row < 0 || row >= test_case().problem.n) return std::nullopt;
  return impl_->setup.question(row).question;
}

std::optional<Question> Reference::reduction_question() const {
  return impl_->setup.divisions.question;
}

Enclosure Reference::divisor(std::int64_t row) const {
  std::optional<Enclosure>& kept = impl_->divisors[static_cast<std::size_t>(row)];
  if (!kept) kept = to_enclosure(std::get<1>(impl_->levels).divisor(row));
  return *kept;
}

const RowFacts& Reference::facts(std::int64_t row) {
  static const RowFacts none;
  if (is_ignored(test_case(), row)) return none;
  impl_->values(std::get<0>(impl_->levels), row);
  return *impl_->facts[static_cast<std::size_t>(row)];
}

Enclosure Reference::row_loss(std::int64_t row, int level) { return impl_->row_loss(row, level); }

Enclosure Reference::transformed(std::int64_t row, std::int64_t j, int level) {
  const Problem& p = test_case().problem;
  const double x = test_case().logit(row, j);
  if (std::isnan(x)) return Enclosure::special(Kind::nan);
  if (std::isinf(x) && p.softcap == 0) {
    return Enclosure::special((x > 0) == (p.scale > 0) ? Kind::plus_inf : Kind::minus_inf);
  }
  if (p.softcap == 0 && p.scale == 1) return Enclosure::exact(x);
  return impl_->at(level, [&](auto& l) {
    using I = std::decay_t<decltype(l.divisor(0))>;
    return to_enclosure(logit_of<I>(x, p));
  });
}

Enclosure Reference::lse(std::int64_t row, int level) {
  if (!impl_->setup.has_softmax(row)) return Enclosure::special(Kind::undefined);
  return impl_->at(level, [&](auto& l) { return impl_->values(l, row).lse; });
}

Enclosure Reference::probability(std::int64_t row, std::int64_t j, int level) {
  if (!impl_->setup.has_softmax(row)) return Enclosure::special(Kind::undefined);
  return impl_->at(level, [&](auto& l) {
    return impl_->values(l, row, true).probability[static_cast<std::size_t>(j)];
  });
}

Enclosure Reference::loss(std::int64_t i, int level) {
  if (test_case().problem.reduction == Reduction::none) return row_loss(i, level);
  return impl_->reduced_loss(level);
}

Enclosure Reference::grad(std::int64_t row, std::int64_t j, int level) {
  return impl_->grad(row, j, level);
}

void release_thread_cache() { mpfr_free_cache(); }

}  // namespace xent
