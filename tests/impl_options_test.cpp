// SPDX-License-Identifier: Apache-2.0
// Every operation and option of the scalar kernels against the formulas of core/OPTIONS.md, within
// the error that a running analysis of the same body allows.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "impl/scalar/naive.h"
#include "impl/scalar/online.h"
#include "impl/scalar/safe.h"
#include "tests/impl_cases.h"
#include "tests/impl_formulas.h"
#include "tests/impl_running_error.h"

namespace xent {
namespace {

template <class N>
std::vector<N> numbers_of(const Tensor& t) {
  std::vector<N> all;
  for (std::int64_t i = 0; i < t.size(); ++i) all.push_back(static_cast<N>(t.at(i)));
  return all;
}

/// Outputs of a body on Running numbers.
template <class T>
struct Analysis {
  std::vector<Running<T>> loss;
  std::vector<Running<T>> grad;
};

template <class T, class Body>
Analysis<T> analyse(const TestCase& c, Body body) {
  using N = Running<T>;
  const Problem& p = c.problem;
  Analysis<T> out{std::vector<N>(static_cast<std::size_t>(p.loss_size())),
                  std::vector<N>(static_cast<std::size_t>(p.n * p.v))};
  const auto input = numbers_of<N>(c.input);
  const auto target = numbers_of<N>(has_vector_targets(p) ? c.target : Tensor());
  const auto weight = numbers_of<N>(c.weight);
  const auto direction = numbers_of<N>(c.direction);
  const auto upstream = numbers_of<N>(c.upstream);
  const auto data = [](const auto& all) { return all.empty() ? nullptr : all.data(); };
  RowView<N> w;
  w.op = p.op;
  w.dir = p.dir;
  w.reduction = p.reduction;
  w.denominator = p.denominator;
  w.unit = p.unit;
  w.n = p.n;
  w.v = p.v;
  w.t = p.t;
  w.stride = p.v;
  w.shift = p.shift;
  w.ignore = p.ignore_index;
  w.smoothing = static_cast<N>(p.smoothing);
  w.scale = static_cast<N>(p.scale);
  w.softcap = static_cast<N>(p.softcap);
  w.z_loss = static_cast<N>(p.z_loss);
  w.denominator_value = static_cast<N>(p.denominator_value);
  w.input = data(input);
  if (p.takes_targets() && !has_vector_targets(p)) w.label = c.target.as<std::int64_t>().data();
  w.target = data(target);
  w.weight = data(weight);
  w.direction = data(direction);
  w.upstream = data(upstream);
  w.upstream_per_row = p.upstream == Upstream::row;
  if (p.wants_loss()) w.loss = out.loss.data();
  if (p.wants_grad()) w.grad = out.grad.data();
  body(w);
  return out;
}

template <class T>
Analysis<T> analyse(const TestCase& c, const std::string& name) {
  return analyse<T>(c, [&name](const auto& w) {
    if (name == "scalar/safe") return safe_body(w, SafeFormula{});
    if (name == "scalar/online") return scalar_body(w, OnePass{});
    naive_body(w);
  });
}

/// Half a unit in the last place of the output type, of a number up to `magnitude`.
double output_rounding(double magnitude, DType out) {
  const double u = unit_roundoff(out);
  return magnitude * u + std::ldexp(u, format(out).emin);
}

template <class T>
void expect_near(const Tensor& got, const std::vector<long double>& want,
                 const std::vector<Running<T>>& analysis, const std::string& what) {
  ASSERT_EQ(static_cast<std::size_t>(got.size()), want.size()) << what;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double bound = analysis[i].bound();
    const double off =
        static_cast<double>(std::abs(got.at(static_cast<std::int64_t>(i)) - want[i]));
    const double magnitude = static_cast<double>(std::abs(want[i])) + bound;
    EXPECT_LE(off, bound + output_rounding(magnitude, got.dtype))
        << what << " [" << i << "] = " << got.at(static_cast<std::int64_t>(i)) << ", exactly "
        << static_cast<double>(want[i]);
    // A bound that is as large as what it bounds would accept anything.
    EXPECT_LT(bound, 0x1p-12 * (1 + magnitude)) << what << " [" << i << "]";
  }
}

template <class T>
void expect_right(const Kernel& k, const TestCase& c, const Formulas& want) {
  const std::string what = k.name + " " + to_text(c.problem);
  const RunRecord record = run(k, c);
  ASSERT_TRUE(record.faults.none()) << what << ": " << record.faults.raised;
  const Analysis<T> analysis = analyse<T>(c, k.name);
  if (c.problem.wants_loss()) {
    expect_near(record.output.loss, want.loss, analysis.loss, what + " loss");
  }
  if (c.problem.wants_grad()) {
    expect_near(record.output.grad, want.grad, analysis.grad, what + " grad");
  }
}

void expect_all_right(const std::string& text) {
  const TestCase c = moderate_case(text);
  const Formulas want = formulas(c);
  int runs = 0;
  for (const std::string& name : scalar_kernels()) {
    const Kernel& k = kernel_named(name);
    if (!k.supports(c.problem)) {
      EXPECT_EQ(name, "scalar/naive") << text << ": " << k.supports(c.problem).reason;
      continue;
    }
    ++runs;
    const bool wide = c.problem.dtype == DType::f64 || c.problem.accumulate == DType::f64;
    wide ? expect_right<double>(k, c, want) : expect_right<float>(k, c, want);
  }
  EXPECT_GE(runs, 2) << text;
}

/// Each of the texts with each of the types.
void expect_all_right(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    for (const char* types : {" dtype=f32", " dtype=f64", " dtype=bf16", " dtype=f16 out=f32",
                              " dtype=f32 acc=f64", " dtype=f32 out=bf16"}) {
      expect_all_right(text + types);
    }
  }
}

