// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "bench/bench.h"
#include "cli/commands.h"
#include "cli/judging.h"
#include "cli/kernels.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/text.h"
#include "properties/engine.h"

namespace xent {
namespace {

/// Problems of the bench without --problem: few classes, a mid-size head, a vocabulary.
constexpr const char* kBenchProblems[] = {
    "op=ce dtype=f32 dir=fwd,fwdbwd n=8192 v=10", "op=ce dtype=f32 dir=fwd,fwdbwd n=1024 v=1000",
    "op=ce dtype=f32 dir=fwd,fwdbwd n=256 v=50257", "op=ce dtype=f64 dir=fwdbwd n=128 v=50257"};

/// A kernel's verdict on a problem: that of its worst property, and a pass only if its losses, and
/// gradients where they are timed, were found accurate.
Verdict verdict_of(const Results& r, const Kernel& k, const Problem& p) {
  Verdict worst = Verdict::skip;
  bool loss = !p.wants_loss(), grad = !p.wants_grad();
  for (const VerdictRow& row : r.verdicts) {
    if (row.kernel != k.name) continue;
    worst = graver(worst, row.vacuous ? Verdict::fail : row.verdict);
    const bool passed = row.verdict == Verdict::pass && !row.vacuous;
    loss |= passed && row.property == "loss.accurate";
    grad |= passed && row.property == "grad.accurate";
  }
  return worst == Verdict::pass && !(loss && grad) ? Verdict::skip : worst;
}

/// Kernels of which nothing was judged are easily overlooked beside others.
void note_unjudged(Results& r) {
  for (const KernelInfo& k : r.kernels) {
    const bool judged = std::any_of(r.verdicts.begin(), r.verdicts.end(), [&](const auto& row) {
      return row.kernel == k.name && row.cases > 0;
    });
    if (!judged) r.notes.push_back(k.name + ": nothing was judged");
  }
}

void time_kernels(const std::vector<Kernel>& kernels, const Options& o, Results& r,
                  ProgressLine& line) {
  BenchOptions b;
  b.seed = o.seed;
  b.include_failing = o.include_failing;
  b.progress = [&line](const std::string& text) { line.show(text); };
  if (!o.selection.problem.empty()) b.problems = parse_problems(o.selection.problem);
  else {
    for (const char* text : kBenchProblems) {
      for (const Problem& p : parse_problems(text)) b.problems.push_back(p);
    }
  }
  BenchResult timed =
      bench(kernels, [&](const Kernel& k, const Problem& p) { return verdict_of(r, k, p); }, b);
  r.timings = std::move(timed.timings);
  r.limits = std::move(timed.limits);
  for (std::string& note : timed.notes) r.notes.push_back(std::move(note));
}

/// Verdicts outlive a bench that could not be done: memory that is not there, say.
bool timed(const std::vector<Kernel>& kernels, const Options& o, Results& r, ProgressLine& line) {
  try {
    time_kernels(kernels, o, r, line);
    return true;
  } catch (const std::exception& e) {
    r.notes.push_back(std::string("the bench stopped: ") + e.what());
    return false;
  }
}

/// Everything that can be wrong with the choice is said before anything is printed.
void require_known(const Options& o) {
  find_profile(o.profile);
  for (const Property& p : selected_properties(o.selection)) {
    recipe_space(p, find_profile(o.profile), o.selection);
  }
}

/// The problems of the bench decide what is verified first; sizes are the profile's.
Options verifying(const Options& o) {
  Options v = o;
  if (o.command == "bench") v.selection.problem.clear();
  return v;
}

}  // namespace

Exit judge_command(const Options& o) {
  const auto started = std::chrono::steady_clock::now();
  Results r = begin_results(o);
  const std::vector<Kernel> kernels = chosen_kernels(o);
  if (!o.selection.problem.empty()) parse_problems(o.selection.problem);
  ProgressLine line;
  const VerifyOptions v = verify_options(verifying(o), r, line);
  require_known(o);
  require_writable(o);
  print_head(r, kernels.size());
  if (kernels.empty()) {
    fmt::print("{}\n", why_none(o));
    return Exit::nothing;
  }
  const std::atomic<bool>& interrupted = stop_on_interrupt();
  verify(kernels, v, r);
  line.clear();
  note_unjudged(r);
  Exit judged = exit_code(r, o.strict);
  if (interrupted && judged == Exit::ok) judged = Exit::inconclusive;
  const bool go_on =
      judged == Exit::ok || o.command == "run" || o.keep_going || o.include_failing;
  if (o.command != "verify" && go_on && !interrupted && !timed(kernels, o, r, line)) {
    judged = Exit::internal;
  }
  line.clear();
  r.seconds = seconds_since(started);
  print_verdicts(r);
  print_failures(r);
  print_timings(r);
  print_tail(r, judged);
  write_reports(r, o, o.command == "run");
  return judged;
}

}  // namespace xent
