// SPDX-License-Identifier: Apache-2.0
#include "bench/bench.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "bench/case_memory.h"
#include "bench/limits/arithmetic.h"
#include "bench/limits/bandwidth.h"
#include "bench/limits/team.h"
#include "bench/runner.h"
#include "bench/statistics.h"
#include "bench/stranger.h"
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

/// Peers are shown beside ours whatever they are worth, marked.
bool failing_too(Role role, const BenchOptions& options) {
  return options.include_failing || role == Role::peer;
}

std::string_view domain_for(const Problem& problem) {
  return find_domain(kDomain).fits(problem) ? kDomain : kProbabilityDomain;
}

/// A kernel with the gradient here or there.
struct Row {
  Timing timing;
  Role role = Role::product;
  VectorWork work;                     ///< nothing: not declared
  std::shared_ptr<TimedStranger> stranger;  ///< none: it runs in this process
};

/// What is timed on one problem, with its memory.
struct Session {
  Session(const Problem& p, const BenchOptions& o, bool same_data)
      : problem(p), options(o), warm(same_data), team(o.threads) {}

  Problem problem;
  const BenchOptions& options;
  bool warm;  ///< the same data at the same place in each call
  std::optional<TestCase> data;
  std::unique_ptr<CaseMemory> memory;
  limits::Team team;
  std::vector<TimedJob> jobs;
  std::vector<Row> rows;                         ///< of the first jobs
  std::vector<const limits::Pattern*> patterns;  ///< of the jobs after them
  std::optional<std::size_t> arithmetic;         ///< its job
};

bool is_large(const Problem& p) { return minimum_bytes(p) > 64e6; }

/// On memory that all kernels share, or its own where the code needs that.
TimedJob job_here(Session& s, const Kernel& kernel, bool in_place) {
  const int threads = s.options.threads;
  if (kernel.direct.call && kernel.direct.takes(s.problem)) {
    CaseMemory* const memory = s.memory.get();
    TimedJob job{{}, [] {}, [=, call = kernel.direct.call, p = s.problem] {
                   call(p, memory->call(in_place), threads);
                 }};
    if (in_place) job.before = [memory] { memory->restore(); };
    return job;
  }
  BindOptions options;
  options.in_place = in_place;
  options.threads = threads;
  // Bound when it is its turn, and no longer if that takes much memory.
  const auto bound = std::make_shared<std::unique_ptr<Invocation>>();
  TimedJob job;
  job.prepare = [bound, bind = kernel.bind, data = *s.data, options] {
    if (!*bound) *bound = bind(data, options);
    (*bound)->reset();
  };
  job.run = [bound] {
    (*bound)->launch();
    (*bound)->wait();
  };
  if (in_place) job.before = [bound] { (*bound)->reset(); };
  if (is_large(s.problem)) job.after = [bound] { bound->reset(); };
  return job;
}

TimedJob job_elsewhere(Session& s, const Kernel& kernel, bool in_place, Row& row) {
  const std::size_t several = is_large(s.problem) ? 2 : 3;
  BindOptions options;
  options.timed = true;
  options.in_place = in_place;
  options.threads = s.options.threads;
  options.same_place = s.warm;
  row.stranger = std::make_shared<TimedStranger>(kernel, *s.data, s.warm ? 1 : several, options);
  TimedJob job;
  job.prepare = [] {};
  job.times = [one = row.stranger](int calls) { return one->times(calls); };
  // Those that may remember answers are judged on what they wrote, so all of it is kept.
  if (s.warm && is_large(s.problem)) job.after = [one = row.stranger] { one->let_go(); };
  return job;
}

std::string_view placement(const Problem& problem, bool in_place) {
  if (!problem.wants_grad()) return "";
  return in_place ? "in place" : "out of place";
}

std::string_view limit_name(const Problem& problem, bool in_place) {
  if (!problem.wants_grad()) return limits::kRead;
  return in_place ? limits::kReadWrite : limits::kCopy;
}

void add_row(Session& s, const Kernel& kernel, Verdict verdict, bool in_place) {
  Row row;
  row.role = kernel.role;
  if (kernel.uops_per_vector) row.work = kernel.uops_per_vector(s.problem, in_place);
  Timing& t = row.timing;
  t.kernel = kernel.name;
  t.problem = to_text(s.problem);
  t.verdict = verdict;
  t.limit = limit_name(s.problem, in_place);
  t.placement = placement(s.problem, in_place);
  t.threads = s.options.threads;
  t.cache = s.warm ? "warm" : "changing";
  if (kernel.path) t.path = kernel.path(s.problem);
  TimedJob job = kernel.origin.empty() ? job_here(s, kernel, in_place)
                                       : job_elsewhere(s, kernel, in_place, row);
  job.name = t.kernel + (in_place ? ", in place" : "") + " on " + t.problem;
  s.jobs.push_back(std::move(job));
  s.rows.push_back(std::move(row));
}