TEST(Options, EveryOperation) {
  expect_all_right({
      "op=ce n=6 v=37 dir=fwdbwd",
      "op=ce n=6 v=37 dir=fwdbwd targets=prob",
      "op=lse n=4 v=37 dir=fwdbwd",
      "op=nll n=6 v=9 dir=fwdbwd",
      "op=nll n=6 v=9 dir=fwdbwd targets=prob",
      "op=entropy n=3 v=37 dir=fwdbwd",
      "op=cross-entropy n=3 v=37 dir=fwdbwd targets=prob",
      "op=cross-entropy n=5 v=7 dir=fwdbwd",
      "op=kl n=3 v=37 dir=fwdbwd targets=prob",
      "op=bce-logits n=3 v=37 dir=fwdbwd targets=prob",
      "op=bce-prob n=3 v=37 dir=fwdbwd targets=prob",
      "op=mse-softmax n=3 v=17 dir=fwdbwd",
      "op=mse-softmax n=3 v=17 dir=fwdbwd targets=prob",
      "op=mse-sigmoid n=3 v=17 dir=fwdbwd targets=prob",
  });
}

TEST(Options, TargetMass) {
  expect_all_right({
      "op=ce n=6 v=11 dir=fwdbwd smoothing=0.1",
      "op=ce n=6 v=11 dir=fwdbwd smoothing=1",
      "op=ce n=6 v=11 dir=fwdbwd weights=on",
      "op=ce n=6 v=11 dir=fwdbwd weights=on smoothing=0.3",
      "op=ce n=6 v=11 dir=fwdbwd weights=on smoothing=0.3 targets=prob",
      "op=nll n=6 v=11 dir=fwdbwd weights=on smoothing=0.3",
      "op=nll n=6 v=11 dir=fwdbwd weights=on smoothing=0.3 targets=prob",
      "op=bce-logits n=3 v=11 dir=fwdbwd weights=on targets=prob",
      "op=bce-prob n=3 v=11 dir=fwdbwd weights=on targets=prob",
  });
}

TEST(Options, TransformedLogits) {
  expect_all_right({
      "op=ce n=4 v=11 dir=fwdbwd scale=0.3",
      "op=ce n=4 v=11 dir=fwdbwd scale=-1.7 targets=prob",
      "op=ce n=4 v=11 dir=fwdbwd softcap=5",
      "op=ce n=4 v=11 dir=fwdbwd softcap=5 scale=0.7 smoothing=0.2 weights=on zloss=0.01",
      "op=lse n=4 v=11 dir=fwdbwd softcap=3 scale=0.7",
  });
}

TEST(Options, ZLossAndHessian) {
  expect_all_right({
      "op=ce n=4 v=11 dir=fwdbwd zloss=0.001",
      "op=ce n=4 v=11 dir=fwdbwd zloss=0.1 weights=on targets=prob",
      "op=ce n=4 v=11 dir=hvp",
      "op=ce n=4 v=11 dir=hvp zloss=0.1 scale=0.7 weights=on smoothing=0.2",
      "op=ce n=4 v=11 dir=hvp targets=prob reduction=mean upstream=scalar",
      "op=ce n=6 v=11 dir=hvp ignore=-100 unit=bits",
  });
}

TEST(Options, ReductionsAndDenominators) {
  for (const std::string op : {"op=ce", "op=nll weights=on", "op=ce zloss=0.01 weights=on",
                               "op=mse-softmax", "op=cross-entropy"}) {
    std::vector<std::string> texts;
    for (const char* more :
         {"reduction=sum", "reduction=mean", "reduction=mean denominator=rows upstream=scalar",
          "reduction=mean denominator=7.3", "reduction=mean denominator=sequence t=3",
          "reduction=mean denominator=sequence t=4 shift=on", "shift=on t=6 upstream=row"}) {
      texts.push_back(op + " n=12 v=5 dir=fwdbwd ignore=-100 " + more);
    }
    expect_all_right(texts);
  }
  expect_all_right({
      "op=ce n=6 v=5 dir=fwdbwd targets=prob weights=on reduction=mean",
      "op=ce n=6 v=5 dir=fwdbwd targets=prob reduction=mean denominator=sequence t=3",
      "op=bce-logits n=6 v=5 dir=fwdbwd targets=prob weights=on reduction=mean",
      "op=lse n=6 v=5 dir=fwdbwd reduction=mean upstream=scalar",
      "op=ce n=6 v=5 dir=fwdbwd ignore=2 reduction=mean",
  });
}

TEST(Options, Units) {
  expect_all_right({
      "op=ce n=6 v=5 dir=fwdbwd unit=bits",
      "op=ce n=6 v=5 dir=fwdbwd unit=bits reduction=mean",
      "op=kl n=6 v=5 dir=fwdbwd unit=bits reduction=sum targets=prob",
      "op=ce n=6 v=5 dir=fwd unit=perplexity reduction=mean ignore=-100",
      "op=nll n=6 v=5 dir=fwd unit=perplexity reduction=mean denominator=sequence t=2",
  });
}

}  // namespace
}  // namespace xent
