// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>

#include "bench/bench.h"
#include "cli/commands.h"
#include "cli/judging.h"
#include "cli/kernels.h"
#include "cli/peers.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/text.h"
#include "impl/process/foreign.h"
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

/// The bench's data pose no question, and without these options no dialect has another formula.
Problem in_dialect(Problem p, const std::string& dialect) {
  if (p.smoothing == 0 && !p.weights) p.dialect = dialect;
  return p;
}

/// A kernel that gives the answers of another dialect, to problems that are put to all alike.
Kernel asked_in_its_own(Kernel k) {
  if (k.dialect == "math") return k;
  const std::string d = k.dialect;
  k.supports = [d, f = k.supports](const Problem& p) { return f(in_dialect(p, d)); };
  k.budget = [d, f = k.budget](const Problem& p) { return f(in_dialect(p, d)); };
  k.bind = [d, f = k.bind](TestCase c, const BindOptions& o) {
    c.problem = in_dialect(c.problem, d);
    return f(c, o);
  };
  return k;
}

/// Runs where `there` does, in this process the problems that it does not take.
Kernel moved(Kernel here, const Kernel& there, const std::vector<Problem>& problems, Results& r) {
  for (const Problem& p : problems) {
    if (!here.supports(p)) continue;
    if (const Support s = there.supports(p); !s) {
      r.notes.push_back(here.name + ": timed in this process on " + to_text(p) + ": " + s.reason);
    }
  }
  here.origin = there.origin;
  here.bind = [here = here.bind, there](const TestCase& c, const BindOptions& o) {
    return there.supports(c.problem) ? there.bind(c, o) : here(c, o);
  };
  return here;
}

/// Where any kernel runs in a process of its own, so do ours: both sides pay alike.
std::vector<Kernel> on_equal_terms(const std::vector<Kernel>& kernels,
                                   const std::vector<Problem>& problems, Results& r) {
  std::vector<Kernel> ours, all;
  for (const Kernel& k : kernels) {
    if (k.origin.empty()) ours.push_back(k);
  }
  if (ours.size() == kernels.size()) return kernels;
  const std::vector<Kernel> elsewhere = in_process_of_their_own(ours);
  for (const Kernel& k : kernels) {
    const auto same = std::find_if(elsewhere.begin(), elsewhere.end(),
                                   [&](const Kernel& m) { return m.name == k.name; });
    const bool stays = same == elsewhere.end();
    all.push_back(stays ? k : moved(k, *same, problems, r));
    if (k.origin.empty() && stays) {
      r.notes.push_back(k.name + ": timed in this process, the others each in one of their own");
    }
  }
  return all;
}

/// The verdict of an accuracy property that the kernel passed before it was timed.
void convict(const WrongOutput& w, Results& r) {
  const char* property = w.message.starts_with("grad") ? "grad.accurate" : "loss.accurate";
  Counterexample wrong;
  wrong.problem = w.problem;
  wrong.data = "the bench's, while the clock ran";
  wrong.message = w.message;
  for (VerdictRow& row : r.verdicts) {
    if (row.kernel != w.kernel || row.property != property) continue;
    if (row.verdict != Verdict::pass) continue;
    row.verdict = Verdict::fail;
    row.problem = w.problem;
    row.counterexample = wrong;
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
  std::vector<Kernel> asked;
  for (const Kernel& k : on_equal_terms(kernels, b.problems, r)) {
    asked.push_back(asked_in_its_own(k));
  }
  BenchResult timed =
      bench(asked, [&](const Kernel& k, const Problem& p) { return verdict_of(r, k, p); }, b);
  r.timings = std::move(timed.timings);
  r.limits = std::move(timed.limits);
  for (std::string& note : timed.notes) r.notes.push_back(std::move(note));
  for (const WrongOutput& w : timed.wrong) convict(w, r);
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

/// What stopped the judging; what was judged until then is kept.
std::exception_ptr judge(const std::vector<Kernel>& kernels, const Options& o,
                         const VerifyOptions& v, Results& r) {
  try {
    verify_in_dialects(kernels, o, v, r);
    return nullptr;
  } catch (const std::exception& e) {
    r.notes.push_back(std::string("judging stopped: ") + e.what());
    return std::current_exception();
  }
}

void add_peers(ChosenKernels& choice, Results& r) {
  Peers all = peers();
  for (std::size_t i = 0; i < all.kernels.size(); ++i) {
    Kernel& k = all.kernels[i];
    const bool known = std::any_of(choice.kernels.begin(), choice.kernels.end(),
                                   [&](const Kernel& other) { return other.name == k.name; });
    if (known) continue;
    choice.brought_by[k.name] = all.brought_by[i];
    choice.kernels.push_back(std::move(k));
  }
  for (std::string& why : all.missing) r.notes.push_back(std::move(why));
}

}  // namespace

Exit judge_command(const Options& o) {
  const auto started = std::chrono::steady_clock::now();
  Results r = begin_results(o);
  ChosenKernels choice = chosen_kernels(o);
  if (o.peers) add_peers(choice, r);
  const std::vector<Kernel>& kernels = choice.kernels;
  if (!o.selection.problem.empty()) parse_problems(o.selection.problem);
  ProgressLine line;
  const VerifyOptions v = verify_options(verifying(o), choice, r, line);
  require_known(o);
  require_writable(o);
  const std::atomic<bool>& interrupted = stop_on_interrupt();
  print_head(r, kernels.size());
  if (kernels.empty()) {
    fmt::print("{}\n", why_none(o));
    return Exit::nothing;
  }
  const std::exception_ptr trouble = judge(kernels, verifying(o), v, r);
  line.clear();
  note_unjudged(r);
  Exit judged = exit_code(r, o.strict);
  if (interrupted && judged == Exit::ok) judged = Exit::inconclusive;
  const bool go_on =
      judged == Exit::ok || o.command == "run" || o.keep_going || o.include_failing;
  if (o.command != "verify" && go_on && !trouble && !interrupted) {
    if (!timed(kernels, o, r, line)) judged = Exit::internal;
    else if (judged == Exit::ok) judged = exit_code(r, o.strict);
  }
  line.clear();
  r.seconds = seconds_since(started);
  print_verdicts(r);
  print_failures(r);
  print_timings(r);
  print_tail(r, judged);
  write_reports(r, o, o.command == "run");
  if (trouble) std::rethrow_exception(trouble);
  return judged;
}

}  // namespace xent
