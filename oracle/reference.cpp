// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

#include "oracle/quantities.h"
#include "oracle/reference_setup.h"
#include "oracle/reference_tiers.h"

namespace xent {
namespace {

using Kind = Enclosure::Kind;

/// Of a sum with a special term.
Kind joined(Kind a, Kind b) {
  for (const Kind k : {Kind::undefined, Kind::nan}) {
    if (a == k || b == k) return k;
  }
  if (a == Kind::number || a == b) return b;
  return b == Kind::number ? a : Kind::undefined;
}

/// f of a type of intervals; levels below 1 stand for the first here.
template <class F>
auto at_precision(int level, const F& f) {
  switch (level) {
    case 2: return f(Interval<kDigits[1]>());
    case 3: return f(Interval<kDigits[2]>());
    case 4: return f(Interval<kDigits[3]>());
    default: return f(Interval<kDigits[0]>());
  }
}

/// The enclosure says something, and at level 0 as much as that promises.
bool serves(const Enclosure& e, int level) {
  const double most = level < 0 ? std::numeric_limits<double>::max()
                                : std::fabs(e.hi) * Reference::kSharp;
  return e.is_number() && std::isfinite(e.hi) && std::isfinite(e.lo) && e.rad <= most;
}

void put(Elements& out, std::int64_t i, const Enclosure& e) {
  out.hi[i] = e.hi;
  out.lo[i] = e.lo;
  out.rad[i] = e.rad;
}
Enclosure first_of(const Elements& e) { return {Kind::number, e.hi[0], e.lo[0], e.rad[0]}; }

}  // namespace

struct Reference::Impl {
  Setup setup;
  Tiers tiers;
  std::array<std::optional<Enclosure>, kLevels + 1> reduced;
  std::once_flag dividing;
  std::vector<Enclosure> divisors;  ///< of each group of rows
  std::atomic<std::int64_t> exact_elements = 0;

  explicit Impl(std::shared_ptr<const TestCase> c) : setup(std::move(c)), tiers(setup) {}

  const Problem& problem() const { return setup.c.problem; }

  /// The first answer of f on the row at the level's tiers of doubles that it does not decline.
  template <class F>
  bool quick(std::int64_t row, int level, bool values, const F& f) {
    for (const Tier tier : {Tier::doubles, Tier::pairs}) {
      if (level > (tier == Tier::doubles ? kQuick : 0)) continue;
      const SimdSlot* slot = tiers.simd(row, tier, values);
      if (slot && f(*slot)) return true;
    }
    return false;
  }

  /// An answer of the row in intervals.
  template <class F>
  auto exactly(std::int64_t row, int level, bool values, const F& f) {
    return at_precision(level, [&](auto interval) {
      return f(tiers.exact<decltype(interval)>(row, values));
    });
  }

  /// Without an infinite input an infinity is an overflow, and MPFI knows the number.
  bool serves_as_loss(const Enclosure& e, std::int64_t row, int level) {
    return serves(e, level) || (e.kind == Kind::plus_inf && tiers.question(row).question);
  }

  template <class I>
  RowLoss<I> loss_in(std::int64_t row, int level) {
    RowLoss<I> loss;
    const bool found = quick(row, level, false, [&](const SimdSlot& slot) {
      loss = {slot.loss.kind, interval_of<I>(slot.loss)};
      return serves_as_loss(slot.loss, row, level);
    });
    return found ? loss : *tiers.exact<I>(row).loss;
  }

  Enclosure row_loss(std::int64_t row, int level) {
    if (const auto special = setup.answer(tiers.question(row), true)) return *special;
    Enclosure loss;
    const bool found = quick(row, level, false, [&](const SimdSlot& slot) {
      return serves_as_loss(loss = slot.loss, row, level);
    });
    if (found) return loss;
    return exactly(row, level, false, [](const auto& slot) {
      return slot.loss->kind == Kind::number ? to_enclosure(slot.loss->value)
                                             : Enclosure::special(slot.loss->kind);
    });
  }

