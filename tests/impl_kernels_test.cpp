// SPDX-License-Identifier: Apache-2.0
// The built-in kernels on cases whose answer is known exactly, and what they promise bit by bit.
// Accuracy in general is the judge's business.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "impl/registry.h"
#include "tests/impl_cases.h"

namespace xent {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> all = builtin_kernels();
  return all;
}

std::vector<Kernel> products() { return select(kernels(), "*"); }

const Kernel& kernel(const std::string& name) {
  for (const Kernel& k : kernels()) {
    if (k.name == name) return k;
  }
  throw std::runtime_error("no kernel " + name);
}

TestCase make_case(const std::string& text, const std::vector<double>& input,
                   const std::vector<std::int64_t>& labels) {
  TestCase c;
  c.problem = parse_problem(text);
  const Problem& p = c.problem;
  c.input = Tensor(p.dtype, {p.n, p.v});
  for (std::int64_t i = 0; i < std::ssize(input); ++i) {
    c.input.set(i, input[static_cast<std::size_t>(i)]);
  }
  if (!labels.empty()) c.target = Tensor(DType::i64, {p.n});
  for (std::int64_t r = 0; r < std::ssize(labels); ++r) {
    c.target.set_integer(r, labels[static_cast<std::size_t>(r)]);
  }
  return c;
}

/// Rows of small multiples of 1/8 around 0, reproducible and irregular.
TestCase irregular(const std::string& text, std::int64_t n, std::int64_t v) {
  TestCase c = make_case(text + " n=" + std::to_string(n) + " v=" + std::to_string(v), {}, {});
  c.target = Tensor(DType::i64, {n});
  std::uint64_t state = 12345;
  const auto below = [&state](std::int64_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::int64_t>(state >> 33) % limit;
  };
  for (std::int64_t i = 0; i < n * v; ++i) {
    c.input.set(i, static_cast<double>(below(161) - 80) / 8);
  }
  for (std::int64_t r = 0; r < n; ++r) c.target.set_integer(r, below(v));
  return c;
}

std::int64_t ulps_apart(float a, float b) {
  return std::abs(static_cast<std::int64_t>(std::bit_cast<std::int32_t>(a)) -
                  static_cast<std::int64_t>(std::bit_cast<std::int32_t>(b)));
}

TEST(Registry, NamesAreUniqueAndProductsComeFirst) {
  std::set<std::string> names;
  bool others = false;
  for (const Kernel& k : kernels()) {
    EXPECT_TRUE(names.insert(k.name).second) << k.name;
    if (k.role != Role::product) others = true;
    EXPECT_FALSE(others && k.role == Role::product) << k.name;
    EXPECT_EQ(k.role == Role::mutant, !k.killed_by.empty()) << k.name;
    EXPECT_FALSE(k.summary.empty()) << k.name;
  }
  EXPECT_TRUE(names.count("scalar/safe") && names.count("scalar/online"));
  for (const Unavailable& u : unavailable_kernels()) EXPECT_FALSE(names.count(u.name)) << u.name;
}

TEST(Kernels, ConfidentRowKeepsItsDigits) {
  const TestCase c = make_case("op=ce n=1 v=2 dtype=f32 dir=fwdbwd", {20, 0}, {0});
  const float exact = static_cast<float>(std::log1p(std::exp(-20.0)));
  ASSERT_EQ(exact, 2.0611536e-09f);
  for (const Kernel& k : products()) {
    const RunRecord r = run(k, c);
    EXPECT_LE(ulps_apart(r.output.loss.as<float>()[0], exact), 2) << k.name;
    EXPECT_LT(r.output.grad.as<float>()[0], 0) << k.name;
  }
  EXPECT_GT(ulps_apart(run(kernel("mutant/lse-minus-logit"), c).output.loss.as<float>()[0], exact),
            2);
}

