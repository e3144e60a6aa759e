// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/dialect.h"
#include "core/enclosure.h"
#include "oracle/reference.h"

// Rows of a case by the first two tiers: in doubles, and in pairs of doubles. Highway operations,
// one order on all instruction sets: the same enclosures, bit for bit, wherever they are computed.
namespace xent {

enum class Tier : std::uint8_t {
  doubles,  ///< about 2^-44 relative
  pairs,    ///< about 2^-94 relative
};

/// Empty where the tiers may certify: the processor multiplies and adds with one rounding, and the
/// canary found IEEE arithmetic. Otherwise why not. Looks at the modes of the calling thread.
std::string simd_tiers_unusable();

/// Consecutive output elements of one row, or the numbers that their bounds depend on.
struct Elements {
  static constexpr std::int64_t kMost = 512;
  alignas(64) double hi[kMost];
  alignas(64) double lo[kMost];   ///< 0 in tier doubles
  alignas(64) double rad[kMost];  ///< |x - (hi + lo)| <= rad
  alignas(64) double probability[kMost];  ///< rows of logits: upper bound of p_j; absent classes 0
  alignas(64) double gap[kMost];  ///< rows of logits: upper bound of m - z_j; absent: +infinity
};

/// What a row is computed from.
struct SimdTask {
  const TestCase* c;
  const Conventions* conventions;
  std::int64_t row;
  std::int64_t y;     ///< the class that scores it; -1: vector targets, or none (ignored rows)
  bool ignored;
  bool elements;      ///< will be asked for elements, not for the loss alone
  Enclosure factor;   ///< of the gradient: upstream / D, in the problem's unit
  RowFacts* facts;    ///< filled when not null, loss and condition included; needs Tier::doubles
};

/// One row: built once, then asked. Asking does not change it.
class SimdRow {
 public:
  virtual ~SimdRow() = default;
  virtual Enclosure loss() const = 0;  ///< in the problem's unit; maybe an infinity
  virtual Enclosure lse() const = 0;   ///< of rows of logits
  /// softmax(z)_j for j in [first, first + count), count <= Elements::kMost.
  virtual void probabilities(std::int64_t first, std::int64_t count, Elements&) const = 0;
  /// Gradient elements (hvp: of H v), factor included.
  virtual void gradients(std::int64_t first, std::int64_t count, Elements&) const = 0;
  virtual std::int64_t bytes() const = 0;  ///< memory that it holds
};

/// Fills rows[i] from tasks[i]; an empty pointer where the tier declines the row (special elements,
/// arguments out of its range): ask the next tier. Many small rows at once are faster.
void softmax_rows(Tier, std::span<const SimdTask> tasks, std::span<std::unique_ptr<SimdRow>> rows);
void term_rows(Tier, std::span<const SimdTask> tasks, std::span<std::unique_ptr<SimdRow>> rows);

/// For tests: the instruction sets that this machine has and the tiers were compiled for, best
/// first; and use only this one from now on (empty: the best).
std::span<const std::string> simd_targets();
void use_simd_target(const std::string& isa);

}  // namespace xent
