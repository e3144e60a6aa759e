// SPDX-License-Identifier: Apache-2.0
// Whole outputs: rows in blocks, blocks by vectors, what they leave open one by one.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <utility>

#include "oracle/bound.h"
#include "oracle/bound_blocks.h"
#include "oracle/compare_block.h"
#include "oracle/in_order.h"
#include "oracle/judge_element.h"
#include "oracle/load_block.h"
#include "oracle/overflow.h"

namespace xent {
namespace {

std::atomic<int> judge_threads{1};
thread_local bool verdict_alone = false;

/// Doubles need more than doubles; what is wider than they can tell climbs by itself.
int first_level(const ErrorBudget& b) {
  return b.output == DType::f64 ? 0 : Reference::kQuick;
}

std::string question_name(Reference& ref, std::int64_t row) {
  const auto q = ref.question(row);
  return q ? std::string(name(*q)) : std::string("undefined");
}

/// The question that leaves loss element i without an answer: of its row, of the reduction, or of
/// the first row that makes the reduced loss undefined.
std::string undefined_name(Reference& ref, std::int64_t i) {
  const Problem& p = ref.test_case().problem;
  if (p.reduction == Reduction::none) return question_name(ref, i);
  if (const auto q = ref.reduction_question()) return std::string(name(*q));
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (ref.row_loss(r).kind == Enclosure::Kind::undefined) return question_name(ref, r);
  }
  return "undefined";
}

double loss_condition(Reference& ref, std::int64_t i) {
  const Problem& p = ref.test_case().problem;
  if (p.reduction == Reduction::none) return counts(ref, i) ? ref.facts(i).condition : 0;
  double sum = 0;
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (!counts(ref, r)) continue;
    sum += ref.facts(r).condition / (p.is_mean() ? magnitude_lower(ref.divisor(r)) : 1);
  }
  return sum;
}

/// Gradients, row by row. One a thread.
class GradJudge {
 public:
  GradJudge(Reference& ref, const ErrorBudget& budget, const Tensor& grad)
      : ref_(ref),
        budget_(budget),
        grad_(grad),
        v_(ref.test_case().problem.v),
        level_(first_level(budget)),
        condition_(2),
        bounds_(ref, budget),
        lost_(ref, budget) {}

  void row(std::int64_t r, Judgement& all) {
    const auto shared = ref_.grad_special(r);
    if (shared && shared->kind == Enclosure::Kind::undefined) {
      all.excluded[question_name(ref_, r)] += v_;
      return;
    }
    const bool plain = !shared && !lost_.grad_zeros(r);
    for (std::int64_t first = 0; first < v_; first += Elements::kMost) {
      const std::int64_t count = std::min(Elements::kMost, v_ - first);
      if (plain && ref_.elements(r, first, count, level_, elements_)) block(r, first, count, all);
      else one_by_one(r, first, count, all);
    }
  }

 private:
  void block(std::int64_t r, std::int64_t first, std::int64_t count, Judgement& all) {
    load_block(grad_, r * v_ + first, count, compared_.got);
    bounds_.block(r, first, count, elements_, compared_.bound);
    compared_.count = count;
    compare_block(compared_, elements_, budget_.output);
    if (compared_.within > 0) {
      all.checks += compared_.within;
      all.verdict = graver(all.verdict, Verdict::pass);
      all.errors.add(compared_, unit_roundoff(budget_.output) * condition_);
    }
    for (std::int64_t i = 0; compared_.within < count && i < count; ++i) {
      if (compared_.over_bin[i] != Histogram::kNoBin) continue;
      const Enclosure e = exact(r, first + i, i);
      element(r, first + i, compared_.got[i], e.is_number() ? compared_.bound[i] : 0, e, all);
    }
  }

  /// Of the block. Beyond the doubles its numbers say nothing: the answer may be an infinity.
  Enclosure exact(std::int64_t r, std::int64_t j, std::int64_t i) {
    const Enclosure e{Enclosure::Kind::number, elements_.hi[i], elements_.lo[i], elements_.rad[i]};
    return std::isfinite(e.hi) && std::isfinite(e.rad) ? e : ref_.grad(r, j, level_);
  }

  void one_by_one(std::int64_t r, std::int64_t first, std::int64_t count, Judgement& all) {
    for (std::int64_t j = first; j < first + count; ++j) {
      const Enclosure e = ref_.grad(r, j, level_);
      if (e.kind == Enclosure::Kind::undefined) {
        ++all.excluded[question_name(ref_, r)];
        continue;
      }
      element(r, j, grad_.at(r * v_ + j), e.is_number() ? bounds_.element(r, j) : 0, e, all);
    }
  }

