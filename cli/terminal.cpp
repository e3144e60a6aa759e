// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "core/text.h"

namespace xent {
namespace {

bool colours() {
  static const bool on = isatty(STDOUT_FILENO) && std::getenv("NO_COLOR") == nullptr;
  return on;
}

std::string painted(std::string_view text, const char* code) {
  return colours() ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

double now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

int terminal_width() {
  if (const char* columns = std::getenv("COLUMNS")) {
    if (const auto n = parse_integer(columns); n && *n >= 40) return static_cast<int>(*n);
  }
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 100;
}

std::string good(std::string_view t) { return painted(t, "32"); }
std::string bad(std::string_view t) { return painted(t, "31;1"); }
std::string dim(std::string_view t) { return painted(t, "2"); }
std::string bold(std::string_view t) { return painted(t, "1"); }

std::string wrapped(std::string_view text, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  const auto most = static_cast<std::size_t>(std::max(terminal_width() - indent, 20));
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    std::string current;
    for (const std::string_view word : words(line)) {
      if (!current.empty() && current.size() + 1 + word.size() > most) {
        out += margin + current + "\n";
        current.clear();
      }
      if (!current.empty()) current += ' ';
      current += word;
    }
    out += margin + current + "\n";
  }
  return out;
}

void ProgressLine::show(const std::string& text) {
  static const bool on = isatty(STDERR_FILENO) && std::getenv("CI") == nullptr;
  if (!on || now() - last_ < 0.2) return;
  last_ = now();
  shown_ = true;
  const auto most = static_cast<std::size_t>(terminal_width() - 1);
  fmt::print(stderr, "\r\033[K{}", text.substr(0, most));
  std::fflush(stderr);
}

void ProgressLine::show(const Progress& p) {
  show(fmt::format("{} {}/{} cases, {} failures", p.stage, p.done, p.total, p.failures));
}

void ProgressLine::clear() {
  if (shown_) fmt::print(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace xent
