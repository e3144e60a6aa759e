// SPDX-License-Identifier: Apache-2.0
#include "properties/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "properties/counterexample.h"
#include "properties/lost_digits.h"

namespace xent {
namespace {

std::int64_t size_of(const Job& job) { return job.recipe.problem.n * job.recipe.problem.v; }

/// Those of one id.
struct Seen {
  std::string message;
  const Job* smallest = nullptr;
  std::int64_t cases = 0;
};

/// When a process shows such a thing depends on which cases came first.
bool is_of_process(std::string_view id) { return id.starts_with("process."); }

void see(Seen& s, const Job& job, const Remark& remark) {
  const bool first = s.cases++ == 0;
  const bool of_process = is_of_process(remark.id);
  if (first || (of_process ? remark.message < s.message : size_of(job) < size_of(*s.smallest))) {
    s.message = remark.message;
    s.smallest = &job;
  }
}

/// Saves the case of a finding as out/findings/K.case, K from 1.
class Witnesses {
 public:
  Witnesses(const VerifyOptions& o, std::vector<std::string>& notes)
      : options_(o), notes_(notes) {}

  void save(Finding& f, const Kernel& k, const std::string& property, const TestCase& c) {
    constexpr std::int64_t kMostElements = 1 << 20;
    if (options_.out.empty() || c.input.size() > kMostElements) return;
    const std::string file = fmt::format("findings/{}.case", ++saved_);
    try {
      save_witness(c, k, property, file, options_);
      f.file = file;
      f.replay = replay_line(options_.out / file, k, options_);
    } catch (const std::exception& e) {
      notes_.push_back(fmt::format("witness of {}, {}: {}", f.kernel, f.id, e.what()));
    }
  }

 private:
  const VerifyOptions& options_;
  std::vector<std::string>& notes_;
  int saved_ = 0;
};

void add_remarks(const Judged& all, std::size_t kernel, const VerifyOptions& o, Witnesses& saved,
                 std::vector<Finding>& findings) {
  std::map<std::string, Seen> seen;
  for (std::size_t i = 0; i < all.plan.jobs.size(); ++i) {
    if (all.entries[i].empty()) continue;
    for (const Remark& r : all.entries[i][kernel].remarks) see(seen[r.id], all.plan.jobs[i], r);
  }
  const Kernel& k = all.kernels[kernel];
  for (const auto& [id, s] : seen) {
    findings.push_back({k.name, id, s.message, ""});
    if (is_of_process(id)) continue;
    Finding& f = findings.back();
    const CaseRecipe& r = s.smallest->recipe;
    f.cases = s.cases;
    f.witness = fmt::format("{}\ndomain {}, seed {:#x}", to_text(r.problem), r.domain, r.seed);
    saved.save(f, k, all.plan.properties[s.smallest->property].id, case_of(*s.smallest, o));
  }
}

/// Probability that of n fair coins at least `most` show the same side, most > n / 2.
double same_side(std::int64_t n, std::int64_t most) {
  double sum = 0;
  const auto m = static_cast<double>(n);
  for (auto i = static_cast<double>(most); i <= m; ++i) {
    sum += std::exp(std::lgamma(m + 1) - std::lgamma(i + 1) - std::lgamma(m - i + 1) -
                    m * std::log(2.0));
  }
  return 2 * sum;
}

/// Cases are independent: without a bias the sign of a case's mean error is a fair coin.
std::optional<Finding> bias_of(const std::string& kernel, const std::string& output,
                               std::vector<double> means) {
  constexpr double kAcceptance = 1e-6;
  constexpr double kHalfWay = 0.25;  // ulp; rounding to nearest has a bias of 0, toward zero of 1/2
  std::erase_if(means, [](double x) { return x == 0 || std::isnan(x); });
  if (means.empty()) return {};
  std::sort(means.begin(), means.end());
  const auto n = static_cast<std::int64_t>(means.size());
  const std::int64_t above = std::count_if(means.begin(), means.end(),
                                           [](double x) { return x > 0; });
  const double median = means[means.size() / 2];
  const std::int64_t most = std::max(above, n - above);
  if (2 * most == n || same_side(n, most) > kAcceptance) return {};
  if (std::fabs(median) < kHalfWay) return {};
  return Finding{kernel, "accuracy.bias." + output,
                 fmt::format("in {} of {} cases the mean error has the same sign: {:+.2f} ulp in "
                             "the median",
                             most, n, median),
                 "", "", "", n};
}

void add_biases(const Judged& all, std::size_t kernel, std::vector<Finding>& findings) {
  for (std::size_t p = 0; p < all.plan.properties.size(); ++p) {
    const std::string& id = all.plan.properties[p].id;
    if (id != "loss.accurate" && id != "grad.accurate") continue;
    std::map<DType, std::vector<double>> means;
    for (const JudgedEntry& e : entries_of(all, kernel, p)) {
      const Problem& q = e.job->recipe.problem;
      if (!is_plain_ce(q) || !errors_of(e)) continue;
      means[q.output_dtype()].push_back(errors_of(e)->profile().bias_ulp);
    }
    for (auto& [dtype, list] : means) {
      const std::string output = fmt::format("{}-{}", id.substr(0, id.find('.')), name(dtype));
      auto bias = bias_of(all.kernels[kernel].name, output, std::move(list));
      if (bias) findings.push_back(*std::move(bias));
    }
  }
}

}  // namespace

void add_findings(const Judged& all, const VerifyOptions& o, Results& results) {
  Witnesses saved(o, results.notes);
  const std::vector<LostDigits> lost = lost_digits(all, o, results.notes);
  for (std::size_t k = 0; k < all.kernels.size(); ++k) {
    if (!has_findings(all.kernels[k])) continue;
    add_remarks(all, k, o, saved, results.findings);
    for (const LostDigits& l : lost) {
      if (l.kernel != k) continue;
      results.findings.push_back(l.finding);
      saved.save(results.findings.back(), all.kernels[k], l.property, l.witness);
    }
    add_biases(all, k, results.findings);
  }
}

}  // namespace xent
