// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <concepts>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "reports/reports.h"
#include "tests/reports_sample.h"

namespace xent {
namespace {

// Structured bindings name every member, so that a new field does not compile until it stands here.
auto members(const ErrorProfile& x) {
  const auto& [a, b, c, d, e, f, g, h, i, j] = x;
  return std::tie(a, b, c, d, e, f, g, h, i, j);
}
auto members(const Counterexample& x) {
  const auto& [a, b, c, d, e, f] = x;
  return std::tie(a, b, c, d, e, f);
}
auto members(const VerdictRow& x) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = x;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
}
auto members(const Finding& x) {
  const auto& [a, b, c, d, e, f, g] = x;
  return std::tie(a, b, c, d, e, f, g);
}
auto members(const AccuracyRow& x) {
  const auto& [a, b, c, d, e, f] = x;
  return std::tie(a, b, c, d, e, f);
}
auto members(const KernelInfo& x) {
  const auto& [a, b, c, d, e, f, g, h, i, j] = x;
  return std::tie(a, b, c, d, e, f, g, h, i, j);
}
auto members(const PropertyInfo& x) {
  const auto& [a, b, c] = x;
  return std::tie(a, b, c);
}
auto members(const Timing& x) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = x;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
}
auto members(const Limit& x) {
  const auto& [a, b, c, d, e, f, g] = x;
  return std::tie(a, b, c, d, e, f, g);
}
auto members(const Environment& x) {
  const auto& [a, b, c, d, e, f, g, h] = x;
  return std::tie(a, b, c, d, e, f, g, h);
}
auto members(const Figure& x) {
  const auto& [a, b, c, d, e] = x;
  return std::tie(a, b, c, d, e);
}
auto members(const Series& x) {
  const auto& [a, b, c, d] = x;
  return std::tie(a, b, c, d);
}
auto members(const Plot& x) {
  const auto& [a, b, c, d, e, f] = x;
  return std::tie(a, b, c, d, e, f);
}
auto members(const ClaimRow& x) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = x;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
}
auto members(const KnownMaximum& x) {
  const auto& [a, b, c, d, e, f] = x;
  return std::tie(a, b, c, d, e, f);
}
auto members(const ExponentialRow& x) {
  const auto& [a, b, c, d, e, f, g, h, i] = x;
  return std::tie(a, b, c, d, e, f, g, h, i);
}
auto members(const Results& x) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = x;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r);
}

template <class T>
concept Struct = requires(const T& x) { members(x); };

/// Doubles are the same when their bits are, or when both are NaN.
bool same(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}
template <class T>
  requires(std::equality_comparable<T> && !Struct<T> && !std::same_as<T, double>)
bool same(const T& a, const T& b) {
  return a == b;
}
template <Struct T>
bool same(const T& a, const T& b);
template <class T>
bool same(const std::optional<T>& a, const std::optional<T>& b) {
  return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
template <class T>
bool same(const std::map<std::string, T>& a, const std::map<std::string, T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && same(x.second, y.second);
  });
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) return false;
  }
  return true;
}
template <Struct T>
bool same(const T& a, const T& b) {
  const auto x = members(a);
  const auto y = members(b);
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    std::size_t differing = 0;
    ((same(std::get<I>(x), std::get<I>(y)) ? 0 : (differing = I + 1)), ...);
    EXPECT_EQ(differing, 0u) << "member " << differing << " differs";
    return differing == 0;
  }(std::make_index_sequence<std::tuple_size_v<decltype(x)>>{});
}

