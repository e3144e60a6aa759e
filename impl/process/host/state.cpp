// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/state.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>

namespace xent::process {
namespace {

Control* page = nullptr;

}  // namespace

Control& control() { return *page; }

void open_control() {
  void* const p = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, kControl, 0);
  if (p == MAP_FAILED) _exit(3);  // no parent to tell it to
  page = static_cast<Control*>(p);
}

void set_phase(Phase p) { control().phase = static_cast<std::uint32_t>(p); }
Phase phase() { return static_cast<Phase>(control().phase); }

void record(IncidentKind kind, std::uint64_t a, std::uint64_t b, const char* text) {
  Control& c = control();
  constexpr std::uint32_t kRoom = sizeof c.incident / sizeof c.incident[0];
  // Who opens a thousand files for reading does nothing wrong: the other half is for misconduct.
  const bool harmless = kind == IncidentKind::read_open || kind == IncidentKind::remark;
  if (harmless && c.incidents >= kRoom / 2) return;
  const std::uint32_t n = __atomic_fetch_add(&c.incidents, 1, __ATOMIC_SEQ_CST);
  if (n >= kRoom) __atomic_store_n(&c.incidents, kRoom, __ATOMIC_SEQ_CST);
  Incident& i = c.incident[n < kRoom ? n : kRoom - 1];
  i.phase = phase();
  i.a = a;
  i.b = b;
  std::size_t length = 0;
  for (; text != nullptr && text[length] != '\0' && length + 1 < sizeof i.text; ++length) {
    i.text[length] = text[length];
  }
  i.text[length] = '\0';
  const std::atomic_ref<IncidentKind> told(i.kind);
  told.store(n < kRoom ? kind : IncidentKind::overflow, std::memory_order_release);
}

}  // namespace xent::process
