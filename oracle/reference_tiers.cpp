// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference_tiers.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "oracle/reference_questions.h"

namespace xent {
namespace {

// Cases of more inputs give up rows: building one anew in doubles or pairs takes less time than
// fresh memory for it does, in intervals it takes long.
constexpr std::int64_t kLargeCase = std::int64_t{1} << 16;
constexpr std::int64_t kLargeExactCase = std::int64_t{1} << 20;
constexpr std::int64_t kBatchInputs = 16384;
constexpr std::int64_t kBatchRows = 32;

/// A factor whose products with gradients stay far from the ends of the doubles.
bool is_moderate(const Enclosure& factor) {
  if (!factor.is_number() || !std::isfinite(factor.rad)) return false;
  const double size = std::fabs(factor.hi);
  return (size == 0 && factor.rad == 0) || (size >= 0x1p-900 && size <= 0x1p900);
}

/// Facts in doubles are off by some 2^-1000 where they are not 0: too much for an output in
/// binary64 that is about as small, and nothing to a shorter format.
bool are_close(const RowFacts& f, const Problem& p) {
  const double least = p.output_dtype() == DType::f64 ? 0x1p-900 : 0;
  for (const double x :
       {f.sum, f.rest, f.log_sum, f.lse, f.mean_gap, f.rest_gap, f.greatest_gap, f.below_max,
        f.greatest, f.loss, f.condition, f.mass, f.mass_gap, f.mass_logit, f.direction,
        f.direction_gap, f.direction_size, f.terms, f.log_terms, f.far_log_terms}) {
    if (std::isnan(x) || (x > 0 && x < least)) return false;
  }
  return true;
}

std::size_t index(Tier t) { return t == Tier::doubles ? 0 : 1; }

template <unsigned Digits>
std::size_t index(const Interval<Digits>*) {
  return 2 + static_cast<std::size_t>(std::find(std::begin(kDigits), std::end(kDigits), Digits) -
                                      std::begin(kDigits));
}

std::uint32_t this_thread() {
  static std::atomic<std::uint32_t> threads = 0;
  thread_local const std::uint32_t number = ++threads;
  return number;
}

}  // namespace

/// Rows [first, first + rows.size()).
struct Tiers::Batch {
  Batch(std::int64_t at, std::int64_t count)
      : first(at), rows(static_cast<std::size_t>(count)) {}
  RowState& at(std::int64_t row) { return rows[static_cast<std::size_t>(row - first)]; }

