// SPDX-License-Identifier: Apache-2.0
#include "core/kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "core/error_budget.h"

namespace xent {
namespace {

TEST(Glob, StarsAndQuestionMarks) {
  EXPECT_TRUE(glob_match("scalar/*", "scalar/naive"));
  EXPECT_TRUE(glob_match("*safe*", "highway/safe/avx2"));
  EXPECT_TRUE(glob_match("*/avx2", "highway/safe/avx2"));
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("a*b*c", "aXbXbc"));
  EXPECT_FALSE(glob_match("a*b*c", "aXbXbcd"));
  EXPECT_FALSE(glob_match("scalar", "scalar/naive"));
  EXPECT_FALSE(glob_match("a?c", "ac"));
  EXPECT_FALSE(glob_match("", "a"));
  EXPECT_FALSE(glob_match("*a*a*a*a*a*b", std::string(60, 'a')));
}

std::string chosen(std::string_view pattern) {
  std::vector<Kernel> all(4);
  all[0].name = "scalar/safe";
  all[1].name = "scalar/naive";
  all[1].role = Role::example_of_failure;
  all[2].name = "mutant/zeros";
  all[2].role = Role::mutant;
  all[3].name = "peer/torch";
  all[3].role = Role::peer;
  std::string names;
  for (const Kernel& kernel : select(all, pattern)) names += kernel.name + " ";
  return names;
}

TEST(Select, GlobsMeanProductsNamesMeanThemselves) {
  EXPECT_EQ(chosen("*"), "scalar/safe ");
  EXPECT_EQ(chosen("scalar/*"), "scalar/safe ");
  EXPECT_EQ(chosen("scalar/naive"), "scalar/naive ");
  EXPECT_EQ(chosen("role:mutant"), "mutant/zeros ");
  EXPECT_EQ(chosen("role:example-of-failure"), "scalar/naive ");
  EXPECT_EQ(chosen("role:*"), "scalar/safe scalar/naive mutant/zeros peer/torch ");
  EXPECT_EQ(chosen("scalar"), "");
}

TEST(Poison, IsASignallingNanThatOnlyItsOwnBitsMatch) {
  for (const DType dtype : {DType::f64, DType::f32, DType::f16, DType::bf16}) {
    Tensor t(dtype, {3});
    EXPECT_FALSE(is_poison(t, 0));
    poison(t);
    for (std::int64_t i = 0; i < 3; ++i) EXPECT_TRUE(is_poison(t, i));
    EXPECT_TRUE(std::isnan(t.at(1)));
    std::uint64_t bits = 0;
    std::memcpy(&bits, t.bytes.data(), size_of(dtype));
    EXPECT_EQ(bits >> (format(dtype).precision - 2) & 1, 0u) << "quiet " << name(dtype);
    t.set(1, std::numeric_limits<double>::quiet_NaN());
    EXPECT_FALSE(is_poison(t, 1));
    EXPECT_TRUE(is_poison(t, 2));
  }
  EXPECT_TRUE(std::isnan(poison_value()));
  Tensor t(DType::f64, {1});
  const double value = poison_value();
  std::memcpy(t.bytes.data(), &value, sizeof value);
  EXPECT_TRUE(is_poison(t, 0));
}

class Steps : public Invocation {
 public:
  explicit Steps(std::string* log) : log_(log) {}
  void reset() override { *log_ += "reset "; }
  void launch() override { *log_ += "launch "; }
  void wait() override { *log_ += "wait "; }
  Output output() const override {
    *log_ += "output ";
    return {};
  }
  Faults faults() const override {
    Faults f;
    f.written_outside = {"1 byte past the end of loss"};
    return f;
  }

