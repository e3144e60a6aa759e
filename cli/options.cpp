// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>

#include "cli/terminal.h"
#include "core/error.h"
#include "core/text.h"

namespace xent {
namespace {

const std::vector<std::string> kCommands = {"list",   "verify", "bench",  "run",
                                            "claims", "selftest", "certify-exp", "report",
                                            "replay", "doctor"};
/// Those of the design that this version does not have yet.
const std::vector<std::string> kLater = {"hunt", "baseline"};

constexpr int kNames = 28;  ///< columns of option names
constexpr int kKeys = 15;   ///< columns of problem keys

/// Text behind a column of names: lines but the first are moved by whom they are given to.
std::string behind(int columns, const std::string& text) {
  std::string lines;
  const std::string all = wrapped(text, columns);
  for (std::string_view line : split(all, '\n')) {
    line.remove_prefix(std::min<std::size_t>(static_cast<std::size_t>(columns), line.size()));
    lines += (lines.empty() || line.empty() ? "" : "\n") + std::string(line);
  }
  return lines;
}

struct Help : CLI::Formatter {
  Help() { column_width(kNames); }
  std::string make_option_desc(const CLI::Option* option) const override {
    return behind(kNames, option->get_description());
  }
  std::string make_subcommand(const CLI::App* sub) const override {
    std::stringstream line;
    CLI::detail::format_help(line, sub->get_name(), behind(kNames, sub->get_description()), kNames);
    return line.str();
  }
  std::string make_description(const CLI::App* app) const override {
    return wrapped(app->get_description(), 0);
  }
};

std::string problem_help() {
  std::string text = "Problems are words key=value; lists and ranges make several:\n"
                     "  op=ce n=3 v=10,100:130:10 dtype=f32,f64\nKeys:\n";
  for (const ProblemKey& k : problem_keys()) {
    std::string lines = wrapped(k.help, kKeys);
    const std::string key = "  " + std::string(k.key);
    text += lines.replace(0, key.size(), key);
  }
  return text;
}

/// As a user would type it, without its value.
std::string option_word(const std::string& word) { return word.substr(0, word.find('=')); }

std::string unexpected(const CLI::App& command, const std::vector<std::string>& words) {
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const std::string& word : words) {
    if (!word.starts_with('-')) continue;
    return "unknown option '" + option_word(word) + "'" + nearest_hint(option_word(word), known);
  }
  return command.get_name() + ": '" + words.front() + "' is too much";
}

/// "list: give kernels, properties ...": the first argument that is missing.
std::string missing(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_required() || option->count() > 0) continue;
    std::string what = option->get_description();
    what[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(what[0])));
    return command.get_name() + ": give " + what;
  }
  return command.get_name() + ": something is missing";
}

/// Help at the terminal's width, with the problem grammar and the exit codes.
void explain(CLI::App& app) {
  const auto help = std::make_shared<Help>();
  app.formatter(help);
  for (CLI::App* command : app.get_subcommands({})) command->formatter(help);
  app.footer(problem_help() +
             wrapped("Exit codes: 0 all passed, 1 a failure, 2 wrong use, 3 internal error, "
                     "4 inconclusive, 5 nothing was judged.", 0));
}

/// What is wrong with the command line, as one line that says what to do.
std::string complaint(CLI::App& app, const CLI::ParseError& error) {
  std::string text = error.what();
  std::replace(text.begin(), text.end(), '\n', ' ');
  const std::vector<CLI::App*> commands = app.get_subcommands();
  if (commands.empty()) return text + "; see xentcheck --help";
  const CLI::App& command = *commands.front();
  const std::vector<std::string> words = app.remaining(true);
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (code == CLI::ExitCodes::ExtrasError && !words.empty()) text = unexpected(command, words);
  if (code == CLI::ExitCodes::RequiredError) text = missing(command);
  return text + "; see xentcheck " + command.get_name() + " --help";
}

void parse_shard(const std::string& text, Options& o) {
  const auto parts = split(text, '/');
  const auto index = parts.size() == 2 ? parse_integer(parts[0]) : std::nullopt;
  const auto count = parts.size() == 2 ? parse_integer(parts[1]) : std::nullopt;
  if (!index || !count || *index < 1 || *count < *index) {
    throw UsageError("--shard " + text + ": give I/N with 1 <= I <= N");
  }
  o.shard = *index - 1;
  o.shards = *count;
}

void parse_budget(const std::string& text, Options& o) {
  std::string digits = text;
  if (!digits.empty() && digits.back() == 's') digits.pop_back();
  const auto seconds = parse_double(digits);
  if (!seconds || !(*seconds > 0)) throw UsageError("--budget " + text + ": give seconds, as 60s");
  o.budget_seconds = *seconds;
}