  /// Sum or mean of the rows' losses, or what their kinds make of it.
  template <class I>
  Enclosure reduced_loss(int level) {
    std::vector<I> losses;
    Kind kind = Kind::number;
    for (std::int64_t r = 0; r < problem().n; ++r) {
      tiers.turn_to(r);
      RowLoss<I> loss;
      if (const auto special = setup.answer(tiers.question(r), true)) loss.kind = special->kind;
      else loss = loss_in<I>(r, level);
      kind = joined(kind, loss.kind);
      losses.push_back(loss.kind == Kind::number ? loss.value : I(0));
    }
    if (kind == Kind::number) {
      const I total = tiers.divisors().mean_or_sum<I>(
          [&](std::int64_t r) { return losses[static_cast<std::size_t>(r)]; });
      return to_enclosure(problem().unit == Unit::perplexity ? exp_of(total) : total);
    }
    const bool infinite = kind == Kind::plus_inf || kind == Kind::minus_inf;
    const bool positive = tiers.divisors().positive<I>();
    return Enclosure::special(infinite && !positive ? Kind::undefined : kind);
  }

  Enclosure reduced_loss(int level) {
    if (setup.divisions.question) {
      return *expected(setup.dialect.at(*setup.divisions.question).loss, false);
    }
    std::optional<Enclosure>& kept = reduced[static_cast<std::size_t>(level + 1)];
    if (!kept) {
      kept = at_precision(level, [&](auto i) { return reduced_loss<decltype(i)>(level); });
    }
    return *kept;
  }

  /// Class j by `ask` of a row in doubles, by `answer` of a row in intervals.
  template <class Ask, class Answer>
  Enclosure element(std::int64_t row, int level, const Ask& ask, const Answer& answer) {
    Enclosure e;
    const bool found = quick(row, level, true, [&](const SimdSlot& slot) {
      Elements one;
      ask(*slot.row, one);
      return serves(e = first_of(one), level);
    });
    if (found) return e;
    ++exact_elements;
    return exactly(row, level, true, [&](const auto& slot) { return answer(*slot.row); });
  }

  Enclosure grad(std::int64_t row, std::int64_t j, int level) {
    const RowQuestion& q = tiers.question(row);
    if (const auto special = setup.grad_answer(q, row)) {
      return setup.grad_answer_at(q, *special, row, j);
    }
    return element(
        row, level, [&](const SimdRow& r, Elements& one) { r.gradients(j, 1, one); },
        [&](auto& r) { return r.gradient(j); });
  }

  Enclosure probability(std::int64_t row, std::int64_t j, int level) {
    return element(
        row, level, [&](const SimdRow& r, Elements& one) { r.probabilities(j, 1, one); },
        [&](auto& r) { return r.probability(j); });
  }

