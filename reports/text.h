// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace xent::report {

/// Valid UTF-8 made of characters that XML 1.0 allows: every other byte or character becomes
/// U+FFFD, so no escape sequence reaches a terminal; CR LF and CR become LF.
std::string clean_text(std::string_view);

/// For element content of HTML and XML (clean_text included): & < > are references.
std::string escape_markup(std::string_view);
/// For attribute values between double quotes; line ends and tabs survive as references.
std::string escape_attribute(std::string_view);

/// For running Markdown text in a paragraph, list item or table cell: one line.
std::string escape_markdown(std::string_view);
/// A Markdown code span of one line; `|` is escaped for the sake of table cells.
std::string code_span(std::string_view);
/// A fenced block whose fence is longer than any run of backticks inside.
std::string code_block(std::string_view);

/// Three significant digits; `inf`, `-inf`, `nan` by name.
std::string number(double);
/// As number, with a plus sign where it is positive.
std::string signed_number(double);
/// Digits in groups of three.
std::string grouped(std::int64_t, std::string_view separator = ",");
/// A share of checks: rounded down to a tenth of a percent, so that 100 % means all.
std::string share(double);
/// A share of a speed: to the nearest percent, also above 100.
std::string percent(double);
std::string duration(double seconds);   ///< ns, µs, ms or s
/// Two times, the unit once where both share it: "59.7–65.2 µs".
std::string duration_range(double low, double high);
std::string byte_count(std::int64_t);   ///< B, KiB, MiB, GiB
std::string first_line(std::string_view);

}  // namespace xent::report
