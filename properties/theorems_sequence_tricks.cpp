// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "oracle/bound.h"
#include "properties/evaluation.h"

namespace xent {
namespace {

constexpr double kOutward = 1 + 0x1p-40;

/// The size of case that relations between several calls are tried on.
constexpr std::int64_t kRows = 12, kClasses = 33;
constexpr double kInf = std::numeric_limits<double>::infinity();

/// Ignored rows full of NaN, +inf or -inf, in turn.
TestCase with_garbage(const TestCase& c) {
  static constexpr std::array<double, 3> kGarbage = {std::numeric_limits<double>::quiet_NaN(),
                                                     kInf, -kInf};
  TestCase out = c;
  for (std::int64_t i = 0; i < c.input.size(); ++i) {
    const std::int64_t row = i / c.problem.v;
    if (!c.scored_class(row)) out.input.set(i, kGarbage[static_cast<std::size_t>(row % 3)]);
  }
  return out;
}

Judgement ignore_index(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  agree_with_packed(j, t, c);
  agree_with_packed(j, t, with_garbage(c));
  return j;
}

Problem as_soft_targets(const Problem& p) {
  Problem q = p;
  q.targets = TargetKind::prob;
  q.smoothing = 0;
  return q;
}

/// y' = (1 - e) y + e / V rounded to the format, and of each element how far that is from exact.
struct Smoothed {
  TestCase test_case;
  std::vector<double> error;

  explicit Smoothed(const TestCase& c) : test_case(c) {
    const std::int64_t v = c.problem.v;
    const double epsilon = c.problem.smoothing;
    test_case.problem = as_soft_targets(c.problem);
    test_case.target = Tensor(c.problem.dtype, {c.problem.n, v});
    for (std::int64_t i = 0; i < test_case.target.size(); ++i) {
      const double hot = c.label(i / v) == i % v ? 1 - epsilon : 0;
      const double exact = hot + epsilon / static_cast<double>(v);
      test_case.target.set(i, exact);
      error.push_back(std::fabs(test_case.target.at(i) - exact) + exact * 0x1p-51);
    }
  }
};

/// An error e_j of the target mass moves the loss by at most sum w_j e_j (lse - z_j), of nll by
/// sum w_j e_j |x_j|, and a gradient by at most sum w_j e_j + w_k e_k.
Judgement label_smoothing(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  const Smoothed soft(c);
  Evaluation smooth, dense;
  if (!smooth.run(t, c, j) || !dense.run(t, soft.test_case, j)) return j;
  const std::int64_t v = c.problem.v;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    double mass = 0, moved = 0;
    const bool logits = c.problem.op == Op::ce;
    const Enclosure lse = logits && smooth.exact->loss(r).is_number() ? smooth.exact->lse(r)
                                                                      : Enclosure::exact(0);
    for (std::int64_t k = 0; k < v && lse.is_number(); ++k) {
      const double e = c.weight_of(k) * soft.error[static_cast<std::size_t>(r * v + k)];
      mass += e;
      if (std::isinf(c.logit(r, k)) || e == 0) continue;
      moved += e * magnitude_upper(lse - Enclosure::exact(c.logit(r, k)));
    }
    agree(j, smooth.loss(r), dense.loss(r), moved * kOutward);
    for (std::int64_t k = 0; k < v; ++k) {
      const double own = c.weight_of(k) * soft.error[static_cast<std::size_t>(r * v + k)];
      agree(j, smooth.grad(r, k), dense.grad(r, k), (mass + own) * kOutward);
    }
  }
  return j;
}

Problem without_weights(const Problem& p) {
  Problem q = with(p, Dir::fwdbwd, Reduction::none);
  q.weights = false;
  return q;
}

TestCase without_weights(const TestCase& c) {
  TestCase out = with(c, Dir::fwdbwd, Reduction::none);
  out.problem.weights = false;
  out.weight = {};
  return out;
}

/// Of a mean what it divides by, else 1. Weights are a few bits long: their sum is exact.
double divisor(const TestCase& c) {
  std::vector<double> weights;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    if (const auto y = c.scored_class(r)) weights.push_back(c.weight_of(*y));
  }
  return c.problem.is_mean() ? accurate_sum(weights) : 1;
}

