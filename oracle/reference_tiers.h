// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "oracle/reference_rows.h"
#include "oracle/reference_setup.h"
#include "oracle/simd/rows.h"

namespace xent {

/// A row in intervals of one precision. The values may be gone while the loss is known.
template <class I>
struct ExactSlot {
  std::unique_ptr<ExactRow<I>> row;
  std::optional<RowLoss<I>> loss;  ///< in the problem's unit
  Enclosure lse;
};

/// A row by one of the first two tiers.
struct SimdSlot {
  std::atomic<bool> tried = false;  ///< what follows is known
  bool declined = false;
  Enclosure loss, lse;
  std::atomic<bool> ready = false;  ///< `row` is there
  bool elements = false;            ///< and answers for elements
  bool no_elements = false;         ///< declined, unlike the loss
  int dropped = 0;                  ///< how often `row` was given up
  std::unique_ptr<SimdRow> row;
};

struct RowState {
  RowQuestion question;
  std::optional<RowFacts> facts;
  std::array<SimdSlot, 2> simd;
  std::tuple<std::unique_ptr<ExactSlot<Interval<kDigits[0]>>>,
             std::unique_ptr<ExactSlot<Interval<kDigits[1]>>>,
             std::unique_ptr<ExactSlot<Interval<kDigits[2]>>>,
             std::unique_ptr<ExactSlot<Interval<kDigits[3]>>>>
      exact;
};

/// The rows of a case at every tier, each built when it is first asked for. Small rows stand in
/// batches, and the first two tiers build a whole batch once two of its rows were asked for.
/// Threads: as Reference says.
class Tiers {
 public:
  explicit Tiers(const Setup&);
  ~Tiers();
  Tiers(const Tiers&) = delete;
  Tiers& operator=(const Tiers&) = delete;

  const RowQuestion& question(std::int64_t row) { return state(row).question; }
  /// Loss and lse are there, and where `values` are wanted the row itself. Null: the tier declines.
  const SimdSlot* simd(std::int64_t row, Tier, bool values = false);
  /// Likewise.
  template <class I>
  ExactSlot<I>& exact(std::int64_t row, bool values = false);
  /// Of rows that are not ignored.
  const RowFacts& facts(std::int64_t row);
  template <class I>
  RowFacts facts_in(std::int64_t row);

  MeanDivisors& divisors() { return divisors_; }
  /// Only losses and facts stay.
  void release(std::int64_t row);
  /// The calling thread turns to this row; of a large case it gives up the values of the last one.
  void turn_to(std::int64_t row);
  /// Memory of what the first two tiers hold; not while others ask.
  std::int64_t bytes() const;
  /// Rows built so far, by tier and precision.
  std::int64_t built(std::size_t tier) const { return built_[tier].load(); }

 private:
  struct Batch;
  Batch& batch_of(std::int64_t row);
  RowState& state(std::int64_t row);
  template <class I>
  I factor(const RowState&, std::int64_t row);
  Enclosure factor_of_elements(const RowState&, std::int64_t row);
  bool may_build(const RowState&, std::int64_t row);
  void build(Batch&, Tier, std::int64_t row, bool elements);
  void finish(RowState&, Tier, const SimdTask&, std::unique_ptr<SimdRow>);
  std::vector<std::int64_t> due(Batch&, std::int64_t row, Tier) const;

  const Setup& setup_;
  MeanDivisors divisors_;
  const bool large_;
  const std::int64_t batch_size_;
  std::mutex making_;
  std::vector<std::atomic<Batch*>> batches_;
  std::vector<std::atomic<std::uint32_t>> users_;  ///< of a large case: who asked for a row last
  std::mutex turning_;
  std::vector<std::pair<std::uint32_t, std::int64_t>> turns_;  ///< thread and its row
  std::once_flag making_factors_;
  std::vector<Enclosure> factors_;  ///< of elements, by group of rows with one D
  std::atomic<std::int64_t> built_[2 + std::size(kDigits)] = {};
};

}  // namespace xent
