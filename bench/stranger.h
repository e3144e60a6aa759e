// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/kernel.h"
#include "core/test_case.h"
#include "properties/random.h"

namespace xent {

/// A kernel that runs elsewhere, on several cases, one after the other in rounds of random order:
/// who remembers answers gains from data seen just before. What it wrote last on each case is
/// judged when all is timed.
class TimedStranger {
 public:
  /// On `count` cases, of which the first is given.
  TimedStranger(Kernel, const TestCase& first, std::size_t count, const BindOptions&);

  /// Seconds of each of so many calls on the next case. Throws what the kernel raises.
  std::vector<double> times(int calls);
  /// Gives the cases' memory back; the next call takes it again.
  void let_go() { invocations_.clear(); }

  /// What is wrong with what was written last while the clock ran, of one more call where the
  /// memory was let go; nothing: it is right. Throws what the kernel raises.
  std::optional<std::string> wrong();

 private:
  void bind();
  void shuffle();

  Kernel kernel_;
  BindOptions options_;
  std::vector<TestCase> cases_;
  std::vector<std::unique_ptr<Invocation>> invocations_;
  Random random_;
  std::uint64_t drawn_ = 0;
  std::vector<std::size_t> order_;  ///< of this round
  std::size_t at_ = 0;
};

}  // namespace xent
