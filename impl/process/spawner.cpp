// SPDX-License-Identifier: Apache-2.0
#include "impl/process/spawner.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "impl/process/descriptor.h"
#include "impl/process/protocol.h"

namespace xent::process {
namespace {

/// One thread that runs what it is given.
class Spawner {
 public:
  Spawner() { std::thread([this] { serve(); }).detach(); }

  pid_t run(std::function<pid_t()> job) {
    std::packaged_task<pid_t()> task(std::move(job));
    std::future<pid_t> done = task.get_future();
    {
      const std::scoped_lock lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    wake_.notify_one();
    return done.get();
  }

 private:
  void serve() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !tasks_.empty(); });
      std::packaged_task<pid_t()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<pid_t()>> tasks_;
};

/// Never destroyed, as its thread never ends.
Spawner& spawner() {
  static Spawner& one = *new Spawner;
  return one;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> p;
  for (std::string& w : words) p.push_back(w.data());
  p.push_back(nullptr);
  return p;
}

std::vector<std::string> environment(const std::vector<std::string>& over) {
  std::vector<std::string> all = over;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string entry = *e;
    const std::string name = entry.substr(0, entry.find('=') + 1);
    bool replaced = false;
    for (const std::string& o : over) replaced |= o.compare(0, name.size(), name) == 0;
    if (!replaced) all.push_back(entry);
  }
  return all;
}

/// What posix_spawn is told: descriptors, a process group of its own (what the terminal sends goes
/// to the judge alone), default signals.
class Attributes {
 public:
  explicit Attributes(const HostEnds& ends) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends.log, 1);
    posix_spawn_file_actions_adddup2(&files, ends.log, 2);
    posix_spawn_file_actions_adddup2(&files, ends.socket, kSocket);
    posix_spawn_file_actions_adddup2(&files, ends.control, kControl);
    posix_spawn_file_actions_adddup2(&files, ends.log, kLog);
    posix_spawnattr_init(&how);
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&how, &set);
    sigfillset(&set);
    posix_spawnattr_setsigdefault(&how, &set);
    posix_spawnattr_setpgroup(&how, 0);
    posix_spawnattr_setflags(
        &how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  ~Attributes() {
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
};

/// Above the numbers that a host gives to them.
Descriptor high(int fd) { return Descriptor(fcntl(fd, F_DUPFD_CLOEXEC, 16)); }

}  // namespace

pid_t spawn(const HostCommand& command, const HostEnds& ends, const std::filesystem::path& folder) {
  const Descriptor socket = high(ends.socket), control = high(ends.control), log = high(ends.log);
  std::vector<std::string> words = command.words;
  std::vector<std::string> over = command.environment;
  over.push_back("TMPDIR=" + folder.string());
  std::vector<std::string> variables = environment(over);
  return spawner().run([&] {
    const Attributes attributes({socket.get(), control.get(), log.get()});
    pid_t pid = -1;
    const int failed = posix_spawnp(&pid, words[0].c_str(), &attributes.files, &attributes.how,
                                    pointers(words).data(), pointers(variables).data());
    if (failed != 0) {
      throw std::runtime_error(words[0] + " cannot be started: " + std::strerror(failed));
    }
    return pid;
  });
}

}  // namespace xent::process
