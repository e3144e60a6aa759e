// SPDX-License-Identifier: Apache-2.0
// The memory that kernels run in: guard zones, poison, pristine inputs, reasons of refusal.
#include <gtest/gtest.h>

#include <cfenv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/error.h"
#include "impl/control_bits.h"
#include "impl/host_invocation.h"

namespace xent {
namespace {

using Lines = std::vector<std::string>;

TestCase small_case(const std::string& text) {
  TestCase c;
  c.problem = parse_problem(text);
  const Problem& p = c.problem;
  c.input = Tensor(p.dtype, {p.n, p.v});
  for (std::int64_t i = 0; i < p.n * p.v; ++i) c.input.set(i, static_cast<double>(i % 5) - 2);
  c.target = Tensor(DType::i64, {p.n});
  for (std::int64_t r = 0; r < p.n; ++r) c.target.set_integer(r, r % p.v);
  if (p.upstream != Upstream::one) {
    c.upstream = Tensor(p.dtype, {p.upstream == Upstream::row ? p.n : 1});
    for (std::int64_t i = 0; i < c.upstream.size(); ++i) c.upstream.set(i, 1.0);
  }
  return c;
}

/// A kernel whose body writes every output, then does something of its own.
template <class Deed>
Kernel kernel_that(Deed deed) {
  HostKernel k;
  k.name = "test/kernel";
  k.promises.in_place = true;
  k.ops = {Op::ce, Op::lse};
  k.budget = ErrorBudget::standard;
  const auto body = [deed](const auto& w) {
    for (std::int64_t r = 0; r < w.n; ++r) {
      if (w.loss != nullptr) w.loss[r] = 1;
      for (std::int64_t j = 0; w.grad != nullptr && j < w.v; ++j) w.grad_row(r)[j] = 1;
    }
    deed(w);
  };
  k.f32 = body;
  k.f64 = body;
  return make_kernel(std::move(k));
}

const auto nothing = [](const auto&) {};

TEST(HostInvocation, ARightKernelHasNoFaults) {
  for (const char* text : {"op=ce n=3 v=5 dtype=f32 dir=fwdbwd", "op=ce n=3 v=5 dtype=f64 dir=bwd",
                           "op=ce n=3 v=5 dtype=f32 dir=fwdbwd stride=9 upstream=row"}) {
    for (const std::size_t offset : {0u, 1u, 7u, 1023u}) {
      const RunRecord record = run(kernel_that(nothing), small_case(text), {offset, false, 1});
      EXPECT_TRUE(record.faults.none()) << text << " offset " << offset;
      for (std::int64_t i = 0; i < 15; ++i) EXPECT_EQ(record.output.grad.at(i), 1) << text << i;
    }
  }
}

TEST(HostInvocation, BuffersStartWhereTheyWereAskedTo) {
  for (const std::size_t offset : {0u, 1u, 13u, 1024u}) {
    const Kernel k = kernel_that([offset](const auto& w) {
      const auto at = [](const auto* p) { return reinterpret_cast<std::uintptr_t>(p) % 4096; };
      EXPECT_EQ(at(w.input), offset * sizeof(*w.input) % 4096);
      EXPECT_EQ(at(w.grad), 5 * offset * sizeof(*w.grad) % 4096);
      EXPECT_EQ(at(w.loss), 4 * offset * sizeof(*w.loss) % 4096);
      EXPECT_EQ(at(w.label), 2 * offset * sizeof(*w.label) % 4096);
    });
    run(k, small_case("op=ce n=2 v=3 dtype=f32 dir=fwdbwd"), {offset, false, 1});
    run(k, small_case("op=ce n=2 v=3 dtype=f64 dir=fwdbwd"), {offset, false, 1});
  }
}

TEST(HostInvocation, CatchesAnOverrunByOneElement) {
  const Kernel past_grad = kernel_that([](const auto& w) { w.grad_row(w.n - 1)[w.v] = 7; });
  const TestCase c = small_case("op=ce n=2 v=3 dtype=f32 dir=fwdbwd");
  EXPECT_EQ(run(past_grad, c).faults.written_outside, Lines{"4 bytes past the end of grad"});
  EXPECT_EQ(run(past_grad, small_case("op=ce n=2 v=3 dtype=f64 dir=fwdbwd")).faults.written_outside,
            Lines{"8 bytes past the end of grad"});
  EXPECT_EQ(run(past_grad, c, {0, true, 1}).faults.written_outside,
            Lines{"4 bytes past the end of grad"});

  const Kernel past_loss = kernel_that([](const auto& w) { w.loss[w.n + 1] = 7; });
  EXPECT_EQ(run(past_loss, c).faults.written_outside, Lines{"8 bytes past the end of loss"});
  const Kernel before = kernel_that([](const auto& w) { w.grad[-2] = 7; });
  EXPECT_EQ(run(before, c).faults.written_outside, Lines{"8 bytes before the start of grad"});
}

TEST(HostInvocation, CatchesAWriteToTheRowPadding) {
  const Kernel k = kernel_that([](const auto& w) { w.grad_row(2)[w.v] = 7; });
  const TestCase c = small_case("op=ce n=4 v=3 dtype=f32 dir=bwd stride=5");
  EXPECT_EQ(run(k, c).faults.written_outside, Lines{"row padding of grad after row 2"});
  EXPECT_EQ(run(k, c, {3, true, 1}).faults.written_outside,
            Lines{"row padding of grad after row 2"});
}

TEST(HostInvocation, NamesAChangedInput) {
  const Kernel k = kernel_that([](const auto& w) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(w.input)>>;
    const_cast<T*>(w.input_row(3))[1] = -w.input_row(3)[1];
  });
  const TestCase c = small_case("op=ce n=4 v=3 dtype=f32 dir=fwdbwd stride=4");
  EXPECT_EQ(run(k, c).faults.inputs_changed, Lines{"logits[3,1] changed"});
  EXPECT_TRUE(run(k, c, {0, true, 1}).faults.none()) << "in place, the gradient is the input";

