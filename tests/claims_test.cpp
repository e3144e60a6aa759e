// SPDX-License-Identifier: Apache-2.0
#include "properties/claims.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"
#include "impl/registry.h"
#include "properties/property.h"

namespace xent {
namespace {

// Every sentence of the documents that can be true or false.
const std::vector<std::string> kIds = {
    "info.self-information", "info.units", "info.entropy", "info.entropy-bounds",
    "info.entropy-order", "info.source-coding", "info.cross-entropy", "info.gibbs",
    "info.decomposition", "info.kl", "info.min-ce-is-min-kl", "info.asymmetry",
    "info.divergence-grows", "info.underestimate-costs", "info.one-hot", "loss.accurate",
    "loss.binary", "loss.binary-is-two-class", "loss.multiclass", "loss.soft-targets",
    "loss.penalty", "loss.flat-when-right", "loss.true-class-only", "loss.worked-example",
    "loss.framework-semantics", "loss.reshape", "loss.shift-invariance", "loss.extreme-logits",
    "loss.permutation", "stat.ce-is-nll", "stat.log-avoids-underflow", "stat.mle",
    "stat.consistency", "stat.efficiency", "stat.canonical-link", "stat.mse-is-gaussian",
    "grad.accurate", "grad.binary", "grad.sum-zero", "grad.signs", "grad.large-when-wrong",
    "grad.step-raises-true", "grad.no-saturation", "grad.ce-vs-mse-size", "grad.no-underflow",
    "grad.linear-cost", "train.faster-than-mse", "lm.shifted", "lm.chain-rule",
    "lm.seq2seq", "lm.mean-is-stable",
    "lm.perplexity", "trick.ignore-index", "trick.label-smoothing", "trick.class-weights",
    "trick.sequence-normalization", "wrong.ce-is-extra-bits", "wrong.mse-softmax-gradient",
    "wrong.sign", "wrong.sum-vs-mean", "wrong.larger-difference", "wrong.underestimate-absolute",
    "wrong.local-optima", "wrong.deep-nets", "wrong.prevents-overfitting", "wrong.mse-has-no-basis",
    "wrong.all-consistent", "wrong.first-token", "wrong.joint-too-complex", "wrong.bert-is-mle",
    "wrong.softmax-then-log", "wrong.index-only",
};

const Claim& claim(const std::string& id) { return *selected_claims({id}).front(); }

std::vector<Kernel> scalar_kernels() {
  std::vector<Kernel> out;
  for (const Kernel& k : builtin_kernels()) {
    if (k.role == Role::product && k.name.starts_with("scalar/")) out.push_back(k);
  }
  return out;
}

ClaimEvidence study(const std::string& id, std::uint64_t seed, const std::vector<Kernel>& kernels) {
  return claim(id).study(ClaimContext{kernels, "smoke", seed, {}, {}});
}

std::vector<std::string> refutations() {
  std::vector<std::string> out;
  for (const Claim* c : selected_claims({"wrong.*"})) out.emplace_back(c->id);
  return out;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string out = info.param;
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '.' || c == '-'; }, '_');
  return out;
}

TEST(Ledger, HoldsEveryClaimOnce) {
  std::multiset<std::string> held;
  for (const Claim& c : ledger()) held.insert(std::string(c.id));
  EXPECT_EQ(kIds.size(), 72u);
  EXPECT_EQ(held, std::multiset<std::string>(kIds.begin(), kIds.end()));
}

TEST(Ledger, EveryEntryIsComplete) {
  for (const Claim& c : ledger()) {
    EXPECT_FALSE(c.document.empty() || c.formula.empty() || c.statement.empty()) << c.id;
    EXPECT_TRUE(c.study || !c.properties.empty()) << c.id;
    EXPECT_TRUE(c.group.size() == 1 && c.group >= "A" && c.group <= "F") << c.id;
    EXPECT_EQ(c.group == "F", c.id.starts_with("wrong.")) << c.id;
  }
}