  const std::int64_t first;
  std::vector<RowState> rows;
  std::once_flag asking;
  std::mutex building;  ///< of the first two tiers' rows
  std::array<int, 2> builds = {};
};

Tiers::Tiers(const Setup& s)
    : setup_(s),
      divisors_(s.c, s.divisions),
      large_(s.c.problem.n * s.c.problem.v > kLargeCase),
      batch_size_(std::clamp(kBatchInputs / s.c.problem.v, std::int64_t{1}, kBatchRows)),
      batches_(static_cast<std::size_t>((s.c.problem.n + batch_size_ - 1) / batch_size_)),
      users_(large_ ? static_cast<std::size_t>(s.c.problem.n) : 0) {}

Tiers::~Tiers() {
  for (const std::atomic<Batch*>& batch : batches_) delete batch.load();
}

Tiers::Batch& Tiers::batch_of(std::int64_t row) {
  std::atomic<Batch*>& kept = batches_[static_cast<std::size_t>(row / batch_size_)];
  Batch* batch = kept.load(std::memory_order_acquire);
  if (!batch) {
    const std::lock_guard lock(making_);
    batch = kept.load(std::memory_order_acquire);
    if (!batch) {
      const std::int64_t first = row / batch_size_ * batch_size_;
      batch = new Batch(first, std::min(batch_size_, setup_.c.problem.n - first));
      kept.store(batch, std::memory_order_release);
    }
  }
  std::call_once(batch->asking, [&] {
    std::int64_t at = batch->first;
    for (RowState& s : batch->rows) s.question = row_question(setup_.c, at++);
  });
  return *batch;
}

RowState& Tiers::state(std::int64_t row) { return batch_of(row).at(row); }

template <class I>
I Tiers::factor(const RowState& s, std::int64_t row) {
  if (!setup_.c.problem.wants_grad() || setup_.grad_answer(s.question, row)) return I(0);
  I g(setup_.c.upstream_of(row));
  if (setup_.c.problem.is_mean()) g /= divisors_.of_row<I>(row);
  if (setup_.c.problem.unit == Unit::bits) g /= log_two<I>();
  return g;
}

Enclosure Tiers::factor_of_elements(const RowState& s, std::int64_t row) {
  using I = Interval<kDigits[1]>;
  const Problem& p = setup_.c.problem;
  if (!p.wants_grad() || setup_.grad_answer(s.question, row)) return Enclosure::exact(0);
  if (p.upstream == Upstream::row) return to_enclosure(factor<I>(s, row));
  if (!p.is_mean() && p.unit == Unit::nats) return Enclosure::exact(setup_.c.upstream_of(row));
  std::call_once(making_factors_, [&] {
    const auto groups = static_cast<std::int64_t>(setup_.divisions.valid.size());
    for (std::int64_t g = 0; g < groups; ++g) {
      I f(setup_.c.upstream_of(row));
      if (p.is_mean()) f /= divisors_.of_group<I>(g) * I(setup_.divisions.counted);
      if (p.unit == Unit::bits) f /= log_two<I>();
      factors_.push_back(to_enclosure(f));
    }
  });
  return factors_[static_cast<std::size_t>(row / setup_.divisions.group_size)];
}

/// Not one class alone: that answer is exact.
bool Tiers::may_build(const RowState& s, std::int64_t row) {
  const RowQuestion& q = s.question;
  if (takes_logits(setup_.c.problem.op) && setup_.c.problem.v == 1) return false;
  const bool formula = !q.open && (!q.question || has_formula(*q.question)) &&
                       q.question != Question::ignored_row_nan;
  return formula && is_moderate(factor_of_elements(s, row));
}

/// The row, and others of its batch that are likely to be asked for next: the first time those that
/// never were, later those that were dropped no more often.
std::vector<std::int64_t> Tiers::due(Batch& batch, std::int64_t row, Tier tier) const {
  const std::size_t t = index(tier);
  const bool again = batch.at(row).simd[t].tried;
  const int before = batch.at(row).simd[t].dropped;
  std::vector<std::int64_t> rows = {row};
  if (again ? !large_ : batch.builds[t]++ == 0) return rows;
  for (std::int64_t r = batch.first; r < batch.first + std::ssize(batch.rows); ++r) {
    const SimdSlot& slot = batch.at(r).simd[t];
    const bool dropped = slot.tried && !slot.declined && !slot.ready && slot.dropped <= before;
    if (r != row && (again ? dropped : !slot.tried)) rows.push_back(r);
  }
  return rows;
}

void Tiers::build(Batch& batch, Tier tier, std::int64_t row, bool elements) {
  const Problem& p = setup_.c.problem;
  const std::size_t t = index(tier);
  const bool usable = simd_tiers_unusable().empty();
  const std::vector<std::int64_t> rows = due(batch, row, tier);
  std::vector<RowFacts> facts(rows.size());
  std::vector<SimdTask> tasks;
  std::vector<std::int64_t> built;
  for (const std::int64_t r : rows) {
    RowState& s = batch.at(r);
    SimdSlot& slot = s.simd[t];
    if (!usable || !may_build(s, r)) {
      (slot.tried ? slot.no_elements : slot.declined) = true;
      slot.tried.store(true, std::memory_order_release);
      continue;
    }
    const bool ignored = is_ignored(setup_.c, r);
    const std::int64_t y = has_index_target(p) && !ignored ? *setup_.c.scored_class(r) : -1;
    const bool wants_facts = tier == Tier::doubles && !slot.tried && !ignored;
    tasks.push_back({&setup_.c, &setup_.dialect.conventions, r, y, ignored,
                     elements || (p.wants_grad() && !ignored), factor_of_elements(s, r),
                     wants_facts ? &facts[tasks.size()] : nullptr});
    built.push_back(r);
  }
  std::vector<std::unique_ptr<SimdRow>> results(tasks.size());
  (takes_logits(p.op) ? softmax_rows : term_rows)(tier, tasks, results);
  built_[t] += std::ssize(tasks);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    RowState& s = batch.at(built[i]);
    finish(s, tier, tasks[i], std::move(results[i]));
  }
}

/// What came of building a row.
void Tiers::finish(RowState& s, Tier tier, const SimdTask& task, std::unique_ptr<SimdRow> row) {
  SimdSlot& slot = s.simd[index(tier)];
  const bool first = !slot.tried.load();
  slot.elements = task.elements;
  if (!row) {
    (first ? slot.declined : slot.no_elements) = true;
  } else {
    if (first) {
      slot.loss = row->loss();
      slot.lse = row->lse();
      if (task.facts && are_close(*task.facts, setup_.c.problem)) s.facts = *task.facts;
    }
    slot.row = std::move(row);
    slot.ready.store(true, std::memory_order_release);
  }
  slot.tried.store(true, std::memory_order_release);
}

