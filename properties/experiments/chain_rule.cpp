// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <memory>

#include "oracle/bound.h"
#include "oracle/interval.h"
#include "oracle/judge.h"
#include "properties/experiments/experiments.h"
#include "properties/experiments/laboratory.h"
#include "properties/random.h"

namespace xent {
namespace {

using Real = Interval<kDigits[0]>;

constexpr std::int64_t kWords = 3;
constexpr std::int64_t kLength = 4;
constexpr const char* kProblem = "op=ce reduction=sum";

/// A word for each position.
using Sentence = std::vector<std::int64_t>;

/// Logits of the next word after each prefix, the empty one included: the most general model of
/// sentences of kLength words. Multiples of 2^-6: the same in any type.
class Model {
 public:
  explicit Model(const Random& random) : random_(random) {}
  std::vector<double> logits(const Sentence& sentence, std::size_t position) const {
    std::uint64_t prefix = 1;
    for (std::size_t t = 0; t < position; ++t) {
      prefix = prefix * kWords + static_cast<std::uint64_t>(sentence[t]);
    }
    std::vector<double> z;
    for (std::uint64_t j = 0; j < kWords; ++j) {
      z.push_back(std::round(64 * random_.stream(prefix).normal(j)) / 64);
    }
    return z;
  }

  /// P(word at position | prefix), from the definition of softmax.
  Real conditional(const Sentence& sentence, std::size_t position) const {
    Real sum(0), own(0);
    const std::vector<double> z = logits(sentence, position);
    for (std::size_t j = 0; j < z.size(); ++j) {
      const Real e = exp_of(Real(z[j]));
      sum += e;
      if (static_cast<std::int64_t>(j) == sentence[position]) own = e;
    }
    return own / sum;
  }

  Real joint(const Sentence& sentence, std::size_t from = 0) const {
    Real product(1);
    for (std::size_t t = from; t < sentence.size(); ++t) product *= conditional(sentence, t);
    return product;
  }

 private:
  Random random_;
};

std::vector<Sentence> all_sentences() {
  std::vector<Sentence> all;
  const auto count = static_cast<std::int64_t>(std::pow(kWords, kLength));
  for (std::int64_t k = 0; k < count; ++k) {
    Sentence s;
    for (std::int64_t t = 0, rest = k; t < kLength; ++t, rest /= kWords) s.push_back(rest % kWords);
    all.push_back(s);
  }
  return all;
}

TestCase sentence_case(const Problem& p, const Model& model, const Sentence& sentence) {
  std::vector<double> rows;
  for (std::size_t t = 0; t < sentence.size(); ++t) {
    const std::vector<double> z = model.logits(sentence, t);
    rows.insert(rows.end(), z.begin(), z.end());
  }
  return index_case(p, rows, sentence);
}

/// References of all sentences in one type.
using SentenceReferences = std::vector<std::unique_ptr<Reference>>;

SentenceReferences references_of(const Problem& p, const Model& model,
                           const std::vector<Sentence>& sentences) {
  SentenceReferences all;
  for (const Sentence& s : sentences) {
    all.push_back(std::make_unique<Reference>(sentence_case(p, model, s)));
  }
  return all;
}

void check_sentences(ClaimEvidence& e, const Subject& s, const Model& model,
                     const std::vector<Sentence>& sentences, SentenceReferences& references) {
  double sum = 0, allowed = rounding(kLength * static_cast<std::int64_t>(sentences.size()));
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    Reference& reference = *references[i];
    const TestCase& c = reference.test_case();
    const double bound = loss_bound(reference, s.kernel.budget(c.problem), 0);
    const double nll = answer(s, c).loss.at(0);
    const Real joint = model.joint(sentences[i]);
    const Judgement j = judge_value(nll, c.problem.output_dtype(), bound, "sentence's loss",
                                    [&](int) { return to_enclosure(Real(-log_of(joint))); });
    demand(e, j.verdict == Verdict::pass, "against -log of the joint: " + j.message);
    sum += std::exp(-nll);
    allowed += upper_double(joint) * std::expm1(bound);
    ++e.cases;
  }
  demand(e, std::fabs(sum - 1) <= allowed,
         fmt::format("exp(-loss) of all sentences adds up to {:.17g}, bound {:.3g}", sum,
                     allowed));
}

}  // namespace

ClaimEvidence study_chain_rule(const ClaimContext& context) {
  ClaimEvidence e;
  const Model model(Random(context.seed).stream(0x50));
  const std::vector<Sentence> sentences = all_sentences();
  Real total(0), without_first(0);
  for (const Sentence& s : sentences) {
    total += model.joint(s);
    without_first += model.joint(s, 1);
  }
  const Enclosure one = to_enclosure(total);
  std::map<DType, SentenceReferences> references;
  std::size_t judged = 0;
  study_each(context, {kProblem}, ClaimVerdict::tested, e, [&](const Subject& s) {
    ++judged;
    SentenceReferences& of_type = references[s.dtype];
    if (of_type.empty()) {
      of_type = references_of(problem_for(s, kProblem, kLength, kWords), model, sentences);
    }
    check_sentences(e, s, model, sentences, of_type);
  });
  ++e.checks;
  if (!(distance(1, one).lower <= 0) || one.rad > 0x1p-52) {
    e.verdict = ClaimVerdict::contradicted;
    e.reason = "the exact probabilities of all sentences do not add up to 1";
  }
  const Enclosure rest = to_enclosure(without_first);
  e.figures = {{"sum of the joint probabilities", one.hi, one.hi - one.rad, one.hi + one.rad, ""},
               {"the same product without P(x1)", rest.hi, rest.hi - rest.rad, rest.hi + rest.rad,
                ""}};
  e.evidence = fmt::format(
      "a model with a distribution after each prefix of up to {} of {} words, P(x1) included: the "
      "exact probabilities of its {} sentences add up to 1, and the summed loss of {} is -log of "
      "the joint, within its bound",
      kLength - 1, kWords, sentences.size(), kernels_in_words(judged));
  return e;
}

}  // namespace xent
