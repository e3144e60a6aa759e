// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "impl/process/foreign.h"
#include "impl/process/problem_abi.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

namespace fs = std::filesystem;

/// A library of tests/abi.
fs::path library(const std::string& name) { return fs::path(XENT_ABI_FOLDER) / (name + ".so"); }

/// The one line with which a file is refused.
std::string refusal(const fs::path& file) {
  try {
    library_kernels(file, {});
  } catch (const UsageError& e) {
    const std::string line = e.what();
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_NE(line.find(file.filename().string()), std::string::npos) << line;
    return line;
  }
  ADD_FAILURE() << file << " was taken";
  return "";
}

void expect_refusal(const fs::path& file, const std::string& words) {
  const std::string line = refusal(file);
  EXPECT_NE(line.find(words), std::string::npos) << line;
}

TEST(Abi, AnOlderStructIsReadNoFurther) {
  const std::vector<Kernel> kernels = library_kernels(library("older"), {});
  ASSERT_EQ(kernels.size(), 1u);
  EXPECT_EQ(kernels[0].name, "older/short");
  EXPECT_FALSE(kernels[0].exponential.compute);
  const RunRecord r = run(kernels[0], moderate_case("op=ce n=2 v=3 dtype=f32 dir=fwdbwd"));
  EXPECT_TRUE(r.faults.none()) << r.faults.raised;
  EXPECT_EQ(r.output.loss.at(1), 3);
  EXPECT_EQ(r.output.grad.at(5), 4);
}

TEST(Abi, ANewerStructIsReadAsFarAsItIsKnown) {
  const std::vector<Kernel> kernels = library_kernels(library("newer"), {});
  ASSERT_EQ(kernels.size(), 1u);
  EXPECT_EQ(kernels[0].name, "newer/long");
  EXPECT_EQ(kernels[0].origin, "newer.so 9.9");
  const RunRecord r = run(kernels[0], moderate_case("op=ce n=2 v=3 dtype=f32 dir=fwdbwd"));
  EXPECT_TRUE(r.faults.none()) << r.faults.raised;
  EXPECT_EQ(r.output.loss.at(1), 5);
  EXPECT_EQ(r.output.grad.at(5), 6);
}

TEST(Abi, ABudgetComesBackAsItWas) {
  ErrorBudget b;
  b.exp_rel = 2, b.exp_arg = 3, b.log_rel = 4, b.log_abs = 5, b.tanh_rel = 6;
  b.order = SumOrder::blocked, b.rows = SumOrder::pairwise, b.lanes = 7, b.block = 8;
  b.online = true, b.shift = Shift::target, b.shift_limit = 9;
  b.loss = LossForm::accurate, b.grad = GradForm::shifted, b.target = TargetForm::accurate;
  b.kl = KlForm::accurate, b.accumulate = DType::f64, b.output = DType::bf16;
  b.flush_to_zero = true, b.exp_cutoff = -10;
  xentcheck_budget there{};
  process::to_abi(b, &there);
  const ErrorBudget back = process::from_abi(there);
  EXPECT_EQ(to_text(back), to_text(b));
  const auto numbers = [](const ErrorBudget& x) {
    return std::vector<double>{x.exp_rel, x.exp_arg, x.log_rel, x.log_abs, x.tanh_rel,
                               static_cast<double>(x.lanes), static_cast<double>(x.block),
                               x.shift_limit, x.exp_cutoff};
  };
  EXPECT_EQ(numbers(back), numbers(b));
  EXPECT_EQ(std::tuple(back.order, back.rows, back.online, back.shift, back.loss, back.grad),
            std::tuple(b.order, b.rows, b.online, b.shift, b.loss, b.grad));
  EXPECT_EQ(std::tuple(back.target, back.kl, back.accumulate, back.output, back.flush_to_zero),
            std::tuple(b.target, b.kl, b.accumulate, b.output, b.flush_to_zero));
}

TEST(Abi, ABudgetSaysWhatIsSubtracted) {
  const Kernel fragile = library_kernels(library("plain"), {})[1];
  const auto budget = [&](const std::string& classes) {
    return fragile.budget(parse_problem("op=ce n=2 dtype=f32 dir=fwd v=" + classes));
  };
  EXPECT_EQ(budget("3").shift, Shift::target);
  EXPECT_EQ(budget("3").shift_limit, ErrorBudget{}.shift_limit);
  EXPECT_EQ(budget("5").shift, Shift::maximum);
  try {
    budget("4");
    ADD_FAILURE() << "a limit of 1 was taken";
  } catch (const std::exception& e) {
    EXPECT_NE(std::string(e.what()).find("shift_limit"), std::string::npos) << e.what();
  }
}

TEST(Abi, OtherVersionsAreRefused) {
  expect_refusal(library("other_major"), "ABI");
  expect_refusal(library("other_major_refuses"), "ABI");
}

TEST(Abi, KernelsThatCannotBeOfferedAreRefused) {
  expect_refusal(library("no_launch"), "launch");
  expect_refusal(library("two_of_a_name"), "bad");
  expect_refusal(library("no_budget"), "budget");
  expect_refusal(library("no_dialect"), "pytorch");
  expect_refusal(library("too_many"), "too many");
}

TEST(Abi, FilesThatAreNoLibrariesAreRefused) {
  expect_refusal(library("no_symbol"), "xentcheck_plugin");
  expect_refusal(library("missing"), "no library");
  expect_refusal(fs::path(XENT_ABI_FOLDER), "no library");
  const fs::path text = fs::path(testing::TempDir()) / "text.so";
  write_bytes(text, "not a library\n");
  refusal(text);
  write_bytes(text, "");
  refusal(text);
  fs::remove(text);
}

TEST(Abi, ALibraryForAnotherMachineIsRefused) {
  constexpr std::size_t kMachine = 18;  // e_machine of an ELF header, little-endian
  std::string bytes = read_bytes(library("newer"));
  bytes[kMachine] = static_cast<char>(0xf3);  // RISC-V
  const fs::path file = fs::path(testing::TempDir()) / "riscv.so";
  write_bytes(file, bytes);
  expect_refusal(file, "machine");
  fs::remove(file);
}

}  // namespace
}  // namespace xent
