// SPDX-License-Identifier: Apache-2.0
#include "properties/claims.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <set>
#include <stdexcept>

#include "core/error.h"
#include "core/text.h"
#include "properties/claims_tables.h"
#include "properties/property.h"
#include "properties/workers.h"

namespace xent {
namespace {

void append(std::vector<Claim>& all, std::string_view group, std::span<const LedgerEntry> part) {
  for (const LedgerEntry& e : part) {
    Claim c{e.id, group, e.document, e.formula, e.statement, {}, e.study};
    for (const std::string_view id : words(e.properties)) c.properties.emplace_back(id);
    all.push_back(std::move(c));
  }
}

/// The properties of all claims, each once, in the table's order.
std::vector<Property> properties_of(const std::vector<const Claim*>& claims) {
  std::set<std::string> wanted;
  for (const Claim* c : claims) wanted.insert(c->properties.begin(), c->properties.end());
  std::vector<Property> out;
  for (const Property& p : all_properties()) {
    if (wanted.erase(p.id) > 0) out.push_back(p);
  }
  if (wanted.empty()) return out;
  throw std::logic_error("the ledger names a property that does not exist: " + *wanted.begin());
}

/// Every study, on `jobs` threads; evidence of claims without a study stays as it is.
class Studies {
 public:
  Studies(const std::vector<const Claim*>& claims, const VerifyOptions& o, const ClaimContext& c)
      : evidence(claims.size()), claims_(claims), options_(o), context_(c) {}

  void run() {
    share_work(options_.jobs, claims_.size(), [this](std::size_t i) {
      if (claims_[i]->study) one(i);
    });
    if (failure_) std::rethrow_exception(failure_);
  }

  std::vector<ClaimEvidence> evidence;

 private:
  bool stopped() const { return options_.stop && *options_.stop; }

  void one(std::size_t i) {
    if (stopped() || failed_) {
      evidence[i].reason = "interrupted";
      return;
    }
    try {
      evidence[i] = claims_[i]->study(context_);
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      failed_ = true;
      if (!failure_) failure_ = std::current_exception();
    }
  }

  const std::vector<const Claim*>& claims_;
  const VerifyOptions& options_;
  const ClaimContext& context_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

/// What the properties of a claim say, over the kernels that count.
struct Trials {
  std::vector<const VerdictRow*> rows;

