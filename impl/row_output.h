// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "impl/blocked_sum.h"
#include "impl/row_view.h"

namespace xent {

/// log 2, to be rounded to the body's type.
inline constexpr long double kLn2 = 0x1.62e42fefa39ef35793c7673007e6p-1L;

/// a x, where 0 times infinity is 0; NaN stays.
template <class T>
T product(T a, T x) {
  return a == T(0) && x == x ? T(0) : a * x;
}

/// What the losses of a case are divided by: D of core/OPTIONS.md. Counts are exact up to 2^24 rows
/// in binary32; sums of target weights have the tree of BlockedSum.
template <class T>
class Divisors {
 public:
  explicit Divisors(const RowView<T>& w) {
    if (w.reduction != Reduction::mean) return;
    if (w.denominator == Denominator::rows) whole_ = static_cast<T>(w.n);
    if (w.denominator == Denominator::number) whole_ = w.denominator_value;
    if (w.denominator == Denominator::valid) whole_ = size(w, 0, w.n);
    if (w.denominator == Denominator::sequence) find_sequences(w);
  }

  /// D of the row's own sequence; 1 unless the mean is one of sequences.
  T own(std::int64_t row) const {
    return t_ == 0 ? T(1) : own_[static_cast<std::size_t>(row / t_)];
  }
  /// Row is the last of a sequence that holds a valid row, in a mean of sequences.
  bool ends_sequence(std::int64_t row) const {
    return t_ != 0 && row % t_ == t_ - 1 && holds_valid_[static_cast<std::size_t>(row / t_)];
  }
  /// What the sum of the losses, or of the sequences' means, is divided by; 1 without a mean.
  T whole() const { return whole_; }

 private:
  /// Rows in [from, to) that are not ignored, or the sum of their targets' weights.
  static T size(const RowView<T>& w, std::int64_t from, std::int64_t to) {
    if (w.label == nullptr) return static_cast<T>(to - from);
    const std::int64_t valid = count(w, from, to);
    if (w.weight == nullptr) return static_cast<T>(valid);
    BlockedSum<T> sum;
    for (std::int64_t r = from; r < to; ++r) {
      const std::int64_t y = w.scored_class(r);
      sum.add(r - from, y < 0 ? T(0) : w.weight[y]);
    }
    return sum.value();
  }
  static std::int64_t count(const RowView<T>& w, std::int64_t from, std::int64_t to) {
    if (!w.ignore && !w.shift) return to - from;
    std::int64_t valid = 0;
    for (std::int64_t r = from; r < to; ++r) valid += w.ignored(r) ? 0 : 1;
    return valid;
  }
  void find_sequences(const RowView<T>& w) {
    t_ = w.t;
    std::int64_t sequences = 0;
    for (std::int64_t r = 0; r < w.n; r += w.t) {
      own_.push_back(size(w, r, r + w.t));
      holds_valid_.push_back(count(w, r, r + w.t) > 0);
      sequences += holds_valid_.back() ? 1 : 0;
    }
    whole_ = static_cast<T>(sequences);
  }

  T whole_ = 1;
  std::int64_t t_ = 0;
  std::vector<T> own_;
  std::vector<bool> holds_valid_;
};

/// Takes the rows' losses in nats in order and writes what reduction and unit ask for; a sum over
/// rows has the same tree as a sum over classes. A mean of sequences is such a sum of such sums,
/// each over its own D. Other roundings: a division for each mean, and with bits 2 a row (log 2,
/// the quotient).
template <class T>
class LossOutput {
 public:
  LossOutput(const RowView<T>& view, const Divisors<T>& divisors)
      : view_(view),
        divisors_(divisors),
        by_sequence_(view.reduction == Reduction::mean &&
                     view.denominator == Denominator::sequence) {}

  void put(std::int64_t row, T loss) {
    if (view_.loss == nullptr) return;
    take(row, view_.unit == Unit::bits ? loss / static_cast<T>(kLn2) : loss);
  }
  void put_ignored(std::int64_t row) {
    if (view_.loss != nullptr) take(row, T(0));
  }
  /// All rows; the loss of those that are ignored is 0.
  void put_all(const T* loss) {
    if (view_.loss == nullptr) return;
    if (view_.reduction != Reduction::none && !by_sequence_ && view_.unit != Unit::bits) {
      return sum_.add_all(loss, view_.n);
    }
    for (std::int64_t r = 0; r < view_.n; ++r) put(r, loss[r]);
  }
  void finish() {
    using std::exp;
    if (view_.loss == nullptr || view_.reduction == Reduction::none) return;
    const T total = sum_.value() / divisors_.whole();
    view_.loss[0] = view_.unit == Unit::perplexity ? exp(total) : total;
  }

 private:
  void take(std::int64_t row, T loss) {
    if (view_.reduction == Reduction::none) {
      view_.loss[row] = loss;
    } else if (by_sequence_) {
      take_in_sequence(row, loss);
    } else {
      sum_.add(row, loss);
    }
  }
  void take_in_sequence(std::int64_t row, T loss) {
    own_.add(row % view_.t, loss);
    if (row % view_.t != view_.t - 1) return;
    const bool counts = divisors_.ends_sequence(row);
    sum_.add(row / view_.t, counts ? own_.value() / divisors_.own(row) : T(0));
    own_ = {};
  }

  const RowView<T>& view_;
  const Divisors<T>& divisors_;
  bool by_sequence_;
  BlockedSum<T> sum_;
  BlockedSum<T> own_;  ///< of the sequence at hand
};

/// Everything behind the row's own gradient: g * weight * upstream / divisor, from the left; of
/// these, factors of 1 round nothing, and an upstream of 0 gives 0. The divisor is D, or its own D
/// times the number of sequences (one rounding), and with bits that times log 2 (two).
template <class T>
struct Scaling {
  T weight = 1;
  T upstream = 1;
  T divisor = 1;

  Scaling(const RowView<T>& w, const Divisors<T>& divisors, std::int64_t row)
      : upstream(w.upstream_of(row)), divisor(divisors.own(row) * divisors.whole()) {
    if (w.unit == Unit::bits) divisor = divisor * static_cast<T>(kLn2);
  }
  T operator()(T g) const { return product(upstream, g * weight) / divisor; }
};

/// Gradient of a row that is ignored: exactly 0, whatever the row holds.
template <class T>
void zero_gradient(const RowView<T>& w, std::int64_t row) {
  T* const g = w.grad_row(row);
  for (std::int64_t j = 0; g != nullptr && j < w.v; ++j) g[j] = T(0);
}

}  // namespace xent
