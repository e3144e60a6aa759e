// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <numeric>

#include "core/tensor.h"
#include "oracle/bound.h"
#include "properties/checks.h"
#include "properties/domain.h"
#include "properties/random.h"

namespace xent {
namespace {

Judgement accurate(Trial& t) {
  Judgement j;
  RunRecord r;
  if (!run_into(t, t.test_case, j, r)) return j;
  if (!r.output.loss.empty()) {
    j.merge(judge_loss(t.reference(t.test_case), t.budget(t.test_case), r.output.loss));
  }
  return j;
}

/// The case with c added to every logit, or nothing if some sum is not exact.
bool shifted(const TestCase& base, double c, TestCase& out) {
  out = base;
  for (std::int64_t i = 0; i < out.input.size(); ++i) {
    const double z = base.input.at(i);
    out.input.set(i, z + c);
    if (out.input.at(i) - c != z && !std::isinf(z)) return false;
  }
  return true;
}

/// The same with the largest power of two up to 2^(seed mod 11) that is exact.
bool shifted_far(const TestCase& base, double sign, TestCase& out) {
  for (int e = static_cast<int>(base.recipe.seed % 11); e >= -4; --e) {
    if (shifted(base, std::ldexp(sign, e), out)) return true;
  }
  return false;
}

/// L(z + c) against L(z): kernel against kernel, and both against the one exact value.
Judgement shift_invariance(Trial& t) {
  Judgement j;
  RunRecord base;
  if (!run_into(t, t.test_case, j, base)) return j;
  Reference& exact = t.reference(t.test_case);
  const ErrorBudget budget = t.budget(t.test_case);
  for (const double sign : {1.0, -1.0}) {
    TestCase moved;
    if (!shifted_far(t.test_case, sign, moved)) {
      ++j.excluded["inexact-shift"];
      continue;
    }
    RunRecord r;
    if (!run_into(t, moved, j, r)) continue;
    Reference& at_moved = t.reference(moved);
    for (std::int64_t i = 0; i < t.test_case.problem.n; ++i) {
      if (!exact.loss(i).is_number()) continue;
      const double a = base.output.loss.at(i), b = r.output.loss.at(i);
      const double bound = loss_bound(at_moved, budget, i);
      check_close(j, a, b, bound + loss_bound(exact, budget, i), t.kernel.promises.shift_exact,
                  at("shifted loss", i));
      j.merge(judge_value(b, budget.output, bound, at("shifted loss", i),
                          [&](int level) { return exact.loss(i, level); }));
    }
  }
  return j;
}

std::vector<std::int64_t> random_permutation(std::int64_t n, std::uint64_t seed) {
  std::vector<std::int64_t> p(static_cast<std::size_t>(n));
  std::iota(p.begin(), p.end(), 0);
  const Random random = Random(seed).stream(0x7065726d);
  for (std::size_t i = p.size(); i > 1; --i) {
    const std::int64_t k = random.below(i, static_cast<std::int64_t>(i));
    std::swap(p[i - 1], p[static_cast<std::size_t>(k)]);
  }
  return p;
}

Judgement permutation(Trial& t) {
  Judgement j;
  const TestCase& c = t.test_case;
  const std::vector<std::int64_t> order = random_permutation(c.problem.v, c.recipe.seed);
  const TestCase permuted = keep_classes(c, order);
  RunRecord a, b;
  if (!run_into(t, c, j, a) || !run_into(t, permuted, j, b)) return j;
  Reference& exact = t.reference(c);
  const ErrorBudget budget = t.budget(c);
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    if (!exact.loss(r).is_number()) continue;
    const double bound = loss_bound(exact, budget, r);  // a symmetric function of the row
    check_close(j, a.output.loss.at(r), b.output.loss.at(r), 2 * bound, false, at("loss", r));
    j.merge(judge_value(b.output.loss.at(r), budget.output, bound, at("permuted loss", r),
                        [&](int level) { return exact.loss(r, level); }));
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      const std::int64_t from = order[static_cast<std::size_t>(k)];
      const double g = a.output.grad.at(r * c.problem.v + from);
      check_close(j, g, b.output.grad.at(r * c.problem.v + k),
                  2 * grad_bound(exact, budget, r, from), false, at("permuted grad", r, k));
    }
  }
  return j;
}

/// What the documents print for their 3 x 5 example.
constexpr double kMeanLoss = 2.3837;
constexpr std::array<double, 15> kSoftmax = {
    0.2580, 0.2399, 0.3646, 0.1164, 0.0211, 0.1495, 0.0769, 0.6419,
    0.0736, 0.0581, 0.0144, 0.2430, 0.2584, 0.3328, 0.1514};
constexpr double kHalfDigit = 0.5e-4;  ///< of the printed results, and of the coarsest logits

