// SPDX-License-Identifier: Apache-2.0
#include "cli/judging.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>
#include <string_view>

#include "cli/environment.h"
#include "cli/tensors.h"
#include "core/text.h"
#include "reports/reports.h"

namespace xent {
namespace {

std::atomic<bool> interrupted = false;

/// Kernels that are asked in one dialect.
struct InDialect {
  std::string dialect;  ///< empty: that of the problems
  std::vector<Kernel> kernels;
  std::string name() const { return dialect.empty() ? "math" : dialect; }
};

/// Groups in the order of their first kernels.
std::vector<InDialect> by_dialect(const std::vector<Kernel>& kernels, const Options& o) {
  const bool mixed = std::any_of(kernels.begin(), kernels.end(),
                                 [](const Kernel& k) { return !k.origin.empty(); });
  const bool fixed = o.selection.problem.find("dialect=") != std::string::npos;
  std::vector<InDialect> groups;
  for (const Kernel& k : kernels) {
    std::string dialect = o.selection.dialect;
    if (k.origin.empty() && mixed) dialect.clear();
    else if (dialect.empty() && !fixed && k.dialect != "math") dialect = k.dialect;
    const auto at = std::find_if(groups.begin(), groups.end(),
                                 [&](const InDialect& g) { return g.dialect == dialect; });
    if (at != groups.end()) at->kernels.push_back(k);
    else groups.push_back({dialect, {k}});
  }
  return groups;
}

/// Files from here on are named from the results' folder.
void move_files(Results& r, std::size_t row, std::size_t finding, const std::string& folder) {
  for (; row < r.verdicts.size(); ++row) {
    std::optional<Counterexample>& c = r.verdicts[row].counterexample;
    if (c && !c->file.empty()) c->file = folder + "/" + c->file;
  }
  for (; finding < r.findings.size(); ++finding) {
    std::string& file = r.findings[finding].file;
    if (!file.empty()) file = folder + "/" + file;
  }
}

void keep_first_of_each(std::vector<PropertyInfo>& properties) {
  std::set<std::string> seen;
  std::erase_if(properties, [&](const PropertyInfo& p) { return !seen.insert(p.id).second; });
}

}  // namespace

Results begin_results(const Options& o) {
  Results r;
  r.environment = environment();
  r.command = o.line;
  r.seed = fmt::format("{:x}", o.seed);
  r.profile = o.profile;
  r.strict = o.strict;
  r.expectations = o.command == "run";
  return r;
}

VerifyOptions verify_options(const Options& o, const ChosenKernels& choice, Results& results,
                             ProgressLine& line) {
  VerifyOptions v;
  v.profile = o.profile;
  v.selection = o.selection;
  v.cases = o.cases;
  v.seed = o.seed;
  v.budget_seconds = o.budget_seconds;
  v.jobs = o.jobs;
  v.program = o.program;
  v.replay_options = [o, choice](const Kernel& k) { return choice.replay_options(k, o); };
  v.stop = &interrupted;
  v.shard = o.shard;
  v.shards = o.shards;
  v.out = o.out.empty() ? "out" : o.out;
  if (!o.tensors.empty()) take_tensors(o, v, results.notes);
  v.progress = [&line](const Progress& p) { line.show(p); };
  return v;
}

void verify_in_dialects(const std::vector<Kernel>& kernels, const Options& o,
                        const VerifyOptions& v, Results& r) {
  const auto started = std::chrono::steady_clock::now();
  bool first = true;
  for (const InDialect& group : by_dialect(kernels, o)) {
    VerifyOptions w = v;
    w.selection.dialect = group.dialect;
    if (v.budget_seconds > 0) {
      w.budget_seconds = std::max(v.budget_seconds - seconds_since(started), 1e-9);
    }
    // Counterexamples are numbered from 1 in each group.
    if (!first && !w.out.empty()) w.out /= group.name();
    const std::size_t rows = r.verdicts.size(), findings = r.findings.size();
    verify(group.kernels, w, r);
    if (!first) move_files(r, rows, findings, group.name());
    keep_first_of_each(r.properties);
    first = false;
  }
}

const std::atomic<bool>& stop_on_interrupt() {
  std::signal(SIGINT, [](int) {
    interrupted = true;
    std::signal(SIGINT, SIG_DFL);
    constexpr std::string_view text = "\nstopping; once more ends at once, without results\n";
    if (!isatty(STDERR_FILENO)) return;
    [[maybe_unused]] const ssize_t told = write(STDERR_FILENO, text.data(), text.size());
  });
  return interrupted;
}

double seconds_since(std::chrono::steady_clock::time_point t) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count();
}

void require_writable(const Options& o) {
  if (o.out.empty()) return;
  const std::filesystem::path probe = o.out / "counterexamples" / ".probe";
  write_file(probe, "");
  std::error_code ignored;
  std::filesystem::remove(probe, ignored);
  std::filesystem::remove(probe.parent_path(), ignored);  // unless it holds something
}

void write_reports(const Results& r, const Options& o, bool all) {
  if (o.out.empty() && !o.markdown && !o.html && !o.junit) return;
  const std::filesystem::path out = o.out.empty() ? "out" : o.out;
  write_file(out / "results.json", to_json(r));
  if (all || o.markdown) write_file(out / "report.md", to_markdown(r));
  if (all || o.junit) write_file(out / "junit.xml", to_junit(r));
  if (all || o.html) write_file(out / "index.html", to_html(r));
  fmt::print("written to {}\n", out.string());
}

}  // namespace xent
