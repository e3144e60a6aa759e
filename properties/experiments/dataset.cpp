// SPDX-License-Identifier: Apache-2.0
#include "properties/experiments/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/files.h"
#include "core/text.h"
#include "properties/data/iris.h"

namespace xent {
namespace {

std::string_view trimmed(std::string_view s) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  if (s.size() >= 2 && s.front() == '"' && s.back() == '"') return s.substr(1, s.size() - 2);
  return s;
}

std::optional<double> finite(std::string_view s) {
  const std::optional<double> x = parse_double(trimmed(s));
  return x && std::isfinite(*x) ? x : std::nullopt;
}

std::int64_t class_of(Dataset& t, std::string_view label) {
  const auto at = std::find(t.classes.begin(), t.classes.end(), label);
  if (at != t.classes.end()) return at - t.classes.begin();
  t.classes.emplace_back(label);
  return t.class_count() - 1;
}

[[noreturn]] void malformed(const std::string& name, std::size_t line, const std::string& what) {
  throw UsageError(fmt::format("{} line {}: {}", one_line(name), line, what));
}

/// A header is a first line of which no feature is a number.
bool is_header(const std::vector<std::string_view>& cells) {
  return std::none_of(cells.begin(), cells.end() - 1, [](auto c) { return finite(c); });
}

void add_row(Dataset& t, const std::vector<std::string_view>& cells, std::size_t line) {
  const auto d = static_cast<std::int64_t>(cells.size()) - 1;
  if (t.n == 0) t.d = d;
  if (d != t.d) {
    malformed(t.name, line, fmt::format("{} columns where the first row has {}", d + 1, t.d + 1));
  }
  for (std::int64_t j = 0; j < d; ++j) {
    const std::string_view cell = cells[static_cast<std::size_t>(j)];
    const std::optional<double> x = finite(cell);
    if (!x) {
      malformed(t.name, line, fmt::format("column {}: '{}' is not a finite number", j + 1,
                                          one_line(trimmed(cell))));
    }
    t.x.push_back(*x);
  }
  const std::string_view label = trimmed(cells.back());
  if (label.empty()) malformed(t.name, line, "no class in the last column");
  t.y.push_back(class_of(t, label));
  ++t.n;
}

}  // namespace

Dataset parse_csv(std::string_view text, const std::string& name) {
  Dataset t;
  t.name = name;
  std::size_t line = 0;
  bool first = true;
  for (const std::string_view row : split(text, '\n')) {
    ++line;
    if (trimmed(row).empty()) continue;
    const std::vector<std::string_view> cells = split(row, ',');
    if (cells.size() < 2) malformed(name, line, "needs numbers and a class, separated by commas");
    if (!first || !is_header(cells)) add_row(t, cells, line);
    first = false;
  }
  if (t.class_count() < 2) {
    throw UsageError(fmt::format("{}: {} rows of {} classes; needs at least two classes",
                                 one_line(name), t.n, t.class_count()));
  }
  return t;
}

Dataset read_csv(const std::filesystem::path& path) {
  return parse_csv(read_bytes(path), path.filename().string());
}

Dataset iris_dataset() {
  Dataset t;
  t.name = "Iris";
  t.classes = {"setosa", "versicolor", "virginica"};
  t.n = iris::kRows;
  t.d = 4;
  for (std::int64_t r = 0; r < t.n; ++r) {
    for (const std::int16_t tenths : iris::kTenths[static_cast<std::size_t>(r)]) {
      t.x.push_back(tenths / 10.0);
    }
    t.y.push_back(iris::species(r));
  }
  return t;
}

Dataset dataset_or_iris(const std::filesystem::path& path) {
  return path.empty() ? iris_dataset() : read_csv(path);
}

Dataset only_classes(const Dataset& t, const std::vector<std::int64_t>& kept) {
  Dataset part;
  part.name = t.name;
  part.d = t.d;
  for (const std::int64_t c : kept) part.classes.push_back(t.classes[static_cast<std::size_t>(c)]);
  for (std::int64_t r = 0; r < t.n; ++r) {
    const auto at = std::find(kept.begin(), kept.end(), t.y[static_cast<std::size_t>(r)]);
    if (at == kept.end()) continue;
    const auto row = t.x.begin() + r * t.d;
    part.x.insert(part.x.end(), row, row + t.d);
    part.y.push_back(at - kept.begin());
    ++part.n;
  }
  return part;
}

Dataset standardised(const Dataset& t) {
  Dataset s = t;
  s.d = t.d + 1;
  s.x.assign(static_cast<std::size_t>(t.n * s.d), 1);
  for (std::int64_t j = 0; j < t.d; ++j) {
    double sum = 0, squares = 0;
    for (std::int64_t r = 0; r < t.n; ++r) sum += t.x[static_cast<std::size_t>(r * t.d + j)];
    const double centre = sum / static_cast<double>(t.n);
    for (std::int64_t r = 0; r < t.n; ++r) {
      const double from = t.x[static_cast<std::size_t>(r * t.d + j)] - centre;
      squares += from * from;
    }
    const double spread = squares > 0 ? std::sqrt(squares / static_cast<double>(t.n)) : 1;
    for (std::int64_t r = 0; r < t.n; ++r) {
      s.x[static_cast<std::size_t>(r * s.d + j + 1)] =
          (t.x[static_cast<std::size_t>(r * t.d + j)] - centre) / spread;
    }
  }
  return s;
}

}  // namespace xent
