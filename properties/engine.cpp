// SPDX-License-Identifier: Apache-2.0
#include "properties/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>

#include "properties/counterexample.h"
#include "properties/entry.h"
#include "properties/findings.h"
#include "properties/jobs.h"
#include "properties/workers.h"

namespace xent {
namespace {

using Clock = std::chrono::steady_clock;

/// All kernels of all jobs, in any order on `jobs` threads; entries[job][kernel].
class Runner {
 public:
  Runner(const std::vector<Kernel>& kernels, const Plan& plan, const VerifyOptions& o)
      : kernels_(kernels),
        plan_(plan),
        options_(o),
        entries(plan.jobs.size()),
        failed_(plan.properties.size() * kernels.size()) {}

  void run() {
    started_ = Clock::now();
    share_work(options_.jobs, plan_.jobs.size(), [this](std::size_t i) {
      if (out_of_time()) ++cut;
      else one(i);
    });
  }

 private:
  const std::vector<Kernel>& kernels_;
  const Plan& plan_;
  const VerifyOptions& options_;

 public:
  std::vector<std::vector<Entry>> entries;  ///< empty for jobs that the budget cut off
  std::atomic<std::int64_t> cut{0};

 private:
  bool out_of_time() const {
    if (options_.stop && *options_.stop) return true;
    const std::chrono::duration<double> spent = Clock::now() - started_;
    return options_.budget_seconds > 0 && spent.count() > options_.budget_seconds;
  }

  /// A case that cannot even be made is an error of each kernel's row, not of the whole run.
  void judge_all(const Job& job, std::vector<Entry>& out) {
    try {
      const Property& property = plan_.properties[job.property];
      if (const Support s = stated_for(property, job.recipe.problem); !s) {
        Entry skipped;
        skipped.skip = s.reason;
        out.assign(kernels_.size(), skipped);
        return;
      }
      const TestCase c = case_of(job, options_);
      References refs;
      CaseJudge judge(property, c, refs, options_.until_failure);
      for (std::size_t k = 0; k < kernels_.size(); ++k) {
        std::atomic<bool>& failed = failed_[job.property * kernels_.size() + k];
        out.emplace_back();
        if (options_.until_failure && failed) continue;
        out.back() = judge.judge(kernels_[k]);
        if (out.back().judgement.verdict == Verdict::fail) failed = true;
      }
    } catch (const std::exception& x) {
      Entry failed;
      failed.error = x.what();
      out.assign(kernels_.size(), failed);
    }
  }

  void one(std::size_t i) {
    judge_all(plan_.jobs[i], entries[i]);
    const std::int64_t failed = std::count_if(
        entries[i].begin(), entries[i].end(),
        [](const Entry& e) { return e.judgement.verdict == Verdict::fail; });
    const std::scoped_lock lock(mutex_);
    ++done_;
    failures_ += failed;
    if (options_.progress) {
      const auto total = static_cast<std::int64_t>(plan_.jobs.size());
      options_.progress({done_, total, failures_, "judging"});
    }
  }

  Clock::time_point started_;
  std::vector<std::atomic<bool>> failed_;  ///< property-major
  std::mutex mutex_;
  std::int64_t done_ = 0, failures_ = 0;
};

/// Collects one kernel's entries on one property.
class RowBuilder {
 public:
  RowBuilder(const Kernel& k, const Property& p) : property_(p) {
    row.kernel = k.name;
    row.property = p.id;
    row.floor = p.floor;
    row.expected_to_fail = k.role == Role::example_of_failure || k.role == Role::mutant;
  }

  void add(const Job& job, const Entry& e, std::int64_t n, std::int64_t v) {
    if (!e.error.empty()) {
      row.verdict = graver(row.verdict, Verdict::error);
      if (row.reason.empty()) row.reason = e.error + " on " + to_text(job.recipe.problem);
      return;
    }
    if (!e.skip.empty()) {
      ++row.skipped;
      ++row.skip_reasons[e.skip];
      return;
    }
    const Judgement& j = e.judgement;
    for (const auto& [name, count] : j.excluded) row.excluded[name] += count;
    if (j.verdict == Verdict::skip) return;
    ++row.cases;
    row.checks += j.checks;
    row.verdict = graver(row.verdict, j.verdict);
    errors_.append(j.errors);
    note_worst(job, e, n * v);
    for (std::size_t s = 0; s < 4; ++s) {
      rejected_[s] += e.rejected[s];
      substituted_[s] += e.substituted[s];
    }
  }

  /// The failing job with the smallest tensors, and what came of it; none if nothing failed.
  const Job* failing = nullptr;
  const Entry* failure = nullptr;
  VerdictRow row;

  /// A job of this row that was not begun.
  void note_cut() { ++cut_; }

  void finish(bool whole) {
    row.worst = errors_.profile();
    for (const Substitute s : kSubstitutes) {
      const auto i = static_cast<std::size_t>(s);
      if (substituted_[i] == 0) continue;
      const double share =
          static_cast<double>(rejected_[i]) / static_cast<double>(substituted_[i]);
      row.rejected[std::string(name(s))] = share;
      const auto& must = property_.rejects;
      if (std::find(must.begin(), must.end(), s) == must.end()) continue;
      row.power = std::min(row.power.value_or(1.0), share);
    }
    row.vacuous = whole && row.verdict == Verdict::pass && row.power && *row.power < row.floor;
    if (row.vacuous) row.reason = "vacuous: a trivial answer would pass";
    if (row.cases > 0 || row.verdict != Verdict::skip) return;
    if (cut_ > 0) {
      row.verdict = Verdict::inconclusive;
      row.reason = "not reached before the end";
    } else if (!row.skip_reasons.empty()) {
      row.reason = row.skip_reasons.begin()->first;
    } else if (!row.excluded.empty()) {
      row.reason = "excluded: " + row.excluded.begin()->first;
    } else {
      row.reason = "not stated for this choice of problems, domains or tensors";
    }
  }

