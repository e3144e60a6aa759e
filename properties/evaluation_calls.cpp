// SPDX-License-Identifier: Apache-2.0
// Outputs that are sums of elements of other calls' outputs.
#include "properties/evaluation_calls.h"

#include <limits>
#include <utility>

#include "properties/relations.h"
#include "properties/ways.h"

namespace xent {
namespace {

using Exact = std::function<Enclosure(int level)>;

bool is_one(const Enclosure& e) { return e.hi == 1 && e.lo == 0 && e.rad == 0; }

/// sum of factor * element.
Value summed(const Sum& terms, const std::function<Value(const Share&)>& element) {
  Value sum;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const Value v = element(terms[i]);
    const Value scaled = is_one(terms[i].factor) ? v : terms[i].factor * v;
    sum = i == 0 ? scaled : sum + scaled;
  }
  return sum;
}

/// The sum as a value of what was asked, whose exact value is `asked`.
Value as_asked(Value sum, const Exact& asked, bool corrected, const std::string& what) {
  const Enclosure truth = asked(0), reached = sum.exact(0);
  const bool numbers = truth.is_number() && reached.is_number();
  if (truth.is_number() && !numbers) return not_said(what);
  if (corrected && numbers) sum = sum + known(truth - reached, "what rounded data move");
  return {sum.got, numbers ? sum.bound : 0, sum.format, asked, what};
}

Tensor numbers_of(const std::vector<Value>& values, std::vector<std::int64_t> shape) {
  if (values.empty()) return {};
  Tensor t(DType::f64, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) {
    t.set(static_cast<std::int64_t>(i), values[i].got);
  }
  return t;
}

}  // namespace

Value not_said(const std::string& what) {
  return derived(std::numeric_limits<double>::quiet_NaN(), 0, what,
                 Enclosure::special(Enclosure::Kind::undefined));
}

bool Evaluation::run_in_other_words(Trial& t, const Route& r, Judgement& j,
                                    const BindOptions& o) {
  by_oracle_ = false;
  calls_.assign(r.calls.size(), {});
  for (std::size_t i = 0; i < r.calls.size(); ++i) {
    if (!calls_[i].run_itself(t, r.calls[i], j, o)) return false;
  }
  budget = calls_.front().budget;
  exact = &t.reference(test_case);
  losses_.clear();
  grads_.clear();
  for (std::size_t i = 0; i < r.loss.size(); ++i) losses_.push_back(loss_of_calls(r, i));
  for (std::size_t i = 0; i < r.grad.size(); ++i) grads_.push_back(grad_of_calls(r, i));
  output.loss = numbers_of(losses_, {test_case.problem.loss_size()});
  output.grad = numbers_of(grads_, {test_case.problem.n, test_case.problem.v});
  return true;
}

void Evaluation::take_from_oracle(Trial& t) {
  by_oracle_ = true;
  calls_.clear();
  budget = t.budget(test_case);
  exact = &t.reference(test_case);
  losses_.clear();
  grads_.clear();
  const Problem& p = test_case.problem;
  for (std::int64_t i = 0; p.wants_loss() && i < p.loss_size(); ++i) {
    losses_.push_back(known(exact->loss(i), at("exact loss", i)));
  }
  for (std::int64_t i = 0; p.wants_grad() && i < p.n * p.v; ++i) {
    grads_.push_back(known(exact->grad(i / p.v, i % p.v), at("exact grad", i / p.v, i % p.v)));
  }
  output.loss = numbers_of(losses_, {p.loss_size()});
  output.grad = numbers_of(grads_, {p.n, p.v});
}

Value Evaluation::loss_of_calls(const Route& r, std::size_t element) const {
  const auto i = static_cast<std::int64_t>(element);
  const std::string what = at("loss", i);
  if (r.loss[element].empty()) return not_said(what);
  const Value sum = summed(r.loss[element], [this](const Share& term) {
    return calls_[term.call].loss(term.at);
  });
  const Exact asked = [ref = exact, i](int level) { return ref->loss(i, level); };
  return as_asked(sum, of_mathematics(test_case.problem, asked), r.corrected, what);
}

Value Evaluation::grad_of_calls(const Route& r, std::size_t element) const {
  const std::int64_t v = test_case.problem.v;
  const auto at_element = static_cast<std::int64_t>(element);
  const std::int64_t row = at_element / v, k = at_element % v;
  const std::string what = at("grad", row, k);
  if (r.grad[element].empty()) return not_said(what);
  const Value sum = summed(r.grad[element], [this](const Share& term) {
    const std::int64_t classes = calls_[term.call].test_case.problem.v;
    return calls_[term.call].grad(term.at / classes, term.at % classes);
  });
  const Exact asked = [ref = exact, row, k](int level) { return ref->grad(row, k, level); };
  return as_asked(sum, of_mathematics(test_case.problem, asked), r.corrected, what);
}

}  // namespace xent
