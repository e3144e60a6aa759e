// SPDX-License-Identifier: Apache-2.0
#include "reports/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <utility>

namespace xent::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Length of the well-formed UTF-8 sequence at the front, and its code point; length 0 if none.
std::pair<std::size_t, char32_t> decode(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, lead};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || s.size() < length) return {0, 0};
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    code = (code << 6) | (byte(i) & 0x3F);
  }
  constexpr std::array<char32_t, 5> least = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[length] || code > 0x10FFFF) return {0, 0};
  return {length, code};
}

// XML 1.0, production 2 (Char), less the C1 controls that XML 1.0 discourages.
bool allowed(char32_t c) {
  if (c == '\t' || c == '\n') return true;
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) return false;
  return !(c >= 0xD800 && c <= 0xDFFF) && c != 0xFFFE && c != 0xFFFF;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

std::string one_line(std::string_view s) {
  std::string out = clean_text(s);
  std::replace(out.begin(), out.end(), '\n', ' ');
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out;
}

std::size_t longest_run(std::string_view s, char c) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const char x : s) {
    run = x == c ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

std::string replace_all(std::string text, char from, std::string_view to) {
  std::string out;
  for (const char c : text) {
    if (c == from) {
      out += to;
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string clean_text(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  while (!s.empty()) {
    if (s.front() == '\r') {
      out += '\n';
      s.remove_prefix(s.size() > 1 && s[1] == '\n' ? 2 : 1);
      continue;
    }
    const auto [length, code] = decode(s);
    const std::size_t taken = std::max<std::size_t>(length, 1);
    out += length > 0 && allowed(code) ? s.substr(0, taken) : kReplacement;
    s.remove_prefix(taken);
  }
  return out;
}

std::string escape_markup(std::string_view s) {
  std::string out = replace_all(clean_text(s), '&', "&amp;");
  out = replace_all(std::move(out), '<', "&lt;");
  return replace_all(std::move(out), '>', "&gt;");
}

std::string escape_attribute(std::string_view s) {
  std::string out = replace_all(escape_markup(s), '"', "&quot;");
  out = replace_all(std::move(out), '\n', "&#10;");
  return replace_all(std::move(out), '\t', "&#9;");
}

std::string escape_markdown(std::string_view s) {
  const std::string text = one_line(s);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool inside =
        i > 0 && i + 1 < text.size() && is_word(text[i - 1]) && is_word(text[i + 1]);
    const bool special = std::string_view("\\`*<[]|~").find(c) != std::string_view::npos ||
                         (c == '_' && !inside) ||
                         (i == 0 && std::string_view("#>+-").find(c) != std::string_view::npos);
    if (special) out += '\\';
    out += c;
  }
  return out;
}

std::string code_span(std::string_view s) {
  const std::string line = one_line(s);
  if (line.empty()) return {};
  // A backslash cannot be escaped in a span, and before a bar it would free the bar.
  if (line.find("\\|") != std::string::npos) return escape_markdown(line);
  const std::string text = replace_all(line, '|', "\\|");
  const std::string fence(longest_run(text, '`') + 1, '`');
  const std::string pad = fence.size() > 1 ? " " : "";
  return fence + pad + text + pad + fence;
}

std::string code_block(std::string_view s) {
  const std::string text = clean_text(s);
  const std::string fence(std::max<std::size_t>(3, longest_run(text, '`') + 1), '`');
  return fence + "text\n" + text + (text.ends_with('\n') ? "" : "\n") + fence + "\n";
}

std::string number(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  if (x == 0) return "0";
  const double size = std::fabs(x);
  if (size < 1e-3 || size >= 1e5) return fmt::format("{:.2e}", x);
  const int decimals = std::max(0, 2 - static_cast<int>(std::floor(std::log10(size))));
  return fmt::format("{:.{}f}", x, decimals);
}

std::string signed_number(double x) { return fmt::format("{}{}", x > 0 ? "+" : "", number(x)); }

std::string grouped(std::int64_t x, std::string_view separator) {
  const std::string digits = fmt::format("{}", x);
  const std::size_t start = x < 0 ? 1 : 0;
  std::string out = digits.substr(0, start);
  for (std::size_t i = start; i < digits.size(); ++i) {
    if (i > start && (digits.size() - i) % 3 == 0) out += separator;
    out += digits[i];
  }
  return out;
}

std::string share(double x) {
  if (!std::isfinite(x)) return number(x);
  const double tenths = std::floor(x * 1000) / 10;
  return tenths == std::floor(tenths) ? fmt::format("{:.0f} %", tenths)
                                      : fmt::format("{:.1f} %", tenths);
}

std::string percent(double x) {
  return std::isfinite(x) ? fmt::format("{:.0f} %", 100 * x) : number(x);
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds)) return number(seconds);
  if (seconds == 0) return "0 s";
  constexpr std::array<std::pair<double, std::string_view>, 3> units = {
      {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}}};
  for (const auto& [unit, word] : units) {
    if (std::fabs(seconds) >= unit) return fmt::format("{} {}", number(seconds / unit), word);
  }
  return fmt::format("{} ns", number(seconds / 1e-9));
}

std::string duration_range(double low, double high) {
  const std::string from = duration(low);
  const std::string to = duration(high);
  const std::size_t unit = from.find(' ');
  const bool same = unit != std::string::npos && to.ends_with(from.substr(unit));
  return fmt::format("{}–{}", same ? from.substr(0, unit) : from, to);
}

std::string byte_count(std::int64_t bytes) {
  constexpr std::array<std::pair<std::int64_t, std::string_view>, 3> units = {
      {{std::int64_t{1} << 30, "GiB"}, {std::int64_t{1} << 20, "MiB"}, {1024, "KiB"}}};
  for (const auto& [unit, word] : units) {
    if (bytes >= unit) {
      return fmt::format("{} {}", number(static_cast<double>(bytes) / static_cast<double>(unit)),
                         word);
    }
  }
  return fmt::format("{} B", bytes);
}

std::string first_line(std::string_view s) { return std::string(s.substr(0, s.find('\n'))); }

}  // namespace xent::report
