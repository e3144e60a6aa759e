// SPDX-License-Identifier: Apache-2.0
// Bounds under attack: of every product kernel and every operation that it takes, a search climbs
// towards the inputs with the largest error / bound. oracle_search STEPS [SEED]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

#include "core/case_file.h"
#include "impl/registry.h"
#include "oracle/judge.h"
#include "tests/oracle_random_case.h"

namespace xent {
namespace {

using oracle_tests::Draw;

constexpr Op kOps[] = {Op::ce,  Op::lse, Op::nll, Op::entropy, Op::cross_entropy,
                       Op::kl,  Op::bce_logits, Op::bce_prob, Op::mse_softmax, Op::mse_sigmoid};

/// A kernel as it is held to its budget; the search itself is judged with a budget too small.
struct Suspect {
  Kernel kernel;
  std::function<ErrorBudget(const Problem&)> budget;
};

Judgement judged(const Suspect& s, const TestCase& c) {
  Reference ref(c);
  const RunRecord run = xent::run(s.kernel, c);
  Judgement j;
  j.check(run.faults.none(), "faults");
  const ErrorBudget b = s.budget(c.problem);
  if (c.problem.wants_grad()) j.merge(judge_grad(ref, b, run.output.grad));
  if (c.problem.wants_loss()) j.merge(judge_loss(ref, b, run.output.loss));
  return j;
}

bool holds_probabilities(Op op) {
  return op == Op::bce_prob || op == Op::entropy || op == Op::cross_entropy || op == Op::kl;
}

/// A neighbour, a number of another size, another element's, or an end of the range.
double moved(Draw& draw, const Tensor& t, std::int64_t i) {
  const double x = t.at(i), u = 2 * unit_roundoff(t.dtype);
  switch (draw.below(6)) {
    case 0: return x * (1 + u * static_cast<double>(draw.below(9) - 4));
    case 1: return x + draw.normal() * draw.one_of({1e-6, 1e-3, 0.1, 3.0, 30.0});
    case 2: return t.at(draw.below(t.size()));
    case 3: return x * draw.one_of({0.5, 2.0, -1.0, 1 - u, 1 + 1e-3});
    case 4: return t.at(draw.below(t.size())) + draw.normal() * draw.one_of({1e-3, 0.7, 20.0});
    default: return draw.one_of({0.0, 1.0, -16.6355, -87.4, -103.9, 1e-30, 0.5, 1 - u});
  }
}

void move_some(Draw& draw, Tensor& t, double least, double most) {
  if (t.size() == 0) return;
  const std::int64_t count = draw.below(4) == 0 ? 1 + t.size() / 4 : 1;
  for (std::int64_t k = 0; k < count; ++k) {
    const std::int64_t i = draw.below(t.size());
    t.set(i, std::clamp(moved(draw, t, i), least, most));
  }
}

void move_label(Draw& draw, TestCase& c) {
  const std::int64_t row = draw.below(c.problem.n);
  c.target.set_integer(row, draw.below(c.problem.v));
}

TestCase neighbour(Draw& draw, TestCase c) {
  const Problem& p = c.problem;
  const double largest = std::ldexp(1.0, format(p.dtype).emax - 2);
  const bool labels = p.takes_targets() && !has_vector_targets(p);
  switch (draw.below(8)) {
    case 0:
      if (labels) move_label(draw, c);
      else if (p.takes_targets()) move_some(draw, c.target, 0, 1);
      break;
    case 1: move_some(draw, c.upstream, -largest, largest); break;
    case 2: move_some(draw, c.direction, -largest, largest); break;
    case 3: move_some(draw, c.weight, 0, 8); break;
    default: break;
  }
  const double least = holds_probabilities(p.op) ? 0 : -largest;
  move_some(draw, c.input, least, holds_probabilities(p.op) ? 1 : p.op == Op::nll ? 0 : largest);
  return c;
}

/// A plain case, for kernels that take no options.
TestCase plain(Draw& draw, Op op, DType dtype, std::int64_t classes) {
  const auto kind = static_cast<int>(draw.below(oracle_tests::kRowKinds));
  const auto row = oracle_tests::random_row(draw, kind, 1 + draw.below(classes), dtype);
  const std::string type = "dtype=" + std::string(name(dtype));
  if (op == Op::lse) return oracle_tests::lse_case({row}, type);
  return oracle_tests::one_row(row, oracle_tests::random_label(draw, row), type + " dir=fwdbwd");
}

/// A first case that the kernel takes; every other one of ce and lse is plain.
TestCase start(Draw& draw, const Kernel& k, Op op, DType dtype, std::int64_t classes) {
  const bool may_be_plain = op == Op::ce || op == Op::lse;
  for (int attempt = 0; attempt < 200 && !(may_be_plain && draw.below(2) == 0); ++attempt) {
    TestCase c = oracle_tests::random_case(draw, op, classes);
    if (c.problem.dtype == dtype && k.supports(c.problem)) return c;
  }
  return plain(draw, op, dtype, classes);
}

struct Found {
  double ratio = 0;
  std::int64_t judged = 0, checks = 0;
  Verdict verdict = Verdict::skip;
  TestCase worst;   ///< of the greatest ratio
  TestCase broken;  ///< of the gravest verdict, with its message
  std::string message;
};

void see(Found& f, const Judgement& j, const TestCase& c) {
  f.judged += j.checks > 0;
  f.checks += j.checks;
  const double ratio = j.errors.error_over_bound();
  if (ratio > f.ratio) f.worst = c;
  f.ratio = std::max(f.ratio, ratio);
  if (graver(j.verdict, f.verdict) != f.verdict) {
    f.message = j.message;
    f.broken = c;
  }
  f.verdict = graver(f.verdict, j.verdict);
}

/// Climbs from many starts, on rows of 2 classes up to 4096; a start is left where nothing better
/// was found for a while.
Found search(const Suspect& s, Op op, DType dtype, std::int64_t steps, std::uint64_t seed) {
  Draw draw(seed);
  Found found;
  TestCase at;
  double height = 0;
  std::int64_t idle = 0, patience = 0;
  for (std::int64_t step = 0; step < steps; ++step) {
    if (idle >= patience) {
      const bool large = draw.below(40) == 0;
      at = start(draw, s.kernel, op, dtype, large ? 4096 : draw.one_of({2, 3, 8, 40}));
      height = -1;
      idle = 0;
      patience = at.problem.v > 64 ? 4 : 60;
    }
    TestCase next = height < 0 ? at : neighbour(draw, at);
    if (!s.kernel.supports(next.problem)) {
      patience = 0;
      continue;
    }
    const Judgement j = judged(s, next);
    see(found, j, next);
    if (j.errors.error_over_bound() > height) {
      height = j.errors.error_over_bound();
      at = std::move(next);
      idle = 0;
    } else {
      ++idle;
    }
  }
  return found;
}

bool takes(const Kernel& k, Op op, DType dtype) {
  Problem p;
  p.op = op;
  p.dtype = dtype;
  p.targets = op == Op::kl || op == Op::bce_logits || op == Op::bce_prob || op == Op::mse_sigmoid
                  ? TargetKind::prob
                  : TargetKind::index;
  return static_cast<bool>(k.supports(p));
}

/// Whether the search keeps to its bounds; prints what it found.
bool within_bounds(const Suspect& s, Op op, DType dtype, std::int64_t steps, std::uint64_t seed) {
  const Found f = search(s, op, dtype, steps, seed);
  std::printf("%-20s %-13s %-4s %6ld cases %8ld checks  error/bound %.4f  %s\n",
              s.kernel.name.c_str(), std::string(name(op)).c_str(),
              std::string(name(dtype)).c_str(), static_cast<long>(f.judged),
              static_cast<long>(f.checks), f.ratio, to_text(f.worst.problem).c_str());
  if (f.judged == 0) std::printf("  nothing was judged\n");
  if (f.judged > 0 && f.verdict != Verdict::pass) {
    std::printf("  %s\n%s", f.message.c_str(),
                write_case({f.broken, s.kernel.name, {}}).c_str());
  }
  return f.verdict == Verdict::pass && f.judged > 0 && f.ratio <= 1;
}

/// With a budget that grants exp and log no error at all, the same search must find a case beyond
/// the bound: it does look where errors are.
bool sees_a_small_budget(const Kernel& k, std::uint64_t seed) {
  const auto small = [k](const Problem& p) {
    ErrorBudget b = k.budget(p);
    b.exp_rel = b.log_rel = 0;
    return b;
  };
  const Found f = search({k, small}, Op::ce, DType::f64, 3000, seed);
  std::printf("%s with too small a budget: %s\n", k.name.c_str(),
              f.ratio > 1 ? "found out" : "NOT FOUND OUT");
  return f.ratio > 1;
}

int run_all(std::int64_t steps, std::uint64_t seed) {
  bool good = true;
  for (const Kernel& k : select(builtin_kernels(), "*")) {
    for (const Op op : kOps) {
      for (const DType d : {DType::f32, DType::f64, DType::bf16, DType::f16}) {
        if (takes(k, op, d)) good &= within_bounds({k, k.budget}, op, d, steps, ++seed);
      }
    }
  }
  good &= sees_a_small_budget(select(builtin_kernels(), "scalar/safe").front(), seed);
  std::printf("%s\n", good ? "no bound is exceeded" : "FAILED");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace xent

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 16) : 0x5eed;
  return xent::run_all(std::atoll(argv[1]), seed);
}
