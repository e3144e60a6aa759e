// SPDX-License-Identifier: Apache-2.0
#include "oracle/exp_error.h"

#include <gtest/gtest.h>
#include <mpfr.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "oracle/simd/exp_block.h"
#include "oracle/simd/rows.h"

namespace xent {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
/// Two radii of 2^-28 u.
constexpr double kWidth = 0x1p-27;

/// exp x to 200 bits, and what is asked of it.
class Exact {
 public:
  explicit Exact(float x) {
    mpfr_inits2(200, e_, t_, nullptr);
    mpfr_set_flt(t_, x, MPFR_RNDN);
    mpfr_exp(e_, t_, MPFR_RNDN);
  }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;
  ~Exact() { mpfr_clears(e_, t_, nullptr); }

  /// The nearest binary32, subnormal ones included.
  float nearest() {
    const int exponent = static_cast<int>(mpfr_get_exp(e_)) - 24;
    const double ulp = std::ldexp(1.0, std::max(exponent, -149));
    mpfr_div_d(t_, e_, ulp, MPFR_RNDN);
    mpfr_rint(t_, t_, MPFR_RNDN);
    mpfr_mul_d(t_, t_, ulp, MPFR_RNDN);
    const double r = mpfr_get_d(t_, MPFR_RNDN);
    return r > std::numeric_limits<float>::max() ? kInf : static_cast<float>(r);
  }
  double relative(double y) {  ///< |y / exp x - 1| / u
    mpfr_d_div(t_, y, e_, MPFR_RNDN);
    mpfr_sub_ui(t_, t_, 1, MPFR_RNDN);
    return std::fabs(mpfr_get_d(t_, MPFR_RNDN)) * 0x1p24;
  }
  double absolute(double y) {  ///< |y - exp x| / 2^-149
    mpfr_sub_d(t_, e_, y, MPFR_RNDN);
    return std::fabs(mpfr_get_d(t_, MPFR_RNDN)) * 0x1p149;
  }

 private:
  mpfr_t e_, t_;
};

/// Neighbouring arguments and results.
struct Tried {
  std::vector<float> x, y;
  std::size_t at(float argument) const {
    return static_cast<std::size_t>(std::find(x.begin(), x.end(), argument) - x.begin());
  }
};

/// `count` arguments away from 0, from `first`.
Tried try_from(float first, std::uint32_t count, const std::function<float(float)>& exp) {
  Tried r;
  for (std::uint32_t i = 0; i < count; ++i) {
    r.x.push_back(std::bit_cast<float>(std::bit_cast<std::uint32_t>(first) + i));
    r.y.push_back(exp(r.x.back()));
  }
  return r;
}

float rounded(float x) { return Exact(x).nearest(); }

ErrorBudget budget(double a, double b = 0) {
  ErrorBudget out;
  out.exp_rel = a;
  out.exp_arg = b;
  return out;
}

const ExpSpecials kGood = {1, 0, std::numeric_limits<float>::quiet_NaN()};

class ExpError : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = simd_tiers_unusable(); !why.empty()) GTEST_SKIP() << why;
  }
};

/// The maximum by MPFR lies within what is claimed, and the claim is narrow.
void expect_maximum(const Tried& r, const ErrorBudget& b) {
  double most = 0;
  for (std::size_t i = 0; i < r.x.size(); ++i) {
    most = std::max(most, Exact(r.x[i]).relative(r.y[i]) - b.exp_arg * std::fabs(r.x[i]));
  }
  const ExpErrors e = exp_errors(r.x, r.y, b);
  EXPECT_EQ(e.inputs, static_cast<std::int64_t>(r.x.size()));
  EXPECT_LE(e.relative.lo, most);
  EXPECT_GE(e.relative.hi, most);
  EXPECT_LE(e.relative.hi - e.relative.lo, kWidth);
  const double there = Exact(e.relative.x).relative(e.relative.y);
  EXPECT_GE(there - b.exp_arg * std::fabs(e.relative.x), e.relative.lo);
}

TEST_F(ExpError, EnclosesTheMaximum) {
  for (const float first : {-0x1p-12f, -0.34657f, -1.0f, -17.3f, -87.3f, 3.5f, 88.5f}) {
    SCOPED_TRACE(first);
    expect_maximum(try_from(first, 3001, rounded), budget(1));
    expect_maximum(try_from(first, 700, [](float x) { return rounded(x) * (1 + 0x1p-21f); }),
                   budget(16));
    expect_maximum(try_from(first, 700, [](float x) { return std::exp(x * (1 + 0x1p-23f)); }),
                   budget(1, 1.5));
  }
}