TEST(Kernels, EqualLogitsAndMasks) {
  for (const Kernel& k : products()) {
    for (const std::int64_t v : {1, 2, 3, 16, 17, 64, 1000, 1025, 4097}) {
      std::vector<double> z(static_cast<std::size_t>(v), 3.0);
      const std::string text = "op=ce dtype=f32 dir=fwdbwd n=1 v=" + std::to_string(v);
      const TestCase equal = make_case(text, z, {v - 1});
      if (!k.supports(equal.problem)) continue;
      const RunRecord r = run(k, equal);
      EXPECT_LE(ulps_apart(r.output.loss.as<float>()[0], std::log(static_cast<float>(v))), 2)
          << k.name << " " << v;
      EXPECT_EQ(r.output.grad.as<float>()[0], v == 1 ? 0.0f : 1.0f / static_cast<float>(v))
          << k.name << " " << v;
    }
    const RunRecord masked =
        run(k, make_case("op=ce n=2 v=3 dtype=f32 dir=fwdbwd", {-kInf, 5, 5, -kInf, 5, 5}, {1, 0}));
    EXPECT_EQ(masked.output.loss.as<float>()[0], std::log(2.0f)) << k.name;
    EXPECT_EQ(masked.output.grad.as<float>()[0], 0.0f) << k.name;
    EXPECT_EQ(masked.output.grad.as<float>()[1], -0.5f) << k.name;
    EXPECT_EQ(masked.output.loss.as<float>()[1], kInf) << k.name;
    EXPECT_EQ(masked.output.grad.as<float>()[3], -1.0f) << k.name;
  }
}

TEST(Kernels, NonFiniteRowsNeverGiveAPlausibleLoss) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Kernel& k : products()) {
    for (const std::vector<double>& z :
         {std::vector<double>{-kInf, -kInf, -kInf}, std::vector<double>{nan, 1, 2},
          std::vector<double>{1, nan, -kInf}, std::vector<double>{kInf, kInf, 0}}) {
      const RunRecord r = run(k, make_case("op=ce n=1 v=3 dtype=f32 dir=fwd", z, {0}));
      EXPECT_TRUE(std::isnan(r.output.loss.at(0))) << k.name << " " << z[0] << " " << z[1];
    }
    const TestCase lse =
        make_case("op=lse n=2 v=2 dtype=f32 dir=fwd", {-kInf, -kInf, nan, -kInf}, {});
    if (!k.supports(lse.problem)) continue;
    EXPECT_EQ(run(k, lse).output.loss.as<float>()[0], -kInf) << k.name;
    EXPECT_TRUE(std::isnan(run(k, lse).output.loss.at(1))) << k.name;
  }
}

TEST(Kernels, ExtremeLogits) {
  const float big = std::numeric_limits<float>::max();
  for (const Kernel& k : products()) {
    const RunRecord r = run(k, make_case("op=ce n=3 v=2 dtype=f32 dir=fwdbwd",
                                         {big, -big, -big, -big, 1e4, 1e4 - 110}, {1, 0, 1}));
    EXPECT_EQ(r.output.loss.as<float>()[0], kInf) << k.name;
    EXPECT_LE(ulps_apart(r.output.loss.as<float>()[1], std::log(2.0f)), 1) << k.name;
    EXPECT_EQ(r.output.loss.as<float>()[2], 110.0f) << k.name;
    for (std::int64_t i = 0; i < 6; ++i) EXPECT_LE(std::abs(r.output.grad.at(i)), 1) << k.name;
  }
  const RunRecord naive =
      run(kernel("scalar/naive"), make_case("op=ce n=1 v=2 dtype=f32 dir=fwd", {100, 0}, {0}));
  EXPECT_FALSE(std::isfinite(naive.output.loss.at(0)));
}

