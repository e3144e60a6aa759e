// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "impl/process/worker.h"

namespace xent::process {

/// The processes of one kernel file: one for each thread that judges, started when it is needed and
/// again after it died.
class Pool {
 public:
  Pool(HostCommand, const WorkerLimits&);  ///< starts nothing

  /// A living process that is this thread's as long as the thread lives. Throws what the
  /// constructor of Worker does.
  std::shared_ptr<Worker> worker();
  /// `f` of one that is this thread's only that long, if it has none.
  template <class F>
  auto borrow(F f) {
    const Loan loan(*this);
    return f(*living(*loan.entry));
  }

  const HostCommand& command() const { return command_; }
  const WorkerLimits& limits() const { return limits_; }

  /// A death of the kernel's.
  void count(std::uint32_t kernel, const Death&);
  /// Throws GivenUp if it died too often.
  void require_hope(std::uint32_t kernel);

 private:
  struct Entry {
    std::shared_ptr<Worker> worker;  ///< touched by the owner alone
    std::weak_ptr<const int> owner;  ///< lives as long as the thread
  };
  struct Loan {
    explicit Loan(Pool& p) : pool(p), entry(p.own_entry(&fresh)) {}
    ~Loan() {
      if (fresh) pool.disown(*entry);
    }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Pool& pool;
    bool fresh = false;  ///< it was nobody's before
    std::shared_ptr<Entry> entry;
  };
  std::shared_ptr<Entry> own_entry(bool* fresh);
  void disown(Entry&);
  std::shared_ptr<Worker> living(Entry&);

  HostCommand command_;
  WorkerLimits limits_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Entry>> entries_;
  struct Record {
    int crashes = 0, hangs = 0;
    std::string last;
  };
  std::map<std::uint32_t, Record> records_;
};

/// The kernels that a host offers, in its order, role product. `prefix` comes before their names,
/// origin is the file's name and the version that the host tells. Throws UsageError, one line.
std::vector<Kernel> host_kernels(HostCommand, const WorkerLimits&, const std::string& prefix);

/// A host that is told (policy, bytes, file) after its program: `xentcheck-host c 8589934592 F`.
HostCommand c_host(const std::filesystem::path& file, const WorkerLimits&);

}  // namespace xent::process
