// SPDX-License-Identifier: Apache-2.0
// Bodies that get the matrices in the problem's own types: what they see, and that their memory is
// watched as any other.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/dtype.h"
#include "impl/host_invocation.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

using Lines = std::vector<std::string>;
using Deed = std::function<void(const NativeView&)>;

std::byte* at(const void* matrix, DType dtype, std::int64_t element) {
  return static_cast<std::byte*>(const_cast<void*>(matrix)) +
         element * static_cast<std::int64_t>(size_of(dtype));
}
double get(const void* matrix, DType dtype, std::int64_t element) {
  return load(at(matrix, dtype, element), dtype);
}
void set(const void* matrix, DType dtype, std::int64_t element, double x) {
  store(at(matrix, dtype, element), dtype, x);
}

/// grad = the logits, loss = upstream times the weight of class 1: the same by either body.
void write_rows(const NativeView& view) {
  const RowView<float>& w = view.w;
  for (std::int64_t r = 0; r < w.n; ++r) {
    if (w.loss != nullptr) w.loss[r] = w.upstream_of(r) * w.weight_of(1);
    for (std::int64_t i = r * w.stride; view.grad != nullptr && i < r * w.stride + w.v; ++i) {
      set(view.grad, view.out, i, get(view.input, view.in, i));
    }
  }
}
void write_staged_rows(const RowView<float>& w) {
  for (std::int64_t r = 0; r < w.n; ++r) {
    if (w.loss != nullptr) w.loss[r] = w.upstream_of(r) * w.weight_of(1);
    const float* const z = w.input_row(r);
    for (std::int64_t j = 0; w.grad != nullptr && j < w.v; ++j) w.grad_row(r)[j] = z[j];
  }
}

/// Takes every problem in its native body; with `native` false none.
Kernel kernel_that(const Deed& deed, bool native = true) {
  HostKernel k;
  k.name = "test/native";
  k.promises.in_place = true;
  k.ops = {Op::ce};
  k.budget = ErrorBudget::standard;
  k.f32 = write_staged_rows;
  k.f64 = [](const RowView<double>&) {};
  k.native = [deed](const NativeView& view) {
    write_rows(view);
    deed(view);
  };
  k.takes_native = [native](const Problem&) { return native; };
  return make_kernel(std::move(k));
}

RunRecord run_that(const Deed& deed, const std::string& text, const BindOptions& options = {}) {
  return run(kernel_that(deed), moderate_case("op=ce n=4 v=3 " + text), options);
}

class Native : public testing::TestWithParam<const char*> {
 protected:
  static std::string text(const std::string& more = "dir=fwdbwd") {
    return GetParam() + (" " + more);
  }
};

TEST_P(Native, SeesTheCasesBytesWithPoisonAround) {
  const TestCase c = moderate_case("op=ce n=4 v=3 stride=5 " + text());
  int seen = 0;
  const Kernel k = kernel_that([&](const NativeView& view) {
    ++seen;
    const DType in = c.problem.dtype, out = c.problem.output_dtype();
    EXPECT_EQ(std::pair(view.in, view.out), std::pair(in, out));
    EXPECT_EQ(view.w.input != nullptr, in == DType::f32);
    EXPECT_EQ(view.w.grad != nullptr, out == DType::f32);
    EXPECT_FALSE(view.in_place);
    for (std::int64_t r = 0; r < 4; ++r) {
      const std::size_t row = 3 * size_of(in);
      EXPECT_EQ(std::memcmp(at(view.input, in, 5 * r),
                            c.input.bytes.data() + row * static_cast<std::size_t>(r), row), 0);
      EXPECT_TRUE(std::isnan(get(view.input, in, 5 * r + 3)));
      EXPECT_EQ(view.w.label[r], c.label(r));
    }
    EXPECT_TRUE(std::isnan(get(view.input, in, -1)) && std::isnan(get(view.input, in, 20)));
  });
  for (const std::size_t offset : {0u, 1u, 7u, 31u}) {
    EXPECT_TRUE(run(k, c, {offset, false, 1}).faults.none()) << offset;
  }
  EXPECT_EQ(seen, 4);
}

