// SPDX-License-Identifier: Apache-2.0
#include "impl/process/pool.h"

#include <utility>

#include "core/error.h"

namespace xent::process {
namespace {

/// Of this thread, gone when it ends.
const std::shared_ptr<const int>& this_thread() {
  thread_local const auto mark = std::make_shared<const int>(0);
  return mark;
}

}  // namespace

Pool::Pool(HostCommand command, const WorkerLimits& limits)
    : command_(std::move(command)), limits_(limits) {}

std::shared_ptr<Pool::Entry> Pool::own_entry(bool* fresh) {
  const std::scoped_lock lock(mutex_);
  std::shared_ptr<Entry> found;
  for (const auto& e : entries_) {
    const auto owner = e->owner.lock();
    if (owner == this_thread()) return e;
    if (!owner && !found) found = e;
  }
  if (!found) found = entries_.emplace_back(std::make_shared<Entry>());
  found->owner = this_thread();
  *fresh = true;
  return found;
}

void Pool::disown(Entry& e) {
  const std::scoped_lock lock(mutex_);
  e.owner.reset();
}

std::shared_ptr<Worker> Pool::living(Entry& e) {
  if (!e.worker || !e.worker->alive()) e.worker = std::make_shared<Worker>(command_, limits_);
  return e.worker;
}

std::shared_ptr<Worker> Pool::worker() {
  bool fresh = false;
  return living(*own_entry(&fresh));
}

void Pool::count(std::uint32_t kernel, const Death& death) {
  const std::scoped_lock lock(mutex_);
  Record& r = records_[kernel];
  ++(death.hang ? r.hangs : r.crashes);
  r.last = death.what();
}

void Pool::require_hope(std::uint32_t kernel) {
  const std::scoped_lock lock(mutex_);
  const auto at = records_.find(kernel);
  if (at == records_.end()) return;
  const Record& r = at->second;
  if (r.crashes < limits_.crashes && r.hangs < limits_.hangs) return;
  const std::string many = r.hangs < limits_.hangs ? std::to_string(r.crashes) + " crashes"
                                                   : std::to_string(r.hangs) + " hangs";
  throw GivenUp("given up after " + many + ", the last one: " + r.last);
}

}  // namespace xent::process
