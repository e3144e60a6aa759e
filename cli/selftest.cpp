// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/judging.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/text.h"
#include "impl/registry.h"
#include "properties/engine.h"

namespace xent {
namespace {

constexpr std::size_t kName = 31;  // columns of a mutant's name

std::string short_name(const std::string& mutant) {
  return mutant.substr(mutant.find('/') + 1);
}

/// Who kills whom: mutants are the rows, properties the columns.
class KillMatrix {
 public:
  KillMatrix(const std::vector<Kernel>& mutants, const std::vector<Property>& properties,
             const Results& r)
      : mutants_(mutants), properties_(properties) {
    for (const VerdictRow& row : r.verdicts) verdicts_[row.kernel][row.property] = row.verdict;
  }

  void print() const {
    const int width = terminal_width();
    const auto room = static_cast<std::size_t>(std::max(10, width - static_cast<int>(kName) - 1));
    for (std::size_t first = 0; first < properties_.size(); first += room) {
      block(first, std::min(properties_.size(), first + room));
    }
    fmt::print("\nx kills, . judged and survived, blank not judged\n");
    for (std::size_t i = 0; i < properties_.size(); ++i) {
      fmt::print("{:3} {} ({} killed)\n", i + 1, properties_[i].id, killed_by(properties_[i].id));
    }
  }

  /// What should have died and did not, a line each.
  std::vector<std::string> survivals() const {
    std::vector<std::string> lines;
    for (const Kernel& m : mutants_) {
      if (kills_of(m.name) == 0) lines.push_back(m.name + " survives every property");
      for (const std::string& id : m.killed_by) {
        if (was_asked(id) && verdict(m.name, id) != Verdict::fail) {
          lines.push_back(m.name + " survives " + id + ", which it names");
        }
      }
    }
    for (const Property& p : properties_) {
      const bool asked = std::any_of(mutants_.begin(), mutants_.end(),
                                     [&](const Kernel& m) { return m.name == p.kills; });
      if (asked && verdict(p.kills, p.id) != Verdict::fail) {
        lines.push_back(p.kills + " survives " + p.id + ", which claims to kill it");
      }
    }
    return lines;
  }

  std::size_t deaths() const {
    return static_cast<std::size_t>(
        std::count_if(mutants_.begin(), mutants_.end(),
                      [&](const Kernel& m) { return kills_of(m.name) > 0; }));
  }

 private:
  Verdict verdict(const std::string& mutant, const std::string& property) const {
    const auto row = verdicts_.find(mutant);
    if (row == verdicts_.end()) return Verdict::skip;
    const auto cell = row->second.find(property);
    return cell == row->second.end() ? Verdict::skip : cell->second;
  }
  bool was_asked(const std::string& id) const {
    return std::any_of(properties_.begin(), properties_.end(),
                       [&](const Property& p) { return p.id == id; });
  }
  std::int64_t kills_of(const std::string& mutant) const {
    return std::count_if(properties_.begin(), properties_.end(), [&](const Property& p) {
      return verdict(mutant, p.id) == Verdict::fail;
    });
  }
  std::int64_t killed_by(const std::string& id) const {
    return std::count_if(mutants_.begin(), mutants_.end(), [&](const Kernel& m) {
      return verdict(m.name, id) == Verdict::fail;
    });
  }
  static char cell(Verdict v) {
    if (v == Verdict::fail) return 'x';
    if (v == Verdict::skip) return ' ';
    return v == Verdict::pass ? '.' : '?';
  }

  /// The numbers of the properties, read downwards, and a line for each mutant.
  void block(std::size_t first, std::size_t last) const {
    fmt::print("\n");
    for (const std::size_t power : {10U, 1U}) {
      std::string digits;
      for (std::size_t i = first; i < last; ++i) {
        const std::size_t number = i + 1;
        digits += number < power ? ' ' : static_cast<char>('0' + number / power % 10);
      }
      fmt::print("{:{}} {}\n", "", kName, digits);
    }
    for (const Kernel& m : mutants_) {
      std::string cells;
      for (std::size_t i = first; i < last; ++i) cells += cell(verdict(m.name, properties_[i].id));
      fmt::print("{:<{}} {}\n", short_name(m.name).substr(0, kName), kName, cells);
    }
  }

  const std::vector<Kernel>& mutants_;
  const std::vector<Property>& properties_;
  std::map<std::string, std::map<std::string, Verdict>> verdicts_;
};

std::vector<Kernel> chosen_mutants(const Options& o) {
  const std::vector<Kernel> all = select(builtin_kernels(), "role:mutant");
  if (o.kernels.empty()) return all;
  std::vector<Kernel> chosen;
  for (const Kernel& m : all) {
    const bool wanted = std::any_of(o.kernels.begin(), o.kernels.end(), [&](const auto& glob) {
      return glob_match(glob, m.name) || glob_match(glob, short_name(m.name));
    });
    if (wanted) chosen.push_back(m);
  }
  if (chosen.empty()) {
    std::vector<std::string> names;
    for (const Kernel& m : all) names.push_back(m.name);
    throw UsageError("no mutant matches " + join(o.kernels, " ") +
                     nearest_hint(o.kernels.front(), names));
  }
  return chosen;
}

}  // namespace

Exit selftest_command(const Options& o) {
  const auto started = std::chrono::steady_clock::now();
  Results r = begin_results(o);
  r.expectations = true;
  const std::vector<Kernel> mutants = chosen_mutants(o);
  const std::vector<Property> properties = selected_properties(o.selection);
  ProgressLine line;
  VerifyOptions v = verify_options(o, {}, r, line);
  v.shrink = false;
  v.until_failure = true;
  require_writable(o);
  print_head(r, mutants.size());
  const std::atomic<bool>& interrupted = stop_on_interrupt();
  verify(mutants, properties, v, r);
  line.clear();
  r.seconds = seconds_since(started);
  const KillMatrix matrix(mutants, properties, r);
  matrix.print();
  const std::vector<std::string> survivals = matrix.survivals();
  fmt::print("\n");
  for (const std::string& s : survivals) {
    fmt::print("{} {}", bad("SURVIVOR"), wrapped(s, 9).substr(9));
  }
  for (const std::string& note : r.notes) fmt::print("{}", wrapped("note: " + note, 0));
  fmt::print("{} of {} mutants die, {} properties, {:.1f} s (seed {})\n", matrix.deaths(),
             mutants.size(), properties.size(), r.seconds, r.seed);
  write_reports(r, o, false);
  if (interrupted) return Exit::inconclusive;
  return survivals.empty() ? Exit::ok : Exit::failed;
}

}  // namespace xent
