// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>

#include "properties/experiments/experiments.h"
#include "properties/experiments/laboratory.h"
#include "properties/random.h"

namespace xent {
namespace {

constexpr std::int64_t kClasses = 32;
constexpr const char* kProblem = "op=ce reduction=sum";

/// Positions of a sequence as a model sees it. Logits are multiples of 2^-10: the same in any type.
struct Sequence {
  std::vector<double> logits;
  std::vector<std::int64_t> targets;

  explicit Sequence(const Random& random) : random_(random) {}
  void add() {
    const Random row = random_.stream(targets.size());
    for (std::int64_t j = 0; j < kClasses; ++j) {
      const double z = 2 * row.normal(static_cast<std::uint64_t>(j));
      logits.push_back(std::round(z * 1024) / 1024);
    }
    targets.push_back(row.stream(0).below(0, kClasses));
  }
  std::int64_t size() const { return static_cast<std::int64_t>(targets.size()); }
  const double* last() const { return &logits[logits.size() - kClasses]; }

 private:
  Random random_;
};

/// The least number of factors whose product is 0 in binary64 and in binary32.
struct Witness {
  std::int64_t binary64 = 0;
  std::int64_t binary32 = 0;
};

/// Lengthens the sequence until the product of its targets' probabilities is 0.
Witness search(Sequence& s, Series& products) {
  Witness found;
  double product = 1;
  float product32 = 1;
  while (product != 0) {
    s.add();
    const double p = softmax(s.last(), kClasses)[static_cast<std::size_t>(s.targets.back())];
    product *= p;
    product32 *= static_cast<float>(p);
    if (product32 == 0 && found.binary32 == 0) found.binary32 = s.size();
    if (product == 0) break;
    products.x.push_back(static_cast<double>(s.size()));
    products.y.push_back(-std::log(product));
  }
  found.binary64 = s.size();
  return found;
}

/// The kernel's NLL of each prefix whose length the plot shows.
Series curve_of(const Subject& s, const Sequence& q) {
  Series curve{"sum of log p (" + s.kernel.name + ")", {}, {}, false};
  for (std::int64_t n = 16; n <= q.size(); n += 16) {
    const TestCase c = index_case(problem_for(s, kProblem, n, kClasses), q.logits, q.targets);
    curve.x.push_back(static_cast<double>(n));
    curve.y.push_back(answer(s, c).loss.at(0));
  }
  return curve;
}

}  // namespace

ClaimEvidence study_log_avoids_underflow(const ClaimContext& context) {
  ClaimEvidence e;
  Sequence q{Random(context.seed).stream(0x10)};
  Plot plot{"The product is gone where the sum is not", "factors N", "-log of the product, nats",
            false, false, {{"product in binary64, until it is 0", {}, {}, false}}};
  const Witness w = search(q, plot.series[0]);
  std::map<DType, std::unique_ptr<Reference>> references;
  std::size_t judged = 0;
  const auto part = [&](const Subject& s) {
    const TestCase c =
        index_case(problem_for(s, kProblem, q.size(), kClasses), q.logits, q.targets);
    auto& reference = references[s.dtype];
    if (!reference) reference = std::make_unique<Reference>(c);
    ++e.cases;
    const Output out = answer(s, c);
    demand(e, std::isfinite(out.loss.at(0)), "the negative log-likelihood is not finite");
    demand_right(e, s, *reference, out);
    if (judged++ > 0) return;
    const Enclosure exact = reference->loss(0);
    e.figures.push_back({"negative log-likelihood at that N", exact.hi, exact.hi - exact.rad,
                         exact.hi + exact.rad, "nats"});
    plot.series.push_back(curve_of(s, q));
  };
  study_each(context, {kProblem}, ClaimVerdict::tested, e, part);
  e.figures.push_back(exact_figure("least N whose product is 0 in binary32",
                                   static_cast<double>(w.binary32)));
  e.figures.push_back(exact_figure("least N whose product is 0 in binary64",
                                   static_cast<double>(w.binary64)));
  e.plots.push_back(std::move(plot));
  e.evidence = fmt::format(
      "probabilities of {} random targets among {} classes: their product first is 0 in binary64 "
      "at N = {} (binary32: {}), where the summed loss of {} is finite and within its bound",
      w.binary64, kClasses, w.binary64, w.binary32, kernels_in_words(judged));
  return e;
}

}  // namespace xent
