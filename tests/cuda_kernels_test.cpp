// SPDX-License-Identifier: Apache-2.0
// The CUDA kernels' text on fibers: every rung gives the same bits, whatever the size, the address,
// the stride or the block; and its functions keep to the errors that budgets declare.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "impl/cuda/budget.h"
#include "impl/cuda/call.h"
#include "impl/cuda/functions.cuh"
#include "tests/impl_cases.h"

namespace xent {
namespace {

struct Way {
  const char* kernel;
  std::size_t offset;
  bool in_place;
  int threads;  ///< several: larger blocks
};

/// The first is what the others are compared with.
constexpr Way kByTarget[] = {
    {"block", 0, false, 1},   {"block", 1, true, 2},   {"block", 5, false, 2},
    {"warp", 0, true, 1},     {"warp", 3, false, 2},   {"split", 0, true, 2},
    {"split", 7, false, 1},   {"auto", 2, true, 1},    {"cluster", 0, true, 1},
    {"cluster", 3, false, 2}, {"cluster", 5, true, 2}, {"cluster", 7, false, 1}};
constexpr Way kSafe[] = {{"safe", 0, false, 1}, {"safe", 5, true, 2}, {"safe", 3, false, 1}};
constexpr Way kOnline[] = {
    {"online", 0, false, 1}, {"online", 5, true, 2}, {"online", 3, false, 1}};

void expect_same_bits(std::span<const Way> ways, const TestCase& c) {
  const std::string problem = to_text(c.problem);
  Output first;
  for (const Way& way : ways) {
    const Kernel& kernel = kernel_named(std::string("cuda-shim/") + way.kernel);
    if (!kernel.supports(c.problem)) {
      EXPECT_STREQ(way.kernel, "warp") << problem;
      continue;
    }
    BindOptions options;
    options.offset_elements = way.offset;
    options.in_place = way.in_place && c.problem.wants_grad();
    options.threads = way.threads;
    const RunRecord record = run(kernel, c, options);
    ASSERT_TRUE(record.faults.none()) << kernel.name << " " << problem << record.faults.raised;
    if (&way == ways.data()) first = record.output;
    EXPECT_EQ(record.output, first) << kernel.name << " offset " << way.offset << " " << problem;
  }
}

void expect_same_bits(std::span<const Way> ways, const std::string& problem) {
  expect_same_bits(ways, moderate_case(problem));
}

std::vector<std::int64_t> sizes() {
  std::vector<std::int64_t> all;
  for (std::int64_t v = 1; v <= 40; ++v) all.push_back(v);
  for (const std::int64_t v : {63, 64, 65, 127, 128, 129, 130, 255, 256, 257, 511, 513, 1023, 1025,
                               2047, 2048, 2049, 4095, 4096, 4097, 6143, 6145, 9001}) {
    all.push_back(v);
  }
  return all;
}

class CudaKernels : public testing::TestWithParam<const char*> {
 protected:
  static std::string problem(std::int64_t v) {
    return "op=ce n=3 v=" + std::to_string(v) + " dir=fwdbwd dtype=" + GetParam() +
           " stride=" + std::to_string(v + v % 4);
  }
};

TEST_P(CudaKernels, RungsByTargetGiveTheSameBits) {
  for (const std::int64_t v : sizes()) expect_same_bits(kByTarget, problem(v));
}

TEST_P(CudaKernels, AddressAndBlockDoNotShow) {
  for (const std::int64_t v : {1, 7, 33, 257, 2049, 6145}) {
    expect_same_bits(kSafe, problem(v));
    expect_same_bits(kOnline, problem(v));
  }
}

TEST_P(CudaKernels, LongOddRows) {
  const std::string odd = std::string("op=ce n=1 v=50257 dir=fwdbwd dtype=") + GetParam();
  expect_same_bits(kByTarget, odd);
  expect_same_bits(kOnline, odd);
}

TEST_P(CudaKernels, OptionsByTargetGiveTheSameBits) {
  for (const char* const option :
       {"ignore=-100", "weights=on zloss=0.01", "reduction=mean weights=on ignore=-100",
        "reduction=mean denominator=sequence t=3 ignore=-100", "reduction=sum unit=bits",
        "upstream=row", "layout=btv t=3 shift=on", "out=f32"}) {
    for (const std::int64_t v : {5, 300, 4100}) {
      const std::string text = "op=ce n=6 v=" + std::to_string(v) + " dir=fwdbwd dtype=" +
                               GetParam() + " " + option;
      const bool in_place = std::string(option) != "out=f32" || std::string(GetParam()) == "f32";
      std::vector<Way> ways(std::begin(kByTarget), std::end(kByTarget));
      for (Way& way : ways) way.in_place = way.in_place && in_place;
      expect_same_bits(ways, text);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, CudaKernels, testing::Values("f32", "bf16", "f16"));

/// The greatest |f(x) / exact(x) - 1| in units of u, less `slope` |x|, over numbers of every size.
double worst(const std::function<float(float)>& f, const std::function<double(double)>& exact,
             float least, float most, double slope = 0) {
  double worst = 0;
  for (std::uint32_t bits = 0; bits < 0xff800000U; bits += 9973) {
    const float x = cuda::bits_float(bits);
    if (!(x >= least && x <= most)) continue;
    const double y = exact(static_cast<double>(x));
    if (std::fabs(y) < 0x1p-126 || std::isinf(y)) continue;
    const double error = std::fabs(static_cast<double>(f(x)) / y - 1) * 0x1p24;
    worst = std::max(worst, error - slope * std::fabs(static_cast<double>(x)));
  }
  return worst;
}

TEST(CudaFunctions, KeepToTheDeclaredErrors) {
  using cuda::kDeviceLog;
  const auto log1p = [](double x) { return std::log1p(x); };
  EXPECT_LE(worst(cuda::log_accurate, [](double x) { return std::log(x); }, 0, 3e38F), kDeviceLog);
  EXPECT_LE(worst(cuda::log1p_accurate, log1p, -0.999F, 3e38F), kDeviceLog);
  EXPECT_LE(worst(cuda::tanh_accurate, [](double x) { return std::tanh(x); }, -3e38F, 3e38F),
            cuda::kDeviceTanh);
  EXPECT_LE(worst(cuda::exp_approx, [](double x) { return std::exp(x); }, -87.3F, 88,
                  cuda::kDeviceExpSlope),
            cuda::kDeviceExp);
}

TEST(CudaFunctions, TheExponentialErrsAsMuchAsDocumented) {
  const double most =
      worst([](float x) { return cuda::exp2_approx(x); }, [](double x) { return std::exp2(x); },
            -125, 127);
  EXPECT_GT(most, 4.5);
  EXPECT_LE(most, 5);
  EXPECT_EQ(cuda::exp2_approx(0), 1);
  EXPECT_EQ(cuda::exp2_approx(-0x1p-140F), 1);
  EXPECT_EQ(cuda::exp2_approx(-126.5F), 0);
  EXPECT_EQ(cuda::exp2_approx(-cuda::kInfinity), 0);
  EXPECT_EQ(cuda::exp2_approx(128), cuda::kInfinity);
  EXPECT_TRUE(std::isnan(cuda::exp2_approx(NAN)));
}

TEST(CudaFunctions, Edges) {
  using cuda::kInfinity;
  EXPECT_EQ(cuda::log_accurate(0), -kInfinity);
  EXPECT_EQ(cuda::log_accurate(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(cuda::log_accurate(-1)));
  EXPECT_TRUE(std::isnan(cuda::log_accurate(NAN)));
  EXPECT_EQ(cuda::log1p_accurate(-1), -kInfinity);
  EXPECT_EQ(cuda::log1p_accurate(kInfinity), kInfinity);
  EXPECT_EQ(cuda::tanh_accurate(kInfinity), 1);
  EXPECT_EQ(cuda::tanh_accurate(-kInfinity), -1);
}

/// Several rows for each cluster, ignored ones and some that the target's logit does not serve;
/// several blocks for a row, of which the last may have no leaf.
TEST(CudaClusters, TakeRowAfterRow) {
  for (const char* const problem :
       {"op=ce n=12 v=4099 dir=fwdbwd dtype=bf16 ignore=-100",
        "op=ce n=12 v=9001 dir=fwdbwd dtype=f32", "op=ce n=12 v=5003 dir=fwd dtype=f16",
        "op=ce n=12 v=6143 dir=fwdbwd dtype=f16 ignore=-100 reduction=mean"}) {
    TestCase c = moderate_case(problem);
    for (const std::int64_t r : {0, 4, 5, 11}) {
      if (const auto y = c.scored_class(r)) c.input.set(r * c.problem.v + *y, -1000);
    }
    expect_same_bits(kByTarget, c);
  }
}

TEST(CudaClusters, HoldRowsThatEightBlocksHold) {
  cuda::DeviceCall c;
  c.n = 1;
  const auto taken = [&](cuda::Element in, std::int64_t v) {
    c.in = in;
    c.v = v;
    return cuda::refusal(cuda::Rung::cluster, c) == nullptr;
  };
  EXPECT_TRUE(taken(cuda::Element::f32, 442368));
  EXPECT_FALSE(taken(cuda::Element::f32, 442369));
  EXPECT_TRUE(taken(cuda::Element::bf16, 901120));
  EXPECT_FALSE(taken(cuda::Element::f16, 901121));
}

TEST(CudaKernelsRefuse, WhatTheyDoNotTake) {
  const auto reason = [](const char* kernel, const char* problem) {
    return kernel_named(kernel).supports(parse_problem(problem)).reason;
  };
  EXPECT_NE(reason("cuda-shim/safe", "op=ce n=1 v=3 dir=hvp").find("dir=hvp"), std::string::npos);
  EXPECT_NE(reason("cuda-shim/auto", "op=ce n=1 v=3 dtype=f64").find("f64"), std::string::npos);
  EXPECT_NE(reason("cuda-shim/warp", "op=ce n=1 v=4097").find("4096"), std::string::npos);
  EXPECT_NE(reason("cuda-shim/split", "op=ce n=1 v=3 smoothing=0.1").find("option"),
            std::string::npos);
  EXPECT_NE(reason("cuda-shim/cluster", "op=lse n=1 v=3").find("option"), std::string::npos);
  EXPECT_NE(reason("cuda-shim/block", "op=ce n=1000 v=1000").find("logits"), std::string::npos);
}

}  // namespace
}  // namespace xent
