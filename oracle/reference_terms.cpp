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
class RowOfTerms {
 public:
  explicit RowOfTerms(const RowTask<I>& task) : task_(task), problem_(task.c.problem) {
    if (problem_.op == Op::nll) mass_ = mass_of(task);
  }

  RowValues<I> values() {
    RowValues<I> r;
    const bool grad = task_.elements && problem_.wants_grad();
    r.has_elements = task_.elements;
    for (std::int64_t j = 0; j < problem_.v; ++j) {
      const Term<I> t = term(j);
      r.loss += t.loss;
      if (t.loss_kind != Kind::number && r.kind != Kind::undefined) r.kind = t.loss_kind;
      if (task_.facts) add_facts(j, t);
      if (grad) r.grad.push_back(gradient(t));
    }
    if (task_.facts) set_facts(*task_.facts);
    return r;
  }

 private:
  double x(std::int64_t j) const { return task_.c.logit(task_.row, j); }
  double y(std::int64_t j) const {
    if (problem_.op == Op::entropy) return x(j);
    if (task_.y >= 0) return j == task_.y ? 1 : 0;
    return target_of(task_.c, task_.row, j);
  }

  Term<I> term(std::int64_t j) const {
    const I w(task_.c.weight_of(j));
    switch (problem_.op) {
      case Op::nll: return mass_term(j);
      case Op::bce_logits: return logits_term(x(j), y(j), w);
      case Op::bce_prob: return probability_term(x(j), y(j), w, task_.conventions.log_floor);
      case Op::mse_sigmoid: return sigmoid_term<I>(x(j), y(j));
      case Op::entropy: return entropy<I>(x(j));
      default: return divergence<I>(problem_.op, y(j), x(j));
    }
  }

  /// -a x and -a.
  Term<I> mass_term(std::int64_t j) const {
    Term<I> t;
    if (!mass_.somewhere(j)) return t;
    const I a = mass_.at(j);
    t.derivative = -a;
    if (std::isinf(x(j))) add_infinity(t, a);
    else t.loss = -(a * I(x(j)));
    return t;
  }

  Enclosure gradient(const Term<I>& t) const {
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

  void add_facts(std::int64_t j, const Term<I>& t) {
    const double x_j = x(j);
    if (std::isfinite(x_j)) {
      ++live_;
      greatest_ = std::max(greatest_, std::fabs(x_j));
    }
    terms_ += abs_of(t.loss);
    if (std::isfinite(x_j) && t.derivative_kind == Kind::number) {
      condition_ += abs_of(t.derivative) * abs_of(I(x_j));
    }
    if (problem_.op == Op::nll) {
      const bool counts = mass_.somewhere(j) && std::isfinite(x_j);
      if (counts) logits_ += mass_.size_at(j) * abs_of(I(x_j));
      return;
    }
    const double p = y(j);
    mass_sum_ += abs_of(I(p));
    if (problem_.op != Op::kl || p == 0 || x_j == 0) return;
    const I both = I(p) * (abs_of(log_of(I(p))) + abs_of(log_of(I(x_j))));
    log_terms_ += both;
    if (far(p, x_j)) far_log_terms_ += both;
  }

  void set_facts(RowFacts& f) const {
    const bool binary = is_binary(problem_.op), nll = problem_.op == Op::nll;
    f.live = live_;
    f.greatest = greatest_;
    f.mass = upper_double(nll ? mass_.total_size : mass_sum_);
    f.mass_logit = upper_double(logits_);
    f.terms = upper_double(terms_);
    f.log_terms = upper_double(log_terms_);
    f.far_log_terms = upper_double(far_log_terms_);
    const I condition = binary || nll ? condition_ : terms_;
    f.condition = upper_double(I(condition / (problem_.unit == Unit::bits ? log_two<I>() : I(1))));
  }

  const RowTask<I>& task_;
  const Problem& problem_;
  Mass<I> mass_;
  std::int64_t live_ = 0;
  double greatest_ = 0;
  I terms_{0}, condition_{0}, logits_{0}, mass_sum_{0}, log_terms_{0}, far_log_terms_{0};
};

}  // namespace

template <class I>
RowValues<I> term_row(const RowTask<I>& task) {
  return RowOfTerms<I>(task).values();
}

template RowValues<Interval<kDigits[0]>> term_row(const RowTask<Interval<kDigits[0]>>&);
template RowValues<Interval<kDigits[1]>> term_row(const RowTask<Interval<kDigits[1]>>&);
template RowValues<Interval<kDigits[2]>> term_row(const RowTask<Interval<kDigits[2]>>&);
template RowValues<Interval<kDigits[3]>> term_row(const RowTask<Interval<kDigits[3]>>&);

}  // namespace xent