  const VerdictRow* first(Verdict v) const {
    const auto at = std::find_if(rows.begin(), rows.end(),
                                 [&](const VerdictRow* r) { return r->verdict == v; });
    return at == rows.end() ? nullptr : *at;
  }
  const VerdictRow* vacuous() const {
    const auto at =
        std::find_if(rows.begin(), rows.end(), [](const VerdictRow* r) { return r->vacuous; });
    return at == rows.end() ? nullptr : *at;
  }
  /// A property that judged no case on any kernel; of several the first.
  std::string unjudged(const std::vector<std::string>& properties) const {
    for (const std::string& id : properties) {
      const bool any = std::any_of(rows.begin(), rows.end(), [&](const VerdictRow* r) {
        return r->property == id && r->verdict == Verdict::pass && r->cases > 0;
      });
      if (!any) return id;
    }
    return "";
  }
};

Trials trials_of(const Claim& c, const Results& r) {
  Trials t;
  for (const VerdictRow& row : r.verdicts) {
    const bool mine = std::find(c.properties.begin(), c.properties.end(), row.property) !=
                      c.properties.end();
    if (mine && !(r.expectations && row.expected_to_fail)) t.rows.push_back(&row);
  }
  return t;
}

std::string witness_of(const VerdictRow& row) {
  if (!row.counterexample) return row.problem;
  const Counterexample& x = *row.counterexample;
  return x.problem + "\n" + x.data + "\n" + x.message;
}

void add_kernels(ClaimRow& row, const std::vector<std::string>& names) {
  row.kernels.insert(row.kernels.end(), names.begin(), names.end());
  std::sort(row.kernels.begin(), row.kernels.end());
  row.kernels.erase(std::unique(row.kernels.begin(), row.kernels.end()), row.kernels.end());
}

void count(const Trials& t, ClaimRow& row) {
  for (const VerdictRow* v : t.rows) {
    if (v->cases == 0) continue;
    add_kernels(row, {v->kernel});
    row.cases += v->cases;
    row.checks += v->checks;
    row.error_over_bound = std::max(row.error_over_bound, v->worst.error_over_bound);
  }
}

std::string reason_of_nothing(const Claim& c, const Trials& t, const std::string& property) {
  for (const VerdictRow* v : t.rows) {
    if (v->property == property && v->verdict == Verdict::inconclusive && v->cases > 0) {
      return fmt::format("{}: undecided at the highest precision on {}", property, v->problem);
    }
    if (v->property == property && !v->reason.empty()) return property + ": " + v->reason;
  }
  return c.properties.size() == 1 ? "no case was judged" : property + " judged no case";
}

void judge_trials(const Claim& c, const Results& r, ClaimRow& row) {
  const Trials t = trials_of(c, r);
  count(t, row);
  const auto fails = [&](const VerdictRow& v, const char* word) {
    row.verdict = ClaimVerdict::contradicted;
    row.reason = v.kernel + " " + word + " " + v.property;
    if (!v.reason.empty()) row.reason += ": " + v.reason;
    row.witness = witness_of(v);
  };
  if (const VerdictRow* v = t.first(Verdict::fail)) return fails(*v, "breaks");
  if (const VerdictRow* v = t.first(Verdict::error)) return fails(*v, "met an error of");
  row.verdict = ClaimVerdict::no_evidence;
  if (const VerdictRow* v = t.vacuous()) {
    row.reason = v->property + " on " + v->kernel + ": " + v->reason;
  } else if (const std::string id = t.unjudged(c.properties); !id.empty()) {
    row.reason = reason_of_nothing(c, t, id);
  } else {
    row.verdict = ClaimVerdict::tested;
    if (const VerdictRow* undecided = t.first(Verdict::inconclusive)) {
      row.reason = undecided->kernel + " is undecided on " + undecided->property;
    }
    row.evidence = fmt::format("{} cases, {} checks on {} kernel{}", row.cases, row.checks,
                               row.kernels.size(), row.kernels.size() == 1 ? "" : "s");
  }
}

/// A study beside properties: a contradiction wins, then what lacks evidence, then what was
/// measured; a proof beside a test stays a test.
void add_study(ClaimEvidence e, ClaimRow& row) {
  const bool alone = row.properties.empty();
  row.cases += e.cases;
  row.checks += e.checks;
  add_kernels(row, e.kernels);
  row.figures = std::move(e.figures);
  row.plots = std::move(e.plots);
  if (!e.evidence.empty()) row.evidence += (row.evidence.empty() ? "" : "; ") + e.evidence;
  const bool weaker = !alone && (is_failure(row.verdict) || e.verdict == ClaimVerdict::proved ||
                                 e.verdict == ClaimVerdict::skipped);
  if (weaker && e.verdict != ClaimVerdict::contradicted) {
    if (row.reason.empty()) row.reason = e.reason;
    return;
  }
  row.verdict = e.verdict;
  if (!e.reason.empty()) row.reason = e.reason;
  if (!e.witness.empty()) row.witness = e.witness;
}

ClaimRow row_of(const Claim& c) {
  ClaimRow row;
  row.id = c.id;
  row.group = c.group;
  row.document = c.document;
  row.formula = c.formula;
  row.statement = c.statement;
  row.properties = c.properties;
  return row;
}

}  // namespace

const std::vector<Claim>& ledger() {
  static const std::vector<Claim> all = [] {
    std::vector<Claim> table;
    append(table, "A", ledger_of_information());
    append(table, "B", ledger_of_losses());
    append(table, "C", ledger_of_statistics());
    append(table, "D", ledger_of_gradients());
    append(table, "E", ledger_of_sequences());
    append(table, "F", ledger_of_errors());
    return table;
  }();
  return all;
}

std::vector<const Claim*> selected_claims(const std::vector<std::string>& globs) {
  std::vector<std::string> ids;
  for (const Claim& c : ledger()) ids.emplace_back(c.id);
  for (const std::string& g : globs) {
    const bool pattern = g.find_first_of("*?") != std::string::npos;
    if (!pattern && std::find(ids.begin(), ids.end(), g) == ids.end()) {
      throw UsageError("unknown claim '" + g + "'" + nearest_hint(g, ids) +
                       "; `xentcheck list claims` shows all");
    }
  }
  std::vector<const Claim*> out;
  for (const Claim& c : ledger()) {
    const auto names = [&](const std::string& g) { return glob_match(g, c.id); };
    if (globs.empty() || std::any_of(globs.begin(), globs.end(), names)) out.push_back(&c);
  }
  return out;
}

void judge_claims(const std::vector<Kernel>& kernels, const std::vector<std::string>& globs,
                  const VerifyOptions& o, const ClaimContext& context, Results& results) {
  const std::vector<const Claim*> claims = selected_claims(globs);
  const std::vector<Property> properties = properties_of(claims);
  Studies studies(claims, o, context);  // first: what is wrong with --data and --text shows early
  studies.run();
  verify(kernels, properties, o, results);
  for (std::size_t i = 0; i < claims.size(); ++i) {
    ClaimRow row = row_of(*claims[i]);
    if (!claims[i]->properties.empty()) judge_trials(*claims[i], results, row);
    if (claims[i]->study) add_study(std::move(studies.evidence[i]), row);
    results.claims.push_back(std::move(row));
  }
}

}  // namespace xent
