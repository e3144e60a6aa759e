// SPDX-License-Identifier: Apache-2.0
// Rows of logits in doubles and pairs against 257 bits of MPFI.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "oracle/reference_questions.h"
#include "oracle/reference_rows.h"
#include "oracle/simd/rows.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_random_case.h"

namespace xent {
namespace {

using namespace oracle_tests;
using I = Interval<77>;
using Kind = Enclosure::Kind;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr Tier kTiers[] = {Tier::doubles, Tier::pairs};
constexpr DType kTypes[] = {DType::f64, DType::f32, DType::bf16, DType::f16};

class SimdRows : public ::testing::Test {
  void SetUp() override {
    if (simd_targets().empty()) GTEST_SKIP() << "no fused multiply-adds";
  }
  void TearDown() override { use_simd_target(""); }
};

/// All rows of a case as both sides are asked for them; the factor is any that a mean may have.
struct Asked {
  const TestCase& c;
  Conventions conventions;
  std::vector<I> factors;
  std::vector<RowFacts> facts;
  std::vector<SimdTask> tasks;

  explicit Asked(const TestCase& given, Conventions v = {})
      : c(given), conventions(v), facts(static_cast<std::size_t>(given.problem.n)) {
    for (std::int64_t r = 0; r < c.problem.n; ++r) {
      I factor(c.problem.wants_grad() ? c.upstream_of(r) : 0);
      if (c.problem.is_mean()) factor /= I(3);
      if (c.problem.unit == Unit::bits) factor /= log_two<I>();
      factors.push_back(factor);
      const bool ignored = is_ignored(c, r);
      const std::int64_t y = has_index_target(c.problem) && !ignored ? *c.scored_class(r) : -1;
      tasks.push_back({&c, &conventions, r, y, ignored, true, to_enclosure(factor),
                       ignored ? nullptr : &facts[static_cast<std::size_t>(r)]});
    }
  }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  /// In batches of `batch` rows.
  std::vector<std::unique_ptr<SimdRow>> build(Tier tier, std::size_t batch = 1000) {
    std::vector<SimdTask> all = tasks;
    for (SimdTask& t : all) t.facts = tier == Tier::doubles ? t.facts : nullptr;
    std::vector<std::unique_ptr<SimdRow>> rows(all.size());
    for (std::size_t i = 0; i < all.size(); i += batch) {
      const std::size_t count = std::min(batch, all.size() - i);
      softmax_rows(tier, std::span(all).subspan(i, count), std::span(rows).subspan(i, count));
    }
    return rows;
  }
  bool is_asked(std::int64_t row) const {
    const RowQuestion q = row_question(c, row);
    return !q.open && (!q.question || has_formula(*q.question)) &&
           q.question != Question::ignored_row_nan;
  }
};

/// The tier's numbers of a row, asked for in blocks of any length.
struct Numbers {
  std::vector<Enclosure> probability, gradient;
  std::vector<double> upper, gap;
};

Numbers numbers_of(const SimdRow& row, const SimdTask& task, Draw& draw) {
  Numbers n;
  const Problem& p = task.c->problem;
  const auto e = std::make_unique<Elements>();
  const auto append = [&](std::vector<Enclosure>& to, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      to.push_back({Kind::number, e->hi[i], e->lo[i], e->rad[i]});
    }
  };
  for (std::int64_t first = 0, count; first < p.v; first += count) {
    count = std::min(p.v - first, 1 + draw.below(Elements::kMost));
    row.probabilities(first, count, *e);
    append(n.probability, count);
    n.upper.insert(n.upper.end(), e->probability, e->probability + count);
    n.gap.insert(n.gap.end(), e->gap, e->gap + count);
    if (!p.wants_grad() || task.ignored) continue;
    row.gradients(first, count, *e);
    append(n.gradient, count);
    EXPECT_TRUE(std::equal(e->gap, e->gap + count, n.gap.end() - count));
    EXPECT_TRUE(std::equal(e->probability, e->probability + count, n.upper.end() - count));
  }
  return n;
}

/// The exact number, known to 2^-105 of itself, lies inside.
void expect_holds(const Enclosure& simd, const Enclosure& exact, const std::string& what) {
  ASSERT_TRUE(simd.is_number() && exact.is_number()) << what;
  if (std::isinf(simd.rad)) return;
  EXPECT_TRUE(intersects(simd, exact)) << what;
  const Enclosure middle = Enclosure{Kind::number, exact.hi, exact.lo, 0} -
                           Enclosure{Kind::number, simd.hi, simd.lo, 0};
  if (simd.rad > 0) {
    EXPECT_LE(magnitude_upper(middle) + exact.rad, simd.rad) << what;
  }
  EXPECT_LE(std::fabs(simd.lo), std::fabs(simd.hi) * 0x1p-53) << what;
}

/// What radii are added up to where numbers are far below the formats'.
double slack_of(const TestCase& c, const RowFacts& exact) {
  return 0x1p-960 * static_cast<double>(c.problem.v) * (1 + exact.greatest);
}

double sharpness(Tier tier, const TestCase& c) {
  const double capped = c.problem.softcap != 0 ? 4 : 1;
  return (tier == Tier::doubles ? 0x1p-40 : 0x1p-88) * capped;
}

/// An upper bound, and a close one. Under a cap the 257 bits are not exact: differences cancel.
void expect_bound(double simd, double exact, const TestCase& c, double slack,
                  const std::string& what) {
  const double lost = c.problem.softcap != 0 ? 0x1p-230 * std::fmax(1, c.problem.softcap) : 0;
  EXPECT_GE(simd, exact - lost * static_cast<double>(c.problem.v)) << what;
  EXPECT_LE(simd, exact * (1 + 0x1p-38) + slack) << what;
}

void expect_facts(const RowFacts& a, const RowFacts& b, const TestCase& c,
                  const std::string& what) {
  const double slack = slack_of(c, b);
  EXPECT_EQ(a.live, b.live) << what;
  EXPECT_EQ(a.ties, b.ties) << what;
  EXPECT_EQ(a.target_is_max, b.target_is_max) << what;
  // To nearest, but for numbers halfway.
  const double half = c.problem.softcap != 0 ? 0x1p-52 : 0;
  EXPECT_LE(std::fabs(a.max - b.max), half * std::fabs(b.max)) << what;
  EXPECT_LE(std::fabs(a.target - b.target), half * std::fabs(b.target)) << what;
  const std::pair<double RowFacts::*, const char*> fields[] = {
      {&RowFacts::sum, "sum"}, {&RowFacts::rest, "rest"}, {&RowFacts::log_sum, "log_sum"},
      {&RowFacts::lse, "lse"}, {&RowFacts::mean_gap, "mean_gap"}, {&RowFacts::rest_gap, "rest_gap"},
      {&RowFacts::greatest_gap, "greatest_gap"}, {&RowFacts::below_max, "below_max"},
      {&RowFacts::greatest, "greatest"}, {&RowFacts::condition, "condition"},
      {&RowFacts::mass, "mass"}, {&RowFacts::mass_gap, "mass_gap"},
      {&RowFacts::mass_logit, "mass_logit"}, {&RowFacts::direction, "direction"},
      {&RowFacts::direction_gap, "direction_gap"}, {&RowFacts::direction_size, "direction_size"}};
  // What cancels is exact but for the radius.
  const double cancelled = 0x1p-38 * b.greatest;
  for (const auto& [field, name] : fields) {
    const double more = field == &RowFacts::lse ? cancelled : 0;
    expect_bound(a.*field, b.*field, c, slack + more, what + " " + name);
  }
  const double of_loss = cancelled * (1 + b.greatest) * std::fabs(c.problem.z_loss);
  expect_bound(a.loss, b.loss, c, slack + of_loss, what + " loss");
}

struct Tally {
  std::int64_t elements = 0, rows = 0, declined = 0;
};

/// The derivative is a product.
bool is_product(const SimdTask& t) {
  const Problem& p = t.c->problem;
  return p.dir != Dir::hvp && (p.op == Op::lse || (p.op == Op::ce && t.y >= 0 && p.smoothing == 0 &&
                                                   p.z_loss == 0));
}

void check_elements(const Numbers& n, ExactRow<I>& exact, const SimdTask& task, Tier tier,
                    const std::string& what) {
  const TestCase& c = *task.c;
  const double size = std::fmax(1, magnitude_upper(task.factor)) * 0x1p-900;
  for (std::size_t i = 0; i < n.probability.size(); ++i) {
    const auto j = static_cast<std::int64_t>(i);
    const std::string where = what + " class " + std::to_string(j);
    const Enclosure p = exact.probability(j);
    expect_holds(n.probability[i], p, where + " probability");
    EXPECT_LE(n.probability[i].rad, sharpness(tier, c) * p.hi + 0x1p-990) << where;
    expect_bound(n.upper[i], magnitude_upper(p), c, 0x1p-990, where + " upper probability");
    if (std::isinf(exact.gap(j))) {
      EXPECT_TRUE(n.gap[i] == kInf && n.upper[i] == 0 && n.probability[i].rad == 0) << where;
    } else {
      expect_bound(n.gap[i], exact.gap(j), c, 0x1p-900, where + " gap");
    }
    if (n.gradient.empty()) continue;
    const Enclosure g = exact.gradient(j);
    expect_holds(n.gradient[i], g, where + " gradient");
    if (is_product(task)) {
      EXPECT_LE(n.gradient[i].rad, 2 * sharpness(tier, c) * std::fabs(g.hi) + size) << where;
    }
  }
}

/// Everything about all rows of a case.
void check(const TestCase& c, Draw& draw, Tally& tally, Conventions conventions = {}) {
  Asked asked(c, conventions);
  const auto doubles = asked.build(Tier::doubles), pairs = asked.build(Tier::pairs);
  for (std::size_t r = 0; r < asked.tasks.size(); ++r) {
    const SimdTask& t = asked.tasks[r];
    if (!asked.is_asked(t.row)) continue;
    const auto exact = softmax_row(
        RowTask<I>{c, asked.conventions, t.row, t.y, t.ignored, asked.factors[r]});
    RowLoss<I> loss = t.ignored ? RowLoss<I>{} : exact->loss();
    if (c.problem.unit == Unit::bits) loss.value /= log_two<I>();
    const std::string what = to_text(c.problem) + " row " + std::to_string(r);
    for (const Tier tier : kTiers) {
      const SimdRow* const row = (tier == Tier::doubles ? doubles : pairs)[r].get();
      ++tally.rows;
      tally.declined += row == nullptr;
      if (row == nullptr) continue;
      ASSERT_EQ(loss.kind, Kind::number) << what;
      expect_holds(row->loss(), to_enclosure(loss.value), what + " loss");
      expect_holds(row->lse(), exact->lse(), what + " lse");
      const Numbers n = numbers_of(*row, t, draw);
      tally.elements += std::ssize(n.probability) + std::ssize(n.gradient);
      check_elements(n, *exact, t, tier, what);
      if (tier != Tier::doubles || t.ignored) continue;
      RowFacts facts;
      exact->set_facts(facts);
      facts.loss = upper_double(abs_of(loss.value));
      facts.condition += facts.loss;
      expect_facts(asked.facts[r], facts, c, what);
    }
  }
}

TEST_F(SimdRows, HoldTheExactValueInEveryOption) {
  Draw draw(41);
  Tally tally;
  for (int i = 0; i < 240; ++i) {
    for (const Op op : {Op::ce, Op::ce, Op::ce, Op::lse, Op::mse_softmax}) {
      const std::int64_t most = draw.one_of({7, 7, 40, 600});
      const bool others = op == Op::ce && draw.below(4) == 0;
      check(random_case(draw, op, most), draw, tally, Conventions{.smoothing_over_others = others});
    }
  }
  EXPECT_GE(tally.elements, 100000);
  EXPECT_LT(tally.declined * 4, tally.rows);
}

/// A row of any kind, its label among the last classes half of the time.
TestCase long_case(Draw& draw, DType d, std::int64_t v, int kind) {
  const Row z = random_row(draw, kind, v, d);
  std::int64_t y = random_label(draw, z);
  if (draw.below(2) == 0 && !std::isinf(z.back())) y = v - 1;
  return one_row(z, y, "dir=fwdbwd dtype=" + std::string(name(d)));
}

TEST_F(SimdRows, HoldTheExactValueInLongRows) {
  Draw draw(42);
  Tally tally;
  for (const std::int64_t v : {1, 2, 31, 32, 33, 511, 512, 513, 1030}) {
    for (const DType d : kTypes) {
      for (int kind = 0; kind < kRowKinds; ++kind) {
        check(long_case(draw, d, v, kind), draw, tally);
      }
    }
  }
  EXPECT_GE(tally.elements, 100000);
  EXPECT_LT(tally.declined * 20, tally.rows);
}

/// Bits of all numbers of the rows, and of facts.
std::vector<std::uint64_t> bits_of(const TestCase& c, Tier tier, std::size_t batch, Draw& draw) {
  Asked asked(c);
  const auto rows = asked.build(tier, batch);
  std::vector<double> all;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    all.push_back(rows[r] != nullptr);
    if (!rows[r]) continue;
    Numbers n = numbers_of(*rows[r], asked.tasks[r], draw);
    n.probability.insert(n.probability.end(), {rows[r]->loss(), rows[r]->lse()});
    for (const auto* list : {&n.probability, &n.gradient}) {
      for (const Enclosure& e : *list) all.insert(all.end(), {e.hi, e.lo, e.rad});
    }
    for (const auto* list : {&n.upper, &n.gap}) all.insert(all.end(), list->begin(), list->end());
    const RowFacts& f = asked.facts[r];
    all.insert(all.end(), {f.max, f.target, f.sum, f.rest, f.log_sum, f.lse, f.mean_gap, f.rest_gap,
                           f.greatest_gap, f.below_max, f.greatest, f.loss, f.condition, f.mass,
                           f.mass_gap, f.mass_logit, f.direction, f.direction_gap,
                           f.direction_size});
  }
  std::vector<std::uint64_t> bits(all.size());
  std::memcpy(bits.data(), all.data(), all.size() * sizeof(double));
  return bits;
}

