// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/kernels.h"
#include "cli/terminal.h"
#include "cli/unavailable.h"
#include "core/error.h"
#include "core/text.h"
#include "impl/registry.h"
#include "properties/claims.h"
#include "properties/domain.h"
#include "properties/property.h"

namespace xent {
namespace {

/// Prints what matches; false if nothing did.
class Listing {
 public:
  explicit Listing(const std::string& glob) : glob_(glob.empty() ? "*" : glob) {}
  bool wants(std::string_view name) const { return glob_match(glob_, name); }
  void item(std::string_view name, std::string_view text) {
    fmt::print("{}\n{}", bold(name), wrapped(text, 4));
    ++shown_;
  }
  Exit done() const {
    if (shown_ > 0) return Exit::ok;
    fmt::print("nothing matches {}\n", glob_);
    return Exit::nothing;
  }

 private:
  std::string glob_;
  int shown_ = 0;
};

std::string support_text(const Kernel& k, const std::string& problem) {
  std::string text;
  for (const Problem& p : parse_problems(problem)) {
    const Support s = k.supports(p);
    text += fmt::format("\n{}: {}", to_text(p), s ? to_text(k.budget(p)) : "skip, " + s.reason);
    if (s && k.path) text += "; by " + k.path(p);
  }
  return text;
}

std::string kernel_text(const Kernel& k, const Options& o) {
  const std::string promises = join(promise_names(k.promises), ", ");
  std::string text(name(k.role));
  if (!k.summary.empty()) text += "; " + k.summary;
  if (k.role == Role::mutant) text += "\nkilled by " + join(k.killed_by, ", ");
  else text += fmt::format("\npromises {}\n{}", promises.empty() ? "nothing" : promises,
                           to_text(k.budget({})));
  if (!k.origin.empty()) text += "\nfrom " + k.origin;
  if (k.dialect != "math") text += "\nanswers as " + k.dialect;
  if (k.exponential.compute) text += "\nshows its binary32 exponential: certify-exp";
  if (!o.selection.problem.empty()) text += support_text(k, o.selection.problem);
  return text;
}

/// Those of --library and --python, if they are given, and no others.
void list_strangers(Listing& l, const Options& o) {
  for (const Kernel& k : chosen_kernels(o).kernels) {
    if (l.wants(k.name)) l.item(k.name, kernel_text(k, o));
  }
}

void list_kernels(Listing& l, const Options& o, bool mutants) {
  if (!o.libraries.empty() || !o.pythons.empty()) return list_strangers(l, o);
  for (const Kernel& k : builtin_kernels()) {
    if ((k.role == Role::mutant) != mutants || !l.wants(k.name)) continue;
    l.item(k.name, kernel_text(k, o));
  }
  if (mutants) return;
  for (const Kernel& k : device().kernels) {
    if (l.wants(k.name)) l.item(k.name, kernel_text(k, o));
  }
  for (const Unavailable& u : unavailable()) {
    if (l.wants(u.name)) l.item(u.name, "skip: " + u.reason);
  }
}

void list_properties(Listing& l) {
  for (const Property& p : all_properties()) {
    if (!l.wants(p.id)) continue;
    l.item(p.id, p.title + "\n" + p.statement + "\nkills " + p.kills);
  }
}

void list_domains(Listing& l) {
  for (const Domain& d : all_domains()) {
    if (l.wants(d.name)) l.item(d.name, d.intent);
  }
}

void list_claims(Listing& l) {
  for (const Claim& c : ledger()) {
    if (!l.wants(c.id)) continue;
    std::vector<std::string> by = c.properties;
    if (c.study) by.emplace_back(c.group == "F" ? "a refutation" : "a study");
    l.item(c.id, fmt::format("{}\n{}\nasserted: {}\nby {}", c.document, c.formula, c.statement,
                             join(by, ", ")));
  }
}

}  // namespace

Exit list_command(const Options& o) {
  Listing l(o.glob);
  if (o.what == "kernels") list_kernels(l, o, false);
  else if (o.what == "mutants") list_kernels(l, o, true);
  else if (o.what == "properties") list_properties(l);
  else if (o.what == "domains") list_domains(l);
  else if (o.what == "dialects") return list_dialects(o.glob.empty() ? "*" : o.glob);
  else if (o.what == "claims") list_claims(l);
  else throw UsageError("list " + o.what + ": there are kernels, properties, claims, domains, "
                        "mutants and dialects");
  return l.done();
}

}  // namespace xent
