// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "core/problem.h"
#include "core/text.h"

namespace xent {
namespace {

std::string reason(const std::string& text) {
  return meaningless(parse_problem(text)).value_or("meaningful");
}

const std::string kOps[] = {"ce", "bce-logits", "bce-prob", "entropy", "cross-entropy", "kl",
                            "lse", "nll", "mse-softmax", "mse-sigmoid"};

bool vectors_only(const std::string& op) {
  return op == "kl" || op == "mse-sigmoid" || op.starts_with("bce");
}
bool no_targets(const std::string& op) { return op == "entropy" || op == "lse"; }

// Operations on vectors take them whatever the word says; probabilities for no target are refused.
TEST(Meaningless, TargetsOfEachOperation) {
  for (const std::string& op : kOps) {
    EXPECT_EQ(reason("op=" + op), "meaningful");
    EXPECT_EQ(reason("targets=prob op=" + op),
              no_targets(op) ? "targets=prob with op=" + op : "meaningful");
  }
}

// The column "applies to" of core/OPTIONS.md.
TEST(Meaningless, OptionsOfEachOperation) {
  const std::map<std::string, std::set<std::string>> applies = {
      {"scale=2", {"ce", "lse"}},
      {"softcap=30", {"ce", "lse"}},
      {"smoothing=0.1", {"ce", "nll"}},
      {"weights=on", {"ce", "nll", "bce-logits", "bce-prob"}},
      {"zloss=0.5", {"ce"}},
      {"dir=hvp", {"ce"}},
      {"unit=bits", {"ce", "lse", "nll", "entropy", "cross-entropy", "kl", "bce-logits",
                     "bce-prob"}}};
  for (const auto& [words, ops] : applies) {
    for (const std::string& op : kOps) {
      const std::string option =
          words == "dir=hvp" || words == "unit=bits" ? words : words.substr(0, words.find('='));
      const std::string expected =
          ops.contains(op) ? "meaningful" : option + " with op=" + op;
      EXPECT_EQ(reason("op=" + op + " " + words), expected);
    }
  }
}

TEST(Meaningless, OptionsForClassIndicesAlone) {
  for (const std::string word : {"ignore", "shift"}) {
    const std::string option = word == "ignore" ? "ignore=-100" : "shift=on";
    for (const std::string& op : kOps) {
      const std::string got = reason("op=" + op + " " + option);
      const bool index = !vectors_only(op) && !no_targets(op);
      const bool open = index && op != "ce" && op != "nll";
      EXPECT_TRUE(open || got == (index ? "meaningful" : word + " without class indices")) << got;
      if (no_targets(op)) continue;
      EXPECT_EQ(reason("op=" + op + " targets=prob " + option), word + " without class indices");
    }
  }
}

TEST(Meaningless, Contradictions) {
  EXPECT_EQ(reason("dir=hvp softcap=30"), "dir=hvp with softcap");
  for (const char* denominator : {"rows", "sequence", "3.5"}) {
    const std::string words = std::string("denominator=") + denominator;
    EXPECT_EQ(reason(words), "denominator without reduction=mean");
    EXPECT_EQ(reason(words + " reduction=sum"), "denominator without reduction=mean");
    EXPECT_EQ(reason(words + " reduction=mean"), "meaningful");
  }
  EXPECT_EQ(reason("upstream=row reduction=sum"), "upstream=row with reduction=sum");
  EXPECT_EQ(reason("upstream=row reduction=mean"), "upstream=row with reduction=mean");
  EXPECT_EQ(reason("upstream=row"), "meaningful");
  EXPECT_EQ(reason("upstream=scalar reduction=mean"), "meaningful");
}

TEST(Meaningless, PerplexityIsOfAMeanOfNatsForward) {
  const std::string perplexity = "unit=perplexity ";
  const std::string why = "unit=perplexity is of a mean of ce or nll, dir=fwd, without zloss";
  EXPECT_EQ(reason(perplexity + "reduction=mean"), "meaningful");
  EXPECT_EQ(reason(perplexity + "reduction=mean op=nll"), "meaningful");
  EXPECT_EQ(reason(perplexity), why);
  EXPECT_EQ(reason(perplexity + "reduction=sum"), why);
  EXPECT_EQ(reason(perplexity + "reduction=mean dir=bwd"), why);
  EXPECT_EQ(reason(perplexity + "reduction=mean dir=fwdbwd"), why);
  EXPECT_EQ(reason(perplexity + "reduction=mean zloss=0.1"), why);
  EXPECT_EQ(reason(perplexity + "reduction=mean op=lse"), why);
  EXPECT_EQ(reason(perplexity + "reduction=mean op=mse-softmax"),
            "unit=perplexity with op=mse-softmax");
}

}  // namespace
}  // namespace xent
