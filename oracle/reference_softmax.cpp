// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "oracle/quantities.h"
#include "oracle/reference_questions.h"
#include "oracle/reference_rows.h"

namespace xent {
namespace {

using Kind = Enclosure::Kind;

std::size_t at(std::int64_t j) { return static_cast<std::size_t>(j); }

/// Weighted sums that every bound of a row of logits needs.
template <class I>
void softmax_facts(RowFacts& f, const Softmax<I>& s, std::int64_t y, const I& t) {
  I gaps(0), rest_gaps(0), below(0);
  const double x_top = s.x[at(s.top)];
  for (std::size_t j = 0; j < s.x.size(); ++j) {
    if (!s.live(j)) continue;
    ++f.live;
    f.greatest_gap = std::max(f.greatest_gap, upper_double(s.gap[j]));
    f.greatest = std::max(f.greatest, at_most_largest(upper_double(abs_of(s.logit(j)))));
    const I term = s.e[j] * s.gap[j];
    gaps += term;
    if (static_cast<std::int64_t>(j) != y) rest_gaps += term;
    if (s.x[j] == x_top) ++f.ties;
    else below += s.e[j];
  }
  f.max = to_enclosure(s.logit(at(s.top))).hi;
  f.sum = upper_double(s.s);
  f.rest = upper_double(t);
  f.log_sum = std::max(0.0, upper_double(s.log_s));
  f.lse = at_most_largest(upper_double(abs_of(s.lse)));
  f.mean_gap = upper_double(I(gaps / s.s));
  f.rest_gap = y >= 0 && lower_double(t) > 0 ? upper_double(I(rest_gaps / t))
                                             : std::numeric_limits<double>::infinity();
  f.below_max = upper_double(below);
  if (y < 0) return;
  f.target_is_max = s.x[at(y)] == x_top;
  f.target = s.live(at(y)) ? to_enclosure(s.logit(at(y))).hi
                           : -std::numeric_limits<double>::infinity();
}

/// sum of weight_j |derivative_j z_j| and the like: 0 where a factor is exactly 0.
template <class I>
I size_of_logit(const Softmax<I>& s, std::int64_t j) {
  return s.live(at(j)) ? abs_of(s.logit(at(j))) : I(0);
}

template <class I>
void mass_facts(RowFacts& f, const Softmax<I>& s, const Mass<I>& m) {
  I gaps(0), logits(0);
  const auto add = [&](std::int64_t j) {
    const I b = m.size_at(j);
    gaps += b * s.gap[at(j)];
    logits += b * size_of_logit(s, j);
  };
  if (m.only >= 0) add(m.only);
  for (std::int64_t j = 0; m.only < 0 && j < std::ssize(s.x); ++j) {
    if (m.somewhere(j)) add(j);
  }
  f.mass = upper_double(m.total_size);
  f.mass_gap = upper_double(gaps);
  f.mass_logit = upper_double(logits);
}

/// One operation on one row: loss, and derivative in z_j, both in nats.
template <class I>
class RowOfLogits {
 public:
  explicit RowOfLogits(const RowTask<I>& task)
      : task_(task),
        problem_(task.c.problem),
        s_(softmax_of<I>(input_row(task.c, task.row), problem_)) {
    has_mass_ = problem_.op == Op::ce && !task.ignored;
    if (has_mass_) mass_ = mass_of(task);
    const bool split = task.y >= 0 && task.y != s_.top;
    t_ = split ? sum_without(s_.e, task.y) : task.y >= 0 ? s_.rest : s_.s;
    if (has_mass_ && mass_.only < 0) others_mass_ = sum_without(mass_.a, s_.top);
    if (task.facts || task.elements) p_ = probabilities_of(s_);
    if (task.ignored) return;
    if (problem_.op == Op::mse_softmax) set_differences();
    if (problem_.dir == Dir::hvp && !p_.empty()) set_direction();
    if (task.facts || (task.elements && problem_.wants_grad())) set_derivatives();
  }

  RowValues<I> values() {
    RowValues<I> r;
    r.lse = to_enclosure(s_.lse);
    if (!task_.ignored) set_loss(r);
    if (task_.facts && !task_.ignored) set_facts(*task_.facts, r);
    if (task_.elements) set_elements(r);
    return r;
  }

