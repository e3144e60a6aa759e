// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hwy/targets.h"
#include "oracle/simd/rows.h"

namespace xent {

using RowBuilder = void (*)(Tier, std::span<const SimdTask>, std::span<std::unique_ptr<SimdRow>>);

/// A family of rows, compiled for one instruction set.
struct SimdBuilder {
  std::string isa;  ///< lower case: "avx3"
  RowBuilder build;
};

/// Of one family, those that this machine has, best first: the order of simd_targets().
const std::vector<SimdBuilder>& softmax_builders();
const std::vector<SimdBuilder>& term_builders();

/// The one that use_simd_target asks for, else the best; null where there is none.
RowBuilder chosen(const std::vector<SimdBuilder>&);

}  // namespace xent

// In the HWY_ONCE part of a file that was compiled for each instruction set, what `build` is in
// each of their namespaces. Instruction sets without fused multiply-adds are not among them.
#if HWY_TARGETS & HWY_AVX3
#define XENT_SIMD_AVX3(build) {HWY_AVX3, {"avx3", &N_AVX3::build}},
#else
#define XENT_SIMD_AVX3(build)
#endif
#if HWY_TARGETS & HWY_AVX2
#define XENT_SIMD_AVX2(build) {HWY_AVX2, {"avx2", &N_AVX2::build}},
#else
#define XENT_SIMD_AVX2(build)
#endif
#if HWY_TARGETS & HWY_NEON
#define XENT_SIMD_NEON(build) {HWY_NEON, {"neon", &N_NEON::build}},
#else
#define XENT_SIMD_NEON(build)
#endif
/// Those that this machine has, best first, each a Named: its isa, and a pointer to `build`.
#define XENT_SIMD_SUPPORTED(Named, build) \
  ::xent::supported<Named>({XENT_SIMD_AVX3(build) XENT_SIMD_AVX2(build) XENT_SIMD_NEON(build)})

namespace xent {

template <class Named>
struct CompiledFor {
  std::int64_t target;  ///< HWY_AVX3, ...
  Named function;
};

template <class Named>
std::vector<Named> supported(const std::vector<CompiledFor<Named>>& compiled) {
  std::vector<Named> found;
  for (const CompiledFor<Named>& c : compiled) {
    if ((hwy::SupportedTargets() & c.target) != 0) found.push_back(c.function);
  }
  return found;
}

}  // namespace xent
