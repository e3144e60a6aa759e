// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdlib>

#include "properties/refutation_tools.h"

namespace xent {
namespace {

using Kind = WitnessSpace::Kind;

bool positive(const std::vector<std::int64_t>& numerators) {
  for (const std::int64_t x : numerators) {
    if (x <= 0) return false;
  }
  return true;
}

/// Twice the total variation, as a numerator over the common denominator.
std::int64_t distance(const std::vector<std::int64_t>& p, const std::vector<std::int64_t>& q) {
  std::int64_t sum = 0;
  for (std::size_t j = 0; j < p.size(); ++j) sum += std::abs(p[j] - q[j]);
  return sum;
}

/// p + (r - p) k / 8, exactly: the denominator grows by 8.
Dyadic on_ray(const Dyadic& pr, std::int64_t k) {
  Dyadic out{{pr.rows[0], {}}, pr.denominator * 8};
  for (std::size_t j = 0; j < pr.rows[0].size(); ++j) {
    out.rows[0][j] = 8 * pr.rows[0][j];
    out.rows[1].push_back((8 - k) * pr.rows[0][j] + k * pr.rows[1][j]);
  }
  return out;
}

void check_ray(Inquiry& inquiry, const Dyadic& pr) {
  Exact before = entropy(pr.row(0));
  for (std::int64_t k = 1; k <= 8; ++k) {
    const Dyadic at = on_ray(pr, k);
    const Exact now = cross_entropy(at.row(0), at.row(1));
    inquiry.check(!below(now, before),
                  "H(p, q) falls along a ray from " + pr.text(0) + " to " + pr.text(1));
    inquiry.judge(of_probabilities(Op::cross_entropy, at.row(1), at.row(0)));
    before = now;
  }
}

/// H(p, q) in bits against the total variation, for q on both sides of a p of two classes.
Plot difference_plot(const Dyadic& p) {
  Plot plot{"H(p, q) for p = " + p.text(0), "total variation of p and q", "bits", false, false, {}};
  for (const int side : {1, -1}) {
    Series s{side > 0 ? "q overestimates the first event" : "q underestimates it", {}, {}, false};
    const double first = p.row(0)[0];
    for (int k = 0; k <= 60; ++k) {
      const double q = first + side * k / 64.0;
      if (q <= 0 || q >= 1) break;
      s.x.push_back(k / 64.0);
      s.y.push_back(middle(in_bits(cross_entropy(p.row(0), {q, 1 - q}))));
    }
    plot.series.push_back(std::move(s));
  }
  return plot;
}

std::vector<double> binary(const Dyadic& d, std::int64_t numerator) {
  const double x = static_cast<double>(numerator) / static_cast<double>(d.denominator);
  return {x, 1 - x};
}

Exact binary_kl(const Dyadic& d, std::int64_t p, std::int64_t q) {
  return kl(binary(d, p), binary(d, q));
}

/// Expected squared error of q under p, over denominator cubed.
std::int64_t expected_brier(const std::vector<std::int64_t>& p, const std::vector<std::int64_t>& q,
                            std::int64_t one) {
  std::int64_t sum = 0;
  for (std::size_t k = 0; k < p.size(); ++k) {
    for (std::size_t j = 0; j < q.size(); ++j) {
      const std::int64_t off = q[j] - (j == k ? one : 0);
      sum += p[k] * off * off;
    }
  }
  return sum;
}

std::vector<std::vector<std::int64_t>> all_distributions(std::int64_t one) {
  std::vector<std::vector<std::int64_t>> out;
  for (std::int64_t a = 0; a <= one; ++a) {
    for (std::int64_t b = 0; a + b <= one; ++b) out.push_back({a, b, one - a - b});
  }
  return out;
}

std::int64_t squared_distance(const std::vector<std::int64_t>& p,
                              const std::vector<std::int64_t>& q) {
  std::int64_t sum = 0;
  for (std::size_t j = 0; j < p.size(); ++j) sum += (q[j] - p[j]) * (q[j] - p[j]);
  return sum;
}

}  // namespace

ClaimEvidence refute_ce_is_extra_bits(const ClaimContext& context) {
  Inquiry inquiry(context);
  const WitnessSpace space{{Kind::distribution, Kind::distribution}, 1};
  const Witness w = find_witness(space, inquiry.random(), [](const Dyadic& d) {
    return positive(d.rows[1]) && below(kl(d.row(0), d.row(1)), cross_entropy(d.row(0), d.row(1)));
  });
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    Dyadic d = random_dyadic(space, inquiry.random().stream(~static_cast<std::uint64_t>(i)));
    if (!positive(d.rows[1])) continue;
    if (i % 4 == 0) d.rows[0].assign(d.rows[0].size(), 0), d.rows[0][0] = d.denominator;
    inquiry.next_case();
    const std::vector<double> p = d.row(0), q = d.row(1);
    inquiry.check(meet(cross_entropy(p, q), entropy(p) + kl(p, q)),
                  "H(p, q) is not H(p) + KL(p‖q) for " + d.text(0) + ", " + d.text(1));
    const bool certain = d.rows[0][0] == d.denominator;
    if (certain) inquiry.check(meet(cross_entropy(p, q), kl(p, q)), "one-hot p: H is not KL");
    for (const Op op : {Op::cross_entropy, Op::kl}) inquiry.judge(of_probabilities(op, q, p));
    inquiry.judge(of_probabilities(Op::entropy, p, {}));
  }
  if (!w) return inquiry.refuted(w, "");
  const Exact all = in_bits(cross_entropy(w.data.row(0), w.data.row(1)));
  const Exact extra = in_bits(kl(w.data.row(0), w.data.row(1)));
  inquiry.found.figures = {figure("H(p, q) at the witness", all, "bits"),
                           figure("KL(p‖q) at the witness", extra, "bits")};
  return inquiry.refuted(
      w, fmt::format("p = {}, q = {}: H(p, q) = {} bit, of which {} is extra", w.data.text(0),
                     w.data.text(1), decimal(all), decimal(extra)));
}

