// SPDX-License-Identifier: Apache-2.0
// How fast the oracle judges, beside the same work element by element in multiple precision.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/multiprecision/mpfr.hpp>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/runner.h"
#include "bench/statistics.h"
#include "oracle/interval.h"
#include "oracle/judge.h"
#include "oracle/reference.h"
#include "oracle/simd/rows.h"

namespace xent {
namespace {

using Mpfr34 = boost::multiprecision::number<
    boost::multiprecision::mpfr_float_backend<34, boost::multiprecision::allocate_stack>,
    boost::multiprecision::et_off>;
using Mpfi128 = Interval<kDigits[0]>;

/// A case with what a good kernel answers: the exact values, rounded.
struct Judged {
  std::shared_ptr<const TestCase> c;
  Output output;
  ErrorBudget budget;
};

/// N(0, 4) logits; of entropies, the softmax of such rows.
TestCase random_case(const std::string& text) {
  TestCase c;
  c.problem = parse_problems(text).front();
  const Problem& p = c.problem;
  std::mt19937_64 bits(1);
  std::normal_distribution<double> normal(0, 4);
  const auto row_of = [&](Tensor& t, std::int64_t r) {
    std::vector<double> x(static_cast<std::size_t>(p.v));
    double sum = 0;
    for (double& value : x) {
      value = normal(bits);
      sum += std::exp(value);
    }
    const bool logits = p.op == Op::ce;
    for (std::int64_t j = 0; j < p.v; ++j) {
      const double value = x[static_cast<std::size_t>(j)];
      t.set(r * p.v + j, logits ? value : std::exp(value) / sum);
    }
  };
  c.input = Tensor(p.dtype, {p.n, p.v});
  for (std::int64_t r = 0; r < p.n; ++r) row_of(c.input, r);
  if (has_vector_targets(p)) {
    c.target = Tensor(p.dtype, {p.n, p.v});
    for (std::int64_t r = 0; r < p.n; ++r) row_of(c.target, r);
  } else if (p.takes_targets()) {
    c.target = Tensor(DType::i64, {p.n});
    for (std::int64_t r = 0; r < p.n; ++r) {
      c.target.set_integer(r, static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(p.v)));
    }
  }
  return c;
}

Judged judged(const std::string& text) {
  Judged j{std::make_shared<const TestCase>(random_case(text)), {}, {}};
  const Problem& p = j.c->problem;
  j.budget = ErrorBudget::relative(p);
  j.budget.order = SumOrder::lanes;
  j.budget.lanes = 64;
  j.budget.grad = GradForm::quotient;
  Reference exact(j.c);
  j.output.loss = Tensor(p.output_dtype(), {p.loss_size()});
  for (std::int64_t i = 0; i < p.loss_size(); ++i) j.output.loss.set(i, exact.loss(i).hi);
  if (!p.wants_grad()) return j;
  j.output.grad = Tensor(p.output_dtype(), {p.n, p.v});
  for (std::int64_t r = 0; r < p.n; ++r) {
    for (std::int64_t k = 0; k < p.v; ++k) {
      j.output.grad.set(r * p.v + k, exact.grad(r, k).hi);
    }
  }
  return j;
}

/// Keeps what was computed from being optimised away.
void use(double x) {
  volatile double kept = x;
  static_cast<void>(kept);
}

/// Gradients first: a large case keeps losses, but no rows.
void judge(const Judged& j) {
  Reference exact(j.c);
  Judgement all;
  if (!j.output.grad.empty()) all = judge_grad(exact, j.budget, j.output.grad);
  all.merge(judge_loss(exact, j.budget, j.output.loss));
  if (all.verdict != Verdict::pass) throw std::logic_error("not a pass: " + all.message);
}

/// Enclosures of losses and gradients alone, at the tier that the judge begins with.
void enclose(const Judged& j) {
  const Problem& p = j.c->problem;
  Reference exact(j.c);
  const int level = p.output_dtype() == DType::f64 ? 0 : Reference::kQuick;
  const auto block = std::make_unique<Elements>();
  for (std::int64_t r = 0; r < p.n; ++r) {
    for (std::int64_t k = 0; k < p.v; k += Elements::kMost) {
      if (!exact.elements(r, k, std::min(Elements::kMost, p.v - k), level, *block)) {
        throw std::logic_error("a gradient is no number");
      }
    }
    use(exact.loss(r, level).hi);
  }
}

/// exp, sum, quotient and difference for each logit, as one would write it with either type.
template <class Number, class Exp>
void rows_by_element(const Judged& j, const Exp& exp_of_number) {
  const Problem& p = j.c->problem;
  std::vector<Number> e(static_cast<std::size_t>(p.v));
  Number s(0);
  for (std::int64_t k = 0; k < p.v; ++k) {
    Number& e_k = e[static_cast<std::size_t>(k)];
    e_k = exp_of_number(Number(Number(j.c->logit(0, k)) - Number(16)));
    s += e_k;
  }
  for (std::int64_t k = 0; k < p.v; ++k) {
    const Number error =
        e[static_cast<std::size_t>(k)] / s - Number(j.output.grad.at(k));
    use(static_cast<double>(error));
  }
}

/// p log p, p log q and their sums.
template <class Number, class Log>
void pairs_by_element(const Judged& j, const Log& log_of_number) {
  const Problem& p = j.c->problem;
  Number entropy(0), cross(0);
  for (std::int64_t k = 0; k < p.v; ++k) {
    const Number weight(j.c->target.at(k));
    entropy -= weight * log_of_number(weight);
    cross -= weight * log_of_number(Number(j.c->logit(0, k)));
  }
  use(static_cast<double>(Number(cross - entropy)));
}

struct Timed {
  std::string name;
  double items;      ///< logits, or pairs
  std::function<void()> run;
  std::string than;  ///< which of the two baselines' names it is compared with
};

std::vector<Timed> timed_jobs() {
  std::vector<Timed> jobs;
  const auto add = [&](const std::string& name, const std::string& problem,
                       const std::string& than) {
    const Judged j = judged(problem);
    const double items = static_cast<double>(j.c->problem.n) * static_cast<double>(j.c->problem.v);
    jobs.push_back({name, items, [j] { judge(j); }, than});
    if (!j.output.grad.empty()) {
      jobs.push_back({name + ", enclosures alone", items, [j] { enclose(j); }, than});
    }
  };
  for (const char* type : {"f32", "bf16", "f16", "f64"}) {
    for (const auto& [n, v] : {std::pair{4, 128256}, {64, 4096}, {8192, 32}}) {
      const std::string size = fmt::format("n={} v={}", n, v);
      add(fmt::format("{} {}", type, size),
          fmt::format("op=ce dtype={} dir=fwdbwd {}", type, size), "softmax");
    }
  }
  for (const char* op : {"entropy", "cross-entropy", "kl"}) {
    add(std::string(op) + " n=4 v=128256",
        fmt::format("op={} dtype=f32 dir=fwd n=4 v=128256{}", op,
                    std::string(op) == "cross-entropy" ? " targets=prob" : ""),
        "pairs");
  }
  const Judged row = judged("op=ce dtype=f32 dir=fwdbwd n=1 v=4096");
  const Judged pair = judged("op=kl dtype=f32 dir=fwd n=1 v=4096");
  jobs.push_back({"softmax MPFR-34", 4096,
                  [row] { rows_by_element<Mpfr34>(row, [](const Mpfr34& x) { return exp(x); }); },
                  ""});
  jobs.push_back({"softmax MPFI-128", 4096,
                  [row] { rows_by_element<Mpfi128>(row, exp_of<Mpfi128>); }, ""});
  jobs.push_back({"pairs MPFR-34", 4096,
                  [pair] {
                    pairs_by_element<Mpfr34>(pair, [](const Mpfr34& x) { return log(x); });
                  },
                  ""});
  jobs.push_back({"pairs MPFI-128", 4096,
                  [pair] { pairs_by_element<Mpfi128>(pair, log_of<Mpfi128>); }, ""});
  return jobs;
}

void report() {
  const std::vector<Timed> jobs = timed_jobs();
  std::vector<TimedJob> runs;
  for (const Timed& t : jobs) runs.push_back({t.name, [] {}, t.run});
  const std::vector<JobTimes> times =
      time_jobs(runs, {.min_seconds = 0.2, .repetitions = 7, .progress = {}});
  std::map<std::string, double> nanoseconds;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!times[i].error.empty()) throw std::runtime_error(jobs[i].name + ": " + times[i].error);
    nanoseconds[jobs[i].name] = quantile(times[i].seconds, 0.5) * 1e9 / jobs[i].items;
  }
  fmt::print("| job | ns | M/s | x MPFR-34 | x MPFI-128 |\n|---|---|---|---|---|\n");
  for (const Timed& t : jobs) {
    const double ns = nanoseconds[t.name];
    fmt::print("| {} | {:.2f} | {:.1f} |", t.name, ns, 1e3 / ns);
    for (const char* rival : {" MPFR-34", " MPFI-128"}) {
      if (t.than.empty()) fmt::print(" |");
      else fmt::print(" {:.0f} |", nanoseconds[t.than + rival] / ns);
    }
    fmt::print("\n");
  }
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

/// One problem of the size of a large vocabulary, once on one thread and once on two. Its case and
/// the kernel's output are there before.
void report_large() {
  const Judged j = judged("op=ce dtype=f32 dir=fwdbwd n=512 v=128256");
  const long before = peak_kib();
  for (const int threads : {1, 2}) {
    set_judge_threads(threads);
    const auto times = time_jobs({{"large", [] {}, [&j] { judge(j); }}},
                                 {.min_seconds = 0.2, .repetitions = 3, .progress = {}});
    if (!times[0].error.empty()) throw std::runtime_error(times[0].error);
    fmt::print("f32 n=512 v=128256, judged on {} thread(s): {:.2f} s, peak memory grew by {} KiB\n",
               threads, quantile(times[0].seconds, 0.5), peak_kib() - before);
  }
}

}  // namespace
}  // namespace xent

int main() {
  try {
    xent::report();
    xent::report_large();
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "oracle_bench: {}\n", e.what());
    return 1;
  }
}
