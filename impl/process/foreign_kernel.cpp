// SPDX-License-Identifier: Apache-2.0
#include "impl/process/foreign_kernel.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "core/error.h"
#include "core/text.h"
#include "impl/process/problem_abi.h"

namespace xent::process {
namespace {

bool is_skip(std::int32_t code) {
  return code == XENTCHECK_UNSUPPORTED || code == XENTCHECK_UNAVAILABLE;
}

/// Finds or makes; made without holding the lock, since it may take seconds.
template <class T, class Make>
T kept(std::mutex& mutex, std::map<std::string, T>& all, const Problem& p, Make make) {
  const std::string key = to_text(p);
  {
    const std::scoped_lock lock(mutex);
    if (const auto at = all.find(key); at != all.end()) return at->second;
  }
  T made = make(p);
  const std::scoped_lock lock(mutex);
  return all.emplace(key, std::move(made)).first->second;
}

Reply ask_about(Worker& worker, Kind kind, std::uint32_t kernel, const Problem& p, int threads,
                double seconds) {
  const AbiProblem abi = to_abi(p, threads);
  const std::span<const std::byte> body[] = {part(abi.ask), part(std::string_view(abi.text))};
  return worker.ask(kind, kernel, body, seconds);
}

/// What an earlier call writes too late may end the process just now: it is asked again in another.
template <class F>
auto despite_late_writes(F ask) {
  try {
    return ask();
  } catch (const Death& death) {
    if (death.late.empty()) throw;
  }
  return ask();
}

}  // namespace

std::string complaint(std::int32_t code, std::string_view text) {
  if (!text.empty()) return one_line(text);
  if (code == XENTCHECK_OUT_OF_MEMORY) return "out of memory";
  return "returned " + std::to_string(code);
}

double ForeignKernel::deadline(const Problem& p, std::size_t calls) const {
  constexpr double kPerElement = 2e-6;  // an interpreted kernel takes no longer
  const double elements = static_cast<double>(p.n) * static_cast<double>(p.v);
  return pool_->limits().cpu_seconds + kPerElement * elements * static_cast<double>(calls);
}

Support ForeignKernel::supports(const Problem& p) {
  pool_->require_hope(index_);
  return kept(mutex_, supports_, p, [this](const Problem& x) { return ask_support(x); });
}

ErrorBudget ForeignKernel::budget(const Problem& p) {
  if (!declares_) return kernel_.budget(p);
  pool_->require_hope(index_);
  return kept(mutex_, budgets_, p, [this](const Problem& x) { return ask_budget(x); });
}

Support ForeignKernel::ask_support(const Problem& p) {
  if (const auto why = meaningless(p)) return Support::no(*why);
  if (!kernel_.dialect.empty() && p.dialect != kernel_.dialect) {
    return Support::no(kernel_.name + " answers as " + kernel_.dialect + ", not as " + p.dialect);
  }
  const auto ask = [&](Worker& worker) { return tried(worker, p); };
  return counted([&] { return despite_late_writes([&] { return pool_->borrow(ask); }); });
}

Support ForeignKernel::tried(Worker& worker, const Problem& p) {
  const auto lock = worker.lock();
  // What refuses in prepare alone is a skip as well, so it is tried.
  for (const Kind kind : {Kind::supports, Kind::open}) {
    const Reply r = ask_about(worker, kind, index_, p, 1, deadline(p));
    if (is_skip(r.code)) return Support::no(complaint(r.code, r.text));
    if (kind == Kind::supports && r.code != XENTCHECK_OK) {
      throw std::runtime_error(complaint(r.code, r.text));
    }
    if (kind == Kind::open && r.code == XENTCHECK_OK) worker.tell(Kind::close, r.handle, {});
  }
  return Support::yes();
}

ErrorBudget ForeignKernel::ask_budget(const Problem& p) {
  const auto ask = [&](Worker& worker) {
    const auto lock = worker.lock();
    const Reply r = ask_about(worker, Kind::budget, index_, p, 1, deadline(p));
    xentcheck_budget budget{};
    if (r.code != XENTCHECK_OK || r.body.size() < sizeof budget) {
      throw std::runtime_error(complaint(r.code, r.text));
    }
    std::memcpy(&budget, r.body.data(), sizeof budget);
    return from_abi(budget);
  };
  return counted([&] { return despite_late_writes([&] { return pool_->borrow(ask); }); });
}

ForeignKernel::Opened ForeignKernel::open(const Problem& p, int threads) {
  return counted([&] {
    std::shared_ptr<Worker> worker = pool_->worker();
    const auto lock = worker->lock();
    const Reply r = ask_about(*worker, Kind::open, index_, p, threads,
                              deadline(p));
    if (r.code != XENTCHECK_OK) throw std::runtime_error(complaint(r.code, r.text));
    process::Opened opened;
    if (r.body.size() < sizeof opened) throw std::runtime_error("a broken answer to open");
    std::memcpy(&opened, r.body.data(), sizeof opened);
    return Opened{worker, r.handle, static_cast<std::size_t>(opened.workspace_bytes)};
  });
}

Kernel runnable(std::shared_ptr<ForeignKernel> foreign) {
  Kernel k = foreign->described();
  if (k.dialect.empty()) k.dialect = "math";
  k.supports = [foreign](const Problem& p) { return foreign->supports(p); };
  k.budget = [foreign](const Problem& p) { return foreign->budget(p); };
  k.bind = [foreign](const TestCase& c, const BindOptions& o) { return invoke(foreign, c, o); };
  if (k.exponential.compute) {
    k.exponential.compute = [foreign](std::span<const float> x, std::span<float> y) {
      exponential(*foreign, x, y);
    };
  }
  return k;
}

}  // namespace xent::process
