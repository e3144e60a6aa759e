// SPDX-License-Identifier: Apache-2.0
// process_bench [INTERPRETER]: what a process of its own costs a kernel: the round trip of launch
// and wait above the call itself, and this process's memory for a case of 1 GiB.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/statistics.h"
#include "core/kernel.h"
#include "impl/process/foreign.h"
#include "properties/domain.h"

namespace {

using namespace xent;
namespace fs = std::filesystem;

constexpr int kCalls = 4000;

double now() {
  using Clock = std::chrono::steady_clock;
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

TestCase small_case() {
  return make_case(parse_problem("op=ce n=1 v=16 dtype=f32 dir=fwd"), "gaussian", 1);
}

struct RoundTrip {
  double whole = 0;   ///< median seconds of launch and wait, seen from here
  double inside = 0;  ///< median seconds of the call, by the host's clock
};

RoundTrip round_trip(const Kernel& k) {
  BindOptions options;
  options.timed = true;
  const std::unique_ptr<Invocation> one = k.bind(small_case(), options);
  one->reset();
  std::vector<double> whole;
  for (int i = 0; i < kCalls; ++i) {
    const double start = now();
    one->launch();
    one->wait();
    whole.push_back(now() - start);
  }
  const RoundTrip t{quantile(whole, 0.5), quantile(one->time(kCalls), 0.5)};
  if (const Faults f = one->faults(); !f.none()) throw std::runtime_error("it failed: " + f.raised);
  return t;
}

void print_round_trip(const char* what, double limit, const std::vector<Kernel>& kernels) {
  const RoundTrip t = round_trip(kernels.at(0));
  fmt::print("{:<34} {:8.1f} {:8.1f} {:8.1f} {:8.0f}\n", what, 1e6 * t.whole, 1e6 * t.inside,
             1e6 * (t.whole - t.inside), limit);
}

/// Bytes of /proc/self/status.
double status(const std::string& key) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return 1024 * std::stod(line.substr(key.size()));
  }
  return 0;
}

/// Resident memory of this process before a case of 1 GiB is bound and run, and the most during it.
void print_memory(const std::vector<Kernel>& kernels) {
  const TestCase c = make_case(parse_problem("op=ce n=2048 v=131072 dtype=f32 dir=fwd"),
                               "gaussian", 1);
  const double pages = static_cast<double>(c.input.bytes.size());
  std::ofstream("/proc/self/clear_refs") << "5";  // forget the peak
  const double before = status("VmRSS:");
  const RunRecord r = run(kernels.at(0), c);
  const double extra = status("VmHWM:") - before;
  fmt::print("\ncase of {:.0f} MiB: this process holds {:.1f} MiB more while it runs, {:.2f} % of "
             "the case{}\n", pages / 0x1p20, extra / 0x1p20, 100 * extra / pages,
             r.faults.none() ? "" : "; it failed: " + r.faults.raised);
}

/// What can't be had is said, not measured.
template <class F>
void attempt(const char* what, F f) {
  try {
    f();
  } catch (const std::exception& e) {
    fmt::print("{:<34} skip: {}\n", what, e.what());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string python = argc > 1 ? argv[1] : "/usr/bin/python3";
  fmt::print("N=1, V=16, {} calls, microseconds, medians\n{:<34} {:>8} {:>8} {:>8} {:>8}\n", kCalls,
             "", "whole", "call", "above", "asked");
  const auto script = [&](const char* file) {
    return python_kernels(fs::path("examples") / file, "cross_entropy", python, {});
  };
  attempt("C", [] { print_round_trip("C", 20, library_kernels(XENT_BENCH_PLUGIN, {})); });
  attempt("NumPy", [&] { print_round_trip("NumPy", 60, script("numpy/cross_entropy.py")); });
  attempt("PyTorch", [&] { print_round_trip("PyTorch", 60, script("torch/cross_entropy.py")); });
  attempt("memory", [] { print_memory(library_kernels(XENT_BENCH_PLUGIN, {})); });
  return 0;
}