TEST_F(ExpError, CorrectRoundingIsHalfAnUlp) {
  for (const float first : {-0.1f, -40.0f, -100.0f, 20.0f}) {
    const Tried r = try_from(first, 5000, rounded);
    const ExpErrors e = exp_errors(r.x, r.y, budget(1));
    EXPECT_LE(std::max(e.ulp.hi, e.tiny.hi), 0.5 + kWidth);
    EXPECT_GE(std::max(e.ulp.lo, e.tiny.lo), 0.49);
    EXPECT_FALSE(e.not_monotone);
    EXPECT_EQ(judge(e, kGood, budget(1)), Verdict::pass);
  }
}

TEST_F(ExpError, FindsTheOneWrongResult) {
  for (const std::uint32_t at : {0u, 1u, 511u, 512u, 1000u, 4096u}) {
    Tried r = try_from(-2.0f, 4097, rounded);
    r.y[at] = std::bit_cast<float>(std::bit_cast<std::uint32_t>(r.y[at]) + 3);
    const ExpErrors e = exp_errors(r.x, r.y, budget(1.75));
    EXPECT_EQ(e.relative.x, r.x[at]);
    EXPECT_EQ(e.relative.y, r.y[at]);
    EXPECT_EQ(e.ulp.x, r.x[at]);
    EXPECT_NEAR(e.ulp.lo, 3, 0.5 + kWidth);
    EXPECT_EQ(judge(e, kGood, budget(1.75)), Verdict::fail);
  }
}

TEST_F(ExpError, AClaimIsHeldToTheLastDigit) {
  const Tried r = try_from(-2.0f, 4097, rounded);
  const ExpWorst worst = exp_errors(r.x, r.y, budget(1)).relative;
  EXPECT_EQ(within(worst, worst.hi), Verdict::pass);
  EXPECT_EQ(within(worst, std::nextafter(worst.hi, 0)), Verdict::inconclusive);
  EXPECT_EQ(within(worst, worst.lo), Verdict::inconclusive);
  EXPECT_EQ(within(worst, std::nextafter(worst.lo, 0)), Verdict::fail);
}

/// exp(0) is a number that the enclosure knows exactly: 1 + 2^-23 errs by 2 u, no more and no less.
TEST_F(ExpError, TheOneExactValueIsExact) {
  const std::vector<float> x = {-0.0f}, y = {1 + 0x1p-23f};
  const ExpErrors e = exp_errors(x, y, budget(2));
  EXPECT_EQ(e.relative.lo, 2 * (1 - 0x1p-48));
  EXPECT_EQ(e.relative.hi, 2 * (1 + 0x1p-48));
}

// b |x| u exp x is granted beside the absolute error, as the bounds do.
TEST_F(ExpError, TheSlopeCountsBelowTheNormalRangeToo) {
  const Tried r = try_from(-87.34f, 3001, [](float x) {
    return static_cast<float>(std::exp(static_cast<double>(x)) * (1 + 20 * 0x1p-24));
  });
  EXPECT_EQ(judge(exp_errors(r.x, r.y, budget(2)), kGood, budget(2)), Verdict::fail);
  EXPECT_EQ(judge(exp_errors(r.x, r.y, budget(2, 0.1)), kGood, budget(2, 0.1)), Verdict::fail);
  const ExpErrors e = exp_errors(r.x, r.y, budget(2, 0.25));
  EXPECT_EQ(judge(e, kGood, budget(2, 0.25)), Verdict::pass);
  double most = 0;
  for (std::size_t i = 0; i < r.x.size(); ++i) {
    const double slope = 0.25 * std::fabs(r.x[i]) * 0x1p125 * std::exp(double{r.x[i]});
    most = std::max(most, Exact(r.x[i]).absolute(r.y[i]) - slope);
  }
  EXPECT_GE(e.tiny.hi, most);
  EXPECT_LE(e.tiny.hi - most, kWidth);
  EXPECT_LE(e.tiny.lo, most);
}

TEST_F(ExpError, BelowTheNormalRangeErrorsAreAbsolute) {
  const auto flushing = [](float x) { return rounded(x) < 0x1p-126f ? 0 : rounded(x); };
  const Tried r = try_from(-87.336f, 4001, flushing);
  double most = 0;
  for (std::size_t i = 0; i < r.x.size(); ++i) {
    if (r.y[i] == 0) most = std::max(most, Exact(r.x[i]).absolute(0));
  }
  ErrorBudget b = budget(1);
  ExpErrors e = exp_errors(r.x, r.y, b);
  EXPECT_LE(e.tiny.lo, most);
  EXPECT_GE(e.tiny.hi, most);
  EXPECT_EQ(judge(e, kGood, b), Verdict::fail);
  b.flush_to_zero = true;
  EXPECT_EQ(judge(exp_errors(r.x, r.y, b), kGood, b), Verdict::pass);
  b.flush_to_zero = false;
  b.exp_cutoff = -87.33;
  EXPECT_EQ(judge(exp_errors(r.x, r.y, b), kGood, b), Verdict::pass);
}