/// The memory that a limit is measured on.
struct Stretch {
  std::span<const std::uint64_t> from;
  std::span<std::uint64_t> to;
  std::size_t moved = 0;      ///< bytes, each once; copied and changed ones count twice besides
  std::size_t footprint = 0;  ///< bytes that are touched
};

Stretch stretch(CaseMemory& memory, std::string_view limit) {
  const auto in = memory.inputs();
  const auto out = memory.output();
  if (limit == limits::kRead) return {in, {}, in.size_bytes(), in.size_bytes()};
  if (limit == limits::kReadWrite) return {{}, out, out.size_bytes(), out.size_bytes()};
  const std::size_t both = std::min(in.size(), out.size());
  const std::size_t bytes = out.first(both).size_bytes();
  return {in.first(both), out.first(both), bytes, 2 * bytes};
}

void add_limit(Session& s, std::string_view limit) {
  const Stretch where = stretch(*s.memory, limit);
  for (const limits::Pattern& pattern : limits::patterns()) {
    if (pattern.limit != limit) continue;
    s.patterns.push_back(&pattern);
    TimedJob job{std::string(limit) + ", " + std::string(pattern.name), [] {},
                 [where, pass = pattern.pass, team = &s.team] {
                   team->run([&](int i) {
                     pass(limits::part_of(where.from, i, team->size()),
                          limits::part_of(where.to, i, team->size()));
                   });
                 }};
    if (limit == limits::kReadWrite) job.before = [m = s.memory.get()] { m->restore(); };
    s.jobs.push_back(std::move(job));
  }
}

constexpr std::int64_t kMultiplyAdds = 1200000;

/// Those that the rows need, behind them.
void add_limits(Session& s) {
  for (const std::string_view limit : {limits::kRead, limits::kCopy, limits::kReadWrite}) {
    const auto needed = [&](const Row& row) { return row.timing.limit == limit; };
    if (std::any_of(s.rows.begin(), s.rows.end(), needed)) add_limit(s, limit);
  }
  const auto declared = [](const Row& row) { return row.work.logits > 0; };
  if (std::none_of(s.rows.begin(), s.rows.end(), declared)) return;
  s.arithmetic = s.jobs.size();
  s.jobs.push_back({std::string(limits::kArithmetic), [] {}, [team = &s.team] {
                      team->run([](int) { limits::multiply_add(kMultiplyAdds); });
                    }});
}

/// The fastest pattern is the limit.
Limit limit_of(Session& s, std::string_view name, const std::vector<JobTimes>& times) {
  const Stretch where = stretch(*s.memory, name);
  Limit limit;
  limit.name = name;
  limit.footprint_bytes = static_cast<std::int64_t>(where.footprint);
  limit.threads = s.options.threads;
  for (std::size_t i = 0; i < s.patterns.size(); ++i) {
    const JobTimes& job = times[s.rows.size() + i];
    const limits::Pattern& pattern = *s.patterns[i];
    if (pattern.limit != name || job.seconds.empty()) continue;
    const double bytes = static_cast<double>(pattern.traffic) * static_cast<double>(where.moved);
    const double rate = bytes / quantile(job.seconds, 0.5);
    if (rate <= limit.bytes_per_second) continue;
    limit.bytes_per_second = rate;
    limit.pattern = pattern.name;
    limit.samples = static_cast<std::int64_t>(job.seconds.size());
  }
  return limit;
}

Limit arithmetic_of(const Session& s, const std::vector<JobTimes>& times) {
  Limit limit;
  limit.name = limits::kArithmetic;
  limit.threads = s.options.threads;
  if (!s.arithmetic || times[*s.arithmetic].seconds.empty()) return limit;
  const JobTimes& job = times[*s.arithmetic];
  limit.operations_per_second =
      static_cast<double>(kMultiplyAdds * s.team.size()) / quantile(job.seconds, 0.5);
  limit.samples = static_cast<std::int64_t>(job.seconds.size());
  return limit;
}

void fill(Timing& timing, const Problem& problem, const JobTimes& job) {
  timing.samples = static_cast<std::int64_t>(job.seconds.size());
  timing.median = quantile(job.seconds, 0.5);
  timing.low = quantile(job.seconds, 0.25);
  timing.high = quantile(job.seconds, 0.75);
  timing.minimum_bytes = minimum_bytes(problem);
  timing.bytes_per_second = timing.minimum_bytes / timing.median;
  timing.logits_per_second =
      static_cast<double>(problem.n) * static_cast<double>(problem.v) / timing.median;
}

