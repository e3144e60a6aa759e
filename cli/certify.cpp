// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/judging.h"
#include "cli/kernels.h"
#include "cli/terminal.h"
#include "core/error.h"
#include "core/text.h"
#include "impl/process/foreign.h"
#include "oracle/exp_error.h"
#include "oracle/simd/rows.h"

namespace xent {
namespace {

constexpr const char* kProblem = "exp dtype=f32";

/// What a kernel answered with instead of a result.
struct Raised : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class F>
auto ask(F f) {
  try {
    return f();
  } catch (const GivenUp&) {
    throw;
  } catch (const std::exception& e) {
    throw Raised(e.what());
  }
}

/// The binary32 arguments from +infinity down to the least positive one, then from -0 down to
/// -infinity; +0 is looked at by itself.
constexpr std::int64_t kPositive = 0x7f800000, kAll = 2 * kPositive + 1;

float argument(std::int64_t i) {
  const std::int64_t bits = i < kPositive ? kPositive - i : 0x80000000 + (i - kPositive);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}

std::string hex(float x) { return fmt::format("{:a}", x); }

/// Arguments first, first + every, ... of the order above, in pieces.
class Arguments {
 public:
  Arguments(bool positive, std::int64_t every) : first_(positive ? 0 : kPositive), every_(every) {}
  std::int64_t count() const { return (kAll - first_ + every_ - 1) / every_; }
  std::int64_t pieces() const { return (count() + kPiece - 1) / kPiece; }
  void fill(std::int64_t piece, std::vector<float>& x) const {
    const std::int64_t begin = piece * kPiece, end = std::min(begin + kPiece, count());
    x.resize(static_cast<std::size_t>(end - begin));
    for (std::int64_t i = begin; i < end; ++i) {
      x[static_cast<std::size_t>(i - begin)] = argument(first_ + i * every_);
    }
  }

 private:
  static constexpr std::int64_t kPiece = 1 << 16;
  std::int64_t first_, every_;
};

/// Neighbouring pieces as one task: few results are kept until they are joined in order.
constexpr std::int64_t kTask = 64;

/// The whole sweep on some threads; what is joined does not depend on their number.
class ExpSweep {
 public:
  ExpSweep(const Exponential& exp, const ErrorBudget& b, Arguments arguments,
           const std::atomic<bool>& stop)
      : exp_(exp),
        budget_(b),
        arguments_(arguments),
        stop_(stop),
        found_(static_cast<std::size_t>((arguments.pieces() + kTask - 1) / kTask)) {}

  /// Where the kernel spoils the arithmetic of its thread, `why` says how, and nothing is certain.
  /// What it raises in any thread comes through.
  ExpErrors run(int jobs, const std::string& name, std::string& why) {
    std::vector<std::thread> threads;
    for (int i = 1; i < jobs; ++i) threads.emplace_back([this] { work({}); });
    work(name);
    for (std::thread& t : threads) t.join();
    if (raised_) std::rethrow_exception(raised_);
    ExpErrors all;
    for (const ExpErrors& e : found_) all.append(e);
    why = spoiled_;
    return all;
  }

 private:
  void work(const std::string& name) {
    try {
      work_through(name);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!raised_) raised_ = std::current_exception();
      next_ = found_.size();
    }
  }

  /// With a name: shows the progress.
  void work_through(const std::string& name) {
    ProgressLine line;
    std::vector<float> x, y;
    for (std::size_t task; !stop_ && (task = next_++) < found_.size();) {
      if (!name.empty()) line.show(fmt::format("{} {}%", name, 100 * task / found_.size()));
      const std::int64_t first = static_cast<std::int64_t>(task) * kTask;
      for (std::int64_t p = first; p < std::min(first + kTask, arguments_.pieces()); ++p) {
        arguments_.fill(p, x);
        y.assign(x.size(), std::numeric_limits<float>::quiet_NaN());
        ask([&] { exp_.compute(x, y); });
        if (const std::string why = simd_tiers_unusable(); !why.empty()) return spoil(why);
        found_[task].append(exp_errors(x, y, budget_));
      }
    }
  }

