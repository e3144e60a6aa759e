// SPDX-License-Identifier: Apache-2.0
#include "properties/covering.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/problem.h"
#include "properties/options.h"

namespace xent {
namespace {

/// Every row of the axes, by counting.
std::vector<CoveringRow> all_rows(const std::vector<int>& sizes) {
  std::vector<CoveringRow> all = {CoveringRow(sizes.size(), 0)};
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    const std::vector<CoveringRow> before = all;
    for (int choice = 1; choice < sizes[axis]; ++choice) {
      for (CoveringRow row : before) {
        row[axis] = choice;
        all.push_back(row);
      }
    }
  }
  return all;
}

/// The pairs, or triples, of choices in some valid row of `rows`.
std::set<std::vector<int>> held(const std::vector<CoveringRow>& rows, int strength,
                                const ValidRow& valid) {
  std::set<std::vector<int>> all;
  for (const CoveringRow& row : rows) {
    if (!valid(row)) continue;
    const int axes = static_cast<int>(row.size());
    for (int a = 0; a < axes; ++a) {
      for (int b = a + 1; b < axes; ++b) {
        if (strength == 2) all.insert({a, row[a], b, row[b]});
        for (int c = b + 1; strength == 3 && c < axes; ++c) {
          all.insert({a, row[a], b, row[b], c, row[c]});
        }
      }
    }
  }
  return all;
}

void expect_covered(const std::vector<int>& sizes, const ValidRow& valid) {
  for (const int strength : {2, 3}) {
    const std::vector<CoveringRow> rows = covering(sizes, strength, valid);
    for (const CoveringRow& row : rows) EXPECT_TRUE(valid(row));
    EXPECT_EQ(held(rows, strength, valid), held(all_rows(sizes), strength, valid));
  }
}

TEST(Covering, HoldsEveryPairAndTriple) {
  const auto any = [](const CoveringRow&) { return true; };
  expect_covered({2, 3, 4}, any);
  expect_covered({3, 3, 3, 3, 3}, any);
  expect_covered({7, 2, 5, 2, 3}, any);
}

TEST(Covering, IsMuchSmallerThanTheProduct) {
  const auto any = [](const CoveringRow&) { return true; };
  EXPECT_LE(covering({3, 3, 3, 3, 3, 3}, 2, any).size(), 20U);  // of 729
  EXPECT_LE(covering({2, 2, 2, 2, 2, 2, 2, 2}, 3, any).size(), 24U);  // of 256
}

TEST(Covering, GoesRoundWhatIsInvalid) {
  // 1 on the first axis asks for 2 on the last; 0 on the second excludes 1 on the third.
  expect_covered({3, 3, 3, 3, 3}, [](const CoveringRow& row) {
    return (row[0] != 1 || row[4] == 2) && (row[1] != 0 || row[2] != 1);
  });
  EXPECT_TRUE(covering({2, 2}, 2, [](const CoveringRow&) { return false; }).empty());
}

TEST(Covering, BeginsWithTheRowsItIsGiven) {
  const auto not_plain = [](const CoveringRow& row) { return row[0] != 1; };
  const auto rows = covering({3, 2, 2}, 2, not_plain, {{2, 0, 0}, {1, 0, 0}, {0, 0, 0}});
  ASSERT_GE(rows.size(), 2U);
  EXPECT_EQ(rows[0], (CoveringRow{2, 0, 0}));
  EXPECT_EQ(rows[1], (CoveringRow{0, 0, 0}));
}

TEST(Covering, FewAxesAreEnumerated) {
  const auto any = [](const CoveringRow&) { return true; };
  EXPECT_EQ(covering({5}, 2, any).size(), 5U);
  EXPECT_EQ(covering({2, 3}, 3, any).size(), 6U);
}

Stated options() {
  return {{"op=ce dir=fwd,fwdbwd dtype=f32,f64", "op=nll dir=fwd", "op=lse"},
          {{"", "reduction=sum", "reduction=mean", "reduction=mean denominator=rows",
            "reduction=mean denominator=sequence", "reduction=mean denominator=7"},
           {"", "smoothing=0.1", "smoothing=1"},
           {"", "weights=on"},
           {"", "ignore=-100", "ignore=1"},
           {"", "zloss=0.001"},
           {"", "unit=bits", "unit=perplexity"},
           {"", "upstream=scalar", "upstream=row"},
           {"", "shift=on"}}};
}

std::vector<int> sizes_of(const Stated& stated) {
  std::vector<int> sizes = {static_cast<int>(stated.problems.size())};
  for (const auto& axis : stated.axes) sizes.push_back(static_cast<int>(axis.size()));
  return sizes;
}

TEST(Stated, EveryPairOfOptionsWithAMeaningIsAmongTheProblems) {
  const Stated stated = options();
  const std::vector<Problem> problems = stated.covered(2);
  const std::vector<int> sizes = sizes_of(stated);
  const auto made = [&](const CoveringRow& row) {
    Problem p = stated.problems[row[0]];
    for (std::size_t i = 1; i < row.size(); ++i) stated.axes[i - 1][row[i]].apply_to(p);
    return p;
  };
  const auto valid = [&](const CoveringRow& row) { return !meaningless(made(row)); };
  std::set<std::string> texts;
  for (const Problem& p : problems) {
    EXPECT_FALSE(meaningless(p)) << to_text(p);
    EXPECT_TRUE(stated.holds(p)) << to_text(p);
    texts.insert(to_text(p));
  }
  std::vector<CoveringRow> chosen;
  const std::vector<CoveringRow> all = all_rows(sizes);
  for (const CoveringRow& row : all) {
    if (texts.contains(to_text(made(row)))) chosen.push_back(row);
  }
  EXPECT_EQ(held(chosen, 2, valid), held(all, 2, valid));
  EXPECT_LE(problems.size(), 60U);
}

TEST(Stated, PlainProblemsComeFirst) {
  const std::vector<Problem> problems = options().covered(2);
  ASSERT_GE(problems.size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(problems[i], options().problems[i]);
}

TEST(Stated, HoldsWhatAgrees) {
  const Stated stated = options();
  const auto holds = [&](const char* text) { return stated.holds(parse_problem(text)); };
  EXPECT_TRUE(holds("op=ce n=3 v=7 smoothing=0.25 ignore=5 reduction=mean denominator=3"));
  EXPECT_TRUE(holds("op=nll dtype=bf16 layout=bct n=4 t=2 out=f32 stride=0"));
  EXPECT_FALSE(holds("op=kl targets=prob"));
  EXPECT_FALSE(holds("op=ce scale=2"));
  EXPECT_FALSE(holds("op=ce dir=bwd"));
  EXPECT_FALSE(holds("op=ce n=0"));
  EXPECT_TRUE(Stated({"op=ce n=0"}, {}).holds(parse_problem("op=ce n=0")));
  EXPECT_FALSE(Stated({"op=ce n=0"}, {}).holds(parse_problem("op=ce n=1")));
}

TEST(Stated, WishesChooseProblemsAndChoices) {
  const Choice wish("op=ce smoothing=0.3 weights=on zloss=1e-4 reduction=mean unit=nats");
  const std::vector<Problem> left = options().narrowed(wish).covered(2);
  ASSERT_FALSE(left.empty());
  for (const Problem& p : left) {
    EXPECT_EQ(p.op, Op::ce);
    EXPECT_NE(p.smoothing, 0);
    EXPECT_TRUE(p.weights && p.z_loss > 0 && p.is_mean());
  }
  EXPECT_TRUE(options().narrowed(Choice("op=kl targets=prob")).covered(2).empty());
  EXPECT_TRUE(options().narrowed(Choice("scale=2")).covered(2).empty());
}

TEST(OptionKeys, AreThoseOfTheGrammar) {
  std::set<std::string_view> keys = {"n", "v"};
  for (const OptionKey& option : option_keys()) EXPECT_TRUE(keys.insert(option.key).second);
  for (const ProblemKey& key : problem_keys()) EXPECT_EQ(keys.erase(key.key), 1U) << key.key;
  EXPECT_TRUE(keys.empty());
}

}  // namespace
}  // namespace xent
