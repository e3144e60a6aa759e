// SPDX-License-Identifier: Apache-2.0
// Included once for each instruction set, hence no #pragma once.
#if defined(XENT_HIGHWAY_SAFE_LOOP_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef XENT_HIGHWAY_SAFE_LOOP_INL_H
#undef XENT_HIGHWAY_SAFE_LOOP_INL_H
#else
#define XENT_HIGHWAY_SAFE_LOOP_INL_H
#endif

#include <cstddef>
#include <cstdint>
#include <new>

#include "core/dtype.h"
#include "hwy/aligned_allocator.h"
#include "hwy/highway.h"
#include "impl/highway/sixteen_bits-inl.h"
#include "impl/losses.h"
#include "impl/row_view.h"

HWY_BEFORE_NAMESPACE();
namespace xent {
namespace HWY_NAMESPACE {

template <class T>
using Room = hwy::AlignedFreeUniquePtr<T[]>;

/// Room for n numbers that begins with a cache line.
template <class T>
Room<T> RoomFor(std::int64_t n) {
  auto room = hwy::AllocateAligned<T>(static_cast<std::size_t>(n));
  if (room == nullptr) throw std::bad_alloc();
  return room;
}

/// Gradients of so many bytes do not stay in a core's own cache: where that is so, and their rows
/// begin with cache lines, they are written past it, and what they replace need not be read first.
inline constexpr std::uintptr_t kPastTheCaches = std::uintptr_t{1} << 20;
template <class T>
bool PastTheCaches(const RowView<T>& w) {
  constexpr std::uintptr_t line = 64;
  const auto bytes = static_cast<std::uintptr_t>(w.stride) * sizeof(T);
  return w.grad != nullptr && w.grad != w.input && bytes % line == 0 &&
         reinterpret_cast<std::uintptr_t>(w.grad) % line == 0 &&
         static_cast<std::uintptr_t>(w.n) * bytes > kPastTheCaches;
}

/// All rows of a view on its threads. Rows(view, divisors, losses) is one thread's; its Run(r) does
/// row r and writes losses[r], if the view asks for losses.
template <class Rows, class T>
void RunRows(const RowView<T>& w) {
  for_losses(w, [&](const Divisors<T>& divisors, T* losses, std::int64_t first,
                    std::int64_t last) {
    Rows rows(w, divisors, losses);
    for (std::int64_t r = first; r < last; ++r) rows.Run(r);
  });
}

/// One row at a time of matrices of other types, as a row of binary32, where its gradient goes too:
/// every row of `view` lies there.
class WidenedRow {
 public:
  explicit WidenedRow(const NativeView& of)
      : of_(of),
        row_(RoomFor<float>(of.w.v)),
        target_(of.target == nullptr ? nullptr : RoomFor<float>(of.w.v)),
        view_(of.w) {
    view_.stride = 0;
    view_.input = row_.get();
    view_.target = target_.get();
    view_.grad = of.grad == nullptr ? nullptr : row_.get();
  }
  const RowView<float>& view() const { return view_; }

  void Load(std::int64_t r) {
    if (of_.w.ignored(r)) return;
    Widen(of_.in, At(of_.input, of_.in, r), row_.get(), of_.w.v);
    if (target_) Widen(of_.in, At(of_.target, of_.in, r), target_.get(), of_.w.v);
  }
  void Store(std::int64_t r) const {
    if (of_.grad == nullptr) return;
    auto* const to = const_cast<std::byte*>(At(of_.grad, of_.out, r));
    Narrow(of_.out, row_.get(), to, of_.w.v);
  }

 private:
  const std::byte* At(const void* matrix, DType dtype, std::int64_t r) const {
    return static_cast<const std::byte*>(matrix) +
           r * of_.w.stride * static_cast<std::int64_t>(size_of(dtype));
  }

  const NativeView& of_;
  Room<float> row_;
  Room<float> target_;
  RowView<float> view_;
};

template <class Rows>
void RunWidenedRows(const NativeView& of) {
  for_losses(of.w, [&](const Divisors<float>& divisors, float* losses, std::int64_t first,
                       std::int64_t last) {
    WidenedRow row(of);
    Rows rows(row.view(), divisors, losses);
    for (std::int64_t r = first; r < last; ++r) {
      row.Load(r);
      rows.Run(r);
      row.Store(r);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace xent
HWY_AFTER_NAMESPACE();

#endif