  const Kernel label =
      kernel_that([](const auto& w) { const_cast<std::int64_t*>(w.label)[2] = 0; });
  EXPECT_EQ(run(label, c).faults.inputs_changed, Lines{"targets[2] changed"});
}

TEST(HostInvocation, CountsChangesBeyondTheFourth) {
  const Kernel k = kernel_that([](const auto& w) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(w.input)>>;
    for (std::int64_t j = 0; j < w.v; ++j) const_cast<T*>(w.input)[j] = 99;
  });
  const Lines expected = {"logits[0,0] changed", "logits[0,1] changed", "logits[0,2] changed",
                          "logits[0,3] changed", "3 more elements of logits changed"};
  EXPECT_EQ(run(k, small_case("op=ce n=2 v=7 dtype=f32 dir=fwd")).faults.inputs_changed, expected);
}

TEST(HostInvocation, PoisonRemainsWhereNothingWasWritten) {
  HostKernel spec;
  spec.name = "test/lazy";
  spec.ops = {Op::ce};
  spec.budget = ErrorBudget::standard;
  spec.f32 = [](const RowView<float>& w) { w.grad_row(1)[2] = 0; };
  spec.f64 = [](const RowView<double>&) {};
  const Kernel lazy = make_kernel(std::move(spec));
  const RunRecord f32 = run(lazy, small_case("op=ce n=3 v=4 dtype=f32 dir=fwdbwd stride=6"));
  for (std::int64_t i = 0; i < 12; ++i) EXPECT_EQ(is_poison(f32.output.grad, i), i != 6) << i;
  for (std::int64_t i = 0; i < 3; ++i) EXPECT_TRUE(is_poison(f32.output.loss, i)) << i;
  EXPECT_TRUE(f32.faults.none());
}

TEST(HostInvocation, ReadsOutsideMeetPoison) {
  const Kernel k = kernel_that([](const auto& w) {
    w.loss[0] = w.input_row(0)[w.v];
    w.loss[1] = w.input_row(w.n - 1)[w.stride];
  });
  const RunRecord record = run(k, small_case("op=ce n=2 v=3 dtype=f32 dir=fwdbwd stride=4"));
  EXPECT_TRUE(std::isnan(record.output.loss.at(0)));
  EXPECT_TRUE(std::isnan(record.output.loss.at(1)));
}

