// SPDX-License-Identifier: Apache-2.0
#include "properties/experiments/laboratory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "oracle/judge.h"

namespace xent {
namespace {

Problem typed(std::string_view text, DType dtype) {
  Problem p = parse_problem(text);
  p.dtype = dtype;
  return p;
}

/// Why the kernel does not take one of them in this type, or nothing.
std::string refusal(const Kernel& k, const std::vector<std::string>& problems, DType dtype) {
  for (const std::string& text : problems) {
    const Support s = k.supports(typed(text, dtype));
    if (!s) return s.reason;
  }
  return {};
}

}  // namespace

std::vector<Subject> subjects(const ClaimContext& context,
                              const std::vector<std::string>& problems) {
  std::vector<Subject> found;
  for (const Kernel& k : context.kernels) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      if (!refusal(k, problems, dtype).empty()) continue;
      found.push_back({k, dtype});
      break;
    }
  }
  return found;
}

void study_each(const ClaimContext& context, const std::vector<std::string>& problems,
                ClaimVerdict otherwise, ClaimEvidence& evidence,
                const std::function<void(const Subject&)>& part) {
  const std::vector<Subject> all = subjects(context, problems);
  if (all.empty()) {
    evidence.verdict = ClaimVerdict::no_evidence;
    evidence.reason = context.kernels.empty()
                          ? "no kernel"
                          : fmt::format("no kernel takes it; {}: {}", context.kernels[0].name,
                                        refusal(context.kernels[0], problems, DType::f32));
    return;
  }
  evidence.verdict = otherwise;
  for (const Subject& s : all) {
    try {
      part(s);
    } catch (const Broken& broken) {
      evidence.verdict = ClaimVerdict::contradicted;
      if (!evidence.reason.empty()) continue;
      evidence.reason = fmt::format("{}: {}", s.kernel.name, broken.what());
    }
  }
}

void demand(ClaimEvidence& evidence, bool holds, const std::string& message_if_not) {
  ++evidence.checks;
  if (!holds) throw Broken(message_if_not);
}

Output answer(const Subject& s, const TestCase& c) {
  RunRecord r = run(s.kernel, c);
  const Faults& f = r.faults;
  if (!f.raised.empty()) throw Broken("raised: " + f.raised);
  if (!f.written_outside.empty()) throw Broken("written " + f.written_outside.front());
  if (!f.inputs_changed.empty()) throw Broken(f.inputs_changed.front());
  return std::move(r.output);
}

void demand_right(ClaimEvidence& evidence, const Subject& s, Reference& reference,
                  const Output& out) {
  const ErrorBudget budget = s.kernel.budget(reference.test_case().problem);
  Judgement j;
  if (!out.loss.empty()) j.merge(judge_loss(reference, budget, out.loss));
  if (!out.grad.empty()) j.merge(judge_grad(reference, budget, out.grad));
  evidence.checks += j.checks;
  if (j.verdict != Verdict::pass) {
    throw Broken(j.message.empty() ? "nothing could be judged" : j.message);
  }
}

Problem problem_for(const Subject& s, std::string_view text, std::int64_t n, std::int64_t v) {
  Problem p = typed(text, s.dtype);
  p.n = n;
  p.v = v;
  return p;
}

static TestCase with_logits(const Problem& p, const std::vector<double>& logits) {
  TestCase c;
  c.problem = p;
  c.recipe.domain = "study";
  c.input = Tensor(p.dtype, {p.n, p.v});
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    c.input.set(i, logits[static_cast<std::size_t>(i)]);
  }
  return c;
}

TestCase index_case(const Problem& p, const std::vector<double>& logits,
                    const std::vector<std::int64_t>& classes) {
  TestCase c = with_logits(p, logits);
  c.target = Tensor(DType::i64, {p.n});
  for (std::int64_t i = 0; i < p.n; ++i) {
    c.target.set_integer(i, classes[static_cast<std::size_t>(i)]);
  }
  return c;
}

TestCase vector_case(const Problem& p, const std::vector<double>& logits,
                     const std::vector<double>& targets) {
  TestCase c = with_logits(p, logits);
  c.target = Tensor(p.dtype, {p.n, p.v});
  for (std::int64_t i = 0; i < c.target.size(); ++i) {
    c.target.set(i, targets[static_cast<std::size_t>(i)]);
  }
  return c;
}

std::vector<double> numbers(const Tensor& t) {
  std::vector<double> x(static_cast<std::size_t>(t.size()));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = t.at(static_cast<std::int64_t>(i));
  return x;
}

std::vector<double> softmax(const double* z, std::int64_t v) {
  std::vector<double> p(z, z + v);
  const double m = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& x : p) sum += x = std::exp(x - m);
  for (double& x : p) x /= sum;
  return p;
}

double rounding(std::int64_t k) {
  const double ku = static_cast<double>(k) * 0x1p-53;
  return ku / (1 - ku);
}

bool is_smoke(const ClaimContext& context) { return context.profile == "smoke"; }

std::string kernels_in_words(std::size_t count) {
  return fmt::format("{} kernel{}", count, count == 1 ? "" : "s");
}

Figure exact_figure(std::string label, double value, std::string unit) {
  return {std::move(label), value, value, value, std::move(unit)};
}

}  // namespace xent
