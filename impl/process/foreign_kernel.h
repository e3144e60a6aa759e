// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/kernel.h"
#include "impl/process/pool.h"

namespace xent::process {

/// One kernel of a host. Answers about a problem are kept: each is asked once.
class ForeignKernel {
 public:
  ForeignKernel(std::shared_ptr<Pool> pool, std::uint32_t index, Kernel described, bool declares)
      : pool_(std::move(pool)), index_(index), kernel_(std::move(described)), declares_(declares) {}

  Pool& pool() const { return *pool_; }
  std::uint32_t index() const { return index_; }
  const Kernel& described() const { return kernel_; }

  /// What the kernel raises comes through: a Death, or a message.
  Support supports(const Problem&);
  ErrorBudget budget(const Problem&);

  /// Seconds of processor time after which so many calls are a hang.
  double deadline(const Problem&, std::size_t calls = 1) const;

  struct Opened {
    std::shared_ptr<Worker> worker;
    std::uint32_t handle = 0;
    std::size_t workspace_bytes = 0;
  };
  /// Prepares the kernel in this thread's process.
  Opened open(const Problem&, int threads);

  /// `f` on a worker; a death is counted against the kernel.
  template <class F>
  auto counted(F f) {
    try {
      return f();
    } catch (const Death& death) {
      pool_->count(index_, death);
      throw;
    }
  }

 private:
  Support ask_support(const Problem&);
  Support tried(Worker&, const Problem&);
  ErrorBudget ask_budget(const Problem&);

  std::shared_ptr<Pool> pool_;
  std::uint32_t index_;
  Kernel kernel_;
  bool declares_;  ///< has a budget of its own
  std::mutex mutex_;
  std::map<std::string, Support> supports_;
  std::map<std::string, ErrorBudget> budgets_;
};

/// The kernel with everything that runs it.
Kernel runnable(std::shared_ptr<ForeignKernel>);

/// "text", or without one what the code says: "returned 7".
std::string complaint(std::int32_t code, std::string_view text);

/// y[i] = exp^(x[i]) by the kernel.
void exponential(ForeignKernel&, std::span<const float> x, std::span<float> y);

std::unique_ptr<Invocation> invoke(std::shared_ptr<ForeignKernel>, const TestCase&,
                                   const BindOptions&);

}  // namespace xent::process
