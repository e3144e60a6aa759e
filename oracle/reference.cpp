// SPDX-License-Identifier: Apache-2.0
#include "oracle/reference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "oracle/quantities.h"

namespace xent {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMax = std::numeric_limits<double>::max();

/// Enclosures of one row at one level. `grad` is of the output: upstream and 1/N included.
struct RowValues {
  Enclosure loss;
  Enclosure lse;
  std::vector<Enclosure> probability;
  std::vector<Enclosure> grad;
};

bool takes_logits(Op op) { return op == Op::ce || op == Op::lse; }

std::vector<double> row_of(const Tensor& t, std::int64_t row, std::int64_t v) {
  std::vector<double> x(static_cast<std::size_t>(v));
  for (std::int64_t j = 0; j < v; ++j) x[static_cast<std::size_t>(j)] = t.at(row * v + j);
  return x;
}

Enclosure expected(Answer a) {
  switch (a) {
    case Answer::zero: return Enclosure::exact(0);
    case Answer::plus_inf: return Enclosure::special(Enclosure::Kind::plus_inf);
    case Answer::nan: return Enclosure::special(Enclosure::Kind::nan);
    default: return Enclosure::special(Enclosure::Kind::undefined);
  }
}

std::optional<Question> logits_question(const TestCase& c, std::int64_t row) {
  const std::vector<double> z = row_of(c.input, row, c.problem.v);
  bool live = false, masked = false, plus_inf = false;
  for (const double x : z) {
    if (std::isnan(x)) return Question::nan_logit;
    plus_inf |= x == kInf;
    masked |= x == -kInf;
    live |= x != -kInf;
  }
  if (plus_inf) return Question::plus_inf_logit;
  if (!live) return Question::all_masked;
  const bool indexed = c.problem.op == Op::ce && c.problem.targets == TargetKind::index;
  if (indexed && z[static_cast<std::size_t>(c.label(row))] == -kInf) return Question::masked_target;
  if (z.size() == 1) return Question::single_class;
  if (masked) return Question::masked_class;
  return std::nullopt;
}

std::optional<Question> probabilities_question(const TestCase& c, std::int64_t row) {
  const std::int64_t v = c.problem.v;
  const std::vector<double> q = row_of(c.input, row, v);
  const std::vector<double> p = c.problem.op == Op::entropy ? q : row_of(c.target, row, v);
  std::optional<Question> found;
  const auto at_least = [&](Question next) {
    if (!found || next == Question::zero_prob_model) found = next;
  };
  for (std::size_t j = 0; j < p.size(); ++j) {
    if (std::isnan(p[j]) || std::isnan(q[j])) return Question::nan_logit;
    if (p[j] < 0 || q[j] < 0) return Question::negative_prob;
    if (p[j] == 0) at_least(q[j] == 0 ? Question::zero_both : Question::zero_prob_target);
    else if (q[j] == 0) at_least(Question::zero_prob_model);
  }
  return found;
}

/// Weighted sums that the bounds need; e_j as intervals.
template <class I>
RowFacts softmax_facts(const std::vector<double>& z, const std::vector<I>& e, const I& s,
                       const I& t, double m, std::int64_t y) {
  RowFacts f;
  f.max = m;
  I gaps(0), rest_gaps(0), below(0), weighted(0);
  for (std::size_t j = 0; j < z.size(); ++j) {
    if (z[j] == -kInf) continue;
    ++f.live;
    const I gap = I(m) - I(z[j]);
    f.greatest_gap = std::max(f.greatest_gap, upper_double(gap));
    const I term = e[j] * gap;
    gaps += term;
    const bool is_target = static_cast<std::int64_t>(j) == y;
    if (!is_target) rest_gaps += term;
    if (z[j] == m) ++f.ties;
    else below += e[j];
    weighted += (is_target ? t : e[j]) * abs_of(I(z[j]));
  }
  f.sum = upper_double(s);
  f.rest = upper_double(t);
  f.log_sum = std::max(0.0, upper_double(log_of(s)));
  // At the largest double outward rounding would overflow; the bounds cover 2^-40.
  f.lse = std::min(upper_double(abs_of(log_sum_exp(s, m))), kMax);
  f.mean_gap = upper_double(I(gaps / s));
  f.rest_gap = y >= 0 && lower_double(t) > 0 ? upper_double(I(rest_gaps / t)) : kInf;
  f.below_max = upper_double(below);
  f.condition = upper_double(I(weighted / s));
  if (y >= 0) {
    f.target = z[static_cast<std::size_t>(y)];
    f.target_is_max = f.target == m;
  }
  return f;
}

template <class I>
struct RowBuilder {
  const TestCase& c;
  std::int64_t row;
  RowFacts* facts;  ///< filled when not null

