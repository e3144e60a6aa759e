// SPDX-License-Identifier: Apache-2.0
#include "impl/process/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "core/text.h"
#include "impl/process/proc.h"

namespace xent::process {
namespace {

constexpr std::chrono::milliseconds kTick{50};
constexpr std::size_t kControlBytes = whole_pages(sizeof(Control));

Descriptor memory_file(const char* name, std::size_t bytes) {
  Descriptor fd(memfd_create(name, MFD_CLOEXEC));
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    throw std::system_error(errno, std::generic_category(), "memory file");
  }
  return fd;
}

struct Pair {
  Descriptor ours, theirs;
};

Pair sockets() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "socket");
  }
  const timeval tick{0, std::chrono::microseconds(kTick).count()};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    setsockopt(ends[0], SOL_SOCKET, option, &tick, sizeof tick);
  }
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

}  // namespace

/// Judges at each tick whether an answer is still to be hoped for. Processor time is compared, so
/// that a machine that does other things as well makes nobody late.
class Worker::Deadline {
 public:
  Deadline(Worker& worker, double cpu_seconds) : worker_(worker), limit_(cpu_seconds) {}

  void tick() {
    const auto phase = static_cast<Phase>(worker_.control().phase);
    const bool warming_up = phase == Phase::warming_up;
    const double limit = warming_up ? kWarmUp : limit_;
    const double programs = warming_up ? group_cpu_seconds(worker_.pid_) : 0;
    const double now = cpu_seconds(worker_.pid_) + programs;
    if (first_ < 0) first_ = now;
    if (now - first_ > limit) {
      worker_.bury(Ending::busy, shortest(std::round(limit * 100) / 100) + " s of CPU");
    }
    const double idle_limit = worker_.limits_.idle_seconds;
    idle_ticks_ = now != last_ ? 0 : idle_ticks_ + 1;
    last_ = now;
    if (idle_ticks_ * std::chrono::duration<double>(kTick).count() > idle_limit) {
      worker_.bury(Ending::idle, "no CPU used for " + shortest(idle_limit) + " s");
    }
    const std::uint64_t most = worker_.limits_.memory_bytes;
    if (most != 0 && private_bytes(worker_.pid_) > most) {
      worker_.bury(Ending::memory, shortest(static_cast<double>(most) / 0x1p30) + " GiB");
    }
    if (worker_.reap(false) != kRunning) worker_.bury(Ending::own);
  }

 private:
  static constexpr double kWarmUp = 900;  ///< seconds, with the programs that it waits for

  Worker& worker_;
  double limit_;
  double first_ = -1, last_ = -1;
  int idle_ticks_ = 0;
};

Worker::Worker(const HostCommand& command, const WorkerLimits& limits)
    : limits_(limits), packet_(kMaxPacket) {
  try {
    start(command);
  } catch (...) {
    end();
    throw;
  }
}

void Worker::start(const HostCommand& command) {
  Pair pair = sockets();
  const Descriptor control = memory_file("xentcheck-control", kControlBytes);
  log_ = memory_file("xentcheck-log", 0);
  control_ = Mapping(control.get(), 0, kControlBytes);
  socket_ = std::move(pair.ours);
  pid_ = spawn(command, {pair.theirs.get(), control.get(), log_.get()}, folder_.path());
  pair.theirs = Descriptor();
  Deadline deadline(*this, std::max(60.0, limits_.cpu_seconds));
  greeting_ = receive(deadline);
  greeting_text_ = greeting_.text;
  greeting_.text = greeting_text_;
  if (greeting_.body.size() >= sizeof(Hello)) {
    std::memcpy(&hello_, greeting_.body.data(), sizeof(Hello));
  }
  greeting_.body = {};
  addresses_.use(hello_.region, kRegionBytes);
  loading_ = incidents();
}

Worker::~Worker() {
  if (alive()) {
    try {
      tell(Kind::quit, 0, {});
      reap(true);
    } catch (const std::exception&) {
    }
  }
  end();
}

void Worker::end() {
  if (pid_ <= 0) return;
  kill(-pid_, SIGKILL);
  waitpid(std::exchange(pid_, -1), &status_, 0);
}

Reply Worker::ask(Kind kind, std::uint32_t handle, std::span<const std::span<const std::byte>> body,
                  double seconds) {
  if (death_) throw *death_;
  Deadline deadline(*this, seconds);
  send({kind, handle, 0, 0}, body, -1, deadline);
  for (;;) {
    const Reply reply = receive(deadline);
    Header header;
    std::memcpy(&header, packet_.data(), sizeof header);
    if (header.kind == kind) return reply;  // else of a message that was told
  }
}

void Worker::tell(Kind kind, std::uint32_t handle, std::span<const std::byte> body, int fd) {
  if (death_) throw *death_;
  Deadline deadline(*this, limits_.cpu_seconds);
  const std::span<const std::byte> parts[] = {body};
  send({kind, handle, 0, 0}, parts, fd, deadline);
}