bool is_printed_example(const TestCase& c) {
  const Domain& d = find_domain("worked-example");
  if (!d.fits(c.problem)) return false;
  const TestCase printed = make_case(c.problem, d.name, 0);
  return printed.input == c.input && printed.target == c.target;
}

/// The printed logits are a box of half width kHalfDigit at most, and the documents computed with
/// a point of it. Over the box |dL| <= ||p - y||_1 delta <= 2 delta, and
/// |dp_j| <= 2 p_j (1 - p_j) delta <= delta / 2.
/// A case that was shrunk or altered is judged at its own numbers alone.
Judgement worked_example(Trial& t) {
  Judgement j;
  const TestCase mean = with(t.test_case, Dir::fwd, Reduction::mean);
  RunRecord r;
  if (!run_into(t, mean, j, r)) return j;
  Reference& exact = t.reference(mean);
  const double loss = r.output.loss.at(0);
  const double bound = loss_bound(exact, t.budget(mean), 0);
  j.merge(judge_loss(exact, t.budget(mean), r.output.loss));
  if (!is_printed_example(t.test_case)) return j;
  check_close(j, loss, kMeanLoss, 2 * kHalfDigit + kHalfDigit + bound, false, "printed mean loss");
  for (std::int64_t i = 0; i < 15; ++i) {
    const Enclosure p = exact.probability(i / 5, i % 5);
    const Distance d = distance(kSoftmax[static_cast<std::size_t>(i)], p);
    j.check(d.lower <= kHalfDigit / 2 + kHalfDigit,
            at("the oracle's softmax misses the printed value", i / 5, i % 5));
  }
  return j;
}

const std::vector<std::string> kTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> loss_properties() {
  return {
      {"loss.accurate", "The loss is within its derived bound.",
       "The loss of every operation under every option is within the bound that follows from the "
       "kernel's error budget on that very row; +inf exactly where the exact value overflows the "
       "format.",
       {"op=ce,nll targets=index", "op=ce,nll targets=prob", "op=lse,entropy",
        "op=cross-entropy,mse-softmax targets=index,prob",
        "op=kl,bce-logits,bce-prob,mse-sigmoid targets=prob", "op=ce,nll,lse,entropy n=0",
        "op=kl,bce-logits targets=prob n=0"},
       {"*"}, "mutant/last-class-dropped", every_substitute(), 0.5, accurate, {},
       {kTypes,
        {"", "reduction=sum", "reduction=mean", "reduction=mean denominator=rows",
         "reduction=mean denominator=sequence", "reduction=mean denominator=1027.3"},
        {"", "unit=bits", "smoothing=0.1", "weights=on", "zloss=0.01", "softcap=30", "scale=0.5",
         "ignore=-100", "ignore=0", "shift=on", "layout=bct", "layout=btv", "dir=fwdbwd"}}},
      {"loss.extreme-logits", "The fused form is stable at extreme logits.",
       "Offsets, gaps up to the format's limit, -inf masks, subnormals and ties: finite unless the "
       "exact value overflows, the gradient always finite, never NaN from numbers, all of it "
       "within the derived bound.",
       {"op=ce targets=index dir=fwdbwd", "op=ce,bce-logits targets=prob dir=fwdbwd",
        "op=lse dir=fwdbwd"},
       {"extreme", "offset", "confident", "wrong", "masked", "masked-target", "subnormal", "ties",
        "binary-saturated", "soft-masked"},
       "mutant/max-of-abs", every_substitute(), 0.5, judge_outputs, {}, {kTypes}},
      {"loss.shift-invariance", "L(z + c) = L(z).",
       "Where every z + c is exact: the same bits if the kernel promises shift-exact, else within "
       "the two bounds; and the shifted loss is within its bound of the exact unshifted one.",
       {"op=ce targets=index,prob dir=fwd"}, {"grid", "dyadic", "integer-mass"},
       "mutant/shift-inexact", every_substitute(), 0.5, shift_invariance, {},
       {kTypes, {"", "smoothing=0.1"}, {"", "weights=on"}}},
      {"loss.permutation", "The order of the classes does not matter.",
       "A permuted row has the same loss and the permuted gradient, within the bounds.",
       {"op=ce targets=index,prob dir=fwdbwd"},
       {"gaussian", "confident", "ties", "integer-mass", "spikes", "iris", "soft"},
       "mutant/last-class-dropped", every_substitute(), 0.5, permutation, {}, {kTypes}},
      {"loss.worked-example", "The documents' 3x5 example: mean loss 2.3837.",
       "The kernel agrees with the oracle at the centre of the box that the printed logits are, "
       "and both with the printed loss and softmax as far as the box allows.",
       {"op=ce dir=fwd dtype=f32,f64"}, {"worked-example"}, "mutant/target-off-by-one",
       every_substitute(), 0.5,
       worked_example,
       [](const Problem& p) {
         Problem mean = p;
         mean.reduction = Reduction::mean;
         return std::vector<Problem>{mean};
       }},
  };
}

}  // namespace xent
