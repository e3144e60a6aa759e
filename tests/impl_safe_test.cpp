// SPDX-License-Identifier: Apache-2.0
// highway/safe: the same bits whichever way a matrix is read and written, on any number of threads.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "impl/highway/kernels.h"
#include "impl/highway/targets.h"
#include "impl/host_invocation.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

/// Of one instruction set, with no body for matrices of 16 bits: they are staged.
Kernel staged_safe(const HighwayTarget& target) {
  HostKernel k;
  k.name = "test/staged";
  k.promises.in_place = true;
  k.ops = every_op();
  k.budget = ErrorBudget::standard;
  k.f32 = [target](const RowView<float>& w) { safe_body_of<float>(target, w.op)(w); };
  k.f64 = [target](const RowView<double>& w) { safe_body_of<double>(target, w.op)(w); };
  return make_kernel(std::move(k));
}

constexpr const char* kOptions[] = {
    "op=ce ignore=1",
    "op=ce reduction=mean upstream=scalar smoothing=0.1 weights=on ignore=2",
    "op=ce targets=prob softcap=5",
    "op=ce zloss=0.01 scale=0.5 unit=bits layout=btv t=5 shift=on",
    "op=lse upstream=row",
    "op=mse-softmax",
    "op=bce-logits weights=on",
    "op=bce-prob",
    "op=kl",
    "op=cross-entropy targets=prob",
    "op=entropy",
    "op=nll reduction=sum",
    "op=mse-sigmoid",
};

TEST(Safe, MatricesOfSixteenBitsGiveTheBitsOfStagedOnes) {
  const std::vector<Kernel> kernels = highway_safe();
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const Kernel staged = staged_safe(highway_targets()[i]);
    for (const std::string options : kOptions) {
      for (const char* types : {"dtype=bf16", "dtype=f16", "dtype=f32 out=bf16"}) {
        const std::string text = options + " n=10 v=70 stride=77 dir=fwdbwd " + types;
        const TestCase c = moderate_case(text);
        EXPECT_TRUE(kernels[i].direct.takes(c.problem)) << text;
        EXPECT_FALSE(staged.direct.takes(c.problem)) << text;
        for (const BindOptions& bind : {BindOptions{3, false, 1}, BindOptions{0, false, 3}}) {
          const RunRecord native = run(kernels[i], c, bind);
          EXPECT_TRUE(native.faults.none()) << kernels[i].name << ": " << text;
          EXPECT_EQ(native.output, run(staged, c, bind).output) << kernels[i].name << ": " << text;
        }
      }
    }
  }
}

TEST(Safe, InPlaceToo) {
  for (const Kernel& k : highway_safe()) {
    for (const std::string options : kOptions) {
      for (const char* type : {"dtype=bf16", "dtype=f16", "dtype=f32", "dtype=f64"}) {
        const TestCase c = moderate_case(options + " n=10 v=70 dir=fwdbwd " + type);
        const RunRecord record = run(k, c, {1, true, 2});
        EXPECT_TRUE(record.faults.none()) << k.name << ": " << options;
        EXPECT_EQ(record.output, run(k, c).output) << k.name << ": " << options << ' ' << type;
      }
    }
  }
}

/// More than 1 MiB of gradient, in rows of whole cache lines, goes past the caches: not so in
/// place, nor where rows begin within a line.
TEST(Safe, GradientsPastTheCachesHaveTheSameBits) {
  for (const Kernel& k : highway_safe()) {
    for (const std::string options : kOptions) {
      const std::string rows = options.find("t=5") != std::string::npos ? " n=5" : " n=3";
      const TestCase c = moderate_case(options + rows + " v=2090 stride=98304 dir=fwdbwd");
      const Output past = run(k, c, {0, false, 1}).output;
      EXPECT_EQ(past, run(k, c, {0, false, 3}).output) << k.name << ": " << options;
      EXPECT_EQ(past, run(k, c, {1, false, 2}).output) << k.name << ": " << options;
      EXPECT_EQ(past, run(k, c, {0, true, 1}).output) << k.name << ": " << options;
    }
  }
}

}  // namespace
}  // namespace xent
