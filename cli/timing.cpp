// SPDX-License-Identifier: Apache-2.0
#include "cli/timing.h"

#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <utility>

#include "bench/bench.h"
#include "core/error.h"
#include "impl/process/foreign.h"

namespace xent {
namespace {

/// Problems of the bench unless others are asked for: few classes, a mid-size head, a vocabulary.
constexpr const char* kUsual[] = {
    "op=ce dtype=f32 dir=fwd,fwdbwd n=8192 v=10", "op=ce dtype=f32 dir=fwd,fwdbwd n=1024 v=1000",
    "op=ce dtype=f32 dir=fwd,fwdbwd n=256 v=50257", "op=ce dtype=f64 dir=fwdbwd n=128 v=50257"};

/// Sizes at which the machine's limits can be told apart: cache, memory, rows of a power of two.
constexpr const char* kLimits[] = {
    "op=ce dtype=f32 dir=fwd,fwdbwd n=8192 v=10",
    "op=ce dtype=f32,bf16,f16 dir=fwd,fwdbwd n=8192 v=1000",
    "op=ce dtype=f32,bf16,f16 dir=fwd,fwdbwd n=2048 v=32000",
    "op=ce dtype=f32,bf16,f16 dir=fwd,fwdbwd n=1024 v=50257",
    "op=ce dtype=f32,bf16,f16 dir=fwd,fwdbwd n=512 v=128256",
    "op=ce dtype=f32,bf16,f16 dir=fwd,fwdbwd n=256 v=262144"};

/// The text says nothing that is not so of the problem.
bool is_among(const Problem& p, const std::string& text) {
  const std::vector<Problem> narrowed = parse_problems(text, p);
  return std::find(narrowed.begin(), narrowed.end(), p) != narrowed.end();
}

/// A kernel's verdict on a problem: that of its worst property, and a pass only if its losses, and
/// gradients where they are timed, were found accurate.
Verdict verdict_of(const Results& r, const std::string& kernel, const Problem& p) {
  Verdict worst = Verdict::skip;
  bool loss = !p.wants_loss(), grad = !p.wants_grad();
  for (const VerdictRow& row : r.verdicts) {
    if (row.kernel != kernel) continue;
    worst = graver(worst, row.vacuous ? Verdict::fail : row.verdict);
    const bool passed = row.verdict == Verdict::pass && !row.vacuous;
    loss |= passed && row.property == "loss.accurate";
    grad |= passed && row.property == "grad.accurate";
  }
  return worst == Verdict::pass && !(loss && grad) ? Verdict::skip : worst;
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

/// Where any kernel runs in a process of its own, so do ours: both sides pay alike. Beside peers
/// alone, which nobody submits, ours stay on the memory that the machine's limits are measured on.
std::vector<Kernel> on_equal_terms(const std::vector<Kernel>& kernels,
                                   const std::vector<Problem>& problems, Results& r) {
  std::vector<Kernel> ours, all;
  for (const Kernel& k : kernels) {
    if (k.origin.empty()) ours.push_back(k);
  }
  const bool trusted = std::all_of(kernels.begin(), kernels.end(), [](const Kernel& k) {
    return k.origin.empty() || k.role == Role::peer;
  });
  if (trusted) return kernels;
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

BenchOptions bench_options(const Options& o, ProgressLine& line) {
  BenchOptions b;
  b.seed = o.seed;
  b.threads = o.threads;
  b.in_place = o.in_place || !o.shapes.empty();
  b.include_failing = o.include_failing;
  b.progress = [&line](const std::string& text) { line.show(text); };
  b.problems = problems_to_time(o);
  return b;
}

/// Peers in another environment: each with the name of the kernel whose verdict is theirs.
std::map<std::string, std::string> add_again(std::vector<Kernel>& kernels,
                                             const std::vector<PeerAgain>& again, Results& r) {
  std::map<std::string, std::string> like;
  for (const PeerAgain& a : again) {
    const auto info = std::find_if(r.kernels.begin(), r.kernels.end(),
                                   [&](const KernelInfo& k) { return k.name == a.like; });
    if (info == r.kernels.end()) continue;
    KernelInfo same = *info;
    same.name = a.kernel.name;
    same.summary = a.kernel.summary;
    r.kernels.push_back(same);
    kernels.push_back(a.kernel);
    like[a.kernel.name] = a.like;
  }
  return like;
}

void leave_out_untimed(std::vector<Kernel>& kernels, Results& r) {
  for (const Kernel& k : kernels) {
    if (!k.untimed.empty()) r.notes.push_back(k.name + ": not timed, " + k.untimed);
  }
  std::erase_if(kernels, [](const Kernel& k) { return !k.untimed.empty(); });
}

void time_all(std::vector<Kernel> kernels, const std::vector<PeerAgain>& again, const Options& o,
              Results& r, ProgressLine& line) {
  const auto like = add_again(kernels, again, r);
  leave_out_untimed(kernels, r);
  const BenchOptions b = bench_options(o, line);
  std::vector<Kernel> asked;
  for (const Kernel& k : on_equal_terms(kernels, b.problems, r)) {
    asked.push_back(asked_in_its_own(k));
  }
  const VerdictOf verdict = [&](const Kernel& k, const Problem& p) {
    const auto same = like.find(k.name);
    return verdict_of(r, same == like.end() ? k.name : same->second, p);
  };
  BenchResult timed = bench(asked, verdict, b);
  r.timings = std::move(timed.timings);
  r.limits = std::move(timed.limits);
  for (std::string& note : timed.notes) r.notes.push_back(std::move(note));
  for (const WrongOutput& w : timed.wrong) convict(w, r);
}

}  // namespace

std::vector<Problem> problems_to_time(const Options& o) {
  const std::string& text = o.selection.problem;
  if (o.shapes.empty() && !text.empty()) return parse_problems(text);
  std::vector<Problem> all;
  const auto take = [&all](const auto& texts) {
    for (const char* one : texts) {
      for (const Problem& p : parse_problems(one)) all.push_back(p);
    }
  };
  if (o.shapes.empty()) take(kUsual);
  else take(kLimits);
  if (!text.empty()) {
    std::erase_if(all, [&](const Problem& p) { return !is_among(p, text); });
  }
  if (all.empty()) {
    throw UsageError("--shapes " + o.shapes + ": none of its problems is among --problem '" + text +
                     "'; see bench/README.md");
  }
  return all;
}

/// Verdicts outlive a bench that could not be done: memory that is not there, say.
bool time_kernels(const std::vector<Kernel>& kernels, const std::vector<PeerAgain>& again,
                  const Options& o, Results& r, ProgressLine& line) {
  try {
    time_all(kernels, again, o, r, line);
    return true;
  } catch (const std::exception& e) {
    r.notes.push_back(std::string("the bench stopped: ") + e.what());
    return false;
  }
}

}  // namespace xent