  void element(std::int64_t r, std::int64_t j, double got, double bound, const Enclosure& e,
               Judgement& all) {
    if (lost_.grad(r, j, got, e, bounds_)) {
      ++all.excluded["intermediate-overflow"];
      return;
    }
    judge_element(
        all, {got, budget_.output, bound, condition_, e, level_},
        [&] { return "grad[" + std::to_string(r) + "," + std::to_string(j) + "]"; },
        [&](int level) { return ref_.grad(r, j, level); });
  }

  Reference& ref_;
  const ErrorBudget& budget_;
  const Tensor& grad_;
  std::int64_t v_;
  int level_;
  double condition_;
  GradBounds bounds_;
  LostOutputs lost_;
  Elements elements_;
  ComparedBlock compared_;
};

class LossJudge {
 public:
  LossJudge(Reference& ref, const ErrorBudget& budget, const Tensor& loss)
      : ref_(ref),
        budget_(budget),
        loss_(loss),
        level_(first_level(budget)),
        bounds_(ref, budget),
        lost_(ref, budget) {}

  void row(std::int64_t i, Judgement& all) {
    const Enclosure first = ref_.loss(i, level_);
    const double got = loss_.at(i);
    if (first.kind == Enclosure::Kind::undefined) {
      ++all.excluded[undefined_name(ref_, i)];
      return;
    }
    if (lost_.loss(i, got, first)) {
      ++all.excluded["intermediate-overflow"];
      return;
    }
    const double bound = first.is_number() ? bounds_.element(i) : 0;
    const double condition = first.is_number() ? loss_condition(ref_, i) : 0;
    judge_element(
        all, {got, budget_.output, bound, condition, first, level_},
        [&] { return "loss[" + std::to_string(i) + "]"; },
        [&](int level) { return ref_.loss(i, level); });
  }

 private:
  Reference& ref_;
  const ErrorBudget& budget_;
  const Tensor& loss_;
  int level_;
  LossBounds bounds_;
  LostOutputs lost_;
};

/// What a reduced loss needs of its rows, found by all threads: the sum itself is one thread's.
class RowLosses {
 public:
  RowLosses(Reference& ref, const ErrorBudget& budget) : ref_(ref), level_(first_level(budget)) {}

  void row(std::int64_t r, Judgement&) {
    if (counts(ref_, r) && ref_.row_loss(r, level_).is_number()) ref_.facts(r);
  }

 private:
  Reference& ref_;
  int level_;
};

/// Rows are dealt out in chunks: few, that they cost little, and many, that all threads have some.
/// The size may depend on the problem alone, for sums are merged chunk by chunk.
template <class Judge, class... Of>
Judgement judge_rows(std::int64_t rows, std::int64_t classes, Of&... of) {
  constexpr std::int64_t kElements = 1 << 15;
  const std::int64_t size = std::max<std::int64_t>(1, kElements / classes);
  const std::int64_t chunks = (rows + size - 1) / size;
  const bool stops = verdict_alone;
  std::atomic<bool> stopped{false};
  return in_order<Judgement>(chunks, judge_threads, [&] {
    return [&, judge = std::make_unique<Judge>(of...)](std::int64_t chunk) {
      Judgement some;
      const std::int64_t end = std::min(rows, (chunk + 1) * size);
      for (std::int64_t r = chunk * size; r < end && !stopped; ++r) {
        judge->row(r, some);
        if (stops && some.verdict == Verdict::fail) stopped = true;
      }
      return some;
    };
  });
}

}  // namespace

VerdictAlone::VerdictAlone() : before_(std::exchange(verdict_alone, true)) {}
VerdictAlone::~VerdictAlone() { verdict_alone = before_; }

void set_judge_threads(int threads) { judge_threads = std::max(threads, 1); }

Judgement judge_loss(Reference& ref, const ErrorBudget& budget, const Tensor& loss) {
  const Problem& p = ref.test_case().problem;
  if (p.reduction == Reduction::none) return judge_rows<LossJudge>(p.n, p.v, ref, budget, loss);
  if (judge_threads > 1) judge_rows<RowLosses>(p.n, p.v, ref, budget);
  Judgement all;
  LossJudge(ref, budget, loss).row(0, all);
  return all;
}

Judgement judge_grad(Reference& ref, const ErrorBudget& budget, const Tensor& grad) {
  const Problem& p = ref.test_case().problem;
  return judge_rows<GradJudge>(p.n, p.v, ref, budget, grad);
}

}  // namespace xent