/// Least time of the vector operations that are declared.
double arithmetic_seconds(const VectorWork& work, const Problem& p, const Limit& limit) {
  if (!(work.logits > 0) || !(limit.operations_per_second > 0)) return 0;
  const double vectors = static_cast<double>(p.n) * static_cast<double>(p.v) / work.logits;
  return vectors * work.per_vector / limit.operations_per_second;
}

/// One limit for each name, footprint and number of threads: the fastest one measured.
void record(std::vector<Limit>& limits, const Limit& limit) {
  if (limit.samples == 0) return;
  for (Limit& known : limits) {
    if (known.name != limit.name || known.footprint_bytes != limit.footprint_bytes) continue;
    if (known.threads != limit.threads) continue;
    if (known.bytes_per_second < limit.bytes_per_second) known = limit;
    if (known.operations_per_second < limit.operations_per_second) known = limit;
    return;
  }
  limits.push_back(limit);
}

/// Nothing, or why the time is not shown.
std::optional<std::string> refused(Row& row, const JobTimes& times, const BenchOptions& options,
                                   BenchResult& result) {
  if (!times.error.empty()) return "it raised: " + times.error;
  if (!row.stranger) return {};
  std::optional<std::string> wrong;
  try {
    wrong = row.stranger->wrong();
    row.stranger->let_go();
  } catch (const std::exception& e) {
    return std::string("it raised: ") + e.what();
  }
  if (!wrong) return {};
  result.wrong.push_back({row.timing.kernel, row.timing.problem, *wrong});
  row.timing.verdict = Verdict::fail;
  if (failing_too(row.role, options)) return {};
  return "what it wrote while the clock ran is wrong: " + *wrong;
}

void run_session(Session& s, BenchResult& result, Notes& notes) {
  add_limits(s);
  const BenchOptions& o = s.options;
  const std::vector<JobTimes> times =
      time_jobs(s.jobs, {o.min_seconds, o.repetitions, o.progress});
  const Limit arithmetic = arithmetic_of(s, times);
  record(result.limits, arithmetic);
  for (std::size_t i = 0; i < s.rows.size(); ++i) {
    Row& row = s.rows[i];
    if (const auto why = refused(row, times[i], o, result)) {
      notes.add(row.timing.kernel, *why);
      continue;
    }
    const Limit limit = limit_of(s, row.timing.limit, times);
    record(result.limits, limit);
    fill(row.timing, s.problem, times[i]);
    row.timing.limit_bytes_per_second = limit.bytes_per_second;
    row.timing.arithmetic_seconds = arithmetic_seconds(row.work, s.problem, arithmetic);
    result.timings.push_back(std::move(row.timing));
  }
}

bool over_the_logits(const Kernel& kernel, const Problem& p, const BenchOptions& options) {
  return options.in_place && kernel.promises.in_place && p.wants_grad() &&
         p.output_dtype() == p.dtype;
}

/// Binds a kernel that may be timed. The case is made for the first of them.
void add_kernel(Session& s, const Kernel& kernel, Verdict verdict, Notes& notes) {
  if (!s.data) {
    s.data = make_case(s.problem, domain_for(s.problem), s.options.seed);
    s.memory = std::make_unique<CaseMemory>(*s.data);
  }
  try {
    add_row(s, kernel, verdict, false);
    if (over_the_logits(kernel, s.problem, s.options)) add_row(s, kernel, verdict, true);
  } catch (const std::exception& e) {
    notes.add(kernel.name, std::string("it raised: ") + e.what());
  }
}

void add_kernels(Session& s, const std::vector<Kernel>& kernels, const VerdictOf& verdict_of,
                 Notes& notes) {
  for (const Kernel& kernel : kernels) {
    if (const Support support = kernel.supports(s.problem); !support) {
      notes.add(kernel.name, support.reason);
      continue;
    }
    const Verdict verdict = verdict_of(kernel, s.problem);
    if (const auto reason = refusal(verdict, failing_too(kernel.role, s.options))) {
      notes.add(kernel.name, *reason);
      continue;
    }
    add_kernel(s, kernel, verdict, notes);
  }
}

/// Who is not known to be honest might remember what it answered.
bool all_trusted(const std::vector<Kernel>& kernels) {
  return std::all_of(kernels.begin(), kernels.end(), [](const Kernel& k) {
    return k.origin.empty() || k.role == Role::peer;
  });
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
  const bool warm = all_trusted(kernels);
  for (const Problem& problem : options.problems) {
    Session session(problem, options, warm);
    add_kernels(session, kernels, verdict_of, notes);
    if (!session.jobs.empty()) run_session(session, result, notes);
  }
  result.notes = notes.lines();
  return result;
}

}  // namespace xent
