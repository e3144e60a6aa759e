// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "impl/process/addresses.h"
#include "impl/process/death.h"
#include "impl/process/descriptor.h"
#include "impl/process/foreign.h"
#include "impl/process/memory.h"
#include "impl/process/private_folder.h"
#include "impl/process/protocol.h"
#include "impl/process/spawner.h"

namespace xent::process {

/// What a host answers; views are good until the next question.
struct Reply {
  std::int32_t code = 0;
  std::uint32_t handle = 0;
  std::string_view text;
  std::span<const std::byte> body;
};

/// One host process. Questions come from one thread at a time (lock()); after a Death there is
/// nothing left to ask, and every question throws it again.
class Worker {
 public:
  /// Starts it and waits for its hello. Throws Death, or std::runtime_error.
  Worker(const HostCommand&, const WorkerLimits&);
  ~Worker();  ///< asks it to go, kills it if it stays, removes its folder
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  bool alive() const { return !death_; }
  const Reply& greeting() const { return greeting_; }  ///< code and text only
  const Hello& hello() const { return hello_; }
  std::unique_lock<std::mutex> lock() { return std::unique_lock(mutex_); }

  /// The body in parts. `cpu_seconds`: until it counts as a hang.
  Reply ask(Kind, std::uint32_t handle, std::span<const std::span<const std::byte>> body,
            double cpu_seconds);
  /// A message whose answer, if there is one, nobody wants.
  void tell(Kind, std::uint32_t handle, std::span<const std::byte> body, int fd = -1);

  /// What happened since this was last asked. While it was loaded: loading().
  std::vector<Incident> incidents();
  const std::vector<Incident>& loading() const { return loading_; }
  /// Threads, and executable mappings without a file, that are there since a kernel's first call.
  struct Habits {
    int threads = 0;
    int executable = 0;
  };
  void before_call(std::uint32_t kernel);
  /// After a kernel's first call, its second, fourth and so on; nothing after the others.
  std::optional<Habits> sample(std::uint32_t kernel);

  Addresses& addresses() { return addresses_; }
  /// Small memory that an earlier call of this process had, or new.
  std::shared_ptr<Memory> memory(std::size_t bytes);
  void put_away(std::shared_ptr<Memory>);

 private:
  class Deadline;
  void start(const HostCommand&);
  void send(const Header&, std::span<const std::span<const std::byte>> body, int fd, Deadline&);
  Reply receive(Deadline&);
  Reply parse(std::size_t bytes) const;
  [[noreturn]] void bury(Ending, std::string limit = {});
  static constexpr int kRunning = -1;  ///< no status of waitpid
  void end();  ///< of the process, if it is there, and of what it has started
  int reap(bool patient);  ///< its status, waiting for it up to 200 ms if patient
  std::string last_words() const;
  Control& control() const { return *reinterpret_cast<Control*>(control_.data()); }

  WorkerLimits limits_;
  PrivateFolder folder_;
  pid_t pid_ = -1;  ///< -1: none, or waited for
  int status_ = 0;  ///< then
  Descriptor socket_, log_;
  Mapping control_;
  std::vector<std::byte> packet_;
  Hello hello_;
  Reply greeting_;
  std::string greeting_text_;
  std::vector<Incident> loading_;
  struct Calls {
    std::uint64_t count = 0;
    Habits at_first;
  };
  std::map<std::uint32_t, Calls> calls_;  ///< by kernel
  Addresses addresses_;
  std::optional<Death> death_;
  std::vector<std::shared_ptr<Memory>> shelf_;
  std::mutex mutex_;
};

/// The parts of a body, each a plain struct or a run of them.
template <class T>
std::span<const std::byte> part(const T& x) {
  return {reinterpret_cast<const std::byte*>(&x), sizeof(T)};
}
template <class T>
std::span<const std::byte> part(std::span<const T> x) {
  return std::as_bytes(x);
}
inline std::span<const std::byte> part(std::string_view x) {
  return {reinterpret_cast<const std::byte*>(x.data()), x.size()};
}

}  // namespace xent::process
