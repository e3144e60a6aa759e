// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>

#include "cli/commands.h"
#include "cli/judging.h"
#include "cli/kernels.h"
#include "cli/peers.h"
#include "cli/terminal.h"
#include "cli/timing.h"
#include "core/error.h"
#include "core/text.h"
#include "properties/engine.h"

namespace xent {
namespace {

/// Kernels of which nothing was judged are easily overlooked beside others.
void note_unjudged(Results& r) {
  for (const KernelInfo& k : r.kernels) {
    const bool judged = std::any_of(r.verdicts.begin(), r.verdicts.end(), [&](const auto& row) {
      return row.kernel == k.name && row.cases > 0;
    });
    if (!judged) r.notes.push_back(k.name + ": nothing was judged");
  }
}

/// Everything that can be wrong with the choice is said before anything is printed.
void require_known(const Options& o) {
  find_profile(o.profile);
  for (const Property& p : selected_properties(o.selection)) {
    recipe_space(p, find_profile(o.profile), o.selection);
  }
}

/// The problems of the bench decide what is verified first; sizes are the profile's.
Options verifying(const Options& o) {
  Options v = o;
  if (o.command == "bench") v.selection.problem.clear();
  return v;
}

/// What stopped the judging; what was judged until then is kept.
std::exception_ptr judge(const std::vector<Kernel>& kernels, const Options& o,
                         const VerifyOptions& v, Results& r) {
  try {
    verify_in_dialects(kernels, o, v, r);
    return nullptr;
  } catch (const std::exception& e) {
    r.notes.push_back(std::string("judging stopped: ") + e.what());
    return std::current_exception();
  }
}

std::vector<PeerAgain> add_peers(ChosenKernels& choice, const Options& o, Results& r) {
  Peers all = peers(o.threads);
  for (std::size_t i = 0; i < all.kernels.size(); ++i) {
    Kernel& k = all.kernels[i];
    const bool known = std::any_of(choice.kernels.begin(), choice.kernels.end(),
                                   [&](const Kernel& other) { return other.name == k.name; });
    if (known) continue;
    choice.brought_by[k.name] = all.brought_by[i];
    choice.kernels.push_back(std::move(k));
  }
  for (std::string& why : all.missing) r.notes.push_back(std::move(why));
  return std::move(all.again);
}

}  // namespace

Exit judge_command(const Options& o) {
  const auto started = std::chrono::steady_clock::now();
  Results r = begin_results(o);
  ChosenKernels choice = chosen_kernels(o);
  r.notes = choice.unmet;
  std::vector<PeerAgain> again;
  if (o.peers) again = add_peers(choice, o, r);
  const std::vector<Kernel>& kernels = choice.kernels;
  if (o.command != "verify") problems_to_time(o);
  else if (!o.selection.problem.empty()) parse_problems(o.selection.problem);
  ProgressLine line;
  const VerifyOptions v = verify_options(verifying(o), choice, r, line);
  require_known(o);
  require_writable(o);
  const std::atomic<bool>& interrupted = stop_on_interrupt();
  print_head(r, kernels.size());
  if (kernels.empty()) {
    fmt::print("{}\n", why_none(o));
    return Exit::nothing;
  }
  const std::exception_ptr trouble = judge(kernels, verifying(o), v, r);
  line.clear();
  note_unjudged(r);
  Exit judged = exit_code(r, o.strict);
  if (interrupted && judged == Exit::ok) judged = Exit::inconclusive;
  const bool go_on =
      judged == Exit::ok || o.command == "run" || o.keep_going || o.include_failing;
  if (o.command != "verify" && go_on && !trouble && !interrupted) {
    if (!time_kernels(kernels, again, o, r, line)) judged = Exit::internal;
    else if (judged == Exit::ok) judged = exit_code(r, o.strict);
  }
  line.clear();
  r.seconds = seconds_since(started);
  print_verdicts(r);
  print_failures(r);
  print_timings(r);
  print_tail(r, judged);
  write_reports(r, o, o.command == "run");
  if (trouble) std::rethrow_exception(trouble);
  return judged;
}

}  // namespace xent
