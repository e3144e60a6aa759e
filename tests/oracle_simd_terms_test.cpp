// SPDX-License-Identifier: Apache-2.0
// Rows of terms in doubles and pairs against 257 bits of MPFI.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oracle/reference_questions.h"
#include "oracle/reference_rows.h"
#include "oracle/simd/rows.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_random_case.h"
#include "tests/oracle_simd_terms_cases.h"

namespace xent {
namespace {

using namespace oracle_tests;
using I = Interval<77>;
using Kind = Enclosure::Kind;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr Op kOps[] = {Op::nll,     Op::bce_logits,    Op::bce_prob, Op::mse_sigmoid,
                       Op::entropy, Op::cross_entropy, Op::kl};
constexpr Tier kTiers[] = {Tier::doubles, Tier::pairs};

class SimdTerms : public ::testing::Test {
  void SetUp() override {
    if (simd_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  }
};

const Conventions& conventions_of(const TestCase& c) {
  return find_dialect(c.problem.dialect).conventions;
}

/// One row as both sides are asked for it. The factor is any that a mean over three rows may have.
struct Asked {
  RowTask<I> exact;
  SimdTask simd;
  RowFacts facts, simd_facts;

  Asked(const TestCase& c, std::int64_t row, const Conventions& conventions)
      : exact{c, conventions, row, -1, false, I(0)},
        simd{&c, &conventions, row, -1, false, c.problem.wants_grad(), {}, &simd_facts} {
    if (has_index_target(c.problem)) exact.y = simd.y = *c.scored_class(row);
    exact.factor = I(c.upstream_of(row));
    if (c.problem.is_mean()) exact.factor /= I(3);
    if (c.problem.unit == Unit::bits) exact.factor /= log_two<I>();
    simd.factor = to_enclosure(exact.factor);
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;
};

/// The row has a formula.
bool is_asked(const TestCase& c, std::int64_t row) {
  if (is_ignored(c, row)) return false;
  const RowQuestion q = row_question(c, row);
  return !q.open && (!q.question || has_formula(*q.question));
}

std::unique_ptr<SimdRow> built(Tier tier, Asked& asked) {
  SimdTask task = asked.simd;
  if (tier != Tier::doubles) task.facts = nullptr;
  std::unique_ptr<SimdRow> row;
  term_rows(tier, {&task, 1}, {&row, 1});
  return row;
}

/// The loss in the problem's unit. Sets the facts.
RowLoss<I> exact_loss(ExactRow<I>& row, Asked& asked) {
  RowLoss<I> loss = row.loss();
  const Problem& p = asked.exact.c.problem;
  if (p.unit == Unit::bits) loss.value /= log_two<I>();
  row.set_facts(asked.facts);
  asked.facts.loss = at_most_largest(upper_double(abs_of(loss.value)));
  if (is_binary(p.op) || p.op == Op::nll) asked.facts.condition += asked.facts.loss;
  return loss;
}

std::vector<Enclosure> gradients_of(const SimdRow& row, std::int64_t v) {
  std::vector<Enclosure> all;
  const auto block = std::make_unique<Elements>();
  for (std::int64_t first = 0; first < v; first += Elements::kMost) {
    const std::int64_t count = std::min(v - first, Elements::kMost);
    row.gradients(first, count, *block);
    for (std::int64_t i = 0; i < count; ++i) {
      all.push_back({Kind::number, block->hi[i], block->lo[i], block->rad[i]});
      EXPECT_EQ(block->probability[i], 0);
      EXPECT_EQ(block->gap[i], 0);
    }
  }
  return all;
}

constexpr double kTiny = 0x1p-900;

/// The derivative is a product: no difference in it cancels.
bool is_product(Op op) { return op == Op::cross_entropy || op == Op::kl || op == Op::nll; }

double relative_radius(Tier tier) { return tier == Tier::doubles ? 0x1p-40 : 0x1p-88; }

/// Upper bounds of the exact value, and close ones.
void expect_bracket(double simd, double exact, double slack, const std::string& what) {
  EXPECT_GE(simd, exact) << what;
  EXPECT_LE(simd, exact * (1 + 0x1p-38) + slack) << what;
}

/// Absolute parts of radii: of tiny numbers, and where sigma(x) - y cancels. Weights are at most 2.
double slack_of(const Asked& asked, Tier tier) {
  const Problem& p = asked.exact.c.problem;
  const double u = tier == Tier::doubles ? 0x1p-49 : 0x1p-97;
  const bool cancels = p.op == Op::bce_logits || p.op == Op::mse_sigmoid;
  return static_cast<double>(p.v) * (kTiny + (cancels ? u * (1 + asked.facts.greatest) : 0));
}

void expect_facts(const Asked& asked, double loss_radius, const std::string& what) {
  const RowFacts &a = asked.simd_facts, &b = asked.facts;
  EXPECT_EQ(a.live, b.live) << what;
  EXPECT_EQ(a.greatest, b.greatest) << what;
  const double slack = slack_of(asked, Tier::doubles);
  expect_bracket(a.mass, b.mass, slack, what + " mass");
  expect_bracket(a.mass_logit, b.mass_logit, slack, what + " mass_logit");
  expect_bracket(a.terms, b.terms, slack, what + " terms");
  expect_bracket(a.log_terms, b.log_terms, slack, what + " log_terms");
  expect_bracket(a.far_log_terms, b.far_log_terms, slack, what + " far_log_terms");
  expect_bracket(a.condition, b.condition, slack + 2 * loss_radius, what + " condition");
  expect_bracket(a.loss, b.loss, slack + 2 * loss_radius, what + " loss");
}

/// What the radius of a gradient that is a product may be.
double sharp(const Enclosure& g, Tier tier, const Asked& asked) {
  const double factor = std::fmax(1, std::fabs(asked.simd.factor.hi));
  return relative_radius(tier) * std::fabs(g.hi) + kTiny * factor;
}

struct Tally {
  std::int64_t elements = 0, wide = 0;  ///< wide: few digits, where a difference cancels
  std::int64_t rows = 0, declined = 0;
};

/// Everything about one row. A row that has no finite loss or gradient must be declined.
void check_row(const TestCase& c, std::int64_t row, Tally& tally,
               const Conventions& conventions) {
  Asked asked(c, row, conventions);
  const auto exact = term_row(asked.exact);
  const RowLoss<I> of_row = exact_loss(*exact, asked);
  const std::string what = to_text(c.problem) + " row " + std::to_string(row);
  const Enclosure loss = to_enclosure(of_row.value);
  for (const Tier tier : kTiers) {
    const auto simd = built(tier, asked);
    ++tally.rows;
    if (!simd) {
      ++tally.declined;
      continue;
    }
    ASSERT_EQ(of_row.kind, Kind::number) << what;
    EXPECT_TRUE(intersects(simd->loss(), loss)) << what;
    const double most = relative_radius(tier) * 2 * asked.facts.terms + slack_of(asked, tier);
    EXPECT_LE(simd->loss().rad, most) << what;
    if (tier == Tier::doubles) expect_facts(asked, simd->loss().rad, what);
    if (!c.problem.wants_grad()) continue;
    const std::vector<Enclosure> grad = gradients_of(*simd, c.problem.v);
    for (std::size_t j = 0; j < grad.size(); ++j) {
      ++tally.elements;
      const Enclosure g = exact->gradient(static_cast<std::int64_t>(j));
      EXPECT_TRUE(std::isinf(grad[j].rad) ? g.kind != Kind::undefined : intersects(grad[j], g))
          << what << " class " << j << " x " << c.logit(row, static_cast<std::int64_t>(j));
      if (std::isinf(grad[j].rad)) {
        EXPECT_EQ(c.problem.dtype, DType::f64) << what;
      } else if (is_product(c.problem.op)) {
        EXPECT_LE(grad[j].rad, sharp(g, tier, asked)) << what;
      }
      tally.wide += !(grad[j].rad <= sharp(g, tier, asked));
    }
  }
}

void check_row(const TestCase& c, std::int64_t row, Tally& tally) {
  check_row(c, row, tally, conventions_of(c));
}

TEST_F(SimdTerms, HoldTheExactValueInEveryOption) {
  Draw draw(31);
  Tally tally;
  for (int i = 0; i < 900; ++i) {
    for (const Op op : kOps) {
      const TestCase c = random_case(draw, op);
      for (std::int64_t r = 0; r < c.problem.n; ++r) {
        if (is_asked(c, r)) check_row(c, r, tally);
      }
    }
  }
  EXPECT_GE(tally.elements, 20000);
  EXPECT_LT(tally.wide * 100, tally.elements);
  EXPECT_LT(tally.declined * 4, tally.rows);
}

constexpr DType kTypes[] = {DType::f64, DType::f32, DType::bf16, DType::f16};

TEST_F(SimdTerms, HoldTheExactValueInLongOddRows) {
  Draw draw(32);
  Tally tally;
  for (const std::int64_t v : {1, 7, 31, 32, 33, 255, 511, 512, 513, 1025}) {
    for (const Op op : kOps) {
      for (const DType d : kTypes) {
        check_row(odd_case(draw, op, d, v, any_words(draw, op)), 0, tally);
      }
    }
  }
  EXPECT_GE(tally.elements, 100000);
  EXPECT_LT(tally.wide * 100, tally.elements);
  EXPECT_EQ(tally.declined, 0);
}

/// Loss, gradients and facts.
std::vector<std::uint64_t> bits_of(const SimdRow& row, const TestCase& c, const RowFacts& facts) {
  std::vector<double> all = {row.loss().hi, row.loss().lo, row.loss().rad};
  for (const Enclosure& e : gradients_of(row, c.problem.v)) {
    all.insert(all.end(), {e.hi, e.lo, e.rad});
  }
  const RowFacts& f = facts;
  all.insert(all.end(), {static_cast<double>(f.live), f.greatest, f.loss, f.condition, f.mass,
                         f.mass_logit, f.terms, f.log_terms, f.far_log_terms});
  std::vector<std::uint64_t> bits(all.size());
  std::memcpy(bits.data(), all.data(), all.size() * sizeof(double));
  return bits;
}

/// A batch of rows on one instruction set: the bits of each, in the batch and alone.
void expect_same_bits(Tier tier, const std::vector<TestCase>& cases,
                      std::vector<std::vector<std::uint64_t>>& best, const std::string& isa) {
  std::vector<std::unique_ptr<Asked>> asked;
  std::vector<SimdTask> tasks;
  for (const TestCase& c : cases) {
    asked.push_back(std::make_unique<Asked>(c, 0, conventions_of(c)));
    tasks.push_back(asked.back()->simd);
    if (tier != Tier::doubles) tasks.back().facts = nullptr;
  }
  std::vector<std::unique_ptr<SimdRow>> rows(tasks.size());
  term_rows(tier, tasks, rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_TRUE(rows[i]) << isa;
    const auto batched = bits_of(*rows[i], cases[i], asked[i]->simd_facts);
    asked[i]->simd_facts = {};
    const auto alone = built(tier, *asked[i]);
    EXPECT_EQ(batched, bits_of(*alone, cases[i], asked[i]->simd_facts)) << isa;
    if (best.size() <= i) best.push_back(batched);
    EXPECT_EQ(batched, best[i]) << isa << " " << to_text(cases[i].problem);
  }
}

TEST_F(SimdTerms, AreTheSameBitsOnAllInstructionSetsAndInAnyBatch) {
  Draw draw(33);
  for (const Op op : kOps) {
    std::vector<TestCase> cases;
    for (int i = 0; i < 40; ++i) {
      const std::int64_t v = draw.one_of({1, 5, 33, 64, 512, 700, 1030});
      cases.push_back(odd_case(draw, op, kTypes[draw.below(4)], v, any_words(draw, op)));
    }
    for (const Tier tier : kTiers) {
      std::vector<std::vector<std::uint64_t>> best;
      for (const std::string& isa : simd_targets()) {
        use_simd_target(isa);
        expect_same_bits(tier, cases, best, isa);
      }
      use_simd_target("");
    }
  }
}

/// The row of the only task, or none where it is declined.
std::unique_ptr<SimdRow> row_of(const TestCase& c, Tier tier) {
  Asked asked(c, 0, conventions_of(c));
  return built(tier, asked);
}

// 0 log 0, hard labels and masks without mass are ordinary: no other tier is asked.
TEST_F(SimdTerms, ZerosWithoutMassAreOrdinary) {
  const TestCase cases[] = {
      one("op=kl targets=prob dtype=f32", {0.5, 0, 0.5}, {0.5, 0, 0}),
      one("op=cross-entropy targets=prob dtype=f32", {0.5, 0, 0.5}, {0.5, 0, 0}),
      one("op=cross-entropy dtype=f32", {0, 0.25, 0}, {1}),
      one("op=nll dtype=f32", {-kInf, -1, -kInf}, {1}),
      one("op=nll targets=prob dtype=f32", {-kInf, -1, -2}, {0, 0.5, 0.5}),
      one("op=nll dtype=f32 weights=on smoothing=0.1", {-kInf, -1, -2}, {1}, {0, 1, 2}),
      one("op=bce-prob dtype=f32", {0, 1, 0.5}, {0, 1, 0}),
      one("op=bce-prob dtype=f32 dialect=pytorch", {0, 1, 0.5}, {0, 1, 0}),
      one("op=bce-prob dtype=f32 weights=on", {0, 1, 0.5}, {1, 0, 0}, {0, 0, 1}),
      one("op=bce-logits dtype=f32", {-kInf, kInf, 100}, {0, 1, 0}),
      one("op=bce-logits dtype=f32 weights=on", {-kInf, kInf, 0}, {1, 0, 0}, {0, 0, 1}),
      one("op=mse-sigmoid dtype=f32", {-kInf, kInf, 0}, {1, 0, 0.5}),
  };
  Tally tally;
  for (const TestCase& c : cases) check_row(c, 0, tally);
  EXPECT_EQ(tally.declined, 0);
  TestCase entropy = one("op=entropy dtype=f32", {0.5, 0, 0.5}, {});
  entropy.problem.dir = Dir::fwd;
  check_row(entropy, 0, tally);
  EXPECT_EQ(tally.declined, 0);
}

TEST_F(SimdTerms, DeclineWhatIsNotANumber) {
  const TestCase cases[] = {
      one("op=kl targets=prob dtype=f32", {0.5, 0, 0.5}, {0.5, 0.1, 0}),
      one("op=cross-entropy targets=prob dtype=f32", {0.5, 0, 0.5}, {0.5, 0.1, 0}),
      one("op=cross-entropy dtype=f32", {0, 0.25, 0}, {0}),
      one("op=nll dtype=f32", {-kInf, -1, -kInf}, {0}),
      one("op=nll dtype=f32 smoothing=0.1", {-kInf, -1, -2}, {1}),
      one("op=bce-prob dtype=f32", {0, 0.5, 0.5}, {1, 1, 0}),
      one("op=bce-prob dtype=f32", {0.5, 1, 0.5}, {0, 0.5, 0}),
      one("op=bce-prob dtype=f32 dialect=pytorch", {0x1p-145, 1, 0.5}, {1, 1, 0}),
      one("op=bce-logits dtype=f32", {-kInf, kInf, 100}, {0.5, 1, 0}),
      one("op=entropy dtype=f32", {0.5, 0, 0.5}, {}),
      one("op=bce-logits dtype=f64", {1e308, 1e308, 1e308}, {0, 0, 0}),
  };
  for (const TestCase& c : cases) {
    for (const Tier tier : kTiers) EXPECT_FALSE(row_of(c, tier)) << to_text(c.problem);
  }
}

// KL(p || p) = 0, whatever p; next to it the terms keep their digits.
TEST_F(SimdTerms, DivergenceOfEqualsIsExactlyZero) {
  Draw draw(34);
  for (const DType d : kTypes) {
    const TestCase c = odd_case(draw, Op::kl, d, 300);
    TestCase equal = c;
    equal.input = equal.target;
    for (std::int64_t j = 0; j < 300; ++j) {
      if (equal.input.at(j) == 0) equal.input.set(j, 0.5);
    }
    for (const Tier tier : kTiers) {
      const auto row = row_of(equal, tier);
      ASSERT_TRUE(row);
      EXPECT_EQ(row->loss().hi, 0);
      EXPECT_EQ(row->loss().rad, 0);
    }
  }
  const double near = 1 + 0x1p-52;
  const TestCase c = one("op=kl targets=prob dtype=f64", {near * 0.25}, {0.25});
  EXPECT_LE(row_of(c, Tier::doubles)->loss().rad, 0x1p-40 * 0x1p-54);
  EXPECT_LE(row_of(c, Tier::pairs)->loss().rad, 0x1p-88 * 0x1p-54);
}

// Long rows whose target is a class index, in the last block and elsewhere; smoothing over the
// other classes, which no built-in dialect does.
TEST_F(SimdTerms, IndexTargetsAndOtherConventions) {
  Draw draw(35);
  Tally tally;
  for (const std::string words : {"", " weights=on", " smoothing=0.25", " smoothing=1"}) {
    for (const std::int64_t v : {1, 40, 600, 1100}) {
      TestCase c = odd_case(draw, Op::nll, DType::f32, v, words);
      check_row(c, 0, tally, Conventions{.smoothing_over_others = true});
      c.problem.targets = TargetKind::index;
      c.target = Tensor(DType::i64, {1});
      for (const std::int64_t y : {v - 1, v / 2}) {
        c.target.set_integer(0, y);
        check_row(c, 0, tally);
        check_row(c, 0, tally, Conventions{.smoothing_over_others = true});
      }
      if (!words.empty()) continue;
      c.problem.op = Op::cross_entropy;
      for (std::int64_t j = 0; j < v; ++j) c.input.set(j, draw.uniform());
      check_row(c, 0, tally);
    }
  }
  // Smoothing by 1 over others leaves vector targets to the next tier.
  EXPECT_EQ(tally.declined, 4 * 2);
}

}  // namespace
}  // namespace xent
