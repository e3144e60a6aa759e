// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/results.h"
#include "reports/summary.h"

namespace xent::report {

/// The stored form; indent < 0: one line. Invalid UTF-8 becomes U+FFFD.
std::string json_text(const Results&, int indent);
Results read_json(std::string_view);

/// The ledger's sections of report.md; empty without claims.
std::string markdown_claims(const Results&);
/// The section on speed; empty without timings.
std::string markdown_speed(const Results&);

/// A part of the page. An empty body means that there is nothing to say, and the part is left out.
struct Section {
  std::string id;
  std::string title;
  std::string body;  ///< HTML
};

std::string_view html_style();
std::string html_header(const Results&, const Overview&);
Section html_claims(const Results&);
Section html_failures(const Results&, const Overview&);
Section html_matrix(const Results&, const Overview&);
Section html_accuracy(const Results&, const Overview&);
Section html_power(const Overview&);
Section html_expected(const Results&, const Overview&);
Section html_speed(const Results&);
Section html_exponentials(const Results&);
Section html_findings(const Results&);
Section html_not_judged(const Results&);
Section html_kernels(const Results&);
Section html_properties(const Results&, const Overview&);
Section html_environment(const Results&);

/// Elements. Text arguments are escaped here; `html` arguments are taken as they are.
std::string html_code(std::string_view text);
/// A number already in words: hyphens that mean minus become minus signs.
std::string html_figure(std::string_view text);
std::string html_count(std::int64_t);
/// Symbol and, unless `brief`, its word; `brief` keeps the word for screen readers.
std::string html_mark(std::string_view symbol, std::string_view word, std::string_view style,
                      bool brief = false);
/// A table in a container of its own that scrolls sideways. `heads` are <th> elements.
std::string html_table(std::string_view label, std::string_view style, std::string_view heads,
                       std::string_view rows);
/// <th> elements from words separated by '|'; those that start with '#' head numbers.
std::string html_heads(std::string_view words);

}  // namespace xent::report
