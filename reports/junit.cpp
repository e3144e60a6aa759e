// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "reports/claims.h"
#include "reports/reports.h"
#include "reports/summary.h"
#include "reports/text.h"

namespace xent::report {
namespace {

struct Counts {
  std::int64_t tests = 0;
  std::int64_t failures = 0;
  std::int64_t errors = 0;
  std::int64_t skipped = 0;

  std::string attributes() const {
    return fmt::format(R"(tests="{}" failures="{}" errors="{}" skipped="{}")", tests, failures,
                       errors, skipped);
  }
  void operator+=(const Counts& other) {
    tests += other.tests;
    failures += other.failures;
    errors += other.errors;
    skipped += other.skipped;
  }
};

std::string element(std::string_view tag, std::string_view type, std::string_view message,
                    std::string_view body) {
  return fmt::format("      <{0} type=\"{1}\" message=\"{2}\">{3}</{0}>\n", tag, type,
                     escape_attribute(message), escape_markup(body));
}

std::string system_out(std::string_view text) {
  return fmt::format("      <system-out>{}</system-out>\n", escape_markup(text));
}

std::string test_case(std::string_view kernel, std::string_view name, const std::string& inside) {
  const std::string open = fmt::format(R"(    <testcase classname="{}" name="{}")",
                                       escape_attribute(kernel), escape_attribute(name));
  return inside.empty() ? open + "/>\n" : open + ">\n" + inside + "    </testcase>\n";
}

std::string details(const VerdictRow& row) {
  return row.counterexample ? counterexample_text(*row.counterexample)
                            : fmt::format("{}\n{}\n", explanation(row), row.problem);
}

std::string outcome(const Results& r, const VerdictRow& row, Counts& total) {
  const Mark m = mark(r, row);
  if (!counts(r, row) && (m == Mark::vacuous || m == Mark::inconclusive)) {
    return system_out(fmt::format("{}, of a kernel expected to fail: {}\n", text(m).word,
                                  explanation(row)));
  }
  switch (m) {
    case Mark::pass:
      return system_out(fmt::format("{} cases, {} checks, largest error / bound {}, power {}",
                                    row.cases, row.checks, number(row.worst.error_over_bound),
                                    row.power ? share(*row.power) : "not required"));
    case Mark::expected:
      return system_out(fmt::format("expected to fail, and it did\n{}", details(row)));
    case Mark::skip:
      ++total.skipped;
      return fmt::format("      <skipped message=\"{}\"/>\n",
                         escape_attribute(skip_text(row)));
    case Mark::fail:
      ++total.failures;
      return element("failure", "fail", explanation(row), details(row));
    case Mark::vacuous:
      ++total.failures;
      return element("failure", "vacuous", fmt::format("vacuous: {}", explanation(row)),
                     fmt::format("power {} is below the floor {}\n",
                                 row.power ? share(*row.power) : "(none)", share(row.floor)));
    case Mark::inconclusive:
      ++total.errors;
      return element("error", "inconclusive", explanation(row), details(row));
    case Mark::error: break;
  }
  ++total.errors;
  return element("error", "error", explanation(row), details(row));
}

/// A kernel that is expected to fail must break at least one property.
std::string expectation(const Overview& o, const std::string& kernel, Counts& counts) {
  ++counts.tests;
  if (failed_to_fail(o, kernel)) {
    ++counts.failures;
    return test_case(kernel, "expected-to-fail",
                     element("failure", "passed", "expected to fail, but broke no property", ""));
  }
  for (const std::string& p : o.properties) {
    const VerdictRow* row = o.at(kernel, p);
    if (row != nullptr && row->verdict == Verdict::fail) {
      return test_case(kernel, "expected-to-fail", system_out("broke " + p));
    }
  }
  ++counts.skipped;
  return test_case(kernel, "expected-to-fail", "      <skipped message=\"not judged\"/>\n");
}

std::string findings(const Results& r, const std::string& kernel) {
  std::string out;
  for (const Finding& f : r.findings) {
    if (f.kernel != kernel) continue;
    out += fmt::format("finding {}: {}\n", f.id, finding_text(f));
    for (const std::string& part : {f.witness, f.replay}) {
      if (!part.empty()) out += part + "\n";
    }
  }
  return out;
}

std::string profiles(const Results& r, const std::string& kernel) {
  std::string out;
  for (const AccuracyRow& row : r.accuracy) {
    if (row.kernel != kernel) continue;
    out += fmt::format("{} {}, {}: {}\n", row.output, row.dtype, problems_text(row),
                       profile_text(row));
  }
  return out;
}

/// What is known of the kernel besides its verdicts.
std::string remarks(const Results& r, const std::string& kernel) {
  const KernelInfo* info = find_kernel(r, kernel);
  std::string out;
  if (info != nullptr && !info->origin.empty()) out += fmt::format("from {}\n", info->origin);
  if (info != nullptr && !info->best_class.empty()) {
    out += fmt::format("best accuracy class {}\n", info->best_class);
  }
  if (info != nullptr && !info->kept.empty()) {
    out += fmt::format("promises {}\n", promises_text(*info));
  }
  out += profiles(r, kernel) + findings(r, kernel);
  return out.empty() ? out : fmt::format("    <system-out>{}</system-out>\n", escape_markup(out));
}

std::string suite(const Results& r, const Overview& o, const std::string& kernel, bool expected,
                  Counts& total) {
  Counts counts;
  std::string cases;
  for (const std::string& p : o.properties) {
    const VerdictRow* row = o.at(kernel, p);
    if (row == nullptr) continue;
    ++counts.tests;
    cases += test_case(kernel, p, outcome(r, *row, counts));
  }
  const KernelInfo* info = find_kernel(r, kernel);
  if (counts.tests == 0) {
    ++counts.tests;
    ++counts.skipped;
    const std::string why = info == nullptr || info->unavailable.empty() ? "no property was asked"
                                                                         : info->unavailable;
    cases += test_case(kernel, "available",
                       fmt::format("      <skipped message=\"{}\"/>\n", escape_attribute(why)));
  }
  if (expected) cases += expectation(o, kernel, counts);
  if (const std::string found = findings(r, kernel); r.strict && !found.empty()) {
    ++counts.tests;
    ++counts.failures;
    cases += test_case(kernel, "findings",
                       element("failure", "finding", "findings count as failures", found));
  }
  total += counts;
  return fmt::format("  <testsuite name=\"{}\" {}>\n{}{}  </testsuite>\n",
                     escape_attribute(kernel), counts.attributes(), cases, remarks(r, kernel));
}

std::string claim_case(const ClaimRow& c, Counts& counts) {
  ++counts.tests;
  const ClaimText t = text(c.verdict);
  const std::string why = claim_line(c).empty() ? std::string(t.meaning) : claim_line(c);
  std::string inside;
  if (is_failure(c.verdict)) {
    ++counts.failures;
    inside = element("failure", t.word, why,
                     fmt::format("{}\n{}\n{}\n", c.statement, c.reason, c.witness));
  } else if (c.verdict == ClaimVerdict::skipped) {
    ++counts.skipped;
    inside = fmt::format("      <skipped message=\"{}\"/>\n", escape_attribute(why));
  } else {
    inside = system_out(fmt::format("{}: {}{}{}", t.badge, why, c.witness.empty() ? "" : "\n",
                                    c.witness));
  }
  return test_case("claims", c.id, inside);
}

std::string claim_suite(const Results& r, Counts& total) {
  if (r.claims.empty()) return {};
  Counts counts;
  std::string cases;
  for (const ClaimRow& c : r.claims) cases += claim_case(c, counts);
  total += counts;
  return fmt::format("  <testsuite name=\"claims\" {}>\n{}  </testsuite>\n", counts.attributes(),
                     cases);
}

}  // namespace
}  // namespace xent::report

namespace xent {

std::string to_junit(const Results& results) {
  using namespace report;
  const Overview o = overview(results);
  Counts total;
  std::string suites = claim_suite(results, total);
  for (const std::string& k : o.kernels) suites += suite(results, o, k, false, total);
  for (const std::string& k : o.expected) suites += suite(results, o, k, true, total);
  return fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<testsuites name=\"xentcheck {} seed {}\" {} time=\"{:.3f}\">\n{}"
                     "</testsuites>\n",
                     escape_attribute(results.profile), escape_attribute(results.seed),
                     total.attributes(), results.seconds, suites);
}

}  // namespace xent
