// SPDX-License-Identifier: Apache-2.0
#include "properties/options.h"

#include <algorithm>
#include <cstddef>

#include "core/text.h"
#include "properties/covering.h"

namespace xent {
namespace {

template <auto field>
bool same(const Problem& a, const Problem& b) {
  return a.*field == b.*field;
}

/// Both are as the default, or neither.
template <auto field>
bool both(const Problem& a, const Problem& b) {
  const Problem plain;
  return (a.*field == plain.*field) == (b.*field == plain.*field);
}

template <auto... fields>
void assign(Problem& to, const Problem& from) {
  ((to.*fields = from.*fields), ...);
}

using P = Problem;

template <auto field>
OptionKey choice(std::string_view key, bool meaning) {
  return {key, meaning, same<field>, assign<field>};
}

template <auto field>
OptionKey number(std::string_view key) {
  return {key, true, both<field>, assign<field>};
}

}  // namespace

const std::vector<OptionKey>& option_keys() {
  static const std::vector<OptionKey> all = {
      choice<&P::op>("op", true),
      choice<&P::dir>("dir", true),
      choice<&P::targets>("targets", true),
      choice<&P::reduction>("reduction", true),
      {"denominator", true, same<&P::denominator>,
       assign<&P::denominator, &P::denominator_value>},
      choice<&P::upstream>("upstream", true),
      choice<&P::unit>("unit", true),
      choice<&P::weights>("weights", true),
      choice<&P::shift>("shift", true),
      number<&P::ignore_index>("ignore"),
      number<&P::smoothing>("smoothing"),
      number<&P::z_loss>("zloss"),
      number<&P::softcap>("softcap"),
      number<&P::scale>("scale"),
      choice<&P::dtype>("dtype", false),
      choice<&P::layout>("layout", false),
      choice<&P::t>("t", false),
      choice<&P::stride>("stride", false),
      choice<&P::accumulate>("acc", false),
      choice<&P::output>("out", false),
      choice<&P::dialect>("dialect", false),
  };
  return all;
}

std::set<std::string, std::less<>> keys_of(std::string_view text) {
  std::set<std::string, std::less<>> keys;
  for (const std::string_view word : words(text)) keys.emplace(word.substr(0, word.find('=')));
  return keys;
}

Choice::Choice(std::string_view text) : keys(keys_of(text)), values(parse_problem(text)) {}

void Choice::apply_to(Problem& p) const {
  for (const OptionKey& option : option_keys()) {
    if (names(option.key)) option.copy(p, values);
  }
}

bool Choice::agrees(const Problem& p) const {
  return std::all_of(option_keys().begin(), option_keys().end(), [&](const OptionKey& option) {
    return !option.meaning || !names(option.key) || option.agree(p, values);
  });
}

Stated::Stated(const std::vector<std::string>& texts,
               const std::vector<std::vector<std::string>>& axis_texts) {
  for (const std::string& text : texts) {
    for (const Problem& p : parse_problems(text)) {
      if (std::find(problems.begin(), problems.end(), p) == problems.end()) problems.push_back(p);
    }
  }
  for (const std::vector<std::string>& axis : axis_texts) {
    axes.emplace_back();
    for (const std::string& text : axis) axes.back().emplace_back(text);
  }
}

bool Stated::holds(const Problem& p) const {
  const auto chosen = [&](const OptionKey& option) {
    for (const auto& axis : axes) {
      for (const Choice& c : axis) {
        if (c.names(option.key) && option.agree(p, c.values)) return true;
      }
    }
    return false;
  };
  return std::any_of(problems.begin(), problems.end(), [&](const Problem& q) {
    if ((p.n == 0) != (q.n == 0)) return false;
    return std::all_of(option_keys().begin(), option_keys().end(), [&](const OptionKey& option) {
      return !option.meaning || option.agree(p, q) || chosen(option);
    });
  });
}

std::vector<Problem> Stated::covered(int strength) const {
  std::vector<int> sizes = {static_cast<int>(problems.size())};
  for (const auto& axis : axes) sizes.push_back(static_cast<int>(axis.size()));
  const auto made = [&](const CoveringRow& row) {
    Problem p = problems[static_cast<std::size_t>(row[0])];
    for (std::size_t i = 0; i < axes.size(); ++i) {
      axes[i][static_cast<std::size_t>(row[i + 1])].apply_to(p);
    }
    return p;
  };
  std::vector<CoveringRow> plain;
  for (int i = 0; i < sizes[0]; ++i) {
    plain.emplace_back(sizes.size(), 0);
    plain.back()[0] = i;
  }
  const auto valid = [&](const CoveringRow& row) { return !meaningless(made(row)); };
  std::vector<Problem> all;
  if (std::find(sizes.begin(), sizes.end(), 0) != sizes.end()) return all;
  for (const CoveringRow& row : covering(sizes, strength, valid, plain)) {
    const Problem p = made(row);
    if (std::find(all.begin(), all.end(), p) == all.end()) all.push_back(p);
  }
  return all;
}

Stated Stated::narrowed(const Choice& wish) const {
  Stated left = *this;
  for (const OptionKey& option : option_keys()) {
    if (!option.meaning || !wish.names(option.key)) continue;
    const auto disagrees = [&](const Problem& p) { return !option.agree(p, wish.values); };
    const bool any = !std::all_of(problems.begin(), problems.end(), disagrees);
    bool owned = false;
    for (auto& axis : left.axes) {
      const bool names_it = std::any_of(axis.begin(), axis.end(), [&](const Choice& c) {
        return c.names(option.key);
      });
      if (!names_it) continue;
      owned = true;
      std::erase_if(axis, [&](const Choice& c) {
        return c.names(option.key) ? disagrees(c.values) : !any;
      });
    }
    if (!owned) std::erase_if(left.problems, disagrees);
  }
  return left;
}

}  // namespace xent
