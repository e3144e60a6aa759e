// SPDX-License-Identifier: Apache-2.0
#include "properties/covering.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>

namespace xent {
namespace {

/// Some axes, ascending, and a choice of each.
struct Combination {
  std::vector<int> axes;
  std::vector<int> choices;
  auto operator<=>(const Combination&) const = default;
};

/// All sets of `count` axes of `axes`.
std::vector<std::vector<int>> subsets(int axes, int count) {
  std::vector<std::vector<int>> all;
  std::vector<int> subset;
  const auto extend = [&](auto&& self, int from) -> void {
    if (static_cast<int>(subset.size()) == count) return all.push_back(subset);
    for (int axis = from; axis < axes; ++axis) {
      subset.push_back(axis);
      self(self, axis + 1);
      subset.pop_back();
    }
  };
  extend(extend, 0);
  return all;
}

class Covering {
 public:
  Covering(const std::vector<int>& sizes, int strength, const ValidRow& valid)
      : sizes_(sizes), valid_(valid),
        subsets_(subsets(static_cast<int>(sizes.size()),
                         std::min(strength, static_cast<int>(sizes.size())))) {
    for (const auto& axes : subsets_) add_all({axes, {}});
  }

  void take(const CoveringRow& row) {
    for (const auto& axes : subsets_) open_.erase(part(row, axes));
    rows_.push_back(row);
  }

  std::vector<CoveringRow> run() {
    while (!open_.empty()) {
      const Combination wanted = *open_.begin();
      if (const auto witness = find(wanted)) take(improved(*witness, wanted.axes));
      else open_.erase(wanted);
    }
    return std::move(rows_);
  }

 private:
  void add_all(Combination c) {
    if (c.choices.size() == c.axes.size()) {
      open_.insert(std::move(c));
      return;
    }
    const int axis = c.axes[c.choices.size()];
    for (int choice = 0; choice < sizes_[static_cast<std::size_t>(axis)]; ++choice) {
      c.choices.push_back(choice);
      add_all(c);
      c.choices.pop_back();
    }
  }

  static Combination part(const CoveringRow& row, const std::vector<int>& axes) {
    Combination c{axes, {}};
    for (const int axis : axes) c.choices.push_back(row[static_cast<std::size_t>(axis)]);
    return c;
  }

  /// A valid row with the combination, the fewest others away from their first choice.
  std::optional<CoveringRow> find(const Combination& c) const {
    CoveringRow row(sizes_.size(), 0);
    for (std::size_t i = 0; i < c.axes.size(); ++i) {
      row[static_cast<std::size_t>(c.axes[i])] = c.choices[i];
    }
    for (int away = 0; away <= 2; ++away) {
      if (deviate(row, c.axes, 0, away)) return row;
    }
    return std::nullopt;
  }

  bool deviate(CoveringRow& row, const std::vector<int>& fixed, std::size_t from, int away) const {
    if (away == 0) return valid_(row);
    for (std::size_t axis = from; axis < row.size(); ++axis) {
      if (is_in(fixed, axis)) continue;
      for (row[axis] = 1; row[axis] < sizes_[axis]; ++row[axis]) {
        if (deviate(row, fixed, axis + 1, away - 1)) return true;
      }
      row[axis] = 0;
    }
    return false;
  }

  /// The other axes changed, one at a time, as long as more is covered.
  CoveringRow improved(CoveringRow row, const std::vector<int>& fixed) const {
    for (bool better = true; better;) {
      better = false;
      for (std::size_t axis = 0; axis < row.size(); ++axis) {
        if (!is_in(fixed, axis)) better |= improve(row, axis);
      }
    }
    return row;
  }

  bool improve(CoveringRow& row, std::size_t axis) const {
    const int before = row[axis];
    int best = before, most = gain(row, axis);
    for (int choice = 0; choice < sizes_[axis]; ++choice) {
      row[axis] = choice;
      const int more = choice == before ? most : gain(row, axis);
      if (more > most && valid_(row)) best = choice, most = more;
    }
    row[axis] = best;
    return best != before;
  }

  /// How many open combinations with this axis the row holds.
  int gain(const CoveringRow& row, std::size_t axis) const {
    int count = 0;
    for (const auto& axes : subsets_) {
      if (is_in(axes, axis)) count += open_.contains(part(row, axes));
    }
    return count;
  }

  static bool is_in(const std::vector<int>& axes, std::size_t axis) {
    return std::find(axes.begin(), axes.end(), static_cast<int>(axis)) != axes.end();
  }

  const std::vector<int>& sizes_;
  const ValidRow& valid_;
  std::vector<std::vector<int>> subsets_;
  std::set<Combination> open_;
  std::vector<CoveringRow> rows_;
};

}  // namespace

std::vector<CoveringRow> covering(const std::vector<int>& sizes, int strength,
                              const ValidRow& valid, const std::vector<CoveringRow>& start) {
  Covering array(sizes, strength, valid);
  for (const CoveringRow& row : start) {
    if (valid(row)) array.take(row);
  }
  return array.run();
}

}  // namespace xent
