// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/block.cuh"
#include "impl/cuda/call.h"
#include "impl/cuda/cluster.cuh"
#include "impl/cuda/online.cuh"
#include "impl/cuda/reduce.cuh"
#include "impl/cuda/safe.cuh"
#include "impl/cuda/split.cuh"
#include "impl/cuda/warp.cuh"

namespace xent::cuda {

/// Most threads of a block: fewer where threads are fibers. Results do not depend on it.
struct Threads {
  unsigned block = 512;  ///< 32 times 1, 2, 4, 8 or 16
  unsigned warps = 4;    ///< of a block of `warp` and `split`
  /// Of shared memory that a block of `cluster` has, if 8 blocks are enough for the row: three
  /// blocks a multiprocessor.
  std::size_t slice_bytes = 70 * 1024;
};

template <class E>
inline constexpr bool kWide = sizeof(typename E::Memory) == 4;

/// A block a row.
inline void launch_blocks(void (*kernel)(DeviceCall), unsigned most, const DeviceCall& c,
                          const Threads& threads, Stream stream) {
  const unsigned block = threads.block < most ? threads.block : most;
  launch(kernel, {static_cast<unsigned>(c.n), block}, stream, c);
}

/// A warp for `count` pieces of work, `each` at a time.
inline void launch_warps(void (*kernel)(DeviceCall), std::int64_t count, std::int64_t each,
                         const DeviceCall& c, const Threads& threads, Stream stream) {
  const std::int64_t a_block = threads.warps * each;
  launch(kernel, {static_cast<unsigned>((count + a_block - 1) / a_block), threads.warps * kWarp},
         stream, c);
}

template <class E, class O>
void enqueue_warp(const DeviceCall& c, const Threads& threads, Stream stream) {
  constexpr bool wide = kWide<E>;
  const auto go = [&](void (*kernel)(DeviceCall), std::int64_t rows) {
    launch_warps(kernel, c.n, rows, c, threads, stream);
  };
  if (c.v <= kSlots) go(&warp_rows<E, O, 2, 1, 1, 0, 6>, 2);
  else if (c.v <= 2 * kSlots) go(&warp_rows<E, O, wide ? 1 : 2, 1, 2, 0, 6>, wide ? 1 : 2);
  else if (c.v <= 4 * kSlots) go(&warp_rows<E, O, 1, 1, 4, 0, 6>, 1);
  else if (c.v <= kLeaf) go(&warp_rows<E, O, 1, 1, 8, 0, wide ? 4 : 5>, 1);
  else go(&warp_rows<E, O, 1, wide ? 1 : 2, 8, wide ? 2 : 0, wide ? 3 : 4>, 1);
}

/// Forward nothing is kept; with a gradient as much as a block has registers for.
template <class E, class O>
void enqueue_block(const DeviceCall& c, const Threads& threads, Stream stream) {
  constexpr bool wide = kWide<E>;
  const auto go = [&](void (*kernel)(DeviceCall), unsigned most) {
    launch_blocks(kernel, most, c, threads, stream);
  };
  constexpr unsigned kLargest = wide ? 256 : 512;  // more would spill registers of f32
  const std::int64_t leaves = leaves_of(c.v);
  const std::int64_t warps = (threads.block < 256 ? threads.block : 256) / kWarp;
  if (c.grad == nullptr) go(&block_rows<E, O, 0, wide ? 4 : 8, 256, wide ? 2 : 3>, 256);
  else if (leaves <= warps) go(&block_rows<E, O, 1, 0, 256, wide ? 2 : 3>, 256);
  else if (leaves <= 2 * warps && !wide) go(&block_rows<E, O, wide ? 1 : 2, 0, 256, 2>, 256);
  else go(&block_rows<E, O, 1, wide ? 1 : 4, kLargest, 1>, kLargest);
}

template <class E, class O>
void enqueue_split(const DeviceCall& c, const Threads& threads, Stream stream) {
  const std::int64_t leaves = c.n * leaves_of(c.v);
  launch_warps(&split_sums<E>, leaves, 1, c, threads, stream);
  launch_blocks(&split_losses<E, O>, 256, c, threads, stream);
  if (c.grad != nullptr) {
    launch_warps(&split_gradients<E, O>, leaves, 1, c, threads, stream);
  }
}

/// As few blocks a row as hold it.
template <class E, class O, class Order = ClusterOrder>
void enqueue_cluster(const DeviceCall& c, const Threads& threads, Stream stream) {
  constexpr std::size_t leaf_bytes = kLeafVectors<E> * kVectorBytes;
  const auto leaves = static_cast<unsigned>(leaves_of(c.v));
  unsigned blocks = 1;
  const auto each = [&] { return (leaves + blocks - 1) / blocks; };
  while (blocks < kMostClusterBlocks && each() * leaf_bytes > threads.slice_bytes) blocks *= 2;
  unsigned block = kWarp;
  while (block < threads.block && block < 256 && block / kWarp < each()) block *= 2;
  LaunchShape shape = {blocks, block, each() * leaf_bytes, blocks};
  const auto kernel = &cluster_rows<E, O, Order>;
  const std::int64_t most = clusters_at_once(kernel, shape);
  shape.grid = blocks * static_cast<unsigned>(c.n < most ? c.n : most);
  launch(kernel, shape, stream, c);
}

/// The rung that `automatic` takes: every one gives the same bits where it is plain.
inline Rung chosen(const DeviceCall& c) {
  constexpr std::int64_t kFewRows = 264, kLongRows = 16 * kLeaf;
  if (c.n < kFewRows && c.v > kLongRows && refusal(Rung::split, c) == nullptr) return Rung::split;
  return refusal(Rung::warp, c) == nullptr ? Rung::warp : Rung::block;
}

template <class E, class O>
void enqueue_rows(Rung rung, const DeviceCall& c, const Threads& threads, Stream stream) {
  switch (rung == Rung::automatic ? chosen(c) : rung) {
    case Rung::warp: return enqueue_warp<E, O>(c, threads, stream);
    case Rung::block: return enqueue_block<E, O>(c, threads, stream);
    case Rung::split: return enqueue_split<E, O>(c, threads, stream);
    case Rung::cluster: return enqueue_cluster<E, O>(c, threads, stream);
    case Rung::online: return launch_blocks(&online_rows<E, O>, 256, c, threads, stream);
    default: return launch_blocks(&safe_rows<E, O>, 512, c, threads, stream);
  }
}

/// rows.operator()<E, O>() for the call's types, if it has rows, between what is done before and
/// after them by a block of this many threads.
template <class Rows>
void enqueue_between(const DeviceCall& c, unsigned block, Stream stream, Rows rows) {
  const LaunchShape one = {1, block};
  if (c.reduce == Reduce::mean) launch(&around_rows<true>, one, stream, c);
  const bool narrow = c.grad != nullptr && c.grad_type == c.in;
  if (c.n > 0 && c.in == Element::f32) rows.template operator()<F32, F32>();
  if (c.n > 0 && c.in == Element::bf16) {
    narrow ? rows.template operator()<Bf16, Bf16>() : rows.template operator()<Bf16, F32>();
  }
  if (c.n > 0 && c.in == Element::f16) {
    narrow ? rows.template operator()<F16, F16>() : rows.template operator()<F16, F32>();
  }
  if (c.reduce != Reduce::none && c.loss != nullptr) launch(&around_rows<false>, one, stream, c);
}

/// The whole call, in the stream's order, nothing of it on the host. `refusal` must be null.
inline void enqueue(Rung rung, const DeviceCall& c, const Threads& threads, Stream stream) {
  enqueue_between(c, threads.block, stream, [&]<class E, class O>() {
    enqueue_rows<E, O>(rung, c, threads, stream);
  });
}

}  // namespace xent::cuda