TEST(Kernels, ReductionsUpstreamAndStrides) {
  for (const Kernel& k : products()) {
    const bool wide = bool(k.supports(parse_problem("op=ce dtype=f64 dir=fwdbwd n=4 v=37")));
    const auto outputs = [&k, wide](const std::string& more, double upstream) {
      const std::string dtype = wide ? "f64 " : "f32 ";
      TestCase c = irregular("op=ce dir=fwdbwd dtype=" + dtype + more, 4, 37);
      if (c.problem.upstream != Upstream::one) {
        c.upstream = Tensor(c.problem.dtype, {c.problem.upstream == Upstream::row ? 4 : 1});
        for (std::int64_t i = 0; i < c.upstream.size(); ++i) {
          c.upstream.set(i, upstream * static_cast<double>(1 << i));
        }
      }
      const RunRecord r = run(k, c);
      EXPECT_TRUE(r.faults.none()) << k.name << " " << more;
      return r.output;
    };
    const Output none = outputs("", 1);
    EXPECT_EQ(outputs("stride=41", 1), none) << k.name;
    // 4 rows, and factors that are powers of two: every scaling is exact.
    const Output sum = outputs("reduction=sum", 1);
    const Output mean = outputs("reduction=mean", 1);
    EXPECT_EQ(sum.grad, none.grad) << k.name;
    EXPECT_EQ(mean.loss.at(0), sum.loss.at(0) / 4) << k.name;
    EXPECT_EQ(outputs("reduction=mean upstream=scalar", -4).loss, mean.loss) << k.name;
    const Output row = outputs("upstream=row", 0.5);
    for (std::int64_t i = 0; i < 4 * 37; ++i) {
      EXPECT_EQ(mean.grad.at(i), none.grad.at(i) / 4) << k.name;
      EXPECT_EQ(row.grad.at(i), none.grad.at(i) * 0.5 * (1 << (i / 37))) << k.name;
    }
  }
}

TEST(Kernels, PromisesHoldBitByBit) {
  for (const Kernel& k : products()) {
    for (const char* dtype : {"f32", "f64"}) {
      for (const std::int64_t v : {1, 5, 16, 33, 1000, 3001}) {
        const std::string text = std::string("op=ce dir=fwdbwd dtype=") + dtype;
        const TestCase c = irregular(text, 3, v);
        if (!k.supports(c.problem)) continue;
        const Output first = run(k, c).output;
        EXPECT_EQ(run(k, c).output, first) << k.name << " repeated, v=" << v;
        EXPECT_EQ(run(k, c, {3, false, 1}).output, first) << k.name << " shifted, v=" << v;
        EXPECT_EQ(run(k, c, {1, true, 1}).output, first) << k.name << " in place, v=" << v;
        EXPECT_EQ(run(k, keep_rows(c, {1})).output.loss.at(0), first.loss.at(1))
            << k.name << " alone, v=" << v;
        TestCase moved = c;
        for (std::int64_t i = 0; i < 3 * v; ++i) moved.input.set(i, c.input.at(i) + 1024);
        EXPECT_EQ(run(k, moved).output, first) << k.name << " plus 1024, v=" << v;
      }
    }
  }
}

TEST(Kernels, EntropiesAtTheEdges) {
  const auto value = [](const Kernel& k, const std::string& op, const std::vector<double>& q,
                        const std::vector<double>& p) {
    TestCase c =
        make_case("op=" + op + " n=1 v=" + std::to_string(q.size()) + " dtype=f64 dir=fwd", q, {});
    if (!p.empty()) c.problem.targets = TargetKind::prob;
    if (!p.empty()) c.target = Tensor(DType::f64, {1, static_cast<std::int64_t>(q.size())});
    for (std::size_t i = 0; i < p.size(); ++i) c.target.set(static_cast<std::int64_t>(i), p[i]);
    return run(k, c).output.loss.at(0);
  };
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<Kernel> tried = {kernel("scalar/safe"), kernel("scalar/online")};
  for (const Kernel& k : select(kernels(), "highway/safe/*")) tried.push_back(k);
  for (const Kernel& k : tried) {
    const std::string& name = k.name;
    EXPECT_EQ(value(k, "entropy", {0, 1, 0}, {}), 0) << name;
    EXPECT_EQ(value(k, "entropy", {0.5, 0, 0.5}, {}), std::log(2.0)) << name;
    EXPECT_EQ(value(k, "cross-entropy", {0, 0.5, 0.5}, {0, 0.5, 0.5}), std::log(2.0)) << name;
    EXPECT_EQ(value(k, "cross-entropy", {0, 1}, {0.5, 0.5}), inf) << name;
    EXPECT_EQ(value(k, "kl", {0.25, 0.75}, {0.25, 0.75}), 0) << name;
    EXPECT_EQ(value(k, "kl", {0, 1}, {0, 1}), 0) << name;
    EXPECT_EQ(value(k, "kl", {0, 1}, {0.5, 0.5}), inf) << name;
    EXPECT_EQ(value(k, "kl", {0.5, 0.5}, {1, 0}), std::log(2.0)) << name;
    // p / q overflows: (log p - log q) / 2 = 1073 / 2 log 2. Two logarithms of 4 u each and four
    // roundings, none of more than 1074 log 2.
    EXPECT_NEAR(value(k, "kl", {0x1p-1074, 0.5}, {0.5, 0.5}), 536.5 * std::log(2.0),
                12 * 0x1p-53 * 1074 * std::log(2.0))
        << name;
  }
  EXPECT_TRUE(std::isnan(value(kernel("scalar/naive"), "entropy", {0, 1}, {})));
}

