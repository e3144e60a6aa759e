// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "core/dialect.h"
#include "core/error.h"
#include "core/problem.h"
#include "core/text.h"

namespace xent {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw UsageError(one_line("problem: " + why)); }

[[noreturn]] void bad_value(std::string_view key, std::string_view value,
                            std::string_view allowed) {
  refuse(fmt::format("{}={} is not one of: {}", key, value, allowed));
}

template <class E>
E parse_name(std::string_view key, std::string_view value, std::span<const E> all) {
  std::vector<std::string> names;
  for (const E candidate : all) {
    if (name(candidate) == value) return candidate;
    names.emplace_back(name(candidate));
  }
  bad_value(key, value, join(names, " "));
}

std::int64_t integer(std::string_view key, std::string_view value) {
  if (const auto number = parse_integer(value)) return *number;
  refuse(fmt::format("{}={} is not a whole number of 64 bits", key, value));
}

double real(std::string_view key, std::string_view value) {
  if (const auto number = parse_double(value)) return *number + 0.0;  // -0 becomes 0
  refuse(fmt::format("{}={} is not a number", key, value));
}

constexpr std::array kOps{Op::ce, Op::bce_logits, Op::bce_prob, Op::entropy, Op::cross_entropy,
                          Op::kl, Op::lse, Op::nll, Op::mse_softmax, Op::mse_sigmoid};
constexpr std::array kDirs{Dir::fwd, Dir::bwd, Dir::fwdbwd, Dir::hvp};
constexpr std::array kFloats{DType::f64, DType::f32, DType::f16, DType::bf16};
constexpr std::array kTargets{TargetKind::index, TargetKind::prob};
constexpr std::array kReductions{Reduction::none, Reduction::sum, Reduction::mean};
constexpr std::array kUpstreams{Upstream::one, Upstream::scalar, Upstream::row};
constexpr std::array kLayouts{Layout::nc, Layout::bct, Layout::btv};
constexpr std::array kUnits{Unit::nats, Unit::bits, Unit::perplexity};

std::optional<DType> parse_optional_dtype(std::string_view key, std::string_view value) {
  if (value == "auto") return std::nullopt;
  for (const DType dtype : kFloats) {
    if (name(dtype) == value) return dtype;
  }
  bad_value(key, value, "f64 f32 f16 bf16 auto");
}

std::string print_optional_dtype(const std::optional<DType>& dtype) {
  return std::string(dtype ? name(*dtype) : "auto");
}

void parse_denominator(Problem& p, std::string_view key, std::string_view value) {
  p.denominator_value = 0;
  for (const Denominator d : {Denominator::valid, Denominator::rows, Denominator::sequence}) {
    if (name(d) == value) {
      p.denominator = d;
      return;
    }
  }
  const auto number = parse_double(value);
  if (!number) bad_value(key, value, "valid rows sequence, or a number above 0");
  p.denominator = Denominator::number;
  p.denominator_value = *number;
}

std::string print_denominator(const Problem& p) {
  if (p.denominator == Denominator::number) return shortest(p.denominator_value);
  return std::string(name(p.denominator));
}

void parse_dialect(Problem& p, std::string_view key, std::string_view value) {
  std::vector<std::string> names;
  for (const Dialect& dialect : dialects()) names.emplace_back(dialect.name);
  if (std::find(names.begin(), names.end(), value) == names.end()) {
    bad_value(key, value, join(names, " "));
  }
  p.dialect = value;
}

bool parse_switch(std::string_view key, std::string_view value) {
  if (value != "on" && value != "off") bad_value(key, value, "on off");
  return value == "on";
}

using Parse = void (*)(Problem&, std::string_view key, std::string_view value);
using Print = std::string (*)(const Problem&);

struct Key {
  std::string_view key;
  std::string_view help;
  Parse parse;
  Print print;
  bool always = false;    // printed even when it has its default
  bool integral = false;  // takes ranges a:b:step
};