 private:
  void set_loss(RowValues<I>& r) const {
    if (problem_.op == Op::lse) r.loss = s_.lse;
    else if (problem_.op == Op::mse_softmax) r.loss = squares();
    else set_cross_entropy(r);
  }

  /// sum a_j (gap_j + log s) + zloss lse^2; +inf where mass lies on an absent class.
  void set_cross_entropy(RowValues<I>& r) const {
    I gaps(0);
    const auto add = [&](std::int64_t j) {
      if (!mass_.somewhere(j)) return;
      const I a = mass_.at(j);
      if (s_.live(at(j))) gaps += a * s_.gap[at(j)];
      else if (!not_negative(a)) r.kind = Kind::undefined;
      else if (r.kind == Kind::number) r.kind = Kind::plus_inf;
    };
    if (mass_.only >= 0) add(mass_.only);
    for (std::int64_t j = 0; mass_.only < 0 && j < problem_.v; ++j) add(j);
    r.loss = gaps + mass_.total * s_.log_s;
    if (problem_.z_loss != 0) r.loss += I(problem_.z_loss) * s_.lse * s_.lse;
  }

  void set_derivatives() {
    const I by_lse = I(2) * I(problem_.z_loss) * s_.lse;
    derivative_.reserve(p_.size());
    for (std::int64_t j = 0; j < problem_.v; ++j) {
      if (problem_.op == Op::lse) derivative_.push_back(p_[at(j)]);
      else if (problem_.op == Op::mse_softmax) derivative_.push_back(square_derivative(j));
      else derivative_.push_back(mass_derivative(j));
      if (problem_.z_loss != 0) derivative_.back() += by_lse * p_[at(j)];
    }
  }

  /// A p_j - a_j; at the class of all mass -A t / s, at the maximum (A - a) p - a (s - 1) / s.
  I mass_derivative(std::int64_t j) const {
    if (mass_.only >= 0) {
      const I g = j == mass_.only ? I(-(t_ / s_.s)) : p_[at(j)];
      return problem_.weights ? I(mass_.total * g) : g;
    }
    if (j == s_.top) return (others_mass_ - mass_.at(j) * s_.rest) / s_.s;
    return mass_.total * p_[at(j)] - mass_.at(j);
  }

  double label(std::int64_t j) const {
    if (task_.y >= 0) return j == task_.y ? 1 : 0;
    return target_of(task_.c, task_.row, j);
  }

  /// p_j - y_j; at the maximum (1 - y) - (s - 1) / s.
  void set_differences() {
    if (p_.empty()) p_ = probabilities_of(s_);
    for (std::int64_t j = 0; j < problem_.v; ++j) {
      const I y(label(j));
      difference_.push_back(j == s_.top ? I((I(1) - y) - s_.rest / s_.s)
                                        : I(p_[at(j)] - y));
    }
    const I& at_top = difference_[at(s_.top)];
    for (std::int64_t j = 0; j < problem_.v; ++j) {
      if (j == s_.top) continue;
      mean_difference_ += p_[at(j)] * (difference_[at(j)] - at_top);
    }
  }
  I squares() const {
    I sum(0);
    for (const I& d : difference_) sum += d * d;
    return sum;
  }
  /// 2 p_j (D_j - sum p_k D_k), both relative to D at the maximum.
  I square_derivative(std::int64_t j) const {
    const I relative = j == s_.top ? I(0) : I(difference_[at(j)] - difference_[at(s_.top)]);
    return I(2) * p_[at(j)] * (relative - mean_difference_);
  }

  I direction(std::int64_t j) const { return I(task_.c.direction.at(task_.row * problem_.v + j)); }

