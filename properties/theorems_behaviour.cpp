// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <set>

#include "properties/evaluation.h"

namespace xent {
namespace {

/// Row `as` of another call against row `row` of the batch, whose exact values it has too.
void compare_row(Judgement& j, const Trial& t, const Evaluation& batch, std::int64_t row,
                 const Evaluation& other, std::int64_t as) {
  const bool bitwise = t.kernel.promises.batch_invariant;
  const Value loss = batch.loss(row);
  if (!batch.exact->loss(row).is_number()) return;
  if (loss.exact(0).is_number()) {
    const double alone = other.output.loss.at(as);
    check_close(j, loss.got, alone, 2 * loss.bound, bitwise, at("loss alone and in a batch", row));
    j.merge(judge_value(alone, loss.format, loss.bound, at("loss alone", row), loss.exact));
  }
  const std::int64_t v = batch.test_case.problem.v;
  for (std::int64_t k = 0; batch.has_grad() && k < v; ++k) {
    const Value g = batch.grad(row, k);
    if (!g.exact(0).is_number()) continue;
    check_close(j, g.got, other.output.grad.at(as * v + k), 2 * g.bound, bitwise,
                at("grad alone and in a batch", row, k));
  }
}

/// The batch in reverse order, and with the row's neighbours full of NaN, and the row alone.
Judgement row_independence(Trial& t) {
  Judgement j;
  const TestCase& c = t.test_case;
  const std::int64_t n = c.problem.n;
  Evaluation batch, reversed;
  std::vector<std::int64_t> order;
  for (std::int64_t r = n; r-- > 0;) order.push_back(r);
  if (!batch.run(t, c, j) || !reversed.run(t, keep_rows(c, order), j)) return j;
  const auto seed = static_cast<std::int64_t>(c.recipe.seed % 1000003);
  for (const std::int64_t row : std::set<std::int64_t>{0, n - 1, seed % n}) {
    Evaluation alone, poisoned;
    if (!alone.run(t, keep_rows(c, {row}), j)) continue;
    TestCase spoilt = c;
    for (std::int64_t i = 0; i < spoilt.input.size(); ++i) {
      if (i / c.problem.v != row) spoilt.input.set(i, std::numeric_limits<double>::quiet_NaN());
    }
    if (!poisoned.run(t, spoilt, j)) continue;
    compare_row(j, t, batch, row, alone, 0);
    compare_row(j, t, batch, row, reversed, n - 1 - row);
    compare_row(j, t, batch, row, poisoned, row);
  }
  return j;
}

Judgement inputs_untouched(Trial& t) {
  Judgement j;
  RunRecord r;
  if (!run_into(t, t.test_case, j, r)) return j;
  const auto& changed = r.faults.inputs_changed;
  j.check(changed.empty(), changed.empty() ? "" : changed.front());
  return j;
}

void check_written(Judgement& j, const char* name, const Tensor& x) {
  for (std::int64_t i = 0; i < x.size(); ++i) {
    if (is_poison(x, i)) {
      j.check(false, at(name, i) + " was not written");
      return;
    }
  }
  if (!x.empty()) j.check(true, {});
}

Judgement every_output_written(Trial& t) {
  Judgement j;
  RunRecord r;
  if (!run_into(t, t.test_case, j, r)) return j;
  check_written(j, "loss", r.output.loss);
  check_written(j, "grad", r.output.grad);
  const auto& outside = r.faults.written_outside;
  j.check(outside.empty(), outside.empty() ? "" : "written " + outside.front());
  return j;
}

/// The same bits three times, with a call on another shape between the first two.
Judgement repeatable(Trial& t) {
  Judgement j;
  RunRecord first, between, second, third;
  const TestCase& c = t.test_case;
  if (!run_into(t, c, j, first)) return j;
  if (c.problem.n > 1 && !run_into(t, keep_rows(c, {0}), j, between)) return j;
  if (!run_into(t, c, j, second) || !run_into(t, c, j, third)) return j;
  j.check(first.output == second.output, "two runs on the same bytes differ");
  j.check(second.output == third.output, "two runs in a row on the same bytes differ");
  return j;
}

/// Buffers that start elsewhere modulo 4096 bytes, each by another distance.
Judgement alignment(Trial& t) {
  Judgement j;
  const TestCase& c = t.test_case;
  RunRecord base;
  if (!run_into(t, c, j, base)) return j;
  Reference& exact = t.reference(c);
  const ErrorBudget budget = t.budget(c);
  for (const std::size_t offset : {1, 3, 8}) {
    RunRecord moved;
    BindOptions options;
    options.offset_elements = offset;
    if (!run_into(t, c, j, moved, options)) continue;
    if (t.kernel.promises.alignment_invariant) {
      j.check(base.output == moved.output,
              "results depend on the address, " + std::to_string(offset) + " elements further");
    }
    judge_output(j, exact, budget, moved.output);
  }
  return j;
}

/// Rows that do not divide evenly among 2 threads, 3 or 5.
Judgement threads(Trial& t) {
  Judgement j;
  const TestCase& c = t.test_case;
  RunRecord alone;
  if (!run_into(t, c, j, alone)) return j;
  judge_output(j, t.reference(c), t.budget(c), alone.output);
  for (const int several : {2, 3, 5}) {
    RunRecord together;
    BindOptions options;
    options.threads = several;
    if (!run_into(t, c, j, together, options)) continue;
    const bool same = alone.output == together.output;
    if (t.kernel.promises.thread_invariant) {
      j.check(same, "results depend on the number of threads, 1 or " + std::to_string(several));
    }
    if (!same) judge_output(j, t.reference(c), t.budget(c), together.output);
  }
  return j;
}

/// The gradient over the logits' own memory: the same bits as elsewhere.
Judgement in_place(Trial& t) {
  Judgement j;
  if (!t.kernel.promises.in_place) {
    ++j.excluded["not-promised"];
    return j;
  }
  RunRecord apart, over;
  BindOptions options;
  options.in_place = true;
  const TestCase& c = t.test_case;
  if (!run_into(t, c, j, apart) || !run_into(t, c, j, over, options)) return j;
  j.check(apart.output == over.output, "the gradient differs when it overwrites the logits");
  judge_output(j, t.reference(c), t.budget(c), over.output);
  return j;
}

const std::vector<std::string> kEveryRowOp = {
    "op=ce,nll,mse-softmax targets=index,prob dir=fwdbwd", "op=lse dir=fwdbwd",
    "op=bce-logits,bce-prob,mse-sigmoid targets=prob dir=fwdbwd"};
const std::vector<std::string> kEveryData = {"gaussian", "confident", "wrong", "masked",
                                             "ties",     "iris",      "soft",
                                             "log-probabilities", "chances", "simplex"};
const std::vector<std::vector<std::string>> kOptionsOfRows = {
    {"", "dtype=f64", "dtype=bf16"}, {"", "smoothing=0.1"}, {"", "weights=on"},
    {"", "zloss=0.01"}, {"", "softcap=20"}, {"", "scale=0.7"}, {"", "ignore=-100"},
    {"", "layout=btv", "layout=bct"}, {"", "upstream=row"}, {"", "unit=bits"}};

std::vector<std::vector<std::string>> with_means(std::vector<std::vector<std::string>> axes) {
  axes.push_back({"", "reduction=mean"});
  return axes;
}

/// Promises are made of every operation and option; and the mean alone may be all there is.
const std::vector<std::string> kEveryCall = {
    "op=ce,nll,mse-softmax targets=index,prob dir=fwd,bwd,fwdbwd",
    "op=lse,entropy dir=fwd,bwd,fwdbwd", "op=cross-entropy dir=fwd,fwdbwd",
    "op=bce-logits,bce-prob,mse-sigmoid,kl,cross-entropy targets=prob dir=fwd,bwd,fwdbwd",
    "op=ce targets=index,prob dir=hvp", "op=ce targets=index,prob dir=fwd,fwdbwd reduction=mean"};

}  // namespace

std::vector<Property> behaviour_properties() {
  const std::vector<std::vector<std::string>> options = with_means(kOptionsOfRows);
  return {
      {"row.independence", "A row's result depends on no other row.",
       "Alone, in the batch, in the reversed batch and between rows of NaN: the same bits if the "
       "kernel promises batch-invariant, else within the bounds.",
       kEveryRowOp, kEveryData, "mutant/row-leak", every_substitute(), 0.5, row_independence, {},
       kOptionsOfRows},
      {"io.inputs-untouched", "Inputs are bit-identical after the call.",
       "Unless the gradient is asked for in place. Says nothing of values: its teeth are a mutant.",
       kEveryCall, kEveryData, "mutant/input-scribbler", {}, 0, inputs_untouched, {}, options},
      {"io.every-output-written", "Every output is written, and nothing else.",
       "No element still holds the signalling NaN it was filled with; guard zones and row padding "
       "are untouched.",
       kEveryCall, kEveryData, "mutant/last-element-unwritten", {Substitute::untouched}, 1,
       every_output_written, {}, options},
      {"io.in-place", "The gradient may overwrite the logits.",
       "Where promised: the same bits as out of place, within the bounds.",
       kEveryCall, kEveryData, "mutant/in-place-rereads", every_substitute(), 0.5, in_place, {},
       options},
      {"run.repeatable", "The same bytes at the same address give the same bits.",
       "Three times, once with another shape between. Says nothing of values: its teeth are a "
       "mutant.",
       kEveryCall, kEveryData, "mutant/unrepeatable", {}, 0, repeatable, {}, options},
      {"run.alignment", "Results do not depend on the address.",
       "Buffers moved by multiples of 1, 3 and 8 elements, each by another one: the same bits if "
       "the kernel promises alignment-invariant, else within the bounds.",
       kEveryCall, kEveryData, "mutant/aligned-head-skipped", every_substitute(), 0.5, alignment,
       {}, options},
      {"run.threads", "Results do not depend on the number of threads.",
       "1, 2, 3 and 5 of them: the same bits if the kernel promises thread-invariant, else within "
       "the bounds.",
       kEveryCall, kEveryData, "mutant/rows-of-no-thread", every_substitute(), 0.5, threads, {},
       options},
  };
}

}  // namespace xent
