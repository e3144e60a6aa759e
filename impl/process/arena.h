// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "core/test_case.h"
#include "impl/process/layout.h"
#include "impl/process/worker.h"

namespace xent::process {

/// Copies of a case's tensors in the memory of one kernel's process, guarded: reserved addresses
/// around each tensor, poison in what is left of its pages, and inputs that cannot be written.
class Arena {
 public:
  Arena(std::shared_ptr<Worker>, TestCase, const Shapes&, const std::vector<Placement>& copies,
        bool same_place = false);
  ~Arena();  ///< the addresses are reserved again
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  std::size_t copies() const { return layout_->copies(); }
  /// An output has been handed out, so that only a reset makes the memory a kernel's again.
  bool handed_out() const {
    return std::find(handed_out_.begin(), handed_out_.end(), true) != handed_out_.end();
  }
  /// Inputs as the case has them, poison elsewhere, at addresses that no call has had.
  void reset();
  /// Outputs of `count` copies (at most all) from `first` on, cyclically, hold poison again, where
  /// they are; inputs that are written hold the case's.
  void spoil(std::size_t first, std::size_t count);
  /// Outputs can be written once more, where they are.
  void reopen();
  Buffers buffers(std::size_t copy) const;
  /// What becomes of outputs and workspace when a call is over.
  const std::vector<Range>& protects() const { return protects_; }

  Output output(std::size_t copy);
  /// Poison that is gone and inputs that changed, of every copy.
  void inspect(Faults&) const;
  /// An input was written: `address` is named as changed unless inspect names what is.
  void input_written(std::uint64_t address);
  /// Poison on a device, further from a tensor than its pages reach, is gone.
  void zone_written(std::uint64_t address);

 private:
  using Piece = ArenaLayout::Piece;
  void fill(const Piece&);
  void write_input(const Piece&, const Tensor&);
  void map();
  void map_memory(std::size_t memory, std::vector<Range> ranges);
  Range range(const Piece&, std::uint32_t access) const;
  Tensor read(const Piece&, std::vector<std::int64_t> shape);
  std::vector<std::string> outside(const Piece&) const;
  std::vector<std::string> changes(const Piece&, const Tensor&) const;

  std::shared_ptr<Worker> worker_;
  TestCase case_;
  std::shared_ptr<const ArenaLayout> layout_;
  std::vector<std::shared_ptr<Memory>> memories_;
  std::vector<bool> handed_out_;  ///< of each memory: outputs that others have now
  std::vector<bool> clean_;  ///< of each piece: an input that is in its memory already
  std::uint64_t first_ = 0;  ///< address of the span; 0: none
  bool same_place_ = false;
  std::vector<Range> protects_;
  std::vector<std::string> touched_;  ///< places of inputs that were written
  std::vector<std::string> beyond_;   ///< places in zones that were written
};

}  // namespace xent::process
