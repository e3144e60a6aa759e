// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include <fmt/core.h>

#include <exception>
#include <list>
#include <map>
#include <memory>
#include <optional>

#include "bench/limits/bandwidth.h"
#include "bench/runner.h"
#include "bench/statistics.h"
#include "core/test_case.h"
#include "properties/domain.h"

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

std::string_view domain_for(const Problem& problem) {
  return find_domain(kDomain).fits(problem) ? kDomain : kProbabilityDomain;
}

/// What is timed on one problem, with its memory.
struct Session {
  Problem problem;
  std::list<std::unique_ptr<Invocation>> invocations;
  std::list<limits::Buffer> buffers;
  std::vector<TimedJob> jobs;
  std::vector<Timing> timings;                   ///< of the first jobs
  std::vector<const limits::Pattern*> patterns;  ///< of the jobs after them
};

void add_kernel(Session& session, const Kernel& kernel, Verdict verdict, const TestCase& data) {
  session.invocations.push_back(kernel.bind(data, {}));
  Invocation* invocation = session.invocations.back().get();
  const std::string problem = to_text(session.problem);
  session.jobs.push_back({kernel.name + " on " + problem, [invocation] { invocation->reset(); },
                          [invocation] {
                            invocation->launch();
                            invocation->wait();
                          }});
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
    if (const auto reason = refusal(verdict, options.include_failing)) {
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
