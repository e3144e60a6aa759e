// SPDX-License-Identifier: Apache-2.0
// Measures the exponentials that the kernels declare an error for.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "impl/highway/targets.h"
#include "impl/scalar/libm.h"

namespace xent {
namespace {

/// Builds without optimisation, sanitizers among them, look at fewer points.
#ifdef NDEBUG
constexpr int kThin = 1;
#else
constexpr int kThin = 16;
#endif

template <class T>
using ExpFn = std::function<void(const T*, T*, std::size_t)>;

/// Largest errors over the points seen: of normal results relative, in units of u; of subnormal
/// results what exceeds `declared` u, in units of the least subnormal.
template <class T>
struct Measured {
  double normal = 0;
  double below_normal = 0;
  T largest = 0;
  T at = 0;
};

template <class T>
void measure(const ExpFn<T>& exp, const std::vector<T>& x, double declared, Measured<T>& m) {
  using L = std::numeric_limits<T>;
  const double u = L::epsilon() / 2;
  std::vector<T> y(x.size());
  exp(x.data(), y.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    // binary32: the error of a binary64 exp is below 2^-28 u; binary64: that of expl 2^-10 u.
    using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;
    const Wide exact = std::exp(static_cast<Wide>(x[i]));
    const Wide gap = std::abs(static_cast<Wide>(y[i]) - exact);
    const Wide error = std::isnan(gap) ? std::numeric_limits<Wide>::infinity() : gap;
    m.largest = std::max(m.largest, y[i]);
    if (exact >= static_cast<Wide>(L::min())) {
      const double relative = static_cast<double>(error / exact) / u;
      if (relative > m.normal) {
        m.normal = relative;
        m.at = x[i];
      }
    } else {
      const Wide extra = (error - declared * u * exact) / static_cast<Wide>(L::denorm_min());
      m.below_normal = std::max(m.below_normal, static_cast<double>(extra));
    }
  }
}

/// Every `stride`-th binary32 number from `first` down to `last`, both negative.
void sweep(const ExpFn<float>& exp, float first, float last, std::uint32_t stride, double declared,
           Measured<float>& m) {
  const auto end = std::bit_cast<std::uint32_t>(last);
  std::vector<float> x;
  for (auto bits = std::bit_cast<std::uint32_t>(first); bits <= end; bits += stride) {
    x.push_back(std::bit_cast<float>(bits));
    if (x.size() == 1u << 16 || end - bits < stride) {
      measure(exp, x, declared, m);
      x.clear();
    }
  }
}

Measured<float> measure_f32(const ExpFn<float>& exp, double declared) {
  Measured<float> m;
  sweep(exp, -0.0f, -0x1p-10f, 4099 * kThin, declared, m);
  sweep(exp, -0x1p-10f, -104.5f, 53 * kThin, declared, m);
  return m;
}

/// Points around every midpoint (k + 1/2) ln 2, where the reduced argument is largest, around every
/// k ln 2, where it cancels, and an even spread.
Measured<double> measure_f64(const ExpFn<double>& exp, double declared) {
  Measured<double> m;
  for (int half_steps = 0; half_steps <= 2 * 1076; ++half_steps) {
    const double centre = -half_steps * 0x1.62e42fefa39efp-2;
    std::vector<double> x;
    for (int i = 0; i < 400; i += kThin) {
      const double near = centre - i * 0x1p-51 * std::max(1.0, -centre);
      x.push_back(std::min(near, 0.0));
      x.push_back(centre - i * (0x1.62e42fefa39efp-2 / 400));
    }
    measure(exp, x, declared, m);
  }
  return m;
}

template <class T>
void expect_within(const std::string& who, const Measured<T>& m, double declared) {
  std::printf("%-20s normal %.4f u at %a, below normal %.4f units, declared %.3g u\n", who.c_str(),
              m.normal, static_cast<double>(m.at), m.below_normal, declared);
  EXPECT_LE(m.normal, declared) << who << " at " << m.at;
  EXPECT_LE(m.below_normal, std::max(1.0, declared)) << who;
  EXPECT_LE(m.largest, T(1)) << who;
}

TEST(Exp, LibmIsWithinItsDeclaredError) {
  const auto all = [](const auto* x, auto* y, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) y[i] = std::exp(x[i]);
  };
  expect_within("libm f32", measure_f32(all, kLibmExp), kLibmExp);
  expect_within("libm f64", measure_f64(all, kLibmExp), kLibmExp);
}

TEST(Exp, HighwayIsWithinItsDeclaredError) {
  ASSERT_FALSE(highway_targets().empty());
  for (const HighwayTarget& target : highway_targets()) {
    expect_within(target.isa + " f32", measure_f32(target.exp_f32, kHighwayExp), kHighwayExp);
    expect_within(target.isa + " f64", measure_f64(target.exp_f64, kHighwayExp), kHighwayExp);
  }
}

template <class T>
void expect_special_values(const std::string& who, const ExpFn<T>& exp) {
  using L = std::numeric_limits<T>;
  const std::vector<T> x = {
      T(0), -T(0), -L::infinity(), L::quiet_NaN(), -L::max(), -L::denorm_min(), T(-1e4)};
  std::vector<T> y(x.size());
  exp(x.data(), y.data(), x.size());
  EXPECT_EQ(y[0], T(1)) << who;
  EXPECT_EQ(y[1], T(1)) << who;
  EXPECT_EQ(y[2], T(0)) << who;
  EXPECT_FALSE(std::signbit(y[2])) << who;
  EXPECT_TRUE(std::isnan(y[3])) << who;
  EXPECT_EQ(y[4], T(0)) << who;
  EXPECT_EQ(y[5], T(1)) << who;
  EXPECT_EQ(y[6], T(0)) << who;
}

TEST(Exp, HighwaySpecialValues) {
  for (const HighwayTarget& target : highway_targets()) {
    expect_special_values<float>(target.isa, target.exp_f32);
    expect_special_values<double>(target.isa, target.exp_f64);
  }
}

/// log, log1p and tanh, in binary32 against binary64.
TEST(Exp, LibmsOtherFunctionsAreWithinTheirDeclaredErrors) {
  double log_worst = 0;
  double tanh_worst = 0;
  const auto see = [](double& worst, float got, double exact) {
    if (exact != 0) worst = std::max(worst, std::abs((got - exact) / exact));
  };
  for (std::uint32_t bits = 0x00800000; bits < 0x4b800000; bits += 1999) {
    const float t = std::bit_cast<float>(bits);
    const double x = t;
    see(log_worst, std::log1p(t), std::log1p(x));
    see(log_worst, std::log(t), std::log(x));
    if (t < 1) see(log_worst, std::log1p(-t), std::log1p(-x));
    see(tanh_worst, std::tanh(t), std::tanh(x));
  }
  std::printf("libm logf, log1pf %.4f u, declared %.3g u; tanhf %.4f u, declared %.3g u\n",
              log_worst * 0x1p24, kLibmLog, tanh_worst * 0x1p24, kLibmTanh);
  EXPECT_LE(log_worst * 0x1p24, kLibmLog);
  EXPECT_LE(tanh_worst * 0x1p24, kLibmTanh);
}

}  // namespace
}  // namespace xent
