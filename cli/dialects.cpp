// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/terminal.h"
#include "core/dialect.h"
#include "core/kernel.h"
#include "core/text.h"

namespace xent {
namespace {

using Columns = std::vector<const Dialect*>;

constexpr int kQuestionWidth = 27;
constexpr int kCellWidth = 13;

std::string_view short_name(Answer a) {
  switch (a) {
    case Answer::zero: return "0";
    case Answer::plus_inf: return "+inf";
    case Answer::nan: return "NaN";
    case Answer::undefined: return "?";
    case Answer::absent: return "-";
    case Answer::value:
    case Answer::error:
    case Answer::clamped: break;
  }
  return name(a);
}

std::string cell(const DialectEntry& e) {
  if (e.loss == e.grad) return std::string(short_name(e.loss));
  return fmt::format("{} / {}", short_name(e.loss), short_name(e.grad));
}

std::string without_trailing_blanks(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void print_table(const Columns& columns) {
  std::string head = fmt::format("{:<{}}", "question: loss / gradient", kQuestionWidth);
  for (const Dialect* d : columns) head += fmt::format("{:<{}}", d->name, kCellWidth);
  fmt::print("{}\n", bold(without_trailing_blanks(head)));
  for (int i = 0; i < kQuestions; ++i) {
    const auto q = static_cast<Question>(i);
    std::string line = fmt::format("{:<{}}", name(q), kQuestionWidth);
    for (const Dialect* d : columns) line += fmt::format("{:<{}}", cell(d->at(q)), kCellWidth);
    fmt::print("{}\n", without_trailing_blanks(line));
  }
}

/// For terminals that are too narrow for the table.
void print_blocks(const Columns& columns) {
  for (int i = 0; i < kQuestions; ++i) {
    const auto q = static_cast<Question>(i);
    fmt::print("{}\n", bold(name(q)));
    for (const Dialect* d : columns) fmt::print("    {:<9}{}\n", d->name, cell(d->at(q)));
  }
}

void print_reasons(const Dialect& d) {
  fmt::print("\n{}\n", bold(fmt::format("{}: the question, and why the answer", d.name)));
  for (int i = 0; i < kQuestions; ++i) {
    const auto q = static_cast<Question>(i);
    fmt::print("{}\n{}", name(q), wrapped(fmt::format("{}\n{}", meaning(q), d.at(q).note), 4));
  }
}

/// One paragraph a topic; dialects that say the same share a line.
void print_notes(const Columns& columns) {
  fmt::print("\n{}\n", bold("choices"));
  for (std::size_t topic = 0; topic < columns.front()->notes.size(); ++topic) {
    const DialectNote& first = columns.front()->notes[topic];
    fmt::print("{}{}\n", first.topic, follows_convention(first.topic) ? " *" : "");
    std::set<std::string_view> said;
    for (const Dialect* d : columns) {
      const std::string_view answer = d->notes[topic].answer;
      if (!said.insert(answer).second) continue;
      std::vector<std::string> who;
      for (const Dialect* other : columns) {
        if (other->notes[topic].answer == answer) who.emplace_back(other->name);
      }
      fmt::print("{}", wrapped(fmt::format("{}: {}", join(who, ", "), answer), 4));
    }
  }
}

std::string sources(const Dialect& d) {
  std::set<std::string> all;
  for (const DialectEntry& e : d.entries) all.emplace(e.source);
  for (const DialectNote& n : d.notes) all.emplace(n.source);
  return join({all.begin(), all.end()}, ", ");
}

void print_legend(const Columns& columns) {
  std::string text =
      "One word: loss and gradient alike. value: the formula's (core/OPTIONS.md), with exp(-inf) = "
      "0 and 0 * log 0 = 0; ?: no answer, or one that these words cannot say: not judged; clamped: "
      "the logarithm is; error: the call is refused; -: no such option.\n"
      "*: the oracle computes as the problem's dialect says; the other choices are only stated.\n";
  for (const Dialect* d : columns) text += fmt::format("{}: {}. ", d->name, sources(*d));
  text += "Executed: a test asks the library itself; from source: read, not run.";
  if (columns.size() > 1) text += "\nReasons: xentcheck list dialects NAME";
  fmt::print("\n{}", wrapped(text, 0));
}

}  // namespace

Exit list_dialects(const std::string& glob) {
  Columns columns;
  for (const Dialect& d : dialects()) {
    if (glob_match(glob, d.name)) columns.push_back(&d);
  }
  if (columns.empty()) {
    fmt::print("nothing matches {}\n", glob);
    return Exit::nothing;
  }
  const int needed = kQuestionWidth + kCellWidth * static_cast<int>(columns.size());
  needed <= terminal_width() ? print_table(columns) : print_blocks(columns);
  if (columns.size() == 1) print_reasons(*columns.front());
  print_notes(columns);
  print_legend(columns);
  return Exit::ok;
}

}  // namespace xent