ClaimEvidence refute_larger_difference(const ClaimContext& context) {
  Inquiry inquiry(context);
  const WitnessSpace space{{Kind::distribution, Kind::distribution, Kind::distribution}};
  const Witness w = find_witness(space, inquiry.random(), [](const Dyadic& d) {
    return positive(d.rows[1]) && positive(d.rows[2]) &&
           distance(d.rows[0], d.rows[1]) > distance(d.rows[0], d.rows[2]) &&
           below(cross_entropy(d.row(0), d.row(1)), cross_entropy(d.row(0), d.row(2)));
  });
  const WitnessSpace rays{{Kind::distribution, Kind::distribution}};
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const Dyadic d = random_dyadic(rays, inquiry.random().stream(~static_cast<std::uint64_t>(i)));
    if (!positive(d.rows[1])) continue;
    inquiry.next_case();
    check_ray(inquiry, d);
  }
  if (!w) return inquiry.refuted(w, "");
  const Dyadic& d = w.data;
  const Exact far = in_bits(cross_entropy(d.row(0), d.row(1)));
  const Exact near = in_bits(cross_entropy(d.row(0), d.row(2)));
  inquiry.found.figures = {figure("H(p, q) of the farther q", far, "bits"),
                           figure("H(p, q) of the nearer q", near, "bits")};
  if (d.columns() == 2) inquiry.found.plots.push_back(difference_plot(d));
  const auto tv = [&](std::size_t r) {
    return Dyadic{{{}}, 2 * d.denominator}.fraction(distance(d.rows[0], d.rows[r]));
  };
  return inquiry.refuted(
      w, fmt::format("p = {}: q = {} is at distance {} and costs {} bits, q = {} at {} costs {}",
                     d.text(0), d.text(1), tv(1), decimal(far), d.text(2), tv(2), decimal(near)));
}

