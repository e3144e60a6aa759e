// SPDX-License-Identifier: Apache-2.0
#ifndef XENTCHECK_KERNELS_HPP
#define XENTCHECK_KERNELS_HPP

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <ranges>
#include <span>
#include <stdexcept>
#include <type_traits>

#include "xentcheck/kernels.h"

namespace xentcheck {

/// Bits of a bfloat16 and of a binary16, where the compiler has no type for them.
enum class bf16 : std::uint16_t {};
enum class f16 : std::uint16_t {};

/// To be specialised for other types of the same bits: `template <> inline constexpr std::int32_t
/// xentcheck::dtype_of<__bf16> = XENTCHECK_CE_BF16;`
template <class T>
inline constexpr std::int32_t dtype_of = -1;
template <>
inline constexpr std::int32_t dtype_of<float> = XENTCHECK_CE_F32;
template <>
inline constexpr std::int32_t dtype_of<bf16> = XENTCHECK_CE_BF16;
template <>
inline constexpr std::int32_t dtype_of<f16> = XENTCHECK_CE_F16;

enum class Reduction : std::int32_t {
  none = XENTCHECK_CE_NONE,
  sum = XENTCHECK_CE_SUM,
  mean = XENTCHECK_CE_MEAN
};

/// See xentcheck_ce_options.
struct Options {
  Reduction reduction = Reduction::none;
  std::int64_t stride = 0;  ///< 0: rows are contiguous
  std::optional<std::int64_t> ignore_index = {};
  std::span<const float> weight = {};    ///< empty: 1
  std::span<const float> upstream = {};  ///< empty: 1; of one number, or one for each row
  double smoothing = 0;
  double z_loss = 0;
  int threads = 1;
};

namespace detail {

inline void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

inline xentcheck_ce_options to_c(const Options& o, std::int32_t dtype, std::size_t rows) {
  require(o.upstream.size() <= 1 || o.upstream.size() == rows,
          "xentcheck: upstream has neither one number nor one for each row");
  xentcheck_ce_options c = XENTCHECK_CE_OPTIONS;
  c.dtype = dtype;
  c.reduction = static_cast<std::int32_t>(o.reduction);
  c.stride = o.stride;
  c.has_ignore_index = o.ignore_index ? 1 : 0;
  c.ignore_index = o.ignore_index.value_or(0);
  c.weight = o.weight.empty() ? nullptr : o.weight.data();
  c.upstream = o.upstream.empty() ? nullptr : o.upstream.data();
  c.upstream_per_row = o.upstream.size() > 1 ? 1 : 0;
  c.smoothing = o.smoothing;
  c.z_loss = o.z_loss;
  c.threads = o.threads;
  return c;
}

inline void check(int code) {
  if (code == XENTCHECK_CE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code == XENTCHECK_CE_WRONG_ARGUMENT) throw std::invalid_argument(xentcheck_ce_error());
  if (code != XENTCHECK_CE_OK) throw std::runtime_error(xentcheck_ce_error());
}

/// Elements of a matrix of `rows` rows, the last one without its padding.
inline std::size_t extent(std::size_t rows, std::int64_t v, std::int64_t stride) {
  if (rows == 0) return 0;
  return (rows - 1) * static_cast<std::size_t>(stride == 0 ? v : stride) +
         static_cast<std::size_t>(v);
}

}  // namespace detail

/// xentcheck_ce of targets.size() rows of v classes: logits [rows, v]; loss [rows], [1] with a
/// reduction, or empty: not asked for; grad [rows, v], the logits' own memory, or empty. Throws
/// std::invalid_argument where an argument does not fit.
template <std::ranges::contiguous_range Logits, std::ranges::contiguous_range Grad>
void cross_entropy(const Logits& logits, std::span<const std::int64_t> targets, std::int64_t v,
                   std::span<float> loss, Grad&& grad, const Options& options = {}) {
  using T = std::ranges::range_value_t<Logits>;
  static_assert(dtype_of<T> >= 0, "logits are float, xentcheck::bf16 or xentcheck::f16");
  static_assert(std::is_same_v<T, std::ranges::range_value_t<Grad>>, "grad is of the logits' type");
  detail::require(v >= 1, "xentcheck: v is below 1");
  detail::require(options.stride == 0 || options.stride >= v, "xentcheck: stride is below v");
  const std::size_t rows = targets.size(), size = detail::extent(rows, v, options.stride);
  const std::size_t losses = options.reduction == Reduction::none ? rows : 1;
  detail::require(std::ranges::size(logits) >= size, "xentcheck: logits has too few elements");
  detail::require(std::ranges::empty(grad) || std::ranges::size(grad) >= size,
                  "xentcheck: grad has too few elements");
  detail::require(loss.empty() || loss.size() == losses,
                  "xentcheck: loss has another size than the number of losses");
  detail::require(options.weight.empty() || options.weight.size() == static_cast<std::size_t>(v),
                  "xentcheck: weight has another size than the number of classes");
  const xentcheck_ce_options c = detail::to_c(options, dtype_of<T>, rows);
  detail::check(xentcheck_ce(std::ranges::data(logits), targets.data(),
                             static_cast<std::int64_t>(rows), v, loss.data(),
                             std::ranges::empty(grad) ? nullptr : std::ranges::data(grad), &c));
}

/// The losses alone.
template <std::ranges::contiguous_range Logits>
void cross_entropy(const Logits& logits, std::span<const std::int64_t> targets, std::int64_t v,
                   std::span<float> loss, const Options& options = {}) {
  cross_entropy(logits, targets, v, loss, std::span<std::ranges::range_value_t<Logits>>(), options);
}

}  // namespace xentcheck

#endif
