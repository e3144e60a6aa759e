// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>

#include "core/error.h"
#include "core/files.h"
#include "oracle/bound.h"
#include "properties/experiments/experiments.h"
#include "properties/experiments/laboratory.h"
#include "properties/experiments/ngram.h"
#include "properties/experiments/statistics.h"

namespace xent {
namespace {

constexpr const char* kDefaultText = "/usr/share/common-licenses/GPL-3";  // on every Debian
constexpr const char* kMean = "op=ce reduction=mean";
constexpr const char* kRows = "op=ce";
constexpr std::int64_t kJudged = 192;  // tokens whose exact loss is computed
// Micro-batches of unequal size that make up the judged tokens.
constexpr std::array<std::int64_t, 3> kBatches = {16, 64, 112};
constexpr int kOrders[] = {-1, 0, 1, 2, 3};

/// Tokens to be predicted: positions of the last tenth of the text.
struct Evaluation {
  const std::string& text;
  const NGram& model;
  std::size_t first;
  std::int64_t tokens;

  /// Log-probabilities as logits, and the tokens, of every `stride`-th position.
  TestCase test_case(Problem p, int order, std::int64_t n, std::int64_t stride) const {
    p.n = n;
    p.v = model.classes();
    std::vector<double> logits;
    std::vector<std::int64_t> targets;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::size_t at = first + static_cast<std::size_t>(i * stride);
      for (const double x : model.probabilities(text, at, order)) logits.push_back(std::log(x));
      targets.push_back(model.class_of(text[at]));
    }
    return index_case(p, logits, targets);
  }
};

/// A mean loss and the bound of its error.
struct Mean {
  double value;
  double bound;
};

Mean judged_mean(ClaimEvidence& e, const Subject& s, Reference& reference) {
  const TestCase& c = reference.test_case();
  const Output out = answer(s, c);
  demand_right(e, s, reference, out);
  return {out.loss.at(0), loss_bound(reference, s.kernel.budget(c.problem), 0)};
}

std::vector<std::int64_t> rows_from(std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> rows;
  for (std::int64_t r = first; r < first + count; ++r) rows.push_back(r);
  return rows;
}

/// References of the judged tokens: as one batch, in bits, and as micro-batches.
struct Judged {
  std::unique_ptr<Reference> whole, bits, perplexity;
  std::vector<std::unique_ptr<Reference>> batches;

  explicit Judged(const TestCase& c) : whole(std::make_unique<Reference>(c)) {
    TestCase other = c;
    other.problem.unit = Unit::bits;
    bits = std::make_unique<Reference>(other);
    other.problem.unit = Unit::perplexity;
    perplexity = std::make_unique<Reference>(other);
    std::int64_t first = 0;
    for (const std::int64_t n : kBatches) {
      batches.push_back(std::make_unique<Reference>(keep_rows(c, rows_from(first, n))));
      first += n;
    }
  }
};

/// The token mean is the mean of the micro-batches' means weighted by their tokens.
void check_batches(ClaimEvidence& e, const Subject& s, Judged& j, const Mean& whole) {
  double sum = 0, bound = whole.bound;
  for (std::size_t b = 0; b < j.batches.size(); ++b) {
    const Mean part = judged_mean(e, s, *j.batches[b]);
    const double share = static_cast<double>(kBatches[b]) / static_cast<double>(kJudged);
    sum += share * part.value;
    bound += share * part.bound + rounding(4) * std::fabs(share * part.value);
  }
  demand(e, std::fabs(sum - whole.value) <= bound,
         fmt::format("micro-batches give {:.9g}, the whole {:.9g}, bound {:.3g}", sum, whole.value,
                     bound));
}

/// exp of the mean in nats, 2 to the mean in bits, and the kernel's own perplexity. Whether the
/// kernel takes one of the latter.
bool check_units(ClaimEvidence& e, const Subject& s, Judged& j, const Mean& nats) {
  const std::int64_t before = e.cases;
  const double by_nats = std::exp(nats.value);
  const double slack = rounding(8) * (1 + std::fabs(nats.value));
  const auto near = [&](double other, double relative, const char* what) {
    demand(e, std::fabs(other - by_nats) <= by_nats * relative,
           fmt::format("perplexity {:.9g} in nats, {:.9g} {}", by_nats, other, what));
  };
  if (s.kernel.supports(j.bits->test_case().problem)) {
    ++e.cases;
    const Mean bits = judged_mean(e, s, *j.bits);
    near(std::exp2(bits.value), std::expm1(nats.bound + bits.bound * M_LN2 + slack), "in bits");
  }
  if (s.kernel.supports(j.perplexity->test_case().problem)) {
    ++e.cases;
    const Mean own = judged_mean(e, s, *j.perplexity);
    near(own.value, std::expm1(nats.bound + slack) + own.bound / by_nats, "by unit=perplexity");
  }
  return e.cases > before;
}

/// A text, the model of its first nine tenths, the tokens of the rest.
struct Corpus {
  std::string name, text;
  std::unique_ptr<NGram> model;
  std::unique_ptr<Evaluation> evaluation;