/// Cases that between them touch every option.
std::vector<TestCase> varied_cases() {
  std::vector<TestCase> cases;
  for (const char* text :
       {"op=ce n=5 v=19 dir=fwdbwd stride=24", "op=ce n=5 v=19 dir=bwd reduction=mean",
        "op=ce n=5 v=19 dir=bwd upstream=row", "op=ce n=6 v=5 dir=fwdbwd smoothing=0.2 weights=on",
        "op=ce n=6 v=5 dir=fwdbwd zloss=0.1", "op=ce n=6 v=5 dir=fwdbwd softcap=2 scale=0.5",
        "op=ce n=6 v=5 dir=fwdbwd zloss=0.1 ignore=-1",
        "op=ce n=6 v=5 dir=fwdbwd unit=bits",
        "op=ce n=6 v=5 dir=fwd unit=perplexity reduction=mean ignore=-7",
        "op=ce n=6 v=5 dir=fwdbwd ignore=2 reduction=mean weights=on",
        "op=ce n=6 v=5 dir=fwdbwd ignore=-7 reduction=mean denominator=rows",
        "op=ce n=6 v=5 dir=fwdbwd ignore=-7 reduction=mean denominator=3",
        "op=ce n=72 v=5 dir=fwdbwd ignore=-100 reduction=mean",
        "op=ce n=12 v=5 dir=fwdbwd ignore=-7 reduction=mean denominator=sequence t=4",
        "op=ce n=12 v=5 dir=fwdbwd shift=on t=4", "op=ce n=12 v=5 dir=fwdbwd layout=btv t=4",
        "op=ce n=12 v=5 dir=fwdbwd layout=bct t=4", "op=ce n=6 v=5 dir=fwdbwd targets=prob",
        "op=ce n=6 v=5 dir=fwdbwd dtype=bf16 reduction=mean", "op=ce n=6 v=5 dir=hvp",
        "op=lse n=6 v=5 dir=fwdbwd", "op=nll n=6 v=5 dir=fwdbwd",
        "op=bce-logits n=6 v=5 dir=fwdbwd weights=on targets=prob",
        "op=bce-prob n=6 v=5 dir=fwdbwd targets=prob", "op=mse-softmax n=6 v=5 dir=fwdbwd",
        "op=mse-sigmoid n=6 v=5 dir=fwdbwd targets=prob", "op=entropy n=6 v=5 dir=fwdbwd",
        "op=cross-entropy n=6 v=5 dir=fwdbwd targets=prob",
        "op=kl n=6 v=5 dir=fwdbwd targets=prob"}) {
    cases.push_back(moderate_case(text));
  }
  return cases;
}

