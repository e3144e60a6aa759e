// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "oracle/interval.h"
#include "oracle/reference.h"
#include "properties/random.h"
#include "properties/refutations.h"

namespace xent {

// What the refutations are written with.

/// Enclosures of 257 bits, for what a Reference's numbers are put together to.
using Exact = Interval<77>;
Exact exact(double);
Exact exact(const Enclosure&);  ///< of a number
bool below(const Exact& a, const Exact& b);  ///< certainly a < b
bool meet(const Exact& a, const Exact& b);   ///< they share a point
double middle(const Exact&);
Figure figure(std::string label, const Exact&, std::string unit = "");
std::string decimal(const Exact&);  ///< four significant digits

/// Rows of as many numbers each, all over one denominator, a power of two: exact as doubles.
struct Dyadic {
  std::vector<std::vector<std::int64_t>> rows;
  std::int64_t denominator = 1;

  std::int64_t columns() const { return static_cast<std::int64_t>(rows.front().size()); }
  std::vector<double> row(std::size_t) const;
  std::string text(std::size_t row) const;  ///< (3/4, 1/4)
  std::string fraction(std::int64_t numerator) const;
};

/// What a witness looks like. Distributions are not negative and sum to 1; numbers are anything.
struct WitnessSpace {
  enum class Kind : std::uint8_t { distribution, number };
  std::vector<Kind> rows;
  std::int64_t least_columns = 2;
  std::int64_t most_columns = 5;  ///< equal to least_columns: columns are never dropped
  std::int64_t denominator = 64;
  std::int64_t greatest = 256;  ///< of the numbers' numerators, either sign
};

struct Witness {
  Dyadic data;              ///< the smallest
  std::int64_t tried = 0;   ///< random ones
  std::int64_t found = 0;   ///< of them, on which the sentence failed
  std::int64_t steps = 0;   ///< of shrinking all of these
  explicit operator bool() const { return !data.rows.empty(); }
};
using Fails = std::function<bool(const Dyadic&)>;

Dyadic random_dyadic(const WitnessSpace&, const Random&);
/// The smallest of some random witnesses on which the sentence fails, each shrunk; an empty one if
/// there is none.
Witness find_witness(const WitnessSpace&, const Random&, const Fails&);
/// Shrinks greedily while the sentence fails: fewer columns, a smaller denominator, smaller
/// numbers, more even distributions. What comes out fails and no single step makes it smaller.
Witness shrink_witness(const WitnessSpace&, Dyadic, const Fails&);

// Exact answers to one row, in f64 (nats).
TestCase of_probabilities(Op, const std::vector<double>& q, const std::vector<double>& p);
/// Rows of v logits, one label each.
TestCase of_logits(Op, Dir, const std::vector<double>& z, const std::vector<std::int64_t>& labels,
                   Reduction = Reduction::none);
TestCase with_type(const TestCase&, DType);
Exact entropy(const std::vector<double>& p);
Exact cross_entropy(const std::vector<double>& p, const std::vector<double>& q);
Exact kl(const std::vector<double>& p, const std::vector<double>& q);
Exact loss_of(const std::vector<double>& z, std::int64_t label);
Exact in_bits(const Exact& nats);

/// Collects what is found while a sentence is examined.
class Inquiry {
 public:
  explicit Inquiry(const ClaimContext&);

  /// Cases of the corrected sentence to try: 40, 150 or 1000, as the profile says.
  std::int64_t cases() const;
  const Random& random() const { return random_; }
  /// One certified check of the corrected sentence.
  void check(bool holds, const std::string& if_not);
  void next_case() { ++found.cases; }
  /// Every kernel that supports the case, its outputs against their bounds.
  void judge(const TestCase&);
  /// The evidence of a refutation: contradicted if the corrected sentence failed anywhere,
  /// no_evidence without a witness or without a check.
  ClaimEvidence refuted(const Witness&, std::string witness_text, std::string how = "");

  ClaimEvidence found;

 private:
  const ClaimContext& context_;
  Random random_;
  std::string failure_, failure_witness_;
  std::int64_t runs_ = 0;
};

}  // namespace xent
