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
      AlikeJudge alike(property, c, refs);
      for (std::size_t k = 0; k < kernels_.size(); ++k) {
        std::atomic<bool>& failed = failed_[job.property * kernels_.size() + k];
        out.emplace_back();
        if (options_.until_failure && failed) continue;
        out.back() =
            judge_entry(property, kernels_[k], c, refs, options_.until_failure ? &alike : nullptr);
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

  /// The failing job with the smallest tensors; none if nothing failed.
  const Job* failing = nullptr;
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

struct Collected {
  std::vector<RowBuilder> rows;           ///< property-major
  std::vector<bool> relative, standard;   ///< by kernel
};

Collected collect(const std::vector<Kernel>& kernels, const Plan& plan, const Runner& runner,
                  bool whole) {
  Collected all;
  all.relative.assign(kernels.size(), true);
  all.standard.assign(kernels.size(), true);
  for (const Property& p : plan.properties) {
    for (const Kernel& k : kernels) all.rows.emplace_back(k, p);
  }
  for (std::size_t i = 0; i < plan.jobs.size(); ++i) {
    const Job& job = plan.jobs[i];
    for (std::size_t k = 0; runner.entries[i].empty() && k < kernels.size(); ++k) {
      all.rows[job.property * kernels.size() + k].note_cut();
    }
    for (std::size_t k = 0; k < runner.entries[i].size(); ++k) {
      const Entry& e = runner.entries[i][k];
      const Problem& p = job.recipe.problem;
      all.rows[job.property * kernels.size() + k].add(job, e, p.n, p.v);
      if (!e.relative) all.relative[k] = false;
      if (!e.standard) all.standard[k] = false;
    }
  }
  for (RowBuilder& b : all.rows) b.finish(whole);
  return all;
}

void add_classes(const std::vector<Kernel>& kernels, const Collected& all, Results& results) {
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    bool judged = false;
    for (std::size_t i = k; i < all.rows.size(); i += kernels.size()) {
      const VerdictRow& row = all.rows[i].row;
      judged |= row.cases > 0 && is_accuracy(row.property);
    }
    KernelInfo info = describe(kernels[k]);
    if (judged) {
      info.best_class = all.relative[k] ? "relative" : all.standard[k] ? "standard" : "none";
    }
    if (judged && info.best_class == "standard" && kernels[k].role == Role::product) {
      results.findings.push_back({info.name, "accuracy.absolute-only",
                                  "digits of small losses and gradients are lost on confident rows",
                                  ""});
    }
    results.kernels.push_back(std::move(info));
  }
}

}  // namespace

KernelInfo describe(const Kernel& k) {
  KernelInfo info;
  info.name = k.name;
  info.role = name(k.role);
  info.summary = k.summary;
  info.budget = to_text(k.budget(Problem{}));
  info.accuracy_class = name(k.promises.accuracy);
  info.promises = promise_names(k.promises);
  return info;
}

void verify(const std::vector<Kernel>& kernels, const VerifyOptions& o, Results& results) {
  verify(kernels, selected_properties(o.selection), o, results);
}

void verify(const std::vector<Kernel>& kernels, const std::vector<Property>& properties,
            const VerifyOptions& o, Results& results) {
  const Plan plan = make_plan(kernels, properties, o);
  Runner runner(kernels, plan, o);
  runner.run();
  if (runner.cut > 0) {
    const bool stopped = o.stop && *o.stop;
    const std::string why =
        stopped ? "interrupted" : fmt::format("stopped at the budget of {} s", o.budget_seconds);
    results.notes.push_back(
        fmt::format("{}: {} of {} cases not judged", why, runner.cut.load(), plan.jobs.size()));
  }
  Collected all = collect(kernels, plan, runner, is_whole(o, runner.cut));
  std::vector<ToShrink> failures;
  for (std::size_t i = 0; i < all.rows.size(); ++i) {
    if (!all.rows[i].failing || !o.shrink || (o.stop && *o.stop)) continue;
    const Job& job = *all.rows[i].failing;
    const std::size_t property = i / kernels.size();
    failures.push_back({&plan.properties[property], &kernels[i % kernels.size()],
                        &plan.spaces[property], job.recipe,
                        o.tensors ? case_of(job, o) : TestCase{}, &all.rows[i].row});
  }
  for (std::string& note : shrink_all(failures, o)) results.notes.push_back(std::move(note));
  for (const Property& p : plan.properties) {
    results.properties.push_back({p.id, p.title, p.statement});
  }
  add_classes(kernels, all, results);
  for (RowBuilder& b : all.rows) results.verdicts.push_back(std::move(b.row));
}

}  // namespace xent
