// SPDX-License-Identifier: Apache-2.0
#include "impl/cuda/host_shim/fibers.h"

#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define XENT_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define XENT_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef XENT_ADDRESS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

namespace xent::cuda::shim {
namespace {

namespace context = boost::context::detail;

constexpr std::size_t kPage = 4096;
#ifdef XENT_ADDRESS_SANITIZER
constexpr std::size_t kStackBytes = 64 * kPage;
#else
constexpr std::size_t kStackBytes = 16 * kPage;
#endif
// An odd number of pages, and tops at different places of their pages: the hot ends of many stacks
// would otherwise compete for the same lines of the caches.
constexpr std::size_t kPitch = kStackBytes + kPage;
constexpr std::size_t kStacksAChunk = 64;
constexpr std::size_t kStagger = 256;

constinit thread_local Fiber* running = nullptr;

void enter(context::transfer_t from) {
  arrive(from);
  running->entry();
  std::abort();
}

}  // namespace

void prepare(Fiber& fiber, void (*entry)()) {
  fiber.entry = entry;
  fiber.fake_stack = nullptr;
  void* top = static_cast<std::byte*>(const_cast<void*>(fiber.bottom)) + fiber.bytes;
  fiber.context = context::make_fcontext(top, fiber.bytes, enter);
}

void announce(Fiber& from, Fiber& to) {
  running = &to;
#ifdef XENT_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(&from.fake_stack, to.bottom, to.bytes);
#else
  static_cast<void>(from);
#endif
}

void arrive(context::transfer_t from) {
  auto& left = *static_cast<Fiber*>(from.data);
  left.context = from.fctx;
#ifdef XENT_ADDRESS_SANITIZER
  __sanitizer_finish_switch_fiber(running->fake_stack, &left.bottom, &left.bytes);
#endif
}

void leave(Fiber& from, Fiber& to) {
  running = &to;
#ifdef XENT_ADDRESS_SANITIZER
  __sanitizer_start_switch_fiber(nullptr, to.bottom, to.bytes);
#endif
  context::jump_fcontext(to.context, &from);
  std::abort();
}

Stacks::~Stacks() {
  for (std::byte* chunk : chunks_) munmap(chunk, kStacksAChunk * kPitch);
}

Fiber Stacks::at(std::size_t i) {
  while (chunks_.size() <= i / kStacksAChunk) {
    void* memory = mmap(nullptr, kStacksAChunk * kPitch, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    auto* chunk = static_cast<std::byte*>(memory);
    // Fails where pages are larger: then nothing lies under a stack but another.
    for (std::size_t s = 0; s < kStacksAChunk; ++s) mprotect(chunk + s * kPitch, kPage, PROT_NONE);
    chunks_.push_back(chunk);
  }
  Fiber fiber;
  fiber.bottom = chunks_[i / kStacksAChunk] + i % kStacksAChunk * kPitch + kPage;
  fiber.bytes = kStackBytes - i % (kPage / kStagger) * kStagger;
  return fiber;
}

}  // namespace xent::cuda::shim
