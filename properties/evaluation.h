// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "properties/checks.h"

namespace xent {

/// One output element: what the kernel said, how far it may be off, and the exact value.
struct Value {
  double got = 0;
  double bound = 0;  ///< 0 where the exact value is no number
  DType format = DType::f64;
  std::function<Enclosure(int level)> exact;
  std::string what;  ///< "loss[3]"
};

struct Route;

/// A case that a theorem looks at: the kernel's outputs, the exact ones, the bounds. Where the
/// kernel does not take the case, and the trial allows other words, what it says in those.
struct Evaluation {
  TestCase test_case;
  Output output;  ///< in other words f64, and without what they do not say
  ErrorBudget budget;
  Reference* exact = nullptr;

  /// False, with the failure in the judgement, if the kernel gave no output, or excluded
  /// `no-other-words`.
  bool run(Trial&, const TestCase&, Judgement&, const BindOptions& = {});
  /// Undefined where other words do not say it, and where a dialect other than math has an answer
  /// that is no number.
  Value loss(std::int64_t i) const;
  Value grad(std::int64_t row, std::int64_t j) const;
  /// The exact values, of what the theorem sets beside the kernel's and the kernel does not have.
  bool by_oracle() const { return by_oracle_; }
  bool has_loss() const { return !output.loss.empty(); }
  bool has_grad() const { return !output.grad.empty(); }
  /// Every output against its exact value; in other words, those of the calls.
  void judge(Judgement&) const;

 private:
  bool run_itself(Trial&, const TestCase&, Judgement&, const BindOptions&);
  bool run_in_other_words(Trial&, const Route&, Judgement&, const BindOptions&);
  void take_from_oracle(Trial&);
  Value loss_of_calls(const Route&, std::size_t element) const;
  Value grad_of_calls(const Route&, std::size_t element) const;

  std::vector<Evaluation> calls_;  ///< in other words
  std::vector<Value> losses_, grads_;
  bool by_oracle_ = false;
};

/// Two outputs with one exact value, give or take `slack`: the enclosures meet, the kernel's two
/// numbers are within the sum of their bounds, and each is within its own of the other's exact
/// value. Infinities must be the same ones. Undefined values and values without a bound are
/// excluded by name.
void agree(Judgement&, const Value& a, const Value& b, double slack = 0);

/// Exactly 0, where the exact value is a number, which then is 0.
void check_zero(Judgement&, const Value&, const std::string& why);

/// The exact value; undefined where the kernel may rightly say infinity.
Enclosure finite_exact(const Value&);

/// factor * value. The kernel's number and its bound are scaled in binary64, whose rounding the
/// bound then holds; factor is finite.
Value scaled(const Value&, double factor);
/// Any number that was computed from outputs, with the bound and the exact value that follow.
Value derived(double got, double bound, const std::string& what, const Enclosure& exact);

/// Sums of values: exact parts as enclosures, the kernel's in double-double, bounds added up.
class Total {
 public:
  void add(const Value&);
  /// Undefined if any value was no number, or may be an infinity in its format.
  Value value(const std::string& what) const;

 private:
  std::vector<double> got_;
  double bound_ = 0;
  Enclosure exact_ = Enclosure::exact(0);
};

/// Outward: factor * e for a number e.
Enclosure scaled(const Enclosure& e, double factor);
/// Bounds of a number, as doubles rounded outward.
double lower(const Enclosure&);
double upper(const Enclosure&);

/// a < b for certain, a <= b perhaps: of numbers.
inline bool certainly_below(const Enclosure& a, const Enclosure& b) { return upper(a) < lower(b); }
inline bool possibly_at_most(const Enclosure& a, const Enclosure& b) {
  return lower(a) <= upper(b);
}

/// The first rows and classes, with the classes that the rows' labels need: for theorems that make
/// several cases of each row. Whole sequences where the case has them.
TestCase corner(const TestCase&, std::int64_t rows, std::int64_t classes);

/// Rows of one row: a case of `n` copies of a row, to be altered.
TestCase copies(const TestCase&, std::int64_t row, std::int64_t n);

/// The rows that count, row after row: without sequences, ignored rows and shift.
TestCase packed(const TestCase&);

/// A batch with ignored rows against its packed rows, each with its own reduction: losses and
/// gradients agree, and an ignored row's loss and gradient are exactly 0.
void agree_with_packed(Judgement&, Trial&, const TestCase&);

/// The problem with another direction and reduction, as `with` makes it.
Problem with(const Problem&, Dir, Reduction);

}  // namespace xent
