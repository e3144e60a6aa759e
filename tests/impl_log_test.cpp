// SPDX-License-Identifier: Apache-2.0
// Measures the logarithms and the tanh that the vector kernels declare an error for.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "impl/highway/targets.h"

namespace xent {
namespace {

/// Builds without optimisation, sanitizers among them, look at fewer points.
#ifdef NDEBUG
constexpr std::uint32_t kThin = 1;
#else
constexpr std::uint32_t kThin = 16;
#endif

/// One function in both types, and what it should be.
struct Tried {
  std::string name;
  ArrayFunction<float> f32;
  ArrayFunction<double> f64;
  double (*exact)(double);
  long double (*exact_long)(long double);
  double declared;
};

std::vector<Tried> functions(const HighwayTarget& t) {
  return {{t.isa + " log", t.log_f32, t.log_f64, std::log, std::log, kHighwayLog},
          {t.isa + " log1p", t.log1p_f32, t.log1p_f64, std::log1p, std::log1p, kHighwayLog},
          {t.isa + " tanh", t.tanh_f32, t.tanh_f64, std::tanh, std::tanh, kHighwayTanh}};
}

/// The largest relative error of normal results, in units of u; of others in units of the least
/// number there is.
struct Worst {
  double normal = 0;
  double below_normal = 0;
  double at = 0;
};

/// `exact` in a type whose own error is no part of u worth counting.
template <class T, class Wide>
void measure(ArrayFunction<T> f, Wide (*exact)(Wide), const std::vector<T>& x, Worst& worst) {
  using L = std::numeric_limits<T>;
  std::vector<T> y(x.size());
  f(x.data(), y.data(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Wide right = exact(static_cast<Wide>(x[i]));
    const Wide gap = std::abs(static_cast<Wide>(y[i]) - right);
    const Wide error = std::isnan(gap) ? std::numeric_limits<Wide>::infinity() : gap;
    if (error == 0) continue;
    if (std::abs(right) < static_cast<Wide>(L::min())) {
      const auto units = static_cast<double>(error / static_cast<Wide>(L::denorm_min()));
      worst.below_normal = std::max(worst.below_normal, units);
      continue;
    }
    const double relative = static_cast<double>(error / std::abs(right)) / (L::epsilon() / 2);
    if (relative <= worst.normal) continue;
    worst.normal = relative;
    worst.at = static_cast<double>(x[i]);
  }
}

/// Every `stride`-th binary32 number of one sign from `first` up to `last`, which are not negative.
void sweep(const Tried& f, float first, float last, bool negative, std::uint32_t stride,
           Worst& worst) {
  const auto end = std::bit_cast<std::uint32_t>(last);
  std::vector<float> x;
  for (auto bits = std::bit_cast<std::uint32_t>(first); bits <= end; bits += stride) {
    const float magnitude = std::bit_cast<float>(bits);
    x.push_back(negative ? -magnitude : magnitude);
    if (x.size() < 4096 && end - bits >= stride) continue;
    measure<float, double>(f.f32, f.exact, x, worst);
    x.clear();
  }
}

void expect_within(const Tried& f, const char* type, const Worst& worst) {
  std::printf("%-14s %s %.4f u at %a, below normal %.2f units, declared %.3g u\n", f.name.c_str(),
              type, worst.normal, worst.at, worst.below_normal, f.declared);
  EXPECT_LE(worst.normal, f.declared) << f.name << " at " << worst.at;
  EXPECT_LE(worst.below_normal, 0.5) << f.name << ": not the nearest number";
}

TEST(Log, Binary32IsWithinTheDeclaredError) {
  const float largest = std::numeric_limits<float>::max();
  for (const HighwayTarget& target : highway_targets()) {
    for (const Tried& f : functions(target)) {
      Worst worst;
      sweep(f, std::numeric_limits<float>::denorm_min(), largest, false, 3989 * kThin, worst);
      sweep(f, 0.125f, 4, false, 59 * kThin, worst);
      const bool log1p = f.exact_long == static_cast<long double (*)(long double)>(std::log1p);
      if (log1p) sweep(f, 0x1p-140f, 0x1.fffffep-1f, true, 997 * kThin, worst);
      expect_within(f, "f32", worst);
    }
  }
}

/// Points of every binade and, dense, around 1 and where log1p changes its reduction.
std::vector<double> spread(bool below_zero) {
  std::vector<double> x;
  for (int e = -1074; e < 1024; ++e) {
    for (int i = 0; i < 32; ++i) x.push_back(std::ldexp(1 + (i + 0.37) / 32, e));
  }
  for (std::uint32_t i = 1; i < 400000; i += kThin) {
    const double even = i * 0x1.3c6ef372fe95p-17;  // up to 3.8
    x.push_back(even);
    x.push_back(1 + (even - 2) * 0x1p-12);
    x.push_back(std::ldexp(1 + even / 4, static_cast<int>(i % 9) - 5));
    if (below_zero) x.push_back(-even / 4);
  }
  return x;
}

TEST(Log, Binary64IsWithinTheDeclaredError) {
  for (const HighwayTarget& target : highway_targets()) {
    for (const Tried& f : functions(target)) {
      Worst worst;
      const bool log = f.exact_long == static_cast<long double (*)(long double)>(std::log);
      measure<double, long double>(f.f64, f.exact_long, spread(!log), worst);
      expect_within(f, "f64", worst);
    }
  }
}

template <class T>
std::vector<T> values(ArrayFunction<T> f, const std::vector<T>& x) {
  std::vector<T> y(x.size());
  f(x.data(), y.data(), x.size());
  return y;
}

template <class T>
void expect_edges(const std::string& who, ArrayFunction<T> log, ArrayFunction<T> log1p,
                  ArrayFunction<T> tanh) {
  using L = std::numeric_limits<T>;
  const T inf = L::infinity();
  const T nan = L::quiet_NaN();
  const T tiny = L::denorm_min();
  const auto equal = [&](const std::vector<T>& got, const std::vector<T>& right) {
    for (std::size_t i = 0; i < right.size(); ++i) {
      if (std::isnan(right[i])) EXPECT_TRUE(std::isnan(got[i])) << who << " " << i;
      else EXPECT_EQ(got[i], right[i]) << who << " " << i;
    }
  };
  equal(values(log, {T(0), -T(0), T(1), inf, -inf, nan, T(-1), -tiny}),
        {-inf, -inf, T(0), inf, nan, nan, nan, nan});
  equal(values(log1p, {T(0), -T(0), T(-1), inf, -inf, nan, T(-2), tiny, -tiny, L::min()}),
        {T(0), T(0), -inf, inf, nan, nan, nan, tiny, -tiny, L::min()});
  equal(values(tanh, {T(0), T(40), T(-40), inf, -inf, nan, tiny, -tiny, L::max()}),
        {T(0), T(1), T(-1), T(1), T(-1), nan, tiny, -tiny, T(1)});
}

TEST(Log, SpecialValues) {
  ASSERT_FALSE(highway_targets().empty());
  for (const HighwayTarget& t : highway_targets()) {
    expect_edges<float>(t.isa + " f32", t.log_f32, t.log1p_f32, t.tanh_f32);
    expect_edges<double>(t.isa + " f64", t.log_f64, t.log1p_f64, t.tanh_f64);
  }
}

}  // namespace
}  // namespace xent