  /// The exact factor of the gradient: upstream / N.
  I factor() const {
    I g(c.upstream_of(row));
    if (c.problem.reduction == Reduction::mean) g /= I(static_cast<double>(mean_divisor()));
    return g;
  }
  std::int64_t mean_divisor() const { return c.problem.n; }

  RowValues softmax() const {
    const std::int64_t v = c.problem.v;
    const std::vector<double> z = row_of(c.input, row, v);
    const double m = *std::max_element(z.begin(), z.end());
    const std::int64_t y = c.problem.op == Op::ce ? c.label(row) : -1;
    const std::vector<I> e = shifted_exponentials<I>(z, m);
    const I t = sum_without(e, y);
    const I s = y >= 0 ? I(t + e[static_cast<std::size_t>(y)]) : t;
    RowValues r;
    r.lse = to_enclosure(log_sum_exp(s, m));
    r.loss = r.lse;
    const bool finite_loss = y < 0 || z[static_cast<std::size_t>(y)] != -kInf;
    if (!finite_loss) r.loss = Enclosure::special(Enclosure::Kind::plus_inf);
    else if (y >= 0) r.loss = to_enclosure(index_loss(s, t, m, z[static_cast<std::size_t>(y)]));
    if (facts) *facts = softmax_facts(z, e, s, t, m, y);
    const I g = factor();
    r.probability.reserve(z.size());
    if (c.problem.wants_grad() && y >= 0) r.grad.reserve(z.size());
    for (std::int64_t j = 0; j < v; ++j) {
      const I& e_j = e[static_cast<std::size_t>(j)];
      r.probability.push_back(to_enclosure(probability_of(e_j, s)));
      if (!c.problem.wants_grad() || y < 0) continue;
      r.grad.push_back(to_enclosure(I(g * index_gradient(e_j, s, t, j == y))));
    }
    return r;
  }

  bool far(double p, double q) const {
    const Format f = format(c.problem.dtype);
    const double log_ratio = std::log2(p) - std::log2(q);
    return log_ratio > f.emax - 1 || log_ratio < f.emin + 1;
  }

  RowValues information() const {
    const std::int64_t v = c.problem.v;
    const Op op = c.problem.op;
    const std::vector<double> q = row_of(c.input, row, v);
    const std::vector<double> p = op == Op::entropy ? q : row_of(c.target, row, v);
    I total(0), size(0), mass(0), logs(0), far_logs(0);
    for (std::size_t j = 0; j < p.size(); ++j) {
      if (p[j] == 0) continue;
      const I term = op == Op::entropy         ? entropy_term<I>(p[j])
                     : op == Op::cross_entropy ? cross_entropy_term<I>(p[j], q[j])
                                               : kl_term<I>(p[j], q[j]);
      total += term;
      size += abs_of(term);
      mass += I(p[j]);
      if (op != Op::kl || !facts) continue;
      const I both = I(p[j]) * (abs_of(log_of(I(p[j]))) + abs_of(log_of(I(q[j]))));
      logs += both;
      if (far(p[j], q[j])) far_logs += both;
    }
    RowValues r;
    r.loss = to_enclosure(total);
    if (facts) {
      facts->live = static_cast<std::int64_t>(p.size());
      facts->mass = upper_double(mass);
      facts->terms = upper_double(size);
      facts->log_terms = upper_double(logs);
      facts->far_log_terms = upper_double(far_logs);
      facts->condition = facts->terms;
    }
    return r;
  }

  RowValues build() const {
    RowValues r = takes_logits(c.problem.op) ? softmax() : information();
    if (facts && r.loss.is_number()) {
      facts->loss = std::min(magnitude_upper(r.loss), kMax);
      if (takes_logits(c.problem.op)) facts->condition += facts->loss;
    }
    return r;
  }
};

RowValues build_row(const TestCase& c, std::int64_t row, int level, RowFacts* facts) {
  switch (level) {
    case 0: return RowBuilder<Interval<kDigits[0]>>{c, row, facts}.build();
    case 1: return RowBuilder<Interval<kDigits[1]>>{c, row, facts}.build();
    case 2: return RowBuilder<Interval<kDigits[2]>>{c, row, facts}.build();
    default: return RowBuilder<Interval<kDigits[3]>>{c, row, facts}.build();
  }
}

Enclosure sum_of(const std::vector<Enclosure>& rows) {
  Enclosure total = Enclosure::exact(0);
  for (const Enclosure& e : rows) total = total + e;
  return total;
}

/// e / n, outward: the quotient's rounding is bounded by adding it to the radius.
Enclosure divide(const Enclosure& e, double n) {
  using I = Interval<kDigits[0]>;
  I x(0), radius(0);
  mpfi_interv_d(raw(radius), -e.rad, e.rad);
  x = (I(e.hi) + I(e.lo) + radius) / I(n);
  return to_enclosure(x);
}

}  // namespace

