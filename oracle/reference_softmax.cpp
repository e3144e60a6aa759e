// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "oracle/quantities.h"
#include "oracle/reference_questions.h"
#include "oracle/reference_rows.h"

namespace xent {
namespace {

using Kind = Enclosure::Kind;

constexpr double kInf = std::numeric_limits<double>::infinity();

std::vector<double> inputs_of(const TestCase& c, const Groups& groups, std::int64_t row) {
  std::vector<double> x = input_row(c, row);
  if (!groups.merged()) return x;
  std::vector<double> grouped;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    grouped.push_back(x[static_cast<std::size_t>(groups.member(g))]);
  }
  return grouped;
}

std::vector<std::int64_t> counts_of(const Groups& groups) {
  std::vector<std::int64_t> counts;
  for (std::size_t g = 0; groups.merged() && g < groups.size(); ++g) {
    counts.push_back(groups.count(g));
  }
  return counts;
}

/// Inputs, labels, and weights and direction where they tell classes apart.
template <class I>
Groups groups_of(const RowTask<I>& task, const std::vector<double>& labels) {
  const TestCase& c = task.c;
  const std::int64_t row = task.row;
  const Problem& p = c.problem;
  Groups::Columns columns = {input_row(c, row), labels};
  if (p.weights && (p.smoothing != 0 || has_vector_targets(p))) {
    columns.push_back(doubles_of(c.weight, 0, p.v));
  }
  if (p.dir == Dir::hvp) columns.push_back(doubles_of(c.direction, row * p.v, p.v));
  return Groups(columns, task.merge);
}

/// Sums over the row that every bound of a row of logits needs; y is the scored class's group or
/// none.
template <class I>
void softmax_facts(RowFacts& f, const Softmax<I>& s, std::optional<std::size_t> y, const I& t) {
  I gaps(0), rest_gaps(0), below(0);
  const double x_top = s.x[s.top];
  for (std::size_t g = 0; g < s.x.size(); ++g) {
    if (!s.live(g)) continue;
    f.live += s.many(g);
    const I gap = s.gap(g);
    f.greatest_gap = std::max(f.greatest_gap, upper_double(gap));
    f.greatest = std::max(f.greatest, at_most_largest(upper_double(abs_of(s.logit(g)))));
    const I term = several(s.many(g), I(s.e[g] * gap));
    gaps += term;
    if (g != y) rest_gaps += term;
    if (s.x[g] == x_top) f.ties += s.many(g);
    else below += several(s.many(g), s.e[g]);
  }
  f.max = to_enclosure(s.m).hi;
  f.sum = upper_double(s.s);
  f.rest = upper_double(t);
  f.log_sum = std::max(0.0, upper_double(s.log_s));
  f.lse = at_most_largest(upper_double(abs_of(s.lse)));
  f.mean_gap = upper_double(I(gaps / s.s));
  f.rest_gap = y && lower_double(t) > 0 ? upper_double(I(rest_gaps / t)) : kInf;
  f.below_max = upper_double(below);
  if (!y) return;
  f.target_is_max = s.x[*y] == x_top;
  f.target = s.live(*y) ? to_enclosure(s.logit(*y)).hi : -kInf;
}

/// One operation on one row: loss, and derivative in z_j, both in nats.
template <class I>
class RowOfLogits final : public ExactRow<I> {
 public:
  explicit RowOfLogits(const RowTask<I>& task)
      : task_(task),
        problem_(task.c.problem),
        labels_(label_row(task.c, task.row, task.y)),
        groups_(groups_of(task, labels_)),
        s_(softmax_of<I>(inputs_of(task.c, groups_, task.row), problem_, counts_of(groups_))) {
    has_mass_ = problem_.op == Op::ce && !task.ignored;
    if (has_mass_) mass_ = mass_of(task, groups_, labels_);
    if (task.y >= 0) y_ = groups_.of(task.y);
    t_ = y_ && *y_ != s_.top ? s_.rest_without(*y_) : y_ ? s_.rest : s_.s;
    if (has_mass_ && mass_.only < 0) {
      others_mass_ = s_.sum_without(s_.top, [&](std::size_t g) { return mass_.a[g]; });
    }
    if (task.ignored) return;
    if (problem_.op == Op::mse_softmax) set_mean_difference();
    if (problem_.dir == Dir::hvp) set_mean_direction();
    set_loss();
  }

