// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace xent::cuda {

enum class Element : std::uint8_t { f32, bf16, f16 };

/// What is computed of a row: core/OPTIONS.md.
enum class Operation : std::uint8_t { ce, lse, nll, entropy, cross_entropy, kl };
enum class Reduce : std::uint8_t { none, sum, mean };
enum class Divide : std::uint8_t { valid, rows, sequence, number };
enum class Scale : std::uint8_t { nats, bits, perplexity };

enum class Rung : std::uint8_t { safe, online, warp, block, split, cluster, automatic };

/// Of `cluster`: the most blocks of a row, and the most leaves that a block's memory holds.
inline constexpr int kMostClusterBlocks = 8;
constexpr int most_slice_leaves(Element e) { return e == Element::f32 ? 27 : 55; }

/// Numbers of any type on the device; null: not given.
struct Numbers {
  const void* data = nullptr;
  Element type = Element::f32;
};

/// One call's work, as plain data that kernels get by value: core/OPTIONS.md with every number of
/// the problem rounded to binary32. Memory is the device's, aligned to its elements; matrices are
/// rows of `stride` elements, of which v belong to the row; `grad` may be `input`, if the types are
/// the same.
struct DeviceCall {
  const void* input = nullptr;          ///< [n, v]
  const std::int64_t* label = nullptr;  ///< [n]; null: no class indices
  const void* target = nullptr;         ///< [n, v] of the input's type, or null
  void* grad = nullptr;                 ///< [n, v]; null: not asked for
  void* loss = nullptr;                 ///< [n], or [1] with a reduction; null: not asked for
  float* workspace = nullptr;           ///< workspace_floats(); holds rubbish
  Numbers weight;                       ///< [v]
  Numbers upstream;                     ///< [n] or [1]
  std::int64_t n = 0;
  std::int64_t v = 0;
  std::int64_t t = 1;  ///< positions in a sequence; divides n
  std::int64_t stride = 0;
  std::int64_t ignore = 0;  ///< label of ignored rows, if has_ignore
  float smoothing = 0;
  float scale = 1;
  float softcap = 0;  ///< 0: off
  float z_loss = 0;
  float denominator = 0;  ///< of Divide::number
  Element in = Element::f32;
  Element grad_type = Element::f32;
  Element loss_type = Element::f32;
  Operation op = Operation::ce;
  Reduce reduce = Reduce::none;
  Divide divide = Divide::valid;
  Scale unit = Scale::nats;
  bool has_ignore = false;
  bool shift = false;  ///< a row is scored by its successor's label, the last of a sequence by none
  bool upstream_per_row = false;
};

/// Floats that enqueue wants in `workspace`: the same for every rung.
std::size_t workspace_floats(const DeviceCall&);

/// Why the rung does not take the call, as the problem writes the option; null: it does.
const char* refusal(Rung, const DeviceCall&);

}  // namespace xent::cuda
