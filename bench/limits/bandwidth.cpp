// SPDX-License-Identifier: Apache-2.0
#include "bench/limits/bandwidth.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/limits/bandwidth.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace xent::limits::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Vectors = hn::ScalableTag<std::uint64_t>;

constexpr std::size_t kPage = 4096 / sizeof(std::uint64_t);
constexpr std::size_t kFar = 16 * kPage;
constexpr std::size_t kOdd = 31 * kPage / 4;  // four streams are in four places of a page

/// Calls step(at, distance), which touches the vectors at words at, at + distance, at + 2 distance
/// and at + 3 distance: neighbours for one stream, else the same place in four of kStreams streams,
/// which are kApart words apart. Returns the first word that was not reached, at most four vectors
/// before the end.
template <std::size_t kStreams, std::size_t kApart, class Step>
HWY_INLINE std::size_t walk(std::size_t words, Step step) {
  const std::size_t lanes = hn::Lanes(Vectors());
  std::size_t at = 0;
  if constexpr (kStreams > 1) {
    constexpr std::size_t kBlock = kStreams * kApart;
    for (; at + kBlock <= words; at += kBlock) {
      for (std::size_t i = 0; i < kApart; i += lanes) {
        for (std::size_t k = 0; k < kStreams; k += 4) step(at + k * kApart + i, kApart);
      }
    }
  }
  for (; at + 4 * lanes <= words; at += 4 * lanes) step(at, lanes);
  return at;
}

/// Of the line kAhead bytes further on; of nothing for 0.
template <std::size_t kAhead>
HWY_INLINE void prefetch(const std::uint64_t* at) {
  if constexpr (kAhead > 0) hwy::Prefetch(at + kAhead / sizeof *at);
}

template <std::size_t kStreams, std::size_t kApart, std::size_t kAhead>
HWY_INLINE std::uint64_t read(std::span<const std::uint64_t> words) {
  const Vectors d;
  const std::uint64_t* HWY_RESTRICT from = words.data();
  auto s0 = hn::Zero(d);
  auto s1 = s0;
  auto s2 = s0;
  auto s3 = s0;
  const auto step = [&](std::size_t i, std::size_t distance) HWY_ATTR {
    for (std::size_t k = 0; k < 4; ++k) prefetch<kAhead>(from + i + k * distance);
    s0 = hn::Xor(s0, hn::LoadU(d, from + i));
    s1 = hn::Xor(s1, hn::LoadU(d, from + i + distance));
    s2 = hn::Xor(s2, hn::LoadU(d, from + i + 2 * distance));
    s3 = hn::Xor(s3, hn::LoadU(d, from + i + 3 * distance));
  };
  std::size_t at = walk<kStreams, kApart>(words.size(), step);
  HWY_ALIGN std::uint64_t lanes[hn::MaxLanes(Vectors())] = {};
  hn::Store(hn::Xor(hn::Xor(s0, s1), hn::Xor(s2, s3)), d, lanes);
  std::uint64_t all = 0;
  for (const std::uint64_t lane : lanes) all ^= lane;
  for (; at < words.size(); ++at) all ^= from[at];
  return all;
}

template <std::size_t kStreams, std::size_t kApart, std::size_t kAhead, bool kPastCaches>
HWY_INLINE std::uint64_t copy(std::span<const std::uint64_t> in, std::span<std::uint64_t> out) {
  const Vectors d;
  const std::size_t words = std::min(in.size(), out.size());
  const std::uint64_t* HWY_RESTRICT from = in.data();
  std::uint64_t* HWY_RESTRICT to = out.data();
  const auto step = [&](std::size_t i, std::size_t distance) HWY_ATTR {
    for (std::size_t k = 0; k < 4; ++k, i += distance) {
      prefetch<kAhead>(from + i);
      if constexpr (kPastCaches) hn::Stream(hn::LoadU(d, from + i), d, to + i);
      else hn::StoreU(hn::LoadU(d, from + i), d, to + i);
    }
  };
  std::size_t at = walk<kStreams, kApart>(words, step);
  for (; at < words; ++at) to[at] = from[at];
  if constexpr (kPastCaches) hwy::FlushStream();
  return words == 0 ? 0 : to[0];
}