/// Cases of one gesture each: extreme, confident, masked, long, of zeros.
std::vector<TestCase> special_cases() {
  std::vector<TestCase> cases;
  cases.push_back(make_case("op=ce n=2 v=2 dtype=f32 dir=fwdbwd", {300, 299, -200, -201}, {0, 0}));
  cases.push_back(make_case("op=ce n=1 v=2 dtype=f32 dir=fwdbwd", {20, 0}, {0}));
  cases.push_back(make_case("op=ce n=3 v=3 dtype=f32 dir=fwdbwd",
                            {0, 95, 1, -kInf, -kInf, 2, 1e4, 10010, 1e4}, {0, 0, 2}));
  for (const std::int64_t v : {4111, 8200}) {
    cases.push_back(irregular("op=ce dtype=f32 dir=fwd", 1, v));
  }
  TestCase soft = moderate_case("op=ce n=1 v=3 dir=fwdbwd targets=prob");
  TestCase capped = make_case("op=ce n=1 v=3 dir=fwdbwd softcap=2", {-kInf, 1, 2}, {1});
  TestCase one_hot = moderate_case("op=kl n=1 v=3 dir=fwd targets=prob");
  for (std::int64_t j = 0; j < 3; ++j) {
    soft.target.set(j, j == 0 ? 0 : 0.5);
    one_hot.target.set(j, j == 0 ? 1 : 0);
  }
  soft.input.set(0, -kInf);
  TestCase dirty = moderate_case("op=ce n=3 v=3 dir=fwdbwd ignore=-100 reduction=sum");
  for (std::int64_t j = 3; j < 6; ++j) dirty.input.set(j, kInf);
  for (TestCase* c : {&soft, &capped, &one_hot, &dirty}) cases.push_back(std::move(*c));
  for (const char* text : {"op=ce n=3 v=3 dir=fwd reduction=mean unit=perplexity smoothing=0.25",
                           "op=ce n=259 v=2 dir=bwd reduction=mean",
                           "op=ce n=3 v=3 dir=hvp reduction=mean",
                           "op=kl n=2 v=3 dir=bwd targets=prob"}) {
    cases.push_back(moderate_case(text));
  }
  return cases;
}

/// A mutant that runs like the kernel it is made of on every case shows nothing.
bool differs_from_right(const Kernel& k, const TestCase& c) {
  const bool referenced = k.budget(parse_problem("op=ce v=3")).shift == Shift::target;
  const Kernel& right = kernel(referenced ? "scalar/referenced" : "scalar/safe");
  const RunRecord a = run(k, c);
  const RunRecord b = run(k, c);
  const bool stopped = k.name.ends_with("-unordered");  // by the shim, which tells the race
  EXPECT_TRUE(a.faults.raised.empty() || stopped) << k.name << ": " << a.faults.raised;
  const bool outside = k.name == "mutant/stride-ignored" || k.name == "mutant/loss-past-end";
  EXPECT_TRUE(a.faults.written_outside.empty() || outside) << k.name;
  if (!(a.output == run(right, c).output)) return true;
  if (!(a.output == b.output) || !a.faults.none()) return true;
  TestCase next = c;  // most of it as in the call before
  next.problem.smoothing = 0;
  const std::int64_t last = c.input.size() - 1;
  if (last >= 0) next.input.set(last, c.input.at(last) / 2);
  if (!(run(k, next).output == run(right, next).output)) return true;
  const auto differs_with = [&](const BindOptions& o) {
    return !(run(k, c, o).output == run(right, c, o).output);
  };
  BindOptions moved, together, over;
  moved.offset_elements = 1;
  together.threads = 5;
  over.in_place = true;
  const bool in_place = k.promises.in_place && c.problem.wants_grad();
  return differs_with(moved) || differs_with(together) || (in_place && differs_with(over));
}

TEST(Mutants, EachDiffersFromTheRightKernelSomewhere) {
  std::vector<TestCase> cases = varied_cases();
  for (TestCase& c : special_cases()) cases.push_back(std::move(c));
  for (const Kernel& k : select(kernels(), "role:mutant")) {
    bool differs = false;
    for (const TestCase& c : cases) {
      differs = differs || (k.supports(c.problem) && differs_from_right(k, c));
    }
    EXPECT_TRUE(differs) << k.name;
  }
}

}  // namespace
}  // namespace xent
