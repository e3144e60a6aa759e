// SPDX-License-Identifier: Apache-2.0
// Rows in intervals with equal classes together, and apart.

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "oracle/reference_questions.h"
#include "oracle/reference_rows.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_random_case.h"

namespace xent {
namespace {

using namespace oracle_tests;
using Kind = Enclosure::Kind;

/// A case in which inputs, labels and the rest are of few values each.
TestCase of_few_values(Draw& draw, Op op) {
  TestCase c = random_case(draw, op);
  std::vector<std::int64_t> classes;
  while (has_index_target(c.problem)) c = random_case(draw, op);
  for (std::int64_t k = 0; k < 40; ++k) classes.push_back(draw.below(c.problem.v));
  return keep_classes(c, classes);
}

using First = Interval<kDigits[0]>;

std::unique_ptr<ExactRow<First>> exact_row(const TestCase& c, std::int64_t r, bool merge) {
  const Conventions& conventions = find_dialect(c.problem.dialect).conventions;
  const RowTask<First> task{c, conventions, r, -1, false, First(1), merge};
  return takes_logits(c.problem.op) ? softmax_row(task) : term_row(task);
}

struct TwoWays {
  std::unique_ptr<ExactRow<First>> together, apart;
};

void expect_same(const Enclosure& a, const Enclosure& b, const Problem& p) {
  EXPECT_TRUE(intersects(a, b)) << to_text(p) << ": " << a.hi << ", apart " << b.hi;
  EXPECT_LE(a.rad, 4 * b.rad + std::fabs(b.hi) * 0x1p-100) << to_text(p);
}

void expect_same_answers(const TwoWays& row, const Problem& p) {
  expect_same(to_enclosure(row.together->loss().value), to_enclosure(row.apart->loss().value), p);
  if (takes_logits(p.op)) expect_same(row.together->lse(), row.apart->lse(), p);
  for (std::int64_t j = 0; j < p.v; ++j) {
    EXPECT_EQ(row.together->gap(j), row.apart->gap(j));
    if (takes_logits(p.op)) {
      expect_same(row.together->probability(j), row.apart->probability(j), p);
    }
    if (p.wants_grad()) expect_same(row.together->gradient(j), row.apart->gradient(j), p);
  }
}

void expect_same_facts(const TwoWays& row) {
  RowFacts f, g;
  row.together->set_facts(f);
  row.apart->set_facts(g);
  EXPECT_EQ(f.live, g.live);
  EXPECT_EQ(f.ties, g.ties);
  // Derivatives cancel to nothing here and there: 128 bits, 40 classes.
  const double cancelled = (1 + g.greatest) * (1 + g.mass) * 0x1p-110;
  EXPECT_NEAR(f.condition, g.condition, std::fabs(g.condition) * 0x1p-50 + cancelled);
  EXPECT_NEAR(f.mass, g.mass, std::fabs(g.mass) * 0x1p-50);
  EXPECT_NEAR(f.mean_gap, g.mean_gap, std::fabs(g.mean_gap) * 0x1p-50);
  EXPECT_NEAR(f.direction_gap, g.direction_gap, std::fabs(g.direction_gap) * 0x1p-50);
}

TEST(Groups, EqualClassesTogetherAreEqualClassesApart) {
  Draw draw(36);
  int rows = 0;
  for (int i = 0; i < 25; ++i) {
    for (const Op op : {Op::ce, Op::bce_logits, Op::bce_prob, Op::entropy, Op::cross_entropy,
                        Op::kl, Op::lse, Op::nll, Op::mse_softmax, Op::mse_sigmoid}) {
      const TestCase c = of_few_values(draw, op);
      for (std::int64_t r = 0; r < c.problem.n; ++r) {
        const RowQuestion q = row_question(c, r);
        if (q.open || (q.question && !has_formula(*q.question))) continue;
        const TwoWays row{exact_row(c, r, true), exact_row(c, r, false)};
        ASSERT_EQ(row.together->loss().kind, row.apart->loss().kind);
        expect_same_answers(row, c.problem);
        if (row.together->loss().kind == Kind::number) expect_same_facts(row);
        ++rows;
      }
    }
  }
  EXPECT_GT(rows, 200);
}

// The scored class stands alone, and is left out of t whole.
TEST(Groups, ClassIndicesAndSmoothing) {
  Draw draw(37);
  for (int i = 0; i < 60; ++i) {
    const char* more = draw.one_of({"", "smoothing=0.1", "zloss=0.5", "scale=-0.1"});
    Row x;
    for (int j = 0; j < 60; ++j) x.push_back(draw.one_of({1.0, 3.0, -2.0, 3.0, -40.0}));
    const TestCase c = one_row(x, draw.below(60), std::string("dir=fwdbwd ") + more);
    const Conventions& conventions = find_dialect("math").conventions;
    const auto row = [&](bool merge) {
      return softmax_row(RowTask<First>{c, conventions, 0, c.label(0), false, First(1), merge});
    };
    const TwoWays both{row(true), row(false)};
    expect_same_answers(both, c.problem);
    expect_same_facts(both);
  }
}

TEST(Groups, EqualInputsTakeOneExponential) {
  const Groups few({{3, 1, 3, 1, 1, 2, 3, 1}, {0, 0, 1, 0, 0, 0, 0, 0}});
  EXPECT_TRUE(few.merged());
  EXPECT_EQ(few.size(), 4u);
  EXPECT_EQ(few.of(0), few.of(6));
  EXPECT_NE(few.of(0), few.of(2));
  EXPECT_EQ(few.count(few.of(3)), 4);
  const Groups many({{1, 2, 3, 3, 4}});
  EXPECT_FALSE(many.merged());
  EXPECT_EQ(many.size(), 5u);
}

}  // namespace
}  // namespace xent
