// SPDX-License-Identifier: Apache-2.0
// Self-information, units, cross-entropy and how they hang together.
#include <algorithm>
#include <cmath>
#include <iterator>

#include "properties/relations.h"

namespace xent {
namespace {

/// Positive numbers among the first of a tensor.
std::vector<double> positive_of(const Tensor& t, std::size_t most) {
  std::vector<double> found;
  for (std::int64_t i = 0; i < t.size() && found.size() < most; ++i) {
    if (t.at(i) > 0) found.push_back(t.at(i));
  }
  return found;
}

/// x with half of the format's bits: products of two such are exact.
double halved(double x, DType d) {
  int exponent = 0;
  const double significand = std::frexp(x, &exponent);
  const int bits = format(d).precision / 2;
  return std::ldexp(std::trunc(std::ldexp(significand, bits)), exponent - bits);
}

void certain_event_and_fair_coin(Trial& t, Judgement& j) {
  Evaluation e;
  if (!e.run(t, events(t.test_case, {1, 0.5}), j)) return;
  const bool bits = t.test_case.problem.unit == Unit::bits;
  check_equal(j, e.loss(0), known(0), "the certain event");
  check_equal(j, e.loss(1), bits ? known(1) : known(log_of_two(), "log 2"), "the fair coin");
}

/// The rarer the larger.
void rarer_is_larger(Trial& t, Judgement& j, const std::vector<double>& p) {
  Evaluation e;
  if (!e.run(t, events(t.test_case, p), j)) return;
  for (std::size_t i = 0; i + 1 < p.size(); ++i) {
    const auto at_i = static_cast<std::int64_t>(i);
    const Value one = e.loss(at_i), next = e.loss(at_i + 1);
    if (p[i] == p[i + 1]) continue;
    check_order(j, p[i] > p[i + 1] ? one : next, p[i] > p[i + 1] ? next : one, Order::strict,
                at("the rarer event tells more", at_i));
  }
}

/// I(ab) = I(a) + I(b) where ab is exact.
void independent_events_add(Trial& t, Judgement& j, const std::vector<double>& p) {
  const DType d = t.test_case.problem.dtype;
  std::vector<double> rows;
  for (std::size_t i = 0; i + 1 < p.size(); i += 2) {
    const double a = halved(p[i], d), b = halved(p[i + 1], d);
    if (a * b < std::ldexp(1.0, format(d).emin)) continue;
    rows.insert(rows.end(), {a, b, a * b});
  }
  Evaluation e;
  if (rows.empty() || !e.run(t, events(t.test_case, rows), j)) return;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(rows.size()); i += 3) {
    check_equal(j, e.loss(i) + e.loss(i + 1), e.loss(i + 2), at("independent events", i / 3));
  }
}

Judgement self_information(Trial& t) {
  Judgement j = judge_outputs(t);
  certain_event_and_fair_coin(t, j);
  const std::vector<double> p = positive_of(t.test_case.input, 24);
  if (p.empty()) return j;
  rarer_is_larger(t, j, p);
  independent_events_add(t, j, p);
  return j;
}

/// bits * log 2 = nats. Whether an infinity or NaN is right, the judge of either call says.
void check_unit(Judgement& j, const Value& bits, const Value& nats, const std::string& what) {
  if (!std::isfinite(bits.got) || !std::isfinite(nats.got)) {
    ++j.excluded["infinite"];
  } else {
    check_equal(j, log_of_two() * bits, nats, what);
  }
}

Judgement units(Trial& t) {
  Judgement j;
  const TestCase in_bits = corner(t.test_case, 16, 257);
  TestCase in_nats = in_bits;
  in_nats.problem.unit = Unit::nats;
  Evaluation bits, nats;
  if (!bits.run(t, in_bits, j) || !nats.run(t, in_nats, j)) return j;
  bits.judge(j);
  nats.judge(j);
  const Problem& p = in_bits.problem;
  for (std::int64_t i = 0; p.wants_loss() && i < p.loss_size(); ++i) {
    check_unit(j, bits.loss(i), nats.loss(i), at("log 2 times bits", i));
  }
  for (std::int64_t i = 0; p.wants_grad() && i < p.n * p.v; ++i) {
    check_unit(j, bits.grad(i / p.v, i % p.v), nats.grad(i / p.v, i % p.v),
               at("log 2 times the gradient in bits", i / p.v, i % p.v));
  }
  return j;
}

std::vector<Problem> nats(const Problem& p) {
  Problem q = p;
  q.unit = Unit::nats;
  return {q};
}

/// H(p,q) is the mean of q's self-informations; classes without mass count for nothing.
Judgement cross_entropy(Trial& t) {
  Judgement j = judge_outputs(t);
  const TestCase& c = t.test_case;
  const std::int64_t v = std::min<std::int64_t>(c.problem.v, 130);
  const TestCase few = corner(c, 2, v);
  Evaluation whole;
  if (!whole.run(t, few, j)) return j;
  for (std::int64_t r = 0; r < few.problem.n; ++r) {
    const std::vector<double> p = row_of(few.target, r, v);
    Evaluation each;
    if (!each.run(t, events(few, row_of(few.input, r, v)), j)) return j;
    Value mean = known(0);
    for (std::int64_t k = 0; k < v; ++k) {
      const double weight = p[static_cast<std::size_t>(k)];
      if (weight != 0) mean = mean + Enclosure::exact(weight) * each.loss(k);
    }
    check_equal(j, whole.loss(r), mean, at("the mean self-information", r));
  }
  return j;
}

/// The kernel's H(p,q), H(p) and KL(p||q) of one case of p and q.
struct Three {
  Evaluation cross, entropy, kl;
  bool run(Trial& t, const TestCase& c, Judgement& j) {
    return cross.run(t, with_op(c, Op::cross_entropy), j) &&
           entropy.run(t, with_op(c, Op::entropy), j) && kl.run(t, with_op(c, Op::kl), j);
  }
};

/// H(p,q) - H(p) against KL(p||q), row by row; all three are anchored to the truth.
Judgement decomposition_of_vectors(Trial& t) {
  Judgement j;
  Three three;
  if (!three.run(t, t.test_case, j)) return j;
  for (std::int64_t r = 0; r < t.test_case.problem.n; ++r) {
    const Enclosure exact = three.cross.loss(r).exact(0);
    if (exact.kind == Enclosure::Kind::undefined) {
      ++j.excluded["undefined"];
      continue;
    }
    if (!exact.is_number()) {
      check_close(j, three.cross.output.loss.at(r), three.kl.output.loss.at(r), 0, false,
                  at("H(p,q) and KL where q = 0 < p", r));
      continue;
    }
    check_equal(j, three.cross.loss(r) - three.entropy.loss(r), three.kl.loss(r),
                at("H(p,q) - H(p) and KL(p||q)", r));
  }
  three.cross.judge(j);
  return j;
}

/// For kernels of logits: CE(z; y) - CE(log y; y) against KL(y || softmax z), which is the exact
/// CE(z; y) - H(y). The rounding of log y makes CE(log y; y) larger than H(y) by an amount that
/// the oracle knows.
Judgement decomposition_of_logits(Trial& t) {
  Judgement j;
  TestCase matched = t.test_case;
  for (std::int64_t i = 0; i < matched.input.size(); ++i) {
    matched.input.set(i, std::log(matched.target.at(i)));
  }
  Evaluation at_z, at_log_y;
  if (!at_z.run(t, t.test_case, j) || !at_log_y.run(t, matched, j)) return j;
  TestCase own = with_op(t.test_case, Op::cross_entropy);
  own.input = own.target;
  Reference& entropy = t.reference(with_op(own, Op::entropy));
  for (std::int64_t r = 0; r < t.test_case.problem.n; ++r) {
    const Enclosure z = at_z.loss(r).exact(0), y = at_log_y.loss(r).exact(0), h = entropy.loss(r);
    if (!z.is_number() || !y.is_number() || !h.is_number()) continue;
    const Value excess = known(y - h, "CE(log y; y) - H(y)");
    check_equal(j, at_z.loss(r) - at_log_y.loss(r) + excess, known(z - h, "KL(y||softmax z)"),
                at("CE(z; y) - CE(log y; y) and KL(y||softmax z)", r));
  }
  at_z.judge(j);
  return j;
}

Judgement decomposition(Trial& t) {
  return t.test_case.problem.op == Op::ce ? decomposition_of_logits(t)
                                          : decomposition_of_vectors(t);
}

std::vector<Problem> decomposition_problems(const Problem& p) {
  if (p.op == Op::ce) return {};
  return {plain(p, Op::cross_entropy, TargetKind::prob), plain(p, Op::entropy, TargetKind::index)};
}

bool is_one_hot(const std::vector<double>& p) {
  const auto zeros = std::count(p.begin(), p.end(), 0), ones = std::count(p.begin(), p.end(), 1);
  return ones == 1 && zeros + 1 == std::ssize(p);
}

/// H(p) = 0 and H(p,q) = KL(p||q) = -log q_k where p is one-hot.
Judgement one_hot(Trial& t) {
  Judgement j;
  const TestCase& c = t.test_case;
  Three three;
  if (!three.run(t, c, j)) return j;
  TestCase by_index = blank(event_problem(c.problem), c.recipe, c.problem.n, c.problem.v);
  by_index.input = c.input;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const std::vector<double> p = row_of(c.target, r, c.problem.v);
    if (!is_one_hot(p)) {
      ++j.excluded["not-one-hot"];
      return j;
    }
    by_index.target.set_integer(r, std::find(p.begin(), p.end(), 1) - p.begin());
  }
  Evaluation information;
  if (!information.run(t, by_index, j)) return j;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    check_equal(j, three.entropy.loss(r), known(0), at("H of one-hot", r));
    check_equal(j, three.cross.loss(r), three.kl.loss(r), at("H(p,q) and KL(p||q)", r));
    check_equal(j, three.cross.loss(r), information.loss(r), at("H(p,q) and -log q_k", r));
  }
  information.judge(j);
  three.cross.judge(j);
  three.kl.judge(j);
  return j;
}