TEST_F(SimdRows, AreTheSameBitsOnAllInstructionSetsAndInAnyBatch) {
  Draw draw(43);
  for (int i = 0; i < 120; ++i) {
    for (const Op op : {Op::ce, Op::lse, Op::mse_softmax}) {
      const TestCase c = random_case(draw, op, draw.one_of({40, 700}));
      for (const Tier tier : kTiers) {
        use_simd_target("");
        const auto best = bits_of(c, tier, 1000, draw);
        EXPECT_EQ(best, bits_of(c, tier, 1, draw)) << to_text(c.problem);
        for (const std::string& isa : simd_targets()) {
          use_simd_target(isa);
          EXPECT_EQ(best, bits_of(c, tier, 3, draw)) << isa << " " << to_text(c.problem);
        }
      }
    }
  }
}

bool declines(const TestCase& c, Tier tier) { return !Asked(c).build(tier)[0]; }

TEST_F(SimdRows, DeclineWhatIsNotANumber) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const TestCase cases[] = {
      one_row({0, nan, 1}), one_row({0, kInf, 1}), one_row({-kInf, -kInf}),
      one_row({-kInf, 1, 2}, 0),
      one_row({0, -kInf, 1}, 0, "dtype=f32 dir=fwdbwd smoothing=0.1"),
      one_row({0, -kInf, 1}, 0, "dtype=f32 dir=fwdbwd softcap=30"),
      one_row({0, -kInf, 1}, 0, "dtype=f32 dir=fwdbwd scale=-1"),
      one_row({0, 1e300, 1}, 0, "dtype=f64 dir=fwdbwd"),
      one_row({nan, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 2),
  };
  for (const TestCase& c : cases) {
    for (const Tier tier : kTiers) EXPECT_TRUE(declines(c, tier)) << to_text(c.problem);
  }
}