const SimdSlot* Tiers::simd(std::int64_t row, Tier tier, bool values) {
  Batch& batch = batch_of(row);
  SimdSlot& slot = batch.at(row).simd[index(tier)];
  const auto known = [&] {
    if (!slot.tried.load(std::memory_order_acquire)) return false;
    if (!values || slot.declined || slot.no_elements) return true;
    return slot.ready.load(std::memory_order_acquire) && slot.elements;
  };
  if (!known()) {
    const std::lock_guard lock(batch.building);
    if (!known()) build(batch, tier, row, values);
  }
  return slot.declined || (values && slot.no_elements) ? nullptr : &slot;
}

template <class I>
ExactSlot<I>& Tiers::exact(std::int64_t row, bool values) {
  RowState& s = state(row);
  auto& kept = std::get<std::unique_ptr<ExactSlot<I>>>(s.exact);
  if (!kept) kept = std::make_unique<ExactSlot<I>>();
  if (kept->loss && (!values || kept->row)) return *kept;
  const Problem& p = setup_.c.problem;
  const bool ignored = is_ignored(setup_.c, row);
  const std::int64_t y = has_index_target(p) && !ignored ? *setup_.c.scored_class(row) : -1;
  const RowTask<I> task{setup_.c, setup_.dialect.conventions, row, y, ignored, factor<I>(s, row)};
  kept->row = takes_logits(p.op) ? softmax_row(task) : term_row(task);
  kept->loss = kept->row->loss();
  if (p.unit == Unit::bits) kept->loss->value /= log_two<I>();
  kept->lse = kept->row->lse();
  ++built_[index(static_cast<const I*>(nullptr))];
  return *kept;
}

template ExactSlot<Interval<kDigits[0]>>& Tiers::exact(std::int64_t, bool);
template ExactSlot<Interval<kDigits[1]>>& Tiers::exact(std::int64_t, bool);
template ExactSlot<Interval<kDigits[2]>>& Tiers::exact(std::int64_t, bool);
template ExactSlot<Interval<kDigits[3]>>& Tiers::exact(std::int64_t, bool);

const RowFacts& Tiers::facts(std::int64_t row) {
  simd(row, Tier::doubles);
  std::optional<RowFacts>& kept = state(row).facts;
  if (!kept) kept = facts_in<Interval<kDigits[0]>>(row);
  return *kept;
}

template <class I>
RowFacts Tiers::facts_in(std::int64_t row) {
  const Op op = setup_.c.problem.op;
  const ExactSlot<I>& slot = exact<I>(row, true);
  RowFacts f;
  slot.row->set_facts(f);
  if (slot.loss->kind == Enclosure::Kind::number) {
    f.loss = at_most_largest(upper_double(abs_of(slot.loss->value)));
    if (takes_logits(op) || is_binary(op) || op == Op::nll) f.condition += f.loss;
  }
  return f;
}

template RowFacts Tiers::facts_in<Interval<kDigits[0]>>(std::int64_t);
template RowFacts Tiers::facts_in<Interval<kDigits[3]>>(std::int64_t);

std::int64_t Tiers::bytes() const {
  std::int64_t sum = 0;
  for (const std::atomic<Batch*>& kept : batches_) {
    const Batch* batch = kept.load();
    for (std::size_t i = 0; batch && i < batch->rows.size(); ++i) {
      for (const SimdSlot& slot : batch->rows[i].simd) sum += slot.row ? slot.row->bytes() : 0;
    }
  }
  return sum;
}

void Tiers::release(std::int64_t row) {
  if (!large_) return;
  Batch& batch = batch_of(row);
  const std::lock_guard lock(batch.building);
  RowState& s = batch.at(row);
  for (SimdSlot& slot : s.simd) {
    if (slot.row) ++slot.dropped;
    slot.ready.store(false, std::memory_order_release);
    slot.row.reset();
  }
  if (setup_.c.problem.n * setup_.c.problem.v <= kLargeExactCase) return;
  std::apply([](auto&... kept) { ((kept ? kept->row.reset() : void()), ...); }, s.exact);
}

void Tiers::turn_to(std::int64_t row) {
  if (!large_) return;
  const std::uint32_t me = this_thread();
  const auto user = [&](std::int64_t r) -> std::atomic<std::uint32_t>& {
    return users_[static_cast<std::size_t>(r)];
  };
  if (user(row).load(std::memory_order_relaxed) == me) return;
  const std::lock_guard lock(turning_);
  user(row) = me;
  const auto mine = std::find_if(turns_.begin(), turns_.end(),
                                 [&](const auto& turn) { return turn.first == me; });
  if (mine == turns_.end()) {
    turns_.emplace_back(me, row);
    return;
  }
  const std::int64_t left = std::exchange(mine->second, row);
  if (user(left) != me) return;
  user(left) = 0;
  release(left);
}

}  // namespace xent
