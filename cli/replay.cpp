// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/commands.h"
#include "cli/kernels.h"
#include "cli/terminal.h"
#include "core/case_file.h"
#include "core/error.h"
#include "core/text.h"
#include "oracle/bound.h"
#include "properties/counterexample.h"
#include "properties/trial.h"

namespace xent {
namespace {

constexpr std::int64_t kMostRows = 8;
constexpr std::int64_t kMostClasses = 8;

std::string exact_text(const Enclosure& e) {
  switch (e.kind) {
    case Enclosure::Kind::number: return fmt::format("{:.17g}", e.hi);
    case Enclosure::Kind::plus_inf: return "+inf";
    case Enclosure::Kind::minus_inf: return "-inf";
    case Enclosure::Kind::nan: return "NaN";
    case Enclosure::Kind::undefined: return "undefined";
  }
  return "";
}

void print_value(const std::string& what, double got, const Enclosure& e, double bound, DType d) {
  const std::string shown = std::isnan(got) ? "NaN" : fmt::format("{:.17g}", got);
  fmt::print("  {:<12} {:<24} exact {:<24}", what, shown, exact_text(e));
  if (e.is_number() && std::isfinite(got)) {
    const double error = distance(got, e).upper;
    fmt::print(" error {:.3g} = {:.3g} ulp, {:.3g} of the bound {:.3g}", error,
               error / ulp(e.hi, d), error / bound, bound);
  }
  fmt::print("\n");
}

void print_row(Reference& ref, const ErrorBudget& b, const Output& out, std::int64_t r) {
  const TestCase& c = ref.test_case();
  const Problem& p = c.problem;
  if (const auto q = ref.question(r)) fmt::print("  row {} poses the question {}\n", r, name(*q));
  const bool number = ref.row_loss(r).is_number();
  const bool logits = p.op == Op::ce || p.op == Op::lse;
  if (number && logits) {
    const RowFacts& f = ref.facts(r);
    fmt::print("  row {}: m = {:.9g}, z_y = {:.9g}, s = {:.9g}, t = {:.9g}, log s = {:.9g}, "
               "mean gap {:.3g}, {} live, {} at the maximum\n",
               r, f.max, f.target, f.sum, f.rest, f.log_sum, f.mean_gap, f.live, f.ties);
  }
  if (!out.loss.empty() && p.reduction == Reduction::none) {
    print_value(fmt::format("loss[{}]", r), out.loss.at(r), ref.loss(r),
                number ? loss_bound(ref, b, r) : 0, b.output);
  }
  if (out.grad.empty()) return;
  for (std::int64_t j = 0; j < std::min(p.v, kMostClasses); ++j) {
    const Enclosure e = ref.grad(r, j);
    print_value(fmt::format("grad[{},{}]", r, j), out.grad.at(r * p.v + j), e,
                e.is_number() ? grad_bound(ref, b, r, j) : 0, b.output);
  }
}

void print_numbers(const Kernel& k, const TestCase& c) {
  const ErrorBudget budget = k.budget(c.problem);
  Reference ref(c);
  const RunRecord r = run(k, c);
  fmt::print("budget {}\n", to_text(budget));
  if (!r.faults.raised.empty()) fmt::print("raised {}\n", r.faults.raised);
  if (c.problem.reduction != Reduction::none && !r.output.loss.empty()) {
    const Enclosure e = ref.loss(0);
    print_value("loss", r.output.loss.at(0), e, e.is_number() ? loss_bound(ref, budget, 0) : 0,
                budget.output);
  }
  for (std::int64_t row = 0; row < std::min(c.problem.n, kMostRows); ++row) {
    print_row(ref, budget, r.output, row);
  }
  for (const std::string& change : r.faults.inputs_changed) fmt::print("  {}\n", change);
  for (const std::string& write : r.faults.written_outside) fmt::print("  written {}\n", write);
  for (const std::string& deed : r.faults.misconduct) fmt::print("  misconduct: {}\n", deed);
  for (const Remark& remark : r.faults.remarks) {
    fmt::print("  finding {}: {}\n", remark.id, remark.message);
  }
}

std::vector<Property> properties_to_replay(const Options& o, const CaseFile& file) {
  Selection s = o.selection;
  if (s.properties.empty() && !file.property.empty()) s.properties = {file.property};
  if (s.properties.empty()) s.properties = {"loss.accurate"};
  return selected_properties(s);
}

/// Without --kernel the one that the case names; where --library or --python bring others and not
/// that one, those.
std::vector<Kernel> kernels_to_replay(Options& wanted, const CaseFile& file) {
  const bool strangers = !wanted.libraries.empty() || !wanted.pythons.empty();
  if (wanted.kernels.empty() && !strangers) {
    if (file.kernel.empty()) throw UsageError("the case names no kernel: give --kernel NAME");
    wanted.kernels = {file.kernel};
  }
  const std::vector<Kernel> chosen = chosen_kernels(wanted).kernels;
  if (!wanted.kernels.empty()) return chosen;
  const std::vector<Kernel> named = select(chosen, file.kernel);
  return named.empty() ? chosen : named;
}

}  // namespace

Exit replay_command(const Options& o) {
  const CaseFile file = load_case(o.files.front());
  const TestCase& c = file.test_case;
  Options wanted = o;
  const std::vector<Kernel> kernels = kernels_to_replay(wanted, file);
  if (kernels.empty()) {
    fmt::print("{}\n", why_none(wanted));
    return Exit::nothing;
  }
  fmt::print("{}\n{}\n", to_text(c.problem), describe_data(c));
  Exit code = Exit::nothing;
  for (const Kernel& k : kernels) {
    for (const Property& p : properties_to_replay(o, file)) {
      fmt::print("\n{} {}: {}\n", bold(k.name), p.id, p.title);
      if (const Support s = supports_property(p, k, c.problem); !s) {
        fmt::print("skip: {}\n", s.reason);
        continue;
      }
      print_numbers(k, c);
      const Judgement j = judge_case(p, k, c);
      const bool failed = j.verdict == Verdict::fail;
      fmt::print("{}{}\n", failed ? bad("fail: ") : std::string(name(j.verdict)), j.message);
      if (failed) code = Exit::failed;
      else if (code == Exit::nothing && j.verdict == Verdict::pass) code = Exit::ok;
      else if (code != Exit::failed && j.verdict == Verdict::inconclusive) {
        code = Exit::inconclusive;
      }
    }
  }
  return code;
}

}  // namespace xent
