// SPDX-License-Identifier: Apache-2.0
#include "oracle/exp_error.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "oracle/simd/exp_block.h"

namespace xent {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// From here on the nearest binary32 is +infinity.
constexpr double kOverflow = 0x1p128 * (1 - 0x1p-25);
/// Above it results may overflow, which the block knows nothing of.
constexpr double kSurelyFinite = 88;
/// Cover the roundings of a dozen operations each.
constexpr double kOut = 1 + 0x1p-48, kIn = 1 - 0x1p-48;

struct Bounds {
  double lo = 0, hi = 0;
};

struct PointErrors {
  Bounds relative, ulp, tiny;
};

double ulp_of(double x) { return std::ldexp(1.0, std::max(std::ilogb(x), -126) - 23); }

/// exp x, enclosed by the block only between its least and its greatest argument.
Bounds exp_bounds(double x, double mid, double rad) {
  if (x > ExpBlock::kGreatest) return {mid - rad, kInfinity};
  if (x < ExpBlock::kLeast) return {0, mid + rad};
  return {mid - rad, mid + rad};
}

/// Of a normal result y; e is exp x.
PointErrors normal_errors(double x, double y, Bounds e, double slope) {
  if (!std::isfinite(y)) return {{kInfinity, kInfinity}, {kInfinity, kInfinity}, {}};
  const double least = std::max({e.lo - y, y - e.hi, 0.0}), lost = slope * std::fabs(x);
  Bounds ratio, ulp;
  if (std::isinf(e.hi)) {  // y < 2^128 < e: the error is 1 - y / e
    ratio = {1 - y / e.lo, 1};
    ulp = {0x1p23 * ratio.lo, 0x1p24};
  } else {
    const double most = std::max(std::fabs(y - e.lo), std::fabs(y - e.hi));
    ratio = {least / e.hi, most / e.lo};
    ulp = {least / ulp_of(e.hi), most / ulp_of(e.lo)};
  }
  return {{0x1p24 * ratio.lo * kIn - lost * kOut, 0x1p24 * ratio.hi * kOut - lost * kIn},
          {ulp.lo * kIn, ulp.hi * kOut},
          {}};
}

/// With the target's shift a result that keeps its sum from being taken is right where exp x is
/// beyond the limit; looked for where results are looked at one by one.
bool ends_the_sum(double x, double y, double least, const ErrorBudget& b) {
  return b.shift == Shift::target && x > kSurelyFinite && least >= 2 * b.shift_limit &&
         (!(y < b.shift_limit) || y == -kInfinity);
}

/// The least argument for which b |x| counts in the bounds: from there on exp x is nothing.
double dead_argument(const ErrorBudget& b) {
  return std::max(b.exp_cutoff, b.flush_to_zero ? -87.3 : -103.9);
}

/// Bounds of the errors at one argument, by scalar arithmetic.
PointErrors point_errors(double x, double y, double mid, double rad, const ErrorBudget& b) {
  const Bounds e = exp_bounds(x, mid, rad);
  if (ends_the_sum(x, y, e.lo, b)) return {};
  if (y < 0x1p-126 || x < b.exp_cutoff) {
    const double least = std::max({e.lo - y, y - e.hi, 0.0});
    const double most = std::max(std::fabs(y - e.lo), std::fabs(y - e.hi));
    const bool alive = x >= dead_argument(b) && x <= 0;
    const double lost = alive ? b.exp_arg * std::fabs(x) * 0x1p125 : 0;
    return {{}, {}, {least * 0x1p149 * kIn - (alive ? lost * e.hi * kOut : 0),
                     most * 0x1p149 * kOut - lost * std::max(e.lo, 0.0) * kIn}};
  }
  if (x > 0 && y == kInfinity) {
    if (e.lo >= kOverflow) return {};
    y = kOverflow;
  }
  return normal_errors(x, y, e, b.exp_arg);
}

/// Without a way out on the way, so that it compiles to vectors.
bool all_are(std::span<const float> y, float value) {
  int others = 0;
  for (const float v : y) others += !(v == value);
  return others == 0;
}

bool wrong_order(ExpPoint a, ExpPoint b) { return !(a.x > b.x ? a.y >= b.y : a.y <= b.y); }

/// One sweep, block by block.
class Sweep {
 public:
  explicit Sweep(const ErrorBudget& b) : budget_(b) {}

  void add(std::span<const float> x, std::span<const float> y) {
    const auto [least, greatest] = std::minmax(x.front(), x.back());
    if (greatest < ExpBlock::kLeast && all_are(y, 0)) return add_zeros(x.front());
    if (least > ExpBlock::kGreatest && all_are(y, std::numeric_limits<float>::infinity())) return;
    fill(x, y);
    if (least < ExpBlock::kLeast || greatest > kSurelyFinite) fill_one_by_one(x, y);
    update(errors_.relative, &PointErrors::relative, block_.relative, block_.most_relative, x, y);
    update(errors_.ulp, &PointErrors::ulp, block_.ulp, block_.most_ulp, x, y);
    update(errors_.tiny, &PointErrors::tiny, block_.tiny, block_.most_tiny, x, y);
  }
  const ExpErrors& errors() const { return errors_; }

 private:

  /// exp x < 2^-151 below the block's least argument.
  void add_zeros(float x) {
    if (errors_.tiny.hi < 0.25) errors_.tiny = {0, 0.25, x, 0};
  }

