// SPDX-License-Identifier: Apache-2.0
// Elements of a tensor as doubles, which every float type converts to exactly.
#if defined(XENT_ORACLE_SIMD_LOAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_ORACLE_SIMD_LOAD_INL_H_
#undef XENT_ORACLE_SIMD_LOAD_INL_H_
#else
#define XENT_ORACLE_SIMD_LOAD_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "core/tensor.h"
#include "hwy/highway.h"
#include "oracle/simd/ball-inl.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

HWY_INLINE V LoadVector(const double* at) { return hn::LoadU(D(), at); }
HWY_INLINE V LoadVector(const float* at) {
  return hn::PromoteTo(D(), hn::LoadU(hn::Rebind<float, D>(), at));
}
HWY_INLINE V LoadVector(const hwy::float16_t* at) {
  const hn::Rebind<float, D> wide;
  return hn::PromoteTo(D(), hn::PromoteTo(wide, hn::LoadU(hn::Rebind<hwy::float16_t, D>(), at)));
}
HWY_INLINE V LoadVector(const hwy::bfloat16_t* at) {
  const hn::Rebind<float, D> wide;
  return hn::PromoteTo(D(), hn::PromoteTo(wide, hn::LoadU(hn::Rebind<hwy::bfloat16_t, D>(), at)));
}

/// `count` elements from `from` on; then `pad` up to a multiple of the vector's lanes.
template <class T>
HWY_INLINE void LoadDoubles(const std::byte* from, DType type, std::int64_t count, double pad,
                            double* HWY_RESTRICT to) {
  const T* at = reinterpret_cast<const T*>(from);
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  std::int64_t j = 0;
  for (; j + lanes <= count; j += lanes) hn::Store(LoadVector(at + j), D(), to + j);
  if (j == count) return;
  hn::Store(hn::Set(D(), pad), D(), to + j);
  for (; j < count; ++j) to[j] = load(from + static_cast<std::size_t>(j) * sizeof(T), type);
}

/// Elements [first, first + count) of a float tensor. `to` is aligned to vectors and has room for
/// whole ones.
HWY_INLINE void LoadDoubles(const Tensor& tensor, std::int64_t first, std::int64_t count,
                            double pad, double* HWY_RESTRICT to) {
  const std::byte* const from =
      tensor.bytes.data() + static_cast<std::size_t>(first) * size_of(tensor.dtype);
  switch (tensor.dtype) {
    case DType::f64: return LoadDoubles<double>(from, tensor.dtype, count, pad, to);
    case DType::f32: return LoadDoubles<float>(from, tensor.dtype, count, pad, to);
    case DType::f16: return LoadDoubles<hwy::float16_t>(from, tensor.dtype, count, pad, to);
    default: return LoadDoubles<hwy::bfloat16_t>(from, tensor.dtype, count, pad, to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
