// SPDX-License-Identifier: Apache-2.0
#include "properties/experiments/experiments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/text.h"
#include "impl/registry.h"
#include "properties/experiments/dataset.h"
#include "properties/experiments/linear_model.h"
#include "properties/experiments/ngram.h"
#include "properties/experiments/statistics.h"

namespace xent {
namespace {

const std::vector<Kernel>& safe() {
  static const std::vector<Kernel> kernels = select(builtin_kernels(), "scalar/safe");
  return kernels;
}

ClaimContext context_of(const std::vector<Kernel>& kernels, std::uint64_t seed = 0x5eed) {
  return {kernels, "smoke", seed, {}, {}};
}

using Spoil = std::function<void(const TestCase&, Output&)>;

/// A right kernel whose output something spoils.
class Spoiled : public Invocation {
 public:
  Spoiled(std::unique_ptr<Invocation> inner, TestCase c, Spoil spoil)
      : inner_(std::move(inner)), case_(std::move(c)), spoil_(std::move(spoil)) {}
  void reset() override { inner_->reset(); }
  void launch() override { inner_->launch(); }
  void wait() override { inner_->wait(); }
  Faults faults() const override { return inner_->faults(); }
  Output output() const override {
    Output out = inner_->output();
    spoil_(case_, out);
    return out;
  }