std::string fault(const std::string& text) {
  try {
    from_json(text);
  } catch (const UsageError& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
    return e.what();
  }
  return "no error";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Results v1 as other programs read and write it.
const char* const kDocument = R"({"schema": 1, "expectations": false, "strict": true,
  "environment": {"version": "v", "compiler": "c", "build": "b", "cpu": "p", "isa": "i",
    "system": "y", "cores": 7, "started": "d"},
  "command": "run", "seed": "0x5", "profile": "smoke", "seconds": 1.5,
  "kernels": [{"name": "k", "role": "product", "summary": "s", "budget": "u",
    "accuracy_class": "standard", "best_class": "none", "promises": ["repeatable"],
    "unavailable": "no", "kept": ["shift-exact"], "origin": "libk.so 1.2"}],
  "properties": [{"id": "p.q", "title": "t", "statement": "f"}],
  "verdicts": [{"kernel": "k", "property": "p.q", "verdict": "fail", "reason": "r",
    "problem": "op=ce", "cases": 1, "checks": 2, "skipped": 3, "skip_reasons": {"a": 4},
    "excluded": {"e": 5}, "rejected": {"zeros": 0.25}, "power": 0.125, "floor": 0.5,
    "vacuous": true, "expected_to_fail": true,
    "worst": {"outputs": 6, "error_over_bound": "inf", "p999_over_bound": 1, "mean_over_bound": 2,
      "ulp": "-inf", "p999_ulp": 3, "mean_ulp": 4, "bias_ulp": "nan", "max_abs": 5,
      "max_conditioned": 6},
    "counterexample": {"file": "1.case", "replay": "l", "problem": "x", "data": "z",
      "message": "m", "shrink_steps": 8}}],
  "accuracy": [{"kernel": "k", "output": "loss", "dtype": "f32", "problems": "op=ce", "cases": 3,
    "errors": {"outputs": 6, "error_over_bound": 0.5, "p999_over_bound": 1, "mean_over_bound": 2,
      "ulp": "-inf", "p999_ulp": 3, "mean_ulp": 4, "bias_ulp": "nan", "max_abs": 5,
      "max_conditioned": 6}}],
  "claims": [{"id": "c.d", "group": "A", "document": "s", "formula": "f", "statement": "a",
    "verdict": "no-evidence", "evidence": "e", "properties": ["p.q"], "kernels": ["k"], "cases": 1,
    "checks": 2, "error_over_bound": 0.5,
    "figures": [{"label": "l", "value": 3, "low": 2, "high": 4, "unit": "nats"}],
    "plots": [{"title": "t", "x_label": "x", "y_label": "y", "log_x": true, "log_y": false,
      "series": [{"name": "n", "x": [1, 2], "y": [3, "inf"], "marks": true}]}],
    "witness": "w", "reason": "r"}],
  "exponentials": [{"kernel": "k", "verdict": "pass", "arguments": "-inf to 0", "inputs": 4,
    "every": 2, "declared_rel": 1.5, "declared_arg": 0.5, "maxima": [{"what": "w", "low": 1,
      "high": "inf", "unit": "u", "argument": "-0x1p+0", "result": "0x1p-1"}], "facts": ["f"]}],
  "findings": [{"kernel": "k", "id": "i.d", "message": "m", "witness": "w", "file": "1.case",
    "replay": "l", "cases": 4}],
  "timings": [{"kernel": "k", "problem": "op=ce", "verdict": "inconclusive", "samples": 9,
    "median": 1, "low": 2, "high": 3, "minimum_bytes": 4, "bytes_per_second": 5,
    "limit_bytes_per_second": 6, "limit": "read", "logits_per_second": 7,
    "placement": "in place", "threads": 2, "cache": "warm", "path": "p",
    "arithmetic_seconds": 0.5}],
  "limits": [{"name": "read", "footprint_bytes": 10, "bytes_per_second": 11, "samples": 12,
    "threads": 2, "pattern": "8 streams", "operations_per_second": 13}],
  "notes": ["n"], "of_a_later_version": {"ignored": [1, 2]}})";

Results document() {
  constexpr double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  VerdictRow row{"k", "p.q", Verdict::fail, "r", "op=ce", 1, 2, 3, {{"a", 4}}, {{"e", 5}},
                 {{"zeros", 0.25}}, 0.125, 0.5, true, true,
                 {6, inf, 1, 2, -inf, 3, 4, nan, 5, 6},
                 Counterexample{"1.case", "l", "x", "z", "m", 8}};
  const ClaimRow claim{"c.d", "A", "s", "f", "a", ClaimVerdict::no_evidence, "e", {"p.q"}, {"k"},
                       1, 2, 0.5, {{"l", 3, 2, 4, "nats"}},
                       {{"t", "x", "y", true, false, {{"n", {1, 2}, {3, inf}, true}}}}, "w", "r"};
  return {1, false, true, {"v", "c", "b", "p", "i", "y", 7, "d"}, "run", "0x5", "smoke", 1.5,
          {{"k", "product", "s", "u", "standard", "none", {"repeatable"}, "no", {"shift-exact"},
            "libk.so 1.2"}},
          {{"p.q", "t", "f"}}, {row},
          {{"k", "loss", "f32", "op=ce", 3, {6, 0.5, 1, 2, -inf, 3, 4, nan, 5, 6}}}, {claim},
          {{"k", Verdict::pass, "-inf to 0", 4, 2, 1.5, 0.5,
            {{"w", 1, inf, "u", "-0x1p+0", "0x1p-1"}}, {"f"}}},
          {{"k", "i.d", "m", "w", "1.case", "l", 4}},
          {{"k", "op=ce", Verdict::inconclusive, 9, 1, 2, 3, 4, 5, 6, "read", 7, "in place", 2,
            "warm", "p", 0.5}},
          {{"read", 10, 11, 12, 2, "8 streams", 13}}, {"n"}};
}

std::string without(const std::string& key) {
  std::string text = kDocument;
  const std::string quoted = "\"" + key + "\":";
  const std::size_t at = text.find(quoted);
  EXPECT_NE(at, std::string::npos) << key;
  return text.replace(at, quoted.size(), "\"x\":");
}

TEST(ReportsJson, FieldNamesAreThoseOfTheSchema) {
  EXPECT_TRUE(same(from_json(kDocument), document()));
}

TEST(ReportsJson, RoundTripKeepsEveryField) {
  for (const Results& r : {document(), sample_results(), sample_failure(), sample_claims(),
                           Results{}}) {
    EXPECT_TRUE(same(from_json(to_json(r)), r));
  }
}

