// SPDX-License-Identifier: Apache-2.0
#include "properties/refutation_tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "properties/checks.h"

namespace xent {
namespace {

std::string case_text(const TestCase& c) {
  std::string out = to_text(c.problem) + "\ninput";
  for (std::int64_t i = 0; i < std::min<std::int64_t>(c.input.size(), 16); ++i) {
    out += fmt::format(" {}", c.input.at(i));
  }
  return out;
}

Tensor tensor_of(const std::vector<double>& values, std::int64_t n, std::int64_t v) {
  Tensor t(DType::f64, {n, v});
  for (std::size_t i = 0; i < values.size(); ++i) t.set(static_cast<std::int64_t>(i), values[i]);
  return t;
}

}  // namespace

Exact exact(double x) { return Exact(x); }

Exact exact(const Enclosure& e) {
  Exact radius;
  mpfi_interv_d(raw(radius), -e.rad, e.rad);
  return Exact(e.hi) + Exact(e.lo) + radius;
}

bool below(const Exact& a, const Exact& b) {
  return mpfr_less_p(&raw(a)->right, &raw(b)->left) != 0;
}

bool meet(const Exact& a, const Exact& b) { return !below(a, b) && !below(b, a); }

double middle(const Exact& x) { return mpfi_get_d(raw(x)); }

Figure figure(std::string label, const Exact& x, std::string unit) {
  return {std::move(label), middle(x), lower_double(x), upper_double(x), std::move(unit)};
}

std::string decimal(const Exact& x) {
  const double d = middle(x);
  return d == 0 ? "0" : fmt::format("{:.4g}", d);
}

std::vector<double> Dyadic::row(std::size_t r) const {
  std::vector<double> out;
  for (const std::int64_t x : rows[r]) {
    out.push_back(static_cast<double>(x) / static_cast<double>(denominator));
  }
  return out;
}

std::string Dyadic::fraction(std::int64_t x) const {
  const std::int64_t common = std::gcd(x, denominator);
  const std::string top = fmt::format("{}", x / common);
  return denominator == common ? top : fmt::format("{}/{}", top, denominator / common);
}

std::string Dyadic::text(std::size_t r) const {
  std::string out;
  for (const std::int64_t x : rows[r]) out += (out.empty() ? "" : ", ") + fraction(x);
  return "(" + out + ")";
}

TestCase of_probabilities(Op op, const std::vector<double>& q, const std::vector<double>& p) {
  TestCase c;
  c.problem.op = op;
  c.problem.n = 1;
  c.problem.v = static_cast<std::int64_t>(q.size());
  c.problem.dtype = DType::f64;
  if (op != Op::entropy) c.problem.targets = TargetKind::prob;
  c.input = tensor_of(q, 1, c.problem.v);
  if (op != Op::entropy) c.target = tensor_of(p, 1, c.problem.v);
  return c;
}

TestCase of_logits(Op op, Dir dir, const std::vector<double>& z,
                   const std::vector<std::int64_t>& labels, Reduction reduction) {
  TestCase c;
  c.problem.op = op;
  c.problem.dir = dir;
  c.problem.dtype = DType::f64;
  c.problem.n = std::max<std::int64_t>(1, static_cast<std::int64_t>(labels.size()));
  c.problem.v = static_cast<std::int64_t>(z.size()) / c.problem.n;
  c.problem.reduction = reduction;
  c.input = tensor_of(z, c.problem.n, c.problem.v);
  if (!c.problem.takes_targets()) return c;
  c.target = Tensor(DType::i64, {c.problem.n});
  for (std::int64_t i = 0; i < c.problem.n; ++i) {
    c.target.set_integer(i, labels[static_cast<std::size_t>(i)]);
  }
  return c;
}

TestCase with_type(const TestCase& c, DType t) {
  TestCase out = c;
  out.problem.dtype = t;
  for (Tensor* x : {&out.input, &out.target, &out.weight, &out.upstream, &out.direction}) {
    if (x->dtype == DType::i64 || x->empty()) continue;
    Tensor y(t, x->shape);
    for (std::int64_t i = 0; i < x->size(); ++i) y.set(i, x->at(i));
    *x = y;
  }
  return out;
}

namespace {
Exact row_value(const TestCase& c) {
  Reference r(c);
  return exact(r.row_loss(0));
}
}  // namespace

Exact entropy(const std::vector<double>& p) {
  return row_value(of_probabilities(Op::entropy, p, {}));
}
Exact cross_entropy(const std::vector<double>& p, const std::vector<double>& q) {
  return row_value(of_probabilities(Op::cross_entropy, q, p));
}
Exact kl(const std::vector<double>& p, const std::vector<double>& q) {
  return row_value(of_probabilities(Op::kl, q, p));
}
Exact loss_of(const std::vector<double>& z, std::int64_t label) {
  return row_value(of_logits(Op::ce, Dir::fwd, z, {label}));
}
Exact in_bits(const Exact& nats) { return nats / log_of(exact(2.0)); }

Inquiry::Inquiry(const ClaimContext& c) : context_(c), random_(Random(c.seed)) {}

std::int64_t Inquiry::cases() const {
  return context_.profile == "nightly" ? 1000 : context_.profile == "ci" ? 150 : 40;
}

void Inquiry::check(bool holds, const std::string& if_not) {
  ++found.checks;
  if (!holds && failure_.empty()) failure_ = if_not;
}

void Inquiry::judge(const TestCase& c) {
  Reference reference(c);
  for (const Kernel& k : context_.kernels) {
    if (!k.supports(c.problem)) continue;
    const RunRecord r = run(k, c);
    Judgement j;
    if (!r.faults.raised.empty()) j.check(false, "raised: " + r.faults.raised);
    else judge_output(j, reference, k.budget(c.problem), r.output);
    if (j.verdict == Verdict::skip) continue;  // all of it excluded: no evidence
    found.checks += j.checks;
    ++runs_;
    if (std::find(found.kernels.begin(), found.kernels.end(), k.name) == found.kernels.end()) {
      found.kernels.push_back(k.name);
    }
    if (j.verdict == Verdict::pass || !failure_.empty()) continue;
    failure_ = k.name + ": " + j.message;
    failure_witness_ = case_text(c);
  }
}

ClaimEvidence Inquiry::refuted(const Witness& w, std::string witness_text, std::string how) {
  found.witness = std::move(witness_text);
  if (how.empty()) {
    how = fmt::format("the smallest of {} witnesses out of {} tries, shrunk in {} steps", w.found,
                      w.tried, w.steps);
  }
  found.evidence = fmt::format("{}; corrected sentence certified on {} cases", how, found.cases);
  if (!found.kernels.empty()) {
    found.evidence += fmt::format(", {} runs of {} kernel{} within bounds", runs_,
                                  found.kernels.size(), found.kernels.size() == 1 ? "" : "s");
  }
  if (!w) {
    found.reason = "no witness was found";
  } else if (!failure_.empty()) {
    found.verdict = ClaimVerdict::contradicted;
    found.reason = "the corrected sentence fails: " + failure_;
    if (!failure_witness_.empty()) found.witness = failure_witness_;
  } else if (found.checks == 0) {
    found.reason = "nothing was checked";
  } else {
    found.verdict = ClaimVerdict::refuted;
  }
  return std::move(found);
}

}  // namespace xent