template <std::size_t kStreams, std::size_t kApart, std::size_t kAhead>
HWY_INLINE std::uint64_t read_write(std::span<std::uint64_t> words) {
  const Vectors d;
  static volatile std::uint64_t zero = 0;
  const std::uint64_t added = zero;
  const auto addend = hn::Set(d, added);
  std::uint64_t* HWY_RESTRICT to = words.data();
  const auto step = [&](std::size_t i, std::size_t distance) HWY_ATTR {
    for (std::size_t k = 0; k < 4; ++k, i += distance) {
      prefetch<kAhead>(to + i);
      hn::StoreU(hn::Add(hn::LoadU(d, to + i), addend), d, to + i);
    }
  };
  std::size_t at = walk<kStreams, kApart>(words.size(), step);
  for (; at < words.size(); ++at) to[at] += added;
  return words.empty() ? 0 : words[0];
}

using In = std::span<const std::uint64_t>;
using Out = std::span<std::uint64_t>;

std::uint64_t read_1(In a, Out) { return read<1, kPage, 0>(a); }
std::uint64_t read_1_ahead(In a, Out) { return read<1, kPage, 2048>(a); }
std::uint64_t read_8(In a, Out) { return read<8, kPage, 0>(a); }
std::uint64_t read_16(In a, Out) { return read<16, kPage, 0>(a); }
std::uint64_t read_4_far(In a, Out) { return read<4, kFar, 512>(a); }
std::uint64_t read_4_farther(In a, Out) { return read<4, kFar, 1024>(a); }
std::uint64_t read_4_odd(In a, Out) { return read<4, kOdd, 2048>(a); }
std::uint64_t read_8_far(In a, Out) { return read<8, kFar, 512>(a); }
std::uint64_t copy_1(In a, Out b) { return copy<1, kPage, 0, false>(a, b); }
std::uint64_t copy_4(In a, Out b) { return copy<4, kPage, 0, false>(a, b); }
std::uint64_t copy_1_past(In a, Out b) { return copy<1, kPage, 0, true>(a, b); }
std::uint64_t copy_4_past(In a, Out b) { return copy<4, kFar, 0, true>(a, b); }
std::uint64_t copy_4_past_odd(In a, Out b) { return copy<4, kOdd, 2048, true>(a, b); }
std::uint64_t copy_8_past(In a, Out b) { return copy<8, kPage, 0, true>(a, b); }
std::uint64_t copy_8_past_ahead(In a, Out b) { return copy<8, kPage, 512, true>(a, b); }
std::uint64_t read_write_1(In, Out b) { return read_write<1, kPage, 0>(b); }
std::uint64_t read_write_8(In, Out b) { return read_write<8, kPage, 0>(b); }
std::uint64_t read_write_4_far(In, Out b) { return read_write<4, kFar, 1024>(b); }
std::uint64_t read_write_4_odd(In, Out b) { return read_write<4, kOdd, 2048>(b); }
std::uint64_t read_write_8_far(In, Out b) { return read_write<8, kFar, 512>(b); }

}  // namespace xent::limits::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#endif

#include <array>
#include <cstddef>
#include <cstring>
#include <new>

