// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "properties/data/iris.h"
#include "properties/refutation_tools.h"

namespace xent {
namespace {

using Kind = WitnessSpace::Kind;

double product(const std::vector<double>& w, std::size_t without) {
  double out = 1;
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (i != without) out *= w[i];
  }
  return out;
}

/// A chain of scalar layers: the target's logit is the product of the weights, the other is 0.
Exact chain_loss(const std::vector<double>& w) { return loss_of({product(w, w.size()), 0}, 0); }

Exact target_probability(const std::vector<double>& z) {
  Reference r(of_logits(Op::ce, Dir::fwd, z, {0}));
  return exact(r.probability(0, 0));
}

/// dL/dw_i of the chain: (p - 1) times the other weights.
Exact chain_gradient(const std::vector<double>& w, std::size_t i) {
  return (target_probability({product(w, w.size()), 0}) - 1) * exact(product(w, i));
}

/// Loss and size of the gradient that reaches the first layer of a chain of equal weights.
Plot depth_plot() {
  Plot plot{"The same wrong prediction (z = −1), deeper and deeper", "layers",
            "|∂L/∂h| at the first layer", false, true, {}};
  for (const double w : {0.5, 1.0, 2.0}) {
    Series s{fmt::format("weights {}", w), {}, {}, true};
    for (int depth = 1; depth <= 12; ++depth) {
      s.x.push_back(depth);
      s.y.push_back(std::fabs(middle(target_probability({-1, 0}) - 1)) * std::pow(w, depth - 1));
    }
    plot.series.push_back(std::move(s));
  }
  return plot;
}

void check_convexity(Inquiry& inquiry, std::int64_t i) {
  const WitnessSpace space{{Kind::number, Kind::number}, 2, 5, 8, 64};
  const Dyadic d = random_dyadic(space, inquiry.random().stream(~static_cast<std::uint64_t>(i)));
  const std::vector<double> a = d.row(0), b = d.row(1);
  std::vector<double> between;
  for (std::size_t j = 0; j < a.size(); ++j) between.push_back((a[j] + b[j]) / 2);
  const Exact ends = (loss_of(a, 0) + loss_of(b, 0)) / 2;
  inquiry.next_case();
  inquiry.check(!below(ends, loss_of(between, 0)),
                "the loss is not convex between " + d.text(0) + " and " + d.text(1));
  inquiry.judge(of_logits(Op::ce, Dir::fwdbwd, between, {0}));
}

/// Weights of Iris' four lengths and a bias, in the order of the table.
using Separator = std::vector<std::int64_t>;

/// Greater than 0 on the right side.
std::int64_t margin(const Separator& w, std::int64_t row) {
  std::int64_t sum = w[4];
  for (std::size_t k = 0; k < 4; ++k) sum += w[k] * iris::kTenths[static_cast<std::size_t>(row)][k];
  return row < 50 ? sum : -sum;
}

bool separates(const Separator& w) {
  for (std::int64_t row = 0; row < iris::kRows; ++row) {
    if (margin(w, row) <= 0) return false;
  }
  return true;
}

/// Rosenblatt's perceptron on setosa against the others; it ends because they are separable.
Separator perceptron(std::int64_t most_rounds) {
  Separator w(5, 0);
  for (std::int64_t round = 0; round < most_rounds && !separates(w); ++round) {
    for (std::int64_t row = 0; row < iris::kRows; ++row) {
      if (margin(w, row) > 0) continue;
      const std::int64_t side = row < 50 ? 1 : -1;
      for (std::size_t k = 0; k < 4; ++k) {
        w[k] += side * iris::kTenths[static_cast<std::size_t>(row)][k];
      }
      w[4] += 20 * side;
    }
  }
  return w;
}

/// Mean loss of the weights scaled by t: two logits a row, the true species' one above the other.
TestCase iris_case(const Separator& w, double t) {
  std::vector<double> z;
  for (std::int64_t row = 0; row < iris::kRows; ++row) {
    z.insert(z.end(), {t * static_cast<double>(margin(w, row)), 0.0});
  }
  return of_logits(Op::ce, Dir::fwdbwd, z, std::vector<std::int64_t>(iris::kRows, 0),
                   Reduction::mean);
}

Exact mean_loss(const TestCase& c) {
  Reference r(c);
  return exact(r.loss(0));
}

/// Some multiple of the separator is better than the given weights.
bool beaten(const Separator& by, const Separator& other) {
  const Exact loss = mean_loss(iris_case(other, 0.125));
  for (double t = 1; t <= 256; t *= 2) {
    if (below(mean_loss(iris_case(by, t)), loss)) return true;
  }
  return false;
}

std::string weight_text(const Separator& w) {
  constexpr const char* names[] = {"sepal length", "sepal width", "petal length", "petal width",
                                     ""};
  std::string out;
  for (std::size_t k = 0; k < 5; ++k) {
    if (w[k] == 0) continue;
    if (!out.empty()) out += w[k] < 0 ? " − " : " + ";
    else if (w[k] < 0) out += "−";
    const std::int64_t size = std::abs(w[k]);
    if (size != 1 || k == 4) out += fmt::format("{}{}", size, k == 4 ? "" : " ");
    out += names[k];
  }
  return out;
}

}  // namespace

