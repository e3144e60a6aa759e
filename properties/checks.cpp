// SPDX-License-Identifier: Apache-2.0
#include "properties/checks.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <iterator>

#include "properties/evaluation.h"

namespace xent {

bool run_into(Trial& t, const TestCase& c, Judgement& j, RunRecord& out, const BindOptions& o) {
  out = t.run(c, o);
  const Faults& f = out.faults;
  if (!f.raised.empty()) j.check(false, "raised: " + f.raised);
  if (!f.written_outside.empty()) j.check(false, "written " + f.written_outside.front());
  if (!f.inputs_changed.empty()) j.check(false, f.inputs_changed.front());
  return f.raised.empty();
}

TestCase with(const TestCase& c, Dir dir, Reduction reduction) {
  TestCase d = c;
  d.problem.dir = dir;
  d.problem.reduction = reduction;
  d.problem.upstream = Upstream::one;
  d.upstream = {};
  if (dir != Dir::hvp) d.direction = {};
  if (!d.problem.is_mean()) {
    d.problem.denominator = Denominator::valid;
    d.problem.denominator_value = 0;
  }
  const bool perplexity = d.problem.is_mean() && dir == Dir::fwd;
  if (d.problem.unit == Unit::perplexity && !perplexity) d.problem.unit = Unit::nats;
  return d;
}

TestCase with_op(const TestCase& c, Op op) {
  TestCase d = with(c, Dir::fwd, Reduction::none);
  d.problem.op = op;
  if (op == Op::entropy && c.problem.op != Op::entropy) d.input = c.target;
  if (!d.problem.takes_targets()) {
    d.problem.targets = TargetKind::index;
    d.target = {};
  }
  return d;
}

static std::string number(double x) { return std::isnan(x) ? "NaN" : fmt::format("{:.9g}", x); }

void check_close(Judgement& j, double a, double b, double bound, bool bitwise,
                 const std::string& what) {
  const bool same_bits = std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
  const bool same_infinity = std::isinf(a) && a == b;
  const bool holds = bitwise ? same_bits : same_infinity || std::fabs(a - b) <= bound;
  if (holds) {
    j.check(true, {});
  } else if (bitwise) {
    j.check(false, fmt::format("{}: {:a} and {:a} should be the same bits", what, a, b));
  } else {
    j.check(false, fmt::format("{}: {} and {} differ, bound {:.3g}", what, number(a), number(b),
                               bound));
  }
}

double accurate_sum(const std::vector<double>& x) {
  double sum = 0, rest = 0;
  for (const double v : x) {
    const double next = sum + v;
    const double back = next - sum;
    rest += (sum - (next - back)) + (v - back);  // TwoSum
    sum = next;
  }
  return std::isfinite(sum) ? sum + rest : sum;
}

void judge_output(Judgement& j, Reference& ref, const ErrorBudget& b, const Output& out) {
  // The losses last: they are known by then (judge.h).
  Judgement grad;
  if (!out.grad.empty()) grad = judge_grad(ref, b, out.grad);
  if (!out.loss.empty()) j.merge(judge_loss(ref, b, out.loss));
  j.merge(grad);
}

Judgement judge_outputs(Trial& t) {
  Judgement j;
  if (t.ways != 0) {
    Evaluation e;
    if (e.run(t, t.test_case, j)) e.judge(j);
    return j;
  }
  RunRecord r;
  if (!run_into(t, t.test_case, j, r)) return j;
  judge_output(j, t.reference(t.test_case), t.budget(t.test_case), r.output);
  return j;
}

const std::vector<Substitute>& every_substitute() {
  static const std::vector<Substitute> all(std::begin(kSubstitutes), std::end(kSubstitutes));
  return all;
}

std::string at(const char* name, std::int64_t row) { return fmt::format("{}[{}]", name, row); }
std::string at(const char* name, std::int64_t row, std::int64_t j) {
  return fmt::format("{}[{},{}]", name, row, j);
}

}  // namespace xent
