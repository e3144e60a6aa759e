// SPDX-License-Identifier: Apache-2.0
// What a call leaves behind: nothing in the process or the world, nothing in the next answer.
#include <algorithm>
#include <utility>
#include <vector>

#include "properties/evaluation.h"
#include "properties/other_case.h"
#include "properties/random.h"

namespace xent {
namespace {

/// Of some cases the outputs are watched for a while after the call.
Judgement well_behaved(Trial& t) {
  Judgement j;
  RunRecord r;
  BindOptions options;
  options.watch_ms = t.test_case.recipe.seed % 16 == 0 ? 20 : 0;
  if (!run_into(t, t.test_case, j, r, options)) return j;
  for (const std::string& what : r.faults.misconduct) j.check(false, what);
  if (r.faults.misconduct.empty()) j.check(true, {});
  return j;
}

/// The case with its second half of rows as in the other one.
TestCase half_of(const TestCase& c, const TestCase& other) {
  TestCase half = c;
  const auto take = [](Tensor& to, const Tensor& from) {
    for (std::int64_t i = (to.size() + 1) / 2; i < to.size(); ++i) to.set(i, from.at(i));
  };
  if (c.problem.n < 2) return other;
  take(half.input, other.input);
  if (!has_vector_targets(c.problem)) half.target = other.target;
  else take(half.target, other.target);
  return half;
}

Tensor converted(const Tensor& t, DType d) {
  if (!is_float(t.dtype) || t.shape.empty()) return t;
  Tensor out(d, t.shape);
  for (std::int64_t i = 0; i < t.size(); ++i) out.set(i, t.at(i));
  return out;
}

TestCase in_type(const TestCase& c, DType d) {
  TestCase out = c;
  out.problem.dtype = d;
  out.problem.output.reset();
  out.problem.accumulate.reset();
  for (Tensor* t : {&out.input, &out.target, &out.weight, &out.direction, &out.upstream}) {
    *t = converted(*t, d);
  }
  return out;
}

/// The same data under other options, one at a time.
std::vector<TestCase> under_options(const TestCase& c) {
  std::vector<TestCase> all;
  const auto add = [&](auto change) {
    all.push_back(c);
    change(all.back().problem);
    if (meaningless(all.back().problem)) all.pop_back();
  };
  add([](Problem& p) { p.smoothing = p.smoothing == 0 ? 0.25 : 0; });
  add([](Problem& p) { p.z_loss = p.z_loss == 0 ? 0.5 : 0; });
  add([](Problem& p) { p.scale = p.scale == 1 ? 0.5 : 1; });
  add([](Problem& p) { p.unit = p.unit == Unit::nats ? Unit::bits : Unit::nats; });
  all.push_back(with(c, c.problem.dir == Dir::fwd ? Dir::fwdbwd : Dir::fwd, Reduction::none));
  all.push_back(with(c, c.problem.dir == Dir::hvp ? Dir::fwd : c.problem.dir, Reduction::mean));
  return all;
}

/// What may come between two calls on one case: other data in the same place, part of it the same;
/// other shapes, types and options.
std::vector<TestCase> calls_between(const Trial& t, const TestCase& c) {
  const TestCase other = other_case(c);
  std::vector<TestCase> all = {other, half_of(c, other), corner(c, 1, c.problem.v),
                               corner(c, c.problem.n, (c.problem.v + 1) / 2)};
  for (const DType d : {DType::f32, DType::f64, DType::bf16}) {
    if (d != c.problem.dtype) all.push_back(in_type(c, d));
  }
  for (TestCase& d : under_options(c)) all.push_back(std::move(d));
  std::erase_if(all, [&](const TestCase& d) { return !t.kernel.supports(d.problem); });
  return all;
}

void shuffle(std::vector<TestCase>& calls, std::uint64_t seed) {
  const Random random = Random(seed).stream(0x68697374);
  for (std::size_t i = calls.size(); i > 1; --i) {
    const std::int64_t k = random.below(i, static_cast<std::int64_t>(i));
    std::swap(calls[i - 1], calls[static_cast<std::size_t>(k)]);
  }
}

bool same_but_for_shape(Problem a, const Problem& b) {
  a.n = b.n;
  a.v = b.v;
  a.t = b.t;
  return a == b;
}

/// A, others in any order with A after each second one, A: each answer is the one to its own case.
/// Those in other types and under other options are judged where they are A.
Judgement history(Trial& t) {
  Judgement j;
  const TestCase c = corner(t.test_case, 5 * t.test_case.problem.t, 130);
  std::vector<TestCase> between = calls_between(t, c);
  shuffle(between, c.recipe.seed);
  std::vector<const TestCase*> calls = {&c};
  for (std::size_t i = 0; i < between.size(); ++i) {
    calls.push_back(&between[i]);
    if (i % 2 == 1 || i + 1 == between.size()) calls.push_back(&c);
  }
  BindOptions place;
  place.same_place = true;
  for (const TestCase* call : calls) {
    Evaluation e;
    if (!e.run(t, *call, j, place)) return j;
    if (same_but_for_shape(call->problem, c.problem)) e.judge(j);
  }
  return j;
}

const std::vector<std::string> kEveryOp = {
    "op=ce,nll,mse-softmax targets=index,prob dir=fwd,bwd,fwdbwd",
    "op=lse,entropy dir=fwd,bwd,fwdbwd",
    "op=bce-logits,bce-prob,mse-sigmoid,kl,cross-entropy targets=prob dir=fwd,bwd,fwdbwd",
    "op=ce targets=index,prob dir=hvp", "op=ce targets=index,prob dir=fwd,fwdbwd reduction=mean"};
const std::vector<std::string> kEveryData = {"gaussian", "confident", "masked",
                                             "ties",     "iris",      "soft",
                                             "log-probabilities", "chances", "simplex"};
const std::vector<std::vector<std::string>> kOptions = {
    {"", "dtype=f64", "dtype=bf16"}, {"", "reduction=mean", "reduction=sum"},
    {"", "smoothing=0.1"}, {"", "weights=on"}, {"", "zloss=0.01"}, {"", "ignore=-100"},
    {"", "layout=btv", "layout=bct"}, {"", "upstream=scalar"}};

}  // namespace

std::vector<Property> history_properties() {
  return {
      {"run.well-behaved", "A call leaves its process and the world as it found them.",
       "Rounding and flush-to-zero bits are as before. Of a kernel in a process of its own also: "
       "nothing is written after the call, no file outside its folder, no socket, no process, no "
       "signal. Says nothing of values: its teeth are a mutant and hostile libraries.",
       kEveryOp, kEveryData, "mutant/flush-to-zero-left-on", {}, 0, well_behaved, {}, kOptions},
      {"run.history", "An answer depends on no earlier call.",
       "Between two calls on one case, in any order: other data of its shape in the same place, "
       "half of it the same; other shapes, types and options. Each answer is within the bounds of "
       "its own case; those in other types and under other options are judged in cases of theirs.",
       kEveryOp, kEveryData, "mutant/cached-by-first-row", every_substitute(), 0.5, history, {},
       kOptions},
  };
}

}  // namespace xent
