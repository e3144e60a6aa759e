// SPDX-License-Identifier: Apache-2.0
// Mutants written as CUDA kernels, each thread a fiber: barriers, blocks, tails.
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "impl/cuda/dispatch.cuh"
#include "impl/cuda/shim_kernels.h"
#include "impl/mutants/mutants.h"

namespace xent {
namespace {

using namespace cuda;

/// A right kernel, number by number. A defect has another
///   float sum(team, z, v, y, z_y)   of exp(z_j - z_y) without y; NaN shows in the row
///   float reference(z, y, z_y)      what is subtracted for the gradient
///   void after<O>(team, c, r, y)    once the gradient is written
struct Right {
  template <class E, class Team>
  static float sum(Team& team, const typename E::Memory* z, std::int64_t v, std::int64_t y,
                   float z_y) {
    return sum_of(team, v, [&](std::int64_t j) {
      return j == y ? 0.0f : exp_approx(E::number(z[j]) - z_y);
    });
  }
  template <class E>
  static float reference(const typename E::Memory*, std::int64_t, float z_y) {
    return z_y;
  }
  template <class O, class Team>
  static void after(Team&, const DeviceCall&, std::int64_t, std::int64_t) {}
};

struct BarrierRemoved : Right {
  template <class E>
  static float reference(const typename E::Memory* z, std::int64_t y, float) {
    return E::number(z[y]);
  }
};

struct TailUnguarded : Right {
  template <class E, class Team>
  static float sum(Team& team, const typename E::Memory* z, std::int64_t v, std::int64_t y,
                   float z_y) {
    constexpr int kWhole = E::kPerVector;
    return Right::sum<E>(team, z, (v + kWhole - 1) / kWhole * kWhole, y, z_y);
  }
};

/// What a warp's logits make below their own maximum: NaN where all are -inf, else a number, or NaN
/// that the row's own sum has, too.
float own_sum(WarpTeam& team, float z) {
  const float m = number_of(team.greatest(place_of(z, 0)));
  return m == -kInfinity ? exp_approx(z - m) : 0;
}

/// Of logits that are all -inf there is no maximum to go below.
struct FirstBlockNothing : Right {
  template <class E, class Team>
  static float sum(Team& team, const typename E::Memory* z, std::int64_t v, std::int64_t y,
                   float z_y) {
    WarpTeam warp;
    const float first = team.lane() < v ? E::number(z[team.lane()]) : -kInfinity;
    const float block = own_sum(warp, first);
    const float s = Right::sum<E>(team, z, v, y, z_y);
    return block != block ? block : s;
  }
};

/// 4 blocks of whole vectors: rows of few classes leave the last without one.
struct LastBlockEmpty : Right {
  template <class E, class Team>
  static float sum(Team& team, const typename E::Memory* z, std::int64_t v, std::int64_t y,
                   float z_y) {
    WarpTeam warp;
    const std::int64_t vectors = (v + E::kPerVector - 1) / E::kPerVector;
    const bool empty = (vectors + 3) / 4 * 3 >= vectors;
    const float block = own_sum(warp, empty ? -kInfinity : 0.0f);
    const float s = Right::sum<E>(team, z, v, y, z_y);
    return block != block ? block : s;
  }
};

/// The target's p is stored as any other, and p - 1 made of what was stored.
struct TargetRewritten : Right {
  template <class O, class Team>
  static void after(Team& team, const DeviceCall& c, std::int64_t r, std::int64_t y) {
    auto* const g = static_cast<typename O::Memory*>(c.grad) + r * c.stride;
    team.meet();
    if (threadIdx.x == 0) {
      Behind behind(c, r);
      behind.weight = weight_of(c, y);
      const float stored = O::number(O::memory(behind(1 / (1 + leaf_totals(c)[r]))));
      g[y] = O::memory(stored - behind(1));
    }
  }
};

template <class E, class O, class Defect>
void wrong_rows(const DeviceCall c) {
  XENT_SHARED(float, floats, 2 * kWarp);
  XENT_SHARED(Place, places, 2 * kWarp);
  BlockTeam team(floats, places);
  const std::int64_t r = blockIdx.x;
  const std::int64_t y = scored_class(c, r);
  if (y < 0) return general_row<E, O>(c, team, r);
  const typename E::Memory* const z = row_of<E>(c, r);
  const float z_y = E::number(z[y]);
  const float s = Defect::template sum<E>(team, z, c.v, y, z_y);
  Finished f = finish(c, r, y, z_y, s);
  const bool shows = s != s && fabsf(z_y) < kInfinity;
  if (shows) f = {true, s, s, s};
  if (!f.good) return general_row<E, O>(c, team, r);
  if (threadIdx.x == 0) put_loss(c, r, f.loss), leaf_totals(c)[r] = s;
  if (c.grad == nullptr) return;
  auto* const g = static_cast<typename O::Memory*>(c.grad) + r * c.stride;
  for_elements(team, c.v, [&](std::int64_t j) {
    const float e = exp_approx(E::number(z[j]) - Defect::template reference<E>(z, y, z_y));
    g[j] = O::memory(j == y ? f.at_target : e * f.factor);
  });
  Defect::template after<O>(team, c, r, y);
}

/// The right kernel with something left out of ClusterOrder; blocks have a leaf each.
template <class E, class O, class Order>
void enqueue_unordered(const DeviceCall& c, unsigned threads) {
  enqueue_cluster<E, O, Order>(c, {threads, 1, kLeafVectors<E> * kVectorBytes}, nullptr);
}

struct TotalsUnordered : ClusterOrder {
  static void totals_are_there() {}
};
struct CopiesUnordered : ClusterOrder {
  static unsigned parity(unsigned phase) { return ~phase & 1; }
};

template <class Defect>
void enqueue_wrong(const DeviceCall& c, unsigned warps) {
  const unsigned threads = warps * kWarp;
  if (!has_reference(c)) return enqueue(Rung::safe, c, {threads, 1}, nullptr);
  enqueue_between(c, kWarp, nullptr, [&]<class E, class O>() {
    if constexpr (std::is_base_of_v<ClusterOrder, Defect>) {
      enqueue_unordered<E, O, Defect>(c, threads);
    } else {
      launch(&wrong_rows<E, O, Defect>, {static_cast<unsigned>(c.n), threads}, nullptr, c);
    }
  });
}

template <class Defect>
Kernel cuda_mutant(std::string name, std::string summary, std::vector<std::string> killed_by) {
  HostKernel k = on_fibers("mutant/" + std::move(name), Form::target, enqueue_wrong<Defect>);
  k.role = Role::mutant;
  k.summary = std::move(summary);
  k.killed_by = std::move(killed_by);
  return make_kernel(std::move(k));
}

}  // namespace

Kernel mutant_cuda_barrier_removed() {
  return cuda_mutant<BarrierRemoved>(
      "cuda-barrier-removed",
      "in place, the target's logit is read where another warp may have written its gradient",
      {"io.in-place"});
}

Kernel mutant_cuda_tail_unguarded() {
  return cuda_mutant<TailUnguarded>(
      "cuda-tail-unguarded", "the last vector is summed whole, whatever lies behind the row",
      {"loss.accurate", "grad.accurate"});
}

Kernel mutant_cuda_first_block_nothing() {
  return cuda_mutant<FirstBlockNothing>(
      "cuda-first-block-nothing",
      "a running maximum over 32 logits that are all -inf: exp(-inf - -inf)",
      {"loss.accurate"});
}

Kernel mutant_cuda_last_block_empty() {
  return cuda_mutant<LastBlockEmpty>(
      "cuda-last-block-empty",
      "4 blocks a row, and the last has no logit where the others' whole vectors suffice",
      {"loss.accurate"});
}

Kernel mutant_cuda_target_rewritten() {
  return cuda_mutant<TargetRewritten>(
      "cuda-target-rewritten",
      "the target's gradient is made of the rounded p that was stored: p - 1 in 16 bits",
      {"grad.accurate"});
}

Kernel mutant_cuda_totals_unordered() {
  return cuda_mutant<TotalsUnordered>(
      "cuda-totals-unordered",
      "blocks of a cluster add each other's totals before a barrier says that they are there",
      {"loss.accurate", "grad.accurate"});
}

Kernel mutant_cuda_copies_unordered() {
  return cuda_mutant<CopiesUnordered>(
      "cuda-copies-unordered",
      "bulk copies are waited for with the wrong parity: that of the phase before",
      {"loss.accurate", "grad.accurate"});
}

}  // namespace xent