  void spoil(const std::string& why) {
    const std::lock_guard lock(mutex_);
    spoiled_ = why;
    next_ = found_.size();
  }

  const Exponential& exp_;
  const ErrorBudget& budget_;
  Arguments arguments_;
  const std::atomic<bool>& stop_;
  std::vector<ExpErrors> found_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::string spoiled_;
  std::exception_ptr raised_;
};

ExpSpecials specials(const Exponential& exp) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {0, -inf, std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> y(x.size());
  ask([&] { exp.compute(x, y); });
  return {y[0], y[1], y[2]};
}

std::vector<std::string> facts(const ExpErrors& e, const ExpSpecials& s) {
  std::vector<std::string> out = {fmt::format("exp(0) = {}", s.at_zero),
                                  fmt::format("exp(-inf) = {}", s.at_minus_infinity),
                                  std::isnan(s.at_nan) ? "NaN stays NaN"
                                                       : fmt::format("exp(NaN) = {}", s.at_nan)};
  if (const auto& wrong = e.not_monotone) {
    out.push_back(fmt::format("not monotone: {} at {}, {} at {}", hex(wrong->first.y),
                              hex(wrong->first.x), hex(wrong->second.y), hex(wrong->second.x)));
  } else {
    out.emplace_back("monotone");
  }
  if (e.least_nonzero) out.push_back("0 below " + hex(*e.least_nonzero));
  return out;
}

KnownMaximum known(std::string what, const ExpWorst& w, std::string unit) {
  return {std::move(what), w.lo, w.hi, std::move(unit), hex(w.x), hex(w.y)};
}

ExponentialRow row_of(const Kernel& k, const ErrorBudget& b, const ExpErrors& e,
                      const ExpSpecials& s, std::int64_t every) {
  ExponentialRow row{k.name, judge(e, s, b), {}, e.inputs, every, b.exp_rel, b.exp_arg, {}, {}};
  row.arguments = k.exponential.positive ? "-inf to inf" : "-inf to 0";
  std::string relative = "|y / exp x - 1|", absolute = "|y - exp x|";
  if (b.exp_arg != 0) {
    relative += fmt::format(" - {} u |x|", shortest(b.exp_arg));
    absolute += fmt::format(" - {} u |x| exp x", shortest(b.exp_arg));
  }
  row.maxima = {known(relative, e.relative, "u"), known("|y - exp x|, normal y", e.ulp, "ulp"),
                known(absolute + ", other y", e.tiny, "of 2^-149")};
  row.facts = facts(e, s);
  return row;
}

/// What went beyond the budget, or what may have; with its witness.
std::string trouble(const ExpErrors& e, const ExpSpecials& s, const ErrorBudget& b) {
  const auto at = [](const ExpWorst& w) {
    return fmt::format(" at x = {} (0x{:08x}), y = {}", hex(w.x),
                       std::bit_cast<std::uint32_t>(w.x), hex(w.y));
  };
  if (within(e.relative, b.exp_rel) != Verdict::pass) {
    return fmt::format("the error is {} u where the budget has {} u",
                       certain_digits(e.relative.lo, e.relative.hi), shortest(b.exp_rel)) +
           at(e.relative);
  }
  if (within(e.tiny, tiny_allowed(b)) != Verdict::pass) {
    return fmt::format("the error is {} times 2^-149 where the budget allows {}",
                       certain_digits(e.tiny.lo, e.tiny.hi), shortest(tiny_allowed(b))) +
           at(e.tiny);
  }
  if (specials_hold(s, b)) return {};
  return fmt::format("exp(0) = {} and exp(-inf) = {}, which must be 1 and 0", s.at_zero,
                     s.at_minus_infinity);
}

/// What to declare: the least `a` of four decimals that covers what was certified.
std::string conclusion(const ExpErrors& e, const ErrorBudget& b) {
  const double a = std::ceil(e.relative.hi * 1e4) / 1e4;
  if (!(a < 0x1p24)) return "no `a` describes it";
  std::string text = fmt::format("b.exp_rel = {};", shortest(a));
  if (b.exp_arg != 0) text += fmt::format(" b.exp_arg = {};", shortest(b.exp_arg));
  text += "  // certified on every argument";
  return a < b.exp_rel ? text + fmt::format("; declared is more, {}", shortest(b.exp_rel)) : text;
}

VerdictRow verdict_row(const ExponentialRow& e, const std::string& property,
                       const std::string& trouble) {
  VerdictRow row;
  row.kernel = e.kernel;
  row.property = property;
  row.verdict = e.verdict;
  row.reason = trouble;
  row.problem = kProblem;
  row.cases = 1;
  row.checks = e.inputs;
  row.worst.error_over_bound = e.maxima[0].high / e.declared_rel;
  if (!trouble.empty()) row.counterexample = Counterexample{{}, {}, row.problem, {}, trouble, 0};
  return row;
}

void without_figures(const Kernel& k, const std::string& property, Verdict verdict,
                     const std::string& why, Results& r) {
  const bool failed = verdict == Verdict::fail;
  fmt::print("\n{} {}\n{}", failed ? bad(name(verdict)) : dim(name(verdict)), bold(k.name),
             wrapped(why, 2));
  VerdictRow row;
  row.kernel = k.name;
  row.property = property;
  row.verdict = verdict;
  row.reason = why;
  row.problem = kProblem;
  if (failed) row.counterexample = Counterexample{{}, {}, row.problem, {}, why, 0};
  r.verdicts.push_back(std::move(row));
}

void print_row(const ExponentialRow& e, const std::string& trouble, const std::string& last,
               double seconds) {
  const std::string word = e.verdict == Verdict::pass ? good("pass") : bad(name(e.verdict));
  fmt::print("\n{} {}  x from {}: {} arguments, {}, {:.1f} s\n", word, bold(e.kernel),
             e.arguments, e.inputs,
             e.every > 1 ? fmt::format("one of {}, certifies nothing", e.every) : "every one",
             seconds);
  std::size_t width = 0;
  for (const KnownMaximum& m : e.maxima) width = std::max(width, m.what.size());
  for (const KnownMaximum& m : e.maxima) {
    fmt::print("  {:<{}} {:>12} {:<9} at {}\n", m.what, width, certain_digits(m.low, m.high),
               m.unit, m.argument);
  }
  fmt::print("{}", wrapped(join(e.facts, "; "), 2));
  if (!trouble.empty()) fmt::print("{}", wrapped(trouble, 2));
  if (!last.empty()) fmt::print("  {}\n", last);
  std::fflush(stdout);
}

void print_counts(const Results& r) {
  constexpr std::pair<Verdict, const char*> words[] = {{Verdict::pass, "passed"},
                                                       {Verdict::fail, "failed"},
                                                       {Verdict::inconclusive, "undecided"},
                                                       {Verdict::skip, "skipped"}};
  std::vector<std::string> parts;
  for (const auto& [v, word] : words) {
    const auto n = std::count_if(r.verdicts.begin(), r.verdicts.end(),
                                 [v = v](const VerdictRow& row) { return row.verdict == v; });
    if (n > 0) parts.push_back(fmt::format("{} {}", n, word));
  }
  fmt::print("\n{} in {:.1f} s\n", parts.empty() ? "nothing" : join(parts, ", "), r.seconds);
}

PropertyInfo property_of(std::int64_t every) {
  const std::string statement =
      "|exp^(x) / exp(x) - 1| <= (a + b |x|) u for normal results, else "
      "|exp^(x) - exp(x)| <= omega; exp^(0) = 1, exp^(-inf) = 0";
  if (every == 1) {
    return {"exp.certified", "The exponential errs no more than declared, on every binary32 "
            "argument.", statement};
  }
  return {"exp.sampled", "The exponential errs no more than declared, on the arguments tried.",
          statement};
}

/// Why nothing can be said of the kernel's exponential; empty: something can.
std::string why_not(const Kernel& k) {
  if (!k.exponential.compute) return "shows no exponential of its own";
  if (ask([&] { return k.budget({}); }).accumulate != DType::f32) {
    return "declares no error in binary32";
  }
  if (k.origin.ends_with(kOnDevice)) return ask([&] { return k.supports({}); }).reason;
  return {};
}

void certify(const Kernel& k, const Options& o, const std::atomic<bool>& stop, Results& r) {
  const auto started = std::chrono::steady_clock::now();
  const std::string& property = r.properties[0].id;
  if (const std::string why = why_not(k); !why.empty()) {
    return without_figures(k, property, Verdict::skip, why, r);
  }
  const ErrorBudget b = ask([&] { return k.budget({}); });
  ExpSweep sweep(k.exponential, b, Arguments(k.exponential.positive, o.every), stop);
  std::string spoiled;
  const ExpErrors e = sweep.run(o.jobs, k.name, spoiled);
  if (stop) return;
  if (!spoiled.empty()) {
    return without_figures(k, property, Verdict::inconclusive,
                           "leaves its thread in another arithmetic: " + spoiled, r);
  }
  const ExpSpecials s = specials(k.exponential);
  const std::string wrong = trouble(e, s, b);
  r.exponentials.push_back(row_of(k, b, e, s, o.every));
  r.verdicts.push_back(verdict_row(r.exponentials.back(), property, wrong));
  print_row(r.exponentials.back(), wrong, o.every == 1 ? conclusion(e, b) : "",
            seconds_since(started));
}

void certify_guarded(const Kernel& k, const Options& o, const std::atomic<bool>& stop,
                     Results& r) {
  const std::string& property = r.properties[0].id;
  try {
    certify(k, o, stop, r);
  } catch (const GivenUp& e) {
    without_figures(k, property, Verdict::skip, e.what(), r);
  } catch (const Raised& e) {
    without_figures(k, property, Verdict::fail, std::string("raised: ") + e.what(), r);
  }
}

}  // namespace

