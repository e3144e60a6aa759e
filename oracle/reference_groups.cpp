// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference_groups.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xent {
namespace {

bool any_nan(const Groups::Columns& columns) {
  return std::any_of(columns.begin(), columns.end(), [](const std::vector<double>& column) {
    return std::any_of(column.begin(), column.end(), [](double x) { return std::isnan(x); });
  });
}

std::size_t distinct(std::vector<double> x) {
  std::sort(x.begin(), x.end());
  return static_cast<std::size_t>(std::unique(x.begin(), x.end()) - x.begin());
}

/// By input, then by the other columns, then by class.
std::vector<std::size_t> sorted_classes(const Groups::Columns& columns) {
  std::vector<std::size_t> order(columns[0].size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    for (const std::vector<double>& column : columns) {
      if (column[a] != column[b]) return column[a] < column[b];
    }
    return a < b;
  });
  return order;
}

}  // namespace

Groups::Groups(const Columns& columns, bool merge) : classes_(columns[0].size()) {
  if (!merge || classes_ < 2 || any_nan(columns) || 2 * distinct(columns[0]) > classes_) return;
  merged_ = true;
  of_.resize(classes_);
  const std::vector<std::size_t> order = sorted_classes(columns);
  for (std::size_t k = 0; k < classes_; ++k) {
    const bool same = k > 0 && std::all_of(columns.begin(), columns.end(), [&](const auto& column) {
      return column[order[k]] == column[order[k - 1]];
    });
    if (same) {
      ++count_.back();
    } else {
      first_.push_back(static_cast<std::int64_t>(order[k]));
      count_.push_back(1);
    }
    of_[order[k]] = static_cast<std::int32_t>(first_.size() - 1);
  }
}

}  // namespace xent
