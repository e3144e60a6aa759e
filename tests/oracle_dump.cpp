// SPDX-License-Identifier: Apache-2.0
// Prints cases and their enclosures, all numbers in hexadecimal, for oracle_mpmath.py.

#include <cmath>
#include <cstdio>
#include <string>

#include "oracle/reference.h"
#include "tests/oracle_cases.h"
#include "tests/oracle_random_case.h"

namespace xent {
namespace {

using namespace oracle_tests;

void print_tensor(const char* what, const Tensor& t) {
  if (t.empty()) return;
  std::printf("%s", what);
  for (std::int64_t i = 0; i < t.size(); ++i) {
    if (is_float(t.dtype)) std::printf(" %a", t.at(i));
    else std::printf(" %lld", static_cast<long long>(t.integer(i)));
  }
  std::printf("\n");
}

void print(const std::string& what, const Enclosure& e) {
  switch (e.kind) {
    case Enclosure::Kind::number:
      std::printf("%s %a %a %a\n", what.c_str(), e.hi, e.lo, e.rad);
      return;
    case Enclosure::Kind::plus_inf: std::printf("%s +inf\n", what.c_str()); return;
    case Enclosure::Kind::minus_inf: std::printf("%s -inf\n", what.c_str()); return;
    case Enclosure::Kind::nan: std::printf("%s nan\n", what.c_str()); return;
    case Enclosure::Kind::undefined: std::printf("%s undefined\n", what.c_str()); return;
  }
}

bool takes_logits(Op op) { return op == Op::ce || op == Op::lse || op == Op::mse_softmax; }

void print_elements(Reference& ref, std::int64_t r, int level) {
  const Problem& p = ref.test_case().problem;
  for (std::int64_t j = 0; j < p.v; ++j) {
    const std::string at = std::to_string(r) + " " + std::to_string(j);
    if (takes_logits(p.op)) {
      print("p " + at, ref.probability(r, j, level));
      print("z " + at, ref.transformed(r, j, level));
    }
    if (p.wants_grad()) print("g " + at, ref.grad(r, j, level));
  }
}

void print_case(const TestCase& c, int level) {
  const Problem& p = c.problem;
  std::printf("case %s\n", to_text(p).c_str());
  print_tensor("input", c.input);
  print_tensor("target", c.target);
  print_tensor("weight", c.weight);
  print_tensor("direction", c.direction);
  print_tensor("upstream", c.upstream);
  Reference ref(c);
  for (std::int64_t i = 0; i < p.loss_size(); ++i) {
    print("loss " + std::to_string(i), ref.loss(i, level));
  }
  for (std::int64_t r = 0; r < p.n; ++r) {
    print("row " + std::to_string(r), ref.row_loss(r, level));
    print("divisor " + std::to_string(r), ref.divisor(r));
    if (takes_logits(p.op)) print("lse " + std::to_string(r), ref.lse(r, level));
    print_elements(ref, r, level);
  }
}

/// Every level in turn, the quick one too.
int level_of(int i) { return i % (Reference::kLevels + 1) + Reference::kQuick; }

TestCase softmax_case(Draw& draw, int i, DType dtype) {
  const std::int64_t v = 1 + draw.below(9), n = 1 + draw.below(3);
  std::vector<Row> rows;
  std::vector<std::int64_t> labels;
  for (std::int64_t r = 0; r < n; ++r) {
    rows.push_back(random_row(draw, i % kRowKinds, v, dtype));
    // Now and then a gap of any size.
    if (draw.below(8) == 0) {
      const int exponent = static_cast<int>(draw.below(format(dtype).emax));
      rows.back()[0] = rounded_to(std::ldexp(-draw.uniform(), exponent), dtype);
    }
    labels.push_back(draw.below(9) == 0 ? draw.below(v) : random_label(draw, rows.back()));
  }
  const char* reduction = draw.one_of({"none", "none", "sum", "mean"});
  TestCase c = logits_case(rows, labels, "dir=fwdbwd reduction=" + std::string(reduction) +
                                             " dtype=" + std::string(name(dtype)));
  if (draw.below(3) == 0) {
    const std::int64_t most = format(dtype).emax / 4;
    const auto exponent = static_cast<int>(draw.below(2 * most + 1) - most);
    set_upstream(c, {std::ldexp(draw.normal(), exponent)});
  }
  return c;
}

void print_plain() {
  Draw draw(16);
  for (int i = 0; i < 130; ++i) {
    const DType dtype = draw.one_of({DType::f32, DType::f64, DType::bf16, DType::f16});
    print_case(softmax_case(draw, i, dtype), level_of(i));
  }
  for (int i = 0; i < 160; ++i) {
    const DType dtype = draw.one_of({DType::f32, DType::f64});
    const Pair pair = random_pair(draw, i % kPairKinds, 1 + draw.below(9), dtype);
    const std::string more = "dir=fwdbwd dtype=" + std::string(name(dtype));
    for (const char* op : {"entropy", "cross-entropy", "kl"}) {
      print_case(probability_case(op, pair.p, pair.q, more), level_of(i));
    }
  }
}

void print_options() {
  Draw draw(17);
  for (int i = 0; i < 110; ++i) {
    for (const Op op : {Op::ce, Op::ce, Op::ce, Op::nll, Op::bce_logits, Op::bce_prob, Op::entropy,
                        Op::cross_entropy, Op::kl, Op::lse, Op::mse_softmax, Op::mse_sigmoid}) {
      print_case(random_case(draw, op), level_of(i));
    }
  }
}

}  // namespace
}  // namespace xent

int main() {
  xent::print_plain();
  xent::print_options();
}
