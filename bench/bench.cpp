// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bench/limits/bandwidth.h"
#include "bench/runner.h"
#include "bench/statistics.h"
#include "core/test_case.h"
#include "properties/checks.h"
#include "properties/domain.h"
#include "properties/random.h"

namespace xent {
namespace {

/// The domain that cases to be timed are taken from.
constexpr std::string_view kDomain = "gaussian";
constexpr std::string_view kProbabilityDomain = "simplex";

/// Reasons for what is left out, with the number of problems that each applies to.
class Notes {
 public:
  void add(const std::string& kernel, const std::string& reason) { ++counts_[{kernel, reason}]; }

  std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const auto& [what, count] : counts_) {
      all.push_back(fmt::format("{}: not timed on {} problem{}: {}", what.first, count,
                                count == 1 ? "" : "s", what.second));
    }
    return all;
  }

 private:
  std::map<std::pair<std::string, std::string>, std::int64_t> counts_;
};

/// Why a kernel with this verdict is not timed; nothing: it is.
std::optional<std::string> refusal(Verdict verdict, bool include_failing) {
  if (verdict == Verdict::pass || (verdict == Verdict::fail && include_failing)) return {};
  if (verdict == Verdict::fail) return "it fails verification (--include-failing times it)";
  return fmt::format("its verdict is {}, not pass", name(verdict));
}

/// Peers are shown beside ours whatever they are worth, marked.
bool failing_too(Role role, const BenchOptions& options) {
  return options.include_failing || role == Role::peer;
}

std::string_view domain_for(const Problem& problem) {
  return find_domain(kDomain).fits(problem) ? kDomain : kProbabilityDomain;
}

/// A kernel that runs elsewhere, on several cases, one after the other in rounds of random order:
/// who remembers answers gains from data seen just before. What it wrote last on each case is
/// judged when all is timed.
class Stranger {
 public:
  Stranger(Kernel kernel, const TestCase& first, std::size_t count)
      : kernel_(std::move(kernel)), random_(Random(first.recipe.seed).stream(kOrder)),
        order_(count) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    BindOptions options;
    options.timed = true;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t seed = first.recipe.seed + i;
      cases_.push_back(i == 0 ? first : make_case(first.problem, first.recipe.domain, seed));
      invocations_.push_back(kernel_.bind(cases_.back(), options));
      time(*invocations_.back(), 1);  // what was never called can't be judged
    }
  }

  std::vector<double> times(int calls) {
    if (at_ == order_.size()) shuffle();
    return time(*invocations_[order_[at_++]], calls);
  }

  /// What is wrong with what was written while the clock ran; nothing: it is right.
  std::optional<std::string> wrong() const {
    for (std::size_t i = 0; i < cases_.size(); ++i) {
      const Faults faults = invocations_[i]->faults();
      for (const auto* list : {&faults.inputs_changed, &faults.written_outside,
                               &faults.misconduct}) {
        if (!list->empty()) return list->front();
      }
      Judgement j;
      Reference exact(cases_[i]);
      judge_output(j, exact, kernel_.budget(cases_[i].problem), invocations_[i]->output());
      if (j.verdict == Verdict::fail) return j.message;
    }
    return {};
  }

 private:
  static constexpr std::uint64_t kOrder = 0x74696d65;

  static std::vector<double> time(Invocation& one, int calls) {
    std::vector<double> seconds = one.time(calls);
    const Faults faults = one.faults();
    if (!faults.raised.empty()) throw std::runtime_error(faults.raised);
    return seconds;
  }

  /// A round does not begin with the case that the last one ended with.
  void shuffle() {
    const std::size_t last = order_.back();
    for (std::size_t i = order_.size() - 1; i > 0; --i) {
      const auto other = random_.below(drawn_++, static_cast<std::int64_t>(i) + 1);
      std::swap(order_[i], order_[static_cast<std::size_t>(other)]);
    }
    if (order_.front() == last) std::swap(order_.front(), order_.back());
    at_ = 0;
  }

  Kernel kernel_;
  std::vector<TestCase> cases_;
  std::vector<std::unique_ptr<Invocation>> invocations_;
  Random random_;
  std::uint64_t drawn_ = 0;
  std::vector<std::size_t> order_;  ///< of this round
  std::size_t at_ = 0;
};

