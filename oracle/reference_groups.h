// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace xent {

/// The classes of a row, those together that no sum over classes tells apart: what costs an
/// exponential is computed once for each distinct input. A row of few equal inputs keeps its
/// classes as they are, each its own group and in their order.
class Groups {
 public:
  using Columns = std::vector<std::vector<double>>;

  /// Of each class its input, and in further columns whatever else tells classes apart.
  explicit Groups(const Columns&, bool merge = true);

  std::size_t size() const { return merged_ ? first_.size() : classes_; }
  bool merged() const { return merged_; }
  /// A class of the group, and how many there are.
  std::int64_t member(std::size_t g) const {
    return merged_ ? first_[g] : static_cast<std::int64_t>(g);
  }
  std::int64_t count(std::size_t g) const { return merged_ ? count_[g] : 1; }
  std::size_t of(std::int64_t j) const {
    const auto at = static_cast<std::size_t>(j);
    return merged_ ? static_cast<std::size_t>(of_[at]) : at;
  }

 private:
  std::size_t classes_;
  bool merged_ = false;
  std::vector<std::int64_t> first_, count_;
  std::vector<std::int32_t> of_;
};

}  // namespace xent
