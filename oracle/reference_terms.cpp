// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "oracle/quantities.h"
#include "oracle/reference_questions.h"
#include "oracle/reference_rows.h"

namespace xent {
namespace {

using Kind = Enclosure::Kind;

/// What one class adds to the loss, and the derivative in its input.
template <class I>
struct Term {
  I loss{0};
  I derivative{0};
  Kind loss_kind = Kind::number;
  Kind derivative_kind = Kind::number;
};

/// factor times +inf, where 0 times it is 0.
template <class I>
void add_infinity(Term<I>& t, const I& factor) {
  if (is_zero(factor)) return;
  t.loss_kind = not_negative(factor) ? Kind::plus_inf : Kind::undefined;
}

/// w (max(x, 0) - x y + log(1 + e^-|x|)), the first two as x (1 - y) or -x y.
template <class I>
Term<I> logits_term(double x, double y, const I& w) {
  Term<I> t;
  const I share = x > 0 ? I(I(1) - I(y)) : I(y);
  if (std::isinf(x)) add_infinity(t, I(w * share));
  else t.loss = w * (abs_of(I(x)) * share + softplus_of_minus<I>(x));
  t.derivative = w * logistic_difference<I>(x, y);
  return t;
}

/// log x and log(1 - x) of bce-prob, not below the dialect's floor; where that clamps, there is no
/// derivative that libraries agree on.
template <class I>
class ClampedLog {
 public:
  ClampedLog(const I& log, double floor) : value_(log), floored_(lower_double(log) < floor) {
    if (std::isfinite(floor)) value_ = at_least(log, floor);
    infinite_ = !floored_ && lower_double(value_) == -std::numeric_limits<double>::infinity();
  }
  bool floored() const { return floored_; }

  void add(Term<I>& t, const I& mass) const {
    if (is_zero(mass)) return;
    if (infinite_) add_infinity(t, mass);
    else t.loss -= mass * value_;
  }

 private:
  I value_;
  bool floored_;
  bool infinite_ = false;
};

/// -w (y log x + (1-y) log(1-x)), and w ((1-y)/(1-x) - y/x).
template <class I>
Term<I> probability_term(double x, double y, const I& w, double floor) {
  Term<I> t;
  const I right = w * I(y), wrong = w * (I(1) - I(y));
  const ClampedLog<I> log_x(log_of(I(x)), floor), log_rest(log1p_of(I(-x)), floor);
  log_x.add(t, right);
  log_rest.add(t, wrong);
  const bool at_edge = (x == 0 && !is_zero(right)) || (x == 1 && !is_zero(wrong));
  const bool clamped = (log_x.floored() && !is_zero(right)) ||
                       (log_rest.floored() && !is_zero(wrong));
  if (clamped) t.derivative_kind = Kind::undefined;
  else if (at_edge) t.derivative_kind = x == 0 ? Kind::minus_inf : Kind::plus_inf;
  if (t.derivative_kind != Kind::number) return t;
  if (!is_zero(wrong)) t.derivative += wrong / (I(1) - I(x));
  if (!is_zero(right)) t.derivative -= right / I(x);
  return t;
}

/// (sigma - y)^2, and 2 (sigma - y) sigma (1 - sigma).
template <class I>
Term<I> sigmoid_term(double x, double y) {
  Term<I> t;
  const I d = logistic_difference<I>(x, y), tail = logistic_tail<I>(x);
  t.loss = d * d;
  t.derivative = I(2) * d * tail * (I(1) - tail);
  return t;
}

/// -p log p and -(log p + 1).
template <class I>
Term<I> entropy(double p) {
  Term<I> t;
  t.loss = entropy_term<I>(p);
  if (p == 0) t.derivative_kind = Kind::plus_inf;
  else t.derivative = -(log_of(I(p)) + I(1));
  return t;
}

/// -p log q or p log(p / q), and -p / q.
template <class I>
Term<I> divergence(Op op, double p, double q) {
  Term<I> t;
  if (p == 0) return t;
  if (q == 0) {
    t.loss_kind = Kind::plus_inf;
    t.derivative_kind = Kind::minus_inf;
    return t;
  }
  t.loss = op == Op::kl ? kl_term<I>(p, q) : cross_entropy_term<I>(p, q);
  t.derivative = -(I(p) / I(q));
  return t;
}

template <class I>
class RowOfTerms final : public ExactRow<I> {
 public:
  explicit RowOfTerms(const RowTask<I>& task)
      : task_(task),
        problem_(task.c.problem),
        x_(input_row(task.c, task.row)),
        y_(problem_.op == Op::entropy ? x_ : label_row(task.c, task.row, task.y)),
        groups_(columns(), task.merge) {
    if (problem_.op == Op::nll) mass_ = mass_of(task, groups_, y_);
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const Term<I> t = term(g);
      loss_.value += several(groups_.count(g), t.loss);
      if (t.loss_kind != Kind::number && loss_.kind != Kind::undefined) loss_.kind = t.loss_kind;
    }
  }

  RowLoss<I> loss() const override { return loss_; }
  Enclosure gradient(std::int64_t j) override {
    const std::size_t g = groups_.of(j);
    return gradients_.get(g, groups_.size(), [&] { return gradient_of(term(g)); });
  }

