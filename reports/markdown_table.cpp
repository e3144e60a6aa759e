// SPDX-License-Identifier: Apache-2.0
#include "reports/markdown_table.h"

#include <algorithm>
#include <string_view>

namespace xent::report {
namespace {

/// Columns on a terminal of valid UTF-8 without wide characters: its code points.
std::size_t width(std::string_view s) {
  return static_cast<std::size_t>(
      std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

MarkdownTable::MarkdownTable(std::string alignments, std::vector<std::string> head)
    : align_(std::move(alignments)), rows_{std::move(head)} {}

std::string MarkdownTable::text() const {
  std::vector<std::size_t> widths(align_.size(), 3);
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out = line(rows_.front(), widths) + rule(widths);
  for (std::size_t i = 1; i < rows_.size(); ++i) out += line(rows_[i], widths);
  return out + "\n";
}

std::string MarkdownTable::line(const std::vector<std::string>& row,
                                const std::vector<std::size_t>& w) const {
  std::string out = "|";
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::size_t gap = w[i] - width(row[i]);
    const std::size_t before = align_[i] == '>' ? gap : align_[i] == '^' ? gap / 2 : 0;
    out += std::string(before + 1, ' ');
    out += row[i];
    out += std::string(gap - before, ' ');
    out += " |";
  }
  return out + "\n";
}

std::string MarkdownTable::rule(const std::vector<std::size_t>& w) const {
  std::string out = "|";
  for (std::size_t i = 0; i < w.size(); ++i) {
    out += align_[i] == '^' ? ':' : '-';
    out += std::string(w[i], '-');
    out += align_[i] == '<' ? "-|" : ":|";
  }
  return out + "\n";
}

}  // namespace xent::report
