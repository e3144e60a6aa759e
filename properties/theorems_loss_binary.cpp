// SPDX-License-Identifier: Apache-2.0
// The binary loss: from a probability, from a logit, and as a softmax of two classes.
#include <cmath>

#include "properties/relations.h"

namespace xent {
namespace {

/// x and y in [0,1] whose complements the type holds exactly.
bool has_complement(double x, DType d) {
  if (!(x >= 0 && x <= 1)) return false;
  Tensor t(d, {1});
  t.set(0, 1 - x);
  return t.at(0) + x == 1 && 1 - t.at(0) == x;
}

/// x in (0,1) rounded to half of the format's bits after the point.
double coarse(double x, DType d) {
  const int bits = format(d).precision / 2;
  const double steps = std::ldexp(1.0, bits);
  return std::fmin(std::fmax(std::nearbyint(x * steps), 1), steps - 1) / steps;
}

/// Elements of the case as rows of one class.
struct Elements {
  std::vector<double> x;
  std::vector<double> y;
};

Elements some_elements(const TestCase& c, std::int64_t most) {
  Elements e;
  for (std::int64_t i = 0; i < std::min(c.input.size(), most); ++i) {
    e.x.push_back(c.input.at(i));
    e.y.push_back(c.target.at(i));
  }
  return e;
}

TestCase single_class(const TestCase& like, const Elements& e) {
  const auto n = static_cast<std::int64_t>(e.x.size());
  TestCase c = blank(plain(like.problem, like.problem.op, TargetKind::prob), like.recipe, n, 1);
  for (std::int64_t i = 0; i < n; ++i) {
    c.input.set(i, e.x[static_cast<std::size_t>(i)]);
    c.target.set(i, e.y[static_cast<std::size_t>(i)]);
  }
  return c;
}

/// From a probability: -[y log p + (1-y) log(1-p)] is H((y, 1-y), (p, 1-p)), for p and y with
/// exact complements.
void is_cross_entropy_of_two(Trial& t, Judgement& j) {
  const DType d = t.test_case.problem.dtype;
  Elements e = some_elements(t.test_case, 16);
  for (double& x : e.x) x = coarse(x, d);
  for (double& y : e.y) y = has_complement(y, d) ? y : coarse(y, d);
  const TestCase binary = single_class(t.test_case, e);
  TestCase two = blank(plain(binary.problem, Op::cross_entropy, TargetKind::prob), binary.recipe,
                       binary.problem.n, 2);
  for (std::int64_t i = 0; i < two.problem.n; ++i) {
    const double x = binary.input.at(i), y = binary.target.at(i);
    store_row(two.input, i, {x, 1 - x});
    store_row(two.target, i, {y, 1 - y});
  }
  Evaluation one, other;
  if (!one.run(t, binary, j) || !other.run(t, two, j)) return;
  for (std::int64_t i = 0; i < two.problem.n; ++i) {
    check_equal(j, one.loss(i), other.loss(i), at("as H((y, 1-y), (p, 1-p))", i));
  }
}

/// From a logit: L(x, 0) - L(x, 1) = x, and L(x, y) = (1-y) L(x, 0) + y L(x, 1), y with an exact
/// complement.
void is_linear_in_label(Trial& t, Judgement& j) {
  const DType d = t.test_case.problem.dtype;
  Elements soft = some_elements(t.test_case, 16);
  for (double& y : soft.y) y = has_complement(y, d) ? y : coarse(y, d);
  Elements zero = soft, one = soft;
  std::fill(zero.y.begin(), zero.y.end(), 0.0);
  std::fill(one.y.begin(), one.y.end(), 1.0);
  Evaluation s, a, b;
  if (!s.run(t, single_class(t.test_case, soft), j) ||
      !a.run(t, single_class(t.test_case, zero), j) ||
      !b.run(t, single_class(t.test_case, one), j)) {
    return;
  }
  for (std::int64_t i = 0; i < s.test_case.problem.n; ++i) {
    const double y = s.test_case.target.at(i);
    check_equal(j, s.loss(i), Enclosure::exact(1 - y) * a.loss(i) + Enclosure::exact(y) * b.loss(i),
                at("linear in the label", i));
    if (t.test_case.problem.op == Op::bce_logits) {
      const Value gap = a.loss(i) - b.loss(i);
      const bool bits = t.test_case.problem.unit == Unit::bits;
      check_equal(j, bits ? log_of_two() * gap : gap, known(s.test_case.input.at(i)),
                  at("L(x, 0) - L(x, 1) = x", i));
    }
  }
}

Judgement binary(Trial& t) {
  Judgement j = judge_outputs(t);
  is_linear_in_label(t, j);
  const Problem& p = t.test_case.problem;
  if (p.op == Op::bce_prob &&
      part_is_supported(t, plain(p, Op::cross_entropy, TargetKind::prob), j)) {
    is_cross_entropy_of_two(t, j);
  }
  return j;
}

/// Each class of the binary case as a row [0, z] with targets (1-y, y).
TestCase as_two_classes(const TestCase& c) {
  TestCase two = blank(plain(c.problem, Op::ce, TargetKind::prob, Dir::fwdbwd), c.recipe,
                       c.input.size(), 2);
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    store_row(two.input, i, {0.0, c.input.at(i)});
    store_row(two.target, i, {1 - c.target.at(i), c.target.at(i)});
  }
  return two;
}

/// The same with class indices, for hard labels.
TestCase with_index_targets(const TestCase& two) {
  TestCase c = two;
  c.problem.targets = TargetKind::index;
  c.target = Tensor(DType::i64, {two.problem.n});
  for (std::int64_t i = 0; i < two.problem.n; ++i) {
    c.target.set_integer(i, two.target.at(2 * i + 1) == 1 ? 1 : 0);
  }
  return c;
}

bool hard(const TestCase& c) {
  for (std::int64_t i = 0; i < c.target.size(); ++i) {
    if (c.target.at(i) != 0 && c.target.at(i) != 1) return false;
  }
  return true;
}

void compare_with_two_classes(Trial& t, const Evaluation& binary, const TestCase& two,
                              Judgement& j) {
  Evaluation e;
  if (!e.run(t, two, j)) return;
  const Problem& p = binary.test_case.problem;
  for (std::int64_t r = 0; r < p.n; ++r) {
    Value sum = known(0);
    for (std::int64_t k = 0; k < p.v; ++k) {
      sum = sum + e.loss(r * p.v + k);
      check_equal(j, binary.grad(r, k), e.grad(r * p.v + k, 1),
                  at("gradient, and that of [0, z]", r, k));
    }
    check_equal(j, binary.loss(r), sum, at("binary loss, and those of [0, z]", r));
  }
}

Judgement binary_is_two_class(Trial& t) {
  Judgement j;
  TestCase c = corner(t.test_case, 4, 65);
  for (std::int64_t i = 0; i < c.target.size(); ++i) {
    const double y = c.target.at(i);
    if (!has_complement(y, c.problem.dtype)) c.target.set(i, coarse(y, c.problem.dtype));
  }
  Evaluation binary;
  if (!binary.run(t, c, j)) return j;
  binary.judge(j);
  const TestCase two = as_two_classes(c);
  compare_with_two_classes(t, binary, two, j);
  if (hard(c)) compare_with_two_classes(t, binary, with_index_targets(two), j);
  return j;
}

const std::vector<std::string> kTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> binary_loss_properties() {
  return {
      {"loss.binary", "L = -[y log p + (1-y) log(1-p)].",
       "From a probability and from a logit, hard and soft labels: within its bound; linear in "
       "the label; L(x,0) - L(x,1) is the logit x; of a probability the cross-entropy of "
       "(y, 1-y) and (p, 1-p), all where complements are exact.",
       {"op=bce-logits targets=prob", "op=bce-prob targets=prob"},
       {"binary-hard", "binary-soft", "binary-saturated", "chances", "chances-edge",
        "chances-zero", "gaussian", "extreme"},
       "mutant/labels-rounded", every_substitute(), 0.5, binary, {},
       {kTypes, {"", "unit=bits", "weights=on"}}},
      {"loss.binary-is-two-class", "Binary cross-entropy of z is softmax cross-entropy of [0, z].",
       "Losses and gradients within the two bounds, with probabilities (1-y, y) as targets, and "
       "with class indices where the labels are hard.",
       {"op=bce-logits targets=prob dir=fwdbwd"},
       {"binary-hard", "binary-soft", "binary-saturated", "gaussian", "dyadic"},
       "mutant/labels-rounded", every_substitute(), 0.5, binary_is_two_class,
       [](const Problem& p) {
         return std::vector<Problem>{plain(p, Op::ce, TargetKind::prob, Dir::fwdbwd),
                                     plain(p, Op::ce, TargetKind::index, Dir::fwdbwd)};
       },
       {kTypes}},
  };
}

}  // namespace xent