/// w_y times a row's loss or gradient; a weight of 0 leaves nothing, of +inf neither.
Value weighted(const Value& v, double weight) {
  return weight == 0 ? derived(0, 0, v.what, Enclosure::exact(0)) : scaled(v, weight);
}

/// All weights equal: the mean is the one without weights.
void check_uniform(Judgement& j, Trial& t, TestCase uniform) {
  uniform.problem.reduction = Reduction::mean;
  for (std::int64_t k = 0; k < uniform.weight.size(); ++k) uniform.weight.set(k, 0.75);
  TestCase plain = uniform;
  plain.problem.weights = false;
  plain.weight = {};
  Evaluation a, b;
  if (!a.run(t, uniform, j) || !b.run(t, plain, j)) return;
  agree(j, a.loss(0), b.loss(0));
  for (std::int64_t i = 0; i < uniform.input.size(); ++i) {
    const std::int64_t v = uniform.problem.v;
    agree(j, a.grad(i / v, i % v), b.grad(i / v, i % v));
  }
}

Judgement class_weights(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  Evaluation heavy, plain;
  if (!heavy.run(t, c, j) || !plain.run(t, without_weights(c), j)) return j;
  check_uniform(j, t, c);
  const double d = divisor(c);
  if (d == 0) {
    ++j.excluded["nothing-to-average"];
    return j;
  }
  Total total;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const auto y = c.scored_class(r);
    const double w = y ? c.weight_of(*y) : 0;
    const Value loss = weighted(plain.loss(r), w);
    total.add(loss);
    if (c.problem.reduction == Reduction::none) agree(j, heavy.loss(r), loss);
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      agree(j, scaled(heavy.grad(r, k), d), weighted(plain.grad(r, k), w));
    }
  }
  if (c.problem.reduction != Reduction::none) {
    agree(j, scaled(heavy.loss(0), d), total.value("weighted sum of the rows' losses"));
  }
  return j;
}

/// The factor of each row's loss in the mean of the sequences' means: 1 over its sequence's own
/// divisor and the number of sequences that have one. Within 2^-51, relatively.
std::vector<double> sequence_factors(const TestCase& c, bool& equal) {
  std::vector<double> own;
  std::vector<double> factors;
  double sequences = 0;
  for (std::int64_t b = 0; b < c.problem.n / c.problem.t; ++b) {
    double d = 0;
    for (std::int64_t k = 0; k < c.problem.t; ++k) {
      if (const auto y = c.scored_class(b * c.problem.t + k)) d += c.weight_of(*y);
    }
    own.push_back(d);
    sequences += d > 0;
  }
  equal = std::all_of(own.begin(), own.end(), [&](double d) { return d == own.front(); });
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const double d = own[static_cast<std::size_t>(r / c.problem.t)];
    factors.push_back(d > 0 && c.scored_class(r) ? 1 / (d * sequences) : 0);
  }
  return factors;
}

/// Adds factor * v with what the factor's rounding may cost.
void add_share(Total& total, double& slack, const Value& v, double factor) {
  if (factor == 0) return;
  total.add(scaled(v, factor));
  const Enclosure e = v.exact(0);
  if (e.is_number()) slack += magnitude_upper(e) * factor * 0x1p-51;
}

Judgement sequence_normalization(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, kRows, kClasses);
  TestCase by_token = c;
  by_token.problem.denominator = Denominator::valid;
  Evaluation sequences, tokens, rows;
  if (!sequences.run(t, c, j) || !tokens.run(t, by_token, j) ||
      !rows.run(t, with(c, Dir::fwdbwd, Reduction::none), j)) {
    return j;
  }
  bool equal = false;
  const std::vector<double> factors = sequence_factors(c, equal);
  Total total;
  double slack = 0;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const double factor = factors[static_cast<std::size_t>(r)];
    add_share(total, slack, rows.loss(r), factor);
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      Total share;
      double rounding = 0;
      add_share(share, rounding, rows.grad(r, k), factor);
      agree(j, sequences.grad(r, k), share.value(at("share of grad", r, k)), rounding * kOutward);
    }
  }
  agree(j, sequences.loss(0), total.value("the sequences' mean of means"), slack * kOutward);
  const Value a = sequences.loss(0), b = tokens.loss(0);
  if (equal) agree(j, a, b);
  if (!a.exact(0).is_number() || !b.exact(0).is_number()) return j;
  if (magnitude_lower(a.exact(0) - b.exact(0)) > a.bound + b.bound) {
    j.check(a.got != b.got, "the mean of means is the mean over tokens");
  }
  return j;
}

