// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <numeric>

#include "core/tensor.h"
#include "properties/domain.h"
#include "properties/evaluation.h"
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
  Evaluation base;
  if (!base.run(t, t.test_case, j)) return j;
  for (const double sign : {1.0, -1.0}) {
    TestCase moved;
    if (!shifted_far(t.test_case, sign, moved)) {
      ++j.excluded["inexact-shift"];
      continue;
    }
    Evaluation other;
    if (!other.run(t, moved, j)) continue;
    for (std::int64_t i = 0; i < t.test_case.problem.n; ++i) {
      const Value a = base.loss(i), b = other.loss(i);
      if (!a.exact(0).is_number() || !b.exact(0).is_number()) continue;
      const std::string what = at("shifted loss", i);
      check_close(j, a.got, b.got, a.bound + b.bound, t.kernel.promises.shift_exact, what);
      j.merge(judge_value(b.got, b.format, b.bound, what, a.exact));
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
  Evaluation a, b;
  if (!a.run(t, c, j) || !b.run(t, permuted, j)) return j;
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const Value loss = a.loss(r), permuted_loss = b.loss(r);
    if (!loss.exact(0).is_number() || !permuted_loss.exact(0).is_number()) continue;
    // The bound is a symmetric function of the row.
    check_close(j, loss.got, permuted_loss.got, 2 * loss.bound, false, at("loss", r));
    j.merge(judge_value(permuted_loss.got, loss.format, loss.bound, at("permuted loss", r),
                        loss.exact));
    for (std::int64_t k = 0; a.has_grad() && k < c.problem.v; ++k) {
      const Value g = a.grad(r, order[static_cast<std::size_t>(k)]);
      if (!g.exact(0).is_number()) continue;
      check_close(j, g.got, b.grad(r, k).got, 2 * g.bound, false, at("permuted grad", r, k));
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
  Evaluation e;
  if (!e.run(t, mean, j)) return j;
  const Value loss = e.loss(0);
  e.judge(j);
  if (!is_printed_example(t.test_case)) return j;
  check_close(j, loss.got, kMeanLoss, 2 * kHalfDigit + kHalfDigit + loss.bound, false,
              "printed mean loss");
  for (std::int64_t i = 0; i < 15; ++i) {
    const Enclosure p = e.exact->probability(i / 5, i % 5);
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
        "op=kl,bce-logits,bce-prob,mse-sigmoid targets=prob",
        "op=ce targets=index,prob dir=fwd,fwdbwd reduction=mean", "op=ce,nll,lse,entropy n=0",
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