void Worker::send(const Header& header, std::span<const std::span<const std::byte>> body, int fd,
                  Deadline& deadline) {
  std::array<iovec, 6> pieces{};
  const auto piece = [](std::span<const std::byte> s) {
    return iovec{const_cast<std::byte*>(s.data()), s.size()};
  };
  std::size_t count = 0;
  pieces[count++] = piece(part(header));
  for (const auto& b : body) pieces.at(count++) = piece(b);
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> extra{};
  if (fd >= 0) {
    message.msg_control = extra.data();
    message.msg_controllen = extra.size();
    cmsghdr* const c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  while (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) deadline.tick();
    else if (errno == EPIPE || errno == ECONNRESET) bury(Ending::own);
    else if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "sendmsg");
  }
}

Reply Worker::receive(Deadline& deadline) {
  for (;;) {
    const ssize_t n = recv(socket_.get(), packet_.data(), packet_.size(), 0);
    if (n > 0) return parse(static_cast<std::size_t>(n));
    if (n == 0 || errno == ECONNRESET) bury(Ending::own);
    if (errno == EAGAIN || errno == EWOULDBLOCK) deadline.tick();
    else if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "recv");
  }
}

Reply Worker::parse(std::size_t bytes) const {
  Header header;
  const std::size_t text_at = sizeof header;
  if (bytes >= text_at) std::memcpy(&header, packet_.data(), sizeof header);
  if (bytes < text_at || header.text > bytes - text_at) {
    throw std::runtime_error("the kernel's process sent a broken answer");
  }
  const std::byte* const text = packet_.data() + text_at;
  return {header.code, header.handle, {reinterpret_cast<const char*>(text), header.text},
          {text + header.text, bytes - text_at - header.text}};
}

int Worker::reap(bool patient) {
  for (int i = 0; i < (patient ? 200 : 1); ++i) {
    siginfo_t ended{};
    const auto id = static_cast<id_t>(pid_);
    if (waitid(P_PID, id, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == pid_) {
      end();
      return status_;
    }
    if (patient) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return kRunning;
}

void Worker::bury(Ending ending, std::string limit) {
  Remains r{0, ending, std::move(limit), {}};
  if (pid_ > 0 && (ending != Ending::own || reap(true) == kRunning)) {
    if (ending == Ending::own) r.ending = Ending::silent;
    end();
  }
  r.status = status_;
  r.last_words = last_words();
  death_ = death_of(r, control(), addresses_);
  throw *death_;
}

std::string Worker::last_words() const {
  std::array<char, 400> tail{};
  const off_t end = lseek(log_.get(), 0, SEEK_END);
  const off_t from = std::max<off_t>(0, end - static_cast<off_t>(tail.size()));
  const ssize_t n = pread(log_.get(), tail.data(), tail.size(), from);
  std::string_view text(tail.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
  return std::string(text.substr(text.rfind('\n') + 1).substr(0, 200));
}

std::vector<Incident> Worker::incidents() {
  Control& c = control();
  const std::size_t count = std::min<std::size_t>(c.incidents, std::size(c.incident));
  if (count == 0) return {};
  std::vector<Incident> all(c.incident, c.incident + count);
  for (std::size_t i = 0; i < count; ++i) c.incident[i].kind = IncidentKind::none;
  c.incidents = 0;
  std::erase_if(all, [](const Incident& i) { return i.kind == IncidentKind::none; });
  return all;
}

void Worker::before_call(std::uint32_t kernel) {
  Calls& c = calls_[kernel];
  if (c.count++ == 0) c.at_first = {threads(pid_), executable_mappings(pid_)};
}

std::optional<Worker::Habits> Worker::sample(std::uint32_t kernel) {
  const Calls& c = calls_[kernel];
  if (!std::has_single_bit(c.count)) return std::nullopt;
  return Habits{std::max(0, threads(pid_) - c.at_first.threads),
                std::max(0, executable_mappings(pid_) - c.at_first.executable)};
}

std::shared_ptr<Memory> Worker::memory(std::size_t bytes) {
  const auto at = std::find_if(shelf_.begin(), shelf_.end(),
                               [bytes](const auto& m) { return m->size() >= bytes; });
  if (bytes > kWindow || at == shelf_.end()) {
    return std::make_shared<Memory>(bytes > kWindow ? bytes : std::max(bytes, kWindow / 4));
  }
  std::shared_ptr<Memory> found = std::move(*at);
  shelf_.erase(at);
  return found;
}

void Worker::put_away(std::shared_ptr<Memory> memory) {
  constexpr std::size_t kKept = 8;
  if (memory->size() <= kWindow && shelf_.size() < kKept) shelf_.push_back(std::move(memory));
}

}  // namespace xent::process
