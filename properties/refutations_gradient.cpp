// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "properties/refutation_tools.h"

namespace xent {
namespace {

using Kind = WitnessSpace::Kind;
const WitnessSpace kLogits{{Kind::number}, 2, 5, 8, 32};

std::vector<Exact> softmax(const std::vector<double>& z) {
  Reference r(of_logits(Op::ce, Dir::fwd, z, {0}));
  std::vector<Exact> p;
  for (std::int64_t j = 0; j < r.test_case().problem.v; ++j) {
    p.push_back(exact(r.probability(0, j)));
  }
  return p;
}

std::vector<Exact> gradient(Op op, const std::vector<double>& z) {
  Reference r(of_logits(op, Dir::bwd, z, {0}));
  std::vector<Exact> g;
  for (std::int64_t j = 0; j < r.test_case().problem.v; ++j) g.push_back(exact(r.grad(0, j)));
  return g;
}

Exact label(std::size_t j) { return exact(j == 0 ? 1 : 0); }

/// 2 (p - y) p (1 - p), what the documents say of softmax.
Exact short_form(const Exact& p, const Exact& y) { return 2 * (p - y) * p * (1 - p); }

Exact long_form(const std::vector<Exact>& p, std::size_t j) {
  Exact coupling = exact(0);
  for (std::size_t k = 0; k < p.size(); ++k) coupling += p[k] * (p[k] - label(k));
  return 2 * p[j] * ((p[j] - label(j)) - coupling);
}

Plot short_form_plot() {
  Plot plot{"Squared error of softmax, two classes: the true class's gradient",
            "logit of the true class above the other", "∂L/∂z", false, false, {}};
  plot.series = {{"exact", {}, {}, false}, {"2 (p − y) p (1 − p)", {}, {}, false}};
  for (int k = -48; k <= 48; ++k) {
    const double z = k / 8.0;
    const std::vector<Exact> p = softmax({z, 0});
    for (Series& s : plot.series) s.x.push_back(z);
    plot.series[0].y.push_back(middle(long_form(p, 0)));
    plot.series[1].y.push_back(middle(short_form(p[0], label(0))));
  }
  return plot;
}

/// Slopes of the chords to z - e_j and z + e_j: the loss is convex, so the derivative lies between.
struct Chords {
  Exact left, right;
};
Chords chords(const std::vector<double>& z, std::size_t j) {
  std::vector<double> less = z, more = z;
  less[j] -= 1;
  more[j] += 1;
  const Exact here = loss_of(z, 0);
  return {here - loss_of(less, 0), loss_of(more, 0) - here};
}

bool outside(const Exact& x, const Chords& c) { return below(x, c.left) || below(c.right, x); }

Dyadic case_of(const Inquiry& inquiry, std::int64_t i) {
  return random_dyadic(kLogits, inquiry.random().stream(~static_cast<std::uint64_t>(i)));
}

TestCase sigmoid_case(const std::vector<double>& z) {
  TestCase c = of_logits(Op::lse, Dir::bwd, z, {});
  c.problem.op = Op::mse_sigmoid;
  c.problem.targets = TargetKind::prob;
  c.target = Tensor(DType::f64, {1, c.problem.v});
  c.target.set(0, 1.0);
  return c;
}

void check_sigmoid(Inquiry& inquiry, const std::vector<double>& z) {
  const TestCase c = sigmoid_case(z);
  Reference r(c);
  for (std::size_t j = 0; j < z.size(); ++j) {
    const Exact p = softmax({z[j], 0})[0];
    inquiry.check(meet(short_form(p, label(j)), exact(r.grad(0, static_cast<std::int64_t>(j)))),
                  "the short form is not the sigmoid's gradient");
  }
  inquiry.judge(c);
}

}  // namespace

ClaimEvidence refute_mse_softmax_gradient(const ClaimContext& context) {
  Inquiry inquiry(context);
  const Witness w = find_witness(kLogits, inquiry.random(), [](const Dyadic& d) {
    return !meet(short_form(softmax(d.row(0))[0], label(0)),
                 gradient(Op::mse_softmax, d.row(0))[0]);
  });
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const std::vector<double> z = case_of(inquiry, i).row(0);
    const std::vector<Exact> p = softmax(z), g = gradient(Op::mse_softmax, z);
    inquiry.next_case();
    for (std::size_t j = 0; j < z.size(); ++j) {
      inquiry.check(meet(long_form(p, j), g[j]), "the full form is not softmax's gradient");
    }
    inquiry.judge(of_logits(Op::mse_softmax, Dir::fwdbwd, z, {0}));
    check_sigmoid(inquiry, z);
  }
  if (!w) return inquiry.refuted(w, "");
  const Exact claimed = short_form(softmax(w.data.row(0))[0], label(0));
  const Exact right = gradient(Op::mse_softmax, w.data.row(0))[0];
  inquiry.found.figures = {figure("2 (p − y) p (1 − p) at the witness", claimed),
                           figure("the gradient at the witness", right)};
  inquiry.found.plots.push_back(short_form_plot());
  return inquiry.refuted(
      w, fmt::format("z = {}, target 0: the documents' formula gives {}, the gradient is {}",
                     w.data.text(0), decimal(claimed), decimal(right)));
}