TEST(HostInvocation, ResetRestoresInputsAndPoison) {
  const Kernel k = kernel_that([](const auto& w) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(w.input)>>;
    const_cast<T*>(w.input)[0] = 99;
    w.grad[-1] = 1;
  });
  const TestCase c = small_case("op=ce n=2 v=3 dtype=f32 dir=fwdbwd");
  const std::unique_ptr<Invocation> invocation = k.bind(c, {});
  invocation->launch();
  EXPECT_FALSE(invocation->faults().none());
  invocation->reset();
  EXPECT_TRUE(invocation->faults().none());
  EXPECT_TRUE(is_poison(invocation->output().grad, 0));
}

TEST(HostInvocation, EmptyCases) {
  const RunRecord record = run(kernel_that(nothing), small_case("op=ce n=0 v=3 dtype=f32 dir=bwd"));
  EXPECT_TRUE(record.faults.none());
  EXPECT_EQ(record.output.grad.size(), 0);
}

TEST(HostSupport, RefusesWithTheOptionsName) {
  const auto reason = [](const std::string& text) {
    return host_support(parse_problem("n=4 v=8 " + text), "scalar/safe", {Op::ce, Op::lse}).reason;
  };
  for (const char* text :
       {"op=ce dtype=f32 dir=fwdbwd", "op=ce dtype=f64 dir=bwd upstream=row stride=11",
        "op=ce dtype=bf16 out=f16 acc=f64 dir=hvp", "op=ce dir=fwd layout=bct t=2 targets=prob",
        "op=ce dir=fwdbwd smoothing=0.1 weights=on zloss=0.1 softcap=3 scale=2 ignore=-100",
        "op=lse dir=bwd reduction=mean unit=bits"}) {
    EXPECT_EQ(reason(text), "") << text;
  }
  EXPECT_EQ(reason("op=lse dir=fwd smoothing=0.1"), "smoothing with op=lse");
  EXPECT_EQ(reason("op=kl dir=fwd targets=prob"), "op=kl is not supported by scalar/safe");
  EXPECT_EQ(reason("op=ce dir=fwd acc=f16"),
            "acc=f16 with dtype=f32 is not supported by scalar/safe");
  EXPECT_EQ(reason("op=ce dir=fwd dtype=f64 acc=f32"),
            "acc=f32 with dtype=f64 is not supported by scalar/safe");
  EXPECT_EQ(reason("op=ce dir=fwd dialect=pytorch"),
            "dialect=pytorch is not supported by scalar/safe");
  EXPECT_EQ(reason("op=ce dir=fwd layout=bct t=2 stride=9"), "stride with layout=bct");
}

TEST(HostSupport, PlainKernelsNameTheFirstOptionBeyond) {
  const auto option = [](const std::string& text) {
    return beyond_plain(parse_problem("n=4 v=8 " + text)).value_or("");
  };
  EXPECT_EQ(option("op=ce dtype=f64 dir=fwdbwd reduction=mean denominator=rows stride=9"), "");
  EXPECT_EQ(option("op=lse dir=fwd"), "");
  EXPECT_EQ(option("op=ce dtype=bf16 dir=fwd"), "dtype=bf16");
  EXPECT_EQ(option("op=ce dir=fwd out=f64"), "out=f64");
  EXPECT_EQ(option("op=ce dir=fwd acc=f64"), "acc=f64");
  EXPECT_EQ(option("op=ce dir=fwd layout=btv t=2"), "layout=btv");
  EXPECT_EQ(option("op=ce dir=fwd unit=bits"), "unit=bits");
  EXPECT_EQ(option("op=ce dir=fwd ignore=-1"), "ignore");
  EXPECT_EQ(option("op=ce dir=fwd shift=on"), "shift");
  EXPECT_EQ(option("op=ce dir=fwd smoothing=0.1"), "smoothing");
  EXPECT_EQ(option("op=ce dir=fwd weights=on"), "weights");
  EXPECT_EQ(option("op=ce dir=fwd zloss=0.1"), "zloss");
  EXPECT_EQ(option("op=ce dir=fwd softcap=3"), "softcap");
  EXPECT_EQ(option("op=ce dir=fwd scale=3"), "scale");
  EXPECT_EQ(option("op=ce dir=hvp"), "dir=hvp");
  EXPECT_EQ(option("op=ce dir=fwd targets=prob"), "targets=prob");
  EXPECT_EQ(option("op=ce dir=fwd reduction=mean denominator=sequence"), "denominator=sequence");
  EXPECT_EQ(option("op=ce dir=fwd reduction=mean denominator=3"), "denominator=number");
  EXPECT_EQ(option("op=lse dir=bwd"), "dir=bwd with op=lse");
  EXPECT_EQ(option("op=lse dir=fwd reduction=sum"), "reduction=sum with op=lse");
}

