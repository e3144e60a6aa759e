// SPDX-License-Identifier: Apache-2.0
#include "cli/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "core/case_file.h"
#include "core/error.h"

namespace xent {
namespace {

/// What a theorem that makes several cases of each row is tried on.
constexpr std::int64_t kMostRows = 64;
constexpr std::int64_t kMostElements = 1 << 20;

/// The class that the row aims at: its label, or the one with the most mass.
std::optional<std::int64_t> aim(const TestCase& c, std::int64_t row) {
  if (c.target.dtype == DType::i64) return c.scored_class(row);
  if (c.target.empty()) return std::nullopt;
  std::int64_t best = 0;
  for (std::int64_t j = 1; j < c.problem.v; ++j) {
    if (c.target.at(row * c.problem.v + j) > c.target.at(row * c.problem.v + best)) best = j;
  }
  return best;
}

double target_gap(const TestCase& c, std::int64_t row) {
  const auto y = aim(c, row);
  if (!y) return 0;
  double others = -std::numeric_limits<double>::infinity();
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    if (j != *y) others = std::max(others, c.logit(row, j));
  }
  const double gap = std::fabs(c.logit(row, *y) - others);
  return std::isnan(gap) ? 0 : gap;
}

std::vector<std::int64_t> worst_rows(const TestCase& c, std::int64_t count) {
  std::vector<std::pair<double, std::int64_t>> rows;
  for (std::int64_t r = 0; r < c.problem.n; ++r) rows.emplace_back(-target_gap(c, r), r);
  std::sort(rows.begin(), rows.end());
  std::vector<std::int64_t> worst;
  for (std::int64_t i = 0; i < count; ++i) {
    worst.push_back(rows[static_cast<std::size_t>(i)].second);
  }
  return worst;
}

/// Whatever is wrong with the arrays is said with the file's name.
TestCase read_tensors(const std::string& path, const Problem& base) {
  const auto arrays = load_npz(path);
  try {
    return case_from_tensors(arrays, base);
  } catch (const UsageError& e) {
    std::string what = e.what();
    for (const std::string prefix : {"tensors: ", "test case: "}) {
      if (what.starts_with(prefix)) what = what.substr(prefix.size());
    }
    throw UsageError(path + ": " + what);
  }
}

}  // namespace

void take_tensors(const Options& o, VerifyOptions& v, std::vector<std::string>& notes) {
  const std::vector<Problem> base =
      o.selection.problem.empty() ? std::vector<Problem>{{}} : parse_problems(o.selection.problem);
  if (base.size() != 1) throw UsageError("--tensors takes one problem, not a list or range");
  v.tensors = read_tensors(o.tensors, base.front());
  const Problem& p = v.tensors->problem;
  const std::int64_t most = std::clamp<std::int64_t>(kMostElements / p.v, 1, kMostRows);
  if (p.n <= most) return;
  v.tensors_part = keep_rows(*v.tensors, worst_rows(*v.tensors, most));
  notes.push_back(fmt::format(
      "accuracy is judged on all {} rows, the other theorems on {} of them, worst gap first", p.n,
      most));
}

}  // namespace xent