  void fill(std::span<const float> x, std::span<const float> y) {
    const float *px = x.data(), *py = y.data();
    std::size_t count = x.size();
    if (count % 16 != 0) {  // exp(-0) = 1: no error
      std::fill(std::copy(x.begin(), x.end(), padded_x_), std::end(padded_x_), -0.0f);
      std::fill(std::copy(y.begin(), y.end(), padded_y_), std::end(padded_y_), 1.0f);
      px = padded_x_, py = padded_y_;
      count = (count + 15) / 16 * 16;
    }
    const ExpBlockInput in{px, py, count, budget_.exp_arg, budget_.exp_cutoff,
                           dead_argument(budget_)};
    exp_block_targets().front().fill(in, block_);
  }

  void fill_one_by_one(std::span<const float> x, std::span<const float> y) {
    block_.most_relative = block_.most_ulp = block_.most_tiny = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const PointErrors e = point_errors(x[i], y[i], block_.mid[i], block_.rad[i], budget_);
      block_.most_relative = std::max(block_.most_relative, block_.relative[i] = e.relative.hi);
      block_.most_ulp = std::max(block_.most_ulp, block_.ulp[i] = e.ulp.hi);
      block_.most_tiny = std::max(block_.most_tiny, block_.tiny[i] = e.tiny.hi);
    }
  }

  void update(ExpWorst& worst, Bounds PointErrors::*which, const double* bound, double most,
              std::span<const float> x, std::span<const float> y) {
    if (!(most > worst.hi)) return;
    const auto i = static_cast<std::size_t>(std::find(bound, bound + x.size(), most) - bound);
    const PointErrors e = point_errors(x[i], y[i], block_.mid[i], block_.rad[i], budget_);
    worst = {std::max(0.0, (e.*which).lo), most, x[i], y[i]};
  }

  ErrorBudget budget_;
  ExpErrors errors_;
  ExpBlock block_;
  float padded_x_[ExpBlock::kMost], padded_y_[ExpBlock::kMost];
};

void look_at_order(ExpErrors& e, std::span<const float> x, std::span<const float> y) {
  const float sign = x.front() > x.back() ? 1.0f : -1.0f;
  int wrong = 0;
  for (std::size_t i = 1; i < y.size(); ++i) wrong += !(sign * y[i - 1] >= sign * y[i]);
  for (std::size_t i = 1; wrong > 0 && i < x.size(); ++i) {
    const ExpPoint a{x[i - 1], y[i - 1]}, b{x[i], y[i]};
    if (!wrong_order(a, b)) continue;
    e.not_monotone = {a, b};
    return;
  }
}

void look_for_zeros(ExpErrors& e, std::span<const float> x, std::span<const float> y) {
  if (all_are(y, 0)) return;
  const bool falling = x.front() > x.back();
  for (std::size_t k = 0; k < x.size(); ++k) {
    const std::size_t i = falling ? x.size() - 1 - k : k;
    if (y[i] == 0) continue;
    e.least_nonzero = x[i];
    return;
  }
}

void keep_worse(ExpWorst& a, const ExpWorst& b) {
  if (b.hi > a.hi) a = b;
}

}  // namespace

void ExpErrors::append(const ExpErrors& next) {
  if (next.inputs == 0) return;
  if (inputs == 0) {
    *this = next;
    return;
  }
  keep_worse(relative, next.relative);
  keep_worse(ulp, next.ulp);
  keep_worse(tiny, next.tiny);
  if (!not_monotone && wrong_order(back, next.front)) not_monotone = {back, next.front};
  if (!not_monotone) not_monotone = next.not_monotone;
  if (next.least_nonzero) {
    least_nonzero = std::min(least_nonzero.value_or(*next.least_nonzero), *next.least_nonzero);
  }
  inputs += next.inputs;
  back = next.back;
}

ExpErrors exp_errors(std::span<const float> x, std::span<const float> y, const ErrorBudget& b) {
  if (x.empty()) return {};
  Sweep sweep(b);
  for (std::size_t i = 0; i < x.size(); i += ExpBlock::kMost) {
    const std::size_t n = std::min(ExpBlock::kMost, x.size() - i);
    sweep.add(x.subspan(i, n), y.subspan(i, n));
  }
  ExpErrors e = sweep.errors();
  e.inputs = static_cast<std::int64_t>(x.size());
  e.front = {x.front(), y.front()};
  e.back = {x.back(), y.back()};
  look_at_order(e, x, y);
  look_for_zeros(e, x, y);
  return e;
}

double tiny_allowed(const ErrorBudget& b) {
  const double below_normal = b.flush_to_zero ? 0x1p-126 : std::max(1.0, b.exp_rel) * 0x1p-149;
  return std::max(std::exp(b.exp_cutoff), below_normal) * 0x1p149;
}

Verdict within(const ExpWorst& worst, double allowed) {
  if (worst.hi <= allowed) return Verdict::pass;
  return worst.lo > allowed ? Verdict::fail : Verdict::inconclusive;
}

bool specials_hold(const ExpSpecials& s, const ErrorBudget& b) {
  const double below = std::isinf(b.exp_cutoff) ? 0 : tiny_allowed(b) * 0x1p-149;
  return s.at_zero == 1 && std::fabs(s.at_minus_infinity) <= below;
}

Verdict judge(const ExpErrors& e, const ExpSpecials& s, const ErrorBudget& b) {
  const Verdict special = specials_hold(s, b) ? Verdict::pass : Verdict::fail;
  return graver(special,
                graver(within(e.relative, b.exp_rel), within(e.tiny, tiny_allowed(b))));
}

}  // namespace xent