TEST_P(Native, BuffersStartWhereTheyAreAsked) {
  for (const std::size_t offset : {0u, 1u, 7u, 31u}) {
    const Deed deed = [offset](const NativeView& view) {
      const auto page = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 4096; };
      EXPECT_EQ(page(view.input), offset * size_of(view.in));
      EXPECT_EQ(page(view.grad), 5 * offset * size_of(view.out));
    };
    EXPECT_TRUE(run_that(deed, text(), {offset, false, 1}).faults.none());
  }
}

TEST_P(Native, WritesOutsideAreSeen) {
  const Deed past = [](const NativeView& v) { set(v.grad, v.out, 3 * v.w.stride + v.w.stride, 7); };
  const Deed before = [](const NativeView& v) { set(v.grad, v.out, -1, 7); };
  const Deed padding = [](const NativeView& v) { set(v.grad, v.out, 2 * v.w.stride + 3, 7); };
  const std::string bytes =
      std::to_string(size_of(moderate_case("op=ce n=4 v=3 " + text()).problem.output_dtype()));
  EXPECT_EQ(run_that(past, text()).faults.written_outside,
            Lines{bytes + " bytes past the end of grad"});
  EXPECT_EQ(run_that(before, text()).faults.written_outside,
            Lines{bytes + " bytes before the start of grad"});
  EXPECT_EQ(run_that(padding, text("dir=bwd stride=5")).faults.written_outside,
            Lines{"row padding of grad after row 2"});
  const Deed loss = [](const NativeView& v) { v.w.loss[4] = 7; };
  EXPECT_EQ(run_that(loss, text()).faults.written_outside, Lines{"4 bytes past the end of loss"});
}

TEST_P(Native, AChangedInputIsNamed) {
  const Deed deed = [](const NativeView& v) { set(v.input, v.in, 3 * v.w.stride + 1, 99); };
  EXPECT_EQ(run_that(deed, text()).faults.inputs_changed, Lines{"logits[3,1] changed"});
}

TEST_P(Native, WhatNobodyWroteStaysPoison) {
  HostKernel k;
  k.name = "test/lazy";
  k.ops = {Op::ce};
  k.budget = ErrorBudget::standard;
  k.native = [](const NativeView& v) { set(v.grad, v.out, v.w.stride + 2, 0); };
  k.takes_native = [](const Problem&) { return true; };
  const Kernel lazy = make_kernel(std::move(k));
  const Output out = run(lazy, moderate_case("op=ce n=4 v=3 " + text())).output;
  for (std::int64_t i = 0; i < 12; ++i) EXPECT_EQ(is_poison(out.grad, i), i != 5) << i;
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_TRUE(is_poison(out.loss, i)) << i;
}

TEST_P(Native, VectorsAreOfF32AndRoundedOnce) {
  const TestCase c = moderate_case("op=ce n=4 v=3 weights=on upstream=row " + text());
  const Kernel k = kernel_that([&](const NativeView& v) {
    for (std::int64_t r = 0; r < 4; ++r) EXPECT_EQ(v.w.upstream[r], c.upstream.at(r));
    for (std::int64_t j = 0; j < 3; ++j) EXPECT_EQ(v.w.weight[j], c.weight.at(j));
  });
  const Output out = run(k, c).output;
  Tensor rounded(c.problem.output_dtype(), {1});
  for (std::int64_t r = 0; r < 4; ++r) {
    rounded.set(0, static_cast<double>(static_cast<float>(c.upstream.at(r) * c.weight.at(1))));
    EXPECT_EQ(out.loss.at(r), rounded.at(0));
  }
  EXPECT_EQ(out, run(kernel_that({}, false), c).output) << "as by the staged body";
}

TEST_P(Native, ACallOnTheCallersMemoryGivesTheSameBits) {
  const TestCase c = moderate_case("op=ce n=4 v=3 weights=on upstream=row " + text());
  const Kernel k = kernel_that([](const NativeView& v) { EXPECT_EQ(v.w.threads, 3); });
  ASSERT_TRUE(k.direct.takes(c.problem));
  Output out{Tensor(c.problem.output_dtype(), {4}), Tensor(c.problem.output_dtype(), {4, 3})};
  CallMemory memory;
  memory.input = c.input.bytes.data();
  memory.target = c.target.bytes.data();
  memory.weight = c.weight.bytes.data();
  memory.upstream = c.upstream.bytes.data();
  memory.loss = out.loss.bytes.data();
  memory.grad = out.grad.bytes.data();
  call_with_own_vectors(k.direct, c.problem, memory, 3);
  EXPECT_EQ(out, run(k, c, {0, false, 3}).output);
}