Exit certify_command(const Options& o) {
  const auto started = std::chrono::steady_clock::now();
  Results r = begin_results(o);
  r.seed = "none";
  r.profile = o.every == 1 ? "every argument" : fmt::format("one argument of {}", o.every);
  r.properties = {property_of(o.every)};
  const ChosenKernels choice = chosen_kernels(o);
  const std::vector<Kernel>& kernels = choice.kernels;
  r.notes = choice.unmet;
  require_writable(o);
  if (kernels.empty()) {
    fmt::print("{}\n", why_none(o));
    return Exit::nothing;
  }
  if (const std::string why = simd_tiers_unusable(); !why.empty()) {
    fmt::print("nothing is certified here: {}\n", why);
    return Exit::inconclusive;
  }
  const std::string head = "binary32 exponentials, " + r.profile +
                           "; u = 2^-24. Those of binary64 have too many arguments: a search "
                           "finds a lower bound of their error, and certifies nothing.";
  fmt::print("{}", wrapped(head, 0));
  const std::atomic<bool>& interrupted = stop_on_interrupt();
  for (const Kernel& k : kernels) {
    r.kernels.push_back(describe(k));
    certify_guarded(k, o, interrupted, r);
  }
  r.seconds = seconds_since(started);
  for (const std::string& note : r.notes) fmt::print("\n{}", wrapped("note: " + note, 0));
  print_counts(r);
  write_reports(r, o, false);
  const Exit code = exit_code(r, false);
  return interrupted && code != Exit::failed ? Exit::inconclusive : code;
}

}  // namespace xent