struct Reference::Impl {
  TestCase test_case;
  const Dialect& dialect;
  std::vector<std::optional<Question>> questions;
  std::vector<std::optional<RowFacts>> facts;
  std::vector<std::array<std::unique_ptr<RowValues>, kLevels>> rows;

  explicit Impl(const TestCase& c)
      : test_case(c),
        dialect(find_dialect(c.problem.dialect)),
        facts(static_cast<std::size_t>(c.problem.n)),
        rows(static_cast<std::size_t>(c.problem.n)) {
    const bool logits = takes_logits(c.problem.op);
    for (std::int64_t r = 0; r < c.problem.n; ++r) {
      questions.push_back(logits ? logits_question(c, r) : probabilities_question(c, r));
    }
  }

  const RowValues& values(std::int64_t row, int level) {
    const auto r = static_cast<std::size_t>(row);
    std::unique_ptr<RowValues>& slot = rows[r][static_cast<std::size_t>(level)];
    if (!slot) {
      RowFacts f;
      slot = std::make_unique<RowValues>(build_row(test_case, row, level, level ? nullptr : &f));
      if (level == 0) facts[r] = f;
    }
    return *slot;
  }

  /// The dialect's answer where it is not the formula's value.
  std::optional<Enclosure> answer(std::int64_t row, bool of_loss) const {
    const std::optional<Question> q = questions[static_cast<std::size_t>(row)];
    if (!q) return std::nullopt;
    const DialectEntry& entry = dialect.at(*q);
    const Answer a = of_loss ? entry.loss : entry.grad;
    if (a == Answer::value) return std::nullopt;
    return expected(a);
  }

  Enclosure row_loss(std::int64_t row, int level) {
    if (const auto special = answer(row, true)) return *special;
    return values(row, level).loss;
  }

  Enclosure reduced_loss(int level) {
    using Kind = Enclosure::Kind;
    std::vector<Enclosure> parts;
    Kind kind = Kind::number;
    for (std::int64_t r = 0; r < test_case.problem.n; ++r) {
      parts.push_back(row_loss(r, level));
      const Kind k = parts.back().kind;
      if (k == Kind::undefined || kind == Kind::undefined) kind = Kind::undefined;
      else if (k != Kind::number && kind != Kind::nan) kind = k;
    }
    if (kind != Kind::number) return Enclosure::special(kind);
    if (parts.empty() && test_case.problem.reduction == Reduction::mean) {
      return expected(dialect.at(Question::none_valid_mean).loss);
    }
    const Enclosure total = sum_of(parts);
    if (test_case.problem.reduction == Reduction::sum) return total;
    return divide(total, static_cast<double>(test_case.problem.n));
  }
};

Reference::Reference(const TestCase& c) : impl_(std::make_unique<Impl>(c)) {
  const Problem& p = c.problem;
  const bool information = p.op == Op::entropy || p.op == Op::cross_entropy || p.op == Op::kl;
  const bool index_loss_op = p.op == Op::ce && p.targets == TargetKind::index;
  const bool plain = !p.ignore_index && p.smoothing == 0 && !p.weights && p.z_loss == 0 &&
                     p.softcap == 0 && p.scale == 1 && p.unit == Unit::nats &&
                     p.denominator != Denominator::sequence &&
                     p.denominator != Denominator::number;
  const bool fwd_only = p.op != Op::ce;
  if (!plain || !(information || index_loss_op || p.op == Op::lse) ||
      (fwd_only && p.dir != Dir::fwd) || p.dir == Dir::hvp) {
    throw std::logic_error("the oracle has no reference for " + to_text(p));
  }
}

Reference::~Reference() = default;

const TestCase& Reference::test_case() const { return impl_->test_case; }

std::optional<Question> Reference::question(std::int64_t row) const {
  return impl_->questions[static_cast<std::size_t>(row)];
}

const RowFacts& Reference::facts(std::int64_t row) {
  impl_->values(row, 0);
  return *impl_->facts[static_cast<std::size_t>(row)];
}

Enclosure Reference::row_loss(std::int64_t row, int level) { return impl_->row_loss(row, level); }

Enclosure Reference::lse(std::int64_t row, int level) { return impl_->values(row, level).lse; }

Enclosure Reference::probability(std::int64_t row, std::int64_t j, int level) {
  return impl_->values(row, level).probability[static_cast<std::size_t>(j)];
}

Enclosure Reference::loss(std::int64_t i, int level) {
  if (impl_->test_case.problem.reduction == Reduction::none) return row_loss(i, level);
  return impl_->reduced_loss(level);
}

Enclosure Reference::grad(std::int64_t row, std::int64_t j, int level) {
  if (const auto special = impl_->answer(row, false)) return *special;
  return impl_->values(row, level).grad[static_cast<std::size_t>(j)];
}

void release_thread_cache() { mpfr_free_cache(); }

}  // namespace xent
