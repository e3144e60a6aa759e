// SPDX-License-Identifier: Apache-2.0
#include "cli/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/case_file.h"
#include "core/error.h"

namespace xent {
namespace {

constexpr std::int64_t kMostRows = 64;

double target_gap(const TestCase& c, std::int64_t row) {
  const auto y = c.scored_class(row);
  if (!y) return 0;
  double others = -std::numeric_limits<double>::infinity();
  for (std::int64_t j = 0; j < c.problem.v; ++j) {
    if (j != *y) others = std::max(others, c.logit(row, j));
  }
  const double gap = std::fabs(c.logit(row, *y) - others);
  return std::isnan(gap) ? 0 : gap;
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

TestCase tensors_to_judge(const Options& o, std::vector<std::string>& notes) {
  const std::vector<Problem> base =
      o.selection.problem.empty() ? std::vector<Problem>{{}} : parse_problems(o.selection.problem);
  if (base.size() != 1) throw UsageError("--tensors takes one problem, not a list or range");
  const TestCase all = read_tensors(o.tensors, base.front());
  const std::int64_t n = all.problem.n;
  if (n <= kMostRows || all.target.dtype != DType::i64) return all;
  std::vector<double> gap;
  for (std::int64_t r = 0; r < n; ++r) gap.push_back(target_gap(all, r));
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  std::sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
    const double of_a = gap[static_cast<std::size_t>(a)], of_b = gap[static_cast<std::size_t>(b)];
    return of_a != of_b ? of_a > of_b : a < b;
  });
  rows.resize(kMostRows);
  notes.push_back(fmt::format("{} of {} rows judged, worst gap first", kMostRows, n));
  return keep_rows(all, rows);
}

}  // namespace xent