  RowLoss<I> loss() const override { return loss_; }
  Enclosure lse() const override { return to_enclosure(s_.lse); }
  Enclosure probability(std::int64_t j) override {
    const std::size_t g = groups_.of(j);
    return probabilities_.get(g, groups_.size(), [&] { return to_enclosure(p(g)); });
  }
  double gap(std::int64_t j) const override {
    const std::size_t g = groups_.of(j);
    return s_.live(g) ? upper_double(s_.gap(g)) : kInf;
  }
  Enclosure gradient(std::int64_t j) override {
    const std::size_t g = groups_.of(j);
    return gradients_.get(g, groups_.size(), [&] { return to_enclosure(gradient_of(g)); });
  }

  void set_facts(RowFacts& f) const override {
    softmax_facts(f, s_, y_, t_);
    if (has_mass_) set_mass_facts(f);
    I condition(0);
    for (std::size_t g = 0; g < s_.x.size(); ++g) {
      if (s_.live(g)) condition += several(s_.many(g), I(abs_of(derivative(g)) * size_of_logit(g)));
    }
    f.condition = upper_double(I(condition / (problem_.unit == Unit::bits ? log_two<I>() : I(1))));
    if (problem_.op == Op::mse_softmax) set_label_facts(f);
    if (problem_.dir == Dir::hvp && loss_.kind != Kind::undefined) set_direction_facts(f);
  }

 private:
  /// softmax(z)_j = e_j / s.
  I p(std::size_t g) const { return s_.e[g] / s_.s; }

  void set_loss() {
    if (problem_.op == Op::lse) loss_.value = s_.lse;
    else if (problem_.op == Op::mse_softmax) loss_.value = squares();
    else set_cross_entropy();
  }

  /// sum a_j (gap_j + log s) + zloss lse^2; +inf where mass lies on an absent class.
  void set_cross_entropy() {
    I gaps(0);
    const auto add = [&](std::size_t g) {
      if (!mass_.somewhere(g)) return;
      const I a = several(s_.many(g), mass_.at(g));
      if (s_.live(g)) gaps += a * s_.gap(g);
      else if (!not_negative(a)) loss_.kind = Kind::undefined;
      else if (loss_.kind == Kind::number) loss_.kind = Kind::plus_inf;
    };
    if (mass_.only >= 0) add(*y_);
    for (std::size_t g = 0; mass_.only < 0 && g < groups_.size(); ++g) add(g);
    loss_.value = gaps + mass_.total * s_.log_s;
    if (problem_.z_loss != 0) loss_.value += I(problem_.z_loss) * s_.lse * s_.lse;
  }

  I derivative(std::size_t g) const {
    I d = problem_.op == Op::lse           ? p(g)
          : problem_.op == Op::mse_softmax ? square_derivative(g)
                                           : mass_derivative(g);
    if (problem_.z_loss != 0) d += I(2) * I(problem_.z_loss) * s_.lse * p(g);
    return d;
  }

  /// A p_j - a_j; at the class of all mass -A t / s, at the maximum (A - a) p - a (s - 1) / s.
  I mass_derivative(std::size_t g) const {
    if (mass_.only >= 0) {
      const I d = mass_.is_only(g) ? I(-(t_ / s_.s)) : p(g);
      return problem_.weights ? I(mass_.total * d) : d;
    }
    if (g == s_.top) return (others_mass_ - mass_.at(g) * s_.rest) / s_.s;
    return mass_.total * p(g) - mass_.at(g);
  }

  double label(std::size_t g) const {
    return labels_[static_cast<std::size_t>(groups_.member(g))];
  }