// The parse and print of a key whose field is an enumeration with a name() and a list of values.
template <auto Field, const auto& All>
void parse_enum(Problem& p, std::string_view key, std::string_view value) {
  using E = typename std::remove_cvref_t<decltype(All)>::value_type;
  p.*Field = parse_name<E>(key, value, All);
}
template <auto Field>
std::string print_enum(const Problem& p) {
  return std::string(name(p.*Field));
}
template <auto Field>
void parse_int(Problem& p, std::string_view key, std::string_view value) {
  p.*Field = integer(key, value);
}
template <auto Field>
std::string print_int(const Problem& p) {
  return std::to_string(p.*Field);
}
template <auto Field>
void parse_real(Problem& p, std::string_view key, std::string_view value) {
  p.*Field = real(key, value);
}
template <auto Field>
std::string print_real(const Problem& p) {
  return shortest(p.*Field);
}
template <auto Field>
void parse_format(Problem& p, std::string_view key, std::string_view value) {
  p.*Field = parse_optional_dtype(key, value);
}
template <auto Field>
std::string print_format(const Problem& p) {
  return print_optional_dtype(p.*Field);
}
void parse_ignore(Problem& p, std::string_view key, std::string_view value) {
  p.ignore_index.reset();
  if (value != "none") p.ignore_index = integer(key, value);
}
std::string print_ignore(const Problem& p) {
  return p.ignore_index ? std::to_string(*p.ignore_index) : "none";
}
void parse_weights(Problem& p, std::string_view key, std::string_view value) {
  p.weights = parse_switch(key, value);
}
std::string print_weights(const Problem& p) { return p.weights ? "on" : "off"; }
void parse_shift(Problem& p, std::string_view key, std::string_view value) {
  p.shift = parse_switch(key, value);
}
std::string print_shift(const Problem& p) { return p.shift ? "on" : "off"; }
std::string print_dialect(const Problem& p) { return p.dialect; }

constexpr std::array kKeys{
    Key{"op", "what is computed: ce bce-logits bce-prob entropy cross-entropy kl lse nll "
            "mse-softmax mse-sigmoid",
        parse_enum<&Problem::op, kOps>, print_enum<&Problem::op>, true},
    Key{"n", "rows, 0 or more", parse_int<&Problem::n>, print_int<&Problem::n>, true, true},
    Key{"v", "classes, 1 or more", parse_int<&Problem::v>, print_int<&Problem::v>, true, true},
    Key{"dtype", "type of the input: f64 f32 f16 bf16", parse_enum<&Problem::dtype, kFloats>,
        print_enum<&Problem::dtype>, true},
    Key{"dir", "fwd (loss) bwd (gradient) fwdbwd (both) hvp (Hessian-vector product)",
        parse_enum<&Problem::dir, kDirs>, print_enum<&Problem::dir>, true},
    Key{"targets", "index (class indices) or prob (a probability for each class)",
        parse_enum<&Problem::targets, kTargets>, print_enum<&Problem::targets>},
    Key{"reduction", "none (a loss for each row) sum mean",
        parse_enum<&Problem::reduction, kReductions>, print_enum<&Problem::reduction>},
    Key{"denominator", "what a mean divides by: valid rows sequence, or a number",
        parse_denominator, print_denominator},
    Key{"ignore", "target that marks an ignored row, or none", parse_ignore, print_ignore, false,
        true},
    Key{"smoothing", "label smoothing in [0, 1]", parse_real<&Problem::smoothing>,
        print_real<&Problem::smoothing>},
    Key{"weights", "class weights: on off", parse_weights, print_weights},
    Key{"zloss", "adds zloss * lse^2; 0: off", parse_real<&Problem::z_loss>,
        print_real<&Problem::z_loss>},
    Key{"softcap", "logits become cap * tanh(x / cap); 0: off", parse_real<&Problem::softcap>,
        print_real<&Problem::softcap>},
    Key{"scale", "logits are multiplied by it first", parse_real<&Problem::scale>,
        print_real<&Problem::scale>},
    Key{"upstream", "gradient from above: one scalar row",
        parse_enum<&Problem::upstream, kUpstreams>, print_enum<&Problem::upstream>},
    Key{"layout", "nc [N,V], bct [B,V,T], btv [B,T,V]", parse_enum<&Problem::layout, kLayouts>,
        print_enum<&Problem::layout>},
    Key{"t", "positions in a sequence; divides n", parse_int<&Problem::t>,
        print_int<&Problem::t>, false, true},
    Key{"shift", "the label at t + 1 scores position t: on off", parse_shift, print_shift},
    Key{"stride", "elements from row to row; 0: contiguous", parse_int<&Problem::stride>,
        print_int<&Problem::stride>, false, true},
    Key{"acc", "type of the accumulation: f64 f32 f16 bf16 auto",
        parse_format<&Problem::accumulate>, print_format<&Problem::accumulate>},
    Key{"out", "type of loss and gradient: f64 f32 f16 bf16 auto (as the input)",
        parse_format<&Problem::output>, print_format<&Problem::output>},
    Key{"dialect", "answers to the questions on which libraries differ", parse_dialect,
        print_dialect},
    Key{"unit", "of the loss: nats bits perplexity", parse_enum<&Problem::unit, kUnits>,
        print_enum<&Problem::unit>},
};

