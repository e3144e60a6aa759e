// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "impl/cuda/call.cuh"
#include "impl/cuda/tree.cuh"

namespace xent::cuda {

template <class Team>
XENT_DEVICE int thread_of(const Team& team) {
  return team.warp() * kWarp + team.lane();
}

/// use(j) for every element that is the thread's.
template <class Team, class Use>
XENT_DEVICE void for_elements(const Team& team, std::int64_t count, Use use) {
  const std::int64_t step = std::int64_t{team.warps()} * kWarp;
  XENT_ROLLED
  for (std::int64_t j = thread_of(team); j < count; j += step) use(j);
}

template <class O, class Team>
XENT_DEVICE void zero_gradient(const Team& team, void* grad, std::int64_t stride, std::int64_t r,
                               std::int64_t v) {
  if (grad == nullptr) return;
  auto* const g = static_cast<typename O::Memory*>(grad) + r * stride;
  const std::int64_t step = std::int64_t{team.warps()} * kWarp * O::kPerVector;
  for (std::int64_t j = thread_of(team) * O::kPerVector - past_vector<O>(g); j < v; j += step) {
    if (j >= 0 && j + O::kPerVector <= v) {
      store_vector(g + j, Vector{});
      continue;
    }
    for (int i = 0; i < O::kPerVector; ++i) {
      if (j + i >= 0 && j + i < v) g[j + i] = O::memory(0);
    }
  }
}

template <class E>
XENT_DEVICE const typename E::Memory* row_of(const DeviceCall& c, std::int64_t r) {
  return static_cast<const typename E::Memory*>(c.input) + r * c.stride;
}

/// A row's options as its elements see them.
template <class E>
struct RowOptions {
  const DeviceCall& c;
  std::int64_t y;  ///< -1: none
  const typename E::Memory* target;

  XENT_DEVICE RowOptions(const DeviceCall& call, std::int64_t r)
      : c(call),
        y(scored_class(call, r)),
        target(call.target == nullptr
                   ? nullptr
                   : static_cast<const typename E::Memory*>(call.target) + r * call.stride) {}

  XENT_DEVICE bool transforms() const { return !(c.scale == 1 && c.softcap == 0); }
  XENT_DEVICE float logit(float x) const {
    if (!transforms()) return x;
    const float scaled = c.scale * x;
    return c.softcap == 0 ? scaled : c.softcap * tanh_accurate(scaled / c.softcap);
  }
  XENT_DEVICE float slope(float x) const {
    if (c.softcap == 0) return c.scale;
    const float h = tanh_accurate(c.scale * x / c.softcap);
    return c.scale * (1 - h * h);
  }
  XENT_DEVICE float target_of(std::int64_t j) const {
    return target != nullptr ? E::number(target[j]) : j == y ? 1.0f : 0.0f;
  }
  XENT_DEVICE float mass(float y_j, std::int64_t j) const {
    const float w = weight_of(c, j);
    if (c.smoothing == 0) return w * y_j;
    return w * ((1 - c.smoothing) * y_j + c.smoothing / static_cast<float>(c.v));
  }
};

/// One row of ce or lse below its maximum, with every option: formulas of impl/scalar/softmax.h.
/// Passes: the maximum; the sums; the losses of a mixture; the gradient.
template <class E, class O, class Team>
class SoftmaxRow {
 public:
  XENT_DEVICE SoftmaxRow(const DeviceCall& c, Team& team, std::int64_t r)
      : c_(c), team_(team), r_(r), z_(row_of<E>(c, r)), options_(c, r) {
    mixture_ = c.op == Operation::ce && (c.target != nullptr || c.smoothing != 0);
  }

  XENT_DEVICE void run() {
    find_sums();
    const float loss = c_.op == Operation::lse ? lse_ : cross_entropy();
    if (thread_of(team_) == 0) put_loss(c_, r_, loss);
    if (c_.grad != nullptr) gradient();
  }

 private:
  XENT_DEVICE float exponential(float z) const { return exp_approx(z - shift_); }
  XENT_DEVICE float input(std::int64_t j) const { return E::number(z_[j]); }
  XENT_DEVICE float logit(std::int64_t j) const { return options_.logit(input(j)); }

  XENT_DEVICE void find_sums() {
    const Place best = greatest();
    m_ = number_of(best);
    shift_ = m_ == -kInfinity ? 0.0f : m_;
    std::int64_t skip = options_.y;
    if (mixture_) skip = index_of(best) < c_.v ? index_of(best) : 0;
    // Before a barrier: in place, somebody may write it afterwards.
    z_skip_ = skip < 0 ? 0.0f : logit(skip);
    s_ = sum_of(team_, c_.v, [&](std::int64_t j) { return exponential(logit(j)); });
    t_ = skip < 0 ? s_ : sum_of(team_, c_.v, [&](std::int64_t j) {
      return j == skip ? 0.0f : exponential(logit(j));
    });
    e_skip_ = exponential(z_skip_);
    lse_ = m_ + (mixture_ ? log_of_sum() : log_accurate(s_));
  }

  XENT_DEVICE Place greatest() {
    float best = -kInfinity;
    std::uint32_t at = 0xffffffffu;
    for_elements(team_, c_.v, [&](std::int64_t j) {
      const float z = logit(j);
      if (z > best || (at == 0xffffffffu && z == best)) {
        best = z;
        at = static_cast<std::uint32_t>(j);
      }
    });
    return team_.greatest(place_of(best, at));
  }

  /// log s, relative to itself: a maximum left out of t.
  XENT_DEVICE float log_of_sum() const { return log1p_accurate(t_ / e_skip_); }

