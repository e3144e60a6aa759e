// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <vector>

namespace xent::cuda::shim {

/// A thread of control with a stack of its own, or that of the caller of the first switch.
struct Fiber {
  void* context = nullptr;  ///< where it was left
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  void (*entry)() = nullptr;
  void* fake_stack = nullptr;  ///< AddressSanitizer's
};

/// Lets the next switch to the fiber call `entry`, which ends in leave().
void prepare(Fiber&, void (*entry)());

/// Before and after a switch: for AddressSanitizer, and to note where the one that was left stands.
void announce(Fiber& from, Fiber& to);
void arrive(boost::context::detail::transfer_t);

/// Goes on in `to`, until somebody switches back to `from`, which must be what runs. Inline, as are
/// its callers: a processor foresees no return on a stack that it did not come by.
inline void change(Fiber& from, Fiber& to) {
  announce(from, to);
  arrive(boost::context::detail::jump_fcontext(to.context, &from));
}

/// The same for good: `from` never runs again.
[[noreturn]] void leave(Fiber& from, Fiber& to);

/// Stacks that are kept, each with a page below it that nobody may touch. A stack in use stays
/// where it is.
class Stacks {
 public:
  Stacks() = default;
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  ~Stacks();

  /// Stack i, as a fiber that is not prepared.
  Fiber at(std::size_t i);

 private:
  std::vector<std::byte*> chunks_;
};

}  // namespace xent::cuda::shim
