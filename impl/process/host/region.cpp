// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/region.h"

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <map>

namespace xent::process {
namespace {

std::uint64_t region = 0;
std::uint64_t region_bytes = 0;

/// All pages there are, by their first address.
std::map<std::uint64_t, Range> mapped;

/// Ranges mapped for reading alone. A plain array, as a signal handler reads it; slots below `used`
/// with bytes = 0 are free. What does not fit is not known as an input: a write to it is a crash.
std::array<Range, 4096> inputs;
std::size_t used = 0;

void remember(const Range& r) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (i < used && inputs[i].bytes != 0) continue;
    inputs[i] = r;
    if (i >= used) used = i + 1;
    return;
  }
}

/// From here on the range is no input.
void forget_input(const Range& r) {
  for (std::size_t i = 0; i < used; ++i) {
    const Range& known = inputs[i];
    if (known.address < r.address + r.bytes && r.address < known.address + known.bytes) {
      inputs[i].bytes = 0;
    }
  }
  while (used > 0 && inputs[used - 1].bytes == 0) --used;
}

void forget_pages(const Range& r) {
  auto at = mapped.upper_bound(r.address);
  if (at != mapped.begin()) {
    const auto before = std::prev(at);
    if (r.address - before->first < before->second.bytes) at = before;
  }
  while (at != mapped.end() && at->first - r.address < r.bytes) at = mapped.erase(at);
}

bool inside(const Range& r) {
  return r.address >= region && r.bytes <= region_bytes &&
         r.address - region <= region_bytes - r.bytes;
}

void* at(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

std::uint64_t reserve_region() {
  for (region_bytes = kRegionBytes; region_bytes >= kRegionBytes >> 8; region_bytes >>= 1) {
    void* const p = mmap(nullptr, region_bytes, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) return region = reinterpret_cast<std::uint64_t>(p);
  }
  return region = region_bytes = 0;
}

bool map(const Range& r, int fd) {
  if (!inside(r)) return false;
  forget_input(r);
  forget_pages(r);
  const bool pages = r.pages != 0;
  const int how = pages ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const p = mmap(at(r.address), r.bytes, pages ? static_cast<int>(r.access) : PROT_NONE,
                       how | MAP_FIXED, pages ? fd : -1, pages ? static_cast<off_t>(r.offset) : 0);
  if (p == MAP_FAILED) return false;
  if (pages) mapped[r.address] = r;
  if (pages && r.access == PROT_READ) remember(r);
  return true;
}

bool protect(const Range& r) {
  if (!inside(r)) return false;
  if (const auto known = mapped.find(r.address); known != mapped.end()) {
    known->second.access = r.access;
  }
  return mprotect(at(r.address), r.bytes, static_cast<int>(r.access)) == 0;
}

std::optional<Range> mapped_at(std::uint64_t address) {
  const auto after = mapped.upper_bound(address);
  if (after == mapped.begin()) return std::nullopt;
  const Range& r = std::prev(after)->second;
  return address - r.address < r.bytes ? std::optional(r) : std::nullopt;
}

std::optional<Range> input_at(std::uint64_t address) {
  for (std::size_t i = 0; i < used; ++i) {
    const Range& r = inputs[i];
    if (address >= r.address && address - r.address < r.bytes) return r;
  }
  return std::nullopt;
}

}  // namespace xent::process