  /// D_j = p_j - y_j; at the maximum (1 - y) - (s - 1) / s.
  I difference(std::size_t g) const {
    const I y(label(g));
    return g == s_.top ? I((I(1) - y) - s_.rest / s_.s) : I(p(g) - y);
  }
  /// Sum p_k (D_k - D_top).
  void set_mean_difference() {
    const I at_top = difference(s_.top);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (g == s_.top) continue;
      mean_difference_ += several(s_.many(g), I(p(g) * (difference(g) - at_top)));
    }
  }
  I squares() const {
    I sum(0);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const I d = difference(g);
      sum += several(s_.many(g), I(d * d));
    }
    return sum;
  }
  /// 2 p_j (D_j - sum p_k D_k), both relative to D at the maximum.
  I square_derivative(std::size_t g) const {
    const I relative = g == s_.top ? I(0) : I(difference(g) - difference(s_.top));
    return I(2) * p(g) * (relative - mean_difference_);
  }

  I direction(std::size_t g) const {
    return I(task_.c.direction.at(task_.row * problem_.v + groups_.member(g)));
  }
  /// q - v_top = sum p_k (v_k - v_top).
  void set_mean_direction() {
    const I v_top = direction(s_.top);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (g == s_.top || !s_.live(g)) continue;
      mean_direction_ += several(s_.many(g), I(p(g) * (direction(g) - v_top)));
    }
  }
  /// A p_j (v_j - q) + 2 zloss p_j (q + lse (v_j - q)), without scale^2.
  I hessian_product(std::size_t g) const {
    if (!s_.live(g)) return I(0);
    const I v_top = direction(s_.top);
    const I relative = (direction(g) - v_top) - mean_direction_;
    I h = mass_.total * relative;
    if (problem_.z_loss != 0) {
      h += I(2) * I(problem_.z_loss) * ((v_top + mean_direction_) + s_.lse * relative);
    }
    return p(g) * h;
  }

  I gradient_of(std::size_t g) const {
    I d = task_.factor * (problem_.dir == Dir::hvp ? hessian_product(g) : derivative(g));
    if (problem_.softcap == 0 && problem_.scale == 1) return d;
    if (!s_.live(g)) return d * I(problem_.scale);
    const I slope = slope_of<I>(s_.x[g], problem_);
    d *= slope;
    if (problem_.dir == Dir::hvp) d *= slope;
    return d;
  }

  /// |z_j|, and 0 for absent classes: what multiplies it is exactly 0.
  I size_of_logit(std::size_t g) const { return s_.live(g) ? abs_of(s_.logit(g)) : I(0); }

  void set_mass_facts(RowFacts& f) const {
    I gaps(0), logits(0);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (mass_.only >= 0 ? !mass_.is_only(g) : !mass_.somewhere(g)) continue;
      const I b = several(s_.many(g), mass_.size_at(g));
      gaps += b * s_.gap(g);
      logits += b * size_of_logit(g);
    }
    f.mass = upper_double(mass_.total_size);
    f.mass_gap = upper_double(gaps);
    f.mass_logit = upper_double(logits);
  }
  void set_label_facts(RowFacts& f) const {
    I mass(0);
    for (const double y : labels_) {
      if (y != 0) mass += abs_of(I(y));
    }
    f.mass = upper_double(mass);
  }
  void set_direction_facts(RowFacts& f) const {
    I mean(0), gaps(0), size(0);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      if (!s_.live(g)) continue;
      const I v = several(s_.many(g), abs_of(direction(g)));
      const I weighted = p(g) * v;
      mean += weighted;
      gaps += weighted * s_.gap(g);
      size += v;
    }
    f.direction = upper_double(mean);
    f.direction_gap = upper_double(gaps);
    f.direction_size = upper_double(size);
  }

  const RowTask<I> task_;
  const Problem& problem_;
  const std::vector<double> labels_;
  const Groups groups_;
  const Softmax<I> s_;
  std::optional<std::size_t> y_;  ///< the scored class's group
  bool has_mass_ = false;
  Mass<I> mass_;
  RowLoss<I> loss_;
  I t_{0};                ///< s without the scored class; s if there is none
  I others_mass_{0};      ///< A without one maximum's mass
  I mean_difference_{0};  ///< mse: sum p_k (D_k - D_top)
  I mean_direction_{0};   ///< hvp: q - v_top
  Answers probabilities_, gradients_;
};

}  // namespace

template <class I>
std::unique_ptr<ExactRow<I>> softmax_row(const RowTask<I>& task) {
  return std::make_unique<RowOfLogits<I>>(task);
}

template <unsigned D>
using RowPointer = std::unique_ptr<ExactRow<Interval<D>>>;
template RowPointer<kDigits[0]> softmax_row(const RowTask<Interval<kDigits[0]>>&);
template RowPointer<kDigits[1]> softmax_row(const RowTask<Interval<kDigits[1]>>&);
template RowPointer<kDigits[2]> softmax_row(const RowTask<Interval<kDigits[2]>>&);
template RowPointer<kDigits[3]> softmax_row(const RowTask<Interval<kDigits[3]>>&);

}  // namespace xent
