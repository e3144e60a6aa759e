// SPDX-License-Identifier: Apache-2.0
#include "properties/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "cli/commands.h"
#include "cli/judging.h"
#include "cli/kernels.h"
#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

constexpr int kId = 29, kWord = 13;  // columns of the table

/// Before anything is printed; what is wrong inside the file its reader says.
void require_file(const char* option, const std::filesystem::path& path) {
  if (path.empty()) return;
  std::error_code failed;
  if (std::filesystem::is_regular_file(path, failed)) return;
  throw UsageError(fmt::format("{} {}: {}", option, path.string(),
                               std::filesystem::exists(path, failed) ? "not a file"
                                                                     : "no such file"));
}

std::string coloured(ClaimVerdict v) {
  const std::string word = fmt::format("{:<{}}", name(v), kWord);
  if (is_failure(v)) return bad(word);
  if (v == ClaimVerdict::skipped || v == ClaimVerdict::disagrees) return dim(word);
  return good(word);
}

/// At most `most` letters of UTF-8; what is cut ends in three dots.
std::string cut(const std::string& text, std::size_t most) {
  std::size_t letters = 0, kept = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) == 0x80) continue;
    if (letters == most - 3) kept = i;
    if (++letters > most) return text.substr(0, kept) + "...";
  }
  return text;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// What the line says besides the verdict.
std::string why(const ClaimRow& c) {
  if (is_failure(c.verdict) || c.verdict == ClaimVerdict::skipped) return first_line(c.reason);
  if (c.verdict == ClaimVerdict::refuted) return first_line(c.witness);
  return first_line(c.evidence);
}

void print_claim(const ClaimRow& c) {
  const auto room = static_cast<std::size_t>(std::max(20, terminal_width() - kId - kWord - 2));
  fmt::print("{:<{}} {} {}\n", c.id, kId, coloured(c.verdict), cut(why(c), room));
}

void print_failed_claim(const ClaimRow& c) {
  fmt::print("\n{} {}\n{}", bad(name(c.verdict)), bold(c.id), wrapped(c.statement, 2));
  fmt::print("{}", wrapped(c.reason, 2));
  for (const std::string_view line : split(c.witness, '\n')) {
    if (!line.empty()) fmt::print("{}", wrapped(line, 2));
  }
}

std::string counts(const Results& r) {
  std::vector<std::string> parts;
  for (const ClaimVerdict v : kClaimVerdicts) {
    const auto n = std::count_if(r.claims.begin(), r.claims.end(),
                                 [&](const ClaimRow& c) { return c.verdict == v; });
    if (n > 0) parts.push_back(fmt::format("{} {}", n, name(v)));
  }
  return join(parts, ", ");
}

}  // namespace

void print_claims(const Results& r) {
  std::string group;
  for (const ClaimRow& c : r.claims) {
    if (c.group != group) fmt::print("\n");
    group = c.group;
    print_claim(c);
  }
  for (const ClaimRow& c : r.claims) {
    if (is_failure(c.verdict)) print_failed_claim(c);
  }
  if (!r.claims.empty()) {
    fmt::print("\n{}", wrapped(fmt::format("{} claims: {}", r.claims.size(), counts(r)), 0));
  }
}

Exit claims_command(const Options& o) {
  const auto started = std::chrono::steady_clock::now();
  Results r = begin_results(o);
  const ChosenKernels choice = chosen_kernels(o);
  r.notes = choice.unmet;
  const std::vector<Kernel>& kernels = choice.kernels;
  find_profile(o.profile);
  selected_claims(o.claims);
  require_file("--data", o.data);
  require_file("--text", o.text);
  ProgressLine line;
  const VerifyOptions v = verify_options(o, choice, r, line);
  require_writable(o);
  print_head(r, kernels.size());
  if (kernels.empty()) {
    fmt::print("{}\n", why_none(o));
    return Exit::nothing;
  }
  const std::atomic<bool>& interrupted = stop_on_interrupt();
  judge_claims(kernels, o.claims, v, {kernels, o.profile, o.seed, o.data, o.text}, r);
  line.clear();
  Exit code = exit_code(r, o.strict);
  if (interrupted && code == Exit::ok) code = Exit::inconclusive;
  r.seconds = seconds_since(started);
  print_claims(r);
  if (r.claims.empty()) fmt::print("no claim matches {}\n", join(o.claims, " "));
  for (const std::string& note : r.notes) fmt::print("{}", wrapped("note: " + note, 0));
  fmt::print("{:.1f} s (seed {})\n", r.seconds, r.seed);
  write_reports(r, o, false);
  return code;
}

}  // namespace xent
