// SPDX-License-Identifier: Apache-2.0
// Our kernels as a library: the same bits as the kernel that it names gives when it is judged, and
// a sentence for every argument that does not fit.
#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/dtype.h"
#include "core/kernel.h"
#include "tests/impl_cases.h"
#include "xentcheck/kernels.hpp"

namespace xent {
namespace {

std::vector<float> floats(const Tensor& t) {
  std::vector<float> x;
  for (std::int64_t i = 0; i < t.size(); ++i) x.push_back(static_cast<float>(t.at(i)));
  return x;
}

/// A case's tensors as a caller has them.
struct Caller {
  explicit Caller(const TestCase& c)
      : weight(floats(c.weight)), upstream(floats(c.upstream)), p(c.problem) {
    options.dtype = p.dtype == DType::bf16  ? XENTCHECK_CE_BF16
                    : p.dtype == DType::f16 ? XENTCHECK_CE_F16
                                            : XENTCHECK_CE_F32;
    options.reduction = static_cast<std::int32_t>(p.reduction);
    options.stride = p.stride;
    options.has_ignore_index = p.ignore_index ? 1 : 0;
    options.ignore_index = p.ignore_index.value_or(0);
    options.weight = weight.empty() ? nullptr : weight.data();
    options.upstream = upstream.empty() ? nullptr : upstream.data();
    options.upstream_per_row = p.upstream == Upstream::row ? 1 : 0;
    options.smoothing = p.smoothing;
    options.z_loss = p.z_loss;
    const auto size = static_cast<std::size_t>(p.n * p.row_stride()) * size_of(p.dtype);
    logits.resize(size), grad.resize(size);
    for (std::int64_t i = 0; i < p.n * p.v; ++i) store(at(logits, i), p.dtype, c.input.at(i));
    for (std::int64_t r = 0; r < p.n; ++r) targets.push_back(c.label(r));
    loss.resize(static_cast<std::size_t>(p.loss_size()));
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  /// Element i of the contiguous matrix.
  std::byte* at(std::vector<std::byte>& m, std::int64_t i) const {
    const std::int64_t in_memory = i / p.v * p.row_stride() + i % p.v;
    return m.data() + static_cast<std::size_t>(in_memory) * size_of(p.dtype);
  }
  int call(bool in_place = false) {
    return xentcheck_ce(logits.data(), targets.data(), p.n, p.v,
                        p.wants_loss() ? loss.data() : nullptr,
                        !p.wants_grad() ? nullptr : in_place ? logits.data() : grad.data(),
                        &options);
  }
  std::string kernel() const {
    const char* const name =
        xentcheck_ce_kernel(p.n, p.v, p.wants_loss(), p.wants_grad(), &options);
    return name == nullptr ? xentcheck_ce_error() : name;
  }

  std::vector<float> weight, upstream, loss;
  std::vector<std::int64_t> targets;
  std::vector<std::byte> logits, grad;
  xentcheck_ce_options options = XENTCHECK_CE_OPTIONS;
  Problem p;
};

/// With floats of the same values.
TestCase widened(TestCase c) {
  for (Tensor* t : {&c.input, &c.weight, &c.upstream}) {
    Tensor wide(DType::f32, t->shape);
    if (t->empty()) continue;
    for (std::int64_t i = 0; i < wide.size(); ++i) wide.set(i, t->at(i));
    *t = wide;
  }
  c.problem.dtype = DType::f32;
  return c;
}

class Interface : public testing::TestWithParam<const char*> {};

TEST_P(Interface, GivesTheBitsOfTheKernelThatItNames) {
  const TestCase c = moderate_case(std::string("op=ce ") + GetParam());
  Caller caller(c);
  const Kernel& k = kernel_named(caller.kernel());
  const Output judged = run(k, k.direct.takes(c.problem) ? c : widened(c)).output;
  for (const int threads : {1, 3}) {
    for (const bool in_place : {false, true}) {
      Caller one(c);
      one.options.threads = threads;
      ASSERT_EQ(one.call(in_place), XENTCHECK_CE_OK) << xentcheck_ce_error();
      for (std::int64_t i = 0; i < judged.loss.size(); ++i) {
        const auto loss = static_cast<double>(one.loss[static_cast<std::size_t>(i)]);
        Tensor rounded(judged.loss.dtype, {1});
        rounded.set(0, loss);
        EXPECT_EQ(rounded.at(0), judged.loss.at(i)) << i;
      }
      for (std::int64_t i = 0; i < judged.grad.size(); ++i) {
        Tensor rounded(c.problem.dtype, {1});
        rounded.set(0, judged.grad.at(i));
        EXPECT_EQ(load(one.at(in_place ? one.logits : one.grad, i), c.problem.dtype), rounded.at(0))
            << i << (in_place ? " in place" : "");
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Problems, Interface,
    testing::Values("n=7 v=5 dtype=f32 dir=fwdbwd", "n=5 v=1037 dtype=f32 dir=bwd stride=1041",
                    "n=5 v=130 dtype=bf16 dir=fwdbwd", "n=9 v=67 dtype=f16 dir=fwd",
                    "n=7 v=5 dtype=f32 dir=fwdbwd reduction=mean ignore=-100 weights=on",
                    "n=7 v=33 dtype=bf16 dir=fwdbwd reduction=sum upstream=scalar stride=40",
                    "n=7 v=33 dtype=f32 dir=fwdbwd upstream=row zloss=0.01 smoothing=0.1",
                    "n=7 v=33 dtype=bf16 dir=fwdbwd smoothing=0.1 weights=on stride=35",
                    "n=0 v=3 dtype=f32 dir=fwdbwd reduction=sum"));

/// What a call says with one thing changed.
std::string complaint(const std::function<void(Caller&)>& change) {
  Caller caller(moderate_case("op=ce n=4 v=3 dtype=f32 dir=fwdbwd"));
  change(caller);
  EXPECT_EQ(caller.call(), XENTCHECK_CE_WRONG_ARGUMENT);
  return xentcheck_ce_error();
}

TEST(Interface, NamesTheArgumentThatDoesNotFit) {
  const auto says = [](const char* what) { return std::string("xentcheck_ce: ") + what; };
  EXPECT_EQ(complaint([](Caller& c) { c.targets[2] = 3; }),
            says("targets[2] is 3: a class is from 0 to 2"));
  EXPECT_EQ(complaint([](Caller& c) { c.targets[3] = -100; }),
            says("targets[3] is -100: a class is from 0 to 2"));
  EXPECT_EQ(complaint([](Caller& c) { c.p.v = 0; }), says("n is below 0, or v below 1"));
  EXPECT_EQ(complaint([](Caller& c) { c.options.stride = 2; }), says("options.stride is below v"));
  EXPECT_EQ(complaint([](Caller& c) { c.options.threads = 0; }),
            says("options.threads is below 1"));
  EXPECT_EQ(complaint([](Caller& c) { c.options.struct_size = 0; }),
            says("options are not initialised: begin with XENTCHECK_CE_OPTIONS"));
  EXPECT_EQ(complaint([](Caller& c) { c.options.dtype = 3; }),
            says("options.dtype is none of XENTCHECK_CE_F32, _BF16, _F16"));
  EXPECT_EQ(complaint([](Caller& c) { c.options.reduction = -1; }),
            says("options.reduction is none of XENTCHECK_CE_NONE, _SUM, _MEAN"));
  EXPECT_EQ(complaint([](Caller& c) {
              c.upstream.assign(4, 1.0f);
              c.options.upstream = c.upstream.data();
              c.options.upstream_per_row = 1;
              c.options.reduction = XENTCHECK_CE_SUM;
            }),
            says("options.upstream_per_row needs the reduction XENTCHECK_CE_NONE"));
  EXPECT_NE(complaint([](Caller& c) { c.options.smoothing = 1.5; }).find("smoothing"),
            std::string::npos);
}

TEST(Interface, ChecksPointers) {
  float z[12] = {};
  const std::int64_t y[4] = {};
  const auto says = [&](const void* logits, const std::int64_t* targets, float* loss, void* grad) {
    EXPECT_EQ(xentcheck_ce(logits, targets, 4, 3, loss, grad, nullptr),
              XENTCHECK_CE_WRONG_ARGUMENT);
    return std::string(xentcheck_ce_error()).substr(14);
  };
  float loss[4];
  const auto odd = [](auto* p) { return reinterpret_cast<char*>(p) + 2; };
  EXPECT_EQ(says(nullptr, y, loss, nullptr), "logits is NULL");
  EXPECT_EQ(says(z, nullptr, loss, nullptr), "targets is NULL");
  EXPECT_EQ(says(z, y, nullptr, nullptr), "loss and grad are both NULL: nothing is asked");
  EXPECT_EQ(says(odd(z), y, loss, nullptr), "logits is not aligned to its elements");
  EXPECT_EQ(says(z, y, loss, odd(z)), "grad is not aligned to its elements");
  EXPECT_EQ(says(z, y, loss, z + 3),
            "grad overlaps logits: it must be logits itself, or elsewhere");
}

TEST(Interface, ACallerOfAnOlderHeaderKnowsFewerOptions) {
  Caller caller(moderate_case("op=ce n=4 v=3 dtype=f32 dir=fwd"));
  caller.options.struct_size = offsetof(xentcheck_ce_options, weight);
  caller.options.weight = reinterpret_cast<const float*>(1);
  caller.options.threads = -7;
  EXPECT_EQ(caller.call(), XENTCHECK_CE_OK) << xentcheck_ce_error();
}

TEST(Interface, CallsFromSeveralThreadsAtOnce) {
  const TestCase c = moderate_case("op=ce n=19 v=67 dtype=f32 dir=fwdbwd reduction=mean");
  Caller alone(c);
  ASSERT_EQ(alone.call(), XENTCHECK_CE_OK);
  std::atomic<int> same = 0;
  std::vector<std::jthread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        Caller one(c);
        one.options.threads = 3;
        const bool done = one.call() == XENTCHECK_CE_OK;
        same += done && one.loss == alone.loss && one.grad == alone.grad ? 1 : 0;
      }
    });
  }
  callers.clear();
  EXPECT_EQ(same, 200);
}

TEST(Interface, ErrorsAreEachThreadsOwn) {
  EXPECT_EQ(xentcheck_ce(nullptr, nullptr, 1, 1, nullptr, nullptr, nullptr),
            XENTCHECK_CE_WRONG_ARGUMENT);
  std::string there = "unset";
  std::jthread([&there] { there = xentcheck_ce_error(); }).join();
  EXPECT_EQ(there, "");
  EXPECT_NE(xentcheck_ce_error(), std::string());
}

TEST(Cpp, IsTheSameCall) {
  Caller c(moderate_case("op=ce n=7 v=5 dtype=f32 dir=fwdbwd"));
  ASSERT_EQ(c.call(), XENTCHECK_CE_OK);
  std::vector<float> logits(35), loss(7), alone(7), grad(35);
  std::memcpy(logits.data(), c.logits.data(), c.logits.size());
  xentcheck::cross_entropy(logits, c.targets, 5, loss, grad);
  EXPECT_EQ(loss, c.loss);
  EXPECT_EQ(std::memcmp(grad.data(), c.grad.data(), c.grad.size()), 0);
  xentcheck::cross_entropy(logits, c.targets, 5, alone, {.threads = 2});
  EXPECT_EQ(alone, c.loss);
  xentcheck::cross_entropy(logits, c.targets, 5, {}, logits);
  EXPECT_EQ(logits, grad) << "in place";
}

TEST(Cpp, TakesSixteenBitsAsTheyLie) {
  Caller c(moderate_case("op=ce n=7 v=5 dtype=bf16 dir=fwdbwd"));
  ASSERT_EQ(c.call(), XENTCHECK_CE_OK);
  std::vector<xentcheck::bf16> logits(35), grad(35);
  std::vector<float> loss(7);
  std::memcpy(logits.data(), c.logits.data(), c.logits.size());
  xentcheck::cross_entropy(logits, c.targets, 5, loss, grad);
  EXPECT_EQ(loss, c.loss);
  EXPECT_EQ(std::memcmp(grad.data(), c.grad.data(), c.grad.size()), 0);
}

TEST(Cpp, RefusesSizesThatDoNotFit) {
  std::vector<float> z(12), loss(4), weight(2), upstream(3);
  const std::vector<std::int64_t> y(4);
  const auto says = [&](auto&&... arguments) -> std::string {
    try {
      xentcheck::cross_entropy(arguments...);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "nothing";
  };
  using Options = xentcheck::Options;
  EXPECT_EQ(says(z, y, 3, loss), "nothing");
  EXPECT_EQ(says(z, y, 4, loss), "xentcheck: logits has too few elements");
  EXPECT_EQ(says(z, y, 0, loss), "xentcheck: v is below 1");
  EXPECT_EQ(says(z, y, 3, loss, Options{.stride = 2}), "xentcheck: stride is below v");
  EXPECT_EQ(says(z, y, 3, loss, weight), "xentcheck: grad has too few elements");
  EXPECT_EQ(says(z, y, 3, weight), "xentcheck: loss has another size than the number of losses");
  EXPECT_EQ(says(z, y, 3, loss, Options{.weight = weight}),
            "xentcheck: weight has another size than the number of classes");
  EXPECT_EQ(says(z, y, 3, loss, z, Options{.upstream = upstream}),
            "xentcheck: upstream has neither one number nor one for each row");
  EXPECT_EQ(says(z, std::vector<std::int64_t>{0, 1, 2, 3}, 3, loss),
            "xentcheck_ce: targets[3] is 3: a class is from 0 to 2");
}

}  // namespace
}  // namespace xent
