// SPDX-License-Identifier: Apache-2.0
#include "core/test_case.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/error.h"

namespace xent {
namespace {

// Element (row, j) of the logits is 10 * row + j, weight j is 100 + j, upstream of a row is -row.
TestCase counted_case(const std::string& options, std::vector<std::int64_t> labels) {
  TestCase c;
  c.problem = parse_problem(options);
  c.input = Tensor(c.problem.dtype, {c.problem.n, c.problem.v});
  for (std::int64_t row = 0; row < c.problem.n; ++row) {
    for (std::int64_t j = 0; j < c.problem.v; ++j) {
      c.input.set(row * c.problem.v + j, static_cast<double>(10 * row + j));
    }
  }
  c.target = Tensor(DType::i64, {c.problem.n});
  for (std::size_t i = 0; i < labels.size(); ++i) {
    c.target.set_integer(static_cast<std::int64_t>(i), labels[i]);
  }
  if (c.problem.weights) {
    c.weight = Tensor(c.problem.dtype, {c.problem.v});
    for (std::int64_t j = 0; j < c.problem.v; ++j) c.weight.set(j, static_cast<double>(100 + j));
  }
  if (c.problem.upstream == Upstream::row) {
    c.upstream = Tensor(c.problem.dtype, {c.problem.n});
    for (std::int64_t i = 0; i < c.problem.n; ++i) c.upstream.set(i, static_cast<double>(-i));
  }
  return c;
}

std::string error_of(const TestCase& c) {
  try {
    validate(c);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Validate, AcceptsWhatTheProblemAsksFor) {
  EXPECT_EQ(error_of(counted_case("n=2 v=3 weights=on upstream=row", {0, 2})), "accepted");
  EXPECT_EQ(error_of(counted_case("n=0 v=3", {})), "accepted");
  EXPECT_EQ(error_of(counted_case("n=2 v=3 ignore=-100", {-100, 2})), "accepted");
}

TEST(Validate, SaysWhatIsWrong) {
  EXPECT_EQ(error_of(counted_case("n=2 v=3", {0, 3})),
            "test case: targets[1] = 3 is outside [0, 3)");
  EXPECT_EQ(error_of(counted_case("n=2 v=3", {-100, 0})),
            "test case: targets[0] = -100 is outside [0, 3); ignore=-100 if it marks ignored rows");
  TestCase c = counted_case("n=2 v=3", {0, 1});
  c.problem.v = 4;
  EXPECT_EQ(error_of(c), "test case: logits f32 [2, 3], the problem asks for f32 [2, 4]");
  c.problem.v = 3;
  c.problem.dtype = DType::f64;
  EXPECT_EQ(error_of(c), "test case: logits f32 [2, 3], the problem asks for f64 [2, 3]");
  c.problem.dtype = DType::f32;
  c.problem.weights = true;
  EXPECT_EQ(error_of(c), "test case: weight missing; the problem asks for f32 [3]");
  c.problem.weights = false;
  c.upstream = Tensor(DType::f32, {1});
  EXPECT_EQ(error_of(c), "test case: upstream given, but the problem takes none");
  c.upstream = {};
  c.problem.op = Op::lse;
  EXPECT_EQ(error_of(c), "test case: targets given, but the problem takes none");
  c.problem.op = Op::kl;
  EXPECT_EQ(error_of(c), "test case: targets i64 [2], the problem asks for f32 [2, 3]");
  c = counted_case("n=2 v=3", {0, 1});
  c.input.bytes.pop_back();
  EXPECT_EQ(error_of(c), "test case: logits with the wrong number of bytes");
}

TEST(Validate, TheDirectionComesWithHvpAlone) {
  TestCase c = counted_case("n=2 v=3 dir=hvp", {0, 1});
  EXPECT_EQ(error_of(c), "test case: direction missing; the problem asks for f32 [2, 3]");
  c.direction = Tensor(DType::f32, {2, 3});
  EXPECT_EQ(error_of(c), "accepted");
  c.direction = Tensor(DType::f64, {2, 3});
  EXPECT_EQ(error_of(c), "test case: direction f64 [2, 3], the problem asks for f32 [2, 3]");
  c.direction = Tensor(DType::f32, {2, 3});
  c.problem.dir = Dir::fwdbwd;
  EXPECT_EQ(error_of(c), "test case: direction given, but the problem takes none");
}

TEST(Validate, VectorTargetsHaveTheInputsType) {
  const std::string vector_ops[] = {"bce-logits", "bce-prob", "kl", "mse-sigmoid"};
  for (const std::string& op : vector_ops) {
    EXPECT_TRUE(has_vector_targets(parse_problem("op=" + op))) << op;
  }
  for (const std::string op : {"ce", "nll", "mse-softmax", "cross-entropy"}) {
    EXPECT_FALSE(has_vector_targets(parse_problem("op=" + op))) << op;
    EXPECT_TRUE(has_vector_targets(parse_problem("targets=prob op=" + op))) << op;
  }
  for (const std::string op : {"lse", "entropy"}) {
    EXPECT_FALSE(has_vector_targets(parse_problem("targets=prob op=" + op))) << op;
  }
  TestCase c = counted_case("op=mse-softmax n=2 v=3 targets=prob", {0, 1});
  EXPECT_EQ(error_of(c), "test case: targets i64 [2], the problem asks for f32 [2, 3]");
  c.target = Tensor(DType::f32, {2, 3});
  EXPECT_EQ(error_of(c), "accepted");
}

std::vector<std::optional<std::int64_t>> scores(const TestCase& c) {
  std::vector<std::optional<std::int64_t>> all;
  for (std::int64_t row = 0; row < c.problem.n; ++row) all.push_back(c.scored_class(row));
  return all;
}

TEST(ScoredClass, LabelsThatAreNotIgnored) {
  using Scores = std::vector<std::optional<std::int64_t>>;
  EXPECT_EQ(scores(counted_case("n=3 v=3", {2, 0, 1})), (Scores{2, 0, 1}));
  EXPECT_EQ(scores(counted_case("n=3 v=3 ignore=-100", {2, -100, 1})),
            (Scores{2, std::nullopt, 1}));
  EXPECT_EQ(scores(counted_case("n=3 v=3 ignore=2", {2, 0, 1})), (Scores{std::nullopt, 0, 1}));
}

// Two sequences of three positions: each is scored by its neighbour, the last by none.
TEST(ScoredClass, ShiftStaysInItsSequence) {
  using Scores = std::vector<std::optional<std::int64_t>>;
  EXPECT_EQ(scores(counted_case("n=6 v=9 t=3 shift=on", {1, 2, 3, 4, 5, 6})),
            (Scores{2, 3, std::nullopt, 5, 6, std::nullopt}));
  EXPECT_EQ(scores(counted_case("n=6 v=9 t=3 shift=on ignore=3", {3, 2, 3, 4, 5, 6})),
            (Scores{2, std::nullopt, std::nullopt, 5, 6, std::nullopt}));
  EXPECT_EQ(scores(counted_case("n=3 v=9 shift=on", {1, 2, 3})), Scores(3));  // t = 1
}

TEST(Unshifted, HasTheSameScoresWithoutShift) {
  const TestCase c = counted_case("n=6 v=9 t=3 shift=on weights=on", {1, 2, 3, 4, 5, 6});
  const TestCase plain = unshifted(c);
  validate(plain);
  EXPECT_FALSE(plain.problem.shift);
  EXPECT_EQ(plain.problem.ignore_index, -100);
  EXPECT_EQ(plain.problem.t, 3);
  EXPECT_EQ(scores(plain), scores(c));
  EXPECT_EQ(plain.input, c.input);
  EXPECT_EQ(unshifted(plain), plain);
  const TestCase ignoring = counted_case("n=6 v=9 t=3 shift=on ignore=5", {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(unshifted(ignoring).problem.ignore_index, 5);
  EXPECT_EQ(scores(unshifted(ignoring)), scores(ignoring));
}

TEST(WeightOf, IsOneWithoutWeights) {
  EXPECT_EQ(counted_case("n=1 v=3", {0}).weight_of(2), 1);
  EXPECT_EQ(counted_case("n=1 v=3 weights=on", {0}).weight_of(2), 102);
}

TEST(ContentHash, SeesEveryPart) {
  const TestCase c = counted_case("n=2 v=3 weights=on upstream=row", {0, 2});
  const std::uint64_t hash = content_hash(c);
  TestCase same = c;
  same.recipe.seed = 5;
  EXPECT_EQ(content_hash(same), hash);
  for (Tensor TestCase::*tensor : {&TestCase::input, &TestCase::target, &TestCase::weight,
                                   &TestCase::upstream}) {
    TestCase changed = c;
    (changed.*tensor).bytes.back() ^= std::byte{1};
    EXPECT_NE(content_hash(changed), hash);
  }
  TestCase turned = c;
  turned.direction = Tensor(DType::f32, {2, 3});
  EXPECT_NE(content_hash(turned), hash);
  TestCase option = c;
  option.problem.smoothing = 0.5;
  EXPECT_NE(content_hash(option), hash);
  TestCase reshaped = c;
  reshaped.input.shape = {3, 2};
  EXPECT_NE(content_hash(reshaped), hash);
}

TEST(KeepRows, PicksInOrder) {
  const TestCase c = counted_case("n=4 v=3 t=2 weights=on upstream=row", {0, 1, 2, 0});
  const TestCase kept = keep_rows(c, {3, 1, 1});
  validate(kept);
  EXPECT_EQ(kept.problem.t, 1);
  EXPECT_EQ(kept.logit(0, 2), 32);
  EXPECT_EQ(kept.logit(1, 0), 10);
  EXPECT_EQ(kept.label(2), 1);
  EXPECT_EQ(kept.upstream_of(0), -3);
  EXPECT_EQ(kept.weight, c.weight);
  EXPECT_EQ(keep_rows(c, {0, 1, 2, 3}), c);
  validate(keep_rows(c, {}));
  EXPECT_THROW(keep_rows(c, {4}), std::out_of_range);
  EXPECT_THROW(keep_rows(c, {-1}), std::out_of_range);
}

TEST(KeepRows, UndoesShiftAndKeepsDirections) {
  TestCase c = counted_case("n=4 v=5 t=2 shift=on dir=hvp", {0, 1, 2, 3});
  c.direction = c.input;
  const TestCase kept = keep_rows(c, {2, 1, 0});
  validate(kept);
  EXPECT_FALSE(kept.problem.shift);
  EXPECT_EQ(scores(kept), (std::vector<std::optional<std::int64_t>>{3, std::nullopt, 1}));
  EXPECT_EQ(kept.direction, kept.input);
  EXPECT_EQ(kept.direction.at(0), 20);
  EXPECT_EQ(scores(keep_rows(c, {0, 1, 2, 3})), scores(c));
}

TEST(KeepClasses, DirectionsFollowTheirClasses) {
  TestCase c = counted_case("n=2 v=4 dir=hvp", {3, 3});
  c.direction = c.input;
  const TestCase kept = keep_classes(c, {3, 1});
  validate(kept);
  EXPECT_EQ(kept.direction, kept.input);
  EXPECT_EQ(kept.direction.at(3), 11);
}

TEST(KeepClasses, RenumbersTargets) {
  const TestCase c = counted_case("n=2 v=5 weights=on ignore=-100", {4, -100});
  const TestCase kept = keep_classes(c, {4, 0, 2});
  validate(kept);
  EXPECT_EQ(kept.logit(1, 0), 14);
  EXPECT_EQ(kept.logit(1, 2), 12);
  EXPECT_EQ(kept.weight.at(0), 104);
  EXPECT_EQ(kept.label(0), 0);
  EXPECT_EQ(kept.label(1), -100);
  EXPECT_EQ(keep_classes(c, {0, 1, 2, 3, 4}), c);
  EXPECT_THROW(keep_classes(c, {0, 1}), UsageError);
  EXPECT_THROW(keep_classes(c, {5}), std::out_of_range);
}

TEST(KeepClasses, AnIgnoredClassStaysTheOnlyIgnoredOne) {
  const TestCase c = counted_case("n=3 v=3 ignore=0", {0, 1, 2});
  const TestCase dropped = keep_classes(c, {1, 2});
  validate(dropped);
  EXPECT_NE(dropped.problem.ignore_index, dropped.label(1));
  EXPECT_EQ(dropped.problem.ignore_index, dropped.label(0));
  EXPECT_EQ(dropped.label(1), 0);
  EXPECT_EQ(dropped.label(2), 1);
  const TestCase moved = keep_classes(c, {2, 1, 0});
  EXPECT_EQ(moved.problem.ignore_index, 2);
  EXPECT_EQ(moved.label(0), 2);
  EXPECT_EQ(moved.label(2), 0);
}

TEST(KeepClasses, ProbabilitiesFollowTheirClasses) {
  TestCase c;
  c.problem = parse_problem("op=kl n=2 v=3 dtype=f64");
  c.input = Tensor(DType::f64, {2, 3});
  c.target = Tensor(DType::f64, {2, 3});
  for (std::int64_t i = 0; i < 6; ++i) c.target.set(i, static_cast<double>(i));
  const TestCase kept = keep_classes(c, {2, 0});
  validate(kept);
  EXPECT_EQ(kept.target.at(0), 2);
  EXPECT_EQ(kept.target.at(3), 3);
}

}  // namespace
}  // namespace xent