ClaimEvidence refute_sign(const ClaimContext& context) {
  Inquiry inquiry(context);
  const Witness w = find_witness(kLogits, inquiry.random(), [](const Dyadic& d) {
    return outside(label(0) - softmax(d.row(0))[0], chords(d.row(0), 0));
  });
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const std::vector<double> z = case_of(inquiry, i).row(0);
    const std::vector<Exact> p = softmax(z);
    inquiry.next_case();
    for (std::size_t j = 0; j < z.size(); ++j) {
      const Exact product = (exact(-1) / p[0]) * (p[0] * (label(j) - p[j]));
      inquiry.check(meet(product, p[j] - label(j)), "the product is not p - y");
      inquiry.check(!outside(p[j] - label(j), chords(z, j)), "p - y is not the loss's slope");
    }
    inquiry.judge(of_logits(Op::ce, Dir::fwdbwd, z, {0}));
  }
  if (!w) return inquiry.refuted(w, "");
  const Exact claimed = label(0) - softmax(w.data.row(0))[0];
  const Chords slopes = chords(w.data.row(0), 0);
  inquiry.found.figures = {figure("δ − p at the witness", claimed),
                           figure("slope of the chord on the left", slopes.left),
                           figure("slope of the chord on the right", slopes.right)};
  return inquiry.refuted(
      w, fmt::format("z = {}, target 0: δ − p = {}, but the loss's slope lies between {} and {}",
                     w.data.text(0), decimal(claimed), decimal(slopes.left),
                     decimal(slopes.right)));
}

ClaimEvidence refute_sum_vs_mean(const ClaimContext& context) {
  Inquiry inquiry(context);
  // Column n holds the logit of row n's target above the other class.
  const WitnessSpace space{{Kind::number}, 1, 5, 8, 32};
  const auto of_rows = [](const Dyadic& d, Reduction r) {
    std::vector<double> z;
    for (const double gap : d.row(0)) z.insert(z.end(), {gap, 0.0});
    return of_logits(Op::ce, Dir::fwdbwd, z, std::vector<std::int64_t>(d.rows[0].size(), 0), r);
  };
  const auto loss = [&](const Dyadic& d, Reduction r) {
    Reference reference(of_rows(d, r));
    return exact(reference.loss(0));
  };
  const Witness w = find_witness(space, inquiry.random(), [&](const Dyadic& d) {
    return !meet(loss(d, Reduction::sum), loss(d, Reduction::mean));
  });
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const Dyadic d =
        random_dyadic(space, inquiry.random().stream(~static_cast<std::uint64_t>(i)));
    const Exact n = exact(static_cast<double>(d.columns()));
    Exact nll = exact(0);
    for (const double gap : d.row(0)) nll -= log_of(softmax({gap, 0})[0]);
    inquiry.next_case();
    inquiry.check(meet(loss(d, Reduction::sum), nll), "the sum is not the NLL");
    inquiry.check(meet(loss(d, Reduction::mean) * n, nll), "the mean is not NLL / N");
    for (const Reduction r : {Reduction::sum, Reduction::mean}) inquiry.judge(of_rows(d, r));
    Reference sum(of_rows(d, Reduction::sum)), mean(of_rows(d, Reduction::mean));
    inquiry.check(meet(exact(sum.grad(0, 0)), exact(mean.grad(0, 0)) * n),
                  "the sum's gradient is not N times the mean's");
  }
  if (!w) return inquiry.refuted(w, "");
  const Exact sum = loss(w.data, Reduction::sum), mean = loss(w.data, Reduction::mean);
  inquiry.found.figures = {figure("sum = NLL", sum, "nats"), figure("mean", mean, "nats")};
  return inquiry.refuted(w, fmt::format("{} rows of two equal logits: the sum is {} nats, the mean "
                                        "{}", w.data.columns(), decimal(sum), decimal(mean)));
}

}  // namespace xent