 private:
  std::unique_ptr<Invocation> inner_;
  TestCase case_;
  Spoil spoil_;
};

std::vector<Kernel> spoiled(const Spoil& spoil) {
  Kernel k = safe()[0];
  k.bind = [inner = k.bind, spoil](const TestCase& c, const BindOptions& o) {
    return std::make_unique<Spoiled>(inner(c, o), c, spoil);
  };
  return {k};
}

void scale(Tensor& t, double factor) {
  for (std::int64_t i = 0; i < t.size(); ++i) t.set(i, factor * t.at(i));
}

const Spoil kHalfGradient = [](const TestCase&, Output& out) { scale(out.grad, 0.5); };
const Spoil kLossOff = [](const TestCase&, Output& out) { scale(out.loss, 1 + 0x1p-10); };
/// The gradients of classes 0 and 1 of every row change places.
const Spoil kSwapped = [](const TestCase& c, Output& out) {
  for (std::int64_t r = 0; c.problem.v > 1 && r * c.problem.v < out.grad.size(); ++r) {
    const double first = out.grad.at(r * c.problem.v);
    out.grad.set(r * c.problem.v, out.grad.at(r * c.problem.v + 1));
    out.grad.set(r * c.problem.v + 1, first);
  }
};
/// The gradient errs by a little in one class.
const Spoil kBiased = [](const TestCase& c, Output& out) {
  for (std::int64_t r = 0; r * c.problem.v < out.grad.size(); ++r) {
    out.grad.set(r * c.problem.v, out.grad.at(r * c.problem.v) + 0x1p-8);
  }
};

struct Row {
  const char* id;
  Study study;
  ClaimVerdict right;
  std::vector<Spoil> seen;  ///< what makes it contradicted
};

const std::vector<Row>& rows() {
  using V = ClaimVerdict;
  static const std::vector<Row> all = {
      {"underflow", study_log_avoids_underflow, V::tested, {kLossOff}},
      {"mle", study_mle, V::tested, {kHalfGradient, kSwapped, kBiased}},
      {"consistency", study_consistency, V::agrees, {kSwapped, kBiased}},
      {"efficiency", study_efficiency, V::agrees, {kSwapped, kBiased}},
      {"chain_rule", study_chain_rule, V::tested, {kLossOff}},
      {"text_model", study_text_model, V::tested, {kLossOff}},
  };
  return all;
}

class EachStudy : public testing::TestWithParam<Row> {};

/// Bounds that hold in binary64 by a large margin may not in binary32.
TEST_P(EachStudy, FindsTheRightKernelRightInF32) {
  Kernel k = safe()[0];
  k.supports = [inner = k.supports](const Problem& p) {
    return p.dtype == DType::f64 ? Support::no("f32 only") : inner(p);
  };
  const std::vector<Kernel> narrow = {k};
  for (const std::uint64_t seed : {0x5eedu, 1u, 2u}) {
    const ClaimEvidence e = GetParam().study(context_of(narrow, seed));
    if (e.verdict == ClaimVerdict::skipped) GTEST_SKIP() << e.reason;
    EXPECT_EQ(e.verdict, GetParam().right) << e.reason;
  }
}

TEST_P(EachStudy, FindsTheRightKernelRight) {
  const ClaimEvidence e = GetParam().study(context_of(safe()));
  if (e.verdict == ClaimVerdict::skipped) GTEST_SKIP() << e.reason;
  EXPECT_EQ(e.verdict, GetParam().right) << e.reason;
  EXPECT_GT(e.checks, 0);
  EXPECT_GT(e.cases, 0);
  EXPECT_FALSE(e.evidence.empty());
  EXPECT_FALSE(e.figures.empty());
  for (const Figure& f : e.figures) {
    EXPECT_LE(f.low, f.value) << f.label;
    EXPECT_GE(f.high, f.value) << f.label;
    EXPECT_TRUE(std::isfinite(f.value)) << f.label;
  }
}

TEST_P(EachStudy, HoldsForOtherSeeds) {
  for (const std::uint64_t seed : {1u, 2u}) {
    const ClaimEvidence e = GetParam().study(context_of(safe(), seed));
    if (e.verdict == ClaimVerdict::skipped) GTEST_SKIP() << e.reason;
    EXPECT_EQ(e.verdict, GetParam().right) << seed << ": " << e.reason;
  }
}

TEST_P(EachStudy, SeesAWrongKernel) {
  for (const Spoil& spoil : GetParam().seen) {
    const std::vector<Kernel> kernels = spoiled(spoil);
    const ClaimEvidence e = GetParam().study(context_of(kernels));
    if (e.verdict == ClaimVerdict::skipped) GTEST_SKIP() << e.reason;
    EXPECT_EQ(e.verdict, ClaimVerdict::contradicted) << &spoil - GetParam().seen.data();
    EXPECT_FALSE(e.reason.empty());
  }
}

TEST_P(EachStudy, DependsOnTheSeedAlone) {
  const ClaimEvidence a = GetParam().study(context_of(safe(), 7));
  const ClaimEvidence b = GetParam().study(context_of(safe(), 7));
  ASSERT_EQ(a.figures.size(), b.figures.size());
  for (std::size_t i = 0; i < a.figures.size(); ++i) {
    EXPECT_EQ(a.figures[i].value, b.figures[i].value);
    EXPECT_EQ(a.figures[i].low, b.figures[i].low);
  }
  EXPECT_EQ(a.evidence, b.evidence);
}

TEST_P(EachStudy, WithoutAKernelHasNoEvidence) {
  const std::vector<Kernel> none;
  const ClaimVerdict v = GetParam().study(context_of(none)).verdict;
  EXPECT_TRUE(v == ClaimVerdict::no_evidence || v == ClaimVerdict::skipped);
}

INSTANTIATE_TEST_SUITE_P(All, EachStudy, testing::ValuesIn(rows()),
                         [](const auto& p) { return std::string(p.param.id); });

TEST(Studies, SquaredErrorIsGaussianWhateverTheKernels) {
  const ClaimEvidence e = study_mse_is_gaussian(context_of(safe()));
  EXPECT_EQ(e.verdict, ClaimVerdict::tested) << e.reason;
  ASSERT_EQ(e.figures.size(), 1u);
  EXPECT_NEAR(e.figures[0].value, 75 * std::log(8 * M_PI), 1e-9);
  const ClaimEvidence wrong = study_mse_is_gaussian(context_of(spoiled(kLossOff)));
  const bool has_mse = safe()[0].supports(parse_problem("op=mse-softmax targets=prob")).ok;
  EXPECT_EQ(wrong.verdict, has_mse ? ClaimVerdict::contradicted : ClaimVerdict::tested);
}

TEST(Studies, ACostThatIsNotLinearIsSeen) {
  Kernel k = safe()[0];
  k.operations = [](const TestCase& c) { return c.problem.n * (9 * c.problem.v + 4); };
  const std::vector<Kernel> linear = {k};
  const ClaimEvidence e = study_linear_cost(context_of(linear));
  EXPECT_EQ(e.verdict, ClaimVerdict::tested) << e.reason;
  EXPECT_EQ(e.figures[0].value, 9);
  k.operations = [](const TestCase& c) { return c.problem.n * c.problem.v * c.problem.v; };
  const std::vector<Kernel> square = {k};
  EXPECT_EQ(study_linear_cost(context_of(square)).verdict, ClaimVerdict::contradicted);
  k.operations = nullptr;
  const std::vector<Kernel> silent = {k};
  EXPECT_EQ(study_linear_cost(context_of(silent)).verdict, ClaimVerdict::skipped);
}

TEST(Studies, TrainingIsMeasuredOnBothLosses) {
  const ClaimEvidence e = study_faster_than_mse(context_of(safe()));
  if (e.verdict == ClaimVerdict::skipped) GTEST_SKIP() << e.reason;
  ASSERT_TRUE(e.verdict == ClaimVerdict::agrees || e.verdict == ClaimVerdict::disagrees);
  const bool meets = e.figures[0].low <= 5 && e.figures[0].high >= 3;
  EXPECT_EQ(e.verdict == ClaimVerdict::agrees, meets);
  EXPECT_GT(e.figures[0].low, 0);
}

TEST(Statistics, QuantilesAreThoseOfTables) {
  EXPECT_NEAR(normal_quantile(0.025), 1.959963985, 1e-9);
  const Estimate m = mean_estimate({1, 2, 3});  // t with 2 degrees at 5e-7: 999.9995
  EXPECT_NEAR((m.high - m.value) * std::sqrt(3.0), 999.9995, 0.001);
  const Estimate v = variance_estimate(100, 100);
  EXPECT_TRUE(v.contains(1));
  EXPECT_LT(v.low, 0.7);
  const Estimate s = slope_estimate({0, 1, 2}, {1, 3, 5}, {0.1, 0.1, 0.1});
  EXPECT_DOUBLE_EQ(s.value, 2);
}

TEST(Statistics, TheDistanceSeesAShift) {
  std::vector<double> normal, shifted;
  for (int k = 1; k < 2000; ++k) {
    normal.push_back(normal_quantile(k / 2000.0));
    shifted.push_back(normal.back() + 0.3);
  }
  EXPECT_LT(distance_from_normal(normal), distance_allowed(normal.size(), kRejection));
  EXPECT_GT(distance_from_normal(shifted), distance_allowed(normal.size(), kRejection));
}

TEST(LinearModelParts, SolveAndEigenvaluesAreRight) {
  const std::vector<double> a = {4, 1, 0, 1, 3, 1, 0, 1, 2};
  const auto x = solve_positive(a, {6, 10, 8});
  ASSERT_TRUE(x.has_value());
  EXPECT_NEAR((*x)[0], 1, 1e-14);
  EXPECT_NEAR((*x)[1], 2, 1e-14);
  EXPECT_NEAR((*x)[2], 3, 1e-14);
  EXPECT_NEAR(least_eigenvalue(a, 3), 3 - std::sqrt(3.0), 1e-14);
  EXPECT_FALSE(solve_positive({0, 0, 0, 1}, {1, 1}).has_value());
}

TEST(NGrams, ProbabilitiesAddUpToOneAndFollowTheCounts) {
  const std::string text = "abababac";
  const NGram m(text);
  EXPECT_EQ(m.classes(), 4);
  for (int order = -1; order <= NGram::kHighestOrder; ++order) {
    double sum = 0;
    for (const double p : m.probabilities(text, 4, order)) {
      EXPECT_GT(p, 0);
      sum += p;
    }
    EXPECT_NEAR(sum, 1, 1e-15);
  }
  // n(ab) = 3 of n(a) = 4, two kinds after a; below it n(b) = 3 of 8, three kinds.
  const double lower = (3 + 3 * 0.25) / (8 + 3);
  EXPECT_NEAR(m.probabilities(text, 1, 1)[1], (3 + 2 * lower) / (4 + 2), 1e-15);
}

TEST(Csv, ReadsNumbersAndClasses) {
  const Dataset t = parse_csv("x,y,class\n1,2.5,red\r\n\n-3e2, 4 ,\"blue\"\n", "t.csv");
  EXPECT_EQ(t.n, 2);
  EXPECT_EQ(t.d, 2);
  EXPECT_EQ(t.x, (std::vector<double>{1, 2.5, -300, 4}));
  EXPECT_EQ(t.y, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(t.classes, (std::vector<std::string>{"red", "blue"}));
}

TEST(Csv, SaysInOneLineWhatIsWrong) {
  const std::pair<const char*, const char*> faults[] = {
      {"1,a\n2,3,b\n", "t.csv line 2: 3 columns where the first row has 2"},
      {"1,a\nx,b\n", "t.csv line 2: column 1: 'x' is not a finite number"},
      {"1,a\ninf,b\n", "t.csv line 2: column 1: 'inf' is not a finite number"},
      {"1,a\n2,\n", "t.csv line 2: no class in the last column"},
      {"1\n", "t.csv line 1: needs numbers and a class, separated by commas"},
      {"1,a\n2,a\n", "t.csv: 2 rows of 1 classes; needs at least two classes"},
      {"", "t.csv: 0 rows of 0 classes; needs at least two classes"},
  };
  for (const auto& [text, message] : faults) {
    try {
      parse_csv(text, "t.csv");
      ADD_FAILURE() << text;
    } catch (const UsageError& e) {
      EXPECT_STREQ(e.what(), message);
    }
  }
  EXPECT_THROW(read_csv("no/such/file.csv"), UsageError);
}

TEST(Csv, IrisFromAFileIsIris) {
  const Dataset iris = iris_dataset();
  std::string text = "sepal length,sepal width,petal length,petal width,species\n";
  for (std::int64_t r = 0; r < iris.n; ++r) {
    for (std::int64_t j = 0; j < iris.d; ++j) {
      text += shortest(iris.x[static_cast<std::size_t>(r * iris.d + j)]) + ",";
    }
    text += iris.classes[static_cast<std::size_t>(iris.y[static_cast<std::size_t>(r)])] + "\n";
  }
  const Dataset t = parse_csv(text, "iris.csv");
  EXPECT_EQ(t.x, iris.x);
  EXPECT_EQ(t.y, iris.y);
  EXPECT_EQ(t.classes, iris.classes);
}

TEST(Text, ThatIsMissingOrTooShortIsWrongUse) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() / "xentcheck_short.txt";
  write_bytes(path, "too short a text");
  ClaimContext c{safe(), "smoke", 0, {}, path};
  EXPECT_THROW(study_text_model(c), UsageError);
  c.text = "no/such/file.txt";
  EXPECT_THROW(study_text_model(c), UsageError);
  std::filesystem::remove(path);
}

TEST(Datasets, AreStandardisedAndSelected) {
  const Dataset two = standardised(only_classes(iris_dataset(), {1, 2}));
  EXPECT_EQ(two.n, 100);
  EXPECT_EQ(two.d, 5);
  for (std::int64_t j = 1; j < two.d; ++j) {
    double sum = 0, squares = 0;
    for (std::int64_t r = 0; r < two.n; ++r) {
      const double x = two.x[static_cast<std::size_t>(r * two.d + j)];
      sum += x;
      squares += x * x;
    }
    EXPECT_NEAR(sum, 0, 1e-12);
    EXPECT_NEAR(squares, 100, 1e-10);
  }
}

}  // namespace
}  // namespace xent