/// What is timed on one problem, with its memory.
struct Session {
  Problem problem;
  std::list<std::unique_ptr<Invocation>> invocations;
  std::map<std::size_t, std::shared_ptr<Stranger>> strangers;  ///< by job
  std::list<limits::Buffer> buffers;
  std::vector<TimedJob> jobs;
  std::vector<Timing> timings;                   ///< of the first jobs
  std::vector<Role> roles;                       ///< of the same
  std::vector<const limits::Pattern*> patterns;  ///< of the jobs after them
};

TimedJob job_here(Session& session, const Kernel& kernel, const TestCase& data) {
  session.invocations.push_back(kernel.bind(data, {}));
  Invocation* invocation = session.invocations.back().get();
  return {{}, [invocation] { invocation->reset(); }, [invocation] {
            invocation->launch();
            invocation->wait();
          }};
}

TimedJob job_elsewhere(Session& session, const Kernel& kernel, const TestCase& data) {
  constexpr double kLarge = 64e6;
  const std::size_t count = minimum_bytes(data.problem) < kLarge ? 3 : 2;
  const auto stranger = std::make_shared<Stranger>(kernel, data, count);
  session.strangers[session.jobs.size()] = stranger;
  return {{}, [] {}, [] {}, [stranger](int calls) { return stranger->times(calls); }};
}

void add_kernel(Session& session, const Kernel& kernel, Verdict verdict, const TestCase& data) {
  const std::string problem = to_text(session.problem);
  TimedJob job = kernel.origin.empty() ? job_here(session, kernel, data)
                                       : job_elsewhere(session, kernel, data);
  job.name = kernel.name + " on " + problem;
  session.jobs.push_back(std::move(job));
  session.roles.push_back(kernel.role);
  Timing timing;
  timing.kernel = kernel.name;
  timing.problem = problem;
  timing.verdict = verdict;
  session.timings.push_back(std::move(timing));
}

std::string_view limit_name(const Problem& problem) {
  return problem.wants_grad() ? limits::kReadWrite : limits::kRead;
}

/// All patterns of a limit share one buffer of the problem's footprint.
void add_limits(Session& session) {
  session.buffers.emplace_back(static_cast<std::size_t>(minimum_bytes(session.problem)));
  limits::Buffer* buffer = &session.buffers.back();
  for (const limits::Pattern& pattern : limits::patterns()) {
    if (pattern.name != limit_name(session.problem)) continue;
    session.patterns.push_back(&pattern);
    session.jobs.push_back(
        {fmt::format("{}, {} streams, {} bytes", pattern.name, pattern.streams, buffer->bytes()),
         [] {},
         [buffer, pass = pattern.pass] { pass(buffer->words()); }});
  }
}

/// The fastest pattern is the limit.
Limit limit_of(const Session& session, const std::vector<JobTimes>& times) {
  Limit limit;
  limit.name = limit_name(session.problem);
  limit.footprint_bytes = static_cast<std::int64_t>(session.buffers.front().bytes());
  for (std::size_t i = 0; i < session.patterns.size(); ++i) {
    const JobTimes& job = times[session.timings.size() + i];
    if (job.seconds.empty()) continue;
    const auto traffic = static_cast<double>(session.patterns[i]->traffic * limit.footprint_bytes);
    const double rate = traffic / quantile(job.seconds, 0.5);
    if (rate <= limit.bytes_per_second) continue;
    limit.bytes_per_second = rate;
    limit.samples = static_cast<std::int64_t>(job.seconds.size());
  }
  return limit;
}

void fill(Timing& timing, const Problem& problem, const JobTimes& job, const Limit& limit) {
  timing.samples = static_cast<std::int64_t>(job.seconds.size());
  timing.median = quantile(job.seconds, 0.5);
  timing.low = quantile(job.seconds, 0.25);
  timing.high = quantile(job.seconds, 0.75);
  timing.minimum_bytes = minimum_bytes(problem);
  timing.bytes_per_second = timing.minimum_bytes / timing.median;
  timing.logits_per_second =
      static_cast<double>(problem.n) * static_cast<double>(problem.v) / timing.median;
  timing.limit = limit.name;
  timing.limit_bytes_per_second = limit.bytes_per_second;
}