namespace xent::limits {
namespace {

HWY_EXPORT(read_1);
HWY_EXPORT(read_1_ahead);
HWY_EXPORT(read_8);
HWY_EXPORT(read_16);
HWY_EXPORT(read_4_far);
HWY_EXPORT(read_4_farther);
HWY_EXPORT(read_4_odd);
HWY_EXPORT(read_8_far);
HWY_EXPORT(copy_1);
HWY_EXPORT(copy_4);
HWY_EXPORT(copy_1_past);
HWY_EXPORT(copy_4_past);
HWY_EXPORT(copy_4_past_odd);
HWY_EXPORT(copy_8_past);
HWY_EXPORT(copy_8_past_ahead);
HWY_EXPORT(read_write_1);
HWY_EXPORT(read_write_8);
HWY_EXPORT(read_write_4_far);
HWY_EXPORT(read_write_4_odd);
HWY_EXPORT(read_write_8_far);

constexpr std::size_t kPage4K = 4096;
constexpr std::size_t kLargePage = std::size_t{2} << 20;

std::byte* aligned(std::size_t bytes, std::size_t to) {
  void* const memory = std::aligned_alloc(to, (bytes + to - 1) / to * to);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

/// Of large pages if it is worth it and the system gives some: kernels and limits alike are then
/// not slowed down by page walks. Where it gives none they walk the same small ones.
std::byte* pages(std::size_t bytes) {
  const bool large = bytes >= 2 * kLargePage;
  std::byte* const memory = aligned(bytes, large ? kLargePage : kPage4K);
#ifdef MADV_HUGEPAGE
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace

Buffer::Buffer(std::size_t bytes) : words_((bytes + 63) / 64 * 8) {
  const std::size_t all = words_ * sizeof(std::uint64_t) + kPage4K;
  memory_.reset(reinterpret_cast<std::uint64_t*>(pages(all)));
  std::memset(memory_.get(), 0, all);
}

#define XENT_PASS(f) [](In a, Out b) { return HWY_DYNAMIC_DISPATCH(f)(a, b); }

std::span<const Pattern> patterns() {
  using In = std::span<const std::uint64_t>;
  using Out = std::span<std::uint64_t>;
  static const std::array<Pattern, 20> all = {{
      {kRead, "1 stream", 1, XENT_PASS(read_1)},
      {kRead, "1 stream, prefetch 2 KiB", 1, XENT_PASS(read_1_ahead)},
      {kRead, "8 streams", 1, XENT_PASS(read_8)},
      {kRead, "16 streams", 1, XENT_PASS(read_16)},
      {kRead, "4 streams 64 KiB apart, prefetch 512 B", 1, XENT_PASS(read_4_far)},
      {kRead, "4 streams 64 KiB apart, prefetch 1 KiB", 1, XENT_PASS(read_4_farther)},
      {kRead, "4 streams 31 KiB apart, prefetch 2 KiB", 1, XENT_PASS(read_4_odd)},
      {kRead, "8 streams 64 KiB apart, prefetch 512 B", 1, XENT_PASS(read_8_far)},
      {kCopy, "1 stream, through caches", 2, XENT_PASS(copy_1)},
      {kCopy, "4 streams, through caches", 2, XENT_PASS(copy_4)},
      {kCopy, "1 stream", 2, XENT_PASS(copy_1_past)},
      {kCopy, "4 streams 64 KiB apart", 2, XENT_PASS(copy_4_past)},
      {kCopy, "4 streams 31 KiB apart, prefetch 2 KiB", 2, XENT_PASS(copy_4_past_odd)},
      {kCopy, "8 streams", 2, XENT_PASS(copy_8_past)},
      {kCopy, "8 streams, prefetch 512 B", 2, XENT_PASS(copy_8_past_ahead)},
      {kReadWrite, "1 stream", 2, XENT_PASS(read_write_1)},
      {kReadWrite, "8 streams", 2, XENT_PASS(read_write_8)},
      {kReadWrite, "4 streams 64 KiB apart, prefetch 1 KiB", 2, XENT_PASS(read_write_4_far)},
      {kReadWrite, "4 streams 31 KiB apart, prefetch 2 KiB", 2, XENT_PASS(read_write_4_odd)},
      {kReadWrite, "8 streams 64 KiB apart, prefetch 512 B", 2, XENT_PASS(read_write_8_far)},
  }};
  return all;
}

#undef XENT_PASS

}  // namespace xent::limits
#endif  // HWY_ONCE
