// SPDX-License-Identifier: Apache-2.0
// Every product kernel at every size that something may go wrong at: rows shorter than a vector and
// a little longer, leaves and rounds of eight leaves one more or less, real vocabularies. Some rows
// are apart, all are tried at other addresses, in place, alone and beside rows of NaN.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "impl/registry.h"
#include "oracle/judge.h"
#include "properties/checks.h"
#include "properties/domain.h"

namespace xent {
namespace {

const std::vector<Kernel>& products() {
  static const std::vector<Kernel> all = select(builtin_kernels(), "*");
  return all;
}

/// What a kernel is run with, and the promise that the bits stay the same.
struct Way {
  const char* name;
  BindOptions options;
  bool Promises::*promise;
};

std::vector<Way> ways() {
  std::vector<Way> all;
  for (const std::size_t offset : {1, 3, 8}) {
    all.push_back({"moved", {}, &Promises::alignment_invariant});
    all.back().options.offset_elements = offset;
  }
  all.push_back({"in place", {}, &Promises::in_place});
  all.back().options.in_place = true;
  all.push_back({"by 3 threads", {}, &Promises::thread_invariant});
  all.back().options.threads = 3;
  return all;
}

void expect_same(const Kernel& k, const TestCase& c, const Output& base) {
  for (const Way& way : ways()) {
    if (!(k.promises.*way.promise)) continue;
    const RunRecord r = run(k, c, way.options);
    EXPECT_TRUE(r.faults.none() && r.output == base)
        << k.name << ", " << to_text(c.problem) << ", " << way.name;
  }
}

/// The last row of the batch, alone and below rows of NaN.
void expect_last_row_alone(const Kernel& k, const TestCase& c, const Output& batch) {
  const std::int64_t last = c.problem.n - 1;
  TestCase spoilt = c;
  for (std::int64_t i = 0; i < last * c.problem.v; ++i) {
    spoilt.input.set(i, std::numeric_limits<double>::quiet_NaN());
  }
  const TestCase alone = keep_rows(c, {last});
  const auto row_of = [](const Tensor& t, std::int64_t row, std::int64_t size) {
    const auto bytes = static_cast<std::size_t>(size) * size_of(t.dtype);
    const auto* const from = t.bytes.data() + static_cast<std::size_t>(row) * bytes;
    return std::vector<std::byte>(from, from + bytes);
  };
  const auto expect_row = [&](const TestCase& other, std::int64_t row, const char* where) {
    const Output out = run(k, other).output;
    EXPECT_TRUE(row_of(out.loss, row, 1) == row_of(batch.loss, last, 1) &&
                row_of(out.grad, row, c.problem.v) == row_of(batch.grad, last, c.problem.v))
        << k.name << ", " << to_text(c.problem) << ", last row " << where;
  };
  expect_row(spoilt, last, "below rows of NaN");
  expect_row(alone, 0, "alone");
}

/// How many kernels were judged on the case.
std::int64_t judge(const TestCase& c) {
  Reference exact(c);
  std::int64_t judged = 0;
  for (const Kernel& k : products()) {
    if (!k.supports(c.problem)) continue;
    const RunRecord r = run(k, c);
    Judgement j;
    judge_output(j, exact, k.budget(c.problem), r.output);
    judged += j.checks > 0 ? 1 : 0;
    EXPECT_TRUE(r.faults.none() && (j.verdict == Verdict::pass || j.verdict == Verdict::skip))
        << k.name << ", " << to_text(c.problem) << " of " << c.recipe.domain << ": " << j.message;
    expect_same(k, c, r.output);
    if (k.promises.batch_invariant) expect_last_row_alone(k, c, r.output);
  }
  return judged;
}

TestCase sized(DType dtype, std::int64_t n, std::int64_t v, std::string_view domain) {
  static constexpr std::array<std::int64_t, 4> kPadding = {0, 0, 1, 5};
  Problem p = parse_problem("op=ce dir=fwdbwd");
  p.dtype = dtype;
  p.n = n;
  p.v = v;
  p.stride = v + kPadding[static_cast<std::size_t>(v % 4)];
  const bool fits = find_domain(domain).fits(p);
  return make_case(p, fits ? domain : "gaussian", static_cast<std::uint64_t>(v));
}

class KernelSizes : public testing::TestWithParam<DType> {};

TEST_P(KernelSizes, RowsOfOneTo130Classes) {
  static constexpr std::array<std::string_view, 8> kDomains = {
      "gaussian", "wrong", "special-rows", "confident", "masked", "spikes", "offset",
      "masked-target"};
  static constexpr std::array<std::int64_t, 3> kRows = {1, 3, 33};
  for (std::int64_t v = 1; v <= 130; ++v) {
    const auto turn = static_cast<std::size_t>(v);
    const TestCase c = sized(GetParam(), kRows[turn % 3], v, kDomains[turn % 8]);
    EXPECT_GT(judge(c), 0) << v;
  }
}

TEST_P(KernelSizes, LeavesOneMoreOrLess) {
  static constexpr std::array<std::string_view, 3> kDomains = {"gaussian", "index-bit", "wrong"};
  const std::int64_t leaf = 4096 / static_cast<std::int64_t>(size_of(GetParam()));
  for (const std::int64_t leaves : {1, 2, 3, 7, 8, 9, 16, 17}) {
    for (const std::int64_t more : {-1, 0, 1}) {
      const auto turn = static_cast<std::size_t>(leaves + more + 1);
      const TestCase c = sized(GetParam(), 2, leaves * leaf + more, kDomains[turn % 3]);
      EXPECT_GT(judge(c), 0) << leaves << " leaves and " << more;
    }
  }
}

TEST_P(KernelSizes, RealVocabularies) {
  for (const std::int64_t v : {32000, 50257, 128256}) {
    EXPECT_GT(judge(sized(GetParam(), 1, v, "wrong")), 0) << v;
  }
  EXPECT_GT(judge(sized(GetParam(), 3, 50257, "gaussian")), 0);
  if (GetParam() != DType::f32) return;
  EXPECT_GT(judge(sized(DType::f32, 33, 32000, "gaussian")), 0);
}

INSTANTIATE_TEST_SUITE_P(Types, KernelSizes,
                         testing::Values(DType::f32, DType::bf16, DType::f16, DType::f64),
                         [](const auto& p) { return std::string(name(p.param)); });

}  // namespace
}  // namespace xent
