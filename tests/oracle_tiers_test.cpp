// SPDX-License-Identifier: Apache-2.0
// The same questions to every level of a reference.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "oracle/reference.h"
#include "oracle/reference_tiers.h"
#include "oracle/simd/rows.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_random_case.h"

namespace xent {
namespace {

using namespace oracle_tests;
using Kind = Enclosure::Kind;

constexpr Op kOps[] = {Op::ce, Op::bce_logits, Op::bce_prob, Op::entropy,     Op::cross_entropy,
                       Op::kl, Op::lse,        Op::nll,      Op::mse_softmax, Op::mse_sigmoid};
constexpr int kFinest = Reference::kLevels - 1;

bool same(const Enclosure& a, const Enclosure& b) {
  return a.kind == b.kind && a.hi == b.hi && a.lo == b.lo && a.rad == b.rad;
}

std::string text(const Enclosure& e) {
  return std::to_string(static_cast<int>(e.kind)) + " " + std::to_string(e.hi) + " +- " +
         std::to_string(e.rad);
}

/// Every answer of the reference at a level, in a fixed order.
std::vector<Enclosure> answers_of_row(Reference& ref, std::int64_t r, int level) {
  const Problem& p = ref.test_case().problem;
  std::vector<Enclosure> all = {ref.row_loss(r, level)};
  if (p.reduction == Reduction::none) all.push_back(ref.loss(r, level));
  const bool logits = takes_logits(p.op);
  if (logits) all.push_back(ref.lse(r, level));
  for (std::int64_t j = 0; j < p.v; ++j) {
    if (logits) all.push_back(ref.probability(r, j, level));
    if (p.wants_grad()) all.push_back(ref.grad(r, j, level));
  }
  return all;
}

std::vector<Enclosure> answers_of(Reference& ref, int level) {
  std::vector<Enclosure> all;
  for (std::int64_t r = 0; r < ref.test_case().problem.n; ++r) {
    for (const Enclosure& e : answers_of_row(ref, r, level)) all.push_back(e);
  }
  if (ref.test_case().problem.reduction != Reduction::none) all.push_back(ref.loss(0, level));
  return all;
}

TEST(Tiers, EveryLevelMeetsTheFinest) {
  Draw draw(31);
  for (int i = 0; i < 60; ++i) {
    for (const Op op : kOps) {
      const TestCase c = random_case(draw, op);
      Reference ref(c);
      const std::vector<Enclosure> finest = answers_of(ref, kFinest);
      for (int level = Reference::kQuick; level < kFinest; ++level) {
        const std::vector<Enclosure> all = answers_of(ref, level);
        ASSERT_EQ(all.size(), finest.size());
        for (std::size_t k = 0; k < all.size(); ++k) {
          EXPECT_TRUE(intersects(all[k], finest[k]))
              << to_text(c.problem) << " level " << level << " answer " << k << ": "
              << text(all[k]) << ", finest " << text(finest[k]);
        }
      }
    }
  }
}

/// Many small rows of a case with options, so that rows are built in batches.
TestCase many_rows(Draw& draw, Op op) {
  for (;;) {
    TestCase c = random_case(draw, op);
    const Problem& p = c.problem;
    if (p.n < 2 || p.v < 3 || p.denominator == Denominator::sequence || p.shift) continue;
    if (p.layout != Layout::nc || p.stride != 0) continue;
    std::vector<std::int64_t> rows;
    for (std::int64_t r = 0; r < 70; ++r) rows.push_back(r * r % p.n);
    return keep_rows(c, rows);
  }
}

template <class Work>
void in_threads(int count, const Work& work) {
  std::vector<std::thread> threads;
  for (int k = 0; k < count; ++k) {
    threads.emplace_back([&work, k] {
      work(k);
      release_thread_cache();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Tiers, NoOrderAndNoThreadsMatter) {
  Draw draw(32);
  for (const Op op : kOps) {
    const TestCase c = many_rows(draw, op);
    const std::int64_t n = c.problem.n;
    for (const int level : {Reference::kQuick, 0, 1}) {
      Reference forward(c), backward(c), parallel(c);
      std::vector<std::vector<Enclosure>> a, b(static_cast<std::size_t>(n)), t = b;
      for (std::int64_t r = 0; r < n; ++r) a.push_back(answers_of_row(forward, r, level));
      for (std::int64_t r = n - 1; r >= 0; --r) {
        if (level == 0) backward.facts(r);
        b[static_cast<std::size_t>(r)] = answers_of_row(backward, r, level);
      }
      in_threads(7, [&](int k) {
        for (std::int64_t r = k; r < n; r += 7) {
          t[static_cast<std::size_t>(r)] = answers_of_row(parallel, r, level);
        }
      });
      for (std::size_t r = 0; r < a.size(); ++r) {
        for (std::size_t k = 0; k < a[r].size(); ++k) {
          EXPECT_TRUE(same(a[r][k], b[r][k])) << to_text(c.problem) << " " << r << " " << k;
          EXPECT_TRUE(same(a[r][k], t[r][k])) << to_text(c.problem) << " " << r << " " << k;
        }
      }
    }
  }
}

// Blocks give what single questions give, wherever every answer is a number.
TEST(Tiers, BlocksAreTheirElements) {
  Draw draw(33);
  std::int64_t compared = 0;
  for (int i = 0; i < 40; ++i) {
    for (const Op op : kOps) {
      const TestCase c = random_case(draw, op);
      if (!c.problem.wants_grad()) continue;
      Reference ref(c);
      const auto e = std::make_unique<Elements>();
      for (std::int64_t r = 0; r < c.problem.n; ++r) {
        const auto special = ref.grad_special(r);
        for (std::int64_t j = 0; special && j < c.problem.v; ++j) {
          EXPECT_TRUE(same(ref.grad(r, j), *special)) << to_text(c.problem);
        }
        for (const int level : {Reference::kQuick, 0, 1, 2}) {
          const std::int64_t first = c.problem.v / 3;
          if (!ref.elements(r, first, c.problem.v - first, level, *e)) continue;
          EXPECT_FALSE(special.has_value());
          for (std::int64_t j = first; j < c.problem.v; ++j) {
            const std::int64_t k = j - first;
            const Enclosure one = ref.grad(r, j, level);
            const Enclosure block{Kind::number, e->hi[k], e->lo[k], e->rad[k]};
            if (!std::isfinite(block.rad)) continue;
            // What is wider than level 0 promises was asked of level 1 when alone.
            const bool serves = block.rad <= std::fabs(block.hi) * Reference::kSharp || level != 0;
            EXPECT_TRUE(serves ? same(block, one) : intersects(block, one))
                << to_text(c.problem) << " level " << level << ": " << text(block) << ", alone "
                << text(one);
            if (!takes_logits(op)) continue;
            EXPECT_GE(e->probability[k], magnitude_lower(ref.probability(r, j, 2)));
            ++compared;
          }
        }
      }
    }
  }
  EXPECT_GT(compared, 1000);
}

struct NamedFact {
  const char* name;
  double RowFacts::*value;
};
using F = RowFacts;
constexpr NamedFact kFacts[] = {{"sum", &F::sum},
                                {"rest", &F::rest},
                                {"log_sum", &F::log_sum},
                                {"lse", &F::lse},
                                {"mean_gap", &F::mean_gap},
                                {"rest_gap", &F::rest_gap},
                                {"greatest_gap", &F::greatest_gap},
                                {"below_max", &F::below_max},
                                {"greatest", &F::greatest},
                                {"loss", &F::loss},
                                {"condition", &F::condition},
                                {"mass", &F::mass},
                                {"mass_gap", &F::mass_gap},
                                {"mass_logit", &F::mass_logit},
                                {"direction", &F::direction},
                                {"direction_gap", &F::direction_gap},
                                {"direction_size", &F::direction_size},
                                {"terms", &F::terms},
                                {"log_terms", &F::log_terms},
                                {"far_log_terms", &F::far_log_terms}};

/// f are upper bounds of what 1025 bits give, and as close as 128 bits or 2^-38. Formats below
/// binary64 do not see 2^-900.
void expect_brackets(const RowFacts& f, const RowFacts& exact, const RowFacts& bits_128,
                     const Problem& p) {
  const std::string what = to_text(p) + " ";
  const double unseen = p.output_dtype() == DType::f64 ? 0 : 0x1p-900;
  EXPECT_EQ(f.max, exact.max) << what;
  EXPECT_EQ(f.target, exact.target) << what;
  EXPECT_EQ(f.live, exact.live) << what;
  EXPECT_EQ(f.ties, exact.ties) << what;
  EXPECT_EQ(f.target_is_max, exact.target_is_max) << what;
  for (const auto& [name, value] : kFacts) {
    EXPECT_GE(f.*value, exact.*value) << what << name;
    const double most = std::max(exact.*value, bits_128.*value);
    EXPECT_LE(f.*value, most * (1 + 0x1p-38) + unseen) << what << name;
  }
}

TEST(Tiers, FactsAreCloseUpperBounds) {
  Draw draw(34);
  for (int i = 0; i < 60; ++i) {
    for (const Op op : kOps) {
      const auto c = std::make_shared<const TestCase>(random_case(draw, op));
      const xent::Setup setup(c);
      Tiers tiers(setup);
      for (std::int64_t r = 0; r < c->problem.n; ++r) {
        if (setup.answer(tiers.question(r), true) || is_ignored(*c, r)) continue;
        expect_brackets(tiers.facts(r), tiers.facts_in<Interval<kDigits[3]>>(r),
                        tiers.facts_in<Interval<kDigits[0]>>(r), c->problem);
      }
    }
  }
}

TestCase rows_of_normals(std::int64_t n, std::int64_t v, const std::string& more) {
  Draw draw(35);
  std::vector<Row> rows;
  std::vector<std::int64_t> labels;
  for (std::int64_t r = 0; r < n; ++r) {
    Row x;
    for (std::int64_t j = 0; j < v; ++j) x.push_back(3 * draw.normal());
    rows.push_back(x);
    labels.push_back(draw.below(v));
  }
  return logits_case(rows, labels, more);
}

TEST(Tiers, ARowIsBuiltOnceAndUndecidedElementsClimbAlone) {
  Reference ref(rows_of_normals(3, 700, "dtype=f32 dir=fwdbwd"));
  const bool simd = simd_tiers_unusable().empty();
  const auto e = std::make_unique<Elements>();
  for (std::int64_t r = 0; r < 3; ++r) {
    ref.row_loss(r, Reference::kQuick);
    ref.facts(r);
    for (int twice = 0; twice < 2; ++twice) {
      EXPECT_TRUE(ref.elements(r, 0, 512, Reference::kQuick, *e));
      EXPECT_TRUE(ref.elements(r, 512, 188, Reference::kQuick, *e));
    }
  }
  const Work quick = ref.work();
  EXPECT_EQ(quick.rows[0], simd ? 3 : 0);
  EXPECT_EQ(quick.rows[1], 0);
  EXPECT_EQ(quick.rows[2], simd ? 0 : 3);
  ref.grad(1, 77, 0);
  ref.grad(1, 78, 0);
  const Work pairs = ref.work();
  EXPECT_EQ(pairs.rows[1], simd ? 1 : 0);
  EXPECT_EQ(pairs.rows[2], simd ? 0 : 3);
  ref.grad(1, 77, 2);
  ref.grad(1, 77, 2);
  const Work exact = ref.work();
  EXPECT_EQ(exact.rows[3], 1);
  EXPECT_EQ(exact.exact_elements - pairs.exact_elements, 2);
  EXPECT_EQ(exact.rows[2], pairs.rows[2]);
}

// A large case gives up a row's values when its thread turns to the next.
TEST(Tiers, LargeCasesKeepOneRowAThread) {
  Reference ref(rows_of_normals(20, 60000, "dtype=f32 dir=fwdbwd reduction=mean"));
  const auto e = std::make_unique<Elements>();
  std::int64_t most = 0;
  std::vector<Enclosure> losses;
  for (std::int64_t r = 0; r < 20; ++r) {
    losses.push_back(ref.row_loss(r, Reference::kQuick));
    ASSERT_TRUE(simd_tiers_unusable().empty() ? ref.elements(r, 100, 512, Reference::kQuick, *e)
                                              : !ref.grad_special(r));
    most = std::max(most, ref.work().bytes);
  }
  EXPECT_LE(most, 60000 * 16);
  EXPECT_TRUE(intersects(ref.loss(0, Reference::kQuick), ref.loss(0)));
  EXPECT_LE(ref.work().bytes, 60000 * 80);
  for (std::int64_t r = 0; r < 20; ++r) {
    EXPECT_TRUE(same(ref.row_loss(r, Reference::kQuick), losses[static_cast<std::size_t>(r)]));
    ref.release(r);
  }
  EXPECT_LE(ref.work().rows[0], simd_tiers_unusable().empty() ? 20 : 0);
}

// Small rows of a large case are built in batches, dropped, and built again.
TEST(Tiers, LargeCasesOfSmallRowsAreTheSameFromAnyNumberOfThreads) {
  const TestCase c = rows_of_normals(4000, 300, "dtype=f32 dir=fwdbwd reduction=sum");
  const auto sums_of = [&](int threads) {
    Reference ref(c);
    std::vector<double> sums(4000);
    for (int twice = 0; twice < 2; ++twice) {
      in_threads(threads, [&](int k) {
        const auto e = std::make_unique<Elements>();
        for (std::int64_t r = k; r < 4000; r += threads) {
          double& sum = sums[static_cast<std::size_t>(r)];
          sum += ref.row_loss(r, Reference::kQuick).hi + ref.facts(r).condition;
          ASSERT_TRUE(ref.elements(r, 0, 300, r % 50 == 0 ? 0 : Reference::kQuick, *e));
          for (int j = 0; j < 300; ++j) sum = 1.5 * sum + e->hi[j] - 3 * e->rad[j];
          ref.release(r);
        }
      });
    }
    EXPECT_LE(ref.work().bytes, 300 * 24 * 32 * threads);
    return sums;
  };
  const std::vector<double> one = sums_of(1);
  EXPECT_EQ(sums_of(2), one);
  EXPECT_EQ(sums_of(7), one);
}

TEST(Tiers, ACaseCanBeShared) {
  const auto c = std::make_shared<const TestCase>(one_row({1, 2, 3}));
  Reference ref(c);
  EXPECT_EQ(&ref.test_case(), c.get());
  EXPECT_EQ(c.use_count(), 2);
}

}  // namespace
}  // namespace xent