const Key& find_key(std::string_view text) {
  std::vector<std::string> names;
  for (const Key& key : kKeys) {
    if (key.key == text) return key;
    names.emplace_back(key.key);
  }
  refuse(fmt::format("unknown key '{}'{}", text, nearest_hint(text, names)));
}

struct Word {
  const Key* key;
  std::string_view value;
};

std::vector<Word> read_words(std::string_view text) {
  std::vector<Word> result;
  for (const std::string_view word : words(text)) {
    const std::size_t at = word.find('=');
    if (at == std::string_view::npos) {
      refuse(fmt::format("'{}' is not of the form key=value", word));
    }
    const Key& key = find_key(word.substr(0, at));
    const auto same = [&](const Word& earlier) { return earlier.key == &key; };
    if (std::any_of(result.begin(), result.end(), same)) {
      refuse(fmt::format("{} is given twice", key.key));
    }
    result.push_back({&key, word.substr(at + 1)});
  }
  return result;
}

constexpr std::size_t kMostProblems = 100000;

[[noreturn]] void too_many(std::string_view what) {
  refuse(fmt::format("{} makes more than {} problems", what, kMostProblems));
}

void expand_range(const Key& key, std::string_view part, std::vector<std::string>& values) {
  const std::vector<std::string_view> ends = split(part, ':');
  if (!key.integral || ends.size() > 3) {
    refuse(fmt::format("{}={} is not a range first:last:step of whole numbers",
                                 key.key, part));
  }
  const std::int64_t first = integer(key.key, ends[0]);
  const std::int64_t last = integer(key.key, ends[1]);
  const std::int64_t step = ends.size() == 3 ? integer(key.key, ends[2]) : 1;
  if (step < 1 || last < first) {
    refuse(fmt::format("range {}={} is empty; write first:last:step with a "
                                 "step of 1 or more",
                                 key.key, part));
  }
  // Unsigned: last - first may exceed the signed range.
  const std::uint64_t more =
      (static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first)) /
      static_cast<std::uint64_t>(step);
  if (more >= kMostProblems) too_many(part);
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(more); ++i) {
    values.push_back(std::to_string(first + i * step));
  }
}

std::vector<std::string> expand(const Word& word) {
  std::vector<std::string> values;
  for (const std::string_view part : split(word.value, ',')) {
    if (part.find(':') != std::string_view::npos) {
      expand_range(*word.key, part, values);
    } else {
      values.emplace_back(part);
    }
  }
  return values;
}

}  // namespace

std::string to_text(const Problem& problem) {
  static const Problem defaults;
  std::string text;
  for (const Key& key : kKeys) {
    const std::string value = key.print(problem);
    if (!key.always && value == key.print(defaults)) continue;
    if (!text.empty()) text += ' ';
    text += fmt::format("{}={}", key.key, value);
  }
  return text;
}

Problem parse_problem(std::string_view text) {
  Problem problem;
  for (const Word& word : read_words(text)) word.key->parse(problem, word.key->key, word.value);
  validate(problem);
  return problem;
}

std::vector<Problem> parse_problems(std::string_view text, const Problem& base) {
  std::vector<Problem> problems{base};
  for (const Word& word : read_words(text)) {
    const std::vector<std::string> values = expand(word);
    if (problems.size() * values.size() > kMostProblems) too_many(text);
    std::vector<Problem> product;
    for (const Problem& problem : problems) {
      for (const std::string& value : values) {
        product.push_back(problem);
        word.key->parse(product.back(), word.key->key, value);
      }
    }
    problems = std::move(product);
  }
  for (const Problem& problem : problems) validate(problem);
  return problems;
}

std::vector<ProblemKey> problem_keys() {
  std::vector<ProblemKey> keys;
  for (const Key& key : kKeys) keys.push_back({key.key, key.help});
  return keys;
}

}  // namespace xent
