// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "properties/experiments/experiments.h"
#include "properties/experiments/linear_model.h"
#include "properties/experiments/statistics.h"
#include "properties/random.h"

namespace xent {
namespace {

using Vector = std::vector<double>;

constexpr const char* kLosses[] = {"op=ce dir=bwd", "op=mse-softmax dir=bwd"};
constexpr int kRates = 14;     // learning rates 2^-6, ..., 2^7: the same grid for both losses
constexpr int kKeeps = 10;     // the accuracy must be kept for as many further steps
constexpr double kShare = 0.98;  // the goal, of the accuracy that both losses attain
constexpr int kUntuned = 3;      // 1/8
constexpr std::int64_t kMostRows = 500;

double rate(int k) { return std::ldexp(1.0, k - 6); }

struct Scale {
  int steps;  ///< of each tuning run
  int most;   ///< of each evaluated run
  std::uint64_t tuning, seeds;
};

Scale scale_of(const ClaimContext& context) {
  return is_smoke(context) ? Scale{150, 2000, 3, 30} : Scale{400, 4000, 8, 100};
}

/// A random four fifths of the rows, at most kMostRows, and random weights.
struct Start {
  Dataset data;
  Vector w;

  Start(const Dataset& all, double weights, const Random& random) {
    std::vector<std::pair<std::uint64_t, std::int64_t>> order;
    for (std::int64_t r = 0; r < all.n; ++r) {
      order.emplace_back(random.bits(static_cast<std::uint64_t>(r)), r);
    }
    std::sort(order.begin(), order.end());
    data = all;
    data.n = std::min(all.n * 4 / 5, kMostRows);
    data.x.clear();
    data.y.clear();
    for (std::int64_t i = 0; i < data.n; ++i) {
      const std::int64_t r = order[static_cast<std::size_t>(i)].second;
      data.x.insert(data.x.end(), all.x.begin() + r * all.d, all.x.begin() + (r + 1) * all.d);
      data.y.push_back(all.y[static_cast<std::size_t>(r)]);
    }
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(all.class_count() * all.d); ++i) {
      w.push_back(weights * random.stream(1).normal(i));
    }
  }
};

double accuracy(const LinearModel& m, const Vector& w) {
  const Vector z = m.logits(w);
  std::int64_t right = 0;
  for (std::int64_t r = 0; r < m.data.n; ++r) {
    const auto row = z.begin() + r * m.outputs;
    right += std::max_element(row, row + m.outputs) - row == m.data.y[static_cast<std::size_t>(r)];
  }
  return static_cast<double>(right) / static_cast<double>(m.data.n);
}

/// Accuracy on the training rows after 0, 1, ... steps of gradient descent on the mean loss.
Vector train(const Subject& s, const Start& start, const char* loss, double learning_rate,
             int steps, double goal) {
  const LinearModel m{start.data, start.data.class_count(), 0};
  const Problem p = problem_for(s, loss, m.data.n, m.outputs);
  Vector w = start.w, curve{accuracy(m, w)};
  int kept = 0;
  for (int k = 0; k < steps && kept <= kKeeps; ++k) {
    const Vector g = m.gradient(numbers(answer(s, m.test_case(p, w)).grad), w);
    for (std::size_t i = 0; i < w.size(); ++i) w[i] -= learning_rate * g[i];
    curve.push_back(accuracy(m, w));
    kept = curve.back() >= goal ? kept + 1 : 0;
  }
  return curve;
}

/// Steps until the goal is reached and kept; all of them where it never is.
double steps_to(const Vector& curve, double goal, int steps) {
  int kept = 0;
  for (std::size_t k = 0; k < curve.size(); ++k) {
    kept = curve[k] >= goal ? kept + 1 : 0;
    if (kept > kKeeps) return std::max(1.0, static_cast<double>(k) - kKeeps);
  }
  return steps;
}

/// Of one loss: for each rate the curves of the tuning seeds.
using Tuning = std::vector<std::vector<Vector>>;

/// The accuracy that the best rate keeps at the end, on average.
double attained(const Tuning& t) {
  double best = 0;
  for (const auto& curves : t) {
    double sum = 0;
    for (const Vector& c : curves) sum += *std::min_element(c.end() - kKeeps, c.end());
    best = std::max(best, sum / static_cast<double>(curves.size()));
  }
  return best;
}

int best_rate(const Tuning& t, double goal, int steps) {
  Vector totals;
  for (const auto& curves : t) {
    double sum = 0;
    for (const Vector& c : curves) sum += steps_to(c, goal, steps);
    totals.push_back(sum);
  }
  return static_cast<int>(std::min_element(totals.begin(), totals.end()) - totals.begin());
}

/// Runs of one kernel from random weights of one size.
struct Experiment {
  const Subject& subject;
  const Dataset& data;
  Scale scale;
  double weights;  ///< standard deviation at the start
  Random random;