TEST(Ledger, EveryPropertyExists) {
  std::set<std::string> known;
  for (const Property& p : all_properties()) known.insert(p.id);
  for (const Claim& c : ledger()) {
    for (const std::string& id : c.properties) EXPECT_TRUE(known.contains(id)) << id;
  }
}

TEST(Ledger, GlobsChoose) {
  EXPECT_EQ(selected_claims({}).size(), ledger().size());
  EXPECT_EQ(selected_claims({"wrong.*"}).size(), 16u);
  EXPECT_EQ(selected_claims({"info.kl", "info.k*"}).size(), 1u);
  EXPECT_TRUE(selected_claims({"nothing.*"}).empty());
  try {
    selected_claims({"info.gibs"});
    FAIL() << "an unknown id is taken";
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("info.gibbs"), std::string::npos) << e.what();
  }
}

class RefutationTest : public testing::TestWithParam<std::string> {};

TEST_P(RefutationTest, IsAFunctionOfTheSeed) {
  const std::vector<Kernel> kernels = scalar_kernels();
  const ClaimEvidence a = study(GetParam(), 7, kernels), b = study(GetParam(), 7, kernels);
  EXPECT_EQ(a.verdict, b.verdict);
  EXPECT_EQ(a.evidence, b.evidence);
  EXPECT_EQ(a.witness, b.witness);
  EXPECT_EQ(a.checks, b.checks);
  ASSERT_EQ(a.figures.size(), b.figures.size());
  for (std::size_t i = 0; i < a.figures.size(); ++i) {
    EXPECT_EQ(a.figures[i].value, b.figures[i].value) << a.figures[i].label;
  }
}

TEST_P(RefutationTest, HoldsForEverySeedAndChecksKernels) {
  const std::vector<Kernel> kernels = scalar_kernels();
  const std::set<std::string> without_kernels = {"wrong.bert-is-mle", "wrong.all-consistent"};
  for (const std::uint64_t seed : {1, 2, 3}) {
    const ClaimEvidence e = study(GetParam(), seed, kernels);
    EXPECT_EQ(e.verdict, ClaimVerdict::refuted) << e.reason << "\n" << e.witness;
    EXPECT_FALSE(e.witness.empty());
    EXPECT_GT(e.cases, 2);
    EXPECT_GE(e.checks, e.cases);
    EXPECT_EQ(e.kernels.empty(), without_kernels.contains(GetParam()));
  }
}

// A kernel that is wrong contradicts what it computes: the checks on kernels can fail.
TEST_P(RefutationTest, AWrongKernelContradicts) {
  std::vector<Kernel> kernels = scalar_kernels();
  kernels.resize(1);
  const auto bind = kernels[0].bind;
  kernels[0].bind = [bind](const TestCase& c, const BindOptions& o) {
    TestCase other = c;
    for (std::int64_t i = 0; i < c.input.size(); ++i) {
      other.input.set(i, c.input.at(i) * 0.75 + 0.01 * static_cast<double>(i + 1));
    }
    return bind(other, o);
  };
  const ClaimEvidence e = study(GetParam(), 1, kernels);
  if (e.kernels.empty()) {
    EXPECT_EQ(e.verdict, ClaimVerdict::refuted);
    return;
  }
  EXPECT_EQ(e.verdict, ClaimVerdict::contradicted);
  EXPECT_NE(e.reason.find("scalar/"), std::string::npos) << e.reason;
  EXPECT_FALSE(e.witness.empty());
}

INSTANTIATE_TEST_SUITE_P(All, RefutationTest, testing::ValuesIn(refutations()), test_name);

