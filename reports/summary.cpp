// SPDX-License-Identifier: Apache-2.0
#include "reports/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "reports/text.h"

namespace xent::report {
namespace {

void add_once(std::vector<std::string>& list, const std::string& item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
}

int gravity(Mark m) {
  constexpr std::array order = {Mark::skip,         Mark::pass, Mark::expected,
                                Mark::inconclusive, Mark::fail, Mark::vacuous, Mark::error};
  return static_cast<int>(std::find(order.begin(), order.end(), m) - order.begin());
}

void collect(Overview& o, const Results& r) {
  std::vector<std::string> expected;
  for (const VerdictRow& row : r.verdicts) {
    if (r.expectations && row.expected_to_fail) add_once(expected, row.kernel);
  }
  const auto file_under = [&](const std::string& kernel) {
    const bool fails = std::find(expected.begin(), expected.end(), kernel) != expected.end();
    add_once(fails ? o.expected : o.kernels, kernel);
  };
  for (const KernelInfo& k : r.kernels) file_under(k.name);
  for (const PropertyInfo& p : r.properties) add_once(o.properties, p.id);
  for (const VerdictRow& row : r.verdicts) {
    file_under(row.kernel);
    add_once(o.properties, row.property);
    const VerdictRow*& slot = o.rows[{row.kernel, row.property}];
    if (slot == nullptr || gravity(mark(r, row)) > gravity(mark(r, *slot))) slot = &row;
    ++o.marks[mark(r, row)];
    o.cases += row.cases;
    o.checks += row.checks;
  }
  for (const auto* list : {&o.kernels, &o.expected}) {
    o.judged += std::count_if(list->begin(), list->end(), [&](const std::string& k) {
      return std::any_of(r.verdicts.begin(), r.verdicts.end(), [&](const VerdictRow& row) {
        return row.kernel == k && row.verdict != Verdict::skip;
      });
    });
  }
  std::erase_if(o.properties, [&](const std::string& p) {
    return std::none_of(o.rows.begin(), o.rows.end(),
                        [&](const auto& entry) { return entry.first.second == p; });
  });
}

std::vector<std::string> kernels_with(const Results& r, Mark m) {
  std::vector<std::string> out;
  for (const VerdictRow& row : r.verdicts) {
    if (mark(r, row) == m && (counts(r, row) || m == Mark::error)) add_once(out, row.kernel);
  }
  return out;
}

std::string count(std::size_t n, std::string_view word) {
  return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

std::vector<std::string> bad_news(const Overview& o, const Results& r) {
  std::vector<std::string> out;
  const auto say = [&](Mark m, std::string_view what) {
    const auto names = kernels_with(r, m);
    if (!names.empty()) out.push_back(fmt::format("{} {}: {}.", count(names.size(), "kernel"),
                                                  what, some(names)));
  };
  say(Mark::error, "met an error of this program");
  say(Mark::fail, "failed");
  say(Mark::vacuous, "judged vacuously, which proves nothing");
  std::vector<std::string> passed;
  for (const std::string& k : o.expected) {
    if (failed_to_fail(o, k)) passed.push_back(k);
  }
  if (!passed.empty()) {
    out.push_back(fmt::format("Expected to fail, but broke nothing: {}.", some(passed)));
  }
  say(Mark::inconclusive, "could not be decided at the highest precision");
  return out;
}

std::vector<std::string> good_news(const Overview& o) {
  std::vector<std::string> out;
  const auto only_passes = [&](const std::string& kernel) {
    bool any = false;
    for (const std::string& p : o.properties) {
      const VerdictRow* row = o.at(kernel, p);
      if (row == nullptr || row->verdict == Verdict::skip) continue;
      if (row->verdict != Verdict::pass || row->vacuous) return false;
      any = true;
    }
    return any;
  };
  const auto held = std::count_if(o.kernels.begin(), o.kernels.end(), only_passes);
  if (held > 0) {
    out.push_back(fmt::format("{} {} every property that judged {}.",
                              count(static_cast<std::size_t>(held), "kernel"),
                              held == 1 ? "holds" : "hold", held == 1 ? "it" : "them"));
  }
  const auto failing = std::count_if(o.expected.begin(), o.expected.end(), [&](const auto& k) {
    return !failed_to_fail(o, k) && std::any_of(o.rows.begin(), o.rows.end(), [&](const auto& e) {
      return e.first.first == k && e.second->verdict == Verdict::fail;
    });
  });
  if (failing > 0) {
    out.push_back(fmt::format("{} that {} expected to fail did.",
                              count(static_cast<std::size_t>(failing), "kernel"),
                              failing == 1 ? "is" : "are"));
  }
  return out;
}

void claim_news(const Results& r, std::vector<std::string>& out) {
  const auto say = [&](ClaimVerdict v, std::string_view what) {
    std::vector<std::string> ids;
    for (const ClaimRow& c : r.claims) {
      if (c.verdict == v) ids.push_back(c.id);
    }
    if (!ids.empty()) out.push_back(fmt::format("{} {}: {}.", count(ids.size(), "claim"), what,
                                                some(ids)));
  };
  say(ClaimVerdict::contradicted, "contradicted");
  say(ClaimVerdict::no_evidence, "without evidence");
  const auto stand = std::count_if(r.claims.begin(), r.claims.end(), [](const ClaimRow& c) {
    return !is_failure(c.verdict) && c.verdict != ClaimVerdict::skipped;
  });
  if (stand > 0) {
    out.push_back(fmt::format("{} of {} have their evidence.", stand,
                              count(r.claims.size(), "claim")));
  }
}

void conclude(Overview& o, const Results& r) {
  o.exit = exit_code(r, r.strict);
  switch (o.exit) {
    case Exit::ok: o.word = "passed", o.symbol = "✓"; break;
    case Exit::failed: o.word = "failed", o.symbol = "✗"; break;
    case Exit::inconclusive: o.word = "inconclusive", o.symbol = "?"; break;
    case Exit::nothing: o.word = "nothing was judged", o.symbol = "–"; break;
    case Exit::usage:
    case Exit::internal: o.word = "error", o.symbol = "!"; break;
  }
  o.sentences = bad_news(o, r);
  if (!r.findings.empty()) {
    const bool one = r.findings.size() == 1;
    const std::string found = count(r.findings.size(), "finding");
    o.sentences.push_back(r.strict ? fmt::format("{} {} as {} here.", found,
                                                 one ? "counts" : "count",
                                                 one ? "a failure" : "failures")
                                   : fmt::format("{} that {} no promise.", found,
                                                 one ? "breaks" : "break"));
  }
  claim_news(r, o.sentences);
  for (std::string& s : good_news(o)) o.sentences.push_back(std::move(s));
}

}  // namespace

MarkText text(Mark m) {
  switch (m) {
    case Mark::pass: return {"✓", "pass", "certainly within its bounds on every judged case"};
    case Mark::fail: return {"✗", "fail", "certainly wrong on some case"};
    case Mark::expected: return {"⊗", "expected", "wrong on some case, as this kernel must be"};
    case Mark::vacuous: return {"∅", "vacuous", "would accept a trivial answer: a failure"};
    case Mark::inconclusive: return {"?", "inconclusive", "undecided at the highest precision"};
    case Mark::skip: return {"–", "skip", "not judged: proves nothing"};
    case Mark::error: break;
  }
  return {"!", "error", "a fault of this program, not of the kernel"};
}

Mark mark(const Results& r, const VerdictRow& row) {
  if (row.verdict == Verdict::error) return Mark::error;
  if (row.verdict == Verdict::fail) {
    return counts(r, row) ? Mark::fail : Mark::expected;
  }
  if (row.vacuous) return Mark::vacuous;
  if (row.verdict == Verdict::inconclusive) return Mark::inconclusive;
  return row.verdict == Verdict::skip ? Mark::skip : Mark::pass;
}

bool counts(const Results& r, const VerdictRow& row) {
  return !(r.expectations && row.expected_to_fail);
}

SpeedText speed_text(Verdict v) {
  switch (v) {
    case Verdict::pass: return {"✓", "pass", "pass"};
    case Verdict::fail: return {"✗", "failed verification", "fail"};
    case Verdict::inconclusive: return {"?", "inconclusive", "inconclusive"};
    case Verdict::skip: return {"–", "not verified", "skip"};
    case Verdict::error: break;
  }
  return {"!", "verification error", "error"};
}

const VerdictRow* Overview::at(const std::string& kernel, const std::string& property) const {
  const auto found = rows.find({kernel, property});
  return found == rows.end() ? nullptr : found->second;
}

Overview overview(const Results& r) {
  Overview o;
  collect(o, r);
  conclude(o, r);
  return o;
}

std::string kernel_count(const Overview& o, std::string_view separator) {
  const auto all = static_cast<std::int64_t>(o.kernels.size() + o.expected.size());
  const std::string judged = grouped(o.judged, separator);
  return o.judged == all ? judged : fmt::format("{} of {}", judged, grouped(all, separator));
}

std::string some(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 4;
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(shown, names.size()));
  const std::string list = fmt::format("{}", fmt::join(names.begin(), end, ", "));
  return names.size() <= shown ? list : fmt::format("{} and {} more", list, names.size() - shown);
}

std::string count_text(const Overview& o) {
  std::vector<std::string> parts;
  for (const Mark m : kMarks) {
    const auto found = o.marks.find(m);
    if (found == o.marks.end()) continue;
    const std::string_view word = m == Mark::expected ? "failed as expected" : text(m).word;
    parts.push_back(fmt::format("{} {}", grouped(found->second), word));
  }
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

const KernelInfo* find_kernel(const Results& r, std::string_view name) {
  const auto found = std::find_if(r.kernels.begin(), r.kernels.end(),
                                  [&](const KernelInfo& k) { return k.name == name; });
  return found == r.kernels.end() ? nullptr : &*found;
}

const PropertyInfo* find_property(const Results& r, std::string_view id) {
  const auto found = std::find_if(r.properties.begin(), r.properties.end(),
                                  [&](const PropertyInfo& p) { return p.id == id; });
  return found == r.properties.end() ? nullptr : &*found;
}

bool failed_to_fail(const Overview& o, const std::string& kernel) {
  bool judged = false;
  for (const std::string& p : o.properties) {
    const VerdictRow* row = o.at(kernel, p);
    if (row == nullptr) continue;
    if (row->verdict == Verdict::fail) return false;
    judged |= row->verdict != Verdict::skip;
  }
  return judged;
}

}  // namespace xent::report