std::vector<Problem> packed_problem(const Problem& p) {
  Problem q = p;
  q.ignore_index.reset();
  q.layout = Layout::nc;
  q.t = 1;
  return {q};
}

std::vector<Problem> uniform_and_plain(const Problem& p) {
  Problem mean = p, plain = p;
  mean.reduction = plain.reduction = Reduction::mean;
  plain.weights = false;
  return {without_weights(p), mean, plain};
}

std::vector<Problem> tokens_and_rows(const Problem& p) {
  Problem q = p;
  q.denominator = Denominator::valid;
  return {q, with(p, Dir::fwdbwd, Reduction::none)};
}

const std::vector<std::string> kDTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> trick_properties() {
  const std::vector<std::string> rows = {"gaussian", "confident",        "wrong",   "ties",
                                         "masked",   "log-probabilities", "log-grid", "iris"};
  return {
      {"trick.ignore-index", "Ignored rows count in neither loss, gradient nor denominator.",
       "The call without those rows, whatever they hold (NaN and infinities too): losses and "
       "gradients within the bounds; an ignored row's loss and gradient are exactly 0.",
       {"op=ce,nll dir=fwdbwd ignore=-100", "op=ce dir=fwdbwd ignore=0",
        "op=mse-softmax,cross-entropy dir=fwdbwd ignore=-100"},
       {"gaussian", "confident", "wrong", "ties", "masked", "log-probabilities", "log-grid", "iris",
        "simplex", "ignored-garbage", "none-valid"},
       "mutant/ignored-row-in-denominator", every_substitute(), 0.5, ignore_index, packed_problem,
       {kDTypes, {"reduction=mean", "reduction=sum", ""}, {"", "weights=on"},
        {"", "smoothing=0.1"}, {"", "zloss=0.01"}, {"", "upstream=row"}, {"", "unit=bits"}}},
      {"trick.label-smoothing", "Smoothing is the soft target (1 - e) y + e / C.",
       "Against the call with those probabilities: losses and gradients within the bounds, and "
       "what the probabilities' rounding to the format costs.",
       {"op=ce,nll dir=fwdbwd smoothing=0.125", "op=ce,nll dir=fwdbwd smoothing=0.1"}, rows,
       "mutant/smoothing-over-others", every_substitute(), 0.5, label_smoothing,
       [](const Problem& p) { return std::vector<Problem>{as_soft_targets(p)}; },
       {kDTypes, {"", "weights=on"}}},
      {"trick.class-weights", "Weights multiply rows; a mean divides by their sum.",
       "Losses and gradients against w_y times those without weights; the sum, and the mean times "
       "the sum of the targets' weights, against the weighted sum; with equal weights the mean is "
       "the one without.",
       {"op=ce,nll dir=fwdbwd weights=on"}, rows, "mutant/weighted-mean-by-rows",
       every_substitute(), 0.5, class_weights, uniform_and_plain,
       {kDTypes, {"reduction=mean", "", "reduction=sum"}, {"", "ignore=-100"}}},
      {"trick.sequence-normalization", "Each sequence over its own tokens, then over sequences.",
       "Loss and gradients against the rows' own, each over its sequence's length and the number "
       "of sequences; equal lengths give the mean over tokens, other lengths do not.",
       {"op=ce,nll dir=fwdbwd reduction=mean denominator=sequence"}, rows,
       "mutant/sequence-mean-as-token-mean", every_substitute(), 0.5, sequence_normalization,
       tokens_and_rows,
       {kDTypes, {"", "ignore=-100"}, {"", "weights=on"}, {"", "layout=btv", "layout=bct"},
        {"", "shift=on"}}},
  };
}

}  // namespace xent