ClaimEvidence refute_underestimate_absolute(const ClaimContext& context) {
  Inquiry inquiry(context);
  // Columns: p of the likely event, p of the unlikely one, the mass d.
  const WitnessSpace space{{Kind::number}, 3, 3, 64, 64};
  const Witness w = find_witness(space, inquiry.random(), [](const Dyadic& d) {
    const std::int64_t a = d.rows[0][0], b = d.rows[0][1], m = d.rows[0][2], one = d.denominator;
    if (2 * a <= one || a >= one || b <= 0 || 2 * b >= one || m <= 0) return false;
    return m < a && b + m < one && below(binary_kl(d, a, a - m), binary_kl(d, b, b + m));
  });
  for (std::int64_t i = 0; i < inquiry.cases(); ++i) {
    const Random random = inquiry.random().stream(~static_cast<std::uint64_t>(i));
    const Dyadic d{{{}}, 256};
    const std::int64_t r = std::int64_t{2} << random.below(0, 3);
    const std::int64_t b = 1 + random.below(1, 256 / (r + 1));  // b + r b <= 1
    const std::int64_t a = (b + random.below(2, 256 / r - b)) * r;  // r b <= a < 1
    inquiry.next_case();
    inquiry.check(!below(binary_kl(d, a, a / r), binary_kl(d, b, r * b)),
                  fmt::format("by the factor {} from {} and {}", r, d.fraction(a), d.fraction(b)));
    inquiry.judge(of_probabilities(Op::kl, binary(d, a / r), binary(d, a)));
    inquiry.judge(of_probabilities(Op::kl, binary(d, r * b), binary(d, b)));
  }
  if (!w) return inquiry.refuted(w, "");
  const Dyadic& d = w.data;
  const std::int64_t a = d.rows[0][0], b = d.rows[0][1], m = d.rows[0][2];
  const Exact under = in_bits(binary_kl(d, a, a - m)), over = in_bits(binary_kl(d, b, b + m));
  inquiry.found.figures = {figure("extra cost of the underestimate", under, "bits"),
                           figure("extra cost of the overestimate", over, "bits")};
  return inquiry.refuted(
      w, fmt::format("the likely event {} taken for {} costs {} extra bits; the unlikely {} taken "
                     "for {}, by the same mass, costs {}", d.fraction(a), d.fraction(a - m),
                     decimal(under), d.fraction(b), d.fraction(b + m), decimal(over)));
}

ClaimEvidence refute_mse_has_no_basis(const ClaimContext& context) {
  Inquiry inquiry(context);
  const WitnessSpace space{{Kind::distribution}};
  // A p that squared error finds, although it is no class's corner.
  const Witness w = find_witness(space, inquiry.random(), [](const Dyadic& d) {
    const std::vector<std::int64_t>& p = d.rows[0];
    for (std::size_t k = 0; k < p.size(); ++k) {
      std::vector<std::int64_t> corner(p.size(), 0);
      corner[k] = d.denominator;
      if (expected_brier(p, corner, d.denominator) <= expected_brier(p, p, d.denominator)) {
        return false;
      }
    }
    return true;
  });
  // E(q) - E(p) = |q - p|^2, in whole numbers over 8^3.
  for (const auto& p : all_distributions(8)) {
    for (const auto& q : all_distributions(8)) {
      inquiry.check(expected_brier(p, q, 8) - expected_brier(p, p, 8) == 8 * squared_distance(p, q),
                    "the excess of the expected squared error is not the squared distance");
    }
    inquiry.next_case();
  }
  for (const double step : {-1.0, 0.0, 1.0}) {  // one row of each class: p = (1/2, 1/2) at z = 0
    const TestCase c = of_logits(Op::mse_softmax, Dir::fwdbwd, {step, 0, step, 0}, {0, 1},
                                 Reduction::sum);
    const Exact slope = [&] {
      Reference r(c);
      return exact(r.grad(0, 0)) + exact(r.grad(1, 0));
    }();
    inquiry.check(step < 0 ? below(slope, exact(0)) : step > 0 ? below(exact(0), slope)
                                                               : meet(slope, exact(0)),
                  "squared error's slope does not change sign at the true p");
    inquiry.judge(c);
  }
  if (!w) return inquiry.refuted(w, "");
  const std::int64_t one = w.data.denominator;
  const Dyadic cubed{{{}}, one * one * one};
  std::vector<std::int64_t> corner(w.data.rows[0].size(), 0);
  corner[0] = one;
  return inquiry.refuted(
      w, fmt::format("p = {}: the expected squared error is {} at q = p, more by ‖q − p‖² anywhere "
                     "else, and {} at the corner of the first class", w.data.text(0),
                     cubed.fraction(expected_brier(w.data.rows[0], w.data.rows[0], one)),
                     cubed.fraction(expected_brier(w.data.rows[0], corner, one))));
}

}  // namespace xent
