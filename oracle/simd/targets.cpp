// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <stdexcept>

#include "oracle/simd/dispatch.h"

namespace xent {
namespace {

std::atomic<std::size_t> chosen_index{0};

}  // namespace

RowBuilder chosen(const std::vector<SimdBuilder>& builders) {
  return builders.empty() ? nullptr : builders[chosen_index].build;
}

std::span<const std::string> simd_targets() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const SimdBuilder& b : softmax_builders()) list.push_back(b.isa);
    return list;
  }();
  return names;
}

void use_simd_target(const std::string& isa) {
  const auto names = simd_targets();
  std::size_t i = 0;
  while (!isa.empty() && i < names.size() && names[i] != isa) ++i;
  if (!isa.empty() && i == names.size()) throw std::invalid_argument("no simd target " + isa);
  chosen_index = i;
}

void softmax_rows(Tier tier, std::span<const SimdTask> tasks,
                  std::span<std::unique_ptr<SimdRow>> rows) {
  if (const RowBuilder build = chosen(softmax_builders())) build(tier, tasks, rows);
}

void term_rows(Tier tier, std::span<const SimdTask> tasks,
               std::span<std::unique_ptr<SimdRow>> rows) {
  if (const RowBuilder build = chosen(term_builders())) build(tier, tasks, rows);
}

}  // namespace xent
