// SPDX-License-Identifier: Apache-2.0
// How frameworks call the loss: [N, C], [B, C, T] and [B, T, C], reductions, log-softmax and NLL.
#include <algorithm>

#include "properties/relations.h"

namespace xent {
namespace {

/// The same rows as [N, C].
Problem flattened(const Problem& p) {
  Problem q = p;
  q.layout = Layout::nc;
  q.stride = 0;
  return q;
}

void check_same_outputs(Judgement& j, const Evaluation& a, const Evaluation& b) {
  const Problem& p = a.test_case.problem;
  for (std::int64_t i = 0; p.wants_loss() && i < p.loss_size(); ++i) {
    check_equal(j, a.loss(i), b.loss(i), at("loss, and of the flattened call", i));
  }
  for (std::int64_t i = 0; p.wants_grad() && i < p.n * p.v; ++i) {
    check_equal(j, a.grad(i / p.v, i % p.v), b.grad(i / p.v, i % p.v),
                at("grad, and of the flattened call", i / p.v, i % p.v));
  }
}

Problem negative_log_likelihood(const Problem& p) {
  Problem q = flattened(p);
  q.op = Op::nll;
  q.dir = Dir::fwd;
  q.upstream = Upstream::one;
  return q;
}

/// Log-softmax in two steps: the logits less their log-sum-exp, rounded to the input's type.
TestCase log_softmax(Trial& t, const TestCase& c) {
  TestCase out = c;
  out.problem = negative_log_likelihood(c.problem);
  out.upstream = {};
  Reference& exact = t.reference(c);
  for (std::int64_t r = 0; r < c.problem.n; ++r) {
    const Enclosure lse = exact.lse(r);
    for (std::int64_t k = 0; k < c.problem.v; ++k) {
      out.input.set(r * c.problem.v + k, c.logit(r, k) - (lse.is_number() ? lse.hi : 0));
    }
  }
  return out;
}

/// The fused loss is NLL of log-softmax, whose rounding moves it by what the oracle knows.
void check_fused(Trial& t, Judgement& j, const Evaluation& fused) {
  Evaluation two_steps;
  if (!two_steps.run(t, log_softmax(t, fused.test_case), j)) return;
  for (std::int64_t i = 0; i < fused.test_case.problem.loss_size(); ++i) {
    const Enclosure a = fused.loss(i).exact(0), b = two_steps.loss(i).exact(0);
    if (!a.is_number() || !b.is_number()) {
      ++j.excluded["no-number"];
      continue;
    }
    check_equal(j, fused.loss(i) + known(b - a, "rounding of log-softmax"), two_steps.loss(i),
                at("fused, and log-softmax with NLL", i));
  }
}

Judgement framework_semantics(Trial& t) {
  Judgement j;
  Evaluation call, flat;
  const TestCase few = corner(t.test_case, 24, 257);
  TestCase c = few;
  c.problem = flattened(c.problem);
  if (!call.run(t, few, j) || !flat.run(t, c, j)) return j;
  check_same_outputs(j, call, flat);
  if (part_is_supported(t, negative_log_likelihood(c.problem), j)) check_fused(t, j, flat);
  call.judge(j);
  flat.judge(j);
  return j;
}

/// What is read where [B, C, T] is flattened without transposing: memory as rows of C.
TestCase misread(const TestCase& c) {
  TestCase wrong = c;
  wrong.problem = flattened(c.problem);
  const std::int64_t classes = c.problem.v, t = c.problem.t;
  for (std::int64_t m = 0; m < c.input.size(); ++m) {
    const std::int64_t b = m / (classes * t), k = m / t % classes, position = m % t;
    wrong.input.set(m, c.input.at((b * t + position) * classes + k));
  }
  return wrong;
}

/// A kernel that read memory so would give other numbers, wherever the data tell.
void check_not_misread(Trial& t, Judgement& j, const Evaluation& call) {
  Reference& wrong = t.reference(misread(call.test_case));
  for (std::int64_t i = 0; i < call.test_case.problem.loss_size(); ++i) {
    const Enclosure e = wrong.loss(i);
    if (e.is_number()) check_differ(j, call.loss(i), known(e, "misread"), at("misread loss", i));
  }
}

Judgement reshape(Trial& t) {
  Judgement j;
  Evaluation call, flat;
  const TestCase few = corner(t.test_case, 24, 257);
  TestCase c = few;
  c.problem = flattened(c.problem);
  if (!call.run(t, few, j) || !flat.run(t, c, j)) return j;
  check_same_outputs(j, call, flat);
  call.judge(j);
  const Problem& p = few.problem;
  if (p.layout == Layout::bct && p.t > 1 && p.v > 1) check_not_misread(t, j, call);
  return j;
}

const std::vector<std::string> kTypes = {"", "dtype=f64", "dtype=bf16", "dtype=f16"};

}  // namespace

std::vector<Property> layout_properties() {
  return {
      {"loss.framework-semantics",
       "Logits [N,C], [B,C,T] or [B,T,C]; targets [N] or [B,T]; log-softmax and NLL fused.",
       "Every layout and reduction agrees with the flattened call, loss and gradient, within the "
       "bounds; the fused loss with NLL of a rounded log-softmax, by as much as that rounding is.",
       {"op=ce targets=index,prob dir=fwdbwd layout=bct",
        "op=ce targets=index,prob dir=fwdbwd layout=btv"},
       {"gaussian", "confident", "wrong", "ties", "dyadic", "soft"}, "mutant/bct-as-btv",
       every_substitute(), 0.5, framework_semantics,
       [](const Problem& p) { return std::vector<Problem>{flattened(p)}; },
       {{"reduction=mean", "", "reduction=sum"},
        {"", "ignore=-100", "weights=on", "smoothing=0.1"},
        kTypes}},
      {"loss.reshape", "[B,T,V] is reshaped to [B*T,V].",
       "Row by row the same as the flattened call; and [B,C,T] is not flattened without "
       "transposing: the losses differ from those of memory read so wherever the data tell.",
       {"op=ce targets=index dir=fwdbwd layout=btv", "op=ce targets=index dir=fwdbwd layout=bct",
        "op=ce targets=prob dir=fwdbwd layout=bct"},
       {"gaussian", "confident", "dyadic", "spikes", "soft"}, "mutant/bct-as-btv",
       every_substitute(), 0.5, reshape,
       [](const Problem& p) { return std::vector<Problem>{flattened(p)}; }, {kTypes}},
  };
}

}  // namespace xent