 private:
  void note_worst(const Job& job, const Entry& e, std::int64_t size) {
    const bool failed = e.judgement.verdict == Verdict::fail;
    if (failed && (!failing || size < failing_size_)) {
      failing = &job;
      failure = &e;
      failing_size_ = size;
      row.problem = to_text(job.recipe.problem);
    }
    const double worst = e.judgement.errors.error_over_bound();
    if (!failing && (row.problem.empty() || worst > worst_)) {
      worst_ = worst;
      row.problem = to_text(job.recipe.problem);
    }
  }

  const Property& property_;
  ErrorSamples errors_;
  std::int64_t rejected_[4] = {}, substituted_[4] = {};
  std::int64_t failing_size_ = 0, cut_ = 0;
  double worst_ = -1;
};

/// Property-major.
std::vector<RowBuilder> collect(const Judged& all, bool whole) {
  std::vector<RowBuilder> rows;
  const std::size_t kernels = all.kernels.size();
  for (const Property& p : all.plan.properties) {
    for (const Kernel& k : all.kernels) rows.emplace_back(k, p);
  }
  for (std::size_t i = 0; i < all.plan.jobs.size(); ++i) {
    const Job& job = all.plan.jobs[i];
    for (std::size_t k = 0; all.entries[i].empty() && k < kernels; ++k) {
      rows[job.property * kernels + k].note_cut();
    }
    for (std::size_t k = 0; k < all.entries[i].size(); ++k) {
      const Problem& p = job.recipe.problem;
      rows[job.property * kernels + k].add(job, all.entries[i][k], p.n, p.v);
    }
  }
  for (RowBuilder& b : rows) b.finish(whole);
  return rows;
}

/// The smallest failing case of each row, made smaller.
void find_counterexamples(const Judged& all, std::vector<RowBuilder>& rows, const VerifyOptions& o,
                          Results& results) {
  std::vector<ToShrink> failures;
  std::vector<RowBuilder*> of;
  for (std::size_t i = 0; i < rows.size() && !(o.stop && *o.stop); ++i) {
    if (!rows[i].failing) continue;
    const Job& job = *rows[i].failing;
    failures.push_back({&all.plan.properties[job.property], &all.kernels[i % all.kernels.size()],
                        &all.plan.spaces[job.property], job.recipe,
                        o.tensors ? case_of(job, o) : TestCase{}, rows[i].failure->judgement,
                        fmt::format("counterexamples/{}.case", failures.size() + 1)});
    of.push_back(&rows[i]);
  }
  for (std::string& note : shrink_all(failures, o)) results.notes.push_back(std::move(note));
  for (std::size_t i = 0; i < of.size(); ++i) {
    of[i]->row.counterexample = std::move(failures[i].found);
  }
}

void note_cut(const Runner& runner, const Plan& plan, const VerifyOptions& o, Results& results) {
  if (runner.cut == 0) return;
  const bool stopped = o.stop && *o.stop;
  const std::string why =
      stopped ? "interrupted" : fmt::format("stopped at the budget of {} s", o.budget_seconds);
  results.notes.push_back(
      fmt::format("{}: {} of {} cases not judged", why, runner.cut.load(), plan.jobs.size()));
}

std::string budget_text(const Kernel& k) {
  try {
    return to_text(k.budget(Problem{}));
  } catch (const std::exception& e) {
    return std::string("unknown: ") + e.what();
  }
}

}  // namespace

KernelInfo describe(const Kernel& k) {
  KernelInfo info;
  info.name = k.name;
  info.role = name(k.role);
  info.summary = k.summary;
  info.budget = budget_text(k);
  info.accuracy_class = name(k.promises.accuracy);
  info.promises = promise_names(k.promises);
  info.origin = k.origin;
  return info;
}

void verify(const std::vector<Kernel>& kernels, const VerifyOptions& o, Results& results) {
  verify(kernels, selected_properties(o.selection), o, results);
}

void verify(const std::vector<Kernel>& all_kernels, const std::vector<Property>& properties,
            const VerifyOptions& o, Results& results) {
  const std::vector<Kernel> kernels = guarded(all_kernels);
  // First: a kernel that is given up says nothing any more.
  for (const Kernel& k : kernels) results.kernels.push_back(describe(k));
  const Plan plan = make_plan(kernels, properties, o);
  Runner runner(kernels, plan, o);
  runner.run();
  note_cut(runner, plan, o, results);
  const Judged all{kernels, plan, runner.entries};
  std::vector<RowBuilder> rows = collect(all, is_whole(o, runner.cut));
  if (o.shrink) find_counterexamples(all, rows, o, results);
  for (const Property& p : plan.properties) {
    results.properties.push_back({p.id, p.title, p.statement});
  }
  for (RowBuilder& b : rows) results.verdicts.push_back(std::move(b.row));
  if (o.until_failure) return;
  add_accuracy(all, results);
  add_findings(all, o, results);
}

}  // namespace xent
