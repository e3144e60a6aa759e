// SPDX-License-Identifier: Apache-2.0
#include "properties/counterexample.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>
#include <utility>

#include "core/case_file.h"
#include "core/error.h"
#include "core/text.h"
#include "properties/domain.h"
#include "properties/shrink.h"
#include "properties/workers.h"

namespace xent {
namespace {

/// One failure while it is made smaller.
class Failure {
 public:
  Failure(const ToShrink& f, const VerifyOptions& o)
      : f_(f), o_(o), message_(f.judgement.message) {}

  /// Still fails, and is still something the kernel is meant to do and does.
  bool stays(const TestCase& c) {
    if (o_.stop && *o_.stop) return false;
    const VerdictAlone no_more;
    const Judgement j = judged(c, f_.instead);
    const bool fails = j.verdict == Verdict::fail &&
                       (!f_.instead || judged(c, {}).verdict == Verdict::pass);
    if (fails) message_ = j.message;
    return fails;
  }

  /// In full, of the case that stayed last.
  Judgement judgement(const TestCase& c) const {
    Judgement j = judged(c, f_.instead);
    if (j.verdict != Verdict::fail) j.check(false, message_);
    return j;
  }

 private:
  /// Without a verdict where it was given up.
  Judgement judged(const TestCase& c, const BudgetOf& instead) const {
    Judgement j;
    try {
      if (!supports_property(*f_.property, *f_.kernel, c.problem)) return j;
      return judge_case(*f_.property, *f_.kernel, c, instead);
    } catch (const GivenUp&) {
    } catch (const KernelRaised& e) {
      j.check(false, e.what());
    }
    return j;
  }

  const ToShrink& f_;
  const VerifyOptions& o_;
  std::string message_;
};

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

/// A recipe of a case with many elements gets fewer attempts: they cost as much as the elements.
std::int64_t attempts_for(const Problem& p) {
  constexpr std::int64_t kElements = 1 << 20;
  return std::clamp<std::int64_t>(kElements / std::max<std::int64_t>(1, p.n * p.v), 4, 200);
}

/// Each attempt would take as long as the deadline.
bool is_hang(const ToShrink& f) {
  return f.judgement.message.find("raised: hang") != std::string::npos;
}

/// What breaks one property often breaks another: a witness of the kernel, as it is or in another
/// direction. Properties of one domain are stated of that domain's data only.
bool take_known(ToShrink& f, Failure& failure, const std::vector<TestCase>& known) {
  const std::vector<std::string>& domains = f.property->domains;
  if (domains.size() == 1 && domains.front() != "*") return false;
  // Lost digits may have another cause in each domain.
  if (f.instead) return false;
  for (const TestCase& witness : known) {
    if (witness.problem.dir == Dir::hvp) continue;
    for (const Dir dir : {witness.problem.dir, Dir::fwd, Dir::bwd, Dir::fwdbwd}) {
      TestCase c = witness;
      c.problem.dir = dir;
      if (!failure.stays(c)) continue;
      f.test_case = std::move(c);
      return true;
    }
  }
  return false;
}

void shrink_from_recipe(ToShrink& f, Failure& failure, bool as_it_is) {
  if (f.recipe.domain == "file") return;
  const auto made = [](const CaseRecipe& r) { return make_case(r.problem, r.domain, r.seed); };
  if (!as_it_is) {
    f.recipe = shrink_recipe(
        f.recipe, *f.space, [&](const CaseRecipe& r) { return failure.stays(made(r)); },
        attempts_for(f.recipe.problem));
  }
  f.test_case = made(f.recipe);
}

void make_smaller(ToShrink& f, Failure& failure, const VerifyOptions& o,
                  const std::vector<TestCase>& known, std::int64_t& steps) {
  const bool as_it_is = !o.shrink || is_hang(f);
  if (as_it_is || !take_known(f, failure, known)) shrink_from_recipe(f, failure, as_it_is);
  if (as_it_is) return;
  Shrunk s = shrink(f.test_case, [&](const TestCase& c) { return failure.stays(c); });
  f.test_case = std::move(s.test_case);
  steps = s.steps;
}

void build(ToShrink& f, const VerifyOptions& o, const std::vector<TestCase>& known) {
  Failure failure(f, o);
  Counterexample c;
  make_smaller(f, failure, o, known, c.shrink_steps);
  if (!is_hang(f)) f.judgement = failure.judgement(f.test_case);
  c.problem = to_text(f.test_case.problem);
  c.data = describe_data(f.test_case);
  c.message = f.judgement.message;
  f.found = std::move(c);
  if (o.out.empty()) return;
  save_witness(f.test_case, *f.kernel, f.property->id, f.file, o);
  f.found->file = f.file;
  f.found->replay = replay_line(o.out / f.file, *f.kernel, o);
}

/// Of each kernel one failure, then two, four, ...: a wave may use what those before it found,
/// whatever the number of threads.
std::vector<std::vector<ToShrink*>> waves(std::vector<ToShrink>& failures) {
  std::map<const Kernel*, std::size_t> met;
  std::vector<std::vector<ToShrink*>> all;
  for (ToShrink& f : failures) {
    const auto wave = static_cast<std::size_t>(std::bit_width(++met[f.kernel]) - 1);
    if (all.size() <= wave) all.resize(wave + 1);
    all[wave].push_back(&f);
  }
  return all;
}

void keep_witness(const ToShrink& f, std::vector<TestCase>& known) {
  constexpr std::int64_t kMostElements = 64;  // a trial of each costs next to nothing
  if (!f.found || f.test_case.input.size() > kMostElements) return;
  if (std::find(known.begin(), known.end(), f.test_case) == known.end()) {
    known.push_back(f.test_case);
  }
}

}  // namespace

void save_witness(const TestCase& c, const Kernel& k, const std::string& property,
                  const std::string& file, const VerifyOptions& o) {
  const std::filesystem::path path = o.out / file;
  std::filesystem::create_directories(path.parent_path());
  save_case(path, {c, k.name, property});
  save_npz(std::filesystem::path(path).replace_extension(".npz"), tensors_of(c));
}

std::string replay_line(const std::filesystem::path& file, const Kernel& k,
                        const VerifyOptions& o) {
  return fmt::format("{} replay {} --kernel {}{}", shell_word(o.program),
                     shell_word(file.string()), shell_word(k.name),
                     o.replay_options ? o.replay_options(k) : "");
}

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
  std::map<const Kernel*, std::vector<TestCase>> known;
  for (const ToShrink& f : failures) known[f.kernel];
  const auto total = static_cast<std::int64_t>(failures.size());
  for (const std::vector<ToShrink*>& wave : waves(failures)) {
    share_work(o.jobs, wave.size(), [&](std::size_t i) {
      try {
        build(*wave[i], o, known.at(wave[i]->kernel));
      } catch (const std::exception& e) {
        const std::scoped_lock lock(mutex);
        notes.push_back(fmt::format("counterexample of {}, {}: {}", wave[i]->kernel->name,
                                    wave[i]->property->id, e.what()));
      }
      const std::scoped_lock lock(mutex);
      ++done;
      if (o.progress) o.progress({done, total, total, "shrinking"});
    });
    for (const ToShrink* f : wave) keep_witness(*f, known[f->kernel]);
  }
  std::sort(notes.begin(), notes.end());
  return notes;
}

}  // namespace xent
