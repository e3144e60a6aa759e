// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/test_case.h"

namespace xent::oracle_tests {

using Row = std::vector<double>;

/// Rounded to the type, as a double.
double rounded_to(double x, DType);

/// A case of `op` from rows of logits; `more` are further words of the problem's grammar.
TestCase logits_case(const std::vector<Row>& rows, const std::vector<std::int64_t>& labels,
                     const std::string& more = "dtype=f32 dir=fwdbwd");
/// One row, target 0 unless said.
TestCase one_row(const Row&, std::int64_t label = 0,
                 const std::string& more = "dtype=f32 dir=fwdbwd");
/// op lse.
TestCase lse_case(const std::vector<Row>& rows, const std::string& more = "dtype=f32");
/// One row of entropy (p alone), cross-entropy or kl.
TestCase probability_case(const std::string& op, const Row& p, const Row& q,
                          const std::string& more = "dtype=f32");
/// Any case of f64 (unless said), tensors row by row; class indices are given as doubles too.
TestCase case_of(const std::string& problem, const Row& input, const Row& target = {},
                 const Row& weight = {}, const Row& direction = {});
void set_upstream(TestCase&, const std::vector<double>&);

/// The same numbers on every platform: bits of mt19937_64 only.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : bits_(seed) {}
  std::uint64_t bits() { return bits_(); }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(bits_() % static_cast<std::uint64_t>(n));
  }
  double uniform() { return static_cast<double>(bits_() >> 11) * 0x1p-53; }
  /// Mean 0, variance 1, within 6.
  double normal();
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[below(static_cast<std::int64_t>(values.size()))];
  }

 private:
  std::mt19937_64 bits_;
};

/// Kinds of rows: normal, offset, confident, ties, equal, masked, gaps around the subnormals, two
/// ramps, two values, at the absorption threshold, spike, tiny. At least one logit is finite.
inline constexpr int kRowKinds = 13;
Row random_row(Draw&, int kind, std::int64_t v, DType);
/// A class whose logit is finite; the maximum half of the time.
std::int64_t random_label(Draw&, const Row&);

/// Kinds of pairs: uniform, one heavy class, nearly equal, q equal to p in part, far ratios,
/// subnormal p, zeros, both next to the subnormals. q > 0 where p > 0.
inline constexpr int kPairKinds = 8;
struct Pair {
  Row p, q;
};
Pair random_pair(Draw&, int kind, std::int64_t v, DType);

}  // namespace xent::oracle_tests