  /// q - v_top = sum p_k (v_k - v_top).
  void set_direction() {
    const I v_top = direction(s_.top);
    for (std::int64_t k = 0; k < problem_.v; ++k) {
      if (k != s_.top && s_.live(at(k))) {
        mean_direction_ += p_[at(k)] * (direction(k) - v_top);
      }
    }
  }
  /// A p_j (v_j - q) + 2 zloss p_j (q + lse (v_j - q)), without scale^2.
  I hessian_product(std::int64_t j) const {
    if (!s_.live(at(j))) return I(0);
    const I v_top = direction(s_.top);
    const I relative = (direction(j) - v_top) - mean_direction_;
    I h = mass_.total * relative;
    if (problem_.z_loss != 0) {
      h += I(2) * I(problem_.z_loss) * ((v_top + mean_direction_) + s_.lse * relative);
    }
    return p_[at(j)] * h;
  }

  void set_facts(RowFacts& f, const RowValues<I>& r) const {
    softmax_facts(f, s_, task_.y, t_);
    if (has_mass_) mass_facts(f, s_, mass_);
    I condition(0);
    for (std::int64_t j = 0; j < problem_.v; ++j) {
      if (s_.live(at(j))) condition += abs_of(derivative_[at(j)]) * size_of_logit(s_, j);
    }
    f.condition = upper_double(I(condition / (problem_.unit == Unit::bits ? log_two<I>() : I(1))));
    if (problem_.op == Op::mse_softmax) label_facts(f);
    if (problem_.dir == Dir::hvp && r.kind != Kind::undefined) direction_facts(f);
  }
  void label_facts(RowFacts& f) const {
    I mass(0);
    for (std::int64_t j = 0; j < problem_.v; ++j) mass += abs_of(I(label(j)));
    f.mass = upper_double(mass);
  }
  void direction_facts(RowFacts& f) const {
    I mean(0), gaps(0), size(0);
    for (std::int64_t k = 0; k < problem_.v; ++k) {
      if (!s_.live(at(k))) continue;
      const I v = abs_of(direction(k));
      const I weighted = p_[at(k)] * v;
      mean += weighted;
      gaps += weighted * s_.gap[at(k)];
      size += v;
    }
    f.direction = upper_double(mean);
    f.direction_gap = upper_double(gaps);
    f.direction_size = upper_double(size);
  }

  void set_elements(RowValues<I>& r) const {
    r.has_elements = true;
    const bool grad = problem_.wants_grad() && !task_.ignored;
    const bool identity = problem_.softcap == 0 && problem_.scale == 1;
    r.probability.reserve(s_.x.size());
    if (grad) r.grad.reserve(s_.x.size());
    for (std::int64_t j = 0; j < problem_.v; ++j) {
      r.probability.push_back(to_enclosure(p_[at(j)]));
      if (!grad) continue;
      I g = task_.factor * (problem_.dir == Dir::hvp ? hessian_product(j) : derivative_[at(j)]);
      if (!identity && s_.live(at(j))) {
        const I slope = slope_of<I>(s_.x[at(j)], problem_);
        g *= slope;
        if (problem_.dir == Dir::hvp) g *= slope;
      } else if (!identity) {
        g *= I(problem_.scale);
      }
      r.grad.push_back(to_enclosure(g));
    }
  }

  const RowTask<I>& task_;
  const Problem& problem_;
  Softmax<I> s_;
  bool has_mass_ = false;
  Mass<I> mass_;
  I t_{0};                     ///< s without the scored class; s if there is none
  I others_mass_{0};           ///< A without the maximum's mass
  std::vector<I> p_;           ///< softmax
  std::vector<I> derivative_;  ///< dL/dz_j in nats
  std::vector<I> difference_;  ///< mse: D_j = p_j - y_j
  I mean_difference_{0};       ///< mse: sum p_k (D_k - D_top)
  I mean_direction_{0};        ///< hvp: q - v_top
};

}  // namespace

template <class I>
RowValues<I> softmax_row(const RowTask<I>& task) {
  return RowOfLogits<I>(task).values();
}

template RowValues<Interval<kDigits[0]>> softmax_row(const RowTask<Interval<kDigits[0]>>&);
template RowValues<Interval<kDigits[1]>> softmax_row(const RowTask<Interval<kDigits[1]>>&);
template RowValues<Interval<kDigits[2]>> softmax_row(const RowTask<Interval<kDigits[2]>>&);
template RowValues<Interval<kDigits[3]>> softmax_row(const RowTask<Interval<kDigits[3]>>&);

}  // namespace xent
