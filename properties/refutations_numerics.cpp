// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "oracle/bound.h"
#include "properties/refutation_tools.h"

namespace xent {
namespace {

using Kind = WitnessSpace::Kind;

TestCase gap_case(double gap) { return of_logits(Op::ce, Dir::fwdbwd, {0, gap}, {0}); }

Exact probability_below(double gap) {
  Reference r(gap_case(gap));
  return exact(r.probability(0, 0));
}

/// Softmax, then the logarithm, each step rounded to f32.
float softmax_then_log(double gap) {
  const float e = std::exp(static_cast<float>(-gap));
  const float p = e / (1.0F + e);
  return -std::log(p);
}

Plot gap_plot() {
  Plot plot{"Loss in f32 of a target that lies below the other class", "gap between the logits",
            "loss (nats)", false, false,
            {{"exact", {}, {}, false}, {"softmax, then log (ends where it is ∞)", {}, {}, true}}};
  for (int gap = 0; gap <= 140; gap += 2) {
    plot.series[0].x.push_back(gap);
    plot.series[0].y.push_back(middle(loss_of({0, static_cast<double>(gap)}, 0)));
    const float naive = softmax_then_log(gap);
    if (!std::isfinite(naive)) continue;
    plot.series[1].x.push_back(gap);
    plot.series[1].y.push_back(naive);
  }
  return plot;
}

/// The same targets as probabilities: all on the label, or half of it on each of two classes.
TestCase with_probabilities(const TestCase& c, bool soft) {
  TestCase out = c;
  out.problem.targets = TargetKind::prob;
  out.target = Tensor(c.problem.dtype, {1, c.problem.v});
  const std::int64_t y = c.label(0);
  out.target.set(y, soft ? 0.5 : 1);
  if (soft) out.target.set((y + 1) % c.problem.v, 0.5);
  return out;
}

/// Index and one-hot form of the loss on one kernel, each within its bound of the exact value and
/// so of each other.
void check_agreement(Inquiry& inquiry, const Kernel& k, const TestCase& index) {
  const TestCase dense = with_probabilities(index, false);
  if (!k.supports(index.problem) || !k.supports(dense.problem)) return;
  Reference first(index), second(dense);
  const double most = loss_bound(first, k.budget(index.problem), 0) +
                      loss_bound(second, k.budget(dense.problem), 0);
  const RunRecord a = run(k, index), b = run(k, dense);
  const bool ran = a.faults.raised.empty() && b.faults.raised.empty();
  inquiry.check(ran && std::fabs(a.output.loss.at(0) - b.output.loss.at(0)) <= most,
                k.name + ": class index and one-hot target disagree");
}

}  // namespace

ClaimEvidence refute_softmax_then_log(const ClaimContext& context) {
  Inquiry inquiry(context);
  // Half of the smallest subnormal: what lies below rounds to 0.
  const Exact vanishing = exact(0x1p-150);
  const WitnessSpace space{{Kind::number}, 1, 1, 1, 4000};
  const Witness w = find_witness(space, inquiry.random(), [&](const Dyadic& d) {
    return d.rows[0][0] > 0 && below(probability_below(d.row(0)[0]), vanishing);
  });
  if (!w) return inquiry.refuted(w, "");
  const double gap = w.data.row(0)[0];
  inquiry.check(std::isinf(softmax_then_log(gap)), "softmax, then log is finite in f32");
  inquiry.check(below(vanishing, probability_below(gap - 1)), "a smaller gap rounds to 0 too");
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const double any = static_cast<double>(
        1 + inquiry.random().below(static_cast<std::uint64_t>(i), 4000));
    inquiry.next_case();
    for (const DType t : {DType::f32, DType::f64}) {
      inquiry.judge(with_type(gap_case(i == 0 ? gap : any), t));
    }
    // log p in the reals is z - lse.
    if (any < 500) {
      inquiry.check(meet(-log_of(probability_below(any)), loss_of({0, any}, 0)),
                    "-log softmax is not lse - z");
    }
  }
  inquiry.found.figures = {figure("the exact loss at that gap", loss_of({0, gap}, 0), "nats"),
                           {"smallest whole gap", gap, gap, gap, ""}};
  inquiry.found.plots.push_back(gap_plot());
  return inquiry.refuted(
      w, fmt::format("logits (0, {}), target 0: p < 2⁻¹⁵⁰ rounds to 0 in f32, so softmax, then log "
                     "gives ∞; the loss is {} nats, and at a gap of {} it is still finite", gap,
                     decimal(loss_of({0, gap}, 0)), gap - 1));
}

ClaimEvidence refute_index_only(const ClaimContext& context) {
  Inquiry inquiry(context);
  const WitnessSpace space{{Kind::number}, 2, 5, 8, 32};
  const auto accepted = [&](const Dyadic& d) {
    const TestCase c =
        with_probabilities(of_logits(Op::ce, Dir::fwdbwd, d.row(0), {0}), true);
    for (const Kernel& k : context.kernels) {
      if (k.supports(c.problem)) return true;
    }
    return false;
  };
  Witness w;
  const Dyadic start = random_dyadic(space, inquiry.random());
  if (accepted(start)) w = shrink_witness(space, start, accepted);
  w.tried = w.found = 1;
  for (std::int64_t i = 0; w && i < inquiry.cases(); ++i) {
    const Random random = inquiry.random().stream(~static_cast<std::uint64_t>(i));
    const Dyadic d = random_dyadic(space, random);
    const TestCase index =
        of_logits(Op::ce, Dir::fwdbwd, d.row(0), {random.below(99, d.columns())});
    inquiry.next_case();
    for (const Kernel& k : context.kernels) check_agreement(inquiry, k, index);
    for (const bool soft : {false, true}) inquiry.judge(with_probabilities(index, soft));
  }
  ClaimEvidence e = inquiry.refuted(
      w, fmt::format("logits {}, target (1/2, 1/2): accepted, and the loss is right",
                     w ? w.data.text(0) : ""),
      fmt::format("a random soft target, shrunk in {} steps", w.steps));
  if (!w) e.reason = "no kernel under test takes class probabilities";
  return e;
}

}  // namespace xent