  Start start(std::uint64_t seed) const { return {data, weights, random.stream(seed)}; }

  Tuning tune(const char* loss) const {
    Tuning t(kRates);
    for (std::uint64_t seed = 0; seed < scale.tuning; ++seed) {
      const Start from = start(seed);
      for (int k = 0; k < kRates; ++k) {
        t[static_cast<std::size_t>(k)].push_back(
            train(subject, from, loss, rate(k), scale.steps, 2));
      }
    }
    return t;
  }

  /// Steps of each evaluation seed.
  Vector steps(const char* loss, int k, double goal) const {
    Vector all;
    for (std::uint64_t seed = 0; seed < scale.seeds; ++seed) {
      const Vector curve = train(subject, start(1000 + seed), loss, rate(k), scale.most, goal);
      all.push_back(steps_to(curve, goal, scale.most));
    }
    return all;
  }
};

/// Steps with squared error over steps with cross-entropy. A run that never gets there counts as
/// `most` steps, which understates its loss's number; where both never do, there is no ratio.
struct Ratio {
  Estimate mean;    ///< geometric, Student's interval on the logarithms
  Estimate spread;  ///< median, 10 % and 90 % quantiles
  std::int64_t pairs = 0, lost[2] = {0, 0};

  Ratio(const Vector& ce, const Vector& mse, int most) {
    Vector logs;
    for (std::size_t i = 0; i < ce.size(); ++i) {
      lost[0] += ce[i] >= most;
      lost[1] += mse[i] >= most;
      if (ce[i] < most || mse[i] < most) logs.push_back(std::log(mse[i] / ce[i]));
    }
    pairs = static_cast<std::int64_t>(logs.size());
    if (pairs < 2) return;
    const Estimate e = mean_estimate(logs);
    mean = {std::exp(e.value), std::exp(e.low), std::exp(e.high)};
    spread = {std::exp(sample_quantile(logs, 0.5)), std::exp(sample_quantile(logs, 0.1)),
              std::exp(sample_quantile(logs, 0.9))};
  }
  bool measured() const { return pairs >= 2; }
};

Series mean_curve(std::string name, const std::vector<Vector>& curves) {
  Series s{std::move(name), {}, {}, false};
  for (std::size_t k = 0; k < curves[0].size(); ++k) {
    double sum = 0;
    for (const Vector& c : curves) sum += c[k];
    s.x.push_back(static_cast<double>(k));
    s.y.push_back(sum / static_cast<double>(curves.size()));
  }
  return s;
}

/// Both losses from one kind of start.
struct Comparison {
  const Experiment& x;
  const char* from;
  Tuning tuning[2] = {x.tune(kLosses[0]), x.tune(kLosses[1])};

  double attained_by_both() const { return std::min(attained(tuning[0]), attained(tuning[1])); }

  /// Each loss at its own best rate, or both at the k-th.
  Ratio ratio(double goal, std::optional<int> k, ClaimEvidence& e) const {
    Vector steps[2];
    for (const std::size_t loss : {0u, 1u}) {
      const int at = k.value_or(best_rate(tuning[loss], goal, x.scale.steps));
      steps[loss] = x.steps(kLosses[loss], at, goal);
      e.cases += static_cast<std::int64_t>(steps[loss].size());
    }
    return {steps[0], steps[1], x.scale.most};
  }

