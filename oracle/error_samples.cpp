// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "oracle/judge.h"

namespace xent {
namespace {

constexpr int kBinsAnOctave = 64;
constexpr int kZero = std::numeric_limits<int>::min();
constexpr int kInfinite = std::numeric_limits<int>::max();

int bin(double x) {
  if (x == 0) return kZero;
  if (!std::isfinite(x)) return kInfinite;
  return static_cast<int>(std::floor(std::log2(x) * kBinsAnOctave));
}

double upper_edge(int b) {
  if (b == kZero) return 0;
  if (b == kInfinite) return std::numeric_limits<double>::infinity();
  return std::exp2((b + 1.0) / kBinsAnOctave);
}

}  // namespace

void ErrorSamples::add(double over_bound, double ulp_error, double absolute, double conditioned) {
  const double size = std::fabs(ulp_error);
  ++size_;
  ++over_bound_[bin(over_bound)];
  ++ulp_[bin(size)];
  max_over_bound_ = std::max(max_over_bound_, over_bound);
  sum_over_bound_ += over_bound;
  if (size > std::fabs(worst_ulp_)) worst_ulp_ = ulp_error;
  sum_ulp_ += ulp_error;
  sum_abs_ulp_ += size;
  max_abs_ = std::max(max_abs_, absolute);
  max_conditioned_ = std::max(max_conditioned_, conditioned);
}

void ErrorSamples::add_unbounded() {
  max_over_bound_ = std::numeric_limits<double>::infinity();
}

void ErrorSamples::append(const ErrorSamples& o) {
  size_ += o.size_;
  for (const auto& [b, count] : o.over_bound_) over_bound_[b] += count;
  for (const auto& [b, count] : o.ulp_) ulp_[b] += count;
  max_over_bound_ = std::max(max_over_bound_, o.max_over_bound_);
  sum_over_bound_ += o.sum_over_bound_;
  if (std::fabs(o.worst_ulp_) > std::fabs(worst_ulp_)) worst_ulp_ = o.worst_ulp_;
  sum_ulp_ += o.sum_ulp_;
  sum_abs_ulp_ += o.sum_abs_ulp_;
  max_abs_ = std::max(max_abs_, o.max_abs_);
  max_conditioned_ = std::max(max_conditioned_, o.max_conditioned_);
}

double ErrorSamples::quantile(const Histogram& h, double q) const {
  const auto rank = static_cast<std::int64_t>(std::ceil(q * static_cast<double>(size_)));
  std::int64_t seen = 0;
  for (const auto& [b, count] : h) {
    seen += count;
    if (seen >= rank) return upper_edge(b);
  }
  return 0;
}

ErrorProfile ErrorSamples::profile() const {
  ErrorProfile p;
  p.outputs = size_;
  if (size_ == 0) return p;
  const auto n = static_cast<double>(size_);
  p.error_over_bound = max_over_bound_;
  p.p999_over_bound = std::min(quantile(over_bound_, 0.999), max_over_bound_);
  p.mean_over_bound = sum_over_bound_ / n;
  p.ulp = worst_ulp_;
  p.p999_ulp = std::min(quantile(ulp_, 0.999), std::fabs(worst_ulp_));
  p.mean_ulp = sum_abs_ulp_ / n;
  p.bias_ulp = sum_ulp_ / n;
  p.max_abs = max_abs_;
  p.max_conditioned = max_conditioned_;
  return p;
}

}  // namespace xent