TEST_F(ExpError, ACutoffAllowsZerosBelowItOnly) {
  const auto cut = [](float x) { return x < -20 ? 0 : rounded(x); };
  const Tried across = try_from(-19.999f, 2000, cut), below = try_from(-1000.0f, 2000, cut);
  ASSERT_TRUE(across.y.front() > 0 && across.y.back() == 0);
  for (const double cutoff : {-20.0, -19.9995, -20.0001}) {
    ErrorBudget b = budget(1);
    b.exp_cutoff = cutoff;
    EXPECT_EQ(judge(exp_errors(across.x, across.y, b), kGood, b),
              cutoff < -20 ? Verdict::fail : Verdict::pass);
    EXPECT_EQ(judge(exp_errors(below.x, below.y, b), kGood, b), Verdict::pass);
  }
}

TEST_F(ExpError, OverflowIsRightOnlyWhereItIs) {
  const Tried right = try_from(88.7228f, 5000, rounded);
  ASSERT_TRUE(std::isinf(right.y.back()) && !std::isinf(right.y.front()));
  EXPECT_EQ(judge(exp_errors(right.x, right.y, budget(1)), kGood, budget(1)), Verdict::pass);

  Tried early = try_from(88.5f, 600, rounded);
  early.y[300] = kInf;
  const double error = Exact(early.x[300]).relative(0x1p128 * (1 - 0x1p-25));
  ExpErrors e = exp_errors(early.x, early.y, budget(1));
  EXPECT_EQ(e.relative.x, early.x[300]);
  EXPECT_LE(e.relative.lo, error);
  EXPECT_GE(e.relative.hi, error);

  Tried late = try_from(100.0f, 1000, rounded);
  EXPECT_EQ(exp_errors(late.x, late.y, budget(1)).relative.hi, 0);
  late.y[700] = std::numeric_limits<float>::max();
  e = exp_errors(late.x, late.y, budget(1));
  EXPECT_EQ(e.relative.x, late.x[700]);
  EXPECT_LE(e.relative.lo, 0x1p24);
  EXPECT_GE(e.relative.hi, 0x1p24);
  EXPECT_EQ(judge(e, kGood, budget(1)), Verdict::fail);
}

TEST_F(ExpError, FarAboveWhateverEndsASumMinusTheTargetIsRight) {
  ErrorBudget b = budget(1);
  b.shift = Shift::target;
  const auto judged = [&](float first, float wrong) {
    Tried r = try_from(first, 1000, rounded);
    r.y[700] = wrong;
    return judge(exp_errors(r.x, r.y, b), kGood, b);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const float first : {88.001f, 88.73f, 100.0f, 1e30f}) {
    for (const float y : {1.1e37f, nan, kInf, -kInf}) EXPECT_EQ(judged(first, y), Verdict::pass);
    for (const float y : {0.9e37f, 0.0f, -2e37f}) EXPECT_EQ(judged(first, y), Verdict::fail) << y;
  }
  for (const float y : {1.1e37f, nan, kInf}) EXPECT_EQ(judged(87.99f, y), Verdict::fail) << y;
}

TEST_F(ExpError, NoNumberIsInfinitelyWrong) {
  for (const float first : {-2.0f, -200.0f, 2.0f}) {
    for (const float wrong : {std::numeric_limits<float>::quiet_NaN(), first < 0 ? kInf : -kInf}) {
      Tried r = try_from(first, 1000, rounded);
      r.y[600] = wrong;
      const ExpErrors e = exp_errors(r.x, r.y, budget(1e6));
      EXPECT_EQ(judge(e, kGood, budget(1e6)), Verdict::fail) << first << " " << wrong;
      EXPECT_TRUE(e.relative.x == r.x[600] || e.tiny.x == r.x[600]);
    }
  }
}

