// SPDX-License-Identifier: Apache-2.0
#include "oracle/error_samples.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>

#include "oracle/compare_block.h"

namespace xent {
namespace {

constexpr int kShift = 52 - 7;  // of a double's bits: the exponent and seven bits of the fraction
constexpr std::int64_t kBinsAnOctave = 128;
constexpr std::int64_t kInfinite = std::int64_t{0x7ff} * kBinsAnOctave;

}  // namespace

std::int64_t Histogram::bin_of(double x) {
  return (std::bit_cast<std::int64_t>(x) + ((std::int64_t{1} << kShift) - 1)) >> kShift;
}

double Histogram::upper_end(std::int64_t bin) { return std::bit_cast<double>(bin << kShift); }

void Histogram::add(std::int64_t bin) {
  if (bin == kNoBin) return;
  if (bin == 0 || bin == kInfinite) {
    ++(bin == 0 ? zeros_ : infinite_);
    return;
  }
  reach(bin);
  ++counts_[static_cast<std::size_t>(bin - first_)];
}

void Histogram::add(const std::int64_t* bins, std::int64_t count, std::int64_t least,
                    std::int64_t most) {
  if (least <= 0 || most >= kInfinite) {
    for (std::int64_t i = 0; i < count; ++i) add(bins[i]);
    return;
  }
  reach(least);
  reach(most);
  std::int64_t* const counts = counts_.data();
  const std::int64_t first = first_;
  for (std::int64_t i = 0; i < count; ++i) ++counts[bins[i] - first];
}

/// Makes room for the whole octave of a bin.
void Histogram::reach(std::int64_t bin) {
  const std::int64_t octave = (bin - 1) / kBinsAnOctave * kBinsAnOctave + 1;
  if (counts_.empty()) first_ = octave;
  if (octave < first_) {
    counts_.insert(counts_.begin(), static_cast<std::size_t>(first_ - octave), 0);
    first_ = octave;
  }
  const auto size = static_cast<std::size_t>(octave + kBinsAnOctave - first_);
  if (size > counts_.size()) counts_.resize(size);
}

void Histogram::append(const Histogram& o) {
  zeros_ += o.zeros_;
  infinite_ += o.infinite_;
  if (o.counts_.empty()) return;
  reach(o.first_);
  reach(o.first_ + std::ssize(o.counts_) - 1);
  const auto at = counts_.begin() + (o.first_ - first_);
  std::transform(o.counts_.begin(), o.counts_.end(), at, at, std::plus<>());
}

double Histogram::at_rank(std::int64_t rank) const {
  std::int64_t seen = zeros_;
  if (seen >= rank) return 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return upper_end(first_ + static_cast<std::int64_t>(i));
  }
  return std::numeric_limits<double>::infinity();
}

/// Of errors as large as each other in both directions the positive one.
void ErrorSamples::see_ulp(double x) {
  const double size = std::fabs(x), most = std::fabs(worst_ulp_);
  if (size > most || (size == most && x > 0)) worst_ulp_ = x;
}

void ErrorSamples::add(double over_bound, double ulp_error, double absolute, double conditioned) {
  const double size = std::fabs(ulp_error);
  ++size_;
  over_bound_.add(Histogram::bin_of(over_bound));
  ulp_.add(Histogram::bin_of(size));
  max_over_bound_ = std::max(max_over_bound_, over_bound);
  sum_over_bound_ += over_bound;
  see_ulp(ulp_error);
  sum_ulp_ += ulp_error;
  sum_abs_ulp_ += size;
  max_abs_ = std::max(max_abs_, absolute);
  max_conditioned_ = std::max(max_conditioned_, conditioned);
}

void ErrorSamples::add(const ComparedBlock& b, double condition) {
  size_ += b.within;
  // With an output that has no bin the least is taken to be that.
  const bool all = b.within == b.count;
  const auto bin = [&](double x) { return all ? Histogram::bin_of(x) : Histogram::kNoBin; };
  over_bound_.add(b.over_bin, b.count, bin(b.min_over), bin(b.max_over));
  ulp_.add(b.ulp_bin, b.count, bin(b.min_abs_ulp), bin(std::max(b.max_ulp, -b.min_ulp)));
  max_over_bound_ = std::max(max_over_bound_, b.max_over);
  sum_over_bound_ += b.sum_over;
  see_ulp(b.max_ulp);
  see_ulp(b.min_ulp);
  sum_ulp_ += b.sum_ulp;
  sum_abs_ulp_ += b.sum_abs_ulp;
  max_abs_ = std::max(max_abs_, b.max_error);
  if (condition > 0) max_conditioned_ = std::max(max_conditioned_, b.max_error / condition);
}

void ErrorSamples::add_unbounded() {
  max_over_bound_ = std::numeric_limits<double>::infinity();
}

void ErrorSamples::append(const ErrorSamples& o) {
  size_ += o.size_;
  over_bound_.append(o.over_bound_);
  ulp_.append(o.ulp_);
  max_over_bound_ = std::max(max_over_bound_, o.max_over_bound_);
  sum_over_bound_ += o.sum_over_bound_;
  see_ulp(o.worst_ulp_);
  sum_ulp_ += o.sum_ulp_;
  sum_abs_ulp_ += o.sum_abs_ulp_;
  max_abs_ = std::max(max_abs_, o.max_abs_);
  max_conditioned_ = std::max(max_conditioned_, o.max_conditioned_);
}

ErrorProfile ErrorSamples::profile() const {
  ErrorProfile p;
  p.outputs = size_;
  if (size_ == 0) return p;
  const auto n = static_cast<double>(size_);
  const auto rank = static_cast<std::int64_t>(std::ceil(0.999 * n));
  p.error_over_bound = max_over_bound_;
  p.p999_over_bound = std::min(over_bound_.at_rank(rank), max_over_bound_);
  p.mean_over_bound = sum_over_bound_ / n;
  p.ulp = worst_ulp_;
  p.p999_ulp = std::min(ulp_.at_rank(rank), std::fabs(worst_ulp_));
  p.mean_ulp = sum_abs_ulp_ / n;
  p.bias_ulp = sum_ulp_ / n;
  p.max_abs = max_abs_;
  p.max_conditioned = max_conditioned_;
  return p;
}

}  // namespace xent
