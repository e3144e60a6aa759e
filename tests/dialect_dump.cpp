// SPDX-License-Identifier: Apache-2.0
// Prints the dialect pytorch, cases, and what the oracle answers under it with the bounds of class
// `standard`, in hexadecimal, for dialect_torch.py. With an argument: the dialect alone.

#include <cstdio>
#include <string>

#include "oracle/bound.h"
#include "oracle/reference.h"
#include "tests/dialect_cases.h"

namespace xent {
namespace {

using namespace dialect_tests;

void print_tensor(const char* what, const Tensor& t) {
  if (t.shape.empty()) return;
  std::printf("%s", what);
  for (std::int64_t i = 0; i < t.size(); ++i) {
    if (is_float(t.dtype)) std::printf(" %a", t.at(i));
    else std::printf(" %lld", static_cast<long long>(t.integer(i)));
  }
  std::printf("\n");
}

template <class Bound>
void print_output(const std::string& what, const Enclosure& e, Bound bound) {
  const char* word = "undefined";
  switch (e.kind) {
    case Enclosure::Kind::number:
      std::printf("%s %a %a %a %a\n", what.c_str(), e.hi, e.lo, e.rad, bound());
      return;
    case Enclosure::Kind::plus_inf: word = "+inf"; break;
    case Enclosure::Kind::minus_inf: word = "-inf"; break;
    case Enclosure::Kind::nan: word = "nan"; break;
    case Enclosure::Kind::undefined: break;
  }
  std::printf("%s %s\n", what.c_str(), word);
}

void print_answers(Reference& ref, const Problem& p) {
  const ErrorBudget standard = ErrorBudget::standard(p);
  if (const auto q = ref.reduction_question()) std::printf("asked - %s\n", name(*q).data());
  for (std::int64_t r = 0; r < p.n; ++r) {
    if (const auto q = ref.question(r)) {
      std::printf("asked %lld %s\n", static_cast<long long>(r), name(*q).data());
    }
  }
  for (std::int64_t i = 0; p.wants_loss() && i < p.loss_size(); ++i) {
    print_output("loss " + std::to_string(i), ref.loss(i),
                 [&] { return loss_bound(ref, standard, i); });
  }
  for (std::int64_t r = 0; p.wants_grad() && r < p.n; ++r) {
    for (std::int64_t j = 0; j < p.v; ++j) {
      print_output("grad " + std::to_string(r) + " " + std::to_string(j), ref.grad(r, j),
                   [&] { return grad_bound(ref, standard, r, j); });
    }
  }
}

void print_case(std::string_view kind, const TestCase& c) {
  std::printf("case %s %s\n", std::string(kind).c_str(), to_text(c.problem).c_str());
  print_tensor("input", c.input);
  print_tensor("target", c.target);
  print_tensor("weight", c.weight);
  print_tensor("upstream", c.upstream);
  print_tensor("direction", c.direction);
  Reference ref(c);
  print_answers(ref, c.problem);
}

void print_dialect(const Dialect& d) {
  std::printf("floor %a\n", d.conventions.log_floor);
  for (const DialectNote& n : d.notes) std::printf("topic %s\n", std::string(n.topic).c_str());
  for (const DialectEntry& e : d.entries) {
    std::printf("answer %s %s %s\n", name(e.question).data(), name(e.loss).data(),
                name(e.grad).data());
  }
}

}  // namespace
}  // namespace xent

int main(int argc, char**) {
  using namespace xent;
  print_dialect(find_dialect("pytorch"));
  if (argc > 1) return 0;
  for (const Posed& p : posed_cases()) print_case(name(p.question), p.test_case);
  for (const TestCase& c : ordinary_cases(500)) print_case("ordinary", c);
  for (const TestCase& c : composed_cases(300)) print_case("composed", c);
}
