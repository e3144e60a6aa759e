// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/problem.h"

namespace xent {

/// A key of the problem grammar but for n and v, as what it is to a theorem.
struct OptionKey {
  std::string_view key;
  /// It changes what is computed, and so whether a theorem holds; the others say how.
  bool meaning;
  /// The two are of one kind: the same choice; of a number, both on or both off.
  bool (*agree)(const Problem&, const Problem&);
  void (*copy)(Problem& to, const Problem& from);
};
const std::vector<OptionKey>& option_keys();

/// The keys that a text of the problem grammar names.
std::set<std::string, std::less<>> keys_of(std::string_view text);

/// A text of the grammar, read once: the keys it names and their values.
struct Choice {
  explicit Choice(std::string_view text);
  Choice(std::set<std::string, std::less<>> named, Problem p)
      : keys(std::move(named)), values(std::move(p)) {}
  bool names(std::string_view key) const { return keys.contains(key); }
  void apply_to(Problem&) const;
  /// In every named key that changes the meaning.
  bool agrees(const Problem&) const;

  std::set<std::string, std::less<>> keys;
  Problem values;
};

/// The problems that a property is stated for: some of `problems` with one choice of each axis.
struct Stated {
  std::vector<Problem> problems;
  std::vector<std::vector<Choice>> axes;

  Stated(const std::vector<std::string>& texts, const std::vector<std::vector<std::string>>& axes);

  /// In every key that changes the meaning `p` agrees with one of the problems, or with a choice
  /// that names the key; and it has no rows exactly if the problem has none.
  bool holds(const Problem& p) const;

  /// Problem times axes as a covering array: each problem with the first choices, then every
  /// `strength` of choices from different axes (the problems are one) that has a meaning together.
  std::vector<Problem> covered(int strength) const;

  /// What is left when the text of one problem is wished for: of a key that changes the meaning,
  /// problems and choices that agree with it.
  Stated narrowed(const Choice& wish) const;
};

}  // namespace xent
