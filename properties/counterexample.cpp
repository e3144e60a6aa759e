// SPDX-License-Identifier: Apache-2.0
#include "properties/counterexample.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "core/case_file.h"
#include "core/text.h"
#include "properties/domain.h"
#include "properties/shrink.h"
#include "properties/trial.h"
#include "properties/workers.h"

namespace xent {
namespace {

/// Still fails, and is still something the kernel is meant to do.
bool fails(const Property& p, const Kernel& k, const TestCase& c) {
  if (!supports_property(p, k, c.problem)) return false;
  const VerdictAlone no_more;
  return judge_case(p, k, c).verdict == Verdict::fail;
}

std::string row_text(const Tensor& t, std::int64_t row, std::int64_t width) {
  constexpr std::int64_t kMost = 12;
  std::string text;
  for (std::int64_t j = 0; j < std::min(width, kMost); ++j) {
    const std::int64_t i = row * width + j;
    if (j > 0) text += ", ";
    text += is_float(t.dtype) ? shortest(t.at(i)) : std::to_string(t.integer(i));
  }
  if (width > kMost) text += fmt::format(", ... {} in all", width);
  return text;
}

const char* input_name(Op op) {
  switch (op) {
    case Op::entropy: return "p";
    case Op::cross_entropy:
    case Op::kl: return "q";
    case Op::nll: return "log-probabilities";
    case Op::bce_prob: return "probabilities";
    case Op::ce:
    case Op::lse:
    case Op::bce_logits:
    case Op::mse_softmax:
    case Op::mse_sigmoid: break;
  }
  return "logits";
}

/// Of vector targets.
const char* target_name(Op op) {
  const bool pair = op == Op::cross_entropy || op == Op::kl;
  const bool binary = op == Op::bce_logits || op == Op::bce_prob || op == Op::mse_sigmoid;
  return pair ? "p" : binary ? "labels" : "targets";
}

void save(const Shrunk& s, const ToShrink& f, const VerifyOptions& o, std::size_t number) {
  const auto path = o.out / "counterexamples" / fmt::format("{}.case", number);
  std::filesystem::create_directories(path.parent_path());
  save_case(path, {s.test_case, f.kernel->name, f.property->id});
  save_npz(std::filesystem::path(path).replace_extension(".npz"), tensors_of(s.test_case));
  Counterexample& c = *f.row->counterexample;
  c.file = fmt::format("counterexamples/{}.case", number);
  c.replay = fmt::format("{} replay {} --kernel {}{}", shell_word(o.program),
                         shell_word(path.string()), f.kernel->name, o.replay_options);
}

/// A recipe of a case with many elements gets fewer attempts: they cost as much as the elements.
std::int64_t attempts_for(const Problem& p) {
  constexpr std::int64_t kElements = 1 << 20;
  return std::clamp<std::int64_t>(kElements / std::max<std::int64_t>(1, p.n * p.v), 4, 200);
}

void build(ToShrink& f, const VerifyOptions& o, std::size_t number) {
  const Property& p = *f.property;
  const Kernel& k = *f.kernel;
  const auto still_fails = [&](const TestCase& c) {
    return !(o.stop && *o.stop) && fails(p, k, c);
  };
  if (f.recipe.domain != "file") {
    f.recipe = shrink_recipe(
        f.recipe, *f.space,
        [&](const CaseRecipe& r) { return still_fails(make_case(r.problem, r.domain, r.seed)); },
        attempts_for(f.recipe.problem));
    f.test_case = make_case(f.recipe.problem, f.recipe.domain, f.recipe.seed);
  }
  const Shrunk s = shrink(f.test_case, still_fails);
  Counterexample c;
  c.problem = to_text(s.test_case.problem);
  c.data = describe_data(s.test_case);
  c.message = judge_case(p, k, s.test_case).message;
  c.shrink_steps = s.steps;
  f.row->counterexample = std::move(c);
  if (!o.out.empty()) save(s, f, o, number);
}

}  // namespace

std::string describe_data(const TestCase& c) {
  constexpr std::int64_t kMostRows = 6;
  const std::int64_t v = c.problem.v;
  std::vector<std::string> lines;
  for (std::int64_t r = 0; r < std::min(c.problem.n, kMostRows); ++r) {
    lines.push_back(fmt::format("{} [{}]", input_name(c.problem.op), row_text(c.input, r, v)));
    if (!c.target.empty() && has_vector_targets(c.problem)) {
      lines.push_back(fmt::format("{} [{}]", target_name(c.problem.op), row_text(c.target, r, v)));
    } else if (!c.target.empty()) {
      lines.back() += fmt::format(", target {}", c.label(r));
      if (!c.scored_class(r)) lines.back() += " (ignored)";
    }
    if (!c.direction.empty()) {
      lines.push_back(fmt::format("direction [{}]", row_text(c.direction, r, v)));
    }
  }
  if (c.problem.n > kMostRows) lines.push_back(fmt::format("... {} rows in all", c.problem.n));
  for (const auto& [what, tensor] : {std::pair{"weights", &c.weight}, {"upstream", &c.upstream}}) {
    if (tensor->empty()) continue;
    lines.push_back(fmt::format("{} [{}]", what, row_text(*tensor, 0, tensor->size())));
  }
  return join(lines, "\n");
}

std::vector<std::string> shrink_all(std::vector<ToShrink>& failures, const VerifyOptions& o) {
  std::mutex mutex;
  std::int64_t done = 0;
  std::vector<std::string> notes;
  const auto total = static_cast<std::int64_t>(failures.size());
  share_work(o.jobs, failures.size(), [&](std::size_t i) {
    try {
      build(failures[i], o, i + 1);
    } catch (const std::exception& e) {
      const std::scoped_lock lock(mutex);
      notes.push_back(fmt::format("counterexample of {}, {}: {}", failures[i].kernel->name,
                                  failures[i].property->id, e.what()));
    }
    const std::scoped_lock lock(mutex);
    ++done;
    if (o.progress) o.progress({done, total, total, "shrinking"});
  });
  std::sort(notes.begin(), notes.end());
  return notes;
}

}  // namespace xent