TEST(ReportsJson, RoundTripKeepsEveryBitOfADouble) {
  using Limits = std::numeric_limits<double>;
  for (const double x : {0.0, -0.0, 0.1, 1.0 / 3, Limits::denorm_min(), -Limits::max(),
                         std::nextafter(1.0, 2.0), Limits::infinity(), -Limits::infinity(),
                         Limits::quiet_NaN(), 1e23, 9007199254740993.0}) {
    Results r = document();
    r.seconds = x;
    r.verdicts[0].rejected["zeros"] = x;
    r.verdicts[0].power = x;
    EXPECT_TRUE(same(from_json(to_json(r)), r)) << x;
  }
}

TEST(ReportsJson, RoundTripKeepsBigIntegersAndAbsentOptionals) {
  Results r = document();
  r.verdicts[0].cases = std::numeric_limits<std::int64_t>::max();
  r.verdicts[0].checks = std::numeric_limits<std::int64_t>::min();
  r.verdicts[0].power.reset();
  r.verdicts[0].counterexample.reset();
  for (const Verdict v : {Verdict::pass, Verdict::fail, Verdict::inconclusive, Verdict::skip,
                          Verdict::error}) {
    r.verdicts[0].verdict = v;
    EXPECT_TRUE(same(from_json(to_json(r)), r));
  }
}

TEST(ReportsJson, EveryFieldButTheOptionalOnesIsRequired) {
  for (const char* key :
       {"schema", "expectations", "environment", "command", "seed", "profile", "seconds", "kernels",
        "properties", "verdicts", "findings", "timings", "limits", "notes", "version", "cores",
        "promises", "title", "cases", "skip_reasons", "vacuous", "worst", "bias_ulp",
        "shrink_steps", "witness", "median", "footprint_bytes"}) {
    const std::string what = fault(without(key));
    EXPECT_TRUE(mentions(what, std::string(key) + " is missing")) << what;
  }
  EXPECT_TRUE(from_json(without("claims")).claims.empty());
  EXPECT_TRUE(from_json(without("exponentials")).exponentials.empty());
  EXPECT_TRUE(from_json(without("accuracy")).accuracy.empty());
  EXPECT_TRUE(from_json(without("origin")).kernels[0].origin.empty());
  EXPECT_FALSE(from_json(without("strict")).strict);
  EXPECT_FALSE(from_json(without("power")).verdicts[0].power);
  EXPECT_FALSE(from_json(without("counterexample")).verdicts[0].counterexample);
}

TEST(ReportsJson, WrongTypesAreNamedWithTheirPlace) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = kDocument;
    return fault(text.replace(text.find(from), from.size(), to));
  };
  EXPECT_TRUE(mentions(with("\"cases\": 1", "\"cases\": \"1\""), "verdicts[0].cases"));
  EXPECT_TRUE(mentions(with("\"cases\": 1", "\"cases\": 1.5"), "whole number"));
  EXPECT_TRUE(mentions(with("\"cases\": 1", "\"cases\": 9223372036854775808"), "out of range"));
  EXPECT_TRUE(mentions(with("\"cores\": 7", "\"cores\": 4294967296"), "environment.cores"));
  EXPECT_TRUE(mentions(with("\"median\": 1", "\"median\": \"fast\""), "timings[0].median"));
  EXPECT_TRUE(mentions(with("\"verdict\": \"fail\"", "\"verdict\": \"good\""), "one of pass"));
  EXPECT_TRUE(mentions(with("[\"n\"]", "[3]"), "notes[0]"));
  EXPECT_TRUE(mentions(with("{\"a\": 4}", "[4]"), "verdicts[0].skip_reasons"));
  EXPECT_TRUE(mentions(with("\"vacuous\": true", "\"vacuous\": 1"), "true or false"));
}

TEST(ReportsJson, MalformedTextIsOneClearLine) {
  const std::string whole = to_json(document());
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("nonsense\nlines"), whole.substr(0, 700),
        whole + "}", std::string("{\"schema\": 1e999}"), std::string("\"\xff\""),
        std::string(100000, '[')}) {
    EXPECT_TRUE(mentions(fault(text), "malformed JSON")) << fault(text);
    EXPECT_LT(fault(text).size(), 250u);
  }
  EXPECT_TRUE(mentions(fault("[1]"), "array, not an object"));
  EXPECT_TRUE(mentions(fault("{}"), "schema is missing"));
}

TEST(ReportsJson, AnotherSchemaIsSaidFirst) {
  EXPECT_TRUE(mentions(fault("{\"schema\": 2, \"news\": []}"), "schema 2 is not known"));
  EXPECT_TRUE(mentions(fault("{\"schema\": \"1\"}"), "schema must be a whole number"));
}

TEST(ReportsJson, InvalidUtf8IsReplaced) {
  Results r = document();
  r.command = "a\xff\x80z";
  r.notes = {"\x01\"\\\n"};
  const Results back = from_json(to_json(r));
  EXPECT_TRUE(mentions(back.command, "\xEF\xBF\xBD")) << back.command;
  EXPECT_EQ(back.command.front(), 'a');
  EXPECT_EQ(back.command.back(), 'z');
  EXPECT_EQ(back.notes, r.notes);
}

}  // namespace
}  // namespace xent