  Plot plot(double goal) const {
    Plot p{fmt::format("Training on {} from {} weights, tuned rates", x.data.name, from), "steps",
           "accuracy", false, false, {}};
    const char* names[] = {"cross-entropy", "squared error of softmax"};
    for (const std::size_t loss : {0u, 1u}) {
      const int k = best_rate(tuning[loss], goal, x.scale.steps);
      p.series.push_back(mean_curve(fmt::format("{}, rate {}", names[loss], rate(k)),
                                    tuning[loss][static_cast<std::size_t>(k)]));
    }
    return p;
  }
};

void add(ClaimEvidence& e, const std::string& what, const Ratio& r, std::int64_t seeds) {
  if (!r.measured()) return;
  std::string lost;
  if (r.lost[0] + r.lost[1] > 0) {
    lost = fmt::format("; of {} runs never there: {} with cross-entropy, {} with squared error",
                       seeds, r.lost[0], r.lost[1]);
  }
  e.figures.push_back(figure("ratio of steps, " + what + lost, r.mean));
}

void measure(const Subject& s, const Dataset& data, const ClaimContext& context,
             ClaimEvidence& e) {
  const Scale scale = scale_of(context);
  const Random random = Random(context.seed).stream(0x70);
  const Experiment small{s, data, scale, 0.1, random.stream(0)};
  const Experiment large{s, data, scale, 3, random.stream(1)};
  const Comparison from_small{small, "small"}, from_large{large, "large"};
  const double both = from_small.attained_by_both();
  const auto seeds = static_cast<std::int64_t>(scale.seeds);
  const Ratio tuned = from_small.ratio(kShare * both, {}, e);
  if (!tuned.measured()) {
    e.verdict = ClaimVerdict::no_evidence;
    e.reason = fmt::format("no pair of runs reaches an accuracy of {:.3f}", kShare * both);
    return;
  }
  // An interval that holds 1 as well shows no difference at all.
  const bool meets = tuned.mean.low <= 5 && tuned.mean.high >= 3 && tuned.mean.low > 1;
  e.verdict = meets ? ClaimVerdict::agrees : ClaimVerdict::disagrees;
  add(e, "tuned rates, small random weights", tuned, seeds);
  e.figures.push_back(figure("the same, median and 10 % to 90 % of the seeds", tuned.spread));
  add(e, "the same to nine tenths of the accuracy", from_small.ratio(0.9 * both, {}, e), seeds);
  add(e, "one rate, 1/8, for both", from_small.ratio(kShare * both, kUntuned, e), seeds);
  const Ratio wrong = from_large.ratio(kShare * both, {}, e);
  add(e, "tuned rates, large random weights (confident and wrong at the start)", wrong, seeds);
  e.figures.push_back(exact_figure("accuracy to be reached and kept", kShare * both));
  e.plots = {from_small.plot(kShare * both), from_large.plot(kShare * both)};
  e.evidence = fmt::format(
      "linear models on {} trained by gradient descent with the gradients of {}, both losses tuned "
      "on the same {} rates: steps until an accuracy of {:.3f} is kept, over {} starts and splits; "
      "squared error takes {:.2f} times the steps of cross-entropy (large weights at the start: "
      "{:.2f}); agrees if the first interval meets [3, 5] and excludes 1",
      data.name, s.kernel.name, kRates, kShare * both, scale.seeds, tuned.mean.value,
      wrong.mean.value);
}

}  // namespace

ClaimEvidence study_faster_than_mse(const ClaimContext& context) {
  ClaimEvidence e;
  const std::vector<std::string> problems(std::begin(kLosses), std::end(kLosses));
  const Dataset data = standardised(dataset_or_iris(context.data));
  std::vector<Subject> all = subjects(context, problems);
  if (all.empty()) {
    e.verdict = ClaimVerdict::skipped;
    e.reason = "no kernel computes both losses";
    return e;
  }
  // How fast a loss trains is the loss's business, not the kernel's: one kernel stands for all.
  try {
    measure(all[0], data, context, e);
  } catch (const Broken& broken) {
    e.verdict = ClaimVerdict::contradicted;
    e.reason = fmt::format("{}: {}", all[0].kernel.name, broken.what());
  }
  return e;
}

}  // namespace xent