std::vector<Problem> one_hot_problems(const Problem& p) {
  return {plain(p, Op::kl, TargetKind::prob), plain(p, Op::entropy, TargetKind::index),
          event_problem(p)};
}

const std::vector<std::string> kTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> information_properties() {
  return {
      {"info.self-information", "I(x) = -log p(x).",
       "A certain event tells 0, a fair coin log 2 or 1 bit; the rarer of two tells more; "
       "independent events add where their product is exact.",
       {"op=cross-entropy targets=index"},
       {"simplex", "dyadic-simplex", "one-hot", "uniform", "tiny", "disjoint-zero"},
       "mutant/unit-ignored", every_substitute(), 0.5, self_information, {},
       {kTypes, {"", "unit=bits"}}},
      {"info.units", "Base 2 gives bits, base e gives nats.",
       "log 2 times the loss, or the gradient, in bits is that in nats, within the two bounds.",
       {"op=ce,nll,cross-entropy targets=index,prob dir=fwdbwd unit=bits",
        "op=lse,entropy dir=fwdbwd unit=bits",
        "op=kl,bce-logits,bce-prob targets=prob dir=fwdbwd unit=bits"},
       {"*"}, "mutant/unit-ignored", every_substitute(), 0.5, units, nats,
       {kTypes, {"", "reduction=mean", "reduction=sum"}}},
      {"info.cross-entropy", "H(p,q) = -sum p log q.",
       "Within its bound; +inf where some q = 0 < p; and the mean of the self-informations that "
       "the same kernel gives.",
       {"op=cross-entropy targets=prob"},
       {"simplex", "dyadic-simplex", "one-hot", "uniform", "tiny", "disjoint-zero",
        "unnormalised"},
       "mutant/cross-entropy-arguments-swapped", every_substitute(), 0.5, cross_entropy,
       [](const Problem& p) { return std::vector<Problem>{event_problem(p)}; },
       {kTypes, {"", "unit=bits"}}},
      {"info.decomposition", "H(p,q) = H(p) + KL(p||q).",
       "The kernel evaluates all three; the residual is within the sum of the three bounds, and "
       "H(p,q) within its own. Of logits: CE(z;y) - CE(log y;y) is KL(y||softmax z).",
       {"op=kl targets=prob", "op=ce targets=prob"},
       {"simplex", "dyadic-simplex", "one-hot", "near-equal", "uniform", "tiny", "disjoint-zero",
        "unnormalised", "soft", "soft-dyadic", "soft-matched", "soft-one-hot"},
       "mutant/log2-in-kl", every_substitute(), 0.5, decomposition, decomposition_problems,
       {kTypes}},
      {"info.one-hot", "For one-hot p: H(p) = 0 and H(p,q) = KL(p||q) = -log q_k.",
       "The three routes agree within their bounds, and each with the exact value.",
       {"op=cross-entropy targets=prob"}, {"one-hot"}, "mutant/log2-in-kl",
       every_substitute(), 0.5, one_hot, one_hot_problems, {kTypes, {"", "unit=bits"}}},
  };
}

}  // namespace xent