TEST(HostSupport, BindingAnUnsupportedProblemIsAnError) {
  TestCase c = small_case("op=ce n=2 v=3 dtype=f32 dir=fwd");
  c.problem.dialect = "pytorch";
  EXPECT_THROW(kernel_that(nothing).bind(c, {}), UsageError);
}

/// Scratch of another type or layout is guarded and poisoned as the case's own memory is.
class Staged : public testing::TestWithParam<const char*> {
 protected:
  TestCase staged(const std::string& text) const {
    return small_case(text + " n=4 v=3 dir=fwdbwd " + GetParam());
  }
};

TEST_P(Staged, ARightKernelHasNoFaults) {
  const RunRecord record = run(kernel_that(nothing), staged("op=ce"), {3, false, 1});
  EXPECT_TRUE(record.faults.none());
  for (std::int64_t i = 0; i < 12; ++i) EXPECT_EQ(record.output.grad.at(i), 1) << i;
}

TEST_P(Staged, BodiesSeeTheCasesNumbersAndPoisonAround) {
  const TestCase c = staged("op=ce");
  const Kernel k = kernel_that([&c](const auto& w) {
    for (std::int64_t r = 0; r < 4; ++r) {
      for (std::int64_t j = 0; j < 3; ++j) EXPECT_EQ(w.input_row(r)[j], c.logit(r, j));
    }
    EXPECT_TRUE(std::isnan(w.input[-1]) && std::isnan(w.input[4 * w.stride]));
    EXPECT_TRUE(w.stride == 3 || std::isnan(w.input_row(1)[3]));
  });
  EXPECT_TRUE(run(k, c).faults.none());
}

TEST_P(Staged, FaultsAreSeen) {
  const TestCase c = staged("op=ce");
  const Kernel past = kernel_that([](const auto& w) { w.grad_row(3)[w.stride] = 7; });
  ASSERT_EQ(run(past, c).faults.written_outside.size(), 1u);
  EXPECT_NE(run(past, c).faults.written_outside[0].find("past the end of grad"), std::string::npos);
  EXPECT_EQ(run(past, c, {0, true, 1}).faults.written_outside.size(), 1u);
  const Kernel scribbler = kernel_that([](const auto& w) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(w.input)>>;
    const_cast<T*>(w.input_row(3))[1] += T(0.5);
  });
  EXPECT_EQ(run(scribbler, c).faults.inputs_changed, Lines{"logits[3,1] changed"});
}

TEST_P(Staged, WhatNobodyWroteStaysPoison) {
  HostKernel spec;
  spec.name = "test/lazy";
  spec.ops = {Op::ce};
  spec.budget = ErrorBudget::standard;
  spec.set_bodies([](const auto& w) { w.grad_row(1)[2] = 0; });
  const Output out = run(make_kernel(std::move(spec)), staged("op=ce")).output;
  for (std::int64_t i = 0; i < 12; ++i) EXPECT_EQ(is_poison(out.grad, i), i != 5) << i;
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_TRUE(is_poison(out.loss, i)) << i;
}