TEST_F(ExpError, ZeroFarBelowIsRightAndAnythingElseIsSeen) {
  Tried r = try_from(-110.0f, 3000, [](float) { return 0.0f; });
  ExpErrors e = exp_errors(r.x, r.y, budget(1));
  EXPECT_EQ(judge(e, kGood, budget(1)), Verdict::pass);
  EXPECT_FALSE(e.least_nonzero);
  r.y[2000] = 0x1p-147f;
  e = exp_errors(r.x, r.y, budget(1));
  EXPECT_EQ(e.tiny.x, r.x[2000]);
  EXPECT_EQ(e.least_nonzero, r.x[2000]);
  EXPECT_EQ(judge(e, kGood, budget(1)), Verdict::fail);
}

TEST_F(ExpError, SpecialValuesAreOfTheModel) {
  const ExpErrors none;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(judge(none, {1, 0, nan}, budget(1)), Verdict::pass);
  EXPECT_EQ(judge(none, {1 - 0x1p-24f, 0, nan}, budget(1)), Verdict::fail);
  EXPECT_EQ(judge(none, {1, 0x1p-149f, nan}, budget(1)), Verdict::fail);
  EXPECT_EQ(judge(none, {1, nan, nan}, budget(1)), Verdict::fail);
}

TEST_F(ExpError, NamesTheFirstStepInTheWrongDirection) {
  Tried r = try_from(-1.0f, 3000, rounded);
  EXPECT_FALSE(exp_errors(r.x, r.y, budget(1)).not_monotone);
  for (const std::size_t i : {2000u, 1024u}) r.y[i] = std::nextafter(r.y[i - 1], 1.0f);
  const auto wrong = exp_errors(r.x, r.y, budget(1)).not_monotone;
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->first.x, r.x[1023]);
  EXPECT_EQ(wrong->second.x, r.x[1024]);
}

bool same(const ExpWorst& a, const ExpWorst& b) {
  return a.lo == b.lo && a.hi == b.hi && a.x == b.x && a.y == b.y;
}

bool same(const ExpErrors& a, const ExpErrors& b) {
  return a.inputs == b.inputs && same(a.relative, b.relative) && same(a.ulp, b.ulp) &&
         same(a.tiny, b.tiny) && a.least_nonzero == b.least_nonzero &&
         a.not_monotone.has_value() == b.not_monotone.has_value() &&
         (!a.not_monotone || a.not_monotone->second.x == b.not_monotone->second.x);
}

/// A run that has everything: the end of the normal range, a wrong step, zeros.
Tried eventful() {
  Tried r = try_from(-87.33f, 6000, [](float x) { return static_cast<float>(std::exp(x * 1.0)); });
  const Tried end = try_from(-103.97f, 3000, rounded);
  r.x.insert(r.x.end(), end.x.begin(), end.x.end());
  r.y.insert(r.y.end(), end.y.begin(), end.y.end());
  r.y[2500] = std::nextafter(r.y[2499], 1.0f);
  return r;
}

TEST_F(ExpError, PartsJoinToTheWhole) {
  const Tried r = eventful();
  const std::span<const float> x = r.x, y = r.y;
  const ExpErrors whole = exp_errors(x, y, budget(1));
  for (const std::size_t part : {1ul, 7ul, 500ul, 2500ul}) {
    ExpErrors joined;
    for (std::size_t i = 0; i < x.size(); i += part) {
      const std::size_t n = std::min(part, x.size() - i);
      joined.append(exp_errors(x.subspan(i, n), y.subspan(i, n), budget(1)));
    }
    EXPECT_TRUE(same(joined, whole)) << part;
  }
}

TEST_F(ExpError, EveryInstructionSetFindsTheSame) {
  Tried r = eventful();
  r.x.resize(r.x.size() / 16 * 16);
  ExpBlock best, other;
  for (const ExpBlockTarget& target : exp_block_targets()) {
    for (std::size_t i = 0; i < r.x.size(); i += ExpBlock::kMost) {
      const std::size_t count = std::min(ExpBlock::kMost, r.x.size() - i);
      const ExpBlockInput in{&r.x[i], &r.y[i], count, 0.25, -103.99};
      exp_block_targets().front().fill(in, best);
      target.fill(in, other);
      const auto same = [count](const double* a, const double* b) {
        return std::memcmp(a, b, count * sizeof(double)) == 0;
      };
      EXPECT_TRUE(same(best.mid, other.mid) && same(best.rad, other.rad)) << target.isa;
      EXPECT_TRUE(same(best.relative, other.relative)) << target.isa;
      EXPECT_TRUE(same(best.ulp, other.ulp) && same(best.tiny, other.tiny)) << target.isa;
      EXPECT_EQ(best.most_relative, other.most_relative);
    }
  }
}

}  // namespace
}  // namespace xent