ClaimEvidence refute_local_optima(const ClaimContext& context) {
  Inquiry inquiry(context);
  // Columns: the weights of a chain of layers whose gradient is 0 although it can be bettered.
  const WitnessSpace space{{Kind::number}, 1, 4, 1, 2};
  const Witness w = find_witness(space, inquiry.random(), [](const Dyadic& d) {
    const std::vector<double> at = d.row(0);
    for (std::size_t i = 0; i < at.size(); ++i) {
      if (product(at, i) != 0) return false;
    }
    return below(chain_loss(std::vector<double>(at.size(), 1.0)), chain_loss(at));
  });
  for (std::int64_t i = 0; i < 2 * inquiry.cases(); ++i) check_convexity(inquiry, i);
  if (!w) return inquiry.refuted(w, "");
  const std::vector<double> at = w.data.row(0);
  const Exact here = chain_loss(at), better = chain_loss(std::vector<double>(at.size(), 1.0));
  inquiry.found.figures = {figure("loss where the gradient is 0", here, "nats"),
                           figure("loss at weights of 1", better, "nats")};
  return inquiry.refuted(
      w, fmt::format("{} layers with weights {}: the prediction is undecided and the gradient "
                     "exactly 0, the loss {} nats; weights of 1 give {}", at.size(),
                     w.data.text(0), decimal(here), decimal(better)));
}

ClaimEvidence refute_deep_nets(const ClaimContext& context) {
  Inquiry inquiry(context);
  // Columns: what enters, then the layers' weights. No logit's gradient exceeds 1.
  const WitnessSpace space{{Kind::number}, 2, 5, 4, 32};
  const Witness up = find_witness(space, inquiry.random().stream(1), [](const Dyadic& d) {
    return below(exact(1), abs_of(chain_gradient(d.row(0), 0)));
  });
  const WitnessSpace light{{Kind::number}, 2, 5, 8, 12};
  const Witness down = find_witness(light, inquiry.random().stream(2), [](const Dyadic& d) {
    const std::vector<double> w = d.row(0);
    return product(w, 0) != 0 && product(w, w.size()) < 0 &&
           below(4 * abs_of(chain_gradient(w, 0)), exact(0.5));
  });
  const WitnessSpace logits{{Kind::number}, 2, 5, 8, 64};
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const Dyadic d = random_dyadic(logits, inquiry.random().stream(~static_cast<std::uint64_t>(i)));
    const TestCase c = of_logits(Op::ce, Dir::fwdbwd, d.row(0), {0});
    Reference r(c);
    Exact size = exact(0);
    for (std::int64_t j = 0; j < c.problem.v; ++j) size += abs_of(exact(r.grad(0, j)));
    inquiry.next_case();
    inquiry.check(meet(size, 2 * (1 - exact(r.probability(0, 0)))), "‖p − y‖₁ is not 2 (1 − p_y)");
    inquiry.judge(c);
  }
  for (const double gap : {1.0, 16.0, 256.0}) {
    Reference right(of_logits(Op::ce, Dir::bwd, {gap, 0}, {0}));
    inquiry.check(below(abs_of(exact(right.grad(0, 0))), exact(std::exp2(-gap))),
                  "the gradient does not vanish when the prediction is right");
  }
  if (!up || !down) return inquiry.refuted({}, "");
  const Exact most = chain_gradient(up.data.row(0), 0);
  const Exact least = chain_gradient(down.data.row(0), 0);
  const Exact logit = target_probability({product(down.data.row(0), 9), 0}) - 1;
  inquiry.found.figures = {figure("exploded: ∂L/∂h", most), figure("vanished: ∂L/∂h", least),
                           figure("vanished: ∂L/∂z at the logit", logit)};
  inquiry.found.plots.push_back(depth_plot());
  return inquiry.refuted(
      up, fmt::format("exploded, (input, weights) = {}: {} at the input, where no logit's exceeds "
                      "1\nvanished, {}: {} at the input, although the prediction is wrong and the "
                      "logit's is {}", up.data.text(0), decimal(most), down.data.text(0),
                      decimal(least), decimal(logit)));
}

ClaimEvidence refute_prevents_overfitting(const ClaimContext& context) {
  Inquiry inquiry(context);
  const WitnessSpace space{{Kind::number}, 5, 5, 1, 10};
  const Separator start = perceptron(1000);
  Witness w;
  if (separates(start)) {
    w = shrink_witness(space, {{start}, 1},
                       [](const Dyadic& d) { return separates(d.rows[0]); });
    w.tried = w.found = 1;
  }
  if (!w) return inquiry.refuted(w, "");
  const Separator& direction = w.data.rows[0];
  Plot plot{"Setosa against the others: the longer the weights, the smaller the loss",
            "length of the weights, in units of the smallest separating ones", "mean loss (nats)",
            true, true, {{"loss", {}, {}, true}}};
  Exact before = mean_loss(iris_case(direction, 0));
  for (double t = 0.0625; t <= 128; t *= 2) {
    const TestCase c = iris_case(direction, t);
    const Exact now = mean_loss(c);
    inquiry.next_case();
    inquiry.check(below(exact(0), now) && below(now, before), "longer weights do not lower it");
    inquiry.judge(c);
    plot.series[0].x.push_back(t);
    plot.series[0].y.push_back(middle(now));
    before = now;
  }
  inquiry.found.figures = {figure("loss at 128 times the smallest weights", before, "nats")};
  inquiry.found.plots.push_back(std::move(plot));
  for (std::int64_t i = 0; i < inquiry.cases() / 4; ++i) {
    const Dyadic other =
        random_dyadic(space, inquiry.random().stream(~static_cast<std::uint64_t>(i)));
    inquiry.next_case();
    inquiry.check(beaten(direction, other.rows[0]), "no longer weights beat " + other.text(0));
  }
  return inquiry.refuted(
      w, fmt::format("Iris, lengths in mm: {} is positive for the 50 setosas and negative for the "
                     "other 100; to double these weights always lowers the loss, never to 0",
                     weight_text(direction)),
      fmt::format("the perceptron's weights shrunk in {} steps", w.steps));
}

}  // namespace xent