 private:
  std::string* log_;
};

TEST(Run, BindsResetsLaunchesWaits) {
  std::string log;
  Kernel kernel;
  kernel.bind = [&](const TestCase&, const BindOptions& options) {
    log += "bind" + std::to_string(options.offset_elements) + " ";
    return std::make_unique<Steps>(&log);
  };
  BindOptions options;
  options.offset_elements = 3;
  const RunRecord record = run(kernel, {}, options);
  EXPECT_EQ(log, "bind3 reset launch wait output ");
  EXPECT_FALSE(record.faults.none());
  EXPECT_EQ(record.faults.written_outside.size(), 1u);
}

TEST(Run, ExceptionsBecomeFaults) {
  Kernel kernel;
  kernel.bind = [](const TestCase&, const BindOptions&) -> std::unique_ptr<Invocation> {
    throw std::runtime_error("no memory of that shape");
  };
  EXPECT_EQ(run(kernel, {}).faults.raised, "no memory of that shape");
  kernel.bind = [](const TestCase&, const BindOptions&) -> std::unique_ptr<Invocation> {
    throw 3;
  };
  EXPECT_FALSE(run(kernel, {}).faults.raised.empty());
  kernel.bind = [](const TestCase&, const BindOptions&) { return nullptr; };
  EXPECT_FALSE(run(kernel, {}).faults.none());
}

TEST(Promises, NamesInOrder) {
  Promises p;
  EXPECT_TRUE(promise_names(p).empty());
  p.in_place = p.repeatable = true;
  EXPECT_EQ(promise_names(p), (std::vector<std::string>{"repeatable", "in-place"}));
  EXPECT_EQ(name(AccuracyClass::relative), "relative");
}

TEST(Budget, AdditionDepths) {
  for (const SumOrder order : {SumOrder::any, SumOrder::sequential}) {
    EXPECT_EQ(addition_depth(order, 128256, 8, 64), 128255);
    EXPECT_EQ(addition_depth(order, 0, 1, 1), 0);
  }
  EXPECT_EQ(addition_depth(SumOrder::lanes, 100, 8, 1), 12 + 3);
  EXPECT_EQ(addition_depth(SumOrder::lanes, 8, 8, 1), 3);
  EXPECT_EQ(addition_depth(SumOrder::pairwise, 1024, 1, 1), 10);
  EXPECT_EQ(addition_depth(SumOrder::pairwise, 1000, 1, 128), 127 + 3);
  EXPECT_EQ(addition_depth(SumOrder::pairwise, 100, 1, 128), 99);
  EXPECT_EQ(addition_depth(SumOrder::pairwise, 262144, 16, 16), 15 + 10 + 4);
  EXPECT_EQ(addition_depth(SumOrder::pairwise, 20, 16, 16), 1 + 4);
  EXPECT_EQ(addition_depth(SumOrder::compensated, 1000000, 1, 1), 2);
  // 8016 elements a lane: 64 in a run, 126 runs, a tree of 16 lanes.
  EXPECT_EQ(addition_depth(SumOrder::blocked, 128256, 16, 64), 63 + 125 + 4);
  EXPECT_EQ(addition_depth(SumOrder::blocked, 10, 1, 64), 9);
  // 63 leaves: runs of 8, a tree of 256, 2 totals in order, a tree of 32.
  EXPECT_EQ(addition_depth(SumOrder::leaves, 128256, 256, 8), 7 + 8 + 1 + 5);
}

// Depths counted on a tree of additions that is actually carried out.
int counted_depth(const std::vector<int>& depths) {
  int total = 0;
  bool started = false;
  for (const int depth : depths) {
    total = started ? std::max(total, depth) + 1 : depth;
    started = true;
  }
  return total;
}

/// In halves; -1: nothing there, to which adding rounds nothing.
int halved_depth(std::vector<int> depths) {
  for (std::size_t half = depths.size() / 2; half > 0; half /= 2) {
    for (std::size_t i = 0; i < half; ++i) {
      const int a = depths[i], b = depths[i + half];
      depths[i] = std::min(a, b) < 0 ? std::max(a, b) : std::max(a, b) + 1;
    }
  }
  return depths[0];
}

TEST(Budget, LeavesDepthIsNeverBelowTheCountedOne) {
  for (const std::int64_t block : {1, 2, 3}) {
    for (std::int64_t n = 1; n <= 400; ++n) {
      std::vector<int> sums(32, -1);
      for (std::int64_t start = 0, leaf = 0; start < n; start += 4 * block, ++leaf) {
        std::vector<int> runs(4, -1);
        for (std::int64_t i = 0; i < std::min(4 * block, n - start); ++i) {
          ++runs[static_cast<std::size_t>(i % 4)];
        }
        int& sum = sums[static_cast<std::size_t>(leaf % 32)];
        const int total = halved_depth(runs);
        sum = sum < 0 ? total : std::max(sum, total) + 1;
      }
      ASSERT_GE(addition_depth(SumOrder::leaves, n, 4, block), halved_depth(sums))
          << n << " " << block;
    }
  }
}

TEST(Budget, BlockedDepthIsNeverBelowTheCountedOne) {
  for (std::int64_t n = 1; n <= 300; ++n) {
    for (const std::int64_t block : {1, 3, 8}) {
      std::vector<int> runs;
      for (std::int64_t start = 0; start < n; start += block) {
        runs.push_back(counted_depth(std::vector<int>(
            static_cast<std::size_t>(std::min(block, n - start)), 0)));
      }
      ASSERT_GE(addition_depth(SumOrder::blocked, n, 1, block), counted_depth(runs))
          << n << " " << block;
    }
  }
}

TEST(Budget, StandardAndRelative) {
  Problem p;
  p.dtype = DType::bf16;
  const ErrorBudget standard = ErrorBudget::standard(p);
  EXPECT_EQ(standard.accumulate, DType::f32);
  EXPECT_EQ(standard.output, DType::bf16);
  EXPECT_EQ(standard.loss, LossForm::any);
  EXPECT_EQ(ErrorBudget::relative(p).loss, LossForm::accurate);
  EXPECT_EQ(ErrorBudget::relative(p).target, TargetForm::accurate);
  p.dtype = DType::f64;
  EXPECT_EQ(ErrorBudget::standard(p).accumulate, DType::f64);
  EXPECT_EQ(to_text(standard),
            "exp 4u + 2.5u|d|, log 6u + 8u, any order, any loss, any gradient, any target, "
            "any kl, f32 sums, bf16 out");
}

}  // namespace
}  // namespace xent
