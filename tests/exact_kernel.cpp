// SPDX-License-Identifier: Apache-2.0
#include "tests/exact_kernel.h"

#include <limits>
#include <memory>

#include "oracle/reference.h"

namespace xent {
namespace {

class ExactInvocation final : public Invocation {
 public:
  explicit ExactInvocation(const TestCase& c) : case_(c) {}
  void reset() override {}
  void launch() override {
    Reference exact(case_);
    const Problem& p = case_.problem;
    if (p.wants_loss()) out_.loss = Tensor(p.output_dtype(), {p.loss_size()});
    if (p.wants_grad()) out_.grad = Tensor(p.output_dtype(), {p.n, p.v});
    for (std::int64_t i = 0; i < out_.loss.size(); ++i) out_.loss.set(i, number(exact.loss(i)));
    for (std::int64_t i = 0; i < out_.grad.size(); ++i) {
      out_.grad.set(i, number(exact.grad(i / p.v, i % p.v)));
    }
  }
  Output output() const override { return out_; }
  Faults faults() const override { return {}; }

 private:
  static double number(const Enclosure& e) {
    const double inf = std::numeric_limits<double>::infinity();
    if (e.is_number()) return e.hi;
    if (e.kind == Enclosure::Kind::plus_inf) return inf;
    if (e.kind == Enclosure::Kind::minus_inf) return -inf;
    return std::numeric_limits<double>::quiet_NaN();
  }
  TestCase case_;
  Output out_;
};

}  // namespace

Kernel exact_kernel(const std::string& dialect) {
  Kernel k;
  k.name = "test/exact-" + dialect;
  k.dialect = dialect;
  k.budget = ErrorBudget::standard;
  k.supports = [dialect](const Problem& p) {
    if (auto why = meaningless(p)) return Support::no(*why);
    return p.dialect == dialect ? Support::yes() : Support::no("another dialect");
  };
  k.bind = [](const TestCase& c, const BindOptions&) {
    return std::make_unique<ExactInvocation>(c);
  };
  return k;
}

}  // namespace xent
