// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace xent::report {

/// A Markdown table padded so that it reads well as plain text. An alignment is '<', '>' or '^'.
class MarkdownTable {
 public:
  explicit MarkdownTable(std::string alignments, std::vector<std::string> head);
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string text() const;

 private:
  std::string line(const std::vector<std::string>& row, const std::vector<std::size_t>& w) const;
  std::string rule(const std::vector<std::size_t>& w) const;

  std::string align_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace xent::report
