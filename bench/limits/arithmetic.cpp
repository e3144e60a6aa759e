// SPDX-License-Identifier: Apache-2.0
#include "bench/limits/arithmetic.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/limits/arithmetic.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace xent::limits::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Chains of x <- x / 2 + 1, which go to 2: more of them than the latency holds, each
/// from a number of its own, so that none is another's copy.
float chains(std::int64_t rounds) {
  const hn::ScalableTag<float> d;
  const auto half = hn::Set(d, 0.5F);
  const auto one = hn::Set(d, 1);
  auto a = hn::Iota(d, 1), b = hn::Iota(d, 2), c = hn::Iota(d, 3), e = hn::Iota(d, 4);
  auto f = hn::Iota(d, 5), g = hn::Iota(d, 6), h = hn::Iota(d, 7), i = hn::Iota(d, 8);
  auto j = hn::Iota(d, 9), k = hn::Iota(d, 10), l = hn::Iota(d, 11), m = hn::Iota(d, 12);
  for (std::int64_t r = 0; r < rounds; ++r) {
    a = hn::MulAdd(a, half, one);
    b = hn::MulAdd(b, half, one);
    c = hn::MulAdd(c, half, one);
    e = hn::MulAdd(e, half, one);
    f = hn::MulAdd(f, half, one);
    g = hn::MulAdd(g, half, one);
    h = hn::MulAdd(h, half, one);
    i = hn::MulAdd(i, half, one);
    j = hn::MulAdd(j, half, one);
    k = hn::MulAdd(k, half, one);
    l = hn::MulAdd(l, half, one);
    m = hn::MulAdd(m, half, one);
  }
  const auto first = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(f, g));
  const auto second = hn::Add(hn::Add(hn::Add(h, i), hn::Add(j, k)), hn::Add(l, m));
  return hn::GetLane(hn::Add(first, second));
}

}  // namespace xent::limits::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace xent::limits {
namespace {

HWY_EXPORT(chains);

}  // namespace

std::int64_t multiply_add(std::int64_t count) {
  constexpr std::int64_t kChains = 12;
  const std::int64_t rounds = (count + kChains - 1) / kChains;
  [[maybe_unused]] const volatile float kept = HWY_DYNAMIC_DISPATCH(chains)(rounds);
  return rounds * kChains;
}

}  // namespace xent::limits
#endif  // HWY_ONCE