  void set_facts(RowFacts& f) const override {
    Sums s;
    for (std::size_t g = 0; g < groups_.size(); ++g) add_facts(f, s, g, term(g));
    const bool binary = is_binary(problem_.op), nll = problem_.op == Op::nll;
    f.mass = upper_double(nll ? mass_.total_size : s.mass);
    f.mass_logit = upper_double(s.logits);
    f.terms = upper_double(s.terms);
    f.log_terms = upper_double(s.log_terms);
    f.far_log_terms = upper_double(s.far_log_terms);
    const I condition = binary || nll ? s.condition : s.terms;
    f.condition = upper_double(I(condition / (problem_.unit == Unit::bits ? log_two<I>() : I(1))));
  }

 private:
  Groups::Columns columns() const {
    Groups::Columns columns = {x_, y_};
    if (problem_.weights) columns.push_back(doubles_of(task_.c.weight, 0, problem_.v));
    return columns;
  }

  double x(std::size_t g) const { return x_[static_cast<std::size_t>(groups_.member(g))]; }
  double y(std::size_t g) const { return y_[static_cast<std::size_t>(groups_.member(g))]; }

  Term<I> term(std::size_t g) const {
    const I w(task_.c.weight_of(groups_.member(g)));
    switch (problem_.op) {
      case Op::nll: return mass_term(g);
      case Op::bce_logits: return logits_term(x(g), y(g), w);
      case Op::bce_prob: return probability_term(x(g), y(g), w, task_.conventions.log_floor);
      case Op::mse_sigmoid: return sigmoid_term<I>(x(g), y(g));
      case Op::entropy: return entropy<I>(x(g));
      default: return divergence<I>(problem_.op, y(g), x(g));
    }
  }

  /// -a x and -a.
  Term<I> mass_term(std::size_t g) const {
    Term<I> t;
    if (!mass_.somewhere(g)) return t;
    const I a = mass_.at(g);
    t.derivative = -a;
    if (std::isinf(x(g))) add_infinity(t, a);
    else t.loss = -(a * I(x(g)));
    return t;
  }

  Enclosure gradient_of(const Term<I>& t) const {
    if (t.derivative_kind == Kind::number) return to_enclosure(I(task_.factor * t.derivative));
    if (t.derivative_kind == Kind::undefined || is_zero(task_.factor)) {
      return Enclosure::special(Kind::undefined);
    }
    const bool flipped = !not_negative(task_.factor);
    const bool up = (t.derivative_kind == Kind::plus_inf) != flipped;
    return Enclosure::special(up ? Kind::plus_inf : Kind::minus_inf);
  }

  /// p / q is subnormal or overflows in the input's format, give or take a factor of 2.
  bool far(double p, double q) const {
    const Format f = format(problem_.dtype);
    const double log_ratio = std::log2(p) - std::log2(q);
    return log_ratio > f.emax - 1 || log_ratio < f.emin + 1;
  }

  struct Sums {
    I terms{0}, condition{0}, logits{0}, mass{0}, log_terms{0}, far_log_terms{0};
  };

  void add_facts(RowFacts& f, Sums& s, std::size_t g, const Term<I>& t) const {
    const double x_j = x(g);
    const std::int64_t n = groups_.count(g);
    if (std::isfinite(x_j)) {
      f.live += n;
      f.greatest = std::max(f.greatest, std::fabs(x_j));
    }
    s.terms += several(n, abs_of(t.loss));
    if (std::isfinite(x_j) && t.derivative_kind == Kind::number) {
      s.condition += several(n, I(abs_of(t.derivative) * abs_of(I(x_j))));
    }
    if (problem_.op == Op::nll) {
      const bool counts = mass_.somewhere(g) && std::isfinite(x_j);
      if (counts) s.logits += several(n, I(mass_.size_at(g) * abs_of(I(x_j))));
      return;
    }
    const double p = y(g);
    s.mass += several(n, abs_of(I(p)));
    if (problem_.op != Op::kl || p == 0 || x_j == 0) return;
    const I both = I(p) * (abs_of(log_of(I(p))) + abs_of(log_of(I(x_j))));
    s.log_terms += several(n, both);
    if (far(p, x_j)) s.far_log_terms += several(n, both);
  }

  const RowTask<I> task_;
  const Problem& problem_;
  const std::vector<double> x_, y_;
  const Groups groups_;
  Mass<I> mass_;
  RowLoss<I> loss_;
  Answers gradients_;
};

}  // namespace

template <class I>
std::unique_ptr<ExactRow<I>> term_row(const RowTask<I>& task) {
  return std::make_unique<RowOfTerms<I>>(task);
}

template <unsigned D>
using RowPointer = std::unique_ptr<ExactRow<Interval<D>>>;
template RowPointer<kDigits[0]> term_row(const RowTask<Interval<kDigits[0]>>&);
template RowPointer<kDigits[1]> term_row(const RowTask<Interval<kDigits[1]>>&);
template RowPointer<kDigits[2]> term_row(const RowTask<Interval<kDigits[2]>>&);
template RowPointer<kDigits[3]> term_row(const RowTask<Interval<kDigits[3]>>&);

}  // namespace xent