void parse_seed(const std::string& text, Options& o) {
  std::string digits = text;
  std::transform(digits.begin(), digits.end(), digits.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  const auto seed = parse_hex(digits.starts_with("0x") ? digits.substr(2) : digits);
  if (!seed) throw UsageError("--seed " + text + ": give up to 16 hexadecimal digits, as 5eed");
  o.seed = *seed;
}

std::int64_t count(const std::string& option, const std::string& text, std::int64_t most) {
  const auto n = parse_integer(text);
  if (n && *n >= 1 && *n <= most) return *n;
  throw UsageError(option + " " + text + ": give a whole number from 1 to " + std::to_string(most));
}

double amount(const std::string& option, const std::string& text, const char* unit, bool zero) {
  const auto x = parse_double(text);
  if (x && std::isfinite(*x) && (*x > 0 || (zero && *x == 0))) return *x;
  throw UsageError(option + " " + text + ": give " + unit);
}

struct Texts {
  std::string shard, budget, seed, cases, jobs, every, threads, deadline, memory;
};

void add_what(CLI::App* app, Options& o) {
  app->add_option("-k,--kernel", o.kernels,
                  "Kernels: a name, a glob (products only) or role:GLOB; may be repeated");
}

/// Kernels that are not built in. One value an option: the next word may be another argument.
void add_strangers(CLI::App* app, Options& o, Texts& t) {
  app->add_option("--library", o.libraries,
                  "Kernels of a shared library, FILE.so or FILE.so:GLOB; may be repeated; without "
                  "--kernel no others")
      ->allow_extra_args(false);
  app->add_option("--python", o.pythons,
                  "A function of a Python file, FILE.py:FUNCTION; may be repeated")
      ->allow_extra_args(false);
  app->add_option("--interpreter", o.interpreter,
                  "That runs --python; default: doctor's first that has numpy");
  app->add_option("--deadline", t.deadline,
                  "Seconds of processor that a call of theirs may take (20)");
  app->add_option("--memory", t.memory,
                  "GiB that their process may take beyond the tensors (8); 0: no limit");
}

/// How kernels are called.
void add_calls(CLI::App* app, Options& o, Texts& t) {
  app->add_option("--promise", o.promise, "Judge as if promised: a list as repeatable,shift-exact");
  app->add_option("--threads", t.threads, "Threads that a kernel may use (1)");
}

/// How much is judged, and on how many threads.
void add_amount(CLI::App* app, Options& o, Texts& t) {
  app->add_option("--profile", o.profile, "How much: smoke (default), ci or nightly");
  app->add_option("--budget", t.budget, "Wall-clock limit of the judging, as 60s");
  app->add_option("--cases", t.cases,
                  "Cases for each property, at least one a domain unless they are large");
  app->add_option("--seed", t.seed, "Seed, hexadecimal");
  app->add_option("--jobs", t.jobs, "Threads of the judge; results do not depend on it");
}

void add_how(CLI::App* app, Options& o, Texts& t) {
  app->add_option("--problem", o.selection.problem, "Narrows the problems; see `xentcheck --help`");
  app->add_option("--property", o.selection.properties, "Properties, by id or glob");
  app->add_option("--domain", o.selection.domains, "Domains of inputs, by name or glob");
  app->add_option("--dialect", o.selection.dialect,
                  "Answers to the edge questions; see `xentcheck list dialects`");
  app->add_option("--tensors", o.tensors, "Judge captured tensors: a .npz with logits and targets");
  add_calls(app, o, t);
  add_amount(app, o, t);
  app->add_option("--shard", t.shard, "Judge part I of N: I/N");
  app->add_flag("--peers", o.peers, "Time the libraries that were built beside the program, too");
  app->add_option("--shapes", o.shapes,
                  "Time a preset of problems: limits (f32, bf16, f16, 10 to 262144 classes, in "
                  "place too); --problem narrows it");
  app->add_flag("--in-place", o.in_place,
                "Time gradients over the logits, too, where a kernel promises it");
  app->add_flag("--include-failing", o.include_failing, "Time what failed, too, and mark it");
  app->add_flag("--strict", o.strict, "Findings count as failures");
  app->add_flag("--keep-going", o.keep_going, "Time what passed although something failed");
}

void add_out(CLI::App* app, Options& o) {
  app->add_option("--out", o.out, "Folder for results.json and reports");
  app->add_flag("--md", o.markdown, "Write report.md");
  app->add_flag("--html", o.html, "Write index.html");
  app->add_flag("--junit", o.junit, "Write junit.xml");
}

void add_commands(CLI::App& app, Options& o, Texts& t) {
  const std::vector<std::pair<const char*, const char*>> judging = {
      {"verify", "Judge kernels"},
      {"bench", "Time what passes (verifies first)"},
      {"run", "Verify, bench, report: the main job"}};
  for (const auto& [name, help] : judging) {
    CLI::App* sub = app.add_subcommand(name, help);
    add_what(sub, o);
    add_strangers(sub, o, t);
    add_how(sub, o, t);
    add_out(sub, o);
  }
  CLI::App* claims =
      app.add_subcommand("claims", "The ledger: each claim, its evidence, its verdict");
  claims->add_option("claim", o.claims, "Claims, by id or glob; all by default");
  add_what(claims, o);
  add_amount(claims, o, t);
  claims->add_option("--data", o.data, "Experiments: CSV of numbers, class in the last column");
  claims->add_option("--text", o.text, "Experiments: a text file to model");
  add_out(claims, o);
  CLI::App* selftest =
      app.add_subcommand("selftest", "Who kills whom: kernels wrong on purpose x properties");
  selftest->add_option("-k,--kernel", o.kernels, "Mutants, by name or glob; all by default");
  selftest->add_option("--property", o.selection.properties, "Properties, by id or glob");
  add_amount(selftest, o, t);
  add_out(selftest, o);
  CLI::App* certify = app.add_subcommand(
      "certify-exp", "A kernel's own binary32 exponential, on every argument there is");
  add_what(certify, o);
  add_strangers(certify, o, t);
  certify->add_option("--every", t.every, "A quick look: each N-th argument; certifies nothing");
  certify->add_option("--jobs", t.jobs, "Threads; results do not depend on it");
  add_out(certify, o);
  CLI::App* list = app.add_subcommand("list", "What there is");
  list->add_option("what", o.what, "kernels, properties, claims, domains, mutants or dialects")
      ->required();
  list->add_option("glob", o.glob, "Only names that match");
  list->add_option("--problem", o.selection.problem, "Say what each kernel makes of a problem");
  add_strangers(list, o, t);
  CLI::App* report = app.add_subcommand("report", "Render results again, or merge shards");
  report->add_option("results", o.files, "results.json files")->required();
  add_out(report, o);
  CLI::App* replay = app.add_subcommand("replay", "One saved case, with its numbers");
  replay->add_option("case", o.files, "A .case file")->required()->expected(1);
  add_what(replay, o);
  add_strangers(replay, o, t);
  replay->add_option("--property", o.selection.properties, "Instead of the one in the file");
  add_calls(replay, o, t);
  app.add_subcommand("doctor", "What this machine can run, what is missing, how to get it");
}

void refuse_later(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (std::find(kLater.begin(), kLater.end(), word) == kLater.end()) return;
  throw UsageError(word + ": not in this version");
}

/// No absolute path where a relative one does: lines are pasted into reports.
std::string program_from_here(const std::filesystem::path& typed) {
  if (!typed.is_absolute()) return typed.string();
  std::error_code failed;
  const auto relative = std::filesystem::relative(typed, failed);
  const bool below = !failed && !relative.empty() && *relative.begin() != "..";
  return below ? relative.string() : "xentcheck";
}

void require_command(int argc, char** argv) {
  if (argc < 2) throw UsageError("give a command: " + join(kCommands, ", ") + "; see --help");
  const std::string word = argv[1];
  const bool known = std::find(kCommands.begin(), kCommands.end(), word) != kCommands.end();
  if (known || word.starts_with('-')) return;
  throw UsageError("unknown command '" + word + "'" + nearest_hint(word, kCommands) +
                   "; see xentcheck --help");
}

void require_known_shapes(const Options& o) {
  if (o.shapes.empty() || o.shapes == "limits") return;
  throw UsageError("--shapes " + o.shapes + ": give limits, the only preset");
}

void take_numbers(const Texts& t, Options& o) {
  if (!t.shard.empty()) parse_shard(t.shard, o);
  if (!t.budget.empty()) parse_budget(t.budget, o);
  if (!t.seed.empty()) parse_seed(t.seed, o);
  if (!t.cases.empty()) o.cases = count("--cases", t.cases, 1000000);
  if (!t.every.empty()) o.every = count("--every", t.every, 1000000000);
  if (!t.jobs.empty()) o.jobs = static_cast<int>(count("--jobs", t.jobs, 256));
  if (!t.threads.empty()) o.threads = static_cast<int>(count("--threads", t.threads, 1024));
  if (!t.deadline.empty()) o.deadline = amount("--deadline", t.deadline, "seconds, as 60", false);
  if (!t.memory.empty()) o.memory = amount("--memory", t.memory, "GiB, as 4; 0: no limit", true);
}

}  // namespace

std::optional<int> parse(int argc, char** argv, Options& o) {
  refuse_later(argc, argv);
  require_command(argc, argv);
  CLI::App app("Point it at a cross-entropy kernel: it proves how wrong the kernel can be.",
               "xentcheck");
  app.set_version_flag("--version", "xentcheck " XENTCHECK_VERSION);
  app.require_subcommand(1);
  o.jobs = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  Texts texts;
  add_commands(app, o, texts);
  explain(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e, std::cout, std::cerr);
  } catch (const CLI::ParseError& e) {
    throw UsageError(complaint(app, e));
  }
  o.command = app.get_subcommands().front()->get_name();
  o.program = program_from_here(argv[0]);
  o.line = o.program;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::string bare = word.substr(std::min(word.find_first_not_of('-'), word.size()));
    o.line += ' ';
    const bool plain_option = word.starts_with('-') && shell_word(bare) == bare;
    o.line += plain_option ? word : shell_word(word);
  }
  take_numbers(texts, o);
  require_known_shapes(o);
  return std::nullopt;
}

}  // namespace xent
