// SPDX-License-Identifier: Apache-2.0
#include "bench/limits/bandwidth.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/limits/bandwidth.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace xent::limits::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Words = hn::ScalableTag<std::uint64_t>;

constexpr std::size_t kPageWords = 4096 / sizeof(std::uint64_t);

/// Calls step(at, distance), which touches the vectors at words at, at + distance, at + 2 distance
/// and at + 3 distance: neighbours for one stream, else the same place in four of kStreams pages.
/// Returns the first word that was not reached, at most four vectors before the end.
template <std::size_t kStreams, class Step>
HWY_INLINE std::size_t walk(std::size_t words, Step step) {
  const std::size_t lanes = hn::Lanes(Words());
  std::size_t at = 0;
  if constexpr (kStreams > 1) {
    constexpr std::size_t kBlock = kStreams * kPageWords;
    for (; at + kBlock <= words; at += kBlock) {
      for (std::size_t i = 0; i < kPageWords; i += lanes) {
        for (std::size_t k = 0; k < kStreams; k += 4) step(at + k * kPageWords + i, kPageWords);
      }
    }
  }
  for (; at + 4 * lanes <= words; at += 4 * lanes) step(at, lanes);
  return at;
}

template <std::size_t kStreams>
HWY_INLINE std::uint64_t read(std::span<std::uint64_t> words) {
  const Words d;
  const std::uint64_t* HWY_RESTRICT from = words.data();
  auto s0 = hn::Zero(d);
  auto s1 = s0;
  auto s2 = s0;
  auto s3 = s0;
  std::size_t at =
      walk<kStreams>(words.size(), [&](std::size_t i, std::size_t distance) HWY_ATTR {
        s0 = hn::Add(s0, hn::LoadU(d, from + i));
        s1 = hn::Add(s1, hn::LoadU(d, from + i + distance));
        s2 = hn::Add(s2, hn::LoadU(d, from + i + 2 * distance));
        s3 = hn::Add(s3, hn::LoadU(d, from + i + 3 * distance));
      });
  const auto sum = hn::Add(hn::Add(s0, s1), hn::Add(s2, s3));
  std::uint64_t total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; at < words.size(); ++at) total += from[at];
  return total;
}

template <std::size_t kStreams>
HWY_INLINE std::uint64_t read_write(std::span<std::uint64_t> words) {
  const Words d;
  static volatile std::uint64_t zero = 0;
  const std::uint64_t added = zero;
  const auto addend = hn::Set(d, added);
  std::uint64_t* HWY_RESTRICT to = words.data();
  std::size_t at =
      walk<kStreams>(words.size(), [&](std::size_t i, std::size_t distance) HWY_ATTR {
        for (std::size_t k = 0; k < 4; ++k, i += distance) {
          hn::StoreU(hn::Add(hn::LoadU(d, to + i), addend), d, to + i);
        }
      });
  for (; at < words.size(); ++at) to[at] += added;
  return words.empty() ? 0 : words[0];
}

std::uint64_t read_1(std::span<std::uint64_t> words) { return read<1>(words); }
std::uint64_t read_16(std::span<std::uint64_t> words) { return read<16>(words); }
std::uint64_t read_write_1(std::span<std::uint64_t> words) { return read_write<1>(words); }
std::uint64_t read_write_8(std::span<std::uint64_t> words) { return read_write<8>(words); }

}  // namespace xent::limits::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <array>
#include <cstring>
#include <new>

namespace xent::limits {
namespace {

HWY_EXPORT(read_1);
HWY_EXPORT(read_16);
HWY_EXPORT(read_write_1);
HWY_EXPORT(read_write_8);

constexpr std::size_t kAlign = 4096;

}  // namespace

Buffer::Buffer(std::size_t bytes) : words_((bytes + 63) / 64 * 8) {
  const std::size_t whole = (words_ * sizeof(std::uint64_t) + kAlign - 1) / kAlign * kAlign;
  memory_.reset(static_cast<std::uint64_t*>(std::aligned_alloc(kAlign, whole + kAlign)));
  if (memory_ == nullptr) throw std::bad_alloc();
  std::memset(memory_.get(), 0, whole + kAlign);
}

std::span<const Pattern> patterns() {
  static const std::array<Pattern, 4> all = {{
      {kRead, 1, 1, [](auto words) { return HWY_DYNAMIC_DISPATCH(read_1)(words); }},
      {kRead, 16, 1, [](auto words) { return HWY_DYNAMIC_DISPATCH(read_16)(words); }},
      {kReadWrite, 1, 2, [](auto words) { return HWY_DYNAMIC_DISPATCH(read_write_1)(words); }},
      {kReadWrite, 8, 2, [](auto words) { return HWY_DYNAMIC_DISPATCH(read_write_8)(words); }},
  }};
  return all;
}

}  // namespace xent::limits
#endif  // HWY_ONCE
