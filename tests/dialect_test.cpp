// SPDX-License-Identifier: Apache-2.0
#include "core/dialect.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "tests/dialect_cases.h"

namespace xent {
namespace {

std::vector<Question> all_questions() {
  std::vector<Question> all;
  for (int q = 0; q < kQuestions; ++q) all.push_back(static_cast<Question>(q));
  return all;
}

TEST(DialectTest, EveryDialectAnswersEveryQuestionOnce) {
  for (const Dialect& dialect : dialects()) {
    ASSERT_EQ(dialect.entries.size(), all_questions().size()) << dialect.name;
    for (const Question q : all_questions()) {
      const DialectEntry& entry = dialect.at(q);  // throws when there is none
      EXPECT_EQ(entry.question, q);
      EXPECT_FALSE(entry.note.empty());
      EXPECT_EQ(entry.note.find('\n'), std::string_view::npos);
    }
  }
}

TEST(DialectTest, QuestionsAndAnswersHaveNames) {
  std::set<std::string_view> names, meanings;
  for (const Question q : all_questions()) {
    names.insert(name(q));
    meanings.insert(meaning(q));
  }
  EXPECT_EQ(names.size(), all_questions().size());
  EXPECT_EQ(meanings.size(), all_questions().size());
  EXPECT_FALSE(names.contains("unknown"));
  EXPECT_FALSE(meanings.contains("unknown"));
  EXPECT_EQ(name(static_cast<Question>(kQuestions)), "unknown");
  std::set<std::string_view> answers;
  for (int a = 0; a <= static_cast<int>(Answer::absent); ++a) {
    answers.insert(name(static_cast<Answer>(a)));
  }
  EXPECT_EQ(answers.size(), 8u);
  EXPECT_FALSE(answers.contains("unknown"));
}

TEST(DialectTest, TheSameTopicsInTheSameOrder) {
  const std::vector<DialectNote>& first = dialects().front().notes;
  std::set<std::string_view> topics;
  for (const DialectNote& n : first) topics.insert(n.topic);
  EXPECT_EQ(topics.size(), first.size());
  for (const Dialect& dialect : dialects()) {
    ASSERT_EQ(dialect.notes.size(), first.size()) << dialect.name;
    for (std::size_t i = 0; i < first.size(); ++i) {
      EXPECT_EQ(dialect.notes[i].topic, first[i].topic) << dialect.name;
      EXPECT_FALSE(dialect.notes[i].answer.empty());
    }
  }
  EXPECT_TRUE(follows_convention(first.front().topic));
  EXPECT_FALSE(follows_convention(first.back().topic));
}

// "executed" is said only of what tests/dialect_torch.py runs.
TEST(DialectTest, SourcesAreOneADialect) {
  const std::vector<std::pair<std::string_view, std::string_view>> expected = {
      {"math", "definition"},
      {"pytorch", "executed"},
      {"onnx", "from source"},
      {"optax", "from source"}};
  ASSERT_EQ(dialects().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Dialect& dialect = dialects()[i];
    EXPECT_EQ(dialect.name, expected[i].first);
    for (const DialectEntry& e : dialect.entries) EXPECT_EQ(e.source, expected[i].second);
    for (const DialectNote& n : dialect.notes) EXPECT_EQ(n.source, expected[i].second);
  }
}

TEST(DialectTest, FoundByName) {
  for (const Dialect& dialect : dialects()) EXPECT_EQ(&find_dialect(dialect.name), &dialect);
  try {
    find_dialect("torch");
    ADD_FAILURE() << "found";
  } catch (const UsageError& e) {
    EXPECT_STREQ(e.what(), "unknown dialect 'torch'; known: math pytorch onnx optax");
  }
}

TEST(DialectTest, WhatTheOracleRestsOn) {
  const Dialect& math = find_dialect("math");
  EXPECT_EQ(math.at(Question::all_masked).loss, Answer::undefined);
  EXPECT_EQ(math.at(Question::masked_target).loss, Answer::plus_inf);
  EXPECT_EQ(math.at(Question::nan_logit).grad, Answer::nan);
  EXPECT_EQ(math.at(Question::ignored_row_nan).grad, Answer::zero);
  EXPECT_EQ(math.conventions.log_floor, -HUGE_VAL);
  EXPECT_EQ(find_dialect("pytorch").conventions.log_floor, -100);
  for (const Dialect& dialect : dialects()) {
    EXPECT_TRUE(dialect.conventions.weighted_mean_by_weights) << dialect.name;
    EXPECT_FALSE(dialect.conventions.smoothing_over_others) << dialect.name;
    // A clamped logarithm needs a floor.
    const bool clamps = dialect.at(Question::log_of_zero_wrong).loss == Answer::clamped;
    EXPECT_EQ(clamps, std::isfinite(dialect.conventions.log_floor)) << dialect.name;
  }
}

// Questions that no case can pose, because the call is refused before: dialect_torch.py calls.
TEST(DialectCases, EveryQuestionIsPosed) {
  const std::set<Question> refused = {Question::target_out_of_range,
                                      Question::smoothing_out_of_range,
                                      Question::ignore_with_vector_targets};
  std::set<Question> posed;
  for (const dialect_tests::Posed& p : dialect_tests::posed_cases()) {
    posed.insert(p.question);
    EXPECT_EQ(meaningless(p.test_case.problem), std::nullopt);
  }
  for (const Question q : all_questions()) {
    EXPECT_NE(posed.contains(q), refused.contains(q)) << name(q);
  }
}

// What PyTorch has, in every combination that the draw can make.
TEST(DialectCases, OrdinaryCasesCoverTheOptions) {
  std::set<std::string> seen;
  for (const TestCase& c : dialect_tests::ordinary_cases(500)) {
    const Problem& p = c.problem;
    if (p.op != Op::ce) continue;
    std::string key(name(p.targets));
    key += p.weights ? " weights" : "";
    key += p.smoothing > 0 ? " smoothing" : "";
    key += p.ignore_index ? " ignore" : "";
    seen.insert(key + " " + std::string(name(p.reduction)));
  }
  EXPECT_EQ(seen.size(), 3u * (8 + 4));
}

}  // namespace
}  // namespace xent