INSTANTIATE_TEST_SUITE_P(TypesAndLayouts, Staged,
                         testing::Values("dtype=bf16", "dtype=f16 stride=5", "layout=bct t=2",
                                         "layout=bct t=4 dtype=bf16", "acc=f64 stride=4"));

TEST(Staging, OutputsRoundToNearestEven) {
  const Kernel k = kernel_that([](const auto& w) {
    w.loss[0] = 1 + 0x1p-8f;                       // a tie: to even
    w.loss[1] = 1 + 0x1p-8f + 0x1p-20f;            // above it
    w.grad[0] = -(1 + 3 * 0x1p-8f);                // a tie: to even, upwards
    w.grad[1] = std::numeric_limits<float>::max();  // beyond the largest bf16
  });
  const Output out = run(k, small_case("op=ce n=2 v=3 dtype=bf16 dir=fwdbwd")).output;
  EXPECT_EQ(out.loss.at(0), 1);
  EXPECT_EQ(out.loss.at(1), 1 + 0x1p-7);
  EXPECT_EQ(out.grad.at(0), -(1 + 0x1p-6));
  EXPECT_EQ(out.grad.at(1), std::numeric_limits<double>::infinity());
}

/// On Counted numbers: every operation is one, and the body is the one that runs.
TEST(Operations, AreCounted) {
  HostKernel spec;
  spec.name = "test/counted";
  spec.ops = {Op::ce};
  spec.budget = ErrorBudget::standard;
  spec.set_bodies([]<class T>(const RowView<T>& w) {
    using std::exp;
    T sum = 0;
    for (std::int64_t j = 0; j < w.n * w.v; ++j) sum += exp(w.input[j]);
    w.loss[0] = sum > T(1) ? -sum : sum / T(2);
  });
  const Kernel k = make_kernel(std::move(spec));
  EXPECT_EQ(k.operations(small_case("op=ce n=2 v=5 dtype=f32 dir=fwd")), 2 * 10 + 2);
  EXPECT_EQ(k.operations(small_case("op=ce n=3 v=7 dtype=f64 dir=fwd")), 2 * 21 + 2);
  EXPECT_FALSE(kernel_that(nothing).operations);
}

RunRecord run_with(const Kernel& k) {
  return run(k, small_case("op=ce n=3 v=5 dtype=f32 dir=fwdbwd"));
}

TEST(HostInvocation, ControlBitsThatAKernelLeavesBehindAreNamedAndPutBack) {
  if (kFlushToZero == 0) GTEST_SKIP() << "this processor has no such bits";
  const std::uint32_t before = control_bits();
  const RunRecord flushed = run_with(kernel_that([](const auto&) {
    set_control_bits(control_bits() | kFlushToZero);
  }));
  EXPECT_EQ(flushed.faults.misconduct, Lines{"left flush-to-zero on"});
  EXPECT_EQ(control_bits(), before);
  const RunRecord rounded = run_with(kernel_that([](const auto&) { std::fesetround(FE_UPWARD); }));
  EXPECT_EQ(rounded.faults.misconduct, Lines{"left another rounding mode or exception mask"});
  EXPECT_EQ(control_bits(), before);
  std::fesetround(FE_TONEAREST);
}

TEST(HostInvocation, StickyFlagsAreNoMisconduct) {
  const RunRecord r = run_with(kernel_that([](const auto&) {
    volatile double zero = 0;
    volatile double inexact = 1 / zero;
    static_cast<void>(inexact);
  }));
  EXPECT_TRUE(r.faults.none());
}

TEST(HostInvocation, OtherDataComesToTheSameAddresses) {
  std::vector<const void*> inputs, grads;
  const Kernel k = kernel_that([&](const auto& w) {
    inputs.push_back(w.input);
    grads.push_back(w.grad);
  });
  for (int i = 0; i < 3; ++i) run_with(k);
  EXPECT_EQ(inputs, std::vector<const void*>(3, inputs.front()));
  EXPECT_EQ(grads, std::vector<const void*>(3, grads.front()));
}

}  // namespace
}  // namespace xent
