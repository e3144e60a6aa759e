// SPDX-License-Identifier: Apache-2.0
#include "cli/strangers.h"

#include <algorithm>
#include <map>
#include <set>

#include "cli/interpreters.h"
#include "cli/unavailable.h"
#include "core/error.h"
#include "core/text.h"
#include "impl/process/foreign.h"
#include "impl/registry.h"

namespace xent {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& p) {
  std::error_code ignored;
  return fs::exists(p, ignored);
}

/// FILE:REST at the last colon; a file of the whole name has none.
std::pair<std::string, std::string> file_and_rest(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || is_file(text)) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

fs::path one_path(const fs::path& p) {
  std::error_code failed;
  const fs::path canonical = fs::weakly_canonical(p, failed);
  return failed ? fs::absolute(p) : canonical;
}

/// A process of a library is there again within milliseconds, one of an interpreter in a second.
constexpr int kLibraryCrashes = 10000, kPythonCrashes = 100;

WorkerLimits limits_of(const Options& o, int crashes) {
  WorkerLimits limits;
  limits.cpu_seconds = o.deadline;
  limits.memory_bytes = static_cast<std::uint64_t>(o.memory * 0x1p30);
  limits.crashes = crashes;
  return limits;
}

/// The kernels of one file under the names that they have alone.
struct Loaded {
  std::vector<Stranger> kernels;
  std::size_t folders = 0;  ///< in front of their names
};

Loaded loaded(std::vector<Kernel> kernels, const fs::path& file, const std::string& option) {
  Loaded l;
  for (Kernel& k : kernels) {
    const std::string name = k.name;
    l.kernels.push_back({std::move(k), name, option, one_path(file)});
  }
  return l;
}

/// "scale/fast" of "mylib/scale/fast".
std::string inner_name(const std::string& name) { return name.substr(name.find('/') + 1); }

void want(Loaded& l, const std::string& file, const std::string& glob) {
  const bool full = glob.find_first_of("*?") == std::string::npos;
  std::vector<std::string> names;
  bool any = false;
  for (Stranger& s : l.kernels) {
    const std::string inner = inner_name(s.own_name);
    names.push_back(inner);
    const bool fits = glob.empty() || glob_match(glob, inner) || glob_match(glob, s.own_name);
    s.wanted |= fits;
    any |= fits;
  }
  if (any || !full || glob.empty()) return;
  throw UsageError(file + " has no kernel '" + glob + "'" + nearest_hint(glob, names) +
                   "; `xentcheck list kernels --library " + file + "` shows all");
}

/// What --library names, and for `--kernel cuda/GLOB` the library of ours that has them.
std::vector<std::string> library_texts(const Options& o) {
  std::vector<std::string> all = o.libraries;
  for (const std::string& pattern : o.kernels) {
    if (!pattern.starts_with("cuda/") || device().kernels.empty()) continue;
    all.push_back(fs::proximate(device().file).string() + ":" + inner_name(pattern));
  }
  return all;
}

/// Each file once, whatever the number of globs.
std::vector<Loaded> libraries(const Options& o) {
  std::vector<Loaded> all;
  std::map<fs::path, std::size_t> known;
  for (const std::string& text : library_texts(o)) {
    const auto [file, glob] = file_and_rest(text);
    if (file.empty()) throw UsageError("--library " + text + ": give FILE.so or FILE.so:GLOB");
    const auto [at, fresh] = known.emplace(one_path(file), all.size());
    if (fresh) {
      all.push_back(loaded(library_kernels(file, limits_of(o, kLibraryCrashes)), file,
                           " --library " + shell_word(file)));
    }
    want(all[at->second], file, glob);
  }
  return all;
}

std::vector<Loaded> python_functions(const Options& o) {
  std::vector<Loaded> all;
  std::set<std::pair<fs::path, std::string>> known;
  if (o.pythons.empty()) return all;
  const bool given = !o.interpreter.empty();
  const std::string interpreter = given ? o.interpreter : usual_interpreter();
  const std::string with = given ? " --interpreter " + shell_word(o.interpreter) : "";
  const WorkerLimits limits = limits_of(o, kPythonCrashes);
  for (const std::string& text : o.pythons) {
    const auto [file, function] = file_and_rest(text);
    if (file.empty() || function.empty()) {
      throw UsageError("--python " + text + ": give FILE.py:FUNCTION");
    }
    if (!known.emplace(one_path(file), function).second) continue;
    all.push_back(loaded(python_kernels(file, function, interpreter, limits), file,
                         " --python " + shell_word(text) + with));
    want(all.back(), file, "");
  }
  return all;
}

std::vector<std::string> folders_of(const fs::path& file) {
  std::vector<std::string> names;
  for (const fs::path& part : file.parent_path().relative_path()) names.push_back(part.string());
  return names;
}

/// The name with the last `count` folders of the file in front.
std::string long_name(const std::string& name, const fs::path& file, std::size_t count) {
  const std::vector<std::string> folders = folders_of(file);
  std::string text;
  for (std::size_t i = folders.size() - std::min(count, folders.size()); i < folders.size(); ++i) {
    text += folders[i] + "/";
  }
  return text + name;
}

std::string called(const Loaded& l, const Stranger& s) {
  return long_name(s.own_name, s.file, l.folders);
}

std::map<std::string, int> name_counts(const std::vector<Loaded>& all) {
  std::map<std::string, int> counts;
  for (const Kernel& k : builtin_kernels()) ++counts[k.name];
  for (const Loaded& l : all) {
    for (const Stranger& s : l.kernels) ++counts[called(l, s)];
  }
  return counts;
}

/// Files of which a name is not theirs alone get one folder more, until there are none.
void tell_apart(std::vector<Loaded>& all) {
  for (bool again = true; again;) {
    again = false;
    const std::map<std::string, int> counts = name_counts(all);
    for (Loaded& l : all) {
      const auto shared = std::find_if(
          l.kernels.begin(), l.kernels.end(),
          [&](const Stranger& s) { return counts.at(called(l, s)) > 1; });
      if (shared == l.kernels.end()) continue;
      if (l.folders == folders_of(shared->file).size()) {
        throw UsageError("two kernels are called " + called(l, *shared) +
                         ": rename one of the files");
      }
      ++l.folders;
      again = true;
    }
  }
}

}  // namespace

std::vector<Stranger> strangers(const Options& o) {
  std::vector<Loaded> all = libraries(o);
  for (Loaded& l : python_functions(o)) all.push_back(std::move(l));
  if (all.empty() && !o.interpreter.empty()) {
    throw UsageError("--interpreter is for --python FILE.py:FUNCTION, which is not given");
  }
  tell_apart(all);
  std::vector<Stranger> result;
  for (Loaded& l : all) {
    for (Stranger& s : l.kernels) {
      s.kernel.name = called(l, s);
      result.push_back(std::move(s));
    }
  }
  return result;
}

bool answers_to(const Stranger& s, std::string_view name) {
  const std::size_t most = folders_of(s.file).size();
  for (std::size_t i = 0; i <= most; ++i) {
    if (long_name(s.own_name, s.file, i) == name) return true;
  }
  return false;
}

}  // namespace xent
