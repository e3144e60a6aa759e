// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "core/dialect.h"
#include "core/error.h"
#include "core/text.h"
#include "impl/process/foreign.h"
#include "impl/process/foreign_kernel.h"
#include "include/xentcheck/kernel.h"

namespace xent {

namespace fs = std::filesystem;

namespace process {
namespace {

/// A kernel's line of the hello (protocol.h), as far as it is a Kernel.
struct Described {
  Kernel kernel;
  bool declares = false;
  bool on_device = false;
};

std::uint64_t number(std::string_view word) {
  std::uint64_t x = 0;
  std::from_chars(word.data(), word.data() + word.size(), x);
  return x;
}

Promises promises(std::uint64_t bits, std::uint64_t accuracy) {
  const auto has = [bits](std::uint64_t bit) { return (bits & bit) != 0; };
  Promises p;
  p.accuracy = static_cast<AccuracyClass>(std::min<std::uint64_t>(accuracy, XENTCHECK_DECLARED));
  p.repeatable = has(XENTCHECK_REPEATABLE);
  p.batch_invariant = has(XENTCHECK_BATCH_INVARIANT);
  p.alignment_invariant = has(XENTCHECK_ALIGNMENT_INVARIANT);
  p.thread_invariant = has(XENTCHECK_THREAD_INVARIANT);
  p.shift_exact = has(XENTCHECK_SHIFT_EXACT);
  p.sign_exact = has(XENTCHECK_SIGN_EXACT);
  p.in_place = has(XENTCHECK_IN_PLACE);
  return p;
}

void require_dialect(const std::string& kernel, const std::string& dialect) {
  if (dialect.empty()) return;
  std::vector<std::string> known;
  for (const Dialect& d : dialects()) known.emplace_back(d.name);
  if (std::find(known.begin(), known.end(), dialect) != known.end()) return;
  throw UsageError("kernel " + kernel + " has dialect '" + one_line(dialect) +
                   "', which is not known" + nearest_hint(dialect, known) +
                   "; `xentcheck list dialects` shows all");
}

Described described(const std::vector<std::string_view>& words, const std::string& prefix) {
  constexpr std::size_t kWords = 9;
  if (words.size() != kWords) throw UsageError("its host describes a kernel in a broken line");
  Described d;
  Kernel& k = d.kernel;
  k.name = prefix + std::string(words[1]);
  k.summary = one_line(words[2]);
  k.dialect = words[3];
  require_dialect(k.name, k.dialect);
  k.promises = promises(number(words[6]), number(words[5]));
  d.declares = number(words[7]) != 0;
  d.on_device = number(words[4]) != XENTCHECK_DEVICE_CPU;
  if (!d.declares && k.promises.accuracy == AccuracyClass::declared) {
    throw UsageError("kernel " + k.name + " declares its accuracy but has no budget");
  }
  const bool relative = k.promises.accuracy == AccuracyClass::relative;
  k.budget = relative ? ErrorBudget::relative : ErrorBudget::standard;
  if (number(words[8]) != 0) {
    k.exponential.compute = [](auto, auto) {};
    k.exponential.positive = number(words[8]) == 2;
  }
  return d;
}

std::string origin(const std::string& file, std::string_view version) {
  const std::string name = fs::path(file).filename().string();
  return version.empty() ? name : name + " " + one_line(version);
}

/// A library that computes on a device gets a host that may open one.
bool wants_device(std::string_view hello) {
  for (const std::string_view line : split(hello, '\n')) {
    const std::vector<std::string_view> words = split(line, '\t');
    if (words[0] == "kernel" && words.size() > 4 && number(words[4]) != XENTCHECK_DEVICE_CPU) {
      return true;
    }
  }
  return false;
}

bool is_c_host(const HostCommand& command) {
  return command.words.size() > 1 && command.words[1] == "c";
}

}  // namespace

std::vector<Kernel> host_kernels(HostCommand command, const WorkerLimits& limits,
                                 const std::string& prefix) {
  const std::string file = command.file;
  const auto pool = std::make_shared<Pool>(std::move(command), limits);
  try {
    std::int32_t code = 0;
    std::string text;
    pool->borrow([&](const Worker& worker) {
      code = worker.greeting().code;
      text = worker.greeting().text;
    });
    if (code != XENTCHECK_OK) throw UsageError(one_line(text));
    if (is_c_host(pool->command()) && wants_device(text)) {
      HostCommand with_device = pool->command();
      with_device.words[1] = "gpu";
      return host_kernels(std::move(with_device), limits, prefix);
    }
    std::vector<Kernel> kernels;
    std::string from = origin(file, "");
    for (const std::string_view line : split(text, '\n')) {
      const std::vector<std::string_view> words = split(line, '\t');
      if (words[0] == "library" && words.size() > 1) from = origin(file, words[1]);
      if (words[0] != "kernel") continue;
      Described d = described(words, prefix);
      d.kernel.origin = from;
      if (d.on_device) {
        d.kernel.origin += kOnDevice;
        d.kernel.untimed = "bench/gpu.sh times what is on a device";
      }
      const auto index = static_cast<std::uint32_t>(kernels.size());
      kernels.push_back(runnable(
          std::make_shared<ForeignKernel>(pool, index, std::move(d.kernel), d.declares)));
    }
    return kernels;
  } catch (const std::exception& e) {
    throw UsageError(file + ": " + e.what());
  }
}

HostCommand c_host(const fs::path& file, const WorkerLimits& limits) {
  const std::string host = (hosts_folder() / "xentcheck-host").string();
  return {{host, "c", std::to_string(limits.memory_bytes), file.string()},
          limits.environment,
          file.string()};
}

}  // namespace process

std::vector<Kernel> library_kernels(const fs::path& file, const WorkerLimits& limits) {
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) {
    throw UsageError("no library " + file.string() + ": name a shared library (.so)");
  }
  std::string stem = file.stem().string();
  if (stem.starts_with("lib") && stem.size() > 3) stem.erase(0, 3);
  process::HostCommand command = process::c_host(fs::absolute(file), limits);
  command.file = file.string();
  return process::host_kernels(std::move(command), limits, stem + "/");
}

}  // namespace xent