  XENT_DEVICE float cross_entropy() {
    if (c_.loss == nullptr) return 0;
    const float ce = mixture_ ? mixture_loss()
                              : product(weight_of(c_, options_.y), index_loss());
    return c_.z_loss == 0 ? ce : ce + c_.z_loss * lse_ * lse_;
  }
  XENT_DEVICE float index_loss() const {
    return z_skip_ == m_ ? log_of_sum() : (m_ - z_skip_) + log_accurate(s_);
  }
  XENT_DEVICE float mass(std::int64_t j) const { return options_.mass(options_.target_of(j), j); }
  XENT_DEVICE float mixture_loss() {
    const float log_s = log_of_sum();
    return sum_of(team_, c_.v, [&](std::int64_t j) {
      return product(mass(j), log_s + (m_ - logit(j)));
    });
  }

  XENT_DEVICE void gradient() {
    auto* const g = static_cast<typename O::Memory*>(c_.grad) + r_ * c_.stride;
    Behind behind(c_, r_);
    const bool index = c_.op == Operation::lse || (!mixture_ && c_.z_loss == 0);
    const float at_target = -(t_ / s_);
    float a = 1;
    if (mixture_) a = sum_of(team_, c_.v, [&](std::int64_t j) { return mass(j); });
    else if (options_.y >= 0) a = weight_of(c_, options_.y);
    if (index) behind.weight = a;
    const float z_factor = c_.op == Operation::ce ? 2 * c_.z_loss * lse_ : 0.0f;
    for_elements(team_, c_.v, [&](std::int64_t j) {
      const float x = input(j);
      const float p = exponential(options_.logit(x)) / s_;
      float d = !mixture_ && j == options_.y ? at_target : p;
      if (!index) {
        d = mixture_ ? a * p - mass(j) : a * d;
        if (c_.z_loss != 0) d = d + z_factor * p;
      }
      g[j] = O::memory(behind(options_.transforms() ? d * options_.slope(x) : d));
    });
  }

  const DeviceCall& c_;
  Team& team_;
  std::int64_t r_;
  const typename E::Memory* z_;
  RowOptions<E> options_;
  bool mixture_ = false;  ///< more than one class may have mass
  float m_ = 0, shift_ = 0, z_skip_ = 0, s_ = 0, t_ = 0, e_skip_ = 0, lse_ = 0;
};

/// One row of an operation whose loss is a sum over classes that know only their own: formulas of
/// impl/scalar/information.h.
template <class E, class O, class Team>
class ClassesRow {
 public:
  XENT_DEVICE ClassesRow(const DeviceCall& c, Team& team, std::int64_t r)
      : c_(c), team_(team), r_(r), z_(row_of<E>(c, r)), options_(c, r) {}

  XENT_DEVICE void run() {
    const auto input = [&](std::int64_t j) { return E::number(z_[j]); };
    const float total = sum_of(team_, c_.v, [&](std::int64_t j) {
      return loss(input(j), options_.target_of(j), j);
    });
    if (thread_of(team_) == 0) put_loss(c_, r_, total);
    if (c_.grad == nullptr) return;
    auto* const g = static_cast<typename O::Memory*>(c_.grad) + r_ * c_.stride;
    const Behind behind(c_, r_);
    for_elements(team_, c_.v, [&](std::int64_t j) {
      g[j] = O::memory(behind(slope(input(j), options_.target_of(j), j)));
    });
  }

 private:
  XENT_DEVICE float loss(float x, float y, std::int64_t j) const {
    switch (c_.op) {
      case Operation::entropy: return cross_term(x, x);
      case Operation::kl: return divergence_term(y, x);
      case Operation::nll: return -product(mass(y, j), x);
      default: return c_.target == nullptr && y == 0 ? 0.0f : cross_term(y, x);
    }
  }
  XENT_DEVICE float slope(float x, float y, std::int64_t j) const {
    switch (c_.op) {
      case Operation::entropy: return -(log_accurate(x) + 1);
      case Operation::nll: return -mass(y, j);
      default:
        if (c_.op != Operation::kl && c_.target == nullptr && y == 0) return 0;
        return y == 0 && x >= 0 ? 0.0f : -(y / x);
    }
  }
  /// A class index of nll looks at its own weight alone.
  XENT_DEVICE float mass(float y, std::int64_t j) const {
    const bool other = c_.target == nullptr && c_.smoothing == 0 && y == 0;
    return other ? 0.0f : options_.mass(y, j);
  }
  static XENT_DEVICE float cross_term(float p, float q) {
    return p == 0 && q >= 0 ? 0.0f : -(p * log_accurate(q));
  }
  static XENT_DEVICE float divergence_term(float p, float q) {
    if (p == 0 && q >= 0) return 0;
    const float ratio = p / q;
    if (ratio >= 0.5f && ratio <= 2) return p * log1p_accurate((p - q) / q);
    const bool in_range = ratio >= 0x1p-126f && ratio < kInfinity;
    return in_range ? p * log_accurate(ratio) : p * (log_accurate(p) - log_accurate(q));
  }

  const DeviceCall& c_;
  Team& team_;
  std::int64_t r_;
  const typename E::Memory* z_;
  RowOptions<E> options_;
};

/// Any row of any call that `safe` takes, ignored ones too. Ends with a barrier.
template <class E, class O, class Team>
XENT_DEVICE void general_row(const DeviceCall& c, Team team, std::int64_t r) {
  if (c.label != nullptr && scored_class(c, r) < 0) {
    if (thread_of(team) == 0) put_loss(c, r, 0);
    zero_gradient<O>(team, c.grad, c.stride, r, c.v);
  } else if (c.op == Operation::ce || c.op == Operation::lse) {
    SoftmaxRow<E, O, Team>(c, team, r).run();
  } else {
    ClassesRow<E, O, Team>(c, team, r).run();
  }
  team.meet();
}

}  // namespace xent::cuda
