// SPDX-License-Identifier: Apache-2.0
#include "cli/judging.h"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>

#include "cli/environment.h"
#include "cli/tensors.h"
#include "core/text.h"
#include "reports/reports.h"

namespace xent {
namespace {

std::atomic<bool> interrupted = false;

}  // namespace

Results begin_results(const Options& o) {
  Results r;
  r.environment = environment();
  r.command = o.line;
  r.seed = fmt::format("{:x}", o.seed);
  r.profile = o.profile;
  r.expectations = o.command == "run";
  return r;
}

VerifyOptions verify_options(const Options& o, Results& results, ProgressLine& line) {
  VerifyOptions v;
  v.profile = o.profile;
  v.selection = o.selection;
  v.cases = o.cases;
  v.seed = o.seed;
  v.budget_seconds = o.budget_seconds;
  v.jobs = o.jobs;
  v.program = o.program;
  if (!o.promise.empty()) v.replay_options = " --promise " + shell_word(o.promise);
  v.stop = &interrupted;
  v.shard = o.shard;
  v.shards = o.shards;
  v.out = o.out.empty() ? "out" : o.out;
  if (!o.tensors.empty()) take_tensors(o, v, results.notes);
  v.progress = [&line](const Progress& p) { line.show(p); };
  return v;
}

const std::atomic<bool>& stop_on_interrupt() {
  std::signal(SIGINT, [](int) {
    interrupted = true;
    std::signal(SIGINT, SIG_DFL);
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