/// What each smallest witness must say: found by hand, in exact arithmetic.
const std::map<std::string, std::string> kSmallest = {
    {"wrong.ce-is-extra-bits", "p = (1/2, 1/2), q = (1/2, 1/2): H(p, q) = 1 bit, of which 0"},
    {"wrong.mse-softmax-gradient", "z = (0, 0), target 0: the documents' formula gives -0.25, the "
                                   "gradient is -0.5"},
    {"wrong.sign", "z = (0, 0), target 0: δ − p = 0.5"},
    {"wrong.sum-vs-mean", "2 rows of two equal logits: the sum is 1.386 nats, the mean 0.6931"},
    {"wrong.local-optima", "2 layers with weights (0, 0)"},
    {"wrong.mse-has-no-basis", "p = (1/2, 1/2): the expected squared error is 1/2 at q = p"},
    {"wrong.all-consistent", "3 throws of a fair coin"},
    {"wrong.first-token", "a sequence of 1 token"},
    {"wrong.joint-too-complex", "−log P(x₁, x₂) = 2 bits"},
    {"wrong.softmax-then-log", "logits (0, 104)"},
    {"wrong.index-only", "logits (0, 0), target (1/2, 1/2)"},
};

TEST(Witness, IsTheSmallestThereIs) {
  const std::vector<Kernel> kernels = scalar_kernels();
  for (const auto& [id, text] : kSmallest) {
    for (const std::uint64_t seed : {11, 12}) {
      const std::string witness = study(id, seed, kernels).witness;
      EXPECT_NE(witness.find(text), std::string::npos) << id << ": " << witness;
    }
  }
}

/// judge_claims on a few claims of every kind, one kernel, one case each.
Results judged(const std::vector<std::string>& globs, std::vector<Kernel> kernels) {
  Results r;
  r.expectations = false;
  VerifyOptions o;
  o.cases = 1;
  o.seed = 5;
  o.jobs = 2;
  o.shrink = false;
  judge_claims(kernels, globs, o, ClaimContext{kernels, "smoke", 5, {}, {}}, r);
  return r;
}

TEST(JudgeClaims, CollectsWhatPropertiesAndStudiesSay) {
  const Results r = judged({"info.gibbs", "wrong.sign"}, scalar_kernels());
  ASSERT_EQ(r.claims.size(), 2u);
  EXPECT_EQ(r.claims[0].verdict, ClaimVerdict::tested) << r.claims[0].reason;
  EXPECT_GT(r.claims[0].cases, 0);
  EXPECT_EQ(r.claims[0].properties, std::vector<std::string>{"info.gibbs"});
  EXPECT_FALSE(r.claims[0].kernels.empty());
  EXPECT_EQ(r.claims[1].verdict, ClaimVerdict::refuted) << r.claims[1].reason;
  EXPECT_EQ(exit_code(r, false), Exit::ok);
}

TEST(JudgeClaims, AClaimThatNothingJudgedHasNoEvidence) {
  std::vector<Kernel> kernels = scalar_kernels();
  kernels.resize(1);
  kernels[0].supports = [](const Problem&) { return Support::no("it takes nothing"); };
  const Results r = judged({"info.gibbs", "wrong.index-only"}, kernels);
  for (const ClaimRow& c : r.claims) {
    EXPECT_EQ(c.verdict, ClaimVerdict::no_evidence) << c.id;
    EXPECT_FALSE(c.reason.empty()) << c.id;
  }
  EXPECT_NE(r.claims[0].reason.find("it takes nothing"), std::string::npos) << r.claims[0].reason;
  EXPECT_EQ(exit_code(r, false), Exit::failed);
}

TEST(JudgeClaims, AKernelThatBreaksAPropertyContradicts) {
  std::vector<Kernel> naive;
  for (const Kernel& k : builtin_kernels()) {
    if (k.name == "scalar/naive") naive.push_back(k);
  }
  const Results r = judged({"loss.extreme-logits"}, naive);
  ASSERT_EQ(r.claims.size(), 1u);
  EXPECT_EQ(r.claims[0].verdict, ClaimVerdict::contradicted);
  EXPECT_NE(r.claims[0].reason.find("scalar/naive breaks"), std::string::npos);
  EXPECT_FALSE(r.claims[0].witness.empty());
  EXPECT_EQ(exit_code(r, false), Exit::failed);
}

}  // namespace
}  // namespace xent
