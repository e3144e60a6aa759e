// SPDX-License-Identifier: Apache-2.0
#include "impl/process/host/device.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "impl/process/host/region.h"
#include "impl/process/host/state.h"

namespace xent::process {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kZone = 64 * 1024;  ///< of poison, on each side
constexpr std::size_t kPart = std::size_t{1} << 20;
constexpr std::uint32_t kPoison = 0x7fa17fa1;  ///< NaN as f32, bf16 and f16
constexpr unsigned kNonBlocking = 1;           ///< CU_STREAM_NON_BLOCKING

constexpr std::uint64_t up_to_page(std::uint64_t a) { return (a + kPage - 1) / kPage * kPage; }

const std::byte* at(std::uint64_t address) { return reinterpret_cast<const std::byte*>(address); }

}  // namespace

const std::string& Device::open() {
  if (std::exchange(opened_, true)) return trouble_;
  // What the driver compiles it keeps where this process may write.
  if (const char* const folder = std::getenv("TMPDIR")) setenv("CUDA_CACHE_PATH", folder, 1);
  trouble_ = driver_.load();
  if (!trouble_.empty()) return trouble_;
  int count = 0, device = 0;
  void* context = nullptr;
  const int started = driver_.init(0);
  if (started != 0) {
    trouble_ = "the NVIDIA driver does not start: " + driver_.name_of(started);
  } else if (driver_.device_count(&count) != 0 || count == 0) {
    trouble_ = "no CUDA device";
  } else if (!good(driver_.device(&device, 0), "finding the device") ||
             !good(driver_.retain(&context, device), "opening the device") ||
             !good(driver_.set_current(context), "opening the device") ||
             !good(driver_.make_stream(&stream_, kNonBlocking), "making a stream")) {
    trouble_ = failure_;
  }
  return trouble_;
}

bool Device::good(int code, const char* what) {
  if (code != 0) failure_ = std::string(what) + ": " + driver_.name_of(code);
  return code == 0;
}

Device::Block Device::take(std::size_t bytes) {
  const auto fits = [bytes](const Block& b) { return b.bytes >= bytes && b.bytes / 2 <= bytes; };
  const auto known = std::find_if(spare_.begin(), spare_.end(), fits);
  if (known != spare_.end()) {
    const Block block = *known;
    spare_.erase(known);
    return block;
  }
  Block block{0, bytes};
  if (driver_.allocate(&block.address, bytes) == 0) return block;
  for (const Block& unused : spare_) driver_.free(unused.address);
  spare_.clear();
  return good(driver_.allocate(&block.address, bytes), "memory of the device") ? block : Block{};
}

bool Device::add(std::uint64_t address) {
  const std::optional<Range> pages = address == 0 ? std::nullopt : mapped_at(address);
  if (!pages || mirrors_.count(pages->address) != 0) return true;
  Mirror m{*pages, take(pages->bytes + 2 * kZone + kPage), 0};
  if (m.block.address == 0) return false;
  m.first = up_to_page(m.block.address + kZone);
  mirrors_[pages->address] = m;
  return good(driver_.fill(m.block.address, kPoison, m.block.bytes / sizeof kPoison), "poison") &&
         good(driver_.upload(m.first, at(pages->address), pages->bytes), "copying to the device");
}

bool Device::upload(const std::vector<Buffers>& calls) {
  failure_.clear();
  for (const Buffers& b : calls) {
    for (const std::uint64_t address : {b.input, b.target, b.weight, b.direction, b.upstream,
                                        b.loss, b.grad, b.workspace}) {
      if (!add(address)) return false;
    }
  }
  return good(driver_.synchronize(), "copying to the device");
}

std::uint64_t Device::moved(std::uint64_t address) const {
  // A tensor without elements has no pages: nobody may touch its address, here or there.
  const auto after = mirrors_.upper_bound(address);
  if (after == mirrors_.begin()) return address;
  const Mirror& m = std::prev(after)->second;
  const std::uint64_t offset = address - m.pages.address;
  return offset < m.pages.bytes ? m.first + offset : address;
}

Buffers Device::there(const Buffers& b) const {
  return {moved(b.input),    moved(b.target), moved(b.weight), moved(b.direction),
          moved(b.upstream), moved(b.loss),   moved(b.grad),   moved(b.workspace)};
}

bool Device::check_zone(const Mirror& m, std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint32_t> words((to - from) / sizeof kPoison);
  if (!good(driver_.download(words.data(), from, words.size() * sizeof kPoison), "zones")) {
    return false;
  }
  // What lies nearest to the tensor is named.
  const bool before = from < m.first;
  std::optional<std::uint64_t> wrong;
  for (std::size_t i = 0; i < words.size() && (before || !wrong); ++i) {
    if (words[i] != kPoison) wrong = from + i * sizeof kPoison;
  }
  if (wrong) record(IncidentKind::zone_written, *wrong - m.first + m.pages.address, 0, nullptr);
  return true;
}

bool Device::bring_back(const Mirror& m) {
  if ((m.pages.access & PROT_WRITE) != 0) {
    auto* const to = reinterpret_cast<void*>(m.pages.address);
    return good(driver_.download(to, m.first, m.pages.bytes), "copying from the device");
  }
  std::vector<std::byte> now(std::min<std::size_t>(kPart, m.pages.bytes));
  for (std::uint64_t done = 0; done < m.pages.bytes; done += now.size()) {
    const std::size_t n = std::min<std::size_t>(now.size(), m.pages.bytes - done);
    if (!good(driver_.download(now.data(), m.first + done, n), "copying from the device")) {
      return false;
    }
    const std::byte* const was = at(m.pages.address + done);
    if (std::memcmp(now.data(), was, n) == 0) continue;
    const auto changed = std::mismatch(now.begin(), now.begin() + static_cast<long>(n), was);
    const auto where = static_cast<std::uint64_t>(changed.first - now.begin());
    record(IncidentKind::input_written, m.pages.address + done + where, 0, nullptr);
    return true;
  }
  return true;
}

bool Device::download() {
  bool all = good(driver_.synchronize(), "the device");
  for (const auto& [address, m] : mirrors_) {
    all = all && bring_back(m) && check_zone(m, m.first - kZone, m.first) &&
          check_zone(m, m.first + m.pages.bytes, m.first + m.pages.bytes + kZone);
  }
  forget();
  return all;
}

void Device::forget() {
  for (const auto& [address, m] : mirrors_) spare_.push_back(m.block);
  mirrors_.clear();
}

}  // namespace xent::process