  Corpus(const std::filesystem::path& path, std::int64_t most)
      : name(path.filename().string()), text(read_bytes(path)) {
    const std::size_t first = text.size() * 9 / 10;
    const auto tokens = static_cast<std::int64_t>(text.size() - first);
    if (tokens < kJudged) {
      throw UsageError(fmt::format("{}: {} bytes; needs {} at least", name, text.size(),
                                   10 * kJudged));
    }
    model = std::make_unique<NGram>(std::string_view(text).substr(0, first));
    evaluation = std::make_unique<Evaluation>(
        Evaluation{text, *model, first, std::min(tokens, most)});
  }
};

/// Perplexity on all tokens, with an interval over the tokens; by the loss of each.
Estimate perplexity(const Subject& s, const TestCase& all) {
  const Estimate nats = mean_estimate(numbers(answer(s, all).loss));
  return {std::exp(nats.value), std::exp(nats.low), std::exp(nats.high)};
}

struct TextStudy {
  const Corpus& corpus;
  ClaimEvidence& e;
  std::map<std::pair<DType, int>, std::unique_ptr<Judged>> judged = {};
  std::size_t kernels = 0, with_units = 0;
  Series curve = {"n-grams of bytes", {}, {}, true};

  void run(const Subject& s) {
    const Evaluation& v = *corpus.evaluation;
    bool units = false;
    for (const int order : kOrders) {
      auto& j = judged[{s.dtype, order}];
      if (!j) {
        const std::int64_t stride = v.tokens / kJudged;
        j = std::make_unique<Judged>(
            v.test_case(problem_for(s, kMean, 1, 2), order, kJudged, stride));
      }
      const Mean nats = judged_mean(e, s, *j->whole);
      check_batches(e, s, *j, nats);
      units |= check_units(e, s, *j, nats);
      ++e.cases;
      if (kernels == 0) add_figure(s, order);
    }
    ++kernels;
    with_units += units;
  }

  void add_figure(const Subject& s, int order) {
    const Evaluation& v = *corpus.evaluation;
    const Estimate all =
        perplexity(s, v.test_case(problem_for(s, kRows, 1, 2), order, v.tokens, 1));
    const std::string context = order < 0    ? "without a model (uniform)"
                                : order == 1 ? "given 1 byte"
                                             : fmt::format("given {} bytes", order);
    e.figures.push_back(figure("perplexity " + context, all));
    if (order < 0) return;
    curve.x.push_back(order);
    curve.y.push_back(all.value);
  }
};

}  // namespace

ClaimEvidence study_text_model(const ClaimContext& context) {
  ClaimEvidence e;
  const std::filesystem::path path =
      context.text.empty() ? std::filesystem::path(kDefaultText) : context.text;
  if (context.text.empty() && !std::filesystem::exists(path)) {
    e.verdict = ClaimVerdict::skipped;
    e.reason = fmt::format("no {} on this machine; name a text with --text", kDefaultText);
    return e;
  }
  const Corpus corpus(path, is_smoke(context) ? 4000 : 20000);
  TextStudy study{corpus, e};
  study_each(context, {kMean, kRows}, ClaimVerdict::tested, e,
             [&](const Subject& s) { study.run(s); });
  e.plots.push_back({fmt::format("Perplexity of the last tenth of {}", corpus.name),
                     "bytes of context", "perplexity", false, true, {study.curve}});
  e.evidence = fmt::format(
      "models of bytes with 0 to {} bytes of context, trained on nine tenths of {}, evaluated on "
      "{} bytes of the rest; {} of them by {} against the oracle: micro-batches of unequal size, "
      "weighted by tokens, give the whole's mean, and means in nats and in bits (of {}) give one "
      "perplexity",
      NGram::kHighestOrder, corpus.name, corpus.evaluation->tokens, kJudged,
      kernels_in_words(study.kernels), kernels_in_words(study.with_units));
  return e;
}

}  // namespace xent
