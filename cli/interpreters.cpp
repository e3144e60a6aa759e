// SPDX-License-Identifier: Apache-2.0
#include "cli/interpreters.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "core/text.h"

namespace xent {
namespace {

constexpr std::array<const char*, 4> kPackages = {"numpy", "torch", "jax", "triton"};

/// Prints its prefix, its version, and of each package its version or nothing.
constexpr const char* kQuestion =
    "import sys, importlib.metadata as m\n"
    "def version(name):\n"
    "    try:\n"
    "        return m.version(name)\n"
    "    except m.PackageNotFoundError:\n"
    "        return ''\n"
    "print(sys.prefix, '%d.%d.%d' % sys.version_info[:3], *map(version, sys.argv[1:]), sep='\\t')";

std::string output_of(const std::string& command) {
  struct Close {
    void operator()(std::FILE* f) const { pclose(f); }
  };
  const std::unique_ptr<std::FILE, Close> pipe(popen(command.c_str(), "r"));
  std::string text;
  char buffer[512];
  while (pipe && std::fgets(buffer, sizeof buffer, pipe.get())) text += buffer;
  return text;
}

/// The prefix tells one Python under two names from two.
Interpreter ask(const std::string& path, std::string& prefix) {
  std::string command = "timeout 10 " + shell_word(path) + " -I -c " + shell_word(kQuestion);
  for (const char* name : kPackages) command += std::string(" ") + name;
  Interpreter found{path, {}, {}, {}};
  const std::string answer = output_of(command + " 2>/dev/null");
  const std::string line = answer.substr(0, answer.find('\n'));
  const auto parts = split(line, '\t');
  if (parts.size() != 2 + kPackages.size()) return found;
  prefix = parts[0];
  found.version = parts[1];
  for (std::size_t i = 0; i < kPackages.size(); ++i) {
    if (parts[i + 2].empty()) found.missing.emplace_back(kPackages[i]);
    else found.packages.push_back(std::string(kPackages[i]) + " " + std::string(parts[i + 2]));
  }
  return found;
}

std::vector<std::string> candidates() {
  std::vector<std::string> paths;
  for (const char* name : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const char* folder = std::getenv(name)) {
      paths.push_back(std::string(folder) + "/bin/python3");
    }
  }
  paths.emplace_back("/usr/bin/python3");
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : split(path ? path : "", ':')) {
    paths.push_back(std::string(folder) + "/python3");
  }
  std::erase_if(paths, [](const std::string& p) {
    std::error_code ignored;
    return !std::filesystem::exists(p, ignored);
  });
  return paths;
}

/// Each Python once, until `enough` says so.
template <class Enough>
std::vector<Interpreter> look(Enough enough) {
  std::vector<Interpreter> found;
  std::vector<std::string> asked, prefixes;
  for (const std::string& path : candidates()) {
    if (std::find(asked.begin(), asked.end(), path) != asked.end()) continue;
    asked.push_back(path);
    std::string prefix = path;
    Interpreter i = ask(path, prefix);
    if (std::find(prefixes.begin(), prefixes.end(), prefix) != prefixes.end()) continue;
    prefixes.push_back(prefix);
    found.push_back(std::move(i));
    if (enough(found.back())) break;
  }
  return found;
}

}  // namespace

bool Interpreter::has_numpy() const {
  return !packages.empty() && packages[0].starts_with("numpy");
}

std::vector<Interpreter> interpreters() {
  return look([](const Interpreter&) { return false; });
}

std::string usual_interpreter() {
  const std::vector<Interpreter> asked =
      look([](const Interpreter& i) { return i.has_numpy(); });
  return !asked.empty() && asked.back().has_numpy() ? asked.back().path : "python3";
}

}  // namespace xent