INSTANTIATE_TEST_SUITE_P(Types, Native,
                         testing::Values("dtype=f32", "dtype=bf16", "dtype=f16",
                                         "dtype=bf16 out=f32", "dtype=f16 out=bf16"));

TEST(NativeBodies, InPlace) {
  for (const char* type : {"dtype=f32", "dtype=bf16", "dtype=f16 stride=5"}) {
    int seen = 0;
    const Deed deed = [&](const NativeView& v) {
      ++seen;
      EXPECT_TRUE(v.in_place);
      EXPECT_EQ(v.grad, v.input);
      set(v.grad, v.out, v.w.stride + 1, 0.5);
    };
    const RunRecord r = run_that(deed, std::string(type) + " dir=fwdbwd", {0, true, 1});
    EXPECT_TRUE(r.faults.none());
    EXPECT_EQ(r.output.grad.at(4), 0.5);
    EXPECT_EQ(seen, 1);
  }
}

TEST(NativeBodies, GetOnlyWhatTheyCanTake) {
  int native = 0;
  const Kernel k = kernel_that([&](const NativeView&) { ++native; });
  const auto taken = [&](const std::string& text) {
    native = 0;
    EXPECT_TRUE(run(k, moderate_case("op=ce n=4 v=3 " + text)).faults.none());
    return native == 1;
  };
  EXPECT_TRUE(taken("dtype=bf16 dir=fwd layout=btv t=2"));
  EXPECT_TRUE(taken("dtype=f32 dir=bwd out=bf16"));
  EXPECT_FALSE(taken("dtype=bf16 dir=fwd layout=bct t=2"));
  EXPECT_FALSE(taken("dtype=bf16 dir=hvp"));
  EXPECT_FALSE(taken("dtype=bf16 dir=fwd acc=f64"));
  EXPECT_FALSE(taken("dtype=f64 dir=fwd"));
}

TEST(Threads, ReachEveryBody) {
  std::vector<int> threads;
  HostKernel spec;
  spec.name = "test/threads";
  spec.ops = {Op::ce};
  spec.budget = ErrorBudget::standard;
  spec.f32 = [&](const RowView<float>& w) { threads.push_back(w.threads); };
  spec.f64 = [&](const RowView<double>& w) { threads.push_back(w.threads); };
  spec.native = [&](const NativeView& v) { threads.push_back(v.w.threads); };
  spec.takes_native = [](const Problem& p) { return p.dtype == DType::f16; };
  const Kernel k = make_kernel(std::move(spec));
  int asked = 1;
  for (const char* type : {"f32", "f64", "f16", "bf16"}) {
    run(k, moderate_case(std::string("op=ce n=2 v=3 dir=fwd dtype=") + type), {0, false, ++asked});
  }
  EXPECT_EQ(threads, (std::vector<int>{2, 3, 4, 5}));
}

TEST(DirectCalls, TakeMatricesInTheTypesOfTheBody) {
  const auto takes = [](const std::string& text, bool native) {
    return kernel_that({}, native).direct.takes(parse_problem("op=ce n=4 v=3 " + text));
  };
  for (const bool native : {false, true}) {
    EXPECT_TRUE(takes("dtype=f32 dir=fwd", native));
    EXPECT_TRUE(takes("dtype=f64 dir=fwd", native));
    EXPECT_TRUE(takes("dtype=f32 out=bf16 dir=fwd", native)) << "the loss is a vector";
    EXPECT_FALSE(takes("dtype=f32 layout=bct t=2 dir=fwd", native));
    EXPECT_FALSE(takes("dtype=f32 acc=f64 dir=fwd", native));
    EXPECT_EQ(takes("dtype=bf16 dir=fwd", native), native);
    EXPECT_EQ(takes("dtype=bf16 out=f32 dir=fwdbwd", native), native);
    EXPECT_EQ(takes("dtype=f32 out=bf16 dir=fwdbwd", native), native);
  }
}

}  // namespace
}  // namespace xent