/// One limit for each name and footprint: the fastest one measured.
void record(std::vector<Limit>& limits, const Limit& limit) {
  for (Limit& known : limits) {
    if (known.name != limit.name || known.footprint_bytes != limit.footprint_bytes) continue;
    if (known.bytes_per_second < limit.bytes_per_second) known = limit;
    return;
  }
  limits.push_back(limit);
}

void run_session(Session& session, const BenchOptions& options, BenchResult& result,
                 Notes& notes) {
  add_limits(session);
  const std::vector<JobTimes> times =
      time_jobs(session.jobs, {options.min_seconds, options.repetitions, options.progress});
  const Limit limit = limit_of(session, times);
  record(result.limits, limit);
  for (std::size_t i = 0; i < session.timings.size(); ++i) {
    Timing& timing = session.timings[i];
    if (!times[i].error.empty()) {
      notes.add(timing.kernel, "it raised: " + times[i].error);
      continue;
    }
    if (const auto stranger = session.strangers.find(i); stranger != session.strangers.end()) {
      if (const auto wrong = stranger->second->wrong()) {
        result.wrong.push_back({timing.kernel, timing.problem, *wrong});
        timing.verdict = Verdict::fail;
        if (!failing_too(session.roles[i], options)) {
          notes.add(timing.kernel, "what it wrote while the clock ran is wrong: " + *wrong);
          continue;
        }
      }
    }
    fill(timing, session.problem, times[i], limit);
    result.timings.push_back(std::move(timing));
  }
}

/// Binds the kernels that may be timed. The case is made for the first of them.
Session open_session(const std::vector<Kernel>& kernels, const VerdictOf& verdict_of,
                     const Problem& problem, const BenchOptions& options, Notes& notes) {
  Session session;
  session.problem = problem;
  std::optional<TestCase> data;
  for (const Kernel& kernel : kernels) {
    if (const Support support = kernel.supports(problem); !support) {
      notes.add(kernel.name, support.reason);
      continue;
    }
    const Verdict verdict = verdict_of(kernel, problem);
    if (const auto reason = refusal(verdict, failing_too(kernel.role, options))) {
      notes.add(kernel.name, *reason);
      continue;
    }
    if (!data) data = make_case(problem, domain_for(problem), options.seed);
    try {
      add_kernel(session, kernel, verdict, *data);
    } catch (const std::exception& e) {
      notes.add(kernel.name, std::string("it raised: ") + e.what());
    }
  }
  return session;
}

}  // namespace

double minimum_bytes(const Problem& problem) {
  const auto n = static_cast<double>(problem.n);
  const auto v = static_cast<double>(problem.v);
  const auto in = static_cast<double>(size_of(problem.dtype));
  const auto out = static_cast<double>(size_of(problem.output_dtype()));
  double bytes = n * v * in;
  if (problem.takes_targets()) {
    bytes += has_vector_targets(problem) ? n * v * in
                                         : n * static_cast<double>(sizeof(std::int64_t));
  }
  if (problem.weights) bytes += v * in;
  if (problem.wants_grad() && problem.upstream != Upstream::one) {
    bytes += (problem.upstream == Upstream::row ? n : 1) * in;
  }
  if (problem.wants_loss()) bytes += static_cast<double>(problem.loss_size()) * out;
  if (problem.wants_grad()) bytes += n * v * out;
  return bytes;
}

BenchResult bench(const std::vector<Kernel>& kernels, const VerdictOf& verdict_of,
                  const BenchOptions& options) {
  BenchResult result;
  Notes notes;
  for (const Problem& problem : options.problems) {
    Session session = open_session(kernels, verdict_of, problem, options, notes);
    if (!session.jobs.empty()) run_session(session, options, result, notes);
  }
  result.notes = notes.lines();
  return result;
}

}  // namespace xent