// Masks, ties and a scored class that holds everything are ordinary.
TEST_F(SimdRows, EdgesAreOrdinary) {
  const TestCase cases[] = {
      one_row({5}), one_row({-kInf, 5}, 1), one_row({0, 0, 0}, 2), one_row({0, -2000, 0}, 1),
      one_row({0, -800, -900}, 0, "dtype=f32 dir=fwdbwd"), one_row({0, 1}, 0, "dtype=f16 dir=bwd"),
      one_row({0, kInf, 1}, 2, "dtype=f32 dir=fwdbwd scale=-1"),
      one_row({0, -kInf, 1}, 0, "dtype=f32 dir=fwdbwd smoothing=0 zloss=0.5"),
  };
  Draw draw(44);
  for (const TestCase& c : cases) {
    Tally tally;
    check(c, draw, tally);
    // Facts of sums below 2^-900 are left to the next tier.
    EXPECT_LE(tally.declined, c.logit(0, 1 % c.problem.v) <= -800 ? 1 : 0) << to_text(c.problem);
    EXPECT_GT(tally.elements, 0);
  }
}

// Loss of a confident row: its digits are those of the others' sum.
TEST_F(SimdRows, ConfidentRowsKeepTheirDigits) {
  for (const double gap : {20.0, 80.0, 400.0}) {
    const TestCase c = one_row({gap, 0, 0}, 0, "dtype=f64 dir=fwdbwd");
    for (const Tier tier : kTiers) {
      Asked asked(c);
      const auto rows = asked.build(tier);
      ASSERT_TRUE(rows[0]);
      const Enclosure loss = rows[0]->loss();
      EXPECT_NEAR(loss.hi, 2 * std::exp(-gap), 1e-8 * loss.hi);
      EXPECT_LE(loss.rad, sharpness(tier, c) * loss.hi);
    }
  }
}

}  // namespace
}  // namespace xent