  /// Elements of a row in intervals, `answer` of each.
  template <class Answer>
  bool fill(std::int64_t row, std::int64_t first, std::int64_t count, int level, Elements& out,
            const Answer& answer) {
    const bool logits = takes_logits(problem().op);
    exact_elements += count;
    return exactly(row, level, true, [&](auto& slot) {
      for (std::int64_t i = 0; i < count; ++i) {
        const Enclosure e = answer(*slot.row, first + i);
        if (!e.is_number()) return false;
        put(out, i, e);
        out.probability[i] =
            logits ? magnitude_upper(slot.row->probability(first + i)) : 0;
        out.gap[i] = slot.row->gap(first + i);
      }
      return true;
    });
  }
};

Reference::Reference(const TestCase& c) : Reference(std::make_shared<const TestCase>(c)) {}

Reference::Reference(std::shared_ptr<const TestCase> c) {
  if (const auto reason = meaningless(c->problem)) {
    throw std::logic_error("the oracle has no reference for " + to_text(c->problem) + ": " +
                           *reason);
  }
  impl_ = std::make_unique<Impl>(std::move(c));
}

Reference::~Reference() = default;

const TestCase& Reference::test_case() const { return impl_->setup.c; }

std::optional<Question> Reference::question(std::int64_t row) const {
  if (row < 0 || row >= test_case().problem.n) return std::nullopt;
  return impl_->tiers.question(row).question;
}

std::optional<Question> Reference::reduction_question() const {
  return impl_->setup.divisions.question;
}

Enclosure Reference::divisor(std::int64_t row) const {
  using I = Interval<kDigits[1]>;
  const Divisions& d = impl_->setup.divisions;
  if (!test_case().problem.is_mean()) return Enclosure::exact(1);
  if (is_ignored(test_case(), row)) return Enclosure::exact(0);
  std::call_once(impl_->dividing, [&] {
    for (std::int64_t g = 0; g < std::ssize(d.valid); ++g) {
      impl_->divisors.push_back(
          to_enclosure(I(impl_->tiers.divisors().of_group<I>(g) * I(d.counted))));
    }
  });
  return impl_->divisors[static_cast<std::size_t>(row / d.group_size)];
}

const RowFacts& Reference::facts(std::int64_t row) {
  static const RowFacts none;
  if (is_ignored(test_case(), row)) return none;
  impl_->tiers.turn_to(row);
  return impl_->tiers.facts(row);
}

Enclosure Reference::row_loss(std::int64_t row, int level) {
  impl_->tiers.turn_to(row);
  return impl_->row_loss(row, level);
}

Enclosure Reference::transformed(std::int64_t row, std::int64_t j, int level) {
  const Problem& p = test_case().problem;
  const double x = test_case().logit(row, j);
  if (std::isnan(x)) return Enclosure::special(Kind::nan);
  if (std::isinf(x) && p.softcap == 0) {
    return Enclosure::special((x > 0) == (p.scale > 0) ? Kind::plus_inf : Kind::minus_inf);
  }
  if (p.softcap == 0 && p.scale == 1) return Enclosure::exact(x);
  return at_precision(level, [&](auto i) { return to_enclosure(logit_of<decltype(i)>(x, p)); });
}

Enclosure Reference::lse(std::int64_t row, int level) {
  impl_->tiers.turn_to(row);
  if (!impl_->setup.has_softmax(impl_->tiers.question(row))) {
    return Enclosure::special(Kind::undefined);
  }
  Enclosure e;
  const auto get = [&](const SimdSlot& slot) { return serves(e = slot.lse, level); };
  if (impl_->quick(row, level, false, get)) return e;
  return impl_->exactly(row, level, false, [](const auto& slot) { return slot.lse; });
}

Enclosure Reference::probability(std::int64_t row, std::int64_t j, int level) {
  impl_->tiers.turn_to(row);
  if (!impl_->setup.has_softmax(impl_->tiers.question(row))) {
    return Enclosure::special(Kind::undefined);
  }
  return impl_->probability(row, j, level);
}

Enclosure Reference::loss(std::int64_t i, int level) {
  if (test_case().problem.reduction == Reduction::none) return row_loss(i, level);
  return impl_->reduced_loss(level);
}

Enclosure Reference::grad(std::int64_t row, std::int64_t j, int level) {
  impl_->tiers.turn_to(row);
  return impl_->grad(row, j, level);
}

std::optional<Enclosure> Reference::grad_special(std::int64_t row) const {
  const RowQuestion& q = impl_->tiers.question(row);
  const auto special = impl_->setup.grad_answer(q, row);
  return special && impl_->setup.is_shared(q, *special) ? special : std::nullopt;
}

bool Reference::elements(std::int64_t row, std::int64_t first, std::int64_t count, int level,
                         Elements& out) {
  impl_->tiers.turn_to(row);
  if (impl_->setup.grad_answer(impl_->tiers.question(row), row)) return false;
  const auto ask = [&](const SimdSlot& slot) {
    slot.row->gradients(first, count, out);
    return true;
  };
  if (impl_->quick(row, level, true, ask)) return true;
  return impl_->fill(row, first, count, level, out,
                     [](auto& r, std::int64_t j) { return r.gradient(j); });
}

bool Reference::probabilities(std::int64_t row, std::int64_t first, std::int64_t count, int level,
                              Elements& out) {
  impl_->tiers.turn_to(row);
  if (!impl_->setup.has_softmax(impl_->tiers.question(row))) return false;
  const auto ask = [&](const SimdSlot& slot) {
    slot.row->probabilities(first, count, out);
    return true;
  };
  if (impl_->quick(row, level, true, ask)) return true;
  return impl_->fill(row, first, count, level, out,
                     [](auto& r, std::int64_t j) { return r.probability(j); });
}

void Reference::release(std::int64_t row) { impl_->tiers.release(row); }

Work Reference::work() const {
  Work w;
  for (std::size_t i = 0; i < w.rows.size(); ++i) w.rows[i] = impl_->tiers.built(i);
  w.exact_elements = impl_->exact_elements;
  w.bytes = impl_->tiers.bytes();
  return w;
}

void release_thread_cache() { mpfr_free_cache(); }

}  // namespace xent
