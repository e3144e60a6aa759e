// SPDX-License-Identifier: Apache-2.0
#include "tests/impl_cases.h"

#include <cstdint>
#include <stdexcept>

#include "impl/registry.h"

namespace xent {
namespace {

/// Reproducible numbers in (0, 1), multiples of 2^-20.
class Numbers {
 public:
  double next() { return static_cast<double>(integer(1048575) + 1) * 0x1p-20; }
  std::int64_t integer(std::int64_t below) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>(state_ >> 33) % below;
  }

 private:
  std::uint64_t state_ = 2024;
};

bool probabilities(Op op) {
  return op == Op::entropy || op == Op::cross_entropy || op == Op::kl || op == Op::bce_prob;
}

void fill(Tensor& t, Numbers& numbers, double low, double high) {
  for (std::int64_t i = 0; i < t.size(); ++i) t.set(i, low + (high - low) * numbers.next());
}

void add_targets(TestCase& c, Numbers& numbers) {
  const Problem& p = c.problem;
  if (has_vector_targets(p)) {
    c.target = Tensor(p.dtype, {p.n, p.v});
    fill(c.target, numbers, 0, 1);
    for (std::int64_t i = 0; p.op != Op::kl && i < c.target.size(); i += 5) {
      c.target.set(i, i % 2 == 0 ? 0 : 1);
    }
  } else if (p.takes_targets()) {
    c.target = Tensor(DType::i64, {p.n});
    for (std::int64_t r = 0; r < p.n; ++r) {
      const bool ignored = p.ignore_index && r % 3 == 1;
      c.target.set_integer(r, ignored ? *p.ignore_index : numbers.integer(p.v));
    }
  }
}

}  // namespace

const Kernel& kernel_named(const std::string& name) {
  static const std::vector<Kernel> all = builtin_kernels();
  for (const Kernel& k : all) {
    if (k.name == name) return k;
  }
  throw std::runtime_error("no kernel " + name);
}

const std::vector<std::string>& scalar_kernels() {
  static const std::vector<std::string> names = {"scalar/safe", "scalar/online", "scalar/naive"};
  return names;
}

TestCase moderate_case(const std::string& text) {
  TestCase c;
  c.problem = parse_problem(text);
  const Problem& p = c.problem;
  Numbers numbers;
  c.input = Tensor(p.dtype, {p.n, p.v});
  const bool probability = probabilities(p.op);
  const double high = probability ? 0.95 : p.op == Op::nll ? 0 : 6;
  fill(c.input, numbers, probability ? 0.05 : -6, high);
  add_targets(c, numbers);
  if (p.weights) {
    c.weight = Tensor(p.dtype, {p.v});
    fill(c.weight, numbers, 0.25, 2);
  }
  if (p.dir == Dir::hvp) {
    c.direction = Tensor(p.dtype, {p.n, p.v});
    fill(c.direction, numbers, -1, 1);
  }
  if (p.upstream != Upstream::one) {
    c.upstream = Tensor(p.dtype, {p.upstream == Upstream::row ? p.n : 1});
    fill(c.upstream, numbers, -2, 2);
  }
  validate(c);
  return c;
}

}  // namespace xent
